//! Hermite coefficients of one function at one variance.
//!
//! With orthonormal Hermite polynomials `h_i` and `u = sqrt(a) z`, `z` standard normal,
//!
//! ```text
//! c_i(a) = E[s(sqrt(a) z) h_i(z)],    e_i(a) = c_i(a) / sqrt(a) = E[s'(sqrt(a) z) h_{i-1}(z)] / sqrt(i)
//! ```
//!
//! (Stein). The `e_i` stay finite as `a` vanishes, so a zero variance needs no special case.

use super::function::{Parity, Scalar};
use super::projection::project;
use super::rule::{CHECK_POINTS, POINTS, Rule, inverse_root_two_pi};
use super::table::Table;
use crate::Error;

/// Numbers of terms tried; a term holds the degrees `2m + 2` and `2m + 3`.
const STAGES: [usize; 3] = [32, 128, 512];

/// Variances of user functions below this one count as this one for the slope: a difference of
/// nearby values has no more digits.
const SMALLEST_USER_VARIANCE: f64 = 1e-11;

/// Everything a point of one variance contributes.
#[derive(Clone, Debug)]
pub(super) struct Coefficients {
    /// `c_0`.
    pub mean: f64,
    /// `e_1`.
    pub linear: f64,
    /// `e_i` of the degrees from 2 on: those of the function's parity, ascending.
    pub series: Vec<f64>,
    /// Terms after which the tail counts for nothing against an equal tail.
    pub half: usize,
    /// Terms after which the tail counts for nothing against anything; all that are kept.
    pub full: usize,
    /// `E[s^2]`.
    pub power: f64,
    /// `E[s'^2]`.
    pub slope_power: f64,
    /// Relative error of `k` and `kd` between two points of this variance at correlation 1, the
    /// worst case, apart from rounding.
    pub error: f64,
}

/// Series of one parity.
pub(super) fn per_term(parity: Parity) -> usize {
    if parity == Parity::Both { 2 } else { 1 }
}

/// Coefficients at variance `a`, with tails cut off below the relative `tolerance`.
pub(super) fn coefficients(
    function: &Scalar,
    table: &Table,
    a: f64,
    tolerance: f64,
) -> Result<Coefficients, Error> {
    let user = matches!(function, Scalar::User(_));
    if a == 0.0 || (user && a < SMALLEST_USER_VARIANCE) {
        return vanishing(function, a, tolerance);
    }
    table.coefficients(function, a, tolerance)
}

/// The same for `a > 0`, by quadrature at this very variance.
pub(super) fn direct(function: &Scalar, a: f64, tolerance: f64) -> Result<Coefficients, Error> {
    let terms = Samples::terms(function, a, tolerance)?;
    let (samples, doubt) = Samples::checked(function, a, terms)?;
    let mut result = samples.cut(function.parity(), tolerance);
    result.error += doubt;
    Ok(result)
}

/// The limit of small variances: `s(x) = s(0) + s'(0) x`.
fn vanishing(function: &Scalar, a: f64, tolerance: f64) -> Result<Coefficients, Error> {
    let mut mean = [0.0];
    function.values(&[0.0], &mut mean)?;
    let mean = mean[0];
    let (linear, error) = match function {
        Scalar::Named(named) => (named.slope(0.0), 0.0),
        Scalar::User(_) => {
            // to first order in the standard deviation, which a bend at zero makes itself felt in
            let near = direct(function, SMALLEST_USER_VARIANCE, tolerance)?;
            let far = direct(function, 4.0 * SMALLEST_USER_VARIANCE, tolerance)?;
            let linear = 2.0 * near.linear - far.linear;
            let step = (near.linear - far.linear).abs() / linear.abs().max(f64::MIN_POSITIVE);
            (linear, near.error + step)
        }
    };
    Ok(Coefficients {
        mean,
        linear,
        series: Vec::new(),
        half: 0,
        full: 0,
        power: mean * mean + a * linear * linear,
        slope_power: linear * linear,
        error,
    })
}

/// All coefficients one rule gives.
#[derive(Clone, Debug)]
pub(super) struct Samples {
    root: f64,
    mean: f64,
    /// `e_i` from `i = 1` on.
    scaled: Vec<f64>,
    power: f64,
    slope_power: f64,
    /// Whether what lies beyond the last degree is known to be negligible.
    complete: bool,
}

impl Samples {
    fn new(function: &Scalar, a: f64, terms: usize, points: usize) -> Result<Self, Error> {
        let root = a.sqrt();
        let degree = 2 * terms + 1;
        let (scale, range) = match function {
            Scalar::Named(_) => (1.0, 13.0),
            // nothing is known of a user's function: look closer, and further out
            Scalar::User(_) => (0.5, 16.0),
        };
        let rule = Rule::new(root, function.kinks(), scale, range, degree, points);
        let n = rule.z.len();
        let half = rule.half_density();
        let x: Vec<f64> = rule.z.iter().map(|z| root * z).collect();
        let mirrored: Vec<f64> = x.iter().map(|x| -x).collect();
        let (mut up, mut down) = (vec![0.0; n], vec![0.0; n]);
        function.values(&x, &mut up)?;
        function.values(&mirrored, &mut down)?;
        let (slope_up, slope_down) = match function {
            Scalar::Named(named) => (
                x.iter().map(|x| named.slope(*x)).collect::<Vec<_>>(),
                mirrored.iter().map(|x| named.slope(*x)).collect::<Vec<_>>(),
            ),
            Scalar::User(_) => {
                let of = |values: &[f64], sign: f64| {
                    rule.differentiate(values).iter().map(|s| sign * s / root).collect()
                };
                (of(&up, 1.0), of(&down, -1.0))
            }
        };

        let (mut mean, mut power, mut slope_power) = (0.0, 0.0, 0.0);
        let mut weight = vec![0.0; n];
        for m in 0..n {
            weight[m] = rule.weight[m] * half[m] * inverse_root_two_pi();
            let density = weight[m] * half[m];
            mean += density * (up[m] + down[m]);
            power += density * (up[m] * up[m] + down[m] * down[m]);
            slope_power += density * (slope_up[m].powi(2) + slope_down[m].powi(2));
        }

        let named = matches!(function, Scalar::Named(_));
        let (mut even, mut odd) = (vec![0.0; n], vec![0.0; n]);
        if named {
            for m in 0..n {
                even[m] = weight[m] * (slope_up[m] + slope_down[m]);
                odd[m] = weight[m] * (slope_up[m] - slope_down[m]);
            }
        } else {
            // the constant has no part in degrees above 0; without it small variances keep digits
            let mut origin = [0.0];
            function.values(&[0.0], &mut origin)?;
            for m in 0..n {
                even[m] = weight[m] * ((up[m] - origin[0]) + (down[m] - origin[0]));
                odd[m] = weight[m] * (up[m] - down[m]);
            }
        }
        // by Stein's identity the slope's coefficient of degree i - 1 stands for degree i
        let (even, odd) = match (function.parity(), named) {
            (Parity::Odd, true) => (Some(even), None),
            (Parity::Even, true) => (None, Some(odd)),
            _ => (Some(even), Some(odd)),
        };
        let count = if named { degree } else { degree + 1 };
        let projected = project(&rule.z, &half, even, odd, count);
        let scaled = if named {
            projected.iter().enumerate().map(|(i, c)| c / ((i + 1) as f64).sqrt()).collect()
        } else {
            let noise = 8.0 * f64::EPSILON * power.sqrt();
            projected[1..].iter().map(|c| if c.abs() < noise { 0.0 } else { c / root }).collect()
        };
        let mut samples = Self { root, mean, scaled, power, slope_power, complete: false };
        if named && function.parity() == Parity::Even {
            // the line below the even part has slope 1/2 in every such function
            samples.scaled[0] = 0.5;
        }
        Ok(samples)
    }

    /// How many terms the tail needs.
    pub(super) fn terms(function: &Scalar, a: f64, tolerance: f64) -> Result<usize, Error> {
        let mut stage = 0;
        loop {
            let terms = STAGES[stage];
            let samples = Self::new(function, a, terms, POINTS)?;
            // the last quarter must be part of the negligible tail, or the tail is not yet known
            let full = samples.cut(function.parity(), tolerance).full;
            stage += 1;
            if full <= terms * 3 / 4 || stage == STAGES.len() {
                return Ok(terms);
            }
        }
    }

    /// Samples with so many terms, and how far a coarser rule is from them for a user's function.
    pub(super) fn checked(function: &Scalar, a: f64, terms: usize) -> Result<(Self, f64), Error> {
        let samples = Self::new(function, a, terms, POINTS)?;
        let doubt = match function {
            Scalar::Named(_) => 0.0,
            Scalar::User(_) => samples.difference(&Self::new(function, a, terms, CHECK_POINTS)?),
        };
        Ok((samples, doubt))
    }

    /// The weighted sum of samples, as those of variance `a`.
    pub(super) fn combine(a: f64, list: &[Self], weights: &[f64]) -> Self {
        let sum = |of: fn(&Self) -> f64| list.iter().zip(weights).map(|(s, w)| w * of(s)).sum();
        let mut scaled = vec![0.0; list[0].scaled.len()];
        for (samples, w) in list.iter().zip(weights) {
            for (total, e) in scaled.iter_mut().zip(&samples.scaled) {
                *total += w * e;
            }
        }
        Self {
            root: a.sqrt(),
            mean: sum(|s| s.mean),
            scaled,
            power: sum(|s| s.power),
            slope_power: sum(|s| s.slope_power),
            complete: list.iter().all(|s| s.complete),
        }
    }

    /// Drops the degrees of the terms from `terms` on, known to be negligible.
    pub(super) fn truncate(&mut self, terms: usize) {
        self.scaled.truncate(2 * terms + 1);
        self.complete = true;
    }

    /// Cuts the series where its tail no longer counts.
    pub(super) fn cut(&self, parity: Parity, tolerance: f64) -> Coefficients {
        let terms = (self.scaled.len() - 1) / 2;
        // shares of a degree in E[s^2] and E[s'^2]; the larger one counts
        let part = |whole: f64, x: f64| if whole > 0.0 { x / whole } else { 0.0 };
        let value = part(self.power, self.root * self.root);
        let slope = part(self.slope_power, 1.0);
        let share = |i: usize| self.scaled[i - 1].powi(2) * value.max(slope * i as f64);
        let (mut half, mut full) = (0, 0);
        let mut tail = 0.0;
        for m in (0..terms).rev() {
            tail += share(2 * m + 2) + share(2 * m + 3);
            if full == 0 && tail > tolerance * tolerance {
                full = m + 1;
            }
            if half == 0 && tail > tolerance {
                half = m + 1;
            }
        }
        let converged = self.complete || full <= terms * 3 / 4;
        let error = if converged {
            tolerance
        } else {
            // Parseval: what the kept degrees lack of the whole
            let (mut value, mut slope) = (self.mean * self.mean, 0.0);
            for (i, e) in self.scaled.iter().enumerate() {
                value += (e * self.root) * (e * self.root);
                slope += (i + 1) as f64 * e * e;
            }
            let lack = |whole: f64, sum: f64| {
                if whole > 0.0 { (whole - sum).abs() / whole } else { sum.abs() }
            };
            lack(self.power, value).max(lack(self.slope_power, slope)) + tolerance
        };
        let first = if parity == Parity::Odd { 3 } else { 2 };
        let step = if parity == Parity::Both { 1 } else { 2 };
        let kept = full * per_term(parity);
        let series = self.scaled.iter().copied().skip(first - 1).step_by(step).take(kept).collect();
        Coefficients {
            mean: self.mean,
            linear: self.scaled[0],
            series,
            half,
            full,
            power: self.power,
            slope_power: self.slope_power,
            error,
        }
    }

    /// How far another rule's coefficients lie from these, as a relative error of the duals.
    pub(super) fn difference(&self, other: &Self) -> f64 {
        let (mut value, mut slope) = ((self.mean - other.mean).powi(2), 0.0);
        for (i, (e, f)) in self.scaled.iter().zip(&other.scaled).enumerate() {
            let square = (e - f) * (e - f);
            value += square * self.root * self.root;
            slope += (i + 1) as f64 * square;
        }
        let share = |square: f64, whole: f64| {
            if whole > 0.0 { (square / whole).sqrt() } else { square.sqrt() }
        };
        let whole = (self.power - other.power).abs() / self.power.max(f64::MIN_POSITIVE)
            + (self.slope_power - other.slope_power).abs()
                / self.slope_power.max(f64::MIN_POSITIVE);
        4.0 * share(value, self.power).max(share(slope, self.slope_power)) + 2.0 * whole
    }
}
