//! `exp(-x^2) sin(x)`.
//!
//! With variances and covariance doubled, `s = a' + b'`, `f = a'b' - c'^2`, `Q = 1 + s + f` and
//! `x = c' / (2Q)`, which lies in [-1/4, 1/4]:
//!
//! ```text
//! k  = exp(-(s/2 + f) / (2Q)) sinh(x) / sqrt(Q)
//! kd = exp(-(s/2 + f) / (2Q)) ((Q + 2c'^2) cosh(x) + 2c' (f + 3s/2 + 2) sinh(x)) / Q^(5/2)
//! ```

use super::plus_one::{self, PlusOne};
use crate::Pair;
use crate::lanes::{F64x1, Real, polynomial};
use crate::route::Family;

/// `exp(-x^2) sin(x)`.
#[derive(Clone, Debug)]
pub(crate) struct Gabor;

/// `sinh(x)/x` and `cosh(x)` in `x^2`, to 2^-56 for `|x| <= 1/4`.
const SINH: [f64; 6] =
    [1.0, 1.0 / 6.0, 1.0 / 120.0, 1.0 / 5040.0, 1.0 / 362_880.0, 1.0 / 39_916_800.0];
const COSH: [f64; 6] = [1.0, 0.5, 1.0 / 24.0, 1.0 / 720.0, 1.0 / 40_320.0, 1.0 / 3_628_800.0];

impl Family<3> for Gabor {
    fn prepare(&self, v: f64, _single: bool) -> [f64; 3] {
        plus_one::prepare(2.0 * v)
    }

    #[inline(always)]
    fn pair<R: Real>(&self, left: [R; 3], right: [R; 3], c: R) -> (R, R) {
        let PlusOne { scale, square, covariance, sum, determinant, q } =
            PlusOne::new(left, right, c * 2.0);
        let inverse = c.lit(1.0) / q.sqrt();
        let q_inverse = inverse * inverse;
        let u = scale * inverse;
        let x = (covariance * inverse) * u * 0.5;
        let bell = ((sum * 0.5 + determinant) * q_inverse * -0.5).exp();
        let z = x * x;
        let sinh = x * polynomial(z, &SINH);
        let cosh = polynomial(z, &COSH);
        let k = bell * sinh * u;
        let even = (q + covariance * covariance * 2.0) * q_inverse * u * cosh;
        let odd = (determinant + sum * 1.5 + square * 2.0) * q_inverse;
        let odd = (covariance * inverse) * odd * sinh * 2.0;
        (k, bell * (u * u) * (even + odd))
    }

    fn diagonal(&self, v: f64) -> Pair {
        let point = self.prepare(v, false).map(F64x1);
        let (k, kd) = self.pair(point, point, F64x1(v));
        Pair { k: k.0, kd: kd.0 }
    }
}
