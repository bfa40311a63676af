"""A telephone call put together from recorded takes, and the reference of what is truly in it.

A script is a list of Line, Keys and Hold in order. Each says when it starts:
gap_ms after the end of the one before (negative: before it ends, so both talk), or
into_ms after the start of the one before. All times are kept in samples.
"""
import hashlib
import json
from dataclasses import dataclass, field

import dsp
import takes
from dsp import RATE

AGENT, CUSTOMER = 0, 1
ROLES = ("agent", "customer")
MS = RATE // 1000


@dataclass
class Event:
    channel: int
    gap_ms: int = 0
    into_ms: int = None
    overlap: str = ""        # why both talk: interruption, backchannel, early_start, double_start
    start: int = 0
    end: int = 0


@dataclass
class Line(Event):
    """One take of a speaker. cut_ms breaks it off that long after its start, when the other one takes the floor."""
    source: tuple = None
    does: str = ""           # what the speaker does, in our words
    gain_db: float = 0.0
    cut_ms: int = None
    speech: list = field(default_factory=list)


@dataclass
class Keys(Event):
    """DTMF keys, 100 ms on and 100 ms off, first key at the start."""
    keys: str = ""


@dataclass
class Tone(Event):
    """A call-progress tone or music: samples made elsewhere."""
    kind: str = ""
    samples: list = field(default_factory=list)
    source: tuple = None


def _add(track, at, x, gain=1.0):
    if at + len(x) > len(track):
        track.extend([0.0] * (at + len(x) - len(track)))
    for i, v in enumerate(x):
        track[at + i] += gain * v


def _sound(event, channel_db, cache):
    """Samples of the event at its channel's level; fills in its speech, relative to its start."""
    import sounds
    if isinstance(event, Keys):
        return sounds.dtmf(event.keys, 0.1, 0.1, -16.0, -14.0)[:-RATE // 10]
    if isinstance(event, Tone):
        return event.samples
    if event.source not in cache:
        cache[event.source] = takes.load(event.source)
    x, speech = cache[event.source]
    x = dsp.scaled(x, dsp.db(channel_db + event.gain_db))
    if event.cut_ms is not None:
        stop, fade = event.cut_ms * MS, 30 * MS
        x = x[:stop + fade]
        for k in range(min(fade, len(x) - stop)):
            x[stop + k] *= 1 - (k + 1) / (fade + 1)
        speech = [(a, min(b, stop)) for a, b in speech if a < stop]
    event.speech = speech
    return x


def build(script, channel_db, noise_db, tail_ms, seed):
    """The two tracks with line noise, and the script with its times filled in."""
    tracks, cache, before = ([], []), {}, None
    for event in script:
        x = _sound(event, channel_db[event.channel], cache)
        base = 0 if before is None else before.start if event.into_ms is not None else before.end
        event.start = base + (event.gap_ms if event.into_ms is None else event.into_ms) * MS
        if isinstance(event, Line):
            event.speech = [(event.start + a, event.start + b) for a, b in event.speech]
        event.end = event.speech[-1][1] if isinstance(event, Line) else event.start + len(x)
        _add(tracks[event.channel], event.start, x)
        before = event
    n = max(e.end for e in script) + tail_ms * MS
    out = []
    for channel, track in enumerate(tracks):
        _add(track, 0, [0.0] * n)
        line = dsp.noise(n, noise_db[channel], seed + channel)
        if channel == CUSTOMER:  # a darker line: one pole at about 1 kHz, level restored
            y = 0.0
            line = [y := 0.45 * v + 0.55 * y for v in line]
            line = dsp.scaled(line, dsp.db(noise_db[channel]) / dsp.rms(line))
        line = dsp.telephone(line)
        out.append([track[i] + line[i] for i in range(n)])
    return out


def _ms(samples):
    return samples // MS


def as_spans(spans):
    """Intervals as the reference writes them, in samples and in ms."""
    return [{"start": a, "end": b, "start_ms": _ms(a), "end_ms": _ms(b)} for a, b in spans]


def _both(script):
    """Where both channels hold speech, with the line that began second and why."""
    lines, found = [e for e in script if isinstance(e, Line)], []
    for i, first in enumerate(lines):
        for second in lines[i + 1:]:
            if first.channel == second.channel:
                continue
            for a, b in first.speech:
                for c, d in second.speech:
                    if max(a, c) < min(b, d):
                        found.append((max(a, c), min(b, d), second))
    return sorted(found, key=lambda f: f[0])


def reference(name, what, script, wav, n, channel_db, noise_db):
    """What is truly in the call, as JSON text."""
    lines = [e for e in script if isinstance(e, Line)]
    channels = []
    for channel, role in enumerate(ROLES):
        speech = sorted(s for e in lines if e.channel == channel for s in e.speech)
        things = []
        for e in script:
            if e.channel == channel and not isinstance(e, Line):
                kind = "dtmf" if isinstance(e, Keys) else e.kind
                thing = {"kind": kind, **as_spans([(e.start, e.end)])[0]}
                if kind == "dtmf":
                    thing["digits"] = e.keys
                if getattr(e, "source", None):
                    thing.update(package=e.source[0], path=e.source[1])
                things.append(thing)
        channels.append({"channel": channel, "role": role, "gain_db": channel_db[channel],
                         "line_noise_dbfs": noise_db[channel], "speech_ms": sum(_ms(b - a) for a, b in speech),
                         "speech": as_spans(speech), "sounds": things})
    order = sorted(lines, key=lambda e: e.start)
    turns = [{"order": k + 1, "role": ROLES[e.channel], **as_spans([(e.start, e.end)])[0], "does": e.does,
              "broken_off": e.cut_ms is not None, "gain_db": e.gain_db, "package": e.source[0], "path": e.source[1],
              "speech": as_spans(e.speech)} for k, e in enumerate(order)]
    both = [{**as_spans([(a, b)])[0], "second": ROLES[e.channel], "kind": e.overlap} for a, b, e in _both(script)]
    doc = {"what": what, "file": name, "sha256": hashlib.sha256(wav).hexdigest(), "rate_hz": RATE, "samples": n,
           "duration_ms": _ms(n),
           "truth": "speech boundaries come from the clean takes before mixing, in steps of 10 ms; starts are good to "
                    "30 ms, ends to 60 ms, for the echo of a take is faded out over 100 ms; pauses under 200 ms count as speech",
           "channels": channels, "turns": turns, "overtalk": both,
           "overtalk_ms": sum(b["end_ms"] - b["start_ms"] for b in both)}
    return (json.dumps(doc, indent=1, ensure_ascii=True) + "\n").encode()
