import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import widelimit as wl


@parametrize_with_checks(
    [
        wl.NeuralKernelFeatures("mlp:1:relu", dim=32),
        wl.NTKRegressor("mlp:1:relu", solver="features", dim=32, method="centred"),
    ]
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.fixture
def rows(rng):
    return rng.normal(size=(90, 4))


def relative(z, kernel):
    return np.linalg.norm(z @ z.T - kernel) / np.linalg.norm(kernel)


@pytest.mark.parametrize("get", ["ntk", "nngp"])
@pytest.mark.parametrize("method", ["auto", "centred", "random", "nystrom"])
def test_certificate_of_all_rows_is_the_error(rows, get, method):
    net = wl.Network.preset("mlp:2:relu")
    features = wl.FeatureMap(net, dim=80 if method == "auto" else 400, get=get, method=method)
    z = features.fit_transform(rows)
    assert z.shape == (90, features.dim_)
    stated = features.certificate_
    assert (stated.sample, stated.population, stated.dim) == (90, 90, features.dim_)
    error = relative(z, wl.kernel(net, rows, get=get))
    np.testing.assert_allclose(stated.error, error, rtol=1e-5, atol=1e-9)
    assert error < 0.5
    assert (features.method_ == method) or method == "auto"
    assert bool(features.trial_) == (method == "auto")


def test_seeds_batches_and_threads(rows):
    def features(**given):
        return wl.FeatureMap("mlp:2:relu", dim=64, method="centred", **given).fit(rows)

    whole = features().transform(rows)
    np.testing.assert_array_equal(features(threads=1).transform(rows[5:40]), whole[5:40])
    assert not np.array_equal(features(seed=1).transform(rows), whole)


def test_precision_is_kept(rows):
    features = wl.FeatureMap("mlp:2:relu", dim=64).fit(rows.astype(np.float32))
    single, double = features.transform(rows.astype(np.float32)), features.transform(rows)
    assert (single.dtype, double.dtype) == (np.float32, np.float64)
    np.testing.assert_allclose(single, double, atol=1e-3)


@pytest.mark.parametrize("method", ["centred", "nystrom"])
def test_files_and_pickles_give_the_same_bits(rows, tmp_path, method):
    features = wl.FeatureMap("mlp:2:relu", dim=32, method=method, seed=2**62).fit(rows)
    z = features.transform(rows)
    features.save(tmp_path / "map.safetensors")
    loaded = wl.FeatureMap.load(tmp_path / "map.safetensors")
    assert (loaded.seed, loaded.certificate_) == (2**62, features.certificate_)
    for other in (loaded, pickle.loads(pickle.dumps(features)), copy.deepcopy(features)):
        np.testing.assert_array_equal(other.transform(rows), z)


def softsign(u):
    return u / (1 + np.abs(u))


def test_functions_of_the_user(rows):
    net = wl.Network([wl.Dense(), wl.Numerical(softsign), wl.Dense()])
    # Every input has coefficients of its own: a few are enough.
    rows = rows[:6]
    features = wl.FeatureMap(net, dim=4, method="nystrom").fit(rows)
    again = pickle.loads(pickle.dumps(features))
    np.testing.assert_array_equal(again.transform(rows), features.transform(rows))


def test_time_can_be_limited(rows):
    wanted = {"dim": 64, "method": "centred"}
    features = wl.FeatureMap("mlp:2:relu", **wanted, max_seconds=3600).fit(rows)
    assert features.method_ == "centred" and len(features.trial_) == 1
    plain = wl.FeatureMap("mlp:2:relu", **wanted).fit(rows)
    np.testing.assert_array_equal(features.transform(rows), plain.transform(rows))
    for method in ("centred", "auto"):
        slow = wl.FeatureMap("mlp:2:relu", 64, method=method, max_seconds=1e-9)
        with pytest.raises(TimeoutError, match=r"64 features of \d+ rows .* fastest method"):
            slow.fit(rows)
    with pytest.raises(ValueError, match="max_seconds: expected a time above 0, got 0"):
        wl.FeatureMap("mlp:1", 8, max_seconds=0).fit(rows)
    with pytest.raises(TypeError, match="max_seconds: expected a number of seconds, got 'soon'"):
        wl.FeatureMap("mlp:1", 8, max_seconds="soon").fit(rows)
    with pytest.raises(ValueError, match="max_seconds: is the time of features"):
        wl.NTKRegressor(solver="exact", max_seconds=1.0).fit(rows, rows[:, 0])


def test_plans_need_only_shapes(rows):
    plan = wl.FeatureMap("mlp:2:relu", 512).plan(np.broadcast_to(np.float32(0), (10**6, 5)))
    assert (plan.rows, plan.dim, plan.result_bytes) == (10**6, 512, 4 * 512 * 10**6)
    assert plan.seconds["zonal"] > 0 and plan.regression_seconds > 0
    assert set(plan.seconds) & set(plan.refused) == set()
    only = wl.FeatureMap("mlp:2:relu", 512, method="zonal").plan(rows)
    assert list(only.seconds) == ["zonal"] and not only.refused
    with pytest.raises(ValueError, match=r"a tolerance of 0\.1"):
        wl.FeatureMap("mlp:2:relu", tol=0.1).plan(rows)
    with pytest.raises(MemoryError, match="a feature map needs"):
        wl.FeatureMap("mlp:2:relu", 512, memory="1MiB").plan(rows)
    with pytest.raises(ValueError, match="X has 1 dimension"):
        wl.FeatureMap("mlp:2:relu", 512).plan(rows[0])


def test_tolerance(rows):
    features = wl.FeatureMap("mlp:2:relu", tol=0.05, method="centred").fit(rows)
    stated = features.certificate_
    assert stated.error <= 0.05
    assert stated.spectral_interval[0] <= stated.spectral_error <= stated.spectral_interval[1]
    assert 0 < stated.effective_dimension < 90
    assert stated.dim_for(stated.error) == stated.dim
    assert stated.dim_for_spectral(stated.spectral_error / 2) == 4 * stated.dim
    with pytest.raises(ValueError, match="error: expected a positive number, got 0"):
        stated.dim_for(0)


def test_a_number_of_features_by_rule(rows):
    for dim in ("auto", None):
        assert wl.FeatureMap("mlp:1:relu", dim, method="random").fit(rows).dim_ == 512
        transformer = wl.NeuralKernelFeatures("mlp:1:relu", dim, method="random")
        assert clone(transformer).fit(rows).dim_ == 512
        by_error = wl.FeatureMap("mlp:2:relu", dim, tol=0.05, method="centred").fit(rows)
        assert by_error.certificate_.error <= 0.05


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"dim": 0}, ValueError, "dim"),
        ({"dim": 2.5}, TypeError, "dim"),
        ({"dim": "many"}, ValueError, "dim: expected a whole number, .auto. or None, got 'many'"),
        ({"dim": 2048, "tol": 0.1}, ValueError, "one of them, .*, got dim=2048 and tol=0.1"),
        ({"method": "magic"}, ValueError, "nystrom"),
        ({"method": None}, TypeError, "method: expected a name, such as .auto., got None"),
        ({"get": "both"}, ValueError, "get: expected .ntk. or .nngp., got 'both'"),
        ({"get": ("ntk", "nngp")}, ValueError, r"get: expected .*, got \('ntk', 'nngp'\)"),
        ({"seed": -1}, ValueError, "seed"),
        ({"tol": 2.0}, ValueError, "between 0 and 1"),
        ({"tol": "small"}, TypeError, "tol: expected a relative error .*, got 'small'"),
        ({"net": 3}, TypeError, "net"),
        ({"memory": "1KiB", "method": "nystrom"}, MemoryError, "memory"),
        ({"dim": 10**10, "method": "centred"}, MemoryError, "a feature map needs"),
    ],
)
def test_bad_parameters(rows, given, error, words):
    with pytest.raises(error, match=words):
        wl.FeatureMap(**{"net": "mlp:2:relu", "dim": 64, **given}).fit(rows)


def test_bad_inputs(rows):
    features = wl.FeatureMap("mlp:2:relu", dim=64)
    with pytest.raises(ValueError, match="not fitted"):
        features.transform(rows)
    rows[3, 1] = np.nan
    with pytest.raises(ValueError, match="row 3, column 1"):
        features.fit(rows)
    features.fit(rows[4:])
    with pytest.raises(ValueError, match="expected 4, got 3"):
        features.transform(rows[4:, :3])


def test_sparse_matrices_are_named(rows):
    sparse = pytest.importorskip("scipy.sparse").csr_array(rows)
    net, y = "mlp:2:relu", rows[:, 0]
    with pytest.raises(TypeError, match=r"x: expected an array, got a sparse .*; give x.toarray"):
        wl.FeatureMap(net, dim=64).fit(sparse)
    with pytest.raises(TypeError, match=r"x1: expected an array, .*x1\.toarray\(\)"):
        wl.kernel(net, sparse)
    for fit in (
        lambda x: wl.NeuralKernelFeatures(net).fit(x),
        lambda x: wl.NTKRegressor(net).fit(x, y),
        lambda x: wl.NTKRegressor("cntk-gap:1").fit(x, y),
        lambda x: wl.StreamingRidge().fit(x, y),
    ):
        with pytest.raises(TypeError, match=r"Sparse data was passed for X.*toarray\(\)"):
            fit(sparse)
    for estimator in (wl.NTKRegressor(net), wl.NTKClassifier(net)):
        with pytest.raises(TypeError, match=r"y: expected an array, .*y\.toarray\(\)"):
            estimator.fit(rows, sparse[:, [0]])


def test_progress_and_interruption(rows):
    told = []
    many = np.tile(rows, (40, 1))
    features = wl.FeatureMap("mlp:1:relu", dim=32, method="centred", certify=0)
    features.progress = lambda done, total: told.append((done, total))
    features.fit(many)
    assert told == [(1, 1)]
    features.transform(many)
    assert len(told) > 1 and told[-1][0] == told[-1][1]

    def stop(done, total):
        raise KeyboardInterrupt

    features.progress = stop
    with pytest.raises(KeyboardInterrupt):
        features.transform(many)


def test_transformer_in_a_pipeline(rows):
    y = np.sin(rows[:, 0]) + rows[:, 1]
    transformer = wl.NeuralKernelFeatures("mlp:2:relu", dim=64, random_state=3)
    model = make_pipeline(transformer, Ridge(1e-3)).fit(rows, y)
    assert model.score(rows, y) > 0.9
    fitted = model[0]
    assert list(fitted.get_feature_names_out()[:1]) == ["neuralkernelfeatures0"]
    again = clone(fitted).fit(rows)
    np.testing.assert_array_equal(again.transform(rows), fitted.transform(rows))
    images = np.random.default_rng(0).normal(size=(20, 5, 5, 1)).astype(np.float32)
    z = wl.NeuralKernelFeatures("cntk-gap:1", dim=64).fit_transform(images)
    assert z.dtype == np.float32 and len(z) == 20


@pytest.mark.parametrize("estimator", [wl.NTKRegressor, wl.NNGPRegressor])
def test_regressors_on_features(rows, tmp_path, estimator):
    y = np.sin(rows[:, 0]) + rows[:, 1]
    exact = estimator("mlp:2:relu", ridge=1e-2).fit(rows, y)
    assert (exact.solver_, exact.dim_, exact.certificate_) == ("exact", None, None)
    parameters = {"ridge": 1e-2, "dim": 90, "method": "nystrom", "seed": 5}
    model = estimator("mlp:2:relu", **parameters).fit(rows, y)
    assert (model.solver_, model.dim_, model.method_) == ("features", 90, "nystrom")
    np.testing.assert_allclose(model.predict(rows), exact.predict(rows), rtol=1e-6, atol=1e-8)
    path = tmp_path / "model.safetensors"
    model.save(path)
    for other in (estimator.load(path), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.predict(rows), model.predict(rows))
        assert other.get_params()["seed"] == 5
        assert other.certificate_ == model.certificate_
    if estimator is wl.NNGPRegressor:
        with pytest.raises(ValueError, match="exact kernel"):
            model.predict(rows, return_std=True)


@pytest.mark.parametrize("estimator", [wl.NTKRegressor, wl.NNGPRegressor, wl.NTKClassifier])
def test_estimators_on_features_of_a_tolerance(rows, tmp_path, estimator):
    y = rows[:, 0] > 0
    given = {"tol": 0.05, "method": "centred"}
    model = clone(estimator("mlp:2:relu", ridge=0.1, **given)).fit(rows, y)
    assert model.solver_ == "features" and model.certificate_.error <= 0.05
    features = wl.FeatureMap("mlp:2:relu", get=model._kernel, **given).fit(rows)
    assert model.dim_ == features.dim_
    model.save(tmp_path / "model")
    loaded = estimator.load(tmp_path / "model")
    assert loaded.get_params() == model.get_params()
    assert (loaded.predict(rows) == model.predict(rows)).all()
    assert clone(loaded).fit(rows, y).dim_ == model.dim_


def test_classifier_on_features(rows):
    y = np.where(rows[:, 0] > 0, "right", "left")
    model = wl.NTKClassifier("mlp:2:relu", solver="features", dim=128).fit(rows, y)
    assert model.score(rows, y) > 0.9
    assert model.loo_error_rate_ < 0.3
