//! Polynomials, through their Hermite coefficients at each variance.
//!
//! With `r_l(a) = E[s(sqrt(a) z) h_l(z)]`, `h_l` the orthonormal Hermite polynomials,
//! `k = sum_l r_l(a) r_l(b) rho^l`, exactly and without division; `kd` is the same sum for `s'`.

use std::sync::Arc;

use super::polar;
use crate::lanes::{Element, Isa, Job, Lanes, Real};
use crate::route::{Affine, Entry, Route, Row, sweep};
use crate::{Error, Pair, Prepared};

/// Columns before the coefficients: what the cosine of a pair needs.
const COSINE: usize = 2;

/// A polynomial activation.
#[derive(Clone, Debug)]
pub(crate) enum Series {
    /// `sum_k coef[k] x^k`.
    Polynomial(Arc<[f64]>),
    /// The orthonormal Hermite polynomial of this degree.
    Hermite(u32),
}

impl Series {
    pub(crate) fn polynomial(coef: &[f64]) -> Result<Self, Error> {
        if coef.is_empty() {
            return Err(Error::NoCoefficients);
        }
        Ok(Self::Polynomial(coef.into()))
    }

    fn degree(&self) -> usize {
        match self {
            Self::Polynomial(coef) => coef.len() - 1,
            Self::Hermite(n) => *n as usize,
        }
    }

    /// Hermite coefficients of `s` and of `s'` at variance `v`, constant first; the second list
    /// is one shorter.
    fn coefficients(&self, v: f64) -> (Vec<f64>, Vec<f64>) {
        match self {
            Self::Polynomial(coef) => {
                let slope: Vec<f64> =
                    coef.iter().enumerate().skip(1).map(|(k, x)| k as f64 * x).collect();
                (expand(coef, v), expand(&slope, v))
            }
            Self::Hermite(0) => (vec![1.0], Vec::new()),
            Self::Hermite(n) => {
                let root = f64::from(*n).sqrt();
                let slope = rescale(*n as usize - 1, v).into_iter().map(|x| root * x).collect();
                (rescale(*n as usize, v), slope)
            }
        }
    }
}

/// `r_l = sum_i coef[l + 2i] (l + 2i)! / (2^i i! sqrt(l!)) v^{i + l/2}`.
fn expand(coef: &[f64], v: f64) -> Vec<f64> {
    // sqrt(l!) v^{l/2}
    let mut lead = 1.0;
    (0..coef.len())
        .map(|l| {
            if l > 0 {
                lead *= (l as f64 * v).sqrt();
            }
            let mut factor = lead;
            let mut sum = 0.0;
            for (i, k) in (l..coef.len()).step_by(2).enumerate() {
                if i > 0 {
                    factor *= (k * (k - 1)) as f64 / (2 * i) as f64 * v;
                }
                if coef[k] != 0.0 {
                    sum += coef[k] * factor;
                }
            }
            sum
        })
        .collect()
}

/// `h_n(sqrt(v) z) = sum_j r_{n-2j} h_{n-2j}(z)` with the single term
/// `r_{n-2j} = v^{n/2-j} (v-1)^j sqrt(n!) / (2^j j! sqrt((n-2j)!))`: nothing cancels, at any degree.
fn rescale(n: usize, v: f64) -> Vec<f64> {
    let mut r = vec![0.0; n + 1];
    // binomial-like weights grow while powers of v - 1 shrink: multiply step by step
    let mut weight = 1.0;
    for j in 0..=n / 2 {
        let l = n - 2 * j;
        if j > 0 {
            let ratio = ((l + 2) as f64 * (l + 1) as f64).sqrt() / (2 * j) as f64;
            weight *= ratio * (v - 1.0);
        }
        r[l] = weight * v.powf(l as f64 / 2.0);
    }
    r
}

impl Route for Series {
    fn prepare<T: Element>(
        &self,
        name: &'static str,
        variances: &[T],
    ) -> Result<Prepared<T>, Error> {
        let degree = self.degree();
        let mut prepared = Prepared::zeros(variances.len(), COSINE + 2 * degree + 1);
        for (index, v) in variances.iter().enumerate() {
            let value = v.to_f64();
            let [_, e, root_inverse] = polar::prepare(value);
            let (r, slope) = self.coefficients(value);
            let numbers = [e, root_inverse].into_iter().chain(r).chain(slope);
            for (column, x) in numbers.enumerate() {
                prepared.set(column, index, T::from_f64(x));
            }
            let Pair { k, kd } = self.diagonal(value);
            if ![k, kd].into_iter().all(|x| T::from_f64(x).to_f64().is_finite()) {
                let format = if T::SINGLE { "f32" } else { "f64" };
                return Err(Error::Overflow { activation: name, index, value, format });
            }
        }
        Ok(prepared)
    }

    fn apply<T: Element>(&self, isa: Isa, row: Row<'_, T>, then: Affine) {
        let degree = self.degree();
        row.check(COSINE + 2 * degree + 1);
        T::dispatch(isa, SeriesJob { degree, row, then });
    }

    fn pair(&self, a: f64, b: f64, c: f64) -> Pair {
        let ([_, e, e_root], [_, f, f_root]) = (polar::prepare(a), polar::prepare(b));
        let rho = (c * (e * f)) * (e_root * f_root);
        let ((r, r_slope), (s, s_slope)) = (self.coefficients(a), self.coefficients(b));
        let sum =
            |r: &[f64], s: &[f64]| r.iter().zip(s).rev().fold(0.0, |sum, (r, s)| sum * rho + r * s);
        Pair { k: sum(&r, &s), kd: sum(&r_slope, &s_slope) }
    }

    fn diagonal(&self, v: f64) -> Pair {
        let (r, slope) = self.coefficients(v);
        let square = |r: &[f64]| r.iter().map(|x| x * x).sum();
        Pair { k: square(&r), kd: square(&slope) }
    }

    fn is_closed_form(&self) -> bool {
        true
    }
}

struct SeriesJob<'a, T> {
    degree: usize,
    row: Row<'a, T>,
    then: Affine,
}

impl<T: Element> Job<T> for SeriesJob<'_, T> {
    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let Row { left, i, right, j0, k, t } = self.row;
        let entry = SeriesEntry { lanes, degree: self.degree, left, i, right, j0 };
        sweep(lanes, &entry, self.then, k, t);
    }
}

struct SeriesEntry<'a, L, T> {
    lanes: L,
    degree: usize,
    left: &'a Prepared<T>,
    i: usize,
    right: &'a Prepared<T>,
    j0: usize,
}

impl<T: Element, L: Lanes<T>> SeriesEntry<'_, L, T> {
    /// Product of one prepared number of both points.
    #[inline(always)]
    fn product(&self, column: usize, m: usize) -> L::Vector {
        self.lanes.splat(self.left.column(column)[self.i])
            * self.lanes.load(&self.right.column(column)[self.j0 + m..])
    }

    /// `sum_l product(first + l) rho^l`, `l < count`.
    #[inline(always)]
    fn sum(&self, first: usize, count: usize, rho: L::Vector, m: usize) -> L::Vector {
        let mut sum = rho.zero();
        for column in (first..first + count).rev() {
            sum = sum.mul_add(rho, self.product(column, m));
        }
        sum
    }
}

impl<T: Element, L: Lanes<T>> Entry<T, L> for SeriesEntry<'_, L, T> {
    #[inline(always)]
    fn at(&self, m: usize, c: L::Vector) -> (L::Vector, L::Vector) {
        let rho = (c * self.product(0, m)) * self.product(1, m);
        let k = self.sum(COSINE, self.degree + 1, rho, m);
        (k, self.sum(COSINE + self.degree + 1, self.degree, rho, m))
    }
}
