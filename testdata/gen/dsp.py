"""Samples in and out: decoding and filtering by ffmpeg and sox, the rest in plain Python.

ffmpeg runs without CPU-specific code (-cpuflags 0) and sox without dither, so that
the same versions give the same bytes on every amd64 machine. Signals are lists of
float, full scale 1.0.
"""
import array
import math
import random
import struct
import subprocess

from sources import locate

RATE = 8000
FFMPEG = ["ffmpeg", "-v", "error", "-nostdin", "-threads", "1", "-cpuflags", "0"]


def run(cmd, data=b""):
    """Standard output of a tool that is fed data."""
    done = subprocess.run(cmd, input=data, capture_output=True)
    if done.returncode:
        raise SystemExit(f"dsp: {' '.join(cmd)}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def decode(source, rate):
    """Left channel of a packaged recording at the wanted rate, unscaled."""
    path = locate(source)
    head = {"722": ["-f", "g722"], "raw": ["-f", "s16le", "-ar", "16000"]}.get(path[-3:], [])
    native = 16000 if head else int(run(["ffprobe", "-v", "error", "-show_entries", "stream=sample_rate",
                                         "-of", "csv=p=0", path]))
    raw = run(FFMPEG + head + ["-i", path, "-af", "pan=mono|c0=c0", "-f", "f32le", "-"])
    x = array.array("f", raw).tolist()
    if rate > native:
        raise SystemExit(f"dsp: {path}: {native} Hz, want at least {rate} Hz")
    return x if rate == native else sox(x, native, rate, ["rate", "-h", str(rate)])


def sox(x, rate_in, rate_out, effects):
    """x after sox effects; half scale inside, so that no filter overshoot is clipped."""
    raw = array.array("d", [v / 2 for v in x]).tobytes()
    form = ["-t", "raw", "-e", "floating-point", "-b", "64", "-c", "1"]
    out = run(["sox", "-D", "-V1", *form, "-r", str(rate_in), "-", *form, "-r", str(rate_out), "-", *effects], raw)
    return [2 * v for v in array.array("d", out)]


def telephone(x):
    """x within the telephone band 300 to 3400 Hz: a linear-phase filter that delays nothing."""
    return sox(x, RATE, RATE, ["sinc", "-t", "100", "300-3400"])


def db(level):
    """Amplitude of a level in dB re full scale."""
    return 10 ** (level / 20)


def peak(x):
    return max(abs(v) for v in x)


def rms(x):
    return math.sqrt(sum(v * v for v in x) / len(x)) if x else 0.0


def scaled(x, gain):
    return [v * gain for v in x]


def tone(freqs, seconds, level_db, rate=RATE):
    """Sum of sines, each at level_db (dB re a full-scale sine's peak), with 2 ms raised-cosine edges."""
    n, edge = round(seconds * rate), round(0.002 * rate)
    out = []
    for i in range(n):
        v = db(level_db) * sum(math.sin(2 * math.pi * f * i / rate) for f in freqs)
        k = min(i, n - 1 - i)
        out.append(v * (0.5 - 0.5 * math.cos(math.pi * k / edge)) if k < edge else v)
    return out


def noise(n, level_db, seed):
    """n samples of white, nearly Gaussian noise with the given RMS level; arithmetic only, so the same everywhere."""
    r = random.Random(seed).random
    gain = db(level_db) * math.sqrt(3)  # the sum of four uniform variables has variance 4/12
    return [gain * (r() + r() + r() + r() - 2) for _ in range(n)]


def to_int(x, full):
    """Rounded to integers of the given positive full scale and kept in range."""
    return [max(-full, min(full - 1, round(v * full))) for v in x]


def pcm16(x):
    return array.array("h", to_int(x, 32768)).tobytes()


def mulaw_byte(s):
    """G.711 mu-law code of a 16-bit sample."""
    sign = 0x80 if s < 0 else 0
    m = min(abs(s), 32635) + 132  # bias 33 of the 14-bit law, scaled to 16 bit
    e = m.bit_length() - 8
    return ~(sign | e << 4 | (m >> (e + 3)) & 15) & 0xFF


def interleave(channels):
    return [v for frame in zip(*channels) for v in frame]


def chunk(name, body, size=None):
    """RIFF chunk with its pad byte; size may lie."""
    return name + struct.pack("<I", len(body) if size is None else size) + body + b"\0" * (len(body) & 1)


def fmt(tag, channels, rate, bits, extra=b""):
    """Body of a fmt chunk: WAVEFORMAT fields and whatever follows them."""
    align = channels * bits // 8
    return struct.pack("<HHIIHH", tag, channels, rate, rate * align, align, bits) + extra


def riff(*chunks, form=b"WAVE"):
    body = form + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def wav16(channels, rate):
    """WAV file, PCM signed 16 bit."""
    return riff(chunk(b"fmt ", fmt(1, len(channels), rate, 16)), chunk(b"data", pcm16(interleave(channels))))


def wav_mulaw(channels, rate):
    """WAV file, G.711 mu-law: fmt with cbSize, then the fact chunk that every non-PCM file has."""
    codes = bytes(mulaw_byte(s) for s in to_int(interleave(channels), 32768))
    return riff(chunk(b"fmt ", fmt(7, len(channels), rate, 8, b"\0\0")),
                chunk(b"fact", struct.pack("<I", len(channels[0]))), chunk(b"data", codes))
