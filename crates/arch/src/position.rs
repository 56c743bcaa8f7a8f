//! Where a layer stands in a network, written as in `layers[3].body[1]`.

use std::fmt;

/// One step of a [`Position`]: which list, and which entry of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Entry of the network's own list.
    Layers(usize),
    /// Entry of a residual block's body.
    Body(usize),
    /// Entry of a residual block's shortcut.
    Shortcut(usize),
    /// Entry of a branch of a parallel block: branch, then entry.
    Branch(usize, usize),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layers(index) => write!(f, "layers[{index}]"),
            Self::Body(index) => write!(f, "body[{index}]"),
            Self::Shortcut(index) => write!(f, "shortcut[{index}]"),
            Self::Branch(branch, index) => write!(f, "branches[{branch}][{index}]"),
        }
    }
}

/// Where a layer stands, from the network inwards; `Display` writes `layers[3].body[1]`.
///
/// ```
/// use widelimit_arch::{Position, Step};
/// let at = Position::new(3).inside(Step::Branch(0, 1));
/// assert_eq!(at.to_string(), "layers[3].branches[0][1]");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Position {
    // Boxed, so that errors stay small.
    steps: Box<[Step]>,
}

impl Position {
    /// The layer with this index in the network's own list.
    pub fn new(index: usize) -> Self {
        Self { steps: Box::new([Step::Layers(index)]) }
    }

    /// The layer that `step` leads to from here.
    pub fn inside(&self, step: Step) -> Self {
        Self { steps: self.steps.iter().copied().chain([step]).collect() }
    }

    /// The last step: which list of the enclosing block, and which entry of it.
    pub fn last(&self) -> Option<Step> {
        self.steps.last().copied()
    }

    /// The steps, outermost first.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// How many blocks the layer stands in; 0 for the network's own layers.
    pub fn nesting(&self) -> usize {
        self.steps.len().saturating_sub(1)
    }

    /// The block that the layer stands in; `None` for the network's own layers.
    pub fn parent(&self) -> Option<Self> {
        let (_, rest) = self.steps.split_last()?;
        (!rest.is_empty()).then(|| Self { steps: rest.into() })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.steps.is_empty() {
            return f.write_str("layers");
        }
        for (i, step) in self.steps.iter().enumerate() {
            if i > 0 {
                f.write_str(".")?;
            }
            write!(f, "{step}")?;
        }
        Ok(())
    }
}

/// The list of layers inside a block that a step goes into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// The layers of the network itself.
    Layers,
    /// The body of a residual block.
    Body,
    /// The shortcut of a residual block.
    Shortcut,
    /// A branch of a parallel block, by its index.
    Branch(usize),
}

impl List {
    /// The step to entry `index` of this list.
    pub fn step(self, index: usize) -> Step {
        match self {
            Self::Layers => Step::Layers(index),
            Self::Body => Step::Body(index),
            Self::Shortcut => Step::Shortcut(index),
            Self::Branch(branch) => Step::Branch(branch, index),
        }
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layers => f.write_str("layers"),
            Self::Body => f.write_str("body"),
            Self::Shortcut => f.write_str("shortcut"),
            Self::Branch(branch) => write!(f, "branches[{branch}]"),
        }
    }
}
