//! Cholesky factorisation and what it solves.

use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut1, Axis};
use rayon::prelude::*;

use crate::check;
use crate::dense::Triangle;
use crate::error::Error;
use crate::jitter::{self, Jitter};
use crate::par::Par;
use crate::scalar::Scalar;
use crate::symmetric::mirror_lower;

/// Columns of the inverse factor that one task holds for [`Cholesky::inverse_diagonal`].
const COLUMNS: usize = 64;

/// Most iterations of the estimate of the inverse's norm.
const ITERATIONS: usize = 5;

/// The factorisation `A = L Lᵀ` of a symmetric positive definite matrix.
///
/// Made in the memory of `A`: one triangle of the array holds `L`, the other one
/// still holds the entries of `A` above its diagonal.
///
/// ```
/// use ndarray::array;
/// use widelimit_linalg::{Cholesky, Par};
/// let par = Par::single();
/// let factor = Cholesky::factor(array![[4.0, 2.0], [2.0, 5.0]], &par)?;
/// assert_eq!(factor.lower(), array![[2.0, 0.0], [1.0, 2.0]]);
/// assert_eq!(factor.solve(array![[8.0], [12.0]].view(), &par), array![[1.0], [2.0]]);
/// assert_eq!(factor.log_det(), 16.0_f64.ln());
/// # Ok::<(), widelimit_linalg::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cholesky<T> {
    /// Row-major; its upper triangle is `Lᵀ`, the part below is that of `A`.
    matrix: Array2<T>,
    /// The diagonal of `A`.
    diagonal: Vec<T>,
}

impl<T: Scalar> Cholesky<T> {
    /// Factors `a` (`n × n`, symmetric) in place.
    ///
    /// Reads both triangles. Memory: nothing beyond `a`, unless its layout has
    /// gaps, and `O(n)`. Blocked, `n³ / 3` multiply-adds, parallel.
    ///
    /// # Errors
    ///
    /// [`Error::NotSquare`]; [`Error::NonFinite`] with the place of the first entry
    /// that is; [`Error::NotPositiveDefinite`] with the first pivot that is not
    /// positive and its value, `a_pp − Σ_{k<p} l_pk²`.
    pub fn factor(a: Array2<T>, par: &Par) -> Result<Self, Error> {
        let mut this = Self::unfactored(a)?;
        this.attempt(0.0, par)?;
        Ok(this)
    }

    /// Factors `a + jitter I` with the first rung of `ladder` that succeeds.
    pub(crate) fn factor_with_ladder(
        a: Array2<T>,
        ladder: &[f64],
        par: &Par,
    ) -> Result<(Self, Jitter), Error> {
        let mut this = Self::unfactored(a)?;
        let mean = jitter::mean(&this.diagonal);
        let mut failure = None;
        for (attempt, &relative) in ladder.iter().enumerate() {
            let absolute = relative * mean;
            if attempt > 0 {
                this.restore(par);
            }
            match this.attempt(absolute, par) {
                Ok(()) => return Ok((this, Jitter { absolute, relative, attempts: attempt + 1 })),
                Err(error @ Error::NotPositiveDefinite { .. }) => failure = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(failure.unwrap_or(Error::NotPositiveDefinite { pivot: 0, value: f64::NAN }))
    }

    /// Checks `a` and puts it into the right layout.
    fn unfactored(a: Array2<T>) -> Result<Self, Error> {
        check::square(a.view())?;
        check::finite(a.view())?;
        // The matrix is symmetric: a column-major array is its own transpose.
        let matrix = if a.is_standard_layout() {
            a
        } else if a.t().is_standard_layout() {
            a.reversed_axes()
        } else {
            a.as_standard_layout().into_owned()
        };
        let diagonal = matrix.diag().to_vec();
        Ok(Self { matrix, diagonal })
    }

    /// One attempt with `jitter` added to the diagonal.
    fn attempt(&mut self, jitter: f64, par: &Par) -> Result<(), Error> {
        if jitter != 0.0 {
            for (x, original) in self.matrix.diag_mut().iter_mut().zip(&self.diagonal) {
                *x = T::from_f64(original.to_f64() + jitter);
            }
        }
        let shifted = self.matrix.diag().to_vec();
        let n = self.order();
        if let Some(slice) = self.matrix.as_slice_mut()
            && let Err(pivot) = par.run(|par| T::cholesky(slice, n, par))?
        {
            return Err(self.failure(pivot, shifted[pivot]));
        }
        if let Some(pivot) = self.matrix.diag().iter().position(|x| !x.is_finite()) {
            return Err(self.failure(pivot, shifted[pivot]));
        }
        self.diagonal = shifted;
        Ok(())
    }

    /// What is left of the diagonal entry at the pivot.
    fn failure(&self, pivot: usize, entry: T) -> Error {
        let row = self.matrix.column(pivot);
        let square: f64 = row.iter().take(pivot).map(|x| x.to_f64() * x.to_f64()).sum();
        Error::NotPositiveDefinite { pivot, value: entry.to_f64() - square }
    }

    /// Undoes a failed attempt: the other triangle has kept the matrix.
    fn restore(&mut self, par: &Par) {
        mirror_lower(self.matrix.view_mut(), par);
        for (x, original) in self.matrix.diag_mut().iter_mut().zip(&self.diagonal) {
            *x = *original;
        }
    }

    /// The number of rows, `n`.
    pub fn order(&self) -> usize {
        self.matrix.nrows()
    }

    /// Rows of the matrix that was factored, jitter included: `rows.len() × n`.
    ///
    /// For residuals and refinement without a second matrix: the triangle that is not
    /// `L` has kept it.
    ///
    /// # Panics
    ///
    /// When `rows` reaches beyond `n`, as slicing does.
    pub fn matrix_rows(&self, rows: Range<usize>) -> Array2<T> {
        let n = self.order();
        let mut out = Array2::from_elem((rows.len(), n), T::from_f64(0.0));
        let (start, end) = (rows.start, rows.end);
        // Left of the block: the rows themselves. Right of it: columns of later rows.
        for (i, mut to) in rows.zip(out.outer_iter_mut()) {
            for j in 0..i {
                to[j] = self.matrix[[i, j]];
            }
            to[i] = self.diagonal[i];
        }
        for j in start + 1..n {
            let from = self.matrix.row(j);
            for i in start..end.min(j) {
                out[[i - start, j]] = from[i];
            }
        }
        out
    }

    /// The matrix that was factored, jitter included, in the same memory.
    pub fn into_matrix(mut self, par: &Par) -> Array2<T> {
        self.restore(par);
        self.matrix
    }

    /// A copy of `L` with zeros above its diagonal: `n²` numbers.
    pub fn lower(&self) -> Array2<T> {
        let n = self.order();
        Array2::from_shape_fn(
            (n, n),
            |(i, j)| {
                if j <= i { self.matrix[[j, i]] } else { T::from_f64(0.0) }
            },
        )
    }

    /// `A⁻¹ b` for `b` of `n × m`, row-major. Memory: the result.
    ///
    /// # Panics
    ///
    /// When `b` has not `n` rows, as [`ndarray::linalg::Dot`] does.
    pub fn solve(&self, b: ArrayView2<'_, T>, par: &Par) -> Array2<T> {
        let mut x = self.rhs(b);
        self.triangle(&mut x, false, par);
        self.triangle(&mut x, true, par);
        x
    }

    /// `L⁻¹ b` for `b` of `n × m`, row-major. Memory: the result.
    ///
    /// # Panics
    ///
    /// When `b` has not `n` rows, as [`ndarray::linalg::Dot`] does.
    pub fn solve_lower(&self, b: ArrayView2<'_, T>, par: &Par) -> Array2<T> {
        let mut x = self.rhs(b);
        self.triangle(&mut x, false, par);
        x
    }

    /// A row-major copy of a right-hand side.
    fn rhs(&self, b: ArrayView2<'_, T>) -> Array2<T> {
        assert_eq!(b.nrows(), self.order(), "a right-hand side has the wrong number of rows");
        b.as_standard_layout().into_owned()
    }

    /// Solves with `L`, or with `Lᵀ`, in place.
    fn triangle(&self, x: &mut Array2<T>, transposed: bool, par: &Par) {
        let columns = x.ncols();
        if let (Some(matrix), Some(x)) = (self.matrix.as_slice(), x.as_slice_mut()) {
            let side = self.order();
            let triangle = Triangle { matrix, side, start: 0, lower: true, transposed };
            par.run(|par| T::solve_triangle(triangle, x, columns, par));
        }
    }

    /// The logarithm of the determinant of `A`: `2 Σ ln l_ii`, in double precision.
    pub fn log_det(&self) -> f64 {
        2.0 * self.matrix.diag().iter().map(|x| x.to_f64().ln()).sum::<f64>()
    }

    /// An estimate of the condition number `‖A‖₁ ‖A⁻¹‖₁`.
    ///
    /// The norm of the inverse is estimated from below by Hager's method as refined
    /// by Higham (*ACM TOMS* 14, 1988, algorithm 4.1; LAPACK's `lacn2`), with at
    /// most five solves; almost always within a factor of 3. `O(n²)` time, `O(n)`
    /// memory, one thread. Infinite where the estimate overflows; 0 for `n = 0`.
    pub fn condition_estimate(&self) -> f64 {
        let n = self.order();
        if n == 0 {
            return 0.0;
        }
        let condition = self.norm() * self.inverse_norm();
        if condition.is_nan() { f64::INFINITY } else { condition }
    }

    /// `‖A‖₁`, from the triangle that has kept the matrix.
    fn norm(&self) -> f64 {
        let mut sums: Vec<f64> = self.diagonal.iter().map(|x| x.to_f64().abs()).collect();
        for (i, row) in self.matrix.outer_iter().enumerate() {
            let mut sum = 0.0;
            for (x, other) in row.iter().zip(&mut sums[..i]) {
                let x = x.to_f64().abs();
                sum += x;
                *other += x;
            }
            sums[i] += sum;
        }
        sums.into_iter().fold(0.0, f64::max)
    }

    /// An estimate of `‖A⁻¹‖₁` from below.
    fn inverse_norm(&self) -> f64 {
        let n = self.order();
        let par = Par::single();
        let norm = |x: &Array2<T>| x.iter().map(|x| x.to_f64().abs()).sum::<f64>();
        let mut x = Array2::from_elem((n, 1), T::from_f64(1.0 / n as f64));
        let (mut estimate, mut last) = (0.0, usize::MAX);
        for _ in 0..ITERATIONS {
            let y = self.solve(x.view(), &par);
            let found = norm(&y);
            if found <= estimate {
                break;
            }
            estimate = found;
            let signs = y.mapv(|y| T::from_f64(if y.to_f64() < 0.0 { -1.0 } else { 1.0 }));
            let z = self.solve(signs.view(), &par);
            let largest = |(best, value): (usize, f64), (i, z): (usize, &T)| {
                let z = z.to_f64().abs();
                if z > value { (i, z) } else { (best, value) }
            };
            let (best, value) = z.iter().enumerate().fold((0, 0.0), largest);
            let along = z.iter().zip(&x).map(|(z, x)| z.to_f64() * x.to_f64()).sum::<f64>();
            if best == last || value <= along {
                break;
            }
            x.fill(T::from_f64(0.0));
            x[[best, 0]] = T::from_f64(1.0);
            last = best;
        }
        // Higham's test vector catches the matrices that fool the iteration.
        let scale = (n.max(2) - 1) as f64;
        let test = Array2::from_shape_fn((n, 1), |(i, _)| {
            let size = 1.0 + i as f64 / scale;
            T::from_f64(if i % 2 == 0 { size } else { -size })
        });
        let test = 2.0 * norm(&self.solve(test.view(), &par)) / (3.0 * n as f64);
        estimate.max(test)
    }

    /// The diagonal of `A⁻¹`: entry `i` is `Σ_k (L⁻¹)_ki²`.
    ///
    /// `n³ / 6` multiply-adds; the columns of `L⁻¹` are made in blocks and dropped.
    /// Memory: the result and `64 n` numbers for each thread.
    pub fn inverse_diagonal(&self, par: &Par) -> Array1<T> {
        let mut diagonal = Array1::from_elem(self.order(), T::from_f64(0.0));
        let blocks: Vec<_> = diagonal.axis_chunks_iter_mut(Axis(0), COLUMNS).collect();
        let task = |(block, out): (usize, ArrayViewMut1<'_, T>)| {
            self.inverse_norms(block * COLUMNS, out);
        };
        if par.threads() == 1 {
            blocks.into_iter().enumerate().for_each(task);
        } else {
            par.install(|| blocks.into_par_iter().enumerate().with_max_len(1).for_each(task));
        }
        diagonal
    }

    /// The squared norms of the columns of `L⁻¹` from `start` on.
    fn inverse_norms(&self, start: usize, mut out: ArrayViewMut1<'_, T>) {
        let (side, columns) = (self.order(), out.len());
        let Some(matrix) = self.matrix.as_slice() else { return };
        let mut x = vec![T::from_f64(0.0); (side - start) * columns];
        for i in 0..columns {
            x[i * columns + i] = T::from_f64(1.0);
        }
        let triangle = Triangle { matrix, side, start, lower: true, transposed: false };
        T::solve_triangle(triangle, &mut x, columns, faer::Par::Seq);
        let mut sums = vec![0.0_f64; columns];
        for row in x.chunks_exact(columns) {
            for (sum, x) in sums.iter_mut().zip(row) {
                *sum += x.to_f64() * x.to_f64();
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = T::from_f64(sum);
        }
    }
}
