"""The progress bar on a terminal: rate, time left, memory; and none where it is not wanted."""

import os
import pty
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

BINARY = Path(__file__).resolve().parents[2] / "target" / "release" / "widelimit"


def on_a_terminal(folder, *flags):
    """Everything that a job of some seconds writes to a terminal that is its standard error."""
    np.save(folder / "x.npy", np.random.default_rng(0).standard_normal((3000, 10)))
    command = [BINARY, "kernel", "--net", "mlp:60:erf", "--x1", "x.npy", "--out", "k.npz"]
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "160"}
    with subprocess.Popen(
        [*command, *flags], cwd=folder, stderr=theirs, stdout=subprocess.DEVNULL, env=environment
    ):
        os.close(theirs)
        text = b""
        # Linux ends a terminal whose other side is closed with an error.
        while part := read(ours):
            text += part
    os.close(ours)
    return text.decode()


def read(terminal):
    try:
        return os.read(terminal, 1 << 16)
    except OSError:
        return b""


def test_a_terminal_is_told_rate_time_and_memory(tmp_path):
    text = on_a_terminal(tmp_path)
    assert re.search(r"kernel .*\d+ % .*\d [kMG] entries/s .*\d+\w+ left .*\d MiB memory", text), (
        text
    )


@pytest.mark.parametrize("flag", ["--json", "--quiet", "--no-progress"])
def test_no_bar_where_it_is_not_wanted(tmp_path, flag):
    assert on_a_terminal(tmp_path, flag) == ""
