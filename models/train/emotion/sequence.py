"""A small network over the frames of a segment: dilated convolutions and attentive statistics.

Each frame is seen twice, as the functionals are: against the population and against the speaker's own normal.
"""
import os

import numpy as np
import torch

import mlp
import pool as P

LLD = 31
STEP = 2  # frames averaged to one
F0, HNR, LEVEL = 0, 2, 3


def columns(names):
    """For each descriptor, the functional that is its mean over a segment."""
    lld = ["f0", "strength", "hnr", "level_p80", "centroid_khz", "spread_khz", "rolloff_khz", "flatness_ln", "flux", "slope_300_1000",
           "slope_1000_3400", "alpha_db", "band_250_db", "band_500_db", "band_1000_db", "band_2000_db"]
    lld += ["mfcc_%d" % (i + 1) for i in range(15)]
    return [names.index(n if n == "level_p80" else n + "_mean") for n in lld]


class Frames:
    """The descriptors of every clip in one version, averaged over STEP frames: list of [T, LLD] float32 with level as stored."""

    def __init__(self, state, version):
        path = os.path.join(state, version + ".frames")
        counts = np.loadtxt(path + ".index").astype(int)
        data = np.memmap(path, dtype="<f4", mode="r").reshape(-1, LLD)
        at, self.clips = 0, []
        for n in counts:
            x = np.array(data[at : at + n])
            at += n
            k = n // STEP * STEP
            voiced = x[:k, F0].reshape(-1, STEP) > 0
            y = x[:k].reshape(-1, STEP, LLD).mean(1)
            some = np.maximum(voiced.sum(1), 1)
            y[:, F0] = (x[:k, F0].reshape(-1, STEP) * voiced).sum(1) / some
            y[:, HNR] = (x[:k, HNR].reshape(-1, STEP) * voiced).sum(1) / some
            self.clips.append(y.astype(np.float16))


class Net(torch.nn.Module):
    def __init__(self, width=64, attention=32):
        super().__init__()
        c = torch.nn.Conv1d
        self.c1 = c(2 * LLD + 1, width, 5, padding=2)
        self.c2 = c(width, width, 3, padding=2, dilation=2)
        self.c3 = c(width, width, 3, padding=4, dilation=4)
        self.n1, self.n2, self.n3 = (torch.nn.BatchNorm1d(width) for _ in range(3))
        self.frame = torch.nn.Linear(width, attention)
        self.score = torch.nn.Linear(attention, width)
        self.l1 = torch.nn.Linear(2 * width + 1, 64)
        self.out = torch.nn.Linear(64, 5)

    def forward(self, x, mask, r, drop=0.0):
        """x [B, C, T], mask [B, 1, T], r [B, 1]"""
        f = torch.nn.functional
        h = f.dropout(x, 0.3 * drop, self.training)
        h = self.n1(torch.relu(self.c1(h))) * mask
        h = h + self.n2(torch.relu(self.c2(h))) * mask
        h = h + self.n3(torch.relu(self.c3(h))) * mask
        e = self.score(torch.tanh(self.frame(h.transpose(1, 2)))).transpose(1, 2)
        a = torch.softmax(e.masked_fill(mask == 0, -1e4), 2)
        m = (a * h).sum(2)
        s = torch.sqrt(torch.clamp((a * (h - m[:, :, None]) ** 2).sum(2), min=1e-4))
        h = f.dropout(torch.cat([m, s, r], 1), drop, self.training)
        h = f.dropout(torch.relu(self.l1(h)), drop, self.training)
        return self.out(h)


def batch_of(clips, members, mean, scale, m, r, length, rng):
    """Inputs of a batch: members index clips; m [B, LLD] mean z of the history, r [B]."""
    take = [len(clips[i]) for i in members]
    t = min(max(take), length) if length else max(take)
    x = np.zeros((len(members), 2 * LLD + 1, t), np.float32)
    mask = np.zeros((len(members), 1, t), np.float32)
    for row, i in enumerate(members):
        c = clips[i].astype(np.float32)
        if len(c) > t:
            at = rng.integers(len(c) - t + 1)
            c = c[at : at + t]
        if len(c) == 0:
            mask[row, 0, :1] = 1
            continue
        voiced = c[:, F0] > 0
        z = np.clip((c - mean) / scale, -4, 4)
        z[~voiced, F0] = 0
        z[~voiced, HNR] = 0
        top = np.quantile(c[:, LEVEL], 0.8)
        own = (c[:, LEVEL] - top) / 10  # level within the segment: nothing of the gain
        rel = z - r[row] * m[row]
        rel[:, LEVEL] = r[row] * np.clip((c[:, LEVEL] - mean[LEVEL]) / scale[LEVEL] - m[row, LEVEL], -4, 4)
        rel[~voiced, F0] = 0
        rel[~voiced, HNR] = 0
        z[:, LEVEL] = own
        n = len(c)
        x[row, :LLD, :n] = z.T
        x[row, LLD : 2 * LLD, :n] = rel.T
        x[row, 2 * LLD, :n] = voiced
        mask[row, 0, :n] = 1
    return torch.from_numpy(x), torch.from_numpy(mask)


def train(pool, frames, cols, index, seed, epochs=16, batch=64, lr=2e-3, decay=1e-3, drop=0.4, smooth=0.05, length=150, log=None):
    """frames: one Frames per version of pool."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    vs = range(len(pool.versions))
    scaler = P.Scaler(np.concatenate([pool.x[v][index] for v in vs]), np.tile(pool.set[index], len(vs)))
    some = np.concatenate([frames[0].clips[i].astype(np.float32) for i in rng.choice(index, 600)])
    voiced = some[:, F0] > 0
    spread = some.std(0)
    spread[[F0, HNR]] = some[voiced][:, [F0, HNR]].std(0)
    mean = scaler.mean[cols].astype(np.float32)
    scale = spread.astype(np.float32)
    ratio = (scaler.scale[cols] / scale).astype(np.float32)  # of a mean in its own z to one in the frames' z
    net = Net()
    opt = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=decay)
    w = mlp.clip_weights(pool, index)
    steps = epochs * (len(index) // batch + 1)
    plan = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1, (s + 1) / 50) * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * s / steps))))
    net.train()
    for epoch in range(epochs):
        v = rng.choice(list(vs), len(index))
        seconds = np.where(rng.random(len(index)) < 0.35, 0, rng.uniform(2, P.FULL_S, len(index)))
        members, weight, kept = P.draw_history(rng, pool, index, mlp.history_probs(rng, pool, index), seconds)
        m = np.zeros((len(index), LLD), np.float32)
        for k in vs:
            here = np.flatnonzero(v == k)
            m[here] = P.normal(scaler, pool, k, members[here], weight[here])[0][:, cols] * ratio
        r = (kept / (kept + mlp.KAPPA)).astype(np.float32)
        order = rng.permutation(len(index))
        total = 0.0
        for at in range(0, len(order), batch):
            b = order[at : at + batch]
            clips = {int(index[j]): frames[v[j]].clips[index[j]] for j in b}
            x, mask = batch_of(clips, [int(i) for i in index[b]], mean, scale, m[b], r[b], length, rng)
            out = net(x, mask, torch.from_numpy(r[b])[:, None], drop)
            wb = torch.from_numpy(w[b].astype(np.float32))
            yb, ab = torch.from_numpy(pool.label[index[b]]), torch.from_numpy(pool.arousal[index[b]].astype(np.float32))
            ce = torch.nn.functional.cross_entropy(out[:, :4], yb.clamp(min=0), reduction="none", label_smoothing=smooth)
            be = torch.nn.functional.binary_cross_entropy_with_logits(out[:, 4], ab.clamp(min=0) * 0.9 + 0.05, reduction="none")
            loss = (wb * (ce * (yb >= 0) + 0.5 * be * (ab >= 0))).mean()
            opt.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 5)
            opt.step()
            plan.step()
            total += float(loss) * len(b)
        if log:
            log(epoch, total / len(order))
    net.eval()
    return dict(scaler=scaler, mean=mean, scale=scale, ratio=ratio, net=net)


def predict(made, pool, frames, cols, index, version, history, seed=0):
    n = len(index)
    rng = np.random.default_rng(seed)
    m, r = np.zeros((n, LLD), np.float32), np.zeros(n, np.float32)
    if history is not None:
        members, weight, kept = P.draw_history(rng, pool, index, history[1], np.full(n, history[0]))
        m = P.normal(made["scaler"], pool, version, members, weight)[0][:, cols] * made["ratio"]
        r = (kept / (kept + mlp.KAPPA)).astype(np.float32)
    out = np.zeros((n, 5), np.float32)
    order = np.argsort([len(frames[version].clips[i]) for i in index], kind="stable")
    with torch.no_grad():
        for at in range(0, n, 64):
            b = order[at : at + 64]
            x, mask = batch_of(frames[version].clips, [int(i) for i in index[b]], made["mean"], made["scale"], m[b], r[b], None, rng)
            out[b] = made["net"](x, mask, torch.from_numpy(r[b])[:, None]).numpy()
    return out
