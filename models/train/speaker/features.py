"""The front end of the speaker model: what engine.DefaultMFCC(8000) computes with 40 cepstra and no lifter.

25 ms Povey windows every 10 ms, mean of the frame removed, pre-emphasis 0.97 within the frame, FFT of 256, power, 40 HTK bands from
60 to 3800 Hz that are straight in mel, natural logarithm with a floor of 1e-9, orthonormal DCT-II, mean over the utterance removed.

Everything up to the spectrum is linear in the samples, so one matrix [200, 2*129] holds it: at this size a matrix product is
faster than an FFT and needs nothing but numpy.
"""
import numpy as np

# What engine prints of the same options: a model is only loaded where the two texts are equal.
TEXT = (
    "fbank{frame{rate=8000 window_ms=25(200) hop_ms=10(80) scale=1 remove_dc=true preemph=0.97/frame window=povey fft=256 edges=snip}"
    " mel{bands=40 low_hz=60 high_hz=3800 scale=htk shape=mel norm=peak} spectrum=power log=ln floor=1e-09}"
    " cepstra{ceps=40 lifter=0 dct=ortho c0=cepstrum energy_floor=1e-09}"
)

RATE = 8000
WINDOW = 200
HOP = 80
FFT = 256
BANDS = 40
LOW_HZ = 60.0
HIGH_HZ = 3800.0
PRE_EMPH = 0.97
FLOOR = 1e-9


def _spectrum_matrix():
    """[200, 258]: samples of a frame -> real parts, then imaginary parts, of bins 0 to 128."""
    centre = np.eye(WINDOW) - 1.0 / WINDOW
    emph = np.eye(WINDOW) - PRE_EMPH * np.eye(WINDOW, k=-1)
    emph[0, 0] = 1 - PRE_EMPH
    n = np.arange(WINDOW)
    hann = np.maximum(0.5 - 0.5 * np.cos(2 * np.pi * n / (WINDOW - 1)), 0)
    frame = (hann**0.85)[:, None] * (emph @ centre)
    phase = 2 * np.pi * np.outer(np.arange(FFT // 2 + 1), n) / FFT
    return np.concatenate([np.cos(phase) @ frame, -np.sin(phase) @ frame]).T.astype(np.float32)


def _mel(hz):
    return 2595 * np.log10(1 + np.asarray(hz) / 700)


def _mel_matrix(warp=1.0):
    """[129, 40]: power of bins -> band energies. With warp each frequency below 3 kHz stands where warp times it stood, above that
    a straight line joins the end of the band: the vocal tract of somebody else (Jaitly & Hinton 2013)."""
    edges = np.linspace(_mel(LOW_HZ), _mel(HIGH_HZ), BANDS + 2)
    hz = np.arange(FFT // 2 + 1) * RATE / FFT
    hz = np.interp(hz, [0, 3000 / max(warp, 1), RATE / 2], [0, 3000 * warp / max(warp, 1), RATE / 2])
    m = _mel(hz)[:, None]
    up = (m - edges[:-2]) / (edges[1:-1] - edges[:-2])
    down = (edges[2:] - m) / (edges[2:] - edges[1:-1])
    return np.maximum(np.minimum(up, down), 0).astype(np.float32)


def _dct_matrix():
    """[40, 40]: log-mel -> cepstra, orthonormal."""
    j = np.arange(BANDS)
    d = np.cos(np.pi * np.outer(2 * j + 1, j) / (2 * BANDS)) * np.sqrt(2.0 / BANDS)
    d[:, 0] /= np.sqrt(2.0)
    return d.astype(np.float32)


SPECTRUM = _spectrum_matrix()
MEL = _mel_matrix()
WARPS = (1.0, 0.93, 1.07)  # of training
WARPED = [_mel_matrix(w) for w in WARPS]
DCT = _dct_matrix()


def log_mel(x, mel=MEL):
    """Samples [..., N] in [-1, 1] -> log-mel [..., T, 40], T = 1 + (N-200)//80."""
    x = np.ascontiguousarray(x, dtype=np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(x, WINDOW, axis=-1)[..., ::HOP, :]
    s = np.ascontiguousarray(frames.reshape(-1, WINDOW)) @ SPECTRUM  # as a view it would be multiplied without BLAS
    s *= s
    bins = FFT // 2 + 1
    e = (s[:, :bins] + s[:, bins:]) @ mel
    return np.log(np.maximum(e, FLOOR)).reshape(frames.shape[:-1] + (BANDS,))


def from_log_mel(m, kind):
    """Log-mel [..., T, 40] -> the network's input: cepstra ("mfcc") or log-mel itself ("fbank"), mean over T removed."""
    f = m @ DCT if kind == "mfcc" else m
    return f - f.mean(axis=-2, keepdims=True)


def features(x, kind):
    """Samples [..., N] in [-1, 1] -> features [..., T, 40]."""
    return from_log_mel(log_mel(x), kind)
