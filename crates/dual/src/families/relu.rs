//! Two straight pieces meeting at zero: ReLU, leaky ReLU, absolute value.
//!
//! Core form (Cho and Saul 2009, degree 1), with `p = sqrt(ab)`, `S = sqrt(ab - c^2)` and the
//! folded angle `phi = atan2(S, |c|)` in [0, pi/2]:
//!
//! ```text
//! E[u+ v+]           = (max(c, 0) + (S - phi |c|) / pi) / 2
//! P(u > 0 and v > 0) = 1/2 - phi / (2 pi) for c >= 0, phi / (2 pi) below
//! ```
//!
//! Nothing cancels: `S - phi |c|` is evaluated as one quantity of third order in `phi`.

use std::f64::consts::FRAC_1_PI;

use super::scale::{closeness, near_one};
use crate::Pair;
use crate::lanes::{Real, polynomial, quintic, sextic};
use crate::route::Family;

/// Minimax polynomials in `w = 1 - |rho|` for `f32`: `acos(|rho|) / (pi sqrt(w))`, relative error
/// 1.0e-7.
const ANGLE: [f64; 7] = [
    0.4501582044139921,
    0.037508898060880064,
    0.008504632515609224,
    0.0021565471989931843,
    0.001767273578662927,
    -0.0008211791331546821,
    0.0007255718995854922,
];

/// `(sin - theta cos)(acos |rho|) / (pi w^1.5)`, relative error 1.5e-8.
const SINE: [f64; 7] = [
    0.3001054430790212,
    0.015004868194057639,
    0.002417633982763136,
    0.0005244028720278441,
    0.00024298424499965575,
    -6.210631069070453e-05,
    7.665549717656757e-05,
];

/// The same with a relative error of 1.2e-7.
const SHORT_SINE: [f64; 6] =
    [0.300105402, 0.0150077294, 0.00238485459, 0.000662315818, -2.00471807e-05, 0.000169592663];

const HALF_ANGLE: [f64; 7] = half(ANGLE);
const HALF_SINE: [f64; 6] = half(SHORT_SINE);

/// Every coefficient halved.
const fn half<const N: usize>(mut c: [f64; N]) -> [f64; N] {
    let mut k = 0;
    while k < N {
        c[k] /= 2.0;
        k += 1;
    }
    c
}

/// `a min(x, 0) + b max(x, 0)`: `k = (b - a)^2 E[u+ v+] + a b c`.
#[derive(Clone, Debug)]
pub(crate) struct Relu {
    /// `(b - a)^2`.
    bend: f64,
    /// `a b`.
    linear: f64,
    /// `(a^2 + b^2) / 2`.
    power: f64,
}

impl Relu {
    pub(crate) fn new(a: f64, b: f64) -> Self {
        Self { bend: (b - a) * (b - a), linear: a * b, power: (a * a + b * b) / 2.0 }
    }

    /// Twice the two quantities above, in `f32`.
    ///
    /// `sqrt(a b) - |c|` is formed with square roots in two `f32` parts each, so that equal points
    /// meet at an angle of 0 and not of sqrt(2^-24).
    #[inline(always)]
    fn single<R: Real>(left: [R; 3], right: [R; 3], c: R) -> (R, R) {
        let [s, s_low, s_inverse] = left;
        let [t, t_low, t_inverse] = right;
        let x = c.abs();
        let gap = (s.mul_add(t, -x) + (s * t_low + t * s_low)).max(c.zero());
        let w = (gap * (s_inverse * t_inverse)).min(c.lit(1.0));
        let w = w.lit(1.0).select(s_inverse.eq(c.zero()), w);
        let w = w.lit(1.0).select(t_inverse.eq(c.zero()), w);
        let root = w.sqrt();
        let phi = root * polynomial(w, &ANGLE);
        let deficit = (gap * root) * polynomial(w, &SINE);
        let k = c.max(c.zero()) + deficit;
        let kd = phi.select(c.lt(c.zero()), -phi + 1.0);
        (k, kd)
    }

    /// The same where `c` is only known to `f32` anyway: one part of the square roots is enough. With
    /// `HALF` the two quantities themselves, and not twice.
    #[inline(always)]
    fn rough<R: Real, const HALF: bool>(left: [R; 3], right: [R; 3], c: R) -> (R, R, R) {
        let [s, _, s_inverse] = left;
        let [t, _, t_inverse] = right;
        // a zero vector, whose inverse is 0, is orthogonal to everything
        let w = (-c.abs()).mul_add(s_inverse * t_inverse, c.lit(1.0)).abs();
        let (root, square) = (w.sqrt(), w * w);
        let positive = c.max(c.zero());
        let near = closeness(w);
        let gap = (s * t) * (w * root);
        if HALF {
            let phi = root * sextic(w, square, &HALF_ANGLE);
            let kd = phi.select(c.lt(c.zero()), -phi + 0.5);
            let k = gap.mul_add(quintic(w, square, &HALF_SINE), positive * 0.5);
            return (k, kd, near);
        }
        let phi = root * sextic(w, square, &ANGLE);
        let kd = phi.select(c.lt(c.zero()), -phi + 1.0);
        (gap.mul_add(quintic(w, square, &SHORT_SINE), positive), kd, near)
    }

    /// Twice the two quantities above, in `f64`.
    #[inline(always)]
    fn double<R: Real>(left: [R; 3], right: [R; 3], c: R) -> (R, R) {
        let scaled = c * (left[1] * right[1]);
        let square = R::difference_of_products(left[0], right[0], scaled, scaled);
        let (phi, deficit) = R::angle(square.max(c.zero()).sqrt(), scaled.abs());
        let k = scaled.max(c.zero()) + deficit * FRAC_1_PI;
        let turn = phi * FRAC_1_PI;
        let kd = turn.select(c.lt(c.zero()), -turn + 1.0);
        (k * (left[2] * right[2]), kd)
    }
}

impl Family<3> for Relu {
    fn prepare(&self, v: f64, single: bool) -> [f64; 3] {
        if single {
            if v < f64::from(f32::MIN_POSITIVE) {
                return [0.0; 3];
            }
            let s = v.sqrt();
            let high = f64::from(s as f32);
            [high, s - high, 1.0 / s]
        } else if v == 0.0 {
            [1.0, 0.0, 0.0]
        } else {
            let (scaled, e) = near_one(v);
            [scaled, e, 1.0 / e]
        }
    }

    #[inline(always)]
    fn pair<R: Real>(&self, left: [R; 3], right: [R; 3], c: R) -> (R, R) {
        let (k, kd) =
            if R::SINGLE { Self::single(left, right, c) } else { Self::double(left, right, c) };
        let linear = c.lit(self.linear);
        let bend = c.lit(self.bend / 2.0);
        (k.mul_add(bend, linear * c), kd.mul_add(bend, linear))
    }

    #[inline(always)]
    fn pair_of_sums<R: Real, const PLAIN: bool>(
        &self,
        left: [R; 3],
        right: [R; 3],
        c: R,
    ) -> (R, R, R) {
        if !R::SINGLE {
            let (k, kd) = self.pair(left, right, c);
            return (k, kd, c.zero());
        }
        if PLAIN {
            return Self::rough::<R, true>(left, right, c);
        }
        let (k, kd, near) = Self::rough::<R, false>(left, right, c);
        let linear = c.lit(self.linear);
        let bend = c.lit(self.bend / 2.0);
        (k.mul_add(bend, linear * c), kd.mul_add(bend, linear), near)
    }

    const COUNTS: bool = true;

    const HAS_PLAIN: bool = true;

    fn is_plain(&self) -> bool {
        self.bend == 1.0 && self.linear == 0.0
    }

    fn diagonal(&self, v: f64) -> Pair {
        if v == 0.0 {
            // a zero vector is orthogonal to everything, itself included
            return Pair { k: 0.0, kd: self.bend / 4.0 + self.linear };
        }
        Pair { k: self.power * v, kd: self.power }
    }
}
