#!/usr/bin/env python3
"""What a speaker's history is worth: UAR of the shipped weights on the unseen corpus by length and mix of the history.

    histories.py --state DIR --model DIR [--set emodb]

The rows are those of the bare telephone band; each history is drawn five times. Then, for the RAVDESS speakers that training did not
see, what the shipped weights call each acted emotion by intensity: strong sadness is crying, strong anger shouting.
"""
import argparse
import json
import os
import struct

import numpy as np
import torch

import measure
import mlp
import pool as P


def load(folder):
    """The ensemble of weights.safetensors, as mlp.predict wants it, and its temperatures."""
    with open(os.path.join(folder, "weights.safetensors"), "rb") as f:
        data = f.read()
    (n,) = struct.unpack("<Q", data[:8])
    header, t = json.loads(data[8 : 8 + n]), {}
    members = int(header.pop("__metadata__")["members"])
    for name, v in header.items():
        a, b = v["data_offsets"]
        t[name] = np.frombuffer(data[8 + n + a : 8 + n + b], "<f4").reshape(v["shape"])
    scaler = P.Scaler.__new__(P.Scaler)
    scaler.mean, scaler.scale = t["norm.mean"], t["norm.scale"]
    nets = []
    for k in range(members):
        net = mlp.Net(t[f"member{k}.first.weight"].shape[1], len(t[f"member{k}.first.bias"]), len(t[f"member{k}.second.bias"]))
        net.load_state_dict({f"{layer}.{w}": torch.from_numpy(t[f"member{k}.{layer}.{w}"].copy()) for layer in ("first", "second", "out") for w in ("weight", "bias")})
        net.eval()
        nets.append((scaler, net))
    return nets, t["temperature"]


def mixes(pool, index):
    own = np.eye(5)[pool.slot[index]]
    even = np.ones((len(index), 5)) * [1, 1, 1, 1, 0]
    other = np.eye(5)[(pool.slot[index] + 1 + np.arange(len(index)) % 3) % 4]
    return {"balanced": even, "skewed (3 of 4 of the own class)": 0.75 * own + 0.25 * even / 4, "own class only": own, "one other class only": other}


def strong(pool, nets):
    index = np.flatnonzero((pool.set == "ravdess") & (pool.split == "test_in"))
    out = mlp.predict(nets, pool, index, 0, (P.FULL_S, np.ones((len(index), 5))))
    given = out[:, :4].argmax(1)
    word = np.array(["%s, %s" % (pool.rows[i]["label"], pool.rows[i]["intensity"]) for i in index])
    print("\n| acted | clips | angry | happy | neutral | sad | aroused |\n|---|---|---|---|---|---|---|")
    for w in sorted(set(word)):
        k = word == w
        shares = " | ".join(f"{np.mean(given[k] == c):.2f}" for c in range(4))
        print(f"| {w} | {k.sum()} | {shares} | {np.mean(out[k, 4] > 0):.2f} |")


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--state", required=True)
    ap.add_argument("--model", required=True)
    ap.add_argument("--set", default="emodb")
    a = ap.parse_args()
    torch.set_num_threads(1)
    pool = P.Pool(a.state, ["phone"])
    nets, _ = load(a.model)
    index = np.flatnonzero((pool.set == a.set) & (pool.label >= 0))
    y, high = pool.label[index], pool.arousal[index] == 1
    print("| history | 0 s | 10 s | 30 s | 60 s | angry recall at 60 s |\n|---|---|---|---|---|---|")
    none = mlp.predict(nets, pool, index, 0, None)
    for name, probs in mixes(pool, index).items():
        row, recall = [measure.uar(y, none[:, :4].argmax(1))], []
        for seconds in (10, 30, 60):
            got = []
            for seed in range(5):
                p = mlp.predict(nets, pool, index, 0, (float(seconds), probs), seed)[:, :4].argmax(1)
                got.append(measure.uar(y, p))
                if seconds == 60:
                    recall.append(np.mean(p[y == 0] == 0))
            row.append(np.mean(got))
        print(f"| {name} | " + " | ".join(f"{v:.3f}" for v in row) + f" | {np.mean(recall):.3f} |")
    strong(pool, nets)
    print(f"\nangry recall without history {np.mean(none[y == 0, :4].argmax(1) == 0):.3f}; arousal AUC {measure.auc(high, none[:, 4]):.3f}")


if __name__ == "__main__":
    main()
