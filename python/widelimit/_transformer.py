"""The scikit-learn transformer over feature maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike, NDArray

from widelimit._estimators import DEFAULT_NETWORK, _validated
from widelimit._features import CERTIFIED, Certificate, FeatureMap, _seed_of
from widelimit._kernel import Progress, Quantity
from widelimit.network import Network, _network_of

try:
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
    from sklearn.utils.validation import check_is_fitted
except ImportError as missing:
    raise ImportError(
        'NeuralKernelFeatures needs scikit-learn 1.6 or newer: pip install "widelimit[sklearn]"'
    ) from missing

if TYPE_CHECKING:
    from typing_extensions import Self


class NeuralKernelFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Features of a network's kernel, for any linear model behind them.

    Parameters
    ----------
    net : Network, str or None
        The network, the name of a preset, or JSON text; None is ``"mlp:3:relu"``. One that acts on
        images takes arrays (n, height, width, channels).
    dim : int, "auto" or None
        Number of features; "auto" and None take as many as there are rows, 512 at least and 8192
        at most.
    get : "ntk" or "nngp"
        The kernel that the features stand for.
    method : str
        How they are made, as in :class:`widelimit.FeatureMap`.
    tol : float, optional
        Relative error of the kernel to stay within, from which the number of features follows;
        ``dim`` is then not given.
    certify : int
        Rows on which the certificate is measured; 0 for none.
    max_seconds : float, optional
        Time that the features of the training inputs may take, as in :class:`widelimit.FeatureMap`.
    random_state : int, Generator, RandomState or None
        The seed; None draws another one at every fit.
    threads : int, optional
        Number of threads, all cores by default; results do not depend on it.
    memory : int or str, optional
        Memory limit in bytes or as in ``"4GiB"``; what the machine can give by default.
    progress : bool or callable
        True prints progress to standard error; a callable gets (blocks done, blocks in all).

    Attributes
    ----------
    map_ : FeatureMap
        The fitted map.
    certificate_ : Certificate or None
        How far the kernel of the features is from the exact one.
    method_, dim_
        The method and the number of features used.
    n_features_in_ : int
        Numbers of one input; of an image, its positions times its channels.

    Examples
    --------
    >>> import numpy as np, widelimit as wl
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> x = np.linspace(-1, 1, 80)[:, None]
    >>> net = wl.Network([wl.Dense(b_std=1.0), wl.Relu(), wl.Dense()])
    >>> model = make_pipeline(wl.NeuralKernelFeatures(net, dim=64), Ridge(1e-3))
    >>> model.fit(x, np.sin(3 * x[:, 0])).score(x, np.sin(3 * x[:, 0])) > 0.99
    True
    """

    def __init__(
        self,
        net: Network | str | None = None,
        dim: int | str | None = None,
        get: Quantity = "ntk",
        method: str = "auto",
        *,
        tol: float | None = None,
        certify: int = CERTIFIED,
        max_seconds: float | None = None,
        random_state: Any = 0,
        threads: int | None = None,
        memory: int | str | None = None,
        progress: Progress = False,
    ):
        self.net = net
        self.dim = dim
        self.get = get
        self.method = method
        self.tol = tol
        self.certify = certify
        self.max_seconds = max_seconds
        self.random_state = random_state
        self.threads = threads
        self.memory = memory
        self.progress = progress

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Fit the features to training inputs; ``y`` is passed over."""
        network = _network_of(DEFAULT_NETWORK if self.net is None else self.net)
        inputs = _validated(self, network, X)
        features = FeatureMap(
            network,
            self.dim,
            self.get,
            self.method,
            _seed_of(self.random_state),
            tol=self.tol,
            certify=self.certify,
            max_seconds=self.max_seconds,
            threads=self.threads,
            memory=self.memory,
            progress=self.progress,
        )
        self.map_ = features.fit(inputs)
        self.certificate_: Certificate | None = self.map_.certificate_
        self.method_ = self.map_.method_
        self.dim_ = self.map_.dim_
        return self

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """Features of inputs, one a row, in the precision of the inputs."""
        check_is_fitted(self)
        return self.map_.transform(_validated(self, self.map_.network_, X, reset=False))

    @property
    def _n_features_out(self) -> int:
        return self.dim_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
