#!/usr/bin/env python3
"""Mix training sequences of 20 s with labels, and turn them into features with the detector's own code.

    mix.py --pool DIR --steps BIN --out DIR [--use train] [--shards 12] [--per-shard 300] [--seed 1]

Each shard is OUT/<use>_NN.npz: feats float16 [n, 1250, 32], labels uint8 [n, 1250, 3] (speech, music, noise; 255 = do not count).
A shard that exists is left alone, so a broken run goes on where it stopped.
"""
import argparse
import os
import subprocess

import numpy as np
from scipy.signal import butter, sosfilt

from synth import (RATE, STEP, Pool, alaw, clicks, coloured, db, fade, gsm, hum, mulaw, rms, room, signalling, telephone)

SECONDS = 20
N = SECONDS * RATE
T = N // STEP


# Sets are drawn by what they teach (running speech before single words), then speakers, then clips.
SETS = {"librispeech": 0.42, "speech_commands": 0.22, "debian_voices": 0.2, "dspspeech20": 0.1, "fsdd": 0.03, "yoruba1": 0.03}


def pick_speaker(rng, pool):
    if not hasattr(pool, "by_set"):
        pool.by_set = {}
        for g in pool.names:
            pool.by_set.setdefault(pool.rows[pool.groups[g][0]][3].split(":")[0], []).append(g)
    names = [n for n in SETS if n in pool.by_set]
    p = np.array([SETS[n] for n in names])
    group = pool.by_set[names[rng.choice(len(names), p=p / p.sum())]]
    return group[rng.integers(len(group))]


def speech_track(rng, pool):
    """One or two speakers talking with pauses; returns audio of active level 1 and the mask of speech samples."""
    x, mask = np.zeros(N, np.float32), np.zeros(N, bool)
    speakers = [pick_speaker(rng, pool) for _ in range(1 if rng.random() < 0.7 else 2)]
    dense = rng.random()
    at = int(rng.exponential(0.8) * RATE)
    while at < N - 2000:
        i = pool.pick(rng, speakers[rng.integers(len(speakers))])
        clip = fade(pool.clip(i))
        spans = pool.rows[i][4]
        active = np.concatenate([clip[a:b] for a, b in spans])
        clip = clip / (rms(active) + 1e-9) * db(rng.uniform(-4, 4))
        if rng.random() < 0.3:  # cut off anywhere, as a barge-in or a lost leg does
            clip = clip[: int(len(clip) * rng.uniform(0.3, 1))]
        m = min(len(clip), N - at)
        x[at : at + m] += clip[:m]
        for a, b in spans:
            mask[min(at + a, at + m) : min(at + b, at + m)] = True
        gap = rng.uniform(0.0, 0.25) if rng.random() < dense else (rng.uniform(0.25, 2) if rng.random() < 0.8 else rng.uniform(2, 6))
        at += m + int(gap * RATE)
    return x, mask


def bed(rng, pool, n):
    """A stretch of noise of level about 1: one clip looped, single events, or something synthetic."""
    r = rng.random()
    if r < 0.18:
        return coloured(rng, n)
    if r < 0.22:
        return hum(rng, n)
    if r < 0.34:
        x = clicks(rng, n)
        return x / (rms(x) * 2 + 1e-9)
    x = np.zeros(n, np.float32)
    if r < 0.72:
        clip = pool.clip(pool.pick(rng))
        if len(clip) > RATE:  # loops of a continuous sound
            at = -int(rng.integers(len(clip)))
            clip = fade(clip, 800)
            while at < n:
                a, b = max(at, 0), min(at + len(clip), n)
                x[a:b] += clip[a - at : b - at]
                at += max(len(clip) - 800, 400)
            return x / (rms(x) + 1e-9)
    at = 0
    same = pool.pick(rng) if rng.random() < 0.4 else None
    while at < n:
        at += int(rng.exponential(rng.choice([0.15, 0.6, 2])) * RATE)
        clip = fade(pool.clip(same if same is not None else pool.pick(rng)), 40)
        m = min(len(clip), n - at)
        if m > 0:
            x[at : at + m] += clip[:m] / (rms(clip) + 1e-9) * db(rng.uniform(-6, 3))
        at += len(clip)
    return x / (rms(x[np.abs(x) > 1e-4]) + 1e-9)


def music(rng, pool, n):
    clip = pool.clip(pool.pick(rng))
    if len(clip) > n:
        at = rng.integers(len(clip) - n)
        clip = clip[at : at + n]
    else:
        clip = np.tile(clip, n // len(clip) + 1)[:n]
    return clip / (rms(clip) + 1e-9)


def babble(rng, pool, n):
    x = np.zeros(n, np.float32)
    for _ in range(rng.integers(5, 11)):
        at = -int(rng.integers(RATE))
        while at < n:
            clip = fade(pool.clip(pool.pick(rng)))
            a, b = max(at, 0), min(at + len(clip), n)
            x[a:b] += (clip / (rms(clip) + 1e-9))[a - at : b - at] if b > a else 0
            at += len(clip) + int(rng.uniform(0, 0.1) * RATE)
    return x / (rms(x) + 1e-9)


def region(rng):
    """The whole sequence or a part of it."""
    if rng.random() < 0.5:
        return 0, N
    a = int(rng.uniform(0, 0.6) * N)
    return a, min(N, a + int(rng.uniform(0.2, 0.8) * N))


def envelope(x, n):
    """Root mean square over n samples around each step, per step."""
    p = np.convolve(np.square(x, dtype=np.float64), np.ones(n) / n, mode="same")
    return np.sqrt(np.maximum(p[STEP // 2 :: STEP][:T], 0))


def audible(env, floor, loud):
    """1 where a sound is heard, 0 where it is not, 255 in between."""
    return np.where(env > loud, 1, np.where(env > floor, 255, 0)).astype(np.uint8)


def sequence(rng, speech, mus, noise):
    talk = rng.random() < 0.85
    x, mask = speech_track(rng, speech) if talk else (np.zeros(N, np.float32), np.zeros(N, bool))
    level = rng.uniform(-42, -8)
    x *= db(level)
    if talk and rng.random() < 0.35:
        x = room(rng, x)
    label = np.zeros((T, 3), np.uint8)
    label[:, 0] = mask[: T * STEP].reshape(T, STEP).mean(axis=1) > 0.5
    hear_music, hear_noise = np.zeros(N, np.float32), np.zeros(N, np.float32)
    if rng.random() < 0.55:
        a, b = region(rng)
        hear_noise[a:b] += fade(bed(rng, noise, b - a), 400) * db(level - rng.uniform(-5, 30))
    if talk and rng.random() < 0.12:
        hear_noise += babble(rng, speech, N) * db(level - rng.uniform(3, 25))
    if rng.random() < 0.33:
        a, b = region(rng)
        hear_music[a:b] += fade(music(rng, mus, b - a), 400) * db(level - rng.uniform(-6, 25))
    if rng.random() < 0.2:
        a, b = region(rng)
        x[a:b] += signalling(rng, b - a) * db(rng.uniform(-32, -5))
    if rng.random() < 0.08:  # other talk is gone while the music plays
        keep = hear_music == 0
        x *= keep
        label[:, 0] *= keep[: T * STEP].reshape(T, STEP).mean(axis=1) > 0.5
    ref = db(level)
    label[:, 1] = audible(envelope(hear_music, 3200), max(db(-62), ref * db(-28)), max(db(-55), ref * db(-20)))
    label[:, 2] = audible(envelope(hear_noise, 1600), max(db(-62), ref * db(-25)), max(db(-52), ref * db(-15)))
    y = x + hear_music + hear_noise + rng.standard_normal(N).astype(np.float32) * db(rng.uniform(-90, -52))
    return channel(rng, y, label), label


def channel(rng, y, label):
    if rng.random() < 0.6:
        y = telephone(y, rng.uniform(150, 350), rng.uniform(2900, 3700))
    elif rng.random() < 0.3:
        y = sosfilt(butter(2, rng.uniform(1800, 3400), "low", fs=RATE, output="sos"), y).astype(np.float32)
    if rng.random() < 0.05:
        y = np.clip(y * db(rng.uniform(6, 25)), -0.98, 0.98)
    if rng.random() < 0.1:  # a far end that sends digital silence in pauses
        quiet = envelope(y, 1600) < 10 ** rng.uniform(-3.2, -2.2)
        y = y * ~np.repeat(quiet & (label[:, 0] == 0), STEP)
    if rng.random() < 0.12:
        lost = np.repeat(rng.random(N // 160) < rng.uniform(0.005, 0.06), 160)
        y = y * ~lost
    r = rng.random()
    if r < 0.45:
        y = mulaw(y)
    elif r < 0.6:
        y = alaw(y)
    elif r < 0.7:
        y = gsm(y)
    if rng.random() < 0.05:
        y = y + rng.uniform(-0.05, 0.05)
    return np.clip(y, -1, 1)


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--pool", required=True)
    ap.add_argument("--steps", required=True, help="binary of models/train/vad/steps")
    ap.add_argument("--out", required=True)
    ap.add_argument("--use", default="train", choices=["train", "tune"])
    ap.add_argument("--shards", type=int, default=12)
    ap.add_argument("--per-shard", type=int, default=300)
    ap.add_argument("--seed", type=int, default=1)
    a = ap.parse_args()
    os.makedirs(a.out, exist_ok=True)
    speech, mus = Pool(a.pool, a.use + "_speech"), Pool(a.pool, a.use + "_music")
    noise = Pool(a.pool, "train_noise")  # tuning looks at unseen speakers and music; unseen noise is kept for the test
    for k in range(a.shards):
        path = os.path.join(a.out, "%s_%02d.npz" % (a.use, k))
        if os.path.exists(path):
            continue
        rng = np.random.default_rng([a.seed, k])
        audio, labels = [], []
        for _ in range(a.per_shard):
            y, lab = sequence(rng, speech, mus, noise)
            audio.append((y * 32767).astype("<i2").tobytes())
            labels.append(lab)
        raw = subprocess.run([a.steps, "features"], input=b"".join(audio), stdout=subprocess.PIPE, check=True).stdout
        feats = np.frombuffer(raw, "<f4").reshape(a.per_shard, T, -1).astype(np.float16)
        labels = np.stack(labels)
        with open(path + ".new", "wb") as f:
            np.savez(f, feats=feats, labels=labels)
        os.rename(path + ".new", path)
        share = [(labels[..., c] == 1).mean() for c in range(3)]
        print("%s: speech %.2f music %.2f noise %.2f of the time" % (path, *share), flush=True)


if __name__ == "__main__":
    main()
