#!/usr/bin/env python3
"""Golden features made by kaldi-native-fbank: MFCC, log-mel, deltas, CMVN. Run from the root of the repository, without arguments."""
from importlib.metadata import version

import feats_common as common  # first: it fixes the threads before numpy loads
import kaldi_native_fbank as knf
import numpy as np
import scipy
import scipy.fft

SCRIPT = "knf_feats.py"
TOOL = f"kaldi-native-fbank {version('kaldi-native-fbank')}"
TOL = (1e-3, "the tool works in float32 and the values are rounded to 6 digits")

# name, kind, rates, options that differ from the tool's defaults (dither is always 0)
CASES = [
    ("mfcc", "mfcc", (8000, 11025, 16000), {}),
    ("fbank", "fbank", (8000, 11025, 16000), {}),
    ("mfcc_c0", "mfcc", (8000,), {"use_energy": False}),
    ("mfcc_windowed_energy", "mfcc", (8000,), {"raw_energy": False, "num_ceps": 16, "mel.num_bins": 30}),
    ("mfcc_reflect", "mfcc", (8000, 16000), {"frame.snip_edges": False}),
    ("fbank_80", "fbank", (16000,), {"mel.num_bins": 80, "mel.high_freq": -400.0}),
    ("fbank_40_telephone", "fbank", (8000,), {"mel.num_bins": 40, "mel.low_freq": 60.0, "mel.high_freq": 3800.0}),
    ("fbank_magnitude", "fbank", (8000,), {"use_power": False}),
    ("fbank_hamming", "fbank", (8000,), {"frame.window_type": "hamming"}),
    ("fbank_hann", "fbank", (8000,), {"frame.window_type": "hann"}),
    ("fbank_hanning", "fbank", (8000,), {"frame.window_type": "hanning"}),
    ("fbank_blackman", "fbank", (8000,), {"frame.window_type": "blackman"}),
    ("fbank_rectangular", "fbank", (8000,), {"frame.window_type": "rectangular"}),
    ("fbank_plain", "fbank", (8000,), {"frame.preemph_coeff": 0.0, "frame.remove_dc_offset": False}),
    ("fbank_20_5ms", "fbank", (8000,), {"frame.frame_length_ms": 20.0, "frame.frame_shift_ms": 5.0}),
    ("fbank_fft_200", "fbank", (8000,), {"frame.round_to_power_of_two": False}),
]


def compute(kind, rate, x, options):
    o = knf.MfccOptions() if kind == "mfcc" else knf.FbankOptions()
    o.frame_opts.samp_freq = rate
    o.frame_opts.dither = 0
    for key, value in options.items():
        group, _, field = key.rpartition(".")
        target = {"": o, "frame": o.frame_opts, "mel": o.mel_opts}[group]
        assert hasattr(target, field), key
        setattr(target, field, value)
    e = knf.OnlineMfcc(o) if kind == "mfcc" else knf.OnlineFbank(o)
    e.accept_waveform(rate, x.astype(np.float32))
    e.input_finished()
    return np.stack([e.get_frame(i) for i in range(e.num_frames_ready)])


def sliding(x, window, least, center, norm_var):
    """Kaldi's apply-cmvn-sliding by its definition, one window at a time in float64."""
    x = np.asarray(x, dtype=np.float64)
    total, out = len(x), np.empty_like(x)
    for t in range(total):
        if center:
            lo = t - window // 2
            hi = lo + window
        else:
            lo, hi = t - window, t + 1
        if lo < 0:
            lo, hi = 0, hi - lo
        if not center and hi > t:
            hi = max(t + 1, least)
        if hi > total:
            lo, hi = max(lo - (hi - total), 0), total
        seg = x[lo:hi]
        out[t] = x[t] - seg.mean(axis=0)
        if norm_var:
            out[t] = 0 if len(seg) == 1 else out[t] / np.sqrt(np.maximum(seg.var(axis=0), 1e-10))
    return out


def float64(rate, x, bands, ceps):
    """Kaldi's log-mel and MFCC by their definition in float64, for the last digits that the tool's float32 does not have."""
    x = x.astype(np.float64)
    w, hop, n = int(rate * 0.025), int(rate * 0.01), 256 * rate // 8000
    frames = np.stack([x[t:t + w] for t in range(0, len(x) - w + 1, hop)])
    frames -= frames.mean(axis=1, keepdims=True)
    frames -= 0.97 * np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    power = np.abs(np.fft.rfft(frames * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(w) / (w - 1))) ** 0.85, n)) ** 2
    mel = lambda hz: 1127 * np.log(1 + hz / 700)
    corner = np.linspace(mel(20), mel(rate / 2), bands + 2)[:, None]
    bins = mel(np.arange(n // 2 + 1) * rate / n)
    weights = np.maximum(0, np.minimum((bins - corner[:-2]) / (corner[1:-1] - corner[:-2]), (corner[2:] - bins) / (corner[2:] - corner[1:-1])))
    logmel = np.log(np.maximum(power @ weights.T, np.finfo(np.float32).eps))
    k = np.arange(ceps)
    return logmel, scipy.fft.dct(logmel, norm="ortho")[:, :ceps] * (1 + 11 * np.sin(np.pi * k / 22))


def main():
    for name, kind, rates, options in CASES:
        for short, path, rate, x in common.inputs(rates):
            common.save("knf", f"{name}_{short}", f"{kind} of 16-bit samples", TOOL, SCRIPT, options,
                        common.rows(compute(kind, rate, x, options)), *TOL, path)

    exact = f"numpy {np.__version__}, scipy {scipy.__version__}"
    for short, path, rate, x in common.inputs((8000, 16000)):
        bands, ceps = 40, 20
        logmel, mfcc = float64(rate, x, bands, ceps)
        options = {"mel.num_bins": bands, "num_ceps": ceps, "use_energy": False}
        for kind, y in (("fbank", logmel), ("mfcc", mfcc)):
            common.save("knf", f"float64_{kind}_{short}", f"{kind} by Kaldi's definition in float64", exact, SCRIPT, options,
                        common.rows(y, 9, 7), 1e-4, "the tool works in float64, 9 digits; ours rounds to float32 at the end", path)

    path = common.VOICES[8000]
    rate, x = common.load(path)
    mfcc = compute("mfcc", rate, x, {}).astype(np.float32)
    for order, window in ((1, 2), (2, 2), (2, 3)):
        o = knf.DeltaOptions()
        o.order, o.window = order, window
        common.save("knf", f"deltas_{order}_{window}", "MFCC with deltas", TOOL, SCRIPT, {"order": order, "window": window},
                    common.rows(knf.compute_deltas(o, mfcc)), *TOL, path)
    for norm_vars in (False, True):
        o = knf.CmvnOptions()
        o.norm_vars = norm_vars
        y = knf.apply_cmvn(knf.compute_cmvn_stats(mfcc), o, mfcc)
        common.save("knf", f"cmvn_vars_{norm_vars}".lower(), "MFCC after utterance CMVN", TOOL, SCRIPT, {"norm_vars": norm_vars},
                    common.rows(y), *TOL, path)
    for window, least, center, norm_var in ((300, 0, True, False), (100, 0, True, True), (101, 0, True, False), (1000, 0, True, True),
                                            (100, 50, False, False), (100, 50, False, True), (600, 600, False, False), (30, 1, False, True)):
        options = {"window": window, "min": least, "center": center, "norm_vars": norm_var}
        common.save("knf", f"sliding_{window}_{least}_{'center' if center else 'causal'}_{'var' if norm_var else 'mean'}",
                    "MFCC of kaldi-native-fbank after sliding CMVN by Kaldi's definition", f"{TOOL}, numpy {np.__version__}", SCRIPT,
                    options, common.rows(sliding(mfcc, window, least, center, norm_var)), *TOL, path)


main()
