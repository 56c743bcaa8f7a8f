"""What a model file keeps for the estimators: types and parameters that the core knows not of.

Notes are text by name, each a JSON value; a reader that does not know one passes over it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

_T = TypeVar("_T")

# Parameters that are told by JSON; the network stands in the file itself.
PARAMETERS = (
    "ridge",
    "solver",
    "dim",
    "tol",
    "method",
    "seed",
    "max_seconds",
    "amplitude",
    "threads",
    "memory",
    "progress",
)

_LARGEST = np.iinfo(np.int64).max


def of_parameters(given: dict[str, Any]) -> dict[str, str]:
    """Constructor parameters; callables are left out, and so is a network that is no name."""
    kept: dict[str, Any] = {}
    for name in PARAMETERS:
        value = given.get(name)
        value = value.item() if isinstance(value, np.generic) else value
        if name in given and isinstance(value, (str, int, float, type(None))):
            kept[name] = value
    if isinstance(given["net"], (str, type(None))):
        kept["net"] = given["net"]
    return {"parameters": json.dumps(kept)}


def of_classes(classes: NDArray[Any]) -> dict[str, str]:
    """Class labels with their type."""
    values = classes.tolist()
    for value in values:
        if not isinstance(value, (str, int, float)):
            raise ValueError(
                f"a file cannot hold the class label {value!r} ({type(value).__name__}); "
                "pickle can, or use numbers or text"
            )
    return {"classes": json.dumps({"dtype": classes.dtype.str, "values": values})}


def classes_of(described: Any, count: int) -> NDArray[Any]:
    """Class labels as :func:`of_classes` described them."""
    values = described["values"]
    if len(values) != count:
        raise ValueError(f"{len(values)} class labels for {count} classes")
    classes = np.empty(count, dtype=np.dtype(described["dtype"]))
    classes[:] = values
    return classes


def labels_for_core(classes: NDArray[Any]) -> list[Any]:
    """Class labels as the core keeps them: booleans, whole numbers, or text."""
    values = classes.tolist()
    if all(isinstance(value, bool) for value in values):
        return values
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        whole = [int(value) for value in values if abs(value) <= _LARGEST and value == int(value)]
        if len(whole) == len(values):
            return whole
    return [str(value) for value in values]


def read(notes: dict[str, str], name: str, parse: Callable[[Any], _T], path: str) -> _T | None:
    """Return a note, parsed, or None where the file has none."""
    if name not in notes:
        return None
    try:
        return parse(json.loads(notes[name]))
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ValueError(f"{path}: its note {name!r} is damaged: {error}") from error
