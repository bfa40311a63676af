#!/usr/bin/env python3
"""What an earlier call of the same customer is worth: one-emotion calls of EmoDB speakers through `timbre analyze --db`.

    earlier.py --data DIR [--audio DIR] [--timbre bin/timbre]

Each speaker's clips of each emotion are dealt in turn to an earlier call and to the one that is judged, both behind the bare telephone band.
A judged call is analysed alone, after the earlier neutral one, and after the earlier one of its own emotion. One line per emotion: the share
of its segments that were given it, and its mean probability, weighed by segment.
"""
import argparse
import collections
import csv
import json
import os
import subprocess
import tempfile

import numpy as np

import calls
from course import RATE, write
from pool import CLASSES
from prepare import load

POLICY = "policy: {earlier_calls: true}\n"
AFTER = ("nothing", "neutral", "its own")


class Site:
    """A database with one customer in it who agreed to be known from earlier calls."""

    def __init__(self, timbre, folder):
        self.timbre = timbre
        self.kept = ["--db", os.path.join(folder, "timbre.db"), "--key-file", os.path.join(folder, "keys.json")]
        self.policy = os.path.join(folder, "timbre.yaml")
        with open(self.policy, "w") as f:
            f.write(POLICY)
        self._run("consent", "give", "--speaker", "customer", "--ref", "agreed", "--purpose", "analytics", *self.kept)

    def _run(self, *args):
        return subprocess.run([self.timbre, *args], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout

    def analyse(self, path):
        return json.loads(self._run("analyze", "--json", "--customer", "customer", "--config", self.policy, *self.kept, path))


def call(path, clips):
    """A call whose customer says the clips, with pauses."""
    side = [np.zeros(RATE)]
    for clip in clips:
        side += [calls.limit(load(clip)), np.zeros(int(1.6 * RATE))]
    write(path, np.concatenate(side))


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--data", required=True, help="folder with emotion.csv and the recordings")
    ap.add_argument("--audio", help="folder with the recordings, where it is another")
    ap.add_argument("--timbre", default="bin/timbre")
    a = ap.parse_args()
    said = collections.defaultdict(list)
    with open(os.path.join(a.data, "emotion.csv"), newline="") as f:
        for r in csv.DictReader(f):
            if r["set"] == "emodb":
                said[r["speaker"], r["label4"]].append(os.path.join(a.audio or a.data, r["path"]))
    found = collections.defaultdict(list)  # (emotion, after): of each segment, whether it was given the emotion, and its probability
    for speaker in sorted({s for s, _ in said}):
        with tempfile.TemporaryDirectory() as work:
            path = lambda emotion, part: os.path.join(work, f"{emotion}-{part}.wav")  # noqa: E731
            for emotion in CLASSES:
                for part, first in (("earlier", 0), ("judged", 1)):
                    call(path(emotion, part), said[speaker, emotion][first::2])
            for emotion in CLASSES:
                for after in AFTER:
                    folder = tempfile.mkdtemp(dir=work)
                    site = Site(a.timbre, folder)
                    if after != "nothing":
                        site.analyse(path("neutral" if after == "neutral" else emotion, "earlier"))
                    for s in site.analyse(path(emotion, "judged"))["segments"]:
                        if s["channel"] == 1 and "emotion" in s:
                            e = s["emotion"]
                            found[emotion, after].append((e["label"] == emotion, e["probabilities"][emotion]))
    print("| call | segments | " + " | ".join(f"after {x}" for x in AFTER) + " |\n|---|---|" + "---|" * len(AFTER))
    for emotion in CLASSES:
        cells = [np.mean(found[emotion, after], 0) for after in AFTER]
        print(f"| {emotion} | {len(found[emotion, AFTER[0]])} | " + " | ".join(f"{share:.3f}, {p:.3f}" for share, p in cells) + " |")


if __name__ == "__main__":
    main()
