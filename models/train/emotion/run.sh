#!/usr/bin/env bash
# Makes models/emotion-tdnn-v1 and models/emotion-mlp-v2 from the beginning, in about two hours of one core, half of them for the folds.
# Finished steps are not made again.
#   models/train/emotion/run.sh DATA [folds]
# DATA    folder with emotion.csv and the recordings it names
# folds   stop after the folds of the protocol, each trained and judged; the shipped weights are calibrated on them
# STATE   where pools and features go (default ~/.cache/timbre/emotion, about 15 GB)
# SPEAKER state of the speaker recipe, whose pools of speakers, noise and voices are used (default ~/.cache/timbre/train/speaker)
# PYTHON  interpreter with numpy, scipy, soundfile and torch (default Debian's)
# TEACHER interpreter with numpy, scipy, onnx, onnxruntime and pipecat-ai, for the encoder (default that of scripts/setup train)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
data=${1:?usage: run.sh DATA [folds]}
state=${STATE:-$HOME/.cache/timbre/emotion}
py=${PYTHON:-/usr/bin/python3}
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1
unset OPENBLAS_CORETYPE
mkdir -p "$state"
if [ ! -d "$data/emotion" ]; then
  audio=${AUDIO:-$HOME/.cache/timbre/data}
  [ -d "$audio/emotion" ] || "$data/unpack.sh" "$audio"
  data=$audio
fi
(cd "$root" && go build -o "$state/lld" ./models/train/emotion/lld)
"$state/lld" names > "$state/features.txt"
versions="phone wide line1 gsm opus line2"
speaker=${SPEAKER:-$HOME/.cache/timbre/train/speaker}
"$py" "$here/prepare.py" --data "$data" --state "$state" --speaker "$speaker" --versions "${versions// /,}"
for v in $versions; do
  if [ ! -e "$state/$v.f32" ]; then
    "$state/lld" -table "$state/emotion.tsv" -audio "$state/$v.s16" -functionals "$state/$v.f32.tmp" -cepstra "$state/$v.cepstra"
    mv "$state/$v.f32.tmp" "$state/$v.f32"
  fi
done
[ -e "$state/speech.s16" ] || "${TEACHER:-$root/.venv/bin/python}" "$here/teach.py" --state "$state" --speaker "$speaker"
[ -e "$state/folds.json.npz" ] || "$py" "$here/train.py" folds --state "$state" --speaker "$speaker" --out "$state/folds.json"
if [ "${2:-}" = folds ]; then
  cat "$state/folds.json"
  exit
fi
"$py" "$here/train.py" ship --state "$state" --speaker "$speaker" --features "$state/features.txt" --folds "$state/folds.json.npz" \
  --model "$root/models/emotion-tdnn-v1" --created "$(date +%F)"
# The temperatures of the second are what corpora ask for that training never saw, roughly: its own is all there is.
"$py" "$here/train.py" plain --state "$state" --features "$state/features.txt" --sets emodb --temperatures 2,1 \
  --model "$root/models/emotion-mlp-v2" --created "$(date +%F)"
