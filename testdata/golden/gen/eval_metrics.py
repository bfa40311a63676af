#!/usr/bin/env python3
"""Golden values of voiceprint/eval: verification metrics of drawn scores, computed with scikit-learn, scipy and plain numpy.

Run from the root of the repository, without arguments. ROC points come from sklearn.metrics.roc_curve, the recalibration behind
minCllr from sklearn.isotonic.IsotonicRegression, the convex hull from scipy.spatial.ConvexHull, probits from scipy.stats.norm;
the rest is numpy over every threshold. Nothing here shares a line of thought with the Go code, which pools integer counts.
"""
import hashlib
import json
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # sums in one order, whatever the machine
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import scipy
import sklearn
from scipy.spatial import ConvexHull
from scipy.stats import norm
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import roc_curve

MADE = "2026-11-22"
OUT = "testdata/golden/eval"
COSTS = [(0.01, 1.0, 1.0), (0.05, 1.0, 1.0), (0.5, 1.0, 1.0), (0.001, 10.0, 1.0), (0.9, 1.0, 5.0)]
FMRS = [0.3, 0.1, 0.03, 0.01]


def gaussian(rng, targets, nontargets, mean_tar, mean_non, sd_tar=1.0, sd_non=1.0):
    s = np.concatenate([rng.normal(mean_tar, sd_tar, targets), rng.normal(mean_non, sd_non, nontargets)])
    y = np.concatenate([np.ones(targets, int), np.zeros(nontargets, int)])
    p = rng.permutation(len(s))
    return s[p], y[p]


def cases():
    """Yields (name, scores, labels). Scores are rounded to what JSON holds exactly in few digits: 6 decimals, less for ties."""
    def rng(k):
        return np.random.Generator(np.random.PCG64(20261122 + k))

    s, y = gaussian(rng(0), 300, 1500, 4.0, -4.0, 2.83, 2.83)
    yield "gaussian_llr", np.round(s, 6), y
    s, y = gaussian(rng(1), 200, 900, 1.0, 0.0)
    yield "many_ties", np.round(s, 1), y
    s, y = gaussian(rng(2), 150, 150, 1.2, 0.0, 0.4, 1.7)
    yield "unequal_spread", np.round(s, 6), y
    s, y = gaussian(rng(3), 250, 1200, 30.0, -12.0, 16.0, 16.0)
    yield "overconfident_llr", np.round(s, 6), y
    s, y = gaussian(rng(4), 120, 600, 9.0, -9.0)
    yield "separable", np.round(s, 6), y
    s, y = gaussian(rng(5), 100, 400, -1.5, 1.5)
    yield "mostly_reversed", np.round(s, 6), y
    s, y = gaussian(rng(6), 400, 400, 0.0, 0.0)
    yield "chance", np.round(s, 6), y
    s, y = gaussian(rng(7), 40, 300, 0.48, 0.22, 0.13, 0.1)
    yield "cosine", np.round(s, 4), y


def crossing(far, miss):
    """Where the path of (far, miss) points, far falling, meets far == miss; straight between points."""
    for i in range(1, len(far)):
        if miss[i] >= far[i]:
            d0, d1 = far[i - 1] - miss[i - 1], far[i] - miss[i]
            a = d0 / (d0 - d1)
            return miss[i - 1] + a * (miss[i] - miss[i - 1])
    raise AssertionError("no crossing")


def hull_eer(far, miss):
    """EER of the lower left hull, by cutting every edge of scipy's hull with the diagonal."""
    pts = np.unique(np.stack([np.append(far, 1.0), np.append(miss, 1.0)], 1), axis=0)  # (1, 1) closes the figure
    if min(far + miss) >= 1:  # never below the diagonal of chance: the hull is that diagonal
        return 0.5
    h = ConvexHull(pts)
    best = 1.0
    for a, b in pts[h.simplices]:
        da, db = a[0] - a[1], b[0] - b[1]
        if da == db:
            continue
        t = da / (da - db)
        if 0 <= t <= 1:
            best = min(best, a[0] + t * (b[0] - a[0]))
    return best


def softplus2(x):
    return np.logaddexp(0, x) / np.log(2)


def metrics(s, y):
    tar, non = s[y == 1], s[y == 0]
    fpr, tpr, thr = roc_curve(y, s, drop_intermediate=False)
    far, miss = fpr[::-1], 1 - tpr[::-1]  # from accept all to refuse all
    v = {"targets": len(tar), "nontargets": len(non), "eer": crossing(far, miss), "eer_hull": hull_eer(far, miss)}
    v["costs"] = [list(c) for c in COSTS]
    v["min_dcf"], v["act_dcf"] = [], []
    for p, cm, cf in COSTS:
        norm_by = min(p * cm, (1 - p) * cf)
        v["min_dcf"].append(float(np.min(p * cm * miss + (1 - p) * cf * far) / norm_by))
        t = np.log(cf * (1 - p) / (cm * p))
        v["act_dcf"].append(float((p * cm * np.mean(tar < t) + (1 - p) * cf * np.mean(non >= t)) / norm_by))
    v["cllr"] = float((np.mean(softplus2(-tar)) + np.mean(softplus2(non))) / 2)
    # Posterior by isotonic regression with each class at weight one half, then straight to the cost of the posteriors:
    # log2(1 + exp(-LLR)) of a target is -log2(posterior), of a nontarget -log2(1 - posterior).
    w = np.where(y == 1, 0.5 / len(tar), 0.5 / len(non))
    post = IsotonicRegression(y_min=0, y_max=1).fit_transform(s, y, sample_weight=w)
    with np.errstate(divide="ignore"):
        v["min_cllr"] = float((np.mean(-np.log2(post[y == 1])) + np.mean(-np.log2(1 - post[y == 0]))) / 2)
    v["fmrs"] = FMRS
    v["fnmr_at_fmr"] = [float(np.min(miss[far <= f + 1e-15])) for f in FMRS]
    inner = [i for i in range(len(far)) if 0 < far[i] < 1 and 0 < miss[i] < 1]  # elsewhere a probit is infinite
    at = [inner[int(k)] for k in np.linspace(0, len(inner) - 1, min(len(inner), 25))]
    v["roc"] = [[float(far[i]), float(miss[i])] for i in at]
    v["det"] = [[float(norm.ppf(far[i])), float(norm.ppf(miss[i]))] for i in at]
    v["scores"] = [float(x) for x in s]
    v["labels"] = "".join(map(str, y))
    return v


def main():
    os.makedirs(OUT, exist_ok=True)
    for name, s, y in cases():
        v = metrics(s, y)
        text = json.dumps([v["scores"], v["labels"]])
        doc = {
            "what": "speaker verification metrics of drawn scores",
            "tool": f"scikit-learn {sklearn.__version__}, scipy {scipy.__version__}, numpy {np.__version__}",
            "command": "testdata/golden/gen/eval_metrics.py",
            "options": {"case": name},
            "input": "values.scores and values.labels",
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
            "made": MADE,
            "abs_tol": 1e-9,
            "tol_why": "both sides sum in float64; rates are ratios of the same whole numbers",
            "values": v,
        }
        with open(f"{OUT}/{name}.json", "w") as f:
            f.write("{\n" + ",\n".join(f" {json.dumps(k)}: {json.dumps(x)}" for k, x in doc.items()) + "\n}\n")


if __name__ == "__main__":
    main()
