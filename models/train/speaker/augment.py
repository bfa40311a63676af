"""What a call does to a voice: rooms, handsets, noise, other talkers, levels, companding, lost packets. numpy only, seeded."""
import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

RATE = 8000


def room(rng, seconds=0.5):
    """A synthetic impulse response: the direct sound, a few early reflections, a tail that decays exponentially."""
    n = int(seconds * RATE)
    rt60 = rng.uniform(0.1, 0.7)
    t = np.arange(n) / RATE
    tail = rng.standard_normal(n) * 10 ** (-3 * t / rt60)
    tail[: int(rng.uniform(0.002, 0.02) * RATE)] = 0
    for _ in range(rng.integers(2, 7)):
        tail[rng.integers(8, 400)] += rng.normal() * 3
    ratio_db = rng.uniform(2, 18)  # direct to reverberant
    h = tail * 10 ** (-ratio_db / 20) / (np.sqrt(np.sum(tail**2)) + 1e-9)
    h[0] = 1
    return h.astype(np.float32)


def handset(rng, bins):
    """Magnitude [bins] from 0 to 4 kHz: a smooth random tilt and, mostly, the edges of a telephone band."""
    hz = np.linspace(0, RATE / 2, bins)
    db = np.zeros(bins)
    if rng.random() < 0.8:
        knots = np.array([0, 200, 400, 800, 1400, 2200, 3000, 4000])
        db += np.interp(hz, knots, rng.normal(0, rng.uniform(1, 5), len(knots)))
    if rng.random() < 0.6:
        low, slope = rng.uniform(80, 380), rng.uniform(12, 48)
        db -= slope * np.maximum(np.log2(low / np.maximum(hz, 10)), 0)
    if rng.random() < 0.6:
        high, slope = rng.uniform(2900, 3800), rng.uniform(60, 300)
        db -= slope * np.maximum(np.log2(np.maximum(hz, 10) / high), 0)
    return 10 ** (np.maximum(db, -60) / 20)


def filtered(rng, x, room_share):
    """x through a random room and handset, the same length."""
    use_room = rng.random() < room_share
    n = next_fast_len(len(x) + (4000 if use_room else 256), real=True)
    spectrum = rfft(x, n) * handset(rng, n // 2 + 1).astype(np.float32)
    if use_room:
        spectrum *= rfft(room(rng), n)
    return irfft(spectrum, n)[: len(x)].astype(np.float32)


def coloured(rng, n):
    """Gaussian noise with a spectrum between white and 1/f² in power."""
    m = next_fast_len(n, real=True)
    k = np.arange(m // 2 + 1)
    k[0] = 1
    s = (rng.standard_normal(len(k)) + 1j * rng.standard_normal(len(k))) * k ** -rng.uniform(0, 1)
    return irfft(s, m)[:n].astype(np.float32)


def rms(x):
    return float(np.sqrt(np.mean(x * x) + 1e-12))


def add(x, noise, snr_db):
    return x + noise * (rms(x) / rms(noise) * 10 ** (-snr_db / 20))


def mu_law(x):
    """Through G.711 mu-law and back, by its formula quantised to 8 bits."""
    y = np.sign(x) * np.log1p(255 * np.abs(np.clip(x, -1, 1))) / np.log(256)
    y = np.round(y * 127) / 127
    return (np.sign(y) * (256 ** np.abs(y) - 1) / 255).astype(np.float32)


def a_law(x):
    """Through G.711 A-law and back, by its formula quantised to 8 bits."""
    a, x = 87.6, np.clip(x, -1, 1)
    mag = np.abs(x)
    y = np.where(mag < 1 / a, a * mag, 1 + np.log(np.maximum(a * mag, 1))) / (1 + np.log(a))
    y = np.round(y * 127) / 127 * (1 + np.log(a))
    return (np.sign(x) * np.where(y < 1, y / a, np.exp(np.maximum(y, 1) - 1) / a)).astype(np.float32)


def lose_packets(rng, x):
    """Drop 20 ms packets; what stands in is silence, or the packet before at a lower level."""
    packets = x[: len(x) // 160 * 160].reshape(-1, 160).copy()
    lost = rng.random(len(packets)) < rng.uniform(0.01, 0.08)
    repeat = rng.random() < 0.6
    for i in np.flatnonzero(lost):
        packets[i] = packets[i - 1] * 0.6 if repeat and i > 0 else 0
    return np.concatenate([packets.reshape(-1), x[packets.size :]])


def line(rng, x):
    """The end of the chain: level, clipping, companding or 16 bits, lost packets."""
    x = x * (10 ** (rng.uniform(-38, -12) / 20) / rms(x))
    if rng.random() < 0.05:
        x = x * rng.uniform(3, 10)
    x = np.clip(x, -1, 32767 / 32768)
    kind = rng.random()
    if kind < 0.35:
        x = mu_law(x)
    elif kind < 0.55:
        x = a_law(x)
    else:
        x = np.round(x * 32768) / 32768
    if rng.random() < 0.15:
        x = lose_packets(rng, x)
    return x.astype(np.float32)


class Noises:
    """Backgrounds to add: recorded noise, music, other talkers, coloured noise."""

    def __init__(self, noise, music, talkers):
        self.sources = {"noise": noise, "music": music, "babble": talkers}

    @staticmethod
    def piece(rng, pool, n):
        out, have = [], 0
        while have < n:
            c = pool.clip(rng.integers(len(pool.start)))
            if len(c) > n:
                at = rng.integers(len(c) - n + 1)
                c = c[at : at + n]
            c = c / rms(c)
            out.append(c)
            have += len(c)
        return np.concatenate(out)[:n]

    def background(self, rng, x):
        """x with one kind of background at a random signal-to-noise ratio."""
        kind = rng.choice(["noise", "music", "babble", "coloured"], p=[0.35, 0.15, 0.25, 0.25])
        n = len(x)
        if kind == "coloured":
            return add(x, coloured(rng, n), rng.uniform(5, 25))
        pool = self.sources[kind]
        if kind == "babble":
            talkers = sum(self.piece(rng, pool, n) for _ in range(rng.integers(3, 7)))
            return add(x, talkers, rng.uniform(8, 22))
        return add(x, self.piece(rng, pool, n), rng.uniform(3, 22))
