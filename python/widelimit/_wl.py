"""Kernels between graphs: the Weisfeiler-Leman family."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from widelimit import _core
from widelimit._features import _flag, _whole
from widelimit._graphs import Graphs, _core_of
from widelimit._kernel import Progress

Kind = Literal["subtree", "optimal_assignment", "shortest_path", "edges"]
Scheme = Literal[
    "vertices", "local-2", "local-3", "oblivious-2", "oblivious-3", "folklore-2", "folklore-3"
]
Start = Literal["auto", "labels", "degree", "constant"]


def _recipe(rounds: int, kind: str, scheme: str, start: str, normalise: bool) -> dict[str, Any]:
    """Parameters as the core takes them."""
    return {
        "rounds": _whole(rounds, "rounds", 0),
        "kind": str(kind),
        "scheme": str(scheme),
        "start": str(start),
        "normalise": _flag(normalise, "normalise"),
    }


def wl_kernel(
    graphs: Graphs,
    other: Graphs | None = None,
    rounds: int = 5,
    kind: Kind = "subtree",
    *,
    normalise: bool = False,
    scheme: Scheme = "vertices",
    start: Start = "auto",
    threads: int | None = None,
    memory: int | str | None = None,
    progress: Progress = False,
) -> NDArray[np.float64]:
    """Kernel of the Weisfeiler-Leman family: how often colours of nodes occur in two graphs.

    Nodes begin with colours, and in every round get new ones, made of their colour and those of
    their neighbours (and of the labels of the edges). The kernel sums over rounds 0 to ``rounds``.

    Parameters
    ----------
    graphs : Graphs
        The graphs of the rows, without weights.
    other : Graphs, optional
        The graphs of the columns; without them the kernel of ``graphs`` with themselves.
    rounds : int
        Rounds of refinement.
    kind : str
        "subtree": products of counts of colours. "optimal_assignment": the smaller of both counts.
        "shortest_path": products of counts of the colours of two nodes and their distance. "edges":
        of the colours of the ends of edges and the edges' labels. Without rounds the first and the
        last two are the vertex histogram, shortest path and edge histogram kernels.
    normalise : bool
        Whether entries are divided by the roots of both diagonals.
    scheme : str
        What is coloured: "vertices", or pairs or triples of nodes by the "local", "oblivious" or
        "folklore" algorithm, as in "folklore-2"; their cost grows with a power of the nodes.
    start : str
        The first colours: "labels", "degree", "constant"; "auto" takes labels where there are some,
        else degrees.
    threads, memory, progress
        As for :func:`widelimit.gntk`.

    Returns
    -------
    array of shape (graphs, graphs) or (graphs, other)

    Raises
    ------
    ValueError
        For graphs with weights, or with numeric features and no labels; if one side has edge labels
        or directions and the other has not.
    MemoryError
        If tuples or colours need more than ``memory``.

    References
    ----------
    N. Shervashidze et al., "Weisfeiler-Lehman graph kernels", JMLR 2011; N. M. Kriege,
    P.-L. Giscard, R. C. Wilson, "On valid optimal assignment kernels", NeurIPS 2016.

    Examples
    --------
    >>> import numpy as np, widelimit as wl
    >>> triangle, path = 1 - np.eye(3), np.eye(3, k=1) + np.eye(3, k=-1)
    >>> wl.wl_kernel(wl.Graphs.from_scipy([triangle, path]), rounds=1).tolist()
    [[18.0, 3.0], [3.0, 10.0]]
    """
    recipe = _recipe(rounds, kind, scheme, start, normalise)
    columns = None if other is None else _core_of(other, "other")
    return _core.wl_kernel(_core_of(graphs), columns, recipe, threads, memory, progress)


def wl_kernel_grid(
    graphs: Graphs,
    rounds: int = 5,
    kind: Kind = "subtree",
    *,
    normalise: bool = False,
    scheme: Scheme = "vertices",
    start: Start = "auto",
    threads: int | None = None,
    memory: int | str | None = None,
    progress: Progress = False,
) -> list[NDArray[np.float64]]:
    """Weisfeiler-Leman kernels of 0, 1, ... and ``rounds`` rounds, in one pass.

    Parameters
    ----------
    graphs, rounds, kind, normalise, scheme, start, threads, memory, progress
        As for :func:`wl_kernel`.

    Returns
    -------
    list of arrays of shape (graphs, graphs)

    Examples
    --------
    >>> import numpy as np, widelimit as wl
    >>> graphs = wl.Graphs.from_scipy([1 - np.eye(3), np.eye(3, k=1) + np.eye(3, k=-1)])
    >>> [float(kernel[0, 0]) for kernel in wl.wl_kernel_grid(graphs, rounds=2)]
    [9.0, 18.0, 27.0]
    """
    recipe = _recipe(rounds, kind, scheme, start, normalise)
    return _core.wl_kernel_grid(_core_of(graphs), recipe, threads, memory, progress)
