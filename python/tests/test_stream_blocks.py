"""Passes over blocks of rows: a state to go on from, and leave-one-out."""

import numpy as np
import pytest

import widelimit as wl

ROWS, WIDTH = 2500, 4


@pytest.fixture
def table(rng):
    x = rng.standard_normal((ROWS, WIDTH))
    return x, np.tanh(x[:, 0]) + 0.1 * rng.standard_normal(ROWS)


@pytest.fixture
def labels(table):
    return np.where(table[1] > 0.3, "high", "low")


def cut(*arrays, rows=700):
    for start in range(0, len(arrays[0]), rows):
        yield tuple(array[start : start + rows] for array in arrays)


class Killed(Exception):
    pass


def killed_after(blocks, count):
    for number, block in enumerate(blocks):
        if number == count:
            raise Killed
        yield block


def bits(model):
    return model.rows_, model.coef_.tobytes(), model.ridge_


def test_blocks_are_the_rows_one_after_the_other(table):
    whole = wl.StreamingRidge().partial_fit(*table)
    for rows in (1, 700, ROWS):
        blocks = cut(*(part[:300] for part in table), rows=rows)
        part = wl.StreamingRidge(ridge=0.1).fit_blocks(blocks)
        assert part.rows_ == 300
    assert bits(wl.StreamingRidge().fit_blocks(cut(*table))) == bits(whole)


@pytest.mark.parametrize("mapped", [False, True])
def test_a_killed_pass_goes_on_from_its_state(table, tmp_path, mapped):
    x, y = table
    w = np.ones(ROWS)
    w[3::7] = 0.0  # rows that do not count are passed, too
    state = tmp_path / "state"
    feature_map = wl.FeatureMap("mlp:1", dim=30, method="random").fit(x) if mapped else None

    def new():
        return wl.StreamingRidge(feature_map=feature_map)

    expected = new().fit_blocks(cut(x, y, w))
    with pytest.raises(Killed):
        new().fit_blocks(killed_after(cut(x, y, w), 2), state=state)
    stopped = wl.StreamingRidge.load(state, feature_map)
    assert 0 < stopped.rows_ < expected.rows_
    # Cut anew: what was passed ends within a block.
    again = new().fit_blocks(cut(x, y, w, rows=999), state=state)
    assert bits(again) == bits(expected)
    assert bits(new().fit_blocks(cut(x, y, w), state=state)) == bits(expected), "it was complete"


def test_classifiers_go_on_too(table, labels, tmp_path):
    x, state = table[0], tmp_path / "state"
    model = wl.StreamingClassifier(classes=["high", "low"], class_weight={"high": 3.0})
    expected = wl.StreamingClassifier(**model.get_params()).fit_blocks(cut(x, labels))
    with pytest.raises(Killed):
        model.fit_blocks(killed_after(cut(x, labels), 1), state=state)
    again = wl.StreamingClassifier(**model.get_params()).fit_blocks(cut(x, labels), state=state)
    assert bits(again) == bits(expected)
    assert again.class_counts_.sum() == ROWS


def test_a_bad_row_loses_nothing_of_what_was_there(table, tmp_path):
    x, y = table
    bad = x.copy()
    bad[1600, 2] = np.nan
    state = tmp_path / "state"
    model = wl.StreamingRidge()
    with pytest.raises(ValueError, match="row 1600, column 2"):
        model.fit_blocks(cut(bad, y), state=state)
    assert model.rows_ == 1400
    again = wl.StreamingRidge().fit_blocks(cut(x, y), state=state)
    assert bits(again) == bits(wl.StreamingRidge().partial_fit(x, y))


def test_states_that_do_not_fit_are_refused(table, tmp_path):
    x, y = table
    state = tmp_path / "state"
    wl.StreamingRidge().fit_blocks(cut(x, y), state=state)
    with pytest.raises(ValueError, match=r"holds 2500 rows, but the blocks have 100"):
        wl.StreamingRidge().fit_blocks(cut(x[:100], y[:100]), state=state)
    with pytest.raises(ValueError, match="rows of its own"):
        wl.StreamingRidge().partial_fit(x, y).fit_blocks(cut(x, y), state=state)
    with pytest.raises(ValueError, match="StreamingRidge, which is not StreamingClassifier"):
        wl.StreamingClassifier(classes=[0, 1]).fit_blocks(cut(x, y > 0), state=state)
    unfitted = wl.StreamingRidge(feature_map=wl.FeatureMap("mlp:1", dim=8, method="random"))
    with pytest.raises(ValueError, match="fitted"):
        unfitted.fit_blocks(cut(x, y), state=tmp_path / "other")
    with pytest.raises(TypeError, match="pairs"):
        wl.StreamingRidge().fit_blocks([x])


@pytest.mark.parametrize("centre", [True, False, "both"])
def test_leave_one_out_is_that_of_fits_without_the_row(table, centre):
    x, y = (part[:40] for part in table)
    model = wl.StreamingRidge(centre=centre).partial_fit(x, y)
    # The unit of ridges is that of all rows: absolute ones stay when a row leaves.
    ridges = [1e-3, 0.1]
    path = model.leave_one_out(cut(x, y, rows=7), ridges)
    assert path["ridge"] == pytest.approx(ridges)
    spread = x - x.mean(0) if centre == "both" else x
    unit = (spread**2).sum() / len(x)
    for ridge, mse in zip(ridges, path["mse"], strict=True):
        errors = []
        for row in range(len(x)):
            z, t = np.delete(x, row, 0), np.delete(y, row)
            shift = z.mean(0) if centre == "both" else np.zeros(WIDTH)
            mean = 0.0 if centre is False else t.mean()
            z = z - shift
            gram = z.T @ z + ridge * unit * np.eye(WIDTH)
            weights = np.linalg.solve(gram, z.T @ (t - mean))
            errors.append(y[row] - mean - (x[row] - shift) @ weights)
        assert mse == pytest.approx(np.mean(np.square(errors)), rel=1e-9)


def test_leave_one_out_of_features_picks_a_ridge(table, labels):
    x, y = table
    feature_map = wl.FeatureMap("mlp:1", dim=40, method="random").fit(x)
    model = wl.StreamingRidge(feature_map=feature_map).fit_blocks(cut(x, y))
    path = model.leave_one_out(cut(x, y, rows=333))
    in_memory = wl.StreamingRidge().fit(feature_map.transform(x), y)
    same = in_memory.leave_one_out([(feature_map.transform(x), y)])
    assert path["mse"] == pytest.approx(same["mse"], rel=1e-6)
    assert len(path["ridge"]) > 10 and path["mse"].min() < y.var()
    best = float(path["ridge"][path["mse"].argmin()])
    assert model.set_params(ridge=best).ridge_ == pytest.approx(best)

    model = wl.StreamingClassifier(classes=["high", "low"], class_weight={"low": 2.0})
    path = model.fit_blocks(cut(x, labels)).leave_one_out(cut(x, labels))
    assert (path["error_rate"] < 0.3).any()


def test_leave_one_out_wants_all_rows_again(table):
    x, y = table
    model = wl.StreamingRidge().partial_fit(x, y)
    with pytest.raises(ValueError, match="2500"):
        model.leave_one_out(cut(x[:-1], y[:-1]))
    with pytest.raises(ValueError, match="2501"):
        model.leave_one_out([(x, y), (x[:1], y[:1])])
    with pytest.raises(ValueError, match="ridge"):
        model.leave_one_out([(x, y)], [0.0])
    bad = x.copy()
    bad[900, 0] = np.inf
    with pytest.raises(ValueError, match="row 900, column 0"):
        model.leave_one_out(cut(bad, y))
    assert model.rows_ == ROWS


def test_an_empty_classifier_takes_rows_that_weigh_as_its_own(table, labels):
    x = table[0]
    weighed = wl.StreamingClassifier(classes=["high", "low"], class_weight={"high": 3.0})
    weighed.partial_fit(x, labels)
    same = wl.StreamingClassifier(class_weight={"high": 3.0}).merge(weighed)
    assert same.rows_ == ROWS
    with pytest.raises(ValueError, match="weigh"):
        wl.StreamingClassifier().merge(weighed)
