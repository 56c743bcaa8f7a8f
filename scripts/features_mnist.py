"""MNIST, all 60 000 training images, by features: depth 3, streamed into a ridge classifier.

Images are smoothed (--smooth: by a Gaussian of that many pixels; 0 leaves them as they are) and
scaled to unit norm, for all methods. Test images are the first 5 000 of the test set, which are
harder than the whole of it. Ridges come from generalised cross-validation on training rows, the
network's activation and bias (or ReLU without bias: --network relu), and then the smoothing, from
leave-one-out on 4 000 of them, the width of the Gaussian kernel from 5 000; nothing is chosen on
test images. Landmarks of ``nystrom`` are the first rows. Seconds are those of fit and predictions.

Usage: python scripts/features_mnist.py [--dim 8192] [--methods zonal,nystrom,rff] [--train 60000]
                                        [--network chosen|relu] [--smooth auto|PIXELS]
                                        [--seed 0] [--threads N] [--shared DIR]
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from sklearn.kernel_approximation import RBFSampler

import widelimit as wl
from mnist import choose, load, network
from shared_data import shared_folder

BLOCK = 4092
GAMMAS = (0.5, 1.0, 2.0, 4.0)
# Pixels that images may be smoothed by.
SMOOTHINGS = (0.0, 0.5, 0.7, 0.9, 1.1)
# Training rows that network and smoothing are chosen on.
ROWS = 4000
Transform = Callable[[np.ndarray], np.ndarray]


def classify(transform: Transform, data, threads: int | None) -> float:
    """Accuracy in per cent of ridge regression on features of blocks of rows."""
    x, y, test, labels = data
    model = wl.StreamingClassifier(classes=range(10), threads=threads)
    for start in range(0, len(x), BLOCK):
        rows = slice(start, start + BLOCK)
        model.partial_fit(transform(x[rows]), y[rows])
    right = 0
    for start in range(0, len(test), BLOCK):
        rows = slice(start, start + BLOCK)
        right += int((model.predict(transform(test[rows])) == labels[rows]).sum())
    return 100.0 * right / len(test)


def smoothed(rows: np.ndarray, pixels: float) -> np.ndarray:
    """Rows of unit norm again, of images that a Gaussian went over."""
    if pixels == 0.0:
        return rows
    images = gaussian_filter(rows.reshape(-1, 28, 28), (0.0, pixels, pixels)).reshape(rows.shape)
    return images / np.linalg.norm(images, axis=1, keepdims=True)


def smoothing(data, net: wl.Network) -> float:
    """The smoothing with the best leave-one-out error."""
    x, y = data[0][:ROWS], data[1][:ROWS]

    def error(pixels: float) -> float:
        model = wl.NTKClassifier(net).fit(smoothed(x, pixels).astype(np.float64), y)
        print(
            f"    smoothed by {pixels} pixels: leave-one-out accuracy "
            f"{100 * (1 - model.loo_error_rate_):.2f} %, mse {model.loo_error_:.5f}",
            flush=True,
        )
        return model.loo_error_

    return min(SMOOTHINGS, key=error)


def fourier(data, dim: int, seed: int, threads: int | None) -> Transform:
    """Random Fourier features, their width chosen on 4 000 + 1 000 training rows."""
    x, y, *_ = data

    def sampler(gamma: float) -> RBFSampler:
        return RBFSampler(gamma=gamma, n_components=dim, random_state=seed).fit(x[:1])

    def score(gamma: float) -> float:
        small = (x[:4000], y[:4000], x[4000:5000], y[4000:5000])
        features = RBFSampler(gamma=gamma, n_components=2000, random_state=seed).fit(x[:1])
        return classify(lambda rows: features.transform(rows).astype(np.float32), small, threads)

    chosen = sampler(max(GAMMAS, key=score))
    return lambda rows: chosen.transform(rows).astype(np.float32)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dim", type=int, default=8192)
    parser.add_argument("--methods", default="zonal,nystrom,rff")
    parser.add_argument("--network", default="chosen", choices=("chosen", "relu"))
    parser.add_argument("--smooth", default="auto")
    parser.add_argument("--train", type=int, default=60_000)
    parser.add_argument("--depth", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--shared", type=Path)
    args = parser.parse_args()
    folder = shared_folder(args.shared)
    if folder is None:
        print("skipped: no folder with data/images (--shared, WIDELIMIT_SHARED)")
        return
    x, y, test, labels = load(folder, args.train, centre=False)
    data = (x.astype(np.float32), y, test.astype(np.float32), labels)
    del x, test
    choice = ("relu", args.depth, 0.0)
    if args.network == "chosen":
        choice = choose(data, ROWS, (args.depth,))
    net = network(*choice)
    pixels = smoothing(data, net) if args.smooth == "auto" else float(args.smooth)
    data = (smoothed(data[0], pixels), y, smoothed(data[2], pixels), labels)
    print(
        f"{len(data[0])} training rows, {choice}, smoothed by {pixels} pixels, {args.dim} features",
        flush=True,
    )
    for method in args.methods.split(","):
        start = time.perf_counter()
        if method == "rff":
            transform = fourier(data, args.dim, args.seed, args.threads)
        else:
            options = {"dim": args.dim, "method": method, "seed": args.seed, "certify": 0}
            rows = args.dim if method == "nystrom" else 4000
            features = wl.FeatureMap(net, **options).fit(data[0][:rows])
            transform = features.transform
        accuracy = classify(transform, data, args.threads)
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{method:12s}{accuracy:8.2f} %{seconds:9.1f} s{peak:8.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
