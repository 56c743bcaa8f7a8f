from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

__version__: str

_Array = NDArray[Any]
_Progress = bool | np.bool_ | Callable[[int, int], object] | None

class Network:
    def __new__(cls, layers: list[dict[str, Any]]) -> Network: ...
    @staticmethod
    def from_json(text: str) -> Network: ...
    @staticmethod
    def preset(name: str) -> Network: ...
    def takes_images(self) -> bool: ...
    def to_json(self) -> str: ...
    def __eq__(self, other: object) -> bool: ...
    def __ne__(self, other: object) -> bool: ...

class Model:
    @staticmethod
    def fit(
        network: Network,
        x: _Array,
        targets: _Array,
        *,
        kernel: str,
        ridge: float | str,
        amplitude: float | str,
        solver: str,
        dim: int | None,
        tolerance: float | None,
        method: str,
        seed: int,
        max_seconds: float | None,
        labels: list[Any] | None,
        threads: int | None,
        memory: int | str | None,
        progress: _Progress,
    ) -> Model: ...
    @staticmethod
    def load(path: str | PathLike[str]) -> tuple[Model, dict[str, str]]: ...
    @staticmethod
    def from_bytes(bytes: bytes, network: Network) -> Model: ...
    def save(self, path: str | PathLike[str], notes: dict[str, str]) -> None: ...
    def to_bytes(self) -> bytes: ...
    def network(self) -> Network: ...
    def predict(
        self, x: _Array, threads: int | None, memory: int | str | None, progress: _Progress
    ) -> _Array: ...
    def predict_std(
        self, x: _Array, threads: int | None, memory: int | str | None, progress: _Progress
    ) -> tuple[_Array, _Array]: ...
    def facts(self) -> dict[str, Any]: ...

class Features:
    @staticmethod
    def fit(
        network: Network,
        x: _Array,
        asked: dict[str, Any],
        progress: _Progress,
    ) -> Features: ...
    @staticmethod
    def plan(network: Network, x: _Array, asked: dict[str, Any]) -> dict[str, Any]: ...
    def transform(
        self, x: _Array, threads: int | None, memory: int | str | None, progress: _Progress
    ) -> _Array: ...
    @staticmethod
    def load(path: str | PathLike[str]) -> Features: ...
    def save(self, path: str | PathLike[str]) -> None: ...
    @staticmethod
    def from_bytes(bytes: bytes, network: Network) -> Features: ...
    def to_bytes(self) -> bytes: ...
    def network(self) -> Network: ...
    def facts(self) -> dict[str, Any]: ...

class Graphs:
    def __new__(
        cls,
        node_offsets: NDArray[np.int64],
        edge_index: NDArray[np.int64],
        features: NDArray[np.float64] | None,
        node_labels: NDArray[np.int64] | None,
        weights: NDArray[np.float64] | None,
        edge_labels: NDArray[np.int64] | None,
        directed: bool,
    ) -> Graphs: ...
    def __len__(self) -> int: ...
    def nodes(self) -> int: ...
    def edges(self) -> int: ...
    def width(self) -> int | None: ...
    def directed(self) -> bool: ...
    def select(self, indices: NDArray[np.int64]) -> Graphs: ...
    def array(self, name: str) -> _Array | None: ...
    def arrays(self) -> dict[str, _Array | None]: ...

class GntkFeatures:
    @staticmethod
    def fit(
        graphs: Graphs, recipe: dict[str, Any], dim: int, method: str, seed: int
    ) -> GntkFeatures: ...
    @staticmethod
    def from_json(text: str) -> GntkFeatures: ...
    def to_json(self) -> str: ...
    def certify(
        self, graphs: Graphs, wanted: int, threads: int | None, memory: int | str | None
    ) -> dict[str, Any] | None: ...
    def transform(
        self,
        graphs: Graphs,
        single: bool,
        threads: int | None,
        memory: int | str | None,
        progress: _Progress,
    ) -> _Array: ...

class Flow:
    def __new__(
        cls,
        network: Network,
        x: NDArray[np.float64],
        targets: NDArray[np.float64],
        learning_rate: float,
        ridge: float,
        threads: int | None,
    ) -> Flow: ...
    def predict(
        self,
        x: NDArray[np.float64],
        all_layers: bool,
        time: float | None,
        covariance: bool,
        threads: int | None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]: ...

class Gathered:
    @staticmethod
    def regression(features: int, outputs: int) -> Gathered: ...
    @staticmethod
    def classes(features: int, classes: int, weights: list[float] | None) -> Gathered: ...
    def accumulate(
        self,
        z: _Array,
        targets: NDArray[np.float64],
        weights: NDArray[np.float64] | None,
        threads: int | None,
    ) -> None: ...
    def accumulate_codes(
        self,
        z: _Array,
        codes: NDArray[np.int64],
        weights: NDArray[np.float64] | None,
        threads: int | None,
    ) -> None: ...
    def merge(self, other: Gathered, threads: int | None) -> None: ...
    def solve(self, ridge: float | str, centre: str, threads: int | None) -> StreamingModel: ...
    def second_pass(
        self, ridges: list[float] | None, centre: str, threads: int | None
    ) -> SecondPass: ...
    def class_weights(self) -> list[float] | None: ...
    def rows(self) -> int: ...
    def features(self) -> int: ...
    def outputs(self) -> int: ...
    def class_counts(self) -> list[int] | None: ...
    def save(self, path: str | PathLike[str], notes: dict[str, str]) -> None: ...
    @staticmethod
    def load(path: str | PathLike[str]) -> tuple[Gathered, dict[str, str]]: ...
    def to_bytes(self) -> bytes: ...
    @staticmethod
    def from_bytes(bytes: bytes) -> Gathered: ...
    def copy(self) -> Gathered: ...

class SecondPass:
    def accumulate(
        self,
        z: _Array,
        targets: NDArray[np.float64],
        weights: NDArray[np.float64] | None,
        threads: int | None,
    ) -> None: ...
    def accumulate_codes(
        self,
        z: _Array,
        codes: NDArray[np.int64],
        weights: NDArray[np.float64] | None,
        threads: int | None,
    ) -> None: ...
    def finish(self, threads: int | None) -> dict[str, NDArray[np.float64]]: ...

class StreamingModel:
    def predict(self, z: _Array, threads: int | None) -> _Array: ...
    def facts(self) -> dict[str, Any]: ...

def balanced_class_weights(counts: list[int]) -> list[float]: ...
def kernel(
    network: Network,
    x1: _Array,
    x2: _Array | None,
    get: Sequence[str],
    threads: int | None,
    memory: int | str | None,
    progress: _Progress,
    *,
    spatial: str,
    adjacency_1: _Array | None,
    adjacency_2: _Array | None,
) -> tuple[_Array | None, _Array | None, float | None]: ...
def kernel_to_store(
    network: Network,
    x1: _Array,
    x2: _Array | None,
    get: Sequence[str],
    path: str | PathLike[str],
    shard: tuple[int, int],
    threads: int | None,
    memory: int | str | None,
    progress: _Progress,
    *,
    spatial: str,
    adjacency_1: _Array | None,
    adjacency_2: _Array | None,
) -> tuple[int, int, int]: ...
def diagonal(
    network: Network,
    x: _Array,
    get: Sequence[str],
    threads: int | None,
    *,
    spatial: str,
    adjacency: _Array | None,
) -> tuple[_Array | None, _Array | None]: ...
def plan(
    network: Network,
    x1: _Array,
    x2: _Array | None,
    get: Sequence[str],
    threads: int | None,
    memory: int | str | None,
    *,
    spatial: str,
) -> dict[str, Any]: ...
def gntk(
    graphs: Graphs,
    others: Graphs | None,
    recipe: dict[str, Any],
    report: bool,
    threads: int | None,
    memory: int | str | None,
    progress: _Progress,
) -> tuple[_Array, dict[str, Any] | None]: ...
def gntk_grid(
    graphs: Graphs,
    others: Graphs | None,
    recipe: dict[str, Any],
    read_outs: list[tuple[int, bool]],
    threads: int | None,
    memory: int | str | None,
    progress: _Progress,
) -> list[_Array]: ...
def gntk_plan(
    graphs: Graphs, others: Graphs | None, recipe: dict[str, Any], threads: int | None
) -> dict[str, Any]: ...
def gntk_to_store(
    graphs: Graphs,
    others: Graphs | None,
    recipe: dict[str, Any],
    path: str | PathLike[str],
    shard: tuple[int, int],
    threads: int | None,
    memory: int | str | None,
    progress: _Progress,
) -> tuple[int, int, int]: ...
def wl_kernel(
    graphs: Graphs,
    others: Graphs | None,
    recipe: dict[str, Any],
    threads: int | None,
    memory: int | str | None,
    progress: _Progress,
) -> _Array: ...
def wl_kernel_grid(
    graphs: Graphs,
    recipe: dict[str, Any],
    threads: int | None,
    memory: int | str | None,
    progress: _Progress,
) -> list[_Array]: ...
def graphs_from_csv(
    edges: str | PathLike[str],
    nodes: str | PathLike[str] | None,
    graphs: str | PathLike[str] | None,
    directed: bool,
) -> tuple[Graphs, list[Any] | None, list[int] | None]: ...
def graphs_from_tu(
    path: str | PathLike[str], directed: bool
) -> tuple[Graphs, list[Any] | None]: ...
def kernel_ridge(
    kernel: _Array,
    targets: NDArray[np.float64],
    ridge: float | str,
    centre: bool,
    threads: int | None,
) -> dict[str, Any]: ...
def eigh(matrix: _Array, threads: int | None) -> tuple[_Array, _Array]: ...
def store_facts(path: str | PathLike[str]) -> dict[str, Any]: ...
def merge_stores(
    parts: Sequence[str | PathLike[str]], out: str | PathLike[str], progress: _Progress
) -> None: ...
