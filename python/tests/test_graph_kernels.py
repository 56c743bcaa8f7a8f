"""Kernels between graphs."""

import _thread
import itertools
import threading
import time

import numpy as np
import pytest
from random_graphs import random_graphs

import widelimit as wl

sp = pytest.importorskip("scipy.sparse")


def relu(s, a, b):
    """Normalised dual of the ReLU, and that of its derivative; 0 and 1/2 where a variance is 0."""
    scale = np.sqrt(np.outer(a, b))
    rho = np.clip(np.divide(s, scale, out=np.zeros_like(s), where=scale > 0), -1, 1)
    angle = np.pi - np.arccos(rho)
    return scale * (rho * angle + np.sqrt(1 - rho**2)) / np.pi, angle / np.pi


def plain(one, two, *, layers, mlp, scale, jumping):
    """The recursion of a pair (adjacency, features) as it is written."""
    pairs = {"12": (one, two), "11": (one, one), "22": (two, two)}

    def aggregate(h, key):
        (a, _), (b, _) = pairs[key]
        a, b = a + np.eye(len(a)), b + np.eye(len(b))
        h = a @ h @ b.T
        return h / np.outer(a.sum(1), b.sum(1)) if scale == "degree" else h

    raw = {key: x[1] @ y[1].T for key, (x, y) in pairs.items()}
    total = raw["12"].copy()
    s = {key: aggregate(values, key) for key, values in raw.items()}
    t = s["12"].copy()
    for level in range(1, layers):
        for _ in range(mlp):
            diagonals = np.diag(s["11"]), np.diag(s["22"])
            s["12"], derivative = relu(s["12"], *diagonals)
            t = t * derivative + s["12"]
            for key, i in (("11", 0), ("22", 1)):
                s[key] = relu(s[key], diagonals[i], diagonals[i])[0]
        total += t
        if level < layers - 1:
            s = {key: aggregate(values, key) for key, values in s.items()}
            t = aggregate(t, "12")
    return 2 * (total if jumping else t).sum()


@pytest.mark.parametrize("scale", ["uniform", "degree"])
def test_entries_are_those_of_the_recursion(rng, scale):
    sizes = [3, 6, 5]
    matrices = random_graphs(rng, sizes, weighted=True)
    features = [rng.standard_normal((n, 2)) for n in sizes]
    graphs = wl.Graphs.from_scipy([sp.csr_array(a) for a in matrices], features)
    parts = list(zip(matrices, features, strict=True))
    for layers, mlp, jumping in itertools.product((1, 3), (1, 2), (False, True)):
        settings = dict(layers=layers, mlp=mlp, scale=scale, jumping=jumping)
        want = [[plain(one, two, **settings) for two in parts] for one in parts]
        found = wl.gntk(
            graphs, layers=layers, mlp_layers=mlp, scale=scale, jumping_knowledge=jumping
        )
        np.testing.assert_allclose(found, want, rtol=1e-9)
        assert (found == found.T).all()


def test_grid_holds_every_depth(graphs):
    kernels = wl.gntk_grid(graphs, graphs[:2], layers=4, mlp_layers=2, normalise=True)
    assert sorted(kernels) == [(d, j) for d in (1, 2, 3, 4) for j in (False, True)]
    options = dict(mlp_layers=2, normalise=True)
    few = wl.gntk_grid(graphs, graphs[:2], layers=(4, 2, 4), jumping_knowledge=True, **options)
    assert list(few) == [(2, True), (4, True)]
    for key, values in few.items():
        np.testing.assert_array_equal(values, kernels[key])
    for (depth, jumping), values in kernels.items():
        alone = wl.gntk(
            graphs,
            graphs[:2],
            layers=depth,
            mlp_layers=2,
            jumping_knowledge=jumping,
            normalise=True,
        )
        np.testing.assert_array_equal(values, alone)


def test_parts_agree_with_the_whole(graphs):
    whole = wl.gntk(graphs, layers=3, normalise=True)
    assert (np.diag(whole) == 1).all()
    cross = wl.gntk(graphs[[3, 0]], graphs[1:3], layers=3, normalise=True)
    np.testing.assert_allclose(cross, whole[np.ix_([3, 0], [1, 2])], rtol=1e-13)
    # A label that one side does not have counts on the other's diagonal all the same.
    labelled = wl.Graphs([0, 2, 3], [[0, 1], [1, 0]], node_labels=[0, 1, 0])
    whole = wl.gntk(labelled, normalise=True)
    assert wl.gntk(labelled[1:], labelled[:1], normalise=True)[0, 0] == pytest.approx(whole[1, 0])


def test_threads_and_float32(graphs):
    one = wl.gntk(graphs, layers=5, threads=1)
    np.testing.assert_array_equal(one, wl.gntk(graphs, layers=5, threads=2))
    single = wl.gntk(graphs, layers=5, normalise=True, dtype="float32")
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, wl.gntk(graphs, layers=5, normalise=True), atol=1e-5)


def test_activations(graphs):
    leaky = wl.gntk(graphs, activation=wl.LeakyRelu(0.0))
    np.testing.assert_allclose(leaky, wl.gntk(graphs), rtol=1e-12)
    assert np.isfinite(wl.gntk(graphs, activation="tanh")).all()


def test_sketches(rng):
    sizes = [90, 100, 80, 110]
    graphs = wl.Graphs.from_scipy(random_graphs(rng, sizes), [rng.random((n, 3)) for n in sizes])
    exact = wl.gntk(graphs, layers=3)
    sketch = wl.NodeSketch(size=40)
    near, report = wl.gntk_with_report(graphs, layers=3, method="sketched", sketch=sketch)
    error = np.linalg.norm(near - exact) / np.linalg.norm(exact)
    assert 0 < error < 0.1
    assert (report.exact_pairs, report.sketched_pairs) == (4, 6)
    np.testing.assert_array_equal(report.sketched, ~np.eye(4, dtype=bool))
    off = np.linalg.norm((near - exact)[report.sketched]) / np.linalg.norm(exact[report.sketched])
    assert report.relative_error / 3 < off < 3 * report.relative_error
    assert report.smallest_eigenvalue > 0 and report.ridge == 0
    again = wl.gntk(graphs, layers=3, method="sketched", sketch=sketch, threads=1)
    np.testing.assert_array_equal(near, again)
    for change in ({"seed": 1}, {"family": "sign"}, {"deflate": 1}, {"principal": 0}):
        other = wl.NodeSketch(**{"size": 40, **change})
        assert (near != wl.gntk(graphs, layers=3, method="sketched", sketch=other)).any()
    plain = wl.gntk(graphs[:2], layers=2, method="vectorised")
    np.testing.assert_allclose(plain, wl.gntk(graphs[:2], layers=2), rtol=1e-10)


def test_repairs(rng):
    # Plain sketches of few rows, and kernels close to each other: eigenvalues of both signs.
    graphs = wl.Graphs.from_scipy(random_graphs(rng, [60] * 12), [rng.random((60, 3))] * 12)

    def sketched(repair):
        sketch = wl.NodeSketch(size=4, deflate=0, principal=0, repair=repair)
        return wl.gntk_with_report(graphs, layers=3, method="sketched", sketch=sketch)

    plain, report = sketched("none")
    least = np.linalg.eigvalsh(plain)[0]
    assert least < 0 and report.ridge == 0
    np.testing.assert_allclose(report.smallest_eigenvalue, least)
    ridged, report = sketched("ridge")
    np.testing.assert_allclose(report.ridge, -least)
    np.testing.assert_allclose(ridged, plain + report.ridge * np.eye(12))
    clipped, report = sketched("clip")
    assert report.ridge == 0
    np.testing.assert_allclose(np.linalg.eigvalsh(clipped)[0], 0, atol=1e-9 * np.trace(plain))


def test_sketches_that_are_too_far_off_are_not_chosen(rng):
    upper = np.triu(rng.random((36, 60, 60)) < 0.9, 1)
    graphs = wl.Graphs.from_scipy([(a | a.T).astype(float) for a in upper])

    def auto(tolerance):
        sketch = wl.NodeSketch(size=8, deflate=0, principal=0, tolerance=tolerance)
        return wl.gntk_with_report(graphs, layers=3, method="auto", sketch=sketch)

    kernel, report = auto(0.05)
    assert report.sketched_pairs == 0 and report.relative_error > 0.05
    np.testing.assert_array_equal(kernel, wl.gntk(graphs, layers=3))
    _, tolerant = auto(report.relative_error)
    assert tolerant.sketched_pairs == 630 and tolerant.relative_error == report.relative_error


@pytest.mark.parametrize("change", [{"layers": []}, {"jumping_knowledge": []}, {"layers": (0, 2)}])
def test_grids_that_cannot_be(graphs, change):
    with pytest.raises(ValueError, match="expected"):
        wl.gntk_grid(graphs, **change)


def test_exact_kernels_have_a_report(graphs):
    kernel, report = wl.gntk_with_report(graphs, graphs[:2], layers=3, normalise=True)
    np.testing.assert_array_equal(kernel, wl.gntk(graphs, graphs[:2], layers=3, normalise=True))
    assert (report.exact_pairs, report.sketched_pairs) == (10, 0)
    assert not report.sketched.any() and report.sketched.shape == kernel.shape
    assert report.relative_error is None and report.smallest_eigenvalue is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"family": "cauchy"}, 'family: expected "gaussian" or "sign"'),
        ({"repair": "hope"}, 'repair: expected "ridge" or "clip" or "none", got "hope"'),
        ({"size": 2}, "the size of the sketch"),
        ({"size": 0}, "size"),
        ({"principal": -1}, "principal"),
        ({"tolerance": -0.1}, "tolerance: expected at least 0, got -0.1"),
        ({"tolerance": float("nan")}, "tolerance: expected at least 0, got nan"),
    ],
)
def test_sketches_that_cannot_be(graphs, change, words):
    with pytest.raises(ValueError, match=words):
        wl.gntk(graphs, method="sketched", sketch=wl.NodeSketch(**change))


def every_way(graphs, tmp_path):
    """All functions that make a kernel between graphs, or plan one, and features of graphs."""
    pytest.importorskip("sklearn")
    return [
        lambda **options: wl.gntk(graphs, **options),
        lambda **options: wl.gntk_with_report(graphs, **options),
        lambda **options: wl.gntk_grid(graphs, **options),
        lambda **options: wl.gntk_plan(graphs, **options),
        lambda **options: wl.gntk_to_store(graphs, out=tmp_path / "k.store", **options),
        lambda **options: wl.GNTKFeatures(**options).fit(graphs),
    ]


def test_functions_of_python_are_no_activations_of_graphs(graphs, tmp_path):
    named = wl.gntk(graphs, activation=wl.Numerical("tanh"))
    np.testing.assert_allclose(named, wl.gntk(graphs, activation="tanh"), rtol=1e-12)
    for make in every_way(graphs, tmp_path):
        for activation in (wl.Numerical(np.tanh), wl.Residual(body=[wl.Numerical(np.tanh)])):
            with pytest.raises(TypeError, match=r"^activation: expected a built-in one") as caught:
                make(activation=activation)
            assert "Numerical(function=<ufunc 'tanh'>" in str(caught.value)
        with pytest.raises(TypeError, match=r"activation: expected a name or .*, got ufunc"):
            make(activation=np.tanh)
    assert not list(tmp_path.iterdir())


def test_flags_are_true_or_false(graphs, tmp_path):
    for make in every_way(graphs, tmp_path):
        for wrong in ("no", 1, None):
            message = f"^jumping_knowledge: expected True or False, got {wrong!r}$"
            with pytest.raises(TypeError, match=message):
                make(jumping_knowledge=wrong)
    normalised = [
        wl.gntk,
        wl.gntk_with_report,
        wl.gntk_grid,
        lambda graphs, **options: wl.gntk_to_store(graphs, out=tmp_path / "k.store", **options),
        wl.wl_kernel,
        wl.wl_kernel_grid,
    ]
    for kernel in normalised:
        with pytest.raises(TypeError, match=r"^normalise: expected True or False, got 'yes'$"):
            kernel(graphs, normalise="yes")
    with pytest.raises(TypeError, match=r"^jumping_knowledge: expected True or False, got 2$"):
        wl.gntk_grid(graphs, jumping_knowledge=[True, 2])
    options = dict(jumping_knowledge=True, normalise=True)
    wanted = wl.gntk(graphs, **options)
    found = wl.gntk(graphs, **{name: np.bool_(value) for name, value in options.items()})
    np.testing.assert_array_equal(found, wanted)
    both = wl.gntk_grid(graphs, jumping_knowledge=np.array([True, False]))
    assert sorted(both) == [(1, False), (1, True), (2, False), (2, True)]


def test_sketches_are_node_sketches(graphs):
    for kernel in (wl.gntk, wl.gntk_with_report, wl.gntk_grid):
        with pytest.raises(TypeError, match=r"^sketch: expected a NodeSketch, got dict$"):
            kernel(graphs, method="sketched", sketch={"size": 3})


def test_plan_and_memory(graphs):
    plan = wl.gntk_plan(graphs, layers=3)
    assert plan.shape == (5, 5) and plan.pairs == 15 and plan.result_bytes == 200
    with pytest.raises(MemoryError, match="the kernel needs"):
        wl.gntk(graphs, layers=3, memory=100)


def test_progress_and_its_exceptions(graphs):
    heard = []
    for kernel in (wl.wl_kernel, wl.wl_kernel_grid):
        heard.clear()
        kernel(graphs, rounds=3, progress=lambda *rounds: heard.append(rounds))
        assert heard[-1] == (4, 4)
    heard.clear()
    wl.gntk(graphs, progress=lambda *tiles: heard.append(tiles))
    assert heard and heard[-1][0] == heard[-1][1]

    def stop(done, total):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        wl.gntk(graphs, progress=stop)


def test_ctrl_c_stops_within_a_second(rng):
    ring = np.roll(np.eye(40), 1, 0)
    features = [rng.standard_normal((40, 2)) for _ in range(300)]
    many = wl.Graphs.from_scipy([ring + ring.T] * 300, features)
    running, sent = threading.Event(), []

    def interrupt():
        running.wait()
        sent.append(time.monotonic())
        _thread.interrupt_main()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        # Some seconds of work.
        wl.gntk(many, layers=60, progress=lambda *_: running.set())
    assert time.monotonic() - sent[0] < 1
    thread.join()


def test_stores(graphs, tmp_path):
    out = tmp_path / "k.store"
    options = dict(layers=3, scale="uniform", normalise=True)
    parts = [
        wl.gntk_to_store(graphs, out=tmp_path / f"{i}.store", shard=(i, 2), **options)
        for i in (1, 2)
    ]
    assert not all(part.complete for part in parts)
    store = wl.merge_stores([part.path for part in parts], out)
    assert store.complete and store.network is None and store.arrays == ("kernel",)
    assert store.graph_kernel["kernel"] == "gntk" and store.graph_kernel["layers"] == 3
    np.testing.assert_array_equal(store.kernel, wl.gntk(graphs, **options))
    with pytest.raises(ValueError, match=r"kernel\.layers is 3, not 4"):
        wl.gntk_to_store(graphs, out=out, **{**options, "layers": 4})
    cross = wl.gntk_to_store(graphs, graphs[:2], out=tmp_path / "c.store", **options)
    np.testing.assert_array_equal(cross.kernel, wl.gntk(graphs, graphs[:2], **options))


def test_colours(graphs):
    from collections import Counter

    def colours(rounds):
        """Counts of (round, colour) of each graph, a colour being the tree it stands for."""
        counts, offsets = [], graphs.node_offsets
        sources, targets = graphs.edge_index
        for first, end in itertools.pairwise(offsets):
            near = {u: targets[sources == u] for u in range(first, end)}
            now = {u: str(graphs.node_labels[u]) for u in near}
            found = Counter((0, colour) for colour in now.values())
            for t in range(1, rounds + 1):
                now = {u: f"{now[u]}({','.join(sorted(now[v] for v in near[u]))})" for u in near}
                found.update((t, colour) for colour in now.values())
            counts.append(found)
        return counts

    for rounds in (0, 1, 3):
        counts = colours(rounds)
        subtree = [[sum(a[c] * b[c] for c in a) for b in counts] for a in counts]
        smaller = [[sum(min(a[c], b[c]) for c in a) for b in counts] for a in counts]
        np.testing.assert_array_equal(wl.wl_kernel(graphs, rounds=rounds), subtree)
        found = wl.wl_kernel(graphs, rounds=rounds, kind="optimal_assignment")
        np.testing.assert_array_equal(found, smaller)
    grid = wl.wl_kernel_grid(graphs, rounds=3, normalise=True)
    np.testing.assert_array_equal(grid[3], wl.wl_kernel(graphs, rounds=3, normalise=True))
    cross = wl.wl_kernel(graphs[1:], graphs[:2], rounds=3, normalise=True)
    np.testing.assert_allclose(cross, grid[3][1:, :2], rtol=1e-13)
    two = wl.wl_kernel(graphs, rounds=2, scheme="folklore-2", start="constant")
    assert (np.linalg.eigvalsh(two) > -1e-9 * two.max()).all()
    for options, message in [
        ({"rounds": 2000}, "rounds is 2000"),
        ({"kind": "tree"}, 'kind: expected "subtree" or'),
        ({"scheme": "local"}, "scheme: expected"),
    ]:
        with pytest.raises(ValueError, match=message):
            wl.wl_kernel(graphs, **options)
    weighted = wl.Graphs([0, 2], [[0, 1], [1, 0]], edge_weights=[2.0, 2.0])
    with pytest.raises(ValueError, match="weights"):
        wl.wl_kernel(weighted)
    assert wl.wl_kernel(weighted.without_weights(), rounds=0).item() == 4
