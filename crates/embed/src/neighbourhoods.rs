//! Graphs as a feature map sees them: which rows belong together, and what they aggregate.

use std::ops::Range;

use widelimit_sketch::Csr;

use crate::Error;

/// The nodes of one or more graphs and what each of them sums over.
///
/// All nodes lie one after another; graph `g` owns the nodes `node_offsets[g]..node_offsets[g + 1]`. Where a
/// network has an `aggregate` layer, node `p` receives `sum_q weights[p, q] x_q`. Self loops and scaling by
/// degrees are for the caller to put into the weights.
///
/// ```
/// use widelimit_embed::Neighbourhoods;
/// use widelimit_sketch::Csr;
///
/// // a path of two nodes with self loops, and a single node
/// let weights = Csr::new(3, &[0, 2, 4, 5], &[0, 1, 0, 1, 2], &[1.0; 5])?;
/// let graphs = Neighbourhoods::new(&[0, 2, 3], weights)?;
/// assert_eq!((graphs.len(), graphs.nodes()), (2, 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Neighbourhoods<'a> {
    /// Those of some graphs that follow one another.
    node_offsets: &'a [usize],
    /// Those of all nodes.
    weights: Csr<'a, f64>,
}

impl<'a> Neighbourhoods<'a> {
    /// Checks the parts: `weights` has a row and a column for every node of every graph.
    ///
    /// # Errors
    /// [`Error::NodeOffset`] for offsets that do not start at 0 or do not go up, [`Error::Empty`] without graphs,
    /// [`Error::Nodes`] for weights of another size, [`Error::Across`] for a weight between nodes of two graphs.
    pub fn new(node_offsets: &'a [usize], weights: Csr<'a, f64>) -> Result<Self, Error> {
        if node_offsets.len() < 2 {
            return Err(Error::Empty { input: "node_offsets", shape: vec![node_offsets.len()] });
        }
        let last = node_offsets.iter().zip([None].into_iter().chain(node_offsets.iter().map(Some)));
        for (position, (&got, before)) in last.enumerate() {
            let fits = before.map_or(got == 0, |&before| got > before);
            if !fits {
                return Err(Error::NodeOffset { position, got, before: before.copied() });
            }
        }
        let graphs = Self { node_offsets, weights };
        for got in [weights.rows(), weights.columns()] {
            if got != graphs.nodes() {
                return Err(Error::Nodes { expected: graphs.nodes(), got });
            }
        }
        for graph in 0..graphs.len() {
            let nodes = graphs.range(graph);
            for node in nodes.clone() {
                if let Some(&other) = weights.row(node).0.iter().find(|at| !nodes.contains(at)) {
                    return Err(Error::Across { graph, node, other });
                }
            }
        }
        Ok(graphs)
    }

    /// Number of graphs, at least one.
    #[allow(clippy::len_without_is_empty, reason = "there is always a graph")]
    pub fn len(&self) -> usize {
        self.node_offsets.len() - 1
    }

    /// Number of nodes of all graphs.
    pub fn nodes(&self) -> usize {
        self.node_offsets[self.len()] - self.node_offsets[0]
    }

    /// Some of the graphs; their nodes are numbered from 0 again.
    pub(crate) fn part(&self, graphs: Range<usize>) -> Self {
        Self { node_offsets: &self.node_offsets[graphs.start..=graphs.end], ..*self }
    }

    /// The nodes of a graph.
    pub(crate) fn range(&self, graph: usize) -> Range<usize> {
        let first = self.node_offsets[0];
        self.node_offsets[graph] - first..self.node_offsets[graph + 1] - first
    }

    /// Nodes that a node aggregates, and their weights.
    pub(crate) fn row(&self, node: usize) -> impl Iterator<Item = (usize, f64)> + use<'a> {
        let first = self.node_offsets[0];
        let (nodes, weights) = self.weights.row(first + node);
        nodes.iter().zip(weights).map(move |(&node, &weight)| (node - first, weight))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_its_error() {
        let weights = Csr::new(3, &[0, 2, 4, 5], &[0, 1, 0, 1, 2], &[1.0; 5]).unwrap();
        let fault = |offsets: &[usize]| Neighbourhoods::new(offsets, weights).err();
        assert!(fault(&[0, 2, 3]).is_none());
        assert!(matches!(fault(&[0]), Some(Error::Empty { .. })));
        let first = fault(&[1, 3]);
        assert!(matches!(first, Some(Error::NodeOffset { position: 0, got: 1, before: None })));
        let equal = fault(&[0, 2, 2, 3]);
        assert!(matches!(equal, Some(Error::NodeOffset { position: 2, before: Some(2), .. })));
        assert!(matches!(fault(&[0, 2]), Some(Error::Nodes { expected: 2, got: 3 })));
        let across = fault(&[0, 1, 3]);
        assert!(matches!(across, Some(Error::Across { graph: 0, node: 0, other: 1 })));
    }

    #[test]
    fn parts_count_from_zero() {
        let weights = Csr::new(3, &[0, 2, 4, 5], &[0, 1, 0, 1, 2], &[1.0, 2.0, 3.0, 4.0, 5.0]);
        let all = Neighbourhoods::new(&[0, 2, 3], weights.unwrap()).unwrap();
        let last = all.part(1..2);
        assert_eq!((last.len(), last.nodes(), last.range(0)), (1, 1, 0..1));
        assert_eq!(last.row(0).collect::<Vec<_>>(), [(0, 5.0)]);
    }
}
