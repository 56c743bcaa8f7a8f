//! Peak memory of the fits, so that a plan can state it before anything is allocated.
//!
//! Bytes beyond the arguments that stay with the caller; the consumed training kernel is counted. Vectors of
//! length `n` are not.

use crate::ridge::{EIGEN_LIMIT, Ridge, Route};
use crate::streaming;

/// Matrices of `n x n` doubles alive at the peak of an eigendecomposition: the matrix, its vectors, and a
/// workspace of three.
const EIGEN_MATRICES: u64 = 5;

/// Peak of [`crate::KernelRidge`] for `n` rows, `m` outputs, and a kernel of `element` bytes an entry.
///
/// ```
/// use widelimit_learn::{Ridge, memory};
/// // One factorisation in place: the kernel itself and little more.
/// let bytes = memory::kernel_ridge(&Ridge::Value(1e-3), 10_000, 10, 8);
/// assert!(bytes < 900_000_000);
/// ```
pub fn kernel_ridge(ridge: &Ridge, n: usize, m: usize, element: usize) -> u64 {
    let kernel = square(n) * element as u64;
    let factor = kernel + columns(n, 4 * m + 600);
    match ridge {
        Ridge::Auto(path) => match path.route {
            Route::Cholesky => factor.max(eigen(SUBSET.min(n), m)),
            Route::Auto if n > EIGEN_LIMIT => factor.max(eigen(SUBSET.min(n), m)),
            _ => eigen(n, m) + if element == 8 { 0 } else { kernel },
        },
        _ => factor,
    }
}

/// Peak of [`crate::GaussianProcess`]; `searched`: is the noise found by marginal likelihood? The model keeps
/// one `n x n` matrix of doubles.
pub fn gaussian_process(searched: bool, n: usize, m: usize, element: usize) -> u64 {
    let narrow = if element == 8 { 0 } else { square(n) * element as u64 };
    narrow + if searched { eigen(n, m) } else { square(n) * 8 + columns(n, 4 * m + 600) }
}

/// Peak of [`crate::FeatureRidge`] for `n x p` features, which stay with the caller.
pub fn feature_ridge(ridge: &Ridge, n: usize, p: usize, m: usize, element: usize) -> u64 {
    if p > n {
        return kernel_ridge(ridge, n, m, element);
    }
    let blocks = columns(p, 2048 + 4 * m);
    match ridge {
        Ridge::Auto(_) => 2 * square(p) * 8 + eigen(p, m).max(columns(n, p) + path(n, m)) + blocks,
        _ => 2 * square(p) * 8 + blocks,
    }
}

/// Peak of [`crate::StreamingRidge`] for `p` features and `m` outputs, moments included and however many rows.
///
/// ```
/// use widelimit_learn::{Ridge, memory};
/// // The moments, their copy that is factored in place, and a block of rows.
/// let bytes = memory::streaming_ridge(&Ridge::Value(1e-3), 4096, 10);
/// assert!(bytes < 370_000_000);
/// ```
pub fn streaming_ridge(ridge: &Ridge, p: usize, m: usize) -> u64 {
    // A block of rows, and the same packed.
    let moments = square(p) * 8 + columns(p + m, 2 * 1024 + 64) + columns(p, m);
    match ridge {
        Ridge::Auto(path)
            if path.route == Route::Eigen
                || path.route == Route::Auto && p <= streaming::EIGEN_LIMIT =>
        {
            moments + square(p) * 8 * (1 + EIGEN_MATRICES) + columns(p, 4 * m)
        }
        _ => moments + square(p) * 8 + columns(p, 4 * m + 600),
    }
}

/// Rows of the random subset that starts the search of [`Route::Cholesky`].
pub(crate) const SUBSET: usize = 2000;

fn square(n: usize) -> u64 {
    (n as u64) * (n as u64)
}

fn columns(n: usize, m: usize) -> u64 {
    n as u64 * m as u64 * 8
}

fn eigen(n: usize, m: usize) -> u64 {
    square(n) * 8 * EIGEN_MATRICES + path(n, m)
}

/// Batch of right-hand sides of the leave-one-out path, twice, and blocks of squared vectors.
fn path(n: usize, m: usize) -> u64 {
    2 * 8 * (1u64 << 22).max(columns(n, m + 1) / 8) + columns(n, 600)
}
