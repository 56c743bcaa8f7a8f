//! Everything that can be wrong with a description.

use std::fmt;

use crate::position::Position;
use crate::shape::Shape;

/// Why a description was refused. Every message names the position in the network.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not JSON.
    #[error("the network description is not valid JSON: {message}")]
    Json {
        /// What the reader says, with line and column.
        message: String,
    },
    /// The text is JSON, but not a network.
    #[error("{at}: expected {expected}, got {got}")]
    Structure {
        /// Where, as in `layers[3].body`.
        at: String,
        /// What was expected.
        expected: &'static str,
        /// What stands there.
        got: String,
    },
    /// Blocks within blocks beyond the limit.
    #[error("{at}: blocks may be nested at most {limit} deep")]
    TooDeep {
        /// Where, as far as it is known.
        at: String,
        /// The limit.
        limit: usize,
    },
    /// No layer at all.
    #[error("a network needs at least one layer")]
    Empty,
    /// No layer has this name.
    #[error("{at}: unknown layer \"{name}\"{}", DidYouMean(.suggestion))]
    UnknownLayer {
        /// Position of the layer.
        at: Position,
        /// The name given.
        name: String,
        /// The nearest known name, when one is near.
        suggestion: Option<String>,
    },
    /// The layer has no parameter of this name.
    #[error("{at} ({layer}): unknown parameter \"{field}\"{} ({known})", DidYouMean(.suggestion))]
    UnknownParameter {
        /// Position of the layer.
        at: Position,
        /// Name of the layer.
        layer: &'static str,
        /// The name given.
        field: String,
        /// The nearest known name, when one is near.
        suggestion: Option<String>,
        /// The parameters that the layer has, in words.
        known: String,
    },
    /// The same parameter twice.
    #[error("{at}: \"{field}\" is given twice")]
    DuplicateParameter {
        /// Position of the layer.
        at: Position,
        /// The name given.
        field: String,
    },
    /// A parameter without default is not given.
    #[error("{at} ({layer}): parameter \"{field}\" is missing; expected {expected}")]
    MissingParameter {
        /// Position of the layer.
        at: Position,
        /// Name of the layer.
        layer: &'static str,
        /// Name of the parameter.
        field: &'static str,
        /// What was expected.
        expected: String,
    },
    /// A parameter has a value it may not have.
    #[error("{at} ({layer}): \"{field}\" must be {expected}, got {got}")]
    InvalidValue {
        /// Position of the layer.
        at: Position,
        /// Name of the layer.
        layer: String,
        /// Name of the parameter.
        field: &'static str,
        /// What was expected.
        expected: String,
        /// The value given.
        got: String,
    },
    /// A layer whose rule holds for Gaussian inputs only does not have one.
    #[error(
        "{at} ({layer}): needs a Gaussian input, but {cause}; put a layer with weights (dense, conv, ...) before it"
    )]
    NotGaussian {
        /// Position of the layer.
        at: Position,
        /// Name of the layer.
        layer: String,
        /// What its input is instead.
        cause: String,
    },
    /// Dropout before any weights.
    #[error("{at} (dropout): must come after a layer with weights, not act on the network's input")]
    DropoutFirst {
        /// Position of the layer.
        at: Position,
    },
    /// Branches of a sum or product whose cross terms do not vanish.
    #[error(
        "{at} ({layer}): {first} and {second} have cross terms, which no kernel rule covers; {rule}"
    )]
    CrossTerms {
        /// Position of the block.
        at: Position,
        /// Name of the block.
        layer: &'static str,
        /// One of the branches.
        first: String,
        /// The other.
        second: String,
        /// What is required.
        rule: &'static str,
    },
    /// A layer that acts on positions after they are gone.
    #[error("{at} ({layer}): acts on spatial positions, but {removed} has left none")]
    NoPositions {
        /// Position of the layer.
        at: Position,
        /// Name of the layer.
        layer: &'static str,
        /// The layer that removed them.
        removed: Position,
    },
    /// Two layers that expect different numbers of spatial axes.
    #[error("{at} ({layer}): expects {expected}, but {other} expects {fixed}", expected = Axes(*.expected), fixed = Axes(*.fixed))]
    AxesDisagree {
        /// Position of the layer.
        at: Position,
        /// Name of the layer.
        layer: &'static str,
        /// Spatial axes it expects.
        expected: usize,
        /// Position of the earlier layer.
        other: Position,
        /// Spatial axes that one expects.
        fixed: usize,
    },
    /// An input that cannot be.
    #[error(
        "an input needs at least one channel and at least one position along every axis, got {got}"
    )]
    EmptyInput {
        /// The shape given.
        got: Shape,
    },
    /// A layer's input has the wrong number of spatial axes.
    #[error("{at} ({layer}): needs an input with {expected}, got shape {got}")]
    WrongAxes {
        /// Position of the layer.
        at: Position,
        /// Name of the layer.
        layer: &'static str,
        /// What it needs, in words.
        expected: String,
        /// The shape of its input.
        got: Shape,
    },
    /// A window that does not fit.
    #[error(
        "{at} ({layer}): window of {window} is larger than the {size} positions along axis {axis}"
    )]
    WindowTooLarge {
        /// Position of the layer.
        at: Position,
        /// Name of the layer.
        layer: &'static str,
        /// Spatial axis.
        axis: usize,
        /// Extent of the window, dilation included.
        window: usize,
        /// Positions along the axis.
        size: usize,
    },
    /// Branches whose outputs cannot be combined.
    #[error(
        "{at} ({layer}): {} has shape {}, {} has {}; {rule}",
        .branches[0].0, .branches[0].1, .branches[1].0, .branches[1].1
    )]
    BranchShapes {
        /// Position of the block.
        at: Position,
        /// Name of the block.
        layer: &'static str,
        /// Two of the branches with their output shapes.
        branches: Box<[(String, Shape); 2]>,
        /// What is required.
        rule: &'static str,
    },
    /// Sizes beyond what can be counted.
    #[error("{at} ({layer}): the output would have too many positions or channels to count")]
    TooLarge {
        /// Position of the layer.
        at: Position,
        /// Name of the layer.
        layer: &'static str,
    },
    /// User functions have no text form.
    #[error("{at}: the user function \"{name}\" cannot be written as JSON")]
    UserFunction {
        /// Position of the layer.
        at: Position,
        /// The function's name.
        name: String,
    },
    /// No preset of this form.
    #[error("unknown preset \"{text}\"{}; known: {known}", DidYouMean(.suggestion))]
    UnknownPreset {
        /// The text given.
        text: String,
        /// The nearest known name, when one is near.
        suggestion: Option<String>,
        /// The known ones.
        known: String,
    },
    /// A preset with arguments it does not take.
    #[error("preset \"{text}\": expected {expected}")]
    InvalidPreset {
        /// The text given.
        text: String,
        /// What was expected.
        expected: String,
    },
}

struct DidYouMean<'a>(&'a Option<String>);

impl fmt::Display for DidYouMean<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, "; did you mean \"{name}\"?"),
            None => Ok(()),
        }
    }
}

struct Axes(usize);

impl fmt::Display for Axes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("vectors"),
            1 => f.write_str("1 spatial axis"),
            n => write!(f, "{n} spatial axes"),
        }
    }
}
