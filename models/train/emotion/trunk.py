"""The trunk that learns functionals: the lower part of the speaker recipe's TDNN over cepstra, pooled to mean and spread of each output.

It begins with what distil.py makes and is trained together with heads that see the functionals and the learned ones, each against the
population and against a history of the speaker's other clips. What a history says of the learned ones comes from a store of what the trunk
last made of each clip. Networks that are trained afterwards on what the trunk has learned believe it too readily: they do worse on
speakers held out.
"""
import os
import time

import numpy as np
import torch
from torch import nn

import calls  # noqa: F401  puts the speaker recipe on the path
import mlp
import net as tdnn  # of the speaker recipe
import pool as P

CEPSTRA = 40
ROWS = 128  # numbers per output row; the learned functionals are their means, then their standard deviations
DILATIONS = (1, 2, 3, 4)
PIECE, LEAST = 300, 50  # frames heard at a time; see sentiment
CROP = 200  # frames of a clip in a training step
HEADS = 4
SHARES = {"ravdess": 1.0, "nemo": 1.2, "ased": 0.8, "baved": 0.5, "emodb": 0.6}  # of the clips of a step


class Cepstra:
    """The cepstra of every clip in each version, as lld writes them."""

    def __init__(self, state, versions):
        self.data, self.at = [], []
        for v in versions:
            path = os.path.join(state, v + ".cepstra")
            self.data.append(np.memmap(path, dtype="<f4", mode="r").reshape(-1, CEPSTRA))
            self.at.append(np.concatenate([[0], np.cumsum(np.loadtxt(path + ".index").astype(int))]))

    def clip(self, version, i):
        a, b = self.at[version][i], self.at[version][i + 1]
        return np.array(self.data[version][a:b])

    def crop(self, version, i, rng):
        """CROP frames of clip i from anywhere; a shorter clip again and again."""
        x = self.clip(version, i)
        if len(x) == 0:
            return np.zeros((CROP, CEPSTRA), np.float32)
        x = np.concatenate([x] * -(-CROP // len(x)))
        at = rng.integers(len(x) - CROP + 1)
        x = x[at : at + CROP]
        return x - x.mean(0)


class Trunk(nn.Module):
    def __init__(self, c=256):
        super().__init__()
        self.first, self.first_norm = tdnn.Conv(CEPSTRA, c, 5, stride=2), tdnn.Norm(c)
        self.blocks = nn.ModuleList(tdnn.Block(c, d) for d in DILATIONS)
        self.join, self.join_norm = tdnn.Conv(c * len(DILATIONS), ROWS), tdnn.Norm(ROWS)

    def rows(self, x):
        """[B, T, 40] -> [B, T/2, ROWS]"""
        x = torch.relu(self.first_norm(self.first(x)))
        kept = []
        for block in self.blocks:
            x = block(x)
            kept.append(x)
        return torch.relu(self.join_norm(self.join(torch.cat(kept, -1))))

    def forward(self, x):
        return pooled(self.rows(x))


def pooled(rows):
    mean = rows.mean(1)
    return torch.cat([mean, torch.sqrt(((rows - mean.unsqueeze(1)) ** 2).mean(1) + 1e-5)], -1)


def hear(trunk, cepstra, version, clips):
    """Learned functionals [len(clips), 2*ROWS] of whole clips, piece by piece; NaN of what is too short."""
    out = np.full((len(clips), 2 * ROWS), np.nan, np.float32)
    with torch.no_grad():
        for k, i in enumerate(clips):
            x, parts = cepstra.clip(version, i), []
            whole = len(x) // PIECE * PIECE
            for at in [*range(0, whole, PIECE)] + ([whole] if len(x) - whole >= LEAST else []):
                piece = x[at : at + PIECE]
                parts.append(trunk.rows(torch.from_numpy(piece - piece.mean(0))[None]))
            if parts:
                out[k] = pooled(torch.cat(parts, 1))[0].numpy()
    return out


def hear_all(trunk, cepstra, clips, n):
    """Learned functionals [n, 2*ROWS] of clips over the first version, the bare telephone band; NaN of all others."""
    out = np.full((n, 2 * ROWS), np.nan, np.float32)
    out[clips] = hear(trunk, cepstra, 0, clips)
    return out


class Moving:
    """Mean and scale of the learned functionals while they are learned."""

    def __init__(self):
        self.mean, self.scale, self.steps = torch.zeros(2 * ROWS), torch.ones(2 * ROWS), 0

    def follow(self, u):
        g = 0.05 if self.steps else 1.0
        self.mean = self.mean * (1 - g) + g * u.mean(0)
        self.scale = self.scale * (1 - g) + g * (u.std(0) + 1e-4)
        self.steps += 1

    def __call__(self, u):
        return torch.clamp((u - self.mean) / self.scale, -4, 4)


def views(z, m, v, seconds):
    """The learned functionals against the population and against the speaker, as mlp.inputs has them."""
    r, q = (seconds / (seconds + mlp.KAPPA))[:, None], (seconds / (seconds + mlp.KAPPA_SPREAD))[:, None]
    return z, torch.clamp((z - r * m) / torch.sqrt(1 - q + q * v), -4, 4)


class Store:
    """What the trunk last made of each clip in each version, and what histories say by it."""

    def __init__(self, versions, clips):
        self.u = np.zeros((versions, clips, 2 * ROWS), np.float32)
        self.known = np.zeros((versions, clips), np.float32)

    def put(self, version, clips, u):
        self.u[version][clips], self.known[version][clips] = u, 1

    def normal(self, version, members, weight, moving):
        """Mean, variance and seconds of the histories, standardised; 0, 1 and 0 where nothing is known yet."""
        w = weight * self.known[version][members]
        total = w.sum(1)
        u, some = self.u[version][members], np.maximum(total, 1e-6)[:, None]
        m = (w[:, :, None] * u).sum(1) / some
        v = np.maximum((w[:, :, None] * u * u).sum(1) / some - m**2, 0)
        there = torch.from_numpy(total > 1)[:, None]
        m = torch.where(there, moving(torch.from_numpy(m.astype(np.float32))), torch.zeros(()))
        v = torch.where(there, (torch.from_numpy(v.astype(np.float32)) / moving.scale**2).clamp(max=16), torch.ones(()))
        return m, v, torch.from_numpy(np.where(total > 1, total, 0).astype(np.float32))


def draw_weights(pool, index):
    """How likely each clip is drawn, and what its loss then counts: corpora by SHARES, within each every class alike."""
    p = np.zeros(len(index))
    for s in set(pool.set[index]):
        here = pool.set[index] == s
        q = np.where(pool.split[index][here] == "train_aux", 0.25, 1.0)
        p[here] = SHARES[s] * q / q.sum()
    p /= p.sum()
    w = mlp.clip_weights(pool, index) / (p * len(index))
    return p, w / np.average(w, weights=p)


def train(pool, cepstra, index, seed, begin, steps, batch=96, lr=2e-4, decay=1e-2, drop=0.4, hide=0.15, log=100):
    """Train trunk, from the weights begin, and heads on the clips index; returns (trunk, heads, scaler of functionals, Moving of the learned)."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    trunk = Trunk()
    trunk.load_state_dict(begin)
    tdnn.set_fast(trunk, True)
    trunk.train()
    versions, nf = len(pool.x), pool.x.shape[2]
    scaler = P.Scaler(np.concatenate([x[index] for x in pool.x]), np.tile(pool.set[index], versions))
    z = [scaler(x) for x in pool.x]
    heads = nn.ModuleList(mlp.Net(2 * (nf + 2 * ROWS) + 1) for _ in range(HEADS))
    p, w = draw_weights(pool, index)
    opt = torch.optim.AdamW([{"params": trunk.parameters(), "lr": lr}, {"params": heads.parameters(), "lr": 1.5e-3}], weight_decay=decay)
    plan = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1, (s + 1) / 20) * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * s / steps))))
    store, moving = Store(versions, len(pool.rows)), Moving()
    total, began = 0.0, time.time()
    for step in range(steps):
        i, v = rng.choice(len(index), batch, p=p), int(rng.integers(versions))
        c = index[i]
        x = torch.from_numpy(np.stack([cepstra.crop(v, k, rng) for k in c]))
        for b in np.flatnonzero(rng.random(batch) < 0.5):  # a stretch is not heard
            at = rng.integers(CROP - 40)
            x[b, at : at + rng.integers(5, 40)] = 0
        u = trunk(x)
        with torch.no_grad():
            moving.follow(u)
        seconds = np.where(rng.random(batch) < 0.35, 0, rng.uniform(2, P.FULL_S, batch))
        members, weight, kept = P.draw_history(rng, pool, c, mlp.history_probs(rng, pool, c), seconds)
        raw, rel = views(moving(u), *store.normal(v, members, weight, moving))
        store.put(v, c, u.detach().numpy())
        m, s = P.normal(scaler, pool, v, members, weight)
        zz = z[v][c].copy()
        flat = rng.random(batch) < 0.3  # clips that someone has brought to one level
        m[flat, P.LEVEL] = zz[flat, P.LEVEL]
        xf = torch.from_numpy(mlp.inputs(zz, m, s, kept))
        which = torch.from_numpy(rng.random(batch).astype(np.float32))[:, None]
        seen, heard = (which >= hide).float(), (which < 1 - hide).float()  # now and then either kind alone
        xs = torch.cat([xf[:, :nf] * seen, raw * heard, xf[:, nf : 2 * nf] * seen, rel * heard, xf[:, 2 * nf :]], 1)
        lost = sum(mlp.loss(head(xs, drop), pool.label[c], pool.arousal[c], w[i]) for head in heads) / HEADS
        opt.zero_grad()
        lost.backward()
        opt.step()
        plan.step()
        total += float(lost.detach())
        if log and (step + 1) % log == 0:
            print(f"trunk: step {step + 1}, loss {total / log:.3f}, {time.time() - began:.0f} s", flush=True)
            total = 0.0
    trunk.eval()
    heads.eval()
    return trunk, list(heads), scaler, moving
