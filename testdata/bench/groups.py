#!/usr/bin/env python3
"""Error rates of the speaker model by sex, expressed emotion and language, through `timbre eval verification`.

    python3 testdata/bench/groups.py --data FOLDER [--timbre bin/timbre] [--out build/groups] [--list NAME...]

Run from the root of the repository after make build; needs nothing but Python. FOLDER holds emotion.csv and the recordings that it
names, or the unpack.sh that lays them out. None of its speakers stands in the training set. For every speaker:

- the enrolment is neutral speech, files in the order of the table until ENROL_SECONDS of audio are reached, at most half of what there is,
- a neutral test is TEST_FILES of the other neutral files, an emotional one as many files of one emotion; at most MOST_TESTS a speaker,
- a target trial is a test against the speaker's own enrolment; the impostors of a test are all others of the same corpus and sex.

Both sides go through a telephone line. FMR and FNMR at the shipped threshold have 95 % intervals by a bootstrap over speakers on both
sides; the others are those of the program.
"""
import argparse
import collections
import csv
import json
import os
import random
import subprocess
import sys

from verification import lay_out

ENROL_SECONDS = 20
TEST_FILES = 3
MOST_TESTS = 10
EMOTIONS = ("angry", "happy", "sad", "fear", "disgust", "surprise", "high")
ROUNDS = 1000
LANGUAGES = {"ravdess": "English (RAVDESS)", "nemo": "Polish (nEMO)", "emodb": "German (EmoDB)", "ased": "Amharic (ASED)", "baved": "Arabic words (BAVED)"}


def sides(rows):
    """Return by speaker: the enrolment, the neutral tests and the emotional ones, each a list of paths."""
    by = collections.defaultdict(lambda: collections.defaultdict(list))
    for r in rows:
        label = "neutral" if r["label4"] == "neutral" or r["label"] == "neutral" else r["label"]
        by[r["speaker"]][label].append((r["path"], float(r["sec"])))
    out = {}
    for speaker, labels in by.items():
        neutral, enrol, seconds = labels["neutral"], [], 0.0
        while len(enrol) < len(neutral) // 2 and seconds < ENROL_SECONDS:
            enrol.append(neutral[len(enrol)][0])
            seconds += neutral[len(enrol) - 1][1]
        rest = [path for path, _ in neutral[len(enrol):]]
        emotional = []
        for e in EMOTIONS:
            paths = [path for path, _ in labels[e]]
            emotional += [(i, e, paths[i:i + TEST_FILES]) for i in range(0, len(paths), TEST_FILES)]
        emotional = [paths for _, _, paths in sorted(emotional)]  # one of each emotion, then the next of each
        out[speaker] = (enrol, [rest[i:i + TEST_FILES] for i in range(0, len(rest), TEST_FILES)][:MOST_TESTS], emotional[:MOST_TESTS])
    return out


def lists(rows):
    """Return the trial lists by name: (target, enrolled speaker, tested speaker, enrolment, test)."""
    who = {r["speaker"]: (r["set"], r["gender"]) for r in rows}
    made = sides(rows)
    out = collections.defaultdict(list)
    for tested, (_, neutral, emotional) in made.items():
        for enrolled, (enrol, _, _) in made.items():
            if who[enrolled] != who[tested] or not enrol:
                continue
            corpus, sex = who[tested]
            for kind, tests in (("neutral", neutral), ("emotional", emotional)):
                for test in tests:
                    for name in (f"{kind}, {'women' if sex == 'f' else 'men'}", f"{kind}, {LANGUAGES[corpus]}"):
                        out[name].append((enrolled == tested, enrolled, tested, enrol, test))
    return out


def at_threshold(scores, trials, threshold):
    """Return (rate, low, high) of false matches and of false non-matches where scores decide against a threshold."""
    hit, all_ = collections.Counter(), collections.Counter()
    for t, score in zip(trials, scores):
        if score is not None:
            key = t[:3]
            all_[key] += 1
            hit[key] += (score >= threshold) != t[0]
    out = []
    for target in (False, True):
        keys = [k for k in all_ if k[0] == target]
        speakers = sorted({k[1] for k in keys} | {k[2] for k in keys})

        def rate(weight):
            n = wrong = 0
            for k in keys:
                w = weight[k[1]] if target else weight[k[1]] * weight[k[2]]
                n, wrong = n + w * all_[k], wrong + w * hit[k]
            return wrong / n if n else None

        r = random.Random(1)
        drawn = sorted(x for x in (rate(collections.Counter(r.choices(speakers, k=len(speakers)))) for _ in range(ROUNDS)) if x is not None)
        out.append((rate(collections.Counter(speakers)), drawn[int(0.025 * len(drawn))], drawn[int(0.975 * len(drawn))]))
    return out


def read_scores(path, n):
    """Return the score of every trial of a list, None where it failed, in the order of the list."""
    out = []
    with open(path) as f:
        for line in f:
            score = line.split()[-1]
            out.append(None if score == "NaN" else float(score))
    if len(out) != n:
        sys.exit(f"{path}: {len(out)} scores, want {n}")
    return out


def percent(value, span=None):
    if value is None:
        return "-"
    text = "%.1f" % (100 * value)
    return text + " [%.1f, %.1f]" % (100 * span[0], 100 * span[1]) if span and None not in span else text


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--data", required=True, help="folder with emotion.csv and the recordings, or an unpack.sh")
    p.add_argument("--timbre", default="bin/timbre", help="the program (default bin/timbre)")
    p.add_argument("--out", default="build/groups", help="folder for lists, scores and reports (default build/groups)")
    p.add_argument("--list", nargs="+", help="names of lists (default: all)")
    a = p.parse_args()
    table = os.path.join(a.data, "emotion.csv")
    if not os.path.exists(table):
        sys.exit(f"--data: {table}: no such file")
    audio = lay_out(a.data, "build/speech")
    with open(table) as f:
        rows = [r for r in csv.DictReader(f) if r["set"] in LANGUAGES and os.path.exists(os.path.join(audio, r["path"]))]
    if not rows:
        sys.exit(f"--data: no recording that {table} names is under {audio}")
    os.makedirs(a.out, exist_ok=True)
    head = ["trials", "speakers", "targets", "others", "EER %", "FNMR % at FMR 1 %", "FMR % at the shipped 1 %", "FNMR % there", "FTA %", "FTE %"]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for name, trials in sorted(lists(rows).items(), reverse=True):
        if a.list and name not in a.list:
            continue
        base = os.path.join(a.out, name.replace(", ", "-").replace(" ", "-").replace("(", "").replace(")", ""))
        with open(base + ".trials", "w") as f:
            for target, _, _, enrol, test in trials:
                f.write(f"{'target' if target else 'nontarget'} {','.join(enrol)} {','.join(test)}\n")
        run = subprocess.run([a.timbre, "eval", "verification", "--json", "--trials", base + ".trials", "--audio", audio, "--speakers", table,
                              "--degrade", "phone", "--scores", base + ".scores"], stdout=subprocess.PIPE)
        if run.returncode:
            sys.exit(f"{name}: exit status {run.returncode}")
        with open(base + ".json", "wb") as f:
            f.write(run.stdout)
        r = json.loads(run.stdout)
        shipped = next(t for t in r["at_calibrated_threshold"] if t["fmr_wanted"] == 0.01)
        fmr, fnmr = at_threshold(read_scores(base + ".scores", len(trials)), trials, shipped["llr"])
        spans = r["confidence_intervals"]
        print("| " + " | ".join([
            name, str(len({t[2] for t in trials})), str(r["targets"]), str(r["nontargets"]), percent(r["eer"], spans["eer"]),
            percent(r["fnmr_at_fmr"]["0.01"], (spans["fnmr_at_fmr"] or {}).get("0.01")), percent(fmr[0], fmr[1:]), percent(fnmr[0], fnmr[1:]),
            percent(r["fta"]), percent(r["fte"])]) + " |", flush=True)


if __name__ == "__main__":
    main()
