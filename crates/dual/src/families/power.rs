//! Powers, whole and rectified.
//!
//! Both are homogeneous: `k = (ab)^{n/2} f(rho)`. For `x^n`, `f = A_n` with
//!
//! ```text
//! A_n(rho) = sum_l (n! / (((n-l)/2)! 2^{(n-l)/2}))^2 rho^l / l!,  l = n, n-2, ...
//! ```
//!
//! and for the rectified power `f = ((pi - theta) A_n + sin(theta) B_n) / (2 pi)` (Cho and Saul
//! 2009), where the polynomial `B_n` follows from `df_n/drho = n^2 f_{n-1}`:
//! `(1 - rho^2) (n^2 B_{n-1} - B_n') = A_n - rho B_n`. There is no division, so `rho = +-1` is
//! nothing special.

use std::f64::consts::{FRAC_1_PI, PI};
use std::sync::Arc;

use super::polar;
use crate::lanes::Real;
use crate::route::Family;
use crate::{Error, Pair};

/// A polynomial in `rho` with only even or only odd powers.
#[derive(Clone, Debug)]
struct Parity {
    odd: bool,
    /// Coefficients in `rho^2`, constant first.
    coefficients: Arc<[f64]>,
}

impl Parity {
    /// From all coefficients, those of the other parity being 0; divided by `unit`.
    fn new(dense: &[f64], unit: f64) -> Self {
        let odd = dense.len().is_multiple_of(2);
        let terms = dense.iter().skip(usize::from(odd)).step_by(2);
        Self { odd, coefficients: terms.map(|x| x / unit).collect() }
    }

    #[inline(always)]
    fn at<R: Real>(&self, rho: R) -> R {
        let square = rho * rho;
        let mut sum = rho.zero();
        for &x in self.coefficients.iter().rev() {
            sum = sum.mul_add(square, rho.lit(x));
        }
        if self.odd { sum * rho } else { sum }
    }
}

/// `A_n`, constant first.
fn whole(n: usize) -> Vec<f64> {
    let mut a = vec![0.0; n + 1];
    // n!/l! ... from the top: A_n[n] = n!, and A_n[l-2] / A_n[l] = l (l-1) / (n-l+2)^2
    a[n] = (1..=n).map(|i| i as f64).product();
    let mut l = n;
    while l >= 2 {
        let step = (n - l + 2) as f64;
        a[l - 2] = a[l] * (l * (l - 1)) as f64 / (step * step);
        l -= 2;
    }
    a
}

/// `B_n` from `A_n` and `B_{n-1}`, constant first; `B_0 = 0`.
fn half(n: usize, a: &[f64], below: &[f64]) -> Vec<f64> {
    let square = (n * n) as f64;
    let at = |list: &[f64], k: usize| list.get(k).copied().unwrap_or(0.0);
    let mut b = vec![0.0; n.max(1)];
    for k in (1..=n).rev() {
        let before = if k >= 2 { at(below, k - 2) } else { 0.0 };
        let known = (k + 1) as f64 * at(&b, k + 1) - square * (at(below, k) - before) + a[k];
        b[k - 1] = known / k as f64;
    }
    b
}

/// The moment `E[z^{2n}] = (2n - 1)!!`.
fn even_moment(n: u32) -> f64 {
    (1..=n).map(|i| f64::from(2 * i - 1)).product()
}

fn too_high(activation: &'static str, degree: u32) -> Error {
    Error::Parameter {
        activation,
        parameter: "degree",
        value: f64::from(degree),
        reason: "its moments leave the range of f64",
    }
}

/// The largest degree whose polynomials fit: (2n - 1)!! is finite up to 150, and so are they.
const HIGHEST: u32 = 80;

/// Prepared numbers: the three of [`polar`], then the roots of the diagonals of `x^n` and of its
/// derivative; the polynomials are divided by their values at 1, so that `f32` holds them.
fn prepare(degree: u32, v: f64) -> [f64; 5] {
    let [scaled, e, root_inverse] = polar::prepare(v);
    let n = f64::from(degree);
    let value = v.powf(n / 2.0) * even_moment(degree).sqrt();
    let slope = if degree == 0 {
        0.0
    } else {
        n * v.powf((n - 1.0) / 2.0) * even_moment(degree - 1).sqrt()
    };
    [scaled, e, root_inverse, value, slope]
}

/// `x^n`.
#[derive(Clone, Debug)]
pub(crate) struct Monomial {
    degree: u32,
    value: Parity,
    slope: Parity,
}

impl Monomial {
    pub(crate) fn new(degree: u32) -> Result<Self, Error> {
        if degree > HIGHEST {
            return Err(too_high("monomial", degree));
        }
        let n = degree as usize;
        let value = Parity::new(&whole(n), even_moment(degree));
        let slope = Parity::new(&whole(n.saturating_sub(1)), even_moment(degree.saturating_sub(1)));
        Ok(Self { degree, value, slope })
    }
}

impl Family<5> for Monomial {
    fn prepare(&self, v: f64, _single: bool) -> [f64; 5] {
        prepare(self.degree, v)
    }

    #[inline(always)]
    fn pair<R: Real>(&self, left: [R; 5], right: [R; 5], c: R) -> (R, R) {
        let rho = (c * (left[1] * right[1])) * (left[2] * right[2]);
        let k = self.value.at(rho) * (left[3] * right[3]);
        (k, self.slope.at(rho) * (left[4] * right[4]))
    }

    fn diagonal(&self, v: f64) -> Pair {
        let n = self.degree;
        let k = v.powi(n as i32) * even_moment(n);
        if n == 0 {
            return Pair { k, kd: 0.0 };
        }
        let square = f64::from(n) * f64::from(n);
        Pair { k, kd: square * v.powi(n as i32 - 1) * even_moment(n - 1) }
    }
}

/// `max(x, 0)^n`, `n >= 1`.
#[derive(Clone, Debug)]
pub(crate) struct RectifiedMonomial {
    degree: u32,
    value: [Parity; 2],
    slope: [Parity; 2],
}

impl RectifiedMonomial {
    pub(crate) fn new(degree: u32) -> Result<Self, Error> {
        if degree > HIGHEST {
            return Err(too_high("rectified_monomial", degree));
        }
        let (mut below, mut b) = (Vec::new(), vec![0.0]);
        for n in 1..=degree as usize {
            let next = half(n, &whole(n), &b);
            below = std::mem::replace(&mut b, next);
        }
        let n = degree as usize;
        let units = [even_moment(degree), even_moment(degree.saturating_sub(1))];
        Ok(Self {
            degree,
            value: [Parity::new(&whole(n), units[0]), Parity::new(&b, units[0])],
            slope: [
                Parity::new(&whole(n.saturating_sub(1)), units[1]),
                Parity::new(&below, units[1]),
            ],
        })
    }

    /// `((pi - theta) A + sin(theta) B) / (2 pi)`.
    #[inline(always)]
    fn half_plane<R: Real>([a, b]: &[Parity; 2], angle: R, sine: R, rho: R) -> R {
        (angle * a.at(rho) + sine * b.at(rho)) * (0.5 * FRAC_1_PI)
    }
}

impl Family<5> for RectifiedMonomial {
    fn prepare(&self, v: f64, _single: bool) -> [f64; 5] {
        prepare(self.degree, v)
    }

    #[inline(always)]
    fn pair<R: Real>(&self, left: [R; 5], right: [R; 5], c: R) -> (R, R) {
        let (sine, cosine) = polar::sine_cosine([left[0], left[1]], [right[0], right[1]], c);
        let (phi, _) = R::angle(sine, cosine.abs());
        // pi - theta
        let angle = phi.select(cosine.lt(c.zero()), -phi + PI);
        let inverse = left[2] * right[2];
        let (rho, sine) = (cosine * inverse, sine * inverse);
        let k = Self::half_plane(&self.value, angle, sine, rho) * (left[3] * right[3]);
        (k, Self::half_plane(&self.slope, angle, sine, rho) * (left[4] * right[4]))
    }

    fn diagonal(&self, v: f64) -> Pair {
        let n = self.degree;
        let k = v.powi(n as i32) * even_moment(n) / 2.0;
        let square = f64::from(n) * f64::from(n);
        let kd = square * v.powi(n as i32 - 1) * even_moment(n - 1) / 2.0;
        // a zero vector is orthogonal to itself: a quarter instead of a half
        Pair { k, kd: if v == 0.0 { kd / 2.0 } else { kd } }
    }
}
