//! Coefficients interpolated in the variance.
//!
//! The coefficients are analytic in `log a`, so within one octave of variances a Chebyshev
//! interpolant of degree 19 has them to rounding error, and a point costs microseconds instead of
//! a quadrature. Octaves are fixed (powers of two) and filled on first use: what a point gets
//! depends on its variance only, never on which others were asked for.

use std::collections::HashMap;
use std::f64::consts::PI;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use super::TOLERANCE;
use super::coefficients::{Coefficients, Plan, Samples, direct};
use super::function::Scalar;
use crate::Error;

/// Chebyshev nodes to an octave.
const NODES: usize = 20;

/// Octaves whose interpolant errs by more are not interpolated (functions with kinks far from
/// zero, whose coefficients oscillate).
const ACCURATE: f64 = 1e-12;

/// The octaves of one function, shared by its clones.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    octaves: Arc<RwLock<HashMap<i32, Option<Arc<Octave>>>>>,
}

/// Samples at the Chebyshev nodes in `log2 a` of `[2^e, 2^(e+1)]`.
#[derive(Debug)]
struct Octave {
    samples: Vec<Samples>,
    /// Errors of quadrature and interpolation together.
    error: f64,
    /// The latter alone.
    interpolation: f64,
}

impl Table {
    /// Coefficients at variance `a > 0`, as [`direct`] has them.
    pub(super) fn coefficients(
        &self,
        function: &Scalar,
        a: f64,
        tolerance: f64,
    ) -> Result<Coefficients, Error> {
        if !a.is_normal() || a > 1e300 {
            return direct(function, a, tolerance);
        }
        let exponent = a.log2().floor() as i32;
        match self.octave(function, exponent)? {
            Some(octave) => {
                let mut result = octave.at(a, exponent).cut(function.parity(), tolerance);
                result.error += octave.error;
                Ok(result)
            }
            None => direct(function, a, tolerance),
        }
    }

    fn octave(&self, function: &Scalar, exponent: i32) -> Result<Option<Arc<Octave>>, Error> {
        let known = self.octaves.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(octave) = known.get(&exponent) {
            return Ok(octave.clone());
        }
        drop(known);
        let octave = Octave::new(function, exponent)?.map(Arc::new);
        let mut known = self.octaves.write().unwrap_or_else(PoisonError::into_inner);
        // whoever came first wins: all would have computed the same
        Ok(known.entry(exponent).or_insert(octave).clone())
    }
}

impl Octave {
    /// `None` where interpolation would not do.
    fn new(function: &Scalar, exponent: i32) -> Result<Option<Self>, Error> {
        let octave = Self::sample(function, exponent)?;
        Ok((octave.interpolation < ACCURATE).then_some(octave))
    }

    fn sample(function: &Scalar, exponent: i32) -> Result<Self, Error> {
        // the largest variance has the slowest series; f32 and f64 share the octave
        let plan = Plan::new(function, 2f64.powi(exponent + 1), TOLERANCE)?;
        let mut samples = Vec::with_capacity(NODES);
        let mut error: f64 = 0.0;
        for k in 0..NODES {
            let (sample, doubt) = Samples::checked(function, variance(node(k), exponent), plan)?;
            samples.push(sample);
            error = error.max(doubt);
        }
        // what no node needs, no point between them needs
        let full = |s: &Samples| s.cut(function.parity(), TOLERANCE).full;
        let longest = samples.iter().map(full).max().unwrap_or(0);
        if !plan.tail && longest <= plan.terms * 3 / 4 {
            samples.iter_mut().for_each(|s| s.truncate(longest));
        }
        let octave = Self { samples, error, interpolation: 0.0 };
        // between the last two nodes at each end the interpolant is at its worst
        let mut worst: f64 = 0.0;
        for x in [0.5 * (node(0) + node(1)), 0.5 * (node(NODES - 2) + node(NODES - 1))] {
            let a = variance(x, exponent);
            let (exact, _) = Samples::checked(function, a, plan)?;
            worst = worst.max(octave.at(a, exponent).difference(&exact));
        }
        Ok(Self { error: error + worst, interpolation: worst, ..octave })
    }

    /// Barycentric interpolation.
    fn at(&self, a: f64, exponent: i32) -> Samples {
        // exact scaling first: the position has the digits of the mantissa
        let x = 2.0 * (a / 2f64.powi(exponent)).log2() - 1.0;
        if let Some(k) = GRID.iter().position(|(node, _)| *node == x) {
            return self.samples[k].clone();
        }
        let weights = GRID.map(|(node, weight)| weight / (x - node));
        let sum: f64 = weights.iter().sum();
        Samples::combine(a, &self.samples, &weights.map(|w| w / sum))
    }
}

/// Nodes with their barycentric weights.
static GRID: LazyLock<[(f64, f64); NODES]> = LazyLock::new(|| {
    std::array::from_fn(|k| {
        let sign = if k % 2 == 0 { 1.0 } else { -1.0 };
        (node(k), sign * ((2 * k + 1) as f64 * PI / (2 * NODES) as f64).sin())
    })
});

/// Chebyshev nodes of the first kind, descending.
fn node(k: usize) -> f64 {
    ((2 * k + 1) as f64 * PI / (2 * NODES) as f64).cos()
}

/// The variance at position `x` in `[-1, 1]` of an octave.
fn variance(x: f64, exponent: i32) -> f64 {
    2f64.powi(exponent) * (0.5 * (x + 1.0)).exp2()
}

#[cfg(test)]
mod tests {
    use super::super::function::Named;
    use super::*;
    use widelimit_arch::UserFunction;

    #[test]
    fn agrees_with_quadrature() {
        let functions =
            [Named::Tanh, Named::Softplus, Named::Mish, Named::Softsign, Named::GeluTanh];
        for named in functions {
            let function = Scalar::Named(named);
            let table = Table::default();
            for a in [1e-9, 0.013, 0.99, 1.0, 1.7, 3.9999, 200.0] {
                let x = table.coefficients(&function, a, 1e-13).expect("finite");
                let y = direct(&function, a, 1e-13).expect("finite");
                assert!((x.mean - y.mean).abs() <= 1e-14 * y.power.sqrt(), "{named:?} {a}");
                assert!((x.power - y.power).abs() <= 1e-14 * y.power, "{named:?} {a}");
                assert!((x.slope_power - y.slope_power).abs() <= 1e-14 * y.slope_power);
                for (p, q) in x.series.iter().zip(&y.series) {
                    assert!(
                        (p - q).abs() <= 1e-14 * y.slope_power.sqrt(),
                        "{named:?} {a}: {p} {q}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_named_function_is_interpolated() {
        for named in Named::ALL {
            for exponent in [-30, -3, -1, 0, 1, 3, 7] {
                let function = Scalar::Named(named);
                let octave = Octave::sample(&function, exponent).expect("finite");
                assert!(octave.error < ACCURATE, "{named:?} {exponent}: {:.1e}", octave.error);
            }
        }
    }

    #[test]
    fn oscillating_coefficients_are_not_interpolated() {
        let kinked = UserFunction::new("kinked", vec![2.0], |x: f64| (x - 2.0).max(0.0));
        let function = Scalar::User(kinked);
        assert!(Octave::new(&function, -1).expect("finite").is_none());
    }
}
