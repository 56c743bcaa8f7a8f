"""MNIST with exact kernels: a fixed network, one chosen by leave-one-out, 20 000 images.

Pixel vectors are scaled to unit norm (centred first where stated). Test images are the first 5 000
of the test set, which are harder than the whole of it. Nothing is chosen on them: network and ridge
come from closed-form leave-one-out on training images.

Usage: python scripts/mnist.py [--shared DIR] [--parts fixed,selected,large]
"""

from __future__ import annotations

import argparse
import itertools
import resource
import time
from pathlib import Path

import numpy as np
from sklearn.kernel_ridge import KernelRidge

import widelimit as wl
from shared_data import shared_folder

ACTIVATIONS = {
    "relu": (wl.Relu(), 2**0.5),
    "erf": (wl.Erf(), 1.5),
    "gelu": (wl.Gelu(), 2**0.5),
    "gaussian": (wl.Gaussian(), 1.0),
    "rectified_square": (wl.RectifiedMonomial(degree=2), 1.0),
}


def load(folder: Path, count: int, centre: bool) -> tuple[np.ndarray, ...]:
    """Return training and test rows of unit norm, and their labels."""
    with np.load(folder / "data/images/mnist_train60k.npz") as archive:
        train, train_labels = archive["x"][:count], archive["y"][:count].astype(np.int64)
    with np.load(folder / "data/images/mnist_test_a5k.npz") as archive:
        test, test_labels = archive["x"], archive["y"].astype(np.int64)
    train = train.reshape(len(train), -1).astype(np.float64) / 255.0
    test = test.reshape(len(test), -1).astype(np.float64) / 255.0
    if centre:
        mean = train.mean(axis=0)
        train, test = train - mean, test - mean
    train /= np.linalg.norm(train, axis=1, keepdims=True)
    test /= np.linalg.norm(test, axis=1, keepdims=True)
    return train, train_labels, test, test_labels


def network(activation: str, depth: int, bias: float, features: int = 784) -> wl.Network:
    """``depth`` hidden layers; the first layer undoes the division by the number of pixels."""
    function, w_std = ACTIVATIONS[activation]
    layers: list[wl.Layer] = [wl.Dense(w_std=w_std * features**0.5, b_std=bias)]
    for _ in range(depth):
        layers += [function, wl.Dense(w_std=w_std, b_std=bias)]
    return wl.Network(layers)


def report(name: str, accuracy: float, seconds: float, note: str = "") -> None:
    """Print one row of the table."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name:48s}{100 * accuracy:8.2f} %{seconds:9.1f} s{peak:8.0f} MiB  {note}", flush=True)


def fit_and_score(net: wl.Network, data, dtype=np.float64, ridge="auto"):
    """Fit our classifier, return it with its accuracy and the seconds taken."""
    x, y, test, test_labels = data
    start = time.perf_counter()
    model = wl.NTKClassifier(net, ridge=ridge).fit(x.astype(dtype), y)
    accuracy = model.score(test.astype(dtype), test_labels)
    return model, accuracy, time.perf_counter() - start


def rbf_baseline(data) -> None:
    """Gaussian kernel ridge of the data's description (gamma 0.02 on pixels in 0..1 there)."""
    x, y, test, test_labels = data
    start = time.perf_counter()
    hot = np.eye(10)[y]
    scores = []
    for gamma, ridge in itertools.product((1.0, 2.0, 4.0), (1e-3, 1e-2)):
        model = KernelRidge(kernel="rbf", gamma=gamma, alpha=ridge).fit(x[:4000], hot[:4000])
        held_out = np.mean(model.predict(x[4000:]).argmax(axis=1) == y[4000:])
        scores.append((held_out, gamma, ridge))
    _, gamma, ridge = max(scores)
    model = KernelRidge(kernel="rbf", gamma=gamma, alpha=ridge).fit(x, hot)
    accuracy = np.mean(model.predict(test).argmax(axis=1) == test_labels)
    seconds = time.perf_counter() - start
    report("RBF kernel ridge, tuned, 5 000", accuracy, seconds, f"gamma={gamma:g} ridge={ridge:g}")


def choose(data, subset: int, depths: tuple[int, ...] = (1, 2, 3)) -> tuple[str, int, float]:
    """Pick activation, depth and bias by leave-one-out on the first ``subset`` training rows."""
    x, y = data[0][:subset], data[1][:subset]
    grid = itertools.product(ACTIVATIONS, depths, (0.0, 0.5))
    scored = []
    for activation, depth, bias in grid:
        model = wl.NTKClassifier(network(activation, depth, bias)).fit(x, y)
        scored.append((model.loo_error_rate_, model.loo_error_, (activation, depth, bias)))
    scored.sort()
    for rate, error, chosen in scored[:5]:
        print(f"    {chosen}: leave-one-out accuracy {100 * (1 - rate):.2f} %, mse {error:.5f}")
    return scored[0][2]


def fixed(folder: Path) -> None:
    """Three hidden ReLU layers, pixels centred or not, beside the Gaussian kernel."""
    for centre in (False, True):
        data = load(folder, 5000, centre)
        kind = "centred" if centre else "not centred"
        model, accuracy, seconds = fit_and_score(network("relu", 3, 0.0), data)
        report(f"NTK, 3 hidden ReLU, 5 000, {kind}", accuracy, seconds, f"ridge {model.ridge_:.1e}")
    rbf_baseline(load(folder, 5000, False))


def selected(folder: Path) -> None:
    """The network that leave-one-out picks."""
    data = load(folder, 5000, False)
    start = time.perf_counter()
    chosen = choose(data, 2000)
    seconds = time.perf_counter() - start
    model, accuracy, _ = fit_and_score(network(*chosen), data)
    report("NTK chosen by leave-one-out, 5 000", accuracy, seconds, f"{chosen} {model.ridge_:.1e}")


def large(folder: Path) -> None:
    """Twenty thousand images."""
    data = load(folder, 20000, False)
    _, accuracy, seconds = fit_and_score(network("relu", 3, 0.0), data, ridge=1e-3)
    report("NTK, 3 hidden ReLU, 20 000", accuracy, seconds)


PARTS = {"fixed": fixed, "selected": selected, "large": large}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, help="folder that holds data/")
    parser.add_argument("--parts", default=",".join(PARTS), help="comma-separated parts to run")
    args = parser.parse_args()
    folder = shared_folder(args.shared)
    if folder is None:
        print("skipped: MNIST was not found (--shared DIR)")
        return
    for part in args.parts.split(","):
        PARTS[part](folder)


if __name__ == "__main__":
    main()
