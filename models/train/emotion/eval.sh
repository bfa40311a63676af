#!/usr/bin/env bash
# Scores a shipped emotion model on the speakers and the corpora that its training did not see, at telephone band.
#   models/train/emotion/eval.sh DATA [MODEL]
# DATA   folder with emotion.csv, and the recordings or the unpack.sh that lays them out
# MODEL  name of a shipped model (default emotion-tdnn-v1)
# STATE  where the recordings are laid out when DATA only packs them (default ~/.cache/timbre/data)
# LINE   what the recordings go through (default phone)
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
data=${1:?usage: eval.sh DATA [MODEL]}
model=${2:-emotion-tdnn-v1}
audio=$data
if [ ! -d "$data/emotion" ]; then
  audio=${STATE:-$HOME/.cache/timbre/data}
  [ -d "$audio/emotion" ] || "$data/unpack.sh" "$audio"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# no field of emotion.csv holds a comma or a quote; clips of no class (fear, disgust, surprise) are not judged. BAVED has levels, not
# classes: its high and low stand as angry and sad here, and of its figures only the arousal AUC means anything.
manifest() {
  awk -F, -v set="$1" -v split_="$2" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; print "path,label,speaker"; next }
    $at["set"] != set || $at["split"] !~ "^(" split_ ")$" { next }
    { class = $at["label4"] }
    set == "baved" { class = $at["label"] == "high" ? "angry" : $at["label"] == "low" ? "sad" : "" }
    class != "" { print $at["path"] "," class "," $at["speaker"] }' "$data/emotion.csv"
}
case $model in
emotion-mlp-*) tests="ravdess:train|test_in nemo:train|test_in ased:train|test_in baved:train_arousal" ;; # trained on EmoDB alone
*) tests="emodb:dev ravdess:test_in nemo:test_in ased:test_in" ;;
esac
for test in $tests; do
  manifest "${test%:*}" "${test#*:}" > "$work/m.csv"
  for history in none speaker; do
    echo "${test%:*} (${test#*:}), history $history"
    "$root/bin/timbre" eval emotion --model "$model" --manifest "$work/m.csv" --audio "$audio" --degrade "${LINE:-phone}" --history "$history"
    echo
  done
done
