import gc
import threading
import time
import warnings

import numpy as np
import pytest

import widelimit as wl

NET = wl.Network([wl.Dense(w_std=2**0.5, b_std=0.1), wl.Relu(), wl.Dense(w_std=2**0.5)])


def relu_kernels(x1, x2):
    """The network above in plain NumPy."""
    d = x1.shape[1]
    k = 2 * x1 @ x2.T / d + 0.01
    a = 2 * (x1**2).sum(1) / d + 0.01
    b = 2 * (x2**2).sum(1) / d + 0.01
    norm = np.sqrt(np.outer(a, b))
    theta = np.arccos(np.clip(k / norm, -1, 1))
    relu = (norm * np.sin(theta) + (np.pi - theta) * k) / (2 * np.pi)
    return 2 * relu, 2 * relu + 2 * k * (np.pi - theta) / (2 * np.pi)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_against_numpy(rng, dtype):
    x1 = rng.standard_normal((37, 5)).astype(dtype)
    x2 = rng.standard_normal((11, 5)).astype(dtype)
    nngp, ntk = relu_kernels(x1.astype(float), x2.astype(float))
    both = wl.kernel(NET, x1, x2, get=("nngp", "ntk"))
    tolerance = 1e-12 if dtype == np.float64 else 5e-6
    assert both.nngp.dtype == both.ntk.dtype == dtype
    for kernel, reference in zip(both, (nngp, ntk), strict=True):
        np.testing.assert_allclose(kernel, reference, rtol=0, atol=tolerance * abs(reference).max())
    assert (wl.kernel(NET, x1, x2) == both.ntk).all()
    assert (wl.kernel(NET, x1, x2, get="nngp") == both.nngp).all()


def test_symmetric_blocks_and_diagonal_are_bitwise(rng):
    x = rng.standard_normal((300, 7))
    whole = wl.kernel(NET, x)
    assert (whole == whole.T).all()
    assert (wl.kernel(NET, x[17:90], x[150:]) == whole[17:90, 150:]).all()
    assert (wl.diagonal(NET, x) == whole.diagonal()).all()
    for threads in (1, 2, 3):
        assert (wl.kernel(NET, x, threads=threads) == whole).all()


def test_layouts_and_types(rng):
    x = rng.standard_normal((20, 6))
    expected = wl.kernel(NET, x)
    assert (wl.kernel(NET, np.asfortranarray(x)) == expected).all()
    wide = np.zeros((40, 12))
    wide[::2, ::2] = x
    assert (wl.kernel(NET, wide[::2, ::2]) == expected).all()
    assert (wl.kernel(NET, x[::-1])[::-1, ::-1] == expected).all()
    assert (wl.kernel(NET, x.astype(">f8")) == expected).all()
    assert (wl.kernel(NET, x.tolist()) == expected).all()
    integers = rng.integers(0, 9, (5, 3))
    assert (wl.kernel(NET, integers) == wl.kernel(NET, integers.astype(float))).all()
    assert wl.kernel(NET, x.astype(np.float32), x).dtype == np.float64
    read_only = x.copy()
    read_only.flags.writeable = False
    assert (wl.kernel(NET, read_only) == expected).all()


@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        (np.array([[1.0, np.nan], [0, 1]]), ValueError, "row 0.*column 1"),
        (np.array([[1.0, 0.0], [np.inf, 1]]), ValueError, "row 1.*column 0"),
        (np.zeros((0, 3)), ValueError, "0"),
        (np.zeros((3, 0)), ValueError, "0"),
        (np.zeros(3), ValueError, "1"),
        (np.array([["a", "b"]]), TypeError, "numbers"),
        (np.array([[object()]]), TypeError, "object"),
        (np.array([[1j]]), TypeError, "complex"),
        (np.full((2, 2), 1e200), ValueError, "row 0"),
    ],
)
def test_bad_input(x, error, words):
    with pytest.raises(error, match=words):
        wl.kernel(NET, x)


def test_other_bad_arguments(rng):
    x = rng.standard_normal((4, 3))
    with pytest.raises(ValueError, match=r"3.*4|4.*3"):
        wl.kernel(NET, x, rng.standard_normal((4, 4)))
    with pytest.raises(ValueError, match="get"):
        wl.kernel(NET, x, get="tangent")
    with pytest.raises(MemoryError, match=r"bytes|[KMGT]iB"):
        wl.kernel(NET, np.zeros((100_000, 3)), memory="1GiB")
    with pytest.raises(ValueError, match="memory"):
        wl.kernel(NET, x, memory="a lot")
    with pytest.raises(ValueError, match="needs an input with 2 spatial axes"):
        wl.kernel(wl.Network.preset("myrtle5"), x)


X = np.eye(3)
CALLS = {
    "kernel": lambda threads: wl.kernel(NET, X, threads=threads),
    "diagonal": lambda threads: wl.diagonal(NET, X, threads=threads),
    "plan": lambda threads: wl.plan(NET, X, threads=threads),
    "eigh": lambda threads: wl.eigh(X, threads=threads),
    "kernel_ridge": lambda threads: wl.kernel_ridge(X, X[0], threads=threads),
    "flow": lambda threads: wl.GradientFlow(NET, X, X[0], threads=threads),
    "fit": lambda threads: wl.NTKRegressor(NET, threads=threads).fit(X, X[0]),
    "predict": lambda threads: (
        wl.NTKRegressor(NET).fit(X, X[0]).set_params(threads=threads).predict(X)
    ),
    "std": lambda threads: (
        wl.NNGPRegressor(NET).fit(X, X[0]).set_params(threads=threads).predict(X, return_std=True)
    ),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_threads_are_a_positive_integer(call):
    for threads in (-1, 0, -(10**30)):
        with pytest.raises(ValueError, match=f"threads: expected at least 1, got {threads}"):
            call(threads)
    for threads in (1.0, "2", True, [1]):
        with pytest.raises(TypeError, match="threads: expected an integer or None, got"):
            call(threads)
    for threads in (None, np.int64(2), 10**30):
        call(threads)


@pytest.mark.parametrize(
    "call",
    [wl.kernel, wl.diagonal, wl.plan, lambda net, x: wl.GradientFlow(net, x, x)],
    ids=["kernel", "diagonal", "plan", "flow"],
)
def test_a_network_is_asked_for(call):
    with pytest.raises(ValueError, match='unknown preset "mlp3"'):
        call("mlp3", X)
    with pytest.raises(ValueError, match=r"layers\[0\].*denze"):
        call('[{"layer": "denze"}]', X)
    with pytest.raises(TypeError, match=r"net: expected a Network, .*, got list; .*Network\("):
        call([wl.Dense()], X)
    with pytest.raises(TypeError, match=r"net: expected a Network, a preset's name .*got NoneType"):
        call(None, X)


def test_limits_and_breakdowns_have_classes_of_their_own():
    with pytest.raises(MemoryError):
        wl.kernel(NET, np.zeros((4_000_000, 1)))
    with pytest.raises(np.linalg.LinAlgError, match="not positive"):
        wl.kernel_ridge(np.array([[1.0, 3.0], [3.0, 1.0]]), [1.0, 2.0])
    with pytest.raises(ValueError, match=r"memory: expected .*, got -1"):
        wl.kernel(NET, X, memory=-1)


def test_masked_values_are_not_read():
    masked = np.ma.masked_array(X, mask=X > 0)
    with pytest.raises(ValueError, match="x1: 3 of 9 entries are masked"):
        wl.kernel(NET, masked)
    with pytest.raises(ValueError, match="y: 1 of 3 entries are masked"):
        wl.kernel_ridge(X, np.ma.masked_array([1.0, 2, 3], mask=[0, 1, 0]))
    with pytest.raises(ValueError, match="X: 3 of 9 entries are masked"):
        wl.NTKRegressor(NET).fit(masked, X[0])
    assert (wl.kernel(NET, np.ma.masked_array(X)) == wl.kernel(NET, X)).all()


def test_booleans_of_numpy_are_flags(capfd):
    wl.kernel(NET, X, progress=np.False_)
    assert capfd.readouterr().err == ""
    wl.kernel(NET, X, progress=np.True_)
    assert "tiles" in capfd.readouterr().err
    with pytest.raises(TypeError, match="progress"):
        wl.kernel(NET, X, progress="yes")


def test_edge_rows():
    x = np.array([[0.0, 0.0], [1.0, 2.0], [1.0, 2.0], [-1.0, -2.0], [2.0, 4.0]])
    for depth in (1, 4):
        for name in ("relu", "erf", "gelu"):
            kernel = wl.kernel(wl.Network.preset(f"mlp:{depth}:{name}"), x)
            assert np.isfinite(kernel).all()
            # Equal rows are one point to the kernel.
            np.testing.assert_allclose(kernel[1], kernel[2], rtol=1e-13)
    one = wl.kernel(NET, x[1:2])
    assert one.shape == (1, 1)


def test_plan_tells_before_computing():
    x = np.zeros((5000, 10), dtype=np.float32)
    plan = wl.plan(NET, x)
    assert plan.result_bytes == 5000 * 5000 * 4
    assert plan.bytes >= plan.result_bytes
    assert plan.flops > 0
    assert plan.seconds > 0
    assert plan.engine == "vectors"
    both = wl.plan(NET, x, get=("nngp", "ntk"))
    assert both.result_bytes == 2 * plan.result_bytes
    assert wl.plan(NET, x, memory="16MiB").streams


def test_progress_is_reported(rng):
    calls = []
    wl.kernel(NET, rng.standard_normal((900, 3)), progress=lambda *done: calls.append(done))
    assert calls[-1][0] == calls[-1][1] > 0


def test_progress_may_stop_the_computation(rng):
    def stop(done, total):
        raise InterruptedError("enough")

    with pytest.raises(InterruptedError, match="enough"):
        wl.kernel(NET, rng.standard_normal((2000, 3)), progress=stop)


def test_the_interpreter_goes_on_while_computing(rng):
    x = rng.standard_normal((3000, 50))
    ticks = []
    running = threading.Event()
    running.set()

    def tick():
        while running.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    wl.kernel(wl.Network.preset("mlp:3:erf"), x, threads=1)
    running.clear()
    thread.join()
    assert len(ticks) > 5


def test_inputs_are_not_changed_and_results_are_owned(rng):
    x = rng.standard_normal((30, 4))
    before = x.copy()
    kernel = wl.kernel(NET, x)
    gc.collect()
    kernel[0, 0] = -1
    assert (x == before).all()
    assert kernel.flags.owndata or kernel.base is not None


def cases_of(golden, families):
    cases, inputs, folder = golden
    for case in cases:
        if case["family"] in families and "layers" in case and "x1" in case:
            yield case, inputs, np.load(folder / case["file"])


def test_golden_values_through_python(golden):
    compared = 0
    for case, inputs, outputs in cases_of(golden, {"fc_activations", "fc_structure"}):
        if "nngp_12_hp" not in case["outputs"] or any(
            layer["layer"] == "numerical" for layer in case["layers"]
        ):
            continue
        net = wl.Network(case["layers"])
        x1, x2 = inputs[case["x1"]], inputs[case["x2"]]
        both = wl.kernel(net, x1, x2, get=("nngp", "ntk"))
        for name in ("nngp", "ntk"):
            reference = outputs[case["outputs"][f"{name}_12_hp"]["key"]]
            error = abs(getattr(both, name) - reference).max() / abs(reference).max()
            # Near-parallel rows and deep polynomials amplify rounding; the exact bounds are
            # checked by the engine's own tests.
            assert error < 1e-8, (case["id"], name, error)
            compared += 1
    assert compared > 100


def test_a_rough_approximation_says_so():
    x = np.random.default_rng(0).standard_normal((4, 3))
    jump = wl.Network([wl.Dense(), wl.Numerical(lambda x: np.where(x > 0.3, 1.0, 0.0)), wl.Dense()])
    with pytest.warns(wl.ApproximationWarning, match="relative error of up to"):
        wl.kernel(jump, x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wl.kernel(wl.Network([wl.Dense(), wl.Tanh(), wl.Dense()]), x)


def test_what_the_machine_has_not_is_refused():
    with pytest.raises(MemoryError, match="TiB"):
        wl.kernel(wl.Network.preset("mlp:1"), np.zeros((2_000_000, 1)))
