"""Solvers on kernels computed before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelimit import _core
from widelimit._kernel import _inputs


@dataclass(frozen=True)
class RidgeSolution:
    """Kernel ridge regression on a given kernel.

    Attributes
    ----------
    dual : array of shape (n, outputs)
        Dual coefficients; predictions are ``mean + k(x, X) @ dual``.
    mean : array of shape (outputs,)
        Mean of the targets that was subtracted; zeros without centring.
    ridge : float
        The ridge used, relative to the mean of the kernel's diagonal.
    loo : dict or None
        Leave-one-out path: arrays ``ridge`` and ``mse``.
    diagnostics : dict
        Condition estimate, jitter and relative residual.
    """

    dual: NDArray[Any]
    mean: NDArray[Any]
    ridge: float
    loo: dict[str, NDArray[np.float64]] | None
    diagnostics: dict[str, float]


def kernel_ridge(
    kernel: ArrayLike,
    y: ArrayLike,
    ridge: float | str = "auto",
    *,
    centre: bool = True,
    threads: int | None = None,
) -> RidgeSolution:
    """Solve kernel ridge regression on a kernel that is there already.

    Parameters
    ----------
    kernel : array of shape (n, n)
        Kernel of the training points; it is copied, not changed.
    y : array of shape (n,) or (n, outputs)
        Targets.
    ridge : "auto" or float
        Relative to the mean of the diagonal; "auto" picks it by closed-form leave-one-out.
    centre : bool
        Subtract the mean of the targets first.
    threads : int, optional
        Number of threads; all cores by default.

    Examples
    --------
    >>> import numpy as np, widelimit as wl
    >>> wl.kernel_ridge(np.eye(2), [1.0, -1.0], ridge=1.0).dual.ravel().round(12).tolist()
    [0.5, -0.5]
    """
    targets = _inputs(y, "y").astype(np.float64, copy=False)
    if targets.ndim > 2:
        raise ValueError(f"y: expected shape (n,) or (n, outputs), got {targets.shape}")
    columns = targets.reshape(len(targets), -1) if targets.ndim else targets.reshape(1, 1)
    return RidgeSolution(
        **_core.kernel_ridge(_inputs(kernel, "kernel"), columns, ridge, centre, threads)
    )


def eigh(matrix: ArrayLike, *, threads: int | None = None) -> tuple[NDArray[Any], NDArray[Any]]:
    """Eigenvalues (ascending) and eigenvectors (columns) of a symmetric matrix.

    Examples
    --------
    >>> import numpy as np, widelimit as wl
    >>> wl.eigh(np.diag([2.0, 1.0]))[0].tolist()
    [1.0, 2.0]
    """
    return _core.eigh(_inputs(matrix, "matrix"), threads)
