"""Train the shipped ensemble, or the folds that say what it is worth and calibrate it.

    train.py folds --state DIR --speaker DIR --out FILE [--only NAME,...]
    train.py ship  --state DIR --speaker DIR --features NAMES --folds FILE --model DIR --created DATE [--sets a,b]
    train.py plain --state DIR --features NAMES --temperatures C,A --model DIR --created DATE [--sets a,b]

--speaker is the state of the speaker recipe, NAMES the output of `lld names`. folds trains for each fold of the protocol as ship does and writes the logits of the clips held
out. ship trains on the train splits of --sets and writes the weights; its temperatures are what fits the folds. plain makes a model without a trunk, whose
temperatures are C for the classes and A for arousal: for sets too small to tell.
"""
import argparse
import json

import numpy as np
import torch

import distil
import measure
import mlp
import pool as P
import trunk
from artefact import write

TRAIN = ["train", "train_aux", "train_arousal"]
VERSIONS = ["phone", "wide", "line1", "gsm", "opus", "line2"]
SPEAKER_FOLDS = 6
STEPS = 1100  # of the trunk
PLAIN, EPOCHS = 2, 20  # networks over the functionals alone, beside the heads of the trunk
ALONE = 4  # of them, where there is no trunk


class Ensemble:
    """A trunk and the networks behind it, trained on the clips index of pool."""

    def __init__(self, pool, cepstra, begin, index, seed=50):
        self.pool, self.cepstra = pool, cepstra
        self.trunk, heads, scaler, moving = trunk.train(pool, cepstra, index, seed, begin, STEPS)
        self.scaler = scaler.with_learned(moving.mean.numpy(), moving.scale.numpy())
        self.nets = heads + [mlp.widen(n, len(self.scaler.mean)) for n in plain_nets(pool, scaler, index, seed, PLAIN)]

    def judged(self, test):
        """Logits of the clips test without and with history, over the bare telephone band."""
        speakers = np.flatnonzero(np.isin(self.pool.speaker, self.pool.speaker[test]))
        heard = trunk.hear_all(self.trunk, self.cepstra, speakers, len(self.pool.rows))
        pool = self.pool.phone(heard)
        return [mlp.predict(self.scaler, self.nets, pool, test, 0, h) for h in (None, history(test))]


class Plain:
    """Networks over the functionals alone, trained on the clips index of pool."""

    def __init__(self, pool, index, seed=0):
        self.trunk, self.scaler = None, P.Scaler(np.concatenate([x[index] for x in pool.x]), np.tile(pool.set[index], len(pool.x)))
        self.nets = plain_nets(pool, self.scaler, index, seed, ALONE)


def plain_nets(pool, scaler, index, seed, count):
    return [mlp.train(pool, scaler, index, seed + k, EPOCHS) for k in range(count)]


def history(index, seconds=60.0):
    return seconds, np.ones((len(index), 5)) * [1, 1, 1, 1, 0.3]


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


def temperatures(pool, parts):
    """[[classes without, with history], [arousal without, with]]: the geometric mean of what fits speakers held out, of corpora that
    training saw, and what fits the unseen corpus of parts (the folds): no one temperature fits both."""
    fits = [fit(pool, *parts[name]) for name in ("speakers", "unseen emodb")]
    print("temperatures of held-out speakers and of the unseen corpus", fits, flush=True)
    none, known = np.exp(np.mean(np.log(fits), 0))
    # the scorer goes from the first to the second with r, which 60 s of history do not quite bring to 1
    r = P.FULL_S / (P.FULL_S + mlp.KAPPA)
    return [[float(n), float(max(n + (k - n) / r, 0.1))] for n, k in zip(none, known)]


def clips_of(a):
    """The pool, the sets that are asked for and their clips to train on."""
    pool, sets = P.Pool(a.state, VERSIONS), a.sets.split(",")
    splits = TRAIN + (["dev"] if "emodb" in sets else [])
    return pool, sets, np.flatnonzero(np.isin(pool.split, splits) & np.isin(pool.set, sets))


def feature_set(a):
    with open(a.features) as f:
        return f.readline().strip()


def plain(a):
    pool, sets, index = clips_of(a)
    temperatures = [[float(t)] * 2 for t in a.temperatures.split(",")]
    write(a.model, Plain(pool, index), temperatures, feature_set(a), a.created, sets, a.summary)


def ship(a):
    pool, sets, index = clips_of(a)
    with np.load(a.folds) as f:
        t = temperatures(pool, {name: (f[name + " clips"], f[name + " none"], f[name + " history"]) for name in ("speakers", "unseen emodb")})
    print("temperatures", t, flush=True)
    e = Ensemble(pool, trunk.Cepstra(a.state, VERSIONS), distil.begin(a.state, a.speaker), index)
    write(a.model, e, t, feature_set(a), a.created, sets, a.summary)


def protocol(pool):
    """The folds: (name, train, test). Persons are in one of both, and what is tested is as it was spoken; test_in speakers are test
    speakers here as all others are. The speakers of RAVDESS, nEMO and ASED are held out together, a sixth of each at a time; then
    each corpus as a whole."""
    known = np.flatnonzero(pool.split != "dev")
    judged = (pool.label >= 0) & (pool.split != "train_aux") & pool.spoken
    for f in range(SPEAKER_FOLDS):
        names = [s for corpus in ("ravdess", "nemo", "ased") for s in sorted(set(pool.person[pool.set == corpus]))[f::SPEAKER_FOLDS]]
        out = np.isin(pool.person, names)
        yield "speakers", known[~out[known]], np.flatnonzero(out & judged)
    everything = np.arange(len(pool.rows))
    for corpus in ("emodb", "ravdess", "nemo", "ased"):
        yield "unseen " + corpus, everything[pool.set != corpus], np.flatnonzero((pool.set == corpus) & judged)


def folds(a):
    pool = P.Pool(a.state, VERSIONS)
    cepstra, begin = trunk.Cepstra(a.state, VERSIONS), distil.begin(a.state, a.speaker)
    parts = {}
    for name, train, test in protocol(pool):
        if a.only and name not in a.only.split(","):
            continue
        parts.setdefault(name, []).append((test, *Ensemble(pool, cepstra, begin, train).judged(test)))
        print(name, len(test), flush=True)
    whole = {name: [np.concatenate(v) for v in zip(*p)] for name, p in parts.items()}
    np.savez(a.out + ".npz", **{f"{name} {what}": v for name, p in whole.items() for what, v in zip(("clips", "none", "history"), p)})
    table(pool, whole, a.out)


def interval(pool, index, figure, replicates=500):
    """95 % interval of figure(rows), speakers drawn with all their clips."""
    rng = np.random.default_rng(1)
    rows = {s: np.flatnonzero(pool.speaker[index] == s) for s in sorted(set(pool.speaker[index]))}
    names = list(rows)
    got = [figure(np.concatenate([rows[names[k]] for k in rng.integers(len(names), size=len(names))])) for _ in range(replicates)]
    return [round(float(v), 3) for v in np.nanquantile(got, [0.025, 0.975])]


def table(pool, whole, out):
    """The table of the folds: held-out speakers corpus by corpus, then each unseen corpus; classes calibrated by temperatures."""
    t = temperatures(pool, whole) if {"speakers", "unseen emodb"} <= set(whole) else [[1, 1], [1, 1]]
    rows = {name: v for name, v in whole.items() if name != "speakers"}
    if "speakers" in whole:
        index, none, known = whole["speakers"]
        for corpus in ("ravdess", "nemo", "ased"):
            here = pool.set[index] == corpus
            rows[corpus + ", by speaker"] = index[here], none[here], known[here]
    result = {}
    for name, (index, none, known) in sorted(rows.items()):
        y, high = pool.label[index], pool.arousal[index] == 1
        row = {"n": len(index), "speakers": len(set(pool.speaker[index]))}
        for which, logits, at in (("none", none, 0), ("history", known, 1)):
            p = measure.softmax(logits[:, :4] / t[0][at])
            row[which] = {
                "uar": round(measure.uar(y, p.argmax(1)), 3),
                "uar_ci": interval(pool, index, lambda r: measure.uar(y[r], p[r].argmax(1))),
                "auc_arousal": round(measure.auc(high, logits[:, 4]), 3),
                "ece": round(measure.ece(y, p), 3),
            }
        result[name] = row
        print(f"{name:20s} {row['n']:5d} clips  none {row['none']['uar']:.3f} {row['none']['uar_ci']} AUC {row['none']['auc_arousal']:.3f} ECE {row['none']['ece']:.3f}"
              f"  history {row['history']['uar']:.3f} {row['history']['uar_ci']} AUC {row['history']['auc_arousal']:.3f} ECE {row['history']['ece']:.3f}", flush=True)
    with open(out, "w") as f:
        json.dump(result, f, indent=1)
        f.write("\n")


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("what", choices=["ship", "plain", "folds"])
    ap.add_argument("--state", required=True)
    ap.add_argument("--speaker")
    ap.add_argument("--features")
    ap.add_argument("--model")
    ap.add_argument("--created")
    ap.add_argument("--summary", default="Probabilities of four expressed emotions, and arousal, of a segment of telephone speech.")
    ap.add_argument("--sets", default="ravdess,nemo,ased,baved")
    ap.add_argument("--folds")
    ap.add_argument("--temperatures")
    ap.add_argument("--only", default="")
    ap.add_argument("--out")
    a = ap.parse_args()
    torch.set_num_threads(1)
    {"ship": ship, "plain": plain, "folds": folds}[a.what](a)


if __name__ == "__main__":
    main()
