//! What several tests share.

#![allow(dead_code, reason = "each test file uses a part")]

pub mod brute;

use std::path::PathBuf;

use ndarray::{Array2, ArrayView2};
use widelimit_graph::{Graphs, Parts};

/// The folder with golden values, or a printed line that says what is skipped.
pub fn shared(what: &str) -> Option<PathBuf> {
    let path = std::env::var_os("WIDELIMIT_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    if path.join("golden").is_dir() {
        return Some(path);
    }
    println!("skipped: {what}: {} not found", path.display());
    None
}

/// A small generator (SplitMix64 with Box-Muller), so that tests are the same everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// A whole number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        ((self.uniform() * n as f64) as usize).min(n - 1)
    }

    /// A random order of `0..n`.
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            order.swap(i, self.below(i + 1));
        }
        order
    }
}

/// Lists of edges of graphs that are made one after another.
#[derive(Clone, Default)]
pub struct Lists {
    pub offsets: Vec<usize>,
    pub sources: Vec<usize>,
    pub targets: Vec<usize>,
    pub weights: Vec<f64>,
}

impl Lists {
    pub fn new() -> Self {
        Self { offsets: vec![0], ..Self::default() }
    }

    /// An Erdos-Renyi graph: every pair of nodes has an edge with this probability.
    pub fn add_random(
        &mut self,
        random: &mut Random,
        nodes: usize,
        probability: f64,
        weighted: bool,
    ) {
        let first = self.offsets[self.offsets.len() - 1];
        for u in 0..nodes {
            for v in 0..u {
                if random.uniform() < probability {
                    let weight = if weighted { 0.5 + random.uniform() } else { 1.0 };
                    for (a, b) in [(u, v), (v, u)] {
                        self.sources.push(first + a);
                        self.targets.push(first + b);
                        self.weights.push(weight);
                    }
                }
            }
        }
        self.offsets.push(first + nodes);
    }

    pub fn nodes(&self) -> usize {
        self.offsets[self.offsets.len() - 1]
    }

    pub fn graphs(&self, labels: Option<&[u32]>, features: Option<Array2<f64>>) -> Graphs {
        let graphs = Graphs::new(Parts {
            node_offsets: &self.offsets,
            edge_index: [&self.sources, &self.targets],
            weights: Some(&self.weights),
            node_labels: labels,
            features,
            ..Parts::default()
        })
        .unwrap();
        graphs.with_default_features()
    }
}

/// Random graphs of these sizes with normal features of this mean.
pub fn dense(seed: u64, sizes: &[usize], probability: f64, width: usize, mean: f64) -> Graphs {
    let mut random = Random::new(seed);
    let mut lists = Lists::new();
    for &nodes in sizes {
        lists.add_random(&mut random, nodes, probability, false);
    }
    let shape = (lists.nodes(), width);
    let features = Array2::from_shape_simple_fn(shape, || mean + random.normal());
    lists.graphs(None, Some(features))
}

/// Random sparse graphs with a few labels, so that many nodes look alike.
pub fn labelled(seed: u64, sizes: &[usize], degree: f64, labels: usize, weighted: bool) -> Graphs {
    let mut random = Random::new(seed);
    let mut lists = Lists::new();
    for &nodes in sizes {
        lists.add_random(&mut random, nodes, degree / nodes as f64, weighted);
    }
    let labels: Vec<u32> = (0..lists.nodes()).map(|_| random.below(labels) as u32).collect();
    lists.graphs(Some(&labels), None)
}

/// Largest difference relative to the largest entry of the second.
pub fn distance(a: ArrayView2<f64>, b: ArrayView2<f64>) -> f64 {
    let scale = b.iter().fold(0.0_f64, |m, x| m.max(x.abs())).max(f64::MIN_POSITIVE);
    a.iter().zip(b).fold(0.0_f64, |m, (x, y)| m.max((x - y).abs())) / scale
}
