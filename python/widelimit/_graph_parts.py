"""Single graphs, gathered into the arrays of a batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelimit._kernel import _inputs, _refuse_masked


def _whole_numbers(values: ArrayLike, name: str, ndim: int) -> NDArray[np.int64]:
    _refuse_masked(values, name)
    array = np.asarray(values)
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
    array = _inputs(values, name).astype(np.float64, copy=False)
    if array.ndim != ndim:
        axes = "one dimension" if ndim == 1 else "shape (nodes, width)"
        raise ValueError(f"{name}: expected {axes}, got shape {array.shape}")
    return array


def _listed(graphs: Iterable[Any], name: str) -> list[Any]:
    if isinstance(graphs, (str, bytes)) or not isinstance(graphs, Iterable):
        raise TypeError(f"{name}: expected a list of graphs, got {type(graphs).__name__}")
    return list(graphs)


def _stacked(parts: Iterable[ArrayLike] | None) -> NDArray[Any] | None:
    return None if parts is None else np.concatenate([np.asarray(part) for part in parts])


def _array(values: Any) -> Any:
    """A tensor of PyTorch, wherever it lies, or None."""
    if values is None:
        return None
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)


def _entries(matrix: Any, name: str) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any]]:
    """Rows, columns and values of the entries that are not zero."""
    if len(matrix.shape) != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"{name}: expected a square matrix, got shape {tuple(matrix.shape)}")
    if hasattr(matrix, "tocoo"):
        # A copy whose double entries are summed.
        entries = matrix.tocsr(copy=True).tocoo()
        kept = entries.data != 0
        rows, columns, weights = entries.row[kept], entries.col[kept], entries.data[kept]
    else:
        rows, columns = np.nonzero(np.asarray(matrix))
        weights = np.asarray(matrix)[rows, columns]
    return rows.astype(np.int64), columns.astype(np.int64), weights


def _of(items: Iterable[tuple[Any, ...]], name: str | None, graph: str, what: str = "node") -> Any:
    """One attribute of all nodes or edges as an array; None where it is not wanted."""
    if name is None:
        return None
    values = []
    for item, attributes in items:
        if name not in attributes:
            raise ValueError(f"{graph}: {what} {item!r} has no attribute {name!r}")
        values.append(attributes[name])
    return np.asarray(values)


def _count(nodes: int) -> NDArray[np.int64]:
    """Where the nodes of a single graph end."""
    return np.asarray([nodes], dtype=np.int64)


class _Builder:
    """Gathers graphs one after another."""

    def __init__(self) -> None:
        self._offsets, self._batches = [0], 0
        self._parts: dict[str, list[Any]] = {
            "edge_index": [],
            "edge_weights": [],
            "node_features": [],
            "node_labels": [],
            "edge_labels": [],
        }

    def add(
        self,
        ends: NDArray[np.int64],
        edges: NDArray[np.int64],
        weights: Any = None,
        features: Any = None,
        labels: Any = None,
        edge_labels: Any = None,
    ) -> None:
        """Take graphs in: where the nodes of each end, and what nodes and edges carry."""
        self._batches += 1
        self._parts["edge_index"].append(edges + self._offsets[-1])
        ones = np.ones(edges.shape[1])
        self._parts["edge_weights"].append(ones if weights is None else weights)
        for name, values in (
            ("node_features", features),
            ("node_labels", labels),
            ("edge_labels", edge_labels),
        ):
            if values is not None:
                self._parts[name].append(values)
        self._offsets.extend((ends + self._offsets[-1]).tolist())

    def arrays(self) -> dict[str, Any]:
        """Arguments of Graphs; weights that are all 1 are none."""
        arrays: dict[str, Any] = {"node_offsets": self._offsets}
        for name, parts in self._parts.items():
            if not parts:
                continue
            if len(parts) != self._batches:
                raise ValueError(f"{name}: some graphs have them and others do not")
            if name == "node_features":
                parts = [part[:, None] if part.ndim == 1 else part for part in parts]
            arrays[name] = np.concatenate(parts, axis=1 if name == "edge_index" else 0)
        arrays.setdefault("edge_index", np.empty((2, 0), dtype=np.int64))
        if "edge_weights" in arrays and bool((arrays["edge_weights"] == 1).all()):
            del arrays["edge_weights"]
        return arrays
