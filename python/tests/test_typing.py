import runpy
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("typed.py")
PACKAGE = Path(__file__).resolve().parents[1]


def check(path):
    """Run mypy as a user would, without the configuration of this repository."""
    pytest.importorskip("mypy")
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", str(path)],
        capture_output=True,
        text=True,
        env={"MYPYPATH": str(PACKAGE), "PATH": ""},
        cwd=path.parent,
    )


def test_strictly_typed_code_passes():
    outcome = check(SCRIPT)
    assert outcome.returncode == 0, outcome.stdout


def test_strictly_typed_code_runs():
    runpy.run_path(str(SCRIPT))


def test_mistakes_are_found(tmp_path):
    path = tmp_path / "wrong.py"
    path.write_text(
        "import numpy as np, widelimit as wl\n"
        "net = wl.Network.preset('mlp:1')\n"
        "wl.kernel([wl.Dense()], np.eye(2))\n"
        "wl.kernel(net, np.eye(2), get='tangent')\n"
        "wl.kernel(net, np.eye(2)).ntk\n"
        "wl.diagonal(net, np.eye(2), get=('nngp', 'kernel'))\n"
        "wl.NTKRegressor(progress='yes')\n"
    )
    found = {
        int(line.split(":")[1]) for line in check(path).stdout.splitlines()[:-1] if "error" in line
    }
    assert found == {3, 4, 5, 6, 7}
