"""Features of real digits: what regression on them reaches, and what they take."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import widelimit as wl

pytest.importorskip("scipy")
pytest.importorskip("sklearn")
SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "features_digits.py"
DEPTH = 3


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("features_digits", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("dim", "score", "eps"), [(2048, 0.983, 0.90), (8192, 0.987, 0.40)])
def test_accuracy_and_spectral_error(script, dim, score, eps):
    """The exact kernel is at 0.989; published features have an eps of 0.90 and 0.43."""
    x, y = script.digits()
    net = script.network(wl.Relu(), DEPTH, x.shape[1])
    measured = script.measure(net, x, y, "zonal", dim, seeds=2)
    assert np.mean(measured.scores) >= score
    assert np.mean(measured.eps) <= eps


def test_memory_beyond_the_features():
    """At most 64 MiB in a process of its own."""
    code = "import features_digits; print(features_digits.working_memory('zonal')[1])"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=SCRIPT.parent, capture_output=True, check=True, text=True)
    assert float(done.stdout) <= 64
