"""Single graphs, gathered into the arrays of a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelimit._kernel import _inputs, _refuse_masked

# What graphs may carry, and what there is one entry or row for.
_CARRIED = {
    "edge_weights": "edge",
    "node_features": "node",
    "node_labels": "node",
    "edge_labels": "edge",
}


def _plain(values: Any, name: str) -> NDArray[Any]:
    """An array of NumPy, also of a tensor of PyTorch, wherever it lies."""
    _refuse_masked(values, name)
    try:
        return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
    except ValueError:
        raise ValueError(f"{name}: expected an array, got parts of different lengths") from None


def _whole_numbers(values: ArrayLike, name: str, ndim: int) -> NDArray[np.int64]:
    array = _plain(values, name)
    if array.dtype.kind == "f" and array.size == 0:
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name}: expected integers, got an array of {array.dtype}")
    if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{name}: holds {array.max()}, which is too large")
    if array.ndim != ndim and array.size:
        axes = "one dimension" if ndim == 1 else "shape (2, edges)"
        raise ValueError(f"{name}: expected {axes}, got shape {array.shape}")
    if array.size == 0:
        array = array.reshape((2, 0) if ndim == 2 else (0,))
    return array.astype(np.int64, copy=False)


def _numbers(values: ArrayLike | None, name: str, ndim: int) -> NDArray[np.float64] | None:
    if values is None:
        return None
    array = _inputs(_plain(values, name), name).astype(np.float64, copy=False)
    if array.ndim != ndim:
        axes = "one dimension" if ndim == 1 else "shape (nodes, width)"
        raise ValueError(f"{name}: expected {axes}, got shape {array.shape}")
    return array


def _listed(graphs: Iterable[Any], name: str, what: str = "graphs") -> list[Any]:
    if isinstance(graphs, (str, bytes)) or not isinstance(graphs, Iterable):
        raise TypeError(f"{name}: expected a list of {what}, got {type(graphs).__name__}")
    return list(graphs)


def _some(graphs: Iterable[Any], name: str, what: str = "graphs") -> list[Any]:
    """At least one graph: there are no empty batches."""
    listed = _listed(graphs, name, what)
    if not listed:
        raise ValueError(f"{name}: expected at least one graph, got none")
    return listed


def _one_each(values: Iterable[Any] | None, name: str, graphs: int) -> list[Any]:
    """As many arrays as there are graphs; Nones where nothing is given."""
    if values is None:
        return [None] * graphs
    arrays = _listed(values, name, "arrays")
    if len(arrays) != graphs:
        raise ValueError(f"{name}: expected an array a graph, {graphs} in all, got {len(arrays)}")
    return arrays


def _entries(matrix: Any, name: str) -> tuple[int, NDArray[np.int64], NDArray[Any]]:
    """Rows of a square matrix; ends and values of its entries that are not zero."""
    if not hasattr(matrix, "tocoo"):
        array = _plain(matrix, name)
        if array.dtype.kind not in "biufc":
            raise TypeError(f"{name}: expected a matrix of numbers, got {type(matrix).__name__}")
        matrix = array
    if len(matrix.shape) != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"{name}: expected a square matrix, got shape {tuple(matrix.shape)}")
    if isinstance(matrix, np.ndarray):
        rows, columns = np.nonzero(matrix)
        weights = matrix[rows, columns]
    else:
        # A copy whose double entries are summed.
        entries = matrix.tocsr(copy=True).tocoo()
        kept = entries.data != 0
        rows, columns, weights = entries.row[kept], entries.col[kept], entries.data[kept]
    return matrix.shape[0], np.stack([rows, columns]).astype(np.int64), weights


def _of(items: Iterable[tuple[Any, ...]], name: str | None, graph: str, what: str = "node") -> Any:
    """One attribute of all nodes or edges as an array; None where it is not wanted."""
    if name is None:
        return None
    values = []
    for item, attributes in items:
        if name not in attributes:
            raise ValueError(f"{graph}: {what} {item!r} has no attribute {name!r}")
        values.append(attributes[name])
    return _plain(values, f"{name!r} of the {what}s of {graph}")


def _check_ends(ends: NDArray[np.int64], nodes: int, name: str) -> None:
    """Refuse edges that leave their graph: among others they would end in its neighbours."""
    if len(ends) != 2:
        raise ValueError(f"{name}: expected shape (2, edges), got shape {ends.shape}")
    outside = (ends < 0) | (ends >= nodes)
    if outside.any():
        edge = int(outside.any(axis=0).argmax())
        end = int(outside[:, edge].argmax())
        raise ValueError(
            f"{name}: edge {edge} {('starts', 'ends')[end]} at node {ends[end, edge]}, "
            f"but there are {nodes} nodes (numbered from 0)"
        )


class _Builder:
    """Gathers graphs one after another, each checked for itself.

    ``called`` tells what arrays are called where they come from, for errors.
    """

    def __init__(self, called: Mapping[str, str] | None = None) -> None:
        self._called = dict(called or {})
        self._offsets = [0]
        self._names: list[str] = []
        self._edges: list[NDArray[np.int64]] = []
        self._parts: dict[str, list[Any]] = {name: [] for name in _CARRIED}

    def add(self, graph: str, stops: Sequence[int], edges: ArrayLike, **carried: Any) -> None:
        """Take in a graph, or several: its name, where the nodes of each end, and the rest."""
        nodes = stops[-1]
        if nodes == 0:
            raise ValueError(f"{graph} has no nodes: every graph needs at least one")
        ends = _whole_numbers(edges, f"edge_index of {graph}", 2)
        _check_ends(ends, nodes, f"edge_index of {graph}")
        counts = {"node": nodes, "edge": ends.shape[1]}
        if carried.get("edge_weights") is None:
            carried["edge_weights"] = np.ones(counts["edge"])
        self._names.append(graph)
        for name, values in carried.items():
            if values is not None:
                self._parts[name].append(self._checked(name, values, counts[_CARRIED[name]]))
            if len(self._parts[name]) not in (0, len(self._names)):
                raise ValueError(
                    f"{self._called.get(name, name)}: some graphs have them and others do not, "
                    f"as {self._names[0]} and {graph}"
                )
        self._edges.append(ends + self._offsets[-1])
        self._offsets.extend(stop + self._offsets[-1] for stop in stops)

    def _checked(self, name: str, values: Any, count: int) -> NDArray[Any]:
        """What the last graph carries; there must be an entry for each of its nodes or edges."""
        place = f"{self._called.get(name, name)} of {self._names[-1]}"
        if name.endswith("labels"):
            array: Any = _whole_numbers(values, place, 1)
        else:
            array = _plain(values, place)
            single = name == "node_features" and array.ndim == 1
            array = array[:, None] if single else array
            array = _numbers(array, place, 2 if name == "node_features" else 1)
        if len(array) != count:
            rows = "a row" if array.ndim == 2 else "an entry"
            raise ValueError(
                f"{place}: expected {rows} for each {_CARRIED[name]}, {count} in all, "
                f"got {len(array)}"
            )
        before = self._parts[name]
        if before and before[0].shape[1:] != array.shape[1:]:
            raise ValueError(
                f"{place}: expected rows of {before[0].shape[1]} numbers, as of {self._names[0]}, "
                f"got {array.shape[1]}"
            )
        return array

    def arrays(self) -> dict[str, Any]:
        """Arguments of Graphs; weights that are all 1 are none."""
        arrays: dict[str, Any] = {
            name: np.concatenate(parts) for name, parts in self._parts.items() if parts
        }
        if bool((arrays["edge_weights"] == 1).all()):
            del arrays["edge_weights"]
        edges = np.concatenate(self._edges, axis=1)
        return {"node_offsets": self._offsets, "edge_index": edges, **arrays}
