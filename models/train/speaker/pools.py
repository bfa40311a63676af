"""Pools: all clips of a split in one raw int16 file at 8 kHz, beside a table of where each clip lies.

A pool has variants (clean, and the same clips through a codec) that agree sample by sample, so one table serves all:
SPLIT.tsv (start, length, speaker, set, path) and SPLIT.VARIANT.s16.
"""
import csv
import os

import numpy as np

RATE = 8000
FRAME = 80


class Pool:
    """A split on disk, memory-mapped."""

    def __init__(self, state, split):
        base = os.path.join(state, "pools")
        with open(os.path.join(base, split + ".tsv"), newline="") as f:
            rows = list(csv.DictReader(f, delimiter="\t"))
        self.start = np.array([int(r["start"]) for r in rows])
        self.length = np.array([int(r["length"]) for r in rows])
        self.speaker = [r["speaker"] for r in rows]
        self.set = [r["set"] for r in rows]
        self.path = [r["path"] for r in rows]
        self.by_path = {p: i for i, p in enumerate(self.path)}
        self.variants = {}
        for name in sorted(os.listdir(base)):
            if name.startswith(split + ".") and name.endswith(".s16"):
                self.variants[name[len(split) + 1 : -4]] = np.memmap(os.path.join(base, name), dtype="<i2", mode="r")

    def clip(self, i, variant="clean"):
        """Return clip i as float32 in [-1, 1]."""
        a = self.start[i]
        return self.variants[variant][a : a + self.length[i]].astype(np.float32) / 32768


def to_int16(x):
    return np.clip(np.round(np.asarray(x) * 32768), -32768, 32767).astype("<i2")


def atomic_write(path, write):
    """Call write(temporary path), then move the result to path, so that no reader ever sees half a file."""
    tmp = path + ".tmp"
    write(tmp)
    os.replace(tmp, path)


def trim(x):
    """Cut silence at the ends and shorten pauses within, by energy alone.

    10 ms levels, smoothed over 30 ms; the floor is their 10th, the peak their 95th percentile. Speech exceeds
    max(floor + 8 dB, peak - 35 dB), 60 ms are kept before and after it. A clip with less than 12 dB between floor and peak is
    noisy throughout: nothing can be told from its energy and it stays whole.
    """
    t = len(x) // FRAME
    if t < 10:
        return x
    e = 10 * np.log10(np.mean(x[: t * FRAME].reshape(t, FRAME) ** 2, axis=1) + 1e-9)
    e = np.convolve(np.pad(e, 1, mode="edge"), np.ones(3) / 3, mode="valid")
    floor, peak = np.percentile(e, 10), np.percentile(e, 95)
    if peak - floor < 12:
        return x
    on = e > max(floor + 8, peak - 35)
    keep = np.convolve(np.pad(on, 6).astype(int), np.ones(13, dtype=int), mode="valid") > 0
    return x[: t * FRAME].reshape(t, FRAME)[keep].reshape(-1)
