"""Stores: kernels on disk that the command line computes over several runs and machines."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from widelimit import _core
from widelimit._kernel import Progress
from widelimit.network import Network


@dataclass(frozen=True)
class Store:
    """A store as it was when it was opened.

    Attributes
    ----------
    path : Path
        The folder.
    network : Network
        The network whose kernels it holds.
    arrays : tuple of str
        The kernels it holds: "nngp", "ntk".
    tiles : int
        Number of tiles the kernels are cut into.
    missing : int
        Number of tiles that are not finished.
    complete : bool
        Whether no tile is missing, so that the kernels can be read.
    """

    path: Path
    network: Network = field(repr=False)
    arrays: tuple[str, ...]
    tiles: int
    missing: int
    complete: bool

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
    return Store(
        path=Path(path),
        network=Network.from_json(facts["network"]),
        arrays=tuple(facts["arrays"]),
        tiles=facts["tiles"],
        missing=facts["missing"],
        complete=facts["complete"],
    )


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
