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

Kernels and accuracies of machines are kept in a folder, so that a run that was stopped goes on
where it was; after a change of the library that folder is to be deleted. Seconds are those of the
processor, over all threads and runs.

Usage: python scripts/graphs.py [--sets MUTAG,PTC] [--shared DIR] [--keep DIR] [--out FILE.json]
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import os
import time
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import sklearn
from joblib import Memory
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import SVC

import widelimit as wl
from shared_data import shared_folder

ROOT = Path(__file__).resolve().parents[1]
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
    """A kernel and what it is: ``values[i, j] / (scale[i] * scale[j])``."""

    name: str
    values: np.ndarray
    scale: np.ndarray

    def part(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Entries of these rows and columns."""
        scales = np.outer(self.scale[rows], self.scale[columns])
        return self.values[np.ix_(rows, columns)] / scales


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


class Problem(NamedTuple):
    """Graphs, their classes, and the number of the fold in which each is tested."""

    name: str
    graphs: wl.Graphs
    classes: np.ndarray
    folds: np.ndarray

    @classmethod
    def load(cls, path: Path) -> Problem:
        """Read a set of graphs."""
        graphs = wl.Graphs.from_npz(path)
        classes, folds = np.unique(graphs.graph_labels, return_inverse=True)[1], graphs.folds
        if len(np.unique(graphs.node_labels)) == 1:
            graphs = wl.Graphs(graphs.node_offsets, graphs.edge_index)
        return cls(path.stem, graphs, classes, folds)


class Pass(NamedTuple):
    """Kernels that come of one pass, by their names, and the seconds it took."""

    kernels: dict[str, np.ndarray]
    seconds: float


def gntk_pass(name: str, mlp: int, scale: str, graphs: wl.Graphs) -> Pass:
    """All depths and both read-outs."""
    start, depths = time.process_time(), DEPTHS.get(name, OTHER_DEPTHS)
    dtype = np.float64 if len(graphs) < 2000 else np.float32
    grid = wl.gntk_grid(graphs, layers=depths, mlp_layers=mlp, scale=scale, dtype=dtype)
    kernels = {
        f"layers={depth} mlp={mlp} {scale}{' jk' if jumping else ''}": values
        for (depth, jumping), values in grid.items()
    }
    return Pass(kernels, time.process_time() - start)


def wl_pass(name: str, kind: str, graphs: wl.Graphs) -> Pass:
    """All numbers of rounds."""
    start = time.process_time()
    grid = wl.wl_kernel_grid(graphs, rounds=ROUNDS, kind=kind)
    kernels = {f"rounds={rounds}": values for rounds, values in enumerate(grid)}
    return Pass(kernels, time.process_time() - start)


# Families of kernels: what makes them in one pass, and for which parameters.
FAMILIES = {
    "gntk": (gntk_pass, list(itertools.product((1, 2, 3), ("uniform", "degree")))),
    "wl-subtree": (wl_pass, [("subtree",)]),
    "wl-oa": (wl_pass, [("optimal_assignment",)]),
}


def kernels_of(family: str, problem: Problem, keep: Memory) -> tuple[list[Kernel], float]:
    """All kernels of a family, and the seconds they took."""
    make, parameters = FAMILIES[family]
    kept = keep.cache(make, ignore=["graphs"])
    passes = [kept(problem.name, *given, problem.graphs) for given in parameters]
    kernels = []
    for name, values in itertools.chain.from_iterable(one.kernels.items() for one in passes):
        name = f"{family} {name}"
        kernels.append(Kernel(name, values, np.sqrt(np.diag(values).astype(np.float64))))
        least = float(values.min())
        if family == "gntk" and least > 0:
            kernels.append(Kernel(f"{name} /min", values, np.full(len(values), least**0.5)))
    return kernels, sum(one.seconds for one in passes)


class Scores(NamedTuple):
    """Accuracy for every cost, in percent, and the seconds it took."""

    accuracies: np.ndarray
    seconds: float


def scores(
    name: str,
    kernel_name: str,
    split: Split,
    costs: np.ndarray,
    kernel: Kernel,
    classes: np.ndarray,
) -> Scores:
    """Accuracies of machines on the second part of a split of the data set ``name``."""
    start, (train, test) = time.thread_time(), split
    own, cross = kernel.part(train, train), kernel.part(test, train)
    found = []
    for cost in costs:
        machine = SVC(C=cost, kernel="precomputed", cache_size=500, max_iter=STEPS)
        machine.fit(own, classes[train])
        found.append(100 * np.mean(machine.predict(cross) == classes[test]))
    return Scores(np.asarray(found), time.thread_time() - start)


class Machines:
    """Support vector machines of a problem; what they reach is kept."""

    def __init__(self, problem: Problem, keep: Memory):
        self.problem = problem
        self.kept = keep.cache(scores, ignore=["kernel", "classes"])
        self.seconds: list[float] = []

    def __call__(self, kernel: Kernel, split: Split, costs: np.ndarray) -> np.ndarray:
        """Accuracies on the second part of the split, for every cost, in percent."""
        name, classes = self.problem.name, self.problem.classes
        found = self.kept(name, kernel.name, split, costs, kernel, classes)
        self.seconds.append(found.seconds)
        return found.accuracies


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
    machines: Machines,
    splits: list[Split],
    rounds: tuple[Round, ...],
    each: Callable[..., Iterable[np.ndarray]],
) -> Choice:
    """The best mean accuracy over the splits; of equal ones the smaller cost.

    ``each`` is ``map``, or one of its kind that works in parallel.
    """
    ranked = kernels
    for step in rounds:
        kept, parts, costs = ranked[: step.kernels], splits[: step.folds], costs_of(step.costs)
        work = zip(*itertools.product(kept, parts), strict=True)
        rows = list(each(machines, *work, itertools.repeat(costs)))
        table = np.asarray(rows).reshape(len(kept), len(parts), len(costs))
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


def published(kernels: list[Kernel], machines: Machines, pool: ThreadPoolExecutor) -> Result:
    """The best mean accuracy on the test folds."""
    problem = machines.problem
    rounds = Effort.for_graphs(len(problem.graphs)).published
    choice = choose(kernels, machines, outer(problem.folds), rounds, pool.map)
    chosen = f"{choice.kernel.name} C={choice.cost:.3g}"
    return Result(float(choice.scores.mean()), float(choice.scores.std()), chosen)


def inner(classes: np.ndarray, train: np.ndarray, folds: int) -> list[Split]:
    """Parts of the training graphs to choose on."""
    parts = StratifiedKFold(folds, shuffle=True, random_state=0)
    return [(train[fit], train[check]) for fit, check in parts.split(train, classes[train])]


def training(kernels: list[Kernel], machines: Machines, pool: ThreadPoolExecutor) -> Result:
    """Everything is chosen on the training graphs of each fold."""
    problem = machines.problem
    effort = Effort.for_graphs(len(problem.graphs))

    def one(split: Split) -> tuple[float, str]:
        splits = inner(problem.classes, split[0], effort.inner_folds)
        kernel, cost, _ = choose(kernels, machines, splits, effort.training, map)
        return float(machines(kernel, split, np.asarray([cost]))[0]), kernel.name

    found, names = zip(*pool.map(one, outer(problem.folds)), strict=True)
    common = max(set(names), key=names.count)
    chosen = f"{names.count(common)} of {FOLDS} folds: {common}"
    return Result(float(np.mean(found)), float(np.std(found)), chosen)


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
    parser.add_argument(
        "--keep", type=Path, default=ROOT / "build" / "graphs", help="folder of what is known"
    )
    parser.add_argument("--out", type=Path, help="also write the figures as JSON")
    args = parser.parse_args()
    folder = shared_folder(args.shared)
    if folder is None or not (folder / "data" / "tu").is_dir():
        print("skipped: the data sets of graphs were not found (--shared DIR)")
        return
    keep = Memory(args.keep, mmap_mode="r", verbose=0)
    results: dict[str, dict[str, dict[str, float]]] = {}
    print(f"{'data set':14s}{'protocol':12s}{'accuracy %':>16s}{'CPU s':>9s}  chosen")
    # Of each thread, as scikit-learn's settings are.
    quick = functools.partial(
        sklearn.set_config, assume_finite=True, skip_parameter_validation=True
    )
    with ThreadPoolExecutor(os.cpu_count(), initializer=quick) as pool, warnings.catch_warnings():
        # Of machines that came to their last step.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for name, family in itertools.product(args.sets.split(","), args.families.split(",")):
            problem = Problem.load(folder / "data" / "tu" / f"{name}.npz")
            kernels, seconds = kernels_of(family, problem, keep)
            what = f"{len(kernels)} {family} kernels of {len(problem.graphs)} graphs"
            print(f"{name:14s}{'':12s}{'':16s}{seconds:9.1f}  {what}", flush=True)
            figures = {"kernel_seconds": seconds}
            for protocol in args.protocols.split(","):
                machines = Machines(problem, keep)
                result = PROTOCOLS[protocol](kernels, machines, pool)
                took = sum(machines.seconds)
                spread = f"{result.mean:.2f} +- {result.deviation:.2f}"
                print(
                    f"{name:14s}{protocol:12s}{spread:>16s}{took:9.1f}  {result.chosen}",
                    flush=True,
                )
                figures[protocol] = result.mean
            results.setdefault(name, {})[family] = figures
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
