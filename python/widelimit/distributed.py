"""Kernels on a Dask cluster.

The tiles of a kernel are cut into parts, each of which is a task; all tasks write into one store
(:class:`widelimit.Store`), a folder that every worker must see. A task whose worker is lost runs
again on another one and finds on record what had been finished: only tiles in progress are
computed twice. The result has the same bits as on one machine.

Needs ``widelimit[dask]``.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from dask.distributed import Client, as_completed, get_client
from numpy.typing import ArrayLike

from widelimit._kernel import Quantities, Quantity, Spatial
from widelimit._store import Store, kernel_to_store, open_store
from widelimit.network import Network

__all__ = ["kernel"]

# Parts for every thread of the cluster: at the end of a job threads wait for one another no
# longer than a part takes.
PARTS = 8


def _part(net: Network, folder: str, out: str, shard: tuple[int, int], options: Any) -> int:
    """Compute one part of the tiles on a worker; return its number."""
    inputs = {path.stem: np.load(path) for path in Path(folder).glob("*.npy")}
    kernel_to_store(net, out=out, shard=shard, threads=1, **inputs, **options)
    return shard[0]


def kernel(
    net: Network,
    x1: ArrayLike,
    x2: ArrayLike | None = None,
    get: Quantity | Quantities = "ntk",
    *,
    out: str | os.PathLike[str],
    client: Client | None = None,
    parts: int | None = None,
    retries: int = 10,
    spatial: Spatial = "full",
    adjacency_1: ArrayLike | None = None,
    adjacency_2: ArrayLike | None = None,
) -> Store:
    """Compute a kernel on a Dask cluster, into a store that all its workers see.

    Parameters
    ----------
    net, x1, x2, get, spatial, adjacency_1, adjacency_2
        As for :func:`widelimit.kernel`. Inputs are put beside the store while the job runs.
    out : str or path
        The store; one that is there already is continued.
    client : dask.distributed.Client, optional
        The cluster; the current one by default.
    parts : int, optional
        Number of tasks; eight for every thread of the cluster by default.
    retries : int
        How often a task may fail before the job does.

    Returns
    -------
    Store
        Complete.

    Raises
    ------
    ValueError
        If ``out`` holds another job; as :func:`widelimit.kernel`.

    Examples
    --------
    >>> from dask.distributed import Client  # doctest: +SKIP
    >>> from widelimit import distributed  # doctest: +SKIP
    >>> with Client(n_workers=4, threads_per_worker=1) as client:  # doctest: +SKIP
    ...     store = distributed.kernel(net, images, out="/shared/k.store", client=client)
    >>> store.ntk[:10, :10]  # doctest: +SKIP
    """
    client = client or get_client()
    out = Path(out).absolute()
    threads = sum(client.nthreads().values())
    if parts is None:
        parts = PARTS * max(threads, 1)
    folder = out.with_name(f".{out.name}.inputs")
    folder.mkdir(parents=True, exist_ok=True)
    given = {"x1": x1, "x2": x2, "adjacency_1": adjacency_1, "adjacency_2": adjacency_2}
    try:
        for name, values in given.items():
            if values is not None:
                np.save(folder / f"{name}.npy", np.asarray(values))
        options = {"get": get, "spatial": spatial}
        tasks = [
            client.submit(
                _part,
                net,
                str(folder),
                str(out),
                (number, parts),
                options,
                pure=False,
                retries=retries,
            )
            for number in range(1, parts + 1)
        ]
        for task in as_completed(tasks):
            task.result()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return open_store(out)
