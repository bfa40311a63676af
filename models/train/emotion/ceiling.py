"""What a support vector machine (RBF, C = 3) reads from functionals within one corpus, by speaker: of which line, and of whose functionals.

    ceiling.py --state DIR --lld PROGRAM --data DIR

Each clip is standardised over all clips of its speaker, every emotion alike: more than a call ever tells, and so about the most that a
speaker's own normal can give to these functionals. Six folds of the speakers of RAVDESS, one speaker at a time of nEMO, ten folds of the lay
speakers whose words of command speakers.csv of DIR lists, if it does. Needs scikit-learn, and opensmile for the rows of eGeMAPS and ComParE.
"""
import argparse
import csv
import os
import subprocess

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from sklearn.svm import SVC

import calls
import measure
import pool as P
import prepare


def steep(x):
    """x within 250 to 3500 Hz by a filter of zero phase, 60 dB down within 80 Hz: a wall, as the model's lines had it at first."""
    n = next_fast_len(len(x) + 512, real=True)
    hz = np.fft.rfftfreq(n, 1 / calls.RATE)
    keep = 1 / (1 + np.exp(-(hz - 250) / 12)) / (1 + np.exp((hz - 3500) / 12))
    return irfft(rfft(x, n) * keep, n)[: len(x)].astype(np.float32)


LINES = [
    calls.Version("band", band=1, law="linear"),  # the parts of phone alone
    calls.Version("mulaw", law="mu"),
    calls.Version("steep", band=1, law="mu", edges=steep),
]
FOLDS = {"ravdess": 6, "nemo": 9, "rakshak": 10}
CLASS = {"angry": "angry", "happy": "happy", "calm": "neutral"}  # as which a command is judged
HEAVY = 10.0  # how much the level counts where it is not one of many


def functionals(state, lld, version):
    """Functionals of every clip over a line that the recipe has no copy of; made once."""
    path = os.path.join(state, version.name + ".f32")
    if not os.path.exists(path):
        prepare.make(state, version, prepare.clips(state), None)
        audio = os.path.join(state, version.name + ".s16")
        subprocess.run([lld, "-table", os.path.join(state, "emotion.tsv"), "-audio", audio, "-functionals", path + ".tmp"], check=True)
        os.replace(path + ".tmp", path)


def smile(state, pool, name, line):
    """openSMILE's functionals of the clips over a line; NaN for corpora that are not judged."""
    import opensmile

    made = opensmile.Smile(feature_set=getattr(opensmile.FeatureSet, name), feature_level=opensmile.FeatureLevel.Functionals)
    audio = np.memmap(os.path.join(state, line + ".s16"), dtype="<i2", mode="r")
    out = np.full((len(pool.rows), made.num_features), np.nan, np.float32)
    for i in np.flatnonzero(np.isin(pool.set, list(FOLDS)) & (pool.label >= 0) & pool.spoken):
        r = pool.rows[i]
        out[i] = made.process_signal(audio[r["start"] : r["start"] + r["length"]].astype(np.float32) / 32768, calls.RATE).to_numpy()[0]
    return out


def read(pool, x, corpus, own, level=1.0):
    """UAR, and AUC of high against low arousal, of the clips of a corpus with functionals x, standardised over their speakers' clips where
    own says so; level: how much the functional of the level counts beside another."""
    index = np.flatnonzero((pool.set == corpus) & (pool.label >= 0) & pool.spoken)
    z, who, y, folds = np.nan_to_num(x[index]).astype(float), pool.speaker[index], pool.label[index], FOLDS[corpus]
    high = pool.arousal[index] == 1
    names, said, score = sorted(set(who)), np.zeros(len(index), int), np.zeros(len(index))
    for s in names if own else []:
        z[who == s] = (z[who == s] - z[who == s].mean(0)) / (z[who == s].std(0) + 1e-6)
    for f in range(folds):
        out = np.isin(who, names[f::folds])
        mean, std = z[~out].mean(0), z[~out].std(0) + 1e-6
        train, test = (np.clip((part - mean) / std, -5, 5) for part in (z[~out], z[out]))
        train[:, P.LEVEL] *= level
        test[:, P.LEVEL] *= level
        machine = SVC(C=3, gamma="scale", class_weight="balanced")
        said[out] = machine.fit(train, y[~out]).predict(test)
        score[out] = machine.fit(train, high[~out]).decision_function(test)
    return measure.uar(y, said), measure.auc(high, score)


def commands(state, data, lld):
    """A pool of the commands of lay speakers over phone; None where data has none."""
    with open(os.path.join(data, "speakers.csv"), newline="") as f:
        rows = [{**r, "label": asked, "label4": CLASS[asked]} for r in csv.DictReader(f) if (asked := prepare.asked(r)) in CLASS]
    if not rows:
        return None
    state = os.path.join(state, "commands")
    os.makedirs(state, exist_ok=True)
    if not os.path.exists(os.path.join(state, "emotion.tsv")):
        prepare.decode(state, data, rows)
    functionals(state, lld, calls.VERSIONS[0])
    return P.Pool(state, ["phone"])


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--state", required=True)
    ap.add_argument("--lld", required=True)
    ap.add_argument("--data", required=True, help="folder with speakers.csv and the recordings that it names")
    a = ap.parse_args()
    for version in LINES:
        functionals(a.state, a.lld, version)
    pool = P.Pool(a.state, ["phone", "wide", *(v.name for v in LINES)])
    phone, wide, band, mulaw, wall = pool.x

    def row(name, pool, x, corpora, level=1.0):
        print(f"{name:44s}", end="")
        for c in corpora:
            (uar, auc), (own_uar, own_auc) = read(pool, x, c, False, level), read(pool, x, c, True, level)
            print(f"  {c} UAR {uar:.3f} / {own_uar:.3f} AUC {auc:.3f} / {own_auc:.3f}", end="")
        print(flush=True)

    spoken = commands(a.state, a.data, a.lld)
    if spoken:
        row("ours, phone", spoken, spoken.x[0], ["rakshak"])
    acted = ["ravdess", "nemo"]
    for name, x in {"ours, phone: 250 to 3500 Hz and mu-law": phone, "ours, the band alone": band, "ours, mu-law alone": mulaw, "ours, up to 4 kHz": wide}.items():
        row(name, pool, x, acted)
    row("ours, phone, the level heavy", pool, phone, acted, HEAVY)
    row("ours, steep band and mu-law", pool, wall, acted)
    row("ours, steep, the level heavy", pool, wall, acted, HEAVY)
    for line, x in {"phone": phone, "steep": wall}.items():
        gemaps = smile(a.state, pool, "eGeMAPSv02", line)
        row("eGeMAPS, " + line, pool, gemaps, acted)
        row("ours and eGeMAPS, " + line, pool, np.concatenate([x, gemaps], 1), acted)
        row("ours and eGeMAPS, " + line + ", the level heavy", pool, np.concatenate([x, gemaps], 1), acted, HEAVY)
    row("ComParE, phone", pool, smile(a.state, pool, "ComParE_2016", "phone"), acted)


if __name__ == "__main__":
    main()
