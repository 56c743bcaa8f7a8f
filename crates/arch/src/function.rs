//! Scalar functions without a closed-form dual: well-known names, and the user's own.

use std::fmt;
use std::sync::Arc;

/// A scalar function used as an activation.
#[derive(Clone, Debug, PartialEq)]
pub enum Function {
    /// One of the known functions, written by name.
    Named(NamedFunction),
    /// A function given as code.
    User(UserFunction),
}

/// Functions known by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedFunction {
    /// `tanh(x)`.
    Tanh,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `log(1 + exp(x))`.
    Softplus,
    /// `x / (1 + exp(-x))`, also called SiLU.
    Swish,
    /// `x tanh(log(1 + exp(x)))`.
    Mish,
    /// `x / (1 + |x|)`.
    Softsign,
    /// `-log(1 + exp(-x))`.
    LogSigmoid,
    /// `x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))`.
    GeluTanh,
    /// `arctan(x)`.
    Arctan,
    /// ELU with `alpha = 1`; has a closed form, which is used.
    Elu,
    /// SELU; has a closed form, which is used.
    Selu,
}

impl NamedFunction {
    /// Every known function.
    pub const ALL: [Self; 11] = [
        Self::Tanh,
        Self::Sigmoid,
        Self::Softplus,
        Self::Swish,
        Self::Mish,
        Self::Softsign,
        Self::LogSigmoid,
        Self::GeluTanh,
        Self::Arctan,
        Self::Elu,
        Self::Selu,
    ];

    /// The name in the JSON form.
    pub const fn name(self) -> &'static str {
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
            Self::Elu => "elu",
            Self::Selu => "selu",
        }
    }

    /// The function with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.name() == name)
    }
}

type Evaluate = dyn Fn(&[f64], &mut [f64]) -> Result<(), String> + Send + Sync;

/// A user's activation: evaluated on slices, so that an interpreter behind it is called rarely.
///
/// Networks that hold one cannot be written as JSON.
#[derive(Clone)]
pub struct UserFunction {
    name: String,
    kinks: Vec<f64>,
    evaluate: Arc<Evaluate>,
}

impl UserFunction {
    /// A function from a closure on single values.
    ///
    /// `kinks` lists the points where the function or its derivative jumps: quadrature is split
    /// there, which is what makes it accurate.
    pub fn new(
        name: impl Into<String>,
        kinks: impl Into<Vec<f64>>,
        f: impl Fn(f64) -> f64 + Send + Sync + 'static,
    ) -> Self {
        Self::from_slices(name, kinks, move |x, y| {
            for (x, y) in x.iter().zip(y) {
                *y = f(*x);
            }
            Ok(())
        })
    }

    /// A function from a closure that fills `y[i] = s(x[i])` for whole slices and may fail with a
    /// message.
    pub fn from_slices(
        name: impl Into<String>,
        kinks: impl Into<Vec<f64>>,
        f: impl Fn(&[f64], &mut [f64]) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), kinks: kinks.into(), evaluate: Arc::new(f) }
    }

    /// The name it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Points where the function or its derivative jumps.
    pub fn kinks(&self) -> &[f64] {
        &self.kinks
    }

    /// Fills `y[i] = s(x[i])`; the slices have equal length.
    pub fn evaluate(&self, x: &[f64], y: &mut [f64]) -> Result<(), String> {
        (self.evaluate)(x, y)
    }
}

impl fmt::Debug for UserFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserFunction")
            .field("name", &self.name)
            .field("kinks", &self.kinks)
            .finish()
    }
}

/// Two user functions are equal when they are the same object.
impl PartialEq for UserFunction {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.evaluate, &other.evaluate)
    }
}
