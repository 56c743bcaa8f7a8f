//! `A exp(B x^2)` with `B <= 0`.
//!
//! `k = A^2 / sqrt(Q)`, `kd = A^2 (2|B|) c' / Q^(3/2)` with variances and covariance scaled by
//! `2|B|` and `Q = (1 + a')(1 + b') - c'^2`.

use super::plus_one::{self, PlusOne};
use crate::lanes::{F64x1, Real};
use crate::route::Family;
use crate::{Error, Pair};

/// `A exp(B x^2)`.
#[derive(Clone, Debug)]
pub(crate) struct Gaussian {
    /// `-2 B`.
    inner: f64,
    /// `A^2`.
    outer: f64,
}

impl Gaussian {
    pub(crate) fn new(a: f64, b: f64) -> Result<Self, Error> {
        if b > 0.0 {
            return Err(Error::Parameter {
                activation: "gaussian",
                parameter: "b",
                value: b,
                reason: "a positive exponent has no kernel at large variances",
            });
        }
        Ok(Self { inner: -2.0 * b, outer: a * a })
    }
}

impl Family<3> for Gaussian {
    fn prepare(&self, v: f64, _single: bool) -> [f64; 3] {
        plus_one::prepare(self.inner * v)
    }

    #[inline(always)]
    fn pair<R: Real>(&self, left: [R; 3], right: [R; 3], c: R) -> (R, R) {
        let form = PlusOne::new(left, right, c * c.lit(self.inner));
        let inverse = c.lit(1.0) / form.q.sqrt();
        let u = form.scale * inverse;
        let slope = (form.covariance * inverse) * (u * u);
        (u * c.lit(self.outer), slope * c.lit(self.outer * self.inner))
    }

    fn diagonal(&self, v: f64) -> Pair {
        let point = self.prepare(v, false).map(F64x1);
        let (k, kd) = self.pair(point, point, F64x1(v));
        Pair { k: k.0, kd: kd.0 }
    }
}
