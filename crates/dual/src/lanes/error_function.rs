//! The error function and its relatives, all through one scaled complement.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use super::{Real, polynomial};

/// `(1 + 2x) erfcx(x)` in `q = (x - 4) / (x + 4)` on [-1, 1], relative error 1e-17.
const SCALED_DOUBLE: [f64; 25] = [
    1.2329951186255526,
    -0.13962111684056228,
    0.015379652102619974,
    0.06809705425466839,
    -0.10103906603631811,
    0.09373283499911264,
    -0.06633036581186058,
    0.037167515526338006,
    -0.01619773406293477,
    0.005031970069102256,
    -0.0007577732435942576,
    -0.0001992571524726518,
    0.00015062142608651945,
    -2.4397731143023292e-05,
    -1.1221135665965907e-05,
    5.70657829924074e-06,
    2.9173425573089733e-07,
    -8.210647933297337e-07,
    7.771943241086912e-08,
    1.0631817593818149e-07,
    -2.0725802488181963e-08,
    -1.2338731403798444e-08,
    3.2323973445082033e-09,
    9.297625263709659e-10,
    -2.764120233734578e-10,
];

/// The same, relative error 3.59e-9.
const SCALED_SINGLE: [f64; 13] = [
    1.2329951186255526,
    -0.13962108431457343,
    0.015379683653270457,
    0.06809613205416176,
    -0.10103995084812757,
    0.09374044379277174,
    -0.06632325953594628,
    0.037139916895707926,
    -0.016222274556440326,
    0.005082809154341805,
    -0.0007163394718890914,
    -0.0002486322974476492,
    0.00011660799658166694,
];

/// `erf(x) / x` in `x^2` on [0, 1/4], relative error 4e-18.
const CENTRE_DOUBLE: [f64; 9] = [
    FRAC_2_SQRT_PI,
    -0.3761263890318347,
    0.11283791670925271,
    -0.026866170632859,
    0.0052239773725259965,
    -0.0008548297707906897,
    0.00012053332795966865,
    -1.4845787890421724e-05,
    1.4725211252266738e-06,
];

/// The same, relative error 1.39e-9.
const CENTRE_SINGLE: [f64; 5] = [
    1.1283791655988538,
    -0.3761260896064194,
    0.11282830307463262,
    -0.026757649190498018,
    0.0047188918862749235,
];

/// `e^(x^2) erfc(x)` for `x >= 0`.
#[inline(always)]
fn scaled<R: Real>(x: R) -> R {
    // far out the map to [-1, 1] has long reached its end
    let near = x.min(x.lit(1e18));
    let q = (near - 4.0) / (near + 4.0);
    let sum = if R::SINGLE { polynomial(q, &SCALED_SINGLE) } else { polynomial(q, &SCALED_DOUBLE) };
    sum / (x * 2.0 + 1.0)
}

/// `e^(-x^2)` with the rounding of the square made good.
#[inline(always)]
fn bell<R: Real>(x: R) -> R {
    let x = x.abs().min(x.lit(if R::SINGLE { 16.0 } else { 64.0 }));
    let square = x * x;
    let rest = x.fma(x, -square);
    let value = (-square).exp();
    value - value * rest
}

#[inline(always)]
pub(super) fn erfcx<R: Real>(x: R) -> R {
    let y = x.abs();
    let right = scaled(y);
    let y = y.min(x.lit(if R::SINGLE { 9.0 } else { 26.5 }));
    let square = y * y;
    let rest = y.fma(y, -square);
    let value = square.exp() * 2.0;
    let left = value.mul_add(rest, value) - right;
    left.select(x.lt(x.zero()), right)
}

#[inline(always)]
pub(super) fn erfc<R: Real>(x: R) -> R {
    let tail = bell(x) * scaled(x.abs());
    (-tail + 2.0).select(x.lt(x.zero()), tail)
}

#[inline(always)]
pub(super) fn erf<R: Real>(x: R) -> R {
    let y = x.abs();
    let z = y * y;
    let sum = if R::SINGLE { polynomial(z, &CENTRE_SINGLE) } else { polynomial(z, &CENTRE_DOUBLE) };
    let outer = -(bell(y) * scaled(y)) + 1.0;
    (y * sum).select(y.lt(y.lit(0.5)), outer).copysign(x)
}

#[inline(always)]
pub(super) fn norm_pdf<R: Real>(x: R) -> R {
    half_bell(x) * 0.398_942_280_401_432_7
}

#[inline(always)]
pub(super) fn norm_cdf<R: Real>(x: R) -> R {
    let tail = half_bell(x) * scaled(x.abs() * FRAC_1_SQRT_2) * 0.5;
    (-tail + 1.0).select(x.gt(x.zero()), tail)
}

/// `e^(-x^2/2)`.
#[inline(always)]
fn half_bell<R: Real>(x: R) -> R {
    let x = x.abs().min(x.lit(if R::SINGLE { 16.0 } else { 64.0 }));
    let square = x * x;
    let rest = x.fma(x, -square);
    let value = (square * -0.5).exp();
    value - value * (rest * 0.5)
}
