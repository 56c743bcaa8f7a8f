"""Kernels between graphs: the graph neural tangent kernel."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from widelimit import _core
from widelimit._features import _flag, _whole
from widelimit._graphs import Graphs, _core_of
from widelimit._kernel import Progress
from widelimit._store import Store, open_store
from widelimit.layers import Layer

Scale = Literal["uniform", "degree"]
Method = Literal["exact", "auto", "sketched", "vectorised"]


@dataclass(frozen=True)
class GraphPlan:
    """What a kernel between graphs costs, known before anything is computed.

    Attributes
    ----------
    shape : tuple of int
        Shape of the result.
    bytes : int
        Peak memory beyond the graphs: result and scratch.
    result_bytes, scratch_bytes : int
        Its two parts.
    pairs : int
        Pairs of graphs; those that are mirrored count once.
    activations : float
        Pairs of nodes that go through activations, over all pairs of graphs.
    flops : float
        Floating-point operations, as if no two nodes of a graph were alike; fewer where some are.
    """

    shape: tuple[int, int]
    bytes: int
    result_bytes: int
    scratch_bytes: int
    pairs: int
    activations: float
    flops: float


@dataclass(frozen=True)
class NodeSketch:
    """How nodes are sketched by ``method="sketched"`` and ``"auto"`` of :func:`gntk`.

    A sketch of a graph is a random matrix of ``size`` rows and a column a node, put between
    adjacency and covariance; the error falls as one over the root of ``size``. Directions that are
    kept are not random: they and the diagonal of the kernel stay exact.

    Attributes
    ----------
    size : int
        Rows. Graphs with no more nodes are not sketched.
    family : "gaussian", "sign", "srht" or "count"
        The random part: normal entries, signs, a subsampled Hadamard transform, one sign a column.
    deflate : int
        How many of the vectors 1, A'1, A'A'1, ... are kept: the mean, the read-out behind a level.
    principal : int, optional
        How many directions of the node features, and of what levels aggregate of them, are kept:
        at most half of the other rows, and as many as may be by default.
    repair : "ridge", "clip" or "none"
        What is done about negative eigenvalues of a symmetric kernel: the smallest is taken from
        the diagonal, all become zero, nothing.
    seed : int
        Same seed, same sketches.
    tolerance : float
        Relative error of sketched entries up to which "auto" sketches at all.

    Examples
    --------
    >>> import numpy as np, widelimit as wl
    >>> rng = np.random.default_rng(0)
    >>> dense = [np.triu(rng.random((60, 60)) < 0.3, 1) for _ in range(4)]
    >>> graphs = wl.Graphs.from_scipy([np.asarray(a | a.T, dtype=float) for a in dense])
    >>> exact = wl.gntk(graphs, layers=3)
    >>> near = wl.gntk(graphs, layers=3, method="sketched", sketch=wl.NodeSketch(size=30))
    >>> bool(np.linalg.norm(near - exact) < 0.01 * np.linalg.norm(exact))
    True
    """

    size: int = 64
    family: Literal["gaussian", "sign", "srht", "count"] = "gaussian"
    deflate: int = 2
    principal: int | None = None
    repair: Literal["ridge", "clip", "none"] = "ridge"
    seed: int = 0
    tolerance: float = 0.05

    def _recipe(self) -> dict[str, Any]:
        """Parameters as the core takes them."""
        principal, tolerance = self.principal, float(self.tolerance)
        if not tolerance >= 0.0:
            raise ValueError(f"tolerance: expected at least 0, got {self.tolerance!r}")
        return {
            "size": _whole(self.size, "size", 1),
            "family": str(self.family),
            "deflate": _whole(self.deflate, "deflate", 0),
            "principal": None if principal is None else _whole(principal, "principal", 0),
            "repair": str(self.repair),
            "seed": _whole(self.seed, "seed", 0),
            "tolerance": tolerance,
        }


@dataclass(frozen=True, eq=False)
class GraphReport:
    """How a kernel between graphs was computed, and how far off it may be.

    Attributes
    ----------
    exact_pairs, sketched_pairs : int
        Pairs of graphs; those that are mirrored count once.
    sketched : array of bool
        For every entry of the kernel whether it was sketched.
    flops : float
        Operations of all aggregations, by the model that ``method="auto"`` decides by.
    relative_error : float or None
        Expected error of sketched entries, root mean square over root mean square, from further
        sketches of a sample of pairs; before a repair. None where nothing was sketched, unless a
        trial of "auto" found this error, too large.
    smallest_eigenvalue : float or None
        Of a symmetric kernel with sketched entries, before the repair.
    ridge : float
        What was added to the diagonal.
    """

    exact_pairs: int
    sketched_pairs: int
    sketched: NDArray[np.bool_]
    flops: float
    relative_error: float | None
    smallest_eigenvalue: float | None
    ridge: float


@dataclass(frozen=True)
class _Recipe:
    """What all kernels between graphs are given by, and their features."""

    layers: int
    mlp_layers: int
    scale: str
    jumping_knowledge: bool
    activation: str | Layer
    dtype: DTypeLike

    @classmethod
    def of(cls, estimator: Any) -> _Recipe:
        """Of an estimator, whose parameters have the same names."""
        return cls(**{field.name: getattr(estimator, field.name) for field in fields(cls)})

    def for_core(
        self,
        method: str = "exact",
        sketch: NodeSketch | None = None,
        normalise: bool = False,
    ) -> dict[str, Any]:
        """Check all parameters and put them as the core takes them."""
        if not isinstance(sketch, (NodeSketch, type(None))):
            raise TypeError(f"sketch: expected a NodeSketch, got {type(sketch).__name__}")
        return {
            "layers": _whole(self.layers, "layers", 1),
            "mlp_layers": _whole(self.mlp_layers, "mlp_layers", 1),
            "scale": str(self.scale),
            "jumping_knowledge": _flag(self.jumping_knowledge, "jumping_knowledge"),
            "activation": _described(self.activation),
            "method": str(method),
            "sketch": (NodeSketch() if sketch is None else sketch)._recipe(),
            "normalise": _flag(normalise, "normalise"),
            "dtype": np.dtype(self.dtype).name,
        }


def _described(activation: str | Layer) -> str:
    """The name of an activation, or its layer as JSON."""
    if isinstance(activation, str):
        return activation
    if not isinstance(activation, Layer):
        raise TypeError(
            f"activation: expected a name or an activation layer, got {type(activation).__name__}"
        )
    try:
        return json.dumps(activation.to_dict())
    except TypeError:
        raise TypeError(
            "activation: expected a built-in one, as kernels between graphs take no functions of "
            f"Python, got {activation!r}"
        ) from None


def _depths(layers: int | Iterable[int]) -> list[int]:
    """Depths in order, each once; those from 1 for a single number."""
    if isinstance(layers, Iterable):
        return sorted({_whole(depth, "layers", 1) for depth in layers})
    return list(range(1, _whole(layers, "layers", 1) + 1))


def _choices(jumping_knowledge: bool | Iterable[bool]) -> list[bool]:
    """Read-outs in order, each once."""
    several = isinstance(jumping_knowledge, Iterable) and not isinstance(jumping_knowledge, str)
    choices: Any = jumping_knowledge if several else [jumping_knowledge]
    return sorted({_flag(choice, "jumping_knowledge") for choice in choices})


def _others(other: Graphs | None) -> _core.Graphs | None:
    return None if other is None else _core_of(other, "other")


def gntk(
    graphs: Graphs,
    other: Graphs | None = None,
    *,
    layers: int = 2,
    mlp_layers: int = 1,
    scale: Scale = "degree",
    jumping_knowledge: bool = False,
    activation: str | Layer = "relu",
    method: Method = "exact",
    sketch: NodeSketch | None = None,
    normalise: bool = False,
    threads: int | None = None,
    memory: int | str | None = None,
    progress: Progress = False,
    dtype: DTypeLike = np.float64,
) -> NDArray[Any]:
    """Graph neural tangent kernel: a graph network of infinite width as a kernel between graphs.

    A level sums over neighbourhoods (a node's own value among them) and then goes through
    ``mlp_layers`` fully connected layers with activations; the read-out sums over nodes.

    Parameters
    ----------
    graphs : Graphs
        The graphs of the rows. Without node features they get one-hot labels, or one-hot degrees
        where there are no labels either.
    other : Graphs, optional
        The graphs of the columns; without them the kernel of ``graphs`` with themselves.
    layers : int
        Levels, that of the features counted: 1 aggregates once and has no activation.
    mlp_layers : int
        Fully connected layers at each level.
    scale : "degree" or "uniform"
        Whether the sum over a neighbourhood becomes a mean. Entries of "uniform" grow with the
        degrees to the power of twice the levels.
    jumping_knowledge : bool
        Whether the read-out sums all levels.
    activation : str or layer
        As in ``"relu"``, ``"tanh"`` or ``wl.LeakyRelu(0.1)``, normalised to a second moment of 1.
        Functions of Python are not taken.
    method : "exact", "auto", "sketched" or "vectorised"
        "exact" sums over left and right neighbourhoods one after another. "sketched" puts random
        sketches (``sketch``) between adjacency and covariance, for graphs of many nodes and edges;
        a symmetric kernel is made positive by a constant on its diagonal. "auto" takes,
        for every pair of graphs, whichever of the two needs fewer operations, if a trial finds the
        error within the tolerance of ``sketch``. "vectorised" takes the formula as it is written,
        ``N^4`` for graphs of ``N`` nodes: for comparison only.
    sketch : NodeSketch, optional
        How nodes are sketched, by 64 rows without it; graphs with no more nodes are not sketched.
    normalise : bool
        Whether entries are divided by the roots of both diagonals.
    threads : int, optional
        Number of threads; all cores by default. Results do not depend on it.
    memory : int or str, optional
        Limit in bytes, or as in ``"4GiB"``; what the machine can give by default.
    progress : bool or callable
        True prints to standard error; a callable gets (tiles done, tiles in all).
    dtype : float64 or float32
        Number format of the recursion and the result. float32 takes about half the time; normalised
        entries are off by about 1e-5, and by up to 1e-3 where nodes are alike but for differences
        of 1e-3 or less.

    Returns
    -------
    array of shape (graphs, graphs) or (graphs, other)

    Raises
    ------
    TypeError
        For an activation that is a function of Python, and for other arguments of no fitting kind.
    ValueError
        For parameters out of range; if one side has features or labels and the other has not; for
        numbers too large for the format.
    MemoryError
        If the result does not fit into ``memory`` or the machine.

    References
    ----------
    S. S. Du, K. Hou, B. Poczos, R. Salakhutdinov, R. Wang, K. Xu, "Graph Neural Tangent Kernel:
    Fusing Graph Neural Networks with Graph Kernels", NeurIPS 2019.

    Examples
    --------
    >>> import numpy as np, widelimit as wl
    >>> rings = wl.Graphs.from_scipy([np.roll(np.eye(n), 1, 0) + np.roll(np.eye(n), -1, 0)
    ...                               for n in (5, 6, 7)])
    >>> wl.gntk(rings, layers=4).shape
    (3, 3)
    >>> wl.gntk(rings[:1], rings, layers=4, normalise=True).round(6).tolist()
    [[1.0, 1.0, 1.0]]
    """
    recipe = _Recipe(layers, mlp_layers, scale, jumping_knowledge, activation, dtype)
    core = recipe.for_core(method, sketch, normalise)
    rows, columns = _core_of(graphs), _others(other)
    return _core.gntk(rows, columns, core, False, threads, memory, progress)[0]


def gntk_with_report(
    graphs: Graphs,
    other: Graphs | None = None,
    *,
    layers: int = 2,
    mlp_layers: int = 1,
    scale: Scale = "degree",
    jumping_knowledge: bool = False,
    activation: str | Layer = "relu",
    method: Method = "auto",
    sketch: NodeSketch | None = None,
    normalise: bool = False,
    threads: int | None = None,
    memory: int | str | None = None,
    progress: Progress = False,
    dtype: DTypeLike = np.float64,
) -> tuple[NDArray[Any], GraphReport]:
    """Graph neural tangent kernel, with what was sketched and how far off that may be.

    Parameters
    ----------
    graphs, other, layers, mlp_layers, scale, jumping_knowledge, activation, sketch, normalise
        As for :func:`gntk`.
    method : "auto", "sketched", "exact" or "vectorised"
        As for :func:`gntk`.
    threads, memory, progress, dtype
        As for :func:`gntk`.

    Returns
    -------
    array of shape (graphs, graphs) or (graphs, other), and a :class:`GraphReport`

    Examples
    --------
    >>> import numpy as np, widelimit as wl
    >>> dense = wl.Graphs.from_scipy([1 - np.eye(n) for n in (5, 30, 40)])
    >>> sketch = wl.NodeSketch(size=8)
    >>> kernel, report = wl.gntk_with_report(dense, method="sketched", sketch=sketch)
    >>> report.exact_pairs, report.sketched_pairs
    (3, 3)
    """
    recipe = _Recipe(layers, mlp_layers, scale, jumping_knowledge, activation, dtype)
    core = recipe.for_core(method, sketch, normalise)
    rows, columns = _core_of(graphs), _others(other)
    kernel, facts = _core.gntk(rows, columns, core, True, threads, memory, progress)
    return kernel, GraphReport(**(facts or {}))


def gntk_grid(
    graphs: Graphs,
    other: Graphs | None = None,
    *,
    layers: int | Iterable[int] = 2,
    mlp_layers: int = 1,
    scale: Scale = "degree",
    jumping_knowledge: bool | Iterable[bool] = (False, True),
    activation: str | Layer = "relu",
    method: Method = "exact",
    sketch: NodeSketch | None = None,
    normalise: bool = False,
    threads: int | None = None,
    memory: int | str | None = None,
    progress: Progress = False,
    dtype: DTypeLike = np.float64,
) -> dict[tuple[int, bool], NDArray[Any]]:
    """Graph neural tangent kernels of several depths and read-outs in one pass.

    The recursion passes by all of them on its way to the deepest: they cost what that one costs,
    and the memory of their entries.

    Parameters
    ----------
    graphs, other, mlp_layers, scale, activation, method, sketch, normalise
        As for :func:`gntk`.
    layers : int or several
        The depths; a single number means all from 1 to it.
    jumping_knowledge : bool or several
        The read-outs, both by default.
    threads, memory, progress, dtype
        As for :func:`gntk`.

    Returns
    -------
    dict
        Kernels by (layers, jumping knowledge).

    Examples
    --------
    >>> import numpy as np, widelimit as wl
    >>> graphs = wl.Graphs.from_scipy([1 - np.eye(3), 1 - np.eye(4)])
    >>> kernels = wl.gntk_grid(graphs, layers=3)
    >>> sorted(kernels)
    [(1, False), (1, True), (2, False), (2, True), (3, False), (3, True)]
    >>> bool((kernels[2, True] == wl.gntk(graphs, layers=2, jumping_knowledge=True)).all())
    True
    >>> sorted(wl.gntk_grid(graphs, layers=(2, 8), jumping_knowledge=False))
    [(2, False), (8, False)]
    """
    depths = _depths(layers)
    read_outs = list(itertools.product(depths, _choices(jumping_knowledge)))
    if not read_outs:
        raise ValueError("layers, jumping_knowledge: expected at least one of each")
    recipe = _Recipe(depths[-1], mlp_layers, scale, False, activation, dtype)
    core = recipe.for_core(method, sketch, normalise)
    rows, columns = _core_of(graphs), _others(other)
    kernels = _core.gntk_grid(rows, columns, core, read_outs, threads, memory, progress)
    return dict(zip(read_outs, kernels, strict=True))


def gntk_plan(
    graphs: Graphs,
    other: Graphs | None = None,
    *,
    layers: int = 2,
    mlp_layers: int = 1,
    scale: Scale = "degree",
    jumping_knowledge: bool = False,
    activation: str | Layer = "relu",
    threads: int | None = None,
    dtype: DTypeLike = np.float64,
) -> GraphPlan:
    """Tell what :func:`gntk` with the same arguments would cost, without computing it.

    Examples
    --------
    >>> import numpy as np, widelimit as wl
    >>> wl.gntk_plan(wl.Graphs.from_scipy([1 - np.eye(3)] * 10), layers=3).pairs
    55
    """
    recipe = _Recipe(layers, mlp_layers, scale, jumping_knowledge, activation, dtype)
    rows, columns = _core_of(graphs), _others(other)
    return GraphPlan(**_core.gntk_plan(rows, columns, recipe.for_core(), threads))


def gntk_to_store(
    graphs: Graphs,
    other: Graphs | None = None,
    *,
    out: str | os.PathLike[str],
    shard: tuple[int, int] = (1, 1),
    layers: int = 2,
    mlp_layers: int = 1,
    scale: Scale = "degree",
    jumping_knowledge: bool = False,
    activation: str | Layer = "relu",
    normalise: bool = False,
    threads: int | None = None,
    memory: int | str | None = None,
    progress: Progress = False,
    dtype: DTypeLike = np.float64,
) -> Store:
    """Compute a graph neural tangent kernel into a store on disk, or go on with one.

    Tiles that the store has are compared with their checksums and not computed again. A call that
    is stopped, by whatever means, loses the tiles it was working on. Tiles are exact.

    Parameters
    ----------
    graphs, other, layers, mlp_layers, scale, jumping_knowledge, activation, normalise
        As for :func:`gntk`.
    out, shard
        As for :func:`kernel_to_store`.
    threads, memory, progress, dtype
        As for :func:`gntk`.

    Returns
    -------
    Store
        With the array ``.kernel``. Complete, unless other parts are missing.

    Examples
    --------
    >>> import numpy as np, tempfile, widelimit as wl
    >>> graphs = wl.Graphs.from_scipy([1 - np.eye(3), 1 - np.eye(4)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = wl.gntk_to_store(graphs, out=f"{folder}/k.store", layers=3)
    ...     bool((store.kernel == wl.gntk(graphs, layers=3)).all())
    True
    """
    recipe = _Recipe(layers, mlp_layers, scale, jumping_knowledge, activation, dtype)
    core = recipe.for_core(normalise=normalise)
    rows, columns = _core_of(graphs), _others(other)
    path = os.fspath(out)
    _core.gntk_to_store(rows, columns, core, path, shard, threads, memory, progress)
    return open_store(out)
