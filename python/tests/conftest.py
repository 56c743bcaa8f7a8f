from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from random_graphs import random_graphs

SHARED = Path(os.environ.get("WIDELIMIT_SHARED", Path(__file__).resolve().parents[3] / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    if not (SHARED / "golden").is_dir():
        pytest.skip(f"reference values not found at {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def golden(shared):
    index = json.loads((shared / "golden" / "cases.json").read_text())
    inputs = np.load(shared / "golden" / "inputs.npz")
    return index["cases"], inputs, shared / "golden"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def graphs(rng):
    """Five graphs with labels."""
    import widelimit as wl

    sizes = [4, 1, 7, 5, 6]
    labels = [rng.integers(0, 3, n) for n in sizes]
    return wl.Graphs.from_scipy(random_graphs(rng, sizes), node_labels=labels)
