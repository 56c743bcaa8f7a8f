"""A process forked after a computation computes too: it inherits no threads of its parent."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

PREPARE = """
import multiprocessing, os, sys, warnings
import numpy as np
import widelimit as wl

# Newer Pythons warn of any fork beside other threads.
warnings.simplefilter("ignore", DeprecationWarning)
x = np.random.default_rng(0).standard_normal((300, 4))
threads = {threads}

def compute(seed=0):
    kernel = wl.kernel(wl.Network.preset("mlp:2"), x, threads=threads)
    values, _ = wl.eigh(kernel, threads=threads)
    model = wl.NTKRegressor("mlp:2", threads=threads).fit(x, x[:, 0])
    return values.tobytes() + model.predict(x).tobytes()

before = compute()
"""

CHILD = """
child = os.fork()
if child == 0:
    os._exit(0 if compute() == before else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert compute() == before
"""

POOL = """
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert all(result == before for result in pool.map(compute, range(4)))
"""


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("work", [CHILD, POOL], ids=["fork", "pool"])
def test_forked_processes_compute_the_same(work: str, threads: int) -> None:
    code = PREPARE.format(threads=threads) + work
    # A child without threads would wait for ever; seconds are enough for the work.
    subprocess.run([sys.executable, "-c", code], timeout=120, check=True)
