#!/usr/bin/env python3
"""What the feature generators share: inputs, the choice of frames, and the form of a golden file.

Run from the root of the repository, without arguments. By itself it writes the synthetic inputs of the feature goldens to
testdata/golden/synth; the generators of the tools import it. Running it again changes nothing.
"""
import hashlib
import io
import json
import os
import wave

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # sums in one order, whatever the machine
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

MADE = "2026-11-21"
GOLDEN = "testdata/golden"
VOICES = {8000: "testdata/audio/voice_female_en_8k.wav", 16000: "testdata/audio/voice_male_en_16k.wav"}


def synth_path(rate):
    return f"{GOLDEN}/synth/chirp_noise_{rate}.wav"


def synth(rate):
    """1.3 s in 16 bits: a chirp over the whole band, noise that comes in steps, a constant offset, and 0.1 s of exact zeros.

    The noise never falls below 0.012: beside a chirp in less of it, the rounding of the float32 tools themselves shows with more
    than the tolerance of 1e-3 in the empty bands (kaldi-native-fbank then differs by 0.002 from the same sums in float64)."""
    rng = np.random.Generator(np.random.PCG64(20261121))
    t = np.arange(int(1.3 * rate)) / rate
    chirp = 0.3 * np.sin(2 * np.pi * (50 * t + 0.5 * (0.45 * rate - 50) / 1.3 * t * t))
    steps = np.array([0.012, 0.02, 0.015, 0.1])[np.minimum((t * 4).astype(int), 3)]
    x = chirp * (t < 0.9) + steps * rng.standard_normal(len(t)) + 0.01
    x[(t >= 1.1) & (t < 1.2)] = 0
    return np.clip(np.round(x * 32767), -32768, 32767).astype(np.int16)


def write_synth():
    os.makedirs(f"{GOLDEN}/synth", exist_ok=True)
    for rate in (8000, 11025, 16000):
        buf = io.BytesIO()
        with wave.open(buf, "wb") as w:
            w.setnchannels(1)
            w.setsampwidth(2)
            w.setframerate(rate)
            w.writeframes(synth(rate).astype("<i2").tobytes())
        with open(synth_path(rate), "wb") as f:
            f.write(buf.getvalue())


def load(path):
    """Returns the rate and the int16 samples of a mono WAV file."""
    with wave.open(path, "rb") as w:
        assert w.getnchannels() == 1 and w.getsampwidth() == 2, path
        return w.getframerate(), np.frombuffer(w.readframes(w.getnframes()), "<i2")


def inputs(rates):
    """Yields (short name, path, rate, int16 samples) of a voice, where there is one, and the synthetic signal at each rate."""
    write_synth()
    for rate in rates:
        if rate in VOICES:
            yield f"voice_{rate}", VOICES[rate], *load(VOICES[rate])
        yield f"synth_{rate}", synth_path(rate), *load(synth_path(rate))


def sha256(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def sig(x, digits=6):
    """x with so many significant digits."""
    x = float(x)
    return float(f"{x:.{digits}g}")


def rows(m, digits=6, decimals=4, every=9):
    """A matrix as the number of its rows and a choice of them: three at each end and every ninth between.

    The values have at most so many significant digits and so many decimals: past those a float32 tool's last bits begin, which may
    differ from one processor to the next."""
    m = np.asarray(m, dtype=np.float64)
    t = sorted({i for i in (*range(3), *range(0, len(m), every), *range(len(m) - 3, len(m))) if 0 <= i < len(m)})
    return {"num_rows": len(m), "rows": t, "data": [[round(sig(v, digits), decimals) + 0.0 for v in m[i]] for i in t]}


def save(folder, name, what, tool, script, options, values, abs_tol, tol_why, path=None):
    os.makedirs(f"{GOLDEN}/{folder}", exist_ok=True)
    doc = {"what": what, "tool": tool, "command": f"testdata/golden/gen/{script}", "options": options,
           "input": path or "", "sha256": sha256(path) if path else "", "made": MADE,
           "abs_tol": abs_tol, "tol_why": tol_why, "values": values}
    lines = [f" {json.dumps(k)}: {json.dumps(v)}" for k, v in doc.items()]
    with open(f"{GOLDEN}/{folder}/{name}.json", "w") as f:
        f.write("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    write_synth()
