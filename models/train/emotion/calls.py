"""What a call does to the clips of one speaker. All clips of a speaker in one version share the line: handset, room, background, gain,
companding. So a history of the speaker's other clips says about the line what the same minutes of a call would say.

The parts (rooms, handsets, noises, companding, lost packets) and the codecs are those of the speaker recipe.
"""
import os
import sys
import zlib

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import butter, sosfilt

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "speaker"))
import augment  # noqa: E402

RATE = augment.RATE


LINE = np.vstack([butter(4, 250, "highpass", fs=RATE, output="sos"), butter(4, 3500, "lowpass", fs=RATE, output="sos")])


def limit(x):
    """x within the band of a telephone line, whose edges are those of `--degrade phone`: Butterworth filters of fourth order."""
    return sosfilt(LINE, x).astype(np.float32)


class Version:
    """How one copy of the whole pool is made. Shares are probabilities per speaker."""

    def __init__(self, name, band=0.0, handset=0.0, room=0.0, noise=0.0, snr=(8, 25), codec=None, law="random", loss=0.0, edges=None):
        self.name, self.band, self.handset, self.room, self.noise, self.snr = name, band, handset, room, noise, snr
        self.codec, self.law, self.loss = codec, law, loss
        self.edges = edges or limit  # what limits the band


# phone is what the figures are taken on: 250 to 3500 Hz and mu-law, nothing else.
VERSIONS = [
    Version("phone", band=1, law="mu"),
    Version("wide", law="linear"),
    Version("line1", handset=1, room=0.3, noise=0.5, loss=0.1),
    Version("gsm", handset=0.7, room=0.2, noise=0.4, codec="gsm"),
    Version("opus", handset=0.7, room=0.3, noise=0.5, codec="opus", law="linear", loss=0.3),
    Version("line2", handset=1, room=0.4, noise=0.8, snr=(3, 20), loss=0.2),
    Version("amr", handset=0.7, room=0.2, noise=0.4, codec="amr", law="linear"),
    Version("line3", handset=1, room=0.5, noise=0.5, loss=0.1),
]


class Line:
    """The line of one speaker in one version; rms is the speaker's median level, which the gain and the noise refer to."""

    def __init__(self, version, speaker, rms, noises, seed):
        self.v, self.noises = version, noises
        self.seed = [seed, zlib.crc32(version.name.encode()), zlib.crc32(speaker.encode())]
        rng = np.random.default_rng(self.seed)
        draw = rng.random(4)
        self.band, self.handset = draw[0] < version.band, draw[1] < version.handset
        self.room = augment.room(rng) if draw[2] < version.room else None
        self.noise = rng.choice(["noise", "music", "babble", "coloured"], p=[0.45, 0.05, 0.2, 0.3]) if draw[3] < version.noise else None
        self.noise_rms = 10 ** (-rng.uniform(*version.snr) / 20)
        self.level = 10 ** (rng.uniform(-34, -16) / 20)
        self.gain = self.level / rms
        law = version.law
        self.law = rng.choice(["mu", "a", "linear"], p=[0.45, 0.25, 0.3]) if law == "random" else law
        self.loses = rng.random() < version.loss

    def _background(self, rng, n):
        if self.noise == "coloured":
            x = augment.coloured(rng, n)
        elif self.noise == "babble":
            x = sum(self.noises.piece(rng, self.noises.sources["babble"], n) for _ in range(5))
        else:
            x = self.noises.piece(rng, self.noises.sources[self.noise], n)
        return x / augment.rms(x)

    def before_codec(self, x, clip):
        """Clip number clip of the speaker up to the codec."""
        same, own = np.random.default_rng(self.seed + [1]), np.random.default_rng(self.seed + [2, clip])
        if self.band:
            x = self.v.edges(x)
        if self.handset or self.room is not None:
            n = next_fast_len(len(x) + 4000, real=True)
            s = rfft(x, n)
            if self.handset:
                s *= augment.handset(same, n // 2 + 1).astype(np.float32)
            if self.room is not None:
                s *= rfft(self.room, n)
            x = irfft(s, n)[: len(x)].astype(np.float32)
        x = x * self.gain
        if self.noise is not None:
            x = x + self._background(own, len(x)) * (self.noise_rms * self.level)
        return np.clip(x, -1, 32767 / 32768).astype(np.float32)

    def after_codec(self, x, clip):
        """The end of the line: companding and lost packets."""
        if self.law == "mu":
            x = augment.mu_law(x)
        elif self.law == "a":
            x = augment.a_law(x)
        if self.loses:
            x = augment.lose_packets(np.random.default_rng(self.seed + [3, clip]), x)
        return x
