"""Graphs to test with."""

import numpy as np


def random_graphs(rng, sizes, weighted=False):
    """Symmetric adjacency matrices."""
    matrices = []
    for n in sizes:
        half = np.triu(rng.random((n, n)) < 0.4, 1) * 1.0
        if weighted:
            half *= rng.random((n, n)) + 0.5
        matrices.append(half + half.T)
    return matrices
