"""Neural networks of infinite width as kernels.

A network is described once; :func:`kernel` gives exact blocks of its NNGP and NTK,
:func:`plan` tells beforehand what they cost, :class:`FeatureMap` approximates them at a cost that
is linear in the number of inputs, and the estimators solve the regressions on top. :class:`Graphs`
go to :func:`gntk` and :func:`wl_kernel`.

>>> import numpy as np, widelimit as wl
>>> net = wl.Network([wl.Dense(w_std=2**0.5, b_std=0.1), wl.Relu(), wl.Dense()])
>>> wl.kernel(net, np.eye(3), get="ntk").shape
(3, 3)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from widelimit import layers as _layers
from widelimit._core import __version__
from widelimit._features import Certificate, FeatureMap, FeaturePlan
from widelimit._flow import GradientFlow
from widelimit._gntk import (
    GraphPlan,
    GraphReport,
    NodeSketch,
    gntk,
    gntk_grid,
    gntk_plan,
    gntk_to_store,
    gntk_with_report,
)
from widelimit._graphs import Graphs
from widelimit._kernel import ApproximationWarning, Kernels, Plan, diagonal, kernel, plan
from widelimit._solve import RidgeSolution, eigh, kernel_ridge
from widelimit._store import Store, kernel_to_store, merge_stores, open_store
from widelimit._wl import wl_kernel, wl_kernel_grid
from widelimit.layers import *  # noqa: F403
from widelimit.network import Network

if TYPE_CHECKING:
    from widelimit._estimators import NNGPRegressor, NTKClassifier, NTKRegressor
    from widelimit._gntk_features import GNTKFeatures
    from widelimit._graph_classifier import GNTKClassifier
    from widelimit._streaming import StreamingClassifier, StreamingRidge
    from widelimit._transformer import NeuralKernelFeatures

# Loaded on first use: they need scikit-learn, the rest only NumPy.
_LAZY = {
    "GNTKClassifier": "widelimit._graph_classifier",
    "GNTKFeatures": "widelimit._gntk_features",
    "NNGPRegressor": "widelimit._estimators",
    "NTKClassifier": "widelimit._estimators",
    "NTKRegressor": "widelimit._estimators",
    "NeuralKernelFeatures": "widelimit._transformer",
    "StreamingClassifier": "widelimit._streaming",
    "StreamingRidge": "widelimit._streaming",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})


__all__ = [
    "ApproximationWarning",
    "Certificate",
    "FeatureMap",
    "FeaturePlan",
    "GNTKClassifier",
    "GNTKFeatures",
    "GradientFlow",
    "GraphPlan",
    "GraphReport",
    "Graphs",
    "Kernels",
    "NNGPRegressor",
    "NTKClassifier",
    "NTKRegressor",
    "Network",
    "NeuralKernelFeatures",
    "NodeSketch",
    "Plan",
    "RidgeSolution",
    "Store",
    "StreamingClassifier",
    "StreamingRidge",
    "__version__",
    "diagonal",
    "eigh",
    "gntk",
    "gntk_grid",
    "gntk_plan",
    "gntk_to_store",
    "gntk_with_report",
    "kernel",
    "kernel_ridge",
    "kernel_to_store",
    "merge_stores",
    "open_store",
    "plan",
    "wl_kernel",
    "wl_kernel_grid",
    *_layers.__all__,
]
