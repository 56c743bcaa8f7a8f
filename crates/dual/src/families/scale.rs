//! Variances brought near 1 by exact powers of two, so that their products neither overflow nor
//! vanish.

use crate::lanes::Real;

/// `(v e^2, e)` with `e` a power of two and `v e^2` in [1, 4), for subnormal `v` below.
pub(crate) fn near_one(v: f64) -> (f64, f64) {
    // half the exponent of two; that of subnormal numbers reads -1023
    let exponent = (v.to_bits() >> 52) as i64 - 1023;
    let k = (exponent >> 1).clamp(-511, 511);
    let e = f64::from_bits(((1023 - k) as u64) << 52);
    (v * e * e, e)
}

/// Distances `1 - |rho|` below which the derivative of a kinked activation, for covariances that are sums
/// in `f32`, is off by 1e-5 and more.
const NEAR: f64 = 1.0 / 262_144.0;

/// How much closer than that `1 - |rho|` is: 1 for equal points, 0 for points further apart.
#[inline(always)]
pub(crate) fn closeness<R: Real>(distance: R) -> R {
    distance.mul_add(distance.lit(-1.0 / NEAR), distance.lit(1.0)).max(distance.zero())
}

/// The same from a product of variances and a covariance.
#[inline(always)]
pub(crate) fn closeness_of<R: Real>(power: R, covariance: R) -> R {
    let root = power.sqrt();
    closeness(((root - covariance.abs()) / root).max(root.zero()))
}
