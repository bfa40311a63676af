"""Write an ensemble as models/emotion-mlp-vN: weights.safetensors and manifest.json."""
import hashlib
import json
import os

import numpy as np

import calls  # noqa: F401  puts the speaker recipe on the path
from pool import CLASSES

SPEECH = {
    "ravdess": ("RAVDESS", "acted English of 20 of its 24 actors, two sentences", "CC-BY-NC-SA-4.0"),
    "nemo": ("nEMO", "acted Polish of 7 of its 9 actors", "CC-BY-NC-SA-4.0"),
    "ased": ("ASED", "Amharic of lay speakers, judged", "none stated"),
    "baved": ("BAVED", "Arabic words in three levels of emotion (arousal only)", "none stated"),
    "emodb": ("EmoDB", "acted German of 10 speakers, kept where over 80 % of listeners agreed", "free"),
}
FREE = {"emodb"}


def safetensors(tensors, metadata):
    """Encode {name: array} as float32 safetensors bytes, names in order."""
    import struct

    header, at, parts = {"__metadata__": {k: str(v) for k, v in metadata.items()}}, 0, []
    for name in sorted(tensors):
        raw = np.ascontiguousarray(tensors[name], dtype="<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(np.shape(tensors[name])), "data_offsets": [at, at + len(raw)]}
        parts.append(raw)
        at += len(raw)
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    return struct.pack("<Q", len(head)) + head + b"".join(parts)


def write(folder, nets, temperature, feature_set, created, sets, summary):
    """nets: [(scaler, net)]; temperature [2, 2]; sets: corpora that it was trained on."""
    name = os.path.basename(os.path.normpath(folder))
    t = {"norm.mean": nets[0][0].mean, "norm.scale": nets[0][0].scale, "temperature": np.asarray(temperature)}
    for k, (_, net) in enumerate(nets):
        for layer in ("first", "second", "out"):
            module = getattr(net, layer)
            t[f"member{k}.{layer}.weight"], t[f"member{k}.{layer}.bias"] = module.weight.detach().numpy(), module.bias.detach().numpy()
    data = safetensors(t, {"front_end": feature_set, "members": len(nets)})
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "weights.safetensors"), "wb") as f:
        f.write(data)
    sets = sorted(sets, key=list(SPEECH).index)
    free = set(sets) <= FREE
    manifest = dict(
        name=name, task="emotion", arch=name.split("-")[1], version="1.0.0", summary=summary, created=created, sample_rate_hz=8000,
        features=feature_set, input_dims=2 * len(nets[0][0].mean) + 1, output_dims=5, classes=CLASSES + ["arousal"],
        params=int(sum(np.size(v) for v in t.values())), weights_type="F32", weights_bytes=len(data), sha256=hashlib.sha256(data).hexdigest(),
        licence="CC0-1.0" if free else "CC-BY-NC-SA-4.0", licence_class="permissive" if free else "non-commercial",
        training_data=[dict(name=SPEECH[s][0], what=SPEECH[s][1], licence=SPEECH[s][2]) for s in sets], recipe="models/train/emotion")
    with open(os.path.join(folder, "manifest.json"), "w") as f:
        json.dump(manifest, f, indent=2)
        f.write("\n")
    print(f"{folder}: {manifest['params']} values, {len(data)} bytes, sha256 {manifest['sha256']}", flush=True)
