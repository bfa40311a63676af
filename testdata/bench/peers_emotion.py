#!/usr/bin/env python3
"""Our emotion features beside openSMILE's eGeMAPSv02 on the same clips: how well the descriptors that both have agree, and speed.

    python testdata/bench/peers_emotion.py --state DIR [--set emodb] [--rounds 3]

DIR is the state of models/train/emotion/run.sh: its pool is where the clips come from, at telephone band. Needs go, and opensmile 2.6 in
the Python at hand; the tool serves comparison alone and is no part of the project. Each clip is cut to its speech by our detector,
and both measure the same samples. Times are of one thread, from samples in memory, the best of the rounds: processor time for
theirs, for ours the wall time of the Go benchmarks.
"""
import argparse
import csv
import os
import re
import subprocess
import tempfile
import time

import numpy as np
import opensmile

RATE = 8000
ENV = dict(os.environ, GOMAXPROCS="1", OMP_NUM_THREADS="1")
# ours -> theirs
PAIRS = [
    ("f0_mean", "F0semitoneFrom27.5Hz_sma3nz_amean"),
    ("f0_p20", "F0semitoneFrom27.5Hz_sma3nz_percentile20.0"),
    ("f0_p50", "F0semitoneFrom27.5Hz_sma3nz_percentile50.0"),
    ("f0_p80", "F0semitoneFrom27.5Hz_sma3nz_percentile80.0"),
    ("f0_std", "F0semitoneFrom27.5Hz_sma3nz_stddevNorm"),
    ("hnr_mean", "HNRdBACF_sma3nz_amean"),
    ("f0_roughness", "jitterLocal_sma3nz_amean"),
    ("level_roughness", "shimmerLocaldB_sma3nz_amean"),
    ("level_p80", "equivalentSoundLevel_dBp"),
    ("flux_mean", "spectralFlux_sma3_amean"),
    ("mfcc_1_mean", "mfcc1_sma3_amean"),
    ("mfcc_2_mean", "mfcc2_sma3_amean"),
    ("mfcc_3_mean", "mfcc3_sma3_amean"),
    ("mfcc_4_mean", "mfcc4_sma3_amean"),
    ("alpha_db_voiced_mean", "alphaRatioV_sma3nz_amean"),
    ("slope_300_1000_voiced_mean", "slopeV500-1500_sma3nz_amean"),
    ("peaks_per_s", "loudnessPeaksPerSec"),
    ("voiced_per_s", "VoicedSegmentsPerSec"),
    ("voiced_mean_s", "MeanVoicedSegmentLengthSec"),
]


def ours(state, rows, work):
    """Functionals [n, F] and the samples of each clip's speech."""
    lld = os.path.join(work, "lld")
    subprocess.run(["go", "build", "-o", lld, "./models/train/emotion/lld"], check=True)
    names = subprocess.run([lld, "names"], stdout=subprocess.PIPE, check=True, text=True).stdout.split("\n")[1:-1]
    table = os.path.join(work, "t.tsv")
    with open(table, "w") as f:
        f.write("start\tlength\n")
        f.writelines(f"{r['start']}\t{r['length']}\n" for r in rows)
    out = os.path.join(work, "f.f32")
    cuts = subprocess.run([lld, "-table", table, "-audio", os.path.join(state, "phone.s16"), "-functionals", out, "-cuts"], check=True,
                          stdout=subprocess.PIPE, text=True).stdout.split()
    pool = np.memmap(os.path.join(state, "phone.s16"), dtype="<i2", mode="r")
    clips = []
    for r, a, b in zip(rows, cuts[::2], cuts[1::2], strict=True):
        clips.append(pool[r["start"] + int(a) : r["start"] + int(b)].astype(np.float32) / 32768)
    return names, np.fromfile(out, dtype="<f4").reshape(len(rows), -1), clips


def go_speed():
    """Seconds of audio per second of the reader and of the model over its functionals, by the Go benchmarks."""
    out = subprocess.run(["go", "test", "-run", "^$", "-bench", "Reader|Score$", "-cpu", "1", "-count", "3", "./sentiment"], check=True,
                         stdout=subprocess.PIPE, text=True, env=ENV).stdout
    reader = max(float(v) for v in re.findall(r"BenchmarkReader\S*.*?([\d.]+) x_realtime", out))
    score = min(float(v) for v in re.findall(r"BenchmarkScore\S*\s+\d+\s+([\d.]+) ns/op", out))
    return reader, score / 1e3


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--state", required=True)
    ap.add_argument("--set", default="emodb")
    ap.add_argument("--rounds", type=int, default=3)
    a = ap.parse_args()
    with open(os.path.join(a.state, "emotion.tsv"), newline="") as f:
        rows = [r for r in csv.DictReader(f, delimiter="\t") if r["set"] == a.set and r["label4"] and r["speaker"] == r["person"]]
    for r in rows:
        r["start"], r["length"] = int(r["start"]), int(r["length"])
    with tempfile.TemporaryDirectory() as work:
        names, x, clips = ours(a.state, rows, work)
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals, num_workers=1)
    audio, best = sum(map(len, clips)) / RATE, float("inf")
    for _ in range(a.rounds):
        start = time.process_time()
        theirs = [smile.process_signal(c, RATE).iloc[0] for c in clips]
        best = min(best, time.process_time() - start)
    print(f"{len(clips)} clips of {a.set}, {audio:.0f} s of speech\n\n| ours | eGeMAPSv02 | Pearson r | Spearman r |\n|---|---|---|---|")
    rank = lambda v: np.argsort(np.argsort(v))  # noqa: E731
    for mine, other in PAIRS:
        u, v = x[:, names.index(mine)].astype(float), np.array([t[other] for t in theirs], dtype=float)
        if mine == "f0_std":
            v = v * np.array([t["F0semitoneFrom27.5Hz_sma3nz_amean"] for t in theirs])  # theirs is divided by the mean
        k = np.isfinite(u) & np.isfinite(v)
        print(f"| {mine} | {other} | {np.corrcoef(u[k], v[k])[0, 1]:.3f} | {np.corrcoef(rank(u[k]), rank(v[k]))[0, 1]:.3f} |")
    reader, score = go_speed()
    print(f"\nopenSMILE {opensmile.__version__}: {audio / best:.0f} x real time; ours: {reader:.0f} x real time, the model {score:.0f} us a score")


if __name__ == "__main__":
    main()
