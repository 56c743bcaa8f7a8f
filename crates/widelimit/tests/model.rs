//! Models from rows to predictions and back from their files.

use ndarray::{Array2, ArrayView2, Axis, concatenate, s};
use widelimit::data::{Classes, ModelFile};
use widelimit::exact::{Budget, Cancel};
use widelimit::learn::{Amplitude, Ridge, RidgePath, Route};
use widelimit::linalg::Par;
use widelimit::{
    Error, Kind, Model, Network, Preprocess, Quantity, Run, Scalar, Settings, Targets,
};

fn rows(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 3), |(i, j)| ((i * 3 + j) as f64 * 0.7391).sin() * 2.0 + j as f64)
}

fn smooth(x: ArrayView2<'_, f64>) -> Array2<f64> {
    Array2::from_shape_fn((x.nrows(), 2), |(i, k)| {
        if k == 0 { x[[i, 0]] * x[[i, 1]] } else { x[[i, 2]].cos() }
    })
}

fn labels(x: ArrayView2<'_, f64>) -> Targets {
    let codes = x.rows().into_iter().map(|row| usize::from(row[0] > row[1] - 1.0)).collect();
    Targets::Labels { codes, classes: Classes::Texts(vec!["low".into(), "high".into()]) }
}

fn network() -> Network {
    Network::preset("mlp:2:relu").unwrap()
}

fn fit<T: Scalar>(x: ArrayView2<'_, T>, targets: &Targets, settings: &Settings) -> Model {
    Model::fit(&network(), x, targets, settings, &Run::default()).unwrap()
}

#[test]
fn a_regression_learns_and_its_file_predicts_the_same_bits() {
    let x = rows(80);
    let y = smooth(x.view());
    for preprocess in Preprocess::ALL {
        for quantity in [Quantity::Ntk, Quantity::Nngp] {
            let settings = Settings { preprocess, quantity, ..Settings::default() };
            let model = fit(x.view(), &Targets::Numbers(y.clone()), &settings);
            let predicted = model.predict(x.view(), &Run::default()).unwrap();
            let error = (&predicted - &y).mapv(|e| e * e).sum() / y.mapv(|v| v * v).sum();
            assert!(error < 0.05, "{preprocess:?} {quantity:?}: {error}");

            let details = model.details();
            let left_out = details.leave_one_out.as_ref().unwrap();
            let mse = (left_out - &y).mapv(|e| e * e).mean().unwrap();
            let stated = details.path.as_ref().unwrap().best().mse;
            assert!((mse - stated).abs() < 1e-12 * stated, "{mse} {stated}");

            let loaded = Model::from_bytes(model.to_bytes().unwrap()).unwrap();
            assert_eq!(loaded.predict(x.view(), &Run::default()).unwrap(), predicted);
            assert_eq!(loaded.details().ridge, model.details().ridge);
            assert_eq!(loaded.settings().quantity, quantity);
            let (mean, deviation) =
                loaded.predict_with_deviation(x.view(), &Run::default()).unwrap();
            assert_eq!(mean, predicted);
            let again = model.predict_with_deviation(x.view(), &Run::default()).unwrap().1;
            assert_eq!(deviation, again);
            assert!(deviation.iter().all(|d| d.is_finite() && *d >= 0.0));
        }
    }
}

#[test]
fn single_precision_is_kept_and_agrees() {
    let x = rows(60);
    let y = Targets::Numbers(smooth(x.view()));
    let settings = Settings { ridge: Ridge::Value(1e-2), ..Settings::default() };
    let double = fit(x.view(), &y, &settings);
    let narrow = x.mapv(|v| v as f32);
    let single = fit(narrow.view(), &y, &settings);
    let a = double.predict(x.view(), &Run::default()).unwrap();
    let b = single.predict(narrow.view(), &Run::default()).unwrap();
    let distance = (&a - &b.mapv(f64::from)).mapv(f64::abs).fold(0.0f64, |m, v| m.max(*v));
    assert!(distance < 1e-3, "{distance}");
    let loaded = Model::from_bytes(single.to_bytes().unwrap()).unwrap();
    assert_eq!(loaded.predict(narrow.view(), &Run::default()).unwrap(), b);
}

#[test]
fn a_row_is_predicted_alike_in_any_batch_and_on_any_number_of_threads() {
    let x = rows(50);
    let model = fit(x.view(), &Targets::Numbers(smooth(x.view())), &Settings::default());
    let new = rows(33).mapv(|v| v + 0.1);
    let whole = model.predict(new.view(), &Run::default()).unwrap();
    for (from, to) in [(0, 1), (7, 20), (20, 33)] {
        let part = model.predict(new.slice(s![from..to, ..]), &Run::default()).unwrap();
        assert_eq!(part, whole.slice(s![from..to, ..]));
    }
    let alone = Run { par: Par::single(), ..Run::default() };
    assert_eq!(model.predict(new.view(), &alone).unwrap(), whole);
    // A small limit makes small blocks.
    let small = Run { budget: Budget::bytes(200_000), ..Run::default() };
    assert_eq!(model.predict(new.view(), &small).unwrap(), whole);
}

#[test]
fn a_classifier_keeps_its_classes() {
    let x = rows(90);
    let targets = labels(x.view());
    let model = fit(x.view(), &targets, &Settings::default());
    let predicted = model.classify(x.view(), &Run::default()).unwrap();
    let Targets::Labels { codes, classes } = targets else { unreachable!() };
    let right = predicted.iter().zip(&codes).filter(|(a, b)| a == b).count();
    assert!(right > 85, "{right}");
    let loaded = Model::from_bytes(model.to_bytes().unwrap()).unwrap();
    assert_eq!(loaded.classes(), &classes);
    assert_eq!(loaded.classify(x.view(), &Run::default()).unwrap(), predicted);
}

#[test]
fn amplitude_follows_the_scale_of_the_targets() {
    let x = rows(40);
    let y = smooth(x.view());
    let settings = Settings {
        quantity: Quantity::Nngp,
        ridge: Ridge::Value(1e-2),
        amplitude: Amplitude::MaximumLikelihood,
        ..Settings::default()
    };
    let new = rows(5).mapv(|v| v * 1.3);
    let deviation = |scale: f64| {
        let model = fit(x.view(), &Targets::Numbers(&y * scale), &settings);
        model.predict_with_deviation(new.view(), &Run::default()).unwrap().1
    };
    let ratio = deviation(10.0)[[0, 0]] / deviation(1.0)[[0, 0]];
    assert!((ratio - 10.0).abs() < 1e-9, "{ratio}");
}

#[test]
fn what_cannot_be_done_is_said() {
    let x = rows(20);
    let y = Targets::Numbers(smooth(x.view()));
    let run = Run::default();
    let settings = Settings::default();

    let short = Model::fit(&network(), x.slice(s![..9, ..]), &y, &settings, &run).unwrap_err();
    assert!(matches!(short, Error::Length { expected: 9, got: 20, .. }), "{short}");

    let mut broken = x.clone();
    broken[[4, 2]] = f64::NAN;
    let error = Model::fit(&network(), broken.view(), &y, &settings, &run).unwrap_err();
    assert!(error.to_string().contains("row 4, column 2"), "{error}");
    assert_eq!(error.kind(), Kind::Data);

    let tight = Run { budget: Budget::bytes(1000), ..Run::default() };
    let error = Model::fit(&network(), x.view(), &y, &settings, &tight).unwrap_err();
    assert_eq!(error.kind(), Kind::Resource, "{error}");

    let cancel = Cancel::new();
    cancel.cancel();
    let stopped = Run { cancel: Some(&cancel), ..Run::default() };
    let error = Model::fit(&network(), x.view(), &y, &settings, &stopped).unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted, "{error}");

    let model = fit(x.view(), &y, &settings);
    let error = model.predict(rows(3).slice(s![.., ..2]), &run).unwrap_err();
    assert_eq!(error.to_string(), "number of features: expected 3, got 2");
    assert!(model.classify(x.view(), &run).is_err());

    let images = Network::preset("myrtle5").unwrap();
    let error = Model::fit(&images, x.view(), &y, &settings, &run).unwrap_err();
    assert!(error.to_string().contains("needs an input with 2 spatial axes"), "{error}");
}

#[test]
fn damaged_files_are_refused() {
    let x = rows(12);
    let bytes = fit(x.view(), &Targets::Numbers(smooth(x.view())), &Settings::default())
        .to_bytes()
        .unwrap();
    for length in [0, 7, 8, 100, bytes.len() / 2, bytes.len() - 1] {
        assert!(Model::from_bytes(bytes[..length].to_vec()).is_err(), "{length}");
    }
    for at in (0..bytes.len()).step_by(11) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x20;
        // What is read all the same (padding of the header) is the very same model.
        if let Ok(model) = Model::from_bytes(damaged) {
            assert_eq!(model.to_bytes().unwrap(), bytes, "byte {at}");
        }
    }
}

#[test]
fn a_search_cut_short_is_remembered() {
    let x = rows(40);
    let y = Targets::Numbers(smooth(x.view()));
    for (candidates, bracketed) in [(1, false), (10, true)] {
        let path = RidgePath { route: Route::Cholesky, candidates, ..RidgePath::default() };
        let settings = Settings { ridge: Ridge::Auto(path), ..Settings::default() };
        let model = fit(x.view(), &y, &settings);
        let loaded = Model::from_bytes(model.to_bytes().unwrap()).unwrap();
        for model in [model, loaded] {
            assert_eq!(model.details().path.as_ref().unwrap().bracketed, bracketed);
        }
    }
}

#[test]
fn every_output_of_a_process_has_its_own_scale() {
    let x = rows(40);
    let first = smooth(x.view()).select(Axis(1), &[0]);
    let both = concatenate![Axis(1), first, &first * 1000.0];
    let settings =
        Settings { quantity: Quantity::Nngp, ridge: Ridge::Value(1e-2), ..Settings::default() };
    let new = rows(5).mapv(|v| v * 1.3);
    let deviation =
        |model: &Model| model.predict_with_deviation(new.view(), &Run::default()).unwrap().1;
    let alone = fit(x.view(), &Targets::Numbers(first), &settings);
    let together = fit(x.view(), &Targets::Numbers(both), &settings);
    let (a, b) = (deviation(&alone), deviation(&together));
    let off = |k: usize, scale: f64| {
        let pairs = a.column(0).into_iter().zip(b.column(k));
        pairs.map(|(a, b)| (b / (a * scale) - 1.0).abs()).fold(0.0, f64::max)
    };
    assert!(off(0, 1.0) < 1e-9 && off(1, 1e3) < 1e-9, "{a} {b}");
    // Kept by the file; a file of before has one number, whatever the outputs.
    let amplitudes = |model: &Model| model.details().amplitude.clone().unwrap();
    for model in [&alone, &together] {
        let loaded = Model::from_bytes(model.to_bytes().unwrap()).unwrap();
        assert_eq!(amplitudes(&loaded), amplitudes(model));
        assert_eq!(deviation(&loaded), deviation(model));
    }
    let mut file = ModelFile::from_bytes(together.to_bytes().unwrap(), "model").unwrap();
    let mut header: serde_json::Value = serde_json::from_str(&file.metadata["model"]).unwrap();
    assert_eq!(header["amplitude"].as_array().unwrap().len(), 2);
    header["amplitude"] = 0.25.into();
    file.metadata.insert("model".into(), header.to_string());
    let old = Model::from_bytes(file.to_bytes().unwrap()).unwrap();
    assert_eq!(amplitudes(&old), [0.25, 0.25]);
}

/// Share of the variance of `y` that the model explains at its training rows.
fn explained<T: Scalar>(x: ArrayView2<'_, T>, y: &Array2<f64>, network: &str) -> f64 {
    let network = Network::preset(network).unwrap();
    let targets = Targets::Numbers(y.clone());
    let run = Run::default();
    let model = Model::fit(&network, x, &targets, &Settings::default(), &run).unwrap();
    let predicted = model.predict(x, &run).unwrap().mapv(|v| v.widen());
    let rest = (predicted - y).mapv(|v| v * v).sum();
    1.0 - rest / (y - y.mean().unwrap()).mapv(|v| v * v).sum()
}

fn line(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 1), |(i, _)| 2.0 * i as f64 / (n - 1) as f64 - 1.0)
}

/// On a line through the origin the kernel of a deep network has eigenvalues of -2e-8 times the largest.
#[test]
fn deep_networks_fit_points_on_a_line() {
    for network in ["mlp:25", "mlp:30"] {
        for n in [30, 300] {
            let x = line(n);
            assert!(explained(x.view(), &x, network) > 0.99, "{network} {n}");
            assert!(explained(x.mapv(|v| v as f32).view(), &x, network) > 0.99, "{network} {n}");
        }
    }
}

/// Without biases the network is positively homogeneous: its functions on the line are spanned by t and |t|.
/// Around their mean that explains a quarter of the variance of |t|, in either precision.
#[test]
fn the_ridge_is_one_that_single_precision_can_carry() {
    let t = line(300);
    let y = t.mapv(|v| 2.0 * v.abs());
    let double = explained(t.view(), &y, "mlp:3:leaky_relu");
    let single = explained(t.mapv(|v| v as f32).view(), &y, "mlp:3:leaky_relu");
    assert!(double > 0.24 && (single - double).abs() < 0.02, "{double} {single}");
}
