//! Activations as what they are on one unit: functions of a number, with their slopes.
//!
//! The duals integrate these functions; random features evaluate them. Here they are plain formulas
//! in `f64`, kept beside the duals so that an activation has its whole meaning in one crate.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, PI};

use widelimit_arch::{Activation, Function, NamedFunction};

use crate::Error;
use crate::hermite::function::{Named, Scalar};

/// Factor and `alpha` of SELU (Klambauer et al., 2017).
const SELU: (f64, f64) = (1.050_700_987_355_480_5, 1.673_263_242_354_377_2);

/// The scale that makes `erf(x / scale) / 2 + 1/2` closest to the logistic sigmoid.
const SIGMOID_WIDTH: f64 = 2.402_056_353_171_979_6;

/// Relative step of the differences that stand for the slope of a user's function.
const STEP: f64 = 1e-5;

/// An activation as a function of one number, with its slope.
///
/// `E[s(u) s(v)]` and `E[s'(u) s'(v)]` over Gaussian `(u, v)` are the two numbers of
/// [`Dual::pair`](crate::Dual::pair). Where `s` jumps its slope counts as that of the parts beside the
/// jump, as in the duals; where it bends, as the mean of both sides.
///
/// ```
/// use widelimit_arch::Activation;
/// use widelimit_dual::Pointwise;
///
/// let relu = Pointwise::new(&Activation::Relu);
/// let (mut values, mut slopes) = ([0.0; 2], [0.0; 2]);
/// relu.values(1.0, &[-1.0, 2.0], &mut values)?;
/// relu.slopes(1.0, &[-1.0, 2.0], &mut slopes)?;
/// assert_eq!((values, slopes), ([0.0, 2.0], [0.0, 1.0]));
/// # Ok::<(), widelimit_dual::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Pointwise {
    activation: Activation,
}

impl Pointwise {
    /// The function of an activation.
    pub fn new(activation: &Activation) -> Self {
        Self { activation: activation.clone() }
    }

    /// The activation it was made from.
    pub fn activation(&self) -> &Activation {
        &self.activation
    }

    /// `y[i] = s(x[i])` for units of variance `v`.
    ///
    /// The variance matters to [`Activation::ExpNormalized`] alone, which is no function of the unit
    /// but has one at every variance: `sqrt(v) exp(sqrt(gamma) z + (gamma shift - gamma) / 2)` with
    /// `z = x / sqrt(v)`.
    ///
    /// # Errors
    /// A user's function that fails or gives a value that is not finite.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn values(&self, v: f64, x: &[f64], y: &mut [f64]) -> Result<(), Error> {
        assert_eq!(x.len(), y.len(), "lengths differ");
        if let Some(function) = numerical(&self.activation) {
            return function.values(x, y);
        }
        each(x, y, |x| value(&self.activation, v, x));
        Ok(())
    }

    /// `y[i] = s'(x[i])` for units of variance `v`.
    ///
    /// # Errors
    /// As [`values`](Self::values).
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn slopes(&self, v: f64, x: &[f64], y: &mut [f64]) -> Result<(), Error> {
        assert_eq!(x.len(), y.len(), "lengths differ");
        match numerical(&self.activation) {
            Some(Scalar::Named(named)) => each(x, y, |x| named.slope(x)),
            Some(function) => differences(&function, x, y)?,
            None => each(x, y, |x| slope(&self.activation, v, x)),
        }
        Ok(())
    }

    /// Where the function or its slope jumps, ascending: quadrature is split there.
    pub fn kinks(&self) -> Vec<f64> {
        let mut kinks = match &self.activation {
            Activation::Relu
            | Activation::LeakyRelu { .. }
            | Activation::AbRelu { .. }
            | Activation::Abs
            | Activation::Sign
            | Activation::Step
            | Activation::RectifiedMonomial { .. }
            | Activation::Elu { .. }
            | Activation::Celu { .. }
            | Activation::Selu => vec![0.0],
            Activation::Relu6 => vec![0.0, 6.0],
            Activation::HardTanh => vec![-1.0, 1.0],
            Activation::HardSigmoid => vec![-3.0, 3.0],
            Activation::Numerical { function: Function::User(user), .. } => user.kinks().to_vec(),
            Activation::Numerical {
                function:
                    Function::Named(NamedFunction::Softsign | NamedFunction::Elu | NamedFunction::Selu),
                ..
            } => vec![0.0],
            _ => Vec::new(),
        };
        kinks.sort_by(f64::total_cmp);
        kinks
    }
}

fn each(x: &[f64], y: &mut [f64], f: impl Fn(f64) -> f64) {
    x.iter().zip(y).for_each(|(x, y)| *y = f(*x));
}

/// The functions that have no closed-form dual.
fn numerical(activation: &Activation) -> Option<Scalar> {
    match activation {
        Activation::Numerical { function: Function::Named(named), .. } => {
            Named::new(*named).map(Scalar::Named)
        }
        Activation::Numerical { function: Function::User(user), .. } => {
            Some(Scalar::User(user.clone()))
        }
        _ => None,
    }
}

/// Central differences; beside a kink, those of the side that `x` is on.
fn differences(function: &Scalar, x: &[f64], y: &mut [f64]) -> Result<(), Error> {
    let steps: Vec<f64> = x.iter().map(|x| STEP * x.abs().max(1.0)).collect();
    let centres: Vec<f64> = x
        .iter()
        .zip(&steps)
        .map(|(&x, &h)| match function.kinks().iter().find(|kink| (x - **kink).abs() < 2.0 * h) {
            Some(kink) if x < *kink => kink - 2.0 * h,
            Some(kink) => kink + 2.0 * h,
            None => x,
        })
        .collect();
    let at = |sign: f64| centres.iter().zip(&steps).map(|(x, h)| x + sign * h).collect::<Vec<_>>();
    let (below, above) = (at(-1.0), at(1.0));
    let mut under = vec![0.0; x.len()];
    function.values(&below, &mut under)?;
    function.values(&above, y)?;
    for (i, y) in y.iter_mut().enumerate() {
        *y = (*y - under[i]) / (above[i] - below[i]);
    }
    Ok(())
}

/// `s(x)` of a unit of variance `v`.
fn value(activation: &Activation, v: f64, x: f64) -> f64 {
    match *activation {
        Activation::Relu => x.max(0.0),
        Activation::LeakyRelu { alpha } => two_pieces(alpha, 1.0, x),
        Activation::AbRelu { a, b } => two_pieces(a, b, x),
        Activation::Abs => x.abs(),
        Activation::Sign => sign(x),
        Activation::Step => f64::from(x > 0.0),
        Activation::RectifiedMonomial { degree: 0 } => f64::from(x >= 0.0),
        Activation::RectifiedMonomial { degree } => power(x.max(0.0), degree),
        Activation::Monomial { degree } => power(x, degree),
        Activation::Polynomial { ref coef } => polynomial(coef, x).0,
        Activation::Hermite { degree } => hermite(degree, x).0,
        Activation::Erf { a, b, c } => a * libm::erf(b * x) + c,
        Activation::SigmoidLike => 0.5 * libm::erf(x / SIGMOID_WIDTH) + 0.5,
        Activation::Probit => normal_distribution(x),
        Activation::Gelu => x * normal_distribution(x),
        Activation::Sin { a, b, c } => a * (b * x + c).sin(),
        Activation::Cos { a, b, c } => a * (b * x + c).cos(),
        Activation::Rbf { gamma } => 2f64.sqrt() * rbf_phase(gamma, x).sin(),
        Activation::Exp { a, b } => a * (b * x).exp(),
        Activation::Gaussian { a, b } => a * (b * x * x).exp(),
        Activation::Gabor => (-x * x).exp() * x.sin(),
        Activation::Elu { alpha } => elu(1.0, alpha, 1.0, x).0,
        Activation::Celu { alpha } => elu(1.0, alpha, 1.0 / alpha, x).0,
        Activation::Selu => elu(SELU.0, SELU.1, 1.0, x).0,
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::HardTanh => x.clamp(-1.0, 1.0),
        Activation::HardSigmoid => (x / 6.0 + 0.5).clamp(0.0, 1.0),
        Activation::Snake { a } => x + (a * x).sin().powi(2) / a,
        Activation::ExpNormalized { gamma, shift, .. } => {
            v.sqrt() * exp_normalized(gamma, shift, v, x)
        }
        // the two with a closed form; all others are evaluated by slices
        Activation::Numerical { function: Function::Named(NamedFunction::Selu), .. } => {
            elu(SELU.0, SELU.1, 1.0, x).0
        }
        Activation::Numerical { .. } => elu(1.0, 1.0, 1.0, x).0,
    }
}

/// `s'(x)` of a unit of variance `v`.
fn slope(activation: &Activation, v: f64, x: f64) -> f64 {
    let between = |low: f64, high: f64| {
        let inside = |edge: f64| 0.5 * (1.0 + sign(x - edge));
        inside(low) - inside(high)
    };
    match *activation {
        Activation::Relu => two_slopes(0.0, 1.0, x),
        Activation::LeakyRelu { alpha } => two_slopes(alpha, 1.0, x),
        Activation::AbRelu { a, b } => two_slopes(a, b, x),
        Activation::Abs => sign(x),
        Activation::Sign | Activation::Step | Activation::RectifiedMonomial { degree: 0 } => 0.0,
        Activation::RectifiedMonomial { degree: 1 } => two_slopes(0.0, 1.0, x),
        Activation::RectifiedMonomial { degree } => {
            f64::from(degree) * power(x.max(0.0), degree - 1)
        }
        Activation::Monomial { degree: 0 } => 0.0,
        Activation::Monomial { degree } => f64::from(degree) * power(x, degree - 1),
        Activation::Polynomial { ref coef } => polynomial(coef, x).1,
        Activation::Hermite { degree } => hermite(degree, x).1,
        Activation::Erf { a, b, .. } => a * b * FRAC_2_SQRT_PI * (-(b * x).powi(2)).exp(),
        Activation::SigmoidLike => {
            0.5 * FRAC_2_SQRT_PI / SIGMOID_WIDTH * (-(x / SIGMOID_WIDTH).powi(2)).exp()
        }
        Activation::Probit => normal_density(x),
        Activation::Gelu => normal_distribution(x) + x * normal_density(x),
        Activation::Sin { a, b, c } => a * b * (b * x + c).cos(),
        Activation::Cos { a, b, c } => -a * b * (b * x + c).sin(),
        Activation::Rbf { gamma } => 2.0 * gamma.sqrt() * rbf_phase(gamma, x).cos(),
        Activation::Exp { a, b } => a * b * (b * x).exp(),
        Activation::Gaussian { a, b } => 2.0 * a * b * x * (b * x * x).exp(),
        Activation::Gabor => (-x * x).exp() * (x.cos() - 2.0 * x * x.sin()),
        Activation::Elu { alpha } => elu(1.0, alpha, 1.0, x).1,
        Activation::Celu { alpha } => elu(1.0, alpha, 1.0 / alpha, x).1,
        Activation::Selu => elu(SELU.0, SELU.1, 1.0, x).1,
        Activation::Relu6 => between(0.0, 6.0),
        Activation::HardTanh => between(-1.0, 1.0),
        Activation::HardSigmoid => between(-3.0, 3.0) / 6.0,
        Activation::Snake { a } => 1.0 + (2.0 * a * x).sin(),
        Activation::ExpNormalized { gamma, shift, .. } => {
            gamma.sqrt() * exp_normalized(gamma, shift, v, x)
        }
        Activation::Numerical { function: Function::Named(NamedFunction::Selu), .. } => {
            elu(SELU.0, SELU.1, 1.0, x).1
        }
        Activation::Numerical { .. } => elu(1.0, 1.0, 1.0, x).1,
    }
}

/// -1, 0 or 1.
fn sign(x: f64) -> f64 {
    f64::from(i8::from(x > 0.0) - i8::from(x < 0.0))
}

fn two_pieces(a: f64, b: f64, x: f64) -> f64 {
    if x < 0.0 { a * x } else { b * x }
}

fn two_slopes(a: f64, b: f64, x: f64) -> f64 {
    0.5 * (a + b) + 0.5 * (b - a) * sign(x)
}

fn power(x: f64, degree: u32) -> f64 {
    x.powi(i32::try_from(degree).unwrap_or(i32::MAX))
}

/// Value and slope by Horner's rule.
fn polynomial(coef: &[f64], x: f64) -> (f64, f64) {
    let step = |(value, slope): (f64, f64), c: &f64| (value * x + c, slope * x + value);
    coef.iter().rev().fold((0.0, 0.0), step)
}

/// The orthonormal Hermite polynomial and its slope `sqrt(degree) h_(degree-1)`.
fn hermite(degree: u32, x: f64) -> (f64, f64) {
    let (mut before, mut value) = (0.0, 1.0);
    for k in 0..degree {
        let k = f64::from(k);
        (before, value) = (value, (x * value - k.sqrt() * before) / (k + 1.0).sqrt());
    }
    (value, f64::from(degree).sqrt() * before)
}

fn normal_density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / (2.0 * PI).sqrt()
}

fn normal_distribution(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

fn rbf_phase(gamma: f64, x: f64) -> f64 {
    (2.0 * gamma).sqrt() * x + PI / 4.0
}

/// `factor * ELU` with the exponential's rate, and its slope.
fn elu(factor: f64, alpha: f64, rate: f64, x: f64) -> (f64, f64) {
    if x > 0.0 {
        (factor * x, factor)
    } else {
        (factor * alpha * (rate * x).exp_m1(), factor * alpha * rate * (rate * x).exp())
    }
}

fn exp_normalized(gamma: f64, shift: f64, v: f64, x: f64) -> f64 {
    let z = if v > 0.0 { x / v.sqrt() } else { 0.0 };
    (gamma.sqrt() * z + 0.5 * gamma * (shift - 1.0)).exp()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use widelimit_arch::UserFunction;

    /// One of each kind.
    pub(crate) fn all() -> Vec<Activation> {
        let user = UserFunction::new("bent", vec![0.5], |x: f64| (x - 0.5).max(0.0) + x.sin());
        let mut all = vec![
            Activation::Relu,
            Activation::LeakyRelu { alpha: 0.1 },
            Activation::AbRelu { a: -0.3, b: 1.2 },
            Activation::Abs,
            Activation::Sign,
            Activation::Step,
            Activation::RectifiedMonomial { degree: 0 },
            Activation::RectifiedMonomial { degree: 1 },
            Activation::RectifiedMonomial { degree: 3 },
            Activation::Monomial { degree: 0 },
            Activation::Monomial { degree: 3 },
            Activation::Polynomial { coef: vec![0.5, -1.0, 0.25] },
            Activation::Hermite { degree: 4 },
            Activation::erf(),
            Activation::SigmoidLike,
            Activation::Probit,
            Activation::Gelu,
            Activation::sin(),
            Activation::Cos { a: 2.0, b: 0.5, c: 0.3 },
            Activation::Rbf { gamma: 0.7 },
            Activation::Exp { a: 0.5, b: 0.4 },
            Activation::Gaussian { a: 1.0, b: -1.0 },
            Activation::Gabor,
            Activation::elu(),
            Activation::Celu { alpha: 2.0 },
            Activation::Selu,
            Activation::Relu6,
            Activation::HardTanh,
            Activation::HardSigmoid,
            Activation::Snake { a: 1.5 },
            Activation::ExpNormalized { gamma: 1.0, shift: -1.0, do_clip: false },
            Activation::Numerical { function: Function::User(user), degree: None },
        ];
        all.extend(
            NamedFunction::ALL.map(|named| Activation::Numerical {
                function: Function::Named(named),
                degree: None,
            }),
        );
        all
    }

    #[test]
    fn slopes_are_derivatives() {
        for activation in all() {
            let function = Pointwise::new(&activation);
            let kinks = function.kinks();
            for i in -40..40 {
                let (x, h) = (f64::from(i) / 9.0 + 0.013, 1e-5);
                if kinks.iter().any(|kink| (kink - x).abs() < 0.01) {
                    continue;
                }
                let (mut y, mut slope) = ([0.0; 2], [0.0]);
                function.values(1.3, &[x - h, x + h], &mut y).unwrap();
                function.slopes(1.3, &[x], &mut slope).unwrap();
                let expected = (y[1] - y[0]) / (2.0 * h);
                let error = (slope[0] - expected).abs() / (1.0 + expected.abs());
                assert!(error < 1e-7, "{activation:?} at {x}: {slope:?}, not {expected}");
            }
        }
    }

    #[test]
    fn slopes_beside_kinks_are_those_of_their_side() {
        let user = UserFunction::new("bent", vec![0.5], |x: f64| 3.0 * (x - 0.5).max(0.0));
        let activation = Activation::Numerical { function: Function::User(user), degree: None };
        let mut slopes = [0.0; 2];
        let x = [0.5 - 1e-7, 0.5 + 1e-7];
        Pointwise::new(&activation).slopes(1.0, &x, &mut slopes).unwrap();
        assert!(slopes[0].abs() < 1e-9 && (slopes[1] - 3.0).abs() < 1e-9, "{slopes:?}");
    }

    #[test]
    fn a_failing_function_is_reported() {
        let user = UserFunction::new("root", Vec::new(), f64::sqrt);
        let activation = Activation::Numerical { function: Function::User(user), degree: None };
        let error = Pointwise::new(&activation).values(1.0, &[-1.0], &mut [0.0]).unwrap_err();
        assert!(matches!(error, Error::FunctionValue { x: -1.0, .. }), "{error}");
    }
}
