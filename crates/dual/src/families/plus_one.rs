//! The determinant `Q = (1 + a)(1 + b) - c^2` that bell- and sigmoid-shaped activations share.

use super::scale::near_one;
use crate::lanes::Real;

/// Prepared numbers of one point of (rescaled) variance `a`: `a e^2`, `e^2` and `e`, where the
/// power of two `e` is 1 for small `a` and brings large ones near 1.
pub(super) fn prepare(a: f64) -> [f64; 3] {
    if a < 4.0 || !a.is_finite() {
        return [a, 1.0, 1.0];
    }
    let (scaled, e) = near_one(a);
    [scaled, e * e, e]
}

/// What a pair's duals are made of, with `E = e e'`.
pub(super) struct PlusOne<R> {
    /// `E`.
    pub scale: R,
    /// `E^2`.
    pub square: R,
    /// `E c`.
    pub covariance: R,
    /// `E^2 (a + b)`.
    pub sum: R,
    /// `E^2 (ab - c^2)`.
    pub determinant: R,
    /// `E^2 Q`.
    pub q: R,
}

impl<R: Real> PlusOne<R> {
    /// `c` is the covariance in the same units as `a`.
    ///
    /// `Q = 1 + (a + b) + (ab - c^2)` has no cancellation: the last bracket is formed in one piece
    /// and never negative.
    #[inline(always)]
    pub(super) fn new(left: [R; 3], right: [R; 3], c: R) -> Self {
        let scale = left[2] * right[2];
        let square = left[1] * right[1];
        let covariance = c * scale;
        let sum = left[0] * right[1] + right[0] * left[1];
        let determinant =
            R::difference_of_products(left[0], right[0], covariance, covariance).max(c.zero());
        Self { scale, square, covariance, sum, determinant, q: (square + sum) + determinant }
    }
}
