#!/usr/bin/env python3
"""A call with a known emotional course, and what `timbre analyze` says of it.

    course.py --data DIR [--audio DIR] [--timbre bin/timbre] [--speaker ID] [--out FILE.wav]

The customer's side is one EmoDB speaker, whom training did not see: neutral, then angry, then neutral again, behind the bare telephone
band; the agent's is silence. One line per segment: what was acted, what the record says.
"""
import argparse
import csv
import json
import os
import subprocess
import tempfile
import wave

import numpy as np

import calls
from prepare import load

RATE = 8000
COURSE = (("neutral", 10), ("angry", 10), ("neutral", 10))


def clips(data, speaker):
    with open(os.path.join(data, "emotion.csv"), newline="") as f:
        rows = [r for r in csv.DictReader(f) if r["set"] == "emodb"]
    speaker = speaker or sorted({r["speaker"] for r in rows})[0]
    own = [r for r in rows if r["speaker"] == speaker]
    return speaker, {c: [r["path"] for r in own if r["label4"] == c] for c, _ in COURSE}


def write(path, side):
    both = np.stack([np.zeros(len(side)), side], 1)
    with wave.open(path, "wb") as w:
        w.setnchannels(2)
        w.setsampwidth(2)
        w.setframerate(RATE)
        w.writeframes(np.round(np.clip(both, -1, 1) * 32767).astype("<i2").tobytes())


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--data", required=True, help="folder with emotion.csv and the recordings")
    ap.add_argument("--audio", help="folder with the recordings, where it is another")
    ap.add_argument("--timbre", default="bin/timbre")
    ap.add_argument("--speaker")
    ap.add_argument("--out")
    a = ap.parse_args()
    speaker, paths = clips(a.data, a.speaker)
    side, truth, used = [np.zeros(RATE)], [], {c: 0 for c in paths}
    for emotion, n in COURSE:
        for _ in range(n):
            x = calls.limit(load(os.path.join(a.audio or a.data, paths[emotion][used[emotion] % len(paths[emotion])])))
            used[emotion] += 1
            at = sum(map(len, side))
            side += [x, np.zeros(int(1.6 * RATE))]
            truth.append((at / RATE, (at + len(x)) / RATE, emotion))
    with tempfile.TemporaryDirectory() as work:
        path = a.out or os.path.join(work, "course.wav")
        write(path, np.concatenate(side))
        record = json.loads(subprocess.run([a.timbre, "analyze", "--json", path], check=True, stdout=subprocess.PIPE).stdout)
    print(f"speaker {speaker}\n| from s | acted | label | angry | arousal |\n|---|---|---|---|---|")
    for s in record["segments"]:
        if s["channel"] != 1 or "emotion" not in s:
            continue
        middle = (s["start_ms"] + s["end_ms"]) / 2000
        acted = [e for b, t, e in truth if b <= middle <= t + 1.6]
        e = s["emotion"]
        print(f"| {s['start_ms'] / 1000:.1f} | {acted[0] if acted else ''} | {e['label']} | {e['probabilities']['angry']:.2f} | {e['arousal']:.2f} |")
    for affect in record["affect"]:
        print(json.dumps({k: v for k, v in affect.items() if k not in ("timeline", "deciles", "anger_deciles")}))
    print("alerts:", ", ".join(f"{x['rule']} at {x['start_ms']} ms" for x in record["alerts"]) or "none")


if __name__ == "__main__":
    main()
