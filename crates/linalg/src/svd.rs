//! Singular values.

use ndarray::{Array1, Array2, ArrayView2, ShapeBuilder};

use crate::check;
use crate::error::Error;
use crate::par::Par;
use crate::scalar::Scalar;

/// The thin singular value decomposition `A = U diag(s) Vᵀ` of an `m × n` matrix,
/// `k = min(m, n)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Svd<T> {
    /// Orthonormal columns, `m × k`, column-major.
    pub u: Array2<T>,
    /// The singular values, descending: `k`.
    pub s: Array1<T>,
    /// Orthonormal rows, `k × n`, row-major.
    pub vt: Array2<T>,
}

/// Decomposes `a` (`m × n`).
///
/// Memory: the results and a workspace of about `2 m k + 3 k²` numbers at the peak.
///
/// # Errors
///
/// [`Error::NonFinite`], [`Error::NoConvergence`], [`Error::OutOfMemory`].
///
/// ```
/// use ndarray::array;
/// use widelimit_linalg::{Par, svd};
/// let svd = svd(array![[0.0_f64, 2.0], [1.0, 0.0]].view(), &Par::single())?;
/// assert!((svd.s[0] - 2.0).abs() < 1e-15 && (svd.s[1] - 1.0).abs() < 1e-15);
/// # Ok::<(), widelimit_linalg::Error>(())
/// ```
pub fn svd<T: Scalar>(a: ArrayView2<'_, T>, par: &Par) -> Result<Svd<T>, Error> {
    check::finite(a)?;
    let (m, n) = a.dim();
    let (k, zero) = (m.min(n), T::from_f64(0.0));
    let mut u = Array2::from_elem((m, k).f(), zero);
    let mut v = Array2::from_elem((n, k).f(), zero);
    let mut s = Array1::from_elem(k, zero);
    let slices = (u.as_slice_memory_order_mut(), s.as_slice_mut(), v.as_slice_memory_order_mut());
    if let (Some(u), Some(s), Some(v)) = slices
        && k > 0
    {
        par.run(|par| T::svd(a, u, s, v, par))?;
    }
    Ok(Svd { u, s, vt: v.reversed_axes() })
}
