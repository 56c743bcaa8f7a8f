import copy
import json
import pickle

import numpy as np
import pytest

import widelimit as wl
from widelimit import layers


def test_layers_make_the_same_network_as_their_json():
    net = wl.Network([wl.Dense(w_std=1.5, b_std=0.1, width=64), wl.Relu(), wl.Dense()])
    text = json.dumps(
        [
            {"layer": "dense", "w_std": 1.5, "b_std": 0.1, "width": 64},
            {"layer": "relu"},
            {"layer": "dense"},
        ]
    )
    assert net == wl.Network.from_json(text)
    assert net == wl.Network.from_json(net.to_json())
    assert net != wl.Network.preset("mlp:3:relu")


def test_from_json_reads_a_file(tmp_path):
    net = wl.Network.preset("mlp:2:erf")
    path = tmp_path / "net.json"
    path.write_text(net.to_json())
    assert wl.Network.from_json(path) == net
    assert wl.Network.from_json(str(path)) == net


@pytest.mark.parametrize("name", layers.__all__)
def test_every_layer_class_is_understood_and_printed_back(name):
    if name in ("Layer", "Aggregate"):
        return
    layer = {
        "Residual": lambda: wl.Residual(body=[wl.Relu(), wl.Dense()]),
        "Parallel": lambda: wl.Parallel(branches=[[wl.Relu(), wl.Dense()], [wl.Dense()]]),
    }.get(name, getattr(wl, name))()
    spatial = name.startswith(("Conv", "Avg", "Sum", "Global", "Flatten"))
    first = wl.Conv() if spatial else wl.Dense()
    net = wl.Network([first, layer])
    assert wl.Network.from_json(net.to_json()) == net


def test_errors_name_the_position():
    with pytest.raises(ValueError, match=r"layers\[1\]\.body\[0\]"):
        wl.Network([wl.Dense(), wl.Residual(body=[wl.LeakyRelu(alpha=float("nan")), wl.Dense()])])
    with pytest.raises(ValueError, match="rellu"):
        wl.Network([{"layer": "dense"}, {"layer": "rellu"}])
    with pytest.raises(TypeError, match="from_json"):
        wl.Network('[{"layer": "dense"}]')
    with pytest.raises(ValueError, match="no_such_preset"):
        wl.Network.preset("no_such_preset")


def test_networks_are_copied_and_pickled():
    net = wl.Network.preset("mlp:3:relu")
    assert pickle.loads(pickle.dumps(net)) == net
    assert copy.deepcopy(net) == net
    assert "dense" in repr(net)


def test_a_callable_has_no_json_but_equals_its_closed_form(rng):
    net = wl.Network([wl.Dense(), wl.Numerical(np.sin), wl.Dense()])
    with pytest.raises(ValueError, match="JSON"):
        net.to_json()
    x = rng.standard_normal((6, 3))
    closed = wl.Network([wl.Dense(), wl.Sin(), wl.Dense()])
    np.testing.assert_allclose(wl.kernel(net, x), wl.kernel(closed, x), rtol=1e-8, atol=1e-10)


def test_an_exception_in_a_callable_reaches_the_user(rng):
    def broken(x):
        raise RuntimeError("no value here")

    net = wl.Network([wl.Dense(), wl.Numerical(broken), wl.Dense()])
    with pytest.raises(ValueError, match="no value here"):
        wl.kernel(net, rng.standard_normal((4, 3)))


@pytest.mark.parametrize("result", [np.zeros(3), np.array(["a"]), None])
def test_a_callable_must_return_numbers_of_the_same_shape(rng, result):
    net = wl.Network([wl.Dense(), wl.Numerical(lambda x: result), wl.Dense()])
    with pytest.raises(ValueError):
        wl.kernel(net, rng.standard_normal((4, 3)))


def test_repr_shows_what_is_inside_what():
    inside = wl.Network([wl.Dense(), wl.Residual(body=[wl.Dense(), wl.Dense()]), wl.Dense()])
    behind = wl.Network([wl.Dense(), wl.Residual(body=[wl.Dense()]), wl.Dense(), wl.Dense()])
    swapped = wl.Network([wl.Dense(), wl.Residual(shortcut=[wl.Dense(), wl.Dense()]), wl.Dense()])
    assert len({repr(inside), repr(behind), repr(swapped)}) == 3
    assert repr(inside) == "Network([dense, residual(body=[dense, dense], shortcut=[]), dense])"
    # Lines, as the positions in errors.
    assert "body[1]" in str(inside)


def test_layers_with_lists_are_equal_and_hashable():
    listed = wl.Residual(body=[wl.Dense(), wl.Gelu()])
    assert listed == wl.Residual(body=(wl.Dense(), wl.Gelu()))
    assert len({listed, wl.Residual(body=(wl.Dense(), wl.Gelu())), wl.Residual()}) == 2
    assert wl.Polynomial([0.0, 1.0]) == wl.Polynomial(np.array([0.0, 1.0]))
    branches = wl.Parallel(branches=[[wl.Dense()], [wl.Dense(2.0)]])
    assert hash(branches) == hash(wl.Parallel(branches=((wl.Dense(),), (wl.Dense(2.0),))))


def test_dictionaries_may_hold_layers():
    mixed = [
        {"layer": "dense"},
        {"layer": "residual", "body": [wl.Relu(), {"layer": "dense"}]},
        {"layer": "parallel", "combine": "sum", "branches": [[wl.Dense()], [wl.Dense()]]},
        wl.Residual(body=[{"layer": "relu"}, wl.Dense()]),
        wl.Dense(w_std=np.float32(1.5)),
    ]
    plain = [
        wl.Dense(),
        wl.Residual(body=[wl.Relu(), wl.Dense()]),
        wl.Parallel(branches=[[wl.Dense()], [wl.Dense()]]),
        wl.Residual(body=[wl.Relu(), wl.Dense()]),
        wl.Dense(w_std=1.5),
    ]
    assert wl.Network(mixed) == wl.Network(plain)


def test_a_byte_order_mark_is_passed_over(tmp_path):
    net = wl.Network.preset("mlp:2:erf")
    path = tmp_path / "net.json"
    path.write_text(net.to_json(), encoding="utf-8-sig")
    assert wl.Network.from_json(path) == net
    assert wl.Network.from_json(path.read_text(encoding="utf-8")) == net


def test_an_empty_description_is_no_path(tmp_path):
    for nothing in ("", "  \n"):
        with pytest.raises(ValueError, match="expected JSON text or a path, got an empty string"):
            wl.Network.from_json(nothing)
    with pytest.raises(FileNotFoundError):
        wl.Network.from_json(tmp_path / "missing.json")


def twice(x):
    return 2 * x


@pytest.mark.parametrize("function", [np.arctan, twice])
def test_functions_of_modules_are_pickled_by_reference(rng, function):
    inner = wl.Residual(body=[wl.Numerical(function, kinks=[0.0]), wl.Dense()])
    net = wl.Network([wl.Dense(), inner, wl.Dense()])
    x = rng.standard_normal((5, 3))
    copied = pickle.loads(pickle.dumps(net))
    assert (wl.kernel(copied, x) == wl.kernel(net, x)).all()


def test_networks_with_lambdas_are_copied_and_not_pickled():
    net = wl.Network([wl.Dense(), wl.Numerical(lambda x: x**3), wl.Dense()])
    assert copy.copy(net) == copy.deepcopy(net) == net
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(net)


@pytest.mark.parametrize("net", ["mlp:1:erf", ' [{"layer": "dense", "b_std": 0.5}]'])
def test_names_and_json_text_stand_for_networks_everywhere(rng, tmp_path, net):
    x = rng.standard_normal((6, 3))
    y = x[:, 0]
    known = wl.Network.preset(net) if net.startswith("mlp") else wl.Network.from_json(net)
    answers = {
        "kernel": lambda net: wl.kernel(net, x),
        "diagonal": lambda net: wl.diagonal(net, x),
        "plan": lambda net: wl.plan(net, x).flops,
        "store": lambda net: wl.kernel_to_store(net, x, out=tmp_path / str(id(net))).ntk,
        "flow": lambda net: wl.GradientFlow(net, x, y).predict(x),
        "features": lambda net: wl.FeatureMap(net, dim=4).fit_transform(x),
        "transformer": lambda net: wl.NeuralKernelFeatures(net, dim=4).fit_transform(x),
        "regressor": lambda net: wl.NTKRegressor(net, ridge=0.1).fit(x, y).predict(x),
        "process": lambda net: wl.NNGPRegressor(net, ridge=0.1).fit(x, y).predict(x),
        "classifier": lambda net: wl.NTKClassifier(net, ridge=0.1).fit(x, y > 0).predict(x),
    }
    for name, answer in answers.items():
        assert np.array_equal(answer(net), answer(known)), name
    assert "GradientFlow(Network([" in repr(wl.GradientFlow(net, x, y))
