#!/usr/bin/env python3
"""Golden features made by python_speech_features: MFCC, log-mel, deltas. Run from the root of the repository, without arguments."""
from importlib.metadata import version

import feats_common as common  # first: it fixes the threads before numpy loads
import numpy as np
import python_speech_features as psf

SCRIPT = "psf_feats.py"
TOOL = f"python_speech_features {version('python_speech_features')}"
TOL = (1e-3, "values are rounded to 6 digits; the tool works in float64")

WINDOWS = {"rectangular": lambda n: np.ones(n), "hamming": np.hamming}
# name, function, rates, options that differ from the tool's defaults
CASES = [
    ("mfcc", "mfcc", (8000, 11025, 16000), {}),
    ("logfbank", "logfbank", (8000, 11025, 16000), {}),
    ("mfcc_c0", "mfcc", (8000,), {"appendEnergy": False, "ceplifter": 0}),
    ("mfcc_hamming", "mfcc", (8000,), {"winfunc": "hamming", "nfft": 256, "numcep": 20, "lowfreq": 60, "highfreq": 3800}),
    ("mfcc_30_15ms", "mfcc", (16000,), {"winlen": 0.03, "winstep": 0.015, "preemph": 0.9, "nfilt": 20}),
]


def main():
    for name, function, rates, options in CASES:
        for short, path, rate, x in common.inputs(rates):
            given = dict(options)
            if "winfunc" in given:
                given["winfunc"] = WINDOWS[given["winfunc"]]
            y = getattr(psf, function)(x, samplerate=rate, **given)
            common.save("psf", f"{name}_{short}", f"{function} of 16-bit samples", TOOL, SCRIPT, options, common.rows(y), *TOL, path)
    rate, x = common.load(common.VOICES[8000])
    common.save("psf", "delta", "deltas of mfcc", TOOL, SCRIPT, {"N": 2}, common.rows(psf.delta(psf.mfcc(x, samplerate=rate), 2)),
                *TOL, common.VOICES[8000])
    common.save("psf", "lifter", "lifter weights", TOOL, SCRIPT, {"L": 22, "n": 26}, [common.sig(v, 12) for v in psf.lifter(np.ones((1, 26)), 22)[0]],
                1e-10, "float64, 12 digits")


main()
