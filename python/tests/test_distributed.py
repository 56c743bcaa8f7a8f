"""Kernels on a Dask cluster of two processes, one of which is killed."""

import contextlib
import os
import signal
import threading
import time

import numpy as np
import pytest

import widelimit as wl

dask_distributed = pytest.importorskip("dask.distributed")

NET = wl.Network.preset("cntk-gap:3")


@contextlib.contextmanager
def workers(count, folder):
    options = {"n_workers": count, "threads_per_worker": 1, "processes": True, "memory_limit": 0}
    with (
        dask_distributed.LocalCluster(
            **options, dashboard_address=None, local_directory=folder / "dask"
        ) as cluster,
        dask_distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def cluster(tmp_path):
    with workers(2, tmp_path) as client:
        yield client


def recorded(store):
    """Numbers of the tiles that were put on record, by all parts."""
    lines = [line for log in store.glob("done-*.log") for line in log.read_text().splitlines()]
    return [int(line.split()[0]) for line in lines]


def test_a_lost_worker_costs_its_unfinished_tiles(cluster, tmp_path, rng):
    from widelimit import distributed

    x = rng.standard_normal((70, 12, 12, 3)).astype(np.float32)
    out = tmp_path / "k.store"
    victim = next(iter(cluster.run(os.getpid).values()))

    def kill():
        # as soon as something is on record, in the middle of the job
        while not (out.exists() and recorded(out)):
            time.sleep(0.01)
        os.kill(victim, signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    store = distributed.kernel(NET, x, out=out, client=cluster)
    killer.join(timeout=10)
    assert not killer.is_alive()
    assert victim not in cluster.run(os.getpid).values()
    assert store.complete and store.missing == 0
    assert (store.ntk == wl.kernel(NET, x)).all()
    # nothing that was on record was computed again
    tiles = recorded(out)
    assert sorted(tiles) == list(range(store.tiles))
    assert not out.with_name(".k.store.inputs").exists()


def test_what_is_refused_is_said(cluster, tmp_path, rng):
    from widelimit import distributed

    x = rng.standard_normal((4, 8, 8, 3))
    distributed.kernel(NET, x, out=tmp_path / "k.store", client=cluster, parts=2)
    with pytest.raises(ValueError, match="x1"):
        distributed.kernel(
            NET, x + 1.0, out=tmp_path / "k.store", client=cluster, parts=2, retries=0
        )


def recorder(folder, pause=0.0):
    """A feature map that writes down which partition it maps: the first column is its number."""

    # A class of a function goes to the workers by value.
    class Recorder:
        def transform(self, x):
            with open(folder / f"{os.getpid()}", "a") as log:
                log.write(f"{int(x[0, 0])}\n")
            time.sleep(pause)
            return np.hstack([np.abs(x[:, 1:]), x[:, 1:], x[:, 1:] ** 2])

    folder.mkdir()
    return Recorder()


def mapped(folder):
    """Numbers of the partitions that were mapped, in any order."""
    return [int(line) for log in folder.iterdir() for line in log.read_text().splitlines()]


@pytest.fixture
def partitions(rng):
    """Eleven partitions of unequal length, one of them empty, as dask arrays."""
    da = pytest.importorskip("dask.array")
    pytest.importorskip("sklearn")
    lengths = [40, 60, 0, 30, 50, 20, 35, 45, 25, 55, 40]
    x = rng.standard_normal((sum(lengths), 7))
    x[:, 0] = np.repeat(np.arange(len(lengths)), lengths)
    y = np.abs(x[:, 1]) - x[:, 2] + 0.1 * rng.standard_normal(len(x))
    w = 0.5 + rng.random(len(x))
    rows = tuple(lengths)
    arrays = (
        da.from_array(x, chunks=(rows, (4, 3))),
        da.from_array(y, chunks=(rows,)),
        da.from_array(w, chunks=(rows,)),
    )
    return arrays, (x, y, w), np.cumsum([0, *lengths])


def tree(parts):
    while len(parts) > 1:
        pairs = [parts[at : at + 2] for at in range(0, len(parts), 2)]
        parts = [pair[0].merge(pair[1]) if len(pair) == 2 else pair[0] for pair in pairs]
    return parts[0]


def test_moments_have_the_same_bits_on_any_number_of_workers(partitions, tmp_path):
    from widelimit import distributed

    (x, y, w), plain, edges = partitions
    local = recorder(tmp_path / "local")
    parts = [wl.StreamingRidge(feature_map=local) for _ in edges[1:]]
    for part, start, end in zip(parts, edges[:-1], edges[1:], strict=True):
        if end > start:
            part.partial_fit(*(a[start:end] for a in plain[:2]), plain[2][start:end])
    want = tree(parts)
    with workers(3, tmp_path) as client:
        for count in (3, 2, 1):
            recorded_map = recorder(tmp_path / f"on{count}")
            model = distributed.fit_ridge(recorded_map, x, y, client, sample_weight=w)
            assert model.feature_map is recorded_map and model.rows_ == len(plain[0])
            assert np.array_equal(model.coef_, want.coef_) and model.ridge_ == want.ridge_
            assert sorted(mapped(tmp_path / f"on{count}")) == [0, 1, 3, 4, 5, 6, 7, 8, 9, 10]
            assert len(client.nthreads()) == count
            client.retire_workers([next(iter(client.nthreads()))])
    assert np.array_equal(model.predict(plain[0]), want.predict(plain[0]))


def test_a_map_that_is_not_fitted_is_refused():
    from widelimit import distributed

    with pytest.raises(
        ValueError, match=r"feature_map: expected a map that is fitted, got Feature"
    ):
        distributed.fit_ridge(wl.FeatureMap("mlp:1:relu", dim=8), [], [])


def test_a_lost_worker_costs_no_partition_that_began_after_it(partitions, cluster, tmp_path):
    from widelimit import distributed

    (x, y, _), plain, _ = partitions
    log = tmp_path / "log"
    slow = recorder(log, pause=0.15)
    want = distributed.fit_ridge(recorder(tmp_path / "calm"), x, y, cluster)
    victim = next(iter(cluster.run(os.getpid).values()))
    before = []

    def kill():
        while not (log / str(victim)).exists() or len(mapped(log)) < 4:
            time.sleep(0.01)
        os.kill(victim, signal.SIGKILL)
        before.extend(mapped(log))

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    model = distributed.fit_ridge(slow, x, y, cluster)
    killer.join(timeout=10)
    assert not killer.is_alive() and victim not in cluster.run(os.getpid).values()
    assert model.rows_ == len(plain[0]) and np.array_equal(model.coef_, want.coef_)
    runs = mapped(log)
    again = {number for number in runs if runs.count(number) > 1}
    assert again and again <= set(before)


@pytest.fixture
def threads(tmp_path):
    options = {"n_workers": 1, "threads_per_worker": 2, "processes": False}
    with dask_distributed.Client(
        **options, dashboard_address=None, local_directory=tmp_path / "dask"
    ) as client:
        yield client


def test_classes_and_delayed_partitions(partitions, threads):
    from dask import delayed

    from widelimit import distributed

    (x, _, _), (plain, y, _), _ = partitions
    labels = np.where(y > 0, "up", "down")
    # One partition: the bits of one stream.
    model = distributed.fit_classifier(
        None, [delayed(plain)], [delayed(labels)], threads, classes=["up", "down"], ridge=0.1
    )
    one = wl.StreamingClassifier(0.1, classes=["up", "down"]).partial_fit(plain, labels)
    assert np.array_equal(model.coef_, one.coef_)
    assert (model.predict(plain) == one.predict(plain)).all()
    with pytest.raises(ValueError, match="y: has 1 partitions of rows, X has 11"):
        distributed.fit_ridge(None, x, [y], threads)
    with pytest.raises(TypeError, match=r"X: expected a dask array or a list .* got ndarray"):
        distributed.fit_ridge(None, plain, y, threads)
    bad = plain.copy()
    bad[5, 2] = np.nan
    with pytest.raises(ValueError, match="partition 1: X has the value nan in row 5, column 2"):
        distributed.fit_ridge(None, [plain, bad], [y, y], threads, retries=0)


def test_kernels_between_graphs(cluster, tmp_path, rng):
    from widelimit import distributed

    ring = np.roll(np.eye(9), 1, 0)
    labels = [rng.integers(0, 4, 9) for _ in range(40)]
    graphs = wl.Graphs.from_scipy([ring + ring.T] * 40, node_labels=labels)
    out = tmp_path / "k.store"
    options = {"layers": 300, "mlp_layers": 3, "normalise": True}
    store = distributed.gntk(graphs, out=out, client=cluster, **options)
    assert store.complete and store.tiles > 2
    assert np.array_equal(store.kernel, wl.gntk(graphs, **options))
    assert sorted(recorded(out)) == list(range(store.tiles))
    assert not out.with_name(".k.store.inputs").exists()
    cross = distributed.gntk(graphs, graphs[:3], out=tmp_path / "c.store", client=cluster, parts=2)
    assert np.array_equal(cross.kernel, wl.gntk(graphs, graphs[:3]))
    with pytest.raises(ValueError, match="another kernel"):
        distributed.gntk(graphs, out=out, client=cluster, parts=2, retries=0, layers=3)
