"""Passes over rows that come in blocks: one with a file to go on from, one for leave-one-out."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelimit import _notes
from widelimit._stream import CENTRES, Streaming, is_fitted

if TYPE_CHECKING:
    from typing_extensions import Self


class Blockwise(Streaming):
    """What estimators on moments do with an iterable of blocks."""

    # Rows of an iterable that were passed, those of weight zero too.
    _passed = 0

    def fit_blocks(
        self,
        blocks: Iterable[Sequence[ArrayLike]],
        *,
        state: str | os.PathLike[str] | None = None,
        pause: float = 60.0,
    ) -> Self:
        """Take rows in from an iterable of blocks ``(X, y)`` or ``(X, y, sample_weight)``.

        Rows that were taken in before stay. With ``state``, a file, what was gathered is saved
        every ``pause`` seconds and when the iteration ends, however it ends. Where the file is
        there already, an estimator without rows goes on from it: the iterable has to begin with
        the same rows again, which are passed over. The result has the same bits as one that was
        never stopped. A map that is not fitted cannot be found again from a file: with ``state``
        it is refused.

        Raises
        ------
        ValueError
            As :meth:`partial_fit` and :meth:`load`; for blocks that end before the rows of the
            file do.
        """
        path = None if state is None else os.fspath(state)
        passed = saved = self._resume(path)
        ended, then = 0, time.monotonic()
        try:
            for block in blocks:
                x, y, weights = _block(block)
                known = max(0, passed - ended)
                ended += len(x)
                if ended <= passed:
                    continue
                left = None if weights is None else weights[known:]
                self.partial_fit(x[known:], y[known:], left)
                self._passed = ended
                if path is not None and time.monotonic() - then >= pause:
                    self.save(path)
                    saved, then = ended, time.monotonic()
        finally:
            if path is not None and hasattr(self, "_moments") and self._passed > saved:
                self.save(path)
        if ended < passed:
            raise ValueError(f"{path}: holds {passed} rows, but the blocks have {ended}")
        return self

    def _resume(self, path: str | None) -> int:
        """Rows of the blocks that a file has; they are loaded."""
        if path is None:
            return 0
        if not is_fitted(self.feature_map):
            raise ValueError(
                "feature_map: expected one that is fitted, since a state cannot be continued "
                "without it"
            )
        if not os.path.exists(path):
            return 0
        if hasattr(self, "_moments"):
            raise ValueError(f"{path}: is there already, but this estimator has rows of its own")
        loaded = type(self).load(path, self.feature_map)
        given = self.get_params(deep=False)
        for name, value in vars(loaded).items():
            if name not in given:
                setattr(self, name, value)
        return self._passed

    def leave_one_out(
        self,
        blocks: Iterable[Sequence[ArrayLike]],
        ridges: Sequence[float] | None = None,
    ) -> dict[str, NDArray[np.float64]]:
        """Exact leave-one-out errors, from a second pass over the same rows in the same order.

        Each row is predicted by the model that all other rows give. The result does not change
        the estimator: ``set_params(ridge=...)`` takes a ridge.

        Parameters
        ----------
        blocks : iterable of ``(X, y)`` or ``(X, y, sample_weight)``
            All rows that were taken in, cut anyhow. One pass takes as long as the first, after one
            eigendecomposition of the size of the features.
        ridges : sequence of float, optional
            Ridges relative to the mean squared norm of the rows; those that ``ridge="auto"`` goes
            through by default.

        Returns
        -------
        dict
            Arrays ``ridge`` (ascending), ``mse`` and, for a classifier, ``error_rate``.
        """
        self._solution()
        centre = CENTRES[self.centre]
        chosen = None if ridges is None else [float(ridge) for ridge in ridges]
        second = self._moments.second_pass(chosen, centre, self.threads)
        seen = 0
        for block in blocks:
            inputs, targets, weights = self._checked(*_block(block), seen)
            seen += len(inputs)
            for rows, z in self._mapped_in_blocks(inputs):
                self._take(second, z, targets[rows], None if weights is None else weights[rows])
        return second.finish(self.threads)

    def _forget(self) -> None:
        super()._forget()
        self.__dict__.pop("_passed", None)

    def _notes(self) -> dict[str, str]:
        passed = {"passed": json.dumps(self._passed)} if self._passed else {}
        return {**super()._notes(), **passed}

    def _read_notes(self, notes: dict[str, str], file: str) -> None:
        super()._read_notes(notes, file)
        self._passed = _notes.read(notes, "passed", int, file) or 0


def _block(block: Sequence[ArrayLike]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]:
    """Inputs, targets and, where there are some, weights."""
    if not isinstance(block, (tuple, list)) or len(block) not in (2, 3):
        raise TypeError(
            "blocks: expected pairs (X, y) or triples (X, y, sample_weight), got "
            f"{type(block).__name__}"
        )
    inputs, targets, *weights = (None if part is None else np.asarray(part) for part in block)
    if inputs is None or targets is None:
        raise TypeError("blocks: expected arrays X and y, got None")
    return inputs, targets, weights[0] if weights else None
