"""What a support vector machine (RBF, C = 3) reads from functionals within one corpus, by speaker: of which line, and of whose functionals.

    ceiling.py --state DIR --lld PROGRAM

Each clip is standardised over all clips of its speaker, every emotion alike: more than a call ever tells, and so about the most that a
speaker's own normal can give to these functionals. Six folds of the speakers of RAVDESS, one speaker at a time of nEMO. Needs scikit-learn,
and opensmile for the rows of eGeMAPS and ComParE.
"""
import argparse
import os
import subprocess

import numpy as np
from sklearn.svm import SVC

import calls
import measure
import pool as P
import prepare

LINES = [calls.Version("band", band=1, law="linear"), calls.Version("mulaw", law="mu")]  # the parts of phone alone
CORPORA = {"ravdess": 6, "nemo": 9}


def functionals(state, lld, version):
    """Functionals of every clip over a line that the recipe has no copy of; made once."""
    path = os.path.join(state, version.name + ".f32")
    if not os.path.exists(path):
        prepare.make(state, version, prepare.clips(state), None)
        audio = os.path.join(state, version.name + ".s16")
        subprocess.run([lld, "-table", os.path.join(state, "emotion.tsv"), "-audio", audio, "-functionals", path + ".tmp"], check=True)
        os.replace(path + ".tmp", path)


def smile(state, pool, name):
    """openSMILE's functionals of the clips over phone; NaN for corpora that are not judged."""
    import opensmile

    made = opensmile.Smile(feature_set=getattr(opensmile.FeatureSet, name), feature_level=opensmile.FeatureLevel.Functionals)
    audio = np.memmap(os.path.join(state, "phone.s16"), dtype="<i2", mode="r")
    out = np.full((len(pool.rows), made.num_features), np.nan, np.float32)
    for i in np.flatnonzero(np.isin(pool.set, list(CORPORA)) & (pool.label >= 0) & pool.spoken):
        r = pool.rows[i]
        out[i] = made.process_signal(audio[r["start"] : r["start"] + r["length"]].astype(np.float32) / 32768, calls.RATE).to_numpy()[0]
    return out


def uar(pool, x, corpus, own):
    """UAR of the clips of a corpus with functionals x, standardised over their speakers' clips where own says so."""
    index = np.flatnonzero((pool.set == corpus) & (pool.label >= 0) & pool.spoken)
    z, who, y, folds = np.nan_to_num(x[index]).astype(float), pool.speaker[index], pool.label[index], CORPORA[corpus]
    names, said = sorted(set(who)), np.zeros(len(index), int)
    for s in names if own else []:
        z[who == s] = (z[who == s] - z[who == s].mean(0)) / (z[who == s].std(0) + 1e-6)
    for f in range(folds):
        out = np.isin(who, names[f::folds])
        mean, std = z[~out].mean(0), z[~out].std(0) + 1e-6
        train, test = (np.clip((part - mean) / std, -5, 5) for part in (z[~out], z[out]))
        said[out] = SVC(C=3, gamma="scale", class_weight="balanced").fit(train, y[~out]).predict(test)
    return measure.uar(y, said)


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--state", required=True)
    ap.add_argument("--lld", required=True)
    a = ap.parse_args()
    for version in LINES:
        functionals(a.state, a.lld, version)
    pool = P.Pool(a.state, ["phone", "wide", *(v.name for v in LINES)])
    phone, wide, band, mulaw = pool.x
    gemaps, compare = smile(a.state, pool, "eGeMAPSv02"), smile(a.state, pool, "ComParE_2016")
    for name, x in {
        "ours, phone: 250 to 3500 Hz and mu-law": phone, "ours, the band alone": band, "ours, mu-law alone": mulaw, "ours, up to 4 kHz": wide,
        "eGeMAPS, phone": gemaps, "ComParE, phone": compare, "ours and eGeMAPS, phone": np.concatenate([phone, gemaps], 1),
    }.items():
        print(f"{name:40s}" + "".join(f"  {c} {uar(pool, x, c, False):.3f} / {uar(pool, x, c, True):.3f}" for c in CORPORA), flush=True)


if __name__ == "__main__":
    main()
