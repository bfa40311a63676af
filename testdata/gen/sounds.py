"""testdata/audio: what a call holds besides speech: music, call-progress tones, DTMF, fax, keyboard, noise.

Tones follow ITU-T Q.23 and Q.24 (DTMF), E.180 supplement 2 (national call-progress
tones), T.30 (fax). Levels are dB re the peak of a full-scale sine.
"""
import random

from dsp import RATE, decode, noise, peak, scaled, telephone, tone, wav16, wav_mulaw
from sources import keystroke, music

LOW, HIGH = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
KEYS = "123A456B789C*0#D"


def dtmf_key(key, seconds, low_db, high_db):
    """One key press: the low and the high tone of Q.23, added."""
    i = KEYS.index(key)
    low, high = tone([LOW[i // 4]], seconds, low_db), tone([HIGH[i % 4]], seconds, high_db)
    return [a + b for a, b in zip(low, high)]


def dtmf(keys, on_s=0.08, off_s=0.08, low_db=-13.0, high_db=-11.0):
    """Keys pressed one after the other with a pause behind each; the high group is 2 dB stronger, as telephones send it."""
    out = []
    for key in keys:
        out += dtmf_key(key, on_s, low_db, high_db) + [0.0] * round(off_s * RATE)
    return out


def cadence(freqs, pattern, level_db=-16.0):
    """Tone and silence in turn, each for the given seconds."""
    out = []
    for i, seconds in enumerate(pattern):
        out += [0.0] * round(seconds * RATE) if i % 2 else tone(freqs, seconds, level_db)
    return out


def keyboard(seconds, seed):
    """A person typing on an IBM Model M: real key strokes at seeded times, 60 to 240 ms apart."""
    rng = random.Random(seed)
    out = [0.0] * round(seconds * RATE)
    codes = ["1e", "1f", "20", "21", "12", "13", "14", "31", "32", "39"]  # a s d f e r t n m space
    strokes = {c + end: decode(keystroke(c + end), RATE) for c in codes for end in ("-0", "-1")}
    at = 0.2
    while at < seconds - 0.5:
        code = codes[int(rng.random() * len(codes))]
        for end, start in (("-1", at), ("-0", at + 0.05 + 0.06 * rng.random())):
            first = round(start * RATE)
            for i, v in enumerate(strokes[code + end][:len(out) - first]):
                out[first + i] += v
        at += 0.06 + 0.18 * rng.random()
    return scaled(out, 0.25 / peak(out))


def make(write):
    def put(name, x, note, source=None, form=wav_mulaw):
        write(f"audio/{name}", form([x], RATE), note, source)
    for name, title, first in (("hold_music_8k.wav", "manolo_camp-morning_coffee", 14),
                               ("hold_music_electronic_8k.wav", "macroform-robot_dity", 20)):
        source = music(title)
        x = decode(source, RATE)[first * RATE:(first + 6) * RATE]
        put(name, telephone(scaled(x, 0.25 / peak(x))), f"6 s from {first} s on, telephone band, mu-law", source)
    put("ringback_eu_8k.wav", cadence([425], (1, 4, 1)), "425 Hz, 1 s on, 4 s off, 1 s on; mu-law")
    put("ringback_us_8k.wav", cadence([440, 480], (2, 4, 2)), "440 + 480 Hz, 2 s on, 4 s off, 2 s on; mu-law")
    put("ringback_uk_8k.wav", cadence([400, 450], (0.4, 0.2, 0.4, 2, 0.4, 0.2, 0.4)), "400 + 450 Hz, double ring; mu-law")
    put("busy_eu_8k.wav", cadence([425], (0.5, 0.5) * 3), "425 Hz, 0.5 s on, 0.5 s off; mu-law")
    put("busy_us_8k.wav", cadence([480, 620], (0.5, 0.5) * 3), "480 + 620 Hz, 0.5 s on, 0.5 s off; mu-law")
    put("dtmf_0123456789_8k.wav", dtmf("0123456789"), "80 ms keys, 80 ms pauses, first key at 0; PCM 16", form=wav16)
    put("dtmf_star_hash_abcd_8k.wav", dtmf("*#ABCD"), "80 ms keys, 80 ms pauses; PCM 16", form=wav16)
    put("dtmf_shortest_40ms_8k.wav", dtmf("159#", 0.04, 0.04, -27.0, -25.0), "40 ms keys, the shortest of Q.24, at -25 dB; mu-law")
    put("fax_cng_8k.wav", cadence([1100], (0.5, 3, 0.5)), "1100 Hz, 0.5 s on, 3 s off, 0.5 s on; mu-law")
    put("fax_ced_8k.wav", [0.0] * 1600 + tone([2100], 3.0, -16.0), "0.2 s silence, then 2100 Hz for 3 s; mu-law")
    put("keyboard_8k.wav", keyboard(4.0, 11), "4 s of typing, 10 keys; mu-law", keystroke("*-[01]"))
    put("noise_white_minus_40_dbfs_8k.wav", noise(2 * RATE, -40, 21), "2 s, -40 dBFS RMS; PCM 16", form=wav16)
    hum = [a + b for a, b in zip(tone([50, 150, 250], 2.0, -34), noise(2 * RATE, -60, 22))]
    put("hum_50_hz_8k.wav", hum, "50, 150 and 250 Hz at -34 dB over noise at -60 dBFS; PCM 16", form=wav16)
