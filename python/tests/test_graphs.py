"""Batches of graphs: what they are made of, files, selections."""

import os
import pickle
import types

import numpy as np
import pytest

import widelimit as wl

sp = pytest.importorskip("scipy.sparse")


def test_arrays_come_back(rng):
    graphs = wl.Graphs(
        np.array([0, 2, 5], dtype=np.int32),
        np.array([[1, 0, 3, 2], [0, 1, 2, 3]]),
        rng.standard_normal((5, 3)).astype(np.float32),
        node_labels=[4, 0, 1, 1, 2],
        edge_weights=[0.5, 0.5, 2.0, 2.0],
        edge_labels=[1, 1, 0, 0],
        graph_labels=["a", "b"],
        folds=[0, 1],
    )
    assert graphs.edge_index.tolist() == [[0, 1, 2, 3], [1, 0, 3, 2]]
    assert graphs.edge_weights.tolist() == [0.5, 0.5, 2, 2]
    assert graphs.edge_labels.tolist() == [1, 1, 0, 0]
    copy = pickle.loads(pickle.dumps(graphs))
    for name in ("node_features", "node_labels", "graph_labels", "folds", "node_offsets"):
        np.testing.assert_array_equal(getattr(copy, name), getattr(graphs, name))
    part = graphs[-1]
    assert len(part) == 1 and part.graph_labels.tolist() == ["b"] and part.edges == 2
    assert graphs[np.array([False, True])].node_labels.tolist() == [1, 1, 2]
    assert [one.nodes for one in graphs] == [2, 3]
    assert repr(graphs) == "<Graphs: 2 graphs, 5 nodes, 4 edges>"


def test_what_cannot_be_is_an_error(graphs):
    for arguments, options, message in [
        (([0, 2], [[0], [1]]), {}, "undirected"),
        (([0, 2], [[0], [2]]), {}, "edge 0 ends at node 2"),
        (([0, -2], [[], []]), {}, r"node_offsets\[1\] is -2"),
        (([0, 2], [[0, 1]]), {}, "two rows"),
        (([0, 2], [[0, 1], [1, 0]], [[np.nan], [0]]), {}, "feature 0 of node 0 is NaN"),
        (([0, 2], [[], []]), {"node_labels": [0, 2**32]}, r"node_labels\[1\] is 4294967296"),
        (([0, 2], [[], []]), {"graph_labels": [0, 1]}, r"graph_labels: expected shape \(1,\)"),
        (([0, 2], [[], []]), {"edge_weights": [1.0]}, "edge weights: expected 0, got 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            wl.Graphs(*arguments, **options)
    with pytest.raises(TypeError, match="edge_index: expected integers"):
        wl.Graphs([0, 2], [[0.5], [1.0]])
    for options, message in [
        ({"layers": 0}, "layers"),
        ({"layers": 1001}, "layers is 1001"),
        ({"scale": "metre"}, 'scale: expected "uniform" or "degree", got "metre"'),
        ({"method": "guess"}, "method: expected"),
        ({"dtype": "float16"}, "dtype: expected"),
        ({"activation": "flatten"}, "activation: expected"),
    ]:
        with pytest.raises(ValueError, match=message):
            wl.gntk(graphs, **options)
    with pytest.raises(TypeError, match="graphs: expected Graphs, got list"):
        wl.gntk([np.eye(3)])
    bare = wl.Graphs([0, 2], [[], []])
    with pytest.raises(ValueError, match="node labels"):
        wl.gntk(graphs, bare)


class Nodes(dict):
    """Nodes with their attributes, as ``graph.nodes`` of networkx shows them."""

    def __call__(self, data):
        return self.items() if data else iter(self)


class StandIn:
    """What is asked of a graph of networkx, where that is not installed."""

    def __init__(self, directed, multi):
        self.nodes, self.ends, self.directed, self.multi = Nodes(), [], directed, multi

    def add_node(self, node, **attributes):
        self.nodes[node] = attributes

    def add_edge(self, source, target, **attributes):
        for node in (source, target):
            self.nodes.setdefault(node, {})
        self.ends.append((source, target, attributes))

    def edges(self, data):
        return iter(self.ends if data else [end[:2] for end in self.ends])

    def is_directed(self):
        return self.directed

    def is_multigraph(self):
        return self.multi


@pytest.fixture(params=["networkx", "stand-in"])
def drawn(request):
    """Make a graph of nodes and edges, each a tuple with attributes last."""
    if request.param == "networkx":
        nx = pytest.importorskip("networkx", reason="networkx is not installed")
        kinds = {(False, False): nx.Graph, (True, False): nx.DiGraph, (False, True): nx.MultiGraph}

    def draw(nodes=(), edges=(), directed=False, multi=False):
        if request.param == "networkx":
            graph = kinds[directed, multi]()
        else:
            graph = StandIn(directed, multi)
        for node, attributes in nodes:
            graph.add_node(node, **attributes)
        for source, target, attributes in edges:
            graph.add_edge(source, target, **attributes)
        return graph

    return draw


def test_networkx_objects(drawn):
    plain = {}
    path = drawn(
        [("a", {"kind": 5, "at": [0.0, 1.0]}), ("b", {"kind": 6, "at": [2.0, 3.0]})],
        [("a", "b", {"weight": 2.0, "bond": 1}), ("b", "c", {"bond": 0})],
    )
    path.nodes["c"].update(kind=5, at=[4.0, 5.0])
    ring = drawn(edges=[(0, 1, plain), (1, 2, plain), (2, 3, plain), (3, 0, plain)])
    graphs = wl.Graphs.from_networkx([path, ring], edge_weights=None)
    assert (graphs.nodes, graphs.edges, graphs.edge_weights) == (7, 12, None)
    assert graphs.edge_index[:, :4].tolist() == [[0, 1, 1, 2], [1, 0, 2, 1]]
    assert not graphs.directed and graphs[1].edge_index.max() == 3
    alone = drawn([("x", {"kind": 7, "at": [6.0, 7.0]})])
    attributes = dict(node_labels="kind", node_features="at", edge_labels="bond")
    both = wl.Graphs.from_networkx([path, alone], **attributes)
    assert both.node_labels.tolist() == [5, 6, 5, 7]
    assert both.node_features.tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert both.edge_weights.tolist() == [2, 2, 1, 1]
    assert both.edge_labels.tolist() == [1, 1, 0, 0]
    column = wl.Graphs.from_networkx([path], node_features="kind").node_features
    assert column.tolist() == [[5], [6], [5]]
    looped = wl.Graphs.from_networkx([drawn(edges=[(0, 0, plain), (0, 1, plain)])])
    assert looped.edge_index.tolist() == [[0, 0, 1], [0, 1, 0]]
    arrow = wl.Graphs.from_networkx([drawn(edges=[(1, 0, plain)], directed=True)])
    assert arrow.directed and arrow.edge_index.tolist() == [[0], [1]]


def test_networkx_objects_that_cannot_be(drawn):
    pair = drawn([(0, {"kind": 1, "at": [0.0]}), (1, {"at": [1.0, 2.0]})], [(0, 1, {"bond": 1.5})])
    single, arrow = drawn([(0, {})]), drawn(edges=[(0, 1, {})], directed=True)
    for graphs, options, message in [
        ([pair], {"node_labels": "kind"}, r"graphs\[0\]: node 1 has no attribute 'kind'"),
        ([single, pair], {"edge_labels": "sort"}, r"graphs\[1\]: edge .* no attribute 'sort'"),
        (
            [pair],
            {"node_features": "at"},
            r"'at' of the nodes of graphs\[0\]: .* different lengths",
        ),
        ([drawn(edges=[(0, 1, {})], multi=True)], {}, r"graphs\[0\] may have parallel edges"),
        ([single, arrow], {}, r"graphs\[1\] is directed, others are not"),
        ([single, drawn()], {}, r"graphs\[1\] has no nodes"),
    ]:
        with pytest.raises(ValueError, match=message):
            wl.Graphs.from_networkx(graphs, **options)
    with pytest.raises(TypeError, match=r"edge_labels of graphs\[0\]: expected integers"):
        wl.Graphs.from_networkx([pair], edge_labels="bond")
    # Forgotten brackets: what is walked through are the nodes.
    with pytest.raises(TypeError, match=r"graphs\[0\]: expected a graph of networkx, got int"):
        wl.Graphs.from_networkx([0])


def test_objects_that_look_like_torch_geometric(rng):
    x = rng.standard_normal((3, 2))
    ends = np.array([[0, 1], [1, 0]])
    data = types.SimpleNamespace(x=x, edge_index=ends, num_nodes=3, y=np.array([1]))
    graphs = wl.Graphs.from_torch_geometric([data, data])
    assert graphs.graph_labels.tolist() == [1, 1] and graphs.edge_index.max() == 4
    np.testing.assert_array_equal(graphs.node_features, np.vstack([x, x]))


def data(n, ends=((0, 1), (1, 0)), **carried):
    """What a Data object of PyTorch Geometric shows of itself."""
    return types.SimpleNamespace(edge_index=np.asarray(ends), num_nodes=n, **carried)


@pytest.mark.parametrize(
    ("second", "error", "message"),
    [
        # Each of these edges would end in a neighbour, were it not for the check.
        (data(2, [[0, 2], [2, 0]]), ValueError, "edge 0 ends at node 2, but there are 2 nodes"),
        (data(2, [[0, -1], [-1, 0]]), ValueError, "edge 0 ends at node -1, but there are 2 nodes"),
        (data(2, [[0, 1, 5], [1, 0, 0]]), ValueError, "edge 2 starts at node 5, but there are 2"),
        (data(2, [[0, 1.9], [1.9, 0]]), TypeError, "expected integers, got an array of float64"),
        (data(2, [[0, 1, 0]]), ValueError, r"expected shape \(2, edges\), got shape \(1, 3\)"),
        (data(2, [0, 1, 0]), ValueError, r"expected shape \(2, edges\), got shape \(3,\)"),
    ],
)
def test_edges_stay_within_their_graph(second, error, message):
    with pytest.raises(error, match=rf"edge_index of graphs\[1\]: {message}"):
        wl.Graphs.from_torch_geometric([data(3), second, data(9)])


def test_nodes_of_torch_geometric_are_counted(rng):
    x = rng.standard_normal((3, 2))
    counted = wl.Graphs.from_torch_geometric([data(None, x=x), data(np.int64(3), x=x)])
    assert counted.node_offsets.tolist() == [0, 3, 6]
    for graph, error, message in [
        (data(None), ValueError, r"graphs\[0\]: expected num_nodes or x"),
        (data(2.5), TypeError, r"num_nodes of graphs\[0\]: expected a whole number, got 2.5"),
        (data(0, [[], []]), ValueError, r"graphs\[0\] has no nodes"),
        (
            types.SimpleNamespace(num_nodes=3),
            TypeError,
            "expected a Data object with an edge_index",
        ),
        ({"num_nodes": 3}, TypeError, "expected a Data object with an edge_index, got dict"),
    ]:
        with pytest.raises(error, match=message):
            wl.Graphs.from_torch_geometric([graph])


def test_what_torch_geometric_carries_is_that_of_its_graph(rng):
    # As many rows as nodes in all, and yet not the right ones for either graph.
    for two, three, message in [
        (
            {"x": np.ones((3, 1))},
            {"x": np.ones((2, 1))},
            "x .* a row for each node, 2 in all, got 3",
        ),
        (
            {"edge_weight": np.ones(3)},
            {"edge_weight": np.ones(1)},
            "edge_weight .* an entry for each edge, 2 in all, got 3",
        ),
        ({"x": [[1, 2], [3]]}, {}, "x of graphs.* parts of different lengths"),
        ({"x": [["a"], ["b"]]}, {}, "x of graphs.* expected numbers"),
    ]:
        with pytest.raises((ValueError, TypeError), match=message) as caught:
            wl.Graphs.from_torch_geometric([data(2, **two), data(3, **three)])
        assert "of graphs[0]: " in str(caught.value)
    with pytest.raises(ValueError, match=r"x of graphs\[1\]: expected rows of 2 numbers, .* got 3"):
        wl.Graphs.from_torch_geometric([data(2, x=np.ones((2, 2))), data(2, x=np.ones((2, 3)))])
    with pytest.raises(
        ValueError, match=r"x: some graphs have them .* graphs\[0\] and graphs\[1\]"
    ):
        wl.Graphs.from_torch_geometric([data(2, x=np.ones((2, 2))), data(2)])


def test_features_and_labels_are_those_of_their_matrix():
    triangle, pair = 1 - np.eye(3), 1 - np.eye(2)
    both = [triangle, pair]
    for options, message in [
        (
            {"node_features": [np.ones((2, 1)), np.ones((3, 1))]},
            r"node_features of adjacencies\[0\]: expected a row for each node, 3 in all, got 2",
        ),
        (
            {"node_labels": [[0, 0], [1, 1, 1]]},
            r"node_labels of adjacencies\[0\]: expected an entry for each node, 3 in all, got 2",
        ),
        (
            {"node_features": [np.ones((3, 2)), np.ones((2, 1))]},
            r"node_features of adjacencies\[1\]: expected rows of 2 numbers, .* got 1",
        ),
        ({"node_features": []}, "node_features: expected an array a graph, 2 in all, got 0"),
        ({"node_labels": [[0, 1, 2]]}, "node_labels: expected an array a graph, 2 in all, got 1"),
        ({"node_labels": [[0, 1, 2], None]}, r"adjacencies\[0\] and adjacencies\[1\]"),
        ({"node_features": [np.ones((3, 1, 1)), pair]}, r"\[0\]: expected shape \(nodes, width\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            wl.Graphs.from_scipy(both, **options)
    for options, message in [
        ({"node_features": 3}, "node_features: expected a list of arrays, got int"),
        ({"node_labels": [[0, 1, 2], [0.5, 1]]}, r"node_labels of adjacencies\[1\]: .* integers"),
    ]:
        with pytest.raises(TypeError, match=message):
            wl.Graphs.from_scipy(both, **options)


def test_matrices_may_be_lists():
    listed = wl.Graphs.from_scipy([[[0, 1], [1, 0]], [[0, 2, 0], [2, 0, 0], [0, 0, 0]]])
    assert listed.node_offsets.tolist() == [0, 2, 5]
    assert listed.edge_weights.tolist() == [1, 1, 2, 2]
    for matrix, error, message in [
        ([[0, 1], [1]], ValueError, "expected an array, got parts of different lengths"),
        ([[0, 1]], ValueError, r"expected a square matrix, got shape \(1, 2\)"),
        ("graph", TypeError, "expected a matrix of numbers, got str"),
        (np.ma.masked_equal(np.eye(2), 0), ValueError, "2 of 4 entries are masked"),
        (sp.csr_array(1j * np.eye(2)), TypeError, "expected numbers, got an array of complex128"),
    ]:
        with pytest.raises(error, match=rf"adjacencies\[1\]: {message}"):
            wl.Graphs.from_scipy([np.eye(2), matrix])


def test_no_graphs_at_all():
    for make, name in [
        (wl.Graphs.from_scipy, "adjacencies"),
        (wl.Graphs.from_networkx, "graphs"),
        (wl.Graphs.from_torch_geometric, "graphs"),
        (wl.Graphs.concatenated, "parts"),
    ]:
        with pytest.raises(ValueError, match=f"{name}: expected at least one graph, got none"):
            make([])


@pytest.mark.parametrize("labelled", [False, True])
def test_selections(graphs, labelled):
    if labelled:
        graphs = wl.Graphs(graphs.node_offsets, graphs.edge_index, graph_labels=range(5))
    assert graphs[[-1, 0, 0]].node_offsets.tolist() == [0, 6, 10, 14]
    for which, name in [(5, 5), (-6, -6), ([0, -100], -100), (np.array([7]), 7)]:
        message = f"^graph {name} was asked for, but there are 5$"
        with pytest.raises(IndexError, match=message):
            graphs[which]
        with pytest.raises(IndexError, match=message):
            graphs.select(np.atleast_1d(which))
    for which in (slice(5, 5), [], np.zeros(5, dtype=bool)):
        with pytest.raises(ValueError, match="no graph is selected: expected at least one of 5"):
            graphs[which]
    with pytest.raises(ValueError, match=r"expected a mask of 5, got shape \(2,\)"):
        graphs[[True, False]]
    for which in ("a", 1.0, None):
        with pytest.raises(TypeError, match="indices: expected integers"):
            graphs[which]


def test_npz_files(graphs, tmp_path):
    arrays = dict(
        node_offsets=graphs.node_offsets,
        edge_index=graphs.edge_index,
        node_labels=graphs.node_labels,
        graph_labels=np.arange(5),
        test_fold=np.zeros(5, dtype=np.int8),
    )
    np.savez(tmp_path / "g.npz", **arrays)
    read = wl.Graphs.from_npz(tmp_path / "g.npz")
    np.testing.assert_array_equal(wl.gntk(read), wl.gntk(graphs))
    assert read.graph_labels.tolist() == [0, 1, 2, 3, 4] and read.folds.tolist() == [0] * 5
    np.savez(tmp_path / "x.npz", x=np.eye(2))
    with pytest.raises(ValueError, match="expected an array 'node_offsets'; it has x"):
        wl.Graphs.from_npz(tmp_path / "x.npz")
    graphs.to_npz(tmp_path / "written.npz")
    again = wl.Graphs.from_npz(tmp_path / "written.npz")
    assert again.graph_labels is None and not again.directed
    np.testing.assert_array_equal(again.edge_index, graphs.edge_index)


@pytest.mark.parametrize("name", ["x", "x.npz", "x.graphs", "Zwölf.NPZ"])
def test_files_have_the_name_that_was_given(graphs, tmp_path, name):
    for _ in range(2):
        graphs.to_npz(tmp_path / name)
        assert [entry.name for entry in tmp_path.iterdir()] == [name]
        read = wl.Graphs.from_npz(str(tmp_path / name))
        np.testing.assert_array_equal(read.edge_index, graphs.edge_index)


@pytest.mark.parametrize(
    "labels",
    [
        ["a", "bc", "a", "", "é"],
        [3, 1, 2, 1, 1],
        [0.5, 1, 2, 3, 4],
        [True, False, True, True, True],
    ],
)
def test_labels_that_are_objects_are_written_as_what_they_are(graphs, tmp_path, labels):
    plain = np.asarray(labels)
    # So pandas keeps a column of text.
    arrays = dict(graph_labels=plain.astype(object), folds=np.arange(5).astype(object))
    wl.Graphs(graphs.node_offsets, graphs.edge_index, **arrays).to_npz(tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz", allow_pickle=False) as archive:
        assert archive["graph_labels"].dtype == plain.dtype
    read = wl.Graphs.from_npz(tmp_path / "x.npz")
    assert read.graph_labels.tolist() == labels and read.folds.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("label", "told"),
    [
        (None, r"None \(NoneType\)"),
        ((1,), r"\(1,\) \(tuple\)"),
        (2, r"2 \(int\)"),
        (2**70, r"1180591620717411303424 \(int\)"),
    ],
)
def test_labels_that_a_file_cannot_hold(graphs, tmp_path, label, told):
    labels = np.empty(5, dtype=object)
    labels[:] = ["a", "b", label, "c", "d"]
    odd = wl.Graphs(graphs.node_offsets, graphs.edge_index, graph_labels=labels)
    with pytest.raises(ValueError, match=rf"graph_labels\[2\] is {told}: expected all text"):
        odd.to_npz(tmp_path / "x.npz")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_file_is_written_whole_or_not_at_all(graphs, tmp_path, monkeypatch, error):
    path = tmp_path / "x.npz"
    graphs.to_npz(path)
    before = path.read_bytes()

    def broken(file, **arrays):
        file.write(b"half of it")
        raise error

    monkeypatch.setattr(np, "savez", broken)
    with pytest.raises(type(error)) as caught:
        graphs[:2].to_npz(path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
    assert isinstance(error, KeyboardInterrupt) or caught.value.filename == str(path)


def test_places_of_files(graphs, tmp_path):
    path, link = tmp_path / "x.npz", tmp_path / "link.npz"
    path.touch(mode=0o640)
    link.symlink_to(path)
    graphs.to_npz(link)
    assert link.is_symlink() and path.stat().st_mode & 0o777 == 0o640
    assert len(wl.Graphs.from_npz(path)) == 5
    missing = tmp_path / "missing" / "x.npz"
    for attempt in (graphs.to_npz, wl.Graphs.from_npz):
        with pytest.raises(FileNotFoundError) as caught:
            attempt(missing)
        assert caught.value.filename == str(missing)
        with pytest.raises(IsADirectoryError):
            attempt(tmp_path)
    (tmp_path / "circle").symlink_to("circle")
    os.mkfifo(tmp_path / "pipe")
    for odd in (tmp_path / "pipe", tmp_path / "circle"):
        with pytest.raises(OSError, match="no file that can be replaced"):
            graphs.to_npz(odd)


def test_files_that_are_no_graphs(graphs, tmp_path):
    path = tmp_path / "edges.csv"
    graphs.to_npz(path)
    whole = path.read_bytes()
    np.save(tmp_path / "one.npy", np.eye(2))
    one = (tmp_path / "one.npy").read_bytes()
    for content in (b"graph,source,target\n0,0,1\n", b"", one, whole[: len(whole) // 2]):
        path.write_bytes(content)
        message = r"edges\.csv: expected an \.npz file, got another kind or a damaged one$"
        with pytest.raises(ValueError, match=message):
            wl.Graphs.from_npz(path)
    arrays = dict(node_offsets=graphs.node_offsets, edge_index=graphs.edge_index)
    np.savez(tmp_path / "x.npz", **arrays, graph_labels=np.array(list("abcde"), dtype=object))
    with pytest.raises(ValueError, match=r"its array 'graph_labels' .* holds objects of Python"):
        wl.Graphs.from_npz(tmp_path / "x.npz")
    np.savez(tmp_path / "x.npz", **arrays, directed=[True, False])
    with pytest.raises(ValueError, match="directed: expected True or False"):
        wl.Graphs.from_npz(tmp_path / "x.npz")


def test_batches_are_joined(graphs):
    joined = wl.Graphs.concatenated(list(graphs))
    np.testing.assert_array_equal(wl.gntk(joined), wl.gntk(graphs))
    bare = wl.Graphs([0, 2], [[], []])
    with pytest.raises(ValueError, match="node_labels: some graphs have them"):
        wl.Graphs.concatenated([graphs, bare])
    with pytest.raises(TypeError, match=r"parts\[0\]: expected Graphs"):
        wl.Graphs.concatenated([np.eye(2)])


def test_tu_folders(tmp_path):
    folder = tmp_path / "PAIRS"
    folder.mkdir()
    for name, text in {
        "A": "1, 2\n2, 1\n4, 3\n3, 4\n",
        "graph_indicator": "1\n1\n2\n2\n2\n",
        "graph_labels": "1\n-1\n",
        "node_labels": "3\n0\n0\n1\n1\n",
    }.items():
        (folder / f"PAIRS_{name}.txt").write_text(text)
    graphs = wl.Graphs.from_tu(folder)
    assert graphs.node_offsets.tolist() == [0, 2, 5]
    assert graphs.graph_labels.tolist() == [1, -1] and graphs.node_labels.tolist() == [
        3,
        0,
        0,
        1,
        1,
    ]
    (folder / "PAIRS_A.txt").write_text("1, 2\n2, x\n")
    with pytest.raises(ValueError, match=r"PAIRS_A\.txt .* line 2"):
        wl.Graphs.from_tu(folder)
    with pytest.raises((OSError, ValueError), match="nothing"):
        wl.Graphs.from_tu(tmp_path / "nothing")


def test_tables(tmp_path):
    edges, nodes, named = (tmp_path / name for name in ("set.csv", "nodes.csv", "graphs.csv"))
    edges.write_text("graph,source,target,weight\nb,x,y,2\na,1,2,1\na,2,3,1\n")
    bare = wl.Graphs.from_csv(edges)
    assert (len(bare), bare.graph_labels, bare.folds) == (2, None, None)
    nodes.write_text(
        "graph,node,label,size\na,1,5,.5\na,2,6,1\na,3,5,2\nb,x,5,0\nb,y,6,1\nb,z,6,1\n"
    )
    named.write_text("graph,label,fold\na,yes,0\nb,no,-1\n")
    whole = wl.Graphs.from_csv(edges, nodes=nodes, graphs=named)
    assert whole.node_offsets.tolist() == [0, 3, 6]
    assert whole.node_labels.tolist() == [5, 6, 5, 5, 6, 6]
    assert whole.node_features[:, 0].tolist() == [0.5, 1, 2, 0, 1, 1]
    assert (whole.graph_labels.tolist(), whole.folds.tolist()) == (["yes", "no"], [0, -1])
    nodes.rename(tmp_path / "set.nodes.csv")
    named.write_text("graph,label\na,1.5\nb,2.5\n")
    named.rename(tmp_path / "set.graphs.csv")
    beside = wl.Graphs.from_csv(edges)
    assert (beside.node_labels.tolist(), beside.graph_labels.tolist()) == (
        whole.node_labels.tolist(),
        [1.5, 2.5],
    )
    assert wl.Graphs.from_csv(edges, directed=True).directed
    edges.write_text("graph,source\na,1\n")
    with pytest.raises(ValueError, match="target"):
        wl.Graphs.from_csv(edges)
    with pytest.raises(FileNotFoundError):
        wl.Graphs.from_csv(tmp_path / "none.csv")


def test_directions_are_true_or_false(tmp_path):
    ends = [[0, 1], [1, 0]]
    for attempt in (
        lambda: wl.Graphs([0, 2], ends, directed="no"),
        lambda: wl.Graphs.from_scipy([np.eye(2)], directed="no"),
        lambda: wl.Graphs.from_torch_geometric([data(2)], directed="no"),
        lambda: wl.Graphs.from_tu(tmp_path, directed="no"),
    ):
        with pytest.raises(TypeError, match=r"^directed: expected True or False, got 'no'$"):
            attempt()
