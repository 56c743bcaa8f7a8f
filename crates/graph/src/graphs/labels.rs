//! Other labels, and graphs without weights.

use super::Graphs;
use super::build::equal;
use crate::Error;

impl Graphs {
    /// The same graphs with other labels of the nodes.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] unless there is one for every node.
    pub fn with_labels(mut self, labels: Vec<u32>) -> Result<Self, Error> {
        equal("number of node labels", self.nodes(), labels.len())?;
        self.labels = Some(labels);
        Ok(self)
    }

    /// The same graphs with edges that all count alike.
    pub fn without_weights(mut self) -> Self {
        self.weights = None;
        self
    }
}
