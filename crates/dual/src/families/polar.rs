//! Pairs in polar form, for duals that depend on the angle between the points.

use super::scale::near_one;
use crate::lanes::Real;

/// Prepared numbers of one point: its variance near 1, the power of two that brought it there, and
/// one over the root of the first. A zero vector is orthogonal to everything.
pub(super) fn prepare(v: f64) -> [f64; 3] {
    if v == 0.0 {
        return [1.0, 0.0, 1.0];
    }
    let (scaled, e) = near_one(v);
    [scaled, e, 1.0 / scaled.sqrt()]
}

/// `(p' sin, p' cos)` of the angle, for a common factor `p'` near 1.
///
/// The sine comes from `ab - c^2` in one piece, so that equal points have angle 0 exactly. An angle
/// so small that the rounding of the covariance may have made it (`theta^2 < 2^-49` in `f64`)
/// counts as 0: a layer that takes a root of the rounding at collinear points would otherwise
/// hand it to the next one, which takes a root again.
#[inline(always)]
pub(super) fn sine_cosine<R: Real>(left: [R; 2], right: [R; 2], c: R) -> (R, R) {
    let scaled = c * (left[1] * right[1]);
    let square = R::difference_of_products(left[0], right[0], scaled, scaled);
    let noise = if R::SINGLE { f64::from(f32::EPSILON) } else { f64::EPSILON };
    let resolved = (left[0] * right[0] * (8.0 * noise)).lt(square);
    (square.select(resolved, c.zero()).sqrt(), scaled)
}
