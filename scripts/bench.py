"""Speed of whole computations as ratios against NumPy and SciPy, alternating in one run.

Usage: python scripts/bench.py [--repetitions 7] [--solve-size 10000] [--eigen-size 4000]
"""

from __future__ import annotations

import os

# Settings meant for older OpenBLAS builds slow a current NumPy down; read before it loads.
for _name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(_name, None)

import argparse  # noqa: E402
import statistics  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402

import numpy as np  # noqa: E402
import scipy.linalg  # noqa: E402
import threadpoolctl  # noqa: E402

import widelimit as wl  # noqa: E402

PAUSE = 0.3
LAYERS = {"relu": wl.Relu, "erf": wl.Erf, "gelu": wl.Gelu}


def network(activation: str) -> wl.Network:
    """Three hidden layers without biases."""
    layers: list[wl.Layer] = []
    for _ in range(3):
        layers += [wl.Dense(w_std=2**0.5), LAYERS[activation]()]
    return wl.Network([*layers, wl.Dense(w_std=2**0.5)])


def alternate(repetitions: int, *tasks: Callable[[], object]) -> list[float]:
    """Median seconds of each task; tasks take turns, the first turn is not counted.

    A library's idle threads spin for a while after a call; the pause lets them go to sleep.
    """
    seconds: list[list[float]] = [[] for _ in tasks]
    for turn in range(repetitions + 1):
        for task, times in zip(tasks, seconds, strict=True):
            time.sleep(PAUSE)
            start = time.perf_counter()
            task()
            if turn:
                times.append(time.perf_counter() - start)
    return [statistics.median(times) for times in seconds]


def row(name: str, ours: float, reference: float) -> None:
    """Print one comparison."""
    print(f"{name:44s}{ours:10.4f}{reference:12.4f}{ours / reference:9.2f}", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--size", type=int, default=4000)
    parser.add_argument("--solve-size", type=int, default=10000)
    parser.add_argument("--eigen-size", type=int, default=4000)
    args = parser.parse_args()
    for library in threadpoolctl.threadpool_info():
        print(
            f"{library['internal_api']} {library['version']}: {library.get('architecture')}, "
            f"{library['num_threads']} threads"
        )
    print(f"{'':44s}{'ours s':>10s}{'reference s':>12s}{'ratio':>9s}")
    generator = np.random.default_rng(0)
    n = args.size
    for features in (784, 32):
        x = generator.standard_normal((n, features)).astype(np.float32)
        copy = x.copy()
        for activation in LAYERS:
            net = network(activation)
            ours, product = alternate(
                args.repetitions,
                lambda net=net, x=x: wl.kernel(net, x),
                lambda x=x, c=copy: x @ c.T,
            )
            row(f"NTK {activation} x3, n={n} d={features} f32 | X @ Y.T", ours, product)
    if args.eigen_size:
        n = args.eigen_size
        x = generator.standard_normal((n, 50))
        kernel = wl.kernel(network("relu"), x)
        turns = max(1, args.repetitions // 3)
        ours, reference = alternate(
            turns, lambda: wl.eigh(kernel), lambda: scipy.linalg.eigh(kernel)
        )
        row(f"symmetric eigen, n={n} f64 | scipy eigh", ours, reference)
    if args.solve_size:
        n = args.solve_size
        x = generator.standard_normal((n, 50))
        kernel = wl.kernel(network("relu"), x)
        targets = generator.standard_normal((n, 1))
        ridge = 1e-3
        mean = float(np.mean(np.diagonal(kernel)))

        def reference_solve() -> np.ndarray:
            shifted = kernel.copy()
            shifted[np.diag_indices(n)] += ridge * mean
            factor = scipy.linalg.cho_factor(shifted, lower=True, overwrite_a=True)
            return scipy.linalg.cho_solve(factor, targets)

        turns = max(1, args.repetitions // 3)
        ours, reference = alternate(
            turns,
            lambda: wl.kernel_ridge(kernel, targets, ridge=ridge, centre=False),
            reference_solve,
        )
        row(f"kernel ridge, n={n} f64 | scipy cho_factor+cho_solve", ours, reference)


if __name__ == "__main__":
    main()
