"""Classification of graphs: GNTK and Weisfeiler-Leman kernels, ten folds, support vector machines.

Kernels are normalised to a diagonal of 1; of a GNTK the kernel divided by its least entry is tried
as well, as the published program does. Two protocols stand beside each other:

``published`` is that of the papers (Du et al. 2019): hyper-parameters of the kernel and C are
those with the best mean accuracy on the test folds, which is optimistic. All kernels are looked at
with few C, and the best few with many.

``training`` sees no test graph: hyper-parameters and C are those with the best mean accuracy in a
cross-validation of the training graphs of each fold.

Features are one-hot node labels, or one-hot degrees for the IMDB set, whose labels say nothing.

Usage: python scripts/graphs.py [--sets MUTAG,PTC] [--shared DIR] [--out FILE.json]
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import os
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import SVC

import widelimit as wl
from shared_data import shared_folder

FOLDS = 10
# As published for these sets.
DEPTHS = {"NCI1": (10, 12, 14), "PTC": (10, 12, 14)}
OTHER_DEPTHS = (2, 4)
ROUNDS = 10
# A machine that is not done by then separates graphs that its kernel hardly tells apart.
STEPS = 50_000
SETS = ("MUTAG", "PTC", "IMDB-BINARY", "PROTEINS", "NCI1")


class Kernel(NamedTuple):
    """A normalised kernel and what it is."""

    name: str
    values: np.ndarray


class Effort(NamedTuple):
    """How much is tried.

    Costs of the published protocol, first on all kernels and then on the best; costs, folds and
    repetitions of the cross-validation on training graphs.
    """

    first: int
    then: int
    best: int
    costs: int
    folds: int
    repetitions: int

    @classmethod
    def for_graphs(cls, graphs: int) -> Effort:
        """Fits take time with the cube of the number of graphs."""
        if graphs < 500:
            return cls(first=13, then=120, best=6, costs=7, folds=5, repetitions=1)
        if graphs < 2000:
            return cls(first=13, then=120, best=4, costs=7, folds=4, repetitions=1)
        return cls(first=7, then=25, best=3, costs=4, folds=3, repetitions=1)


def load(path: Path) -> tuple[wl.Graphs, np.ndarray, np.ndarray]:
    """Read graphs, classes and the number of the fold in which each graph is tested."""
    graphs = wl.Graphs.from_npz(path)
    classes, folds = np.unique(graphs.graph_labels, return_inverse=True)[1], graphs.folds
    if len(np.unique(graphs.node_labels)) == 1:
        graphs = wl.Graphs(graphs.node_offsets, graphs.edge_index)
    return graphs, classes, folds


def scaled(values: np.ndarray) -> dict[str, np.ndarray]:
    """A kernel normalised to a diagonal of 1, and divided by its least entry, as published."""
    roots = np.sqrt(np.diag(values))
    kernels = {"": values / np.outer(roots, roots)}
    if values.min() > 0:
        kernels[" /min"] = values / values.min()
    return kernels


def gntk_kernels(graphs: wl.Graphs, name: str) -> Iterator[Kernel]:
    """All depths and both read-outs come of one pass for each scale and number of layers."""
    depths = DEPTHS.get(name, OTHER_DEPTHS)
    for mlp, scale in itertools.product((1, 2, 3), ("uniform", "degree")):
        grid = wl.gntk_grid(graphs, layers=max(depths), mlp_layers=mlp, scale=scale)
        for depth, jumping in itertools.product(depths, (False, True)):
            label = f"layers={depth} mlp={mlp} {scale}{' jk' if jumping else ''}"
            for how, values in scaled(grid[depth, jumping]).items():
                yield Kernel(label + how, values)


def wl_kernels(kind: str) -> Callable[[wl.Graphs, str], Iterator[Kernel]]:
    """Kernels of every number of rounds, in one pass."""

    def kernels(graphs: wl.Graphs, name: str) -> Iterator[Kernel]:
        grid = wl.wl_kernel_grid(graphs, rounds=ROUNDS, kind=kind, normalise=True)
        for rounds, values in enumerate(grid):
            yield Kernel(f"rounds={rounds}", values)

    return kernels


FAMILIES = {
    "gntk": gntk_kernels,
    "wl-subtree": wl_kernels("subtree"),
    "wl-oa": wl_kernels("optimal_assignment"),
}


def accuracies(
    kernel: np.ndarray, classes: np.ndarray, train: np.ndarray, test: np.ndarray, costs: np.ndarray
) -> np.ndarray:
    """Accuracy on ``test`` for every cost, in percent."""
    own, cross = kernel[np.ix_(train, train)], kernel[np.ix_(test, train)]
    found = []
    for cost in costs:
        machine = SVC(C=cost, kernel="precomputed", cache_size=500, max_iter=STEPS)
        machine.fit(own, classes[train])
        found.append(100 * np.mean(machine.predict(cross) == classes[test]))
    return np.asarray(found)


def costs_of(count: int) -> np.ndarray:
    """Costs from 1e-2 to 1e4."""
    return np.logspace(-2, 4, count)


def outer(folds: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Training and test graphs of each fold."""
    return [(np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in range(FOLDS)]


class Result(NamedTuple):
    """Mean and standard deviation over folds, and what was chosen."""

    mean: float
    deviation: float
    chosen: str


def published(
    kernels: list[Kernel], classes: np.ndarray, folds: np.ndarray, pool: ThreadPoolExecutor
) -> Result:
    """The best mean accuracy on the test folds."""
    effort = Effort.for_graphs(len(classes))

    def table(kernel: Kernel, count: int) -> np.ndarray:
        costs = costs_of(count)
        work = [
            pool.submit(accuracies, kernel.values, classes, *fold, costs) for fold in outer(folds)
        ]
        return np.asarray([part.result() for part in work])

    tables = [(kernel, effort.first, table(kernel, effort.first)) for kernel in kernels]
    if effort.then:
        tables.sort(key=lambda entry: -entry[2].mean(axis=0).max())
        best = [entry[0] for entry in tables[: effort.best]]
        tables += [(kernel, effort.then, table(kernel, effort.then)) for kernel in best]
    kernel, count, found = max(tables, key=lambda entry: entry[2].mean(axis=0).max())
    at = int(found.mean(axis=0).argmax())
    scores = found[:, at]
    chosen = f"{kernel.name} C={costs_of(count)[at]:.3g}"
    return Result(float(scores.mean()), float(scores.std()), chosen)


def inner(
    classes: np.ndarray, train: np.ndarray, effort: Effort
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Parts of the training graphs to choose on."""
    for seed in range(effort.repetitions):
        parts = StratifiedKFold(effort.folds, shuffle=True, random_state=seed)
        for fit, check in parts.split(train, classes[train]):
            yield train[fit], train[check]


def training(
    kernels: list[Kernel], classes: np.ndarray, folds: np.ndarray, pool: ThreadPoolExecutor
) -> Result:
    """Everything is chosen on the training graphs of each fold."""
    effort = Effort.for_graphs(len(classes))
    costs = costs_of(effort.costs)

    def one(train: np.ndarray, test: np.ndarray) -> tuple[float, str]:
        splits = list(inner(classes, train, effort))
        found = np.asarray(
            [
                np.mean([accuracies(k.values, classes, *split, costs) for split in splits], axis=0)
                for k in kernels
            ]
        )
        # Of equal ones the first: the smaller cost, and the simpler kernel.
        at, cost = np.unravel_index(found.argmax(), found.shape)
        kernel = kernels[at]
        score = accuracies(kernel.values, classes, train, test, costs[cost : cost + 1])
        return float(score[0]), kernel.name

    parts = [pool.submit(one, *fold) for fold in outer(folds)]
    scores, names = zip(*[part.result() for part in parts], strict=True)
    common = max(set(names), key=names.count)
    chosen = f"{names.count(common)} of {FOLDS} folds: {common}"
    return Result(float(np.mean(scores)), float(np.std(scores)), chosen)


PROTOCOLS = {"published": published, "training": training}


def main() -> None:
    """Print a line for each data set, family of kernels and protocol."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", default=",".join(SETS), help="comma-separated names")
    parser.add_argument("--families", default=",".join(FAMILIES), help="comma-separated kernels")
    parser.add_argument(
        "--protocols", default=",".join(PROTOCOLS), help="comma-separated protocols"
    )
    parser.add_argument("--shared", type=Path, help="folder that holds data/")
    parser.add_argument("--out", type=Path, help="also write the figures as JSON")
    args = parser.parse_args()
    folder = shared_folder(args.shared)
    if folder is None or not (folder / "data" / "tu").is_dir():
        print("skipped: the data sets of graphs were not found (--shared DIR)")
        return
    results: dict[str, dict[str, dict[str, float]]] = {}
    print(
        f"{'data set':14s}{'kernels':12s}{'protocol':12s}{'accuracy %':>16s}{'seconds':>9s}  chosen"
    )
    # Of each thread, as scikit-learn's settings are.
    quick = functools.partial(
        sklearn.set_config, assume_finite=True, skip_parameter_validation=True
    )
    with ThreadPoolExecutor(os.cpu_count(), initializer=quick) as pool, warnings.catch_warnings():
        # Of machines that came to their last step.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for name, family in itertools.product(args.sets.split(","), args.families.split(",")):
            graphs, classes, folds = load(folder / "data" / "tu" / f"{name}.npz")
            start = time.perf_counter()
            kernels = list(FAMILIES[family](graphs, name))
            seconds = time.perf_counter() - start
            print(
                f"{name:14s}{family:12s}{'':12s}{'':16s}{seconds:9.1f}  {len(kernels)} kernels of "
                f"{len(graphs)} graphs",
                flush=True,
            )
            figures = {"kernel_seconds": seconds}
            for protocol in args.protocols.split(","):
                start = time.perf_counter()
                result = PROTOCOLS[protocol](kernels, classes, folds, pool)
                took = time.perf_counter() - start
                spread = f"{result.mean:.2f} +- {result.deviation:.2f}"
                print(
                    f"{name:14s}{family:12s}{protocol:12s}{spread:>16s}{took:9.1f}  "
                    f"{result.chosen}",
                    flush=True,
                )
                figures[protocol] = result.mean
            results.setdefault(name, {})[family] = figures
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
