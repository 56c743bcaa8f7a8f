//! Features of graphs against the exact graph neural tangent kernel.

use ndarray::{Array2, Array3, Axis};
use widelimit::arch::Activation;
use widelimit::embed::{Error as FeatureError, Quantity, Settings, Strategy};
use widelimit::exact::{self, Cancel, Inputs, Options, Want};
use widelimit::graph::{Error as GraphError, Gntk, Graphs, Parts, Scale};
use widelimit::graphs::GntkFeatures;
use widelimit::linalg::Par;
use widelimit::{Error, Run};
use widelimit_sketch::random::Stream;

/// Random graphs of these sizes with weights, a loop in each, and normal numbers at the nodes.
fn random(sizes: &[usize], width: usize) -> Graphs {
    let stream = Stream::new(3, 0, 0);
    let (mut offsets, mut ends, mut weights) = (vec![0], [Vec::new(), Vec::new()], Vec::new());
    let mut drawn = 0;
    for &nodes in sizes {
        let first = offsets[offsets.len() - 1];
        for u in 0..nodes {
            for v in 0..=u {
                drawn += 2;
                let loops = u == 0;
                if (u == v) == loops && stream.unit(drawn) < 0.5 || loops {
                    let both = [(u, v), (v, u)];
                    for (u, v) in &both[..if loops { 1 } else { 2 }] {
                        ends[0].push(first + u);
                        ends[1].push(first + v);
                        weights.push(0.5 + stream.unit(drawn + 1));
                    }
                }
            }
        }
        offsets.push(first + nodes);
    }
    let normal = Stream::new(3, 0, 1);
    let nodes = offsets[offsets.len() - 1];
    let features =
        Array2::from_shape_fn((nodes, width), |(i, j)| 0.4 + normal.normal((i * width + j) as u64));
    Graphs::new(Parts {
        node_offsets: &offsets,
        edge_index: [&ends[0], &ends[1]],
        weights: Some(&weights),
        features: Some(features),
        ..Parts::default()
    })
    .unwrap()
}

/// Rings of these sizes, without features.
fn rings(sizes: &[usize], labels: Option<&[u32]>) -> Graphs {
    let (mut offsets, mut ends) = (vec![0], [Vec::new(), Vec::new()]);
    for &size in sizes {
        let first = offsets[offsets.len() - 1];
        for node in 0..size {
            let next = first + (node + 1) % size;
            ends[0].extend([first + node, next]);
            ends[1].extend([next, first + node]);
        }
        offsets.push(first + size);
    }
    Graphs::new(Parts {
        node_offsets: &offsets,
        edge_index: [&ends[0], &ends[1]],
        node_labels: labels,
        ..Parts::default()
    })
    .unwrap()
}

fn kernel(gntk: &Gntk, graphs: &Graphs) -> Array2<f64> {
    gntk.kernel(graphs, &widelimit::graph::Options::new().par(Par::single())).unwrap()
}

fn products(features: &GntkFeatures, graphs: &Graphs) -> Array2<f64> {
    let run = Run { par: Par::single(), ..Run::default() };
    let z: Array2<f64> = features.transform(graphs, &run).unwrap();
    z.dot(&z.t())
}

fn norm(x: &Array2<f64>) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// The engine of images gives the kernel of the network, to rounding.
#[test]
fn the_network_has_this_kernel() {
    let graphs = random(&[4, 4, 4], 3);
    let x = graphs.features().unwrap().dense().into_shape_with_order((3, 4, 3)).unwrap();
    for (layers, mlp) in [(1, 1), (2, 1), (2, 3), (4, 2)] {
        for jumping_knowledge in [false, true] {
            for scale in [Scale::Uniform, Scale::Degree] {
                for activation in [Activation::Relu, Activation::Gelu] {
                    let gntk = Gntk {
                        layers,
                        mlp,
                        jumping_knowledge,
                        scale,
                        activation,
                        ..Gntk::default()
                    };
                    let aggregation = gntk.aggregation(&graphs);
                    // there vertex p receives sum_q A[q, p] x_q
                    let mut adjacency = Array3::zeros((3, 4, 4));
                    for (row, ends) in aggregation.offsets.windows(2).enumerate() {
                        for entry in ends[0]..ends[1] {
                            let column = aggregation.nodes[entry] % 4;
                            adjacency[[row / 4, column, row % 4]] = aggregation.weights[entry];
                        }
                    }
                    let inputs = Inputs::new(x.view().into_dyn()).with_adjacency(adjacency.view());
                    let network = gntk.network(3).unwrap();
                    let options = Options::new().want(Want::NTK);
                    let found =
                        exact::kernel(&network, inputs, None, &options).unwrap().ntk.unwrap();
                    let expected = kernel(&gntk, &graphs);
                    let off = norm(&(&found - &expected)) / norm(&expected);
                    assert!(off < 1e-7, "{gntk:?}: {off:e}");
                }
            }
        }
    }
}

/// Mean of 400 draws of 64 features within 4.5 standard errors in every entry, behind one activation.
#[test]
fn one_activation_is_unbiased() {
    let graphs = random(&[3, 6, 1, 4], 3);
    for scale in [Scale::Uniform, Scale::Degree] {
        for jumping_knowledge in [false, true] {
            for strategy in [Strategy::Centred, Strategy::Random] {
                let gntk = Gntk { layers: 2, jumping_knowledge, scale, ..Gntk::default() };
                let settings = Settings { strategy, ..Settings::new(64) };
                let first = GntkFeatures::fit(&gntk, &graphs, &settings).unwrap();
                let expected = kernel(&gntk, &graphs);
                let draws = 400;
                let (mut sum, mut squares) =
                    (Array2::zeros(expected.dim()), Array2::zeros(expected.dim()));
                for seed in 0..draws {
                    let product = products(&first.reseeded(seed).unwrap(), &graphs);
                    sum += &product;
                    squares += &(&product * &product);
                }
                let mean: Array2<f64> = sum / draws as f64;
                let variance = squares / draws as f64 - &mean * &mean;
                for (at, k) in expected.indexed_iter() {
                    let error = (variance[at].max(0.0) / draws as f64).sqrt();
                    let off = (mean[at] - k).abs();
                    assert!(
                        off < 4.5 * error + 1e-10 * k.abs(),
                        "{gntk:?} {strategy:?} {at:?}: {} for {k}, standard error {error}",
                        mean[at]
                    );
                }
            }
        }
    }
}

/// Four times the features, half the error: the slope of the logarithms, root mean squares over 16 draws. Random
/// features have a few draws that are far off, which is the width of the interval.
#[test]
fn errors_fall_with_the_root_of_the_number_of_features() {
    let graphs = random(&[5, 9, 3, 12, 7, 6], 3);
    for layers in [3, 4] {
        for strategy in [Strategy::Centred, Strategy::Random] {
            let gntk =
                Gntk { layers, jumping_knowledge: layers == 4, mlp: 5 - layers, ..Gntk::default() };
            let expected = kernel(&gntk, &graphs);
            let mut errors = Vec::new();
            for dim in [256, 1024, 4096] {
                let settings = Settings { strategy, ..Settings::new(dim) };
                let first = GntkFeatures::fit(&gntk, &graphs, &settings).unwrap();
                let square = |seed| {
                    let product = products(&first.reseeded(seed).unwrap(), &graphs);
                    norm(&(&product - &expected)).powi(2)
                };
                let mean = (0..16).map(square).sum::<f64>() / 16.0;
                errors.push(mean.sqrt() / norm(&expected));
            }
            let slope = (errors[2] / errors[0]).ln() / 16.0_f64.ln();
            println!("{layers} levels, {strategy:?}: {errors:.4?}, slope {slope:.2}");
            assert!((-0.75..-0.35).contains(&slope), "{layers} {strategy:?}: {errors:?}, {slope}");
            // twice what was measured
            let limit = if strategy == Strategy::Centred { 0.05 } else { 0.2 };
            assert!(errors[2] < limit, "{layers} {strategy:?}: {errors:?}");
        }
    }
}

/// Blocks of graphs, threads and the other graphs leave every bit as it is.
#[test]
fn features_of_a_graph_are_its_own() {
    let sizes: Vec<usize> = (0..600).map(|i| 3 + (i * 7) % 60).collect();
    let graphs = rings(&sizes, None);
    assert!(graphs.nodes() > 1 << 14);
    let gntk = Gntk { layers: 3, jumping_knowledge: true, ..Gntk::default() };
    let first = graphs.select(&[5, 0, 599, 17]).unwrap();
    let features = GntkFeatures::fit(&gntk, &first, &Settings::new(64)).unwrap();
    let all: Array2<f64> = features.transform(&graphs, &Run::default()).unwrap();
    let single = Run { par: Par::single(), ..Run::default() };
    let few: Array2<f64> = features.transform(&first, &single).unwrap();
    assert_eq!(few, all.select(Axis(0), &[5, 0, 599, 17]));
    let narrow: Array2<f32> = features.transform(&first, &single).unwrap();
    let size = norm(&few);
    assert!(narrow.iter().zip(&few).all(|(&a, b)| (f64::from(a) - b).abs() < 1e-5 * size));
    let other = features.reseeded(1).unwrap();
    assert_ne!(few, other.transform::<f64>(&first, &single).unwrap());
}

/// Nodes in another order give the same features, up to the order of sums.
#[test]
fn the_order_of_nodes_does_not_matter() {
    let graphs = random(&[11], 3);
    let old = graphs.graph(0);
    let to = |node: usize| (4 * node + 5) % 11;
    let (mut ends, mut weights) = ([Vec::new(), Vec::new()], Vec::new());
    let mut features = Array2::zeros((11, 3));
    for node in 0..11 {
        features.row_mut(to(node)).assign(&graphs.features().unwrap().row(node));
        for (other, weight) in old.weighted(node) {
            ends[0].push(to(node));
            ends[1].push(to(other));
            weights.push(weight);
        }
    }
    let turned = Graphs::new(Parts {
        node_offsets: &[0, 11],
        edge_index: [&ends[0], &ends[1]],
        weights: Some(&weights),
        features: Some(features),
        ..Parts::default()
    })
    .unwrap();
    for (jumping_knowledge, scale) in [(false, Scale::Uniform), (true, Scale::Degree)] {
        let gntk = Gntk { layers: 4, jumping_knowledge, scale, ..Gntk::default() };
        let map = GntkFeatures::fit(&gntk, &graphs, &Settings::new(256)).unwrap();
        let of = |graphs: &Graphs| map.transform::<f64>(graphs, &Run::default()).unwrap();
        let (one, two) = (of(&graphs), of(&turned));
        assert!(norm(&(&one - &two)) < 1e-13 * norm(&one));
    }
}

/// The dictionary is that of the fit: an unknown label is a node of zeros.
#[test]
fn labels_are_seen_through_the_dictionary_of_the_fit() {
    let train = rings(&[3, 4], Some(&[1, 2, 1, 2, 2, 7, 7]));
    let gntk = Gntk::default();
    let features = GntkFeatures::fit(&gntk, &train, &Settings::new(64)).unwrap();
    let of = |graphs: &Graphs| features.transform::<f64>(graphs, &Run::default());
    assert_eq!(of(&train).unwrap(), of(&train.clone().with_default_features()).unwrap());
    let strange = rings(&[3], Some(&[5, 5, 5]));
    assert!(of(&strange).unwrap().iter().all(|&z| z == 0.0));
    let bare = of(&rings(&[3], None)).unwrap_err();
    assert!(matches!(bare, Error::Graph(GraphError::NoLabels { .. })), "{bare}");
}

/// The covariance of the network is the sum over all pairs of nodes of that of their units.
#[test]
fn the_covariance_without_activation_is_exact() {
    let graphs = random(&[3, 5], 3);
    let gntk = Gntk { layers: 1, ..Gntk::default() };
    for quantity in [Quantity::Ntk, Quantity::Nngp] {
        let settings = Settings { quantity, ..Settings::new(32) };
        let features = GntkFeatures::fit(&gntk, &graphs, &settings).unwrap();
        let expected = kernel(&gntk, &graphs);
        let off = norm(&(&products(&features, &graphs) - &expected)) / norm(&expected);
        assert!(off < 1e-13, "{quantity:?}: {off:e}");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let graphs = random(&[3, 5], 3);
    let fit = |gntk: Gntk, settings: Settings| GntkFeatures::fit(&gntk, &graphs, &settings);
    let base = Gntk { layers: 3, ..Gntk::default() };
    let none = fit(Gntk { layers: 0, ..base.clone() }, Settings::new(64)).unwrap_err();
    assert!(matches!(none, Error::Graph(GraphError::Parameter { parameter: "layers", .. })));
    let deep = Gntk { layers: 40, jumping_knowledge: true, ..base.clone() };
    let deep = fit(deep, Settings::new(4096)).unwrap_err();
    assert!(matches!(deep, Error::Network(_)), "{deep}");
    let few = fit(base.clone(), Settings::new(4)).unwrap_err();
    assert!(matches!(few, Error::Features(FeatureError::TooFewFeatures { got: 4, .. })), "{few}");
    let zonal = Settings { strategy: Strategy::Zonal, ..Settings::new(64) };
    let zonal = fit(base.clone(), zonal).unwrap_err();
    assert!(matches!(zonal, Error::Features(FeatureError::NotApplicable { .. })));

    let map = fit(base.clone(), Settings::new(64)).unwrap();
    let of = |graphs: &Graphs, run: &Run<'_>| map.transform::<f64>(graphs, run).unwrap_err();
    let run = Run::default();
    let wide = of(&random(&[3], 4), &run);
    assert!(matches!(wide, Error::Features(FeatureError::Channels { expected: 3, got: 4 })));
    let bare = of(&rings(&[3], None), &run);
    assert!(matches!(bare, Error::Graph(GraphError::FeaturesMissing { .. })));
    let small = Run { budget: exact::Budget::bytes(1000), ..Run::default() };
    assert!(matches!(of(&graphs, &small), Error::MemoryLimit { limit: 1000, .. }));
    let switch = Cancel::new();
    switch.cancel();
    let stopped = Run { cancel: Some(&switch), ..Run::default() };
    assert!(matches!(of(&graphs, &stopped), Error::Cancelled));
    let mut huge = graphs.features().unwrap().dense();
    huge.row_mut(4).fill(1e200);
    let huge = of(&graphs.clone().with_features(huge).unwrap(), &run);
    assert!(matches!(huge, Error::Features(FeatureError::Overflow { row: 1, .. })), "{huge}");
}
