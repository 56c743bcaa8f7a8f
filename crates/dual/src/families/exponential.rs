//! Kernels that are one exponential: `A exp(Bx)`, the Gaussian (RBF) kernel, and the normalised
//! exponential.

use super::polar;
use crate::Pair;
use crate::lanes::{F64x1, Real};
use crate::route::Family;

/// `k = A exp(g a + g b + r c)`, `kd = r k`. The exponents are added before the exponential is
/// taken, so that no factor overflows where the product does not.
#[derive(Clone, Debug)]
pub(crate) struct Exponential {
    amplitude: f64,
    variance: f64,
    covariance: f64,
}

impl Exponential {
    /// `s = a exp(bx)`: `k = a^2 exp(b^2 (a + b + 2c) / 2)`.
    pub(crate) fn exp(a: f64, b: f64) -> Self {
        Self { amplitude: a * a, variance: b * b / 2.0, covariance: b * b }
    }

    /// `k = exp(-gamma (a + b - 2c))`.
    pub(crate) fn rbf(gamma: f64) -> Self {
        Self { amplitude: 1.0, variance: -gamma, covariance: 2.0 * gamma }
    }
}

impl Family<1> for Exponential {
    fn prepare(&self, v: f64, _single: bool) -> [f64; 1] {
        [self.variance * v]
    }

    #[inline(always)]
    fn pair<R: Real>(&self, left: [R; 1], right: [R; 1], c: R) -> (R, R) {
        let exponent = c.mul_add(c.lit(self.covariance), left[0] + right[0]);
        let k = exponent.exp() * c.lit(self.amplitude);
        (k, k * c.lit(self.covariance))
    }

    fn diagonal(&self, v: f64) -> Pair {
        let k = self.amplitude * (2.0 * (self.variance * v) + self.covariance * v).exp();
        Pair { k, kd: k * self.covariance }
    }
}

/// A kernel without a function behind it: with `r = sqrt(ab)`,
/// `k = r exp(gamma (c/r + shift))`, `kd = gamma exp(gamma (c/r + shift))`; `c/r` counts as 0
/// where `r = 0`.
#[derive(Clone, Debug)]
pub(crate) struct ExpNormalized {
    pub gamma: f64,
    pub shift: f64,
}

impl Family<3> for ExpNormalized {
    fn prepare(&self, v: f64, _single: bool) -> [f64; 3] {
        let [_, e, root_inverse] = polar::prepare(v);
        [e, root_inverse, v.sqrt()]
    }

    #[inline(always)]
    fn pair<R: Real>(&self, left: [R; 3], right: [R; 3], c: R) -> (R, R) {
        let rho = (c * (left[0] * right[0])) * (left[1] * right[1]);
        let rho = rho.max(c.lit(-1.0)).min(c.lit(1.0));
        let value = rho.mul_add(c.lit(self.gamma), c.lit(self.gamma * self.shift)).exp();
        ((left[2] * right[2]) * value, value * c.lit(self.gamma))
    }

    fn diagonal(&self, v: f64) -> Pair {
        if v == 0.0 {
            let point = self.prepare(v, false).map(F64x1);
            let (k, kd) = self.pair(point, point, F64x1(0.0));
            return Pair { k: k.0, kd: kd.0 };
        }
        let value = (self.gamma * (1.0 + self.shift)).exp();
        Pair { k: v * value, kd: self.gamma * value }
    }
}
