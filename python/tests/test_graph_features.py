"""Features of graphs against the exact graph neural tangent kernel."""

import numpy as np
import pytest

import widelimit as wl

sp = pytest.importorskip("scipy.sparse")


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


def test_features_of_a_graph_are_its_own(graphs):
    features = wl.GNTKFeatures(layers=3, mlp_layers=2, dim=200, method="random", seed=3)
    z = features.fit(graphs).transform(graphs)
    np.testing.assert_array_equal(features.transform(graphs[2:4]), z[2:4])
    features.threads = 1
    np.testing.assert_array_equal(features.transform(graphs), z)
    single = wl.GNTKFeatures(3, 2, dim=200, method="random", seed=3, dtype="float32")
    narrow = single.fit_transform(graphs)
    assert narrow.dtype == np.float32
    np.testing.assert_allclose(narrow, z, atol=1e-5 * np.abs(z).max())


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
    ]:
        with pytest.raises(ValueError, match=match):
            wl.GNTKFeatures(**arguments).fit(graphs)
    with pytest.raises(MemoryError):
        wl.GNTKFeatures(memory=1000).fit_transform(graphs)
