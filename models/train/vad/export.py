#!/usr/bin/env python3
"""Write models/vad-gru-v1 from a checkpoint: weights.safetensors (float16) and manifest.json.

    export.py --checkpoint FILE --steps BIN --created YYYY-MM-DD [--model DIR]
"""
import argparse
import json
import os
import subprocess

import torch

from net import CLASSES, BANDS, Net, save

SPEECH = [
    ("speech_commands", "one-word recordings of 1,656 volunteers (Google Speech Commands)", "CC-BY-4.0"),
    ("librispeech", "read English of 211 speakers (LibriSpeech)", "CC-BY-4.0"),
    ("debian_voices", "prompts, games and word lists of Debian packages in 25 languages, 63 speakers", "GPL-2.0-or-later, CC-BY-SA-3.0"),
    ("dspspeech20", "Chinese and English words of 34 students", "MIT"),
    ("fsdd", "English digits of 6 speakers (Free Spoken Digit Dataset)", "CC-BY-SA-4.0"),
    ("yoruba1", "one Yoruba speaker", "MIT"),
]


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    here = os.path.dirname(os.path.abspath(__file__))
    ap.add_argument("--checkpoint", required=True)
    ap.add_argument("--steps", required=True, help="binary of models/train/vad/steps")
    ap.add_argument("--created", required=True)
    ap.add_argument("--model", default=os.path.join(here, "../../vad-gru-v1"))
    a = ap.parse_args()
    front_end = subprocess.run([a.steps, "frontend"], stdout=subprocess.PIPE, check=True, text=True).stdout
    ck = torch.load(a.checkpoint, map_location="cpu")
    net = Net(**ck["size"])
    net.load_state_dict(ck["net"])
    os.makedirs(a.model, exist_ok=True)
    sha, size, values = save(net, os.path.join(a.model, "weights.safetensors"), front_end)
    data = [dict(name=n, what=w, licence=l) for n, w, l in SPEECH]
    with open(os.path.join(here, "licences.tsv")) as f:
        for line in f:
            if not line.startswith("#"):
                package, version, what, licence = line.rstrip("\n").split("\t")
                data.append(dict(name="%s %s (Debian)" % (package, version), what=what, licence=licence))
    manifest = dict(
        name="vad-gru-v1", task="vad", arch="gru", version="1.0.0",
        summary="Tells speech, music and noise apart every 16 ms of a telephone channel.",
        created=a.created, sample_rate_hz=8000, features=front_end, input_dims=BANDS, output_dims=len(CLASSES), classes=CLASSES,
        params=values, weights_type="F16", weights_bytes=size, sha256=sha, licence="CC-BY-SA-4.0", licence_class="share-alike",
        training_data=data, recipe="models/train/vad")
    with open(os.path.join(a.model, "manifest.json"), "w") as f:
        json.dump(manifest, f, indent=2)
        f.write("\n")
    print("%s: %d values, %d bytes, sha256 %s" % (a.model, values, size, sha))


if __name__ == "__main__":
    main()
