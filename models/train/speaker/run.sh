#!/usr/bin/env bash
# Trains the speaker model, or goes on where it stopped; the options are those of train.py.
#   models/train/speaker/run.sh --data DIR [--until HH:MM]
# One BLAS thread and large malloc thresholds: beside other work more threads are slower, and page faults of fresh tensors double a step.
# An OPENBLAS_CORETYPE that was set for older programs would hide AVX-512 from this one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
export MALLOC_MMAP_THRESHOLD_=8589934592 MALLOC_TRIM_THRESHOLD_=8589934592 PYTHONDONTWRITEBYTECODE=1
exec nice -n 10 "${PYTHON:-/usr/bin/python3}" "$here/train.py" "$@"
