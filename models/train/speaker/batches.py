"""Training batches. Batch number n is a function of (seed, n) alone, so a run that was interrupted sees what it would have seen.

A speaker is drawn first, with a weight that grows with its seconds; some of its clips are joined to a segment, played at 0.9, 1
or 1.1 times the speed, sent through a line (augment.py) and seen through one of three vocal tracts (features.WARPS). Each pair of
speed and tract is a speaker of its own: nine that share words, room and session, so that only the voice tells them apart.

A segment never holds more than SHARE of what there is of a speaker and is repeated up to its length. Most speakers have less than
two seconds of speech: a segment that held all of it would let the network know a recording by its words, and it does: in a trial
without the limit four of five such segments were classified correctly after 1,800 steps while dev speakers stood at 19 % EER.
"""
import multiprocessing
import os
from queue import Full

import numpy as np
from scipy.signal import resample_poly

import augment
import features
from pools import RATE, Pool

SHARE = 0.4
SPEEDS = ((1, 1), (10, 9), (10, 11))  # (up, down) of the resampler: normal, slower, faster


class Batches:
    def __init__(self, state, seed, kind, tracts=True):
        self.seed, self.kind = seed, kind
        self.warps = features.WARPED if tracts else features.WARPED[:1]
        self.pool = Pool(state, "train")
        self.noises = augment.Noises(Pool(state, "noise"), Pool(state, "music"), self.pool)
        self.speakers = sorted(set(self.pool.speaker))
        number = {s: i for i, s in enumerate(self.speakers)}
        self.clips = [[] for _ in self.speakers]
        for i, s in enumerate(self.pool.speaker):
            if self.pool.length[i] >= RATE // 5:
                self.clips[number[s]].append(i)
        seconds = np.array([sum(self.pool.length[i] for i in c) / RATE for c in self.clips])
        self.total = (seconds * RATE).astype(int)
        self.weight = seconds**0.75 / (seconds**0.75).sum()
        self.coded = [v for v in self.pool.variants if v != "clean"]

    @property
    def voices(self):
        return len(SPEEDS) * len(self.warps)

    def _segment(self, rng, speaker, n):
        """n samples of a speaker: random clips, cut to SHARE of what there is, repeated if they fall short of n."""
        variant = rng.choice(self.coded) if rng.random() < 0.45 else "clean"
        limit = min(n, max(int(SHARE * self.total[speaker]), RATE // 4))
        out, have = [], 0
        for i in rng.permutation(self.clips[speaker]):
            c = self.pool.clip(i, variant)
            room = limit - have
            if len(c) > room:
                at = rng.integers(len(c) - room + 1)
                c = c[at : at + room]
            out.append(c / augment.rms(c))
            have += len(c)
            if have >= limit:
                break
        return np.resize(np.concatenate(out), n)

    def _one(self, rng, speaker, n):
        """One augmented segment of n samples, its vocal tract and its class."""
        speed = rng.integers(len(SPEEDS))
        up, down = SPEEDS[speed]
        x = self._segment(rng, speaker, n * down // up + 2)
        if up != down:
            x = resample_poly(x, up, down).astype(np.float32)
        x = x[:n]
        if rng.random() < 0.85:
            x = augment.filtered(rng, x, 0.4)
        if rng.random() < 0.6:
            x = self.noises.background(rng, x)
        warp = rng.integers(len(self.warps))
        return augment.line(rng, x), warp, (warp * len(SPEEDS) + speed) * len(self.speakers) + speaker

    def batch(self, step, size, low_s, high_s):
        """Features [size, T, 40] float32 and classes [size] of batch number step; segments of one length in [low_s, high_s]."""
        rng = np.random.default_rng([self.seed, step])
        n = int(rng.uniform(low_s, high_s) * RATE) // features.HOP * features.HOP
        who = rng.choice(len(self.speakers), size, replace=False, p=self.weight)
        made = [self._one(np.random.default_rng([self.seed, step, k]), s, n) for k, s in enumerate(who)]
        m = np.stack([features.log_mel(x, self.warps[warp]) for x, warp, _ in made])
        for row in m:  # SpecAugment: a band or a moment that carries nothing
            if rng.random() < 0.3:
                w = rng.integers(1, 6)
                at = rng.integers(0, features.BANDS - w)
                row[:, at : at + w] = row[:, at : at + w].mean(0)
            if rng.random() < 0.3:
                w = rng.integers(1, 20)
                at = rng.integers(0, len(row) - w)
                row[at : at + w] = row.mean(0)
        return features.from_log_mel(m, self.kind).astype(np.float32), np.array([c for _, _, c in made])


def _work(queue, state, seed, kind, tracts, plan, step, last):
    b = Batches(state, seed, kind, tracts)
    parent = os.getppid()
    for n in range(step, last):
        made = (n,) + b.batch(n, *plan(n))
        while True:
            try:
                queue.put(made, timeout=10)
                break
            except Full:
                if os.getppid() != parent:  # nobody waits for batches any more
                    queue.cancel_join_thread()
                    return


def stream(state, seed, kind, tracts, plan, step, last):
    """Start one process that makes batches step to last-1 ahead of time; plan(n) gives (size, low_s, high_s).

    Returns the process and its queue of (n, features, classes).
    """
    ctx = multiprocessing.get_context("spawn")
    queue = ctx.Queue(maxsize=6)
    process = ctx.Process(target=_work, args=(queue, state, seed, kind, tracts, plan, step, last), daemon=True)
    process.start()
    return process, queue
