#!/usr/bin/env python3
"""MFCC and log-mel of this project, kaldi-native-fbank and librosa on the same audio, one thread each, in one run.

    .venv/bin/python testdata/bench/peers_feats.py [--rounds 5] [--core N]

Run from the root of the repository; needs go and the packages of testdata/golden/gen/requirements.txt. In every round, recipe by
recipe, ours and the other tool run one after the other on one core, so that whatever else the machine does meets both; the table
shows the best and the median round. The time is that of extraction from samples in memory: no file, no start-up.
"""
import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "GOMAXPROCS": "1"}
AUDIO = {"8k": "testdata/audio/voice_female_en_8k.wav", "16k": "testdata/audio/voice_male_en_16k.wav"}
RECIPES = {
    "knf_mfcc": "13 MFCC of 23 bands, 25/10 ms",
    "knf_logmel": "23 log-mel bands, 25/10 ms",
    "librosa_mfcc": "20 MFCC of 40 bands, 25/10 ms",
    "librosa_logmel": "40 log-mel bands, 25/10 ms",
    "librosa_default_mfcc": "20 MFCC of 128 bands, 2048/512 samples",
}
TOOLS = {"knf": "kaldi-native-fbank", "librosa": "librosa"}


def peers():
    """Returns, per recipe and rate, a function that extracts once and tells how many frames came out; and the audio's seconds."""
    import wave

    import kaldi_native_fbank as knf
    import librosa
    import numpy as np

    def load(path):
        with wave.open(path, "rb") as w:
            return w.getframerate(), np.tile(np.frombuffer(w.readframes(w.getnframes()), "<i2"), 3)

    def kaldi(kind, rate, x):
        o = knf.MfccOptions() if kind == "mfcc" else knf.FbankOptions()
        o.frame_opts.samp_freq, o.frame_opts.dither = rate, 0
        x = x.astype(np.float32)

        def run():
            e = knf.OnlineMfcc(o) if kind == "mfcc" else knf.OnlineFbank(o)
            e.accept_waveform(rate, x)
            e.input_finished()
            return e.num_frames_ready
        return run

    def rosa(kind, rate, x, short):
        y = x.astype(np.float32) / 32768
        options = {"n_fft": 256 * rate // 8000, "win_length": rate // 40, "hop_length": rate // 100, "n_mels": 40} if short else {}

        def run():
            if kind == "mfcc":
                return librosa.feature.mfcc(y=y, sr=rate, n_mfcc=20, **options).shape[1]
            return librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=rate, **options)).shape[1]
        return run

    runs = {}
    for name, path in AUDIO.items():
        rate, x = load(path)
        runs[f"knf_mfcc_{name}"] = kaldi("mfcc", rate, x)
        runs[f"knf_logmel_{name}"] = kaldi("logmel", rate, x)
        runs[f"librosa_mfcc_{name}"] = rosa("mfcc", rate, x, True)
        runs[f"librosa_logmel_{name}"] = rosa("logmel", rate, x, True)
        runs[f"librosa_default_mfcc_{name}"] = rosa("mfcc", rate, x, False)
    return runs


def time_peer(run, least):
    """Nanoseconds per frame: repeats until least seconds have passed."""
    frames, start = 0, time.perf_counter()
    while True:
        frames += run()
        spent = time.perf_counter() - start
        if spent >= least:
            return spent / frames * 1e9


def time_ours(binary, name, least):
    """Nanoseconds per frame of one recipe, from the package's benchmark."""
    out = subprocess.run([binary, "-test.run", "^$", "-test.bench", f"^BenchmarkPeer$/^{name}$", "-test.benchtime", f"{least}s"],
                         cwd="engine", stdout=subprocess.PIPE, check=True).stdout.decode()
    found = re.findall(rf"^BenchmarkPeer/{name}(?:-\d+)?\s.*?([\d.]+) ns/frame.*?(\d+) allocs/op", out, re.M)
    if len(found) != 1:
        sys.exit(f"no result of {name} in:\n{out}")
    if found[0][1] != "0":
        sys.exit(f"{name}: {found[0][1]} allocations, want 0")
    return float(found[0][0])


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--rounds", type=int, default=5, help="how often each tool runs (default 5)")
    p.add_argument("--seconds", type=float, default=0.2, help="least time of one run (default 0.2)")
    p.add_argument("--core", type=int, default=-1, help="core to run on (default: the last one allowed)")
    a = p.parse_args()
    if a.rounds < 1:
        p.error("--rounds must be 1 or more")
    if "PEERS_ONE_THREAD" not in os.environ:  # the libraries read these when they load
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ONE_THREAD, "PEERS_ONE_THREAD": "1"})

    with tempfile.TemporaryDirectory() as folder:
        binary = os.path.join(folder, "engine.test")
        subprocess.run(["go", "test", "-c", "-o", binary, "./engine"], check=True, env={**os.environ, "GOMAXPROCS": str(os.cpu_count())})
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {a.core if a.core >= 0 else max(os.sched_getaffinity(0))})
        runs = peers()
        for run in runs.values():
            run()  # librosa compiles on first use
        ours, theirs = {}, {}
        for i in range(a.rounds):
            for name, run in runs.items():
                ours.setdefault(name, []).append(time_ours(binary, name, a.seconds))
                theirs.setdefault(name, []).append(time_peer(run, a.seconds))
            for rate in AUDIO:
                ours.setdefault(f"own_mfcc_{rate}", []).append(time_ours(binary, f"own_mfcc_{rate}", a.seconds))
            print(f"round {i + 1} of {a.rounds}", file=sys.stderr)

    print(f"{'recipe':<44}{'tool':<20}{'us/frame best (median)':<28}{'ours':<24}{'ours x_realtime':<18}{'theirs / ours best (median)'}")
    for recipe, text in RECIPES.items():
        for rate in AUDIO:
            name = f"{recipe}_{rate}"
            t, o = theirs[name], ours[name]
            hop = 0.01 if "default" not in recipe else 512 / (8000 if rate == "8k" else 16000)
            show = lambda v: f"{min(v) / 1000:.2f} ({statistics.median(v) / 1000:.2f})"
            ratio = f"{min(t) / min(o):.2f} ({statistics.median(t) / statistics.median(o):.2f})"
            print(f"{text + ', ' + rate:<44}{TOOLS[recipe.split('_')[0]]:<20}{show(t):<28}{show(o):<24}{hop * 1e9 / min(o):<18.0f}{ratio}")
    for rate in AUDIO:
        o = ours[f"own_mfcc_{rate}"]
        print(f"{'our default MFCC (20 of 40 bands), ' + rate:<44}{'':<48}{min(o) / 1000:.2f} ({statistics.median(o) / 1000:.2f})"
              f"{'':<12}{0.01e9 / min(o):.0f}")


main()
