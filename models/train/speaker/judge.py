"""Print the dev table of exported weights: python3 judge.py --weights FILE.safetensors [--data DIR] [--state DIR]"""
import argparse
import os

import torch

import evaluate
import export
import net as nets
from pools import Pool

CACHE = os.path.join(os.path.expanduser("~"), ".cache", "timbre")


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--weights", required=True)
    p.add_argument("--data", default=os.path.join(CACHE, "data"))
    p.add_argument("--state", default=os.path.join(CACHE, "train", "speaker"))
    a = p.parse_args()
    torch.set_num_threads(1)
    tensors, metadata = export.read(a.weights)
    net, kind = nets.build(metadata["net"])
    missing, odd = net.load_state_dict({k: torch.from_numpy(v) for k, v in tensors.items()}, strict=False)
    if odd or any(not k.endswith("num_batches_tracked") for k in missing):
        raise SystemExit(f"{a.weights}: not the weights of {metadata['net']}: missing {missing}, not known {odd}")
    table, choice = evaluate.evaluate(net, kind, Pool(a.state, "dev"), a.data)
    print(f"{metadata['net']} at step {metadata['step']}, {sum(v.size for v in tensors.values())} values, choice {choice:.2f}")
    print(f"{'list':30} {'EER %':>7} {'minDCF .01':>11} {'targets':>8} {'others':>8}")
    for name, t in table.items():
        print(f"{name:30} {t['eer']:7.2f} {t['min_dcf']:11.3f} {t['targets']:8d} {t['nontargets']:8d}")


if __name__ == "__main__":
    main()
