//! Images through models, files and stores.

use ndarray::{Array2, Array3, Array4, ArrayD, ArrayView2, Axis, Ix2, s};
use widelimit::arch::{Activation, Conv, Padding};
use widelimit::data::{ArrayFile, Classes, ModelFile, Npz};
use widelimit::exact::{self, Budget, Inputs, Options, Spatial, Want};
use widelimit::learn::ensemble::Trained;
use widelimit::learn::gradient_flow::Training;
use widelimit::learn::{Ridge, Time};
use widelimit::{
    Error, Flow, Kind, Model, Network, Preprocess, Quantity, Run, Scalar, Settings, Shard, Targets,
    Wanted, kernel_to_file, kernel_to_store,
};

/// Stripes across or down, shifted and with some noise: no pixel tells which.
fn stripes(n: usize) -> (Array4<f64>, Targets) {
    let x = Array4::from_shape_fn((n, 6, 6, 2), |(n, i, j, c)| {
        let along = if n % 2 == 0 { i } else { j };
        let noise = ((n * 72 + i * 12 + j * 2 + c) as f64 * 12.9898).sin() * 0.3;
        3.0 + c as f64 + f64::from(u8::from((along + n / 2).is_multiple_of(2))) + noise
    });
    let codes = (0..n).map(|n| n % 2).collect();
    let classes = Classes::Texts(vec!["across".into(), "down".into()]);
    (x, Targets::Labels { codes, classes })
}

fn network() -> Network {
    Network::preset("cntk-gap:2").unwrap()
}

/// Ends on 3 x 3 positions.
fn pixels() -> Network {
    let conv = |strides| Conv::new([3, 3], 1.2).padding(Padding::Same).strides(strides);
    let layers = vec![conv([2, 2]).into(), Activation::Relu.into(), conv([1, 1]).into()];
    Network::new(layers).unwrap()
}

fn run() -> Run<'static> {
    Run::default()
}

fn fit<T: Scalar>(x: &Array4<T>, y: &Targets, settings: &Settings) -> Model {
    Model::fit(&network(), x.view(), y, settings, &run()).unwrap()
}

#[test]
fn a_classifier_of_images_learns_and_its_file_predicts_the_same_bits() {
    let (x, y) = stripes(40);
    let (new, truth) = stripes(60);
    let Targets::Labels { codes, .. } = truth else { unreachable!() };
    for preprocess in Preprocess::ALL {
        let settings = Settings { preprocess, ..Settings::default() };
        let model = fit(&x, &y, &settings);
        let found = model.classify(new.view(), &run()).unwrap();
        let right = found.iter().zip(&codes).filter(|(a, b)| a == b).count();
        assert!(right >= 57, "{preprocess:?}: {right} of 60");
        assert_eq!(model.details().input.to_string(), "6x6x2");
        assert_eq!(model.details().features, 72);

        let loaded = Model::from_bytes(model.to_bytes().unwrap()).unwrap();
        let scores = model.predict(new.view(), &run()).unwrap();
        assert_eq!(loaded.predict(new.view(), &run()).unwrap(), scores);
        assert_eq!(loaded.details().input, model.details().input);
        assert_eq!(loaded.to_bytes().unwrap(), model.to_bytes().unwrap());

        let narrow = x.mapv(|v| v as f32);
        let single = fit(&narrow, &y, &settings);
        let few = single.predict(new.mapv(|v| v as f32).view(), &run()).unwrap();
        let far = (&few.mapv(f64::from) - &scores).mapv(f64::abs).fold(0.0f64, |m, v| m.max(*v));
        assert!(far < 0.02, "{preprocess:?}: {far}");
    }
}

#[test]
fn a_regression_on_images_is_kernel_ridge_regression() {
    let (x, _) = stripes(20);
    let y = Array2::from_shape_fn((20, 1), |(n, _)| (n as f64).sin());
    let settings = Settings { ridge: Ridge::Value(1e-2), ..Settings::default() };
    let model = fit(&x, &Targets::Numbers(y.clone()), &settings);
    let kernel = exact::kernel(&network(), x.view().into_dyn(), None, &Options::new()).unwrap();
    let kernel = kernel.ntk.unwrap();
    // (K + ridge) dual = y - mean, with dual = (y - f) / ridge at the training images.
    let found = model.predict(x.view(), &run()).unwrap();
    let dual = (&y - &found) / model.details().ridge;
    let back = kernel.dot(&dual) + y.mean().unwrap();
    let error = (&back - &found).mapv(f64::abs).fold(0.0f64, |m, v| m.max(*v));
    assert!(error < 1e-9, "{error}");
}

#[test]
fn the_posterior_of_images_does_not_depend_on_blocks() {
    let (x, _) = stripes(24);
    let y = Targets::Numbers(Array2::from_shape_fn((24, 1), |(n, _)| (n as f64).sin()));
    let settings = Settings { quantity: Quantity::Nngp, ..Settings::default() };
    let model = fit(&x, &y, &settings);
    let (new, _) = stripes(30);
    let whole = model.predict_with_deviation(new.view(), &run()).unwrap();
    assert!(whole.1.iter().all(|d| d.is_finite() && *d >= 0.0));
    for rows in [0..1, 3..17] {
        let part = new.slice(s![rows.clone(), .., .., ..]);
        let (mean, deviation) = model.predict_with_deviation(part, &run()).unwrap();
        assert_eq!(mean, whole.0.slice(s![rows.clone(), ..]));
        // Triangular solves may round otherwise for another number of columns.
        assert!(worst(deviation.view(), whole.1.slice(s![rows, ..])) < 1e-9);
    }
    // Images that lie in memory in another order.
    let mut turned = new.clone();
    turned.invert_axis(Axis(1));
    let turned = turned.as_standard_layout().into_owned();
    let back = turned.slice(s![.., ..;-1, .., ..]);
    assert_eq!(model.predict(back, &run()).unwrap(), whole.0);
}

#[test]
fn what_cannot_be_done_with_images_is_said() {
    let (x, y) = stripes(10);
    let settings = Settings::default();
    let refused = |network: &Network| {
        Model::fit(network, x.view(), &y, &settings, &run()).map(drop).unwrap_err()
    };
    let error = refused(&pixels());
    assert!(
        error.to_string().starts_with("the network ends on positions, 3x3x1 for an input of 6x6x2")
    );
    assert_eq!(error.kind(), Kind::Usage);
    let error = refused(&Network::preset("mlp:1").unwrap());
    assert!(matches!(error, Error::EndsOnPositions { .. }), "{error}");
    let graph = r#"[{"layer": "aggregate"}, {"layer": "dense"}, {"layer": "global_sum_pool"}]"#;
    let error = refused(&Network::from_json(graph).unwrap());
    assert!(error.to_string().contains("layers[0] aggregates over graphs"), "{error}");

    let model = fit(&x, &y, &settings);
    let error = model.predict(x.slice(s![.., ..5, .., ..]), &run()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the inputs have the shape 5x6x2, but the model was fitted on 6x6x2"
    );
    assert_eq!(error.kind(), Kind::Data);
    let rows = x.to_shape((10, 72)).unwrap();
    assert!(matches!(model.predict(rows.view(), &run()), Err(Error::InputShape { .. })));
    let error = model.predict(ndarray::arr1(&[1.0]).view(), &run()).unwrap_err();
    assert!(error.to_string().contains("x has 1 dimensions"), "{error}");

    let mut broken = x.clone();
    broken[[7, 2, 5, 1]] = f64::NAN;
    let error = Model::fit(&network(), broken.view(), &y, &settings, &run()).unwrap_err();
    assert!(error.to_string().contains("x holds NaN in input 7 at (2, 5, 1)"), "{error}");
    // In whichever block the image comes to lie.
    let tight = Run { budget: Budget::bytes(400_000), ..run() };
    let error = model.predict(broken.view(), &tight).unwrap_err();
    assert!(error.to_string().contains("x holds NaN in input 7 at (2, 5, 1)"), "{error}");
}

#[test]
fn a_file_whose_parts_do_not_fit_is_refused() {
    let (x, y) = stripes(8);
    let bytes = fit(&x, &y, &Settings::default()).to_bytes().unwrap();
    let mut file = ModelFile::from_bytes(bytes, "m").unwrap();
    let flat = x.into_shape_with_order((8, 72)).unwrap().into_dyn();
    file.tensors.insert("x_train".into(), flat.into());
    let error = Model::from_bytes(file.to_bytes().unwrap()).unwrap_err();
    assert!(error.to_string().contains("its network and its inputs"), "{error}");
}

/// The kernel of a network that ends on positions, with the axes of the file.
fn whole(x: &Array4<f32>, spatial: Spatial) -> ArrayD<f32> {
    let options = Options::new().spatial(spatial);
    let kernel = exact::kernel(&pixels(), x.view().into_dyn(), None, &options).unwrap();
    let axes = [&[x.len_of(Axis(0)); 2], kernel.entry.as_slice()].concat();
    kernel.ntk.unwrap().into_shape_with_order(axes).unwrap()
}

#[test]
fn files_and_stores_of_pixels_have_axes_for_them() {
    let x = stripes(21).0.mapv(|v| v as f32);
    let inputs = || Inputs::from(x.view().into_dyn());
    let folder = tempfile::tempdir().unwrap();
    for (spatial, axes) in [(Spatial::Full, 6), (Spatial::Diagonal, 4)] {
        let expected = whole(&x, spatial);
        assert_eq!(expected.ndim(), axes);
        let wanted = Wanted { kernels: Want::NTK, spatial };
        let path = folder.path().join("k.npz");
        kernel_to_file(&pixels(), inputs(), None, wanted, &path, &run()).unwrap();
        assert_eq!(Npz::open(&path).unwrap().read("ntk").unwrap().into_f32(), expected);

        let path = folder.path().join(format!("k{axes}.store"));
        for part in 1..=2 {
            let place = (path.as_path(), Shard::new(part, 2).unwrap());
            let done = kernel_to_store(&pixels(), inputs(), None, wanted, place, &run()).unwrap();
            assert!(done.summary.plan.tiles > 1);
        }
        let stored = ArrayFile::open(path.join("ntk.npy")).unwrap().read().unwrap();
        assert_eq!(stored.into_f32(), expected);
    }
    let place = (folder.path().join("k6.store"), Shard::WHOLE);
    let wanted = Wanted { kernels: Want::NTK, spatial: Spatial::Diagonal };
    let other = kernel_to_store(&pixels(), inputs(), None, wanted, (&place.0, place.1), &run());
    assert!(other.unwrap_err().to_string().contains("spatial"));
}

#[test]
fn a_store_knows_its_graphs() {
    let text = r#"[{"layer": "aggregate"}, {"layer": "dense"}, {"layer": "global_sum_pool"}]"#;
    let network = Network::from_json(text).unwrap();
    let x = Array3::from_shape_fn((4, 5, 2), |(n, v, c)| ((n * 10 + v * 2 + c) as f64).sin());
    let graph = |shift: usize| {
        Array3::from_shape_fn((4, 5, 5), |(n, p, q)| {
            f64::from(u8::from((p + q + n + shift).is_multiple_of(3)))
        })
    };
    let (one, other) = (graph(0), graph(1));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k.store");
    let store = |graph: &Array3<f64>| {
        let inputs = Inputs::from(x.view().into_dyn()).with_adjacency(graph.view());
        kernel_to_store(&network, inputs, None, Want::NNGP, (&path, Shard::WHOLE), &run())
    };
    store(&one).unwrap();
    assert!(store(&one).is_ok());
    assert!(store(&other).unwrap_err().to_string().contains("x1"));
    // sum over vertices of A^T x, by hand
    let summed = |n: usize, c: usize| -> f64 {
        let (a, x) = (one.index_axis(Axis(0), n), x.index_axis(Axis(0), n));
        a.t().dot(&x).column(c).sum()
    };
    let kernel = ArrayFile::open(path.join("nngp.npy")).unwrap().read().unwrap().into_f64();
    let kernel = kernel.into_dimensionality::<Ix2>().unwrap();
    for ((i, j), value) in kernel.indexed_iter() {
        let expected = (0..2).map(|c| summed(i, c) * summed(j, c)).sum::<f64>() / 2.0;
        assert!((value - expected).abs() < 1e-12 * (1.0 + expected.abs()), "{value} {expected}");
    }
}

#[test]
fn gradient_flow_on_images_comes_to_the_targets() {
    let (x, _) = stripes(12);
    let y = Array2::from_shape_fn((12, 1), |(n, _)| (n as f64).cos());
    let flow = Flow::new(&network(), x.view(), y.view(), Training::default(), &run()).unwrap();
    let at = |time| {
        let found = flow.predict(x.view(), Trained::AllLayers, time, false, &run()).unwrap();
        worst(found.mean.view(), y.view())
    };
    assert!(at(Time::Infinite) < 1e-5, "{}", at(Time::Infinite));
    assert!(at(Time::At(0.0)) > 0.5);
    let few = Flow::new(&pixels(), x.view(), y.view(), Training::default(), &run()).unwrap_err();
    assert!(matches!(few, Error::EndsOnPositions { .. }), "{few}");
}

fn worst(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> f64 {
    a.iter().zip(b).fold(0.0, |m: f64, (a, b)| m.max((a - b).abs()))
}
