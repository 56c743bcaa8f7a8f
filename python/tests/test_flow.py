import copy
import pickle

import numpy as np
import pytest

import widelimit as wl

NET = wl.Network([wl.Dense(b_std=1.0), wl.Erf(), wl.Dense()])
X = np.linspace(-1, 1, 8)[:, None]


def test_forever_is_none_or_infinity():
    flow = wl.GradientFlow(NET, X, np.sin(X[:, 0]))
    assert (flow.predict(X, np.inf) == flow.predict(X)).all()
    np.testing.assert_allclose(flow.predict(X, t=1e12), flow.predict(X), atol=1e-4)
    for time in (-1.0, -np.inf, np.nan):
        with pytest.raises(ValueError):
            flow.predict(X, time)


def test_shapes_of_targets():
    assert wl.GradientFlow(NET, X, X).predict(X).shape == (8, 1)
    assert wl.GradientFlow(NET, X, X[:, 0]).predict(X).shape == (8,)
    with pytest.raises(ValueError, match=r"y: expected shape \(n,\) or .*\(8, 1, 1\)"):
        wl.GradientFlow(NET, X, X[:, :, None])
    with pytest.raises(ValueError, match=r"y: expected shape \(n,\) or .*\(8, 1, 1\)"):
        wl.kernel_ridge(wl.kernel(NET, X), X[:, :, None])


def test_it_tells_what_it_is_and_copies_but_does_not_pickle():
    flow = wl.GradientFlow(NET, X, X, learning_rate=0.5)
    for words in ("GradientFlow(", "erf", "(8, 1)", "learning_rate=0.5"):
        assert words in repr(flow)
    assert (copy.deepcopy(flow).predict(X) == flow.predict(X)).all()
    assert (copy.copy(flow).predict(X) == flow.predict(X)).all()
    with pytest.raises(TypeError, match="GradientFlow cannot be pickled"):
        pickle.dumps(flow)
