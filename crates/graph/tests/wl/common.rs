//! Graphs to test with.

use widelimit_graph::wl::{Scheme, WlKind, WlParams};
use widelimit_graph::{Graphs, Options, Parts};
use widelimit_linalg::Par;
use widelimit_sketch::random::Stream;

/// A call on so many threads.
pub fn threads(count: usize) -> Options<'static> {
    Options::new().par(Par::new(count))
}

/// A graph as lists: labels of nodes, and edges with labels, each undirected one once.
#[derive(Clone, Debug, Default)]
pub struct Plain {
    pub labels: Vec<u32>,
    pub edges: Vec<(usize, usize, u32)>,
    pub directed: bool,
}

impl Plain {
    pub fn new(nodes: usize, edges: &[(usize, usize)]) -> Self {
        let edges = edges.iter().map(|&(u, v)| (u, v, 0)).collect();
        Self { labels: vec![0; nodes], edges, directed: false }
    }

    pub fn nodes(&self) -> usize {
        self.labels.len()
    }

    /// Edges from `u` to `v` with their labels, both ways where there are no directions.
    pub fn arcs(&self) -> Vec<(usize, usize, u32)> {
        let back = |&(u, v, label): &(usize, usize, u32)| (v, u, label);
        let backward: Vec<_> =
            if self.directed { Vec::new() } else { self.edges.iter().map(back).collect() };
        [self.edges.clone(), backward].concat()
    }

    /// The same with other numbers of the nodes.
    pub fn permuted(&self, stream: &Stream) -> Self {
        let mut order: Vec<usize> = (0..self.nodes()).collect();
        order.sort_by_key(|&node| stream.bits(node as u64));
        let mut labels = vec![0; self.nodes()];
        for (node, &to) in order.iter().enumerate() {
            labels[to] = self.labels[node];
        }
        let edges = self.edges.iter().map(|&(u, v, label)| (order[u], order[v], label)).collect();
        Self { labels, edges, directed: self.directed }
    }
}

/// A batch; with `labelled`, of graphs with labels of nodes and of edges.
pub fn batch(graphs: &[Plain], labelled: bool) -> Graphs {
    let (mut offsets, mut sources, mut targets) = (vec![0], Vec::new(), Vec::new());
    let (mut labels, mut edge_labels) = (Vec::new(), Vec::new());
    for graph in graphs {
        let first = offsets[offsets.len() - 1];
        for (u, v, label) in graph.arcs() {
            sources.push(first + u);
            targets.push(first + v);
            edge_labels.push(label);
        }
        labels.extend(&graph.labels);
        offsets.push(first + graph.nodes());
    }
    Graphs::new(Parts {
        node_offsets: &offsets,
        edge_index: [&sources, &targets],
        node_labels: labelled.then_some(&labels[..]),
        edge_labels: labelled.then_some(&edge_labels[..]),
        directed: graphs[0].directed,
        ..Parts::default()
    })
    .unwrap()
}

/// A random graph with two labels of nodes and of edges.
pub fn random(stream: &Stream, nodes: usize, chance: f64, directed: bool) -> Plain {
    let mut edges = Vec::new();
    for u in 0..nodes {
        for v in 0..nodes {
            let at = (u * nodes + v) as u64;
            if (u < v || (directed && u != v)) && stream.unit(2 * at) < chance {
                edges.push((u, v, u32::from(stream.unit(2 * at + 1) < 0.3)));
            }
        }
    }
    let label = |node: usize| u32::from(stream.child(1).unit(node as u64) < 0.4);
    Plain { labels: (0..nodes).map(label).collect(), edges, directed }
}

/// Random graphs of 1 to 7 nodes.
pub fn some(seed: u64, count: usize, directed: bool) -> Vec<Plain> {
    let stream = Stream::new(seed, 0, 0);
    let one = |index: usize| {
        let own = stream.child(index as u32);
        let nodes = 1 + own.below(1 << 20, 7).unwrap() as usize;
        random(&own, nodes, 0.2 + 0.4 * own.unit(1 << 21), directed)
    };
    (0..count).map(one).collect()
}

/// A ring.
pub fn ring(nodes: usize) -> Vec<(usize, usize)> {
    (0..nodes).map(|node| (node, (node + 1) % nodes)).collect()
}

/// Two triangles.
pub fn triangles() -> Plain {
    Plain::new(6, &[(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3)])
}

/// Every scheme.
pub const SCHEMES: [Scheme; 7] = [
    Scheme::Vertices,
    Scheme::Local { k: 2 },
    Scheme::Local { k: 3 },
    Scheme::Oblivious { k: 2 },
    Scheme::Oblivious { k: 3 },
    Scheme::Folklore { k: 2 },
    Scheme::Folklore { k: 3 },
];

/// Every kernel with two rounds.
pub fn kernels() -> Vec<WlParams> {
    let base = WlParams { rounds: 2, ..WlParams::default() };
    let mut all = Vec::new();
    for scheme in SCHEMES {
        for kind in [WlKind::Subtree, WlKind::OptimalAssignment] {
            all.push(WlParams { kind, scheme, ..base });
        }
    }
    for kind in [WlKind::ShortestPath, WlKind::Edges] {
        all.push(WlParams { kind, ..base });
    }
    all
}
