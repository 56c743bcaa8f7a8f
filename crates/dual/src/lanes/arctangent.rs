//! Inverse trigonometric functions, all through one arctangent.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

use super::{Real, polynomial};

/// `(q - atan(q)) / q^3` in `q^2` on [0, tan(pi/8)^2], relative error 1e-16.
const DOUBLE: [f64; 11] = [
    0.3333333333333333,
    -0.19999999999995516,
    0.1428571428466568,
    -0.1111111101518702,
    0.0909090457530649,
    -0.07692183125376892,
    0.06664510525508938,
    -0.05858140904866328,
    0.05085407834589484,
    -0.03923044778479309,
    0.019175404711104935,
];

/// The same, relative error 5e-8.
const SINGLE: [f64; 5] = [
    0.33333331760434554,
    -0.1999954031495797,
    0.14263949753605723,
    -0.10743668324830098,
    0.06451718869358958,
];

const TAN_PI_8: f64 = 0.41421356237309503;

/// `q - atan(q)` for `|q| <= tan(pi/8)`, without cancellation.
#[inline(always)]
pub(super) fn atan_bend<R: Real>(q: R) -> R {
    let z = q * q;
    let sum = if R::SINGLE { polynomial(z, &SINGLE) } else { polynomial(z, &DOUBLE) };
    (q * z) * sum
}

/// `(phi, y - phi x)` with `phi = atan2(y, x)`, for `x, y >= 0` not both zero.
#[inline(always)]
pub(super) fn angle<R: Real>(y: R, x: R) -> (R, R) {
    let small = y.lt(x * TAN_PI_8);
    let large = x.lt(y * TAN_PI_8);
    let numerator = y.select(small, (-x).select(large, y - x));
    let denominator = x.select(small, y.select(large, x + y));
    let base = x.zero().select(small, x.lit(FRAC_PI_2).select(large, x.lit(FRAC_PI_4)));
    let q = numerator / denominator;
    let bend = atan_bend(q);
    let phi = base + (q - bend);
    let deficit = (x * bend).select(small, (-phi).mul_add(x, y));
    (phi, deficit)
}

/// The angle of the point `(x, y)` in [-pi, pi]; 0 at the origin.
#[inline(always)]
pub(super) fn atan2<R: Real>(y: R, x: R) -> R {
    let (across, along) = (y.abs(), x.abs());
    let origin = across.max(along).eq(x.zero());
    let (phi, _) = angle(across, x.lit(1.0).select(origin, along));
    let phi = (-phi + PI).select(x.lt(x.zero()), phi);
    phi.copysign(y)
}

/// Clamped to [-1, 1] first.
#[inline(always)]
pub(super) fn asin<R: Real>(x: R) -> R {
    let one = x.lit(1.0);
    let y = x.abs().min(one);
    angle(y, ((one - y) * (one + y)).sqrt()).0.copysign(x)
}

/// Clamped to [-1, 1] first.
#[inline(always)]
pub(super) fn acos<R: Real>(x: R) -> R {
    let one = x.lit(1.0);
    let y = x.abs().min(one);
    let phi = angle(((one - y) * (one + y)).sqrt(), y).0;
    (-phi + PI).select(x.lt(x.zero()), phi)
}
