"""The experiment with a large table, on a small one."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import widelimit as wl

pytest.importorskip("sklearn")
SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "features_large.py"


class Rectified:
    """A stand-in for a feature map where the package has none: random rectified projections."""

    def __init__(self, network, dim, get, method, seed):
        self.dim, self.generator = dim, np.random.default_rng(seed)

    def fit(self, x):
        self.w = self.generator.standard_normal((x.shape[1], self.dim)).astype(np.float32)
        return self

    def transform(self, x):
        return np.maximum(x @ self.w, 0) / np.float32(self.dim**0.5)


@pytest.fixture
def script(monkeypatch):
    if not hasattr(wl, "FeatureMap"):
        monkeypatch.setattr(wl, "FeatureMap", Rectified, raising=False)
    spec = importlib.util.spec_from_file_location("features_large", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_small_run_is_killed_and_goes_on(script, tmp_path, monkeypatch, capsys):
    arguments = ["--rows", "20000", "--dim", "64", "--pause", "0", "--folder"]
    whole = script.main([*arguments, str(tmp_path / "whole")])
    assert whole["linear"] < whole["network"] and 0.1 < whole["fourier"] < 1
    assert "rows/s" in capsys.readouterr().out

    save, saved = wl.StreamingRidge.save, []

    def save_and_die(model, path):
        save(model, path)
        saved.append(model.rows_)
        if len(saved) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(wl.StreamingRidge, "save", save_and_die)
    with pytest.raises(KeyboardInterrupt):
        script.main([*arguments, str(tmp_path / "stopped")])
    # in the middle of the second of the three models
    assert saved[-1] == 8184
    assert script.main([*arguments, str(tmp_path / "stopped")]) == whole
    assert "goes on after 8184 rows" in capsys.readouterr().out


def test_the_table_is_the_same_in_any_length(script, tmp_path):
    script.make_table(tmp_path / "short", 1500, seed=3)
    script.make_table(tmp_path / "long", 12000, seed=3)
    short, long = (np.load(tmp_path / name / "x.npy") for name in ("short", "long"))
    assert short.shape == (1500, 90) and short.dtype == np.float32
    assert np.array_equal(short, long[:1500])
    x, y = script.read(tmp_path / "long", 9998, 10003)
    assert np.array_equal(x, long[9998:10003])
    assert np.array_equal(y, np.load(tmp_path / "long" / "y.npy")[9998:10003])
    assert [p.name for p in (tmp_path / "long").glob("*.part")] == []
