#!/usr/bin/env python3
"""Golden probabilities of the shipped voice detector, from PyTorch. Run from the root of the repository.

Builds the network from torch.nn layers, loads models/vad-gru-v1/weights.safetensors with the reference reader and runs it over
seeded log-mel rows. The script is independent of models/train/vad, so a slip in the training code's own forward pass would show.
"""
import hashlib
import json

from torch_common import use_torch

use_torch()

import numpy as np  # noqa: E402
import safetensors  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from torch import nn  # noqa: E402

WEIGHTS = "models/vad-gru-v1/weights.safetensors"
OUT = "testdata/golden/nn/vad_net.json"
ROWS = 200


def main():
    torch.set_num_threads(1)
    w = {k: v.double() for k, v in load_file(WEIGHTS).items()}
    rng = np.random.default_rng(20261121)
    knots = rng.uniform(-11, 5, (ROWS // 10 + 1, 32))  # slow changes, as speech has them, with the range of log-mel rows
    at = np.arange(ROWS) / 10
    rows = np.stack([np.interp(at, np.arange(len(knots)), knots[:, b]) for b in range(32)], 1) + rng.normal(0, 0.5, (ROWS, 32))
    rows = np.maximum(rows, -12).astype(np.float32).round(4)
    conv1, conv2 = nn.Conv1d(*w["conv1.weight"].shape[1::-1], 3), nn.Conv1d(*w["conv2.weight"].shape[1::-1], 3)
    gru = nn.GRU(w["conv2.weight"].shape[0], w["gru.weight_hh_l0"].shape[1], batch_first=True)
    out = nn.Linear(w["gru.weight_hh_l0"].shape[1], 3)
    for name, layer in (("conv1", conv1), ("conv2", conv2), ("gru", gru), ("out", out)):
        layer.double().load_state_dict({k[len(name) + 1 :]: v for k, v in w.items() if k.startswith(name + ".")})
    with torch.no_grad():
        x = ((torch.from_numpy(rows).double() - w["norm.mean"]) * w["norm.scale"]).t()[None]
        for conv in (conv1, conv2):
            x = torch.relu(conv(nn.functional.pad(x, (2, 0))))
        y = torch.sigmoid(out(gru(x.transpose(1, 2))[0]))[0]
    with open(WEIGHTS, "rb") as f:
        sha = hashlib.sha256(f.read()).hexdigest()
    doc = {
        "what": "vad-gru-v1 probabilities", "tool": "torch %s, safetensors %s" % (torch.__version__, safetensors.__version__),
        "command": "testdata/golden/gen/vad_net.py", "options": {"seed": 20261121, "rows": ROWS}, "input": WEIGHTS, "sha256": sha,
        "made": "2026-11-21", "abs_tol": 0, "rel_tol": 1e-4, "tol_why": "torch computes in float64 here, so that the file is the same on any machine, the package in float32 over 200 recurrent steps",
        "rows": [[float("%.6g" % v) for v in r] for r in rows], "values": [[float("%.8g" % v) for v in r] for r in y.numpy()],
    }
    with open(OUT, "w") as f:
        json.dump(doc, f)
        f.write("\n")
    print("%d rows, speech from %.3f to %.3f" % (ROWS, y[:, 0].min(), y[:, 0].max()))


if __name__ == "__main__":
    main()
