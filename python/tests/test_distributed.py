"""Kernels on a Dask cluster of two processes, one of which is killed."""

import os
import signal
import threading
import time

import numpy as np
import pytest

import widelimit as wl

dask_distributed = pytest.importorskip("dask.distributed")

NET = wl.Network.preset("cntk-gap:3")


@pytest.fixture
def cluster(tmp_path):
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "memory_limit": 0}
    with (
        dask_distributed.LocalCluster(
            **options, dashboard_address=None, local_directory=tmp_path / "dask"
        ) as cluster,
        dask_distributed.Client(cluster) as client,
    ):
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
