#!/usr/bin/env python3
"""The dev table of the speaker model: every condition through `timbre eval verification`, printed as one table.

    python3 testdata/bench/verification.py --data ../shared/data [--model DIR] [--only NAME...]

Run from the root of the repository after make build; needs nothing but Python. --data holds dev/*.trials and the recordings, or an
unpack.sh that lays them out: then they are unpacked once, into build/speech. Lists that are not known here are run whole and cut to
5 and 3 s, on the line that they come with. The JSON of every condition and its DET plot stay in --out.
"""
import argparse
import json
import os
import subprocess
import sys

PHONE = ["--degrade", "phone"]
NOISY = ["--degrade", "phone", "--degrade-test", "phone-noisy"]
# name, list, arguments
CONDITIONS = [
    ("librispeech", "librispeech", PHONE),
    ("librispeech 5 s", "librispeech", PHONE + ["--test-seconds", "5"]),
    ("librispeech 3 s", "librispeech", PHONE + ["--test-seconds", "3"]),
    ("librispeech 5 s, noisy line", "librispeech", NOISY + ["--test-seconds", "5"]),
    ("librispeech 5 s, wide to phone", "librispeech", ["--degrade-test", "phone", "--test-seconds", "5"]),
    ("commands-india", "commands-india", PHONE),
    ("commands-india, noisy line", "commands-india", NOISY),
    ("speech-commands", "speech-commands", PHONE),
]
LENGTHS = [("", []), (" 5 s", ["--test-seconds", "5"]), (" 3 s", ["--test-seconds", "3"])]


def conditions(lists):
    """The conditions whose list is there, then those of the lists that are not known. cal-* fits the model and judges nothing."""
    known = [c for c in CONDITIONS if c[1] in lists]
    names = {c[1] for c in CONDITIONS}
    for name in sorted(lists):
        if name not in names and not name.startswith("cal-"):
            known += [(name + suffix, name, args) for suffix, args in LENGTHS]
    return known


def lay_out(data, build):
    """Return the folder that the paths of the lists are relative to."""
    unpack = os.path.join(data, "unpack.sh")
    if not os.path.exists(unpack):
        return data
    mark = os.path.join(build, ".unpacked")
    stamp = f"{os.path.realpath(data)} {os.path.getmtime(unpack)}"
    if not os.path.exists(mark) or open(mark).read() != stamp:
        os.makedirs(build, exist_ok=True)
        subprocess.run([unpack, build], check=True, stdout=sys.stderr)
        with open(mark, "w") as f:
            f.write(stamp)
    return build


def interval(result, *keys):
    """A figure of the result as percent or number with its interval, '-' where it was not computed."""
    value, span = result, result["confidence_intervals"]
    for k in keys:
        value, span = value[k], span[k] if span else None
    if value is None:
        return "-"
    scale, form = (1, "%.3f") if keys[0] in ("min_dcf", "act_dcf", "cllr") else (100, "%.2f")
    text = form % (scale * value)
    if span and None not in span:
        text += f" [{form % (scale * span[0])}, {form % (scale * span[1])}]"
    return text


COLUMNS = [
    ("condition", lambda n, r: n),
    ("targets", lambda n, r: str(r["targets"])),
    ("nontargets", lambda n, r: str(r["nontargets"])),
    ("EER %", lambda n, r: interval(r, "eer")),
    ("minDCF .01", lambda n, r: interval(r, "min_dcf", "0.01")),
    ("minDCF .05", lambda n, r: interval(r, "min_dcf", "0.05")),
    ("actDCF .05", lambda n, r: interval(r, "act_dcf", "0.05")),
    ("Cllr", lambda n, r: interval(r, "cllr")),
    ("minCllr", lambda n, r: "-" if r["min_cllr"] is None else "%.3f" % r["min_cllr"]),
    ("FNMR % at FMR 1 %", lambda n, r: interval(r, "fnmr_at_fmr", "0.01")),
    ("FTA %", lambda n, r: "-" if r["fta"] is None else "%.2f" % (100 * r["fta"])),
    ("FTE %", lambda n, r: "-" if r["fte"] is None else "%.2f" % (100 * r["fte"])),
]


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--data", required=True, help="folder with dev/*.trials and the recordings, or with unpack.sh")
    p.add_argument("--timbre", default="bin/timbre", help="the program (default bin/timbre)")
    p.add_argument("--model", help="another model than the shipped one")
    p.add_argument("--out", default="build/verification", help="folder for JSON and plots (default build/verification)")
    p.add_argument("--only", nargs="+", help="names of conditions (default: all)")
    a = p.parse_args()
    if not os.path.isdir(a.data):
        sys.exit(f"--data: {a.data}: no such folder")
    lists = {f[: -len(".trials")] for f in os.listdir(os.path.join(a.data, "dev")) if f.endswith(".trials")}
    wanted = [c for c in conditions(lists) if not a.only or c[0] in a.only]
    if not wanted:
        sys.exit(f"no condition to run: lists {sorted(lists)}, --only {a.only}")
    audio = lay_out(a.data, "build/speech")
    os.makedirs(a.out, exist_ok=True)
    rows, result = [], None
    for name, listed, args in wanted:
        base = os.path.join(a.out, name.replace(", ", "-").replace(" ", "-"))
        command = [a.timbre, "eval", "verification", "--json", "--trials", os.path.join(a.data, "dev", listed + ".trials"), "--audio", audio,
                   "--det", base + ".det.png"] + args + (["--model", a.model] if a.model else [])
        run = subprocess.run(command, stdout=subprocess.PIPE)
        if run.returncode:
            sys.exit(f"{name}: exit status {run.returncode} of: {' '.join(command)}")
        with open(base + ".json", "wb") as f:
            f.write(run.stdout)
        result = json.loads(run.stdout)
        rows.append([show(name, result) for _, show in COLUMNS])
        print(f"{name}: EER {interval(result, 'eer')} %", file=sys.stderr)
    c = result["conditions"]
    print(f"{c['model']['name']} {c['model']['version']} ({c['model']['sha256'][:8]}), {c['scoring']}, calibration {c['calibration']}")
    print(f"{result['speed']['x_realtime']:.0f} x realtime of one core, from the file to the embedding; in brackets: "
          f"{100 * result['method']['level']:g} % intervals, bootstrap by {result['method']['unit']}")
    print()
    head = [title for title, _ in COLUMNS]
    widths = [max(len(r[i]) for r in [head] + rows) for i in range(len(head))]
    for r in [head] + rows:
        print("  ".join(v.ljust(w) for v, w in zip(r, widths)).rstrip())


if __name__ == "__main__":
    main()
