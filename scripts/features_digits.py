"""Errors, times and accuracies of feature maps on the 8x8 digits of scikit-learn.

Four tables. ReLU: relative Frobenius error of the NTK on 1000 rows of unit norm (mean and range of
seeds), spectral error at a ridge of a thousandth of the largest eigenvalue on 400 rows, accuracy of
ridge regression (1000 rows train, the others test, ridge by leave-one-out), microseconds a row on
one thread. Activations: the error on rows of norms from 0.1 to 10, next to that of ReLU on the same
rows. Many columns: digits enlarged to 28x28, whose rank is 59. Memory: that of a process that makes
8192 features of all rows.

Usage: python scripts/features_digits.py [--parts relu,activations,columns,memory] [--seeds 5]
                                         [--methods zonal,centred,polynomial,random,nystrom]
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time

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


def measure(net, x, y, method: str, dim: int, seeds: int) -> str:
    """One row of a table."""
    kernel = wl.kernel(net, x[:ROWS].astype(np.float64))
    errors, eps, scores, micros = [], [], [], []
    for seed in range(seeds):
        options = {"dim": dim, "method": method, "seed": seed, "certify": 0, "threads": 1}
        fitted = wl.FeatureMap(net, **options).fit(x[:ROWS])
        fitted.transform(x[:64])
        start = time.perf_counter()
        z = fitted.transform(x)
        micros.append(1e6 * (time.perf_counter() - start) / len(x))
        wide = z[:ROWS].astype(np.float64)
        errors.append(np.linalg.norm(wide @ wide.T - kernel) / np.linalg.norm(kernel))
        eps.append(spectral(kernel[:SPECTRAL, :SPECTRAL], wide[:SPECTRAL]))
        scores.append(accuracy(z.astype(np.float64), y))
    return (
        f"{np.mean(errors):8.4f} [{min(errors):.4f}-{max(errors):.4f}]{np.mean(eps):8.3f}"
        f"{np.mean(scores):9.4f}{np.median(micros):9.0f}"
    )


def relu(methods: list[str], seeds: int) -> None:
    """The table for ReLU."""
    x, y = digits()
    head = f"{'error':>8s} {'[range]':15s}{'eps':>8s}{'accuracy':>9s}{'us/row':>9s}"
    print(f"{'method':12s}{'depth':>6s}{'dim':>6s}" + head)
    for depth in (1, 3):
        net = network(wl.Relu(), depth, x.shape[1])
        for method in methods:
            for dim in DIMS:
                row = measure(net, x, y, method, dim, seeds)
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
            row = measure(net, x, y, method, dim, seeds)
            print(f"{method:12s}{3:6d}{dim:6d}{row}  (784 columns)", flush=True)


def peak() -> float:
    """Most memory that the process has held, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def working_memory(method: str) -> tuple[float, float]:
    """MiB of the features of all digits, and what fit and transform held beyond them."""
    x, _ = digits()
    net = network(wl.Relu(), 3, x.shape[1])
    before = peak()
    options = {"dim": DIMS[-1], "method": method, "seed": 0, "certify": 0, "threads": 1}
    z = wl.FeatureMap(net, **options).fit(x[:ROWS]).transform(x)
    features = z.nbytes / 2**20
    return features, peak() - before - features


def memory(methods: list[str], _: int) -> None:
    """Memory at depth 3, each method in a process of its own."""
    for method in methods:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            features, beyond = pool.apply(working_memory, (method,))
        print(f"{method:12s}{3:6d}{DIMS[-1]:6d}  features {features:.0f} MiB, beyond {beyond:.0f}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", default="relu,activations,columns,memory")
    parser.add_argument("--methods", default="zonal,centred,polynomial,random,nystrom")
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    methods = args.methods.split(",")
    parts = {"relu": relu, "activations": activations, "columns": columns, "memory": memory}
    for part in args.parts.split(","):
        parts[part](methods, args.seeds)


if __name__ == "__main__":
    main()
