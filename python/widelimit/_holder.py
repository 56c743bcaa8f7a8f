"""Copies and pickles of objects around an object of the core."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from typing_extensions import Self


class Holder:
    """Copies share what the core fitted, which is immutable; pickles hold its bytes.

    A subclass names the attribute that it lies in, and reads its bytes.
    """

    _held: ClassVar[str]
    # Attributes that are worked out again where they are missing.
    _passing: ClassVar[tuple[str, ...]] = ()

    @staticmethod
    def _from_bytes(content: bytes, state: dict[str, Any]) -> Any:
        raise NotImplementedError

    def _own(self, held: Any) -> Any:
        """What a copy holds."""
        return held

    def __getstate__(self) -> dict[str, Any]:
        # scikit-learn has one; objects have one from Python 3.11 on.
        inherited = getattr(super(), "__getstate__", None)
        state = dict(vars(self) if inherited is None else inherited())
        for name in self._passing:
            state.pop(name, None)
        if self._held in state:
            state[self._held] = state[self._held].to_bytes()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        content = state.get(self._held)
        if isinstance(content, bytes):
            state = {**state, self._held: self._from_bytes(content, state)}
        getattr(super(), "__setstate__", vars(self).update)(state)

    def __copy__(self) -> Self:
        copied = type(self).__new__(type(self))
        vars(copied).update(vars(self))
        if self._held in vars(self):
            setattr(copied, self._held, self._own(getattr(self, self._held)))
        return copied

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        copied = type(self).__new__(type(self))
        memo[id(self)] = copied
        for name, value in vars(self).items():
            if name not in self._passing:
                own = self._own(value) if name == self._held else copy.deepcopy(value, memo)
                setattr(copied, name, own)
        return copied
