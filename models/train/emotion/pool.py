"""The clips with their functionals, as arrays; and histories, drawn as a call would give them."""
import copy
import os

import numpy as np
from scipy.sparse import csr_matrix

from prepare import clips

CLASSES = ["angry", "happy", "neutral", "sad"]
HAND = 268  # functionals; what stands behind them is learned
LEVEL = 22  # the functional that only counts beside the speaker's own
FULL_S = 60.0  # a history says no more than this
HIGH = {"angry", "happy", "fear", "surprise", "high"}
LOW = {"sad", "neutral", "calm", "low"}


class Pool:
    """N clips in V versions, those played slower or faster as clips of further speakers. x is V×N×F; NaN: too little was heard."""

    def __init__(self, state, versions):
        rows = clips(state)
        self.rows, self.versions = rows, versions
        self.set = np.array([r["set"] for r in rows])
        self.split = np.array([r["split"] for r in rows])
        self.speaker = np.array([r["speaker"] for r in rows])
        self.person = np.array([r["person"] for r in rows])
        self.spoken = self.speaker == self.person  # as it was
        self.label = np.array([CLASSES.index(r["label4"]) if r["label4"] else -1 for r in rows])
        self.label[self.set == "baved"] = -1  # its neutral is a level, not a class
        # arousal: 1 high, 0 low, -1 unknown (disgust is either; the middle level of BAVED is neither)
        word = [r["label"] for r in rows]
        self.arousal = np.array([1 if w in HIGH else 0 if w in LOW else -1 for w in word])
        self.arousal[(self.set == "baved") & (np.array(word) == "neutral")] = -1
        # slot: what a clip counts as when a history of one emotion is drawn; 4 is any other
        self.slot = np.array([4 if w in ("fear", "disgust", "surprise") else {"high": 0, "low": 3}.get(w, -1) for w in word])
        known = np.array([CLASSES.index(r["label4"]) if r["label4"] else -1 for r in rows])
        self.slot = np.where(self.slot < 0, known, self.slot)
        n = len(rows)
        self.x = np.stack([np.fromfile(os.path.join(state, v + ".f32"), dtype="<f4").reshape(n, -1) for v in versions])
        self.seconds = np.array([r["length"] for r in rows]) / 8000.0
        path = os.path.join(state, "phone.cepstra.index")
        if os.path.exists(path):
            self.seconds = np.loadtxt(path) / 100.0
        self._sum()
        names = sorted(set(self.speaker))
        self.speakers = names
        self.who = np.array([names.index(s) for s in self.speaker])
        found = [[np.flatnonzero((self.who == s) & (self.slot == c)) for c in range(5)] for s in range(len(names))]
        self.count = np.array([[len(l) for l in row] for row in found])
        self.lists = np.zeros((len(names), 5, self.count.max()), dtype=int)  # [speaker, slot, k]: clip
        for s, row in enumerate(found):
            for c, l in enumerate(row):
                self.lists[s, c, : len(l)] = l

    def phone(self, learned):
        """The first version of this pool, the bare telephone band, with learned functionals [N, L] behind the others."""
        more = copy.copy(self)
        more.x, more.versions = np.concatenate([self.x[:1], learned[None]], 2), self.versions[:1]
        more._sum()
        return more

    def _sum(self):
        """Sums that histories are made of: values and squares in one standardisation, 0 where unknown, and which are known."""
        self.mean, self.scale = np.nanmean(self.x, (0, 1)), np.nanstd(self.x, (0, 1)) + 1e-9
        self.gaps = np.flatnonzero(np.isnan(self.x).any((0, 1)))
        self.known = [(~np.isnan(x[:, self.gaps])).astype(np.float32) for x in self.x]
        self.sums = []
        for x in self.x:
            z = np.nan_to_num((x - self.mean) / self.scale, nan=0.0).astype(np.float32)
            self.sums.append(np.concatenate([z, z * z], 1))


def draw_history(rng, pool, index, probs, seconds, slots=36):
    """For each clip of index, other clips of its speaker: per clip probs[5] of the slots, seconds of speech.

    Returns (members [len(index), slots], weights of the same shape, seconds kept [len(index)]).
    """
    n, rows = len(index), np.arange(len(index))
    who, own = pool.who[index], pool.slot[index]
    count = pool.count[who]  # [n, 5]
    others = count.copy()
    others[rows, own] -= 1
    p = np.where(others > 0, probs, 0)
    none = p.sum(1) <= 0
    p[none] = others[none]  # nobody of the wanted slots: whatever there is
    alone = p.sum(1) <= 0
    p[alone] = 1
    cum = np.cumsum(p / p.sum(1, keepdims=True), 1)
    c = np.minimum((rng.random((n, slots))[:, :, None] > cum[:, None, :]).sum(2), 4)
    k = (rng.random((n, slots)) * count[rows[:, None], c]).astype(int)
    members = pool.lists[who[:, None], c, k]
    weight = np.where(members == np.asarray(index)[:, None], 0, pool.seconds[members])
    weight[alone] = 0
    before = np.cumsum(weight, 1) - weight
    weight = np.clip(np.minimum(weight, seconds[:, None] - before), 0, None)
    return members, weight, weight.sum(1)


class Scaler:
    """Population mean and scale of the functionals, each corpus and class of arousal weighing the same."""

    def __init__(self, x, groups):
        means, seconds = [], []
        for g in sorted(set(groups)):
            part = x[groups == g]
            means.append(np.nanmean(part, 0))
            seconds.append(np.nanmean(part**2, 0))
        self.mean = np.mean(means, 0)
        self.scale = np.sqrt(np.maximum(np.mean(seconds, 0) - self.mean**2, 1e-8))

    def with_learned(self, mean, scale):
        """This scaler for values with learned functionals behind the others."""
        more = copy.copy(self)
        more.mean, more.scale = np.concatenate([self.mean, mean]), np.concatenate([self.scale, scale])
        return more

    def __call__(self, x):
        z = np.clip((x - self.mean) / self.scale, -4, 4)
        return np.where(np.isnan(z), 0, z).astype(np.float32)


def normal(scaler, pool, version, members, weight):
    """Mean and variance of each history [n, F], standardised: what the engine's Normaliser gives. Unknown values do not count.

    The variance is 1, the population's, where there is nothing to tell it.
    """
    n, slots = members.shape
    w = csr_matrix((weight.ravel().astype(np.float32), members.ravel(), np.arange(0, n * slots + 1, slots)), shape=(n, len(pool.rows)))
    f = len(scaler.mean)
    sums = w @ pool.sums[version]  # [n, 2F]
    total = np.repeat(weight.sum(1, keepdims=True), f, 1)
    total[:, pool.gaps] = w @ pool.known[version]
    some, total = total > 1e-6, np.maximum(total, 1e-6)
    m = sums[:, :f] / total
    v = np.maximum(sums[:, f:] / total - m**2, 0)
    m = (m * pool.scale + pool.mean - scaler.mean) / scaler.scale
    v = v * (pool.scale / scaler.scale) ** 2
    return np.where(some, np.clip(m, -4, 4), 0).astype(np.float32), np.where(some, np.minimum(v, 16), 1).astype(np.float32)
