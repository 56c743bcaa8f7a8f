//! What can go wrong.

/// Errors of this crate.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter for which the dual does not exist.
    #[error("{activation}: parameter {parameter} = {value} is not usable ({reason})")]
    Parameter {
        /// Name of the activation.
        activation: &'static str,
        /// Name of the parameter.
        parameter: &'static str,
        /// What was given.
        value: f64,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// A polynomial without coefficients.
    #[error("polynomial: the list of coefficients is empty")]
    NoCoefficients,

    /// A variance that is negative or not finite.
    #[error("variance of point {index} is {value}; it must be finite and not negative")]
    Variance {
        /// Position among the variances.
        index: usize,
        /// Its value.
        value: f64,
    },

    /// A variance so large that the kernel leaves the range of the number format.
    #[error("variance of point {index} is {value}: {activation} of it overflows {format}")]
    Overflow {
        /// Name of the activation.
        activation: &'static str,
        /// Position among the variances.
        index: usize,
        /// Its value.
        value: f64,
        /// `f32` or `f64`.
        format: &'static str,
    },

    /// A user function that failed.
    #[error("function `{function}` failed on arguments from x = {x} on: {message}")]
    FunctionFailed {
        /// Its name.
        function: String,
        /// The first argument of the slice it was given.
        x: f64,
        /// What it said.
        message: String,
    },

    /// A user function with a value that is not finite.
    #[error(
        "function `{function}` gives {value} at x = {x}; it must be finite where inputs of this variance reach"
    )]
    FunctionValue {
        /// Its name.
        function: String,
        /// The argument.
        x: f64,
        /// The value.
        value: f64,
    },
}
