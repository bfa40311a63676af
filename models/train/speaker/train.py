"""Train the speaker model: prepare what is missing, resume what was begun, stop in time, keep the best weights.

    python3 train.py --data DIR [--sounds DIR] [--state DIR] [--net tdnn] [--until HH:MM | --hours H]

Two stages in one run of --steps + --final-steps. The first takes segments of 1 to 2.4 s and raises the margin to 0.2; the second
takes segments of 4 to 6 s, a margin of 0.35 and a small learning rate that falls to nothing.
Every step is a function of (seed, step) and of the weights, so no random state needs to be kept.
"""
import argparse
import functools
import json
import math
import os
import signal
import sys
import time

import numpy as np
import torch

import batches
import evaluate
import export
import net as nets
import prepare
from loss import SubCentreAAM
from pools import Pool, atomic_write

CACHE = os.path.join(os.path.expanduser("~"), ".cache", "timbre")


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--data", default=os.path.join(CACHE, "data"), help="folder that holds speakers.csv and dev/")
    p.add_argument("--sounds", default=os.path.join(CACHE, "sounds"), help="folder that models/train/vad/fetch.sh laid out")
    p.add_argument("--state", default=os.path.join(CACHE, "train", "speaker"), help="pools, checkpoints, logs, results")
    p.add_argument("--net", default="tdnn", choices=sorted(nets.NETS))
    p.add_argument("--run", default="", help="name of the run; default the name of the net")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--steps", type=int, default=14000, help="first stage")
    p.add_argument("--final-steps", type=int, default=1500, help="second stage, long segments and large margin")
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--rate", type=float, default=1.5e-3, help="peak learning rate")
    p.add_argument("--eval-every", type=int, default=500)
    p.add_argument("--until", default="", help="stop at this time of day, HH:MM")
    p.add_argument("--hours", type=float, default=0, help="stop after this many hours")
    p.add_argument("--one-tract", action="store_true", help="no warped vocal tracts: three classes a speaker")
    p.add_argument("--float32", action="store_true", help="no bfloat16 products")
    return p.parse_args()


def deadline(a):
    """Time in seconds since the epoch at which to stop, or infinity."""
    ends = [math.inf]
    if a.hours:
        ends.append(time.time() + a.hours * 3600)
    if a.until:
        h, m = (int(v) for v in a.until.split(":"))
        now = time.localtime()
        seconds = (h - now.tm_hour) * 3600 + (m - now.tm_min) * 60 - now.tm_sec
        ends.append(time.time() + seconds % 86400)
    return min(ends)


def segment_plan(step, steps, batch):
    """(batch size, shortest, longest segment in s) of a step."""
    return (batch, 1.0, 2.4) if step < steps else (batch // 2, 4.0, 6.0)


def learning_rate(step, a):
    """Warm-up over 300 steps, a cosine to a twentieth; in the second stage a twentieth to a hundredth of that."""
    if step < a.steps:
        warm = min(1.0, (step + 1) / 300)
        fall = 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * step / a.steps))
        return a.rate * warm * fall
    done = (step - a.steps) / max(1, a.final_steps)
    return a.rate * 0.05 * 0.01**done


def margin(step, a):
    """0 until step 1000, then rising to 0.2 at step 4000; 0.35 in the second stage."""
    return 0.2 * min(1.0, max(0.0, (step - 1000) / 3000)) if step < a.steps else 0.35


class Average:
    """Running average of weights and statistics: the network that is judged and kept."""

    def __init__(self, state):
        self.state = {k: v.clone() for k, v in state.items()}

    def update(self, state, step):
        keep = min(0.998, (1 + step) / (20 + step))
        mine = [v for k, v in self.state.items() if v.dtype.is_floating_point]
        theirs = [state[k] for k, v in self.state.items() if v.dtype.is_floating_point]
        torch._foreach_mul_(mine, keep)
        torch._foreach_add_(mine, theirs, alpha=1 - keep)


class Run:
    """A training run and its files: RUN.checkpoint.pt, RUN.best.*, RUN.last.*, RUN.results.jsonl."""

    def __init__(self, a):
        self.a = a
        self.base = os.path.join(a.state, a.run or a.net)
        self.net, self.kind = nets.build(a.net)
        self.batches = batches.Batches(a.state, a.seed, self.kind, not a.one_tract)
        self.head = SubCentreAAM(192, len(self.batches.speakers), self.batches.voices)
        self.params = list(self.net.parameters()) + list(self.head.parameters())
        decay = [p for p in self.params if p.dim() == 2 or p.dim() == 4]
        plain = [p for p in self.params if p.dim() <= 1]
        groups = [
            {"params": decay, "weight_decay": 0.05, "share": 1.0},
            {"params": plain, "weight_decay": 0.0, "share": 1.0},
            {"params": [self.head.skew], "weight_decay": 0.05, "share": 0.1},  # a rotation wanders fast
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=a.rate, foreach=True)
        self.average = Average(self.net.state_dict())
        self.step, self.best = 0, math.inf
        # what a checkpoint must share with the run that takes it up
        self.identity = {k: getattr(a, k) for k in ("net", "seed", "batch")} | {"speakers": len(self.batches.speakers), "voices": self.batches.voices}

    def load(self):
        path = self.base + ".checkpoint.pt"
        if not os.path.exists(path):
            return
        c = torch.load(path)
        if c["identity"] != self.identity:
            raise SystemExit(f"{path} is of {c['identity']}, this run is {self.identity}: choose another --run")
        self.net.load_state_dict(c["net"])
        self.head.load_state_dict(c["head"])
        self.optimiser.load_state_dict(c["optimiser"])
        self.average.state = c["average"]
        self.step, self.best = c["step"], c["best"]

    def save(self):
        c = {
            "identity": self.identity,
            "net": self.net.state_dict(),
            "head": self.head.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average.state,
            "step": self.step,
            "best": self.best,
        }
        atomic_write(self.base + ".checkpoint.pt", lambda tmp: torch.save(c, tmp))

    def judge(self, pool):
        """Evaluate the average, log it, write it as last and, if it is, as best."""
        judged, _ = nets.build(self.a.net)
        judged.load_state_dict(self.average.state)
        table, choice = evaluate.evaluate(judged, self.kind, pool, self.a.data)
        results = {
            "net": self.a.net,
            "features": self.kind,
            "parameters": sum(p.numel() for p in judged.parameters()),
            "step": self.step,
            "seed": self.a.seed,
            "choice": round(choice, 4),
            "dev": table,
        }
        with open(self.base + ".results.jsonl", "a") as f:
            f.write(json.dumps(results) + "\n")
        export.write(self.base + ".last", self.average.state, results)
        if choice < self.best:
            self.best = choice
            export.write(self.base + ".best", self.average.state, results)
        print(f"dev at {self.step}: choice {choice:.2f} (best {self.best:.2f})  {evaluate.line(table)}", flush=True)

    def one(self, x, label):
        """One step of the optimiser; returns loss and hit rate."""
        torch.manual_seed(self.a.seed * 1_000_003 + self.step)  # dropout
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.step, self.a) * group["share"]
        loss, hit = self.head(self.net(torch.from_numpy(x)), torch.from_numpy(label), margin(self.step, self.a))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.params, 5.0)
        if torch.isfinite(norm):
            self.optimiser.step()
        self.step += 1
        self.average.update(self.net.state_dict(), self.step)
        return float(loss.detach()), float(hit)


def bfloat16_pays():
    """Whether the processor multiplies bfloat16 itself."""
    try:
        with open("/proc/cpuinfo") as f:
            return "avx512_bf16" in f.read()
    except OSError:
        return False


def main():
    a = arguments()
    end = deadline(a)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that `finally` runs
    torch.set_num_threads(1)
    os.makedirs(a.state, exist_ok=True)
    prepare.prepare(a.state, a.data, a.sounds, a.seed)
    torch.manual_seed(a.seed)
    run = Run(a)
    run.load()
    nets.set_fast(run.net, not a.float32 and bfloat16_pays())
    run.net.train()
    dev, last = Pool(a.state, "dev"), a.steps + a.final_steps
    size = sum(p.numel() for p in run.net.parameters())
    print(f"{a.net}: {size} parameters, {len(run.batches.speakers)} speakers in {run.batches.voices} voices, step {run.step}", flush=True)
    if run.step >= last:
        return
    plan = functools.partial(segment_plan, steps=a.steps, batch=a.batch)
    maker, queue = batches.stream(a.state, a.seed, run.kind, not a.one_tract, plan, run.step, last)
    recent, began, saved = [], time.time(), time.time()
    try:
        while run.step < last and time.time() < end:
            waited = time.time()
            n, x, label = queue.get(timeout=300)
            waited = time.time() - waited
            if n != run.step:
                raise RuntimeError(f"batch {n} came at step {run.step}")
            recent.append(run.one(x, label) + (waited,))
            if run.step % 50 == 0:
                loss, hit, waited = np.mean(recent, axis=0)
                each = (time.time() - began) / len(recent)
                pace = f"{each:.2f} s a step, {waited:.2f} of it waiting"
                print(f"step {run.step}  loss {loss:.3f}  hit {hit:.3f}  {pace}", flush=True)
                recent, began = [], time.time()
            if run.step % a.eval_every == 0 or run.step == last:
                run.judge(dev)
                run.save()
                saved = began = time.time()
                recent = []
            elif time.time() - saved > 180:
                run.save()
                saved = time.time()
    finally:
        maker.terminate()
    if run.step % a.eval_every and run.step < last:
        run.judge(dev)
    run.save()
    print(f"stopped at step {run.step} of {last}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
