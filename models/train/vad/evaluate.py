#!/usr/bin/env python3
"""Measure the detector beside its peers in one run, on speech with known boundaries.

    evaluate.py --pool DIR --steps BIN --weights FILE [--minutes 6] [--seed 1] [--card CARD.md] [--json FILE]

Needs numpy, scipy, onnxruntime, webrtcvad-wheels and silero-vad (its .onnx file is read from the installed package; torch is not used).
One speech track of unseen speakers is mixed with each kind of sound at each SNR, band-limited to 300-3400 Hz and coded with mu-law.
"""
import argparse
import importlib.util
import json
import os
import subprocess
import sys

import numpy as np

from synth import BUSY, FAX, RATE, RINGBACK, STEP, Pool, cadenced, coloured, db, dtmf_digits, fade, mulaw, rms, telephone

GRID = 256  # 32 ms
SNRS = [20, 10, 5, 0]
KINDS = ["ambience", "machine", "keyboard", "hold music", "ringback", "dtmf", "babble", "white noise"]
LEVEL = -26  # dBFS of active speech


# --- signals ----------------------------------------------------------------------------------------------------------------
def speech(rng, pool, seconds):
    """Clips of unseen speakers with silences of 0.7 to 2.5 s; returns audio, sample mask."""
    n = seconds * RATE
    x, mask, at = np.zeros(n, np.float32), np.zeros(n, bool), RATE
    by_set = {}
    for i, r in enumerate(pool.rows):
        by_set.setdefault(r[3].split(":")[0], []).append(i)
    read, words = rng.permutation(by_set["librispeech"]), by_set["speech_commands"]
    k = 0
    while True:
        i = read[k // 2 % len(read)] if k % 2 == 0 else words[rng.integers(len(words))]
        k += 1
        clip, spans = fade(pool.clip(i)), pool.rows[i][4]
        # outside its speech a clip is cut to silence, so that pauses hold what the condition puts there and nothing else
        gate = np.zeros(len(clip), np.float32)
        for a, b in spans:
            gate[max(0, a - 160) : b + 160] = 1
        clip = clip * np.convolve(gate, np.ones(81) / 81, mode="same").astype(np.float32)
        clip *= db(LEVEL) / rms(np.concatenate([clip[a:b] for a, b in spans]))
        if at + len(clip) + RATE > n:
            return x, mask
        x[at : at + len(clip)] += clip
        for a, b in spans:
            mask[at + a : at + b] = True
        at += len(clip) + int(rng.uniform(0.7, 2.5) * RATE)


def looped(rng, pool, n, gap=0.0):
    x, at = np.zeros(n, np.float32), 0
    order = rng.permutation(len(pool.rows))
    k = 0
    while at < n:
        clip = pool.clip(order[k % len(order)])
        k += 1
        clip = fade(clip / (rms(clip) + 1e-9), 40)
        m = min(len(clip), n - at)
        x[at : at + m] = clip[:m]
        at += m + int(rng.exponential(gap) * RATE if gap else 0)
    return x


def interference(kind, rng, pools, n, talk):
    """A sound of the kind with level 1 over the time that it sounds."""
    if kind == "ambience" or kind == "machine":
        x = looped(rng, pools[kind], n)
    elif kind == "keyboard":
        x = np.zeros(n, np.float32)
        at = 0
        while at < n - RATE:
            clip = pools[kind].clip(rng.integers(len(pools[kind].rows)))
            m = min(len(clip), n - at)
            x[at : at + m] += clip[:m]
            at += int(rng.uniform(0.08, 0.3) * RATE) if rng.random() < 0.9 else int(rng.uniform(0.5, 2) * RATE)
    elif kind == "hold music":
        parts = []
        while sum(map(len, parts)) < n:
            clip = pools["music"].clip(rng.integers(len(pools["music"].rows)))
            m = min(len(clip), 40 * RATE)
            at = rng.integers(len(clip) - m + 1)
            parts.append(clip[at : at + m] / rms(clip[at : at + m]))
        x = np.concatenate(parts)[:n]
    elif kind == "ringback":
        x, names = np.zeros(n, np.float32), sorted(RINGBACK)
        for k, at in enumerate(range(0, n, 20 * RATE)):
            m = min(20 * RATE, n - at)
            x[at : at + m] = cadenced(*RINGBACK[names[k % len(names)]], m, rng)
    elif kind == "dtmf":
        x = dtmf_digits(n, rng)
    elif kind == "babble":
        x = np.zeros(n, np.float32)
        for _ in range(8):
            at = 0
            while at < n:
                clip = fade(talk.clip(rng.integers(len(talk.rows))))
                m = min(len(clip), n - at)
                x[at : at + m] += (clip / rms(clip))[:m]
                at += m + int(rng.uniform(0, 0.2) * RATE)
    else:
        x = rng.standard_normal(n).astype(np.float32)
    return x / rms(x[np.abs(x) > 1e-3 * np.abs(x).max()])


def line(x, rng):
    """The telephone line: band, quiet noise, mu-law, int16."""
    y = telephone(x) + rng.standard_normal(len(x)).astype(np.float32) * db(-75)
    return np.clip(np.round(mulaw(np.clip(y, -1, 1)) * 32767), -32768, 32767).astype("<i2")


# --- detectors: int16 -> one score per 32 ms ----------------------------------------------------------------------------------
class Ours:
    def __init__(self, steps, weights):
        self.cmd, self.opt = steps, ["-weights", weights] if weights else []

    def scores(self, y):
        raw = subprocess.run([self.cmd, "scores"] + self.opt, input=y.tobytes(), stdout=subprocess.PIPE, check=True).stdout
        return np.frombuffer(raw, "<f4").reshape(-1, 3)

    def grid(self, y):
        p = self.scores(y)[:, 0]
        return p[: len(p) // 2 * 2].reshape(-1, 2).mean(axis=1)

    def events(self, y, off_ms=0):
        raw = subprocess.run([self.cmd, "events", "-off-ms", str(off_ms)] + self.opt, input=y.tobytes(), stdout=subprocess.PIPE, check=True).stdout.decode()
        out = []
        for row in raw.splitlines():
            t, kind, a, b, at, detail = row.split("\t")
            out.append((t, kind, int(a), int(b), int(at), detail))
        return out


class Silero:
    def __init__(self):
        import onnxruntime

        folder = os.path.join(os.path.dirname(importlib.util.find_spec("silero_vad").origin), "data")
        o = onnxruntime.SessionOptions()
        o.intra_op_num_threads = o.inter_op_num_threads = 1
        self.net = onnxruntime.InferenceSession(os.path.join(folder, "silero_vad.onnx"), o, providers=["CPUExecutionProvider"])

    def grid(self, y):
        """256-sample chunks with the 32 samples before them as context, as the package's own wrapper feeds them at 8 kHz."""
        x = y.astype(np.float32) / 32768
        state, context, out = np.zeros((2, 1, 128), np.float32), np.zeros(32, np.float32), []
        for i in range(0, len(x) - GRID + 1, GRID):
            chunk = np.concatenate([context, x[i : i + GRID]])
            p, state = self.net.run(None, {"input": chunk[None], "state": state, "sr": np.array(RATE, np.int64)})
            context = chunk[-32:]
            out.append(float(p[0, 0]))
        return np.array(out)


class WebRTC:
    """The share of 10 ms decisions for speech over the four modes: a graded score from a binary detector."""

    def modes(self, y):
        import webrtcvad

        out = []
        for mode in range(4):
            v = webrtcvad.Vad(mode)
            raw = y.tobytes()
            out.append([v.is_speech(raw[i : i + 160], RATE) for i in range(0, len(raw) - 159, 160)])
        return np.array(out, float)

    def grid(self, y):
        d = self.modes(y).mean(axis=0)
        t = len(y) // GRID
        fine = np.repeat(d, 80)
        fine = np.pad(fine, (0, max(0, t * GRID - len(fine))), mode="edge")[: t * GRID]
        return fine.reshape(t, GRID).mean(axis=1)


# --- measures ---------------------------------------------------------------------------------------------------------------
def auc(p, y):
    order = np.argsort(p, kind="stable")
    s = p[order]
    rank = np.empty(len(p))
    edges = np.flatnonzero(np.r_[True, s[1:] != s[:-1], True])
    for a, b in zip(edges[:-1], edges[1:]):  # ties share the mean rank
        rank[order[a:b]] = (a + b + 1) / 2
    pos, neg = int(y.sum()), int((~y).sum())
    return (rank[y].sum() - pos * (pos + 1) / 2) / (pos * neg)


def interval(p, y, rng, rounds=100, block=312):
    """95 % bootstrap interval of the AUC over blocks of 10 s."""
    n = len(p) // block
    got = []
    for _ in range(rounds):
        i = np.concatenate([np.arange(b * block, (b + 1) * block) for b in rng.integers(n, size=n)])
        got.append(auc(p[i], y[i]))
    return np.percentile(got, [2.5, 97.5])


def ends(mask):
    """True ends of speech: the next speech is at least 0.6 s away, and speech of 0.3 s went before."""
    edge = np.flatnonzero(np.diff(mask.astype(np.int8)))
    off = [e + 1 for e in edge if mask[e]]
    on = [e + 1 for e in edge if not mask[e]] + [len(mask)]
    out = []
    for e in off:
        nxt = min(o for o in on if o > e)
        if nxt - e >= 0.6 * RATE:
            out.append((e, nxt))
    return out


def latencies(spans, true_ends):
    """spans: (told start, told end) in stream time. Returns ms for every end; early is at most 0, never told before the next speech is inf."""
    out = []
    for e, nxt in true_ends:
        after = [b for a, b in spans if a < e and b > e]  # open when speech ended
        if after:
            out.append((min(after) - e) / 8 if min(after) < nxt else np.inf)
            continue
        before = [b for a, b in spans if b <= e and b > e - RATE]
        out.append(min((max(before) - e) / 8, 0) if before else np.nan)  # nan: the speech was missed altogether
    return np.array(out)


def hysteresis(p, hop, entry, leave, off, delay=0):
    """Spans in stream time from scores: told start = when entered, told end = when closed after off samples below leave."""
    spans, inside, low = [], None, 0
    for i, v in enumerate(p):
        now = (i + 1) * hop + delay
        if inside is None:
            if v >= entry:
                inside, low = now, 0
        elif v >= leave:
            low = 0
        else:
            low += hop
            if low >= off:
                spans.append((inside, now))
                inside = None
    if inside is not None:
        spans.append((inside, len(p) * hop))
    return spans


def told(events):
    spans, start = [], None
    for t, kind, a, b, at, _ in events:
        if kind != "speech":
            continue
        if t == "start":
            start = at
        else:
            spans.append((start, at))
    # a split of a long segment is an end and a start at one moment: no end of speech
    out = []
    for s in spans:
        if out and s[0] == out[-1][1]:
            out[-1] = (out[-1][0], s[1])
        else:
            out.append(s)
    return out


def summary(ms):
    heard = ms[~np.isnan(ms)]
    return dict(n=len(ms), median=float(np.median(heard)), p90=float(np.percentile(heard, 90, method="higher")) if len(heard) else None,
                early=float(np.mean(heard <= 0)), never=float(np.mean(np.isinf(heard))), missed=float(np.mean(np.isnan(ms))))


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--pool", required=True)
    ap.add_argument("--steps", required=True)
    ap.add_argument("--weights", required=True)
    ap.add_argument("--minutes", type=int, default=6)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--use", default="test", help="test, or tune for choosing settings")
    ap.add_argument("--peers", default="yes", choices=["yes", "no"])
    ap.add_argument("--card", help="Markdown file whose part between <!-- results --> and <!-- end of results --> is replaced")
    ap.add_argument("--json")
    a = ap.parse_args()
    rng = np.random.default_rng(a.seed)
    n = a.minutes * 60 * RATE
    talk = Pool(a.pool, a.use + "_speech")
    use = "test"
    pools = {k: Pool(a.pool, use + "_" + k) for k in ("ambience", "machine", "keyboard", "music")}
    if a.use == "tune":
        pools = {k: Pool(a.pool, "train_noise") for k in ("ambience", "machine", "keyboard")}
        pools["music"] = Pool(a.pool, "tune_music")
    x, mask = speech(rng, talk, a.minutes * 60)
    y32 = mask[: n // GRID * GRID].reshape(-1, GRID).mean(axis=1) >= 0.5
    true_ends = ends(mask)
    who = {"timbre net": Ours(a.steps, a.weights), "timbre energy": Ours(a.steps, None)}
    if a.peers == "yes":
        who["silero"], who["webrtc"] = Silero(), WebRTC()
    res = {"auc": {}, "latency": {}, "false": {}, "named": {}}
    print("speech %.0f s of %d s, %d ends" % (mask.sum() / RATE, n / RATE, len(true_ends)), file=sys.stderr)
    for kind in ["none"] + KINDS:
        sound = interference(kind, rng, pools, n, talk) if kind != "none" else None
        for snr in SNRS if sound is not None else [None]:
            mixed = x if sound is None else x + sound * db(LEVEL - snr)
            wave = line(mixed, rng)
            key = kind if snr is None else "%s %d dB" % (kind, snr)
            for name, d in who.items():
                p = d.grid(wave)[: len(y32)]
                yy = y32[: len(p)]
                lo, hi = interval(p, yy, np.random.default_rng(1))
                res["auc"].setdefault(key, {})[name] = (float(auc(p, yy)), float(lo), float(hi))
                lat = {}
                if name.startswith("timbre"):
                    fine = d.scores(wave)[:, 0]
                    delay = STEP if name == "timbre net" else 0
                    lat["frame"] = latencies(hysteresis(fine, STEP, 0.65, 0.55, STEP, delay), true_ends)
                    lat["event"] = latencies(told(d.events(wave)), true_ends)
                elif name == "silero":
                    lat["event"] = latencies(hysteresis(p, GRID, 0.5, 0.35, 100 * 8), true_ends)  # VADIterator's defaults
                else:
                    lat["event"] = latencies(hysteresis(d.modes(wave)[2], 80, 0.5, 0.5, 96 * 8), true_ends)
                res["latency"].setdefault(key, {})[name] = {k: summary(v) for k, v in lat.items()}
            print(key, {k: round(v[0], 4) for k, v in res["auc"][key].items()},
                  {k: "%.0f" % v["event"]["median"] for k, v in res["latency"][key].items()}, file=sys.stderr, flush=True)
    # sounds alone, no speech: how much is called speech, and by which name the sound goes
    alone = {k: interference(k, rng, pools, n // 2, talk) * db(LEVEL) for k in KINDS if k != "babble"}
    alone["busy"] = cadenced(*BUSY["europe"], n // 2, rng) * db(LEVEL)
    alone["fax"] = np.concatenate([cadenced(*FAX["cng"], 30 * RATE, rng), cadenced(*FAX["ced"], 10 * RATE, rng)] * 5)[: n // 2] * db(LEVEL)
    alone["silence"] = np.zeros(n // 2, np.float32)
    for kind, sound in alone.items():
        wave = line(sound, rng)
        row = {}
        for name, d in who.items():
            if name.startswith("timbre"):
                cut = sum(b - s for t, k, s, b, _, _ in d.events(wave) if k == "speech" and t == "end")
            elif name == "silero":
                cut = sum(b - s for s, b in hysteresis(d.grid(wave), GRID, 0.5, 0.35, 800))
            else:
                cut = d.modes(wave)[2].mean() * len(wave)
            row[name] = float(cut / len(wave))
        res["false"][kind] = row
        share = {}
        for t, k, s, b, _, _ in who["timbre net"].events(wave):
            if t == "end":
                share[k] = share.get(k, 0) + (b - s) / len(wave)
        res["named"][kind] = share
        print("alone", kind, {k: round(v, 3) for k, v in row.items()}, {k: round(v, 3) for k, v in share.items()}, file=sys.stderr, flush=True)
    res["n"] = dict(seconds=n / RATE, speech_seconds=float(mask.sum() / RATE), steps=len(y32), ends=len(true_ends), seed=a.seed)
    if a.json:
        with open(a.json, "w") as f:
            json.dump(res, f, indent=1)
    text = tables(res, list(who))
    if a.card:
        with open(a.card) as f:
            head, rest = f.read().split("<!-- results -->\n")
        tail = rest.split("<!-- end of results -->")[1]
        with open(a.card, "w") as f:
            f.write(head + "<!-- results -->\n" + text + "<!-- end of results -->" + tail)
    else:
        print(text)


def tables(res, names):
    out = ["ROC-AUC of speech at 32 ms steps (95 % interval, bootstrap over 10 s blocks)\n", "| sound | SNR | " + " | ".join(names) + " |", "|---" * (2 + len(names)) + "|"]
    for key, row in res["auc"].items():
        kind, _, snr = key.rpartition(" ")[0].rpartition(" ") if key != "none" else ("none", "", "")
        out.append("| %s | %s | %s |" % (kind, snr, " | ".join("%.3f (%.3f-%.3f)" % row[n] for n in names)))
    out += ["\nEnd-of-speech latency in ms: median / 90th percentile of the stream position at which the end was told minus the true end. "
            "`frame` is the first step under the exit threshold, `event` the End of the segment.\n",
            "| sound | SNR | net frame | net event | energy event | silero event | webrtc event |", "|---" * 7 + "|"]

    def cell(v):
        return " / ".join("never" if t is None or not np.isfinite(t) else "%.0f" % t for t in (v["median"], v["p90"]))

    for key, row in res["latency"].items():
        kind, _, snr = key.rpartition(" ")[0].rpartition(" ") if key != "none" else ("none", "", "")
        cols = [row["timbre net"]["frame"], row["timbre net"]["event"], row["timbre energy"]["event"]]
        cols += [row[n]["event"] for n in ("silero", "webrtc") if n in row]
        out.append("| %s | %s | %s |" % (kind, snr, " | ".join(cell(c) for c in cols)))
    out += ["\nSounds without speech: share of the time called speech, and what the detector with the network named them\n",
            "| sound | " + " | ".join(names) + " | named (share of the time) |", "|---" * (2 + len(names)) + "|"]
    for kind, row in res["false"].items():
        share = ", ".join("%s %.2f" % kv for kv in sorted(res["named"][kind].items()))
        out.append("| %s | %s | %s |" % (kind, " | ".join("%.3f" % row[n] for n in names), share))
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    main()
