"""How users write typed code; checked by mypy under ``--strict``, and run."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import widelimit as wl


def heard(done: int, total: int) -> None:
    """Take progress."""


x: NDArray[np.float64] = np.eye(4)
net = wl.Network([wl.Dense(b_std=0.1), wl.Residual(body=[wl.Relu(), wl.Dense()]), wl.Dense()])

one: NDArray[np.float64] = wl.kernel(net, x)
other: NDArray[np.float64] = wl.kernel(net, x, x, "nngp")
both = wl.kernel(net, x, get=("nngp", "ntk"), progress=heard)
total = float((both.nngp + both.ntk).sum())
positional = wl.kernel(net, x, None, ("ntk", "nngp")).ntk.shape
listed = wl.kernel(net, x, get=["ntk"]).ntk.shape
named = wl.kernel("mlp:1:relu", x, get=("nngp", "ntk")).nngp.sum()
single = wl.diagonal(net, x).sum()
pair = wl.diagonal(net, x, get=("nngp", "ntk"), threads=1)
spread = pair.ntk.max() - pair.nngp.min()
images: NDArray[np.float32] = np.zeros((2, 4, 4, 1), dtype=np.float32)
pixels: NDArray[np.float32] = wl.kernel(
    wl.Network([wl.Conv()]), images, get="ntk", spatial="pixel_diagonal"
)
graphs = wl.kernel(
    wl.Network([wl.Aggregate(), wl.GlobalSumPool()]),
    np.ones((2, 3, 1)),
    get=("nngp",),
    adjacency_1=np.ones((2, 3, 3)),
).nngp
axes: tuple[int, ...] = wl.plan(net, x, spatial="full").shape
cost: float = wl.plan(net, x, get=("nngp", "ntk")).seconds

model = wl.NTKRegressor(net, ridge=1e-3, progress=heard).fit(x, x[:, 0])
error: float = model.ridge_
fitted: wl.NTKRegressor = model
classes: NDArray[np.int64] = wl.NTKClassifier("mlp:1").fit(x, [0, 1, 0, 1]).classes_
process: wl.NNGPRegressor = wl.NNGPRegressor(amplitude=2.0).fit(x, x)

flow = wl.GradientFlow(net, x, x[:, 0])
mean, covariance = flow.predict(x, np.inf, return_cov=True)

features: wl.FeatureMap = wl.FeatureMap(net, dim=64, get="ntk", seed=1, progress=heard).fit(x)
mapped: NDArray[np.float64] = features.transform(x)
certificate: wl.Certificate | None = features.certificate_

molecules: wl.Graphs = wl.Graphs([0, 3, 5], [[0, 1], [1, 0]])
between: NDArray[np.float64] = wl.gntk(molecules, molecules[:1], layers=3, activation=wl.Relu())
depths = wl.gntk_grid(molecules, layers=3)[2, True].shape
price: float = wl.gntk_plan(molecules, scale="uniform").flops
classifier: wl.GNTKClassifier = wl.GNTKClassifier(2, jumping_knowledge=False, C=1.0)
