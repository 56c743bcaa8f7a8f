//! Batches of graphs: what is refused, and what comes out.

use ndarray::array;
use widelimit_graph::{Error, Features, Graphs, OneHot, Parts};

/// A path of three nodes and a pair, edges in no order.
fn parts() -> Parts<'static> {
    Parts {
        node_offsets: &[0, 3, 5],
        edge_index: [&[4, 2, 0, 1, 1, 3], &[3, 1, 1, 2, 0, 4]],
        weights: Some(&[5.0, 2.0, 1.0, 2.0, 1.0, 5.0]),
        edge_labels: Some(&[9, 8, 7, 8, 7, 9]),
        node_labels: Some(&[2, 4, 2, 6, 6]),
        features: None,
        directed: false,
    }
}

#[test]
fn edges_are_sorted_and_carry_what_belongs_to_them() {
    let graphs = Graphs::new(parts()).unwrap();
    let path = graphs.graph(0);
    assert_eq!((path.nodes(), path.edges(), path.degree(1)), (3, 4, 2));
    assert_eq!(path.neighbours(1), &[0, 2]);
    assert_eq!(path.weights(1), Some(&[1.0, 2.0][..]));
    assert_eq!(path.edge_labels(1), Some(&[7, 8][..]));
    assert_eq!(path.labels(), Some(&[2, 4, 2][..]));
    assert_eq!(path.adjacency(), array![[0.0, 1.0, 0.0], [1.0, 0.0, 2.0], [0.0, 2.0, 0.0]]);
    assert_eq!(graphs.graph(1).adjacency(), array![[0.0, 5.0], [5.0, 0.0]]);
}

#[test]
fn a_part_is_what_its_graphs_are() {
    let graphs = Graphs::new(parts()).unwrap().with_default_features();
    let part = graphs.select(&[1, 0, 1]).unwrap();
    assert_eq!(part.node_offsets(), &[0, 2, 5, 7]);
    for (index, original) in [1, 0, 1].into_iter().enumerate() {
        assert_eq!(part.graph(index).adjacency(), graphs.graph(original).adjacency());
        assert_eq!(part.graph(index).labels(), graphs.graph(original).labels());
    }
    let codes = vec![2, 2, 0, 1, 0, 2, 2];
    assert_eq!(part.features(), Some(&Features::OneHot { codes, width: 3 }));
    assert_eq!(graphs.select(&[0, 1]).unwrap(), graphs);
    let outside = graphs.select(&[0, 2]).unwrap_err();
    assert!(matches!(outside, Error::NoSuchGraph { index: 2, graphs: 2 }), "{outside}");
    assert!(graphs.select(&[]).is_err());
}

#[test]
fn dictionaries_give_zeros_for_what_they_do_not_know() {
    let graphs = Graphs::new(parts()).unwrap();
    let (path, pair) = (graphs.select(&[0]).unwrap(), graphs.select(&[1]).unwrap());
    let degrees = OneHot::degrees(&path);
    assert_eq!(degrees.values(), &[1, 2]);
    let rows = degrees.encode(&path).unwrap().dense();
    assert_eq!(rows, array![[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]);
    let labels = OneHot::labels(&path).unwrap();
    assert_eq!(labels, OneHot::new(&path));
    assert_eq!(labels.encode(&pair).unwrap().dense(), array![[0.0, 0.0], [0.0, 0.0]]);
    let bare = Graphs::new(Parts { node_labels: None, ..parts() }).unwrap();
    assert!(matches!(labels.encode(&bare), Err(Error::NoLabels { .. })));
    assert_eq!(OneHot::new(&bare), OneHot::degrees(&bare));
}

#[test]
fn what_is_wrong_is_named() {
    let fails = |change: &dyn Fn(&mut Parts<'static>), text: &str| {
        let mut broken = parts();
        change(&mut broken);
        let message = Graphs::new(broken).unwrap_err().to_string();
        assert!(message.contains(text), "{message}");
    };
    fails(&|p| p.node_offsets = &[0], "no graphs");
    fails(&|p| p.node_offsets = &[1, 3, 5], "node_offsets[0] is 1");
    fails(&|p| p.node_offsets = &[0, 5, 3], "node_offsets[2] is 3");
    fails(&|p| p.node_offsets = &[0, 3, 3, 5], "graph 1 has no nodes");
    fails(&|p| p.node_offsets = &[0, 1 << 60], "at most 2147483647 are possible");
    fails(&|p| p.node_offsets = &[0, 3, 4], "edge 0 ends at node 4, but there are 4 nodes");
    fails(
        &|p| p.node_offsets = &[0, 2, 5],
        "edge 1 goes from node 2 of graph 1 to node 1 of graph 0",
    );
    fails(&|p| p.edge_index[1] = &[3, 1], "number of edge targets: expected 6, got 2");
    fails(&|p| p.weights = Some(&[1.0]), "number of edge weights: expected 6, got 1");
    fails(&|p| p.edge_labels = Some(&[1]), "number of edge labels: expected 6, got 1");
    fails(&|p| p.node_labels = Some(&[1]), "number of node labels: expected 5, got 1");
    fails(&|p| p.weights = Some(&[1.0, 1.0, -2.0, 1.0, 1.0, 1.0]), "edge 2 has the weight -2");
    fails(&|p| p.weights = Some(&[f64::NAN, 1.0, 1.0, 1.0, 1.0, 1.0]), "edge 0 has the weight NaN");
    fails(&|p| p.weights = Some(&[5.0, 2.0, 1.0, 2.0, 1.5, 5.0]), "edge from node 0 to node 1");
    fails(&|p| p.edge_labels = Some(&[9, 8, 7, 8, 7, 1]), "edge from node 0 to node 1");
    fails(&|p| p.edge_index = [&[4, 2, 0, 1, 1, 3], &[3, 1, 2, 2, 0, 4]], "graph 0 is declared");
    fails(
        &|p| p.edge_index = [&[4, 2, 0, 1, 1, 4], &[3, 1, 1, 2, 0, 3]],
        "to node 0 of graph 1 is given twice",
    );
    fails(&|p| p.features = Some(array![[1.0]]), "node features: expected 5, got 1");
    fails(&|p| p.features = Some(ndarray::Array2::zeros((5, 0))), "no columns");
    let mut features = ndarray::Array2::zeros((5, 2));
    features[[3, 1]] = f64::INFINITY;
    fails(&move |p| p.features = Some(features.clone()), "feature 1 of node 3 is inf");
}

#[test]
fn directed_graphs_and_loops_are_taken_as_they_are() {
    let edge_index = [&[0usize, 1][..], &[1, 1]];
    let directed = Parts { node_offsets: &[0, 2], edge_index, directed: true, ..Parts::default() };
    let graphs = Graphs::new(directed.clone()).unwrap();
    assert_eq!(graphs.graph(0).adjacency(), array![[0.0, 1.0], [0.0, 1.0]]);
    assert!(Graphs::new(Parts { directed: false, ..directed }).is_err());
}
