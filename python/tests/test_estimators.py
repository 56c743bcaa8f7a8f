import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, make_regression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import widelimit as wl


@parametrize_with_checks([wl.NTKRegressor(), wl.NTKClassifier(), wl.NNGPRegressor()])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.fixture
def regression():
    x, y = make_regression(120, 5, noise=0.1, random_state=0)
    return StandardScaler().fit_transform(x), y / y.std()


@pytest.fixture(scope="module")
def digits():
    x, y = load_digits(return_X_y=True)
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    return x[:500], y[:500], x[500:900], y[500:900]


def test_solution_is_kernel_ridge(regression):
    x, y = regression
    net = wl.Network.preset("mlp:2:relu")
    model = wl.NTKRegressor(net, ridge=1e-3).fit(x, y)
    kernel = wl.kernel(net, x)
    shifted = kernel + 1e-3 * np.trace(kernel) / len(x) * np.eye(len(x))
    test = x[:7] + 0.1
    expected = y.mean() + wl.kernel(net, test, x) @ np.linalg.solve(shifted, y - y.mean())
    np.testing.assert_allclose(model.predict(test), expected, rtol=1e-9)
    assert model.ridge_ == 1e-3
    assert set(model.diagnostics_) >= {"condition", "jitter", "residual"}


def test_leave_one_out_is_what_refitting_gives(regression):
    x, y = regression
    x, y = x[:25], y[:25]
    model = wl.NTKRegressor("mlp:2:relu").fit(x, y)
    errors = []
    absolute = model.ridge_ * wl.diagonal(model.network_, x).mean()
    for left_out in range(len(x)):
        keep = np.arange(len(x)) != left_out
        mean = wl.diagonal(model.network_, x[keep]).mean()
        part = wl.NTKRegressor("mlp:2:relu", ridge=absolute / mean).fit(x[keep], y[keep])
        errors.append(part.predict(x[left_out : left_out + 1])[0] - y[left_out])
    np.testing.assert_allclose(model.loo_error_, np.mean(np.square(errors)), rtol=1e-6)


def test_gaussian_process_against_numpy(regression):
    x, y = regression
    net = wl.Network.preset("mlp:2:erf")
    model = wl.NNGPRegressor(net, ridge=1e-2, amplitude=1.0).fit(x, y)
    test = x[:9] * 1.1
    mean, std = model.predict(test, return_std=True)
    kernel = wl.kernel(net, x, get="nngp")
    noise = 1e-2 * np.trace(kernel) / len(x)
    cross = wl.kernel(net, test, x, get="nngp")
    shifted = kernel + noise * np.eye(len(x))
    variance = wl.diagonal(net, test, get="nngp") - np.einsum(
        "ij,ij->i", cross, np.linalg.solve(shifted, cross.T).T
    )
    np.testing.assert_allclose(std, np.sqrt(variance), rtol=1e-6)
    centred = y - y.mean()
    np.testing.assert_allclose(
        mean, y.mean() + cross @ np.linalg.solve(shifted, centred), rtol=1e-8
    )
    _, logdet = np.linalg.slogdet(shifted)
    evidence = -0.5 * (
        centred @ np.linalg.solve(shifted, centred) + logdet + len(x) * np.log(2 * np.pi)
    )
    np.testing.assert_allclose(model.log_marginal_likelihood_, evidence, rtol=1e-8)
    scaled = wl.NNGPRegressor(net, ridge=1e-2).fit(x, y)
    np.testing.assert_allclose(
        scaled.amplitude_, centred @ np.linalg.solve(shifted, centred) / len(x), rtol=1e-8
    )
    same, wider = scaled.predict(test, return_std=True)
    np.testing.assert_allclose(same, mean, rtol=1e-10)
    np.testing.assert_allclose(wider, std * np.sqrt(scaled.amplitude_), rtol=1e-8)
    assert scaled.log_marginal_likelihood_ >= model.log_marginal_likelihood_


def test_outputs_of_a_gaussian_process_have_their_own_scales(regression):
    x, y = regression
    one = wl.NNGPRegressor(ridge=1e-2).fit(x, y)
    two = wl.NNGPRegressor(ridge=1e-2).fit(x, np.c_[y, 1000 * y])
    _, std = one.predict(x[:9] * 1.1, return_std=True)
    _, both = two.predict(x[:9] * 1.1, return_std=True)
    np.testing.assert_allclose(both, np.c_[std, 1000 * std], rtol=1e-8)
    assert isinstance(one.amplitude_, float)
    np.testing.assert_allclose(two.amplitude_, one.amplitude_ * np.array([1.0, 1e6]), rtol=1e-8)


def test_classifier_on_digits(digits):
    x, y, x_test, y_test = digits
    model = wl.NTKClassifier().fit(x, y)
    assert model.score(x_test, y_test) > 0.9
    assert model.decision_function(x_test).shape == (400, 10)
    assert 0 <= model.loo_error_rate_ < 0.1
    single = wl.NTKClassifier().fit(x.astype(np.float32), y)
    assert np.mean(single.predict(x_test.astype(np.float32)) == model.predict(x_test)) > 0.99


def test_labels_of_any_kind(digits):
    x, y, x_test, _ = digits
    names = np.array(["digit " + str(label) for label in y])
    model = wl.NTKClassifier(ridge=1e-3).fit(x, names)
    numbers = wl.NTKClassifier(ridge=1e-3).fit(x, y)
    assert (model.predict(x_test) == [f"digit {p}" for p in numbers.predict(x_test)]).all()
    binary = wl.NTKClassifier(ridge=1e-3).fit(x, y > 4)
    assert binary.decision_function(x_test).shape == (400,)
    assert binary.predict(x_test).dtype == bool


def test_in_pipelines_and_searches(regression):
    x, y = regression
    pipeline = make_pipeline(StandardScaler(), wl.NTKRegressor())
    assert cross_val_score(pipeline, x, y, cv=3).mean() > 0.5
    search = GridSearchCV(
        wl.NTKRegressor(), {"net": ["mlp:1:relu", "mlp:2:erf"], "ridge": [1e-3, "auto"]}, cv=2
    ).fit(x, y)
    assert search.best_estimator_.predict(x).shape == y.shape
    copy = clone(wl.NTKRegressor(wl.Network.preset("mlp:2:erf"), ridge=0.1))
    assert copy.net == wl.Network.preset("mlp:2:erf")


@pytest.mark.parametrize("kind", [wl.NTKRegressor, wl.NNGPRegressor])
def test_saved_models_predict_the_same_bits(regression, tmp_path, kind):
    x, y = regression
    model = kind("mlp:2:relu").fit(x, np.column_stack([y, -y]))
    path = tmp_path / "model.safetensors"
    model.save(path)
    loaded = kind.load(path)
    assert (loaded.predict(x) == model.predict(x)).all()
    assert loaded.ridge_ == model.ridge_
    assert (pickle.loads(pickle.dumps(model)).predict(x) == model.predict(x)).all()
    with pytest.raises(ValueError, match=r"classification|NTKClassifier"):
        wl.NTKClassifier.load(path)


def test_saved_classifier_keeps_its_labels(digits, tmp_path):
    x, y, x_test, _ = digits
    path = tmp_path / "model.safetensors"
    for labels in (y, np.array([f"d{label}" for label in y])):
        model = wl.NTKClassifier(ridge=1e-3).fit(x, labels)
        model.save(path)
        loaded = wl.NTKClassifier.load(path)
        assert (loaded.predict(x_test) == model.predict(x_test)).all()


def test_broken_model_files_are_refused(regression, tmp_path):
    x, y = regression
    path = tmp_path / "model.safetensors"
    wl.NTKRegressor("mlp:1:relu", ridge=0.1).fit(x, y).save(path)
    content = path.read_bytes()
    for length in (0, 4, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError):
            wl.NTKRegressor.load(path)
    with pytest.raises((ValueError, FileNotFoundError)):
        wl.NTKRegressor.load(tmp_path / "missing.safetensors")


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"ridge": -1.0}, ValueError),
        ({"ridge": "big"}, ValueError),
        ({"ridge": float("nan")}, ValueError),
        ({"solver": "magic"}, ValueError),
        ({"dim": 100, "solver": "exact"}, ValueError),
        ({"tol": 0.1, "solver": "exact"}, ValueError),
        ({"tol": 0.1, "dim": 100}, ValueError),
        ({"tol": 1.0}, ValueError),
        ({"dim": 0}, ValueError),
        ({"dim": 1.5}, TypeError),
        ({"solver": "features", "method": "magic"}, ValueError),
        ({"solver": "features", "method": None}, TypeError),
        ({"seed": -1}, ValueError),
        ({"net": 3}, TypeError),
        ({"net": "no_such_preset"}, ValueError),
        ({"memory": "1KiB"}, MemoryError),
    ],
)
def test_bad_parameters(regression, parameters, error):
    with pytest.raises(error):
        wl.NTKRegressor(**parameters).fit(*regression)


def test_degenerate_data():
    x = np.ones((6, 2))
    y = np.arange(6.0)
    same = wl.NTKRegressor("mlp:2:relu").fit(x, y).predict(x)
    np.testing.assert_allclose(same, y.mean(), atol=1e-4)
    constant = wl.NTKRegressor("mlp:2:relu").fit(np.eye(5), np.full(5, 3.0))
    np.testing.assert_allclose(constant.predict(np.eye(5)), 3.0)
    with pytest.raises(ValueError, match="diagonal is 0"):
        wl.NTKRegressor("mlp:2:relu").fit(np.zeros((4, 3)), np.arange(4.0))
    alone = wl.NTKRegressor("mlp:2:relu", ridge=0.1).fit(np.ones((1, 3)), [2.0])
    np.testing.assert_allclose(alone.predict(np.ones((1, 3))), 2.0)
    twice = np.repeat(np.random.default_rng(0).standard_normal((8, 3)), 2, axis=0)
    duplicated = wl.NTKRegressor("mlp:2:relu").fit(twice, np.arange(16.0))
    assert np.isfinite(duplicated.predict(twice)).all()


def test_import_needs_numpy_only():
    program = (
        "import sys, json, widelimit as wl; wl.Network.preset('mlp:1:relu');"
        "print(json.dumps([m for m in ('sklearn', 'scipy', 'pandas') if m in sys.modules]))"
    )
    out = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert json.loads(out.stdout) == []


def test_a_refit_leaves_nothing_of_the_last_one(regression, digits):
    x, y = regression
    model = wl.NTKRegressor("mlp:1:relu").fit(x, y)
    assert model.loo_error_ >= 0
    model.set_params(ridge=0.1).fit(x, y)
    assert not hasattr(model, "loo_error_")
    assert model.loo_path_ is None
    x, y, _, _ = digits
    classifier = wl.NTKClassifier("mlp:1:relu").fit(x[:60], y[:60])
    classifier.set_params(ridge=0.1).fit(x[:60], y[:60])
    assert not hasattr(classifier, "loo_error_rate_")


def test_a_refit_that_fails_leaves_the_last_one(regression):
    x, y = regression
    model = wl.NTKRegressor("mlp:1:relu", ridge=0.1).fit(x, y)
    before, expected = vars(model).copy(), model.predict(x)
    broken = [(x[:, :2], y * np.nan), (np.full_like(x[:, :2], 1e200), y), (x[:, :2], y[:-1])]
    for inputs, targets in broken:
        with pytest.raises(ValueError):
            model.fit(inputs, targets)
        assert vars(model) == before
    with pytest.raises(MemoryError):
        model.set_params(memory=10).fit(x[:, :2], y)
    assert model.n_features_in_ == 5
    model.set_params(memory=None)
    assert (model.predict(x) == expected).all()


def test_predictions_obey_the_memory_limit(regression):
    x, y = regression
    model = wl.NNGPRegressor("mlp:1:relu", ridge=0.1).fit(x, y)
    expected = model.predict(x, return_std=True)
    model.set_params(memory=16)
    with pytest.raises(MemoryError):
        model.predict(x)
    with pytest.raises(MemoryError):
        model.predict(x, return_std=True)
    model.set_params(memory="64MiB")
    assert (model.predict(x) == expected[0]).all()


def test_an_empty_name_is_no_preset(regression):
    with pytest.raises(ValueError, match='unknown preset ""'):
        wl.NTKRegressor("").fit(*regression)


@pytest.mark.parametrize(("labels", "word"), [(np.array(["x"] * 4), "'x'"), (np.full(4, 7), "7")])
def test_a_single_class_is_named(labels, word):
    with pytest.raises(ValueError, match=f"one class \\({word}\\)"):
        wl.NTKClassifier("mlp:1:relu").fit(np.eye(4), labels)


def test_progress_callables_are_called(regression):
    x, y = regression
    calls = []
    model = wl.NTKRegressor("mlp:1:relu", progress=lambda *done: calls.append(done)).fit(x, y)
    fitted = len(calls)
    model.predict(x)
    assert len(calls) > fitted > 0


def test_functions_in_a_search_over_processes(regression):
    x, y = regression
    # The processes get the function by value, as scikit-learn's own workers do with any.
    net = wl.Network([wl.Dense(), wl.Numerical(lambda x: np.tanh(x)), wl.Dense()])
    search = GridSearchCV(wl.NTKRegressor(net), {"ridge": [1e-3, 1e-1]}, cv=2, n_jobs=2)
    assert search.fit(x[:30], y[:30]).best_estimator_.net == net
