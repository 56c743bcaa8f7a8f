"""Small CIFAR-10 with exact kernels of convolutional networks: kernels, classification, a table.

Class-balanced training and test images, pixels scaled to [-1, 1]. Nothing is chosen on test images:
ridges come from closed-form leave-one-out on training images. The Gaussian kernel (its width and
ridge chosen the same way) is the baseline.

Kernels go to stores below build/cifar, so that a run that was stopped goes on where it was; the
seconds are those of the processor, over all threads and all runs that worked on a kernel: they do
not count what else the machine did.

Usage: python scripts/cifar.py [--train 1000] [--test 1000] [--networks myrtle5,cntk-gap:10]
                               [--stores DIR] [--shared DIR] [--threads N]
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np
import scipy.linalg
from scipy.spatial.distance import cdist

import widelimit as wl
from shared_data import shared_folder

ROOT = Path(__file__).resolve().parents[1]
CLASSES = 10
RIDGES = np.logspace(-8, 1, 28)


def load(folder: Path, train: int, test: int) -> tuple[np.ndarray, ...]:
    """Return training and test images in [-1, 1] as float32, and their labels."""
    with np.load(folder / "data/images/cifar10_train10k.npz") as archive:
        x, y = archive["x"][:train], archive["y"][:train].astype(np.int64)
    with np.load(folder / "data/images/cifar10_test2k.npz") as archive:
        z, labels = archive["x"][:test], archive["y"][:test].astype(np.int64)
    return (x / 127.5 - 1.0).astype(np.float32), y, (z / 127.5 - 1.0).astype(np.float32), labels


def centred(labels: np.ndarray) -> np.ndarray:
    """One column a class, summing to zero."""
    return np.eye(CLASSES)[labels] - 1.0 / CLASSES


def choose(kernel: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
    """Return the ridge with the least leave-one-out squared error, and that error."""
    values, vectors = scipy.linalg.eigh(kernel.astype(np.float64))
    values = np.maximum(values, 0.0)
    rotated = vectors.T @ targets
    best = (np.inf, 0.0)
    for ridge in RIDGES * values.mean():
        shrunk = vectors / (values + ridge)
        dual, inverse = shrunk @ rotated, np.einsum("ij,ij->i", shrunk, vectors)
        best = min(best, (float(((dual / inverse[:, None]) ** 2).mean()), float(ridge)))
    return best[1], best[0]


def accuracy(kernel: np.ndarray, block: np.ndarray, y: np.ndarray, labels: np.ndarray) -> float:
    """Accuracy in per cent of ridge regression on class indicators."""
    ridge, _ = choose(kernel, centred(y))
    system = kernel.astype(np.float64) + ridge * np.eye(len(kernel))
    dual = scipy.linalg.solve(system, centred(y), assume_a="pos")
    return 100.0 * float(np.mean(np.argmax(block @ dual, axis=1) == labels))


def gaussian(x: np.ndarray, y: np.ndarray, z: np.ndarray, labels: np.ndarray) -> float:
    """The baseline: a Gaussian kernel on pixels."""
    x, z = (values.reshape(len(values), -1).astype(np.float64) for values in (x, z))
    near, far = cdist(x, x, "sqeuclidean"), cdist(z, x, "sqeuclidean")
    scale = np.median(near)
    candidates = [scale * factor for factor in (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)]
    width = min(candidates, key=lambda width: choose(np.exp(-near / width), centred(y))[1])
    return accuracy(np.exp(-near / width), np.exp(-far / width), y, labels)


class Stopwatch:
    """Processor seconds, kept in a file from one run to the next; called with the progress made."""

    def __init__(self, path: Path):
        self.path = path
        self.before = float(path.read_text()) if path.exists() else 0.0
        self.start = time.process_time()

    def __call__(self, *_: int) -> None:
        """Note the time."""
        self.path.write_text(f"{self.seconds()}\n")

    def seconds(self) -> float:
        """All seconds until now."""
        return self.before + time.process_time() - self.start


def kernel(
    net: wl.Network, x1: np.ndarray, x2: np.ndarray | None, out: Path, threads: int | None
) -> tuple[np.ndarray, float]:
    """Return a kernel that is computed into a store, and the processor seconds that took."""
    if out.exists() and wl.open_store(out).complete:
        return wl.open_store(out).ntk, float(out.with_suffix(".seconds").read_text())
    clock = Stopwatch(out.with_suffix(".seconds"))
    store = wl.kernel_to_store(net, x1, x2, out=out, threads=threads, progress=clock)
    clock()
    return store.ntk, clock.seconds()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=int, default=1000)
    parser.add_argument("--test", type=int, default=1000)
    parser.add_argument("--networks", default="myrtle5,cntk-gap:10")
    parser.add_argument("--stores", type=Path, default=ROOT / "build" / "cifar")
    parser.add_argument("--shared", type=Path)
    parser.add_argument("--threads", type=int)
    args = parser.parse_args()
    folder = shared_folder(args.shared)
    if folder is None:
        print("skipped: no folder with data/images (--shared, WIDELIMIT_SHARED)")
        return
    x, y, z, labels = load(folder, args.train, args.test)
    print(f"{len(x)} training and {len(z)} test images, chance {100 / CLASSES:.0f} %")
    print(f"{'kernel':24s}{'accuracy %':>11s}{'CPU s':>10s}{'peak MiB':>10s}")
    start = time.process_time()
    score = gaussian(x, y, z, labels)
    row("Gaussian on pixels", score, time.process_time() - start)
    args.stores.mkdir(parents=True, exist_ok=True)
    for name in args.networks.split(","):
        net = wl.Network.preset(name)
        stem = f"{name.replace(':', '-')}-{len(x)}-{len(z)}"
        near, first = kernel(net, x, None, args.stores / f"{stem}-train.store", args.threads)
        far, second = kernel(net, z, x, args.stores / f"{stem}-test.store", args.threads)
        score, seconds = accuracy(near, far, y, labels), first + second
        row(f"{name} NTK", score, seconds)
        facts = {"network": name, "train": len(x), "test": len(z)}
        facts |= {"accuracy": score, "cpu_seconds": seconds}
        (args.stores / f"{stem}.json").write_text(json.dumps(facts) + "\n")


def row(name: str, score: float, seconds: float) -> None:
    """Print one row."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name:24s}{score:11.2f}{seconds:10.1f}{peak:10.0f}", flush=True)


if __name__ == "__main__":
    main()
