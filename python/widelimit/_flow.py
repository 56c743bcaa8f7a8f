"""Networks trained by gradient flow for a time."""

from __future__ import annotations

import math
from typing import Any, Literal, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelimit import _core
from widelimit._kernel import _inputs, _quantity
from widelimit.network import Network, _network_of


class GradientFlow:
    """The infinite ensemble of an infinitely wide network, trained on the squared loss.

    Every member starts at a random draw of its weights and follows the gradient of
    ``mean((f - y)^2) / 2``.

    Parameters
    ----------
    net : Network or str
        The network, the name of a preset, or JSON text.
    x : array of shape (n, d) or (n, height, width, channels)
        Training inputs: rows, or images for a network that ends on one value an image.
    y : array of shape (n,) or (n, outputs)
        Training targets.
    learning_rate : float
        Factor on the time: ``t`` counts steps of gradient descent at this rate.
    ridge : float
        Added to the kernels' diagonals, relative to their means.
    threads : int, optional
        Number of threads; all cores by default.

    References
    ----------
    J. Lee et al., "Wide Neural Networks of Any Depth Evolve as Linear Models Under Gradient
    Descent", NeurIPS 2019.

    Examples
    --------
    >>> import numpy as np, widelimit as wl
    >>> x = np.linspace(-1, 1, 10)[:, None]
    >>> net = wl.Network([wl.Dense(b_std=1.0), wl.Erf(), wl.Dense()])
    >>> flow = wl.GradientFlow(net, x, np.sin(x))
    >>> bool(abs(flow.predict(x) - np.sin(x)).max() < 1e-3)
    True
    """

    def __init__(
        self,
        net: Network | str,
        x: ArrayLike,
        y: ArrayLike,
        *,
        learning_rate: float = 1.0,
        ridge: float = 0.0,
        threads: int | None = None,
    ):
        network, inputs = _network_of(net), _doubles(x, "x")
        targets = _inputs(y, "y").astype(np.float64, copy=False)
        if targets.ndim not in (1, 2):
            raise ValueError(
                f"y: expected shape (n,) or (n, outputs), got {targets.ndim} dimensions: "
                f"{targets.shape}"
            )
        self._single = targets.ndim == 1
        self._threads = threads
        columns = targets[:, None] if self._single else targets
        self._core = _core.Flow(network._core, inputs, columns, learning_rate, ridge, threads)
        self._told = (
            f"GradientFlow({network!r}, x: {inputs.shape}, y: {targets.shape}, "
            f"learning_rate={learning_rate}, ridge={ridge})"
        )

    def __repr__(self) -> str:
        return self._told

    def __copy__(self) -> GradientFlow:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> GradientFlow:
        # Immutable.
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a GradientFlow cannot be pickled: its decomposition is larger than its arguments; "
            "pickle those and make it again"
        )

    def predict(
        self,
        x: ArrayLike,
        t: float | None = None,
        *,
        get: Literal["ntk", "nngp"] = "ntk",
        return_cov: bool = False,
    ) -> Any:
        """Mean prediction at new inputs after training for a time.

        Parameters
        ----------
        x : array of shape (m, ...)
            New inputs.
        t : float, optional
            Training time; None or ``numpy.inf`` is forever.
        get : "ntk" or "nngp"
            Whether all layers are trained, or the last one only.
        return_cov : bool
            Also return the covariance over the ensemble, shape (m, m), shared by all outputs.
        """
        all_layers = _quantity(get) == "ntk"
        time = None if t is not None and math.isinf(t) and t > 0 else t
        mean, covariance = self._core.predict(
            _doubles(x, "x"), all_layers, time, return_cov, self._threads
        )
        shaped: NDArray[Any] = mean[:, 0] if self._single else mean
        return (shaped, covariance) if return_cov else shaped


def _doubles(x: ArrayLike, name: str) -> NDArray[np.float64]:
    return _inputs(x, name).astype(np.float64, copy=False)
