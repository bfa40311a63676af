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


def norm(c):
    bn = nn.BatchNorm1d(c).eval()
    bn.running_mean.normal_()
    bn.running_var.uniform_(0.2, 4)
    bn.weight.normal_()
    bn.bias.normal_()
    return bn


class TDNN(nn.Module):
    """Convolution, ReLU, batch norm over [B, C, T]; zeros beyond the ends."""

    def __init__(self, n_in, n_out, k, dilation):
        super().__init__()
        self.conv, self.norm = nn.Conv1d(n_in, n_out, k, dilation=dilation, padding=(k - 1) * dilation // 2), norm(n_out)

    def forward(self, x):
        return self.norm(torch.relu(self.conv(x)))


class Res2(nn.Module):
    """The hierarchy of Res2Net (Gao et al. 2019) over time, as ECAPA-TDNN uses it."""

    def __init__(self, c, scale, k, dilation):
        super().__init__()
        self.blocks = nn.ModuleList(TDNN(c // scale, c // scale, k, dilation) for _ in range(scale - 1))

    def forward(self, x):
        parts = x.chunk(len(self.blocks) + 1, 1)
        y = [parts[0]]
        for i, block in enumerate(self.blocks):
            y.append(block(parts[i + 1] if i == 0 else parts[i + 1] + y[-1]))
        return torch.cat(y, 1)


class SE(nn.Module):
    def __init__(self, c, hidden):
        super().__init__()
        self.down, self.up = nn.Linear(c, hidden), nn.Linear(hidden, c)

    def forward(self, x):
        return x * torch.sigmoid(self.up(torch.relu(self.down(x.mean(2)))))[:, :, None]


class Residual(nn.Module):
    """x + SE(layers(x)); with TDNN, Res2, TDNN the SE-Res2Block."""

    def __init__(self, se, *layers):
        super().__init__()
        self.layers, self.se = nn.ModuleList(layers), se

    def forward(self, x):
        y = x
        for layer in self.layers:
            y = layer(y)
        return x + (y if self.se is None else self.se(y))


class AttentivePool(nn.Module):
    """One matrix over [h; mean; deviation], as the ECAPA-TDNN paper writes it; split() gives its two parts."""

    def __init__(self, c, hidden, context, eps):
        super().__init__()
        self.w, self.score, self.c, self.context, self.eps = nn.Linear(3 * c if context else c, hidden), nn.Linear(hidden, c), c, context, eps

    def forward(self, x):  # [B, C, T]
        h = x
        if self.context:
            deviation = torch.sqrt(x.var(2, unbiased=False) + self.eps)
            h = torch.cat([x] + [v[:, :, None].expand(-1, -1, x.shape[2]) for v in (x.mean(2), deviation)], 1)
        a = torch.softmax(self.score(torch.tanh(self.w(h.transpose(1, 2)))), 1).transpose(1, 2)
        mean = (a * x).sum(2)
        return torch.cat([mean, torch.sqrt(torch.clamp((a * x * x).sum(2) - mean * mean, min=self.eps))], 1)

    def split(self, prefix):
        keep(prefix + ".score", self.score)
        tensors[prefix + ".frame.weight"] = self.w.weight[:, : self.c].contiguous().numpy().astype(np.float32)
        tensors[prefix + ".frame.bias"] = self.w.bias.numpy().astype(np.float32)
        if self.context:
            tensors[prefix + ".context.weight"] = self.w.weight[:, self.c :].contiguous().numpy().astype(np.float32)


def utterances():
    """Layers that see a whole utterance, and a small ECAPA-TDNN made of them."""
    for i, (n_in, n_out, k, dil, t) in enumerate([(12, 10, 5, 1, 60), (7, 33, 3, 4, 50), (16, 48, 1, 1, 20), (5, 6, 5, 3, 3)]):
        m, p, x = TDNN(n_in, n_out, k, dil), "tdnn%d" % i, rows(t, n_in)
        keep(p, m)
        case("tdnn", {"in": n_in, "out": n_out, "kernel": k, "dilation": dil}, p, x, m.double()(x.double().t()[None])[0].t())
    for i, (c, hidden, t) in enumerate([(24, 6, 200), (33, 8, 1)]):
        m, p, x = SE(c, hidden), "se%d" % i, rows(t, c)
        keep(p, m)
        case("se", {"in": c, "hidden": hidden}, p, x, m.double()(x.double().t()[None])[0].t())
    for i, (c, scale, dil, t) in enumerate([(32, 4, 2, 40), (40, 8, 3, 30), (6, 2, 1, 9)]):
        m, p, x = Res2(c, scale, 3, dil), "res2_%d" % i, rows(t, c)
        keep(p, m)
        case("res2", {"in": c, "scale": scale, "kernel": 3, "dilation": dil}, p, x, m.double()(x.double().t()[None])[0].t())
    for i, (kind, se) in enumerate([("dilated", True), ("ecapa", True), ("dilated", False)]):
        c, dil, p = 32, 2 + i, "residual%d" % i
        layers = [TDNN(c, c, 3, dil)] if kind == "dilated" else [TDNN(c, 48, 1, 1), Res2(48, 8, 3, dil), TDNN(48, c, 1, 1)]
        m, x = Residual(SE(c, 12) if se else None, *layers), rows(45, c)
        keep(p, m)
        case("residual", {"in": c, "kind": kind, "wide": 48, "se": se, "hidden": 12, "dilation": dil}, p, x, m.double()(x.double().t()[None])[0].t())
    for i, (c, hidden, context, t, scale, eps) in enumerate(
        [(24, 16, True, 80, 1.0, 1e-6), (24, 16, False, 80, 1.0, 1e-6), (33, 7, True, 300, 30.0, 1e-6), (10, 5, True, 1, 1.0, 1e-6), (9, 4, True, 12, 1.0, 0.5)]
    ):
        m, p, x = AttentivePool(c, hidden, context, eps), "pool%d" % i, rows(t, c, scale=scale)
        m.split(p)
        case("attentive_pool", {"in": c, "hidden": hidden, "context": context, "eps": m.eps}, p, x, m.double()(x.double().t()[None]))
    c, p = 32, "ecapa"
    first, join, pool, embed = TDNN(20, c, 5, 1), nn.Conv1d(3 * c, 64, 1), AttentivePool(64, 16, True, 1e-6), nn.Linear(128, 24)
    blocks = nn.ModuleList(Residual(SE(c, 8), TDNN(c, c, 1, 1), Res2(c, 4, 3, d), TDNN(c, c, 1, 1)) for d in (2, 3, 4))
    for name, m in (("first", first), ("blocks", blocks), ("join", join), ("embed", embed)):
        keep(p + "." + name, m)
    pool.split(p + ".pool")
    x = rows(150, 20)
    y, kept = first.double()(x.double().t()[None]), []
    for block in blocks.double():
        y = block(y)
        kept.append(y)
    y = torch.relu(join.double()(torch.cat(kept, 1)))
    case("ecapa", {"in": 20, "channels": c, "joined": 64, "attention": 16, "dims": 24}, p, x, embed.double()(pool.double()(y)))


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
            bn = norm(12)
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
        utterances()
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
