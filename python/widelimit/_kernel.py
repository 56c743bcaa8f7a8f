"""Exact kernels, their diagonal, and their price."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelimit import _core
from widelimit.network import Network, _core_of

Quantity = Literal["nngp", "ntk"]
# No general sequence: a string is one too.
Quantities = tuple[Quantity, ...] | list[Quantity]
Progress = bool | np.bool_ | Callable[[int, int], object] | None


# Stated relative errors up to here go without a word: five digits more than data usually have.
TOLERATED = 1e-5


class ApproximationWarning(UserWarning):
    """An approximation whose stated error is larger than usual."""


class Kernels(NamedTuple):
    """NNGP and NTK of the same inputs.

    A part that was not asked for is None. The types leave that out: what is there follows from
    ``get``, which whoever reads a part has written.
    """

    nngp: NDArray[Any]
    ntk: NDArray[Any]


@dataclass(frozen=True)
class Plan:
    """What a kernel costs, known before anything is computed.

    Attributes
    ----------
    bytes : int
        Peak memory beyond the inputs: result and scratch.
    result_bytes, scratch_bytes : int
        Its two parts.
    flops : float
        Floating-point operations.
    seconds : float
        Expected time on this machine; an estimate from a cost model.
    engine : str
        The engine that would run.
    tiles : int
        Number of tiles the result is cut into.
    streams : bool
        Whether the result exceeds the memory limit and must go to a file.
    """

    bytes: int
    result_bytes: int
    scratch_bytes: int
    flops: float
    seconds: float
    engine: str
    tiles: int
    streams: bool


def _refuse_masked(x: object, name: str) -> None:
    """Masked entries have no value; a plain array of the rest would show what is under the mask."""
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        masked = int(np.ma.count_masked(x))
        raise ValueError(f"{name}: {masked} of {x.size} entries are masked; fill or drop them")


def _inputs(x: ArrayLike, name: str) -> NDArray[Any]:
    _refuse_masked(x, name)
    array = np.asarray(x)
    if array.dtype not in (np.float32, np.float64):
        if array.dtype.kind not in "biuf":
            raise TypeError(f"{name}: expected numbers, got an array of {array.dtype}")
        array = array.astype(np.float64)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return array


def _pair(x1: ArrayLike, x2: ArrayLike | None) -> tuple[NDArray[Any], NDArray[Any] | None]:
    first = _inputs(x1, "x1")
    if x2 is None:
        return first, None
    second = _inputs(x2, "x2")
    common = np.result_type(first, second)
    return first.astype(common, copy=False), second.astype(common, copy=False)


def _wanted(get: str | Sequence[str]) -> tuple[str, ...]:
    names = (get,) if isinstance(get, str) else tuple(get)
    if not names or any(name not in ("nngp", "ntk") for name in names):
        raise ValueError(f'get: expected "nngp", "ntk" or a tuple of them, got {get!r}')
    return names


def _chosen(
    kernels: tuple[NDArray[Any] | None, NDArray[Any] | None], get: str | Sequence[str]
) -> NDArray[Any] | Kernels:
    """Name the parts, and unwrap a kernel that was asked for by a single name."""
    named = Kernels(*cast("tuple[NDArray[Any], NDArray[Any]]", kernels))
    return cast("NDArray[Any]", getattr(named, get)) if isinstance(get, str) else named


@overload
def kernel(
    net: Network,
    x1: ArrayLike,
    x2: ArrayLike | None = ...,
    get: Quantity = ...,
    *,
    threads: int | None = ...,
    memory: int | str | None = ...,
    progress: Progress = ...,
) -> NDArray[Any]: ...
@overload
def kernel(
    net: Network,
    x1: ArrayLike,
    x2: ArrayLike | None,
    get: Quantities,
    *,
    threads: int | None = ...,
    memory: int | str | None = ...,
    progress: Progress = ...,
) -> Kernels: ...
@overload
def kernel(
    net: Network,
    x1: ArrayLike,
    x2: ArrayLike | None = ...,
    *,
    get: Quantities,
    threads: int | None = ...,
    memory: int | str | None = ...,
    progress: Progress = ...,
) -> Kernels: ...
def kernel(
    net: Network,
    x1: ArrayLike,
    x2: ArrayLike | None = None,
    get: Quantity | Quantities = "ntk",
    *,
    threads: int | None = None,
    memory: int | str | None = None,
    progress: Progress = False,
) -> NDArray[Any] | Kernels:
    """Exact kernel of a network at infinite width.

    Parameters
    ----------
    net : Network
        The network.
    x1 : array of shape (n1, d)
        Inputs, one a row; float32 stays float32, everything else is computed in float64.
    x2 : array of shape (n2, d), optional
        Second inputs; without them the kernel of ``x1`` with itself is computed, whose symmetry
        and diagonal are exact.
    get : "ntk", "nngp" or a tuple of them
        What to compute.
    threads : int, optional
        Number of threads; all cores by default. Results do not depend on it.
    memory : int or str, optional
        Limit in bytes, or as in ``"4GiB"``; what the machine can give by default. A result that
        does not fit is refused beforehand.
    progress : bool or callable
        True prints to standard error; a callable gets (tiles done, tiles in all).

    Returns
    -------
    array of shape (n1, n2), or Kernels
        An array for a single name, a named tuple with ``.nngp`` and ``.ntk`` for a tuple.

    Raises
    ------
    ValueError
        For inputs that are not finite, empty, or of different width (with row and column). What
        a Python function of the network raised is its ``__cause__``.
    MemoryError
        If the result does not fit into ``memory`` or the machine.

    Warns
    -----
    ApproximationWarning
        If an activation without closed form is approximated to worse than 1e-5, relative to the
        geometric mean of the two diagonals.

    Examples
    --------
    >>> import numpy as np, widelimit as wl
    >>> net = wl.Network.preset("mlp:3:relu")
    >>> both = wl.kernel(net, np.eye(4), get=("nngp", "ntk"))
    >>> both.ntk.shape
    (4, 4)
    """
    core, names = _core_of(net), _wanted(get)
    first, second = _pair(x1, x2)
    nngp, ntk, error = _core.kernel(core, first, second, names, threads, memory, progress)
    if error is not None and error > TOLERATED:
        message = (
            f"an activation without closed form is approximated with a relative error of up to "
            f"{error:.1e}"
        )
        warnings.warn(message, ApproximationWarning, stacklevel=2)
    return _chosen((nngp, ntk), get)


@overload
def diagonal(
    net: Network, x: ArrayLike, get: Quantity = ..., *, threads: int | None = ...
) -> NDArray[Any]: ...
@overload
def diagonal(
    net: Network, x: ArrayLike, get: Quantities, *, threads: int | None = ...
) -> Kernels: ...
def diagonal(
    net: Network,
    x: ArrayLike,
    get: Quantity | Quantities = "ntk",
    *,
    threads: int | None = None,
) -> NDArray[Any] | Kernels:
    """Exact kernel of every row with itself: the diagonal of ``kernel(net, x)`` in O(n) time.

    Parameters
    ----------
    net : Network
        The network.
    x : array of shape (n, d)
        Inputs, one a row; float32 stays float32, everything else is computed in float64.
    get : "ntk", "nngp" or a tuple of them
        What to compute.
    threads : int, optional
        Number of threads; all cores by default. Results do not depend on it.

    Returns
    -------
    array of shape (n,), or Kernels
        An array for a single name, a named tuple with ``.nngp`` and ``.ntk`` for a tuple.

    Examples
    --------
    >>> import numpy as np, widelimit as wl
    >>> net = wl.Network.preset("mlp:2:erf")
    >>> x = np.eye(4)
    >>> bool((wl.diagonal(net, x) == wl.kernel(net, x).diagonal()).all())
    True
    """
    core, names = _core_of(net), _wanted(get)
    return _chosen(_core.diagonal(core, _inputs(x, "x"), names, threads), get)


def plan(
    net: Network,
    x1: ArrayLike,
    x2: ArrayLike | None = None,
    get: Quantity | Quantities = "ntk",
    *,
    threads: int | None = None,
    memory: int | str | None = None,
) -> Plan:
    """Tell what ``kernel`` with the same arguments would cost, without computing it.

    The price of an activation without closed form is that of a point: its series is made for one
    or two, for which a Python function is called a few hundred times, however large the job.

    Examples
    --------
    >>> import numpy as np, widelimit as wl
    >>> wl.plan(wl.Network.preset("mlp:3:relu"), np.zeros((1000, 50))).result_bytes
    8000000
    """
    core, names = _core_of(net), _wanted(get)
    first, second = _pair(x1, x2)
    return Plan(**_core.plan(core, first, second, names, threads, memory))
