//! The functions the series is made of: values, slopes and what is known of their symmetry.

use widelimit_arch::{NamedFunction, UserFunction};

use crate::Error;

/// Which Hermite degrees above 1 occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parity {
    /// A constant plus an odd function: 3, 5, 7, ...
    Odd,
    /// A straight line plus an even function: 2, 4, 6, ...
    Even,
    /// All.
    Both,
}

/// A scalar function without a closed-form dual.
#[derive(Clone, Debug)]
pub(crate) enum Scalar {
    /// Known, with its slope.
    Named(Named),
    /// The user's: values only.
    User(UserFunction),
    /// One that jumps: it has no square-integrable derivative, and only `k` is asked of it.
    Jumping(UserFunction),
}

/// The named functions that go through the series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    Tanh,
    Sigmoid,
    Softplus,
    Swish,
    Mish,
    Softsign,
    LogSigmoid,
    GeluTanh,
    Arctan,
}

impl Named {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 9] = [
        Self::Tanh,
        Self::Sigmoid,
        Self::Softplus,
        Self::Swish,
        Self::Mish,
        Self::Softsign,
        Self::LogSigmoid,
        Self::GeluTanh,
        Self::Arctan,
    ];

    /// `None` for those with a closed form.
    pub(crate) fn new(function: NamedFunction) -> Option<Self> {
        Some(match function {
            NamedFunction::Tanh => Self::Tanh,
            NamedFunction::Sigmoid => Self::Sigmoid,
            NamedFunction::Softplus => Self::Softplus,
            NamedFunction::Swish => Self::Swish,
            NamedFunction::Mish => Self::Mish,
            NamedFunction::Softsign => Self::Softsign,
            NamedFunction::LogSigmoid => Self::LogSigmoid,
            NamedFunction::GeluTanh => Self::GeluTanh,
            NamedFunction::Arctan => Self::Arctan,
            NamedFunction::Elu | NamedFunction::Selu => return None,
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tanh => "tanh",
            Self::Sigmoid => "sigmoid",
            Self::Softplus => "softplus",
            Self::Swish => "swish",
            Self::Mish => "mish",
            Self::Softsign => "softsign",
            Self::LogSigmoid => "log_sigmoid",
            Self::GeluTanh => "gelu_tanh",
            Self::Arctan => "arctan",
        }
    }

    pub(crate) fn parity(self) -> Parity {
        match self {
            Self::Tanh | Self::Sigmoid | Self::Softsign | Self::Arctan => Parity::Odd,
            Self::Softplus | Self::Swish | Self::LogSigmoid | Self::GeluTanh => Parity::Even,
            Self::Mish => Parity::Both,
        }
    }

    /// `s(x)`.
    pub(crate) fn value(self, x: f64) -> f64 {
        match self {
            Self::Tanh => x.tanh(),
            Self::Sigmoid => sigmoid(x),
            Self::Softplus => softplus(x),
            Self::Swish => x * sigmoid(x),
            Self::Mish => x * mish_gate(x).0,
            Self::Softsign => x / (1.0 + x.abs()),
            Self::LogSigmoid => -softplus(-x),
            Self::GeluTanh => x * sigmoid(gelu_argument(x)),
            Self::Arctan => x.atan(),
        }
    }

    /// `s'(x)`.
    pub(crate) fn slope(self, x: f64) -> f64 {
        match self {
            Self::Tanh => 4.0 * bell(2.0 * x),
            Self::Sigmoid => bell(x),
            Self::Softplus => sigmoid(x),
            Self::Swish => sigmoid(x) + x * bell(x),
            Self::Mish => {
                let (gate, square) = mish_gate(x);
                gate + x * sigmoid(x) * square
            }
            Self::Softsign => (1.0 + x.abs()).powi(-2),
            Self::LogSigmoid => sigmoid(-x),
            Self::GeluTanh => {
                let argument = gelu_argument(x);
                let steep = bell(argument);
                let rate = 2.0 * (2.0 / std::f64::consts::PI).sqrt() * (1.0 + 0.134145 * x * x);
                sigmoid(argument) + if steep == 0.0 { 0.0 } else { x * steep * rate }
            }
            Self::Arctan => 1.0 / (1.0 + x * x),
        }
    }
}

impl Scalar {
    pub(crate) fn parity(&self) -> Parity {
        match self {
            Self::Named(function) => function.parity(),
            Self::User(_) | Self::Jumping(_) => Parity::Both,
        }
    }

    /// Points to split quadrature at.
    pub(crate) fn kinks(&self) -> &[f64] {
        match self {
            Self::Named(_) => &[],
            Self::User(function) | Self::Jumping(function) => function.kinks(),
        }
    }

    /// `y[i] = s(x[i])`.
    ///
    /// # Errors
    ///
    /// A user function that fails, or gives a value that is not finite.
    pub(crate) fn values(&self, x: &[f64], y: &mut [f64]) -> Result<(), Error> {
        match self {
            Self::Named(function) => {
                for (x, y) in x.iter().zip(y) {
                    *y = function.value(*x);
                }
            }
            Self::User(function) | Self::Jumping(function) => {
                let name = || function.name().to_owned();
                function.evaluate(x, y).map_err(|message| Error::FunctionFailed {
                    function: name(),
                    x: x.first().copied().unwrap_or(0.0),
                    message,
                })?;
                if let Some((x, value)) = x.iter().zip(y).find(|(_, y)| !y.is_finite()) {
                    return Err(Error::FunctionValue { function: name(), x: *x, value: *value });
                }
            }
        }
        Ok(())
    }
}

/// `1 / (1 + e^-x)`.
fn sigmoid(x: f64) -> f64 {
    let small = (-x.abs()).exp();
    if x < 0.0 { small / (1.0 + small) } else { 1.0 / (1.0 + small) }
}

/// `sigmoid(x) sigmoid(-x)`.
fn bell(x: f64) -> f64 {
    let small = (-x.abs()).exp();
    small / ((1.0 + small) * (1.0 + small))
}

/// `log(1 + e^x)`.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// `tanh(softplus(x))` and one minus its square.
fn mish_gate(x: f64) -> (f64, f64) {
    let small = (-x.abs()).exp();
    // numerator e^2x + 2 e^x and denominator numerator + 2, divided by e^2x for positive x
    let (numerator, rest, scale) = if x < 0.0 {
        (small * (small + 2.0), 2.0, 1.0)
    } else {
        (1.0 + 2.0 * small, 2.0 * small * small, small * small)
    };
    let denominator = numerator + rest;
    let square = 4.0 * (numerator + scale) * scale / (denominator * denominator);
    (numerator / denominator, square)
}

/// `2 sqrt(2/pi) (x + 0.044715 x^3)`: twice the argument of the hyperbolic tangent.
fn gelu_argument(x: f64) -> f64 {
    2.0 * (2.0 / std::f64::consts::PI).sqrt() * x * (1.0 + 0.044715 * x * x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_derivatives() {
        for function in Named::ALL {
            for i in -60..60 {
                let x = f64::from(i) / 7.0 + 0.01;
                let h = 1e-3;
                let f = |d: f64| function.value(x + d * h);
                let slope = (8.0 * (f(1.0) - f(-1.0)) - (f(2.0) - f(-2.0))) / (12.0 * h);
                let error = (function.slope(x) - slope).abs();
                assert!(error < 1e-10, "{} at {x}: {error:.1e}", function.name());
            }
        }
    }

    #[test]
    fn extreme_arguments_stay_finite() {
        for function in Named::ALL {
            for x in [0.0, 1e-300, 30.0, 710.0, 1e8, 1e150] {
                for x in [x, -x] {
                    assert!(function.value(x).is_finite(), "{} at {x}", function.name());
                    assert!(function.slope(x).is_finite(), "{}' at {x}", function.name());
                }
            }
        }
    }

    #[test]
    fn symmetries_are_as_stated() {
        for function in Named::ALL {
            for x in [0.1, 1.0, 3.3] {
                let (up, down) = (function.slope(x), function.slope(-x));
                match function.parity() {
                    Parity::Odd => assert!((up - down).abs() < 1e-15, "{}", function.name()),
                    Parity::Even => assert!((up + down - 1.0).abs() < 1e-15, "{}", function.name()),
                    Parity::Both => assert!((up - down).abs() > 1e-3, "{}", function.name()),
                }
            }
        }
    }
}
