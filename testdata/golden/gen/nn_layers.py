#!/usr/bin/env python3
"""Golden outputs of PyTorch layers for engine/nn. Run from the root of the repository: writes testdata/golden/nn/.

Needs torch (Debian's python3-torch) and safetensors. layers.safetensors holds weights and inputs, written by the
reference implementation of the format; each JSON names the tensors of one case and holds the outputs.
"""
import hashlib
import json
import os

from torch_common import use_torch

use_torch()

import numpy as np  # noqa: E402
import safetensors  # noqa: E402
import torch  # noqa: E402
from safetensors.numpy import save_file  # noqa: E402
from torch import nn  # noqa: E402

OUT = "testdata/golden/nn"
MADE = "2026-11-21"
tensors = {}
cases = []


def keep(prefix, module, dtype=np.float32):
    for name, value in module.state_dict().items():
        if value.ndim:  # num_batches_tracked is a scalar that nobody needs
            tensors[prefix + "." + name] = value.detach().numpy().astype(dtype)


def case(what, options, prefix, x, y, tol=None):
    tensors[prefix + ".input"] = x.detach().numpy().astype(np.float32)
    cases.append((what, options, prefix, y.detach().numpy().astype(np.float64), tol))


def rows(*shape, scale=1.0):
    return torch.randn(*shape) * scale


def main():
    torch.manual_seed(20261121)
    torch.set_num_threads(1)
    with torch.no_grad():
        for i, (n_in, n_out, bias) in enumerate([(7, 5, True), (64, 3, True), (33, 18, False)]):
            m = nn.Linear(n_in, n_out, bias=bias)
            x = rows(9, n_in)
            p = "dense%d" % i
            keep(p, m)
            case("dense", {"in": n_in, "out": n_out}, p, x, m.double()(x.double()))
        for i, (n_in, n_out, k, stride, dil, left, right) in enumerate(
            [(5, 6, 3, 1, 1, 2, 0), (8, 4, 5, 1, 2, 8, 0), (6, 9, 4, 2, 1, 3, 0), (3, 7, 2, 5, 1, 0, 0), (10, 11, 3, 1, 3, 3, 3), (4, 4, 1, 1, 1, 0, 0)]
        ):
            m = nn.Conv1d(n_in, n_out, k, stride=stride, dilation=dil)
            x = rows(40, n_in)
            p = "conv%d" % i
            keep(p, m)
            y = m.double()(nn.functional.pad(x.double().t()[None], (left, right)))[0].t()
            case("conv1d", {"in": n_in, "out": n_out, "kernel": k, "stride": stride, "dilation": dil, "pad_left": left, "pad_right": right}, p, x, y)
        for i, (n_in, h, scale) in enumerate([(6, 5, 1.0), (48, 64, 1.0), (13, 17, 20.0)]):  # the last saturates the gates
            for kind, cls in (("gru", nn.GRU), ("lstm", nn.LSTM)):
                m = cls(n_in, h, batch_first=True)
                x = rows(60, n_in, scale=scale)
                p = "%s%d" % (kind, i)
                keep(p, m)
                case(kind, {"in": n_in, "hidden": h}, p, x, m.double()(x.double()[None])[0][0])
        for i, after in enumerate(["dense", "conv1d"]):
            lin = nn.Linear(9, 12) if after == "dense" else nn.Conv1d(9, 12, 3)
            bn = nn.BatchNorm1d(12).eval()
            bn.running_mean.normal_()
            bn.running_var.uniform_(0.2, 4)
            bn.weight.normal_()
            bn.bias.normal_()
            x = rows(25, 9)
            p = "bn%d" % i
            keep(p + ".lin", lin)
            keep(p + ".bn", bn)
            lin, bn, z = lin.double(), bn.double(), x.double()
            y = bn(lin(z)) if after == "dense" else bn(lin(nn.functional.pad(z.t()[None], (2, 0))))[0].t()
            case("batchnorm", {"after": after, "in": 9, "out": 12, "kernel": 3, "eps": bn.eps}, p, x, y)
        x = torch.cat([rows(20, 6, scale=4), torch.tensor([[-200.0, -30, -0.04, 0.04, 30, 200]]), torch.zeros(1, 6)])
        for what, f in (("sigmoid", torch.sigmoid), ("tanh", torch.tanh), ("relu", torch.relu), ("softmax", lambda v: torch.softmax(v, -1))):
            case(what, {"cols": 6}, what, x, f(x.double()))
        m = nn.Linear(20, 8)
        x = rows(5, 20)
        keep("half", m, np.float16)
        half = nn.Linear(20, 8)
        half.load_state_dict({k: v.half().float() for k, v in m.state_dict().items()})
        case("dense", {"in": 20, "out": 8}, "half", x, half.double()(x.double()))
        q = torch.randint(-127, 128, (8, 20))
        scale = torch.rand(8) * 0.02 + 0.001
        tensors["int8.weight"] = q.numpy().astype(np.int8)
        tensors["int8.weight.scale"] = scale.numpy()
        tensors["int8.bias"] = m.bias.detach().numpy()
        case("dense", {"in": 20, "out": 8}, "int8", x, nn.functional.linear(x.double(), q.double() * scale.double()[:, None], m.bias.double()))
    os.makedirs(OUT, exist_ok=True)
    path = os.path.join(OUT, "layers.safetensors")
    save_file(tensors, path, metadata={"made": MADE})
    os.chmod(path, 0o644)
    with open(path, "rb") as f:
        sha = hashlib.sha256(f.read()).hexdigest()
    out = []
    for what, options, prefix, y, tol in cases:
        out.append({"what": what, "options": options, "prefix": prefix, "shape": list(y.shape), "values": [float("%.8g" % v) for v in y.reshape(-1)]})
    head = {
        "what": "nn layers", "tool": "torch %s, safetensors %s" % (torch.__version__, safetensors.__version__),
        "command": "testdata/golden/gen/nn_layers.py", "options": {"seed": 20261121, "threads": 1}, "input": "nn/layers.safetensors", "sha256": sha,
        "made": MADE, "abs_tol": 1e-5, "rel_tol": 1e-4,
        "tol_why": "torch computes in float64 here, so that the file is the same on any machine, the package in float32: 1e-4 of the value, and 1e-5 where it is near zero", "values": out,
    }
    with open(os.path.join(OUT, "layers.json"), "w") as f:
        json.dump(head, f, indent=1)
        f.write("\n")
    print("%d cases, %d tensors" % (len(out), len(tensors)))


if __name__ == "__main__":
    main()
