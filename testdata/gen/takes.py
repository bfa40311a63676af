"""Where speech truly is in a recorded take, found before anything is mixed.

The game's takes carry the echo of a large hall that falls by 30 to 45 dB a second,
so energy alone puts the end of speech half a second late. A syllable shows as a
rise of the level; a stretch of voice lasts until the level has sunk steadily for
longer than a syllable does. What is not voice is faded out, as a hands-free
telephone does it, so that the stated boundaries are the audible ones.
"""
import math

from dsp import RATE, decode, telephone

HOP = RATE // 100      # 10 ms: all boundaries are multiples of it
FLOOR_DB = 24.0        # voice lies within this range below the loudest frame
RISE_DB = 5.0          # a rise by this much within BACK frames is a new syllable
BACK = 8
DROP_DB = 5.0          # voice lies within this range below its syllable's peak,
FALL_DB = 0.2          # which is forgotten by this much per frame
MIN_PAUSE = 25         # frames: shorter gaps belong to the speech around them
MIN_SPEECH = 15        # frames: shorter bursts are clicks
ONSET, ONSET_DB = 15, 12.0  # frames before the first word in which this much weaker sounds count too
LEAD, TRAIL = 2, 3     # frames added, so that weak first and last sounds are kept
DUCK_DB = -45.0        # gain outside speech,
FADE = 10 * HOP        # reached over 100 ms


def levels(x):
    """Level of each 10 ms frame, dB, from the 30 ms around it."""
    power = [sum(v * v for v in x[i:i + HOP]) / HOP for i in range(0, len(x) - HOP + 1, HOP)]
    around = [power[max(0, i - 1):i + 2] for i in range(len(power))]
    return [10 * math.log10(sum(p) / len(p) + 1e-10) for p in around]


def runs(mask):
    """(first, end) of each stretch of True."""
    out, first = [], None
    for i, on in enumerate(list(mask) + [False]):
        if on and first is None:
            first = i
        elif not on and first is not None:
            out.append((first, i))
            first = None
    return out


def voiced_frames(level):
    """Stretches of frames that hold voice, pauses of 250 ms and more left out."""
    limit, syllable, mask = max(level) - FLOOR_DB, -200.0, []
    for i, e in enumerate(level):
        rising = e > min(level[max(0, i - BACK):i + 1]) + RISE_DB
        syllable = e if rising else max(e, syllable - FALL_DB)
        mask.append(e > limit and e > syllable - DROP_DB)
    found = []
    for first, end in runs(mask):
        if found and first - found[-1][1] < MIN_PAUSE:
            found[-1] = (found[-1][0], end)
        else:
            found.append((first, end))
    found = [(a, b) for a, b in found if b - a >= MIN_SPEECH]
    if found:  # no echo yet before the first word: take in its weak first consonant
        first, end = found[0]
        weak = [i for i in range(max(0, first - ONSET), first) if level[i] > limit - ONSET_DB]
        found[0] = (min(weak, default=first), end)
    return [(max(0, a - LEAD), min(len(level), b + TRAIL)) for a, b in found]


def load(source):
    """The take in the telephone band, faded down outside its speech, from its first voiced frame on.

    Returns the samples and the speech intervals in samples from their start; the
    samples run on through the last fade.
    """
    x = telephone(decode(source, RATE))
    found = voiced_frames(levels(x))
    if not found:
        raise SystemExit(f"takes: {source[1]}: no speech found")
    start, stop = found[0][0] * HOP, min(len(x), found[-1][1] * HOP + FADE)
    decibels = [DUCK_DB] * len(x)
    for first, end in found:
        for i in range(first * HOP, end * HOP):
            decibels[i] = 0.0
        for k in range(min(FADE, len(x) - end * HOP)):
            decibels[end * HOP + k] = max(decibels[end * HOP + k], DUCK_DB * (k + 1) / FADE)
    y = [x[i] * 10 ** (decibels[i] / 20) for i in range(start, stop)]
    for k in range(min(40, len(y))):  # 5 ms, so that no take begins or ends with a click
        y[k] *= (k + 1) / 41
        y[-1 - k] *= (k + 1) / 41
    return y, [(a * HOP - start, b * HOP - start) for a, b in found]
