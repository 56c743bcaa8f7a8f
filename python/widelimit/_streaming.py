"""Ridge regression and classification on rows that come in blocks."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelimit import _core, _notes
from widelimit._blocks import Blockwise
from widelimit._stream import check_finite

if TYPE_CHECKING:
    from typing_extensions import Self

# After the base, which says what to install where scikit-learn is missing.
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

_PARAMETERS = """
    Parameters
    ----------
    ridge : "auto" or float
        Ridge relative to the mean squared norm of the rows; "auto" picks it by generalised
        cross-validation.
    centre : True, False or "both"
        What is subtracted before solving: the mean of the targets, nothing, or the means of
        targets and features (an intercept that the ridge does not shrink; the unit of relative
        ridges is then the mean squared norm of the centred rows).
"""

_MORE_PARAMETERS = """    feature_map : object with ``transform``, optional
        Maps inputs to rows of features, such as a :class:`widelimit.FeatureMap` or a transformer
        of scikit-learn. One that is fitted is taken as it is; one that is not is copied, and the
        copy fitted to the inputs of ``fit`` or of the first ``partial_fit``. A clone of an
        estimator clones its map, and a cloned transformer is not fitted: inside of
        ``cross_val_score`` it is fitted to each training set. None: the rows are features.
    threads : int, optional
        Number of threads, all cores by default; results do not depend on it.

    Attributes
    ----------
    rows_ : int
        Rows taken in.
    feature_map_ : object or None
        The map used: ``feature_map``, or the copy of it that was fitted.
    coef_, intercept_ : array, float or array
        ``z @ coef_ + intercept_`` is the prediction.
    ridge_ : float
        The relative ridge used.
    path_ : dict or None
        The ridges tried: arrays ``ridge``, ``gcv``, ``mse``, ``degrees``.
    effective_dimension_ : float or None
        Degrees of freedom of the features at that ridge, where the spectrum was computed:
        with ``ridge="auto"`` and up to 3000 features. Beyond, ``path_`` has estimates.
    diagnostics_ : dict
        Condition, jitter and residual of the solve.
"""


class StreamingRidge(RegressorMixin, Blockwise):
    __doc__ = f"""Ridge regression on rows that come in blocks.

One pass gathers the second moments of ``p`` features: ``n p^2`` multiply-adds for ``n`` rows, and
``p^2`` numbers of memory whatever ``n``. The result has the same bits however the rows are cut into
calls and on any number of threads. Attributes solve when they are asked for, and again after
further rows.
{_PARAMETERS}{_MORE_PARAMETERS}
    References
    ----------
    T. Chan, G. Golub, R. LeVeque, "Algorithms for computing the sample variance: analysis and
    recommendations", The American Statistician 37, 1983.
    G. Golub, M. Heath, G. Wahba, "Generalized cross-validation as a method for choosing a good
    ridge parameter", Technometrics 21, 1979.

    Examples
    --------
    >>> import numpy as np, widelimit as wl
    >>> model = wl.StreamingRidge(ridge=1e-9, centre="both")
    >>> for start in range(0, 3000, 500):
    ...     z = np.arange(start, start + 500)[:, None] / 1000
    ...     model = model.partial_fit(z, 2 * z[:, 0] - 1)
    >>> model.rows_, model.coef_.round(6).tolist(), round(model.intercept_, 6)
    (3000, [2.0], -1.0)
    """

    _single: bool
    _outputs: int

    def _empty(self, features: int) -> _core.Gathered:
        return _core.Gathered.regression(features, self._outputs)

    def _take(
        self,
        into: _core.Gathered | _core.SecondPass,
        z: NDArray[Any],
        targets: NDArray[Any],
        weights: NDArray[np.float64] | None,
    ) -> None:
        into.accumulate(z, targets, weights, self.threads)

    def _checked_targets(self, y: ArrayLike, rows: int, first: int) -> NDArray[Any]:
        targets = _numbers(np.asarray(y))
        if targets.ndim not in (1, 2) or len(targets) != rows:
            raise ValueError(
                f"y: expected shape ({rows},) or ({rows}, outputs), got {targets.shape}"
            )
        columns = targets.reshape(rows, -1).astype(np.float64, copy=False)
        if hasattr(self, "_moments") and columns.shape[1] != self._outputs:
            raise ValueError(f"y: expected {self._outputs} outputs, got {columns.shape[1]}")
        check_finite(columns, "y", first)
        if not hasattr(self, "_moments"):
            self._single, self._outputs = targets.ndim == 1, columns.shape[1]
        return columns

    def _forget(self) -> None:
        super()._forget()
        for name in ("_single", "_outputs"):
            self.__dict__.pop(name, None)

    def _shaped_weights(self, values: NDArray[np.float64]) -> Any:
        if not self._single:
            return values
        return values[:, 0] if values.ndim == 2 else float(values[0])

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Predict targets, shape (n,) or (n, outputs) as in ``partial_fit``."""
        scores = self._scores(X)
        return scores[:, 0] if self._single else scores

    def _notes(self) -> dict[str, str]:
        return {**super()._notes(), "single_target": json.dumps(self._single)}

    def _read_notes(self, notes: dict[str, str], file: str) -> None:
        super()._read_notes(notes, file)
        self._outputs = self._moments.outputs()
        single = _notes.read(notes, "single_target", bool, file)
        self._single = self._outputs == 1 if single is None else single

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags


class StreamingClassifier(ClassifierMixin, Blockwise):
    __doc__ = f"""Classification of rows that come in blocks, by regression on one-hot targets.

Costs and guarantees are those of :class:`StreamingRidge`. The classes and their weights have to be
known before the first row.
{_PARAMETERS}    classes : array of labels, optional
        All classes; needed by ``partial_fit``, unless its first call is given them.
    class_weight : None, "balanced" or dict
        Weights of rows by their class; classes that a dict leaves out weigh 1. "balanced" lets
        every class count the same, which takes ``class_counts``.
    class_counts : dict, or array in the order of ``classes_``, optional
        Rows of each class that will come; only their ratios matter.
{_MORE_PARAMETERS}    classes_ : array
        The class labels, sorted.
    class_counts_ : array
        Rows taken in of each class.

    Examples
    --------
    >>> import numpy as np, widelimit as wl
    >>> model = wl.StreamingClassifier(classes=["right", "up"], ridge=1e-3)
    >>> model = model.partial_fit([[0.0, 1.0], [0.1, 1.0]], ["up", "up"])
    >>> model = model.partial_fit([[1.0, 0.0], [1.0, 0.1]], ["right", "right"])
    >>> model.predict([[0.2, 0.9], [0.9, 0.2]]).tolist()
    ['up', 'right']
    """

    # Rows of each class as ``fit`` counted them.
    _counts: Mapping[Any, int] | None = None

    def __init__(
        self,
        ridge: float | str = "auto",
        centre: bool | str = True,
        *,
        classes: ArrayLike | None = None,
        class_weight: str | Mapping[Any, float] | None = None,
        class_counts: Mapping[Any, int] | Sequence[int] | None = None,
        feature_map: Any = None,
        threads: int | None = None,
    ):
        super().__init__(ridge, centre, feature_map=feature_map, threads=threads)
        self.classes = classes
        self.class_weight = class_weight
        self.class_counts = class_counts

    def _empty(self, features: int) -> _core.Gathered:
        weights = self._class_weights(self.classes_.tolist())
        return _core.Gathered.classes(features, len(self.classes_), weights)

    def _class_weights(self, labels: list[Any]) -> list[float] | None:
        if self.class_weight is None:
            return None
        if isinstance(self.class_weight, Mapping):
            _known_labels(self.class_weight, labels, "class_weight")
            return [_weight(self.class_weight.get(label, 1.0), label) for label in labels]
        if self.class_weight != "balanced":
            raise ValueError(
                f'class_weight: expected None, "balanced" or a dict, got {self.class_weight!r}'
            )
        counts = self._counts if self.class_counts is None else self.class_counts
        if counts is None:
            raise ValueError(
                'class_weight="balanced" weighs the first row already: give the rows of each class '
                "as class_counts="
            )
        if isinstance(counts, Mapping):
            _known_labels(counts, labels, "class_counts")
            counts = [counts.get(label, 0) for label in labels]
        if isinstance(counts, str) or not np.iterable(counts):
            raise TypeError(f"class_counts: expected a dict or a list of numbers, got {counts!r}")
        if len(counts) != len(labels):
            raise ValueError(f"class_counts: expected {len(labels)} numbers, got {len(counts)}")
        counted = [_count(count, label) for count, label in zip(counts, labels, strict=True)]
        return _core.balanced_class_weights(counted)

    def _take(
        self,
        into: _core.Gathered | _core.SecondPass,
        z: NDArray[Any],
        targets: NDArray[Any],
        weights: NDArray[np.float64] | None,
    ) -> None:
        into.accumulate_codes(z, targets, weights, self.threads)

    def _checked_targets(self, y: ArrayLike, rows: int, first: int) -> NDArray[Any]:
        labels = np.asarray(y)
        if labels.shape == (rows, 1):
            labels = column_or_1d(labels, warn=True)
        if labels.shape != (rows,):
            raise ValueError(f"y: expected shape ({rows},), got {labels.shape}")
        codes = {label: code for code, label in enumerate(self.classes_.tolist())}
        present, inverse = np.unique(labels, return_inverse=True)
        found = np.asarray([codes.get(label, -1) for label in present.tolist()], dtype=np.int64)
        of_rows: NDArray[np.int64] = found[inverse]
        if (found < 0).any():
            row = int(np.argmax(of_rows < 0))
            raise ValueError(
                f"y has the label {labels.tolist()[row]!r} in row {first + row}, which is "
                f"none of the classes {self.classes_.tolist()}"
            )
        return of_rows

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        classes: ArrayLike | None = None,
    ) -> Self:
        """Take a block of rows in, as :meth:`StreamingRidge.partial_fit` does.

        The first call has to know all classes: by ``classes``, or by that of the constructor.
        """
        with self._restored_on_error():
            self._know(self.classes if classes is None else classes)
            return super().partial_fit(X, y, sample_weight)

    def _know(self, classes: ArrayLike | None) -> None:
        """Begin with classes, or hold further ones against them."""
        if classes is None:
            if not hasattr(self, "classes_"):
                raise ValueError("partial_fit cannot know all classes: give them as classes=")
            return
        given = np.unique(np.asarray(classes))
        if len(given) < 2:
            raise ValueError(f"classes: a classifier needs at least two, got {given.tolist()}")
        known = self._known_classes()
        if known is not None and known.tolist() != given.tolist():
            raise ValueError(f"classes: expected {known.tolist()} as before, got {given.tolist()}")
        if not hasattr(self, "classes_"):
            self.classes_ = given

    def _known_classes(self) -> NDArray[Any] | None:
        known = getattr(self, "classes_", self.classes)
        return None if known is None else np.unique(np.asarray(known))

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Forget all rows and take these in; classes and counts are theirs where none are given."""
        return super().fit(X, y, sample_weight)

    def _foresee(self, y: ArrayLike, sample_weight: ArrayLike | None) -> None:
        labels = np.asarray(y)
        if labels.dtype.kind == "f":
            check_finite(labels, "y", 0)
        if self.classes is None:
            check_classification_targets(labels)
            self.classes_ = np.unique(labels)
            if len(self.classes_) == 1:
                raise ValueError(
                    f"all {len(labels)} training targets are of one class "
                    f"({self.classes_.tolist()[0]!r}); a classifier needs at least two classes"
                )
        weights = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        # Weights of another shape are refused later.
        if weights is not None and weights.shape == labels.shape[:1]:
            labels = labels[weights > 0]
        present, counts = np.unique(labels, return_counts=True)
        self._counts = dict(zip(present.tolist(), counts.tolist(), strict=True))

    def _forget(self) -> None:
        super()._forget()
        for name in ("classes_", "_counts"):
            self.__dict__.pop(name, None)

    @property
    def class_counts_(self) -> NDArray[np.int64]:
        """Rows taken in of each class."""
        counts = self._moments.class_counts() if hasattr(self, "_moments") else None
        return np.asarray(counts or [0] * len(self.classes_), dtype=np.int64)

    def decision_function(self, X: ArrayLike) -> NDArray[Any]:
        """Regression values: (n, classes), or for two classes (n,), positive for the second."""
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Predict class labels."""
        winners = self._scores(X).argmax(axis=1)
        return self.classes_[winners]

    def _check_merge(self, other: Self) -> None:
        super()._check_merge(other)
        known = self._known_classes()
        if known is not None and known.tolist() != other.classes_.tolist():
            raise ValueError(
                f"other: has the classes {other.classes_.tolist()}, expected {known.tolist()}"
            )
        counted = self._counts is not None or self.class_counts is not None
        if not hasattr(self, "_moments") and (self.class_weight != "balanced" or counted):
            ours = self._class_weights(other.classes_.tolist())
            theirs = other._moments.class_weights()
            if (ours or [1.0] * len(other.classes_)) != (theirs or [1.0] * len(other.classes_)):
                raise ValueError(f"other: its classes weigh {theirs}, expected {ours}")

    def _notes(self) -> dict[str, str]:
        return {**super()._notes(), **_notes.of_classes(self.classes_)}

    def _read_notes(self, notes: dict[str, str], file: str) -> None:
        super()._read_notes(notes, file)
        count = self._moments.outputs()
        classes = _notes.read(notes, "classes", lambda known: _notes.classes_of(known, count), file)
        if classes is None:
            raise ValueError(f"{file}: the labels of its {count} classes are missing")
        self.classes = self.classes_ = classes


def _numbers(targets: NDArray[Any]) -> NDArray[Any]:
    """Objects may be numbers each."""
    if targets.dtype.kind == "O":
        with contextlib.suppress(TypeError, ValueError):
            targets = targets.astype(np.float64)
    if targets.dtype.kind not in "biuf":
        raise TypeError(f"y: expected numbers, got an array of {targets.dtype}")
    return targets


def _count(given: Any, label: Any) -> int:
    try:
        count = int(given)
    except (TypeError, ValueError, OverflowError):
        count = -1
    if count < 0 or count != given:
        raise ValueError(
            f"class_counts: expected a whole number of at least 0 for the class {label!r}, got "
            f"{given!r}"
        )
    return count


def _weight(given: Any, label: Any) -> float:
    try:
        return float(given)
    except (TypeError, ValueError):
        raise TypeError(
            f"class_weight: expected a number for the class {label!r}, got {given!r}"
        ) from None


def _known_labels(given: Mapping[Any, Any], labels: list[Any], what: str) -> None:
    unknown = [label for label in given if label not in labels]
    if unknown:
        raise ValueError(f"{what}: {unknown[0]!r} is none of the classes {labels}")
