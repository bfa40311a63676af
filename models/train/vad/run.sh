#!/usr/bin/env bash
# Makes models/vad-gru-v1 from the beginning. Every step leaves its result in DIR and is skipped when it is there.
#   models/train/vad/run.sh DIR SPEECH
# DIR     where audio, mixtures and checkpoints go (about 3 GB)
# SPEECH  folder with speakers.csv and the recordings it names, see README.md
# PYTHON  interpreter with numpy, scipy, soundfile and torch (default: Debian's /usr/bin/python3)
# PEERS   interpreter with numpy, scipy, onnxruntime, webrtcvad-wheels and silero-vad, for the last step (default: PYTHON)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
work=${1:?usage: run.sh DIR SPEECH}
speech=${2:?usage: run.sh DIR SPEECH}
py=${PYTHON:-/usr/bin/python3}
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1
mkdir -p "$work"
(cd "$root" && go build -o "$work/steps" ./models/train/vad/steps)
"$here/fetch.sh" "$work/sounds"
[ -e "$work/pool/done" ] || { "$py" "$here/prepare.py" --speech "$speech" --sounds "$work/sounds" --out "$work/pool"; touch "$work/pool/done"; }
"$py" "$here/mix.py" --pool "$work/pool" --steps "$work/steps" --out "$work/mix" --use tune --shards 1 --per-shard 150 --seed 7
"$py" "$here/mix.py" --pool "$work/pool" --steps "$work/steps" --out "$work/mix" --shards "${SHARDS:-9}" --per-shard 300
"$py" "$here/train.py" --data "$work/mix" --out "$work/run" --minutes "${MINUTES:-26}"
"$py" "$here/export.py" --checkpoint "$work/run/best.pt" --steps "$work/steps" --created "$(date +%F)"
"${PEERS:-$py}" "$here/evaluate.py" --pool "$work/pool" --steps "$work/steps" --weights "$root/models/vad-gru-v1/weights.safetensors" \
  --minutes 5 --card "$root/models/vad-gru-v1/CARD.md" --json "$work/results.json"
