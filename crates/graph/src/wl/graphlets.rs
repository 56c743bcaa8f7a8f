//! Induced subgraphs of three nodes.

use ndarray::Array2;
use rayon::prelude::*;
use widelimit_sketch::random::Stream;

use super::means::zeros;
use crate::{Error, Graph, Graphs, Options};

/// Shares of triples of nodes with 0, 1, 2 and 3 edges among them, a baseline that looks at structure alone:
/// labels, weights, directions and edges from a node to itself do not count.
///
/// A graph whose triangles can be counted in `sum_u deg(u)^2 <= samples` steps is counted exactly: with `m`
/// edges, `t` triangles and `w = sum_u deg(u) (deg(u) - 1) / 2`, there are `w - 3 t` triples with two edges and
/// `m (n - 2) - 2 w + 3 t` with one. Of others, `samples` triples are drawn: the standard error of a share `p`
/// is `sqrt(p (1 - p) / samples)`. The draws are a function of the seed and of the number of nodes, not of the
/// graph's place in its batch.
///
/// Source: Shervashidze, Vishwanathan, Petri, Mehlhorn and Borgwardt 2009, *Efficient graphlet kernels for large
/// graph comparison*.
///
/// ```
/// use widelimit_graph::wl::Graphlets;
/// use widelimit_graph::{Graphs, Options, Parts};
///
/// // a triangle with a node beside it
/// let graphs = Graphs::new(Parts {
///     node_offsets: &[0, 4],
///     edge_index: [&[0, 1, 1, 2, 2, 0], &[1, 0, 2, 1, 0, 2]],
///     ..Parts::default()
/// })?;
/// let shares = Graphlets::default().shares(&graphs, &Options::new())?;
/// assert_eq!(shares, ndarray::array![[0.0, 0.75, 0.0, 0.25]]);
/// # Ok::<(), widelimit_graph::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Graphlets {
    /// The most steps for an exact count, and the triples drawn where that is not enough; at least 1.
    pub samples: usize,
    /// What triples are drawn by.
    pub seed: u64,
}

impl Default for Graphlets {
    /// A million steps or samples: standard errors below 0.0005.
    fn default() -> Self {
        Self { samples: 1_000_000, seed: 0 }
    }
}

/// The role of the draws among the random numbers of a seed.
const ROLE: u32 = 0x5747_4C33;

impl Graphlets {
    /// Shares of triples with 0, 1, 2 and 3 edges: graphs x 4. Rows sum to 1; graphs of fewer than three nodes
    /// have no triples, and zeros.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] without samples, [`Error::OutOfMemory`], [`Error::Cancelled`].
    pub fn shares(&self, graphs: &Graphs, options: &Options<'_>) -> Result<Array2<f64>, Error> {
        if self.samples == 0 {
            let range = "at least 1";
            return Err(Error::Parameter { parameter: "samples", got: 0, range });
        }
        let of = |index: usize| {
            options.check_cancelled()?;
            self.of(&Simple::new(&graphs.graph(index)))
        };
        let rows: Result<Vec<[f64; 4]>, Error> =
            options.par.install(|| (0..graphs.len()).into_par_iter().map(of).collect());
        let mut out = zeros(graphs.len(), 4)?;
        for (mut to, row) in out.outer_iter_mut().zip(rows?) {
            to.iter_mut().zip(row).for_each(|(to, share)| *to = share);
        }
        Ok(out)
    }

    /// The kernel: inner products of shares, left x right.
    ///
    /// # Errors
    ///
    /// As [`shares`](Self::shares).
    pub fn kernel(
        &self,
        left: &Graphs,
        right: &Graphs,
        options: &Options<'_>,
    ) -> Result<Array2<f64>, Error> {
        let (left, right) = (self.shares(left, options)?, self.shares(right, options)?);
        let mut out = zeros(left.nrows(), right.nrows())?;
        for ((i, j), value) in out.indexed_iter_mut() {
            *value = (0..4).map(|edges| left[[i, edges]] * right[[j, edges]]).sum();
        }
        Ok(out)
    }

    fn of(&self, graph: &Simple) -> Result<[f64; 4], Error> {
        let steps = graph.0.iter().map(|row| (row.len() as u64).saturating_pow(2));
        let steps = steps.fold(0, u64::saturating_add);
        let nodes = graph.0.len();
        if nodes < 3 {
            return Ok([0.0; 4]);
        }
        let counts = if steps <= self.samples as u64 {
            graph.count()
        } else {
            let stream = Stream::new(self.seed, 0, ROLE);
            let mut counts = [0; 4];
            for sample in 0..self.samples as u64 {
                counts[graph.edges_among(triple(&stream, sample, nodes as u64)?)] += 1;
            }
            counts
        };
        let all: u128 = counts.iter().sum();
        Ok(counts.map(|count| count as f64 / all as f64))
    }
}

/// Three different nodes, every set of them equally likely.
fn triple(stream: &Stream, sample: u64, nodes: u64) -> Result<[usize; 3], Error> {
    let first = stream.below(3 * sample, nodes)?;
    // numbers of the nodes that are left, which skip those that are taken
    let second = stream.below(3 * sample + 1, nodes - 1)?;
    let second = second + u64::from(second >= first);
    let third = stream.below(3 * sample + 2, nodes - 2)?;
    let third = third + u64::from(third >= first.min(second));
    let third = third + u64::from(third >= first.max(second));
    Ok([first, second, third].map(|node| node as usize))
}

/// Neighbours of every node, increasing, without directions and without the node itself.
struct Simple(Vec<Vec<u32>>);

impl Simple {
    fn new(graph: &Graph<'_>) -> Self {
        let mut rows: Vec<Vec<u32>> = vec![Vec::new(); graph.nodes()];
        for node in 0..graph.nodes() {
            for &other in graph.neighbours(node) {
                if other as usize != node {
                    rows[node].push(other);
                    rows[other as usize].push(node as u32);
                }
            }
        }
        for row in &mut rows {
            row.sort_unstable();
            row.dedup();
        }
        Self(rows)
    }

    /// Edges among three nodes.
    fn edges_among(&self, [a, b, c]: [usize; 3]) -> usize {
        let edge =
            |from: usize, to: usize| usize::from(self.0[from].binary_search(&(to as u32)).is_ok());
        edge(a, b) + edge(a, c) + edge(b, c)
    }

    /// Numbers of triples with 0, 1, 2 and 3 edges.
    fn count(&self) -> [u128; 4] {
        let n = self.0.len() as u128;
        let degrees = || self.0.iter().map(|row| row.len() as u128);
        let edges = degrees().sum::<u128>() / 2;
        let wedges = degrees().map(|degree| degree * degree.saturating_sub(1) / 2).sum::<u128>();
        let three = self.triangles();
        let two = wedges - 3 * three;
        let one = edges * (n - 2) - 2 * two - 3 * three;
        [n * (n - 1) * (n - 2) / 6 - one - two - three, one, two, three]
    }

    /// Triangles `u < v < w`, from what the neighbours of `u` and of `v` share beyond `v`.
    fn triangles(&self) -> u128 {
        let mut found = 0;
        for (u, row) in self.0.iter().enumerate() {
            for (k, &v) in row.iter().enumerate().filter(|(_, v)| **v as usize > u) {
                let (mut mine, mut others) =
                    (row[k + 1..].iter().peekable(), &self.0[v as usize][..]);
                others = &others[others.partition_point(|&w| w <= v)..];
                for w in others {
                    while mine.next_if(|m| *m < w).is_some() {}
                    found += u128::from(mine.next_if(|m| *m == w).is_some());
                }
            }
        }
        found
    }
}
