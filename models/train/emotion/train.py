#!/usr/bin/env python3
"""Train the shipped ensemble, or the folds that say what it is worth.

    train.py ship  --state DIR --features NAMES --model DIR --created DATE [--sets a,b] [--members K]
    train.py folds --state DIR --out FILE [--members K]

NAMES is the output of `lld names`. ship trains on the train splits of --sets and writes the weights; the temperatures come from
speakers held out in turn. folds trains for each fold of the protocol anew and writes the logits of the clips held out.
"""
import argparse
import json

import numpy as np
import torch

import measure
import mlp
import pool as P
from artefact import write

TRAIN = ["train", "train_aux", "train_arousal"]
EPOCHS = 20
VERSIONS = ["phone", "wide", "line1", "gsm", "opus", "line2"]


def history(index, seconds=60.0):
    return seconds, np.ones((len(index), 5)) * [1, 1, 1, 1, 0.3]


def ensemble(pool, index, members, seed=0, **options):
    return [mlp.train(pool, index, seed + k, **options) for k in range(members)]


def held_out(pool, index, folds):
    """Split the speakers of each corpus in index into folds; yields (train, test)."""
    for f in range(folds):
        out = set()
        for s in sorted(set(pool.set[index])):
            names = sorted(set(pool.speaker[index][pool.set[index] == s]))
            out |= set(names[f::folds])
        test = np.isin(pool.speaker[index], list(out))
        yield index[~test], index[test]


def best_temperature(loss):
    grid = np.exp(np.linspace(np.log(0.4), np.log(3), 60))
    return float(grid[np.argmin([loss(t) for t in grid])])


def fit(pool, test, none, known):
    """Temperatures of logits without and with history: ((classes, arousal), (classes, arousal)), every corpus weighing the same."""
    y, a = pool.label[test], pool.arousal[test]
    w = mlp.clip_weights(pool, test)
    w[pool.split[test] == "train_aux"] = 0
    out = []
    for logits in (none, known):

        def classes(t):
            p = measure.softmax(logits[:, :4] / t)
            k = y >= 0
            return -(w[k] * np.log(p[k, y[k]] + 1e-9)).sum()

        def arousal(t):
            k = a >= 0
            s = 1 / (1 + np.exp(-logits[k, 4] / t))
            return -(w[k] * np.log(np.where(a[k] == 1, s, 1 - s) + 1e-9)).sum()

        out.append((best_temperature(classes), best_temperature(arousal)))
    return out


def temperatures(pool, index, nets, folds, **options):
    """[[classes without, with history], [arousal without, with]]: the geometric mean of what fits speakers held out in turn, of corpora
    that training saw, and what fits the unseen corpus, where there is one: of the two, one is too sure and one too shy."""
    parts = [(t, *judged(pool, ensemble(pool, train, 1, 100, **options), t)) for train, t in held_out(pool, index, folds)]
    fits = [fit(pool, *(np.concatenate(p) for p in zip(*parts)))]
    unseen = np.flatnonzero((pool.split == "dev") & ~np.isin(np.arange(len(pool.rows)), index))
    if len(unseen):
        fits.append(fit(pool, unseen, *judged(pool, nets, unseen)))
    print("temperatures of held-out speakers and of the unseen corpus", fits, flush=True)
    none, known = np.exp(np.mean(np.log(fits), 0))
    # the scorer goes from the first to the second with r, which 60 s of history do not quite bring to 1
    r = P.FULL_S / (P.FULL_S + mlp.KAPPA)
    return [[float(n), float(max(n + (k - n) / r, 0.1))] for n, k in zip(none, known)]


def judged(pool, nets, test):
    """Logits of the clips test without and with history."""
    return mlp.predict(nets, pool, test, 0, None), mlp.predict(nets, pool, test, 0, history(test))


def ship(a):
    pool = P.Pool(a.state, VERSIONS)
    sets = a.sets.split(",")
    splits = TRAIN + (["dev"] if "emodb" in sets else [])
    index = np.flatnonzero(np.isin(pool.split, splits) & np.isin(pool.set, sets))
    nets = ensemble(pool, index, a.members, epochs=EPOCHS)
    t = temperatures(pool, index, nets, a.folds, epochs=EPOCHS)
    print("temperatures", t, flush=True)
    with open(a.features) as f:
        feature_set = f.readline().strip()
    write(a.model, nets, t, feature_set, a.created, sets, a.summary)


def protocol(pool):
    """The folds: (name, train, test). Speakers are in one of both; test_in speakers are test speakers here as all others are."""
    known = np.flatnonzero(pool.split != "dev")
    of = lambda s: (pool.set == s) & (pool.label >= 0) & (pool.split != "train_aux")  # noqa: E731
    for corpus, groups in (("ravdess", 6), ("nemo", 9), ("ased", 5)):
        names = sorted(set(pool.speaker[pool.set == corpus]))
        size = -(-len(names) // groups)
        for g in range(0, len(names), size):
            out = np.isin(pool.speaker, names[g : g + size])
            yield corpus, known[~out[known]], np.flatnonzero(out & of(corpus))
    everything = np.arange(len(pool.rows))
    for corpus in ("ravdess", "nemo", "ased", "emodb"):
        yield "unseen " + corpus, everything[pool.set != corpus], np.flatnonzero(of(corpus))


def folds(a):
    pool = P.Pool(a.state, VERSIONS[:1] + VERSIONS[2:3])  # two of the copies: half the time of six, and a network is one of six
    parts = {}
    for name, train, test in protocol(pool):
        if a.only and name not in a.only.split(","):
            continue
        nets = ensemble(pool, train, a.members, epochs=EPOCHS)
        parts.setdefault(name, []).append((test, *judged(pool, nets, test)))
        print(name, len(test), flush=True)
    table(pool, parts, a.out)


def interval(pool, index, figure, replicates=500):
    """95 % interval of figure(rows), speakers drawn with all their clips."""
    rng = np.random.default_rng(1)
    rows = {s: np.flatnonzero(pool.speaker[index] == s) for s in sorted(set(pool.speaker[index]))}
    names = list(rows)
    got = [figure(np.concatenate([rows[names[k]] for k in rng.integers(len(names), size=len(names))])) for _ in range(replicates)]
    return [round(float(v), 3) for v in np.nanquantile(got, [0.025, 0.975])]


def table(pool, parts, out):
    result = {}
    for name, folds_ in parts.items():
        index = np.concatenate([f[0] for f in folds_])
        y, high = pool.label[index], pool.arousal[index] == 1
        row = {"n": len(index), "speakers": len(set(pool.speaker[index]))}
        for which, k in (("none", 1), ("history", 2)):
            logits = np.concatenate([f[k] for f in folds_])
            p = measure.softmax(logits[:, :4])
            row[which] = {
                "uar": round(measure.uar(y, p.argmax(1)), 3),
                "uar_ci": interval(pool, index, lambda r: measure.uar(y[r], p[r].argmax(1))),
                "auc_arousal": round(measure.auc(high, logits[:, 4]), 3),
                "ece": round(measure.ece(y, p), 3),
            }
        result[name] = row
        print(f"{name:16s} {row['n']:5d} clips  none {row['none']['uar']:.3f} {row['none']['uar_ci']} AUC {row['none']['auc_arousal']:.3f}"
              f"  history {row['history']['uar']:.3f} {row['history']['uar_ci']} AUC {row['history']['auc_arousal']:.3f}", flush=True)
    with open(out, "w") as f:
        json.dump(result, f, indent=1)
        f.write("\n")


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("what", choices=["ship", "folds"])
    ap.add_argument("--state", required=True)
    ap.add_argument("--features")
    ap.add_argument("--model")
    ap.add_argument("--created")
    ap.add_argument("--summary", default="Probabilities of four expressed emotions, and arousal, of a segment of telephone speech.")
    ap.add_argument("--sets", default="ravdess,nemo,ased,baved")
    ap.add_argument("--members", type=int, default=6)
    ap.add_argument("--folds", type=int, default=4)
    ap.add_argument("--only", default="")
    ap.add_argument("--out")
    a = ap.parse_args()
    torch.set_num_threads(1)
    {"ship": ship, "folds": folds}[a.what](a)


if __name__ == "__main__":
    main()
