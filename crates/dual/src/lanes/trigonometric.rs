//! Sine and cosine.

use std::f64::consts::FRAC_2_PI;

use super::{Real, polynomial};

/// `(sin(r) - r) / r^3` in `r^2` on [0, (pi/4)^2], relative error 1e-16.
const SINE_DOUBLE: [f64; 6] = [
    -0.16666666666666666,
    0.008333333333330936,
    -0.00019841269836740532,
    2.7557316093198404e-06,
    -2.5051129896450185e-08,
    1.5917988979397435e-10,
];

/// The same, relative error 1.2e-7.
const SINE_SINGLE: [f64; 3] = [-0.16666664656312208, 0.00833274710466453, -0.0001958763909873762];

/// `(cos(r) - 1 + r^2/2) / r^4` in `r^2` on [0, (pi/4)^2], relative error 3e-17.
const COSINE_DOUBLE: [f64; 6] = [
    0.041666666666666664,
    -0.0013888888888887389,
    2.48015872987544e-05,
    -2.755731726587808e-07,
    2.087614504941318e-09,
    -1.138254464534925e-11,
];

/// The same, relative error 5e-8.
const COSINE_SINGLE: [f64; 3] = [0.04166666465348879, -0.001388830186756237, 2.454768977246003e-05];

/// `pi/2` in three parts, the first two with room for a factor of 2^15.
const HALF_PI_DOUBLE: [f64; 3] =
    [1.570_796_326_734_125_6, 6.077_100_506_303_966e-11, 2.022_266_248_795_950_7e-21];
const HALF_PI_SINGLE: [f64; 3] = [1.570_312_5, 4.837_512_969_970_703e-4, 7.549_789_954_891_882e-8];

#[inline(always)]
pub(super) fn sin_cos<R: Real>(x: R) -> (R, R) {
    let n = (x * FRAC_2_PI).round();
    let parts = if R::SINGLE { HALF_PI_SINGLE } else { HALF_PI_DOUBLE };
    let mut r = x;
    for part in parts {
        r = (-n).mul_add(x.lit(part), r);
    }
    let z = r * r;
    let (s, c) = if R::SINGLE {
        (polynomial(z, &SINE_SINGLE), polynomial(z, &COSINE_SINGLE))
    } else {
        (polynomial(z, &SINE_DOUBLE), polynomial(z, &COSINE_DOUBLE))
    };
    let sin = (z * r).mul_add(s, r);
    let cos = (z * z).mul_add(c, z * -0.5) + 1.0;
    // quadrant from n modulo 4
    let quarter = n - ((n * 0.25).round() * 4.0);
    let odd = quarter.abs().eq(x.lit(1.0));
    let (s, c) = (cos.select(odd, sin), sin.select(odd, cos));
    let half_turn = quarter.abs().eq(x.lit(2.0));
    let s = (-s).select(half_turn, s);
    let c = (-c).select(half_turn, c);
    // 1: (cos, -sin); -1: (-cos, sin)
    let s = (-s).select(quarter.eq(x.lit(-1.0)), s);
    let c = (-c).select(quarter.eq(x.lit(1.0)), c);
    (s, c)
}
