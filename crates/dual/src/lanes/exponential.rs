//! Exponentials.

use super::{Real, polynomial};

/// `1/k!` for k = 2, 3, ...: on |r| <= ln(2)/2 the remainder after degree 13 is below 2^-56.
const DOUBLE: [f64; 12] = [
    0.5,
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5040.0,
    1.0 / 40320.0,
    1.0 / 362880.0,
    1.0 / 3628800.0,
    1.0 / 39916800.0,
    1.0 / 479001600.0,
    1.0 / 6227020800.0,
];

const SINGLE: [f64; 6] = [0.5, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0, 1.0 / 5040.0];

/// `e^x` as `2^n e^r`, `|r| <= ln(2)/2`.
#[inline(always)]
pub(super) fn exp<R: Real>(x: R) -> R {
    let (low, high) = if R::SINGLE { (-86.0, 88.7) } else { (-707.0, 709.7) };
    let clamped = x.max(x.lit(low)).min(x.lit(high));
    let (n, r) = reduce(clamped);
    let tail = if R::SINGLE { polynomial(r, &SINGLE) } else { polynomial(r, &DOUBLE) };
    let value = (r * r).mul_add(tail, r) + 1.0;
    // two steps, since 2^1024 itself is not a number
    let scaled = value * (n - 1.0).pow2() * 2.0;
    x.zero().select(x.lt(x.lit(low)), scaled)
}

/// `x = n ln(2) + r`, ln(2) in two parts so that r is exact to the last place.
#[inline(always)]
fn reduce<R: Real>(x: R) -> (R, R) {
    let n = (x * std::f64::consts::LOG2_E).round();
    let (high, low) = if R::SINGLE {
        (0.693359375, -0.00021219444005469057)
    } else {
        (0.6931471803691238, 1.9082149292705877e-10)
    };
    let r = (-n).mul_add(x.lit(high), x);
    (n, (-n).mul_add(x.lit(low), r))
}

/// `e^x - 1`, relative accuracy down to the smallest arguments.
#[inline(always)]
pub(super) fn expm1<R: Real>(x: R) -> R {
    let high = if R::SINGLE { 88.7 } else { 709.7 };
    // below -40 the result is -1 to the last place
    let (n, r) = reduce(x.max(x.lit(-40.0)).min(x.lit(high)));
    let tail = if R::SINGLE { polynomial(r, &SINGLE) } else { polynomial(r, &DOUBLE) };
    let small = (r * r).mul_add(tail, r);
    let half = (n - 1.0).pow2();
    small.mul_add(half, half - 0.5) * 2.0
}
