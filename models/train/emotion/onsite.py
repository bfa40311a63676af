"""What labelled clips of a site's own are worth to the model that training never showed that site: the folds whose corpus was held out stand for sites.

    onsite.py --state DIR --folds FILE

Half of a corpus's speakers give 50, 100 or 200 labelled clips, drawn anyhow; scale and offsets are fitted to them as `timbre calibrate emotion`
does (sentiment/eval), and judged on the other half. Mean of 20 draws. Beside it what would be had if every speaker's own shift were known:
the mean of the logits over that speaker's classes taken off, with all labels.
"""
import argparse

import numpy as np
from scipy.optimize import minimize

import measure
import pool as P
import train

CLIPS, DRAWS = (50, 100, 200), 20
OFFSET_PENALTY, SCALE_PENALTY = 1.0, 4.0  # as in sentiment/eval


def fit(logits, y):
    """Scale and offsets [1+4] for centred logits: penalised cross-entropy, every class weighing the same."""
    n = np.bincount(y, minlength=4)
    w = len(y) / (n > 0).sum() / n[y]

    def loss(x):
        z = x[0] * logits + x[1:]
        p = measure.softmax(z)
        value = -(w * np.log(p[np.arange(len(y)), y] + 1e-12)).sum() + SCALE_PENALTY / 2 * (x[0] - 1) ** 2 + OFFSET_PENALTY / 2 * (x[1:] ** 2).sum()
        g = p.copy()
        g[np.arange(len(y)), y] -= 1
        g *= w[:, None]
        return value, np.concatenate([[(g * logits).sum() + SCALE_PENALTY * (x[0] - 1)], g.sum(0) + OFFSET_PENALTY * x[1:]])

    return minimize(loss, np.array([1.0, 0, 0, 0, 0]), jac=True, method="L-BFGS-B").x


def figures(y, logits):
    return measure.uar(y, logits.argmax(1)), measure.ece(y, measure.softmax(logits))


def known_shift(logits, y, speaker):
    """UAR where the mean of each speaker's classes is taken off."""
    out = logits.copy()
    for s in set(speaker):
        here = speaker == s
        out[here] -= np.mean([logits[here & (y == c)].mean(0) for c in set(y[here])], 0)
    return measure.uar(y, out.argmax(1))


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--state", required=True)
    ap.add_argument("--folds", required=True)
    a = ap.parse_args()
    pool = P.Pool(a.state, train.VERSIONS[:1])
    with np.load(a.folds) as f:
        parts = {k[: -len(" clips")]: (f[k], f[k[: -len("clips")] + "none"], f[k[: -len("clips")] + "history"]) for k in f.files if k.endswith(" clips")}
    t = train.temperatures(pool, parts)[0]
    for name, (index, none, known) in sorted(parts.items()):
        for corpus in sorted(set(pool.set[index])):
            here = np.flatnonzero(pool.set[index] == corpus)
            y, speaker = pool.label[index[here]], pool.speaker[index[here]]
            names = sorted(set(speaker))
            for which, logits, at in (("without", none, t[0]), ("with history", known, t[1])):
                z = logits[here][:, :4] / at
                z = z - z.mean(1, keepdims=True)
                print(f"{name:15s} {corpus:8s} {which:12s} every speaker's shift known {known_shift(z, y, speaker):.3f}", end="", flush=True)
                for clips in CLIPS if name != "speakers" else ():
                    got = []
                    for draw in range(DRAWS):
                        rng = np.random.default_rng(draw)
                        mine = np.isin(speaker, rng.permutation(names)[: len(names) // 2])
                        own = np.flatnonzero(mine)
                        own = rng.choice(own, min(clips, len(own)), replace=False)
                        x = fit(z[own], y[own])
                        got.append((*figures(y[~mine], z[~mine]), *figures(y[~mine], x[0] * z[~mine] + x[1:])))
                    own_uar, own_ece, uar, ece = np.mean(got, 0)
                    print(f"  {clips} clips: UAR {own_uar:.3f} -> {uar:.3f}, ECE {own_ece:.3f} -> {ece:.3f}", end="", flush=True)
                print()


if __name__ == "__main__":
    main()
