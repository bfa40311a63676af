"""Decode clips once into pools, pass them through codecs, gather noise and music. Finished parts are not made again.

Splits train, cal and dev of speakers.csv become pools of their names; `reserved` is never read. Coded variants of train are made
from a copy in which half of the clips have been given a room, a handset and a background first: codecs suffer from noise, and
noise that is added behind a codec is not what a call has. dev has one variant, "line": another handset, noise at 15 dB and AMR,
for trials whose two sides do not share a line.
"""
import csv
import multiprocessing
import os
import re
import subprocess
import tempfile

import numpy as np
import soundfile
from scipy.signal import resample_poly

import augment
import coders
from pools import RATE, Pool, atomic_write, to_int16, trim

VAD_SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vad", "sources.tsv")


def load(path, limit_s=None):
    """Read any sound file as mono float32 at 8 kHz."""
    try:
        rate = soundfile.info(path).samplerate
        x, rate = soundfile.read(path, dtype="float32", always_2d=True, frames=int(limit_s * rate) if limit_s else -1)
        x = x.mean(axis=1)
    except soundfile.LibsndfileError:  # some Ogg Opus files of one page are beyond libsndfile 1.2.0
        command = ["ffmpeg", "-v", "error", "-i", path, "-f", "f32le", "-ac", "1", "-ar", str(RATE), "-"]
        if limit_s:
            command[-1:-1] = ["-t", str(limit_s)]
        x, rate = np.frombuffer(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout, dtype="<f4"), RATE
    if rate != RATE:
        g = np.gcd(rate, RATE)
        x = resample_poly(x, RATE // g, rate // g)
    return x.astype(np.float32)


def _speech(path):
    return to_int16(trim(load(path)))


def _sound(path):
    try:
        x = load(path, 45)
    except subprocess.CalledProcessError:
        return None  # a file that is no audio after all
    peak = float(np.abs(x).max()) if len(x) else 0.0
    return to_int16(x * (0.7 / peak)) if len(x) >= RATE // 4 and peak > 1e-3 else None


def write_pool(state, split, rows, read):
    """rows: (speaker, set, path as listed, path on disk). Writes the clean variant, then the table."""
    base = os.path.join(state, "pools")
    at, table = 0, []

    def audio(tmp):
        nonlocal at
        with open(tmp, "wb") as f, multiprocessing.Pool(2) as workers:
            for row, x in zip(rows, workers.imap(read, [r[3] for r in rows], chunksize=16), strict=True):
                if x is None:
                    continue
                f.write(x.tobytes())
                table.append((at, len(x)) + row[:3])
                at += len(x)

    def index(tmp):
        with open(tmp, "w", newline="") as f:
            w = csv.writer(f, delimiter="\t", lineterminator="\n")
            w.writerow(["start", "length", "speaker", "set", "path"])
            w.writerows(table)

    atomic_write(os.path.join(base, split + ".clean.s16"), audio)
    atomic_write(os.path.join(base, split + ".tsv"), index)
    print(f"{split}: {len(table)} clips, {at / RATE / 3600:.2f} h", flush=True)


def speech_rows(data, split):
    with open(os.path.join(data, "speakers.csv"), newline="") as f:
        return [
            (r["speaker"], r["set"], r["path"], os.path.join(data, r["path"])) for r in csv.DictReader(f) if r["split"] == split
        ]


def sound_rows(sounds, kind):
    """Files of the packages that the table of the speech detector's recipe marks for training."""
    rows, seen = [], set()
    with open(VAD_SOURCES) as f:
        for line in f:
            if line.startswith("#"):
                continue
            package, use, what, keep, drop = line.rstrip("\n").split("\t")
            if use != "train" or what != kind:
                continue
            for folder, dirs, files in sorted(os.walk(os.path.join(sounds, package))):
                dirs.sort()
                for name in sorted(files):
                    path = os.path.join(folder, name)
                    rel = "/" + os.path.relpath(path, os.path.join(sounds, package))
                    if name == "copyright" or not re.search(keep, rel) or (drop != "-" and re.search(drop, rel)):
                        continue
                    key = (name, os.path.getsize(path)) if os.path.exists(path) else None
                    if key is None or key in seen:  # packages link one sound to many places, some of them gone
                        continue
                    seen.add(key)
                    rows.append((package, kind, package + rel, path))
    return rows


def _degraded(pool, noises, seed, share):
    """The clean pool with a share of its clips made worse, as int16 of the same length."""
    out = np.empty(len(pool.variants["clean"]), dtype="<i2")
    for i, (start, length) in enumerate(zip(pool.start, pool.length, strict=True)):
        rng = np.random.default_rng([seed, i])
        x = pool.clip(i)
        if length > 400:
            if rng.random() < share:
                x = augment.filtered(rng, x, 0.4)
                x = noises.background(rng, x)
            x = x * (10 ** (rng.uniform(-30, -16) / 20) / augment.rms(x))
        out[start : start + length] = to_int16(x)
    return out


def _other_line(pool, talkers, seed):
    """The clean pool through one more handset, coloured noise or babble at 15 dB."""
    noises = augment.Noises(None, None, talkers)
    out = np.empty(len(pool.variants["clean"]), dtype="<i2")
    for i, (start, length) in enumerate(zip(pool.start, pool.length, strict=True)):
        rng = np.random.default_rng([seed, i])
        x = pool.clip(i)
        if length > 400:
            x = augment.filtered(rng, x, 0.0)
            noise = noises.piece(rng, talkers, length) if rng.random() < 0.5 else augment.coloured(rng, length)
            x = augment.add(x, noise, 15)
            x = x * (0.05 / augment.rms(x))
        out[start : start + length] = to_int16(x)
    return out


def prepare(state, data, sounds, seed):
    """Make whatever is missing under state/pools."""
    base = os.path.join(state, "pools")
    os.makedirs(base, exist_ok=True)
    for split in ("dev", "cal", "train"):
        if not os.path.exists(os.path.join(base, split + ".tsv")):
            write_pool(state, split, speech_rows(data, split), _speech)
    for kind in ("noise", "music"):
        if not os.path.exists(os.path.join(base, kind + ".tsv")):
            rows = sound_rows(sounds, kind)
            if not rows:
                raise SystemExit(f"no {kind} under {sounds}: run models/train/vad/fetch.sh on it first")
            write_pool(state, kind, rows, _sound)
    train, dev = Pool(state, "train"), Pool(state, "dev")
    noises = augment.Noises(Pool(state, "noise"), Pool(state, "music"), train)
    with tempfile.TemporaryDirectory(dir=base) as work:
        if "line" not in dev.variants:
            coded = coders.through("amr", _other_line(dev, train, seed), work)
            atomic_write(os.path.join(base, "dev.line.s16"), coded.tofile)
        for k, name in enumerate(coders.CODECS):
            if name not in train.variants:
                coded = coders.through(name, _degraded(train, noises, seed + 1 + k, 0.5), work)
                atomic_write(os.path.join(base, f"train.{name}.s16"), coded.tofile)
                print("train through", name, flush=True)
