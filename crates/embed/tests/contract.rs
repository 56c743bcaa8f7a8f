//! What every strategy promises: the same bits however it is called, and clear refusals.

use ndarray::{Array2, ArrayD, Axis, IxDyn, concatenate};
use widelimit_arch::{Network, Shape};
use widelimit_embed::{Error, FeatureMap, Par, Quantity, Scalar, Settings, Strategy};

const VECTORS: &str = r#"[{"layer": "dense", "w_std": 1.4, "b_std": 0.1}, {"layer": "relu"},
    {"layer": "dense", "w_std": 1.4}, {"layer": "relu"}, {"layer": "dense"}]"#;
const HOMOGENEOUS: &str = r#"[{"layer": "dense", "w_std": 1.4}, {"layer": "relu"},
    {"layer": "dense", "w_std": 1.4}, {"layer": "relu"}, {"layer": "dense"}]"#;
const IMAGES: &str = r#"[{"layer": "conv", "filter": [3, 3], "padding": "SAME"}, {"layer": "gelu"},
    {"layer": "conv", "filter": [3, 3], "padding": "SAME"}, {"layer": "gelu"},
    {"layer": "global_avg_pool"}, {"layer": "dense"}]"#;

fn inputs<T: Scalar>(shape: &[usize]) -> ArrayD<T> {
    let mut state = 0.0f64;
    ArrayD::from_shape_fn(IxDyn(shape), |_| {
        state += 1.7;
        <T as widelimit_linalg::Scalar>::from_f64(state.sin())
    })
}

/// Networks and inputs, and the strategies that apply to them.
fn cases() -> Vec<(Network, Vec<usize>, Settings)> {
    let mut cases = Vec::new();
    for (json, shape) in
        [(VECTORS, vec![131, 300]), (HOMOGENEOUS, vec![67, 7]), (IMAGES, vec![5, 6, 5, 3])]
    {
        let network = Network::from_json(json).unwrap();
        for strategy in Strategy::ALL {
            for quantity in [Quantity::Ntk, Quantity::Nngp] {
                let settings = Settings { strategy, quantity, seed: 5, ..Settings::new(1000) };
                let x = inputs::<f64>(&shape);
                match FeatureMap::fit(&network, x.view(), &settings) {
                    Ok(_) => cases.push((network.clone(), shape.clone(), settings)),
                    Err(Error::NotApplicable { .. } | Error::NoRule { .. }) => {}
                    Err(error) => panic!("{strategy:?}: {error}"),
                }
            }
        }
    }
    assert!(cases.len() >= 12, "{}", cases.len());
    cases
}

fn same_bits<T: Scalar>(a: &Array2<T>, b: &Array2<T>) -> bool {
    a.iter().zip(b).all(|(a, b)| {
        let [a, b] = [*a, *b].map(<T as widelimit_linalg::Scalar>::to_f64);
        a.to_bits() == b.to_bits()
    })
}

fn split_does_not_matter<T: Scalar>() {
    for (network, shape, settings) in cases() {
        let x = inputs::<T>(&shape);
        let map = FeatureMap::fit(&network, x.view(), &settings).unwrap();
        let whole = map.transform(x.view(), &Par::single()).unwrap();
        for threads in [2, 8] {
            let other = map.transform(x.view(), &Par::new(threads)).unwrap();
            assert!(same_bits(&whole, &other), "{settings:?}, {threads} threads");
        }
        let parts: Vec<_> = [0..1, 1..4, 4..shape[0]]
            .map(|rows| {
                let rows: Vec<usize> = rows.collect();
                map.transform(x.select(Axis(0), &rows).view(), &Par::new(2)).unwrap()
            })
            .into();
        let parts: Vec<_> = parts.iter().map(|part| part.view()).collect();
        let parts = concatenate(Axis(0), &parts).unwrap();
        assert!(same_bits(&whole, &parts), "{settings:?} in parts");
        let arrays = map.arrays();
        let again = FeatureMap::from_arrays(&network, map.shape(), &settings, &arrays).unwrap();
        let again = again.transform(x.view(), &Par::single()).unwrap();
        assert!(same_bits(&whole, &again), "{settings:?} made again");
        let other = map.reseeded(6).unwrap().transform(x.view(), &Par::single()).unwrap();
        assert!(!same_bits(&whole, &other), "{settings:?} with another seed");
    }
}

#[test]
fn bits_do_not_depend_on_threads_and_batches_in_f64() {
    split_does_not_matter::<f64>();
}

#[test]
fn bits_do_not_depend_on_threads_and_batches_in_f32() {
    split_does_not_matter::<f32>();
}

#[test]
fn zero_inputs_have_finite_features() {
    for (network, mut shape, settings) in cases() {
        let x = inputs::<f64>(&shape);
        let map = FeatureMap::fit(&network, x.view(), &settings).unwrap();
        shape[0] = 2;
        let z = map.transform(ArrayD::<f64>::zeros(IxDyn(&shape)).view(), &Par::single()).unwrap();
        assert!(z.iter().all(|z| z.is_finite()), "{settings:?}");
    }
}

#[test]
fn bad_arguments_are_refused_with_their_numbers() {
    let network = Network::from_json(VECTORS).unwrap();
    let shape = Shape::vector(7);
    for strategy in Strategy::ALL {
        let new =
            |dim| FeatureMap::new(&network, &shape, &Settings { strategy, ..Settings::new(dim) });
        assert!(matches!(new(0), Err(Error::NoFeatures)), "{strategy:?}");
        match new(1) {
            Err(Error::TooFewFeatures { needed, got: 1, .. }) => assert!(needed > 1),
            Err(Error::NotApplicable { .. }) => continue,
            other => panic!("{strategy:?}: {other:?}"),
        }
        let map = new(500).unwrap();
        let par = Par::single();
        let narrow = map.transform(inputs::<f32>(&[3, 6]).view(), &par).unwrap_err();
        assert_eq!(narrow.to_string(), "the map is for inputs of shape 7, got 6");
        let mut x = inputs::<f32>(&[3, 7]);
        x[[1, 4]] = f32::NAN;
        let error = map.transform(x.view(), &par).unwrap_err();
        assert!(matches!(error, Error::NonFinite { row: 1, entry: 4, .. }), "{error}");
        assert!(matches!(
            map.transform(inputs::<f32>(&[0, 7]).view(), &par),
            Err(Error::Empty { .. })
        ));
        let mut small = Array2::<f32>::zeros((3, 499));
        let error = map.transform_into(inputs(&[3, 7]).view(), small.view_mut(), &par).unwrap_err();
        assert!(matches!(error, Error::Output { expected: (3, 500), got: (3, 499) }), "{error}");
        let huge = inputs::<f32>(&[2, 7]).mapv(|x| 1e38 * x);
        match map.transform(huge.view(), &par) {
            Ok(z) => assert!(z.iter().all(|z| z.is_finite()), "{strategy:?}"),
            Err(Error::Overflow { .. }) => {}
            Err(error) => panic!("{strategy:?}: {error}"),
        }
    }
}

#[test]
fn layers_without_a_rule_are_named() {
    let json = r#"[{"layer": "dense"}, {"layer": "relu"}, {"layer": "dense"},
        {"layer": "dropout", "keep_rate": 0.5, "mode": "train"}, {"layer": "dense"}]"#;
    let network = Network::from_json(json).unwrap();
    let settings = Settings::new(100);
    let error = FeatureMap::new(&network, &Shape::vector(3), &settings).unwrap_err();
    assert!(
        error.to_string().starts_with("layers[3]: `dropout` has no centred features"),
        "{error}"
    );
    let json = r#"[{"layer": "conv", "filter": [3, 3]}]"#;
    let network = Network::from_json(json).unwrap();
    let error = FeatureMap::new(&network, &Shape::image([5, 5], 1), &settings).unwrap_err();
    assert!(matches!(error, Error::NotApplicable { .. }), "{error}");
}
