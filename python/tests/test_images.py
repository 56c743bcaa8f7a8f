"""Images, sequences and graphs through every door of the package."""

import pickle
import threading
import time
import tracemalloc

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

import widelimit as wl

NET = wl.Network.preset("cntk-gap:2")
PIXELS = wl.Network([wl.Conv(strides=(2, 2)), wl.Relu(), wl.Conv(filter=(3, 2))])


def images(rng, n=7, shape=(6, 5, 2), dtype=np.float64):
    return rng.standard_normal((n, *shape)).astype(dtype)


def stripes(n, seed):
    """Noisy stripes across or down; no pixel tells which."""
    rng = np.random.default_rng(seed)
    down = rng.integers(0, 2, n)
    across = (np.arange(8)[:, None] + np.zeros((8, 8))) % 2
    x = np.where(down[:, None, None] == 1, across.T, across)
    x = np.where(rng.integers(0, 2, n)[:, None, None] == 1, x, 1 - x)
    return (x + 0.2 * rng.standard_normal(x.shape))[..., None], down


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_and_symmetry_are_bitwise(rng, dtype):
    x = images(rng, 30, dtype=dtype)
    whole = wl.kernel(NET, x, get=("nngp", "ntk"))
    for kernel in whole:
        assert kernel.shape == (30, 30)
        assert kernel.dtype == dtype
        assert (kernel == kernel.T).all()
    assert (wl.kernel(NET, x[3:10], x[17:]) == whole.ntk[3:10, 17:]).all()
    assert (wl.kernel(NET, x, threads=1) == whole.ntk).all()
    assert (wl.diagonal(NET, x) == whole.ntk.diagonal()).all()


def test_one_convolution_by_hand(rng):
    x = images(rng, 4, (5, 4, 3))
    net = wl.Network([wl.Conv(padding="VALID"), wl.GlobalAvgPool()])
    patches = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2)).mean((1, 2))
    patches = patches.reshape(4, -1)
    np.testing.assert_allclose(wl.kernel(net, x, get="nngp"), patches @ patches.T / 27, rtol=1e-12)


def test_golden_values_through_python(golden):
    cases, inputs, folder = golden
    families = {"conv", "pooling", "nets", "other_spatial", "aggregate", "raw_spatial"}
    compared = 0
    for case in cases:
        if case["family"] not in families or "layers" not in case:
            continue
        net = wl.Network(case["layers"])
        outputs = np.load(folder / case["file"])
        adjacency = {
            name: inputs[case[name]] for name in ("adjacency_1", "adjacency_2") if name in case
        }
        key = "ntk_12_np" if "ntk_12_np" in case["outputs"] else "ntk_12"
        expected = outputs[case["outputs"][key]["key"]]
        spatial = "pixel_diagonal" if expected.ndim == 4 else "full"
        x1, x2 = inputs[case["x1"]], inputs[case["x2"]]
        if x1.size > 3 * 12 * 12 * 3:
            continue  # left to the engine's own tests
        kernel = wl.kernel(net, x1, x2, spatial=spatial, **adjacency)
        assert kernel.shape == expected.shape, case["id"]
        error = abs(kernel - expected).max() / abs(expected).max()
        assert error < 1e-7, (case["id"], error)
        compared += 1
    assert compared > 80


def test_networks_that_end_on_pixels(rng):
    x, z = images(rng, 5), images(rng, 3)
    full = wl.kernel(PIXELS, x, z, get=("nngp", "ntk"))
    assert full.ntk.shape == full.nngp.shape == (5, 3, 3, 3, 3, 3)
    diagonal = wl.kernel(PIXELS, x, z, spatial="pixel_diagonal")
    assert diagonal.shape == (5, 3, 3, 3)
    np.testing.assert_allclose(diagonal, np.einsum("ijpqpq->ijpq", full.ntk), rtol=1e-12)
    square = wl.kernel(PIXELS, x)
    assert (square == square.transpose(1, 0, 4, 5, 2, 3)).all()
    assert square.flags.c_contiguous
    own = wl.diagonal(PIXELS, x)
    assert own.shape == (5, 3, 3, 3, 3)
    assert (own == square[np.arange(5), np.arange(5)]).all()
    assert wl.diagonal(PIXELS, x, spatial="pixel_diagonal").shape == (5, 3, 3)
    plan = wl.plan(PIXELS, x, z, spatial="pixel_diagonal")
    assert (plan.shape, plan.result_bytes) == (diagonal.shape, diagonal.nbytes)
    assert wl.plan(PIXELS, x).shape == square.shape
    # A dense layer acts on every pixel.
    assert wl.kernel(wl.Network([wl.Dense()]), x).shape == (5, 5, 6, 5, 6, 5)


def test_graphs(rng):
    x, z = rng.standard_normal((4, 6, 3)), rng.standard_normal((2, 6, 3))
    a, b = rng.integers(0, 2, (4, 6, 6)), rng.integers(0, 2, (2, 6, 6))
    net = wl.Network([wl.Aggregate(), wl.Dense(), wl.GlobalSumPool()])
    left = np.einsum("nqp,nqc->nc", a, x)
    right = np.einsum("nqp,nqc->nc", b, z)
    both = {"adjacency_1": a, "adjacency_2": b}
    np.testing.assert_allclose(
        wl.kernel(net, x, z, get="nngp", **both), left @ right.T / 3, rtol=1e-12
    )
    square = wl.kernel(net, x, adjacency_1=a)
    np.testing.assert_allclose(wl.diagonal(net, x, adjacency=a), square.diagonal(), rtol=1e-12)
    for wrong, words in [
        ({}, r"adjacency of x1 must have the shape \(4, 6, 6\), got none"),
        ({"adjacency_1": a}, r"adjacency of x2 must have the shape \(2, 6, 6\), got none"),
        ({"adjacency_1": a[:, :5, :5], "adjacency_2": b}, r"\(4, 6, 6\), got \(4, 5, 5\)"),
        ({"adjacency_1": a[0], "adjacency_2": b}, "adjacency_1 has 2 dimensions, three"),
        ({"adjacency_1": a * np.nan, "adjacency_2": b}, r"holds NaN at \(0, 0, 0\)"),
    ]:
        with pytest.raises(ValueError, match=words):
            wl.kernel(net, x, z, **wrong)
    with pytest.raises(ValueError, match="adjacency_2: there is no x2"):
        wl.kernel(net, x, **both)
    with pytest.raises(ValueError, match="adjacency_1: no layer of the network aggregates"):
        wl.kernel(NET, images(rng), adjacency_1=a)
    with pytest.raises(ValueError, match="aggregates over graphs"):
        wl.NTKRegressor(net).fit(x, [1.0, 2, 3, 4])


def test_layouts_and_types(rng):
    x = images(rng)
    expected = wl.kernel(NET, x)
    assert (wl.kernel(NET, np.asfortranarray(x)) == expected).all()
    channels_first = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    assert (wl.kernel(NET, channels_first.transpose(0, 2, 3, 1)) == expected).all()
    assert (wl.kernel(NET, np.ascontiguousarray(x[:, ::-1])[:, ::-1]) == expected).all()
    wide = np.zeros((14, 6, 10, 2))
    wide[::2, :, ::2] = x
    assert (wl.kernel(NET, wide[::2, :, ::2]) == expected).all()
    bits = rng.integers(0, 255, (4, 6, 5, 3)).astype(np.uint8)
    assert (wl.kernel(NET, bits) == wl.kernel(NET, bits.astype(float))).all()


def test_contiguous_inputs_are_not_copied():
    x = np.zeros((300, 32, 32, 3), dtype=np.float32)
    tracemalloc.start()
    wl.diagonal(wl.Network([wl.GlobalAvgPool()]), x)
    wl.plan(NET, x)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < x.nbytes / 10


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.zeros((3, 12)), "needs an input with 2 spatial axes, got shape 12"),
        (np.zeros((3, 4, 4)), "needs an input with 2 spatial axes, got shape 4x4"),
        (np.zeros((3, 0, 4, 1)), "0"),
        (np.zeros((0, 4, 4, 1)), "empty"),
        (np.zeros((2, 1, 1, 1, 1, 1)), "x1 has 6 dimensions, two to five are expected"),
        (np.zeros(3), "x1 has 1 dimensions, two to five are expected"),
        (np.full((2, 2, 2, 1), np.inf), r"x1 holds inf in input 0 at \(0, 0, 0\)"),
        (np.full((2, 2, 2, 1), 1e200), "overflows"),
    ],
)
def test_bad_inputs(x, words):
    with pytest.raises(ValueError, match=words):
        wl.kernel(NET, x)


def test_other_bad_arguments(rng):
    x = images(rng)
    with pytest.raises(ValueError, match=r"x1 has the shape 6x5x2, one of x2 6x4x2"):
        wl.kernel(NET, x, x[:, :, :4])
    with pytest.raises(ValueError, match=r"x1 has the shape 6x5x2, one of x2 6x4x2"):
        wl.plan(NET, x, x[:, :, :4])
    for call in (wl.kernel, wl.diagonal, wl.plan):
        with pytest.raises(ValueError, match='spatial: expected "full" or "pixel_diagonal"'):
            call(PIXELS, x, spatial="diagonal")
    with pytest.raises(MemoryError, match=r"shape \[7, 7, 3, 3, 3, 3\] needs .* at most 1.00 KiB"):
        wl.kernel(PIXELS, x, memory=1024)
    with pytest.raises(MemoryError, match="KiB"):
        wl.kernel(NET, x, memory=1024)


def test_plans_of_images():
    x = np.zeros((100, 32, 32, 3), dtype=np.float32)
    plan = wl.plan(wl.Network.preset("myrtle5"), x)
    assert (plan.engine, plan.shape, plan.result_bytes) == ("images", (100, 100), 40_000)
    assert plan.seconds > 0
    assert plan.flops > 0


def test_the_interpreter_goes_on_and_progress_may_stop_it(rng):
    net = wl.Network.preset("myrtle5")
    x = images(rng, 48, (16, 16, 3), np.float32)
    ticks, running = [], threading.Event()
    running.set()

    def tick():
        while running.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    told = []
    wl.kernel(net, x, threads=1, progress=lambda *done: told.append(done))
    running.clear()
    thread.join()
    assert len(ticks) > 5
    assert told[-1][0] == told[-1][1] > 0

    def stop(done, total):
        raise InterruptedError("enough")

    with pytest.raises(InterruptedError, match="enough"):
        wl.kernel(net, x, progress=stop)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_classification_end_to_end(tmp_path, dtype):
    (x, y), (new, truth) = stripes(60, 1), stripes(80, 2)
    x, new = x.astype(dtype), new.astype(dtype)
    names = np.array(["across", "down"])
    model = wl.NTKClassifier("cntk-gap:2").fit(x, names[y])
    assert model.score(new, names[truth]) > 0.95
    assert model.n_features_in_ == 64
    scores = model.decision_function(new)
    assert scores.dtype == dtype
    model.save(tmp_path / "model.safetensors")
    for again in (
        wl.NTKClassifier.load(tmp_path / "model.safetensors"),
        pickle.loads(pickle.dumps(model)),
    ):
        assert (again.decision_function(new) == scores).all()
        assert (again.predict(new) == model.predict(new)).all()
        assert again.n_features_in_ == 64
    assert (model.decision_function(new[5:9]) == scores[5:9]).all()


def test_regressors_solve_with_the_kernel(rng):
    x, y = images(rng, 25), rng.standard_normal((25, 2))
    new = images(rng, 6)
    for estimator, get in ((wl.NTKRegressor, "ntk"), (wl.NNGPRegressor, "nngp")):
        model = estimator(NET, ridge=1e-2).fit(x, y)
        kernel = wl.kernel(NET, x, get=get)
        shifted = kernel + 1e-2 * np.trace(kernel) / 25 * np.eye(25)
        cross = wl.kernel(NET, new, x, get=get)
        expected = y.mean(0) + cross @ np.linalg.solve(shifted, y - y.mean(0))
        np.testing.assert_allclose(model.predict(new), expected, rtol=1e-8, atol=1e-10)
    mean, std = wl.NNGPRegressor(NET).fit(x, y[:, 0]).predict(new, return_std=True)
    assert mean.shape == std.shape == (6,)
    assert (std > 0).all()


def test_estimators_on_images_are_estimators():
    x, y = stripes(45, 3)
    model = wl.NTKClassifier("cntk-gap:1", ridge=1e-3)
    assert cross_val_score(clone(model), x, y, cv=3).mean() > 0.9
    bits = (100 * x).clip(0, 255).astype(np.uint8)
    assert model.fit(bits, y).score(bits, y) > 0.9


def test_estimators_say_what_they_cannot_do(rng):
    x, y = images(rng, 9), np.arange(9) % 2
    with pytest.raises(ValueError, match="the network ends on positions, 3x3x1 for an input of"):
        wl.NTKClassifier(PIXELS).fit(x, y)
    with pytest.raises(ValueError, match="needs an input with 2 spatial axes, got shape 60"):
        wl.NTKClassifier(NET).fit(x.reshape(9, -1), y)
    with pytest.raises(ValueError, match="dim"):
        wl.NTKClassifier("mlp:2").fit(x, y)
    with pytest.raises(ValueError, match="NaN"):
        wl.NTKClassifier(NET).fit(np.where(x > 0, x, np.nan), y)
    with pytest.raises(ValueError, match="inconsistent"):
        wl.NTKClassifier(NET).fit(x, y[:5])
    model = wl.NTKClassifier(NET).fit(x, y)
    with pytest.raises(ValueError, match="shape 6x4x2, but the model was fitted on 6x5x2"):
        model.predict(x[:, :, :4])
    with pytest.raises(ValueError, match="shape 60, but the model was fitted on 6x5x2"):
        model.predict(x.reshape(9, -1))


def test_gradient_flow_on_images(rng):
    x, y = images(rng, 8), rng.standard_normal(8)
    flow = wl.GradientFlow(NET, x, y)
    np.testing.assert_allclose(flow.predict(x), y, atol=1e-4)
    assert abs(flow.predict(x, t=0.0)).max() < 1e-9
    with pytest.raises(ValueError, match="ends on positions"):
        wl.GradientFlow(PIXELS, x, y)


LAYERS = [
    wl.Conv(filter=(2, 2), padding="CIRCULAR", trainable=False),
    wl.ConvLocal(padding="VALID", b_std=0.1),
    wl.ConvTranspose(filter=(2, 2), strides=(2, 2)),
    wl.AvgPool(),
    wl.SumPool(window=(2, 3), strides=(1, 1), padding="SAME"),
    wl.AvgPool(padding="SAME", normalize_edges=True),
    wl.LayerNorm(axes=("channel", "spatial")),
    wl.Dropout(keep_rate=0.8),
    wl.GlobalSelfAttention(),
    wl.GlobalSelfAttention(mechanism="IDENTITY", trainable=False),
    wl.Residual(body=[wl.Conv(), wl.Relu(), wl.Conv()]),
    wl.Parallel(branches=[[wl.Conv()], [wl.Dense()]], combine="concat"),
    wl.Dense(trainable=False),
    wl.Identity(),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: f"{layer.layer}")
@pytest.mark.parametrize("end", [wl.GlobalAvgPool(), wl.GlobalSumPool(), wl.Flatten()])
def test_every_layer_of_images(rng, layer, end):
    net = wl.Network([wl.Conv(), wl.Relu(), wl.Conv(), layer, end])
    assert wl.Network.from_json(net.to_json()) == net
    x = images(rng, 6, (4, 6, 2))
    kernel = wl.kernel(net, x)
    assert kernel.shape == (6, 6)
    assert (kernel == kernel.T).all() or layer.layer in {"conv", "global_self_attention"}
    assert np.linalg.eigvalsh(kernel).min() > -1e-9 * np.trace(kernel)


def test_sequences_and_volumes(rng):
    line = wl.Network([wl.Conv(filter=(3,), strides=(1,)), wl.Relu(), wl.GlobalAvgPool()])
    assert wl.kernel(line, rng.standard_normal((4, 9, 2))).shape == (4, 4)
    cube = wl.Network([wl.Conv(filter=(2, 2, 2), strides=(1, 1, 1)), wl.Relu(), wl.Flatten()])
    assert wl.kernel(cube, rng.standard_normal((4, 3, 3, 3, 2))).shape == (4, 4)
