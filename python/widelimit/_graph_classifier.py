"""A scikit-learn classifier of graphs."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelimit._gntk import gntk, gntk_grid
from widelimit._graphs import Graphs, _batch
from widelimit._kernel import Progress, _refuse_masked
from widelimit._solve import RidgeSolution, kernel_ridge
from widelimit.layers import Layer

if TYPE_CHECKING:
    from typing_extensions import Self

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.model_selection import StratifiedKFold
    from sklearn.svm import SVC
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import assert_all_finite, check_is_fitted, column_or_1d
except ImportError as missing:
    raise ImportError(
        "the estimators of widelimit need scikit-learn 1.6 or newer: "
        'pip install "widelimit[sklearn]"'
    ) from missing


class GNTKClassifier(ClassifierMixin, BaseEstimator):
    """Classification of graphs with the graph neural tangent kernel.

    Kernels are normalised to a diagonal of 1. A parameter of the kernel may be one value or
    several: of several, the combination with the best mean accuracy in a cross-validation of the
    training graphs is taken. All depths and both read-outs come of one pass over the graphs for
    each scale and number of fully connected layers.

    Parameters
    ----------
    layers : int or sequence of int
        Levels, that of the features counted.
    mlp_layers : int or sequence of int
        Fully connected layers at each level.
    scale : str or sequence of str
        "degree" or "uniform", or both.
    jumping_knowledge : bool or sequence of bool
        Whether the read-out sums all levels.
    C : float or sequence of float
        Costs of the support vector machine; not used by the ridge.
    solver : "svm" or "ridge"
        A support vector machine, or kernel ridge regression on one-hot targets.
    ridge : "auto" or float
        Of the ridge regression, relative to the kernel's mean diagonal; "auto" picks it by
        closed-form leave-one-out.
    cv : int
        Parts of the cross-validation; not used where there is a single candidate.
    activation : str or layer
        As for :func:`widelimit.gntk`.
    seed : int
        Of the parts of the cross-validation.
    threads, memory, progress
        As for :func:`widelimit.gntk`.

    Attributes
    ----------
    classes_ : array
        The class labels.
    best_params_ : dict
        The parameters taken.
    best_score_ : float or None
        Their mean accuracy in the cross-validation; None for a single candidate.
    cv_results_ : dict of arrays
        ``mean_test_score`` and the parameters of every candidate, as in scikit-learn.
    graphs_ : Graphs
        The training graphs.

    Notes
    -----
    ``X`` is :class:`widelimit.Graphs` or a list of them; so ``cross_val_score`` and
    ``GridSearchCV`` of scikit-learn can be used.

    Examples
    --------
    >>> import numpy as np, widelimit as wl
    >>> ring = lambda n: np.roll(np.eye(n), 1, 0) + np.roll(np.eye(n), -1, 0)
    >>> path = lambda n: np.eye(n, k=1) + np.eye(n, k=-1)
    >>> graphs = wl.Graphs.from_scipy([make(n) for n in range(4, 12) for make in (ring, path)])
    >>> kinds = np.array(["ring", "path"] * 8)
    >>> model = wl.GNTKClassifier(layers=(2, 4), cv=2).fit(graphs[:12], kinds[:12])
    >>> model.predict(graphs[12:]).tolist()
    ['ring', 'path', 'ring', 'path']
    """

    def __init__(
        self,
        layers: int | Sequence[int] = (2, 4),
        mlp_layers: int | Sequence[int] = 1,
        scale: str | Sequence[str] = "degree",
        jumping_knowledge: bool | Sequence[bool] = (False, True),
        C: float | ArrayLike = (0.1, 1.0, 10.0, 100.0, 1000.0),
        *,
        solver: str = "svm",
        ridge: float | str = "auto",
        cv: int = 5,
        activation: str | Layer = "relu",
        seed: int = 0,
        threads: int | None = None,
        memory: int | str | None = None,
        progress: Progress = False,
    ):
        self.layers = layers
        self.mlp_layers = mlp_layers
        self.scale = scale
        self.jumping_knowledge = jumping_knowledge
        self.C = C
        self.solver = solver
        self.ridge = ridge
        self.cv = cv
        self.activation = activation
        self.seed = seed
        self.threads = threads
        self.memory = memory
        self.progress = progress

    def fit(self, X: Graphs | Sequence[Graphs], y: ArrayLike | None = None) -> Self:
        """Choose the parameters on the training graphs and fit them.

        ``y`` holds class labels, shape (graphs,); without it ``graph_labels`` of ``X`` are taken.
        """
        graphs = _batch(X, "X")
        given = _labels(graphs, y)
        if self.solver not in ("svm", "ridge"):
            raise ValueError(f'solver: expected "svm" or "ridge", got {self.solver!r}')
        classes, codes = np.unique(given, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                f"all {len(codes)} training graphs are of one class ({classes.tolist()[0]!r}); "
                "a classifier needs at least two classes"
            )
        costs = _costs(self.C) if self.solver == "svm" else np.array([np.nan])
        splits = None
        tried: list[dict[str, Any]] = []
        best: tuple[float, dict[str, Any], NDArray[Any]] | None = None
        many = self._count() * len(costs) > 1
        if many:
            parts = StratifiedKFold(self.cv, shuffle=True, random_state=self.seed)
            splits = list(parts.split(codes, codes))
        for parameters, kernel in self._candidates(graphs):
            scores = np.array([np.nan])
            if splits is not None:
                scores = np.mean(
                    [self._accuracies(kernel, codes, split, costs) for split in splits], axis=0
                )
            for cost, score in zip(costs, scores, strict=True):
                candidate = dict(parameters)
                if self.solver == "svm":
                    candidate["C"] = float(cost)
                tried.append({**candidate, "mean_test_score": float(score)})
                # Of equal ones the first.
                if best is None or score > best[0]:
                    best = (float(score), candidate, kernel)
        if best is None:
            raise ValueError(
                "layers, mlp_layers, scale, jumping_knowledge: expected at least one of each"
            )
        score, chosen, kernel = best
        self._machine = self._solved(kernel, codes, chosen.get("C"))
        self.classes_ = classes
        self.best_params_ = chosen
        self.best_score_ = float(score) if many else None
        self.cv_results_ = {name: np.asarray([entry[name] for entry in tried]) for name in tried[0]}
        self.graphs_ = graphs
        return self

    def _count(self) -> int:
        several = (self.layers, self.mlp_layers, self.scale, self.jumping_knowledge)
        return int(np.prod([len(_listed(values)) for values in several]))

    def _candidates(self, graphs: Graphs) -> Iterator[tuple[dict[str, Any], NDArray[Any]]]:
        """Parameters and normalised kernels; those of a pass are in memory together."""
        depths, read_outs = _listed(self.layers), _listed(self.jumping_knowledge)
        if not (depths and read_outs):
            return
        for mlp, scale in itertools.product(_listed(self.mlp_layers), _listed(self.scale)):
            grid = gntk_grid(
                graphs,
                layers=depths,
                mlp_layers=mlp,
                scale=scale,
                jumping_knowledge=read_outs,
                activation=self.activation,
                normalise=True,
                threads=self.threads,
                memory=self.memory,
                progress=self.progress,
            )
            for depth, jumping in itertools.product(depths, read_outs):
                parameters = {"layers": depth, "mlp_layers": mlp, "scale": scale}
                yield {**parameters, "jumping_knowledge": bool(jumping)}, grid[depth, bool(jumping)]

    def _accuracies(
        self,
        kernel: NDArray[Any],
        codes: NDArray[np.int64],
        split: tuple[NDArray[np.int64], NDArray[np.int64]],
        costs: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        train, test = split
        own, cross = kernel[np.ix_(train, train)], kernel[np.ix_(test, train)]
        machines = (self._solved(own, codes[train], cost) for cost in costs)
        return np.array([np.mean(_predicted(m, cross) == codes[test]) for m in machines])

    def _solved(self, kernel: NDArray[Any], codes: NDArray[np.int64], cost: float | None) -> Any:
        if self.solver == "svm":
            return SVC(C=cost, kernel="precomputed").fit(kernel, codes)
        targets = np.eye(codes.max() + 1)[codes]
        return kernel_ridge(kernel, targets, self.ridge, threads=self.threads)

    def _cross(self, X: Graphs | Sequence[Graphs]) -> NDArray[Any]:
        check_is_fitted(self)
        kernel = {name: value for name, value in self.best_params_.items() if name != "C"}
        return gntk(
            _batch(X, "X"),
            self.graphs_,
            activation=self.activation,
            normalise=True,
            threads=self.threads,
            memory=self.memory,
            progress=self.progress,
            **kernel,
        )

    def decision_function(self, X: Graphs | Sequence[Graphs]) -> NDArray[Any]:
        """Scores: (n, classes), or for two classes (n,), positive for the second."""
        cross = self._cross(X)
        if not isinstance(self._machine, RidgeSolution):
            return self._machine.decision_function(cross)
        scores = self._machine.mean + cross @ self._machine.dual
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: Graphs | Sequence[Graphs]) -> NDArray[Any]:
        """Predict class labels."""
        cross = self._cross(X)
        return self.classes_[_predicted(self._machine, cross)]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "graphs_")


def _labels(graphs: Graphs, y: ArrayLike | None) -> NDArray[Any]:
    """Class labels as scikit-learn checks them, one a graph."""
    wanted = graphs.graph_labels if y is None else y
    if wanted is None:
        raise ValueError("y: expected class labels, and the graphs have no graph_labels")
    _refuse_masked(wanted, "y")
    given: NDArray[Any] = column_or_1d(wanted, warn=True)
    if given.shape != (len(graphs),):
        raise ValueError(f"y: expected shape ({len(graphs)},), got {given.shape}")
    assert_all_finite(given, input_name="y")
    check_classification_targets(given)
    return given


def _predicted(machine: Any, cross: NDArray[Any]) -> NDArray[np.int64]:
    """Codes of classes from the kernel between new and training graphs."""
    if isinstance(machine, RidgeSolution):
        winners: NDArray[np.int64] = (machine.mean + cross @ machine.dual).argmax(axis=1)
        return winners
    found: NDArray[np.int64] = machine.predict(cross)
    return found


def _listed(values: Any) -> list[Any]:
    """Several values as a list, one value as a list of one."""
    if isinstance(values, (str, bool, np.bool_)) or not isinstance(values, Iterable):
        return [values]
    return list(values)


def _costs(given: Any) -> NDArray[np.float64]:
    costs = np.asarray(_listed(given), dtype=np.float64)
    if not (costs.size and np.isfinite(costs).all() and (costs > 0).all()):
        raise ValueError(f"C: expected positive numbers, got {given!r}")
    return costs
