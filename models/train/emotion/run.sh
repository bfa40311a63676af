#!/usr/bin/env bash
# Makes models/emotion-mlp-v1 from the beginning. Finished steps are not made again.
#   models/train/emotion/run.sh DATA [folds]
# DATA    folder with emotion.csv and the recordings it names
# folds   train and judge the folds of the protocol instead of the shipped weights
# STATE   where pools and features go (default ~/.cache/timbre/emotion, about 5 GB)
# SPEAKER state of the speaker recipe, whose pools of noise and voices are used (default ~/.cache/timbre/train/speaker)
# PYTHON  interpreter with numpy, scipy, soundfile and torch (default Debian's)
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
"$py" "$here/prepare.py" --data "$data" --state "$state" --speaker "${SPEAKER:-$HOME/.cache/timbre/train/speaker}" --versions "${versions// /,}"
for v in $versions; do
  if [ ! -e "$state/$v.f32" ]; then
    frames=()
    [ "$v" = phone ] && frames=(-frames "$state/$v.frames") # their number is the length of the speech of each clip
    "$state/lld" -table "$state/emotion.tsv" -audio "$state/$v.s16" -functionals "$state/$v.f32.tmp" "${frames[@]}"
    mv "$state/$v.f32.tmp" "$state/$v.f32"
  fi
done
if [ "${2:-}" = folds ]; then
  "$py" "$here/train.py" folds --state "$state" --members "${MEMBERS:-1}" --out "$state/folds.json"
  exit
fi
"$py" "$here/train.py" ship --state "$state" --features "$state/features.txt" --model "$root/models/emotion-mlp-v1" --created "$(date +%F)" --members "${MEMBERS:-6}"
