"""Python functions inside a network: nothing hangs, and what they raise keeps its identity."""

import gc
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest

import widelimit as wl

PRELUDE = """
import os, signal, threading, time
import numpy as np, widelimit as wl
# A shell that starts the tests in the background has them ignore interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
def slow(x):
    time.sleep(0.01)
    return np.tanh(x)
net = wl.Network([wl.Dense(), wl.Numerical(slow), wl.Dense()])
x = np.random.default_rng(0).standard_normal((40, 3))
def interrupt_soon():
    threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
"""


def run(program, timeout=60):
    """A hang must not take the tests with it."""
    return subprocess.run(
        [sys.executable, "-c", PRELUDE + program], capture_output=True, text=True, timeout=timeout
    )


def network(function):
    return wl.Network([wl.Dense(), wl.Numerical(function), wl.Dense()])


@pytest.mark.parametrize("threads", [None, 1, 2])
def test_a_diagonal_with_a_callable_ends(threads):
    program = f"print(wl.diagonal(net, x[:2], threads={threads}).shape)"
    assert run(program).stdout == "(2,)\n"


@pytest.mark.parametrize("threads", [1, 2])
def test_an_exception_of_progress_ends_a_call_with_a_callable(threads):
    # More rows than a block: the function is wanted for the next one when progress is told of the
    # last.
    program = f"""
pause = 0.0
def slow(x):
    time.sleep(pause)
    return np.tanh(x)
def stop(done, total):
    time.sleep(0.5)
    raise InterruptedError("enough")
net = wl.Network([wl.Dense(), wl.Numerical(slow), wl.Dense()])
x = np.random.default_rng(0).standard_normal((2000, 3))
model = wl.NTKRegressor(net, ridge=0.1, threads={threads}).fit(x, x[:, 0])
pause = 1e-4
try:
    model.set_params(progress=stop).predict(np.tile(x, (6, 1)))
except InterruptedError as error:
    print(error)
"""
    assert run(program).stdout == "enough\n"


@pytest.mark.parametrize(
    "call",
    [
        "wl.kernel(net, x)",
        "wl.kernel(net, x, x)",
        "wl.diagonal(net, x)",
        "wl.plan(net, x)",
        "wl.NTKRegressor(net, ridge=0.1).fit(x, x[:, 0])",
        "wl.GradientFlow(net, x, x[:, 0])",
    ],
)
def test_interrupts_end_a_call_with_a_slow_callable(call):
    program = f"""
interrupt_soon()
begin = time.perf_counter()
try:
    {call}
except KeyboardInterrupt:
    print("interrupted", time.perf_counter() - begin, flush=True)
"""
    # The interrupt comes after half a second.
    word, seconds = run(program).stdout.split()
    assert word == "interrupted"
    assert float(seconds) < 1.5


def test_interrupts_end_a_prediction_with_a_slow_callable():
    program = """
pause = 0.0
def slow(x):
    time.sleep(pause)
    return np.tanh(x)
net = wl.Network([wl.Dense(), wl.Numerical(slow), wl.Dense()])
model = wl.NNGPRegressor(net, ridge=0.1).fit(x[:5], x[:5, 0])
pause = 0.01
for options in ({}, {"return_std": True}):
    interrupt_soon()
    begin = time.perf_counter()
    try:
        model.predict(x, **options)
    except KeyboardInterrupt:
        print("interrupted", time.perf_counter() - begin, flush=True)
"""
    lines = run(program).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["interrupted"] * 2
    assert all(float(line.split()[1]) < 1.5 for line in lines)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("call", [wl.kernel, wl.diagonal, wl.plan])
def test_exits_go_through_a_call_as_they_are(rng, call, kind):
    def leaving(x):
        raise kind("bye")

    with pytest.raises(kind, match="bye") as caught:
        call(network(leaving), rng.standard_normal((4, 3)))
    assert caught.type is kind


def test_an_exception_in_a_callable_is_the_cause(rng):
    class OwnError(Exception):
        pass

    def broken(x):
        raise OwnError("no value here")

    x = rng.standard_normal((4, 3))
    net = network(broken)
    calls = [
        lambda: wl.kernel(net, x),
        lambda: wl.diagonal(net, x),
        lambda: wl.NTKRegressor(net).fit(x, x[:, 0]),
        lambda: wl.GradientFlow(net, x, x[:, 0]),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="OwnError: no value here") as caught:
            call()
        assert isinstance(caught.value.__cause__, OwnError)
        assert caught.value.__cause__.__traceback__ is not None


def test_exceptions_are_not_kept(rng):
    class Mine(Exception):
        pass

    kept = []
    calls = []
    together = threading.Barrier(2)

    def broken(x):
        calls.append(len(x))
        if len(calls) <= spared:
            return x
        error = Mine("no value here")
        kept.append(weakref.ref(error))
        # Two workers fail, one is told of.
        if len(kept) <= 2:
            together.wait(timeout=20)
        raise error

    net, x = network(broken), rng.standard_normal((600, 3))
    spared = 10**9
    wl.plan(net, x, threads=2)
    # A kernel is planned twice, by one thread.
    spared = 3 * len(calls)
    with pytest.raises(ValueError, match="no value here"):
        wl.kernel(net, x, threads=2)
    gc.collect()
    assert len(kept) > 1
    assert all(reference() is None for reference in kept)


def test_a_call_of_another_thread_is_not_stopped(rng):
    """An interrupted call must not take the functions of its neighbours with it."""
    x = rng.standard_normal((30, 3))
    expected = wl.kernel(network(np.tanh), x)
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(wl.kernel(network(np.tanh), x)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()

    def stop(done, total):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        wl.kernel(network(np.tanh), rng.standard_normal((500, 3)), progress=stop)
    for thread in threads:
        thread.join(timeout=60)
    assert len(results) == 2
    assert all((result == expected).all() for result in results)


def test_interrupts_end_what_cannot_be_stopped_midway(tmp_path):
    """Covariances and the factorisation behind standard deviations are left to themselves."""
    program = f"""
x = np.random.default_rng(0).standard_normal((7000, 3))
net = wl.Network.preset("mlp:1:relu")
flow = wl.GradientFlow(net, x[:600], x[:600, 0], ridge=1e-3)
model = wl.NNGPRegressor(net, ridge=0.1).fit(x[:4000], x[:4000, 0])
model.save({str(tmp_path / "model")!r})
model = wl.NNGPRegressor.load({str(tmp_path / "model")!r})
calls = [lambda: flow.predict(x, return_cov=True), lambda: model.predict(x, return_std=True)]
for call in calls:
    begin = time.perf_counter()
    threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    try:
        call()
        time.sleep(5)
    except KeyboardInterrupt:
        print(time.perf_counter() - begin, flush=True)
os._exit(0)
"""
    outcome = run(program, timeout=300)
    seconds = [float(line) for line in outcome.stdout.split()]
    assert len(seconds) == 2, outcome.stderr
    assert max(seconds) < 0.7
