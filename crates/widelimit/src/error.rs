//! One error for users, sorted by what they can do about it.

use std::io::ErrorKind;

use widelimit_arch::Shape;
use widelimit_data::Error as DataError;
use widelimit_embed::Error as FeatureError;
use widelimit_exact::Error as ExactError;
use widelimit_graph::Error as GraphError;
use widelimit_learn::Error as LearnError;
use widelimit_linalg::Error as LinalgError;
use widelimit_sketch::Error as SketchError;

/// Anything that stops a computation of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The description of the network is wrong.
    #[error(transparent)]
    Network(#[from] widelimit_arch::Error),
    /// A kernel cannot be computed.
    #[error(transparent)]
    Kernel(ExactError),
    /// Graphs, or a kernel between them, that cannot be.
    #[error(transparent)]
    Graph(GraphError),
    /// Features cannot be made.
    #[error(transparent)]
    Features(FeatureError),
    /// A regression cannot be solved.
    #[error(transparent)]
    Learn(#[from] LearnError),
    /// A file cannot be read or written.
    #[error(transparent)]
    Data(DataError),
    /// A decomposition failed.
    #[error(transparent)]
    Linalg(#[from] LinalgError),
    /// Inputs of the wrong number of dimensions.
    #[error("{what} has {got} dimensions, {expected}")]
    Dimensions {
        /// Which argument.
        what: &'static str,
        /// Dimensions given.
        got: usize,
        /// What is expected, in words.
        expected: &'static str,
    },
    /// New inputs of another shape than a model was fitted on.
    #[error("the inputs have the shape {got}, but the model was fitted on {expected}")]
    InputShape {
        /// Shape of one training input.
        expected: Shape,
        /// Shape of one input given.
        got: Shape,
    },
    /// A network that gives a value at every position cannot be fitted.
    #[error(
        "the network ends on positions, {output} for an input of {input}, but a fit needs one value \
         an input: global_avg_pool or flatten before the last dense layer gives it"
    )]
    EndsOnPositions {
        /// Shape of one input.
        input: Shape,
        /// Shape of the output.
        output: Shape,
    },
    /// A network that aggregates over graphs cannot be fitted.
    #[error(
        "{at} aggregates over graphs, but a model keeps no adjacency matrices: fit on the kernel \
         of such a network instead"
    )]
    Aggregates {
        /// Position of the layer.
        at: String,
    },
    /// Two arguments disagree about a length.
    #[error("{what}: expected {expected}, got {got}")]
    Length {
        /// Which length.
        what: &'static str,
        /// The length that fits.
        expected: usize,
        /// The length given.
        got: usize,
    },
    /// A parameter outside its range.
    #[error("{name}: expected {expected}, got {got}")]
    Parameter {
        /// Its name.
        name: &'static str,
        /// What is accepted.
        expected: &'static str,
        /// What was given.
        got: String,
    },
    /// Less rows than a computation needs.
    #[error("{what} needs at least {needed} rows, got {got}")]
    TooFewRows {
        /// What cannot be computed.
        what: &'static str,
        /// The least number that works.
        needed: usize,
        /// What was given.
        got: usize,
    },
    /// No affordable number of features is within a tolerance.
    #[error(
        "the tolerance {tolerance} is not reached: {dim} features by `{method}` have a relative error \
         of {error:.3}"
    )]
    Tolerance {
        /// The method used.
        method: &'static str,
        /// The relative error asked for.
        tolerance: f64,
        /// The smallest one found.
        error: f64,
        /// The number of features that has it.
        dim: usize,
    },
    /// The job needs more memory than it may use.
    #[error("{what} needs {} of memory, but at most {} can be used", crate::memory::show(*needed), crate::memory::show(*limit))]
    MemoryLimit {
        /// Which job.
        what: &'static str,
        /// Bytes it needs at its peak, inputs not counted.
        needed: u64,
        /// Bytes it may use.
        limit: u64,
    },
    /// Features of all rows would take longer than they may.
    #[error(
        "{dim} features of {rows} rows would take {needed:.1} s with the fastest method, but at most {limit} s can be used"
    )]
    TimeLimit {
        /// Number of rows.
        rows: usize,
        /// Number of features.
        dim: usize,
        /// Seconds, as a trial measured it.
        needed: f64,
        /// Seconds that they may take.
        limit: f64,
    },
    /// A model file whose parts do not fit together.
    #[error("{file}: {reason}")]
    Model {
        /// The file.
        file: String,
        /// What does not fit.
        reason: String,
    },
    /// The caller asked to stop.
    #[error("interrupted")]
    Cancelled,
}

/// What a user can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Correct the call or the description of the network.
    Usage,
    /// Correct the data.
    Data,
    /// A computation broke down: regularise or rescale.
    Numerical,
    /// Allow more memory or ask for less.
    Resource,
    /// Make room for the result, or write it elsewhere.
    Storage,
    /// The user stopped the job.
    Interrupted,
}

impl Error {
    /// The kind of the error, from which exit codes and exception classes follow.
    pub fn kind(&self) -> Kind {
        match self {
            Error::Network(_)
            | Error::Parameter { .. }
            | Error::EndsOnPositions { .. }
            | Error::Aggregates { .. } => Kind::Usage,
            Error::Kernel(error) => kind_of_kernel(error),
            Error::Graph(error) => kind_of_graphs(error),
            Error::Features(error) => kind_of_features(error),
            Error::Learn(error) => kind_of_learn(error),
            Error::Data(DataError::OutOfMemory { .. })
            | Error::MemoryLimit { .. }
            | Error::TimeLimit { .. } => Kind::Resource,
            Error::Data(DataError::NoRoom { .. }) => Kind::Storage,
            Error::Data(DataError::NoParts) => Kind::Usage,
            Error::Data(DataError::Io { source, .. }) if no_room(source.kind()) => Kind::Storage,
            Error::Linalg(error) => kind_of_linalg(error),
            Error::Tolerance { .. } => Kind::Numerical,
            Error::Cancelled => Kind::Interrupted,
            Error::Data(_)
            | Error::Dimensions { .. }
            | Error::InputShape { .. }
            | Error::TooFewRows { .. }
            | Error::Length { .. }
            | Error::Model { .. } => Kind::Data,
        }
    }
}

/// Whether there is no room on the disk, or none that this user or this process may take.
fn no_room(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::StorageFull | ErrorKind::FileTooLarge | ErrorKind::QuotaExceeded)
}

fn kind_of_kernel(error: &ExactError) -> Kind {
    match error {
        ExactError::Network(_) => Kind::Usage,
        ExactError::MemoryLimit { .. } | ExactError::OutOfMemory { .. } => Kind::Resource,
        // The file was opened and its first bytes were written: what fails now is room.
        ExactError::Sink(_) => Kind::Storage,
        ExactError::Cancelled => Kind::Interrupted,
        ExactError::Overflow { .. } | ExactError::Activation { .. } => Kind::Numerical,
        _ => Kind::Data,
    }
}

fn kind_of_graphs(error: &GraphError) -> Kind {
    match error {
        GraphError::Parameter { .. } | GraphError::Power { .. } => Kind::Usage,
        GraphError::MemoryLimit { .. } | GraphError::OutOfMemory { .. } => Kind::Resource,
        GraphError::Cancelled => Kind::Interrupted,
        GraphError::Overflow { .. } | GraphError::Activation(_) => Kind::Numerical,
        GraphError::Sketch(error) => kind_of_sketch(error),
        GraphError::Linalg(error) => kind_of_linalg(error),
        _ => Kind::Data,
    }
}

fn kind_of_features(error: &FeatureError) -> Kind {
    match error {
        FeatureError::NoRule { .. }
        | FeatureError::NotApplicable { .. }
        | FeatureError::TooFewFeatures { .. }
        | FeatureError::Degree { .. }
        | FeatureError::Variance { .. }
        | FeatureError::NoFeatures => Kind::Usage,
        FeatureError::Overflow { .. } | FeatureError::Activation { .. } => Kind::Numerical,
        FeatureError::Sketch(error) => kind_of_sketch(error),
        FeatureError::Linalg(error) => kind_of_linalg(error),
        _ => Kind::Data,
    }
}

fn kind_of_learn(error: &LearnError) -> Kind {
    match error {
        LearnError::NotPositiveDefinite { .. }
        | LearnError::Indefinite { .. }
        | LearnError::Overflow { .. } => Kind::Numerical,
        LearnError::Parameter { .. }
        | LearnError::CriterionNeedsClasses
        | LearnError::NtkMissing => Kind::Usage,
        LearnError::Linalg(error) => kind_of_linalg(error),
        _ => Kind::Data,
    }
}

fn kind_of_sketch(error: &SketchError) -> Kind {
    match error {
        SketchError::Indefinite { .. } => Kind::Numerical,
        SketchError::Linalg(error) => kind_of_linalg(error),
        _ => Kind::Data,
    }
}

fn kind_of_linalg(error: &LinalgError) -> Kind {
    match error {
        LinalgError::NotPositiveDefinite { .. }
        | LinalgError::Singular { .. }
        | LinalgError::NoConvergence { .. } => Kind::Numerical,
        LinalgError::OutOfMemory { .. } => Kind::Resource,
        LinalgError::NotSquare { .. }
        | LinalgError::Shape { .. }
        | LinalgError::NonFinite { .. } => Kind::Data,
    }
}

impl Error {
    /// The error of a block of rows in terms of the whole, of which `first` rows come before.
    pub fn rows_from(mut self, first: usize) -> Self {
        match &mut self {
            Error::Kernel(
                ExactError::NonFinite { input, row, .. }
                | ExactError::NonFiniteImage { input, row, .. }
                | ExactError::Overflow { input, row, .. },
            ) if matches!(*input, "x" | "x1") => (*input, *row) = ("x", *row + first),
            Error::Features(
                FeatureError::Overflow { row, .. } | FeatureError::NonFinite { row, .. },
            ) => *row += first,
            _ => {}
        }
        self
    }
}

impl From<ExactError> for Error {
    fn from(error: ExactError) -> Self {
        match error {
            ExactError::Cancelled => Error::Cancelled,
            ExactError::MemoryLimit { needed, limit } => {
                Error::MemoryLimit { what: "the kernel", needed, limit }
            }
            ExactError::Network(error) => Error::Network(error),
            other => Error::Kernel(other),
        }
    }
}

impl From<GraphError> for Error {
    fn from(error: GraphError) -> Self {
        match error {
            GraphError::Cancelled => Error::Cancelled,
            GraphError::MemoryLimit { needed, limit } => {
                Error::MemoryLimit { what: "the kernel", needed, limit }
            }
            GraphError::Network(error) => Error::Network(error),
            other => Error::Graph(other),
        }
    }
}

impl From<FeatureError> for Error {
    fn from(error: FeatureError) -> Self {
        match error {
            FeatureError::Network(error) => Error::Network(error),
            other => Error::Features(other),
        }
    }
}

impl From<DataError> for Error {
    fn from(error: DataError) -> Self {
        match error {
            DataError::Stopped => Error::Cancelled,
            other => Error::Data(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_decompositions_are_of_one_kind_wherever_they_happen() {
        let wraps: [fn(LinalgError) -> Error; 4] = [
            Error::Linalg,
            |error| Error::Learn(error.into()),
            |error| Error::Features(FeatureError::Sketch(error.into())),
            |error| Error::Graph(error.into()),
        ];
        for wrap in wraps {
            assert_eq!(wrap(LinalgError::OutOfMemory { bytes: 8 }).kind(), Kind::Resource);
            assert_eq!(
                wrap(LinalgError::NoConvergence { what: "eigenvalues" }).kind(),
                Kind::Numerical
            );
        }
    }

    #[test]
    fn a_full_disk_is_no_bad_data() {
        let kind = |source: ErrorKind| {
            let path = "k.npz".into();
            Error::from(DataError::Io { action: "write", path, source: source.into() }).kind()
        };
        for full in [ErrorKind::StorageFull, ErrorKind::FileTooLarge, ErrorKind::QuotaExceeded] {
            assert_eq!(kind(full), Kind::Storage);
        }
        assert_eq!(kind(ErrorKind::NotFound), Kind::Data);
        assert_eq!(Error::from(ExactError::Sink("full".into())).kind(), Kind::Storage);
    }
}
