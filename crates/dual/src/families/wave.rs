//! Sines and cosines.
//!
//! Exponentials of opposite sign are combined before anything overflows or cancels: with
//! `x = a + b`, `E = exp(|c| - x)` and `M = 1 - exp(-2|c|)` the two terms are `E` and `E (1 - M)`,
//! and their difference is `E M`.

use crate::lanes::{F64x1, Real};
use crate::route::Family;
use crate::{Error, Pair};

/// `A sin(Bx + C)`: with variances and covariance scaled by `B^2`,
///
/// ```text
/// k  = (A^2/2)     (e^{-(a + b - 2c)/2} - e^{-(a + b + 2c)/2} cos 2C)
/// kd = (A^2 B^2/2) (e^{-(a + b - 2c)/2} + e^{-(a + b + 2c)/2} cos 2C)
/// ```
#[derive(Clone, Debug)]
pub(crate) struct Wave {
    /// `B^2`.
    inner: f64,
    /// `A^2 / 2`.
    outer: f64,
    /// `|cos 2C|`.
    mixed: f64,
    /// `1 - |cos 2C|`.
    rest: f64,
    /// Whether `cos 2C` is negative, so that `k` and `kd` exchange roles.
    exchanged: bool,
}

impl Wave {
    pub(crate) fn sin(a: f64, b: f64, c: f64) -> Self {
        Self::new(a, b, (2.0 * c).cos(), c.sin(), c.cos())
    }

    /// `A cos(Bx + C)`, the sine with its phase advanced by a quarter turn.
    pub(crate) fn cos(a: f64, b: f64, c: f64) -> Self {
        Self::new(a, b, -(2.0 * c).cos(), c.cos(), c.sin())
    }

    fn new(a: f64, b: f64, double: f64, sin: f64, cos: f64) -> Self {
        let exchanged = double < 0.0;
        let root = if exchanged { cos } else { sin };
        Self {
            inner: b * b,
            outer: a * a / 2.0,
            mixed: double.abs(),
            rest: 2.0 * root * root,
            exchanged,
        }
    }
}

impl Family<1> for Wave {
    fn prepare(&self, v: f64, _single: bool) -> [f64; 1] {
        [self.inner * v * 0.5]
    }

    #[inline(always)]
    fn pair<R: Real>(&self, left: [R; 1], right: [R; 1], c: R) -> (R, R) {
        let covariance = c * c.lit(self.inner);
        let x = covariance.abs();
        let larger = (x - (left[0] + right[0])).min(c.zero()).exp();
        let share = -(x * -2.0).expm1();
        let difference = larger * share;
        let smaller = larger - difference;
        let negative = c.lt(c.zero());
        let near = smaller.select(negative, larger);
        let far = larger.select(negative, smaller);
        // the kernel for cos 2C >= 0, and its derivative
        let odd = far.mul_add(c.lit(self.rest), difference.copysign(c));
        let even = far.mul_add(c.lit(self.mixed), near);
        let (k, kd) = if self.exchanged { (even, odd) } else { (odd, even) };
        (k * c.lit(self.outer), kd * c.lit(self.outer * self.inner))
    }

    fn diagonal(&self, v: f64) -> Pair {
        let point = self.prepare(v, false).map(F64x1);
        let (k, kd) = self.pair(point, point, F64x1(v));
        Pair { k: k.0, kd: kd.0 }
    }
}

/// `x + sin^2(Ax) / A`: with variances and covariance scaled by `A^2`,
///
/// ```text
/// k  = (c + (1 - e^{-2a} - e^{-2b} + e^{-2(a+b)} cosh 4c) / 4) / A^2
/// kd = 1 + e^{-2(a+b)} sinh 4c
/// ```
///
/// where the bracket is `(1 - e^{-2a})(1 - e^{-2b}) + 2 (e^{-(a+b)} sinh 2c)^2`.
#[derive(Clone, Debug)]
pub(crate) struct Snake {
    /// `A^2`.
    inner: f64,
}

impl Snake {
    pub(crate) fn new(a: f64) -> Result<Self, Error> {
        if a == 0.0 {
            return Err(Error::Parameter {
                activation: "snake",
                parameter: "a",
                value: a,
                reason: "it divides the activation",
            });
        }
        Ok(Self { inner: a * a })
    }
}

impl Family<2> for Snake {
    fn prepare(&self, v: f64, _single: bool) -> [f64; 2] {
        let scaled = self.inner * v;
        [scaled, -(-2.0 * scaled).exp_m1()]
    }

    #[inline(always)]
    fn pair<R: Real>(&self, left: [R; 2], right: [R; 2], c: R) -> (R, R) {
        let x = c.abs() * c.lit(2.0 * self.inner);
        let larger = (x - (left[0] + right[0])).min(c.zero()).exp();
        let share = -(x * -2.0).expm1();
        let sinh = larger * share * 0.5;
        let rest = (sinh * sinh) * 0.5 + (left[1] * right[1]) * 0.25;
        let slope = (larger * sinh) * (-share + 2.0);
        (rest.mul_add(c.lit(1.0 / self.inner), c), slope.copysign(c) + 1.0)
    }

    fn diagonal(&self, v: f64) -> Pair {
        let point = self.prepare(v, false).map(F64x1);
        let (k, kd) = self.pair(point, point, F64x1(v));
        Pair { k: k.0, kd: kd.0 }
    }
}
