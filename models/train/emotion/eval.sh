#!/usr/bin/env bash
# Scores a shipped emotion model on the speakers and the corpora that its training did not see, at telephone band.
#   models/train/emotion/eval.sh DATA [MODEL]
# DATA   folder with emotion.csv, with speakers.csv where there is one, and with the recordings or the unpack.sh that lays them out;
#        a set that no training knows is scored as a whole
# MODEL  name of a shipped model (default emotion-tdnn-v1)
# STATE  where the recordings are laid out when DATA only packs them (default ~/.cache/timbre/data)
# LINE   what the recordings go through (default phone)
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
data=${1:?usage: eval.sh DATA [MODEL]}
model=${2:-emotion-tdnn-v1}
audio=$data
last=$(tail -n 1 "$data/emotion.csv" | cut -d, -f1)
if [ ! -e "$data/$last" ] && [ -e "$data/unpack.sh" ]; then
  audio=${STATE:-$HOME/.cache/timbre/data}
  [ -e "$audio/$last" ] || "$data/unpack.sh" "$audio"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# No field of the lists holds a comma or a quote. Clips of no class (fear, disgust, surprise) are not judged. BAVED has levels, not
# classes: its high and low stand as angry and sad here, and of its figures only the arousal AUC means anything.
manifest() {
  awk -F, -v set="$1" -v split_="$2" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; print "path,label,speaker"; next }
    $at["set"] != set || $at["split"] !~ "^(" split_ ")$" || $at["split"] == "exclude" { next }
    { class = $at["label4"] }
    set == "baved" { class = $at["label"] == "high" ? "angry" : $at["label"] == "low" ? "sad" : "" }
    class != "" { print $at["path"] "," class "," $at["speaker"] }' "$data/emotion.csv"
}
# Words of command that lay people spoke into their phones; the emotion asked for is in the name of the file.
commands() {
  [ ! -e "$data/speakers.csv" ] || awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; print "path,label,speaker"; next }
    $at["set"] != "rakshak" || $at["path"] ~ /_background-/ { next }
    match($at["path"], /-(angry|happy|calm)-/) {
      class = substr($at["path"], RSTART + 1, RLENGTH - 2)
      print $at["path"] "," (class == "calm" ? "neutral" : class) "," $at["speaker"]
    }' "$data/speakers.csv"
}
case $model in
emotion-mlp-*) tests="ravdess:train|test_in nemo:train|test_in ased:train|test_in baved:train_arousal" ;; # trained on EmoDB alone
*) tests="emodb:dev ravdess:test_in nemo:test_in ased:test_in" ;;
esac
others=$(awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
  $at["set"] !~ /^(ravdess|nemo|ased|emodb|baved)$/ && !known[$at["set"]]++ { print $at["set"] ":.+" }' "$data/emotion.csv")
judged=0
for test in $tests rakshak:dev $others; do
  if [ "$test" = rakshak:dev ]; then commands; else manifest "${test%%:*}" "${test#*:}"; fi > "$work/m.csv"
  [ "$(wc -l < "$work/m.csv")" -gt 1 ] || continue # none of it here
  judged=$((judged + 1))
  for history in none speaker; do
    echo "${test%%:*} (${test#*:}), history $history"
    "$root/bin/timbre" eval emotion --model "$model" --manifest "$work/m.csv" --audio "$audio" --degrade "${LINE:-phone}" --history "$history"
    echo
  done
done
[ "$judged" -gt 0 ] || { echo "eval.sh: $data/emotion.csv has no clip that $model did not learn from" >&2; exit 1; }
