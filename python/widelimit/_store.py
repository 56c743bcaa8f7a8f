"""Stores: kernels on disk that the command line computes over several runs and machines."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from widelimit import _core
from widelimit._kernel import (
    Progress,
    Quantities,
    Quantity,
    Spatial,
    _matrices,
    _pair,
    _wanted,
)
from widelimit.network import Network, _core_of


@dataclass(frozen=True)
class Store:
    """A store as it was when it was opened.

    Attributes
    ----------
    path : Path
        The folder.
    network : Network or None
        The network whose kernels it holds; None for a kernel between graphs.
    arrays : tuple of str
        The kernels it holds: "nngp", "ntk", or "kernel" for one between graphs.
    tiles : int
        Number of tiles the kernels are cut into.
    missing : int
        Number of tiles that are not finished.
    complete : bool
        Whether no tile is missing, so that the kernels can be read.
    graph_kernel : dict or None
        The family and parameters of a kernel between graphs.
    """

    path: Path
    network: Network | None = field(repr=False)
    arrays: tuple[str, ...]
    tiles: int
    missing: int
    complete: bool
    graph_kernel: dict[str, Any] | None = None

    @property
    def kernel(self) -> np.memmap[Any, Any]:
        """The kernel between graphs as a read-only memory map: only what is looked at is read."""
        return self._mapped("kernel")

    @property
    def nngp(self) -> np.memmap[Any, Any]:
        """The NNGP kernel as a read-only memory map: only what is looked at is read."""
        return self._mapped("nngp")

    @property
    def ntk(self) -> np.memmap[Any, Any]:
        """The NTK as a read-only memory map: only what is looked at is read."""
        return self._mapped("ntk")

    def _mapped(self, name: str) -> np.memmap[Any, Any]:
        if name not in self.arrays:
            there = ", ".join(self.arrays)
            raise ValueError(f"{self.path} holds no kernel {name!r}; it has {there}")
        if not self.complete:
            raise ValueError(
                f"{self.path} is not complete: {self.missing} of {self.tiles} tiles are missing; "
                "its job, when continued, computes them"
            )
        mapped: np.memmap[Any, Any] = np.load(self.path / f"{name}.npy", mmap_mode="r")
        return mapped


def open_store(path: str | os.PathLike[str]) -> Store:
    """Open a store that ``widelimit kernel --out K.store`` wrote.

    Parameters
    ----------
    path : str or path
        The folder.

    Returns
    -------
    Store
        With ``.nngp`` and ``.ntk`` as read-only memory maps, ``.network``, ``.complete`` and
        ``.missing``. Whether a store is complete is looked at here, once; entries are not compared
        with their checksums (the job, when continued, and ``widelimit kernel export`` do that).

    Raises
    ------
    OSError
        If there is no store.
    ValueError
        If the folder holds something else or a store of another version; from ``.nngp`` and
        ``.ntk`` if tiles are missing.

    Examples
    --------
    >>> import widelimit as wl
    >>> store = wl.open_store("k.store")  # doctest: +SKIP
    >>> store.complete, store.missing  # doctest: +SKIP
    (True, 0)
    >>> store.ntk[:3, 100:200]  # doctest: +SKIP
    """
    facts = _core.store_facts(path)
    network, recipe = facts["network"], facts["graph_kernel"]
    return Store(
        path=Path(path),
        network=None if network is None else Network.from_json(network),
        arrays=tuple(facts["arrays"]),
        tiles=facts["tiles"],
        missing=facts["missing"],
        complete=facts["complete"],
        graph_kernel=None if recipe is None else json.loads(recipe),
    )


def kernel_to_store(
    net: Network | str,
    x1: ArrayLike,
    x2: ArrayLike | None = None,
    get: Quantity | Quantities = "ntk",
    *,
    out: str | os.PathLike[str],
    shard: tuple[int, int] = (1, 1),
    threads: int | None = None,
    memory: int | str | None = None,
    progress: Progress = False,
    spatial: Spatial = "full",
    adjacency_1: ArrayLike | None = None,
    adjacency_2: ArrayLike | None = None,
) -> Store:
    """Compute a kernel into a store on disk, or go on with one.

    Tiles that the store has are compared with their checksums and not computed again. A call that
    is stopped, by whatever means, loses the tiles it was working on.

    Parameters
    ----------
    net, x1, x2, get, threads, memory, progress, spatial, adjacency_1, adjacency_2
        As for :func:`kernel`.
    out : str or path
        The store: a folder, made if it is not there.
    shard : (part, parts)
        Compute a part of the tiles, from 1 to ``parts``; others can be computed at the same time,
        by other processes that see the folder, or elsewhere into stores of their own
        (:func:`merge_stores`).

    Returns
    -------
    Store
        Complete, unless other parts are missing.

    Examples
    --------
    >>> import numpy as np, tempfile, widelimit as wl
    >>> net = wl.Network.preset("mlp:2:relu")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = wl.kernel_to_store(net, np.eye(5), out=f"{folder}/k.store")
    ...     bool((store.ntk == wl.kernel(net, np.eye(5))).all())
    True
    """
    core, names = _core_of(net), _wanted(get)
    first, second = _pair(x1, x2)
    _core.kernel_to_store(
        core,
        first,
        second,
        names,
        os.fspath(out),
        shard,
        threads,
        memory,
        progress,
        spatial=spatial,
        adjacency_1=_matrices(adjacency_1, "adjacency_1", first),
        adjacency_2=_matrices(adjacency_2, "adjacency_2", first),
    )
    return open_store(out)


def merge_stores(
    paths: Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    progress: Progress = False,
) -> Store:
    """Join stores of parts of one job, computed with ``--shard`` on machines that share nothing.

    Only finished tiles that have their checksums are copied. The parts are left as they are.

    Parameters
    ----------
    paths : iterable of str or path
        The parts.
    out : str or path
        The store to make; nothing of this name may be there. It appears when it is whole.
    progress : bool or callable
        True prints to standard error; a callable gets (tiles done, tiles in all).

    Returns
    -------
    Store
        The joined store: complete, or to be continued by the job.

    Raises
    ------
    ValueError
        If a part is of another job than the first; the text names the part and what differs.
    OSError
        If a part cannot be read, or something is at ``out``.

    Examples
    --------
    >>> import widelimit as wl
    >>> store = wl.merge_stores(["part1.store", "part2.store"], "k.store")  # doctest: +SKIP
    >>> store.missing  # doctest: +SKIP
    0
    """
    if isinstance(paths, (str, bytes, os.PathLike)):
        raise TypeError(f"paths: expected a list of stores, got {type(paths).__name__}")
    _core.merge_stores([os.fspath(path) for path in paths], out, progress)
    return open_store(out)
