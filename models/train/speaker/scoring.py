#!/usr/bin/env python3
"""Write models/speaker-tdnn-v1/scoring.safetensors: the cohort that scores are normalised with, of speakers of the train split.

    scoring.py --weights RUN.best.safetensors [--top 200] [--state DIR] [--model DIR]

A member is the mean direction of a speaker's segments in the telephone band and through random lines. Speakers of the training set
serve, for those of `cal` have to stay strangers to the scores that the calibration is fitted on.
"""
import argparse
import os

import numpy as np
import torch
import torch.nn.functional as F

import augment
import batches
import evaluate
import export
import features
import net as nets
from pools import RATE

HERE = os.path.dirname(os.path.abspath(__file__))
SECONDS = 2.5  # of a segment
LEAST = 2.0  # seconds of speech that a member has
LINES, PHONE = 5, 3  # segments of a member, by kind
SHARE = 0.8  # of a speaker's speech in one segment


def segment(b, rng, speaker, line):
    """SECONDS of a speaker, repeated where there is less, through a random line or in the telephone band."""
    n = int(SECONDS * RATE) // features.HOP * features.HOP
    limit = min(n, int(SHARE * b.total[speaker]))
    variant = rng.choice(b.coded) if line and rng.random() < 0.45 else "clean"
    out, have = [], 0
    for i in rng.permutation(b.clips[speaker]):
        c = b.pool.clip(i, variant)
        room = limit - have
        if len(c) > room:
            at = rng.integers(len(c) - room + 1)
            c = c[at : at + room]
        out.append(c / augment.rms(c))
        have += len(c)
        if have >= limit:
            break
    x = np.resize(np.concatenate(out), n)
    if not line:
        return evaluate.phone(x)
    if rng.random() < 0.85:
        x = augment.filtered(rng, x, 0.3)
    if rng.random() < 0.6:
        x = b.noises.background(rng, x)
    return augment.line(rng, x)


def cohort(net, b, seed):
    """Unit vectors [N, D], one a speaker."""
    out = []
    for s in range(len(b.speakers)):
        if b.total[s] < LEAST * RATE:
            continue
        rng = np.random.default_rng([seed, s])
        x = np.stack([segment(b, rng, s, k < LINES) for k in range(LINES + PHONE)]).astype(np.float32)
        with torch.no_grad():
            e = F.normalize(net(torch.from_numpy(features.features(x, b.kind)))).mean(0)
        out.append(F.normalize(e, dim=0).numpy())
    return np.stack(out)


def main():
    state = os.path.join(os.path.expanduser("~"), ".cache", "timbre", "train", "speaker")
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--weights", required=True)
    p.add_argument("--top", type=int, default=200)
    p.add_argument("--seed", type=int, default=5)
    p.add_argument("--state", default=state)
    p.add_argument("--model", default=os.path.join(HERE, "..", "..", "speaker-tdnn-v1"))
    a = p.parse_args()
    torch.set_num_threads(1)
    tensors, metadata = export.read(a.weights)
    net, kind = nets.build(metadata["net"])
    net.load_state_dict({k: torch.from_numpy(v) for k, v in tensors.items()}, strict=False)
    net.eval()
    members = cohort(net, batches.Batches(a.state, a.seed, kind), a.seed)
    os.makedirs(a.model, exist_ok=True)
    with open(os.path.join(a.model, "scoring.safetensors"), "wb") as f:
        f.write(export.safetensors({"cohort": members}, {"top_n": a.top, "step": metadata["step"]}))
    print(f"{len(members)} members, the nearest {a.top} count")


if __name__ == "__main__":
    main()
