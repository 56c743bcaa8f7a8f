//! What every map must keep: bits, sizes, errors, special inputs.

mod common;

use common::{distance, exact, features, fit, network, normal, settings, unit};
use ndarray::{Array2, Axis};
use widelimit_arch::{Network, Shape};
use widelimit_embed::{Error, Parts, Quantity, Zonal};

const RELU: &str = r#"{"layer": "relu"}"#;
const GELU: &str = r#"{"layer": "gelu"}"#;

#[test]
fn rows_do_not_depend_on_their_block() {
    let x = normal(70, 9, 1);
    let single = x.mapv(|x| x as f32);
    for (network, sample) in [
        (network(RELU, 2, 0.0), x.clone()),
        (network(GELU, 1, 0.4), x.clone()),
        // rows beside the axes, and outside of the range
        (network(GELU, 1, 0.4), normal(20, 2, 2).dot(&normal(2, 9, 3)) * 0.3),
    ] {
        let map = fit(&network, &settings(150, Quantity::Ntk, 3), sample.view());
        let mut whole = Array2::<f32>::zeros((70, 150));
        map.block(single.view(), whole.view_mut()).unwrap();
        for size in [1, 33] {
            let mut parts = Array2::<f32>::zeros((70, 150));
            let blocks = single.axis_chunks_iter(Axis(0), size);
            for (x, out) in blocks.zip(parts.axis_chunks_iter_mut(Axis(0), size)) {
                map.block(x, out).unwrap();
            }
            assert_eq!(whole, parts);
        }
    }
}

#[test]
fn parts_make_the_same_map() {
    let x = normal(40, 6, 1);
    for network in [network(RELU, 2, 0.0), network(GELU, 1, 0.4)] {
        let settings = settings(100, Quantity::Ntk, 5);
        let map = fit(&network, &settings, x.view());
        let shape = Shape::vector(6);
        let again = Zonal::from_parts(&network, &shape, &settings, map.parts().clone()).unwrap();
        assert_eq!(features(&map, x.view()), features(&again, x.view()));
        let arrays = map.parts().arrays();
        assert_eq!(&Parts::from_arrays(&arrays).unwrap(), map.parts());
        assert!(Parts::from_arrays(&arrays[2..]).is_err());
        let other = Zonal::from_parts(&network, &Shape::vector(7), &settings, map.parts().clone());
        assert!(matches!(other, Err(Error::NotApplicable { .. }) | Err(Error::Shape { .. })));
    }
}

#[test]
fn zero_rows_keep_their_kernel() {
    let mut x = normal(30, 6, 1);
    x.row_mut(4).fill(0.0);
    for (network, quantity) in [
        (network(RELU, 2, 0.0), Quantity::Ntk),
        (network(RELU, 2, 0.5), Quantity::Ntk),
        (network(GELU, 1, 0.5), Quantity::Nngp),
        (network(r#"{"layer": "cos"}"#, 1, 0.0), Quantity::Nngp),
    ] {
        let k = exact(&network, x.view(), quantity);
        let z = features(&fit(&network, &settings(200, quantity, 0), x.view()), x.view());
        for i in 0..30 {
            let product = z.row(4).dot(&z.row(i));
            let size = (k[[i, i]] * k[[4, 4]]).sqrt();
            // exact but for the rank of the factorisation, which has no landmark at 0
            let bound = if i == 4 { 0.05 } else { 2e-3 };
            assert!((product - k[[4, i]]).abs() <= bound * size, "{i}: {product}, {}", k[[4, i]]);
        }
    }
}

/// Mean square errors for eight times the features fall eightfold, within the scatter of eight seeds.
#[test]
fn errors_fall_with_the_root_of_the_number_of_features() {
    let x = unit(normal(200, 12, 8));
    let network = network(RELU, 3, 0.0);
    let k = exact(&network, x.view(), Quantity::Ntk);
    let error = |dim: usize| {
        let map = fit(&network, &settings(dim, Quantity::Ntk, 0), x.view());
        let square = |seed: u64| {
            let z = features(&map.reseeded(seed), x.view());
            distance(&z.dot(&z.t()), &k).powi(2)
        };
        ((0..8).map(square).sum::<f64>() / 8.0).sqrt()
    };
    let slope = (error(8192) / error(512)).ln() / 16f64.ln();
    assert!((-0.65..=-0.4).contains(&slope), "{slope}");
}

#[test]
fn a_network_without_weights_has_no_ntk() {
    let network = Network::from_json(r#"[{"layer": "identity"}]"#).unwrap();
    let x = normal(5, 4, 1);
    let z = features(&fit(&network, &settings(10, Quantity::Ntk, 0), x.view()), x.view());
    assert!(z.iter().all(|&z| z == 0.0));
    let z = features(&fit(&network, &settings(10, Quantity::Nngp, 0), x.view()), x.view());
    assert!(distance(&z.dot(&z.t()), &(x.dot(&x.t()) / 4.0)) < 1e-12);
}

#[test]
fn what_does_not_fit_is_refused() {
    let x = normal(10, 4, 1);
    let refused = |json: &str, dim: usize| {
        let network = Network::from_json(json).unwrap();
        let settings = settings(dim, Quantity::Ntk, 0);
        Zonal::fit(&network, &Shape::vector(4), &settings, x.view()).err().unwrap()
    };
    let relu = r#"[{"layer": "dense"}, {"layer": "relu"}, {"layer": "dense"}]"#;
    assert!(matches!(refused(relu, 0), Error::NoFeatures));
    assert!(matches!(refused(relu, 1), Error::TooFewFeatures { needed: 2, got: 1, .. }));
    let dropout = r#"[{"layer": "dense"}, {"layer": "relu"}, {"layer": "dropout", "keep_rate": 0.5,
                      "mode": "train"}, {"layer": "dense"}]"#;
    let error = refused(dropout, 64);
    assert!(error.to_string().starts_with("layers[2]: `dropout` has no zonal features"), "{error}");
    let network = Network::preset("mlp:1").unwrap();
    let settings = settings(64, Quantity::Ntk, 0);
    let image = Zonal::fit(&network, &Shape::image([2, 2], 1), &settings, x.view());
    assert!(matches!(image, Err(Error::NotApplicable { .. })));
    let map = fit(&network, &settings, x.view());
    let mut out = Array2::zeros((10, 63));
    assert!(matches!(map.block(x.view(), out.view_mut()), Err(Error::Output { .. })));
    let mut out = Array2::zeros((10, 64));
    let long = normal(10, 5, 1);
    assert!(matches!(map.block(long.view(), out.view_mut()), Err(Error::Shape { .. })));
    let huge = &x * 1e200;
    assert!(matches!(map.block(huge.view(), out.view_mut()), Err(Error::Overflow { row: 0, .. })));
}

/// Many columns: directions by transforms, with and without a sample.
#[test]
fn many_columns() {
    let x = normal(60, 5, 1).dot(&normal(5, 700, 2));
    let network = network(RELU, 1, 0.0);
    let k = exact(&network, x.view(), Quantity::Ntk);
    let near = fit(&network, &settings(2000, Quantity::Ntk, 0), x.view());
    let z = features(&near, x.view());
    let with = distance(&z.dot(&z.t()), &k);
    let sample = Array2::zeros((0, 700));
    let far = fit(&network, &settings(2000, Quantity::Ntk, 0), sample.view());
    let z = features(&far, x.view());
    let without = distance(&z.dot(&z.t()), &k);
    assert!(with < 0.01 && without < 0.06, "{with}, {without}");
}
