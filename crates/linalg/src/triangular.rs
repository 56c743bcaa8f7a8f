//! Triangular systems.

use ndarray::{Array2, ArrayView2};

use crate::check;
use crate::dense::Triangle;
use crate::error::Error;
use crate::par::Par;
use crate::scalar::Scalar;

/// Which triangle of a matrix a system is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Uplo {
    /// On and below the diagonal.
    Lower,
    /// On and above the diagonal.
    Upper,
}

/// Solves `T x = b`, or `Tᵀ x = b`, for a triangle `T` of `a` (`n × n`) and `b` of
/// `n × m`.
///
/// The other triangle of `a` is not read. The result is row-major. Memory: the
/// result, and a copy of `a` where it is contiguous in neither order.
///
/// # Errors
///
/// [`Error::NotSquare`], [`Error::Shape`], and [`Error::Singular`] where a diagonal
/// entry is zero or not finite.
///
/// ```
/// use ndarray::array;
/// use widelimit_linalg::{Par, Uplo, solve_triangular};
/// let l = array![[2.0, 0.0], [1.0, 4.0]];
/// let x = solve_triangular(l.view(), array![[2.0], [9.0]].view(), Uplo::Lower, false, &Par::single())?;
/// assert_eq!(x, array![[1.0], [2.0]]);
/// # Ok::<(), widelimit_linalg::Error>(())
/// ```
pub fn solve_triangular<T: Scalar>(
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    uplo: Uplo,
    transposed: bool,
    par: &Par,
) -> Result<Array2<T>, Error> {
    let side = check::square(a)?;
    check::size("the rows of the right-hand side", side, b.nrows())?;
    let singular = |x: &T| x.to_f64() == 0.0 || !x.is_finite();
    if let Some((index, value)) = a.diag().iter().enumerate().find(|(_, x)| singular(x)) {
        return Err(Error::Singular { index, value: value.to_f64() });
    }
    let mut x = b.as_standard_layout().into_owned();
    let columns = x.ncols();
    // A row-major matrix is its transpose in column-major order.
    let transpose = a.reversed_axes();
    let (matrix, flipped) = match transpose.is_standard_layout() {
        true => (transpose.as_standard_layout(), false),
        false => (a.as_standard_layout(), true),
    };
    let triangle = Triangle {
        matrix: matrix.as_slice().unwrap_or(&[]),
        side,
        start: 0,
        lower: (uplo == Uplo::Lower) != flipped,
        transposed: transposed != flipped,
    };
    if let Some(x) = x.as_slice_mut() {
        par.run(|par| T::solve_triangle(triangle, x, columns, par));
    }
    Ok(x)
}
