"""Decode the clips of emotion.csv once into a pool at 8 kHz and make its versions (calls.py). Finished parts are not made again.

    prepare.py --data DIR --state DIR [--speaker STATE] [--versions NAME,...]

STATE/emotion.tsv (start, length, person and the columns of emotion.csv) says where each clip lies in every STATE/VERSION.s16. Behind the
clips as they were spoken stand the same ones played slower and faster: pitch, formants and rate of somebody else, whom the column speaker
tells from the person. Noise, music and babble are the pools of the speaker recipe, under its state.
"""
import argparse
import csv
import importlib.util
import os
import re
import tempfile

import numpy as np
from scipy.signal import resample_poly

import calls

import augment  # of the speaker recipe, found through calls
import coders
from pools import Pool, atomic_write, to_int16

SEED = 4
PLAYED = {"slow": (25, 22), "fast": (7, 8)}  # samples made of how many: 12 % slower, 14 % faster


def _speaker_recipe():
    """The speaker recipe's prepare.py, whose name is also this file's."""
    path = os.path.join(os.path.dirname(augment.__file__), "prepare.py")
    spec = importlib.util.spec_from_file_location("speaker_prepare", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


load = _speaker_recipe().load


def clips(state):
    """Return the rows of the pool's table, start and length as int."""
    with open(os.path.join(state, "emotion.tsv"), newline="") as f:
        rows = list(csv.DictReader(f, delimiter="\t"))
    for r in rows:
        r["start"], r["length"] = int(r["start"]), int(r["length"])
    return rows


def listed(data):
    """Return the rows of emotion.csv that are for use."""
    with open(os.path.join(data, "emotion.csv"), newline="") as f:
        return [r for r in csv.DictReader(f) if r["split"] != "exclude"]


def asked(row):
    """The emotion that a lay speaker of speakers.csv was asked for, calm, happy, angry or fearful; None of any other recording. It is in the
    name of the file alone."""
    found = re.search(r"webservice_(?!background)[a-z]+-[a-z]+-(calm|happy|angry|fearful)-", row["path"])
    return found[1] if found and row["set"] == "rakshak" else None


def decode(state, data, rows):
    spoken = [to_int16(load(os.path.join(data, r["path"]))) for r in rows]
    table_rows, at = [], 0

    def audio(tmp):
        nonlocal at
        with open(tmp, "wb") as f:
            for played in [None, *PLAYED]:
                for r, x in zip(rows, spoken):
                    speaker = r["speaker"]
                    if played:
                        x = to_int16(resample_poly(x.astype(np.float64) / 32768, *PLAYED[played]))
                        speaker += "@" + played
                    f.write(x.tobytes())
                    table_rows.append({"start": at, "length": len(x), "person": r["speaker"], **r, "speaker": speaker})
                    at += len(x)

    def table(tmp):
        with open(tmp, "w", newline="") as f:
            w = csv.DictWriter(f, list(table_rows[0]), delimiter="\t", lineterminator="\n")
            w.writeheader()
            w.writerows(table_rows)

    atomic_write(os.path.join(state, "clean.s16"), audio)
    atomic_write(os.path.join(state, "emotion.tsv"), table)
    print(f"{len(rows)} clips, {at / calls.RATE / 3600:.2f} h with those played slower and faster", flush=True)


def make(state, version, rows, noises):
    clean = np.memmap(os.path.join(state, "clean.s16"), dtype="<i2", mode="r")
    get = lambda r: clean[r["start"] : r["start"] + r["length"]].astype(np.float32) / 32768  # noqa: E731
    levels = {}
    for r in rows:
        levels.setdefault(r["speaker"], []).append(augment.rms(get(r)))
    lines = {s: calls.Line(version, s, float(np.median(v)), noises, SEED) for s, v in levels.items()}
    out = np.zeros(len(clean), dtype="<i2")
    for i, r in enumerate(rows):
        out[r["start"] : r["start"] + r["length"]] = to_int16(lines[r["speaker"]].before_codec(get(r), i))
    if version.codec:
        with tempfile.TemporaryDirectory(dir=state) as work:
            out = np.array(coders.through(version.codec, out, work), dtype="<i2")
    for i, r in enumerate(rows):
        a, b = r["start"], r["start"] + r["length"]
        out[a:b] = to_int16(lines[r["speaker"]].after_codec(out[a:b].astype(np.float32) / 32768, i))
    atomic_write(os.path.join(state, version.name + ".s16"), out.tofile)
    print(version.name, flush=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--data", required=True)
    ap.add_argument("--state", required=True)
    ap.add_argument("--speaker", default=os.path.expanduser("~/.cache/timbre/train/speaker"))
    ap.add_argument("--versions", default=",".join(v.name for v in calls.VERSIONS))
    a = ap.parse_args()
    os.makedirs(a.state, exist_ok=True)
    if not os.path.exists(os.path.join(a.state, "emotion.tsv")):
        decode(a.state, a.data, listed(a.data))
    rows = clips(a.state)
    noises = augment.Noises(Pool(a.speaker, "noise"), Pool(a.speaker, "music"), Pool(a.speaker, "train"))
    for v in calls.VERSIONS:
        if v.name in a.versions.split(",") and not os.path.exists(os.path.join(a.state, v.name + ".s16")):
            make(a.state, v, rows, noises)


if __name__ == "__main__":
    main()
