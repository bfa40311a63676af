"""testdata/README.md, written from what the other scripts made."""
import hashlib

import sources

HEAD = """# testdata

Audio to test against: real recordings from Debian packages with a free licence, and synthesised signals.
Everything in `audio/` and `calls/` is made by the scripts in `gen/`; nothing was edited by hand. The voices of
`calls/` (Fish Fillets NG and Asterisk) are kept for tests: no model is trained on them.

Check the files: `cd testdata && sha256sum --quiet -c SHA256SUMS`

Make them again: `python3 testdata/gen/make.py` (`--check` compares instead of writing). Needs python3, sox, ffmpeg and
apt-get; the packages are fetched in the versions below and refused if their SHA-256 differs. The files were made on
amd64 with Debian 12: sox 14.4.2, ffmpeg 5.1.9, libopus 1.3.1, lame 3.100, libvorbis 1.3.7. Other versions of the
encoders may give other bytes for the Opus, MP3 and Vorbis files; the rest depends on sox and ffmpeg's decoders only.

- `calls/`: whole calls. `NAME.ref.json` says what is truly in `NAME.wav`: per channel each stretch of speech and each
  other sound in samples and ms, the turns in order with the take each came from, and where both talk. Speech boundaries
  are measured on the clean takes before mixing (`gen/takes.py`). `NAME.record.json` is the interaction record expected
  of the program.
- `audio/`: short files whose names state the fact under test.
- `golden/`: values computed by outside tools, see the header of each file there; `golden/gen/NAME.py` makes `golden/NAME/`.
  The audio in `golden/synth/` and `golden/codecs/` is synthesised by `gen/feats_common.py` and `gen/codecs.py`.

## Packages and licences

The licence is that of the audio as the package's copyright file states it. Files made from a recording keep its
licence and name its author; they were cut, resampled, filtered, scaled and mixed by the scripts in `gen/`, which with
the packages are the source that the GPL asks for. A mix of CC-BY-3.0 and CC-BY-SA-3.0 is under CC-BY-SA-3.0.
Synthesised files and the `.ref.json` are under Apache-2.0, the licence of this project. None of this audio is
compiled into the program.

| package | version | licence, author | SHA-256 of the .deb |
|---|---|---|---|
"""


def text(made):
    out = [HEAD]
    for name, (version, digest, licence) in sorted(sources.PACKAGES.items()):
        out.append(f"| {name} | {version} | {licence} | `{digest}` |\n")
    for folder, title in (("calls", "Calls"), ("audio", "Audio")):
        out.append(f"\n## {title}\n\n| file | what | origin | licence | SHA-256 |\n|---|---|---|---|---|\n")
        for path, (data, note, origin) in sorted(made.items()):
            if not path.startswith(folder + "/"):
                continue
            whence = "; ".join(_short(s) for s in origin) or "synthesised"
            licences = sorted({sources.PACKAGES[s[0]][2].split(",")[0] for s in origin}) or ["Apache-2.0"]
            digest = hashlib.sha256(data).hexdigest()
            out.append(f"| `{path}` | {note} | {whence} | {', '.join(licences)} | `{digest}` |\n")
    return "".join(out)


def _short(source):
    """Package, and the path inside it as far as it tells something."""
    package, path = source
    for prefix in ("usr/share/games/fillets-ng/", "usr/share/asterisk/", "usr/share/pocketsphinx/", "usr/share/"):
        if path.startswith(prefix):
            path = path[len(prefix):]
            break
    return f"{package}: {path}"
