"""Speech codecs of telephone networks, run over a whole pool at once by sox and ffmpeg.

AMR-NB is sox's amr-nb (Debian: libsox-fmt-all), GSM 06.10 sox's gsm; narrow-band Opus and Speex (a CELP coder like AMR's) are
ffmpeg's libopus and libspeex. The delay of each is measured on the result and taken out, so that clips keep their places.
"""
import os
import subprocess

import numpy as np

RATE = 8000
RAW = ["-t", "raw", "-r", "8000", "-c", "1", "-e", "signed-integer", "-b", "16"]
FF_RAW = ["-f", "s16le", "-ar", "8000", "-ac", "1"]


def _sox(kind, setting):
    def run(src, coded, out):
        subprocess.run(["sox", "-D", *RAW, src, "-t", kind, *setting, coded], check=True)
        subprocess.run(["sox", "-D", "-t", kind, coded, *RAW, out], check=True)

    return run


def _ffmpeg(container, setting):
    def run(src, coded, out):
        quiet = ["ffmpeg", "-v", "error", "-y", "-threads", "1"]
        subprocess.run([*quiet, *FF_RAW, "-i", src, *setting, "-f", container, coded], check=True)
        subprocess.run([*quiet, "-i", coded, *FF_RAW, out], check=True)

    return run


def _opus(rate):
    return _ffmpeg("ogg", ["-c:a", "libopus", "-application", "voip", "-b:a", rate, "-compression_level", "3"])


# variant -> the settings that share its clips, in turn along the pool
CODECS = {
    "gsm": [_sox("gsm", [])],
    "amr": [_sox("amr-nb", ["-C", mode]) for mode in ("1", "3", "5", "7")],
    "opus": [_opus("6k"), _opus("8k"), _opus("12k")],
    "speex": [_ffmpeg("ogg", ["-c:a", "libspeex", "-b:a", rate]) for rate in ("5950", "8000", "11000")],
}


def delay(x, y, limit=800):
    """Samples by which y lags x, from the peak of their correlation over the loudest minute."""
    n = min(len(x), len(y), 60 * RATE)
    a, b = x[:n].astype(np.float64), y[:n].astype(np.float64)
    m = 1 << (2 * n - 1).bit_length()
    r = np.fft.irfft(np.fft.rfft(b, m) * np.conj(np.fft.rfft(a, m)), m)
    return int(np.argmax(np.concatenate([r[-limit:], r[:limit]]))) - limit


def through(name, x, work):
    """int16 samples x through codec name and back, the same length; work is a folder for the files between."""
    settings = CODECS[name]
    cut = np.linspace(0, len(x), len(settings) + 1).astype(int)
    parts = []
    for k, run in enumerate(settings):
        part = x[cut[k] : cut[k + 1]]
        src, coded, out = (os.path.join(work, f"{name}.{end}") for end in ("src", "coded", "out"))
        part.tofile(src)
        run(src, coded, out)
        y = np.fromfile(out, dtype="<i2")
        d = delay(part, y)
        y = y[d:] if d >= 0 else np.concatenate([np.zeros(-d, "<i2"), y])
        parts.append(np.concatenate([y, np.zeros(max(0, len(part) - len(y)), "<i2")])[: len(part)])
        for path in (src, coded, out):
            os.remove(path)
    return np.concatenate(parts)
