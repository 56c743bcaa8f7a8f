//! What rounding does to a spectrum and to predictions.

use ndarray::{Array1, ArrayView2, Axis, Slice};
use widelimit_linalg::Scalar;

use crate::Error;

/// Negative eigenvalues of this size, relative to the largest, pass as rounding.
///
/// Not `epsilon`: the kernel of a network has an infinite slope where two inputs are parallel, which turns an
/// error of `epsilon` in their correlation into one of `epsilon^(1/2)` in an entry, once more for each layer.
/// Points on a line show eigenvalues of `-1e-9` after 3 layers, `-2e-8` after 30 and `-4e-8` after 50, in both
/// precisions. A matrix that is no kernel misses by far more.
fn tolerance<T: Scalar>() -> f64 {
    if T::NAME == "f32" { 1e-3 } else { 1e-6 }
}

/// Refuses a spectrum (ascending) whose negative part is too large to be the rounding of `T`.
pub(crate) fn semidefinite<T: Scalar>(values: &Array1<f64>) -> Result<(), Error> {
    let (min_eigenvalue, max_eigenvalue) = (values[0], values[values.len() - 1]);
    if min_eigenvalue < -tolerance::<T>() * max_eigenvalue.max(0.0) {
        return Err(Error::Indefinite { min_eigenvalue, max_eigenvalue });
    }
    Ok(())
}

/// Rounding of predictions `k(x, X) alpha` in the type `T` of the kernel.
///
/// Entries, coefficients and sums carry independent errors of a few `epsilon`, so that the square of a
/// prediction's error is near `4 epsilon^2 mean(K_ij^2) |alpha|^2`: measured, between an eighth and the whole
/// of it for kernels of networks with 300 to 1200 rows and condition numbers up to `1e9`. A ridge too small
/// for `T` makes this the larger part of the error, which leave-one-out alone does not see.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounding {
    /// `2 epsilon` times the root mean square of the entries.
    root: f64,
}

impl Rounding {
    /// For predictions whose rounding does not matter.
    pub const NONE: Rounding = Rounding { root: 0.0 };

    /// For a kernel with these eigenvalues.
    pub fn new<T: Scalar>(values: &Array1<f64>) -> Self {
        let n = values.len() as f64;
        // |K|_F^2 / n^2, of the scaled spectrum: squares of large kernels overflow.
        let largest = values[values.len() - 1];
        if largest <= 0.0 {
            return Self::NONE;
        }
        let entry = values.mapv(|w| (w / largest).powi(2)).sum().sqrt() * largest / n;
        Rounding { root: 2.0 * T::EPSILON * entry }
    }

    /// Mean over the outputs of the squared error for `solved` = `Q [y, ...]`, `n x (outputs + ...)`.
    pub fn error(self, solved: ArrayView2<f64>, outputs: usize) -> f64 {
        let dual = solved.slice_axis(Axis(1), Slice::from(..outputs));
        // Coefficients of a huge kernel are tiny, and the other way round: the products are neither.
        dual.iter().map(|a| (self.root * a).powi(2)).sum::<f64>() / outputs as f64
    }
}

/// `x 2^exponent`, exact where the result is a normal number.
pub(crate) fn times_power(x: f64, exponent: i32) -> f64 {
    // In two steps: one factor alone may leave the range.
    let half = exponent / 2;
    x * 2f64.powi(half) * 2f64.powi(exponent - half)
}

/// The exponent of the power of two next below `largest`; 0 for 0.
pub(crate) fn exponent(largest: f64) -> i32 {
    // The logarithm of the largest numbers rounds to 1024, which is not an exponent any more.
    if largest > 0.0 { (largest.log2().floor() as i32).min(f64::MAX_EXP - 1) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn small_negative_eigenvalues_are_rounding_and_large_ones_are_not() {
        assert_eq!(semidefinite::<f64>(&array![-4e-8, 0.1, 1.0]), Ok(()));
        assert!(semidefinite::<f64>(&array![-1e-5, 0.1, 1.0]).is_err());
        assert_eq!(semidefinite::<f32>(&array![-1e-5, 0.1, 1.0]), Ok(()));
        assert!(semidefinite::<f32>(&array![-1e-2, 0.1, 1.0]).is_err());
        assert!(semidefinite::<f32>(&array![-1.0, -0.5]).is_err());
    }

    #[test]
    fn powers_of_two_reach_the_ends_of_the_range() {
        for x in [5e-324, 1e-310, 1e-165, 0.3, 1.0, 7.5, 1e300, f64::MAX] {
            let e = exponent(x);
            let scaled = times_power(x, -e);
            assert!((1.0..2.0).contains(&scaled), "{x:e} {e} {scaled}");
            assert_eq!(times_power(scaled, e), x);
        }
        assert_eq!(exponent(0.0), 0);
    }

    #[test]
    fn the_estimate_is_that_of_the_entries() {
        // Eigenvalues 3 and 1: entries 2 and 1, mean square 5/2.
        let rounding = Rounding::new::<f32>(&array![1.0, 3.0]);
        let alpha = array![[1.0, 5.0], [2.0, 5.0]];
        let want = 4.0 * (f32::EPSILON as f64).powi(2) * 2.5 * 5.0;
        assert!((rounding.error(alpha.view(), 1) / want - 1.0).abs() < 1e-12);
    }
}
