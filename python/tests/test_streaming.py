"""Streams of rows: bits, files, merging, refusals."""

import copy
import pickle
from itertools import pairwise

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted

import widelimit as wl

ROWS, WIDTH = 2500, 6


def expected_failures(estimator):
    # Weights tell ratios, and the unit of the ridge is that of the rows: a row of weight two is one
    # row, not two. Rows of weight zero are as if they were not there, which is tested below.
    return {"check_sample_weight_equivalence_on_dense_data": "weights of rows do not repeat them"}


@parametrize_with_checks(
    [
        wl.StreamingRidge(),
        wl.StreamingRidge(0.1, "both"),
        wl.StreamingRidge(feature_map=wl.NeuralKernelFeatures("mlp:1", dim=32, method="random")),
        wl.StreamingClassifier(),
    ],
    expected_failed_checks=expected_failures,
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


class Cosines:
    """A stand-in for a feature map: random Fourier features, and a record of its calls."""

    def __init__(self, dim=16, seed=0, fails_at=None):
        generator = np.random.default_rng(seed)
        self.w = generator.standard_normal((WIDTH, dim)).astype(np.float32)
        self.fails_at, self.lengths = fails_at, []

    def transform(self, x):
        self.lengths.append(len(x))
        if self.fails_at == len(self.lengths):
            raise ValueError("the map fails")
        # a sum row by row: no bits depend on the number of rows
        return np.cos((x[:, :, None] * self.w).sum(1))


@pytest.fixture
def table(rng):
    x = rng.standard_normal((ROWS, WIDTH))
    w = rng.standard_normal((WIDTH, 2))
    y = x @ w + 3.0 + 0.1 * rng.standard_normal((ROWS, 2))
    return x, y, 0.5 + rng.random(ROWS)


def streamed(model, x, y, cuts, weights=None):
    edges = [0, *cuts, len(x)]
    for start, end in pairwise(edges):
        part = None if weights is None else weights[start:end]
        assert model.partial_fit(x[start:end], y[start:end], part) is model
    return model


def same(one, two):
    return all(
        np.array_equal(getattr(one, name), getattr(two, name))
        for name in ("coef_", "intercept_", "ridge_", "rows_", "effective_dimension_")
    )


def test_solves_the_weighted_ridge_problem(table):
    x, y, w = table
    model = streamed(wl.StreamingRidge(ridge=0.01, centre="both"), x, y, [7, 1500], w)
    w = w / w.mean()
    mean_x, mean_y = np.average(x, axis=0, weights=w), np.average(y, axis=0, weights=w)
    z, t = x - mean_x, y - mean_y
    shift = 0.01 * (z**2).sum(1).mean()
    coef = np.linalg.solve(z.T @ (w[:, None] * z) + shift * np.eye(WIDTH), z.T @ (w[:, None] * t))
    np.testing.assert_allclose(model.coef_, coef, rtol=1e-10)
    np.testing.assert_allclose(model.intercept_, mean_y - mean_x @ coef, rtol=1e-10)
    np.testing.assert_allclose(model.predict(x), x @ coef + model.intercept_, rtol=1e-9)
    assert model.ridge_ == pytest.approx(0.01) and model.path_ is None
    assert model.effective_dimension_ is None and model.diagnostics_["residual"] < 1e-12


@pytest.mark.parametrize("centre", [True, False, "both"])
def test_bits_depend_neither_on_cuts_nor_on_threads(table, centre):
    x, y, w = table
    once = streamed(wl.StreamingRidge(centre=centre, threads=1), x, y, [], w)
    many = streamed(wl.StreamingRidge(centre=centre, threads=3), x, y, [1, 900, 2046, 2047], w)
    assert same(once, many)
    assert set(once.path_) == {"ridge", "gcv", "mse", "degrees"}
    assert once.path_["gcv"].min() == once.path_["gcv"][once.path_["ridge"] == once.ridge_][0]
    narrow = streamed(wl.StreamingRidge(centre=centre), x.astype(np.float32), y, [1000])
    wide = streamed(wl.StreamingRidge(centre=centre), x.astype(np.float32).astype(float), y, [])
    assert same(narrow, wide)
    assert narrow.predict(x.astype(np.float32)).dtype == np.float32


def test_attributes_follow_rows_and_parameters(table):
    x, y, _ = table
    model = wl.StreamingRidge(ridge=0.1).partial_fit(x[:1000], y[:1000, 0])
    before = model.coef_
    assert before.shape == (WIDTH,) and isinstance(model.intercept_, float)
    assert model.partial_fit(x[1000:], y[1000:, 0]).rows_ == ROWS
    after = model.coef_
    assert not np.array_equal(before, after)
    shrunk = model.set_params(ridge=1e5).coef_
    assert np.linalg.norm(shrunk) < 0.1 * np.linalg.norm(after)
    assert model.predict(x[:3]).shape == (3,)
    assert model.set_params(ridge="auto").score(x, y[:, 0]) > 0.9
    assert same(model.fit(x, y[:, 0]), wl.StreamingRidge().partial_fit(x, y[:, 0]))


def test_merging_is_a_tree_over_parts(table):
    x, y, _ = table
    parts = [wl.StreamingRidge().partial_fit(x[i::3], y[i::3]) for i in range(3)]
    first = copy.deepcopy(parts[0]).merge(parts[1]).merge(parts[2])
    again = wl.StreamingRidge().merge(parts[0]).merge(pickle.loads(pickle.dumps(parts[1])))
    assert same(first, again.merge(parts[2]))
    assert [part.rows_ for part in parts] == [834, 833, 833]
    np.testing.assert_allclose(first.coef_, wl.StreamingRidge().fit(x, y).coef_, rtol=1e-9)
    assert first.merge(wl.StreamingRidge()) is first and first.rows_ == ROWS
    with pytest.raises(ValueError, match="other: expected n_features_in_ 6, got 5"):
        first.merge(wl.StreamingRidge().partial_fit(x[:, 1:], y))
    with pytest.raises(TypeError, match="expected StreamingRidge, got StreamingClassifier"):
        first.merge(wl.StreamingClassifier())


def test_a_stopped_stream_goes_on_from_its_file(table, tmp_path):
    x, y, w = table
    path = tmp_path / "state.safetensors"
    model = wl.StreamingRidge(0.5, "both", threads=2).partial_fit(x[:1100], y[:1100], w[:1100])
    model.save(path)
    loaded = wl.StreamingRidge.load(path)
    assert loaded.get_params() == model.get_params() and loaded.rows_ == 1100
    for one in (model, loaded):
        one.partial_fit(x[1100:], y[1100:], w[1100:])
    assert same(model, loaded) and model.predict(x).shape == loaded.predict(x).shape == (ROWS, 2)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    with pytest.raises(ValueError, match="holds StreamingRidge, which is not StreamingClassifier"):
        wl.StreamingClassifier.load(path)
    with pytest.raises(ValueError, match="rows were not mapped"):
        wl.StreamingRidge.load(path, Cosines())
    damaged = bytearray(path.read_bytes())
    damaged[-9] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match="checksum"):
        wl.StreamingRidge.load(path)
    with pytest.raises(FileNotFoundError):
        wl.StreamingRidge.load(tmp_path / "none")
    with pytest.raises(ValueError, match="nothing to save"):
        wl.StreamingRidge().save(path)


def test_inputs_go_through_the_feature_map_in_blocks(table, tmp_path):
    x, y, w = table
    x, cosines = x.astype(np.float32), Cosines()
    mapped = streamed(wl.StreamingRidge(feature_map=cosines), x, y, [300], w)
    assert max(cosines.lengths) <= 1023 and mapped.n_features_in_ == WIDTH
    plain = wl.StreamingRidge().partial_fit(Cosines().transform(x), y, w)
    assert same(mapped, plain)
    assert np.array_equal(mapped.predict(x), plain.predict(Cosines().transform(x)))
    path = tmp_path / "state"
    mapped.save(path)
    assert same(wl.StreamingRidge.load(path, Cosines()), mapped)
    with pytest.raises(ValueError, match="another seed"):
        wl.StreamingRidge.load(path, Cosines(seed=1))
    with pytest.raises(ValueError, match="16 features, the feature map gives 20"):
        wl.StreamingRidge.load(path, Cosines(20))
    with pytest.raises(ValueError, match="give the map"):
        wl.StreamingRidge.load(path)


@pytest.mark.parametrize("empty", [False, True])
def test_streams_of_different_maps_are_not_merged(table, empty):
    x, y, _ = table

    def stream(feature_map, rows=slice(0, 0)):
        model = wl.StreamingRidge(feature_map=feature_map)
        return model if rows == slice(0, 0) else model.partial_fit(x[rows], y[rows])

    begun = slice(0, 0) if empty else slice(0, 1200)
    first, rest = stream(Cosines(), begun), slice(1200, ROWS)
    before = first.rows_
    for other, text in [
        (Cosines(seed=9), "other: its first row has other features .* another seed or network"),
        (Cosines(20), "other: its rows have 20 features, the feature map gives 16"),
        (None, "other: its rows were not mapped by a feature map, those of this one are"),
    ]:
        with pytest.raises(ValueError, match=text):
            first.merge(stream(other, rest))
        assert first.rows_ == before and hasattr(first, "n_features_in_") != empty
    with pytest.raises(ValueError, match=r"other: its rows were mapped .* this one are not"):
        stream(None, begun).merge(stream(Cosines(), rest))
    # A map that was taken off, as moments travel without it.
    bare = stream(Cosines(), rest).set_params(feature_map=None)
    joined = stream(Cosines(), begun).merge(bare)
    assert same(joined, stream(Cosines(), begun).merge(stream(Cosines(), rest)))
    if not empty:
        with pytest.raises(ValueError, match="that other is merged into: its first row has other"):
            bare.merge(stream(Cosines(seed=9), begun))


def test_a_first_row_of_zeros_does_not_hide_another_map(table, tmp_path):
    x, y, _ = table
    x[:3] = 0.0
    maps = [wl.FeatureMap("mlp:1:relu", 32, seed=seed, method="random").fit(x) for seed in (0, 9)]
    first, other = (wl.StreamingRidge(feature_map=known).fit(x, y) for known in maps)
    with pytest.raises(ValueError, match="another seed or network"):
        first.merge(other)
    first.save(tmp_path / "state")
    with pytest.raises(ValueError, match="another seed or network"):
        wl.StreamingRidge.load(tmp_path / "state", maps[1])
    assert wl.StreamingRidge.load(tmp_path / "state", maps[0]).merge(first).rows_ == 2 * ROWS


def test_names_of_columns_and_classes_are_those_of_the_stream(labelled):
    x, labels, _ = labelled
    first, other = (wl.StreamingClassifier().fit(x, labels) for _ in range(2))
    first.feature_names_in_ = np.array(list("abcdef"), dtype=object)
    other.feature_names_in_ = np.array(list("abcdfe"), dtype=object)
    with pytest.raises(ValueError, match=r"other: expected feature_names_in_ .*'e' 'f'.*'f' 'e'"):
        first.merge(other)
    for model in (wl.StreamingClassifier(classes=["ant", "bee"]), wl.StreamingClassifier()):
        if model.classes is None:
            model.fit(x, np.where(labels == "ant", "ant", "bee"))
        with pytest.raises(
            ValueError, match=r"has the classes .*'cow'\], expected \['ant', 'bee'\]"
        ):
            model.merge(other)
    assert wl.StreamingClassifier(classes=["cow", "bee", "ant"]).merge(other).rows_ == ROWS


def features(**given):
    return wl.NeuralKernelFeatures("mlp:1:relu", dim=24, method="random", **given)


@pytest.mark.parametrize(
    "feature_map",
    [
        features(),
        make_pipeline(StandardScaler(), features()),
        wl.FeatureMap("mlp:1:relu", dim=24, method="random"),
    ],
    ids=lambda feature_map: type(feature_map).__name__,
)
def test_a_map_that_is_not_fitted_is_fitted_to_the_first_rows(table, tmp_path, feature_map):
    x, y, _ = table
    model = wl.StreamingRidge(0.01, feature_map=feature_map)
    assert cross_val_score(model, x, y, cv=3).min() > 0.5
    streamed(model, x, y, [1500])
    own = model.feature_map_
    assert own is not feature_map and model.feature_map is feature_map
    with pytest.raises(ValueError, match="not fitted"):
        feature_map.transform(x)
    want = clone(feature_map, safe=False).fit(x[:1500])
    assert np.array_equal(own.transform(x), want.transform(x))
    assert same(model, streamed(wl.StreamingRidge(0.01, feature_map=want), x, y, [1500]))
    predicted = model.predict(x)
    for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert np.array_equal(copied.predict(x), predicted)
    model.save(tmp_path / "state")
    loaded = wl.StreamingRidge.load(tmp_path / "state", own)
    assert np.array_equal(loaded.predict(x), predicted)
    with pytest.raises(ValueError, match=r"feature_map: expected the map .* that is not fitted"):
        wl.StreamingRidge.load(tmp_path / "state", feature_map)
    for other in (model, loaded):
        joined = wl.StreamingRidge(0.01, feature_map=feature_map).merge(other)
        assert joined.feature_map_ is own and np.array_equal(joined.predict(x), predicted)
    with pytest.raises(ValueError, match="other: has no map any more"):
        wl.StreamingRidge(feature_map=feature_map).merge(loaded.set_params(feature_map=None))
    model.fit(x[1500:], y[1500:])
    assert model.feature_map_ is not own and model.rows_ == 1000


def test_a_fitted_map_is_taken_as_it_is(table):
    x, y, _ = table
    fitted = features().fit(x[:9])
    model = wl.StreamingRidge(0.01, feature_map=fitted).fit(x, y)
    assert model.feature_map_ is fitted
    kept = clone(wl.StreamingRidge(0.01, feature_map=FrozenEstimator(fitted))).fit(x, y)
    assert same(kept, model)
    search = GridSearchCV(
        wl.StreamingRidge(0.01, feature_map=fitted), {"feature_map__dim": [4, 24]}, cv=2
    ).fit(x, y)
    assert search.best_params_ == {"feature_map__dim": 24}


@pytest.mark.parametrize("wrong", [3, "mlp:2:relu", wl.FeatureMap])
def test_what_cannot_map_is_named(table, tmp_path, wrong):
    x, y, _ = table
    with pytest.raises(TypeError, match=r"feature_map: expected an object with transform, .*, got"):
        wl.StreamingRidge(feature_map=wrong).fit(x, y)
    model = wl.StreamingRidge(feature_map=Cosines()).fit(x, y)
    model.save(tmp_path / "state")
    with pytest.raises(TypeError, match="feature_map: expected an object with transform"):
        wl.StreamingRidge.load(tmp_path / "state", wrong)
    with pytest.raises(TypeError, match="feature_map: expected an object with transform"):
        model.set_params(feature_map=wrong).predict(x)


def test_a_map_that_fails_ends_a_call_midway(table):
    x, y, _ = table
    model = wl.StreamingRidge(feature_map=Cosines(fails_at=3))
    with pytest.raises(ValueError, match="the map fails"):
        model.partial_fit(x, y)
    assert model.rows_ == 2046
    assert same(
        model.partial_fit(x[2046:], y[2046:]),
        wl.StreamingRidge().partial_fit(Cosines().transform(x), y),
    )
    model = wl.StreamingRidge(feature_map=Cosines(fails_at=1))
    with pytest.raises(ValueError, match="the map fails"):
        model.partial_fit(x, y)
    assert not hasattr(model, "n_features_in_") and model.rows_ == 0


@pytest.mark.parametrize("feature_map", [None, Cosines()])
def test_what_is_refused_costs_nothing(table, feature_map):
    x, y, w = table
    model = wl.StreamingRidge(feature_map=feature_map)
    bad = x.copy()
    bad[2200, 4] = np.nan
    with pytest.raises(ValueError, match=r"X has the value nan in row 2200, column 4"):
        model.partial_fit(bad, y)
    assert not hasattr(model, "n_features_in_") and not hasattr(model, "coef_")
    model.partial_fit(x[:50], y[:50])
    for wrong, text in [
        ((bad, y), r"X has the value nan in row 2250, column 4"),
        ((x, np.where(np.arange(ROWS)[:, None] == 9, np.inf, y)), r"y has the value inf in row 59"),
        ((x * 1e61, y), "magnitudes up to 1e[+]60"),
        ((x[:, :5], y), "5 features.*expecting 6"),
        ((x, y[:, :1]), "expected 2 outputs, got 1"),
        ((x, y[1:]), r"expected shape \(2500,\).*got \(2499, 2\)"),
        ((x, y, -w), "sample_weight has the value .* in row 50; weights are not negative"),
        ((x, None), "requires y to be passed, but the target y is None"),
        ((x, y, w[:7]), r"sample_weight: expected shape \(2500,\), got \(7,\)"),
        ((np.ma.masked_less(x, 0), y), "masked"),
    ]:
        with pytest.raises(ValueError, match=text):
            model.partial_fit(*wrong)
        assert model.rows_ == 50
    with pytest.raises(TypeError, match="y: expected numbers"):
        model.partial_fit(x, np.full(ROWS, "a"))
    model.partial_fit(x[50:], y[50:])
    z = x if feature_map is None else feature_map.transform(x)
    assert same(model, wl.StreamingRidge().partial_fit(z, y))
    with pytest.raises(ValueError, match="centre"):
        model.set_params(centre="mean").solve()
    with pytest.raises(ValueError, match="NaN"):
        model.set_params(centre=True).predict(bad)
    with pytest.raises(ValueError, match="no rows yet"):
        wl.StreamingRidge().predict(x)


def test_manners_of_scikit_learn(table):
    model = wl.StreamingRidge(ridge=0.3, centre="both", threads=2)
    assert clone(model).get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        check_is_fitted(model)
    check_is_fitted(model.partial_fit(table[0], table[1]))
    assert clone(model).rows_ == 0
    with pytest.raises(ValueError, match=r"could not convert|numbers"):
        model.partial_fit([["a"] * WIDTH], [[1.0, 2.0]])


@pytest.mark.parametrize("centre", [True, "both"])
def test_rows_of_weight_zero_are_as_if_they_were_not_there(table, centre):
    x, y, w = table
    w = np.where(np.arange(ROWS) % 3 == 1, 0.0, w)
    w[:1100] = 0.0
    kept = w > 0
    model = streamed(wl.StreamingRidge(centre=centre), x, y, [9, 1050, 2000], w)
    assert model.rows_ == kept.sum()
    assert same(model, wl.StreamingRidge(centre=centre).partial_fit(x[kept], y[kept], w[kept]))
    assert wl.StreamingRidge().partial_fit(x[:9], y[:9], w[:9]).rows_ == 0
    bad = x.copy()
    bad[0, 2] = np.nan
    with pytest.raises(ValueError, match="X has the value nan in row 0, column 2"):
        wl.StreamingRidge().partial_fit(bad, y, w)
    with pytest.raises(ValueError, match="all weights are zero"):
        model.fit(x, y, 0 * w)
    assert model.rows_ == kept.sum()
    balanced = wl.StreamingClassifier(class_weight="balanced")
    labels = (y[:, 0] > 0).astype(int)
    assert same(balanced.fit(x, labels, w), clone(balanced).fit(x[kept], labels[kept], w[kept]))


def test_targets_that_are_objects_and_single_rows(table):
    x, y, _ = table
    want = wl.StreamingRidge().fit(x, y)
    assert same(wl.StreamingRidge().fit(x, y.astype(object)), want)
    for estimator in (wl.StreamingRidge(), wl.StreamingRidge().partial_fit(x[:1], y[:1])):
        with pytest.raises(ValueError, match="one sample is too few for ridge='auto'"):
            estimator.fit(x[:1], y[:1])
    assert wl.StreamingRidge(ridge=0.1).fit(x[:1], y[:1]).rows_ == 1
    with pytest.raises(TypeError, match="y: expected numbers, got an array of object"):
        want.partial_fit(x[:2], np.array([["a", 1], [2, 3]], dtype=object))


def test_copies_take_rows_of_their_own(table):
    x, y, _ = table
    model = wl.StreamingRidge().partial_fit(x[:50], y[:50])
    for copied in (copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert same(copied, model)
        assert copied.partial_fit(x[50:], y[50:]).rows_ == ROWS and model.rows_ == 50


@pytest.fixture
def labelled(rng):
    labels = np.array(["ant", "bee", "cow"])[rng.choice(3, ROWS, p=[0.7, 0.2, 0.1])]
    x = rng.standard_normal((ROWS, WIDTH))
    for column, label in enumerate(("ant", "bee", "cow")):
        x[labels == label, column] += 3.0
    return x, labels, 0.5 + rng.random(ROWS)


def test_classes(labelled, tmp_path):
    x, labels, w = labelled
    names = ["cow", "ant", "bee"]
    model = streamed(wl.StreamingClassifier(classes=names), x, labels, [10, 1700], w)
    assert model.classes_.tolist() == sorted(names)
    assert model.score(x, labels) > 0.9
    one_hot = (labels[:, None] == np.array(sorted(names))).astype(float)
    plain = wl.StreamingRidge().partial_fit(x, one_hot, w)
    assert same(model, plain)
    assert np.array_equal(model.decision_function(x), plain.predict(x))
    assert model.class_counts_.tolist() == [(labels == name).sum() for name in sorted(names)]
    model.save(tmp_path / "state")
    loaded = wl.StreamingClassifier.load(tmp_path / "state")
    assert (loaded.predict(x) == model.predict(x)).all() and same(loaded, model)
    assert loaded.partial_fit(x[:5], labels[:5]).rows_ == ROWS + 5
    two = wl.StreamingClassifier(classes=[False, True]).partial_fit(x, labels == "ant")
    assert two.decision_function(x).shape == (ROWS,) and two.predict(x).dtype == bool
    assert pickle.loads(pickle.dumps(two)).score(x, labels == "ant") == two.score(
        x, labels == "ant"
    )


def test_weights_of_classes(labelled):
    x, labels, w = labelled
    names, counts = np.unique(labels, return_counts=True)
    balanced = ROWS / (3 * counts)
    by_hand = w * balanced[np.searchsorted(names, labels)]
    want = wl.StreamingClassifier(classes=names).partial_fit(x, labels, by_hand)
    given = dict(zip(names.tolist(), counts.tolist(), strict=True))
    for counted in (given, counts):
        model = wl.StreamingClassifier(classes=names, class_weight="balanced", class_counts=counted)
        np.testing.assert_allclose(
            streamed(model, x, labels, [900], w).coef_, want.coef_, rtol=1e-12
        )
    whole = wl.StreamingClassifier(class_weight="balanced")
    assert whole.fit(x, labels).classes is None and whole.class_counts is None
    weights = dict(zip(names.tolist(), balanced.tolist(), strict=True))
    by_dict = wl.StreamingClassifier(class_weight=weights).fit(x, labels)
    np.testing.assert_allclose(whole.coef_, by_dict.coef_, rtol=1e-12)
    other = wl.StreamingClassifier().fit(x, labels)
    with pytest.raises(ValueError, match="class weight of merged moments"):
        other.merge(whole)


def test_what_a_classifier_refuses(labelled):
    x, labels, _ = labelled
    model = wl.StreamingClassifier(classes=["ant", "bee"])
    first = int(np.argmax(labels == "cow"))
    with pytest.raises(ValueError, match=rf"label 'cow' in row {first}, which is none"):
        model.partial_fit(x, labels)
    assert not hasattr(model, "classes_")
    with pytest.raises(ValueError, match="classes="):
        wl.StreamingClassifier().partial_fit(x, labels)
    with pytest.raises(ValueError, match="at least two"):
        wl.StreamingClassifier(classes=["ant"]).partial_fit(x, labels)
    with pytest.raises(ValueError, match="class_counts="):
        wl.StreamingClassifier(classes=["a", "b"], class_weight="balanced").partial_fit(
            x[:2], ["a", "b"]
        )
    with pytest.raises(ValueError, match="class_weight: 'fox' is none of the classes"):
        wl.StreamingClassifier(classes=["a", "b"], class_weight={"fox": 1.0}).partial_fit(
            x[:2], ["a", "b"]
        )
    with pytest.raises(ValueError, match="one class"):
        wl.StreamingClassifier(classes=["a", "b"]).partial_fit(x[:2], ["a", "a"]).solve()
    with pytest.raises(ValueError, match=r"all 2 training targets are of one class \('a'\)"):
        wl.StreamingClassifier().fit(x[:2], ["a", "a"])
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        wl.StreamingClassifier().fit(x[:60], x[:60, 0])
    with pytest.raises(ValueError, match=r"y: expected shape \(2,\), got \(2, 2\)"):
        wl.StreamingClassifier().fit(x[:2], [["a", "b"], ["b", "a"]])


def test_classes_are_given_to_the_first_call(labelled):
    x, labels, w = labelled
    names = ["cow", "ant", "bee"]
    want = wl.StreamingClassifier(classes=names).partial_fit(x, labels, w)
    model = wl.StreamingClassifier()
    with pytest.raises(ValueError, match=r"label 'cow' .* none of the classes"):
        model.partial_fit(x, labels, classes=names[1:])
    assert not hasattr(model, "classes_")
    model.partial_fit(x[:7], labels[:7], w[:7], classes=names)
    model.partial_fit(x[7:90], labels[7:90], w[7:90])
    assert same(model.partial_fit(x[90:], labels[90:], w[90:], classes=np.array(names)), want)
    assert (model.predict(x) == want.predict(x)).all() and model.classes is None
    for other in (model, wl.StreamingClassifier(classes=names)):
        with pytest.raises(
            ValueError,
            match=r"classes: expected \['ant', 'bee', 'cow'\] as before, got \['ant', 'b",
        ):
            other.partial_fit(x, labels, classes=names[1:])
    with pytest.warns(DataConversionWarning, match="column-vector"):
        assert same(model.fit(x, labels[:, None]), wl.StreamingClassifier().fit(x, labels))


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"class_counts": [-1, 3]}, ValueError, "at least 0 for the class 'a', got -1"),
        ({"class_counts": {"b": 0.5}}, ValueError, "at least 0 for the class 'b', got 0.5"),
        ({"class_counts": ["x", 3]}, ValueError, "at least 0 for the class 'a', got 'x'"),
        ({"class_counts": [1.0, np.nan]}, ValueError, "at least 0 for the class 'b', got nan"),
        ({"class_counts": 7}, TypeError, "class_counts: expected a dict or a list .*, got 7"),
        ({"class_counts": [1, 2, 3]}, ValueError, "class_counts: expected 2 numbers, got 3"),
        ({"class_weight": {"b": "x"}}, TypeError, "class_weight: expected .* 'b', got 'x'"),
    ],
)
def test_counts_and_weights_of_classes_are_checked(given, error, words):
    given = {"class_weight": "balanced", **given}
    with pytest.raises(error, match=words):
        wl.StreamingClassifier(classes=["a", "b"], **given).partial_fit(np.eye(2), ["a", "b"])
