//! What kernels are for: telling classes of graphs apart. And what networks on graphs can tell apart.

use ndarray::{Array1, Array2};
use widelimit_graph::wl::{Certificate, Scheme, WlKernel, WlKind, WlParams, certificate};
use widelimit_sketch::random::Stream;

use crate::common::{Plain, batch, random, ring, threads, triangles};

/// Rings of eight atoms of two kinds, four of each, in turns (class 0) or in two blocks (class 1), with up to
/// three atoms hung on, and one bond too many at times: the classes differ in who neighbours whom alone.
fn molecules(count: usize) -> (Vec<Plain>, Vec<usize>) {
    let stream = Stream::new(20, 0, 0);
    let one = |index: usize| {
        let own = stream.child(index as u32);
        let class = index % 2;
        let kind = |node: usize| if class == 0 { node % 2 } else { node / 4 };
        let mut labels: Vec<u32> = (0..8).map(|node| kind(node) as u32).collect();
        let mut edges: Vec<_> = ring(8).into_iter().map(|(u, v)| (u, v, 0)).collect();
        for extra in 0..own.below(0, 4).unwrap() {
            edges.push((own.below(10 + extra, 8).unwrap() as usize, labels.len(), 0));
            labels.push(own.below(20 + extra, 2).unwrap() as u32);
        }
        if own.unit(30) < 0.3 {
            edges.push((0, 2 + own.below(31, 5).unwrap() as usize, 0));
        }
        let graph = Plain { labels, edges, directed: false };
        (graph.permuted(&own.child(1)), class)
    };
    (0..count).map(one).unzip()
}

/// The share of graphs whose nearest other graph is of their class.
fn nearest(gram: &Array2<f64>, classes: &[usize]) -> f64 {
    let n = classes.len();
    let right = (0..n).filter(|&i| {
        let others = (0..n).filter(|&j| j != i);
        let best = others.max_by(|&a, &b| gram[[i, a]].total_cmp(&gram[[i, b]])).unwrap();
        classes[best] == classes[i]
    });
    right.count() as f64 / n as f64
}

#[test]
fn refinement_tells_classes_apart_that_histograms_do_not() {
    let (graphs, classes) = molecules(200);
    let graphs = batch(&graphs, true);
    let accuracy = |kind, rounds| {
        let params = WlParams { kind, rounds, normalise: true, ..WlParams::default() };
        let gram = WlKernel::fit(&graphs, &params, &threads(2)).unwrap();
        nearest(&gram.gram(rounds, &threads(2)).unwrap(), &classes)
    };
    // four standard errors of 200 fair coins: 0.14
    let histogram = accuracy(WlKind::Subtree, 0);
    assert!((histogram - 0.5).abs() < 0.15, "{histogram}");
    for kind in [WlKind::Subtree, WlKind::OptimalAssignment, WlKind::ShortestPath] {
        let found = accuracy(kind, 2);
        assert!(found > 0.95, "{kind:?}: {found}");
    }
}

/// Sums over nodes after each layer of a network `h_u <- tanh(V tanh(W (1.1 h_u + sum_v h_v) + b))` with random
/// weights (Xu, Hu, Leskovec and Jegelka 2019), labels one-hot.
fn network(graph: &Plain, layers: u32) -> Vec<Array1<f64>> {
    const WIDTH: usize = 24;
    let normal = |layer: u32, role: u32, rows: usize, columns: usize| {
        let stream = Stream::new(21, layer, role);
        let scale = 1.0 / (columns as f64).sqrt();
        Array2::from_shape_fn((rows, columns), |(i, j)| {
            stream.normal_pair((i * columns + j) as u64).0 * scale
        })
    };
    let mut hidden = Array2::from_shape_fn((graph.nodes(), 2), |(node, label)| {
        f64::from(u8::from(graph.labels[node] as usize == label))
    });
    let mut sums = vec![hidden.sum_axis(ndarray::Axis(0))];
    for layer in 0..layers {
        let mut sum = &hidden * 1.1;
        for (u, v, _) in graph.arcs() {
            let other = hidden.row(v).to_owned();
            sum.row_mut(u).scaled_add(1.0, &other);
        }
        let first = normal(layer, 0, sum.ncols(), WIDTH);
        let bias = normal(layer, 1, 1, WIDTH);
        let inner = (sum.dot(&first) + &bias).mapv(f64::tanh);
        hidden = inner.dot(&normal(layer, 2, WIDTH, WIDTH)).mapv(f64::tanh);
        sums.push(hidden.sum_axis(ndarray::Axis(0)));
    }
    sums
}

/// A network that sums over neighbours tells graphs apart exactly where colour refinement does, and in the same
/// layer (Xu et al. 2019, theorem 3; for almost all weights).
#[test]
fn networks_see_what_refinement_sees() {
    let stream = Stream::new(22, 0, 0);
    let mut pairs = vec![
        (Plain::new(6, &ring(6)), triangles()),
        (Plain::new(4, &[(0, 1), (1, 2), (2, 3)]), Plain::new(4, &[(0, 1), (0, 2), (0, 3)])),
    ];
    for index in 0..60 {
        let one = random(&stream.child(index), 6, 0.4, false);
        let mut other = one.permuted(&stream.child(100 + index));
        match index % 3 {
            0 => {}
            1 => other.labels.swap(0, 1),
            _ => {
                let next = stream.child(200 + index);
                other.edges = random(&next, 6, 0.4, false).edges;
                other.edges.truncate(one.edges.len());
            }
        }
        pairs.push((one, other));
    }
    let (mut apart, mut late, mut together) = (0, 0, 0);
    for (left, right) in &pairs {
        let mut unlabelled = [left.clone(), right.clone()];
        // this network does not look at labels of edges
        unlabelled.iter_mut().flat_map(|g| &mut g.edges).for_each(|edge| edge.2 = 0);
        let graphs = batch(&unlabelled, true);
        let found = certificate(&graphs.graph(0), &graphs.graph(1), Scheme::Vertices, &threads(1));
        let (a, b) = (network(left, 6), network(right, 6));
        let gap =
            |layer: usize| (&a[layer] - &b[layer]).iter().map(|x| x.abs()).fold(0.0, f64::max);
        match found.unwrap() {
            Certificate::Distinguished { round } => {
                assert!(gap(round) > 1e-6, "{left:?} {right:?}: {}", gap(round));
                assert!((0..round).all(|layer| gap(layer) < 1e-12), "{left:?} {right:?}");
                apart += 1;
                late += usize::from(round > 0);
            }
            Certificate::Undecided { .. } => {
                assert!((0..7).all(|layer| gap(layer) < 1e-12), "{left:?} {right:?}");
                together += 1;
            }
        }
    }
    assert!(apart > 20 && late > 10 && together > 15, "{apart} {late} {together}");
}
