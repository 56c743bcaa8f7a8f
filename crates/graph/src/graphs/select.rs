//! Parts of a batch.

use super::Graphs;
use crate::Error;

impl Graphs {
    /// Some of the graphs, in the order given; a graph may come more than once.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchGraph`] for an index that is too large, [`Error::NoGraphs`] without indices.
    pub fn select(&self, indices: &[usize]) -> Result<Self, Error> {
        let graphs = self.len();
        if let Some(&index) = indices.iter().find(|&&index| index >= graphs) {
            return Err(Error::NoSuchGraph { index, graphs });
        }
        if indices.is_empty() {
            return Err(Error::NoGraphs { got: 1 });
        }
        let nodes: Vec<usize> = indices.iter().flat_map(|&index| self.node_range(index)).collect();
        let mut node_offsets = vec![0];
        let mut edge_offsets = vec![0];
        let mut edges = Vec::new();
        for &index in indices {
            let range = self.node_range(index);
            node_offsets.push(node_offsets[node_offsets.len() - 1] + range.len());
            for node in range {
                let row = self.edge_offsets[node]..self.edge_offsets[node + 1];
                edge_offsets.push(edge_offsets[edge_offsets.len() - 1] + row.len());
                edges.extend(row);
            }
        }
        Ok(Self {
            node_offsets,
            edge_offsets,
            targets: pick(&self.targets, &edges),
            weights: self.weights.as_ref().map(|weights| pick(weights, &edges)),
            edge_labels: self.edge_labels.as_ref().map(|labels| pick(labels, &edges)),
            labels: self.labels.as_ref().map(|labels| pick(labels, &nodes)),
            features: self.features.as_ref().map(|features| features.select(&nodes)),
            directed: self.directed,
        })
    }
}

fn pick<T: Copy>(from: &[T], indices: &[usize]) -> Vec<T> {
    indices.iter().map(|&index| from[index]).collect()
}
