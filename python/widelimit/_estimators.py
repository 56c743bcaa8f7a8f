"""scikit-learn estimators on kernels, exact or of features."""

from __future__ import annotations

import json
import math
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelimit import _core, _notes
from widelimit._features import Certificate, _certificate, _checked, _limit, _method, _whole
from widelimit._holder import Holder
from widelimit._kernel import Progress, _refuse_masked, _refuse_sparse
from widelimit.network import Network, _network_of

if TYPE_CHECKING:
    from typing_extensions import Self

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_array, check_is_fitted, check_X_y, validate_data
except ImportError as missing:
    raise ImportError(
        "the estimators of widelimit need scikit-learn 1.6 or newer: "
        'pip install "widelimit[sklearn]"'
    ) from missing

DEFAULT_NETWORK = "mlp:3:relu"


def _validated(
    estimator: Any, network: Network, X: ArrayLike, y: Any = "no_validation", **checks: Any
) -> Any:
    """Check inputs, and targets if given, as ``validate_data`` of scikit-learn does.

    Where the network acts on positions, images keep their axes.
    """
    _refuse_masked(X, "X")
    _refuse_masked(y, "y")
    _refuse_sparse(y, "y")
    checks["dtype"] = [np.float64, np.float32]
    if not network._core.takes_images():
        return validate_data(estimator, X, y, **checks)
    reset = checks.pop("reset", True)
    checks |= {"allow_nd": True, "estimator": estimator}
    if isinstance(y, str):
        inputs = checked = check_array(X, input_name="X", **checks)
    else:
        inputs, _ = checked = check_X_y(X, y, **checks)
    if reset:
        estimator.n_features_in_ = math.prod(inputs.shape[1:])
    return checked


class _KernelEstimator(Holder, BaseEstimator):
    """What the three estimators share: parameters, fitting, saving."""

    _held = "_model"
    _kernel: ClassVar[str] = "ntk"
    _task: ClassVar[str] = "regression"

    def __init__(
        self,
        net: Network | str | None = None,
        ridge: float | str = "auto",
        solver: str = "auto",
        dim: int | str | None = None,
        *,
        tol: float | None = None,
        method: str = "auto",
        seed: int = 0,
        max_seconds: float | None = None,
        threads: int | None = None,
        memory: int | str | None = None,
        progress: Progress = False,
    ):
        self.net = net
        self.ridge = ridge
        self.solver = solver
        self.dim = dim
        self.tol = tol
        self.method = method
        self.seed = seed
        self.max_seconds = max_seconds
        self.threads = threads
        self.memory = memory
        self.progress = progress

    def _network(self) -> Network:
        return _network_of(DEFAULT_NETWORK if self.net is None else self.net)

    def _least_rows(self) -> int:
        """Leave-one-out needs two rows; a given ridge does with one."""
        return 2 if isinstance(self.ridge, str) else 1

    def _check_parameters(self) -> None:
        if self.solver not in ("auto", "exact", "features"):
            raise ValueError(f'solver: expected "auto", "exact" or "features", got {self.solver!r}')
        for name, what in (("dim", "number"), ("tol", "error"), ("max_seconds", "time")):
            value = getattr(self, name)
            if value is not None and self.solver == "exact":
                raise ValueError(
                    f'{name}: is the {what} of features; solver="exact" has none, got {value!r}'
                )

    def _features_asked(self) -> bool:
        """Who says how many features there are to be, or how exact, wants them."""
        return self.dim is not None or self.tol is not None

    @contextmanager
    def _refitting(self) -> Iterator[None]:
        """Forget the last fit; an exception brings it back whole."""
        before = dict(vars(self))
        for name in before:
            if name in ("_model", "_single") or (name.endswith("_") and not name.startswith("_")):
                delattr(self, name)
        try:
            yield
        except BaseException:
            self.__dict__ = before
            raise

    def _fit_model(
        self, X: NDArray[Any], targets: NDArray[Any], labels: list[Any] | None = None
    ) -> None:
        self._check_parameters()
        dim, tolerance = _checked(self.dim, self.tol)
        self.network_ = self._network()
        self._model = _core.Model.fit(
            self.network_._core,
            X,
            targets,
            kernel=self._kernel,
            ridge=self.ridge,
            amplitude=getattr(self, "amplitude", "auto"),
            solver="features" if self._features_asked() else self.solver,
            dim=dim,
            tolerance=tolerance,
            method=_method(self.method),
            seed=_whole(self.seed, "seed", 0),
            max_seconds=_limit(self.max_seconds),
            labels=labels,
            threads=self.threads,
            memory=self.memory,
            progress=self.progress,
        )
        self._read_model()
        if not self._model.facts().get("loo_bracketed", True):
            message = (
                f"the leave-one-out error was still falling when the search for the ridge ended at "
                f"{self.ridge_:.1e}: a better ridge may lie beyond; it can be given with ridge="
            )
            warnings.warn(message, ConvergenceWarning, stacklevel=3)

    def _read_model(self) -> None:
        facts = self._model.facts()
        self.ridge_: float = facts["ridge"]
        self.solver_: str = facts["solver"]
        features = facts["approximation"]
        self.certificate_: Certificate | None = None if features is None else _certificate(features)
        self.method_: str | None = None if features is None else features["method"]
        self.dim_: int | None = None if features is None else features["dim"]
        self.diagnostics_: dict[str, Any] = facts["diagnostics"]
        self.loo_path_: dict[str, NDArray[np.float64]] | None = facts["loo"]
        if self.loo_path_ is not None:
            self.loo_error_: float = facts["loo_error"]

    def _scores(self, X: ArrayLike) -> NDArray[Any]:
        inputs = self._new_inputs(X)
        return self._model.predict(inputs, self.threads, self.memory, self.progress)

    def _new_inputs(self, X: ArrayLike) -> NDArray[Any]:
        check_is_fitted(self)
        # The model knows the shape of its training images.
        return _validated(self, self.network_, X, reset=False)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model to one safetensors file, readable by the command line too.

        Types of labels, names of features and parameters are kept; a progress callable and the
        functions of a network are not (a network with functions has no file form).
        """
        check_is_fitted(self)
        self._model.save(os.fspath(path), self._notes())

    def _notes(self) -> dict[str, str]:
        notes = _notes.of_parameters(self.get_params(deep=False))
        if hasattr(self, "feature_names_in_"):
            notes["feature_names"] = json.dumps(self.feature_names_in_.tolist())
        return notes

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a model written by :meth:`save` or by ``widelimit fit``."""
        file = os.fspath(path)
        model, notes = _core.Model.load(file)
        facts = model.facts()
        if (facts["kernel"], facts["task"]) != (cls._kernel, cls._task):
            raise ValueError(
                f"{file}: holds a {facts['task']} model of the {facts['kernel'].upper()}"
                f", which is not what {cls.__name__} stands for"
            )
        network = Network._wrap(model.network())
        estimator = cls(net=network, ridge=facts["requested_ridge"])
        features = facts["approximation"]
        if features is not None:
            given = {name: features[name] for name in ("dim", "method", "seed")}
            estimator.set_params(solver="features", **given)
        if "amplitude" in estimator.get_params():
            estimator.set_params(amplitude=facts["requested_amplitude"])
        _notes.read(notes, "parameters", lambda known: estimator.set_params(**known), file)
        names = _notes.read(
            notes, "feature_names", lambda known: np.asarray(known, dtype=object), file
        )
        if names is not None:
            estimator.feature_names_in_ = names
        estimator.network_ = network
        estimator._model = model
        estimator.n_features_in_ = facts["features"]
        estimator._read_model()
        estimator._read_loaded(facts, notes, file)
        return estimator

    def _read_loaded(self, facts: dict[str, Any], notes: dict[str, str], path: str) -> None:
        """Restore what a subclass derives from its targets."""

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_model")

    @staticmethod
    def _from_bytes(content: bytes, state: dict[str, Any]) -> _core.Model:
        return _core.Model.from_bytes(content, state["network_"]._core)


class _Regressor(RegressorMixin, _KernelEstimator):
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Solve the regression.

        ``X`` has shape (n, features), or (n, height, width, channels) for a network that acts on
        images; ``y`` has shape (n,) or (n, outputs).
        """
        with self._refitting():
            inputs, targets = _validated(
                self,
                self._network(),
                X,
                y,
                multi_output=True,
                y_numeric=True,
                ensure_min_samples=self._least_rows(),
            )
            self._single = targets.ndim == 1
            columns = targets.reshape(len(targets), -1).astype(np.float64, copy=False)
            self._fit_model(inputs, columns)
        return self

    def _shaped(self, values: NDArray[Any]) -> NDArray[Any]:
        return values[:, 0] if self._single else values

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Predict targets, shape (n,) or (n, outputs) as in ``fit``."""
        return self._shaped(self._scores(X))

    def _notes(self) -> dict[str, str]:
        return {**super()._notes(), "single_target": json.dumps(self._single)}

    def _read_loaded(self, facts: dict[str, Any], notes: dict[str, str], path: str) -> None:
        single = _notes.read(notes, "single_target", bool, path)
        self._single = facts["outputs"] == 1 if single is None else single

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags


_PARAMETERS = """
    Parameters
    ----------
    net : Network, str or None
        The network, the name of a preset, or JSON text; None is ``"mlp:3:relu"``. One that acts on
        images takes arrays (n, height, width, channels).
    ridge : "auto" or float
        Ridge relative to the mean of the kernel's diagonal; "auto" picks it by closed-form
        leave-one-out.
    solver : "auto", "exact" or "features"
        What the regression is solved on: the exact kernel, or features that stand for it (see
        :class:`widelimit.FeatureMap`). "auto" takes the exact kernel up to 20 000 rows, features
        beyond; a Gaussian process is exact unless features are asked for.
    dim : int, "auto" or None
        Number of features; "auto" and None take as many as there are rows, 512 at least and 8192
        at most. Unless it is None, ``solver="auto"`` takes features.
    tol : float, optional
        Relative error of the kernel of features to stay within, from which their number follows;
        ``dim`` is then not given. It asks for features, too.
    method : str
        How features are made, as in :class:`widelimit.FeatureMap`.
    seed : int
        Seed of the features.
    max_seconds : float, optional
        Time that the features of the training inputs may take, as in :class:`widelimit.FeatureMap`.
    threads : int, optional
        Number of threads, all cores by default; results do not depend on it.
    memory : int or str, optional
        Memory limit in bytes or as in ``"4GiB"``; what the machine can give by default.
    progress : bool or callable
        True prints progress to standard error; a callable gets (tiles done, tiles in all).
"""


class NTKRegressor(_Regressor):
    __doc__ = f"""Kernel ridge regression with the neural tangent kernel.
{_PARAMETERS}
    Attributes
    ----------
    ridge_ : float
        The relative ridge used.
    loo_path_ : dict or None
        Leave-one-out errors over the ridges tried: arrays ``ridge``, ``mse``.
    loo_error_ : float
        Leave-one-out mean squared error at ``ridge_`` (with ``ridge="auto"``).
    solver_ : str
        What it was solved on, "exact" or "features".
    certificate_, method_, dim_
        Of features, as in :class:`widelimit.FeatureMap`; None for the exact kernel.
    diagnostics_ : dict
        Condition estimate, jitter and residual of the solve.
    network_ : Network
        The network used.
    n_features_in_ : int
        Numbers of one input; of an image, its positions times its channels.

    References
    ----------
    A. Jacot, F. Gabriel, C. Hongler, "Neural Tangent Kernel", NeurIPS 2018.

    Examples
    --------
    >>> import numpy as np, widelimit as wl
    >>> x = np.linspace(-1, 1, 40)[:, None]
    >>> model = wl.NTKRegressor(wl.Network([wl.Dense(b_std=1.0), wl.Relu(), wl.Dense()]))
    >>> model.fit(x, np.sin(3 * x[:, 0])).score(x, np.sin(3 * x[:, 0])) > 0.99
    True
    """


class NNGPRegressor(_Regressor):
    __doc__ = f"""Gaussian process regression with the NNGP kernel of a network.

The prior is that of the infinitely wide network at initialisation, times an amplitude; the ridge is
the ratio of noise to signal.
{_PARAMETERS}
    amplitude : "auto" or float
        Factor between the network's kernel and the prior covariance. "auto" maximises the
        marginal likelihood in closed form, for each output; 1.0 takes the network's own prior. It
        changes standard deviations, not the mean.

    Attributes
    ----------
    ridge_ : float
        The relative ridge used: noise variance over the mean of the kernel's diagonal.
    amplitude_ : float or array of shape (outputs,)
        Factor between the network's kernel and the prior covariance, one an output.
    log_marginal_likelihood_ : float
        Of the centred targets, summed over outputs. With ``solver="features"`` it and the amplitude
        are None, and there is no standard deviation.
    loo_path_, loo_error_, diagnostics_, network_
        As in :class:`NTKRegressor`.

    References
    ----------
    J. Lee et al., "Deep Neural Networks as Gaussian Processes", ICLR 2018.

    Examples
    --------
    >>> import numpy as np, widelimit as wl
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> net = wl.Network([wl.Dense(b_std=1.0), wl.Erf(), wl.Dense()])
    >>> model = wl.NNGPRegressor(net, ridge=1e-3).fit(x, np.sin(3 * x[:, 0]))
    >>> mean, std = model.predict([[0.5], [3.0]], return_std=True)
    >>> bool(abs(mean[0] - np.sin(1.5)) < 0.05), bool(std[0] < std[1])
    (True, True)
    """

    _kernel = "nngp"

    def __init__(
        self,
        net: Network | str | None = None,
        ridge: float | str = "auto",
        solver: str = "auto",
        dim: int | str | None = None,
        *,
        tol: float | None = None,
        amplitude: float | str = "auto",
        method: str = "auto",
        seed: int = 0,
        max_seconds: float | None = None,
        threads: int | None = None,
        memory: int | str | None = None,
        progress: Progress = False,
    ):
        super().__init__(
            net,
            ridge,
            solver,
            dim,
            tol=tol,
            method=method,
            seed=seed,
            max_seconds=max_seconds,
            threads=threads,
            memory=memory,
            progress=progress,
        )
        self.amplitude = amplitude

    def _read_model(self) -> None:
        super()._read_model()
        self.amplitude_: float | NDArray[np.float64] | None = self._model.facts()["amplitude"]
        self.log_marginal_likelihood_: float | None = self._model.facts()["log_marginal_likelihood"]

    def predict(self, X: ArrayLike, return_std: bool = False) -> Any:
        """Posterior mean, and with ``return_std`` the standard deviation of the function.

        The deviation is that of the latent function in the units of ``y``, without noise.
        """
        if not return_std:
            return super().predict(X)
        inputs = self._new_inputs(X)
        mean, std = self._model.predict_std(inputs, self.threads, self.memory, self.progress)
        return self._shaped(mean), self._shaped(std)


class NTKClassifier(ClassifierMixin, _KernelEstimator):
    __doc__ = f"""Classification by regression on one-hot targets with the neural tangent kernel.

Targets are one column a class, centred; the prediction is the class of the largest value.
{_PARAMETERS}
    Attributes
    ----------
    classes_ : array
        The class labels.
    ridge_, loo_path_, loo_error_, diagnostics_, network_
        As in :class:`NTKRegressor`; ``loo_path_`` also has ``error_rate``.
    loo_error_rate_ : float
        Leave-one-out error rate at ``ridge_`` (with ``ridge="auto"``).

    Examples
    --------
    >>> import numpy as np, widelimit as wl
    >>> x = np.array([[0.0, 1.0], [0.1, 1.0], [1.0, 0.0], [1.0, 0.1]])
    >>> model = wl.NTKClassifier("mlp:2:relu", ridge=1e-3).fit(x, ["up", "up", "right", "right"])
    >>> model.predict([[0.2, 0.9], [0.9, 0.2]]).tolist()
    ['up', 'right']
    """

    _task = "classification"

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Solve the regression.

        ``X`` has shape (n, features), or (n, height, width, channels) for a network that acts on
        images; ``y`` holds class labels, shape (n,).
        """
        with self._refitting():
            inputs, given = _validated(self, self._network(), X, y)
            check_classification_targets(given)
            self.classes_, codes = np.unique(given, return_inverse=True)
            if len(self.classes_) == 1:
                label = self.classes_.tolist()[0]
                raise ValueError(
                    f"all {len(given)} training targets are of one class ({label!r}); "
                    "a classifier needs at least two classes"
                )
            labels = _notes.labels_for_core(self.classes_)
            self._fit_model(inputs, codes.astype(np.int64), labels)
        return self

    def _read_model(self) -> None:
        super()._read_model()
        if self.loo_path_ is not None:
            self.loo_error_rate_: float = self._model.facts()["loo_error_rate"]

    def _notes(self) -> dict[str, str]:
        return {**super()._notes(), **_notes.of_classes(self.classes_)}

    def _read_loaded(self, facts: dict[str, Any], notes: dict[str, str], path: str) -> None:
        plain = np.asarray(facts["classes"])
        classes = _notes.read(
            notes, "classes", lambda known: _notes.classes_of(known, len(plain)), path
        )
        self.classes_ = plain if classes is None else classes

    def decision_function(self, X: ArrayLike) -> NDArray[Any]:
        """Regression values: (n, classes), or for two classes (n,), positive for the second."""
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Predict class labels."""
        scores = self._scores(X)
        return self.classes_[scores.argmax(axis=1)]
