//! Cholesky factorisation with a diagonal shift where it is needed.

use ndarray::Array2;

use crate::cholesky::Cholesky;
use crate::error::Error;
use crate::par::Par;
use crate::scalar::Scalar;

/// The shift that [`factor_with_jitter`] needed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jitter {
    /// What was added to every diagonal entry; 0 where none was needed.
    pub absolute: f64,
    /// The same as a multiple of the mean diagonal entry.
    pub relative: f64,
    /// The factorisations tried, the successful one among them.
    pub attempts: usize,
}

/// Factors `a + jitter I` with the smallest jitter of the ladder that succeeds.
///
/// Kernel matrices of close or equal points are singular to working precision;
/// the smallest shift that lets the factorisation through changes a prediction less
/// than the rounding of the matrix did. The rungs, relative to the mean of the
/// diagonal, are [`jitter_ladder`]: 0, then powers of ten, 1e-12 to 1e-4 in `f64`
/// and 1e-7 to 1e-3 in `f32`.
///
/// Memory: nothing beyond `a` and `O(n)`, whatever the number of attempts: the
/// triangle that is not factored keeps the matrix.
///
/// # Errors
///
/// Those of [`Cholesky::factor`]; [`Error::NotPositiveDefinite`] is that of the last
/// rung.
///
/// ```
/// use ndarray::array;
/// use widelimit_linalg::{Par, factor_with_jitter};
/// let twice_the_same_point = array![[1.0_f32, 1.0], [1.0, 1.0]];
/// let (factor, jitter) = factor_with_jitter(twice_the_same_point, &Par::single())?;
/// assert_eq!((jitter.relative, jitter.attempts), (1e-7, 2));
/// # Ok::<(), widelimit_linalg::Error>(())
/// ```
pub fn factor_with_jitter<T: Scalar>(
    a: Array2<T>,
    par: &Par,
) -> Result<(Cholesky<T>, Jitter), Error> {
    factor_with_ladder(a, jitter_ladder::<T>(), par)
}

/// [`factor_with_jitter`] with rungs of one's own, relative to the mean diagonal
/// entry and tried in their order.
///
/// # Errors
///
/// As [`factor_with_jitter`]; an empty ladder fails at pivot 0 with NaN.
pub fn factor_with_ladder<T: Scalar>(
    a: Array2<T>,
    ladder: &[f64],
    par: &Par,
) -> Result<(Cholesky<T>, Jitter), Error> {
    Cholesky::factor_with_ladder(a, ladder, par)
}

/// The rungs of [`factor_with_jitter`] for this precision.
pub fn jitter_ladder<T: Scalar>() -> &'static [f64] {
    match T::NAME {
        "f32" => &[0.0, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3],
        _ => &[0.0, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4],
    }
}

/// The mean of a diagonal, 0 for none.
pub(crate) fn mean<T: Scalar>(diagonal: &[T]) -> f64 {
    let sum: f64 = diagonal.iter().map(|x| x.to_f64()).sum();
    sum / diagonal.len().max(1) as f64
}
