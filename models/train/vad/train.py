#!/usr/bin/env python3
"""Train vad-gru-v1 on the shards of mix.py. One thread, seeded, resumable; the best weights on the tuning shards are kept.

    train.py --data DIR --out DIR [--minutes 25] [--seed 1]

OUT/last.pt is the running state (run again to go on), OUT/best.pt the checkpoint with the highest mean ROC-AUC of speech.
"""
import argparse
import glob
import math
import os
import time

import numpy as np
import torch

from net import DELAY, Net, params

CROP = 625  # steps, 10 s


def load(folder, use):
    feats, labels = [], []
    for path in sorted(glob.glob(os.path.join(folder, use + "_*.npz"))):
        with np.load(path) as z:
            feats.append(z["feats"])
            labels.append(z["labels"])
    return np.concatenate(feats), np.concatenate(labels)


def auc(p, y):
    """Area under the ROC curve by ranks."""
    order = np.argsort(p, kind="stable")
    rank = np.empty(len(p))
    rank[order] = np.arange(1, len(p) + 1)
    pos = int(y.sum())
    neg = len(y) - pos
    return (rank[y].sum() - pos * (pos + 1) / 2) / (pos * neg) if pos and neg else float("nan")


def shifted(labels):
    """Labels for an output that lags by DELAY steps; the first steps do not count."""
    out = np.full_like(labels, 255)
    out[:, DELAY:] = labels[:, : labels.shape[1] - DELAY]
    return out


def evaluate(net, feats, labels):
    net.eval()
    probs = []
    with torch.no_grad():
        for i in range(0, len(feats), 50):
            probs.append(torch.sigmoid(net(torch.from_numpy(feats[i : i + 50].astype(np.float32)))).numpy())
    net.train()
    p, y = np.concatenate(probs), shifted(labels)
    out = []
    for c in range(3):
        keep = y[..., c] != 255
        out.append(auc(p[..., c][keep], y[..., c][keep] == 1))
    return out


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--data", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--minutes", type=float, default=25, help="wall clock of the whole schedule")
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--conv", type=int, default=48)
    ap.add_argument("--hidden", type=int, default=64)
    ap.add_argument("--batch", type=int, default=64)
    ap.add_argument("--rate", type=float, default=3e-3)
    a = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    os.makedirs(a.out, exist_ok=True)
    feats, labels = load(a.data, "train")
    tune_x, tune_y = load(a.data, "tune")
    size = dict(conv=a.conv, hidden=a.hidden)
    net = Net(**size)
    flat = feats[::7].reshape(-1, feats.shape[-1]).astype(np.float32)
    net.mean.copy_(torch.from_numpy(flat.mean(axis=0)))
    net.scale.copy_(torch.from_numpy(1 / flat.std(axis=0)))
    del flat
    opt = torch.optim.AdamW(net.parameters(), lr=a.rate, weight_decay=1e-3)
    weight = torch.tensor([1.0, 0.4, 0.4])
    step, spent, best = 0, 0.0, 0.0
    last = os.path.join(a.out, "last.pt")
    if os.path.exists(last):
        ck = torch.load(last)
        net.load_state_dict(ck["net"])
        opt.load_state_dict(ck["opt"])
        step, spent, best = ck["step"], ck["spent"], ck["best"]
    print("%d parameters, %d sequences, at step %d" % (params(net), len(feats), step), flush=True)
    budget = a.minutes * 60
    start = time.monotonic() - spent
    loss_sum = seen = 0
    while time.monotonic() - start < budget:
        done = (time.monotonic() - start) / budget
        for g in opt.param_groups:
            g["lr"] = a.rate * min(1, (step + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
        rng = np.random.default_rng([a.seed, step])
        rows = rng.integers(len(feats), size=a.batch)
        at = int(rng.integers(feats.shape[1] - CROP + 1))
        x = feats[rows, at : at + CROP].astype(np.float32)
        x += rng.uniform(-2.5, 2.5, (a.batch, 1, 1)).astype(np.float32)  # level, +-11 dB; floored as the front end floors
        x = np.maximum(x, -12.02)
        y = shifted(labels[rows, at : at + CROP])
        z = net(torch.from_numpy(x))
        t = torch.from_numpy((y == 1).astype(np.float32))
        keep = torch.from_numpy((y != 255).astype(np.float32))
        loss = (torch.nn.functional.binary_cross_entropy_with_logits(z, t, reduction="none") * keep * weight).sum() / keep.sum()
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step()
        step += 1
        loss_sum += float(loss)
        seen += 1
        if step % 100 == 0:
            scores = evaluate(net, tune_x, tune_y)
            spent = time.monotonic() - start
            print("step %d  %.0f s  loss %.4f  tune AUC speech %.4f music %.4f noise %.4f" % (step, spent, loss_sum / seen, *scores), flush=True)
            loss_sum = seen = 0
            if scores[0] > best:
                best = scores[0]
                save(os.path.join(a.out, "best.pt"), dict(size=size, net=net.state_dict(), step=step, auc=scores))
            save(last, dict(net=net.state_dict(), opt=opt.state_dict(), step=step, spent=spent, best=best))


def save(path, what):
    torch.save(what, path + ".new")
    os.rename(path + ".new", path)


if __name__ == "__main__":
    main()
