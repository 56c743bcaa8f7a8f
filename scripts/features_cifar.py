"""CIFAR-10 by features of convolutional networks: accuracy against dimension and seconds.

The first part has 1 000 training and 1 000 test images, where ``scripts/cifar.py`` computes the
exact kernels; where it has, its accuracy and seconds stand beside. The second has 10 000 training
and 2 000 test images, for which exact kernels take days. Ridges come from leave-one-out on
training images; nothing is chosen on test images. The dimension may be followed
by the number of seeds whose mean and range are printed.

With ``--method projection`` the features of the exact kernel itself are projected by Gaussian
matrices (Johnson and Lindenstrauss), for which its stores are needed: a yardstick for maps that
know nothing of the images, since these columns have no other error than their number.

Usage: python scripts/features_cifar.py [--networks myrtle5,cntk-gap:10] [--dims 1024:3,4096]
                                        [--sizes 1000/1000,10000/2000]
                                        [--method centred|projection|...]
                                        [--shared DIR] [--threads N]
"""

from __future__ import annotations

import argparse
import functools
import json
import resource
import time
from pathlib import Path

import numpy as np

import widelimit as wl
from cifar import ROOT, accuracy, load
from shared_data import shared_folder


def measure(net: wl.Network, data, options: dict) -> tuple[float, float]:
    """Accuracy in per cent, and seconds of features, fit and predictions."""
    x, y, z, labels = data
    start = time.perf_counter()
    model = wl.NTKClassifier(net, solver="features", **options).fit(x, y)
    return 100.0 * model.score(z, labels), time.perf_counter() - start


class Projection:
    """Gaussian projections of the features of an exact kernel between training and test images."""

    def __init__(self, name: str, data):
        x, self.y, z, self.labels = data
        stem = ROOT / "build" / "cifar" / f"{name.replace(':', '-')}-{len(x)}-{len(z)}"
        near, far = (wl.open_store(f"{stem}-{part}.store").ntk for part in ("train", "test"))
        shift = 1e-9 * np.trace(near) / len(x) * np.eye(len(x))
        # Training images as rows of a square root of their kernel; test images have a part beside.
        self.train = np.linalg.cholesky(near.astype(np.float64) + shift)
        self.test = np.linalg.solve(self.train, far.T.astype(np.float64)).T
        own = wl.diagonal(wl.Network.preset(name), z)
        self.beside = np.sqrt(np.maximum(own - (self.test**2).sum(axis=1), 0.0))

    def measure(self, options: dict) -> tuple[float, float]:
        """Accuracy in per cent, and seconds."""
        start = time.perf_counter()
        dim, random = options["dim"], np.random.default_rng(options["seed"])
        directions = random.standard_normal((len(self.train), dim)) / dim**0.5
        beside = random.standard_normal((len(self.test), dim)) / dim**0.5
        train = self.train @ directions
        test = self.test @ directions + self.beside[:, None] * beside
        score = accuracy(train @ train.T, test @ train.T, self.y, self.labels)
        return score, time.perf_counter() - start


def exact(name: str, train: int, test: int) -> str:
    """What the exact kernel reached, where ``scripts/cifar.py`` has finished it."""
    path = ROOT / "build" / "cifar" / f"{name.replace(':', '-')}-{train}-{test}.json"
    if not path.exists():
        return "not computed (scripts/cifar.py)"
    facts = json.loads(path.read_text())
    return f"{facts['accuracy']:.2f} % in {facts['cpu_seconds']:.0f} processor seconds"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", default="myrtle5,cntk-gap:10")
    parser.add_argument("--dims", default="1024:3,4096,8192")
    parser.add_argument("--sizes", default="1000/1000,10000/2000")
    parser.add_argument("--method", default="centred")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--shared", type=Path)
    args = parser.parse_args()
    folder = shared_folder(args.shared)
    if folder is None:
        print("skipped: no folder with data/images (--shared, WIDELIMIT_SHARED)")
        return
    for size in args.sizes.split(","):
        train, test = (int(part) for part in size.split("/"))
        data = load(folder, train, test)
        for name in args.networks.split(","):
            if args.method == "projection":
                run = Projection(name, data).measure
            else:
                run = functools.partial(measure, wl.Network.preset(name), data)
            print(f"{name}, {train}/{test} images; exact kernel: {exact(name, train, test)}")
            print(f"{'dim':>6s}{'accuracy %':>12s}{'range':>16s}{'seconds':>9s}{'peak MiB':>10s}")
            for part in args.dims.split(","):
                dim, seeds = (int(number) for number in (*part.split(":"), 1)[:2])
                options = {"dim": dim, "method": args.method, "threads": args.threads}
                found = [run(options | {"seed": seed}) for seed in range(seeds)]
                scores, seconds = (list(values) for values in zip(*found, strict=True))
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                print(
                    f"{dim:6d}{np.mean(scores):12.2f}  [{min(scores):5.2f}, {max(scores):5.2f}]"
                    f"{np.median(seconds):9.1f}{peak:10.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
