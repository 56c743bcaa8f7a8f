//! Pairs of graphs node by node: the plain formula, for comparison, and the sketched one.

use ndarray::{Array2, ArrayView2};
use widelimit_dual::{Isa, Prepared, Row};
use widelimit_linalg::GramScratch;
use widelimit_sketch::random::Stream;

use super::classes::SparseRows;
use super::config::{Checked, Scale};
use super::recursion::Shared;
use super::sketched::{NodeSketch, Sketched, multiply, product};
use crate::Error;
use crate::graphs::{Graph, Graphs};
use crate::options::Options;

/// How a pair is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// By rows of the Kronecker product.
    Kronecker,
    /// Neighbourhoods one side after the other.
    Sparse,
    /// The same, sketched where a graph has a sketch.
    Sketched,
}

/// One graph, node by node.
pub(crate) struct Nodes {
    features: Array2<f64>,
    /// Scaled, with self loops.
    pub adjacency: SparseRows,
    /// Classes for each level from 1.
    classes: Vec<Vec<u32>>,
    /// For each level from 1, for each layer.
    duals: Vec<Vec<Prepared<f64>>>,
    pub sketched: Option<Sketched>,
}

/// Rows of the scaled adjacency with self loops.
pub(crate) fn neighbourhoods(graph: &Graph<'_>, scale: Scale) -> SparseRows {
    let mut rows = SparseRows::empty();
    for node in 0..graph.nodes() {
        let mut row: Vec<(u32, f64)> =
            graph.weighted(node).map(|(other, weight)| (other as u32, weight)).collect();
        match row.binary_search_by_key(&(node as u32), |entry| entry.0) {
            Ok(place) => row[place].1 += 1.0,
            Err(place) => row.insert(place, (node as u32, 1.0)),
        }
        let share = match scale {
            Scale::Uniform => 1.0,
            Scale::Degree => row.iter().map(|entry| entry.1).sum::<f64>().recip(),
        };
        rows.push(row.into_iter().map(|(other, weight)| (other, weight * share)));
    }
    rows
}

/// A name for the random numbers of a graph.
#[derive(Clone, Copy)]
pub(crate) struct Draw<'a> {
    pub sketch: &'a NodeSketch,
    /// 0 for what results are made of; others are independent repetitions.
    pub repeat: u32,
}

impl Nodes {
    /// Graph `index` of the left or right side.
    pub fn new(
        shared: &Shared<'_>,
        right: bool,
        index: usize,
        draw: Option<Draw<'_>>,
    ) -> Result<Self, Error> {
        let side = shared.side(right);
        let Checked { scale, mlp, ref dual, .. } = shared.checked;
        let graph = side.graphs.graph(index);
        let range = graph.node_range();
        let all: Vec<usize> = range.clone().collect();
        let features = side.graphs.features().map(|features| features.select(&all).dense());
        let features = features.unwrap_or_else(|| Array2::zeros((all.len(), 0)));
        let adjacency = neighbourhoods(&graph, scale);
        let levels = side.classes.levels.iter().skip(1);
        let classes: Vec<Vec<u32>> = levels
            .map(|level| level.of_node[side.first + range.start..side.first + range.end].to_vec())
            .collect();
        let mut duals = Vec::new();
        if shared.checked.is_active() {
            for (level, classes) in (1..).zip(&classes) {
                let prepare = |layer| {
                    let variances = shared.variances.get(level, layer);
                    let points: Vec<f64> =
                        classes.iter().map(|&class| variances[class as usize]).collect();
                    dual.prepare(&points)
                };
                duals.push((0..mlp).map(prepare).collect::<Result<Vec<_>, _>>()?);
            }
        }
        let draw = draw.filter(|draw| draw.sketch.applies(graph.nodes()));
        let other_side = right && shared.right.is_some();
        let sketched = draw
            .map(|Draw { sketch, repeat }| {
                let role = 2 * repeat + u32::from(other_side);
                let stream = Stream::new(sketch.seed, index as u32, role);
                Sketched::new(
                    sketch,
                    &adjacency,
                    (features.view(), shared.checked.levels()),
                    stream,
                )
            })
            .transpose()?;
        Ok(Self { features, adjacency, classes, duals, sketched })
    }

    fn len(&self) -> usize {
        self.adjacency.rows()
    }

    /// Operations of an aggregation of a pair, exact and sketched.
    pub fn costs(left: (usize, usize), right: (usize, usize), sketch: &NodeSketch) -> [f64; 2] {
        let [(n1, entries1), (n2, entries2)] =
            [left, right].map(|(nodes, entries)| (nodes as f64, entries as f64));
        let b = sketch.size as f64;
        let exact = 2.0 * (entries1 * n2 + n1 * entries2);
        let (by_left, by_right) = (sketch.applies(left.0), sketch.applies(right.0));
        let width = if by_right { b } else { n2 };
        let mut sketched = if by_right { 4.0 * n1 * n2 * b } else { 2.0 * n1 * entries2 };
        sketched += if by_left { 4.0 * n1 * width * b } else { 2.0 * entries1 * width };
        [exact, sketched]
    }
}

/// Sums of all stages of a pair.
pub(crate) fn sums(
    shared: &Shared<'_>,
    how: How,
    left: &Nodes,
    right: &Nodes,
    options: &Options<'_>,
    scratch: &mut GramScratch<f64>,
) -> Result<Vec<f64>, Error> {
    let Shared { checked, wanted, .. } = shared;
    let exact = how != How::Sketched;
    let isa = options.isa.unwrap_or_else(Isa::best);
    let mut sums = vec![0.0; wanted.stages_len()];
    let mut s = product(left.features.view(), right.features.view(), scratch);
    sums[0] = s.sum();
    let mut t = Array2::zeros((0, 0));
    for level in 1..=checked.levels() {
        options.check_cancelled()?;
        s = aggregate(how, left, right, &s, scratch);
        if level == 1 {
            t.clone_from(&s);
            sums[1] = s.sum();
        } else {
            t = aggregate(how, left, right, &t, scratch);
        }
        if !checked.is_active() {
            break;
        }
        for layer in 0..checked.mlp {
            if exact {
                set_equal(shared, left, right, (level, layer), &mut s);
            }
            let (l, r) = (&left.duals[level - 1][layer], &right.duals[level - 1][layer]);
            let rows = s.outer_iter_mut().zip(t.outer_iter_mut());
            for (i, (k, t)) in rows.enumerate() {
                if let (Some(k), Some(t)) = (k.into_slice(), t.into_slice()) {
                    let row = Row { left: l, i, right: r, j0: 0, k, t: Some(t) };
                    checked.dual.apply_then(isa, row, checked.then());
                }
            }
        }
        sums[level + 1] = t.sum();
    }
    Ok(sums)
}

/// Nodes that look alike have the covariance of one of them with itself.
fn set_equal(
    shared: &Shared<'_>,
    left: &Nodes,
    right: &Nodes,
    (level, layer): (usize, usize),
    s: &mut Array2<f64>,
) {
    let variances = shared.variances.get(level, layer);
    for (mut row, &class) in s.outer_iter_mut().zip(&left.classes[level - 1]) {
        for (entry, &other) in row.iter_mut().zip(&right.classes[level - 1]) {
            if class == other {
                *entry = variances[class as usize];
            }
        }
    }
}

fn aggregate<'a>(
    how: How,
    left: &'a Nodes,
    right: &'a Nodes,
    h: &Array2<f64>,
    scratch: &mut GramScratch<f64>,
) -> Array2<f64> {
    if how == How::Kronecker {
        return kronecker(left, right, h.view());
    }
    let sketch = |nodes: &'a Nodes| nodes.sketched.as_ref().filter(|_| how == How::Sketched);
    let narrow = sketch(right).map(|right| product(h.view(), right.s.view(), scratch));
    let p = narrow.as_ref().unwrap_or(h);
    let w = match sketch(left) {
        Some(left) => {
            let q = product(p.t(), left.s.view(), scratch);
            product(left.b.view(), q.view(), scratch)
        }
        None => multiply(&left.adjacency, p.view()),
    };
    match sketch(right) {
        Some(right) => product(w.view(), right.b.view(), scratch),
        None => {
            let columns = multiply(&right.adjacency, w.t());
            columns.reversed_axes().as_standard_layout().into_owned()
        }
    }
}

/// `(A1 (x) A2) vec(H)`: each row of the Kronecker product is formed and multiplied with all pairs.
fn kronecker(left: &Nodes, right: &Nodes, h: ArrayView2<'_, f64>) -> Array2<f64> {
    let dense = |nodes: &Nodes| {
        let mut rows = Array2::zeros((nodes.len(), nodes.len()));
        for (node, mut row) in rows.outer_iter_mut().enumerate() {
            let (indices, values) = nodes.adjacency.row(node);
            indices.iter().zip(values).for_each(|(&i, &value)| row[i as usize] = value);
        }
        rows
    };
    let (a1, a2) = (dense(left), dense(right));
    let pairs: Vec<f64> = h.iter().copied().collect();
    let mut row = Vec::with_capacity(pairs.len());
    Array2::from_shape_fn((left.len(), right.len()), |(u, v)| {
        row.clear();
        for x in a1.row(u) {
            row.extend(a2.row(v).iter().map(|y| x * y));
        }
        dot(&row, &pairs)
    })
}

/// An inner product in eight sums side by side.
fn dot(x: &[f64], y: &[f64]) -> f64 {
    let (xs, ys) = (x.as_chunks::<8>(), y.as_chunks::<8>());
    let mut sums = [0.0; 8];
    for (x, y) in xs.0.iter().zip(ys.0) {
        sums.iter_mut().zip(x.iter().zip(y)).for_each(|(sum, (x, y))| *sum += x * y);
    }
    let rest: f64 = xs.1.iter().zip(ys.1).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f64>() + rest
}

/// Nodes and stored entries of a graph with its self loops.
pub(crate) fn size(graphs: &Graphs, index: usize) -> (usize, usize) {
    let graph = graphs.graph(index);
    (graph.nodes(), graph.nodes() + graph.edges())
}
