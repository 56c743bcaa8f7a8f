"""Twenty-five UCI classification sets: NTK against RBF-SVM, random forest and gradient boosting.

Two columns are the published benchmark's own protocol (Arora et al. 2020, "Harnessing the power of
infinitely wide deep nets on small-data tasks"): hyper-parameters are picked by accuracy on one
50/50 split, the mean accuracy of four further splits is reported. ``ntk`` has the published grid
(ReLU, depth 1-5, number of untrained layers, C of a support vector machine); ``ntk+`` adds the
activation and the bias. ``ntk-loo`` is our classifier: activation, depth and ridge are chosen by
closed-form leave-one-out on the training rows of each split alone, so it sees less than the others.

Usage: python scripts/uci.py [--sets iris,wine] [--shared DIR] [--out FILE.json]
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.svm import SVC

import widelimit as wl
from shared_data import shared_folder

COSTS = 10.0 ** np.arange(-2, 5)
SPLITS = 4


def accuracy_of_svc(kernel: np.ndarray, labels: np.ndarray, train, test, cost: float) -> float:
    """Train on ``train`` rows of a precomputed kernel, score on ``test`` rows."""
    machine = SVC(C=cost, kernel="precomputed", cache_size=500)
    machine.fit(kernel[np.ix_(train, train)], labels[train])
    return float(np.mean(machine.predict(kernel[np.ix_(test, train)]) == labels[test]))


def benchmark_protocol(kernels, data) -> tuple[float, str]:
    """Pick kernel and C on the validation split; mean accuracy over the four others.

    ``kernels`` yields (description, n x n matrix).
    """
    best, chosen = -1.0, None
    for name, kernel in kernels:
        for cost in COSTS:
            score = accuracy_of_svc(
                kernel, data["y"], data["hp_train_idx"], data["hp_val_idx"], cost
            )
            if score > best:
                best, chosen = score, (name, kernel, cost)
    name, kernel, cost = chosen
    scores = [
        accuracy_of_svc(kernel, data["y"], data["cv_train_idx"][s], data["cv_test_idx"][s], cost)
        for s in range(SPLITS)
    ]
    return float(np.mean(scores)), f"{name} C={cost:g}"


def published_network(depth: int, fixed: int, features: int) -> wl.Network:
    """Network of the benchmark: inner products without 1/d, ReLU without the factor 2."""
    layers: list[wl.Layer] = [wl.Dense(w_std=features**0.5, trainable=fixed == 0)]
    for level in range(1, depth):
        layers += [wl.Relu(), wl.Dense(trainable=level >= fixed)]
    return wl.Network(layers)


def published_grid(x: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Depth 1-5 and 0 to depth - 1 untrained layers."""
    for depth in range(1, 6):
        for fixed in range(depth):
            net = published_network(depth, fixed, x.shape[1])
            yield f"relu depth={depth} fixed={fixed}", wl.kernel(net, x)


ACTIVATIONS = {
    "relu": (wl.Relu(), 2**0.5),
    "erf": (wl.Erf(), 1.0),
    "gelu": (wl.Gelu(), 2**0.5),
}


def network(activation: str, depth: int, bias: float) -> wl.Network:
    """``depth`` hidden layers, every dense layer with the same bias."""
    function, w_std = ACTIVATIONS[activation]
    layers: list[wl.Layer] = []
    for _ in range(depth):
        layers += [wl.Dense(w_std=w_std, b_std=bias), function]
    return wl.Network([*layers, wl.Dense(w_std=w_std, b_std=bias)])


def wider_grid(x: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """The published grid, then other activations and biases."""
    yield from published_grid(x)
    for activation, depth, bias in itertools.product(ACTIVATIONS, (1, 2, 3, 4), (0.0, 0.3, 1.0)):
        name = f"{activation} depth={depth} b_std={bias:g}"
        yield name, wl.kernel(network(activation, depth, bias), x)


def rbf_grid(x: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Gaussian kernels, gamma in (1/4, 1, 4) / d."""
    squares = np.einsum("ij,ij->i", x, x)
    distances = np.maximum(squares[:, None] + squares[None, :] - 2.0 * x @ x.T, 0.0)
    for factor in (0.25, 1.0, 4.0):
        yield f"rbf gamma={factor:g}/d", np.exp(-factor / x.shape[1] * distances)


def leave_one_out(data) -> float:
    """Our classifier; everything is chosen on the training rows of each split."""
    scores = []
    for split in range(SPLITS):
        train, test = data["cv_train_idx"][split], data["cv_test_idx"][split]
        x, y = data["X"], data["y"]
        candidates = (
            wl.NTKClassifier(network(activation, depth, bias)).fit(x[train], y[train])
            for activation, depth, bias in itertools.product(
                ("relu", "erf"), (1, 2, 3, 4), (0.0, 0.3, 1.0)
            )
        )
        best = min(candidates, key=lambda model: (model.loo_error_rate_, model.loo_error_))
        scores.append(best.score(x[test], y[test]))
    return float(np.mean(scores))


def tree_baseline(make, data) -> float:
    """Mean accuracy over the four splits of a model with its library's defaults."""
    x, y = data["X"], data["y"]
    return float(
        np.mean(
            [
                make().fit(x[train], y[train]).score(x[test], y[test])
                for train, test in zip(data["cv_train_idx"], data["cv_test_idx"], strict=True)
            ]
        )
    )


METHODS = {
    "ntk": lambda data: benchmark_protocol(published_grid(data["X"]), data),
    "ntk+": lambda data: benchmark_protocol(wider_grid(data["X"]), data),
    "ntk-loo": lambda data: (leave_one_out(data), ""),
    "rbf-svm": lambda data: benchmark_protocol(rbf_grid(data["X"]), data),
    "forest": lambda data: (
        tree_baseline(lambda: RandomForestClassifier(n_estimators=500, random_state=0), data),
        "",
    ),
    "boosting": lambda data: (
        tree_baseline(lambda: HistGradientBoostingClassifier(random_state=0), data),
        "",
    ),
}


def main() -> None:
    """Print the table, set by set, and the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", help="comma-separated names; all by default")
    parser.add_argument("--methods", default=",".join(METHODS), help="comma-separated columns")
    parser.add_argument("--shared", type=Path, help="folder that holds data/")
    parser.add_argument("--out", type=Path, help="also write the figures as JSON")
    args = parser.parse_args()
    folder = shared_folder(args.shared)
    if folder is None:
        print("skipped: the UCI classification sets were not found (--shared DIR)")
        return
    methods = args.methods.split(",")
    files = sorted((folder / "data" / "uci_classification").glob("*.npz"))
    if args.sets:
        files = [file for file in files if file.stem in args.sets.split(",")]
    print(f"{'data set':32s}" + "".join(f"{method:>10s}" for method in methods), flush=True)
    results: dict[str, dict[str, float]] = {}
    start = time.perf_counter()
    for file in files:
        with np.load(file) as archive:
            data = dict(archive)
        results[file.stem] = {}
        notes = []
        for method in methods:
            score, note = METHODS[method](data)
            results[file.stem][method] = score
            notes.append(note)
        row = "".join(f"{100 * results[file.stem][method]:10.2f}" for method in methods)
        print(f"{file.stem:32s}{row}   {'; '.join(filter(None, notes))}", flush=True)
    means = {m: float(np.mean([row[m] for row in results.values()])) for m in methods}
    print(f"{'mean':32s}" + "".join(f"{100 * means[method]:10.2f}" for method in methods))
    print(f"{time.perf_counter() - start:.0f} s")
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps({"sets": results, "mean": means}, indent=1))


if __name__ == "__main__":
    main()
