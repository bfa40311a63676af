#!/usr/bin/env python3
"""Decode speech, music and noise to 8 kHz pools and mark where the speech is.

    prepare.py --speech DIR --sounds DIR --out DIR

--speech holds speakers.csv (path,speaker,lang,sec,set,split) and the files it names; --sounds is what fetch.sh laid out.
Writes OUT/<use>_<class>.s16 (raw 8 kHz mono int16, all clips in a row) and .tsv (start, length, group, source; for speech also the
speech intervals within the clip). Boundaries of speech come from the energy of the clean recording alone:

  10 ms levels; the floor is the 10th, the peak the 95th percentile of the clip; speech is what exceeds
  max(floor + 9 dB, peak - 38 dB); pauses under 150 ms are closed, bursts under 60 ms dropped. Clips with less than 15 dB between
  floor and peak are left out: their boundaries cannot be known.
"""
import argparse
import csv
import os
import re
import subprocess
import sys

import numpy as np
import soundfile as sf
from scipy.signal import resample_poly

RATE = 8000
FRAME = 80  # 10 ms


def load(path, limit_s=None):
    try:
        info = sf.info(path)
        n = int(limit_s * info.samplerate) if limit_s else -1
        x, rate = sf.read(path, dtype="float32", always_2d=True, frames=n)
        x = x.mean(axis=1)
    except sf.LibsndfileError:  # libsndfile 1.2 stumbles over the last page of some Opus files
        cmd = ["ffmpeg", "-v", "error", "-i", path] + (["-t", str(limit_s)] if limit_s else [])
        raw = subprocess.run(cmd + ["-ac", "1", "-ar", str(RATE), "-f", "f32le", "-"], stdout=subprocess.PIPE, check=True).stdout
        return np.frombuffer(raw, "<f4")
    if rate != RATE:
        g = np.gcd(rate, RATE)
        x = resample_poly(x, RATE // g, rate // g).astype(np.float32)
    return x


def speech_intervals(x):
    """Return the list of (start, end) samples of speech in a clean clip, [] when it cannot be told."""
    t = len(x) // FRAME
    if t < 10:
        return []
    e = 10 * np.log10(np.mean(x[: t * FRAME].reshape(t, FRAME) ** 2, axis=1) + 1e-9)
    e = np.convolve(np.pad(e, 1, mode="edge"), np.ones(3) / 3, mode="valid")
    floor, peak = np.percentile(e, 10), np.percentile(e, 95)
    if peak - floor < 15:
        return []
    on = e > max(floor + 9, peak - 38)
    runs = []
    at = 0
    while at < t:
        end = at
        while end < t and on[end] == on[at]:
            end += 1
        if on[at]:
            runs.append([at, end])
        at = end
    joined = []
    for r in runs:
        if joined and r[0] - joined[-1][1] < 15:
            joined[-1][1] = r[1]
        else:
            joined.append(r)
    return [(a * FRAME, b * FRAME) for a, b in joined if b - a >= 6]


class Pool:
    def __init__(self, out, name):
        self.audio = open(os.path.join(out, name + ".s16"), "wb")
        self.table = open(os.path.join(out, name + ".tsv"), "w")
        self.n = 0
        self.clips = 0

    def add(self, x, group, source, marks=()):
        x = np.clip(np.round(x * 32767), -32768, 32767).astype("<i2")
        self.audio.write(x.tobytes())
        spans = ",".join("%d-%d" % m for m in marks)
        self.table.write("%d\t%d\t%s\t%s\t%s\n" % (self.n, len(x), group, source, spans))
        self.n += len(x)
        self.clips += 1


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--speech", required=True)
    ap.add_argument("--sounds", required=True)
    ap.add_argument("--out", required=True)
    a = ap.parse_args()
    os.makedirs(a.out, exist_ok=True)
    pools = {}

    def pool(name):
        if name not in pools:
            pools[name] = Pool(a.out, name)
        return pools[name]

    uses = {"train": "train", "cal": "tune", "dev": "test"}
    with open(os.path.join(a.speech, "speakers.csv")) as f:
        for row in csv.DictReader(f):
            # rakshak is for evaluation only and recorded outdoors: no known boundaries. reserved is the product's own test material.
            if row["split"] not in uses or row["set"] == "rakshak":
                continue
            x = load(os.path.join(a.speech, row["path"]))
            marks = speech_intervals(x)
            if not marks:
                continue
            lo = max(0, marks[0][0] - 800)
            hi = min(len(x), marks[-1][1] + 800)
            marks = [(s - lo, min(e, hi) - lo) for s, e in marks]
            pool(uses[row["split"]] + "_speech").add(x[lo:hi], row["speaker"], row["set"] + ":" + row["path"], marks)
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "sources.tsv")) as f:
        for line in f:
            if line.startswith("#"):
                continue
            package, use, kind, keep, drop = line.rstrip("\n").split("\t")
            root = os.path.join(a.sounds, package)
            seen = set()
            for folder, dirs, files in sorted(os.walk(root)):
                dirs.sort()
                for name in sorted(files):
                    path = os.path.join(folder, name)
                    rel = os.path.relpath(path, root)
                    if name == "copyright" or not re.search(keep, "/" + rel) or (drop != "-" and re.search(drop, "/" + rel)):
                        continue
                    if (name, os.path.getsize(path)) in seen:  # packages link or copy one sound to many places
                        continue
                    seen.add((name, os.path.getsize(path)))
                    try:
                        x = load(path, 150)
                    except Exception as e:  # a file that is no audio after all
                        print("skipped", package, rel, e, file=sys.stderr)
                        continue
                    peak = np.abs(x).max() if len(x) else 0
                    if len(x) < 400 or peak < 1e-3:
                        continue
                    pool(use + "_" + kind).add(x * (0.7 / peak), package, rel)
    for name in sorted(pools):
        p = pools[name]
        print("%-16s %5d clips %7.1f min" % (name, p.clips, p.n / RATE / 60))


if __name__ == "__main__":
    main()
