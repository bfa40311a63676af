#!/usr/bin/env python3
"""Golden embeddings of a speaker network with seeded random weights, from PyTorch. Run from the root of the repository.

Writes testdata/golden/nn/speaker.safetensors as models/train/speaker/export.py does, builds the network from torch.nn layers in
float64 and holds the outputs. The layers are independent of models/train/speaker/net.py, whose own output is compared here.
"""
import hashlib
import json
import os
import sys
import wave

from torch_common import use_torch

use_torch()

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

sys.dont_write_bytecode = True
sys.path.insert(0, "models/train/speaker")
import export  # noqa: E402
import features  # noqa: E402
import net as recipe  # noqa: E402

OUT = "testdata/golden/nn"
MADE = "2026-11-25"
SIZES = {"bands": 40, "c": 36, "dilations": (1, 3, 2), "joined": 52, "hidden": 20, "dims": 28}
VOICES = ("voice_female_en_8k", "voice_male_it_8k")


def weights():
    """Random weights with normalisation statistics of a trained network's kind, rounded to float16."""
    torch.manual_seed(20261125)
    net = recipe.TDNN(**SIZES)
    for m in net.modules():
        if isinstance(m, recipe.Norm):
            m.running_mean.normal_(0, 0.3)
            m.running_var.uniform_(0.3, 2)
            m.weight.data.uniform_(0.5, 1.5)
            m.bias.data.normal_(0, 0.3)
    net.first_norm.running_var.mul_(50)  # cepstra are large
    return {k: v.half().float() for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}


def forward(w, x):
    """Rows T×40 -> embedding, in float64."""
    w = {k: v.double() for k, v in w.items()}

    def conv(name, y, k, dilation=1, stride=1):  # [B, C, T]; the recipe's weight is [k*C, out]
        m = w[name + ".weight"]
        return F.conv1d(y, m.view(k, -1, m.shape[1]).permute(2, 1, 0), stride=stride, dilation=dilation, padding=dilation * (k - 1) // 2)

    def norm(name, y):
        return F.batch_norm(y, w[name + ".running_mean"], w[name + ".running_var"], w[name + ".weight"], w[name + ".bias"])

    def dense(name, y):
        return F.linear(y, w[name + ".weight"], w[name + ".bias"])

    y = torch.relu(norm("first_norm", conv("first", torch.from_numpy(x).double().t()[None], 5, stride=2)))
    kept = []
    for i, d in enumerate(SIZES["dilations"]):
        p = "blocks.%d." % i
        z = torch.relu(norm(p + "norm", conv(p + "conv", y, 3, d)))
        y = y + z * torch.sigmoid(dense(p + "se.up", torch.relu(dense(p + "se.down", z.mean(2)))))[:, :, None]
        kept.append(y)
    y = torch.relu(norm("join_norm", conv("join", torch.cat(kept, 1), 1)))
    mean, deviation = y.mean(2), torch.sqrt(y.var(2, unbiased=False) + 1e-6)
    e = torch.tanh(conv("pool.frame", y, 1) + dense("pool.context", torch.cat([mean, deviation], 1))[:, :, None])
    a = torch.softmax(dense("pool.score", e.transpose(1, 2)), 1).transpose(1, 2)
    mean = (a * y).sum(2)
    deviation = torch.sqrt(torch.clamp((a * (y - mean[:, :, None]) ** 2).sum(2), min=1e-6))
    return norm("embed_norm", norm("pool_norm", torch.cat([mean, deviation], 1)) @ w["embed.weight"])[0].numpy()


def cepstra(x):
    """The recipe's features in float64."""
    frames = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), features.WINDOW)[:: features.HOP]
    s = (frames @ features.SPECTRUM.astype(np.float64)) ** 2
    bins = features.FFT // 2 + 1
    m = np.log(np.maximum((s[:, :bins] + s[:, bins:]) @ features.MEL.astype(np.float64), features.FLOOR))
    f = m @ features.DCT.astype(np.float64)
    f -= f.mean(0)
    if np.abs(f - features.features(x, "mfcc")).max() > 1e-2:
        sys.exit("the recipe's features differ")
    return f


def main():
    torch.set_num_threads(1)
    w = weights()
    own = recipe.TDNN(**SIZES)
    own.load_state_dict(w, strict=False)
    own.eval()
    rng = np.random.default_rng(20261125)
    cases = []
    with torch.no_grad():

        def case(name, x, rows):
            y = forward(w, x)
            theirs = own(torch.from_numpy(x).float()[None])[0].numpy()
            if np.abs(y - theirs).max() > 1e-4 * np.abs(y).max():
                sys.exit("%s: the recipe's network differs by %g" % (name, np.abs(y - theirs).max()))
            cases.append({"name": name, "rows": rows, "values": [float("%.8g" % v) for v in y]})

        for t in (1, 2, 3, 40, 121):
            x = (rng.normal(0, 1, (t, 40)) * np.linspace(12, 0.6, 40)).astype(np.float32).round(4)
            case("rows_%d" % t, x, [[float("%.6g" % v) for v in r] for r in x])
        for name in VOICES:
            with wave.open("testdata/audio/%s.wav" % name) as f:
                x = np.frombuffer(f.readframes(f.getnframes()), "<i2").astype(np.float32) / 32768
            case(name, cepstra(x), None)
    os.makedirs(OUT, exist_ok=True)
    data = export.safetensors({k: v.numpy() for k, v in w.items()}, {"net": "tdnn", "features": "mfcc", "dilations": ",".join(map(str, SIZES["dilations"]))})
    path = os.path.join(OUT, "speaker.safetensors")
    with open(path, "wb") as f:
        f.write(data)
    doc = {
        "what": "speaker embeddings", "tool": "torch %s" % torch.__version__, "command": "testdata/golden/gen/speaker_net.py",
        "options": {"seed": 20261125, **{k: list(v) if isinstance(v, tuple) else v for k, v in SIZES.items()}},
        "input": "nn/speaker.safetensors", "sha256": hashlib.sha256(data).hexdigest(), "made": MADE, "abs_tol": 0, "rel_tol": 1e-4,
        "tol_why": "of the largest value of a vector: torch computes in float64 here, so that the file is the same on any machine, the package in float32",
        "values": cases,
    }
    with open(os.path.join(OUT, "speaker.json"), "w") as f:
        json.dump(doc, f)
        f.write("\n")
    print("%d cases, %d bytes of weights" % (len(cases), len(data)))


if __name__ == "__main__":
    main()
