//! Eigenvalues of symmetric matrices.

use ndarray::{Array1, Array2, ShapeBuilder};

use crate::check;
use crate::error::Error;
use crate::par::Par;
use crate::scalar::Scalar;

/// The eigendecomposition `A = V diag(values) Vᵀ` of a symmetric matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct SymmetricEigen<T> {
    /// The eigenvalues, ascending: `n`.
    pub values: Array1<T>,
    /// The eigenvectors as orthonormal columns, `n × n`, column-major.
    pub vectors: Array2<T>,
}

/// Decomposes `a` (`n × n`, symmetric).
///
/// Only one triangle of `a` is read: the upper one of a row-major array, the lower
/// one of a column-major array. Tridiagonalisation, then divide and conquer.
/// Memory: beside `a`, the vectors and a workspace of at most `3 n² + O(n)` numbers
/// at the peak.
///
/// # Errors
///
/// [`Error::NotSquare`], [`Error::NonFinite`], [`Error::NoConvergence`],
/// [`Error::OutOfMemory`].
///
/// ```
/// use ndarray::array;
/// use widelimit_linalg::{Par, symmetric_eigen};
/// let eigen = symmetric_eigen(array![[2.0_f64, 1.0], [1.0, 2.0]], &Par::single())?;
/// assert!((eigen.values[0] - 1.0).abs() < 1e-15 && (eigen.values[1] - 3.0).abs() < 1e-15);
/// # Ok::<(), widelimit_linalg::Error>(())
/// ```
pub fn symmetric_eigen<T: Scalar>(a: Array2<T>, par: &Par) -> Result<SymmetricEigen<T>, Error> {
    let n = check::square(a.view())?;
    let mut vectors = Array2::from_elem((n, n).f(), T::from_f64(0.0));
    let values = decompose(a, vectors.as_slice_memory_order_mut(), par)?;
    Ok(SymmetricEigen { values, vectors })
}

/// The eigenvalues of `a` (`n × n`, symmetric), ascending, without eigenvectors.
///
/// Reads, fails and works as [`symmetric_eigen`], in a workspace of `n² + O(n)`.
///
/// # Errors
///
/// Those of [`symmetric_eigen`].
pub fn symmetric_eigenvalues<T: Scalar>(a: Array2<T>, par: &Par) -> Result<Array1<T>, Error> {
    decompose(a, None, par)
}

fn decompose<T: Scalar>(
    a: Array2<T>,
    vectors: Option<&mut [T]>,
    par: &Par,
) -> Result<Array1<T>, Error> {
    let n = check::square(a.view())?;
    check::finite(a.view())?;
    let mut values = Array1::from_elem(n, T::from_f64(0.0));
    if n == 0 {
        return Ok(values);
    }
    // A symmetric matrix reads the same in either order.
    let a =
        if a.as_slice_memory_order().is_some() { a } else { a.as_standard_layout().into_owned() };
    let entries = a.as_slice_memory_order().unwrap_or(&[]);
    let out = values.as_slice_mut().unwrap_or(&mut []);
    par.run(|par| T::symmetric_eigen(entries, n, out, vectors, par))?;
    Ok(values)
}
