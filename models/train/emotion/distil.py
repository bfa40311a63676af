"""What every trunk begins with: the rows of a published speech encoder (teach.py), given from a telephone line.

The encoder heard the speech as it is. The trunk hears it behind handset, room, background and companding, new each time, and learns to
give the same rows through one linear layer, which is then left off (knowledge distillation, Hinton et al. 2015; of speech encoders,
Chang et al. 2022). What a whole piece means counts beside its rows, since the learned functionals are its mean and spread.
"""
import os
import time

import numpy as np
import torch
from torch import nn

import calls  # noqa: F401  puts the speaker recipe on the path
import augment  # of the speaker recipe
import features  # of the speaker recipe
import net as tdnn  # of the speaker recipe
import trunk
from pools import Pool  # of the speaker recipe

ROW = 160  # samples of a row
ROWS, WIDTH = 400, 384  # of a segment, see teach.py
HEARD = 150  # rows of a segment in a training step
WHOLE = 2.0  # what the mean of a piece counts beside its rows


class Speech:
    """Segments and the encoder's rows of them, which are standardised; what stands at a row by its place in the segment alone is taken off."""

    def __init__(self, state):
        self.x = np.memmap(os.path.join(state, "speech.s16"), "<i2", "r").reshape(-1, ROWS * ROW)
        self.y = np.memmap(os.path.join(state, "speech.rows"), "<f2", "r").reshape(-1, ROWS, WIDTH)
        some = self.y[::25].astype(np.float32)
        self.mean, self.scale = some.mean((0, 1)), some.std((0, 1)) + 1e-3
        self.place = ((some - self.mean) / self.scale).mean(0)

    def piece(self, i, at):
        """HEARD rows of segment i from row at: their samples, at one level, and the rows."""
        x = self.x[i, at * ROW : (at + HEARD) * ROW].astype(np.float32) / 32768
        y = (self.y[i, at : at + HEARD].astype(np.float32) - self.mean) / self.scale - self.place[at : at + HEARD]
        return x / augment.rms(x), np.clip(y, -6, 6)


def batch(speech, noises, seed, step, size):
    """Cepstra [size, T, 40] of pieces behind lines, and the encoder's rows [size, T/2, WIDTH]."""
    xs, ys = [], []
    for k in range(size):
        rng = np.random.default_rng([seed, step, k])
        x, y = speech.piece(rng.integers(len(speech.x)), int(rng.integers(ROWS - HEARD)))
        if rng.random() < 0.85:
            x = augment.filtered(rng, x, 0.4)
        if rng.random() < 0.6:
            x = noises.background(rng, x)
        xs.append(augment.line(rng, x))
        ys.append(y)
    c = features.from_log_mel(features.log_mel(np.stack(xs)), "mfcc").astype(np.float32)
    return torch.from_numpy(c), torch.from_numpy(np.stack(ys)[:, : (c.shape[1] + 1) // 2])


def begin(state, speaker_state, steps=4000, size=48, seed=7):
    """Weights of a trunk that gives the encoder's rows. Made once, then read from state."""
    path = os.path.join(state, "begin.pt")
    if os.path.exists(path):
        return torch.load(path)
    torch.manual_seed(seed)
    speech = Speech(state)
    noises = augment.Noises(*(Pool(speaker_state, name) for name in ("noise", "music", "train")))
    t, out = trunk.Trunk(), nn.Linear(trunk.ROWS, WIDTH)
    tdnn.set_fast(t, True)
    opt = torch.optim.AdamW([*t.parameters(), *out.parameters()], lr=2e-3, weight_decay=1e-2)
    plan = torch.optim.lr_scheduler.OneCycleLR(opt, 2e-3, steps, pct_start=0.1)
    total, began = 0.0, time.time()
    for step in range(steps):
        x, y = batch(speech, noises, seed, step, size)
        off = out(t.rows(x)) - y
        each = (off**2).mean()
        lost = each + WHOLE * (off.mean(1) ** 2).mean()
        opt.zero_grad()
        lost.backward()
        opt.step()
        plan.step()
        total += each.item()
        if (step + 1) % 50 == 0:
            print(f"rows: step {step + 1}, {total / 50:.3f} of their variance left, {time.time() - began:.0f} s", flush=True)
            total = 0.0
    torch.save(t.state_dict(), path + ".tmp")
    os.replace(path + ".tmp", path)
    return t.state_dict()
