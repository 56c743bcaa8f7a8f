"""Classification of graphs: GNTK and Weisfeiler-Leman kernels, ten folds, support vector machines.

Kernels are normalised to a diagonal of 1; of a GNTK the kernel divided by its least entry is tried
as well, as the published program does. Two protocols stand beside each other:

``published`` is that of the papers (Du et al. 2019): hyper-parameters of the kernel and C are
those with the best mean accuracy on the test folds, which is optimistic.

``training`` sees no test graph: hyper-parameters and C are those with the best mean accuracy in a
cross-validation of the training graphs of each fold.

Both look in rounds: all kernels with few C (on some of the folds, where there are many graphs),
then the best few with more.

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


# Graphs to fit on and to test on.
Split = tuple[np.ndarray, np.ndarray]


class Kernel(NamedTuple):
    """A normalised kernel and what it is."""

    name: str
    values: np.ndarray


class Round(NamedTuple):
    """The best ``kernels`` so far are tried with ``costs`` values of C on the first ``folds``."""

    kernels: int | None
    folds: int | None
    costs: int


class Effort(NamedTuple):
    """How much is tried, in rounds. The costs of each are among those of the next."""

    published: tuple[Round, ...]
    training: tuple[Round, ...]
    inner_folds: int

    @classmethod
    def for_graphs(cls, graphs: int) -> Effort:
        """Fits take time with the cube of the number of graphs."""
        if graphs < 500:
            return cls(
                published=(Round(None, None, 13), Round(6, None, 121)),
                training=(Round(None, None, 7),),
                inner_folds=5,
            )
        if graphs < 2000:
            return cls(
                published=(Round(None, 3, 7), Round(8, None, 13), Round(2, None, 61)),
                training=(Round(None, 1, 7), Round(8, None, 7)),
                inner_folds=4,
            )
        return cls(
            published=(Round(None, 2, 4), Round(8, None, 7), Round(2, None, 25)),
            training=(Round(None, 1, 4), Round(6, None, 7)),
            inner_folds=3,
        )


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
    dtype = np.float64 if len(graphs) < 2000 else np.float32
    for mlp, scale in itertools.product((1, 2, 3), ("uniform", "degree")):
        grid = wl.gntk_grid(graphs, layers=depths, mlp_layers=mlp, scale=scale, dtype=dtype)
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


def outer(folds: np.ndarray) -> list[Split]:
    """Training and test graphs of each fold."""
    return [(np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in range(FOLDS)]


class Choice(NamedTuple):
    """The best kernel and C, and the accuracy on each fold."""

    kernel: Kernel
    cost: float
    scores: np.ndarray


def choose(
    kernels: list[Kernel],
    classes: np.ndarray,
    splits: list[Split],
    rounds: tuple[Round, ...],
    each: Callable[..., Iterator[np.ndarray]],
) -> Choice:
    """The best mean accuracy over the splits; of equal ones the smaller cost.

    ``each`` is ``map``, or one of its kind that works in parallel.
    """
    ranked = kernels
    for step in rounds:
        kept, parts, costs = ranked[: step.kernels], splits[: step.folds], costs_of(step.costs)
        work = list(itertools.product(kept, parts))

        def score(job: tuple[Kernel, Split], costs: np.ndarray = costs) -> np.ndarray:
            return accuracies(job[0].values, classes, *job[1], costs)

        table = np.asarray(list(each(score, work))).reshape(len(kept), len(parts), len(costs))
        means = table.mean(axis=1)
        order = np.argsort(-means.max(axis=1), kind="stable")
        ranked = [kept[k] for k in order]
    at, cost = order[0], means[order[0]].argmax()
    return Choice(kept[at], float(costs[cost]), table[at, :, cost])


class Result(NamedTuple):
    """Mean and standard deviation over folds, and what was chosen."""

    mean: float
    deviation: float
    chosen: str


def published(
    kernels: list[Kernel], classes: np.ndarray, folds: np.ndarray, pool: ThreadPoolExecutor
) -> Result:
    """The best mean accuracy on the test folds."""
    rounds = Effort.for_graphs(len(classes)).published
    kernel, cost, scores = choose(kernels, classes, outer(folds), rounds, pool.map)
    return Result(float(scores.mean()), float(scores.std()), f"{kernel.name} C={cost:.3g}")


def inner(classes: np.ndarray, train: np.ndarray, folds: int) -> list[Split]:
    """Parts of the training graphs to choose on."""
    parts = StratifiedKFold(folds, shuffle=True, random_state=0)
    return [(train[fit], train[check]) for fit, check in parts.split(train, classes[train])]


def training(
    kernels: list[Kernel], classes: np.ndarray, folds: np.ndarray, pool: ThreadPoolExecutor
) -> Result:
    """Everything is chosen on the training graphs of each fold."""
    effort = Effort.for_graphs(len(classes))

    def one(split: Split) -> tuple[float, str]:
        train, test = split
        splits = inner(classes, train, effort.inner_folds)
        kernel, cost, _ = choose(kernels, classes, splits, effort.training, map)
        score = accuracies(kernel.values, classes, train, test, np.asarray([cost]))
        return float(score[0]), kernel.name

    scores, names = zip(*pool.map(one, outer(folds)), strict=True)
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
