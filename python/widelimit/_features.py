"""Features whose products stand for a kernel."""

from __future__ import annotations

import math
import operator
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelimit import _core
from widelimit._holder import Holder
from widelimit._kernel import Progress, Quantity, _inputs, _quantity
from widelimit.network import Network, _network_of

if TYPE_CHECKING:
    from typing_extensions import Self

# Number of features of a map, unless another one is given.
DIM = 8192

# Rows on which features are held against the exact kernel.
CERTIFIED = 400


@dataclass(frozen=True)
class Certificate:
    """How far the kernel of features is from the exact one.

    Measured at the end of ``fit`` on a random sample of the training inputs.

    Attributes
    ----------
    error : float
        Estimate of ``|Z Z^T - K| / |K|`` (Frobenius norm) over all pairs of the training inputs.
    interval : tuple of float
        Its interval of 95 percent, over the choice of the sample.
    spectral_error : float
        Largest absolute eigenvalue of ``(K + r I)^(-1/2) (Z Z^T - K) (K + r I)^(-1/2)``; below 1 it
        bounds what the features cost a ridge regression with the absolute ridge ``r``.
    spectral_interval : tuple of float
        Its interval of 95 percent, from halves of the sample: a guide rather than a proof.
    ridge : float
        That ridge: a thousandth of the trace of ``K``.
    effective_dimension : float
        ``trace K (K + r I)^(-1)``, as far as the sample tells. Where it is not small beside
        ``sample``, the spectral error is not known well: certify on more inputs.
    sample, population : int
        Number of inputs in the sample, and of those it was drawn from.
    dim : int
        Number of features.
    """

    error: float
    interval: tuple[float, float]
    spectral_error: float
    spectral_interval: tuple[float, float]
    ridge: float
    effective_dimension: float
    sample: int
    population: int
    dim: int

    def dim_for(self, error: float) -> int:
        """Tell the number of features at which the error is expected to be this.

        Errors of random features fall as one over the root of their number, those of landmarks
        faster.

        Examples
        --------
        >>> import numpy as np, widelimit as wl
        >>> x = np.random.default_rng(0).standard_normal((100, 5))
        >>> found = wl.FeatureMap("mlp:2:relu", 512, method="centred").fit(x).certificate_
        >>> found.dim_for(found.error / 2)
        2048
        """
        return _dim_where(self.dim, self.error, error)

    def dim_for_spectral(self, error: float) -> int:
        """Tell the number of features at which the spectral error is expected to be this."""
        return _dim_where(self.dim, self.spectral_error, error)


@dataclass(frozen=True)
class FeaturePlan:
    """What features of some inputs will cost, and a ridge regression on them.

    Bytes are bounds. Seconds come from a few features of a few made-up inputs on this machine and
    are meant for telling seconds from hours.

    Attributes
    ----------
    rows, dim : int
        Number of inputs and of features.
    result_bytes : int
        Bytes of the features of all inputs.
    scratch_bytes : int
        Bytes of the map and of what it works on, beside the inputs and the features: of the method
        that takes most.
    regression_bytes : int
        Bytes of a regression with one target, as an estimator is fitted: with its features, of
        which it holds a block where all of them would take more than 1 GiB.
    regression_seconds : float
        Its seconds, without making the features.
    seconds : dict of str to float
        Seconds to make the map and all features, by the method or, for "auto", by each of those
        that it chooses from.
    refused : dict of str to str
        Why "auto" would not take the others.
    """

    rows: int
    dim: int
    result_bytes: int
    scratch_bytes: int
    regression_bytes: int
    regression_seconds: float
    seconds: dict[str, float]
    refused: dict[str, str]


def _dim_where(dim: int, error: float, wanted: float) -> int:
    if not wanted > 0.0:
        raise ValueError(f"error: expected a positive number, got {wanted!r}")
    return max(1, math.ceil(dim * (error / wanted) ** 2))


def _certificate(facts: dict[str, Any]) -> Certificate | None:
    stated = facts["certificate"]
    return None if stated is None else Certificate(**stated)


def _whole(value: Any, name: str, least: int) -> int:
    """A whole number, checked before the core takes it."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: expected a whole number, got {value!r}") from None
    if not least <= number < 2**63:
        raise ValueError(f"{name}: expected a whole number from {least} to 2^63, got {number}")
    return number


def _flag(value: Any, name: str) -> bool:
    """A truth value; words such as "no" are true to Python."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name}: expected True or False, got {value!r}")
    return bool(value)


def _limit(seconds: Any) -> float | None:
    """A time above zero, or none."""
    if seconds is None:
        return None
    try:
        limit = float(seconds)
    except (TypeError, ValueError):
        raise TypeError(f"max_seconds: expected a number of seconds, got {seconds!r}") from None
    if not limit > 0.0:
        raise ValueError(f"max_seconds: expected a time above 0, got {seconds!r}")
    return limit


def _checked(dim: Any, tol: Any, default: int | None = None) -> tuple[int | None, float | None]:
    """A number of features, a tolerance, or neither."""
    if isinstance(dim, str) and dim != "auto":
        raise ValueError(f'dim: expected a whole number, "auto" or None, got {dim!r}')
    number = None if dim is None or isinstance(dim, str) else _whole(dim, "dim", 1)
    if tol is None:
        return number, None
    try:
        tolerance = float(tol)
    except (TypeError, ValueError):
        raise TypeError(f"tol: expected a relative error between 0 and 1, got {tol!r}") from None
    if not 0.0 < tolerance < 1.0:
        raise ValueError(f"tol: expected a relative error between 0 and 1, got {tol!r}")
    if number not in (None, default):
        raise ValueError(
            "dim and tol: expected one of them, since a tolerance finds the number of features, "
            f"got dim={dim!r} and tol={tol!r}"
        )
    return None, tolerance


def _method(name: Any) -> str:
    """The name of a method, which the core knows or not."""
    if not isinstance(name, str):
        raise TypeError(f'method: expected a name, such as "auto", got {name!r}')
    return name


class FeatureMap(Holder):
    """Features ``z(x)`` whose products ``z(x) @ z(y)`` stand for the NTK or the NNGP of a network.

    The cost grows with the number of inputs, not with its square.

    Parameters
    ----------
    net : Network or str
        The network, the name of a preset, or JSON text.
    dim : int, "auto" or None
        Number of features; "auto" and None take as many as there are rows, 512 at least and 8192
        at most.
    get : "ntk" or "nngp"
        The kernel that the features stand for.
    method : str
        How they are made: "zonal", "centred", "polynomial", "random" and other maps of the network
        itself ("polynomial:12" names a degree); "nystrom", the
        exact kernel with a part of the training inputs, which gives no more features than there
        are inputs; or "auto", which tries all on a few hundred rows and takes the smallest error.
    seed : int
        The same seed gives the same features, to the last bit, on any number of threads and in
        any batches.
    tol : float, optional
        Relative error of the kernel to stay within, from which the number of features follows:
        ``dim`` is then left at its default, or "auto" or None.
    certify : int
        Rows of the random sample on which the certificate is measured; 0 for none.
    max_seconds : float, optional
        Time that the features of all training inputs may take, as a trial on some of them measures
        it: "auto" passes over methods that take longer, and where none is left, ``fit`` raises
        TimeoutError. What is chosen may differ from machine to machine then.
    threads : int, optional
        Number of threads, all cores by default.
    memory : int or str, optional
        Memory limit in bytes or as in ``"4GiB"``; what the machine can give by default.
    progress : bool or callable
        True prints progress to standard error; a callable gets (blocks done, blocks in all).

    Attributes
    ----------
    certificate_ : Certificate or None
        How far the kernel of the features is from the exact one; None for fewer than four rows.
    method_ : str
        The method used.
    dim_ : int
        Number of features.
    trial_ : list of dict
        What "auto" measured before it chose: ``method``, ``dim``, ``error`` (None where it was
        refused, with the reason in ``refused``), ``seconds_per_thousand``.
    network_ : Network
        The network used.

    References
    ----------
    A. Zandieh et al., "Scaling Neural Tangent Kernels via Sketching and Random Features", NeurIPS
    2021.
    C. Williams, M. Seeger, "Using the Nystrom Method to Speed Up Kernel Machines", NeurIPS 2000.

    Examples
    --------
    >>> import numpy as np, widelimit as wl
    >>> x = np.random.default_rng(0).normal(size=(100, 5))
    >>> net = wl.Network([wl.Dense(w_std=2**0.5), wl.Relu(), wl.Dense()])
    >>> features = wl.FeatureMap(net, dim=512).fit(x)
    >>> z = features.transform(x)
    >>> kernel = wl.kernel(net, x)
    >>> error = np.linalg.norm(z @ z.T - kernel) / np.linalg.norm(kernel)
    >>> bool(abs(error - features.certificate_.error) < 1e-6)
    True
    """

    _held = "_features"
    _features: _core.Features

    def __init__(
        self,
        net: Network | str,
        dim: int | str | None = DIM,
        get: Quantity = "ntk",
        method: str = "auto",
        seed: int = 0,
        *,
        tol: float | None = None,
        certify: int = CERTIFIED,
        max_seconds: float | None = None,
        threads: int | None = None,
        memory: int | str | None = None,
        progress: Progress = False,
    ):
        self.net = net
        self.dim = dim
        self.get = get
        self.method = method
        self.seed = seed
        self.tol = tol
        self.certify = certify
        self.max_seconds = max_seconds
        self.threads = threads
        self.memory = memory
        self.progress = progress

    def fit(self, x: ArrayLike, y: object = None) -> Self:
        """Fit to training inputs, (n, d) or (n, height, width, channels); ``y`` is passed over."""
        network = _network_of(self.net)
        inputs, asked = _inputs(x, "x"), self._asked()
        self._features = _core.Features.fit(network._core, inputs, asked, self.progress)
        self.network_ = network
        self._read()
        return self

    def plan(self, x: ArrayLike) -> FeaturePlan:
        """Tell what :meth:`fit` and :meth:`transform` of these inputs will cost.

        Only the shape of the inputs is looked at. A number of features that follows from a
        tolerance is not known beforehand and refused.

        Examples
        --------
        >>> import numpy as np, widelimit as wl
        >>> plan = wl.FeatureMap("mlp:2:relu", 1024, method="zonal").plan(np.zeros((50_000, 10)))
        >>> plan.result_bytes == 50_000 * 1024 * 8, list(plan.seconds)
        (True, ['zonal'])
        """
        network = _network_of(self.net)
        return FeaturePlan(**_core.Features.plan(network._core, _inputs(x, "x"), self._asked()))

    def _asked(self) -> dict[str, Any]:
        """The parameters as the core takes them."""
        dim, tolerance = _checked(self.dim, self.tol, DIM)
        return {
            "kernel": _quantity(self.get),
            "method": _method(self.method),
            "dim": dim,
            "tolerance": tolerance,
            "seed": _whole(self.seed, "seed", 0),
            "certify": _whole(self.certify, "certify", 0),
            "max_seconds": _limit(self.max_seconds),
            "threads": self.threads,
            "memory": self.memory,
        }

    def _read(self) -> None:
        facts = self._features.facts()
        self.certificate_: Certificate | None = _certificate(facts)
        self.method_: str = facts["method"]
        self.dim_: int = facts["dim"]
        self.trial_: list[dict[str, Any]] = facts["trial"]

    def transform(self, x: ArrayLike) -> NDArray[Any]:
        """Features of inputs, one a row: (n, dim_), in the precision of the inputs."""
        if not hasattr(self, "_features"):
            raise ValueError("this FeatureMap is not fitted yet: call fit first")
        inputs = _inputs(x, "x")
        return self._features.transform(inputs, self.threads, self.memory, self.progress)

    def fit_transform(self, x: ArrayLike, y: object = None) -> NDArray[Any]:
        """Fit to inputs and return their features."""
        return self.fit(x).transform(x)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted map to one safetensors file, readable by the command line too."""
        if not hasattr(self, "_features"):
            raise ValueError("this FeatureMap is not fitted yet: call fit first")
        self._features.save(os.fspath(path))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a map written by :meth:`save` or by ``widelimit features --save-map``."""
        features = _core.Features.load(os.fspath(path))
        facts = features.facts()
        network = Network._wrap(features.network())
        loaded = cls(network, facts["dim"], facts["kernel"], facts["method"], facts["seed"])
        loaded._features = features
        loaded.network_ = network
        loaded._read()
        return loaded

    def __repr__(self) -> str:
        return (
            f"FeatureMap(dim={self.dim!r}, get={self.get!r}, method={self.method!r}, "
            f"seed={self.seed!r})"
        )

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_features")

    @staticmethod
    def _from_bytes(content: bytes, state: dict[str, Any]) -> _core.Features:
        return _core.Features.from_bytes(content, state["network_"]._core)


def _seed_of(random_state: Any) -> int:
    """A seed from what scikit-learn calls a random state."""
    if isinstance(random_state, (int, np.integer)):
        return _whole(random_state, "random_state", 0)
    if random_state is None:
        return int(np.random.default_rng().integers(2**62))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**62))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    raise TypeError(
        "random_state: expected a whole number, a generator of NumPy or None, "
        f"got {type(random_state).__name__}"
    )
