#!/usr/bin/env python3
"""Make the trials that the shipped calibration is fitted on, from the speakers of the `cal` split alone.

    cal.py [--data DIR] [--state DIR]

Each speaker's clips are split once: the first three fifths enrol, the rest test, so a target trial never holds a recording twice. A
LibriSpeech speaker has one clip, which is cut at three fifths. Sides come in three lengths; the test side in three lines: the
telephone band of the enrolment, the same with noise at 10 dB, and another handset with noise at 15 dB behind AMR-NB. Writes STATE/cal/*.wav, cal.trials
and cal.speakers (FILE SPEAKER).
"""
import argparse
import os
import tempfile

import numpy as np
import soundfile

import augment
import coders
import evaluate
import prepare
from pools import RATE, Pool, to_int16

ENROL = (3.0, 6.0, None)  # seconds of audio, None: all there is
TEST = (1.5, 3.0, None)
NONTARGETS = 24  # others of the same set a target trial, and a third as many of the other set
GAP = np.zeros(RATE // 10, np.float32)


def joined(clips):
    return np.concatenate([x for c in clips for x in (c, GAP)])


def halves(clips, rng):
    """(what enrols, what tests) of a speaker's clips."""
    if len(clips) == 1:
        at = len(clips[0]) * 3 // 5
        return clips[0][:at], clips[0][at:]
    order = rng.permutation(len(clips))
    at = max(1, len(clips) * 3 // 5)
    return joined([clips[i] for i in order[:at]]), joined([clips[i] for i in order[at:]])


def noisy(rng, x):
    return evaluate.phone(augment.add(x, augment.coloured(rng, len(x)), 10))


def other_line(rng, x, noises, talkers, work):
    x = augment.filtered(rng, x, 0.0)
    noise = noises.piece(rng, talkers, len(x)) if rng.random() < 0.5 else augment.coloured(rng, len(x))
    x = augment.add(x, noise, 15)
    coded = coders.through("amr", to_int16(x * (0.05 / augment.rms(x))), work)
    return coded.astype(np.float32) / 32768


def main():
    home = os.path.join(os.path.expanduser("~"), ".cache", "timbre")
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--data", default=os.path.join(home, "data"))
    p.add_argument("--state", default=os.path.join(home, "train", "speaker"))
    a = p.parse_args()
    out = os.path.join(a.state, "cal")
    os.makedirs(out, exist_ok=True)
    clips, sets = {}, {}
    for speaker, kind, _, path in prepare.speech_rows(a.data, "cal"):
        clips.setdefault(speaker, []).append(prepare.load(path))
        sets[speaker] = kind
    speakers = sorted(clips)
    talkers = Pool(a.state, "train")
    noises = augment.Noises(None, None, talkers)
    files = []

    def write(name, x, seconds, speaker):
        x = x[: int(seconds * RATE)] if seconds else x
        soundfile.write(os.path.join(out, name), to_int16(x), RATE, subtype="PCM_16")
        files.append((name, speaker))
        return name

    enrol, test = {}, {}
    with tempfile.TemporaryDirectory() as work:
        for i, s in enumerate(speakers):
            rng = np.random.default_rng([7, i])
            first, rest = halves(clips[s], rng)
            lines = {
                "phone": evaluate.phone(rest),
                "noisy": noisy(rng, rest),
                "line": other_line(rng, rest, noises, talkers, work),
            }
            enrol[s] = [write(f"{i:03d}-enrol-{k}.wav", evaluate.phone(first), k, s) for k in ENROL]
            test[s] = [write(f"{i:03d}-{line}-{k}.wav", x, k, s) for line, x in lines.items() for k in TEST]
    rng = np.random.default_rng(11)
    count = [0, 0]
    with open(os.path.join(out, "cal.trials"), "w") as f:
        for s in speakers:
            same = [o for o in speakers if o != s and sets[o] == sets[s]]
            other = [o for o in speakers if sets[o] != sets[s]]
            for e in range(len(enrol[s])):
                for t in range(len(test[s])):
                    f.write(f"target {enrol[s][e]} {test[s][t]}\n")
                    picked = list(rng.choice(same, NONTARGETS, replace=False)) + list(rng.choice(other, NONTARGETS // 3, replace=False))
                    for o in picked:
                        f.write(f"nontarget {enrol[s][e]} {test[o][t]}\n")
                    count[0] += 1
                    count[1] += len(picked)
    with open(os.path.join(out, "cal.speakers"), "w") as f:
        f.writelines(f"{name}\t{speaker}\n" for name, speaker in files)
    print(f"{out}: {len(speakers)} speakers, {len(files)} files, {count[0]} target and {count[1]} nontarget trials")


if __name__ == "__main__":
    main()
