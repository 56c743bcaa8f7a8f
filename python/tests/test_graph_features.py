"""Features of graphs against the exact graph neural tangent kernel."""

import copy
import pickle

import numpy as np
import pytest

import widelimit as wl

sp = pytest.importorskip("scipy.sparse")
pytest.importorskip("sklearn")


@pytest.fixture
def graphs(rng):
    matrices, labels = [], []
    for n in [4, 1, 7, 5, 6, 12, 9]:
        half = np.triu(rng.random((n, n)) < 0.4, 1) * 1.0
        matrices.append(half + half.T)
        labels.append(rng.integers(0, 3, n))
    return wl.Graphs.from_scipy(matrices, node_labels=labels)


@pytest.mark.parametrize("scale", ["uniform", "degree"])
@pytest.mark.parametrize("jumping_knowledge", [False, True])
def test_products_stand_for_the_kernel(graphs, scale, jumping_knowledge):
    network = {"layers": 3, "scale": scale, "jumping_knowledge": jumping_knowledge}
    z = wl.GNTKFeatures(**network, dim=4096).fit_transform(graphs)
    kernel = wl.gntk(graphs, **network)
    assert z.shape == (7, 4096) and z.dtype == np.float64
    # about four times what is measured
    assert np.linalg.norm(z @ z.T - kernel) < 0.08 * np.linalg.norm(kernel)


def test_certificates_tell_the_error(graphs):
    features = wl.GNTKFeatures(layers=3, dim=300).fit(graphs)
    z, kernel = features.transform(graphs), wl.gntk(graphs, layers=3)
    error = np.linalg.norm(z @ z.T - kernel) / np.linalg.norm(kernel)
    found = features.certificate_
    assert isinstance(found, wl.Certificate)
    np.testing.assert_allclose(found.error, error)
    assert (found.sample, found.population, found.dim) == (7, 7, 300)
    assert wl.GNTKFeatures(certify=5).fit(graphs).certificate_.sample == 5
    assert wl.GNTKFeatures(certify=0).fit(graphs).certificate_ is None
    assert wl.GNTKFeatures().fit(graphs[:3]).certificate_ is None
    assert pickle.loads(pickle.dumps(features)).certificate_ == found


def test_features_of_a_graph_are_its_own(graphs):
    features = wl.GNTKFeatures(layers=3, mlp_layers=2, dim=200, method="random", random_state=3)
    z = features.fit(graphs).transform(graphs)
    np.testing.assert_array_equal(features.transform(graphs[2:4]), z[2:4])
    features.threads = 1
    np.testing.assert_array_equal(features.transform(graphs), z)
    single = wl.GNTKFeatures(3, 2, dim=200, method="random", random_state=3, dtype="float32")
    narrow = single.fit_transform(graphs)
    assert narrow.dtype == np.float32
    np.testing.assert_allclose(narrow, z, atol=1e-5 * np.abs(z).max())


def test_pickles_and_copies_are_the_same_map(graphs, rng):
    bare = wl.Graphs(graphs.node_offsets, graphs.edge_index)
    numeric = wl.Graphs(graphs.node_offsets, graphs.edge_index, rng.random((44, 3)))
    for batch in (graphs, bare, numeric):
        features = wl.GNTKFeatures(layers=3, dim=300, method="polynomial:4").fit(batch)
        z = features.transform(batch)
        for same in (pickle.loads(pickle.dumps(features)), copy.deepcopy(features)):
            np.testing.assert_array_equal(same.transform(batch), z)
    unfitted = pickle.loads(pickle.dumps(wl.GNTKFeatures(layers=7)))
    assert unfitted.layers == 7
    with pytest.raises(ValueError, match="not fitted"):
        unfitted.transform(graphs)


def test_in_a_pipeline(graphs):
    from sklearn.base import clone
    from sklearn.linear_model import RidgeClassifier
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline

    y = [0, 0, 1, 0, 1, 1, 1]
    model = make_pipeline(wl.GNTKFeatures(dim=200, activation=wl.Gelu()), RidgeClassifier())
    search = GridSearchCV(model, {"gntkfeatures__layers": [1, 3]}, cv=2, n_jobs=2)
    search.fit(graphs, y)
    assert search.best_params_["gntkfeatures__layers"] in (1, 3)
    assert search.predict(graphs).shape == (7,)
    assert clone(model)[0].activation == wl.Gelu()
    names = model.fit(graphs, y)[:1].get_feature_names_out()
    assert names[0] == "gntkfeatures0" and len(names) == 200


def test_wrong_arguments_are_named(graphs):
    with pytest.raises(ValueError, match="not fitted"):
        wl.GNTKFeatures().transform(graphs)
    with pytest.raises(TypeError, match="expected Graphs"):
        wl.GNTKFeatures().fit([1, 2])
    for arguments, match in [
        ({"method": "best"}, "method: expected one of"),
        ({"method": "zonal"}, "zonal"),
        ({"layers": 0}, "layers"),
        ({"dim": 0}, "dim"),
        ({"dim": 3}, "too few"),
        ({"scale": "none"}, "scale"),
        ({"certify": -1}, "certify"),
    ]:
        with pytest.raises(ValueError, match=match):
            wl.GNTKFeatures(**arguments).fit(graphs)
    with pytest.raises(MemoryError):
        wl.GNTKFeatures(memory=1000).fit_transform(graphs)
