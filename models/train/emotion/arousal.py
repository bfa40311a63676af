"""How high and loud each acted emotion is beside the speaker's own neutral, and what arousal the folds read of it: does low arousal sound low?

    arousal.py --state DIR --features NAMES --folds FILE

Calm counts as neutral. Pitch in semitones, level in dB, over the bare telephone band, mean over the speakers of a corpus who have both emotions. Then the arousal AUC
of each corpus held out as a whole, without and with history, of all its clips, without those that are low by name alone, and by speaker.
"""
import argparse

import numpy as np

import measure
import pool as P
import train


def acted(pool, i):
    """Emotion and, of RAVDESS, intensity."""
    r = pool.rows[i]
    return r["label4"] + (" " + r["intensity"] if r["intensity"] == "strong" and r["label4"] != "neutral" else "")


def beside_neutral(pool, names):
    pitch, level = pool.x[0][:, names.index("f0_mean")], pool.x[0][:, names.index("level_p80")]
    print("| corpus | acted | speakers | pitch | level |\n|---|---|---|---|---|")
    for corpus in ("emodb", "ravdess", "nemo", "ased"):
        clips = np.flatnonzero((pool.set == corpus) & pool.spoken & (pool.label >= 0) & (pool.split != "train_aux"))
        kind, speaker = np.array([acted(pool, i) for i in clips]), pool.speaker[clips]
        for word in sorted(set(kind) - {"neutral"}):
            both = [s for s in sorted(set(speaker)) if {word, "neutral"} <= set(kind[speaker == s])]
            rise = [[np.nanmean(v[clips[(speaker == s) & (kind == word)]]) - np.nanmean(v[clips[(speaker == s) & (kind == "neutral")]]) for v in (pitch, level)] for s in both]
            print(f"| {corpus} | {word} | {len(both)} | " + " | ".join(f"{v:+.1f}" for v in np.mean(rise, 0)) + " |")


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("state", "features", "folds"):
        ap.add_argument("--" + name, required=True)
    a = ap.parse_args()
    pool = P.Pool(a.state, train.VERSIONS[:1])
    with open(a.features) as f:
        beside_neutral(pool, f.read().split("\n")[1:])
    with np.load(a.folds) as f:
        parts = {k[: -len(" clips")]: (f[k], f[k[: -len("clips")] + "none"][:, 4], f[k[: -len("clips")] + "history"][:, 4]) for k in f.files if k.endswith(" clips")}
    for name, (index, none, known) in sorted(parts.items()):
        for corpus in sorted(set(pool.set[index])):
            high, kind, speaker = pool.arousal[index] == 1, np.array([acted(pool, i) for i in index]), pool.speaker[index]
            here = pool.set[index] == corpus
            left = {"all": here, "no strong sadness": here & (kind != "sad strong"), "no sadness": here & (pool.label[index] != 3)}
            if len(set(speaker[here])) < 12:
                left.update({s: speaker == s for s in sorted(set(speaker[here]))})
            print(name, corpus, "; ".join(f"{what} {measure.auc(high[k], none[k]):.3f} {measure.auc(high[k], known[k]):.3f}" for what, k in left.items()))


if __name__ == "__main__":
    main()
