#!/usr/bin/env python3
"""Makes testdata/audio, testdata/calls, testdata/README.md and testdata/SHA256SUMS.

    python3 testdata/gen/make.py           write everything
    python3 testdata/gen/make.py --check   make everything in memory and compare with the files

Needs python3 (standard library only), sox, ffmpeg, and apt-get to fetch the Debian
packages named in sources.py, unless $TIMBRE_DEB_DIR already holds them.
"""
import hashlib
import os
import sys

sys.dont_write_bytecode = True

import compressed
import containers
import hostile
import readme
import sample_call
import short_call
import sounds
import voices

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main(check):
    made = {}  # path under testdata -> (bytes, note, sources)

    def write(path, data, note, *sources):
        if path in made:
            raise SystemExit(f"make: {path} is made twice")
        made[path] = (data, note, [s for s in sources if s])

    for part in (voices, sounds, containers, compressed, hostile, sample_call, short_call):
        print(f"{part.__name__} ...", file=sys.stderr, flush=True)
        part.make(write)
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {path}\n" for path, (data, *_) in sorted(made.items()))
    files = {path: data for path, (data, *_) in made.items()}
    files["SHA256SUMS"] = sums.encode()
    files["README.md"] = readme.text(made).encode()
    wrong = []
    for path, data in sorted(files.items()):
        full = os.path.join(ROOT, path)
        if not check:
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "wb") as f:
                f.write(data)
        elif not os.path.exists(full) or open(full, "rb").read() != data:
            wrong.append(path)
    # A file that nobody makes has no origin and no licence.
    for folder in ("audio", "calls"):
        for name in sorted(os.listdir(os.path.join(ROOT, folder))):
            path = f"{folder}/{name}"
            if path not in files and not path.endswith(".record.json"):
                wrong.append(path + " (not made by any script)")
    for path in wrong:
        print(f"differs: {path}", file=sys.stderr)
    total = sum(len(d) for d in files.values())
    print(f"{len(files)} files, {total} bytes, {len(wrong)} differ", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--check"]):
        raise SystemExit("usage: make.py [--check]")
    raise SystemExit(main(sys.argv[1:] == ["--check"]))
