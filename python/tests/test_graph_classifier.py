"""The classifier of graphs, in scikit-learn's manners."""

import pickle

import numpy as np
import pytest

import widelimit as wl

sklearn = pytest.importorskip("sklearn")
pytest.importorskip("scipy")


def ring(n):
    return np.roll(np.eye(n), 1, 0) + np.roll(np.eye(n), -1, 0)


def path(n):
    return np.eye(n, k=1) + np.eye(n, k=-1)


def star(n):
    a = np.zeros((n, n))
    a[0, 1:] = a[1:, 0] = 1
    return a


@pytest.fixture
def kinds(rng):
    """Rings, paths and stars of different sizes, mixed."""
    made = [
        (make(int(n)), make.__name__)
        for n in rng.integers(4, 12, 20)
        for make in (ring, path, star)
    ]
    made = [made[i] for i in rng.permutation(len(made))]
    matrices, names = zip(*made, strict=True)
    return wl.Graphs.from_scipy(matrices), np.array(names)


@pytest.mark.parametrize("solver", ["svm", "ridge"])
def test_kinds_are_told_apart(kinds, solver):
    graphs, names = kinds
    model = wl.GNTKClassifier((2, 3), scale=("degree", "uniform"), solver=solver, cv=3)
    assert model.fit(graphs[:40], names[:40]) is model
    assert model.classes_.tolist() == ["path", "ring", "star"]
    assert model.score(graphs[40:], names[40:]) == 1.0
    assert model.best_score_ == 1.0
    scores = model.decision_function(graphs[40:])
    assert scores.shape == (20, 3)
    assert (model.classes_[scores.argmax(1)] == names[40:]).all()
    count = 8 * (5 if solver == "svm" else 1)
    assert all(len(column) == count for column in model.cv_results_.values())
    copy = pickle.loads(pickle.dumps(model))
    assert (copy.predict(graphs) == model.predict(graphs)).all()


def test_predictions_are_those_of_the_machine_on_the_kernel(kinds):
    from sklearn.svm import SVC

    graphs, names = kinds
    train, test = graphs[:30], graphs[30:]
    model = wl.GNTKClassifier(3, 2, "degree", False, 2.0).fit(train, names[:30])
    assert model.best_score_ is None and model.best_params_["C"] == 2.0
    settings = dict(layers=3, mlp_layers=2, normalise=True)
    machine = SVC(C=2.0, kernel="precomputed").fit(wl.gntk(train, **settings), names[:30])
    want = machine.predict(wl.gntk(test, train, **settings))
    assert (model.predict(test) == want).all()


def test_manners(kinds):
    from sklearn.base import clone
    from sklearn.model_selection import GridSearchCV, cross_val_score

    graphs, names = kinds
    model = wl.GNTKClassifier(layers=2, jumping_knowledge=False, C=10.0)
    copy = clone(model)
    assert copy.get_params() == model.get_params() and not hasattr(copy, "classes_")
    assert cross_val_score(model, graphs, names, cv=3).min() > 0.8
    search = GridSearchCV(model, {"layers": [1, 3]}, cv=2).fit(graphs, names)
    assert search.best_estimator_.graphs_.nodes == graphs.nodes
    labelled = wl.Graphs(graphs.node_offsets, graphs.edge_index, graph_labels=names)
    assert (model.fit(labelled).predict(graphs) == copy.fit(graphs, names).predict(graphs)).all()


def test_what_cannot_be_is_an_error(kinds):
    graphs, names = kinds
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        wl.GNTKClassifier().predict(graphs)
    for options, message in [
        ({"solver": "forest"}, "solver: expected"),
        ({"C": [1.0, -1.0]}, "C: expected positive"),
        ({"layers": []}, "at least one of each"),
        ({"layers": [0, 2]}, "layers: expected a whole number from 1"),
        ({"scale": "metre"}, "scale: expected"),
    ]:
        with pytest.raises(ValueError, match=message):
            wl.GNTKClassifier(**options).fit(graphs, names)
    with pytest.raises(ValueError, match=r"y: expected shape \(60,\), got \(59,\)"):
        wl.GNTKClassifier().fit(graphs, names[:-1])
    with pytest.raises(ValueError, match="no graph_labels"):
        wl.GNTKClassifier().fit(graphs)
    with pytest.raises(ValueError, match="one class"):
        wl.GNTKClassifier().fit(graphs, ["ring"] * 60)
    with pytest.raises(TypeError, match="X: expected Graphs"):
        wl.GNTKClassifier().fit(np.eye(3), [0, 1, 1])


def test_labels_are_checked_as_those_of_other_classifiers(kinds):
    from sklearn.exceptions import DataConversionWarning

    graphs, _ = kinds
    plain = np.arange(60) % 3
    missing = plain.astype(float)
    missing[7] = np.nan
    absent = np.array(["a", "b"] * 30, dtype=object)
    absent[7] = np.nan
    masked = np.ma.masked_equal(plain, 2)
    model = wl.GNTKClassifier(layers=2, jumping_knowledge=False, C=1.0)
    for y, message in [
        (missing, "y contains NaN"),
        (absent, "contains NaN"),
        (plain + 0.5, "Unknown label type: continuous"),
        (np.where(plain == 1, np.inf, plain), "y contains infinity"),
        (masked, "y: 20 of 60 entries are masked"),
        (np.stack([plain, plain], 1), "y should be a 1d array"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.fit(graphs, y)
    labelled = wl.Graphs(graphs.node_offsets, graphs.edge_index, graph_labels=missing)
    with pytest.raises(ValueError, match="y contains NaN"):
        model.fit(labelled)
    with pytest.warns(DataConversionWarning, match="column-vector"):
        model.fit(graphs, plain[:, None])
    assert model.predict(graphs).shape == (60,)
    assert model.fit(graphs, list(plain)).classes_.tolist() == [0, 1, 2]


@pytest.mark.parametrize("choices", ["yes", 1, (True, "no"), None])
def test_read_outs_are_true_or_false(kinds, choices):
    graphs, names = kinds
    with pytest.raises(TypeError, match="jumping_knowledge: expected True or False"):
        wl.GNTKClassifier(jumping_knowledge=choices).fit(graphs, names)
    model = wl.GNTKClassifier(layers=2, jumping_knowledge=np.True_, C=1.0).fit(graphs, names)
    assert model.best_params_["jumping_knowledge"] is True
