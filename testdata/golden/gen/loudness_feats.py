#!/usr/bin/env python3
"""Golden loudness made by the ebur128 filter of ffmpeg. Run from the root of the repository, without arguments; needs ffmpeg."""
import re
import subprocess

import feats_common as common
import numpy as np

SCRIPT = "loudness_feats.py"
TOL = (2e-2, "the tool gates on a histogram of 0.01 LU and prints 3 decimals")
# The input is heard once per entry, its 16-bit samples shifted right by so many bits: 0 as it is, 4 is 24 dB down, 16 silence.
SHIFTS = {"plain": [0], "gated": [1, 5, 16, 0, 3]}


def measure(rate, x):
    raw = subprocess.run(["ffmpeg", "-v", "error", "-f", "s16le", "-ar", str(rate), "-ac", "1", "-i", "pipe:", "-af",
                          "ebur128=metadata=1,ametadata=print:file=-", "-f", "null", "-"], input=x.astype("<i2").tobytes(),
                         stdout=subprocess.PIPE, check=True).stdout.decode()
    return {key: [float(v) for v in re.findall(rf"r128\.{key}=(\S+)", raw)] for key in ("M", "S", "I")}


def main():
    tool = subprocess.run(["ffmpeg", "-version"], stdout=subprocess.PIPE, check=True).stdout.decode().split(" Copyright")[0]
    for short, path, rate, x in common.inputs((8000, 16000)):
        for name, shifts in SHIFTS.items():
            y = np.concatenate([x >> s if s < 16 else 0 * x for s in shifts])
            m = measure(rate, y)
            common.save("loudness", f"{name}_{short}", "momentary and short-term loudness per 100 ms, integrated at the end, in LUFS",
                        tool.replace(" version", ""), SCRIPT, {"shifts": shifts}, {"momentary": m["M"], "short_term": m["S"], "integrated": m["I"][-1]}, *TOL, path)


main()
