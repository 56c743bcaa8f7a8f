"""Features of graphs whose products stand for the graph neural tangent kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from widelimit import _core
from widelimit._features import CERTIFIED, Certificate, _seed_of, _whole
from widelimit._gntk import Scale, _Recipe
from widelimit._graphs import Graphs, _batch, _core_of
from widelimit._kernel import Progress
from widelimit.layers import Layer

try:
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
    from sklearn.utils.validation import check_is_fitted
except ImportError as missing:
    raise ImportError(
        'GNTKFeatures needs scikit-learn 1.6 or newer: pip install "widelimit[sklearn]"'
    ) from missing

if TYPE_CHECKING:
    from typing_extensions import Self


class GNTKFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Features ``z(G)`` whose products ``z(G) @ z(H)`` stand for the graph neural tangent kernel.

    Every node carries features of the network's covariance and tangent kernel; a level multiplies
    them by the sparse matrix of the graph and makes new ones behind each activation, and the
    read-out sums over nodes. The cost grows with nodes and edges, where that of :func:`gntk` grows
    with the pairs of graphs; ``z @ z.T`` is positive semidefinite.

    Parameters
    ----------
    layers : int
        Levels, that of the features counted: 1 aggregates once and has no activation.
    mlp_layers : int
        Fully connected layers at each level.
    scale : "degree" or "uniform"
        Whether the sum over a neighbourhood becomes a mean.
    jumping_knowledge : bool
        Whether the read-out sums all levels.
    activation : str or layer
        As in ``"relu"``, ``"tanh"`` or ``wl.LeakyRelu(0.1)``, normalised to a second moment of 1.
    dim : int
        Number of features.
    method : "centred", "random" or "polynomial"
        How an activation makes features: "centred" takes its constant and its line exactly and
        samples the rest; "random" samples all of it; "polynomial", or "polynomial:12" for a degree,
        sketches powers.
    random_state : int, Generator, RandomState or None
        The seed; None draws another one at every fit. The same seed gives the same features, to the
        last bit, on any number of threads and in any batches.
    certify : int
        Graphs of the random sample on which the certificate is measured, at most; fewer where their
        exact kernel would take long; 0 for none.
    threads : int, optional
        Number of threads, all cores by default.
    memory : int or str, optional
        Memory limit in bytes or as in ``"4GiB"``; what the machine can give by default.
    progress : bool or callable
        True prints progress to standard error; a callable gets (blocks done, blocks in all).
    dtype : float64 or float32
        Number format of the features.

    Attributes
    ----------
    certificate_ : Certificate or None
        How far the kernel of the features is from the exact one; None for fewer than four graphs.

    Notes
    -----
    Fitted features are pickled as the few numbers that they follow from.

    References
    ----------
    S. Du et al., "Graph Neural Tangent Kernel: Fusing Graph Neural Networks with Graph Kernels",
    NeurIPS 2019.

    Examples
    --------
    >>> import numpy as np, widelimit as wl
    >>> ring = np.roll(np.eye(5), 1, 0) + np.roll(np.eye(5), -1, 0)
    >>> graphs = wl.Graphs.from_scipy([ring, np.ones((3, 3)) - np.eye(3)])
    >>> features = wl.GNTKFeatures(layers=3, dim=1024).fit(graphs)
    >>> z = features.transform(graphs)
    >>> kernel = wl.gntk(graphs, layers=3)
    >>> bool(np.linalg.norm(z @ z.T - kernel) < 0.1 * np.linalg.norm(kernel))
    True
    """

    _features: _core.GntkFeatures

    def __init__(
        self,
        layers: int = 2,
        mlp_layers: int = 1,
        scale: Scale = "degree",
        jumping_knowledge: bool = False,
        activation: str | Layer = "relu",
        dim: int = 2048,
        method: str = "centred",
        *,
        random_state: Any = 0,
        certify: int = CERTIFIED,
        threads: int | None = None,
        memory: int | str | None = None,
        progress: Progress = False,
        dtype: DTypeLike = np.float64,
    ):
        self.layers = layers
        self.mlp_layers = mlp_layers
        self.scale = scale
        self.jumping_knowledge = jumping_knowledge
        self.activation = activation
        self.dim = dim
        self.method = method
        self.random_state = random_state
        self.certify = certify
        self.threads = threads
        self.memory = memory
        self.progress = progress
        self.dtype = dtype

    def fit(self, graphs: Graphs | Sequence[Graphs], y: object = None) -> Self:
        """Fit to graphs: the width of their features, or else their labels or degrees."""
        seed = _seed_of(self.random_state)
        recipe = _Recipe.of(self).for_core()
        core = _core_of(_batch(graphs, "graphs"))
        self._features = _core.GntkFeatures.fit(
            core, recipe, _whole(self.dim, "dim", 1), str(self.method), seed
        )
        self._single = recipe["dtype"] == "float32"
        wanted = _whole(self.certify, "certify", 0)
        stated = self._features.certify(core, wanted, self.threads, self.memory)
        self.certificate_: Certificate | None = Certificate(**stated) if stated else None
        return self

    def transform(self, graphs: Graphs | Sequence[Graphs]) -> NDArray[Any]:
        """Features of graphs, or of a list of batches, one a row: (n, dim).

        Labels or degrees that the graphs of ``fit`` did not have are nodes of zeros.
        """
        check_is_fitted(self)
        core = _core_of(_batch(graphs, "graphs"))
        return self._features.transform(
            core, self._single, self.threads, self.memory, self.progress
        )

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_features")

    @property
    def _n_features_out(self) -> int:
        return int(self.dim)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "_features" in state:
            state["_features"] = self._features.to_json()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "_features" in state:
            state = {**state, "_features": _core.GntkFeatures.from_json(state["_features"])}
        super().__setstate__(state)
