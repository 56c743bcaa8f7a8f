//! Graphlets, bins of attributes, and what is refused.

use ndarray::{Array2, array};
use widelimit_graph::wl::{
    BinParams, Graphlets, HashBins, Scheme, Start, WlKernel, WlKind, WlParams, certificate,
};
use widelimit_graph::{Budget, Cancel, Error, Graphs, Parts};
use widelimit_sketch::random::Stream;

use crate::common::{Plain, batch, kernels, random, some, threads};

/// Triples by their edges, one after another.
fn triples(graph: &Plain) -> [f64; 4] {
    let arcs = graph.arcs();
    let edge = |u: usize, v: usize| {
        usize::from(arcs.iter().any(|arc| (arc.0, arc.1) == (u, v) || (arc.1, arc.0) == (u, v)))
    };
    let (mut counts, mut all) = ([0.0; 4], 0.0);
    for u in 0..graph.nodes() {
        for v in 0..u {
            for w in 0..v {
                counts[edge(u, v) + edge(u, w) + edge(v, w)] += 1.0;
                all += 1.0;
            }
        }
    }
    counts.map(|count| if all > 0.0 { count / all } else { 0.0 })
}

#[test]
fn graphlets_are_those_of_all_triples() {
    for directed in [false, true] {
        let graphs = some(30, 40, directed);
        let shares = Graphlets::default().shares(&batch(&graphs, true), &threads(2)).unwrap();
        for (graph, row) in graphs.iter().zip(shares.outer_iter()) {
            assert_eq!(row.to_vec(), triples(graph), "{graph:?}");
        }
    }
}

#[test]
fn drawn_graphlets_are_near_those_of_all_triples() {
    let stream = Stream::new(31, 0, 0);
    let graphs: Vec<Plain> = (0..6).map(|i| random(&stream.child(i), 40, 0.3, false)).collect();
    let all = batch(&graphs, false);
    let few = Graphlets { samples: 4000, seed: 5 };
    let (drawn, exact) = (few.shares(&all, &threads(2)).unwrap(), Graphlets::default());
    let exact = exact.shares(&all, &threads(2)).unwrap();
    assert_ne!(drawn, exact);
    for (found, share) in drawn.iter().zip(&exact) {
        let error = (share * (1.0 - share) / 4000.0).sqrt();
        assert!((found - share).abs() < 4.0 * error, "{found} {share}");
    }
    // the same draws whatever comes with a graph, and on any thread
    let last = few.shares(&all.select(&[5]).unwrap(), &threads(1)).unwrap();
    assert_eq!(last.row(0), drawn.row(5));
    let kernel = few.kernel(&all, &all, &threads(2)).unwrap();
    let product = drawn.dot(&drawn.t());
    assert!((&kernel - &product).iter().all(|x| x.abs() < 1e-15) && kernel == kernel.t());
    let none = Graphlets { samples: 0, seed: 0 }.shares(&all, &threads(1));
    assert!(matches!(none, Err(Error::Parameter { parameter: "samples", .. })));
}

fn with_features(features: Array2<f64>, labels: Option<&[u32]>) -> Graphs {
    let offsets = [0, features.nrows()];
    let features = Some(features);
    Graphs::new(Parts { node_offsets: &offsets, features, node_labels: labels, ..Parts::default() })
        .unwrap()
}

/// Nodes share an interval of length `w` with a chance of `1 - d / w` where their projections are `d < w` apart.
/// On one attribute `d` is their distance in standard deviations.
#[test]
fn close_attributes_share_a_bin_more_often() {
    let graphs = with_features(array![[-1.0], [-0.75], [0.0], [1.0], [0.75], [0.9], [-0.9]], None);
    let rows = graphs.features().unwrap().dense();
    let deviation = (rows.iter().map(|x| x * x).sum::<f64>() / 7.0).sqrt();
    let seeds = 4000;
    let mut shared = [0.0; 2];
    for seed in 0..seeds {
        let params = BinParams { projections: 1, width: 2.0, seed };
        let bins = HashBins::new(&graphs, params).unwrap();
        let labelled = bins.label(graphs.clone()).unwrap();
        let labels = labelled.labels().unwrap();
        shared[0] += f64::from(u8::from(labels[0] == labels[1]));
        shared[1] += f64::from(u8::from(labels[0] == labels[2]));
    }
    for (found, distance) in shared.iter().zip([0.25, 1.0]) {
        let chance = 1.0 - distance / deviation / 2.0;
        let error = (chance * (1.0 - chance) / seeds as f64).sqrt();
        assert!((found / seeds as f64 - chance).abs() < 4.0 * error, "{found} {chance}");
    }
}

#[test]
fn bins_are_learned_and_extended() {
    let train = array![[0.0, 3.0], [0.0, 3.0], [4.0, 3.0]];
    let params = BinParams { projections: 6, width: 0.5, seed: 1 };
    let bins = HashBins::new(&with_features(train.clone(), None), params).unwrap();
    assert_eq!(bins.len(), 2);
    // an attribute that never changed tells nothing; what was not there gets new labels
    let test = array![[4.0, 3.0], [-7.0, 3.0], [0.0, 9.0], [-7.0, 3.0]];
    let labelled = bins.label(with_features(test, None)).unwrap();
    assert_eq!(labelled.labels().unwrap(), &[1, 2, 0, 2]);
    let both = HashBins::new(&with_features(train.clone(), Some(&[5, 6, 5])), params).unwrap();
    assert_eq!(both.len(), 3);
    let unlike = both.label(with_features(train.clone(), None));
    assert!(matches!(unlike, Err(Error::Unlike { .. })));
    let narrow = bins.label(with_features(array![[1.0]], None));
    assert!(matches!(narrow, Err(Error::FeatureWidth { left: 2, right: 1 })));
    let far = bins.label(with_features(array![[0.0, 3.0], [1e300, 3.0]], None));
    assert!(matches!(far, Err(Error::BinRange { node: 1 })));
    for width in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let params = BinParams { width, ..params };
        let error = HashBins::new(&with_features(train.clone(), None), params).unwrap_err();
        assert!(matches!(error, Error::BinWidth { .. }), "{error}");
    }
    let none = HashBins::new(&batch(&some(1, 2, false), true), params);
    assert!(matches!(none, Err(Error::FeaturesMissing { .. })));
}

#[test]
fn what_cannot_be_counted_is_refused() {
    let fit = |graphs: &Graphs, params: WlParams| WlKernel::fit(graphs, &params, &threads(2));
    let plain = WlParams::default();
    let numeric = with_features(array![[0.5, 1.0], [0.1, 2.0]], None);
    let error = fit(&numeric, plain).unwrap_err();
    let text = error.to_string();
    assert!(
        matches!(error, Error::NumericFeatures { width: 2 }) && text.contains("HashBins"),
        "{text}"
    );
    assert!(fit(&numeric, WlParams { start: Start::Constant, ..plain }).is_ok());
    let labels = WlParams { start: Start::Labels, ..plain };
    assert!(matches!(fit(&numeric, labels), Err(Error::NoLabels { .. })));

    let weighted = Graphs::new(Parts {
        node_offsets: &[0, 2],
        edge_index: [&[0, 1], &[1, 0]],
        weights: Some(&[2.0, 2.0]),
        ..Parts::default()
    })
    .unwrap();
    assert!(matches!(fit(&weighted, plain), Err(Error::Weighted)));
    assert!(fit(&weighted.without_weights(), plain).is_ok());

    let graphs = batch(&some(2, 6, false), true);
    let rounds = WlParams { rounds: 1001, ..plain };
    assert!(matches!(fit(&graphs, rounds), Err(Error::Parameter { got: 1001, .. })));
    let pairs = WlParams { kind: WlKind::Edges, scheme: Scheme::Local { k: 2 }, ..plain };
    assert!(matches!(fit(&graphs, pairs), Err(Error::Parameter { parameter: "k", .. })));
    let small = WlKernel::fit(&graphs, &plain, &threads(2).budget(Budget::bytes(2000)));
    assert!(matches!(small, Err(Error::MemoryLimit { limit: 2000, .. })));
    let kernel = fit(&graphs, plain).unwrap();
    let bare = kernel.transform(&batch(&some(2, 6, false), false), &threads(2));
    assert!(matches!(bare, Err(Error::Unlike { what: "node labels" })));
    let degrees = fit(&batch(&some(2, 6, false), false), plain).unwrap();
    let labelled = degrees.transform(&graphs, &threads(2));
    assert!(matches!(labelled, Err(Error::Unlike { what: "node labels" })));
    let asked = fit(&graphs, WlParams { start: Start::Labels, ..plain }).unwrap();
    let bare = asked.transform(&batch(&some(2, 6, false), false), &threads(2));
    assert!(matches!(bare, Err(Error::NoLabels { .. })));
    let directed = kernel.transform(&batch(&some(2, 6, true), true), &threads(2));
    assert!(matches!(directed, Err(Error::Unlike { what: "directed edges" })));
}

#[test]
fn every_call_can_be_stopped() {
    let graphs = batch(&some(3, 8, false), true);
    let stopped = Cancel::new();
    stopped.cancel();
    let options = threads(2).cancel(&stopped);
    let is_cancelled = |error: Error| matches!(error, Error::Cancelled);
    for params in kernels() {
        assert!(is_cancelled(WlKernel::fit(&graphs, &params, &options).unwrap_err()));
        let kernel = WlKernel::fit(&graphs, &params, &threads(2)).unwrap();
        assert!(is_cancelled(kernel.gram(0, &options).unwrap_err()));
        assert!(is_cancelled(kernel.grams(&options).unwrap_err()));
        assert!(is_cancelled(kernel.transform(&graphs, &options).unwrap_err()));
        let moved = kernel.transform(&graphs, &threads(2)).unwrap();
        assert!(is_cancelled(moved.cross(0, &options).unwrap_err()));
    }
    let graph = graphs.graph(0);
    let certified = certificate(&graph, &graph, Scheme::Vertices, &options);
    assert!(is_cancelled(certified.unwrap_err()));
    assert!(is_cancelled(Graphlets::default().shares(&graphs, &options).unwrap_err()));
}
