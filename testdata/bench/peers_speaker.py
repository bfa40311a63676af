#!/usr/bin/env python3
"""The speaker model and its peers on the same trials in one run: Resemblyzer for accuracy and speed, onnxruntime for speed.

    .venv-peers/bin/python testdata/bench/peers_speaker.py --data ../shared/data [--model DIR] [--rounds 5] [--core N]

Run from the root of the repository after make build and scripts/setup peers. Ours writes the net speech of every side as it heard it
(telephone line, 8 kHz); Resemblyzer, with the weights that it ships, gets the very same files, brought to 16 kHz by its own loader.
EER is the plain one of both. Speed is processor time on one core, from the file to the embedding, over the length of that speech.
onnxruntime runs our own network, rebuilt from its weights and held against golden embeddings first, on rows in memory, and so does
our benchmark beside it: what is compared there is the network alone.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
LISTS = [("librispeech 5 s", "librispeech", ["--test-seconds", "5"]), ("librispeech 3 s", "librispeech", ["--test-seconds", "3"]),
         ("commands-india", "commands-india", []), ("speech-commands", "speech-commands", [])]
OUT = "build/peers"


def eer(scores, target):
    """Plain EER: a straight line between the two thresholds around FMR = FNMR, none between equal scores."""
    import numpy as np

    order = np.argsort(scores, kind="stable")
    t, s = np.asarray(target, float)[order], np.asarray(scores)[order]
    fn = np.concatenate([[0], np.cumsum(t)]) / t.sum()
    fm = 1 - np.concatenate([[0], np.cumsum(1 - t)]) / (1 - t).sum()
    edge = np.concatenate([[True], s[1:] > s[:-1], [True]])
    fn, fm = fn[edge], fm[edge]
    k = int(np.argmax(fn >= fm))
    a, b = fm[k - 1] - fn[k - 1], fn[k] - fm[k]
    w = a / (a + b) if a + b > 0 else 0.0
    return float(fn[k - 1] + w * (fn[k] - fn[k - 1]))


def ours(a, trials, audio, *args, **env):
    command = [a.timbre, "eval", "verification", "--json", "--trials", trials, "--audio", audio, *args] + (["--model", a.model] if a.model else [])
    run = subprocess.run(command, stdout=subprocess.PIPE, env={**os.environ, **env})
    if run.returncode:
        sys.exit(f"exit status {run.returncode} of: {' '.join(command)}")
    return json.loads(run.stdout)


def read_wav(path):
    import wave

    import numpy as np

    with wave.open(path, "rb") as w:
        return np.frombuffer(w.readframes(w.getnframes()), "<i2").astype(np.float32) / 32768, w.getframerate()


def resemblyzer(folder):
    """Embed every side of the list in folder; returns (EER, seconds of speech, processor seconds, sides without a voice)."""
    import numpy as np
    from resemblyzer import VoiceEncoder, normalize_volume, preprocess_wav

    encoder = VoiceEncoder("cpu", verbose=False)
    encoder.embed_utterance(preprocess_wav(read_wav("testdata/audio/voice_female_en_16k.wav")[0], 16000))  # what loads on first use
    trials = [line.split() for line in open(os.path.join(folder, "trials"))]
    known, seconds, silent = {}, 0.0, 0
    start = time.process_time()
    for name in sorted({f for t in trials for f in t[1:]}):
        x, rate = read_wav(os.path.join(folder, name))
        seconds += len(x) / rate
        y = preprocess_wav(x, rate)
        if len(y) == 0:  # its own voice detector heard nothing: it gets the speech that ours heard
            silent += 1
            import librosa

            y = normalize_volume(librosa.resample(x, orig_sr=rate, target_sr=16000), -30, increase_only=True)
        known[name] = encoder.embed_utterance(y)
    spent = time.process_time() - start
    return eer([float(known[e] @ known[t]) for _, e, t in trials], [kind == "target" for kind, _, _ in trials]), seconds, spent, silent


def accuracy(a, audio, pin):
    wholes = {}
    for name, listed, args in LISTS:
        path = os.path.join(a.data, "dev", listed + ".trials")
        if os.path.exists(path):
            folder = os.path.join(OUT, name.replace(" ", "-"))
            wholes[name] = folder, ours(a, path, audio, "--degrade", "phone", "--speech", folder, *args)
            print(f"{name}: heard", file=sys.stderr)
    pin()
    print(f"{'trials':<18}{'ours EER %':<26}{'Resemblyzer EER %':<20}{'ours x_realtime':<18}{'Resemblyzer x_realtime':<24}speech s")
    for name, (folder, whole) in wholes.items():
        scores = os.path.join(folder, "scores")
        fast = ours(a, os.path.join(folder, "trials"), folder, "--scores", scores, GOMAXPROCS="1")
        rows = [line.split() for line in open(scores)]
        check = eer([float(r[3]) for r in rows if r[3] != "NaN"], [r[0] == "target" for r in rows if r[3] != "NaN"])
        if abs(check - fast["eer"]) > 1e-4:  # scores are written with six decimals: ties may break
            sys.exit(f"{name}: EER {check} here, {fast['eer']} in timbre: the two are not the same figure")
        theirs, seconds, spent, silent = resemblyzer(folder)
        span = whole["confidence_intervals"]["eer"]
        mine = f"{100 * whole['eer']:.2f} [{100 * span[0]:.2f}, {100 * span[1]:.2f}]" if span else f"{100 * whole['eer']:.2f}"
        print(f"{name:<18}{mine:<26}{100 * theirs:<20.2f}{fast['speed']['x_realtime']:<18.0f}{seconds / spent:<24.1f}{seconds:.0f}"
              + (f"  ({silent} sides without a voice for Resemblyzer)" if silent else ""), flush=True)


def reference(a):
    """Our network and the same under onnxruntime, in turns on one core; prints the best and the median round."""
    import numpy as np
    import onnx_speaker

    worst = onnx_speaker.check_golden()
    session = onnx_speaker.from_file(os.path.join(a.model or "models/speaker-tdnn-v1", "weights.safetensors"))
    with tempfile.TemporaryDirectory() as folder:
        binary = os.path.join(folder, "voiceprint.test")
        subprocess.run(["go", "test", "-c", "-o", binary, "./voiceprint"], check=True)
        print(f"\n{'network alone, one thread':<28}{'ours ms best (median)':<26}{'onnxruntime ms best (median)':<32}ours / onnxruntime best (median)")
        for seconds in (3, 10, 30):
            rows = np.random.default_rng(1).normal(0, 10, (1, 40, 100 * seconds)).astype(np.float32)
            mine, theirs = [], []
            for _ in range(a.rounds):
                out = subprocess.run([binary, "-test.run", "^$", "-test.bench", f"^BenchmarkNetwork$/^{seconds}_s$", "-test.benchtime", "0.3s"],
                                     cwd="voiceprint", stdout=subprocess.PIPE, check=True, env={**os.environ, "GOMAXPROCS": "1"}).stdout.decode()
                found = re.findall(rf"^BenchmarkNetwork/{seconds}_s(?:-\d+)?\s+\d+\s+([\d.]+) ns/op", out, re.M)
                if len(found) != 1:
                    sys.exit(f"no result in:\n{out}")
                mine.append(float(found[0]) / 1e6)
                session.run(None, {"rows": rows})
                start, n = time.perf_counter(), 0
                while time.perf_counter() - start < 0.3:
                    session.run(None, {"rows": rows})
                    n += 1
                theirs.append((time.perf_counter() - start) / n * 1e3)
            show = lambda v: f"{min(v):.2f} ({statistics.median(v):.2f})"
            ratio = f"{min(mine) / min(theirs):.2f} ({statistics.median(mine) / statistics.median(theirs):.2f})"
            print(f"{str(seconds) + ' s of speech':<28}{show(mine):<26}{show(theirs):<32}{ratio}", flush=True)
    print(f"the graph under onnxruntime gives the golden embeddings within {worst:.1g}")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--data", required=True, help="folder with dev/*.trials and the recordings, or with unpack.sh")
    p.add_argument("--timbre", default="bin/timbre", help="the program (default bin/timbre)")
    p.add_argument("--model", help="folder of another model than the shipped one")
    p.add_argument("--rounds", type=int, default=5, help="how often the networks run (default 5)")
    p.add_argument("--core", type=int, default=-1, help="core to run on (default: the last one allowed)")
    a = p.parse_args()
    if a.rounds < 1:
        p.error("--rounds must be 1 or more")
    if "PEERS_ONE_THREAD" not in os.environ:  # the libraries read these when they load
        os.execve(sys.executable, [sys.executable, "-B", *sys.argv], {**os.environ, **ONE_THREAD, "PEERS_ONE_THREAD": "1"})
    from verification import lay_out

    audio = lay_out(a.data, "build/speech")

    def pin():
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {a.core if a.core >= 0 else max(os.sched_getaffinity(0))})

    accuracy(a, audio, pin)
    reference(a)


if __name__ == "__main__":
    main()
