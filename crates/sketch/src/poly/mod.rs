//! Sketches of high degree: a tree of products of pairs.

mod leaf;
mod tree;

use ndarray::{ArrayView2, ArrayViewMut2};

use crate::error::{Error, at_most, positive};
use crate::random::Stream;
use crate::rows::{by_row, check_output};
use crate::sketch::sealed::Run;
use crate::{Csr, Rows, Scalar, Sketch};

pub use leaf::Base;
use tree::{Tree, Work};

/// Largest degree; the tree has as many leaves.
const LARGEST_DEGREE: usize = 1 << 16;

/// A sketch of `x^(x)q = x (x) ... (x) x` whose size need not grow exponentially with `q`:
/// `E<f(x), f(y)> = <x, y>^q`.
///
/// A binary tree with `2^L >= q` leaves. A leaf holds an independent sketch of `x` ([`Base`], or `x`
/// itself where it is short), an inner node a [`TensorSrht`](crate::TensorSrht) of its two children,
/// the root the result; `m = O(q polylog / eps^2)` keeps a product up to `1 +- eps`, where a single
/// [`TensorSketch`](crate::TensorSketch) needs `3^q`. Inner nodes have the least power of two that is
/// at least `m` as their width, so that a transform of a full child loses nothing.
///
/// *All degrees at once.* With `j` of the leaves replaced by the first unit vector `e1` the root is a
/// sketch of degree `q - j`. Leaves are replaced from the left, one after the other; each time only the
/// path from the boundary to the root changes, and of each of its nodes one factor is known already:
/// a subtree of nothing but `e1` counts as `e1` itself, without the noise of sketching it (so that
/// low degrees are hardly disturbed by the padding), and one of nothing but `x` has been transformed
/// before. All degrees `1..q` take `q log2 q` node evaluations of one transform or none each.
/// Leaves beyond `q`, if it is no power of two, are `e1` from the start.
///
/// Degrees share their random numbers: each is unbiased, but they are not independent.
///
/// Ahle, Kapralov, Knudsen, Pagh, Velingker, Woodruff and Zandieh (2020), *Oblivious sketching of
/// high-degree polynomial kernels*; Zandieh, Han, Avron, Shoham, Kim and Shin (2021), *Scaling neural
/// tangent kernels via sketching and random features* (all degrees at once).
///
/// ```
/// use ndarray::{Array2, array};
/// use widelimit_sketch::{Base, PolySketch, Sketch, random::Stream};
///
/// let sketch = PolySketch::new(3, 5, 64, Base::Srht, Stream::new(0, 0, 0))?;
/// let x = array![[0.6, 0.0, 0.8]];
/// let mut top = Array2::zeros((1, 64));
/// sketch.apply(x.view(), top.view_mut())?;
/// let mut all = Array2::zeros((1, 5 * 64));
/// sketch.apply_degrees(x.view(), all.view_mut())?;
/// assert_eq!(all.row(0).to_vec()[4 * 64..], top.row(0).to_vec());
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct PolySketch {
    dim_in: usize,
    degree: usize,
    tree: Tree,
}

impl PolySketch {
    /// A sketch of power `degree` of points with `dim_in` coordinates, `dim_out` numbers a degree.
    ///
    /// # Errors
    /// [`Error::Zero`] for a number of 0; [`Error::TooLarge`] for a dimension above `2^31`, a degree
    /// above `2^16`, or more nonzeros a column than there are outputs.
    pub fn new(
        dim_in: usize,
        degree: usize,
        dim_out: usize,
        base: Base,
        stream: Stream,
    ) -> Result<Self, Error> {
        positive("input dimension", dim_in)?;
        at_most("degree", positive("degree", degree)?, LARGEST_DEGREE)?;
        at_most("output dimension", positive("output dimension", dim_out)?, 1 << 31)?;
        Ok(Self { dim_in, degree, tree: Tree::new(dim_in, degree, dim_out, base, stream)? })
    }

    /// The power `q`.
    pub fn degree(&self) -> usize {
        self.degree
    }

    /// Sketches all powers from 1 to `q` of dense rows: `x` is `(n, dim_in)`, `out` is
    /// `(n, q * dim_out)` and is overwritten, with power `i` in columns
    /// `(i - 1) * dim_out .. i * dim_out`.
    ///
    /// Scratch is about `4 q` times the width of a node, whatever `n`.
    ///
    /// # Errors
    /// [`Error::Shape`] for sizes that do not fit, [`Error::NonFinite`] for an entry of `x`; `out`
    /// is then untouched.
    pub fn apply_degrees<T: Scalar>(
        &self,
        x: ArrayView2<'_, T>,
        out: ArrayViewMut2<'_, T>,
    ) -> Result<(), Error> {
        self.degrees(x.into(), out)
    }

    /// The same for sparse rows.
    ///
    /// # Errors
    /// [`Error::Shape`] for sizes that do not fit; `out` is then untouched.
    pub fn apply_degrees_csr<T: Scalar>(
        &self,
        x: Csr<'_, T>,
        out: ArrayViewMut2<'_, T>,
    ) -> Result<(), Error> {
        self.degrees(x.into(), out)
    }

    fn degrees<T: Scalar>(&self, x: Rows<'_, T>, out: ArrayViewMut2<'_, T>) -> Result<(), Error> {
        x.check(self.dim_in)?;
        let dim_out = self.dim_out();
        check_output(&out, x.rows(), self.degree * dim_out)?;
        let mut work = Work::new(&self.tree);
        by_row(out, |i, out| {
            x.with_row(i, |row| work.full(row));
            // leaves are replaced one by one: degrees fall
            let first = self.tree.leaves() - self.degree;
            for (replaced, out) in (first..).zip(out.chunks_exact_mut(dim_out).rev()) {
                work.root(replaced, out);
            }
        });
        Ok(())
    }
}

impl Run for PolySketch {
    fn run<T: Scalar>(&self, x: Rows<'_, T>, out: ArrayViewMut2<'_, T>) {
        let mut work = Work::new(&self.tree);
        by_row(out, |i, out| {
            x.with_row(i, |row| work.full(row));
            work.root(self.tree.leaves() - self.degree, out);
        });
    }
}

impl Sketch for PolySketch {
    fn dim_in(&self) -> usize {
        self.dim_in
    }

    fn dim_out(&self) -> usize {
        self.tree.dim_out()
    }
}
