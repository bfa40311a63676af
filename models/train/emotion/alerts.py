#!/usr/bin/env python3
"""How often the course of a call raises an alert, rightly and wrongly: calls of one temper through `timbre analyze`.

    alerts.py --data DIR [--audio DIR] [--timbre bin/timbre] [--calls 8]

The customer of each call is one speaker that no training of emotions has heard, in one temper from the first word to the last: who reads, who
announces, who acts, and who speaks words of command into a phone outdoors. Each call is about four minutes of the speaker's clips in an
order of its own, again and again where there are few, with pauses, behind the bare telephone band. One line per kind of speech: what its
segments were given, the calls with each alert, and alerts an hour; the interval is drawn over speakers.
"""
import argparse
import collections
import csv
import json
import os
import subprocess
import tempfile
import zlib

import numpy as np

import calls
from course import RATE, write
from prepare import asked, load

SECONDS = 240
LEAST = 8  # clips of a speaker
Voice = collections.namedtuple("Voice", "hours alerts calls segments")  # calls: with one, by rule; segments: whether angry, anger, arousal
RULES = ("escalation", "recovery", "cold_end")


def kind(row):
    """The kind of speech that a row of speakers.csv or emotion.csv is; None where it is none, or was learned from."""
    if row["set"] == "librispeech" and row["split"] == "dev":
        return "read"
    if row["split"] == "reserved" and "_ast_" in row["speaker"]:
        return "announced"
    if row.get("label4") in ("neutral", "angry") and row["split"] in ("dev", "test_in"):
        return "acted, " + row["label4"]
    return "commands, " + asked(row) if asked(row) in ("calm", "angry") else None


def speech(data):
    """{(kind, speaker): paths} of the speakers with enough clips."""
    found = collections.defaultdict(list)
    for name in ("speakers.csv", "emotion.csv"):
        with open(os.path.join(data, name), newline="") as f:
            for row in csv.DictReader(f):
                if kind(row):
                    found[kind(row), row["speaker"]].append(row["path"])
    return {k: v for k, v in sorted(found.items()) if len(v) >= LEAST}


def call(rng, clips):
    """What the customer of one call says."""
    side, n = [np.zeros(RATE)], RATE
    while n < SECONDS * RATE:
        for i in rng.permutation(len(clips)):
            pause = np.zeros(int((0.4 + rng.exponential(2.0)) * RATE))
            side += [clips[i], pause]
            n += len(clips[i]) + len(pause)
            if n >= SECONDS * RATE:
                break
    return np.concatenate(side)


def rate(voices):
    return sum(v.alerts for v in voices) / sum(v.hours for v in voices)


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--data", required=True, help="folder with speakers.csv, emotion.csv and the recordings")
    ap.add_argument("--audio", help="folder with the recordings, where it is another")
    ap.add_argument("--timbre", default="bin/timbre")
    ap.add_argument("--calls", type=int, default=8, help="calls of each speaker")
    a = ap.parse_args()
    heard = collections.defaultdict(list)  # kind: a Voice of each speaker
    for (what, speaker), paths in speech(a.data).items():
        clips = [calls.augment.mu_law(calls.limit(load(os.path.join(a.audio or a.data, p)))) for p in paths]
        hours, alerts, with_one, segments = 0.0, 0, collections.Counter(), []
        for k in range(a.calls):
            with tempfile.TemporaryDirectory() as work:
                path = os.path.join(work, "call.wav")
                write(path, call(np.random.default_rng([k, zlib.crc32(speaker.encode())]), clips))
                record = json.loads(subprocess.run([a.timbre, "analyze", "--json", path], check=True, stdout=subprocess.PIPE).stdout)
            hours += record["contact"]["duration_ms"] / 3.6e6
            raised = [x["rule"] for x in record["alerts"] if x["rule"] in RULES]
            alerts += len(raised)
            with_one.update(set(raised))
            scored = [s["emotion"] for s in record["segments"] if s["channel"] == 1 and "emotion" in s]
            segments += [(e["label"] == "angry", e["probabilities"]["angry"], e["arousal"]) for e in scored]
        heard[what].append(Voice(hours, alerts, with_one, segments))
    print("| speech | speakers | calls | hours | segments | called angry | anger | arousal | " + " | ".join(RULES) + " | alerts an hour |")
    print("|---" * 12 + "|")
    for what, voices in heard.items():
        rng = np.random.default_rng(1)
        drawn = [rate([voices[i] for i in rng.integers(len(voices), size=len(voices))]) for _ in range(1000)]
        low, high = np.quantile(drawn, [0.025, 0.975])
        segments = np.array([s for v in voices for s in v.segments])
        cells = [what, len(voices), len(voices) * a.calls, f"{sum(v.hours for v in voices):.1f}", len(segments)]
        cells += [f"{m:.3f}" for m in segments.mean(0)] + [sum(v.calls[r] for v in voices) for r in RULES]
        cells += [f"{rate(voices):.2f} ({low:.2f}-{high:.2f})"]
        print("| " + " | ".join(map(str, cells)) + " |")


if __name__ == "__main__":
    main()
