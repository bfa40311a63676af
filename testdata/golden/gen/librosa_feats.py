#!/usr/bin/env python3
"""Golden features made by librosa and scipy: mel filters, log-mel, MFCC, spectral shape, windows, DCT.
Run from the root of the repository, without arguments."""

import feats_common as common  # first: it fixes the threads before numpy loads
import librosa
import numpy as np
import scipy
import scipy.fft
import scipy.signal

SCRIPT = "librosa_feats.py"
TOOL = f"librosa {librosa.__version__}"
SCIPY = f"scipy {scipy.__version__}"
TOL = (1e-3, "the tool works in float32 and the values are rounded to 6 digits")

SHORT = {"n_fft": 256, "win_length": 200, "hop_length": 80}  # 25/10 ms at 8 kHz
# name, rates, mel options, top_db of power_to_db
MEL = [
    ("default", (8000, 11025, 16000), {}, None),
    ("default_top80", (8000, 16000), {}, 80.0),
    ("short_htk", (8000,), {**SHORT, "n_mels": 40, "htk": True, "norm": None, "fmin": 60, "fmax": 3800}, None),
    ("short_slaney", (8000,), {**SHORT, "n_mels": 32, "fmin": 100}, None),
    ("short_magnitude", (8000,), {**SHORT, "n_mels": 32, "power": 1.0}, None),
]


def shape(y, rate):
    """Spectral shape of a 25/10 ms STFT; librosa where it has the measure, numpy on its STFT where it has not."""
    s = np.abs(librosa.stft(y, **SHORT))
    out = [librosa.feature.spectral_centroid(S=s, sr=rate)[0], librosa.feature.spectral_bandwidth(S=s, sr=rate)[0],
           librosa.feature.spectral_rolloff(S=s, sr=rate, roll_percent=0.85)[0], librosa.feature.spectral_flatness(S=s)[0]]
    s = s.astype(np.float64)
    unit = s / np.maximum(np.linalg.norm(s, axis=0), 1e-300)
    out.append(np.concatenate([[0.0], np.linalg.norm(np.diff(unit, axis=1), axis=0)]))
    hz = librosa.fft_frequencies(sr=rate, n_fft=256)
    window = scipy.signal.get_window("hann", 200)
    level = 2 * s**2 / (256 * np.sum(window**2))
    level[0] /= 2
    level[-1] /= 2
    for low, high in ((0, 500), (500, 1500)):
        k = (hz >= low) & (hz <= high)
        out.append(np.polyfit(hz[k] / 1000, 10 * np.log10(np.maximum(level[k], 1e-15)), 1)[0])
    for low, high in ((0, 250), (250, 1000), (1000, 4000)):
        k = (hz >= low) & ((hz < high) if high < rate / 2 else (hz <= high))
        out.append(np.maximum(10 * np.log10(np.maximum(level[k].sum(axis=0), 1e-15)), -150))
    return np.stack(out, axis=1)


def main():
    for name, rates, options, top_db in MEL:
        for short, path, rate, x in common.inputs(rates):
            y = x.astype(np.float32) / 32768
            s = librosa.feature.melspectrogram(y=y, sr=rate, **options)
            db = librosa.power_to_db(s, top_db=top_db) if options.get("power") != 1.0 else librosa.amplitude_to_db(s, amin=1e-5, top_db=top_db)
            given = {**options, "top_db": top_db}
            common.save("librosa", f"mel_{name}_{short}", "melspectrogram in dB", TOOL, SCRIPT, given, common.rows(db.T), *TOL, path)
            if options.get("power") != 1.0:
                c = librosa.feature.mfcc(S=db, sr=rate)
                if not options and top_db == 80.0:
                    assert np.array_equal(c, librosa.feature.mfcc(y=y, sr=rate))
                common.save("librosa", f"mfcc_{name}_{short}", "mfcc", TOOL, SCRIPT, given, common.rows(c.T), *TOL, path)

    for short, path, rate, x in common.inputs((8000,)):
        columns = ["centroid_hz", "spread_hz", "roll_off_hz", "flatness", "flux", "slope_0_500", "slope_500_1500",
                   "band_0_250", "band_250_1000", "band_1000_4000"]
        y = x.astype(np.float32) / 32768
        common.save("librosa", f"shape_{short}", "spectral shape; " + ", ".join(columns), f"{TOOL}, numpy {np.__version__}", SCRIPT, SHORT,
                    common.rows(shape(y, rate), decimals=6), 1e-2, "centroid and spread reach 3000 Hz in float32, 6 digits of which are 0.01 Hz", path)

    for rate, n_fft, n, htk, norm, low in ((8000, 256, 40, True, None, 60), (8000, 256, 32, False, "slaney", 0), (16000, 512, 80, True, "slaney", 20),
                                           (16000, 2048, 128, False, "slaney", 0), (44100, 2048, 40, False, None, 0)):
        w = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=n, fmin=low, htk=htk, norm=norm, dtype=np.float64)
        keep = sorted({0, 1, n // 3, n // 2, n - 2, n - 1})
        values = [{"band": k, "first": int(np.flatnonzero(w[k])[0]), "weights": [common.sig(v, 10) for v in w[k][w[k] != 0]]} for k in keep]
        options = {"rate": rate, "n_fft": n_fft, "n_mels": n, "htk": htk, "norm": norm or "", "fmin": low}
        common.save("librosa", f"filters_{rate}_{n_fft}_{n}_{'htk' if htk else 'slaney'}", "weights of some mel bands", TOOL, SCRIPT, options,
                    values, 1e-9, "float64, 10 digits")

    hz = [0, 20, 60, 100, 440, 700, 999.9, 1000, 1000.1, 1500, 3400, 3800, 4000, 6400, 8000, 11025, 20000]
    for htk in (True, False):
        mel = librosa.hz_to_mel(hz, htk=htk)
        back = librosa.mel_to_hz(mel, htk=htk)
        common.save("librosa", f"mel_scale_{'htk' if htk else 'slaney'}", "Hz, mel, and back to Hz", TOOL, SCRIPT, {"htk": htk},
                    {"hz": hz, "mel": [common.sig(v, 12) for v in mel], "back": [common.sig(v, 12) for v in back]}, 1e-6, "float64, 12 digits")

    for name, kind, periodic in (("hann_periodic", "hann", True), ("hann_symmetric", "hann", False), ("hamming", "hamming", False),
                                 ("blackman", "blackman", False), ("rectangular", "boxcar", False)):
        values = {str(n): [common.sig(v, 12) for v in scipy.signal.get_window(kind, n, fftbins=periodic)] for n in (2, 7, 200)}
        common.save("librosa", f"window_{name}", "window", SCIPY, SCRIPT, {"window": kind, "fftbins": periodic}, values, 1e-10, "float64, 12 digits")

    rng = np.random.Generator(np.random.PCG64(7))
    for n in (1, 2, 13, 23, 26, 40, 64):
        x = np.round(rng.standard_normal(n) * 10, 4).astype(np.float32)
        values = {"x": [float(v) for v in x], **{norm: [common.sig(v, 9) for v in scipy.fft.dct(x.astype(np.float64), type=2, norm=None if norm == "none" else norm)]
                                                for norm in ("ortho", "none")}}
        common.save("librosa", f"dct_{n}", "type-II DCT of x", SCIPY, SCRIPT, {"n": n}, values, 1e-4, "our result is float32")


main()
