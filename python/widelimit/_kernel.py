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
Spatial = Literal["full", "pixel_diagonal"]
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
        The engine that would run: "vectors" or "images".
    tiles : int
        Number of tiles the result is cut into.
    streams : bool
        Whether the result exceeds the memory limit and must go to a file.
    shape : tuple of int
        Shape of the result.
    pair_activations : int
        Covariances that go through activations for one pair of inputs.
    """

    bytes: int
    result_bytes: int
    scratch_bytes: int
    flops: float
    seconds: float
    engine: str
    tiles: int
    streams: bool
    shape: tuple[int, ...]
    pair_activations: int


def _refuse_masked(x: object, name: str) -> None:
    """Masked entries have no value; a plain array of the rest would show what is under the mask."""
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        masked = int(np.ma.count_masked(x))
        raise ValueError(f"{name}: {masked} of {x.size} entries are masked; fill or drop them")


def _refuse_sparse(x: object, name: str) -> None:
    """NumPy takes a sparse matrix for a single object."""
    if hasattr(x, "toarray"):
        raise TypeError(
            f"{name}: expected an array, got a sparse {type(x).__name__}; give {name}.toarray()"
        )


def _inputs(x: ArrayLike, name: str) -> NDArray[Any]:
    _refuse_masked(x, name)
    _refuse_sparse(x, name)
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


def _matrices(adjacency: ArrayLike | None, name: str, x: NDArray[Any]) -> NDArray[Any] | None:
    """Adjacency matrices in the precision of the inputs that they belong to."""
    return None if adjacency is None else _inputs(adjacency, name).astype(x.dtype, copy=False)


def _wanted(get: str | Sequence[str]) -> tuple[str, ...]:
    names = (get,) if isinstance(get, str) else tuple(get)
    if not names or any(name not in ("nngp", "ntk") for name in names):
        raise ValueError(f'get: expected "nngp", "ntk" or a tuple of them, got {get!r}')
    return names


def _quantity(get: Any) -> Quantity:
    """The name of one kernel."""
    if not isinstance(get, str) or get not in ("nngp", "ntk"):
        raise ValueError(f'get: expected "ntk" or "nngp", got {get!r}')
    return cast("Quantity", get)


def _chosen(
    kernels: tuple[NDArray[Any] | None, NDArray[Any] | None], get: str | Sequence[str]
) -> NDArray[Any] | Kernels:
    """Name the parts, and unwrap a kernel that was asked for by a single name."""
    named = Kernels(*cast("tuple[NDArray[Any], NDArray[Any]]", kernels))
    return cast("NDArray[Any]", getattr(named, get)) if isinstance(get, str) else named


@overload
def kernel(
    net: Network | str,
    x1: ArrayLike,
    x2: ArrayLike | None = ...,
    get: Quantity = ...,
    *,
    threads: int | None = ...,
    memory: int | str | None = ...,
    progress: Progress = ...,
    spatial: Spatial = ...,
    adjacency_1: ArrayLike | None = ...,
    adjacency_2: ArrayLike | None = ...,
) -> NDArray[Any]: ...
@overload
def kernel(
    net: Network | str,
    x1: ArrayLike,
    x2: ArrayLike | None,
    get: Quantities,
    *,
    threads: int | None = ...,
    memory: int | str | None = ...,
    progress: Progress = ...,
    spatial: Spatial = ...,
    adjacency_1: ArrayLike | None = ...,
    adjacency_2: ArrayLike | None = ...,
) -> Kernels: ...
@overload
def kernel(
    net: Network | str,
    x1: ArrayLike,
    x2: ArrayLike | None = ...,
    *,
    get: Quantities,
    threads: int | None = ...,
    memory: int | str | None = ...,
    progress: Progress = ...,
    spatial: Spatial = ...,
    adjacency_1: ArrayLike | None = ...,
    adjacency_2: ArrayLike | None = ...,
) -> Kernels: ...
def kernel(
    net: Network | str,
    x1: ArrayLike,
    x2: ArrayLike | None = None,
    get: Quantity | Quantities = "ntk",
    *,
    threads: int | None = None,
    memory: int | str | None = None,
    progress: Progress = False,
    spatial: Spatial = "full",
    adjacency_1: ArrayLike | None = None,
    adjacency_2: ArrayLike | None = None,
) -> NDArray[Any] | Kernels:
    """Exact kernel of a network at infinite width.

    Parameters
    ----------
    net : Network or str
        The network, the name of a preset, or JSON text.
    x1 : array of shape (n1, d) or (n1, height, width, channels)
        Inputs: rows, or images (sequences and volumes have one or three axes in place of height
        and width). float32 stays float32, everything else is computed in float64. A dense layer
        acts on every pixel: a network for vectors takes images as ``x.reshape(len(x), -1)``.
    x2 : array of shape (n2, ...), optional
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
    spatial : "full" or "pixel_diagonal"
        Of a network that ends on pixels: all pairs of them, or every pixel with itself, which
        costs far less.
    adjacency_1, adjacency_2 : arrays of shape (n, vertices, vertices)
        One adjacency matrix an input, for networks with ``Aggregate``, whose inputs have the
        shape (n, vertices, channels): vertex ``p`` receives ``sum_q A[q, p] x_q``.

    Returns
    -------
    array of shape (n1, n2), or Kernels
        An array for a single name, a named tuple with ``.nngp`` and ``.ntk`` for a tuple. Of a
        network that ends on pixels the shape is (n1, n2, h, w, h', w'), or (n1, n2, h, w) with
        ``spatial="pixel_diagonal"``.

    Raises
    ------
    ValueError
        For inputs that are not finite, empty, or of different shape (with the place). What
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
    >>> images = np.random.default_rng(0).random((3, 8, 8, 1))
    >>> wl.kernel(wl.Network.preset("myrtle5"), images).shape
    (3, 3)
    >>> wl.kernel(wl.Network([wl.Conv(strides=(2, 2))]), images).shape
    (3, 3, 4, 4, 4, 4)
    """
    core, names = _core_of(net), _wanted(get)
    first, second = _pair(x1, x2)
    nngp, ntk, error = _core.kernel(
        core,
        first,
        second,
        names,
        threads,
        memory,
        progress,
        spatial=spatial,
        adjacency_1=_matrices(adjacency_1, "adjacency_1", first),
        adjacency_2=_matrices(adjacency_2, "adjacency_2", first),
    )
    if error is not None and error > TOLERATED:
        message = (
            f"an activation without closed form is approximated with a relative error of up to "
            f"{error:.1e}"
        )
        warnings.warn(message, ApproximationWarning, stacklevel=2)
    return _chosen((nngp, ntk), get)


@overload
def diagonal(
    net: Network | str,
    x: ArrayLike,
    get: Quantity = ...,
    *,
    threads: int | None = ...,
    spatial: Spatial = ...,
    adjacency: ArrayLike | None = ...,
) -> NDArray[Any]: ...
@overload
def diagonal(
    net: Network | str,
    x: ArrayLike,
    get: Quantities,
    *,
    threads: int | None = ...,
    spatial: Spatial = ...,
    adjacency: ArrayLike | None = ...,
) -> Kernels: ...
def diagonal(
    net: Network | str,
    x: ArrayLike,
    get: Quantity | Quantities = "ntk",
    *,
    threads: int | None = None,
    spatial: Spatial = "full",
    adjacency: ArrayLike | None = None,
) -> NDArray[Any] | Kernels:
    """Exact kernel of every input with itself: the diagonal of ``kernel(net, x)`` in O(n) time.

    Parameters
    ----------
    net : Network or str
        The network, the name of a preset, or JSON text.
    x : array of shape (n, d) or (n, height, width, channels)
        Inputs as for :func:`kernel`.
    get : "ntk", "nngp" or a tuple of them
        What to compute.
    threads : int, optional
        Number of threads; all cores by default. Results do not depend on it.
    spatial, adjacency
        As ``spatial`` and ``adjacency_1`` of :func:`kernel`.

    Returns
    -------
    array of shape (n,), or Kernels
        An array for a single name, a named tuple with ``.nngp`` and ``.ntk`` for a tuple. Of a
        network that ends on pixels the shape is (n, h, w, h', w'), or (n, h, w) with
        ``spatial="pixel_diagonal"``.

    Examples
    --------
    >>> import numpy as np, widelimit as wl
    >>> net = wl.Network.preset("mlp:2:erf")
    >>> x = np.eye(4)
    >>> bool((wl.diagonal(net, x) == wl.kernel(net, x).diagonal()).all())
    True
    """
    core, names = _core_of(net), _wanted(get)
    inputs = _inputs(x, "x")
    matrices = _matrices(adjacency, "adjacency", inputs)
    found = _core.diagonal(core, inputs, names, threads, spatial=spatial, adjacency=matrices)
    return _chosen(found, get)


def plan(
    net: Network | str,
    x1: ArrayLike,
    x2: ArrayLike | None = None,
    get: Quantity | Quantities = "ntk",
    *,
    threads: int | None = None,
    memory: int | str | None = None,
    spatial: Spatial = "full",
) -> Plan:
    """Tell what :func:`kernel` with the same arguments would cost, without computing it.

    Adjacency matrices change nothing about it and are not asked for. The price of an activation
    without closed form is that of a point: its series is made for one or two, for which a Python
    function is called a few hundred times, however large the job.

    Examples
    --------
    >>> import numpy as np, widelimit as wl
    >>> wl.plan(wl.Network.preset("mlp:3:relu"), np.zeros((1000, 50))).result_bytes
    8000000
    >>> wl.plan(wl.Network.preset("myrtle5"), np.zeros((10, 32, 32, 3))).engine
    'images'
    """
    core, names = _core_of(net), _wanted(get)
    first, second = _pair(x1, x2)
    return Plan(**_core.plan(core, first, second, names, threads, memory, spatial=spatial))
