//! What can go wrong when a model is fitted or asked for a prediction.

/// Everything `widelimit-learn` refuses, with the numbers that say why.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// A kernel between training points must be square.
    #[error("the training kernel must be square, got {rows} x {columns}")]
    NotSquare {
        /// Rows given.
        rows: usize,
        /// Columns given.
        columns: usize,
    },
    /// Two arguments disagree about a length.
    #[error("{what}: expected {expected}, got {got}")]
    Shape {
        /// Which length of which argument.
        what: &'static str,
        /// The length that fits the other arguments.
        expected: usize,
        /// The length given.
        got: usize,
    },
    /// An array without rows or columns.
    #[error("{what} is empty")]
    Empty {
        /// Which argument.
        what: &'static str,
    },
    /// NaN or infinity in an argument.
    #[error("{what} has the value {value} in row {row}, column {column}")]
    NotFinite {
        /// Which argument.
        what: &'static str,
        /// Row, from 0.
        row: usize,
        /// Column, from 0.
        column: usize,
        /// The offending value.
        value: f64,
    },
    /// A magnitude whose moments would leave the range of double precision.
    #[error(
        "{what} has the value {value:e} in row {row}, column {column}; magnitudes up to {most:e} can be summed up"
    )]
    OutOfRange {
        /// Which argument.
        what: &'static str,
        /// Row, from 0.
        row: usize,
        /// Column, from 0.
        column: usize,
        /// The offending value.
        value: f64,
        /// Largest magnitude allowed.
        most: f64,
    },
    /// A kernel between training points must be symmetric up to rounding.
    #[error(
        "the training kernel is not symmetric: entries ({row}, {column}) and ({column}, {row}) differ by {difference:e}"
    )]
    NotSymmetric {
        /// Row, from 0.
        row: usize,
        /// Column, from 0.
        column: usize,
        /// Absolute difference of the two entries.
        difference: f64,
    },
    /// A scale relative to the mean of the diagonal makes no sense when that mean is not positive.
    #[error(
        "the mean of the kernel's diagonal is {mean}, it must be positive for a relative ridge"
    )]
    DiagonalNotPositive {
        /// The mean of the diagonal.
        mean: f64,
    },
    /// The matrix to factor is not positive definite, even after the largest jitter.
    #[error(
        "the kernel is not positive definite: pivot {pivot} is {value:e} with ridge {ridge:e} and the largest jitter{}",
        smallest(min_eigenvalue)
    )]
    NotPositiveDefinite {
        /// Row at which the factorisation broke down, from 0.
        pivot: usize,
        /// The pivot's value.
        value: f64,
        /// Absolute ridge on the diagonal.
        ridge: f64,
        /// Smallest eigenvalue of the kernel, where it was computed.
        min_eigenvalue: Option<f64>,
    },
    /// A spectrum has a negative eigenvalue too large to be rounding.
    #[error(
        "the kernel is not positive semi-definite: smallest eigenvalue {min_eigenvalue:e}, largest {max_eigenvalue:e}"
    )]
    Indefinite {
        /// Smallest eigenvalue.
        min_eigenvalue: f64,
        /// Largest eigenvalue.
        max_eigenvalue: f64,
    },
    /// A parameter outside its range.
    #[error("{name} must be {expected}, got {value}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// The values it may take, in words.
        expected: &'static str,
        /// The value given.
        value: f64,
    },
    /// Too few training rows for what was asked.
    #[error("{what} needs at least {needed} training rows (samples), got {got}")]
    TooFewRows {
        /// What was asked.
        what: &'static str,
        /// Fewest rows it works with.
        needed: usize,
        /// Rows given.
        got: usize,
    },
    /// A classifier was given targets of a single class.
    #[error(
        "all {rows} training targets are of one class ({class}); a classifier needs at least two classes"
    )]
    OneClass {
        /// The only class present.
        class: usize,
        /// Rows given.
        rows: usize,
    },
    /// A class code beyond the number of classes.
    #[error("class code {code} in row {row} is not below the number of classes {classes}")]
    ClassCode {
        /// Row, from 0.
        row: usize,
        /// The code found there.
        code: usize,
        /// Number of classes declared.
        classes: usize,
    },
    /// A number left the range of its type on the way (targets or kernel values too large).
    #[error("{what} overflowed: rescale the targets or the inputs")]
    Overflow {
        /// Which result.
        what: &'static str,
    },
    /// The error rate needs classes.
    #[error(
        "the criterion `ErrorRate` needs class targets; regression chooses its ridge by `SquaredError`"
    )]
    CriterionNeedsClasses,
    /// Moments do not tell which rows a model gets wrong.
    #[error(
        "the criterion `ErrorRate` needs the rows: moments choose the ridge by `SquaredError`, or by leave-one-out in a second pass"
    )]
    CriterionNeedsRows,
    /// All layers are to be trained, and only the NNGP was given.
    #[error("training all layers needs the NTK beside the NNGP")]
    NtkMissing,
    /// A failure of the linear algebra underneath.
    #[error(transparent)]
    Linalg(#[from] widelimit_linalg::Error),
}

fn smallest(value: &Option<f64>) -> String {
    value.map_or_else(String::new, |v| format!("; its smallest eigenvalue is {v:e}"))
}
