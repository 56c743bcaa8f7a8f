"""Time of a pair of graphs, beside the published algorithm in NumPy and SciPy in the same process.

The reference is the recursion as it was published and as most programs have it: for each pair of
graphs the Kronecker product of both adjacency matrices, a sparse matrix over pairs of nodes, is
applied to the vector of all covariances; what concerns a single graph is computed once. Both run
on one thread, on the first graphs of MUTAG (or on random molecules where that is not there), five
levels of one layer. Results are compared: the ratio means nothing if they differ.

Usage: python scripts/bench_graphs.py [--graphs 60] [--layers 5] [--shared DIR]
"""

from __future__ import annotations

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse  # noqa: E402
import itertools  # noqa: E402
import statistics  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import scipy.sparse as sp  # noqa: E402

import widelimit as wl  # noqa: E402
from shared_data import shared_folder  # noqa: E402

BAR = 50.0


def dual(s: np.ndarray, roots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Normalised dual of the ReLU and of its derivative, for roots of products of variances."""
    rho = np.clip(s / roots, -1, 1)
    angle = np.pi - np.arccos(rho)
    return roots * (rho * angle + np.sqrt(1 - rho * rho)) / np.pi, angle / np.pi


class Reference:
    """The published algorithm: Kronecker products, pair by pair."""

    def __init__(self, graphs: wl.Graphs, layers: int, scale: str):
        self.layers, self.scale = layers, scale
        values, inverse = np.unique(graphs.node_labels, return_inverse=True)
        features = np.eye(len(values))[inverse]
        offsets, ends = graphs.node_offsets, graphs.edge_index
        self.features, self.adjacencies, self.shares = [], [], []
        for first, end in itertools.pairwise(offsets):
            of = (ends[0] >= first) & (ends[0] < end)
            rows, columns = ends[:, of] - first
            n = end - first
            edges = sp.csr_array((np.ones(len(rows)), (rows, columns)), shape=(n, n))
            adjacency = sp.csr_array(edges + sp.eye_array(n))
            self.features.append(features[first:end])
            self.adjacencies.append(adjacency)
            degrees = adjacency.sum(axis=1)
            self.shares.append(1 / degrees if scale == "degree" else np.ones(n))
        self.roots = [self.diagonal(g) for g in range(len(graphs))]

    def aggregate(self, product: sp.csr_array, share: np.ndarray, h: np.ndarray) -> np.ndarray:
        """One sum over neighbourhoods of pairs."""
        return (product @ h.reshape(-1)).reshape(h.shape) * share

    def parts(self, g: int, h: int) -> tuple[sp.csr_array, np.ndarray]:
        """What aggregates over pairs of nodes of two graphs."""
        product = sp.kron(self.adjacencies[g], self.adjacencies[h], format="csr")
        return product, np.outer(self.shares[g], self.shares[h])

    def diagonal(self, g: int) -> list[np.ndarray]:
        """Roots of the variances of a graph's nodes at every level."""
        product, share = self.parts(g, g)
        s = self.aggregate(product, share, self.features[g] @ self.features[g].T)
        roots = []
        for level in range(1, self.layers):
            roots.append(np.sqrt(np.diag(s)))
            s, _ = dual(s, np.outer(roots[-1], roots[-1]))
            if level < self.layers - 1:
                s = self.aggregate(product, share, s)
        return roots

    def pair(self, g: int, h: int) -> float:
        """One entry of the kernel."""
        product, share = self.parts(g, h)
        s = self.aggregate(product, share, self.features[g] @ self.features[h].T)
        t = s
        for level in range(1, self.layers):
            s, derivative = dual(s, np.outer(self.roots[g][level - 1], self.roots[h][level - 1]))
            t = t * derivative + s
            if level < self.layers - 1:
                s = self.aggregate(product, share, s)
                t = self.aggregate(product, share, t)
        return 2 * float(t.sum())

    def kernel(self) -> np.ndarray:
        """All pairs."""
        n = len(self.features)
        values = np.empty((n, n))
        for g in range(n):
            for h in range(g, n):
                values[g, h] = values[h, g] = self.pair(g, h)
        return values


def molecules(count: int) -> wl.Graphs:
    """Random trees with a few rings, of about 18 nodes and 7 labels."""
    rng = np.random.default_rng(0)
    matrices, labels = [], []
    for _ in range(count):
        n = int(rng.integers(10, 28))
        a = np.zeros((n, n))
        for node in range(1, n):
            a[node, max(0, node - int(rng.integers(1, 4)))] = 1
        for node in range(5, n, 7):
            a[node, node - 5] = 1
        matrices.append(sp.csr_array(np.maximum(a, a.T)))
        labels.append(rng.choice(7, n, p=[0.7, 0.1, 0.1, 0.04, 0.03, 0.02, 0.01]))
    return wl.Graphs.from_scipy(matrices, node_labels=labels)


def main() -> None:
    """Print microseconds a pair and the ratio, for both scales."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graphs", type=int, default=60)
    parser.add_argument("--layers", type=int, default=5)
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--shared", type=Path, help="folder that holds data/")
    args = parser.parse_args()
    folder = shared_folder(args.shared)
    file = folder / "data" / "tu" / "MUTAG.npz" if folder else None
    if file and file.exists():
        graphs, name = wl.Graphs.from_npz(file)[: args.graphs], "MUTAG"
    else:
        graphs, name = molecules(args.graphs), "random molecules"
    pairs = len(graphs) * (len(graphs) + 1) // 2
    print(
        f"{len(graphs)} graphs of {name}, {graphs.nodes / len(graphs):.1f} nodes each, "
        f"{pairs} pairs"
    )
    print(f"{'':10s}{'us a pair':>11s}{'published':>11s}{'ratio':>8s}{'difference':>12s}")
    for scale in ("uniform", "degree"):
        start = time.perf_counter()
        expected = Reference(graphs, args.layers, scale).kernel()
        reference = time.perf_counter() - start
        times = []
        for _ in range(args.repetitions):
            start = time.perf_counter()
            found = wl.gntk(graphs, layers=args.layers, scale=scale, threads=1)
            times.append(time.perf_counter() - start)
        ours = statistics.median(times)
        difference = float(np.max(np.abs(found - expected) / np.abs(expected)))
        ratio = reference / ours
        row = f"{scale:10s}{1e6 * ours / pairs:11.2f}{1e6 * reference / pairs:11.0f}"
        print(f"{row}{ratio:8.0f}{difference:12.1e}", flush=True)
        if difference > 1e-8:
            raise SystemExit("the results differ: the ratio means nothing")
        if ratio < BAR:
            print(f"below the bar of {BAR:.0f}")


if __name__ == "__main__":
    main()
