"""What comes back from a file is what went in."""

import copy
import json
import pickle
import struct

import numpy as np
import pytest
from sklearn.base import clone

import widelimit as wl

RNG = np.random.default_rng(3)
X = RNG.standard_normal((30, 3))
CODES = np.arange(30) % 3


def saved(model, tmp_path):
    path = tmp_path / "model.safetensors"
    model.save(path)
    return type(model).load(path)


@pytest.mark.parametrize(
    "labels",
    [
        np.array([0.0, 1.0, 2.0]),
        np.array([-(2.0**60), 0.0, 5.0]),
        np.array([1, 2, 3], dtype=np.int8),
        np.array([1, 2, 2**64 - 1], dtype=np.uint64),
        np.array([1, 2, 3], dtype=np.float32),
        np.array(["a", "b", "c"]),
        np.array(["a", "b", "c"], dtype=object),
        np.array([False, True, True]),
    ],
    ids=lambda labels: f"{labels.dtype}-{labels[-1]}",
)
def test_labels_keep_their_type(tmp_path, labels):
    model = wl.NTKClassifier("mlp:1:relu", ridge=0.1).fit(X, labels[CODES])
    loaded = saved(model, tmp_path)
    assert loaded.classes_.dtype == model.classes_.dtype
    assert loaded.classes_.tolist() == model.classes_.tolist()
    kinds = [type(label) for label in loaded.classes_]
    assert kinds == [type(label) for label in model.classes_]
    predicted = loaded.predict(X)
    assert predicted.dtype == model.predict(X).dtype
    assert (predicted == model.predict(X)).all()


def header(path):
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length])["__metadata__"]


def test_whole_labels_are_numbers_in_the_file(tmp_path):
    path = tmp_path / "model.safetensors"
    wl.NTKClassifier("mlp:1:relu", ridge=0.1).fit(X, CODES.astype(float)).save(path)
    assert json.loads(header(path)["model"])["classes"] == {"integers": [0, 1, 2]}


def test_labels_that_are_no_json_are_refused(tmp_path):
    labels = np.empty(3, dtype=object)
    labels[:] = [(0,), (1,), (2,)]
    model = wl.NTKClassifier("mlp:1:relu", ridge=0.1).fit(X, CODES)
    model.classes_ = labels
    with pytest.raises(ValueError, match=r"class label \(0,\) \(tuple\)"):
        model.save(tmp_path / "model.safetensors")


@pytest.mark.parametrize("shape", [(30,), (30, 1), (30, 2)])
@pytest.mark.parametrize("kind", [wl.NTKRegressor, wl.NNGPRegressor])
def test_targets_keep_their_shape(tmp_path, kind, shape):
    y = RNG.standard_normal(shape)
    model = kind("mlp:1:relu", ridge=0.1).fit(X, y)
    assert saved(model, tmp_path).predict(X).shape == shape
    assert pickle.loads(pickle.dumps(model)).predict(X).shape == shape


def test_parameters_are_kept(tmp_path):
    given = {
        "net": "mlp:2:erf",
        "ridge": 0.25,
        "amplitude": 2.5,
        "threads": 1,
        "memory": "1GiB",
        "progress": False,
        "solver": "exact",
        "dim": None,
        "tol": None,
        "method": "centred",
        "seed": 3,
        "max_seconds": None,
    }
    model = wl.NNGPRegressor(**given).fit(X, X[:, 0])
    assert saved(model, tmp_path).get_params() == given
    default = wl.NTKRegressor().fit(X, X[:, 0])
    loaded = saved(default, tmp_path)
    assert loaded.get_params() == default.get_params()
    assert clone(loaded).fit(X, X[:, 0]).ridge_ == default.ridge_
    own = wl.NTKRegressor(wl.Network.preset("mlp:2:erf"), ridge=np.float32(0.5))
    own = saved(own.fit(X, X[:, 0]), tmp_path)
    assert own.net == own.network_ == wl.Network.preset("mlp:2:erf")
    assert own.ridge == 0.5
    # A callable has no text.
    told = wl.NTKRegressor(progress=lambda done, total: None).fit(X, X[:, 0])
    assert saved(told, tmp_path).progress is False


def test_names_of_features_are_kept(tmp_path):
    names = np.array(["a", "b", "c"], dtype=object)
    model = wl.NTKRegressor("mlp:1:relu", ridge=0.1).fit(X, X[:, 0])
    model.feature_names_in_ = names
    loaded = saved(model, tmp_path)
    assert loaded.feature_names_in_.tolist() == names.tolist()
    assert loaded.feature_names_in_.dtype == object


def test_files_without_notes_and_with_others_are_read(tmp_path):
    path = tmp_path / "model.safetensors"
    wl.NNGPRegressor("mlp:1:relu", ridge=0.1, amplitude=2.0).fit(X, X[:, 0])._model.save(path, {})
    assert "notes" not in header(path)
    plain = wl.NNGPRegressor.load(path)
    assert plain.predict(X).shape == (30,)
    assert (plain.ridge, plain.amplitude) == (0.1, 2.0)
    model = wl.NTKClassifier("mlp:1:relu", ridge=0.1).fit(X, CODES)
    model._model.save(path, {"of_a_later_version": "?"})
    assert wl.NTKClassifier.load(path).classes_.tolist() == [0, 1, 2]
    for damaged in ("?", "{}", '{"dtype": "x", "values": [1, 2, 3]}', "[1]", "null"):
        model._model.save(path, {"classes": damaged})
        with pytest.raises(ValueError, match="note 'classes' is damaged"):
            wl.NTKClassifier.load(path)
    model._model.save(path, {"parameters": '{"unknown": 1}'})
    with pytest.raises(ValueError, match="note 'parameters' is damaged"):
        wl.NTKClassifier.load(path)


def test_errors_of_the_file_system_are_those_of_python(tmp_path):
    model = wl.NTKRegressor("mlp:1:relu", ridge=0.1).fit(X, X[:, 0])
    missing = tmp_path / "missing" / "model"
    for attempt in (wl.NTKRegressor.load, model.save):
        with pytest.raises(FileNotFoundError) as caught:
            attempt(missing)
        assert caught.value.filename == str(missing)
    with pytest.raises(IsADirectoryError):
        wl.NTKRegressor.load(tmp_path)
    with pytest.raises(OSError):
        model.save(tmp_path)


def cube(x):
    return x**3


@pytest.mark.parametrize("function", [np.arctan, cube])
def test_fitted_models_with_functions_of_modules_are_pickled(function):
    net = wl.Network([wl.Dense(), wl.Numerical(function), wl.Dense()])
    model = wl.NNGPRegressor(net, ridge=0.1).fit(X, X[:, 0])
    for copied in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), copy.copy(model)):
        expected = model.predict(X, return_std=True)
        assert (np.array(copied.predict(X, return_std=True)) == np.array(expected)).all()


def test_models_with_lambdas_are_copied_and_say_why_they_are_not_saved(tmp_path):
    net = wl.Network([wl.Dense(), wl.Numerical(lambda x: x**3), wl.Dense()])
    model = wl.NTKRegressor(net, ridge=0.1).fit(X, X[:, 0])
    assert (copy.deepcopy(model).predict(X) == model.predict(X)).all()
    with pytest.raises(ValueError, match=r"layers\[1\].*user function.*JSON"):
        model.save(tmp_path / "model")
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(model)
