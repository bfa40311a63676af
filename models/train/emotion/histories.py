#!/usr/bin/env python3
"""What a speaker's history is worth: UAR of the shipped weights on the unseen corpus by length and mix of the history.

    histories.py --state DIR --model DIR [--set emodb]

The rows are those of the bare telephone band; each history is drawn five times. Then, for the RAVDESS speakers that training did not
see, what the shipped weights call each acted emotion by intensity: strong sadness is crying, strong anger shouting.
"""
import argparse
import os

import numpy as np
import torch

import artefact
import measure
import mlp
import pool as P
import trunk


class Shipped:
    """The model of a folder, over the bare telephone band of a state."""

    def __init__(self, state, folder):
        t, metadata = artefact.read(os.path.join(folder, "weights.safetensors"))
        tensors = lambda prefix: {k[len(prefix) :]: torch.from_numpy(v) for k, v in t.items() if k.startswith(prefix)}  # noqa: E731
        net = trunk.Trunk()
        net.load_state_dict(tensors("trunk."), strict=False)  # the file has no counters of batches
        net.eval()
        pool = P.Pool(state, ["phone"])
        self.pool = pool.phone(trunk.hear_all(net, trunk.Cepstra(state, ["phone"]), np.flatnonzero(pool.spoken), len(pool.rows)))
        self.scaler = P.Scaler.__new__(P.Scaler)
        self.scaler.mean, self.scaler.scale = t["norm.mean"], t["norm.scale"]
        self.nets = []
        for k in range(int(metadata["members"])):
            parts = tensors(f"member{k}.")
            member = mlp.Net(parts["first.weight"].shape[1], len(parts["first.bias"]), len(parts["second.bias"]))
            member.load_state_dict(parts)
            self.nets.append(member.eval())

    def predict(self, index, history, seed=0):
        return mlp.predict(self.scaler, self.nets, self.pool, index, 0, history, seed)


def mixes(pool, index):
    own = np.eye(5)[pool.slot[index]]
    even = np.ones((len(index), 5)) * [1, 1, 1, 1, 0]
    other = np.eye(5)[(pool.slot[index] + 1 + np.arange(len(index)) % 3) % 4]
    return {
        "balanced": even,
        "mostly neutral (7 of 10)": np.tile([0.1, 0.1, 0.7, 0.1, 0], (len(index), 1)),
        "skewed (3 of 4 of the own class)": 0.75 * own + 0.25 * even / 4,
        "own class only": own,
        "one other class only": other,
    }


def strong(model):
    pool = model.pool
    index = np.flatnonzero((pool.set == "ravdess") & (pool.split == "test_in") & pool.spoken)
    out = model.predict(index, (P.FULL_S, np.ones((len(index), 5))))
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
    model = Shipped(a.state, a.model)
    pool = model.pool
    index = np.flatnonzero((pool.set == a.set) & (pool.label >= 0) & pool.spoken)
    y, high = pool.label[index], pool.arousal[index] == 1
    print("| history | 0 s | 10 s | 30 s | 60 s | angry recall at 60 s |\n|---|---|---|---|---|---|")
    none = model.predict(index, None)
    for name, probs in mixes(pool, index).items():
        row, recall = [measure.uar(y, none[:, :4].argmax(1))], []
        for seconds in (10, 30, 60):
            got = []
            for seed in range(5):
                p = model.predict(index, (float(seconds), probs), seed)[:, :4].argmax(1)
                got.append(measure.uar(y, p))
                if seconds == 60:
                    recall.append(np.mean(p[y == 0] == 0))
            row.append(np.mean(got))
        print(f"| {name} | " + " | ".join(f"{v:.3f}" for v in row) + f" | {np.mean(recall):.3f} |")
    strong(model)
    print(f"\nangry recall without history {np.mean(none[y == 0, :4].argmax(1) == 0):.3f}; arousal AUC {measure.auc(high, none[:, 4]):.3f}")


if __name__ == "__main__":
    main()
