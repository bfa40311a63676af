"""UAR, AUC of arousal, expected calibration error."""
import numpy as np


def uar(y, p):
    return float(np.mean([np.mean(p[y == c] == c) for c in np.unique(y)]))


def auc(high, score):
    order = np.argsort(score, kind="stable")
    s = score[order]
    ranks = np.empty(len(s))
    ranks[order] = np.arange(1, len(s) + 1)
    for v in np.unique(s[np.flatnonzero(np.diff(s) == 0)]) if len(s) > 1 else []:
        ranks[score == v] = ranks[score == v].mean()
    n1 = high.sum()
    return float((ranks[high].sum() - n1 * (n1 + 1) / 2) / (n1 * (~high).sum()))


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def ece(y, p, bins=10):
    conf, hit = p.max(1), p.argmax(1) == y
    out = 0.0
    for b in range(bins):
        here = (conf > b / bins) & (conf <= (b + 1) / bins)
        if here.any():
            out += here.mean() * abs(conf[here].mean() - hit[here].mean())
    return float(out)
