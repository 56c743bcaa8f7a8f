"""UCI regression: features of the NTK against the exact NTK, a Gaussian kernel, a random forest.

Inputs and targets are standardised on training rows of the sets' standard 90/10 splits. Everything
is chosen on training rows: ridges by leave-one-out or generalised cross-validation, depth and bias
by leave-one-out. Kernels are exact up to --exact rows; larger sets leave them out.

Usage: python scripts/features_uci.py [--sets yacht,wine_red] [--dim 2048] [--splits 5]
                                      [--methods zonal,centred,nystrom] [--shared DIR]
"""

from __future__ import annotations

import argparse
import itertools
import time
from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestRegressor

import widelimit as wl
from shared_data import shared_folder

SETS = ("yacht", "energy", "concrete", "wine_red", "kin8nm", "power", "protein")
DEPTHS = (1, 2, 3)
BIASES = (0.1, 1.0)
ROWS = 2000


def standardised(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns of mean 0 and deviation 1, by the training rows."""
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    deviation = np.where(deviation > 0.0, deviation, 1.0)
    return (train - mean) / deviation, (test - mean) / deviation


def networks() -> list[wl.Network]:
    """The networks that are chosen from."""
    grid = itertools.product(DEPTHS, BIASES)
    return [
        wl.Network([*[wl.Dense(w_std=2**0.5, b_std=bias), wl.Relu()] * depth, wl.Dense()])
        for depth, bias in grid
    ]


def leave_one_out(kernel: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray, float]:
    """Best leave-one-out error over ridges, with the coefficients and the mean of the targets."""
    values, vectors = wl.eigh(kernel)
    values = np.maximum(values, 0.0)
    rotated, mean = vectors.T @ (y - y.mean()), float(y.mean())
    best: tuple[float, np.ndarray, float] = (np.inf, y, mean)
    for ridge in np.logspace(-7, 1, 17) * values.mean():
        shrunk = vectors / (values + ridge)
        dual = shrunk @ rotated
        error = float(np.mean((dual / np.einsum("ij,ij->i", shrunk, vectors)) ** 2))
        if error < best[0]:
            best = (error, dual, mean)
    return best


def gaussian(x: np.ndarray, z: np.ndarray, gamma: float) -> np.ndarray:
    """The Gaussian kernel."""
    squares = (x**2).sum(axis=1)[:, None] + (z**2).sum(axis=1)[None] - 2.0 * x @ z.T
    return np.exp(-gamma * np.maximum(squares, 0.0))


def exact_ntk(x, y, z) -> np.ndarray:
    """Predictions by the exact kernel of the network with the best leave-one-out error."""
    fits = [(leave_one_out(wl.kernel(net, x), y), net) for net in networks()]
    (_, dual, mean), net = min(fits, key=lambda fit: fit[0][0])
    return wl.kernel(net, z, x) @ dual + mean


def exact_rbf(x, y, z) -> np.ndarray:
    """Predictions by a Gaussian kernel."""
    gammas = np.array([0.01, 0.03, 0.1, 0.3, 1.0, 3.0]) / x.shape[1]
    fits = [(leave_one_out(gaussian(x, x, gamma), y), gamma) for gamma in gammas]
    (_, dual, mean), gamma = min(fits, key=lambda fit: fit[0][0])
    return gaussian(z, x, gamma) @ dual + mean


def features(method: str, dim: int, x, y, z) -> np.ndarray:
    """Predictions by features; the network is chosen by the exact kernel of a part of the rows."""
    part = np.random.default_rng(0).permutation(len(x))[:ROWS]
    scores = [leave_one_out(wl.kernel(net, x[part]), y[part])[0] for net in networks()]
    net = networks()[int(np.argmin(scores))]
    map_ = wl.FeatureMap(net, dim=dim, method=method, seed=0).fit(x)
    model = wl.StreamingRidge()
    for start in range(0, len(x), 4092):
        rows = slice(start, start + 4092)
        model.partial_fit(map_.transform(x[rows]), y[rows])
    return model.predict(map_.transform(z)).ravel()


def forest(x, y, z) -> np.ndarray:
    """Predictions by a random forest."""
    return RandomForestRegressor(n_estimators=200, random_state=0, n_jobs=-1).fit(x, y).predict(z)


def main() -> None:
    """Print root mean squared errors in units of the targets' deviation, and seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--dim", type=int, default=2048)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--exact", type=int, default=5000)
    parser.add_argument("--methods", default="zonal,centred,nystrom")
    parser.add_argument("--shared", type=Path)
    args = parser.parse_args()
    folder = shared_folder(args.shared)
    if folder is None:
        raise SystemExit("skipped: no folder with data/uci_regression (--shared, WIDELIMIT_SHARED)")
    methods = {"ntk": exact_ntk, "rbf": exact_rbf, "forest": forest}
    for method in args.methods.split(","):
        methods[method] = lambda x, y, z, m=method: features(m, args.dim, x, y, z)
    print(f"{'set':10s}{'rows':>7s}" + "".join(f"{name:>18s}" for name in methods))
    for name in args.sets.split(","):
        with np.load(folder / f"data/uci_regression/{name}.npz") as archive:
            inputs, targets = archive["X"], archive["y"]
            splits = list(zip(archive["train_idx"], archive["test_idx"], strict=True))
        cells = []
        for method, predict in methods.items():
            if method in ("ntk", "rbf") and len(inputs) > args.exact:
                cells.append(f"{'-':>18s}")
                continue
            errors, start = [], time.perf_counter()
            for train, test in splits[: args.splits]:
                x, z = standardised(inputs[train], inputs[test])
                mean, deviation = targets[train].mean(), targets[train].std()
                y = (targets[train] - mean) / deviation
                found = predict(x, y, z)
                errors.append(np.sqrt(np.mean((found - (targets[test] - mean) / deviation) ** 2)))
            seconds = (time.perf_counter() - start) / len(errors)
            cells.append(f"{np.mean(errors):9.4f} ({seconds:5.1f} s)")
        print(f"{name:10s}{len(inputs):7d}" + "".join(cells), flush=True)


if __name__ == "__main__":
    main()
