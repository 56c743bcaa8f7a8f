"""Graphs in ``.npz`` files."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, BinaryIO

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

ARRAYS = (
    "node_offsets",
    "edge_index",
    "node_features",
    "node_labels",
    "edge_weights",
    "edge_labels",
    "graph_labels",
    "folds",
)

# What NumPy raises about bytes that are no arrays.
_DAMAGE = (ValueError, EOFError, zipfile.BadZipFile, zlib.error)


def read_npz(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Arguments of Graphs from a file; what else it holds is passed over."""
    name = os.fsdecode(path)
    with open(name, "rb") as file, _opened(file, name) as archive:
        for needed in ("node_offsets", "edge_index"):
            if needed not in archive:
                there = ", ".join(archive.files) or "none"
                raise ValueError(f"{name}: expected an array {needed!r}; it has {there}")
        given: dict[str, Any] = {
            array: _member(archive, array, name) for array in ARRAYS if array in archive
        }
        if "folds" not in given and "test_fold" in archive:
            given["folds"] = _member(archive, "test_fold", name)
        if "directed" in archive:
            directed = _member(archive, "directed", name)
            if directed.size != 1 or directed.dtype.kind not in "biu":
                raise ValueError(f"{name}: directed: expected True or False, got {directed!r}")
            given["directed"] = bool(directed.item())
    return given


def _opened(file: BinaryIO, name: str) -> NpzFile:
    try:
        archive = np.load(file, allow_pickle=False)
    except _DAMAGE:
        archive = None
    if not isinstance(archive, NpzFile):
        raise ValueError(f"{name}: expected an .npz file, got another kind or a damaged one")
    return archive


def _member(archive: NpzFile, array: str, name: str) -> NDArray[Any]:
    try:
        return np.asarray(archive[array])
    except _DAMAGE:
        raise ValueError(
            f"{name}: its array {array!r} is damaged, or holds objects of Python where numbers or "
            "text are expected"
        ) from None


def write_npz(path: str | os.PathLike[str], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays to exactly this file, whole or not at all.

    As the core writes files: a temporary one beside it, flushed to disk, takes its name; a link is
    followed, and permissions of a file that was there are kept.
    """
    name = os.fsdecode(path)
    plain: dict[str, Any] = {array: _storable(values, array) for array, values in arrays.items()}
    target = os.path.realpath(name)
    there = os.path.isfile(target)
    if os.path.isdir(target):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
    if os.path.lexists(target) and not there:
        raise OSError(errno.EINVAL, "it is no file that can be replaced", name)
    temporary = os.path.join(os.path.dirname(target), f".widelimit-{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            if there:
                os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
            np.savez(file, **plain)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        if error.errno is None:
            raise
        # Nobody knows the temporary file by its name.
        raise OSError(error.errno, error.strerror, name) from None
    finally:
        with suppress(FileNotFoundError):
            os.remove(temporary)


def _storable(values: NDArray[Any], name: str) -> NDArray[Any]:
    """Text or numbers that pandas keeps as objects, which a file could hold only as pickles."""
    if not values.dtype.hasobject:
        return values
    kinds = [_kind(value) for value in values.tolist()]
    for at, kind in enumerate(kinds):
        if kind is None or kind != kinds[0]:
            value = values[at]
            raise ValueError(
                f"{name}[{at}] is {value!r} ({type(value).__name__}): "
                "expected all text, all numbers or all truth values, which a file can hold"
            )
    return np.asarray(values.tolist())


def _kind(value: Any) -> str | None:
    """Whether a label is text, a number or a truth value; None for anything else."""
    if not isinstance(value, (str, int, float, np.generic)):
        return None
    known = {"U": "text", "i": "number", "u": "number", "f": "number", "b": "truth"}
    return known.get(np.asarray(value).dtype.kind)
