//! Sketches of a graph's nodes.

use ndarray::{Array2, ArrayView2, Axis, Slice};
use widelimit_linalg::{GramScratch, Par, gram_tile, svd};
use widelimit_sketch::random::Stream;
use widelimit_sketch::{CountSketch, Csr, Gaussian, Sign, Sketch, Srht};

use super::classes::SparseRows;
use crate::Error;

/// A family of random sketches `G` with `E[G^T G] = I`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Family {
    /// Independent normal entries.
    #[default]
    Gaussian,
    /// Independent signs (AMS).
    Sign,
    /// Subsampled randomised Hadamard transform.
    Srht,
    /// One signed entry a column.
    CountSketch,
}

/// What is done about negative eigenvalues of a symmetric kernel that is approximate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Repair {
    /// Nothing.
    None,
    /// The smallest eigenvalue, where it is negative, is taken from the diagonal.
    #[default]
    Ridge,
    /// Negative eigenvalues become zero.
    Clip,
}

/// How nodes are sketched where [`Gntk`](crate::Gntk) aggregates: `AGG(H)` becomes
/// `A1 S1^T S1 H S2^T S2 A2^T`, with a sketch `S` of each graph, `size x nodes`, that is independent of all others.
/// The diagonal of a symmetric kernel and the variances of all nodes stay exact. A graph with no more nodes than
/// `size` is not sketched.
///
/// With `V` an orthonormal basis of the `deflate` vectors `1, A^T 1, A^T A^T 1, ...` and of `principal` directions of
/// the features, and a random `G`,
///
/// ```text
/// S = [V^T ; G (I - V V^T)]
/// ```
///
/// keeps those directions exactly. Covariances of neighbourhoods are mostly made of the first vector, and the read-out
/// sums them with the second; how graphs differ lies mostly along the features `X` of their nodes and what levels aggregate
/// of them, `A X, A A X, ...`, of which, one after another, the leading left singular vectors are taken. With nothing
/// kept the sketch is `G`. Either way `E[S^T S] = I`, and the error falls as one over the root of `size`.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeSketch {
    /// Rows of a sketch, those of `V` counted: more than `deflate`.
    pub size: usize,
    /// The random part.
    pub family: Family,
    /// Vectors `1, A^T 1, ...` that are kept.
    pub deflate: usize,
    /// Directions of the features that are kept; of the other rows of the sketch at most half.
    pub principal: usize,
    /// Names the random numbers.
    pub seed: u64,
    /// What is done about negative eigenvalues.
    pub repair: Repair,
    /// The relative error of sketched entries up to which [`Method::Auto`](crate::Method::Auto) sketches at all.
    pub tolerance: f64,
}

impl Default for NodeSketch {
    /// 64 rows, Gaussian; mean, read-out and as many directions of the features as may be are kept; errors of 0.05.
    fn default() -> Self {
        Self {
            size: 64,
            family: Family::Gaussian,
            deflate: 2,
            principal: usize::MAX,
            seed: 0,
            repair: Repair::Ridge,
            tolerance: 0.05,
        }
    }
}

impl NodeSketch {
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.size <= self.deflate {
            let (parameter, got) = ("the size of the sketch", self.size);
            return Err(Error::Parameter {
                parameter,
                got,
                range: "above the directions it keeps",
            });
        }
        if self.size > 1 << 20 {
            let (parameter, got) = ("the size of the sketch", self.size);
            return Err(Error::Parameter { parameter, got, range: "at most 2^20" });
        }
        Ok(())
    }

    /// Directions of the features that are kept at most.
    fn principal(&self) -> usize {
        self.principal.min((self.size - self.deflate) / 2)
    }

    /// The same with half of the random rows.
    pub(crate) fn halved(&self) -> Self {
        let kept = self.deflate + self.principal();
        Self { size: kept + ((self.size - kept) / 2).max(1), ..self.clone() }
    }

    /// Whether graphs of so many nodes are sketched.
    pub(crate) fn applies(&self, nodes: usize) -> bool {
        nodes > self.size
    }
}

/// One graph's sketch.
#[derive(Clone, Debug)]
pub(crate) struct Sketched {
    /// `S`: size x nodes.
    pub s: Array2<f64>,
    /// `A S^T`: nodes x size.
    pub b: Array2<f64>,
}

impl Sketched {
    /// The sketch of the graph with these (scaled) neighbourhoods and features for so many levels.
    pub fn new(
        sketch: &NodeSketch,
        adjacency: &SparseRows,
        (features, levels): (ArrayView2<'_, f64>, usize),
        stream: Stream,
    ) -> Result<Self, Error> {
        let nodes = adjacency.rows();
        let mut kept = basis(adjacency, sketch.deflate.min(nodes));
        let count = sketch.principal();
        if count > 0 {
            kept = principal(kept, aggregated(adjacency, features, levels), count)?;
        }
        let random = random(sketch.family, nodes, sketch.size - kept.nrows(), stream)?;
        // S^T, the random part without what V keeps
        let mut scratch = GramScratch::new();
        let parts = product(kept.view(), random.t(), &mut scratch);
        let shadow = product(kept.t(), parts.t(), &mut scratch);
        let mut st = Array2::zeros((nodes, sketch.size));
        let (mut left, mut right) = st.view_mut().split_at(Axis(1), kept.nrows());
        left.assign(&kept.t());
        right.assign(&(&random - &shadow));
        let b = multiply(adjacency, st.view());
        Ok(Self { s: st.t().as_standard_layout().into_owned(), b })
    }
}

/// `A X`.
pub(crate) fn multiply(adjacency: &SparseRows, x: ArrayView2<'_, f64>) -> Array2<f64> {
    let mut out = Array2::zeros((adjacency.rows(), x.ncols()));
    for (row, mut out) in out.outer_iter_mut().enumerate() {
        let (indices, values) = adjacency.row(row);
        for (&index, &value) in indices.iter().zip(values) {
            out.scaled_add(value, &x.row(index as usize));
        }
    }
    out
}

/// `X Y^T`.
pub(crate) fn product(
    x: ArrayView2<'_, f64>,
    y: ArrayView2<'_, f64>,
    scratch: &mut GramScratch<f64>,
) -> Array2<f64> {
    let mut out = Array2::zeros((x.nrows(), y.nrows()));
    gram_tile(x, y, scratch, out.view_mut());
    out
}

/// Orthonormal rows that span `1, A^T 1, A^T A^T 1, ...`; fewer where these are dependent.
fn basis(adjacency: &SparseRows, count: usize) -> Array2<f64> {
    let nodes = adjacency.rows();
    let mut rows: Vec<Vec<f64>> = Vec::new();
    let mut next = vec![1.0; nodes];
    while rows.len() < count {
        let size = norm(&next);
        // twice: once leaves rounding in the direction of what was taken away
        for row in rows.iter().chain(&rows) {
            let share: f64 = row.iter().zip(&next).map(|(x, y)| x * y).sum();
            next.iter_mut().zip(row).for_each(|(x, y)| *x -= share * y);
        }
        let rest = norm(&next);
        if rest <= 1e-8 * size {
            break;
        }
        next.iter_mut().for_each(|x| *x /= rest);
        rows.push(next.clone());
        let mut image = vec![0.0; nodes];
        for (row, &x) in next.iter().enumerate() {
            let (indices, values) = adjacency.row(row);
            indices.iter().zip(values).for_each(|(&i, value)| image[i as usize] += value * x);
        }
        next = image;
    }
    Array2::from_shape_fn((rows.len(), nodes), |(i, j)| rows[i][j])
}

/// The rows of both.
fn stacked(above: Array2<f64>, below: ArrayView2<'_, f64>) -> Array2<f64> {
    let mut all = Array2::zeros((above.nrows() + below.nrows(), above.ncols()));
    let (mut first, mut second) = all.view_mut().split_at(Axis(0), above.nrows());
    first.assign(&above);
    second.assign(&below);
    all
}

/// What each of so many levels aggregates of the features, one after another: `X, A X, A A X, ...`.
fn aggregated(
    adjacency: &SparseRows,
    features: ArrayView2<'_, f64>,
    levels: usize,
) -> Vec<Array2<f64>> {
    std::iter::successors(Some(features.to_owned()), |x| Some(multiply(adjacency, x.view())))
        .take(levels)
        .collect()
}

/// Orthonormal rows that span what is kept and up to `count` directions of the parts: of one after another the
/// leading left singular vectors of what is left of it.
fn principal(
    mut kept: Array2<f64>,
    parts: Vec<Array2<f64>>,
    count: usize,
) -> Result<Array2<f64>, Error> {
    let mut scratch = GramScratch::new();
    let full = kept.nrows() + count;
    for mut part in parts {
        let size = part.iter().map(|x| x * x).sum::<f64>().sqrt();
        // twice: once leaves rounding in the directions of what was taken away
        for _ in 0..2 {
            let shares = product(kept.view(), part.t(), &mut scratch);
            part -= &product(kept.t(), shares.t(), &mut scratch);
        }
        let found = svd(part.view(), &Par::single())?;
        let room = full - kept.nrows();
        let rank = found.s.iter().take(room).take_while(|&&value| value > 1e-8 * size).count();
        kept = stacked(kept, found.u.slice_axis(Axis(1), Slice::from(..rank)).t());
    }
    Ok(kept)
}

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// `G^T`: nodes x size.
fn random(family: Family, nodes: usize, size: usize, stream: Stream) -> Result<Array2<f64>, Error> {
    let offsets: Vec<usize> = (0..=nodes).collect();
    let values = vec![1.0; nodes];
    let identity = Csr::new(nodes, &offsets, &offsets[..nodes], &values)?;
    let mut out = Array2::zeros((nodes, size));
    let rows = out.view_mut();
    match family {
        Family::Gaussian => Gaussian::new(nodes, size, stream)?.apply_csr(identity, rows)?,
        Family::Sign => Sign::new(nodes, size, stream)?.apply_csr(identity, rows)?,
        Family::Srht => Srht::new(nodes, size, stream)?.apply_csr(identity, rows)?,
        Family::CountSketch => CountSketch::new(nodes, size, stream)?.apply_csr(identity, rows)?,
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A path of nodes with self loops.
    fn path(nodes: u32) -> SparseRows {
        let mut rows = SparseRows::empty();
        for node in 0..nodes {
            let around = node.saturating_sub(1)..(node + 2).min(nodes);
            rows.push(around.map(|other| (other, 1.0 + f64::from(other) / 8.0)));
        }
        rows
    }

    /// Two features of every node.
    fn features(adjacency: &SparseRows) -> Array2<f64> {
        Array2::from_shape_fn((adjacency.rows(), 2), |(i, j)| (1.7 * (i + 3 * j) as f64).cos())
    }

    /// One aggregation of a pair: `E[A S^T S H S^T S A^T] = A H A^T`, for every family, plain and deflated.
    #[test]
    fn an_aggregation_is_right_on_average() {
        let (left, right) = (path(9), path(7));
        let h = Array2::from_shape_fn((9, 7), |(i, j)| 1.0 + ((3 * i + j) as f64).sin());
        let half = multiply(&left, h.view());
        let exact = multiply(&right, half.t()).reversed_axes();
        let mut scratch = GramScratch::new();
        for family in [Family::Gaussian, Family::Sign, Family::Srht, Family::CountSketch] {
            for deflate in [0, 1, 3] {
                let (mut sum, mut squares) = (0.0, 0.0);
                let runs = 2000;
                for seed in 0..runs {
                    let sketch =
                        NodeSketch { size: 5, family, deflate, seed, ..NodeSketch::default() };
                    let of = |graph, adjacency| {
                        Sketched::new(
                            &sketch,
                            adjacency,
                            (features(adjacency).view(), 2),
                            Stream::new(seed, graph, 0),
                        )
                        .unwrap()
                    };
                    let (one, two) = (of(0, &left), of(1, &right));
                    let p = product(h.view(), two.s.view(), &mut scratch);
                    let q = product(p.t(), one.s.view(), &mut scratch);
                    let w = product(one.b.view(), q.view(), &mut scratch);
                    let out = product(w.view(), two.b.view(), &mut scratch);
                    // one number that all entries take part in, with signs that cancel nothing
                    let error: f64 = out
                        .indexed_iter()
                        .map(|((i, j), x)| (x - exact[[i, j]]) * (1.0 + (i * j) as f64))
                        .sum();
                    sum += error;
                    squares += error * error;
                }
                let runs = runs as f64;
                let standard = (squares / runs).sqrt() / runs.sqrt();
                let mean = sum / runs;
                assert!(standard > 0.0, "{family:?} {deflate}: nothing was sketched");
                assert!(mean.abs() < 4.5 * standard, "{family:?} {deflate}: {mean} +- {standard}");
            }
        }
    }

    #[test]
    fn kept_directions_are_kept() {
        let adjacency = path(12);
        for deflate in [1, 2, 4] {
            let sketch = NodeSketch { size: 12, deflate, principal: 4, ..NodeSketch::default() };
            let features = features(&adjacency);
            let stream = Stream::new(0, 0, 0);
            let sketched =
                Sketched::new(&sketch, &adjacency, (features.view(), 2), stream).unwrap();
            let dense = multiply(&adjacency, Array2::eye(12).view());
            let mut x = Array2::from_elem((12, 1), 1.0);
            // with so few features their leading directions, without what was kept before, are all of them
            let back = sketched.s.t().dot(&sketched.s.dot(&features));
            assert!((back - &features).iter().all(|difference| difference.abs() < 1e-10));
            for _ in 0..deflate {
                let back = sketched.s.t().dot(&sketched.s.dot(&x));
                assert!((&back - &x).iter().all(|d| d.abs() < 1e-10 * norm(x.as_slice().unwrap())));
                let image = (0..12).map(|i| (0..12).map(|j| dense[[j, i]] * x[[j, 0]]).sum());
                x = Array2::from_shape_vec((12, 1), image.collect()).unwrap();
            }
        }
    }
}
