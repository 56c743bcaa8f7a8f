//! One symmetric positive definite system, solved by Cholesky and judged.

use ndarray::{Array2, ArrayView2, Axis};
use widelimit_linalg::{
    Cholesky, Par, Scalar, factor_with_ladder, jitter_ladder, matmul, symmetric_eigenvalues,
};

use crate::Error;
use crate::bracket::STEP;
use crate::check::widen;
use crate::diagnostics::{BLOCK, Diagnostics, ratio, square};

/// Largest system for which a failure is explained by the kernel's smallest eigenvalue.
const EXPLAIN: usize = 1024;

/// Half decades upwards that a failing factorisation may take where none has succeeded yet.
const RESCUE: i32 = 8;

/// Most steps of iterative refinement.
const REFINEMENTS: usize = 8;

/// `K + shift I` in factored form. The factor lies in the kernel's own memory, beside what is left of it.
#[derive(Clone, Debug)]
pub(crate) struct System<T> {
    pub factor: Cholesky<T>,
    /// Diagonal of `K`.
    diagonal: Vec<T>,
    /// Ridge and jitter.
    pub shift: f64,
}

impl<T: Scalar> System<T> {
    /// Factors `kernel + ridge I` in place, with the first jitter of `ladder` (relative to the mean of the
    /// diagonal) that lets it through.
    pub fn with_ladder(
        mut kernel: Array2<T>,
        ridge: f64,
        ladder: &[f64],
        par: &Par,
    ) -> Result<Self, Error> {
        let diagonal = kernel.diag().to_vec();
        let kept = (kernel.nrows() <= EXPLAIN).then(|| widen(kernel.view()));
        kernel.diag_mut().mapv_inplace(|v| T::from_f64(v.to_f64() + ridge));
        if kernel.diag().iter().any(|v| !v.is_finite()) {
            return Err(Error::Overflow { what: "the diagonal with its ridge" });
        }
        match factor_with_ladder(kernel, ladder, par) {
            Ok((factor, jitter)) => Ok(System { factor, diagonal, shift: ridge + jitter.absolute }),
            Err(widelimit_linalg::Error::NotPositiveDefinite { pivot, value }) => {
                if ridge == 0.0 && diagonal.iter().all(|v| v.to_f64() == 0.0) {
                    return Err(Error::DiagonalNotPositive { mean: 0.0 });
                }
                let values = kept.map(|k| symmetric_eigenvalues(k, par)).transpose()?;
                let min_eigenvalue = values.map(|v| v[0]);
                Err(Error::NotPositiveDefinite { pivot, value, ridge, min_eigenvalue })
            }
            Err(other) => Err(other.into()),
        }
    }

    /// At `ridge`, or at the first half decade above it that can be factored; returned with the ridge that
    /// was reached. `good`, the smallest ridge that could be so far, is the last one tried.
    pub fn climbing(
        kernel: Array2<T>,
        ridge: f64,
        good: Option<f64>,
        par: &Par,
    ) -> Result<(Self, f64), Error> {
        let mean =
            kernel.diag().iter().map(|v| v.to_f64()).sum::<f64>() / kernel.nrows() as f64 + ridge;
        let most = good.map_or(ridge * STEP.powi(RESCUE - 1), |good| good.max(ridge));
        let steps = ((most / ridge).ln() / STEP.ln() - 1e-9).ceil() as i32;
        let above = |s| ridge * STEP.powi(s);
        let rungs = (0..steps).map(above).chain([most]);
        let ladder: Vec<f64> = rungs.map(|r| (r - ridge) / mean).collect();
        let system = Self::with_ladder(kernel, ridge, &ladder, par)?;
        // Rounding must not make another ridge of the one that was reached.
        let reached = |r: &f64| (system.shift / r - 1.0).abs() < 1e-9;
        let ridge = good.filter(reached).unwrap_or(system.shift);
        Ok((system, ridge))
    }

    /// With the usual ladder of jitters.
    pub fn new(kernel: Array2<T>, ridge: f64, par: &Par) -> Result<Self, Error> {
        Self::with_ladder(kernel, ridge, jitter_ladder::<T>(), par)
    }

    /// The kernel itself, in its own memory.
    pub fn into_kernel(self, par: &Par) -> Array2<T> {
        let mut kernel = self.factor.into_matrix(par);
        for (v, original) in kernel.diag_mut().iter_mut().zip(self.diagonal) {
            *v = original;
        }
        kernel
    }

    /// `b - (K + shift I) x` in double precision, a block of rows at a time.
    fn rest(&self, x: ArrayView2<f64>, b: ArrayView2<f64>, par: &Par) -> Array2<f64> {
        let mut out = b.to_owned();
        for (block, mut to) in out.axis_chunks_iter_mut(Axis(0), BLOCK).enumerate() {
            let start = block * BLOCK;
            let mut rows = widen(self.factor.matrix_rows(start..start + to.nrows()).view());
            // The factored diagonal is rounded to `T`; this is what was asked for.
            for (i, mut row) in rows.rows_mut().into_iter().enumerate() {
                row[start + i] = self.diagonal[start + i].to_f64() + self.shift;
            }
            to -= &matmul(rows.view(), x, par);
        }
        out
    }

    /// Solves `(K + shift I) x = b` and returns the relative residual in the Frobenius norm.
    ///
    /// Single precision: iterative refinement with residuals in double precision, the factor of the rounded
    /// matrix serving as preconditioner of the exact one. It stops when a step gains less than a factor of
    /// two and keeps the best solution. Double precision needs none: the factorisation is backward stable.
    pub fn solve(&self, b: ArrayView2<f64>, par: &Par) -> (Array2<f64>, f64) {
        let size = square(b).sqrt();
        let mut x = self.apply(b, par);
        let mut r = self.rest(x.view(), b, par);
        let mut norm = square(r.view()).sqrt();
        let steps = if T::NAME == "f32" { REFINEMENTS } else { 0 };
        for _ in 0..steps {
            if norm <= f64::EPSILON * size {
                break;
            }
            let next = &x + &self.apply(r.view(), par);
            let next_r = self.rest(next.view(), b, par);
            let next_norm = square(next_r.view()).sqrt();
            let gained = next_norm < 0.5 * norm;
            if next_norm < norm {
                (x, r, norm) = (next, next_r, next_norm);
            }
            if !gained {
                break;
            }
        }
        (x, ratio(norm, size))
    }

    /// Solution by the factor alone, scaled to the range of `T`.
    fn apply(&self, b: ArrayView2<f64>, par: &Par) -> Array2<f64> {
        let scale = b.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        if scale == 0.0 {
            return Array2::zeros(b.dim());
        }
        let narrow = b.map(|v| T::from_f64(v / scale));
        widen(self.factor.solve(narrow.view(), par).view()) * scale
    }

    /// What the solve tells about itself.
    pub fn diagnostics(&self, ridge: f64, residual: f64) -> Diagnostics {
        Diagnostics {
            condition: self.factor.condition_estimate(),
            jitter: self.shift - ridge,
            residual,
            min_eigenvalue: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refinement_recovers_what_single_precision_lost() {
        let n = 200;
        let k =
            Array2::from_shape_fn((n, n), |(i, j)| (-((i as f32 - j as f32) / 20.0).powi(2)).exp());
        let b = Array2::from_shape_fn((n, 2), |(i, c)| ((i * 7 + c * 3) % 11) as f64 - 5.0);
        let par = Par::single();
        let system = System::new(k.clone(), 1e-4, &par).unwrap();
        let once = system.apply(b.view(), &par);
        let lost = square(system.rest(once.view(), b.view(), &par).view()) / square(b.view());
        let (x, residual) = system.solve(b.view(), &par);
        assert!(lost.sqrt() > 1e-3 && residual < 1e-10, "{:e} {residual:e}", lost.sqrt());
        // The residual is that of the matrix asked for.
        let wide = widen(k.view()) + Array2::from_diag_elem(n, 1e-4);
        let r = square((wide.dot(&x) - &b).view()) / square(b.view());
        assert!(r.sqrt() < 1e-10 && system.shift == 1e-4);
        assert_eq!(system.into_kernel(&par), k);
    }
}
