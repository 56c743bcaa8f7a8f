"""Classification with sketched kernels between graphs, beside the exact kernel.

Two classes of random graphs with as many edges: some have a third of their nodes in a denser part
(a stochastic block model), the others none (Erdos-Renyi). Nodes carry a constant and how far their
degree is from the mean. Accuracy of a support vector machine, mean of ten folds, repeated; sketches
have a quarter, an eighth and a sixteenth of the nodes as rows.

Usage: python scripts/graphs_sketched.py [--graphs 120] [--nodes 96] [--seeds 3]
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score
from sklearn.svm import SVC

import widelimit as wl

LAYERS = 4
COSTS = (1.0, 10.0, 100.0, 1000.0)


def adjacency(nodes: int, parted: bool, rng: np.random.Generator) -> np.ndarray:
    """A graph with a quarter of all edges."""
    dense = np.arange(nodes) < nodes // 3
    both, neither = dense[:, None] & dense[None, :], ~dense[:, None] & ~dense[None, :]
    chance = np.where(both, 0.55, np.where(neither, 0.25, 0.18)) if parted else 0.25
    upper = np.triu(rng.random((nodes, nodes)) < chance, 1)
    return (upper | upper.T).astype(float)


def batch(count: int, nodes: int, rng: np.random.Generator) -> tuple[wl.Graphs, np.ndarray]:
    """Graphs of both classes in turn."""
    classes = np.arange(count) % 2
    matrices = [adjacency(nodes, bool(kind), rng) for kind in classes]
    degrees = [matrix.sum(axis=1) / matrix.sum(axis=1).mean() for matrix in matrices]
    features = np.concatenate([np.c_[np.ones(nodes), 3.0 * (row - 1.0)] for row in degrees])
    graphs = wl.Graphs.from_scipy(matrices)
    return wl.Graphs(graphs.node_offsets, graphs.edge_index, features), classes


def accuracy(kernel: np.ndarray, classes: np.ndarray) -> float:
    """Best mean accuracy in per cent over costs."""
    folds = RepeatedStratifiedKFold(n_splits=10, n_repeats=3, random_state=0)
    scores = [
        cross_val_score(SVC(C=cost, kernel="precomputed"), kernel, classes, cv=folds).mean()
        for cost in COSTS
    ]
    return 100.0 * float(max(scores))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graphs", type=int, default=120)
    parser.add_argument("--nodes", type=int, default=96)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    graphs, classes = batch(args.graphs, args.nodes, np.random.default_rng(0))
    print(f"{args.graphs} graphs of {args.nodes} nodes, {LAYERS} levels")
    print(f"{'kernel':24s}{'error':>10s}{'accuracy %':>12s}{'seconds':>10s}")
    start = time.perf_counter()
    exact = wl.gntk(graphs, layers=LAYERS, normalise=True)
    seconds = time.perf_counter() - start
    print(f"{'exact':24s}{'-':>10s}{accuracy(exact, classes):12.2f}{seconds:10.2f}", flush=True)
    for rows in (args.nodes // 4, args.nodes // 8, args.nodes // 16):
        errors, scores, start = [], [], time.perf_counter()
        for seed in range(args.seeds):
            sketch = wl.NodeSketch(size=rows, seed=seed)
            options = {"normalise": True, "method": "sketched", "sketch": sketch}
            kernel = wl.gntk(graphs, layers=LAYERS, **options)
            errors.append(np.linalg.norm(kernel - exact) / np.linalg.norm(exact))
            scores.append(accuracy(kernel, classes))
        seconds = (time.perf_counter() - start) / args.seeds
        cells = f"{np.mean(errors):10.1e}{np.mean(scores):12.2f}{seconds:10.2f}"
        print(f"{f'sketches of {rows} rows':24s}{cells}", flush=True)


if __name__ == "__main__":
    main()
