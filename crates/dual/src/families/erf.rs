//! Error-function sigmoids (Williams 1998): `A erf(Bx) + C`, the normal distribution function, and
//! the usual stand-in for the logistic sigmoid.
//!
//! `k = (2 A^2/pi) atan2(c', sqrt(Q)) + C^2`, `kd = (4 A^2 B^2/pi) / sqrt(Q)` with variances and
//! covariance scaled by `2 B^2` and `Q = (1 + a')(1 + b') - c'^2`.

use std::f64::consts::FRAC_1_PI;

use super::plus_one::{self, PlusOne};
use crate::Pair;
use crate::lanes::{F64x1, Real};
use crate::route::Family;

/// `A erf(Bx) + C`.
#[derive(Clone, Debug)]
pub(crate) struct Erf {
    /// `2 B^2`.
    inner: f64,
    /// `2 A^2 / pi`.
    outer: f64,
    /// `C^2`.
    offset: f64,
}

impl Erf {
    pub(crate) fn new(a: f64, b: f64, c: f64) -> Self {
        Self { inner: 2.0 * b * b, outer: 2.0 * FRAC_1_PI * a * a, offset: c * c }
    }
}

impl Family<3> for Erf {
    fn prepare(&self, v: f64, _single: bool) -> [f64; 3] {
        plus_one::prepare(self.inner * v)
    }

    #[inline(always)]
    fn pair<R: Real>(&self, left: [R; 3], right: [R; 3], c: R) -> (R, R) {
        let form = PlusOne::new(left, right, c * c.lit(self.inner));
        let root = form.q.sqrt();
        let (phi, _) = R::angle(form.covariance.abs(), root);
        let k = phi.copysign(c).mul_add(c.lit(self.outer), c.lit(self.offset));
        (k, (form.scale / root) * c.lit(self.outer * self.inner))
    }

    fn diagonal(&self, v: f64) -> Pair {
        let point = self.prepare(v, false).map(F64x1);
        let (k, kd) = self.pair(point, point, F64x1(v));
        Pair { k: k.0, kd: kd.0 }
    }
}
