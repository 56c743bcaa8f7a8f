"""What estimators on rows that come in blocks share: moments, their file, the lazy solution."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelimit import _core, _notes
from widelimit._holder import Holder
from widelimit._kernel import _refuse_masked, _refuse_sparse

if TYPE_CHECKING:
    from typing_extensions import Self

try:
    from sklearn.base import BaseEstimator, clone
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as missing:
    raise ImportError(
        "the estimators of widelimit need scikit-learn 1.6 or newer: "
        'pip install "widelimit[sklearn]"'
    ) from missing

# Rows that a feature map gets at a time: a block of the moments.
BLOCK = 1023

# Largest magnitude whose moments are numbers.
LARGEST = 1e60

# Features of the first row (of those with any) that a file keeps, to know the feature map again.
KEPT_FEATURES = 64

CENTRES = {True: "targets", False: "nothing", "both": "both"}


class Streaming(Holder, BaseEstimator):
    """Moments of the rows so far, their file, and the solution when it is asked for."""

    _held = "_moments"
    _passing = ("_solved",)

    def __init__(
        self,
        ridge: float | str = "auto",
        centre: bool | str = True,
        *,
        feature_map: Any = None,
        threads: int | None = None,
    ):
        self.ridge = ridge
        self.centre = centre
        self.feature_map = feature_map
        self.threads = threads

    # What a subclass says of its targets.

    def _empty(self, features: int) -> _core.Gathered:
        raise NotImplementedError

    def _take(
        self,
        into: _core.Gathered | _core.SecondPass,
        z: NDArray[Any],
        targets: NDArray[Any],
        weights: NDArray[np.float64] | None,
    ) -> None:
        raise NotImplementedError

    def _checked_targets(self, y: ArrayLike, rows: int, first: int) -> NDArray[Any]:
        raise NotImplementedError

    # Taking rows in.

    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Take a block of rows in.

        ``X`` holds rows of features, or with ``feature_map`` the inputs that it maps, 1023 at a
        time. Of a map that is not fitted yet, a copy is fitted to the inputs of the first call.
        Nothing is solved yet. Rows are checked before the first is taken in: after an error the
        moments are those of the calls before. Only a feature map that fails by itself, or Ctrl-C,
        ends a call midway; ``rows_`` tells how many of its rows were taken in by then.

        Parameters
        ----------
        X : array of shape (k, features) or (k, spatial axes.., channels)
            float32 or float64.
        y : array of shape (k,) or (k, outputs)
            Targets; for a classifier labels, shape (k,).
        sample_weight : array of shape (k,), optional
            Weights, of which only ratios matter. Rows of weight zero are checked and left out:
            they are not counted, and a call with no others takes nothing in.

        Raises
        ------
        ValueError
            For NaN and infinity, with the row counted from the beginning of the stream; for widths
            that differ from those of the calls before.
        """
        with self._restored_on_error():
            self._gather(*self._checked(X, y, sample_weight, self._seen()))
        return self

    def _checked(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, first: int
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float64] | None]:
        """Rows that count; ``first`` is the number of the first of them in the stream."""
        _refuse_masked(X, "X")
        self._refuse_targets(y)
        # Finiteness is checked below, where the number of the row in the stream is known.
        inputs = validate_data(
            self,
            X,
            reset=not hasattr(self, "n_features_in_"),
            dtype=[np.float64, np.float32],
            ensure_all_finite=False,
            allow_nd=self.feature_map is not None,
        )
        targets = self._checked_targets(y, len(inputs), first)
        weights = _checked_weights(sample_weight, len(inputs), first)
        check_finite(inputs, "X", first)
        return _weighing(inputs, targets, weights)

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Forget all rows and take these in."""
        before = dict(vars(self))
        try:
            self._forget()
            self._refuse_targets(y)
            self._foresee(y, sample_weight)
            self.partial_fit(X, y, sample_weight)
            if not self._seen():
                raise ValueError("sample_weight: all weights are zero, so that no row is left")
            return self.solve()
        except BaseException:
            self.__dict__ = before
            raise

    def _foresee(self, y: ArrayLike, sample_weight: ArrayLike | None) -> None:
        """Learn from all targets what has to be known before the first row."""

    def _refuse_targets(self, y: object) -> None:
        if y is None:
            name = type(self).__name__
            raise ValueError(f"{name} requires y to be passed, but the target y is None")
        _refuse_masked(y, "y")
        _refuse_sparse(y, "y")

    def _gather(
        self, inputs: NDArray[Any], targets: NDArray[Any], weights: NDArray[np.float64] | None
    ) -> None:
        if not len(inputs):
            return
        if self.feature_map is not None:
            self._fit_map(inputs)
        for rows, z in self._mapped_in_blocks(inputs):
            if not hasattr(self, "_moments"):
                if self.feature_map is not None:
                    # Zeros are zeros under many maps.
                    row = int(np.argmax(z[:, :KEPT_FEATURES].any(axis=1)))
                    self._first = (inputs[row].copy(), z[row, :KEPT_FEATURES].copy())
                self._moments = self._empty(z.shape[1])
            self._take(self._moments, z, targets[rows], None if weights is None else weights[rows])

    def _mapped_in_blocks(self, inputs: NDArray[Any]) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Features of some rows at a time; rows that are features already, all at once."""
        if self.feature_map is None:
            yield slice(None), inputs
            return
        for start in range(0, len(inputs), BLOCK):
            rows = slice(start, start + BLOCK)
            yield rows, self._mapped(inputs[rows])

    @property
    def feature_map_(self) -> Any:
        """The map that rows go through: the one given, or the copy of it that was fitted here."""
        return getattr(self, "_map", self.feature_map)

    def _fit_map(self, inputs: NDArray[Any]) -> None:
        check_map(self.feature_map)
        if not hasattr(self, "_moments") and not is_fitted(self.feature_map):
            self._map = clone(self.feature_map, safe=False).fit(inputs)

    def _mapped(self, inputs: NDArray[Any]) -> NDArray[Any]:
        feature_map = self.feature_map_
        if feature_map is None:
            return inputs
        check_map(feature_map)
        z = np.asarray(feature_map.transform(inputs))
        if z.ndim != 2 or len(z) != len(inputs):
            raise ValueError(
                f"feature_map: transform gave an array of shape {z.shape} for {len(inputs)} "
                "inputs, one row of features each is expected"
            )
        return z if z.dtype in (np.float32, np.float64) else z.astype(np.float64)

    @contextmanager
    def _restored_on_error(self) -> Iterator[None]:
        """Bring back what was there before an exception, unless rows were taken in."""
        before, seen = dict(vars(self)), self._seen()
        try:
            yield
        except BaseException:
            if self._seen() == seen:
                self.__dict__ = before
            raise

    def _seen(self) -> int:
        return self._moments.rows() if hasattr(self, "_moments") else 0

    def _forget(self) -> None:
        learned = ("_moments", "_first", "_map", "_solved", "n_features_in_", "feature_names_in_")
        for name in learned:
            self.__dict__.pop(name, None)

    # What came of it.

    def solve(self) -> Self:
        """Solve for the rows so far; further ones may follow.

        A given ridge takes one Cholesky factorisation of the size of the features, ``"auto"`` one
        eigendecomposition, or beyond 3000 features up to ten factorisations. Attributes and
        predictions do this by themselves where rows, ``ridge`` or ``centre`` changed.
        """
        self._solution()
        return self

    def _solution(self) -> tuple[_core.StreamingModel, dict[str, Any]]:
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(
                f"this {type(self).__name__} has seen no rows yet: call partial_fit first"
            )
        if self._seen() == 1 and (isinstance(self.ridge, str) or self.centre == "both"):
            raise ValueError(
                f"one sample is too few for ridge={self.ridge!r} and centre={self.centre!r}; "
                "expected two at least"
            )
        asked = (self._seen(), self.ridge, self.centre)
        if getattr(self, "_solved", (None,))[0] != asked:
            try:
                centre = CENTRES[self.centre]
            except (KeyError, TypeError):
                raise ValueError(
                    f'centre: expected True, False or "both", got {self.centre!r}'
                ) from None
            model = self._moments.solve(self.ridge, centre, self.threads)
            self._solved = (asked, model, model.facts())
        return self._solved[1], self._solved[2]

    @property
    def rows_(self) -> int:
        """Rows taken in."""
        return self._seen()

    @property
    def coef_(self) -> NDArray[np.float64]:
        """Weights of the features, shape (p,) or (p, outputs)."""
        return self._shaped_weights(self._solution()[1]["coef"])

    @property
    def intercept_(self) -> Any:
        """What predictions add: a number, or one for each output."""
        return self._shaped_weights(self._solution()[1]["intercept"])

    @property
    def ridge_(self) -> float:
        """The ridge used, relative to the mean squared norm of the rows."""
        return float(self._solution()[1]["ridge"])

    @property
    def path_(self) -> dict[str, NDArray[np.float64]] | None:
        """Ridges tried: arrays ``ridge``, ``gcv``, ``mse`` (on the rows seen), ``degrees``."""
        path: dict[str, NDArray[np.float64]] | None = self._solution()[1]["path"]
        return path

    @property
    def effective_dimension_(self) -> float | None:
        """Sum of ``g / (g + ridge)`` over the eigenvalues; None where they were not computed."""
        dimension: float | None = self._solution()[1]["effective_dimension"]
        return dimension

    @property
    def diagnostics_(self) -> dict[str, float]:
        """Condition, jitter and residual of the solve."""
        diagnostics: dict[str, float] = self._solution()[1]["diagnostics"]
        return diagnostics

    def _shaped_weights(self, values: NDArray[np.float64]) -> Any:
        return values

    def _scores(self, X: ArrayLike) -> NDArray[Any]:
        model, _ = self._solution()
        _refuse_masked(X, "X")
        inputs = validate_data(
            self,
            X,
            reset=False,
            dtype=[np.float64, np.float32],
            allow_nd=self.feature_map is not None,
        )
        parts = (z for _, z in self._mapped_in_blocks(inputs))
        return np.concatenate([model.predict(z, self.threads) for z in parts])

    # Joining and keeping.

    def merge(self, other: Self) -> Self:
        """Take the rows of another one in, as rows after those of this one.

        The same parts merged in the same order give the same bits, whoever gathered them.

        Raises
        ------
        ValueError
            For rows of another width, of other columns, or from another feature map; the map is
            known by its features of the other's first row.
        """
        if type(other) is not type(self):
            raise TypeError(f"other: expected {type(self).__name__}, got {type(other).__name__}")
        if not hasattr(other, "_moments"):
            return self
        self._check_merge(other)
        if hasattr(self, "_moments"):
            self._moments.merge(other._moments, self.threads)
            return self
        for name, value in vars(other).items():
            if name not in other.get_params(deep=False) and name not in self._passing:
                setattr(self, name, value)
        if not is_fitted(self.feature_map_):
            self._map = other.feature_map_
        self._moments = other._moments.copy()
        return self

    def _check_merge(self, other: Self) -> None:
        """Refuse what the moments cannot know."""
        for name in ("n_features_in_", "feature_names_in_"):
            ours, theirs = getattr(self, name, None), getattr(other, name, None)
            if ours is not None and theirs is not None and not np.array_equal(ours, theirs):
                raise ValueError(f"other: expected {name} {ours}, got {theirs}")
        mapped = hasattr(other, "_first")
        if mapped != self._maps(other):
            raise ValueError(
                f"other: its rows were {'' if mapped else 'not '}mapped by a feature map, those of "
                f"this one {'are not' if mapped else 'are'}"
            )
        if not mapped:
            return
        if is_fitted(self.feature_map_):
            self._check_rows(other, "other")
        elif other.feature_map_ is None:
            raise ValueError(
                "other: has no map any more, and feature_map of this one is not fitted"
            )
        if hasattr(self, "_first"):
            other._check_rows(self, "the stream that other is merged into")

    def _maps(self, other: Self) -> bool:
        """Are rows of this one mapped? One that is empty may lack the map if the other does."""
        if hasattr(self, "_moments"):
            return hasattr(self, "_first")
        return self.feature_map is not None or (
            other.feature_map is None and hasattr(other, "_first")
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything that was gathered to one safetensors file, whole or not at all.

        A stream that goes on from it (:meth:`load`) has the same bits as one that was never
        stopped. The feature map is not part of the file, only the first row and its first
        features, by which :meth:`load` tells another map; one that was fitted here is
        ``feature_map_``, and has to be kept beside.
        """
        if not hasattr(self, "_moments"):
            raise NotFittedError(
                f"this {type(self).__name__} has seen no rows yet: there is nothing to save"
            )
        self._moments.save(os.fspath(path), self._notes())

    def _notes(self) -> dict[str, str]:
        plain = (str, int, float, type(None), np.generic)
        known = {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in self.get_params(deep=False).items()
            if isinstance(value, plain) and name != "feature_map"
        }
        notes = {
            "estimator": json.dumps(type(self).__name__),
            "parameters": json.dumps(known),
            "inputs": json.dumps(int(self.n_features_in_)),
        }
        if hasattr(self, "feature_names_in_"):
            notes["feature_names"] = json.dumps(self.feature_names_in_.tolist())
        if hasattr(self, "_first"):
            x, z = self._first
            notes["first_row"] = json.dumps(
                {"dtype": x.dtype.name, "shape": x.shape, "x": x.ravel().tolist(), "z": z.tolist()}
            )
        return notes

    @classmethod
    def load(cls, path: str | os.PathLike[str], feature_map: Any = None) -> Self:
        """Read what :meth:`save` wrote; ``feature_map`` is the one that the rows were mapped by."""
        file = os.fspath(path)
        check_map(feature_map)
        if not is_fitted(feature_map):
            raise ValueError(
                f"feature_map: expected the map of the rows of {file}, got one that is not fitted"
            )
        moments, notes = _core.Gathered.load(file)
        found = _notes.read(notes, "estimator", str, file)
        if found != cls.__name__:
            raise ValueError(f"{file}: holds {found or 'moments'}, which is not {cls.__name__}")
        loaded = cls(feature_map=feature_map)
        _notes.read(notes, "parameters", lambda known: loaded.set_params(**known), file)
        loaded.n_features_in_ = _notes.read(notes, "inputs", int, file)
        names = _notes.read(
            notes, "feature_names", lambda known: np.asarray(known, dtype=object), file
        )
        if names is not None:
            loaded.feature_names_in_ = names
        loaded._moments = moments
        first = _notes.read(notes, "first_row", _first_row, file)
        if first is not None:
            loaded._first = first
            if feature_map is None:
                raise ValueError(f"{file}: its rows were mapped; give the map as feature_map=")
            loaded._check_rows(loaded, file)
        elif feature_map is not None:
            raise ValueError(f"{file}: its rows were not mapped, but a feature map was given")
        loaded._read_notes(notes, file)
        return loaded

    def _check_rows(self, known: Self, what: str) -> None:
        """Hold the first row of a stream against what the map of this one makes of it."""
        if self.feature_map_ is None:
            return
        x, kept = known._first
        z = self._mapped(x[None])[0]
        features = known._moments.features()
        if len(z) != features:
            raise ValueError(
                f"{what}: its rows have {features} features, the feature map gives {len(z)}"
            )
        scale = float(np.abs(kept).max())
        if not np.allclose(z[: len(kept)], kept, rtol=1e-4, atol=1e-4 * scale):
            raise ValueError(
                f"{what}: its first row has other features than the feature map gives; was it "
                "mapped with another seed or network?"
            )

    def _read_notes(self, notes: dict[str, str], file: str) -> None:
        """Restore what a subclass knows beside the moments."""

    def __sklearn_is_fitted__(self) -> bool:
        return self._seen() > 0

    @staticmethod
    def _from_bytes(content: bytes, state: dict[str, Any]) -> _core.Gathered:
        return _core.Gathered.from_bytes(content)

    def _own(self, held: _core.Gathered) -> _core.Gathered:
        return held.copy()


def _first_row(known: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    x = np.asarray(known["x"], dtype=np.dtype(known["dtype"])).reshape(known["shape"])
    return x, np.asarray(known["z"], dtype=np.float64)


def _checked_weights(given: ArrayLike | None, rows: int, first: int) -> NDArray[np.float64] | None:
    if given is None:
        return None
    weights = np.asarray(given, dtype=np.float64)
    if weights.shape != (rows,):
        raise ValueError(f"sample_weight: expected shape ({rows},), got {weights.shape}")
    check_finite(weights, "sample_weight", first)
    if (weights < 0).any():
        row = int(np.argmax(weights < 0))
        raise ValueError(
            f"sample_weight has the value {weights[row]} in row {first + row}; "
            "weights are not negative"
        )
    return weights


def _weighing(
    inputs: NDArray[Any], targets: NDArray[Any], weights: NDArray[np.float64] | None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float64] | None]:
    """Leave rows of weight zero out."""
    if weights is None or weights.all():
        return inputs, targets, weights
    kept = weights > 0
    return inputs[kept], targets[kept], weights[kept]


def check_map(feature_map: Any) -> None:
    """Refuse what cannot map, before it is asked to."""
    transform = getattr(feature_map, "transform", None)
    if feature_map is not None and (isinstance(feature_map, type) or not callable(transform)):
        raise TypeError(
            "feature_map: expected an object with transform, such as a FeatureMap, got "
            f"{feature_map!r}"
        )


def is_fitted(feature_map: Any) -> bool:
    """Whether a map can map; one that does not tell is taken for fitted."""
    if not hasattr(feature_map, "fit"):
        return True
    if hasattr(feature_map, "__sklearn_is_fitted__"):
        return bool(feature_map.__sklearn_is_fitted__())
    try:
        check_is_fitted(feature_map)
    except NotFittedError:
        return False
    except (AttributeError, TypeError):
        # It has no tags: no estimator of scikit-learn.
        return True
    return True


def check_finite(values: NDArray[Any], what: str, first: int) -> None:
    """Refuse NaN, infinities and what cannot be summed up; rows count from the stream's first."""
    for start in range(0, len(values), BLOCK):
        block = values[start : start + BLOCK]
        part = block.reshape(len(block), -1)
        # Of float32 every finite number is small enough.
        single = part.dtype == np.float32
        good = np.isfinite(part) if single else np.abs(part) <= LARGEST
        if not good.all():
            row, column = np.argwhere(~good)[0]
            value = part[row, column]
            why = "" if np.isfinite(value) else "; every entry must be finite (no NaN, no infinity)"
            why = why or f"; magnitudes up to {LARGEST:g} can be summed up"
            raise ValueError(
                f"{what} has the value {value} in row {first + start + row}, column {column}{why}"
            )
