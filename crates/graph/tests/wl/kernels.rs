//! Kernels: against the definitions, and what every kernel must do.

use ndarray::{Array2, s};
use widelimit_graph::wl::{Start, WlKernel, WlKind, WlParams, colour_refinement};
use widelimit_linalg::{Par, symmetric_eigenvalues};
use widelimit_sketch::random::Stream;

use crate::brute;
use crate::common::{Plain, batch, kernels, some, threads};

fn fit(graphs: &[Plain], params: &WlParams, labelled: bool) -> WlKernel {
    WlKernel::fit(&batch(graphs, labelled), params, &threads(2)).unwrap()
}

#[test]
fn every_kernel_is_its_definition() {
    for (directed, labelled) in [(false, true), (true, true), (false, false), (true, false)] {
        let graphs = some(3, 7, directed);
        for params in kernels() {
            let found = fit(&graphs, &params, labelled).grams(&threads(2)).unwrap();
            let expected = brute::kernel(&graphs, &params, labelled);
            assert_eq!(found.len(), 3);
            for (found, expected) in found.iter().zip(&expected) {
                for ((i, j), value) in found.indexed_iter() {
                    assert_eq!(
                        *value, expected[i][j],
                        "{params:?} {directed} {labelled}: {i}, {j}"
                    );
                }
            }
        }
    }
}

/// Common subtree patterns of height at most 1, counted pair by pair of nodes.
#[test]
fn one_round_counts_pairs_of_nodes_with_equal_labels_and_neighbours() {
    let graphs = some(17, 12, false);
    let plain: Vec<Plain> = graphs
        .into_iter()
        .map(|g| Plain { edges: g.edges.iter().map(|e| (e.0, e.1, 0)).collect(), ..g })
        .collect();
    let params = WlParams { rounds: 1, ..WlParams::default() };
    let found = fit(&plain, &params, true).gram(1, &threads(1)).unwrap();
    let around = |g: &Plain, node: usize| {
        let ends = g.arcs().into_iter().filter(|arc| arc.0 == node).map(|arc| g.labels[arc.1]);
        let mut labels: Vec<u32> = ends.collect();
        labels.sort();
        labels
    };
    for ((i, j), value) in found.indexed_iter() {
        let (a, b) = (&plain[i], &plain[j]);
        let mut expected = 0;
        for u in 0..a.nodes() {
            for v in 0..b.nodes() {
                let same = a.labels[u] == b.labels[v];
                expected += u32::from(same) + u32::from(same && around(a, u) == around(b, v));
            }
        }
        assert_eq!(*value, f64::from(expected), "{i}, {j}");
    }
}

#[test]
fn numbers_of_nodes_do_not_matter() {
    for directed in [false, true] {
        let graphs = some(5, 8, directed);
        let stream = Stream::new(6, 0, 0);
        let other: Vec<Plain> =
            graphs.iter().enumerate().map(|(i, g)| g.permuted(&stream.child(i as u32))).collect();
        for params in kernels() {
            let kernel = fit(&graphs, &params, true);
            let own = kernel.grams(&threads(2)).unwrap();
            assert_eq!(own, fit(&other, &params, true).grams(&threads(2)).unwrap(), "{params:?}");
            let moved = kernel.transform(&batch(&other, true), &threads(2)).unwrap();
            assert_eq!(moved.cross(2, &threads(2)).unwrap(), own[2], "{params:?}");
        }
    }
}

#[test]
fn no_kernel_has_negative_eigenvalues() {
    let graphs = some(7, 40, false);
    for params in kernels() {
        for normalise in [false, true] {
            let params = WlParams { normalise, ..params };
            let gram = fit(&graphs, &params, true).gram(2, &threads(2)).unwrap();
            assert_eq!(gram, gram.t(), "{params:?}");
            let values = symmetric_eigenvalues(gram, &Par::new(2)).unwrap();
            let (least, most) = (values[0].min(values[39]), values[0].max(values[39]));
            assert!(most > 0.0 && least > -1e-8 * most, "{params:?}: {least} {most}");
        }
    }
}

#[test]
fn normalised_kernels_are_one_with_themselves_or_zero() {
    let graphs = some(8, 20, false);
    for params in kernels() {
        let params = WlParams { normalise: true, ..params };
        let kernel = fit(&graphs, &params, true);
        let gram = kernel.gram(2, &threads(2)).unwrap();
        let plain = WlParams { normalise: false, ..params };
        let raw = fit(&graphs, &plain, true).gram(2, &threads(2)).unwrap();
        let mut empty = 0;
        for (graph, own) in kernel.self_kernels(2).unwrap().iter().enumerate() {
            assert_eq!(raw[[graph, graph]], *own);
            assert_eq!(gram[[graph, graph]], if *own > 0.0 { 1.0 } else { 0.0 });
            empty += usize::from(*own == 0.0);
        }
        // single nodes have no pairs
        let pairs = matches!(params.kind, WlKind::ShortestPath | WlKind::Edges);
        assert_eq!(empty > 0, pairs, "{params:?}");
        let own = kernel.self_kernels(2).unwrap();
        let mut some = (0..20).filter(|&graph| own[graph] > 0.0);
        let (i, j) = (some.next().unwrap(), some.next().unwrap());
        let expected = raw[[i, j]] / (raw[[i, i]] * raw[[j, j]]).sqrt();
        assert!((gram[[i, j]] - expected).abs() < 1e-15);
    }
}

/// What is learned from some graphs says of others what learning from all of them does.
#[test]
fn new_graphs_are_compared_as_if_they_had_been_there() {
    for directed in [false, true] {
        let graphs = some(9, 24, directed);
        let (train, test) = graphs.split_at(9);
        let mut unseen = 0;
        for params in kernels() {
            for normalise in [false, true] {
                let params = WlParams { normalise, ..params };
                let all = fit(&graphs, &params, true);
                let kernel = fit(train, &params, true);
                let new = kernel.transform(&batch(test, true), &threads(2)).unwrap();
                for rounds in 0..3 {
                    let whole = all.gram(rounds, &threads(2)).unwrap();
                    let cross = new.cross(rounds, &threads(2)).unwrap();
                    assert_eq!(cross, whole.slice(s![9.., ..9]), "{params:?}");
                    let own = all.self_kernels(rounds).unwrap();
                    assert_eq!(new.self_kernels(rounds).unwrap(), own.slice(s![9..]));
                }
                // features that were not there have numbers of their own
                for graph in 0..new.len() {
                    for ((round, feature), _) in new.features(graph).unwrap() {
                        unseen += usize::from(feature as usize >= kernel.dimension(round).unwrap());
                    }
                }
                let alone = kernel.transform(&batch(&test[4..5], true), &threads(2)).unwrap();
                let together = new.cross(2, &threads(2)).unwrap();
                assert_eq!(alone.cross(2, &threads(2)).unwrap().row(0), together.row(4));
            }
        }
        assert!(unseen > 100, "{unseen}");
    }
}

#[test]
fn features_are_what_kernels_are_made_of() {
    let kernel = fit(&some(10, 10, false), &WlParams::default(), true);
    let gram = kernel.gram(5, &threads(1)).unwrap();
    for ((i, j), value) in gram.indexed_iter() {
        let (a, b) = (kernel.features(i).unwrap(), kernel.features(j).unwrap());
        let common = a.iter().filter_map(|(key, x)| b.get(key).map(|y| x * y));
        assert_eq!(*value, f64::from(common.sum::<u32>()));
    }
    assert!(kernel.features(10).is_err() && kernel.gram(6, &threads(1)).is_err());
}

#[test]
fn threads_change_no_bit() {
    // more objects than are handled in one piece and in one batch
    let stream = Stream::new(11, 0, 0);
    let large: Vec<Plain> =
        (0..3).map(|i| crate::common::random(&stream.child(i), 80, 0.05, false)).collect();
    let small = some(12, 300, false);
    for params in kernels().into_iter().filter(|params| params.scheme.k() < 3) {
        let graphs = batch(if params.scheme.k() == 1 { &small } else { &large }, true);
        let of = |threads| -> (Vec<Array2<f64>>, Vec<_>) {
            let options = crate::common::threads(threads);
            let kernel = WlKernel::fit(&graphs, &params, &options).unwrap();
            let features = (0..kernel.len()).map(|graph| kernel.features(graph).unwrap());
            (kernel.grams(&options).unwrap(), features.collect())
        };
        let one = of(1);
        assert!(one == of(3), "{params:?}");
    }
}

/// Colours of the last round are stable: nodes of one colour have neighbours of the same colours.
#[test]
fn refinement_stops_where_nothing_more_is_told_apart() {
    let stream = Stream::new(13, 0, 0);
    let graphs: Vec<Plain> =
        (0..5).map(|i| crate::common::random(&stream.child(i), 14, 0.15, false)).collect();
    let found = colour_refinement(&batch(&graphs, true), Start::Auto, 100, &threads(2)).unwrap();
    assert!(found.stable && found.colours.len() > 2);
    let brute = brute::colours(&graphs, widelimit_graph::wl::Scheme::Vertices, 20, true);
    let number = |colours: &Vec<Vec<usize>>| colours.concat().iter().max().unwrap() + 1;
    for (round, colours) in found.colours.iter().enumerate() {
        let expected: Vec<u32> = brute[round].concat().iter().map(|&c| c as u32).collect();
        assert_eq!(*colours, expected, "round {round}");
        assert!(round == 0 || number(&brute[round]) > number(&brute[round - 1]));
    }
    assert_eq!(number(&brute[found.colours.len() - 1]), number(&brute[20]));
    let cut = colour_refinement(&batch(&graphs, true), Start::Auto, 1, &threads(2)).unwrap();
    assert!(!cut.stable && cut.colours[..] == found.colours[..2]);
}

#[test]
fn histograms_are_kernels_without_rounds() {
    let graphs = some(14, 6, false);
    for params in
        [WlParams::vertex_histogram(), WlParams::edge_histogram(), WlParams::shortest_path()]
    {
        let found = fit(&graphs, &params, true).grams(&threads(1)).unwrap();
        let expected = brute::kernel(&graphs, &params, true);
        assert_eq!((found.len(), expected.len()), (1, 1));
        assert!(found[0].indexed_iter().all(|((i, j), value)| *value == expected[0][i][j]));
    }
}

#[test]
fn graphs_start_from_what_they_have() {
    let graphs = some(15, 6, false);
    let of = |start, labelled| {
        let params = WlParams { start, rounds: 0, ..WlParams::default() };
        fit(&graphs, &params, labelled).gram(0, &threads(1)).unwrap()
    };
    assert_eq!(of(Start::Auto, true), of(Start::Labels, true));
    assert_eq!(of(Start::Auto, false), of(Start::Degree, true));
    let constant = of(Start::Constant, true);
    for ((i, j), value) in constant.indexed_iter() {
        assert_eq!(*value, (graphs[i].nodes() * graphs[j].nodes()) as f64);
    }
}
