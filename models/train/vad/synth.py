"""Signals shared by training and evaluation: pools of clips, signalling tones, coloured noise, channels."""
import os
import subprocess

import numpy as np
from scipy.signal import butter, fftconvolve, sosfilt

RATE = 8000
STEP = 128


class Pool:
    """Clips of one pool of prepare.py: audio as a memory map, rows (start, length, group, source, marks)."""

    def __init__(self, folder, name):
        self.audio = np.memmap(os.path.join(folder, name + ".s16"), dtype="<i2", mode="r")
        self.rows = []
        self.groups = {}
        with open(os.path.join(folder, name + ".tsv")) as f:
            for line in f:
                start, n, group, source, marks = line.rstrip("\n").split("\t")
                spans = [tuple(map(int, m.split("-"))) for m in marks.split(",")] if marks else []
                self.groups.setdefault(group, []).append(len(self.rows))
                self.rows.append((int(start), int(n), group, source, spans))
        self.names = sorted(self.groups)

    def clip(self, i):
        start, n = self.rows[i][:2]
        return self.audio[start : start + n].astype(np.float32) / 32768

    def pick(self, rng, group=None):
        """Return a clip index: a group first, then a clip, so that large packages or speakers do not rule."""
        g = group if group is not None else self.names[rng.integers(len(self.names))]
        return self.groups[g][rng.integers(len(self.groups[g]))]


def db(v):
    return 10 ** (v / 20)


def rms(x):
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64)) + 1e-20)) if len(x) else 0.0


def fade(x, n=80):
    n = min(n, len(x) // 2)
    if n:
        r = np.linspace(0, 1, n, dtype=np.float32)
        x = x.copy()
        x[:n] *= r
        x[-n:] *= r[::-1]
    return x


# --- signalling tones -------------------------------------------------------------------------------------------------------
DTMF = {d: (lo, hi) for lo, row in zip((697, 770, 852, 941), ("123A", "456B", "789C", "*0#D")) for hi, d in zip((1209, 1336, 1477, 1633), row)}
# ITU-T E.180 and its supplement: frequencies, then on and off seconds in turn
RINGBACK = {
    "europe": ((425,), (1, 4)), "france": ((440,), (1.5, 3.5)), "north_america": ((440, 480), (2, 4)),
    "united_kingdom": ((400, 450), (0.4, 0.2, 0.4, 2)), "spain": ((425,), (1.5, 3)), "china": ((450,), (1, 4)),
}
BUSY = {"europe": ((425,), (0.5, 0.5)), "congestion": ((425,), (0.25, 0.25)), "north_america": ((480, 620), (0.5, 0.5)), "united_kingdom": ((400,), (0.375, 0.375))}
DIAL = {"europe": ((425,), (60, 0)), "north_america": ((350, 440), (60, 0)), "united_kingdom": ((350, 450), (60, 0))}
FAX = {"cng": ((1100,), (0.5, 3)), "ced": ((2100,), (3, 60))}


def tone(freqs, n, rng=None):
    t = np.arange(n) / RATE
    x = np.zeros(n, np.float32)
    for f in freqs:
        phase = rng.uniform(0, 2 * np.pi) if rng is not None else 0
        x += np.sin(2 * np.pi * f * t + phase).astype(np.float32)
    return x / len(freqs)


def cadenced(freqs, cadence, n, rng=None):
    x, at, k = np.zeros(n, np.float32), 0, 0
    while at < n:
        d = int(cadence[k % len(cadence)] * RATE)
        if k % 2 == 0:
            m = min(d, n - at)
            x[at : at + m] = fade(tone(freqs, m, rng), 16)
        at += d
        k += 1
    return x


def dtmf_digits(n, rng, low_ms=60, high_ms=250):
    x, at = np.zeros(n, np.float32), int(rng.uniform(0, 0.5) * RATE)
    keys = sorted(DTMF)
    while at < n:
        d = int(rng.uniform(low_ms, high_ms) * 8)
        m = min(d, n - at)
        lo, hi = DTMF[keys[rng.integers(16)]]
        x[at : at + m] = 0.5 * tone((lo,), m, rng) + 0.5 * db(rng.uniform(-3, 3)) * tone((hi,), m, rng)
        at += d + int(rng.uniform(low_ms, 3 * high_ms) * 8)
    return x


def signalling(rng, n):
    kind = rng.choice(["ringback", "busy", "dial", "dtmf", "fax"], p=[0.35, 0.15, 0.1, 0.3, 0.1])
    if kind == "dtmf":
        return dtmf_digits(n, rng)
    table = {"ringback": RINGBACK, "busy": BUSY, "dial": DIAL, "fax": FAX}[kind]
    freqs, cadence = table[sorted(table)[rng.integers(len(table))]]
    detune = rng.uniform(0.985, 1.015)
    x = cadenced([f * detune for f in freqs], cadence, n + 5 * RATE, rng)
    at = rng.integers(5 * RATE)
    return x[at : at + n]


# --- noise ------------------------------------------------------------------------------------------------------------------
def coloured(rng, n):
    """Noise with a random spectral tilt, at times with a slow or fast envelope."""
    spec = np.fft.rfft(rng.standard_normal(n))
    f = np.maximum(np.fft.rfftfreq(n, 1 / RATE), 20)
    x = np.fft.irfft(spec * (f / 1000) ** rng.uniform(-1.2, 0.3), n).astype(np.float32)
    if rng.random() < 0.4:
        knots = rng.uniform(-12, 6, int(n / RATE * rng.uniform(0.3, 4)) + 2)
        x *= db(np.interp(np.arange(n), np.linspace(0, n, len(knots)), knots)).astype(np.float32)
    return x / rms(x)


def hum(rng, n):
    base = rng.choice([50, 60, 100, 120]) * rng.uniform(0.995, 1.005)
    x = sum(rng.uniform(0, 1) / k * tone((base * k,), n, rng) for k in range(1, 12))
    return (x / rms(x)).astype(np.float32)


def clicks(rng, n):
    """Bursts like keys and switches: a few ms of decaying filtered noise."""
    x = np.zeros(n, np.float32)
    at = 0
    rate = rng.uniform(1, 9)
    while True:
        at += int(RATE * rng.exponential(1 / rate)) + 200
        m = int(rng.uniform(0.003, 0.06) * RATE)
        if at + m >= n:
            break
        b = rng.standard_normal(m) * np.exp(-np.arange(m) / (m * rng.uniform(0.1, 0.4)))
        lo = rng.uniform(200, 2500)
        b = sosfilt(butter(2, [lo, min(lo * rng.uniform(1.5, 5), 3900)], "band", fs=RATE, output="sos"), b)
        x[at : at + m] += (b / (np.abs(b).max() + 1e-9) * db(rng.uniform(-12, 0))).astype(np.float32)
    return x


# --- channel ----------------------------------------------------------------------------------------------------------------
def room(rng, x):
    """Convolve with a made-up room: a direct path and an exponential tail of 0.1 to 0.7 s."""
    t60 = rng.uniform(0.1, 0.7)
    n = int(t60 * RATE)
    h = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / n)
    h *= db(-rng.uniform(3, 15)) / np.sqrt(np.sum(h * h))
    h[0] += 1
    return fftconvolve(x, h)[: len(x)].astype(np.float32)


def telephone(x, low=300, high=3400):
    return sosfilt(butter(4, [low, high], "band", fs=RATE, output="sos"), x).astype(np.float32)


def mulaw(x):
    y = np.sign(x) * np.log1p(255 * np.minimum(np.abs(x), 1)) / np.log(256)
    y = np.round((y + 1) * 127.5) / 127.5 - 1
    return (np.sign(y) * (256 ** np.abs(y) - 1) / 255).astype(np.float32)


def alaw(x):
    a = 87.6
    m = np.minimum(np.abs(x), 1)
    y = np.where(m < 1 / a, a * m, 1 + np.log(np.maximum(m * a, 1e-9))) / (1 + np.log(a))
    y = np.round(y * 127) / 127
    m = np.where(y < 1 / (1 + np.log(a)), y * (1 + np.log(a)) / a, np.exp(y * (1 + np.log(a)) - 1) / a)
    return (np.sign(x) * m).astype(np.float32)


def gsm(x):
    """GSM 06.10 full rate through sox."""
    raw = (np.clip(x, -1, 1) * 32767).astype("<i2").tobytes()
    fmt = ["-t", "raw", "-r", "8000", "-e", "signed", "-b", "16", "-c", "1"]
    coded = subprocess.run(["sox"] + fmt + ["-", "-t", "gsm", "-"], input=raw, stdout=subprocess.PIPE, check=True).stdout
    back = subprocess.run(["sox", "-t", "gsm", "-r", "8000", "-c", "1", "-"] + fmt + ["-"], input=coded, stdout=subprocess.PIPE, check=True).stdout
    y = np.frombuffer(back, "<i2").astype(np.float32) / 32768
    return np.pad(y, (0, max(0, len(x) - len(y))))[: len(x)]
