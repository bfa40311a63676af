#!/usr/bin/env python3
"""Golden files for engine/audio, made by ffmpeg and sox from a synthesised signal.

Run from the root of the repository, without arguments; needs ffmpeg and sox, no Python package. Everything is written to
testdata/golden/codecs: the coded files, what the outside decoder makes of them (*.s16: little-endian 16-bit, interleaved) and one
JSON file per codec that names both. Running it again with the same tools changes nothing.
"""
import hashlib
import json
import math
import os
import random
import struct
import subprocess
import wave

OUT = "testdata/golden/codecs"
MADE = "2026-11-21"
BITEXACT = ["-fflags", "+bitexact", "-flags:a", "+bitexact", "-map_metadata", "-1"]


def run(*args, stdin=None):
    """Runs a tool and returns its standard output."""
    return subprocess.run(args, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True).stdout


def ffmpeg(*args, stdin=None):
    return run("ffmpeg", "-v", "error", "-y", *args, stdin=stdin)


def version(tool):
    """The first line of the tool's own words about its version, short."""
    line = run(tool, "-version" if tool == "ffmpeg" else "--version").decode().split("\n")[0]
    return " ".join(line.replace("sox:", "sox").replace("SoX", "").split()[:3]).replace(" version", "")


def out(name):
    return os.path.join(OUT, name)


def sha(name):
    with open(out(name), "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def signal(rate, seconds, seed):
    """A voice-like glide of harmonics with syllables, breath noise and a pause, in 16 bits."""
    rng = random.Random(seed)
    x, phase = [], 0.0
    for i in range(int(rate * seconds)):
        t = i / rate
        f0 = 120 + 25 * seed + 60 * math.sin(2 * math.pi * 1.7 * t)
        phase += 2 * math.pi * f0 / rate
        v = sum(math.sin(k * phase) * math.exp(-((k * f0 - 700) / 900) ** 2) for k in range(1, 25) if k * f0 < 0.45 * rate)
        gain = max(0.0, math.sin(2 * math.pi * 4 * t)) ** 0.5
        v = 0.1 * gain * v + 0.01 * (2 * rng.random() - 1)
        x.append(max(-32768, min(32767, round(32767 * v))))
    return x


def write_wav(name, rate, channels):
    """Writes interleaved 16-bit channels as a plain WAV with the standard library."""
    with wave.open(name, "wb") as w:
        w.setnchannels(len(channels))
        w.setsampwidth(2)
        w.setframerate(rate)
        w.writeframes(b"".join(struct.pack("<" + "h" * len(s), *s) for s in zip(*channels)))


def source(rate, channels, seconds):
    """A temporary WAV of the signal; the caller's files name it by its parameters."""
    name = os.path.join(OUT, "source.tmp.wav")
    write_wav(name, rate, [signal(rate, seconds, c + 1) for c in range(channels)])
    return name


def document(name, what, tool, command, options, tol, why, values, files):
    doc = {
        "what": what, "tool": tool, "command": "testdata/golden/gen/codecs.py: " + command, "options": options,
        "input": "synthesised by the script: signal(rate, seconds, channel + 1)",
        "sha256": {f: sha(f) for f in sorted(files)}, "made": MADE, "abs_tol": tol, "tol_why": why, "values": values,
    }
    with open(out(name), "w") as f:
        json.dump(doc, f, indent=1)
        f.write("\n")


def runs(b):
    """Run lengths of bytes as [count, value] pairs."""
    r = []
    for v in b:
        if r and r[-1][1] == v:
            r[-1][0] += 1
        else:
            r.append([1, v])
    return r


def g711():
    """Both laws: every code decoded, every 16-bit value encoded, by ffmpeg and by sox."""
    values = {}
    codes = bytes(range(256))
    ramp = struct.pack("<65536h", *range(-32768, 32768))
    for law, sox in (("mulaw", "mu-law"), ("alaw", "a-law")):
        dec = ffmpeg("-f", law, "-ar", "8000", "-ac", "1", "-i", "-", "-f", "s16le", "-", stdin=codes)
        dec2 = run("sox", "-t", "raw", "-r", "8000", "-c", "1", "-e", sox, "-b", "8", "-", "-t", "raw", "-e", "signed", "-b", "16", "-", stdin=codes)
        assert dec == dec2, law
        enc = ffmpeg("-f", "s16le", "-ar", "8000", "-ac", "1", "-i", "-", "-f", law, "-", stdin=ramp)
        enc2 = run("sox", "-D", "-t", "raw", "-r", "8000", "-c", "1", "-e", "signed", "-b", "16", "-", "-t", "raw", "-e", sox, "-b", "8", "-", stdin=ramp)
        values[law] = {"decode": list(struct.unpack("<256h", dec)), "encode_ffmpeg": runs(enc), "encode_sox": runs(enc2)}
    document("g711.json", "ITU-T G.711: 256 codes to 16 bits, and -32768..32767 to codes as [count, code] runs",
             version("ffmpeg") + ", " + version("sox"), "g711()", {}, 0, "tables of a standard", values, [])


def g722():
    """An encoder's octets and a decoder's samples."""
    src = source(16000, 1, 0.6)
    ffmpeg("-i", src, *BITEXACT, "-c:a", "g722", "-trellis", "0", "-f", "g722", out("tone.g722"))
    write_raw("tone.g722.s16", ffmpeg("-f", "g722", "-i", out("tone.g722"), "-f", "s16le", "-"))
    # Octets that no encoder would send drive every limiter of the decoder.
    rng = random.Random(722)
    with open(out("noise.g722"), "wb") as f:
        f.write(bytes(rng.randrange(256) for _ in range(3000)))
    write_raw("noise.g722.s16", ffmpeg("-f", "g722", "-i", out("noise.g722"), "-f", "s16le", "-"))
    names = ["tone.g722", "noise.g722"]
    document("g722.json", "ITU-T G.722, 64 kbit/s, decoded", version("ffmpeg"), "g722()", {"rate": 16000}, 0,
             "integer arithmetic laid down by the standard",
             [{"file": n, "reference": n + ".s16", "rate": 16000, "channels": 1} for n in names],
             names + [n + ".s16" for n in names])


def write_raw(name, data):
    with open(out(name), "wb") as f:
        f.write(data)


def wavs():
    """Files as other writers make them: every encoding, RF64, and headers written to a pipe."""
    cases = []

    def case(name, channels, data, rate=8000):
        write_raw(name, data)
        ref = name + ".s16"
        write_raw(ref, ffmpeg("-i", out(name), "-f", "s16le", "-c:a", "pcm_s16le", "-"))
        cases.append({"file": name, "reference": ref, "rate": rate, "channels": channels})

    def of(args, channels, rate=8000):
        ffmpeg("-i", source(rate, channels, 0.05), *BITEXACT, *args, out("tmp.wav"))
        with open(out("tmp.wav"), "rb") as f:
            return f.read()

    for enc in ("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le", "pcm_alaw", "pcm_mulaw"):
        for channels in (1, 2):
            case(f"ffmpeg-{enc}-{channels}ch.wav", channels, of(["-c:a", enc], channels))
    case("ffmpeg-extensible-5ch.wav", 5, of(["-c:a", "pcm_s24le"], 5))
    case("ffmpeg-rf64.wav", 2, of(["-c:a", "pcm_s16le", "-rf64", "always"], 2))
    src = source(8000, 2, 0.05)
    case("ffmpeg-pipe.wav", 2, ffmpeg("-i", src, *BITEXACT, "-c:a", "pcm_mulaw", "-f", "wav", "-"))
    case("sox-pipe.wav", 2, run("sox", src, "-t", "wav", "-"))
    case("sox-mulaw.wav", 2, run("sox", "-D", src, "-t", "wav", "-e", "mu-law", "-"))
    case("sox-u8-44100.wav", 1, run("sox", "-D", source(44100, 1, 0.02), "-t", "wav", "-b", "8", "-"), rate=44100)
    os.remove(out("tmp.wav"))
    names = [c["file"] for c in cases]
    document("wav.json", "WAV files of other writers, decoded to 16 bits", version("ffmpeg") + ", " + version("sox"), "wavs()", {}, 1.01 / 32768,
             "the reference is rounded to 16 bits where the file has more", cases, names + [n + ".s16" for n in names])


def flac():
    cases = []
    for name, rate, channels, args in (
        ("mono-8k-s16.flac", 8000, 1, ["-sample_fmt", "s16"]),
        ("stereo-8k-s16.flac", 8000, 2, ["-sample_fmt", "s16"]),
        ("stereo-44k1-s24.flac", 44100, 2, ["-sample_fmt", "s32", "-bits_per_raw_sample", "24"]),
        ("mono-16k-level0.flac", 16000, 1, ["-sample_fmt", "s16", "-compression_level", "0"]),
        ("stereo-16k-level12.flac", 16000, 2, ["-sample_fmt", "s16", "-compression_level", "12"]),
    ):
        ffmpeg("-i", source(rate, channels, 0.2), *BITEXACT, "-c:a", "flac", *args, out(name))
        write_raw(name + ".s16", ffmpeg("-i", out(name), "-f", "s16le", "-c:a", "pcm_s16le", "-"))
        cases.append({"file": name, "reference": name + ".s16", "rate": rate, "channels": channels})
    names = [c["file"] for c in cases]
    document("flac.json", "FLAC, decoded to 16 bits", version("ffmpeg"), "flac()", {}, 0,
             "lossless; the 24-bit file was made from 16-bit samples", cases, names + [n + ".s16" for n in names])


def mp3():
    cases = []
    for name, rate, channels, args in (
        ("mono-16k-32.mp3", 16000, 1, ["-b:a", "32k"]),
        ("mono-22k05-32.mp3", 22050, 1, ["-b:a", "32k"]),
        ("stereo-22k05-40.mp3", 22050, 2, ["-b:a", "40k", "-joint_stereo", "0"]),
        ("mono-11k025-24.mp3", 11025, 1, ["-b:a", "24k"]),
        ("mono-12k-24.mp3", 12000, 1, ["-b:a", "24k"]),
        ("stereo-24k-64.mp3", 24000, 2, ["-b:a", "64k"]),
        ("mono-32k-64.mp3", 32000, 1, ["-b:a", "64k"]),
        ("stereo-44k1-128.mp3", 44100, 2, ["-b:a", "128k"]),
        ("joint-44k1-v5.mp3", 44100, 2, ["-q:a", "5", "-joint_stereo", "1"]),
        ("mono-48k-noxing.mp3", 48000, 1, ["-b:a", "64k", "-write_xing", "0", "-id3v2_version", "0"]),
        ("mono-44k1-id3.mp3", 44100, 1, ["-b:a", "64k", "-id3v2_version", "3", "-write_id3v1", "1", "-metadata", "title=a tag before and behind"]),
    ):
        ffmpeg("-i", source(rate, channels, 0.35), *BITEXACT, "-c:a", "libmp3lame", *args, out(name))
        write_raw(name + ".s16", ffmpeg("-i", out(name), "-f", "s16le", "-c:a", "pcm_s16le", "-"))
        case = {"file": name, "reference": name + ".s16", "rate": rate, "channels": channels}
        if rate == 24000:  # go-mp3 has one band border of this rate two lines off: held to a ratio instead
            case["min_snr_db"] = 20
        cases.append(case)
    # MPEG-2.5 at 8 kHz: what the decoder must refuse by name.
    ffmpeg("-i", source(8000, 1, 0.35), *BITEXACT, "-c:a", "libmp3lame", "-b:a", "16k", out("mono-8k-mpeg25.mp3"))
    names = [c["file"] for c in cases]
    document("mp3.json", "MPEG-1, MPEG-2 and MPEG-2.5 Layer III, decoded to 16 bits", version("ffmpeg") + " with libmp3lame", "mp3()", {}, 3.01 / 32768,
             "float synthesis on one side and fixed point on the other, both rounded to 16 bits; a case with min_snr_db is held to that instead", cases,
             names + [n + ".s16" for n in names] + ["mono-8k-mpeg25.mp3"])


def opus():
    cases = []
    for name, rate, channels, args in (
        ("silk-8k-20ms.opus", 8000, 1, ["-b:a", "10k", "-application", "voip"]),
        ("silk-16k-60ms.opus", 16000, 1, ["-b:a", "16k", "-application", "voip", "-frame_duration", "60"]),
        ("silk-16k-120ms-stereo.opus", 16000, 2, ["-b:a", "28k", "-application", "voip", "-frame_duration", "120"]),
        ("hybrid-24k-20ms.opus", 24000, 1, ["-b:a", "24k", "-application", "voip"]),
        ("hybrid-48k-10ms-stereo.opus", 48000, 2, ["-b:a", "48k", "-application", "voip", "-frame_duration", "10"]),
        ("celt-48k-20ms-stereo.opus", 48000, 2, ["-b:a", "96k", "-application", "audio"]),
        ("celt-48k-2ms5.opus", 48000, 1, ["-b:a", "64k", "-application", "lowdelay", "-frame_duration", "2.5"]),
        ("celt-16k-20ms.opus", 16000, 1, ["-b:a", "32k", "-application", "lowdelay"]),
        ("celt-48k-300k.opus", 48000, 2, ["-b:a", "500k", "-application", "audio", "-frame_duration", "60", "-vbr", "off"]),
    ):
        ffmpeg("-i", source(rate, channels, 0.35), *BITEXACT, "-c:a", "libopus", *args, "-serial_offset", "7", out(name))
        write_raw(name + ".s16", ffmpeg("-c:a", "libopus", "-i", out(name), "-f", "s16le", "-c:a", "pcm_s16le", "-"))
        cases.append({"file": name, "reference": name + ".s16", "rate": 48000, "channels": channels, "min_snr_db": 75 if name.startswith("celt") else 45})
    # What looks like Opus from outside and is not.
    ffmpeg("-i", source(16000, 1, 0.05), *BITEXACT, "-c:a", "flac", "-f", "ogg", "-serial_offset", "7", out("ogg-flac.oga"))
    names = [c["file"] for c in cases]
    document("opus.json", "Ogg Opus decoded at 48 kHz to 16 bits, pre-skip and end trimmed", version("ffmpeg") + " with libopus", "opus()", {},
             0, "compared by signal-to-difference ratio: decoders of lossy codecs agree closely, not exactly", cases,
             names + [n + ".s16" for n in names] + ["ogg-flac.oga"])


def main():
    os.makedirs(OUT, exist_ok=True)
    for f in (g711, g722, wavs, flac, mp3, opus):
        f()
    os.remove(os.path.join(OUT, "source.tmp.wav"))


if __name__ == "__main__":
    main()
