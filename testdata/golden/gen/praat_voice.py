"""Golden values of pitch and voice quality from Praat, for the tests of package engine.

Every voice in testdata/audio (voice_*_16k.wav, voice_*_8k.wav) is measured under the conditions below by praat_voice.praat; one
JSON file per voice goes to testdata/golden/praat. The Go tests make the same conditions again, sample by sample, and check
them against the sha256 given here, so nothing but the recordings has to be kept.

Run from the root of the repository, without arguments. Needs `praat` (Debian) and the standard library alone.
"""

import array
import glob
import hashlib
import json
import math
import os
import struct
import subprocess
import tempfile
import wave

AUDIO = "testdata/audio"
OUT = "testdata/golden/praat"
SCRIPT = "testdata/golden/gen/praat_voice.praat"
MADE = "2026-11-21"
SNR = 10  # ratio of powers: 10 dB

# The telephone band, 300 to 3400 Hz: Butterworth sections (b0, b1, b2, a1, a2), fourth order high-pass then fourth order
# low-pass, computed once with scipy 1.17.1 signal.butter(4, edge, kind, output="sos").
PHONE = {
    8000: (
        (0.734407997989, -1.468815995977, 0.734407997989, -1.59971967105, 0.645176015313),
        (1.0, -2.0, 1.0, -1.785253057254, 0.835981368617),
        (0.536588531114, 1.073177062227, 0.536588531114, 1.255440473485, 0.40901378318),
        (1.0, 2.0, 1.0, 1.518241844064, 0.703962656667),
    ),
    16000: (
        (0.857246084796, -1.714492169591, 0.857246084796, -1.791587696778, 0.804092843983),
        (1.0, -2.0, 1.0, -1.900646563807, 0.913912933692),
        (0.056397578349, 0.112795156698, 0.056397578349, -0.245945200651, 0.05354502051),
        (1.0, 2.0, 1.0, -0.340272117982, 0.45760923396),
    ),
}

CONDITIONS = {
    "clean": "as recorded",
    "white10": "white noise 10 dB under the active level",
    "babble10": "the other voices together, backwards, 10 dB under the active level",
    "phone": "300 to 3400 Hz",
    "phone_white10": "300 to 3400 Hz, then white noise 10 dB under the active level",
}


def read(path):
    """Samples in [-1, 1] and rate of a mono 16-bit file, cut to 45 ms + k * 10 ms."""
    with wave.open(path) as w:
        assert w.getnchannels() == 1 and w.getsampwidth() == 2, path
        rate = w.getframerate()
        x = [v / 32768 for v in array.array("h", w.readframes(w.getnframes()))]
    k = (len(x) * 1000 - 45 * rate) // (10 * rate)
    return x[: (45 + 10 * k) * rate // 1000], rate


def noise(n):
    """White noise in [-1, 1): xorshift32 (Marsaglia 2003) from one seed."""
    s, out = 0x9E3779B9, []
    for _ in range(n):
        s ^= (s << 13) & 0xFFFFFFFF
        s ^= s >> 17
        s ^= (s << 5) & 0xFFFFFFFF
        out.append(s / 2147483648 - 1)
    return out


def power(x):
    total = 0.0
    for v in x:
        total += v * v
    return total / len(x)


def active_power(x, rate):
    """Mean power of the 20 ms blocks that are within 30 dB of the loudest: the level of the speech, pauses left out."""
    step = rate // 50
    blocks = [power(x[i : i + step]) for i in range(0, len(x) - step + 1, step)]
    top = max(blocks)
    total, n = 0.0, 0
    for p in blocks:
        if p > top * 1e-3:
            total += p
            n += 1
    return total / n


def mix(x, n, rate):
    """x plus n, scaled to 10 dB under the active level of x."""
    gain = math.sqrt(active_power(x, rate) / SNR / power(n))
    return [a + gain * b for a, b in zip(x, n)]


def babble(voices, name, n, rate):
    """The other voices at equal level, backwards and round and round."""
    out = [0.0] * n
    for other in sorted(voices):
        if other == name:
            continue
        y = voices[other]
        gain = 1 / math.sqrt(active_power(y, rate))
        for i in range(n):
            out[i] += gain * y[len(y) - 1 - i % len(y)]
    return out


def phone(x, rate):
    """x through the sections of PHONE in direct form 2 transposed."""
    for b0, b1, b2, a1, a2 in PHONE[rate]:
        s1 = s2 = 0.0
        out = []
        for v in x:
            y = b0 * v + s1
            s1 = b1 * v - a1 * y + s2
            s2 = b2 * v - a2 * y
            out.append(y)
        x = out
    return x


def condition(kind, voices, name, rate):
    x = voices[name]
    if kind.startswith("phone"):
        x = phone(x, rate)
    if kind.endswith("white10"):
        x = mix(x, noise(len(x)), rate)
    if kind == "babble10":
        x = mix(x, babble(voices, name, len(x), rate), rate)
    return array.array("f", x).tobytes()


def write_float_wav(path, data, rate):
    head = b"WAVEfmt " + struct.pack("<IHHIIHHH", 18, 3, 1, rate, rate * 4, 4, 32, 0)
    head += b"fact" + struct.pack("<II", 4, len(data) // 4) + b"data" + struct.pack("<I", len(data))
    with open(path, "wb") as f:
        f.write(b"RIFF" + struct.pack("<I", len(head) + len(data)) + head + data)


def measure(data, rate, folder):
    """What Praat says of one sound."""
    sound, text = os.path.join(folder, "sound.wav"), os.path.join(folder, "out.txt")
    write_float_wav(sound, data, rate)
    subprocess.run(["praat", "--run", os.path.abspath(SCRIPT), sound, text], check=True, capture_output=True)
    lists, single = {"f0": [], "hnr": [], "nucleus": []}, {}
    with open(text, encoding="utf-8") as f:
        for line in f:
            key, value = line.split()
            if key in lists:
                lists[key].append(float(value))
            else:
                single[key] = float(value)
    assert abs(single["first"] - 0.0225) < 1e-6 and abs(single["hnr_first"] - 0.0225) < 1e-6, single
    f0, hnr = lists["f0"], lists["hnr"]
    assert len(f0) == len(hnr) == (len(data) // 4 - 45 * rate // 1000) * 100 // rate + 1, (len(f0), len(hnr))
    voiced = [h for f, h in zip(f0, hnr) if f > 0 and h > -199]
    return {
        "sha256": hashlib.sha256(data).hexdigest(),
        "f0_hz": f0,
        "pulses": int(single["pulses"]),
        "jitter": single["jitter"],
        "shimmer": single["shimmer"],
        "hnr_db_mean": single["hnr_mean"],
        "hnr_db_mean_voiced": round(sum(voiced) / len(voiced), 4),
        "nuclei_s": lists["nucleus"],
        "phonation_s": single["phonation"],
    }


def main():
    version = subprocess.run(["praat", "--version"], check=True, capture_output=True, text=True).stdout.strip()
    os.makedirs(OUT, exist_ok=True)
    for rate in (8000, 16000):
        paths = sorted(glob.glob(f"{AUDIO}/voice_*_{rate // 1000}k.wav"))
        assert len(paths) >= 4, paths
        voices = {}
        for path in paths:
            voices[path], got = read(path)
            assert got == rate, path
        for path in paths:
            with open(path, "rb") as f:
                digest = hashlib.sha256(f.read()).hexdigest()
            with tempfile.TemporaryDirectory() as folder:
                values = {c: measure(condition(c, voices, path, rate), rate, folder) for c in CONDITIONS}
            name = os.path.basename(path)[: -len(".wav")]
            golden = {
                "what": "pitch every 10 ms from 22.5 ms, jitter, shimmer, harmonicity, syllable nuclei",
                "tool": version,
                "command": "python3 testdata/golden/gen/praat_voice.py",
                "options": {
                    "pitch": "To Pitch (ac): 0.01, 75, 15, no, 0.03, 0.45, 0.01, 0.35, 0.14, 500",
                    "pulses": "To PointProcess (cc)",
                    "jitter": "Get jitter (local): 0, 0, 0.0001, 0.02, 1.3",
                    "shimmer": "Get shimmer (local): 0, 0, 0.0001, 0.02, 1.3, 1.6",
                    "harmonicity": "To Harmonicity (cc): 0.01, 75, 0.1, 1.0",
                    "syllables": "To Intensity: 50, 0.01, yes; de Jong & Wempe (2009): 25 dB, 2 dB",
                    "conditions": CONDITIONS,
                },
                "input": path,
                "sha256": digest,
                "made": MADE,
                "abs_tol": 1e-4,
                "tol_why": "four decimals are printed; the bars for the distance of two programs stand in the tests, one per measure",
                "values": values,
            }
            text = json.dumps(golden, indent=1)
            # One line per list: a track is read as a whole.
            lines, inside = [], False
            for line in text.split("\n"):
                lines.append(line.strip() if inside else line)
                if inside and line.strip() in ("]", "],"):
                    inside = False
                    lines.append("\n")
                elif line.endswith("["):
                    inside = True
                elif not inside:
                    lines.append("\n")
            with open(f"{OUT}/{name}.json", "w", encoding="utf-8") as f:
                f.write("".join(lines).rstrip() + "\n")
            print(f"{OUT}/{name}.json")


if __name__ == "__main__":
    main()
