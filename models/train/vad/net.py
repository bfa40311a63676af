"""The network of vad-gru-v1 in PyTorch, and its way into safetensors. engine/vad.Net is the same network in Go."""
import hashlib
import json
import struct

import numpy as np
import torch
from torch import nn

BANDS = 32
DELAY = 1  # steps by which the answer may lag: the score of step i may use step i+1
CLASSES = ["speech", "music", "noise"]


class Net(nn.Module):
    """Log-mel rows -> two causal convolutions of 3 steps -> GRU -> one logit per class."""

    def __init__(self, conv=48, hidden=64):
        super().__init__()
        self.register_buffer("mean", torch.zeros(BANDS))
        self.register_buffer("scale", torch.ones(BANDS))
        self.conv1 = nn.Conv1d(BANDS, conv, 3)
        self.conv2 = nn.Conv1d(conv, conv, 3)
        self.gru = nn.GRU(conv, hidden, batch_first=True)
        self.out = nn.Linear(hidden, len(CLASSES))

    @staticmethod
    def _causal(conv, x):
        # [B, T, C]; as matrix products over shifted copies, which is several times faster on a CPU than Conv1d on short kernels
        pad = torch.nn.functional.pad(x, (0, 0, 2, 0))
        t = x.shape[1]
        y = conv.bias
        for k in range(3):
            y = y + pad[:, k : k + t] @ conv.weight[:, :, k].t()
        return torch.relu(y)

    def forward(self, x, h=None):
        x = (x - self.mean) * self.scale
        x = self._causal(self.conv2, self._causal(self.conv1, x))
        x, h = self.gru(x, h)
        return self.out(x)


def params(net):
    return sum(p.numel() for p in net.parameters()) + 2 * BANDS


def save(net, path, front_end, half=True):
    """Write weights.safetensors; matrices as float16, the normalisation as float32. Returns (sha256, bytes, values)."""
    state = {k: v.detach().numpy() for k, v in net.state_dict().items()}
    state["norm.mean"], state["norm.scale"] = state.pop("mean"), state.pop("scale")
    header = {"__metadata__": {"front_end": front_end, "delay_steps": str(DELAY), "classes": ",".join(CLASSES)}}
    blob, values = b"", 0
    for name in sorted(state):
        wide = name.startswith("norm.") or not half
        v = np.ascontiguousarray(state[name].astype("<f4" if wide else "<f2"))
        header[name] = {"dtype": "F32" if wide else "F16", "shape": list(v.shape), "data_offsets": [len(blob), len(blob) + v.nbytes]}
        blob += v.tobytes()
        values += v.size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    data = struct.pack("<Q", len(text)) + text + blob
    with open(path, "wb") as f:
        f.write(data)
    return hashlib.sha256(data).hexdigest(), len(data), values
