#!/usr/bin/env python3
"""Write models/speaker-tdnn-v1/scoring.safetensors: what scores are made with beside the network, from speakers of the train split.

    scoring.py --weights RUN.best.safetensors [--top 200] [--ridge 0.05] [--state DIR] [--model DIR]

backend.mean and backend.transform are within-class covariance normalisation (Hatch, Kajarekar & Stolcke 2006): what varies from
segment to segment of one speaker in the telephone band counts less in the cosine. cohort is the set of speakers that scores are
normalised against; a member is the mean direction of a speaker's segments in the telephone band and through random lines. Speakers
of the training set serve, for those of `cal` have to stay strangers to the scores that the calibration is fitted on.
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


def embeddings(net, b, seed):
    """Unit vectors [N, LINES + PHONE, D] of N speakers, those through random lines first."""
    out = []
    for s in range(len(b.speakers)):
        if b.total[s] < LEAST * RATE:
            continue
        rng = np.random.default_rng([seed, s])
        x = np.stack([segment(b, rng, s, k < LINES) for k in range(LINES + PHONE)]).astype(np.float32)
        with torch.no_grad():
            out.append(F.normalize(net(torch.from_numpy(features.features(x, b.kind)))).numpy())
    return np.stack(out)


def backend(phone, ridge):
    """Transform [D, D] from vectors [N, PHONE, D]: the inverse root of the scatter within speakers, its diagonal raised by a share of
    the mean variance, so that directions in which a few segments hardly vary are not blown up."""
    d = phone - phone.mean(1, keepdims=True)
    d = d.reshape(-1, d.shape[-1]).astype(np.float64)
    within = d.T @ d / (len(d) - len(phone))
    within += ridge * np.trace(within) / len(within) * np.eye(len(within))
    return np.linalg.cholesky(np.linalg.inv(within)).T


def main():
    state = os.path.join(os.path.expanduser("~"), ".cache", "timbre", "train", "speaker")
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--weights", required=True)
    p.add_argument("--top", type=int, default=200)
    p.add_argument("--ridge", type=float, default=0.05)
    p.add_argument("--seed", type=int, default=5)
    p.add_argument("--state", default=state)
    p.add_argument("--model", default=os.path.join(HERE, "..", "..", "speaker-tdnn-v1"))
    a = p.parse_args()
    torch.set_num_threads(1)
    tensors, metadata = export.read(a.weights)
    net, kind = nets.build(metadata["net"])
    net.load_state_dict({k: torch.from_numpy(v) for k, v in tensors.items()}, strict=False)
    net.eval()
    vectors = embeddings(net, batches.Batches(a.state, a.seed, kind), a.seed)
    members = vectors.mean(1)
    made = {
        "cohort": members / np.linalg.norm(members, axis=-1, keepdims=True),
        "backend.mean": vectors.reshape(-1, vectors.shape[-1]).mean(0),
        "backend.transform": backend(vectors[:, LINES:], a.ridge),
    }
    os.makedirs(a.model, exist_ok=True)
    with open(os.path.join(a.model, "scoring.safetensors"), "wb") as f:
        f.write(export.safetensors(made, {"top_n": a.top, "ridge": a.ridge, "step": metadata["step"]}))
    print(f"{len(members)} members, the nearest {a.top} count")


if __name__ == "__main__":
    main()
