"""For golden scripts that need PyTorch: Debian's python3-torch runs with Debian's python3, the pinned packages live in .venv."""
import glob
import os
import sys

DEBIAN = "/usr/bin/python3"


def use_torch():
    """Make torch and safetensors importable: go on under Debian's python3 if this one has no torch."""
    try:
        import torch  # noqa: F401
    except ImportError:
        if sys.prefix == sys.base_prefix and os.path.realpath(sys.executable) == os.path.realpath(DEBIAN):
            sys.exit("torch is missing: apt-get install python3-torch")
        os.execv(DEBIAN, [DEBIAN, "-B"] + sys.argv)
    sys.path += glob.glob(".venv/lib/python3*/site-packages")  # after Debian's own, so that torch keeps its numpy
