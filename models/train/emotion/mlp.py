"""An ensemble of small networks over functionals: their values against the population, and against the speaker's own."""
import numpy as np
import torch

import pool as P

KAPPA = 8.0  # seconds of speech at which the speaker's own statistics weigh as much as the population's
KAPPA_SPREAD = 20.0  # the same for their spread, which takes more speech to know
BELIEF = 0.6  # temperature of the arousal that a history is believed to have; about what is shipped


def inputs(z, m, v, seconds):
    """z [N, F], mean and variance of the history's m, v [N, F], its seconds [N] -> [N, 2F+1]."""
    r = (seconds / (seconds + KAPPA)).astype(np.float32)[:, None]
    q = (seconds / (seconds + KAPPA_SPREAD)).astype(np.float32)[:, None]
    rel = z - r * m
    rel[:, P.LEVEL] = r[:, 0] * (z[:, P.LEVEL] - m[:, P.LEVEL])
    rel = np.clip(rel / np.sqrt(1 - q + q * v), -4, 4)
    raw = z.copy()
    raw[:, P.LEVEL] = 0
    return np.concatenate([raw, rel, r], 1)


class Net(torch.nn.Module):
    def __init__(self, dims, hidden=96, second=48):
        super().__init__()
        self.first = torch.nn.Linear(dims, hidden)
        self.second = torch.nn.Linear(hidden, second)
        self.out = torch.nn.Linear(second, 5)

    def forward(self, x, drop=0.0):
        f = torch.nn.functional
        x = f.dropout(x, 0.4 * drop, self.training)
        x = f.dropout(torch.relu(self.first(x)), drop, self.training)
        x = f.dropout(torch.relu(self.second(x)), 0.5 * drop, self.training)
        return self.out(x)


def history_probs(rng, pool, index):
    """What the histories of a training epoch hold: 70 % all emotions alike, 15 % mostly neutral, 15 % nothing but the clip's own emotion."""
    mode = rng.random(len(index))[:, None]
    p = np.where(mode < 0.3, [0.1, 0.1, 0.7, 0.1, 0.05], [1, 1, 1, 1, 0.5])
    return np.where(mode < 0.15, np.eye(5)[pool.slot[index]], p)


def clip_weights(pool, index):
    """Every corpus alike, within it every class alike; the sentences of ASED that give the label away weigh little."""
    w = np.zeros(len(index))
    share = {"ravdess": 1.0, "nemo": 1.0, "ased": 1.0, "emodb": 1.0, "baved": 0.5}
    for s in set(pool.set[index]):
        for c in range(-1, 4):
            here = (pool.set[index] == s) & (pool.label[index] == c)
            if here.any():
                v = np.where(pool.split[index] == "train_aux", 0.25, 1.0)[here]
                w[here] = share[s] * v / v.sum() * (0.6 if c < 0 and s != "baved" else 1)
    return w / w.mean()


def loss(out, y, a, w, smooth=0.05, arousal_weight=0.5):
    """Mean over the clips of cross-entropy of their class y and arousal a, each -1 where unknown, weighed by w."""
    f = torch.nn.functional
    w, y, a = torch.from_numpy(w.astype(np.float32)), torch.from_numpy(y), torch.from_numpy(a.astype(np.float32))
    ce = f.cross_entropy(out[:, :4], y.clamp(min=0), reduction="none", label_smoothing=smooth)
    be = f.binary_cross_entropy_with_logits(out[:, 4], a.clamp(min=0) * 0.9 + 0.05, reduction="none")
    return (w * (ce * (y >= 0) + arousal_weight * be * (a >= 0))).mean()


def train(pool, scaler, index, seed, epochs, drop=0.5, decay=1e-3, lr=1.5e-3, batch=256):
    """Train one network on the clips index. Every epoch sees each clip in one version with a new history."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    vs = range(len(pool.versions))
    z = [scaler(x) for x in pool.x]
    f = pool.x.shape[2]
    net = Net(2 * f + 1)
    opt = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=decay)
    w = clip_weights(pool, index)
    steps = epochs * (len(index) // batch + 1)
    plan = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: 0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * s / steps)))
    net.train()
    for _ in range(epochs):
        v = rng.choice(list(vs), len(index))
        seconds = np.where(rng.random(len(index)) < 0.35, 0, rng.uniform(2, P.FULL_S, len(index)))
        members, weight, kept = P.draw_history(rng, pool, index, history_probs(rng, pool, index), seconds)
        x = np.empty((len(index), 2 * f + 1), np.float32)
        for k in vs:
            here = np.flatnonzero(v == k)
            zz = z[k][index[here]].copy()
            mm, vv = P.normal(scaler, pool, k, members[here], weight[here])
            flat = rng.random(len(here)) < 0.3  # clips that someone has brought to one level
            mm[flat, P.LEVEL] = zz[flat, P.LEVEL]
            x[here] = inputs(zz, mm, vv, kept[here])
        y, a = pool.label[index], pool.arousal[index]
        order = rng.permutation(len(index))
        for at in range(0, len(order), batch):
            b = order[at : at + batch]
            lost = loss(net(torch.from_numpy(x[b]), drop), y[b], a[b], w[b])
            opt.zero_grad()
            lost.backward()
            opt.step()
            plan.step()
    net.eval()
    return net


def widen(net, width):
    """net over functionals alone, as one that sees learned functionals, too, and pays no heed to them; width: of all values."""
    wide = Net(2 * width + 1, net.first.out_features, net.second.out_features)
    w = torch.zeros_like(wide.first.weight)
    old, n = net.first.weight.data, P.HAND
    w[:, :n], w[:, width : width + n], w[:, 2 * width] = old[:, :n], old[:, n : 2 * n], old[:, 2 * n]
    wide.load_state_dict({**net.state_dict(), "first.weight": w})
    wide.eval()
    return wide


def credit(aroused):
    """How much of its seconds a history counts for whose clips, heard alone, have that mean probability of high arousal: all of it up
    to a half. Nobody's normal is to be aroused."""
    return np.where(aroused <= 0.5, 1, 4 * aroused * (1 - aroused))


def logits(scaler, nets, pool, index, version, m=None, v=None, seconds=None):
    """Mean logits [len(index), 5] of the ensemble behind histories of mean m and variance v; m None: without."""
    z = scaler(pool.x[version])[index]
    if m is None:
        m, v, seconds = np.zeros_like(z), np.ones_like(z), np.zeros(len(z))
    x = inputs(z, m, v, seconds)
    deaf = np.isnan(pool.x[version][index][:, -1])  # too short to be heard
    f = z.shape[1]
    x[deaf, P.HAND : f] = x[deaf, f + P.HAND : 2 * f] = 0
    with torch.no_grad():
        return sum(net(torch.from_numpy(x)).numpy() for net in nets) / len(nets)


def predict(scaler, nets, pool, index, version, history, seed=0):
    """Mean logits [len(index), 5] of the ensemble; history: None, or (seconds, probs [len, 5])."""
    if history is None:
        return logits(scaler, nets, pool, index, version)
    rng = np.random.default_rng(seed)
    members, weight, kept = P.draw_history(rng, pool, index, history[1], np.full(len(index), history[0]))
    there = np.unique(members[weight > 0])
    alone = np.zeros(len(pool.rows))
    alone[there] = 1 / (1 + np.exp(-logits(scaler, nets, pool, there, version)[:, 4] / BELIEF))
    aroused = (weight * alone[members]).sum(1) / np.maximum(kept, 1e-6)
    return logits(scaler, nets, pool, index, version, *P.normal(scaler, pool, version, members, weight), kept * credit(aroused))
