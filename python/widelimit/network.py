"""The network description."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from widelimit import _core
from widelimit.layers import Layer, _describe


class Network:
    """A checked description of a network: a list of layers.

    Parameters
    ----------
    layers : iterable of layers
        Objects of :mod:`widelimit.layers`, or dictionaries as in the JSON description.

    Raises
    ------
    ValueError
        If a parameter is out of range or a layer cannot stand where it does; the message names
        the position, as in ``layers[3].body[1]``.

    Notes
    -----
    A network is immutable, and copies of it are the network itself. It can be pickled; one that
    holds a Python function if the function can: functions of modules can, lambdas cannot.

    Examples
    --------
    >>> import widelimit as wl
    >>> net = wl.Network([wl.Dense(w_std=2**0.5), wl.Relu(), wl.Dense()])
    >>> net == wl.Network.from_json(net.to_json())
    True
    """

    def __init__(self, layers: Iterable[Layer | dict[str, Any]]):
        described = [_describe(layer) for layer in _listed(layers)]
        self._core = _core.Network(described)
        # Networks with functions have no JSON; this is what they are pickled by.
        self._described = described

    @classmethod
    def _wrap(cls, core: _core.Network) -> Network:
        network = cls.__new__(cls)
        network._core = core
        return network

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> Network:
        """Read a description from JSON text, or from a file when given a path.

        A string that starts with ``[`` or ``{`` is text; anything else is a path.
        """
        if isinstance(source, str):
            text = source.removeprefix("\ufeff")
            if not text.strip():
                raise ValueError("source: expected JSON text or a path, got an empty string")
            if _is_json(text):
                return cls._wrap(_core.Network.from_json(text))
        # Editors on Windows begin a file with a byte order mark.
        return cls._wrap(_core.Network.from_json(Path(source).read_text(encoding="utf-8-sig")))

    @classmethod
    def preset(cls, name: str) -> Network:
        """Return a network by name, such as ``"mlp:3:relu"`` or ``"myrtle5"``."""
        return cls._wrap(_core.Network.preset(name))

    def to_json(self) -> str:
        """Return the description as JSON; networks with Python callables have none."""
        return self._core.to_json()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Network):
            return NotImplemented
        return self._core == other._core

    def __hash__(self) -> int:
        return hash(str(self._core))

    def __str__(self) -> str:
        return str(self._core).rstrip()

    def __repr__(self) -> str:
        return repr(self._core)

    def __reduce__(self) -> tuple[Any, ...]:
        try:
            return (Network.from_json, (self.to_json(),))
        except ValueError:
            return (Network, (self._described,))

    def __copy__(self) -> Network:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Network:
        # Immutable, and scikit-learn's clone copies parameters deeply.
        return self


def _network_of(net: Network | str) -> Network:
    """Return the network that an argument stands for: itself, a preset's name, or JSON text."""
    if isinstance(net, Network):
        return net
    if isinstance(net, str):
        return Network.from_json(net) if _is_json(net) else Network.preset(net)
    hint = "; layers make one with Network(layers)" if isinstance(net, (list, tuple)) else ""
    raise TypeError(
        f"net: expected a Network, a preset's name or JSON text, got {type(net).__name__}{hint}"
    )


def _core_of(net: Network | str) -> _core.Network:
    """Return the compiled half of the network that an argument stands for."""
    return _network_of(net)._core


def _is_json(text: str) -> bool:
    return text.lstrip("\ufeff \t\r\n").startswith(("[", "{"))


def _listed(layers: Iterable[Any]) -> list[Any]:
    if isinstance(layers, (str, bytes, dict)):
        raise TypeError(
            f"expected a list of layers, got {type(layers).__name__}; "
            "JSON text goes to Network.from_json"
        )
    return list(layers)
