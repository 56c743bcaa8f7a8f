//! Centred features of images that were fitted to a sample: activations are given the mean direction of
//! their units.

#[path = "common/against.rs"]
mod against;

use against::{exact, inputs, map, unbiased};
use ndarray::{Array2, ArrayD};
use widelimit_arch::{Network, Shape};
use widelimit_embed::{Error, FeatureMap, Par, Quantity, Settings};

const SHAPE: [usize; 3] = [4, 5, 2];

fn fit(network: &Network, x: &ArrayD<f64>, dim: usize, quantity: Quantity) -> FeatureMap {
    let settings = Settings { quantity, ..Settings::new(dim) };
    FeatureMap::fit(network, x.view(), &settings).unwrap()
}

fn features(map: &FeatureMap, x: &ArrayD<f64>) -> Array2<f64> {
    map.transform(x.view(), &Par::single()).unwrap()
}

/// Three activations, with biases: units of the later ones have two blocks with a mean direction, and others.
fn deep() -> Network {
    let conv =
        r#"{"layer": "conv", "filter": [3, 3], "padding": "SAME", "w_std": 1.4, "b_std": 0.1}"#;
    Network::from_json(&format!(
        r#"[{conv}, {{"layer": "relu"}}, {conv}, {{"layer": "gelu"}},
            {{"layer": "residual", "body": [{conv}, {{"layer": "relu"}}, {conv}], "shortcut": []}},
            {{"layer": "global_avg_pool"}}, {{"layer": "dense"}}]"#
    ))
    .unwrap()
}

/// Networks with one random layer, which have no bias. The sample is not the inputs that kernels are of: means
/// are right wherever the directions come from.
#[test]
fn any_direction_is_unbiased() {
    let conv = |bias: f64| {
        format!(
            r#"{{"layer": "conv", "filter": [3, 3], "padding": "SAME", "w_std": 1.4, "b_std": {bias}}}"#
        )
    };
    let [plain, biased] = [conv(0.0), conv(0.3)];
    let end = r#"{"layer": "global_avg_pool"}, {"layer": "dense"}"#;
    // all but the black image bright, so that units are alike
    let bright = |x: f64| if x == 0.0 { 0.0 } else { x + 1.5 };
    let x = inputs(&SHAPE, &[1.0, 0.5, 2.0, 0.0]).mapv(bright);
    let sample = inputs(&SHAPE, &[0.7, 1.5, 1.0, 1.0, 1.0]).mapv(bright);
    for json in [
        format!(r#"[{plain}, {{"layer": "relu"}}, {end}]"#),
        format!(r#"[{biased}, {{"layer": "relu"}}, {end}]"#),
        format!(r#"[{biased}, {{"layer": "abs"}}, {{"layer": "flatten"}}, {{"layer": "dense"}}]"#),
        format!(r#"[{biased}, {{"layer": "gelu"}}, {plain}, {end}]"#),
        format!(r#"[{biased}, {{"layer": "softplus"}}, {end}]"#),
        format!(
            r#"[{plain}, {{"layer": "residual", "body": [{{"layer": "layer_norm"}}, {{"layer": "relu"}}, {biased}], "shortcut": []}}, {end}]"#
        ),
    ] {
        let network = Network::from_json(&json).unwrap();
        for quantity in [Quantity::Ntk, Quantity::Nngp] {
            let first = fit(&network, &sample, 96, quantity);
            assert!(!first.arrays().is_empty());
            let kernel = exact(&network, &x, quantity);
            unbiased(&format!("{json} {quantity:?}"), &first, &x, &kernel, 2e-6);
        }
    }
}

fn norm(k: &Array2<f64>) -> f64 {
    k.iter().map(|k| k * k).sum::<f64>().sqrt()
}

/// The bias of several layers falls as `1 / dim`; wrong parts of blocks would stay. Means of 100 draws are off by a
/// tenth of a draw's error.
#[test]
fn means_of_several_layers_come_close() {
    let network = deep();
    let x = inputs(&SHAPE, &[1.0, 0.5, 2.0, 1.3]);
    for quantity in [Quantity::Ntk, Quantity::Nngp] {
        let kernel = exact(&network, &x, quantity);
        let first = fit(&network, &x, 700, quantity);
        let (mut sum, mut one) = (Array2::zeros(kernel.dim()), 0.0);
        for seed in 0..100 {
            let z = features(&first.reseeded(seed).unwrap(), &x);
            let product = z.dot(&z.t());
            one += norm(&(&product - &kernel)) / norm(&kernel) / 100.0;
            sum += &product;
        }
        let off = norm(&(sum / 100.0 - &kernel)) / norm(&kernel);
        println!("{quantity:?}: {one:.4} a draw, {off:.4} their mean");
        assert!(off < 0.2 * one, "{quantity:?}: {off} {one}");
    }
}

/// Frobenius error of the kernel with rows and columns centred, mean of five seeds.
fn error(first: &FeatureMap, x: &ArrayD<f64>, kernel: &Array2<f64>) -> f64 {
    let n = kernel.nrows() as f64;
    let centring = Array2::eye(kernel.nrows()) - 1.0 / n;
    let norm =
        |k: &Array2<f64>| centring.dot(k).dot(&centring).iter().map(|k| k * k).sum::<f64>().sqrt();
    let one = |seed| {
        let z = features(&first.reseeded(seed).unwrap(), x);
        norm(&(z.dot(&z.t()) - kernel)) / norm(kernel)
    };
    (0..5).map(one).sum::<f64>() / 5.0
}

#[test]
fn errors_are_lower_than_without_directions() {
    let scales: Vec<f64> = (0..12).map(|i| 0.7 + 0.05 * f64::from(i)).collect();
    let x = inputs(&[8, 8, 3], &scales);
    let network = Network::preset("cntk-gap:5").unwrap();
    let kernel = exact(&network, &x, Quantity::Ntk);
    let settings = Settings::new(512);
    let without = error(&map(&network, &x, &settings), &x, &kernel);
    let with = error(&fit(&network, &x, 512, Quantity::Ntk), &x, &kernel);
    println!("without {without:.3}, with {with:.3}");
    assert!(with < 0.75 * without, "{with} {without}");
}

#[test]
fn a_stored_map_has_the_same_bits() {
    let network = deep();
    let x = inputs(&SHAPE, &[1.0, 0.5, 2.0, 1.3]);
    let shape = Shape::image([4, 5], 2);
    for quantity in [Quantity::Ntk, Quantity::Nngp] {
        let map = fit(&network, &x, 300, quantity);
        let (settings, arrays) = (map.settings().clone(), map.arrays());
        assert_eq!(arrays.len(), 3);
        let again = FeatureMap::from_arrays(&network, &shape, &settings, &arrays).unwrap();
        assert_eq!(features(&map, &x), features(&again, &x));
        assert_eq!(arrays, again.arrays());
        assert!(matches!(again.reseeded(1), Err(Error::NotApplicable { .. })));
        // those of another seed learned something else
        let other = map.reseeded(1).unwrap();
        assert_ne!(other.arrays(), arrays);
    }
}

/// Maps stored before there were directions.
#[test]
fn without_arrays_a_map_has_no_directions() {
    let network = deep();
    let x = inputs(&SHAPE, &[1.0, 0.5]);
    let shape = Shape::image([4, 5], 2);
    let settings = Settings::new(300);
    let old = FeatureMap::from_arrays(&network, &shape, &settings, &[]).unwrap();
    let new = FeatureMap::new(&network, &shape, &settings).unwrap();
    assert_eq!(features(&old, &x), features(&new, &x));
    assert_ne!(features(&old, &x), features(&fit(&network, &x, 300, Quantity::Ntk), &x));
}

#[test]
fn arrays_that_do_not_belong_to_a_map_are_refused() {
    let network = deep();
    let x = inputs(&SHAPE, &[1.0, 0.5]);
    let shape = Shape::image([4, 5], 2);
    let map = fit(&network, &x, 300, Quantity::Ntk);
    let load = |arrays: &[(String, Array2<f64>)]| {
        FeatureMap::from_arrays(&network, &shape, map.settings(), arrays).unwrap_err().to_string()
    };
    let arrays = map.arrays();
    assert!(load(&arrays[1..]).contains("is missing"));
    let mut more = arrays.clone();
    more.push(("centred/direction/3".to_owned(), Array2::zeros((1, 3))));
    assert!(load(&more).contains("is not an array of this feature map"));
    let mut short = arrays.clone();
    short[1].1 = Array2::zeros((1, 3));
    assert!(load(&short).contains("must be"));
    let mut broken = arrays;
    broken[2].1[[0, 0]] = f64::NAN;
    assert!(load(&broken).contains("not finite"));
}

/// Where a sample has no mean direction, degrees 0 and 1 are what is exact.
#[test]
fn a_black_sample_tells_no_direction() {
    let network = Network::preset("cntk-gap:2").unwrap();
    let black = ArrayD::zeros(vec![3, 4, 5, 2]);
    let x = inputs(&SHAPE, &[1.0, 0.5, 2.0]);
    let map = fit(&network, &black, 2048, Quantity::Ntk);
    let kernel = exact(&network, &x, Quantity::Ntk);
    let z = features(&map, &x);
    let difference = z.dot(&z.t()) - &kernel;
    let error = norm(&difference) / norm(&kernel);
    assert!(error < 0.1, "{error}");
    assert!(features(&map, &black).iter().all(|z| *z == 0.0));
}
