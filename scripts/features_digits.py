"""Errors, times and accuracies of feature maps on the 8x8 digits of scikit-learn.

Tables. ReLU: relative Frobenius error of the NTK on 1000 rows of unit norm (mean and range of
seeds), spectral error at a ridge of a thousandth of the largest eigenvalue on 400 rows, accuracy of
ridge regression (1000 rows train, the others test, ridge by leave-one-out), microseconds a row on
one thread. Activations: the error on rows of norms from 0.1 to 10, next to that of ReLU on the same
rows. Many columns: digits enlarged to 28x28, whose rank is 59. Memory: that of a process that makes
8192 features of all rows. Peers: the table for ReLU and memory beside what the public code of
published systems was measured at.

Usage: python scripts/features_digits.py [--parts relu,activations,columns,memory,peers] [--seeds 5]
                                         [--methods zonal,centred,polynomial,random,nystrom]
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.linalg
from sklearn.datasets import load_digits

import widelimit as wl

ROWS, SPECTRAL = 1000, 400
DIMS = (512, 2048, 8192)
ACTIVATIONS = {
    "relu": wl.Relu(),
    "gelu": wl.Gelu(),
    "tanh": wl.Tanh(),
    "sin": wl.Sin(),
    "elu": wl.Elu(),
    "erf": wl.Erf(),
    "abs": wl.Abs(),
    "gaussian": wl.Gaussian(),
}


class Measured(NamedTuple):
    """What a map was measured at, a number for each seed."""

    errors: list[float]
    eps: list[float]
    scores: list[float]
    micros: list[float]

    def row(self) -> str:
        """Cells of a table."""
        return (
            f"{np.mean(self.errors):8.4f} [{min(self.errors):.4f}-{max(self.errors):.4f}]"
            f"{np.mean(self.eps):8.3f}{np.mean(self.scores):9.4f}{np.median(self.micros):9.0f}"
        )


class Public(NamedTuple):
    """What public code was measured at: means over seeds, and the range of errors."""

    name: str
    depth: int
    dim: int
    error: float
    least: float
    most: float
    eps: float
    score: float
    micros: int
    memory: int

    def row(self) -> str:
        """Cells of a table."""
        return (
            f"{self.error:8.4f} [{self.least:.4f}-{self.most:.4f}]"
            f"{self.eps:8.3f}{self.score:9.4f}{self.micros:9d}"
        )


# github.com/insuhan/ntk-sketch-rf as it is (the code of Zandieh et al. 2021, "Scaling neural
# tangent kernels via sketching and random features"): its sketches of degree 2 and 8 and its random
# features, run by themselves on these rows with torch 1.13, on one thread of a shared 2.5 GHz
# processor with AVX-512. Five seeds, three for 8192 features. Its ridge was chosen on 200 rows held
# out; memory is what its process grew by, MiB.
PUBLIC = (
    Public("sketch, degree 2", 1, 512, 0.0952, 0.0571, 0.1625, 0.88, 0.9797, 33, 44),
    Public("sketch, degree 8", 1, 512, 0.1980, 0.0812, 0.4885, 1.63, 0.9824, 164, 90),
    Public("random features", 1, 512, 0.1539, 0.0852, 0.3592, 1.85, 0.9777, 13, 36),
    Public("sketch, degree 2", 1, 2048, 0.0500, 0.0421, 0.0615, 0.47, 0.9842, 130, 144),
    Public("sketch, degree 8", 1, 2048, 0.0684, 0.0440, 0.1068, 0.66, 0.9862, 678, 301),
    Public("random features", 1, 2048, 0.0647, 0.0533, 0.0791, 0.63, 0.9809, 72, 115),
    Public("sketch, degree 2", 1, 8192, 0.0242, 0.0183, 0.0309, 0.42, 0.9841, 1230, 410),
    Public("sketch, degree 8", 1, 8192, 0.0338, 0.0221, 0.0437, 0.28, 0.9870, 3819, 1114),
    Public("random features", 1, 8192, 0.0282, 0.0167, 0.0472, 0.29, 0.9866, 510, 433),
    Public("sketch, degree 2", 3, 512, 0.1393, 0.1092, 0.2055, 0.78, 0.9799, 34, 48),
    Public("sketch, degree 8", 3, 512, 0.1402, 0.0788, 0.2995, 2.06, 0.9779, 174, 93),
    Public("random features", 3, 512, 0.2677, 0.1368, 0.4421, 4.41, 0.9694, 95, 60),
    Public("sketch, degree 2", 3, 2048, 0.0974, 0.0656, 0.1265, 0.74, 0.9852, 149, 144),
    Public("sketch, degree 8", 3, 2048, 0.0523, 0.0416, 0.0739, 0.90, 0.9807, 706, 309),
    Public("random features", 3, 2048, 0.1467, 0.0747, 0.2058, 1.50, 0.9757, 236, 236),
    Public("sketch, degree 2", 3, 8192, 0.0892, 0.0756, 0.1030, 0.73, 0.9829, 701, 409),
    Public("sketch, degree 8", 3, 8192, 0.0265, 0.0212, 0.0371, 0.43, 0.9904, 4126, 1251),
    Public("random features", 3, 8192, 0.0684, 0.0515, 0.0984, 0.55, 0.9870, 1803, 1055),
)


def network(activation, depth: int, columns: int, bias: float = 0.0) -> wl.Network:
    """``depth`` hidden layers; the first undoes the division by the number of columns."""
    layers: list[wl.Layer] = [wl.Dense(w_std=(2.0 * columns) ** 0.5, b_std=bias)]
    for _ in range(depth):
        layers += [activation, wl.Dense(w_std=2**0.5, b_std=bias)]
    return wl.Network(layers)


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Rows of unit norm in a fixed random order, and their labels."""
    x, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(x))
    x = x[order] / np.linalg.norm(x[order], axis=1, keepdims=True)
    return x.astype(np.float32), y[order]


def enlarged(x: np.ndarray) -> np.ndarray:
    """Linear interpolation of 8x8 images on 28x28 points, unit norm."""
    place = np.linspace(0.0, 7.0, 28)
    weights = np.maximum(0.0, 1.0 - np.abs(place[:, None] - np.arange(8)[None, :]))
    images = np.einsum("ia,nab,jb->nij", weights, x.reshape(-1, 8, 8), weights)
    rows = images.reshape(len(x), -1)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def spectral(kernel: np.ndarray, z: np.ndarray) -> float:
    """Largest eigenvalue of the error relative to the kernel and a ridge."""
    ridge = 1e-3 * float(scipy.linalg.eigvalsh(kernel)[-1])
    shifted = kernel + ridge * np.eye(len(kernel))
    values = scipy.linalg.eigh(z @ z.T - kernel, shifted, eigvals_only=True)
    return float(np.abs(values).max())


def accuracy(z: np.ndarray, y: np.ndarray) -> float:
    """Accuracy on the rows behind the first ``ROWS``, solved through the kernel."""
    train, targets = z[:ROWS], np.eye(10)[y[:ROWS]] - 0.1
    values, vectors = scipy.linalg.eigh(train @ train.T)
    values, rotated = np.maximum(values, 0.0), vectors.T @ targets
    best = (np.inf, targets)
    for ridge in np.logspace(-8, 0, 17) * values.mean():
        shrunk = vectors / (values + ridge)
        dual = shrunk @ rotated
        inverse = np.einsum("ij,ij->i", shrunk, vectors)[:, None]
        error = float(((dual / inverse) ** 2).mean())
        best = min(best, (error, dual), key=lambda fit: fit[0])
    return float(np.mean((z[ROWS:] @ (train.T @ best[1])).argmax(axis=1) == y[ROWS:]))


def measure(net, x, y, method: str, dim: int, seeds: int) -> Measured:
    """Error, spectral error, accuracy and microseconds a row of every seed."""
    kernel = wl.kernel(net, x[:ROWS].astype(np.float64))
    measured = Measured([], [], [], [])
    for seed in range(seeds):
        options = {"dim": dim, "method": method, "seed": seed, "certify": 0, "threads": 1}
        fitted = wl.FeatureMap(net, **options).fit(x[:ROWS])
        fitted.transform(x[:64])
        start = time.perf_counter()
        z = fitted.transform(x)
        measured.micros.append(1e6 * (time.perf_counter() - start) / len(x))
        wide = z[:ROWS].astype(np.float64)
        error = np.linalg.norm(wide @ wide.T - kernel) / np.linalg.norm(kernel)
        measured.errors.append(float(error))
        measured.eps.append(spectral(kernel[:SPECTRAL, :SPECTRAL], wide[:SPECTRAL]))
        measured.scores.append(accuracy(z.astype(np.float64), y))
    return measured


HEAD = f"{'error':>8s} {'[range]':15s}{'eps':>8s}{'accuracy':>9s}{'us/row':>9s}"


def relu(methods: list[str], seeds: int) -> None:
    """The table for ReLU."""
    x, y = digits()
    print(f"{'method':12s}{'depth':>6s}{'dim':>6s}" + HEAD)
    for depth in (1, 3):
        net = network(wl.Relu(), depth, x.shape[1])
        for method in methods:
            for dim in DIMS:
                row = measure(net, x, y, method, dim, seeds).row()
                print(f"{method:12s}{depth:6d}{dim:6d}{row}", flush=True)


def activations(methods: list[str], seeds: int) -> None:
    """Errors on rows of norms from 0.1 to 10, as multiples of the error for ReLU.

    First with weights that divide by the number of columns, as networks are initialised: variances
    from 0.0003 to 3. Then without: up to 200, where functions with bounded values are steps and
    waves are noise.
    """
    for undone in (False, True):
        factor = "2" if undone else "2 / 64"
        print(f"variances of the first layer: {factor} times squared norms of 0.1 to 10, plus 0.01")
        by_activation(methods, seeds, undone)


def by_activation(methods: list[str], seeds: int, undone: bool) -> None:
    """One table of :func:`activations`."""
    x, _ = digits()
    norms = np.geomspace(0.1, 10.0, ROWS)[np.random.RandomState(1).permutation(ROWS), None]
    x = (x[:ROWS] * norms).astype(np.float32)
    print(f"{'method':12s}{'depth':>6s}" + "".join(f"{name:>16s}" for name in ACTIVATIONS))
    for depth in (1, 3):
        for method in methods:
            cells: list[str] = []
            base = 0.0
            for activation in ACTIVATIONS.values():
                net = network(activation, depth, x.shape[1] if undone else 1, 0.1)
                kernel = wl.kernel(net, x.astype(np.float64))
                errors = []
                for seed in range(seeds):
                    options = {"dim": 8192, "method": method, "seed": seed, "certify": 0}
                    z = wl.FeatureMap(net, **options).fit_transform(x).astype(np.float64)
                    errors.append(np.linalg.norm(z @ z.T - kernel) / np.linalg.norm(kernel))
                error = float(np.mean(errors))
                base = base or error
                cells.append(f"{error:8.4f} ({error / base:4.2f}x)")
            print(f"{method:12s}{depth:6d}" + "".join(f"{cell:>16s}" for cell in cells), flush=True)


def columns(methods: list[str], seeds: int) -> None:
    """Digits with many columns."""
    x, y = digits()
    x = enlarged(x)
    net = network(wl.Relu(), 3, x.shape[1])
    for method in methods:
        for dim in DIMS[1:]:
            row = measure(net, x, y, method, dim, seeds).row()
            print(f"{method:12s}{3:6d}{dim:6d}{row}  (784 columns)", flush=True)


def peak() -> float:
    """Most memory that the process has held, MiB; not ``getrusage``, which counts its parent's."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line) / 1024


def working_memory(method: str, depth: int = 3, dim: int = DIMS[-1]) -> tuple[float, float]:
    """MiB of the features of all digits, and what fit and transform held beyond them."""
    x, _ = digits()
    net = network(wl.Relu(), depth, x.shape[1])
    before = peak()
    options = {"dim": dim, "method": method, "seed": 0, "certify": 0, "threads": 1}
    z = wl.FeatureMap(net, **options).fit(x[:ROWS]).transform(x)
    features = z.nbytes / 2**20
    return features, peak() - before - features


def apart(method: str, depth: int = 3, dim: int = DIMS[-1]) -> tuple[float, float]:
    """:func:`working_memory` of a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(working_memory, (method, depth, dim))


def memory(methods: list[str], _: int) -> None:
    """Memory at depth 3, each method in a process of its own."""
    for method in methods:
        features, beyond = apart(method)
        print(f"{method:12s}{3:6d}{DIMS[-1]:6d}  features {features:.0f} MiB, beyond {beyond:.0f}")


def peers(methods: list[str], seeds: int) -> None:
    """The first method beside public code, and ratios to the public map of the least error."""
    x, y = digits()
    print(
        f"{'':18s}{'depth':>6s}{'dim':>6s}{HEAD}{'MiB':>6s}  error, time and memory over the best"
    )
    for depth in (1, 3):
        net = network(wl.Relu(), depth, x.shape[1])
        for dim in DIMS:
            ours = measure(net, x, y, methods[0], dim, seeds)
            used = sum(apart(methods[0], depth, dim))
            public = [row for row in PUBLIC if (row.depth, row.dim) == (depth, dim)]
            best = min(public, key=lambda row: row.error)
            pairs = [
                (np.mean(ours.errors), best.error),
                (np.median(ours.micros), best.micros),
                (used, best.memory),
            ]
            ratios = "".join(f"{a / b:8.3f}" for a, b in pairs)
            print(f"{methods[0]:18s}{depth:6d}{dim:6d}{ours.row()}{used:6.0f}{ratios}", flush=True)
            for row in public:
                print(f"{row.name:18s}{depth:6d}{dim:6d}{row.row()}{row.memory:6d}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", default="relu,activations,columns,memory")
    parser.add_argument("--methods", default="zonal,centred,polynomial,random,nystrom")
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    methods = args.methods.split(",")
    parts = {
        "relu": relu,
        "activations": activations,
        "columns": columns,
        "memory": memory,
        "peers": peers,
    }
    for part in args.parts.split(","):
        parts[part](methods, args.seeds)


if __name__ == "__main__":
    main()
