"""Twenty-five UCI classification sets: NTK against RBF-SVM, random forest and gradient boosting.

``ntk``, ``ntk+`` and ``rbf`` follow the published benchmark's own protocol (Arora et al. 2020,
"Harnessing the power of infinitely wide deep nets on small-data tasks"): hyper-parameters are
picked by accuracy on one half of the rows after training on the other, the mean accuracy of four
further splits is reported. ``ntk`` has the published grid (ReLU, depth 1-5, number of untrained
layers, C of a support vector machine); ``ntk+`` adds the activation and the bias. A column that
ends in ``/2`` picks on both halves in turn, from the same rows: where a hundred rows decide between
hundreds of candidates, one half is mostly noise.

``ntk-loo`` is our classifier: activation, depth and ridge are chosen by closed-form leave-one-out
on the training rows of each split alone, so it sees less than the others.

Usage: python scripts/uci.py [--sets iris,wine] [--shared DIR] [--out FILE.json]
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.svm import SVC

import widelimit as wl
from shared_data import shared_folder

DEPTHS = (1, 2, 3, 4)
BIASES = (0.0, 0.3, 1.0)
COSTS = 10.0 ** np.arange(-2, 5)
SPLITS = 4


def accuracy_of_svc(kernel: np.ndarray, labels: np.ndarray, train, test, cost: float) -> float:
    """Train on ``train`` rows of a precomputed kernel, score on ``test`` rows."""
    machine = SVC(C=cost, kernel="precomputed", cache_size=500)
    machine.fit(kernel[np.ix_(train, train)], labels[train])
    return float(np.mean(machine.predict(kernel[np.ix_(test, train)]) == labels[test]))


class Candidate(NamedTuple):
    """A kernel and a cost, with its accuracy on one half and with the halves exchanged."""

    name: str
    kernel: np.ndarray
    cost: float
    accuracy: float
    exchanged: float


class Protocol:
    """Picks kernel and C on the two halves, scores the choice on the four other splits."""

    def __init__(self, data):
        self.data = data
        self.candidates: list[Candidate] = []

    def offer(self, kernels: Iterable[tuple[str, np.ndarray]]) -> None:
        """Look at more kernels, given as (description, n x n matrix)."""
        labels, halves = self.data["y"], (self.data["hp_train_idx"], self.data["hp_val_idx"])
        for (name, kernel), cost in itertools.product(kernels, COSTS):
            there = accuracy_of_svc(kernel, labels, *halves, cost)
            back = accuracy_of_svc(kernel, labels, *reversed(halves), cost)
            self.candidates.append(Candidate(name, kernel, cost, there, back))

    def results(self, name: str) -> dict[str, tuple[float, str]]:
        """Mean accuracy over the four splits and what was chosen, by one half and by both."""
        one = max(self.candidates, key=lambda c: c.accuracy)
        two = max(self.candidates, key=lambda c: (c.accuracy + c.exchanged, c.accuracy))
        return {name: self.score(one), f"{name}/2": self.score(two)}

    def score(self, chosen: Candidate) -> tuple[float, str]:
        """Mean accuracy over the four splits."""
        scores = [
            accuracy_of_svc(chosen.kernel, self.data["y"], train, test, chosen.cost)
            for train, test in zip(self.data["cv_train_idx"], self.data["cv_test_idx"], strict=True)
        ]
        return float(np.mean(scores)), f"{chosen.name} C={chosen.cost:g}"


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


def further_grid(x: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Other activations and biases."""
    for activation, depth, bias in itertools.product(ACTIVATIONS, DEPTHS, BIASES):
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
            for activation, depth, bias in itertools.product(("relu", "erf"), DEPTHS, (0.3, 1.0))
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


def ntk_columns(data) -> dict[str, tuple[float, str]]:
    """The published grid, and the same with activation and bias added."""
    protocol = Protocol(data)
    protocol.offer(published_grid(data["X"]))
    published = protocol.results("ntk")
    protocol.offer(further_grid(data["X"]))
    return published | protocol.results("ntk+")


def rbf_column(data) -> dict[str, tuple[float, str]]:
    """The Gaussian kernel under the same protocol."""
    protocol = Protocol(data)
    protocol.offer(rbf_grid(data["X"]))
    return protocol.results("rbf")


def tree_columns(data) -> dict[str, tuple[float, str]]:
    """Ensembles of trees with their library's defaults."""
    return {
        "forest": (
            tree_baseline(lambda: RandomForestClassifier(n_estimators=300, random_state=0), data),
            "",
        ),
        "boosting": (
            tree_baseline(lambda: HistGradientBoostingClassifier(random_state=0), data),
            "",
        ),
    }


GROUPS = {
    "ntk": ntk_columns,
    "loo": lambda data: {"ntk-loo": (leave_one_out(data), "")},
    "rbf": rbf_column,
    "trees": tree_columns,
}


def line(scores: dict[str, float]) -> str:
    """One row of percentages."""
    return "".join(f"{100 * score:10.2f}" for score in scores.values())


def main() -> None:
    """Print the table, set by set, and the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", help="comma-separated names; all by default")
    parser.add_argument("--groups", default=",".join(GROUPS), help="comma-separated methods")
    parser.add_argument("--shared", type=Path, help="folder that holds data/")
    parser.add_argument("--out", type=Path, help="also write the figures as JSON")
    args = parser.parse_args()
    folder = shared_folder(args.shared)
    if folder is None:
        print("skipped: the UCI classification sets were not found (--shared DIR)")
        return
    groups = args.groups.split(",")
    files = sorted((folder / "data" / "uci_classification").glob("*.npz"))
    if args.sets:
        files = [file for file in files if file.stem in args.sets.split(",")]
    results: dict[str, dict[str, float]] = {}
    start = time.perf_counter()
    for file in files:
        with np.load(file) as archive:
            data = dict(archive)
        columns = {}
        for group in groups:
            columns |= GROUPS[group](data)
        if not results:
            print(f"{'data set':32s}" + "".join(f"{name:>10s}" for name in columns), flush=True)
        results[file.stem] = {name: score for name, (score, _) in columns.items()}
        notes = "; ".join(note for _, note in columns.values() if note)
        print(f"{file.stem:32s}{line(results[file.stem])}   {notes}", flush=True)
    names = results[files[0].stem]
    means = {name: float(np.mean([row[name] for row in results.values()])) for name in names}
    print(f"{'mean':32s}{line(means)}")
    print(f"{time.perf_counter() - start:.0f} s")
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps({"sets": results, "mean": means}, indent=1))


if __name__ == "__main__":
    main()
