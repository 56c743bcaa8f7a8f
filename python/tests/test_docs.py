"""The examples in docstrings and in the guide run."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import widelimit as wl

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MODULES = ["widelimit", *(f"widelimit.{m.name}" for m in pkgutil.iter_modules(wl.__path__))]


@pytest.mark.parametrize("name", [name for name in MODULES if name != "widelimit._core"])
def test_examples_of_docstrings(name):
    outcome = doctest.testmod(importlib.import_module(name))
    assert outcome.failed == 0


def test_estimators_and_functions_have_examples():
    for name in ("NTKRegressor", "NNGPRegressor", "NTKClassifier", "GradientFlow", "Network"):
        assert ">>> " in getattr(wl, name).__doc__, name
    for name in ("FeatureMap", "NeuralKernelFeatures"):
        assert ">>> " in getattr(wl, name).__doc__, name
    for name in ("Graphs", "GNTKClassifier", "gntk", "gntk_grid", "gntk_plan", "wl_kernel"):
        assert ">>> " in getattr(wl, name).__doc__, name
    for name in ("kernel", "diagonal", "plan", "kernel_ridge", "eigh"):
        assert ">>> " in getattr(wl, name).__doc__, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_of_the_guide(page, tmp_path, monkeypatch):
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    # One after the other, as they are read.
    namespace = {}
    for block in blocks:
        exec(compile(block, str(page), "exec"), namespace)
