"""Judge a network on the dev trial lists by plain cosine: EER and minDCF(0.01) per list. Thresholds, score normalisation and
calibration are not decided here.

Clips of a side are joined before the features are taken. A test that is cut keeps the first seconds of its net speech.
"""
import os

import numpy as np
import torch
import torch.nn.functional as F
from scipy.signal import butter, sosfiltfilt

import augment
import features
from pools import RATE

# name, list, seconds of the test (None: all), line of the enrolment, line of the test
CONDITIONS = (
    ("librispeech", "librispeech", None, "phone", "phone"),
    ("librispeech 5 s", "librispeech", 5, "phone", "phone"),
    ("librispeech 3 s", "librispeech", 3, "phone", "phone"),
    ("librispeech 5 s, other line", "librispeech", 5, "phone", "line"),
    ("commands-india", "commands-india", None, "phone", "phone"),
    ("speech-commands", "speech-commands", None, "phone", "phone"),
)
# One figure to choose weights by. Whole read utterances do not count in it: they are the easiest, from 10 speakers only.
CHOICE = {"librispeech 5 s": 1, "librispeech 3 s": 1, "librispeech 5 s, other line": 1, "commands-india": 2, "speech-commands": 1}

_BAND = butter(4, [250, 3500], "bandpass", fs=RATE, output="sos")


def phone(x):
    """250 to 3500 Hz at -26 dBFS through mu-law."""
    x = sosfiltfilt(_BAND, x) if len(x) > 60 else x
    return augment.mu_law(x * (0.05 / augment.rms(x)))


def trials(data, name):
    """Return [(target, enrol paths, test paths)]."""
    out = []
    with open(os.path.join(data, "dev", name + ".trials")) as f:
        for row in f:
            kind, enrol, test = row.split()
            out.append((kind == "target", tuple(enrol.split(",")), tuple(test.split(","))))
    return out


def error_rates(scores, target):
    """Return (FNMR, FMR) at every threshold of a list of scores, from the one that accepts all to the one that accepts none."""
    order = np.argsort(scores, kind="stable")
    t = np.asarray(target)[order].astype(float)
    s = np.asarray(scores)[order]
    fn = np.concatenate([[0], np.cumsum(t)]) / t.sum()
    fm = 1 - np.concatenate([[0], np.cumsum(1 - t)]) / (1 - t).sum()
    edge = np.concatenate([[True], s[1:] > s[:-1], [True]])  # no threshold lies between equal scores
    return fn[edge], fm[edge]


def eer(scores, target):
    """The rate at which misses and false alarms are equal, between neighbouring thresholds by a straight line."""
    fn, fm = error_rates(scores, target)
    k = int(np.argmax(fn >= fm))
    a, b = fm[k - 1] - fn[k - 1], fn[k] - fm[k]
    w = a / (a + b) if a + b > 0 else 0.0
    return float(fn[k - 1] + w * (fn[k] - fn[k - 1]))


def min_dcf(scores, target, prior=0.01):
    """The least detection cost over all thresholds, costs 1 and 1, as a share of that of a system that never listens."""
    fn, fm = error_rates(scores, target)
    return float(np.min(prior * fn + (1 - prior) * fm) / min(prior, 1 - prior))


def embed(net, kind, pool, paths, seconds, line):
    """Unit embedding of the joined clips."""
    if line == "phone":
        x = np.concatenate([phone(pool.clip(pool.by_path[p])) for p in paths])
    else:
        x = np.concatenate([pool.clip(pool.by_path[p], line) for p in paths])
    if seconds:
        x = x[: int(seconds * RATE)]
    x = np.pad(x, (0, max(0, 4000 - len(x))))
    with torch.no_grad():
        return F.normalize(net(torch.from_numpy(features.features(x, kind))[None]))[0].numpy()


def evaluate(net, kind, pool, data):
    """Return {condition: {"eer": %, "min_dcf": ..., "targets": n, "nontargets": n}} and the figure of choice."""
    was = net.training
    net.eval()
    known, table = {}, {}

    def side(paths, seconds, line):
        key = (paths, seconds, line)
        if key not in known:
            known[key] = embed(net, kind, pool, paths, seconds, line)
        return known[key]

    for name, listed, seconds, line_a, line_b in CONDITIONS:
        scores, target = [], []
        for is_target, enrol, test in trials(data, listed):
            scores.append(float(side(enrol, None, line_a) @ side(test, seconds, line_b)))
            target.append(is_target)
        n = int(np.sum(target))
        table[name] = {
            "eer": round(100 * eer(scores, target), 3),
            "min_dcf": round(min_dcf(scores, target), 4),
            "targets": n,
            "nontargets": len(target) - n,
        }
    net.train(was)
    choice = sum(w * table[c]["eer"] for c, w in CHOICE.items()) / sum(CHOICE.values())
    return table, choice


def line(table):
    """The table in one line of a log: EER in percent, minDCF(0.01)."""
    return "  ".join(f"{name} {t['eer']:.2f} ({t['min_dcf']:.2f})" for name, t in table.items())
