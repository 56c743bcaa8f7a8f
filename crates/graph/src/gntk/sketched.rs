//! Sketches of nodes.

use crate::Error;

/// How a graph's nodes are sketched.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeSketch {
    /// Rows of the sketch.
    pub size: usize,
}

impl NodeSketch {
    pub(crate) fn check(&self) -> Result<(), Error> {
        Ok(())
    }
}
