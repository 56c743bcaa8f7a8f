//! Point-wise non-linearities: names and parameters only.
//!
//! How each one acts on Gaussian covariances (its *dual*) lives in `widelimit-dual`.

use crate::function::Function;

/// A point-wise activation `s`, applied to every unit of a layer.
///
/// The default parameters of the JSON form are given in brackets.
#[derive(Clone, Debug, PartialEq)]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// `max(x, 0) + alpha min(x, 0)` (`alpha` = 0.01).
    LeakyRelu {
        /// Slope of the negative half.
        alpha: f64,
    },
    /// `a min(x, 0) + b max(x, 0)`.
    AbRelu {
        /// Slope of the negative half.
        a: f64,
        /// Slope of the positive half.
        b: f64,
    },
    /// `|x|`.
    Abs,
    /// `sign(x)`, with `sign(0) = 0`; its derivative counts as 0.
    Sign,
    /// `1` for `x > 0`, else `0`; its derivative counts as 0.
    Step,
    /// `x^degree` for `x >= 0`, else `0`.
    RectifiedMonomial {
        /// Exponent; at 0 the derivative counts as 0.
        degree: u32,
    },
    /// `x^degree`.
    Monomial {
        /// Exponent.
        degree: u32,
    },
    /// `sum_k coef[k] x^k`.
    Polynomial {
        /// Coefficients, constant first; not empty.
        coef: Vec<f64>,
    },
    /// `He_degree(x) / sqrt(degree!)`, the orthonormal probabilists' Hermite polynomial.
    Hermite {
        /// Degree.
        degree: u32,
    },
    /// `a erf(b x) + c` (1, 1, 0).
    Erf {
        /// Amplitude.
        a: f64,
        /// Inner scale.
        b: f64,
        /// Offset.
        c: f64,
    },
    /// `erf(x / 2.4020563531719796) / 2 + 1/2`, the usual stand-in for the logistic sigmoid.
    SigmoidLike,
    /// `Phi(x)`, the normal distribution function.
    Probit,
    /// `x Phi(x)` (exact form).
    Gelu,
    /// `a sin(b x + c)` (1, 1, 0).
    Sin {
        /// Amplitude.
        a: f64,
        /// Frequency.
        b: f64,
        /// Phase.
        c: f64,
    },
    /// `a cos(b x + c)` (1, 1, 0).
    Cos {
        /// Amplitude.
        a: f64,
        /// Frequency.
        b: f64,
        /// Phase.
        c: f64,
    },
    /// `sqrt(2) sin(sqrt(2 gamma) x + pi/4)`, whose dual is `exp(-gamma |u - v|^2)` (`gamma` = 1).
    Rbf {
        /// Inverse squared length scale.
        gamma: f64,
    },
    /// `a exp(b x)` (1, 1).
    Exp {
        /// Amplitude.
        a: f64,
        /// Rate.
        b: f64,
    },
    /// `a exp(b x^2)`, `b < 0` (1, -1).
    Gaussian {
        /// Amplitude.
        a: f64,
        /// Exponent; negative, or the dual does not exist for every variance.
        b: f64,
    },
    /// `exp(-x^2) sin(x)`.
    Gabor,
    /// `x` for `x > 0`, else `alpha (exp(x) - 1)` (`alpha` = 1).
    Elu {
        /// Saturation value.
        alpha: f64,
    },
    /// `x` for `x > 0`, else `alpha (exp(x / alpha) - 1)` (`alpha` = 1).
    Celu {
        /// Saturation value.
        alpha: f64,
    },
    /// `1.0507… ELU(1.6732…)`.
    Selu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `min(max(x, -1), 1)`.
    HardTanh,
    /// `min(max(x / 6 + 1/2, 0), 1)`.
    HardSigmoid,
    /// `x + sin^2(a x) / a` (`a` = 1).
    Snake {
        /// Frequency.
        a: f64,
    },
    /// A kernel without a function behind it: with `r = sqrt(q11 q22)`,
    /// `k = r exp(gamma (q12 / r + shift))` (`gamma` = 1, `shift` = -1).
    ExpNormalized {
        /// Rate; `kd = gamma exp(gamma (q12 / r + shift))`.
        gamma: f64,
        /// Added to the cosine.
        shift: f64,
        /// Kept for compatibility of descriptions; the cosine is always within [-1, 1] here.
        do_clip: bool,
    },
    /// Any other function, through its Hermite coefficients.
    Numerical {
        /// What is applied.
        function: Function,
        /// Quadrature degree named in the description; the engine picks its own accuracy.
        degree: Option<u32>,
    },
}
