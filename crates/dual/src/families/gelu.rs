//! `x Phi(x)` (Tsuchida et al. 2021 for `k`).
//!
//! With `Q = (1 + a)(1 + b) - c^2`, `D = sqrt(Q)`, `psi = atan2(c, D)`, `n = 1/(1 + a)` and
//! `m = a/(1 + a)`:
//!
//! ```text
//! k  = c/4 + (c psi + c^2 n n' / D + m m' D) / (2 pi)
//! kd = 1/4 + (psi + (c/D) (1/D^2 + n + n')) / (2 pi)
//! ```

use std::f64::consts::FRAC_1_PI;

use super::plus_one::{self, PlusOne};
use crate::Pair;
use crate::lanes::{F64x1, Real};
use crate::route::Family;

/// `x Phi(x)`.
#[derive(Clone, Debug)]
pub(crate) struct Gelu;

impl Family<7> for Gelu {
    fn prepare(&self, v: f64, _single: bool) -> [f64; 7] {
        let [scaled, square, e] = plus_one::prepare(v);
        let n = 1.0 / (1.0 + v);
        [scaled, square, e, 1.0 / e, n, n.sqrt(), v * n]
    }

    #[inline(always)]
    fn pair<R: Real>(&self, left: [R; 7], right: [R; 7], c: R) -> (R, R) {
        let [a, h, e, e_inverse, n, n_root, m] = left;
        let [b, i, f, f_inverse, o, o_root, l] = right;
        let form = PlusOne::new([a, h, e], [b, i, f], c);
        let root = form.q.sqrt();
        let (phi, _) = R::angle(form.covariance.abs(), root);
        let turn = phi.copysign(c) * (0.5 * FRAC_1_PI);
        let inverse = root.lit(1.0) / root;
        // 1/D, at most 1
        let u = form.scale * inverse;
        let z = c * (n_root * o_root);
        let rest = (z * z) * u + (m * l) * (root * (e_inverse * f_inverse));
        let k = c.mul_add(turn + 0.25, rest * (0.5 * FRAC_1_PI));
        let slope = (form.covariance * inverse) * (u * u + (n + o));
        (k, slope.mul_add(c.lit(0.5 * FRAC_1_PI), turn + 0.25))
    }

    fn diagonal(&self, v: f64) -> Pair {
        let point = self.prepare(v, false).map(F64x1);
        let (k, kd) = self.pair(point, point, F64x1(v));
        Pair { k: k.0, kd: kd.0 }
    }
}
