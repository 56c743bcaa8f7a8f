"""Layers: what a network is made of.

Every class stands for one layer of the JSON description and has its parameters; a list of them
makes a :class:`widelimit.Network`. Parameters are checked when the network is built.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

import numpy as np

Padding = Literal["SAME", "VALID", "CIRCULAR"]


@dataclass(frozen=True)
class Layer:
    """Base of all layers."""

    layer: ClassVar[str]

    def __post_init__(self) -> None:
        # Layers with equal parameters are equal and hash alike, however the parameters came.
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, (list, tuple, np.ndarray)):
                object.__setattr__(self, field.name, _frozen(value))

    def to_dict(self) -> dict[str, Any]:
        """Return the layer as it stands in the JSON description."""
        described: dict[str, Any] = {"layer": self.layer}
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None:
                described[field.name] = _describe(value)
        return described


def _frozen(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _frozen(value.tolist())
    return tuple(map(_frozen, value)) if isinstance(value, (list, tuple)) else value


def _describe(value: Any) -> Any:
    """Return a layer, or a parameter of one, as it stands in the JSON description."""
    if isinstance(value, Layer):
        return value.to_dict()
    if isinstance(value, dict):
        return {key: _describe(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_describe(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


# Layers with weights.


@dataclass(frozen=True)
class Dense(Layer):
    """Fully connected layer: ``K <- w_std^2 K + b_std^2``, ``T <- K + w_std^2 T``.

    Parameters
    ----------
    w_std, b_std : float
        Standard deviations of weights (before the fan-in scaling) and biases; 0 is no bias.
    width : int
        Output channels; they enter only ``parameterization="standard"`` and concatenation.
    parameterization : "ntk" or "standard"
        Scaling of the weights.
    s : pair of float, optional
        Width multipliers of input and output in the standard parameterisation.
    trainable : bool
        Whether the layer's own term enters the NTK.
    """

    layer: ClassVar[str] = "dense"
    w_std: float = 1.0
    b_std: float | None = 0.0
    width: int = 1
    parameterization: Literal["ntk", "standard"] | None = None
    s: Sequence[float] | None = None
    trainable: bool | None = None


@dataclass(frozen=True)
class Conv(Layer):
    """Convolution with shared weights; ``filter`` and ``strides`` per spatial axis."""

    layer: ClassVar[str] = "conv"
    filter: Sequence[int] = (3, 3)
    strides: Sequence[int] = (1, 1)
    padding: Padding = "SAME"
    w_std: float = 1.0
    b_std: float | None = 0.0
    width: int = 1
    parameterization: Literal["ntk", "standard"] | None = None
    s: Sequence[float] | None = None
    trainable: bool | None = None


@dataclass(frozen=True)
class ConvTranspose(Conv):
    """Transposed convolution."""

    layer: ClassVar[str] = "conv_transpose"


@dataclass(frozen=True)
class ConvLocal(Conv):
    """Locally connected layer: own weights and bias at every output position."""

    layer: ClassVar[str] = "conv_local"


@dataclass(frozen=True)
class GlobalSelfAttention(Layer):
    """Global self-attention with tied keys and queries and linear scaling."""

    layer: ClassVar[str] = "global_self_attention"
    w_key_std: float = 1.0
    w_query_std: float = 1.0
    w_value_std: float = 1.0
    w_out_std: float = 1.0
    b_std: float | None = 0.0
    mechanism: Literal["SOFTMAX", "IDENTITY", "RELU", "ABS"] = "SOFTMAX"
    width: int = 1
    key_width: int = 1
    value_width: int = 1
    heads: int = 1
    trainable: bool | None = None


# Layers without weights.


@dataclass(frozen=True)
class AvgPool(Layer):
    """Average over windows."""

    layer: ClassVar[str] = "avg_pool"
    window: Sequence[int] = (2, 2)
    strides: Sequence[int] = (2, 2)
    padding: Padding = "VALID"
    normalize_edges: bool | None = None


@dataclass(frozen=True)
class SumPool(Layer):
    """Sum over windows."""

    layer: ClassVar[str] = "sum_pool"
    window: Sequence[int] = (2, 2)
    strides: Sequence[int] = (2, 2)
    padding: Padding = "VALID"


@dataclass(frozen=True)
class GlobalAvgPool(Layer):
    """Average over all positions."""

    layer: ClassVar[str] = "global_avg_pool"


@dataclass(frozen=True)
class GlobalSumPool(Layer):
    """Sum over all positions."""

    layer: ClassVar[str] = "global_sum_pool"


@dataclass(frozen=True)
class Flatten(Layer):
    """Positions become channels."""

    layer: ClassVar[str] = "flatten"


@dataclass(frozen=True)
class LayerNorm(Layer):
    """Division by the root mean square over ``axes`` ("channel", "spatial")."""

    layer: ClassVar[str] = "layer_norm"
    axes: Sequence[str] = ("channel",)
    eps: float = 1e-12


@dataclass(frozen=True)
class Dropout(Layer):
    """Dropout: in ``train`` mode a unit compared with itself counts ``1 / keep_rate``."""

    layer: ClassVar[str] = "dropout"
    keep_rate: float = 0.5
    mode: Literal["train", "test"] = "train"


@dataclass(frozen=True)
class Identity(Layer):
    """Copies its input."""

    layer: ClassVar[str] = "identity"


@dataclass(frozen=True)
class Aggregate(Layer):
    """Multiplication by the adjacency matrix of a graph."""

    layer: ClassVar[str] = "aggregate"


@dataclass(frozen=True)
class Residual(Layer):
    """``body(x) + shortcut(x)``; an empty list is the identity."""

    layer: ClassVar[str] = "residual"
    body: Sequence[Layer | dict[str, Any]] = ()
    shortcut: Sequence[Layer | dict[str, Any]] = ()


@dataclass(frozen=True)
class Parallel(Layer):
    """Branches of the same input, joined by ``combine``."""

    layer: ClassVar[str] = "parallel"
    branches: Sequence[Sequence[Layer | dict[str, Any]]] = ()
    combine: Literal["sum", "concat", "product"] = "sum"


# Activations with a closed-form dual.


@dataclass(frozen=True)
class Relu(Layer):
    """``max(x, 0)``."""

    layer: ClassVar[str] = "relu"


@dataclass(frozen=True)
class LeakyRelu(Layer):
    """``max(x, 0) + alpha min(x, 0)``."""

    layer: ClassVar[str] = "leaky_relu"
    alpha: float = 0.01


@dataclass(frozen=True)
class ABRelu(Layer):
    """``a min(x, 0) + b max(x, 0)``."""

    layer: ClassVar[str] = "abrelu"
    a: float = 0.0
    b: float = 1.0


@dataclass(frozen=True)
class Abs(Layer):
    """``|x|``."""

    layer: ClassVar[str] = "abs"


@dataclass(frozen=True)
class Sign(Layer):
    """``sign(x)``; its derivative counts as 0."""

    layer: ClassVar[str] = "sign"


@dataclass(frozen=True)
class Step(Layer):
    """1 for positive x, else 0; its derivative counts as 0."""

    layer: ClassVar[str] = "step"


@dataclass(frozen=True)
class RectifiedMonomial(Layer):
    """``x^degree`` for ``x >= 0``, else 0."""

    layer: ClassVar[str] = "rectified_monomial"
    degree: int = 1


@dataclass(frozen=True)
class Monomial(Layer):
    """``x^degree``."""

    layer: ClassVar[str] = "monomial"
    degree: int = 1


@dataclass(frozen=True)
class Polynomial(Layer):
    """``sum_k coef[k] x^k``."""

    layer: ClassVar[str] = "polynomial"
    coef: Sequence[float] = (0.0, 1.0)


@dataclass(frozen=True)
class Hermite(Layer):
    """``He_degree(x) / sqrt(degree!)``."""

    layer: ClassVar[str] = "hermite"
    degree: int = 1


@dataclass(frozen=True)
class Erf(Layer):
    """``a erf(b x) + c``."""

    layer: ClassVar[str] = "erf"
    a: float = 1.0
    b: float = 1.0
    c: float = 0.0


@dataclass(frozen=True)
class SigmoidLike(Layer):
    """``erf(x / 2.402) / 2 + 1/2``, the usual stand-in for the logistic sigmoid."""

    layer: ClassVar[str] = "sigmoid_like"


@dataclass(frozen=True)
class Probit(Layer):
    """The normal distribution function."""

    layer: ClassVar[str] = "probit"


@dataclass(frozen=True)
class Gelu(Layer):
    """``x Phi(x)``, the exact form."""

    layer: ClassVar[str] = "gelu"


@dataclass(frozen=True)
class Sin(Layer):
    """``a sin(b x + c)``."""

    layer: ClassVar[str] = "sin"
    a: float = 1.0
    b: float = 1.0
    c: float = 0.0


@dataclass(frozen=True)
class Cos(Layer):
    """``a cos(b x + c)``."""

    layer: ClassVar[str] = "cos"
    a: float = 1.0
    b: float = 1.0
    c: float = 0.0


@dataclass(frozen=True)
class Rbf(Layer):
    """``sqrt(2) sin(sqrt(2 gamma) x + pi/4)``: its dual is ``exp(-gamma |u - v|^2)``."""

    layer: ClassVar[str] = "rbf"
    gamma: float = 1.0


@dataclass(frozen=True)
class Exp(Layer):
    """``a exp(b x)``."""

    layer: ClassVar[str] = "exp"
    a: float = 1.0
    b: float = 1.0


@dataclass(frozen=True)
class Gaussian(Layer):
    """``a exp(b x^2)``, ``b < 0``."""

    layer: ClassVar[str] = "gaussian"
    a: float = 1.0
    b: float = -1.0


@dataclass(frozen=True)
class Gabor(Layer):
    """``exp(-x^2) sin(x)``."""

    layer: ClassVar[str] = "gabor"


@dataclass(frozen=True)
class Elu(Layer):
    """``x`` for positive x, else ``alpha (exp(x) - 1)``."""

    layer: ClassVar[str] = "elu"
    alpha: float = 1.0


@dataclass(frozen=True)
class Celu(Layer):
    """``x`` for positive x, else ``alpha (exp(x / alpha) - 1)``."""

    layer: ClassVar[str] = "celu"
    alpha: float = 1.0


@dataclass(frozen=True)
class Selu(Layer):
    """The self-normalising scaled ELU."""

    layer: ClassVar[str] = "selu"


@dataclass(frozen=True)
class Relu6(Layer):
    """``min(max(x, 0), 6)``."""

    layer: ClassVar[str] = "relu6"


@dataclass(frozen=True)
class HardTanh(Layer):
    """``min(max(x, -1), 1)``."""

    layer: ClassVar[str] = "hard_tanh"


@dataclass(frozen=True)
class HardSigmoid(Layer):
    """``min(max(x / 6 + 1/2, 0), 1)``."""

    layer: ClassVar[str] = "hard_sigmoid"


@dataclass(frozen=True)
class Snake(Layer):
    """``x + sin^2(a x) / a``."""

    layer: ClassVar[str] = "snake"
    a: float = 1.0


@dataclass(frozen=True)
class ExpNormalized(Layer):
    """A kernel without a function: ``r exp(gamma (q12 / r + shift))``, ``r = sqrt(q11 q22)``."""

    layer: ClassVar[str] = "exp_normalized"
    gamma: float = 1.0
    shift: float = -1.0


# Activations through their Hermite coefficients.


@dataclass(frozen=True)
class Tanh(Layer):
    """``tanh(x)``."""

    layer: ClassVar[str] = "tanh"


@dataclass(frozen=True)
class Sigmoid(Layer):
    """``1 / (1 + exp(-x))``."""

    layer: ClassVar[str] = "sigmoid"


@dataclass(frozen=True)
class Softplus(Layer):
    """``log(1 + exp(x))``."""

    layer: ClassVar[str] = "softplus"


@dataclass(frozen=True)
class Swish(Layer):
    """``x / (1 + exp(-x))``, also called SiLU."""

    layer: ClassVar[str] = "swish"


@dataclass(frozen=True)
class Mish(Layer):
    """``x tanh(log(1 + exp(x)))``."""

    layer: ClassVar[str] = "mish"


@dataclass(frozen=True)
class Softsign(Layer):
    """``x / (1 + |x|)``."""

    layer: ClassVar[str] = "softsign"


@dataclass(frozen=True)
class LogSigmoid(Layer):
    """``-log(1 + exp(-x))``."""

    layer: ClassVar[str] = "log_sigmoid"


@dataclass(frozen=True)
class GeluTanh(Layer):
    """The tanh approximation of GELU."""

    layer: ClassVar[str] = "gelu_tanh"


@dataclass(frozen=True)
class Arctan(Layer):
    """``arctan(x)``."""

    layer: ClassVar[str] = "arctan"


@dataclass(frozen=True)
class Numerical(Layer):
    """Any function: a known one by name, or a Python callable.

    Parameters
    ----------
    function : str or callable
        A callable gets a float64 array and returns one of the same shape.
    kinks : sequence of float
        Points where a callable or its derivative jumps; quadrature is split there.
    degree : int, optional
        Kept for compatibility of descriptions; the engine picks its own accuracy.

    Examples
    --------
    >>> import numpy as np, widelimit as wl
    >>> net = wl.Network([wl.Dense(), wl.Numerical(np.arctan), wl.Dense()])
    """

    layer: ClassVar[str] = "numerical"
    function: str | Callable[[np.ndarray], np.ndarray] = "tanh"
    kinks: Sequence[float] | None = None
    degree: int | None = None


__all__ = sorted(
    name
    for name, item in list(globals().items())
    if isinstance(item, type) and issubclass(item, Layer)
)
