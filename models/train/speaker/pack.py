#!/usr/bin/env python3
"""Write models/speaker-tdnn-v1 from exported weights: weights.safetensors (float16) and manifest.json with what else stands there.

    pack.py --weights RUN.best.safetensors --created YYYY-MM-DD [--state DIR] [--model DIR]

Further files (scoring.safetensors, calibration.json) are made after the weights and are taken up when this is called again.
"""
import argparse
import csv
import hashlib
import json
import os

import export
import features
import net as nets

HERE = os.path.dirname(os.path.abspath(__file__))
VAD = os.path.join(HERE, "..", "..", "vad-gru-v1", "manifest.json")
FURTHER = ("scoring.safetensors", "calibration.json")


def training_data(state):
    """The sources of the pools, described as the speech detector's manifest describes them."""
    used = set()
    for pool in ("train", "noise", "music"):
        with open(os.path.join(state, "pools", pool + ".tsv"), newline="") as f:
            used |= {r["set"] if pool == "train" else r["speaker"] for r in csv.DictReader(f, delimiter="\t")}
    with open(VAD) as f:
        known = json.load(f)["training_data"]
    out = [d for d in known if d["name"].split(" ")[0] in used]
    missing = used - {d["name"].split(" ")[0] for d in out}
    if missing:
        raise SystemExit(f"{VAD} does not describe {sorted(missing)}")
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--weights", required=True)
    p.add_argument("--created", required=True)
    p.add_argument("--version", default="1.0.0")
    p.add_argument("--state", default=os.path.join(os.path.expanduser("~"), ".cache", "timbre", "train", "speaker"))
    p.add_argument("--model", default=os.path.join(HERE, "..", "..", "speaker-tdnn-v1"))
    a = p.parse_args()
    tensors, metadata = export.read(a.weights)
    make, kind = nets.NETS[metadata["net"]]
    if make is not nets.TDNN or kind != "mfcc":
        raise SystemExit(f"{a.weights}: a {metadata['net']} on {kind}, want the TDNN on mfcc")
    data = export.safetensors(tensors, {"front_end": features.TEXT, "dilations": ",".join(map(str, nets.DILATIONS)), "step": metadata["step"]})
    os.makedirs(a.model, exist_ok=True)
    with open(os.path.join(a.model, "weights.safetensors"), "wb") as f:
        f.write(data)
    files = []
    for name in FURTHER:
        path = os.path.join(a.model, name)
        if os.path.exists(path):
            with open(path, "rb") as f:
                content = f.read()
            files.append({"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()})
    manifest = {
        "name": "speaker-tdnn-v1", "task": "speaker", "arch": "tdnn", "version": a.version,
        "summary": "Net speech of a telephone channel to an embedding of who speaks.",
        "created": a.created, "sample_rate_hz": 8000, "features": features.TEXT, "input_dims": 40,
        "output_dims": int(tensors["embed.weight"].shape[1]), "classes": [],
        "params": int(sum(v.size for v in tensors.values())), "weights_type": "F16", "weights_bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(), "licence": "CC-BY-SA-4.0", "licence_class": "share-alike",
        "training_data": training_data(a.state), "recipe": "models/train/speaker", "files": files,
    }
    with open(os.path.join(a.model, "manifest.json"), "w") as f:
        json.dump(manifest, f, indent=2)
        f.write("\n")
    print(f"{a.model}: {manifest['params']} values, {len(data)} bytes, sha256 {manifest['sha256']}, {len(files)} further files")


if __name__ == "__main__":
    main()
