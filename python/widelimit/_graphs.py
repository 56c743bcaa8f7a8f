"""Batches of graphs, from arrays and from the objects of other packages."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelimit import _core
from widelimit._features import _flag, _whole
from widelimit._graph_files import read_npz, write_npz
from widelimit._graph_parts import (
    _Builder,
    _entries,
    _numbers,
    _of,
    _one_each,
    _plain,
    _some,
    _whole_numbers,
)

if TYPE_CHECKING:
    from typing_extensions import Self


class Graphs:
    """Any number of graphs of different sizes, checked once.

    All nodes of all graphs lie one after another, numbered from 0.

    Parameters
    ----------
    node_offsets : array of int, shape (graphs + 1,)
        Graph ``g`` owns the nodes ``node_offsets[g]`` to ``node_offsets[g + 1] - 1``.
    edge_index : array of int, shape (2, edges)
        Sources and targets. An undirected edge is given in both directions; an edge given twice is
        an error.
    node_features : array of shape (nodes, width), optional
        Numbers of every node. Kernels make one-hot ones of the labels where there are none, or of
        the degrees where there are no labels either.
    node_labels : array of int, shape (nodes,), optional
        From 0 to 2^32 - 1.
    edge_weights : array of shape (edges,), optional
        Finite and not negative; 1 by default.
    edge_labels : array of int, shape (edges,), optional
        From 0 to 2^32 - 1.
    directed : bool
        Whether edges may lack their equal in the other direction.
    graph_labels : array of shape (graphs,), optional
        The class of every graph; kept for the caller.
    folds : array of int, shape (graphs,), optional
        The part of a cross-validation in which a graph is tested; kept for the caller.

    Raises
    ------
    ValueError
        For offsets, edges, weights or features that cannot be, with the place.

    Examples
    --------
    >>> import widelimit as wl
    >>> # a triangle, and two nodes with an edge
    >>> ends = [[0, 1, 1, 2, 2, 0, 3, 4], [1, 0, 2, 1, 0, 2, 4, 3]]
    >>> graphs = wl.Graphs([0, 3, 5], ends)
    >>> len(graphs), graphs.nodes, graphs.edges
    (2, 5, 8)
    >>> graphs[1:].node_offsets.tolist()
    [0, 2]
    """

    def __init__(
        self,
        node_offsets: ArrayLike,
        edge_index: ArrayLike,
        node_features: ArrayLike | None = None,
        *,
        node_labels: ArrayLike | None = None,
        edge_weights: ArrayLike | None = None,
        edge_labels: ArrayLike | None = None,
        directed: bool = False,
        graph_labels: ArrayLike | None = None,
        folds: ArrayLike | None = None,
    ):
        ends = _whole_numbers(edge_index, "edge_index", 2)
        self._core = _core.Graphs(
            _whole_numbers(node_offsets, "node_offsets", 1),
            ends.reshape(2, 0) if ends.size == 0 else ends,
            _numbers(node_features, "node_features", 2),
            None if node_labels is None else _whole_numbers(node_labels, "node_labels", 1),
            _numbers(edge_weights, "edge_weights", 1),
            None if edge_labels is None else _whole_numbers(edge_labels, "edge_labels", 1),
            _flag(directed, "directed"),
        )
        self.graph_labels = _one_a_graph(graph_labels, "graph_labels", len(self))
        self.folds = _one_a_graph(folds, "folds", len(self))

    @classmethod
    def _wrap(
        cls,
        core: _core.Graphs,
        graph_labels: NDArray[Any] | None = None,
        folds: NDArray[Any] | None = None,
    ) -> Self:
        graphs = cls.__new__(cls)
        graphs._core = core
        graphs.graph_labels, graphs.folds = graph_labels, folds
        return graphs

    @classmethod
    def from_npz(cls, path: str | os.PathLike[str]) -> Self:
        """Read graphs from an ``.npz`` file.

        Its arrays are named as the parameters: ``node_offsets`` and ``edge_index``, and where they
        are there ``node_features``, ``node_labels``, ``edge_weights``, ``edge_labels``,
        ``graph_labels`` and ``folds`` (or ``test_fold``). Nothing is unpickled.

        Raises
        ------
        ValueError
            For what is no such file, and for arrays that cannot be.
        OSError
            If there is no such file.
        """
        given = read_npz(path)
        return cls(given.pop("node_offsets"), given.pop("edge_index"), **given)

    @classmethod
    def from_tu(cls, path: str | os.PathLike[str], *, directed: bool = False) -> Self:
        """Read a data set of TU Dortmund: a folder of text files.

        Parameters
        ----------
        path : str or path
            The folder with ``NAME_A.txt``, ``NAME_graph_indicator.txt`` and, where they are there,
            ``NAME_graph_labels.txt``, ``NAME_node_labels.txt``, ``NAME_node_attributes.txt`` and
            ``NAME_edge_labels.txt``; or the file ``NAME_A.txt`` itself.
        directed : bool
            Whether edges may lack their equal in the other direction.

        Raises
        ------
        ValueError
            For what is no such file, or for edges that cannot be, with file and line.
        OSError
            If there are no such files.
        """
        core, labels = _core.graphs_from_tu(os.fspath(path), _flag(directed, "directed"))
        return cls._wrap(core, None if labels is None else np.asarray(labels, dtype=np.int64))

    @classmethod
    def from_csv(
        cls,
        edges: str | os.PathLike[str],
        *,
        nodes: str | os.PathLike[str] | None = None,
        graphs: str | os.PathLike[str] | None = None,
        directed: bool = False,
    ) -> Self:
        r"""Read graphs from tables with headings.

        Graphs and nodes are called by any numbers or words; a node's name counts within its graph.
        Without ``nodes`` and ``graphs``, ``NAME.nodes.csv`` and ``NAME.graphs.csv`` beside
        ``NAME.csv`` are taken where they are there.

        Parameters
        ----------
        edges : str or path
            Columns ``graph``, ``source``, ``target``; optional ``weight`` and ``label``. An
            undirected edge may be given once.
        nodes : str or path, optional
            Columns ``graph`` and ``node``; optional ``label``; every other column is a feature. It
            names all nodes, also those without edges.
        graphs : str or path, optional
            Column ``graph``; optional ``label`` and ``fold``. It names all graphs.
        directed : bool
            Whether edges lead from ``source`` to ``target`` alone.

        Raises
        ------
        ValueError
            For tables that do not fit together and edges that cannot be, with file and line.
        OSError
            If there is no such file.

        Examples
        --------
        >>> import pathlib, tempfile, widelimit as wl
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     edges = pathlib.Path(folder, "molecules.csv")
        ...     _ = edges.write_text("graph,source,target\nwater,o,h1\nwater,o,h2\n")
        ...     wl.Graphs.from_csv(edges).node_offsets.tolist()
        [0, 3]
        """
        core, *told = _core.graphs_from_csv(edges, nodes, graphs, _flag(directed, "directed"))
        labels, folds = (None if given is None else np.asarray(given) for given in told)
        return cls._wrap(core, labels, folds)

    def without_weights(self) -> Self:
        """The same graphs with edges that all count alike."""
        arrays: dict[str, Any] = {**self._core.arrays(), "edge_weights": None}
        arrays |= {"graph_labels": self.graph_labels, "folds": self.folds}
        return type(self)(**arrays, directed=self.directed)

    def to_npz(self, path: str | os.PathLike[str]) -> None:
        """Write the graphs to an ``.npz`` file, for :meth:`from_npz` and the command line.

        The file gets exactly this name, whole or not at all; the command line knows it by the
        ending ``.npz``.

        Raises
        ------
        ValueError
            For graph labels that are neither text nor numbers.
        OSError
            If the file cannot be written; one that was there before is left as it is.
        """
        kept = {**self._core.arrays(), "graph_labels": self.graph_labels, "folds": self.folds}
        arrays: dict[str, Any] = {name: array for name, array in kept.items() if array is not None}
        write_npz(path, {**arrays, "directed": np.asarray(self.directed)})

    @classmethod
    def concatenated(cls, parts: Iterable[Graphs]) -> Self:
        """Join batches into one.

        Raises
        ------
        ValueError
            If some have features or labels and others have not.

        Examples
        --------
        >>> import widelimit as wl
        >>> pair = wl.Graphs([0, 2], [[0, 1], [1, 0]])
        >>> wl.Graphs.concatenated([pair, pair]).node_offsets.tolist()
        [0, 2, 4]
        """
        builder, batches = _Builder(), _some(parts, "parts", "batches of graphs")
        ones: dict[str, list[Any]] = {"graph_labels": [], "folds": []}
        for number, batch in enumerate(batches):
            _core_of(batch, f"parts[{number}]")
            builder.add(
                f"parts[{number}]",
                batch.node_offsets[1:].tolist(),
                batch.edge_index,
                edge_weights=batch.edge_weights,
                node_features=batch.node_features,
                node_labels=batch.node_labels,
                edge_labels=batch.edge_labels,
            )
            for name, values in ones.items():
                values.append(getattr(batch, name))
        known = {
            name: np.concatenate(values)
            for name, values in ones.items()
            if all(part is not None for part in values)
        }
        return cls(**builder.arrays(), directed=any(b.directed for b in batches), **known)

    @classmethod
    def from_scipy(
        cls,
        adjacencies: Iterable[Any],
        node_features: Iterable[ArrayLike] | None = None,
        *,
        node_labels: Iterable[ArrayLike] | None = None,
        directed: bool = False,
    ) -> Self:
        """Take sparse adjacency matrices of SciPy, one a graph; arrays or lists do as well.

        Entries that are not zero are edges. Where all of them are 1 the edges have no weights.

        Parameters
        ----------
        adjacencies : iterable of matrices of shape (nodes, nodes)
            Entry ``[u, v]`` is the weight of the edge from ``u`` to ``v``.
        node_features : iterable of arrays of shape (nodes, width), optional
            One a graph.
        node_labels : iterable of arrays of int, shape (nodes,), optional
            One a graph.
        directed : bool
            Whether the matrices may be asymmetric.

        Raises
        ------
        TypeError, ValueError
            For what is no square matrix of numbers, and for features or labels that are not one for
            each node, with the graph.

        Examples
        --------
        >>> import numpy as np, widelimit as wl
        >>> triangle, pair = 1 - np.eye(3), 1 - np.eye(2)
        >>> wl.Graphs.from_scipy([triangle, pair]).edges
        8
        """
        builder, matrices = _Builder({"edge_weights": "entries"}), _some(adjacencies, "adjacencies")
        features = _one_each(node_features, "node_features", len(matrices))
        labels = _one_each(node_labels, "node_labels", len(matrices))
        for number, matrix in enumerate(matrices):
            name = f"adjacencies[{number}]"
            nodes, edges, weights = _entries(matrix, name)
            builder.add(
                name,
                [nodes],
                edges,
                edge_weights=weights,
                node_features=features[number],
                node_labels=labels[number],
            )
        return cls(**builder.arrays(), directed=directed)

    @classmethod
    def from_networkx(
        cls,
        graphs: Iterable[Any],
        *,
        node_features: str | None = None,
        node_labels: str | None = None,
        edge_weights: str | None = "weight",
        edge_labels: str | None = None,
    ) -> Self:
        """Take graphs of networkx, all directed or all undirected, without parallel edges.

        Parameters
        ----------
        graphs : iterable of networkx.Graph or networkx.DiGraph
            Nodes keep their order.
        node_features, node_labels, edge_weights, edge_labels : str, optional
            The attribute that holds them. Weights are taken where an edge has the attribute.

        Examples
        --------
        >>> import networkx as nx, widelimit as wl  # doctest: +SKIP
        >>> wl.Graphs.from_networkx([nx.path_graph(3), nx.cycle_graph(4)])  # doctest: +SKIP
        <Graphs: 2 graphs, 7 nodes, 12 edges>
        """
        builder, directed = _Builder(), None
        for number, graph in enumerate(_some(graphs, "graphs")):
            name = f"graphs[{number}]"
            if not hasattr(graph, "is_multigraph"):
                raise TypeError(f"{name}: expected a graph of networkx, got {type(graph).__name__}")
            if graph.is_multigraph():
                raise ValueError(f"{name} may have parallel edges: give a Graph or a DiGraph")
            if directed not in (None, graph.is_directed()):
                raise ValueError(
                    f"{name} is {'' if graph.is_directed() else 'un'}directed, others are not"
                )
            directed = graph.is_directed()
            index = {node: at for at, node in enumerate(graph.nodes)}
            features = _of(graph.nodes(data=True), node_features, name)
            labels = _of(graph.nodes(data=True), node_labels, name)
            ends, data = [], []
            for source, target, attributes in graph.edges(data=True):
                ends.append((index[source], index[target]))
                data.append(attributes)
                if not directed and source != target:
                    ends.append((index[target], index[source]))
                    data.append(attributes)
            weights = None
            if edge_weights is not None and any(edge_weights in attributes for attributes in data):
                weights = [attributes.get(edge_weights, 1.0) for attributes in data]
            named = [((*end,), attributes) for end, attributes in zip(ends, data, strict=True)]
            builder.add(
                name,
                [len(index)],
                np.asarray(ends, dtype=np.int64).reshape(-1, 2).T,
                edge_weights=weights,
                node_features=features,
                node_labels=labels,
                edge_labels=_of(named, edge_labels, name, "edge"),
            )
        return cls(**builder.arrays(), directed=bool(directed))

    @classmethod
    def from_torch_geometric(cls, graphs: Iterable[Any], *, directed: bool = False) -> Self:
        """Take ``Data`` objects of PyTorch Geometric.

        ``edge_index`` and ``num_nodes`` are read, ``x`` as node features, ``edge_weight`` as edge
        weights, and ``y`` as graph labels where every graph has a single one. Where ``num_nodes``
        is None there are as many nodes as rows of ``x``.

        Raises
        ------
        TypeError, ValueError
            For edges that leave their graph, and for ``x`` or ``edge_weight`` that are not one for
            each node or edge, with the graph.
        """
        builder = _Builder({"node_features": "x", "edge_weights": "edge_weight"})
        labels: list[Any] = []
        for number, graph in enumerate(_some(graphs, "graphs")):
            name = f"graphs[{number}]"
            edges, nodes, x, weights, y = (
                getattr(graph, part, None)
                for part in ("edge_index", "num_nodes", "x", "edge_weight", "y")
            )
            if edges is None:
                raise TypeError(
                    f"{name}: expected a Data object with an edge_index, got {type(graph).__name__}"
                    " without one"
                )
            if nodes is None:
                if x is None:
                    raise ValueError(f"{name}: expected num_nodes or x, which tell how many nodes")
                nodes = len(x)
            nodes = _whole(nodes, f"num_nodes of {name}", 0)
            builder.add(name, [nodes], edges, edge_weights=weights, node_features=x)
            label = None if y is None else _plain(y, f"y of {name}")
            labels.append(None if label is None or label.size != 1 else label.reshape(()).item())
        known = all(label is not None for label in labels)
        return cls(**builder.arrays(), directed=directed, graph_labels=labels if known else None)

    def __len__(self) -> int:
        return len(self._core)

    def __getitem__(self, which: Any) -> Self:
        """Some of the graphs: a slice, integers or a mask; an integer gives a batch of one."""
        if isinstance(which, slice):
            return self.select(np.arange(len(self))[which])
        indices = np.asarray(which)
        single = indices.ndim == 0 and indices.dtype.kind in "iu"
        return self.select(indices[None] if single else indices)

    def __iter__(self) -> Iterator[Self]:
        return (self[number] for number in range(len(self)))

    def select(self, indices: ArrayLike) -> Self:
        """Some of the graphs, in the order given; a graph may come more than once.

        Parameters
        ----------
        indices : array of int, or of bool of shape (graphs,)
            Negative ones count from the end.

        Raises
        ------
        IndexError
            For a graph that is not there.
        ValueError
            If no graph is selected: there are no empty batches.
        """
        which = np.asarray(indices)
        if which.dtype == np.bool_:
            if which.shape != (len(self),):
                raise ValueError(
                    f"indices: expected a mask of {len(self)}, got shape {which.shape}"
                )
            which = np.flatnonzero(which)
        which = _whole_numbers(which, "indices", 1)
        if which.size == 0:
            raise ValueError(f"no graph is selected: expected at least one of {len(self)}")
        missing = which[(which < -len(self)) | (which >= len(self))]
        if missing.size:
            raise IndexError(f"graph {missing[0]} was asked for, but there are {len(self)}")
        which = np.where(which < 0, which + len(self), which)
        picked = [
            None if values is None else values[which] for values in (self.graph_labels, self.folds)
        ]
        return self._wrap(self._core.select(np.ascontiguousarray(which)), *picked)

    @property
    def nodes(self) -> int:
        """Number of nodes of all graphs."""
        return self._core.nodes()

    @property
    def edges(self) -> int:
        """Number of edges of all graphs; undirected ones count twice."""
        return self._core.edges()

    @property
    def directed(self) -> bool:
        """Whether edges may lack their equal in the other direction."""
        return self._core.directed()

    @property
    def node_offsets(self) -> NDArray[np.int64]:
        """Where the nodes of each graph begin, and the number of all nodes."""
        return self._array("node_offsets")

    @property
    def edge_index(self) -> NDArray[np.int64]:
        """Sources and targets, by source and then by target."""
        return self._array("edge_index")

    @property
    def node_features(self) -> NDArray[np.float64] | None:
        """Numbers of every node, or None."""
        return self._array("node_features")

    @property
    def node_labels(self) -> NDArray[np.int64] | None:
        """Labels of all nodes, or None."""
        return self._array("node_labels")

    @property
    def edge_weights(self) -> NDArray[np.float64] | None:
        """Weights of the edges in the order of ``edge_index``, or None."""
        return self._array("edge_weights")

    @property
    def edge_labels(self) -> NDArray[np.int64] | None:
        """Labels of the edges in the order of ``edge_index``, or None."""
        return self._array("edge_labels")

    def _array(self, name: str) -> Any:
        return self._core.array(name)

    def __repr__(self) -> str:
        return f"<Graphs: {len(self)} graphs, {self.nodes} nodes, {self.edges} edges>"

    def __reduce__(self) -> tuple[Any, ...]:
        kept = {**self._core.arrays(), "directed": self.directed}
        kept |= {"graph_labels": self.graph_labels, "folds": self.folds}
        return (_restored, (kept,))


def _restored(arrays: Mapping[str, Any]) -> Graphs:
    return Graphs(**arrays)


def _core_of(graphs: Graphs, name: str = "graphs") -> _core.Graphs:
    """Return the compiled half of an argument that must be graphs."""
    if isinstance(graphs, Graphs):
        return graphs._core
    raise TypeError(
        f"{name}: expected Graphs, got {type(graphs).__name__}; other objects become Graphs by "
        "Graphs.from_networkx, from_torch_geometric, from_scipy, from_npz"
    )


def _batch(graphs: Graphs | Sequence[Graphs], name: str) -> Graphs:
    """One batch; scikit-learn picks graphs out of a batch one by one, as a list."""
    if isinstance(graphs, Graphs):
        return graphs
    if isinstance(graphs, (list, tuple)):
        return Graphs.concatenated(graphs)
    raise TypeError(f"{name}: expected Graphs or a list of them, got {type(graphs).__name__}")


def _one_a_graph(values: ArrayLike | None, name: str, graphs: int) -> NDArray[Any] | None:
    if values is None:
        return None
    array = np.asarray(values)
    if array.shape != (graphs,):
        raise ValueError(f"{name}: expected shape ({graphs},), got {array.shape}")
    return array
