"""testdata/calls/short-call.wav and mono-call.wav: four turns, one overtalk, checkable by hand.

Two dry studio voices without a pause inside: the English woman is the agent, the
Italian man the customer. No noise between the turns except a quiet line.
"""
import hashlib
import json

from call import AGENT, CUSTOMER, MS, Line, as_spans, build, reference
from dsp import RATE, wav_mulaw
from sources import asterisk

GAIN_DB = (-6.0, -6.0)
NOISE_DBFS = (-62.0, -62.0)


def script():
    return [
        Line(AGENT, source=asterisk("en", "vm-nonumber"), does="first turn", gap_ms=1000),
        Line(CUSTOMER, source=asterisk("it", "dir-firstlast"), does="second turn, after 800 ms", gap_ms=800),
        Line(AGENT, source=asterisk("en", "conf-onlyone"), does="third turn, after 500 ms", gap_ms=500),
        Line(CUSTOMER, source=asterisk("it", "conf-onlyone"), does="fourth turn, begins 1000 ms before the third ends",
             gap_ms=-1000, overlap="interruption"),
    ]


def mono_reference(wav, tracks, events):
    """The stereo call's speech, joined over both speakers: what a one-channel recording can tell at best."""
    spans = []
    for a, b in sorted(s for e in events for s in e.speech):
        if spans and a <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(b, spans[-1][1]))
        else:
            spans.append((a, b))
    doc = {"what": "short-call.wav as one channel; where anyone speaks", "file": "mono-call.wav",
           "sha256": hashlib.sha256(wav).hexdigest(), "rate_hz": RATE, "samples": len(tracks[0]),
           "duration_ms": len(tracks[0]) // MS,
           "channels": [{"channel": 0, "role": "unknown", "speech_ms": sum(b - a for a, b in spans) // MS,
                         "speech": as_spans(spans), "sounds": []}]}
    return (json.dumps(doc, indent=1) + "\n").encode()


def make(write):
    events = script()
    tracks = build(events, GAIN_DB, NOISE_DBFS, 1000, 201)
    n = len(tracks[0])
    sources = [e.source for e in events]
    data = wav_mulaw(tracks, RATE)
    write("calls/short-call.wav", data, f"{n / RATE:.2f} s, two channels, mu-law", *sources)
    write("calls/short-call.ref.json",
          reference("short-call.wav", "four turns, one overtalk of 1000 ms", events, data, n, GAIN_DB, NOISE_DBFS),
          "what is truly in short-call.wav")
    mono = wav_mulaw([[(a + b) / 2 for a, b in zip(*tracks)]], RATE)
    write("calls/mono-call.wav", mono, "short-call.wav mixed down to one channel, half of each", *sources)
    write("calls/mono-call.ref.json", mono_reference(mono, tracks, events), "what is truly in mono-call.wav")
