"""Write an ensemble as models/emotion-tdnn-vN, or one without a trunk as models/emotion-mlp-vN: weights.safetensors and manifest.json."""
import hashlib
import json
import os
import struct

import numpy as np

import trunk
from pool import CLASSES

SPEECH = {
    "ravdess": ("RAVDESS", "acted English of 20 of its 24 actors, two sentences", "CC-BY-NC-SA-4.0"),
    "nemo": ("nEMO", "acted Polish of 7 of its 9 actors", "CC-BY-NC-SA-4.0"),
    "ased": ("ASED", "Amharic of lay speakers, judged", "none stated"),
    "baved": ("BAVED", "Arabic words in three levels of emotion (arousal only)", "none stated"),
    "emodb": ("EmoDB", "acted German of 10 speakers, kept where over 80 % of listeners agreed", "free"),
}
BEGIN = [  # what the trunk begins with
    ("Google Speech Commands", "words of 1,656 speakers, without labels: the rows of a published encoder", "CC-BY-4.0"),
    ("LibriSpeech", "read English of 211 speakers, the same", "CC-BY-4.0"),
    ("DSPSpeech-20", "words of 34 speakers, the same", "MIT"),
    ("smart-turn v3.2", "the encoder, tuned by Daily from that of OpenAI's Whisper tiny (MIT); none of its weights is in these", "BSD-2-Clause"),
]
FREE = {"emodb"}


def safetensors(tensors, metadata):
    """Encode {name: array} as safetensors bytes, names in order: weights of products as float16, all else as float32."""
    header, at, parts = {"__metadata__": {k: str(v) for k, v in metadata.items()}}, 0, []
    for name in sorted(tensors):
        dtype = ("F16", "<f2") if np.ndim(tensors[name]) == 2 and name.endswith(".weight") else ("F32", "<f4")
        raw = np.ascontiguousarray(tensors[name], dtype=dtype[1]).tobytes()
        header[name] = {"dtype": dtype[0], "shape": list(np.shape(tensors[name])), "data_offsets": [at, at + len(raw)]}
        parts.append(raw)
        at += len(raw)
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    return struct.pack("<Q", len(head)) + head + b"".join(parts)


def read(path):
    """{name: float32 array} and the metadata of a file of safetensors."""
    with open(path, "rb") as f:
        data = f.read()
    (n,) = struct.unpack("<Q", data[:8])
    header, out = json.loads(data[8 : 8 + n]), {}
    metadata = header.pop("__metadata__")
    for name, v in header.items():
        a, b = v["data_offsets"]
        out[name] = np.frombuffer(data[8 + n + a : 8 + n + b], {"F16": "<f2", "F32": "<f4"}[v["dtype"]]).astype(np.float32).reshape(v["shape"])
    return out, metadata


def write(folder, ensemble, temperature, feature_set, created, sets, summary):
    """ensemble: train.Ensemble or train.Plain; temperature [2, 2]; sets: corpora that it was trained on."""
    name = os.path.basename(os.path.normpath(folder))
    t = {"norm.mean": ensemble.scaler.mean, "norm.scale": ensemble.scaler.scale, "temperature": np.asarray(temperature)}
    metadata = {"front_end": feature_set, "members": len(ensemble.nets)}
    if ensemble.trunk:
        t.update({"trunk." + k: v.numpy() for k, v in ensemble.trunk.state_dict().items() if not k.endswith("num_batches_tracked")})
        metadata["dilations"] = ",".join(map(str, trunk.DILATIONS))
    for k, net in enumerate(ensemble.nets):
        for layer in ("first", "second", "out"):
            module = getattr(net, layer)
            t[f"member{k}.{layer}.weight"], t[f"member{k}.{layer}.bias"] = module.weight.detach().numpy(), module.bias.detach().numpy()
    data = safetensors(t, metadata)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "weights.safetensors"), "wb") as f:
        f.write(data)
    sets = sorted(sets, key=list(SPEECH).index)
    free = set(sets) <= FREE
    manifest = dict(
        name=name, task="emotion", arch=name.split("-")[1], version="1.0.0", summary=summary, created=created, sample_rate_hz=8000,
        features=feature_set, input_dims=2 * len(ensemble.scaler.mean) + 1, output_dims=5, classes=CLASSES + ["arousal"],
        params=int(sum(np.size(v) for v in t.values())), weights_type="F16", weights_bytes=len(data), sha256=hashlib.sha256(data).hexdigest(),
        licence="CC0-1.0" if free else "CC-BY-NC-SA-4.0", licence_class="permissive" if free else "non-commercial",
        training_data=[dict(name=n, what=w, licence=l) for n, w, l in [SPEECH[s] for s in sets] + (BEGIN if ensemble.trunk else [])], recipe="models/train/emotion")
    with open(os.path.join(folder, "manifest.json"), "w") as f:
        json.dump(manifest, f, indent=2)
        f.write("\n")
    print(f"{folder}: {manifest['params']} values, {len(data)} bytes, sha256 {manifest['sha256']}", flush=True)
