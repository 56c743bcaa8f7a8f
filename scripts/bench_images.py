"""Time of a pair of images, as a share of OpenBLAS' rate for a matrix product in the same process.

A pair is one entry of a rectangular NTK between 32x32x3 images in float32; looking at the images
beforehand is part of it. Rates count 46 floating-point operations an entry-layer (a covariance and
its derivative through one 3x3 convolution and one ReLU), whatever is really computed; the number of
entry-layers a pair is the plan's.

Usage: python scripts/bench_images.py [--threads 1] [--repetitions 5]
"""

from __future__ import annotations

import os

for _name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(_name, None)

import argparse  # noqa: E402
import statistics  # noqa: E402
import time  # noqa: E402

import numpy as np  # noqa: E402
import threadpoolctl  # noqa: E402

import widelimit as wl  # noqa: E402

OPERATIONS = 46.0
# Images on the left and on the right.
CASES = [
    ("myrtle5", 12, 16),
    ("cntk-gap:10", 6, 16),
    ("cntk-gap:21", 4, 16),
    ("cntk-flatten:10", 256, 256),
    ("cntk-flatten:21", 256, 256),
]


def product_rate(threads: int, n: int = 2048) -> float:
    """Floating-point operations a second of a general product."""
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((n, n)).astype(np.float32) for _ in range(2))
    with threadpoolctl.threadpool_limits(threads):
        start = time.perf_counter()
        _ = a @ b
        return 2.0 * n**3 / (time.perf_counter() - start)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repetitions", type=int, default=5)
    args = parser.parse_args()
    print(f"{args.threads} threads; medians of {args.repetitions}, each beside a product")
    columns = f"{'ms a pair':>11s}{'ns entry':>10s}{'GFLOP/s':>9s}{'sgemm':>8s}{'share':>7s}"
    print(f"{'network':16s}{columns}")
    rng = np.random.default_rng(1)
    for name, rows, columns in CASES:
        net = wl.Network.preset(name)
        x, z = (rng.standard_normal((n, 32, 32, 3)).astype(np.float32) for n in (rows, columns))
        entries = wl.plan(net, x, z).pair_activations
        wl.kernel(net, x[:2], z[:2], threads=args.threads)
        seconds, products = [], []
        for _ in range(args.repetitions):
            products.append(product_rate(args.threads))
            start = time.perf_counter()
            wl.kernel(net, x, z, threads=args.threads)
            seconds.append((time.perf_counter() - start) / (rows * columns))
        pair, product = statistics.median(seconds), statistics.median(products)
        rate = OPERATIONS * entries / pair
        print(
            f"{name:16s}{pair * 1e3:11.4f}{pair / entries * 1e9:10.3f}{rate / 1e9:9.1f}"
            f"{product / 1e9:8.1f}{rate / product:7.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
