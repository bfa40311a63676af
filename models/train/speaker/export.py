"""Write weights as safetensors, float16, with their dev results beside them."""
import json
import struct

import numpy as np

from pools import atomic_write


def safetensors(tensors, metadata):
    """Encode {name: float array} as float16 safetensors bytes, names in order."""
    header, at, parts = {"__metadata__": {k: str(v) for k, v in metadata.items()}}, 0, []
    for name in sorted(tensors):
        x = np.asarray(tensors[name], dtype=np.float32)
        if not np.all(np.isfinite(x)) or np.abs(x).max(initial=0) > 65504:
            raise ValueError(f"export: {name}: a value is beyond float16")
        raw = x.astype("<f2").tobytes()
        header[name] = {"dtype": "F16", "shape": list(x.shape), "data_offsets": [at, at + len(raw)]}
        parts.append(raw)
        at += len(raw)
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    return struct.pack("<Q", len(head)) + head + b"".join(parts)


def write(base, state_dict, results):
    """Write BASE.safetensors and BASE.json, each in one step. Counters of batches seen are left out."""
    keep = {k: v.numpy() for k, v in state_dict.items() if not k.endswith("num_batches_tracked")}
    data = safetensors(keep, {"net": results["net"], "features": results["features"], "step": results["step"]})

    def binary(tmp):
        with open(tmp, "wb") as f:
            f.write(data)

    def text(tmp):
        with open(tmp, "w") as f:
            json.dump(results, f, indent=1)
            f.write("\n")

    atomic_write(base + ".safetensors", binary)
    atomic_write(base + ".json", text)


def read(path):
    """Return ({name: float32 array}, metadata) of a file that write made."""
    with open(path, "rb") as f:
        data = f.read()
    (n,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + n])
    metadata = header.pop("__metadata__", {})
    out = {}
    for name, t in header.items():
        a, b = t["data_offsets"]
        out[name] = np.frombuffer(data[8 + n + a : 8 + n + b], "<f2").astype(np.float32).reshape(t["shape"])
    return out, metadata
