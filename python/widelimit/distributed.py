"""Kernels and regressions on a Dask cluster.

The tiles of a kernel are cut into parts, each of which is a task; all tasks write into one store
(:class:`widelimit.Store`), a folder that every worker must see. A task whose worker is lost runs
again on another one and finds on record what had been finished: only tiles in progress are
computed twice. The result has the same bits as on one machine.

A regression on features of many rows (:func:`fit_ridge`, :func:`fit_classifier`) takes the rows in
partitions. Each worker maps its rows to features and gathers their moments; moments are joined two
by two, always the same two, so that the result has the same bits on any number of workers.

Needs ``widelimit[dask]``.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from dask.delayed import delayed
from dask.distributed import Client, as_completed, get_client
from numpy.typing import ArrayLike

from widelimit._gntk import gntk_to_store
from widelimit._graphs import Graphs
from widelimit._kernel import Quantities, Quantity, Spatial
from widelimit._store import Store, kernel_to_store, open_store
from widelimit.network import Network, _network_of

if TYPE_CHECKING:
    from widelimit._streaming import StreamingClassifier, StreamingRidge

__all__ = ["fit_classifier", "fit_ridge", "gntk", "kernel"]

# Parts for every thread of the cluster: at the end of a job threads wait for one another no
# longer than a part takes.
PARTS = 8


def _part(net: Network, options: Any, folder: str, out: str, shard: tuple[int, int]) -> int:
    """Compute one part of the tiles on a worker; return its number."""
    inputs = {path.stem: np.load(path) for path in Path(folder).glob("*.npy")}
    kernel_to_store(net, out=out, shard=shard, threads=1, **inputs, **options)
    return shard[0]


def kernel(
    net: Network | str,
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
    given = {"x1": x1, "x2": x2, "adjacency_1": adjacency_1, "adjacency_2": adjacency_2}

    def save(folder: Path) -> None:
        for name, values in given.items():
            if values is not None:
                np.save(folder / f"{name}.npy", np.asarray(values))

    options = {"get": get, "spatial": spatial}
    return _in_parts(_part, (_network_of(net), options), save, out, client, parts, retries)


def gntk(
    graphs: Graphs,
    other: Graphs | None = None,
    *,
    out: str | os.PathLike[str],
    client: Client | None = None,
    parts: int | None = None,
    retries: int = 10,
    **options: Any,
) -> Store:
    """Compute a graph neural tangent kernel on a Dask cluster, into a store that all workers see.

    Parameters
    ----------
    graphs, other
        As for :func:`widelimit.gntk`. They are put beside the store while the job runs.
    out, client, parts, retries
        As for :func:`kernel`.
    **options
        Parameters of the kernel, as for :func:`widelimit.gntk_to_store`.

    Returns
    -------
    Store
        Complete, with the array ``.kernel``.

    Raises
    ------
    ValueError
        If ``out`` holds another job; as :func:`widelimit.gntk`.

    Examples
    --------
    >>> from widelimit import distributed  # doctest: +SKIP
    >>> store = distributed.gntk(  # doctest: +SKIP
    ...     graphs, out="/shared/k.store", client=client, layers=5, normalise=True
    ... )
    """
    given = {"graphs": graphs, "other": other}

    def save(folder: Path) -> None:
        for name, batch in given.items():
            if batch is not None:
                batch.to_npz(folder / f"{name}.npz")

    return _in_parts(_graph_part, (options,), save, out, client, parts, retries)


def _graph_part(options: Any, folder: str, out: str, shard: tuple[int, int]) -> int:
    """Compute one part of the tiles of a kernel between graphs on a worker; return its number."""
    graphs, *other = (
        Graphs.from_npz(path)
        for path in (Path(folder) / f"{name}.npz" for name in ("graphs", "other"))
        if path.exists()
    )
    gntk_to_store(graphs, *other, out=out, shard=shard, threads=1, **options)
    return shard[0]


def _in_parts(
    part: Callable[..., int],
    what: tuple[Any, ...],
    save: Callable[[Path], None],
    out: str | os.PathLike[str],
    client: Client | None,
    parts: int | None,
    retries: int,
) -> Store:
    """Run ``part(*what, folder, out, shard)`` for all parts, with inputs saved in the folder."""
    client = client or get_client()
    out = Path(out).absolute()
    threads = sum(client.nthreads().values())
    if parts is None:
        parts = PARTS * max(threads, 1)
    folder = out.with_name(f".{out.name}.inputs")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        save(folder)
        tasks = [
            client.submit(
                part, *what, str(folder), str(out), (number, parts), pure=False, retries=retries
            )
            for number in range(1, parts + 1)
        ]
        for task in as_completed(tasks):
            task.result()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return open_store(out)


def fit_ridge(
    feature_map: Any,
    X: Any,
    y: Any,
    client: Client | None = None,
    *,
    sample_weight: Any = None,
    ridge: float | str = "auto",
    centre: bool | str = True,
    retries: int = 10,
) -> StreamingRidge:
    """Fit a ridge regression to features of rows that lie in partitions on a Dask cluster.

    Every partition is mapped to features, 1023 rows at a time, and its moments are gathered where
    it lies. What travels are moments, ``p^2`` numbers for ``p`` features, and never features. They
    are joined in a binary tree over the partitions in their order: the same partitions give the
    same bits on any number of workers, as do :class:`widelimit.StreamingRidge` of each, joined by
    ``merge`` two by two. A worker that is lost costs the moments it held, whose partitions are
    read again.

    Parameters
    ----------
    feature_map : object with ``transform``, or None
        A fitted feature map, which is sent to the workers; None: the rows are features. One that
        is not fitted is refused: every worker would fit its own.
    X, y, sample_weight : dask.array.Array, or sequence of dask.delayed.Delayed
        Rows, targets and weights in the same partitions of rows. An array is cut by rows into its
        chunks; a delayed partition becomes a NumPy array on its worker.
    client : dask.distributed.Client, optional
        The cluster; the current one by default.
    ridge, centre
        As for :class:`widelimit.StreamingRidge`.
    retries : int
        How often a task may fail before the job does.

    Returns
    -------
    StreamingRidge
        With all rows, not solved yet: attributes and predictions do that here.

    Raises
    ------
    ValueError
        As :meth:`widelimit.StreamingRidge.partial_fit`, with the number of the partition; for
        partitions that do not fit each other.

    Examples
    --------
    >>> import dask.array as da  # doctest: +SKIP
    >>> from dask.distributed import Client  # doctest: +SKIP
    >>> from widelimit import distributed  # doctest: +SKIP
    >>> X = da.from_zarr("/shared/rows.zarr")  # doctest: +SKIP
    >>> with Client(n_workers=4, threads_per_worker=1) as client:  # doctest: +SKIP
    ...     model = distributed.fit_ridge(feature_map, X, X[:, 0], client)
    """
    from widelimit._streaming import StreamingRidge

    model = StreamingRidge(ridge, centre, feature_map=feature_map)
    fitted: StreamingRidge = _fit(model, (X, y, sample_weight), client, retries)
    return fitted


def fit_classifier(
    feature_map: Any,
    X: Any,
    y: Any,
    client: Client | None = None,
    *,
    classes: ArrayLike,
    class_weight: str | Mapping[Any, float] | None = None,
    class_counts: Mapping[Any, int] | Sequence[int] | None = None,
    sample_weight: Any = None,
    ridge: float | str = "auto",
    centre: bool | str = True,
    retries: int = 10,
) -> StreamingClassifier:
    """Fit a classifier to features of rows that lie in partitions on a Dask cluster.

    As :func:`fit_ridge`; ``y`` holds labels, ``classes``, ``class_weight`` and ``class_counts`` are
    those of :class:`widelimit.StreamingClassifier`.

    Examples
    --------
    >>> model = distributed.fit_classifier(  # doctest: +SKIP
    ...     feature_map, X, labels, classes=["cat", "dog"]
    ... )
    """
    from widelimit._streaming import StreamingClassifier

    model = StreamingClassifier(
        ridge,
        centre,
        classes=classes,
        class_weight=class_weight,
        class_counts=class_counts,
        feature_map=feature_map,
    )
    fitted: StreamingClassifier = _fit(model, (X, y, sample_weight), client, retries)
    return fitted


def _fit(model: Any, data: tuple[Any, Any, Any], client: Client | None, retries: int) -> Any:
    """Gather the moments of all partitions into a model like the one given."""
    from widelimit._stream import check_map, is_fitted

    check_map(model.feature_map)
    if not is_fitted(model.feature_map):
        raise ValueError(
            f"feature_map: expected a map that is fitted, got {model.feature_map!r}; call its fit "
            "with some of the rows"
        )
    client = client or get_client()
    x, y, weights = data
    rows = _partitions(x, "X")
    targets = _partitions(y, "y", rows)
    weighed = [None] * len(rows) if weights is None else _partitions(weights, "sample_weight", rows)
    # One node of the graph, which goes to each worker once. Workers run tasks side by side.
    template = delayed(model.set_params(threads=1), pure=False, traverse=False)
    gather, join = delayed(_gathered, pure=False), delayed(_joined, pure=False)
    parts = [
        gather(template, number, *part)
        for number, part in enumerate(zip(rows, targets, weighed, strict=True))
    ]
    while len(parts) > 1:
        pairs = [parts[at : at + 2] for at in range(0, len(parts), 2)]
        parts = [join(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
    fitted = client.compute(parts[0], retries=retries).result()
    return fitted.set_params(threads=None, feature_map=model.feature_map)


def _partitions(data: Any, name: str, rows: list[Any] | None = None) -> list[Any]:
    """Cut by rows: delayed partitions, as many as there are of rows."""
    if hasattr(data, "to_delayed") and hasattr(data, "chunks"):
        whole = data.rechunk({axis: -1 for axis in range(1, data.ndim)}) if data.ndim > 1 else data
        partitions = whole.to_delayed().ravel().tolist()
    elif isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        partitions = list(data)
    else:
        raise TypeError(
            f"{name}: expected a dask array or a list of delayed partitions, got "
            f"{type(data).__name__}"
        )
    if not partitions:
        raise ValueError(f"{name}: there are no partitions")
    if rows is not None and len(partitions) != len(rows):
        raise ValueError(
            f"{name}: has {len(partitions)} partitions of rows, X has {len(rows)}; rechunk them "
            "alike"
        )
    return partitions


def _gathered(template: Any, number: int, x: Any, y: Any, weights: Any) -> Any:
    """Gather the moments of one partition on a worker."""
    # Tasks of one worker share what came to it.
    model = type(template)(**template.get_params(deep=False))
    x = np.asarray(x)
    try:
        if len(x):
            model.partial_fit(x, y, weights)
    except ValueError as error:
        raise ValueError(f"partition {number}: {error}") from error
    # The map is where it is needed; moments travel without it.
    return model.set_params(feature_map=None)


def _joined(left: Any, right: Any) -> Any:
    """Join moments on a worker. Dask may need the left ones again when another worker is lost."""
    whole = type(left)(**left.get_params(deep=False))
    return whole.merge(left).merge(right)
