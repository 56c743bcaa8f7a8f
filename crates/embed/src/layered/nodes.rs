//! Linear layers between the nodes of graphs: products with a sparse matrix, sums.
//!
//! `K_out(p, p') = sum_(q, q') A[p, q] A'[p', q'] K(q, q')` is the inner product of `sum_q A[p, q] phi(q)`: rows
//! of features are added up and keep their columns. A row's sum depends on its own graph alone.

use ndarray::{ArrayView2, ArrayViewMut2};

use crate::neighbourhoods::Neighbourhoods;
use crate::scalar::{Scalar, round};

/// Overwrites `out` with the sums over neighbourhoods of the rows of `x` times `scales`.
pub(super) fn aggregate<T: Scalar>(
    graphs: &Neighbourhoods<'_>,
    x: ArrayView2<T>,
    scales: Option<&[f64]>,
    mut out: ArrayViewMut2<T>,
) {
    out.fill(round(0.0));
    for (node, mut out) in out.outer_iter_mut().enumerate() {
        let Some(out) = out.as_slice_mut() else { continue };
        for (from, weight) in graphs.row(node) {
            add(x, from, weight, scales, out);
        }
    }
}

/// Overwrites `out`, a row for every graph, with the sums or means of the rows of `x` times `scales`.
pub(super) fn pool<T: Scalar>(
    graphs: &Neighbourhoods<'_>,
    mean: bool,
    x: ArrayView2<T>,
    scales: Option<&[f64]>,
    mut out: ArrayViewMut2<T>,
) {
    out.fill(round(0.0));
    for (graph, mut out) in out.outer_iter_mut().enumerate() {
        let Some(out) = out.as_slice_mut() else { continue };
        let nodes = graphs.range(graph);
        let weight = if mean { (nodes.len() as f64).recip() } else { 1.0 };
        for from in nodes {
            add(x, from, weight, scales, out);
        }
    }
}

/// `out += weight * scale * x[from]`.
fn add<T: Scalar>(
    x: ArrayView2<T>,
    from: usize,
    weight: f64,
    scales: Option<&[f64]>,
    out: &mut [T],
) {
    let scale = round::<T>(weight * scales.map_or(1.0, |scales| scales[from]));
    let row = x.row(from);
    out.iter_mut().zip(row.iter()).for_each(|(out, &x)| *out += scale * x);
}
