"""UCI regression: features of the NTK against the exact NTK, a Gaussian kernel, a random forest.

Inputs and targets are standardised on training rows of the sets' standard 90/10 splits. Everything
is chosen on training rows: activation, depth and bias of the network, and the width of the Gaussian
kernel, by leave-one-out on up to 2000 of them; ridges by leave-one-out on all. Exact kernels are
left out where there are more than --exact rows.

Usage: python scripts/features_uci.py [--sets yacht,wine_red] [--dim 2048] [--splits 5]
                                      [--methods nystrom,zonal,centred] [--shared DIR]
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
ACTIVATIONS = {"relu": wl.Relu(), "gelu": wl.Gelu(), "erf": wl.Erf()}
DEPTHS = (1, 2, 3)
BIASES = (0.1, 1.0)
GAMMAS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
# Rows that networks and widths are chosen on.
ROWS = 2000
# Splits that are measured of sets with more than that many rows.
LARGE, FEW = 5000, 2


def standardised(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns of mean 0 and deviation 1, by the training rows."""
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    deviation = np.where(deviation > 0.0, deviation, 1.0)
    return (train - mean) / deviation, (test - mean) / deviation


def leave_one_out(kernel: np.ndarray, y: np.ndarray) -> float:
    """Best leave-one-out error over ridges."""
    values, vectors = wl.eigh(kernel)
    values = np.maximum(values, 0.0)
    rotated = vectors.T @ (y - y.mean())
    errors = []
    for ridge in np.logspace(-7, 1, 17) * values.mean():
        shrunk = vectors / (values + ridge)
        diagonal = np.einsum("ij,ij->i", shrunk, vectors)
        errors.append(float(np.mean((shrunk @ rotated / diagonal) ** 2)))
    return min(errors)


def network(activation: str, depth: int, bias: float) -> wl.Network:
    """``depth`` hidden layers."""
    hidden = [wl.Dense(w_std=2**0.5, b_std=bias), ACTIVATIONS[activation]]
    return wl.Network([*hidden * depth, wl.Dense()])


def chosen(x: np.ndarray, y: np.ndarray) -> tuple[str, int, float]:
    """The network with the best leave-one-out error."""
    grid = itertools.product(ACTIVATIONS, DEPTHS, BIASES)
    return min(grid, key=lambda choice: leave_one_out(wl.kernel(network(*choice), x), y))


def gaussian(x: np.ndarray, z: np.ndarray, gamma: float) -> np.ndarray:
    """The Gaussian kernel."""
    squares = (x**2).sum(axis=1)[:, None] + (z**2).sum(axis=1)[None] - 2.0 * x @ z.T
    return np.exp(-gamma * np.maximum(squares, 0.0))


def width(x: np.ndarray, y: np.ndarray) -> float:
    """The width of a Gaussian kernel with the best leave-one-out error."""
    gammas = np.array(GAMMAS) / x.shape[1]
    return min(gammas, key=lambda gamma: leave_one_out(gaussian(x, x, gamma), y))


class Split:
    """Rows to learn from, rows to predict at, and rows that networks and widths are chosen on."""

    def __init__(self, x: np.ndarray, y: np.ndarray, z: np.ndarray):
        self.x, self.y, self.z = x, y, z
        part = np.random.default_rng(0).permutation(len(x))[:ROWS]
        self.part = x[part], y[part]
        self.choice = chosen(*self.part)
        self.net = network(*self.choice)

    def solve(self, near: np.ndarray, far: np.ndarray) -> np.ndarray:
        """Predictions by a kernel."""
        solution = wl.kernel_ridge(near, self.y)
        return (far @ solution.dual + solution.mean).ravel()

    def ntk(self) -> np.ndarray:
        """Predictions by the exact kernel."""
        return self.solve(wl.kernel(self.net, self.x), wl.kernel(self.net, self.z, self.x))

    def rbf(self) -> np.ndarray:
        """Predictions by a Gaussian kernel."""
        gamma = width(*self.part)
        return self.solve(gaussian(self.x, self.x, gamma), gaussian(self.z, self.x, gamma))

    def forest(self) -> np.ndarray:
        """Predictions by a random forest."""
        model = RandomForestRegressor(n_estimators=200, random_state=0, n_jobs=-1)
        return model.fit(self.x, self.y).predict(self.z)

    def features(self, method: str, dim: int) -> np.ndarray:
        """Predictions by features."""
        options = {"solver": "features", "dim": dim, "method": method, "seed": 0}
        return wl.NTKRegressor(self.net, **options).fit(self.x, self.y).predict(self.z)


def splits_of(folder: Path, name: str, wanted: int):
    """Standardised splits of a set with the targets at the rows to predict at."""
    with np.load(folder / f"data/uci_regression/{name}.npz") as archive:
        inputs, targets = archive["X"], archive["y"]
        splits = list(zip(archive["train_idx"], archive["test_idx"], strict=True))
    count = min(wanted, FEW) if len(inputs) > LARGE else wanted
    for train, test in splits[:count]:
        x, z = standardised(inputs[train], inputs[test])
        y, truth = standardised(targets[train, None], targets[test, None])
        yield Split(x, y.ravel(), z), truth.ravel()


def main() -> None:
    """Print root mean squared errors in units of the targets' deviation, and seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--dim", type=int, default=2048)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--exact", type=int, default=9000)
    parser.add_argument("--methods", default="nystrom,zonal,centred")
    parser.add_argument("--shared", type=Path)
    args = parser.parse_args()
    folder = shared_folder(args.shared)
    if folder is None:
        print("skipped: no folder with data/uci_regression (--shared, WIDELIMIT_SHARED)")
        return
    methods = {"ntk": Split.ntk, "rbf": Split.rbf, "forest": Split.forest}
    for name in args.methods.split(","):
        methods[name] = lambda split, method=name: split.features(method, args.dim)
    print(f"{'set':10s}{'rows':>7s}" + "".join(f"{name:>18s}" for name in methods))
    for name in args.sets.split(","):
        errors: dict[str, list[float]] = {method: [] for method in methods}
        seconds: dict[str, float] = dict.fromkeys(methods, 0.0)
        choices: list[str] = []
        rows = 0
        for split, truth in splits_of(folder, name, args.splits):
            rows = len(split.x)
            choices.append("{} x {} (bias {})".format(*split.choice))
            for method, predict in methods.items():
                if method in ("ntk", "rbf") and rows > args.exact:
                    continue
                start = time.perf_counter()
                errors[method].append(float(np.sqrt(np.mean((predict(split) - truth) ** 2))))
                seconds[method] += time.perf_counter() - start
        cells = [
            f"{np.mean(found):9.4f} ({seconds[method] / len(found):5.1f} s)" if found else "-"
            for method, found in errors.items()
        ]
        likeliest = max(set(choices), key=choices.count)
        print(f"{name:10s}{rows:7d}" + "".join(f"{cell:>18s}" for cell in cells), end="")
        print(f"  {likeliest} in {choices.count(likeliest)} of {len(choices)} splits", flush=True)


if __name__ == "__main__":
    main()
