//! QR factorisation and least squares.

use ndarray::{Array2, ArrayView2, Axis, ShapeBuilder, Slice};

use crate::check;
use crate::dense::Triangle;
use crate::error::Error;
use crate::par::Par;
use crate::scalar::Scalar;

/// The factorisation `A = Q R` of an `m × n` matrix by Householder reflections.
///
/// ```
/// use ndarray::array;
/// use widelimit_linalg::{Par, Qr};
/// // The line through (0, 1), (1, 3), (2, 5).
/// let a = array![[1.0, 0.0], [1.0, 1.0], [1.0, 2.0_f64]];
/// let line = Qr::factor(a, &Par::single())?.solve_least_squares(
///     array![[1.0], [3.0], [5.0]].view(), &Par::single())?;
/// assert!((line[[0, 0]] - 1.0).abs() < 1e-14 && (line[[1, 0]] - 2.0).abs() < 1e-14);
/// # Ok::<(), widelimit_linalg::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Qr<T> {
    /// Reflectors below and `R` on and above the diagonal, `m × n`, column-major.
    factors: Array2<T>,
    /// Factors of the block reflectors, `block × min(m, n)`, column-major.
    coefficients: Array2<T>,
}

impl<T: Scalar> Qr<T> {
    /// Factors `a` (`m × n`), in place where it is column-major.
    ///
    /// Memory: a copy of `a` where it is not column-major, and `O(n)` times the block
    /// size of at most a few hundred.
    ///
    /// # Errors
    ///
    /// [`Error::NonFinite`], [`Error::OutOfMemory`].
    pub fn factor(a: Array2<T>, par: &Par) -> Result<Self, Error> {
        check::finite(a.view())?;
        let shape = a.dim();
        let mut factors = if a.t().is_standard_layout() {
            a
        } else {
            let mut copy = Array2::from_elem(shape.f(), T::from_f64(0.0));
            copy.assign(&a);
            copy
        };
        let (k, block) = (shape.0.min(shape.1), T::qr_block(shape.0, shape.1));
        let mut coefficients = Array2::from_elem((block, k).f(), T::from_f64(0.0));
        let slices =
            (factors.as_slice_memory_order_mut(), coefficients.as_slice_memory_order_mut());
        if let (Some(factors), Some(coefficients)) = slices
            && k > 0
        {
            par.run(|par| T::qr_factor(factors, shape, coefficients, block, par))?;
        }
        Ok(Self { factors, coefficients })
    }

    /// The orthonormal columns of the thin `Q`, `m × min(m, n)`, row-major.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    pub fn q(&self, par: &Par) -> Result<Array2<T>, Error> {
        let (m, n) = self.factors.dim();
        let mut q = Array2::from_elem((m, m.min(n)), T::from_f64(0.0));
        q.diag_mut().fill(T::from_f64(1.0));
        self.apply(&mut q, false, par)?;
        Ok(q)
    }

    /// The upper triangular `R`, `min(m, n) × n`.
    pub fn r(&self) -> Array2<T> {
        let (m, n) = self.factors.dim();
        Array2::from_shape_fn((m.min(n), n), |(i, j)| {
            if i <= j { self.factors[[i, j]] } else { T::from_f64(0.0) }
        })
    }

    /// The `x` (`n × p`) that minimises `‖A x − b‖` for every column of `b` (`m × p`),
    /// `m ≥ n`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`]; [`Error::Singular`] where `|r_ii| ≤ max(m, n) ε max_j |r_jj|`,
    /// that is, where columns depend on each other to working precision.
    pub fn solve_least_squares(&self, b: ArrayView2<'_, T>, par: &Par) -> Result<Array2<T>, Error> {
        let (m, n) = self.factors.dim();
        check::size("the rows of the right-hand side", m, b.nrows())?;
        if m < n {
            return Err(Error::Shape { what: "the rows of the matrix", expected: n, got: m });
        }
        let size = |x: &T| x.to_f64().abs();
        let largest = self.factors.diag().iter().map(size).fold(0.0, f64::max);
        let bound = m as f64 * T::EPSILON * largest;
        let diagonal = self.factors.diag();
        if let Some((index, value)) = diagonal.iter().enumerate().find(|(_, x)| size(x) <= bound) {
            return Err(Error::Singular { index, value: value.to_f64() });
        }
        let mut x = b.as_standard_layout().into_owned();
        self.apply(&mut x, true, par)?;
        x.slice_axis_inplace(Axis(0), Slice::from(..n));
        let mut x = x.as_standard_layout().into_owned();
        let r = self.factors.slice_axis(Axis(0), Slice::from(..n));
        let r = r.as_standard_layout();
        let columns = x.ncols();
        if let (Some(matrix), Some(x)) = (r.as_slice(), x.as_slice_mut()) {
            // Row-major R is its transpose in column-major order: a lower triangle.
            let triangle = Triangle { matrix, side: n, start: 0, lower: true, transposed: true };
            par.run(|par| T::solve_triangle(triangle, x, columns, par));
        }
        Ok(x)
    }

    /// Replaces `x` by `Q x` or `Qᵀ x`, with the square `Q`.
    fn apply(&self, x: &mut Array2<T>, transposed: bool, par: &Par) -> Result<(), Error> {
        let (shape, block, columns) = (self.factors.dim(), self.coefficients.nrows(), x.ncols());
        let factors =
            (self.factors.as_slice_memory_order(), self.coefficients.as_slice_memory_order());
        if let ((Some(factors), Some(coefficients)), Some(x)) = (factors, x.as_slice_mut())
            && shape.0.min(shape.1) > 0
        {
            let job = Reflect { factors, shape, coefficients, block, transposed };
            par.run(|par| T::qr_apply(job, x, columns, par))?;
        }
        Ok(())
    }
}

/// A product of reflections to be applied.
#[derive(Clone, Copy, Debug)]
pub struct Reflect<'a, T> {
    pub factors: &'a [T],
    pub shape: (usize, usize),
    pub coefficients: &'a [T],
    pub block: usize,
    pub transposed: bool,
}
