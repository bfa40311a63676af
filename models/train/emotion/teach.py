"""What a published speech encoder hears in freely licensed speech: the rows that the trunk learns to give from a telephone line.

    teach.py --state DIR --speaker STATE

The encoder is that of Whisper tiny (Radford et al. 2022, MIT), as smart-turn v3.2 (BSD 2-clause; inside the package pipecat-ai) tuned it to
hear the end of a turn: log-mel of 16 kHz, two convolutions, then blocks of attention, of which the first two are run. It knows no emotions, and
nothing of it is in what is shipped.

STATE/speech.s16 has SEGMENTS of 8 s at 8 kHz, each the clips of one speaker, played at one of SPEEDS; STATE/speech.rows a row of 384 numbers
for every 20 ms of them, float16.
"""
import argparse
import hashlib
import importlib.util
import os
import sys

import numpy as np
import onnx
import onnxruntime
from scipy.signal import resample_poly

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "speaker"))
import augment  # noqa: E402  of the speaker recipe
from pools import Pool, atomic_write, to_int16  # noqa: E402

NET = "audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx"
SHA256 = "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f"
LAYER = "add_268"  # what leaves the second block of attention
ROWS, WIDTH = 400, 384  # of 8 s

SETS = {"speech_commands", "librispeech", "dspspeech20"}  # CC BY and MIT
SEGMENTS, SECONDS, RATE = 5000, 8, 8000
SPEEDS = ((1, 1), (25, 22), (7, 8), (5, 4), (4, 5), (19, 20), (20, 19))  # samples made of how many
SEED = 9


class Encoder:
    def __init__(self):
        path = os.path.join(os.path.dirname(importlib.util.find_spec("pipecat").origin), NET)
        with open(path, "rb") as f:
            data = f.read()
        if (got := hashlib.sha256(data).hexdigest()) != SHA256:
            sys.exit(f"{path}: SHA-256 {got}, want {SHA256}: another version of the encoder")
        net = onnx.load_from_string(data)
        del net.graph.output[:]
        net.graph.output.append(onnx.helper.make_tensor_value_info(LAYER, onnx.TensorProto.FLOAT, None))
        o = onnxruntime.SessionOptions()
        o.intra_op_num_threads, o.log_severity_level = 1, 3
        self.net = onnxruntime.InferenceSession(net.SerializeToString(), o)  # runs no more than the output takes
        self.mel = mel_bands()

    def __call__(self, segments):
        """Segments of 8 s at 8 kHz [B, 64000] -> [B, ROWS, WIDTH]."""
        return self.net.run(None, {"input_features": np.stack([self.log_mel(resample_poly(x, 2, 1)) for x in segments])})[0]

    def log_mel(self, x):
        """[80, 800] of 8 s at 16 kHz as Whisper has them: windows of 25 ms every 10 ms, the loudest 80 dB, about -1 to 1."""
        x = np.pad((x - x.mean()) / np.sqrt(x.var() + 1e-7), 200, mode="reflect").astype(np.float32)
        frames = np.lib.stride_tricks.sliding_window_view(x, 400)[::160][:800]
        power = np.abs(np.fft.rfft(frames * np.hanning(401)[:-1])) ** 2
        m = np.log10(np.maximum(power @ self.mel, 1e-10))
        return ((np.maximum(m, m.max() - 8) + 4) / 4).T.astype(np.float32)


def mel_bands(bands=80, rate=16000, fft=400):
    """[201, 80]: triangles of equal area, straight in Slaney's mel: linear to 1 kHz, then 27 bands to 6.4 kHz."""
    def mel(hz):
        return np.where(hz < 1000, hz / (200 / 3), 15 + np.log(np.maximum(hz, 1) / 1000) * 27 / np.log(6.4))

    def hz(m):
        return np.where(m < 15, m * 200 / 3, 1000 * np.exp((m - 15) * np.log(6.4) / 27))

    edges = hz(np.linspace(0, mel(np.array(rate / 2)), bands + 2))
    f = np.linspace(0, rate / 2, fft // 2 + 1)[:, None]
    up, down = (f - edges[:-2]) / np.diff(edges)[:-1], (edges[2:] - f) / np.diff(edges)[1:]
    return np.maximum(np.minimum(up, down), 0) * 2 / (edges[2:] - edges[:-2])


def segment(pool, clips, rng):
    """8 s of a speaker's clips, each at one level, at one speed; the peak at .9."""
    n = SECONDS * RATE
    up, down = SPEEDS[rng.integers(len(SPEEDS))]
    need, have, out = n * down // up + 2, 0, []
    while have < need:
        for i in rng.permutation(clips):
            c = pool.clip(i)
            out.append(c / augment.rms(c))
            have += len(c)
            if have >= need:
                break
    x = np.concatenate(out)[:need]
    x = (resample_poly(x, up, down) if up != down else x)[:n]
    return (x / np.abs(x).max() * 0.9).astype(np.float32)


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--state", required=True)
    ap.add_argument("--speaker", required=True)
    a = ap.parse_args()
    pool, encoder, clips = Pool(a.speaker, "train"), Encoder(), {}
    for i, s in enumerate(pool.set):
        if s in SETS and pool.length[i] >= RATE // 5:
            clips.setdefault(pool.speaker[i], []).append(i)
    names = sorted(clips)
    weight = np.array([sum(pool.length[i] for i in clips[s]) for s in names]) ** 0.75
    made = []

    def rows(tmp):
        with open(tmp, "wb") as f:
            for at in range(0, SEGMENTS, 8):
                batch = []
                for k in range(at, min(at + 8, SEGMENTS)):
                    rng = np.random.default_rng([SEED, k])
                    batch.append(segment(pool, clips[names[rng.choice(len(names), p=weight / weight.sum())]], rng))
                f.write(encoder(batch).astype("<f2").tobytes())
                made.extend(to_int16(x) for x in batch)
                if at % 1000 == 0:
                    print(f"teacher: {at} of {SEGMENTS} segments", flush=True)

    atomic_write(os.path.join(a.state, "speech.rows"), rows)
    atomic_write(os.path.join(a.state, "speech.s16"), np.stack(made).tofile)


if __name__ == "__main__":
    main()
