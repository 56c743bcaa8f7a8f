//! The kernel as the description of a network, for what interprets networks.

use widelimit_arch::{Combine, Dense, Layer, Network};

use super::config::{Checked, Gntk, Scale};
use crate::Error;
use crate::graphs::Graphs;

/// What every node of a batch aggregates, as a sparse matrix by rows: node `u` receives
/// `sum_k weights[k] x[nodes[k]]` over `k` in `offsets[u]..offsets[u + 1]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregation {
    /// Where the entries of each node begin: one more than there are nodes.
    pub offsets: Vec<usize>,
    /// Nodes, numbered over all graphs, increasing for each node.
    pub nodes: Vec<usize>,
    /// Their weights.
    pub weights: Vec<f64>,
}

impl Gntk {
    /// The network whose neural tangent kernel this is, for nodes of `width` numbers.
    ///
    /// Its `aggregate` layers multiply by the matrix of [`aggregation`](Self::aggregation), and inputs enter its
    /// kernels divided by the root of their width, as they do everywhere. With jumping knowledge all but the
    /// first level stand in a branch of the level before:
    ///
    /// ```text
    /// [aggregate, dense, act, dense, .., aggregate, act, dense, .., global_sum_pool, dense]
    /// [parallel sum ([dense], [aggregate, dense, act, dense, .., parallel sum ([], [aggregate, ..])]),
    ///  global_sum_pool, dense]
    /// ```
    ///
    /// The method and the precision do not enter.
    ///
    /// # Errors
    ///
    /// Parameters out of range, an activation that cannot be normalised; [`Error::Network`] for more than 32
    /// levels with jumping knowledge, or a width of 0.
    ///
    /// ```
    /// use widelimit_graph::Gntk;
    ///
    /// let network = Gntk { layers: 3, ..Gntk::default() }.network(7)?;
    /// let names: Vec<_> = network.layers().iter().map(|layer| layer.name()).collect();
    /// let level = ["relu", "dense"];
    /// let expected = [&["aggregate", "dense"], &level[..], &["aggregate"], &level, &["global_sum_pool", "dense"]];
    /// assert_eq!(names, expected.concat());
    /// # Ok::<(), widelimit_graph::Error>(())
    /// ```
    pub fn network(&self, width: usize) -> Result<Network, Error> {
        let checked = Checked::new(self)?;
        if width == 0 {
            return Err(Error::NoFeatures);
        }
        let first = Layer::from(Dense::new((width as f64).sqrt()));
        let hidden =
            [Layer::Activation(self.activation.clone()), Dense::new(checked.factor.sqrt()).into()];
        let level = |number: usize| {
            let mut layers = vec![Layer::Aggregate];
            if number == 1 {
                layers.push(first.clone());
            }
            if checked.is_active() {
                layers.extend(hidden.iter().cycle().take(hidden.len() * checked.mlp).cloned());
            }
            layers
        };
        let mut layers = if !self.jumping_knowledge {
            (1..=checked.levels()).flat_map(level).collect()
        } else if !checked.is_active() {
            vec![first.clone()]
        } else {
            let mut rest = Vec::new();
            for number in (1..=checked.levels()).rev() {
                let mut long = level(number);
                long.extend(rest);
                let short = if number == 1 { vec![first.clone()] } else { Vec::new() };
                rest = vec![Layer::parallel(Combine::Sum, vec![short, long])];
            }
            rest
        };
        layers.push(Layer::GlobalSumPool);
        layers.push(Dense::new(2.0_f64.sqrt()).frozen().into());
        Ok(Network::new(layers)?)
    }

    /// What every node aggregates: `A + I`, with its rows divided by their sums for [`Scale::Degree`].
    ///
    /// ```
    /// use widelimit_graph::{Gntk, Graphs, Parts};
    ///
    /// let edge_index = [&[0, 1][..], &[1, 0][..]];
    /// let graphs = Graphs::new(Parts { node_offsets: &[0, 2, 3], edge_index, ..Parts::default() })?;
    /// let aggregation = Gntk::default().aggregation(&graphs);
    /// assert_eq!(aggregation.offsets, [0, 2, 4, 5]);
    /// assert_eq!(aggregation.nodes, [0, 1, 0, 1, 2]);
    /// assert_eq!(aggregation.weights, [0.5, 0.5, 0.5, 0.5, 1.0]);
    /// # Ok::<(), widelimit_graph::Error>(())
    /// ```
    pub fn aggregation(&self, graphs: &Graphs) -> Aggregation {
        let entries = graphs.edges() + graphs.nodes();
        let mut offsets = Vec::with_capacity(graphs.nodes() + 1);
        let (mut nodes, mut weights) =
            (Vec::with_capacity(entries), Vec::<f64>::with_capacity(entries));
        offsets.push(0);
        for graph in graphs.iter() {
            let first = graph.node_range().start;
            for node in 0..graph.nodes() {
                let start = nodes.len();
                nodes.extend(graph.neighbours(node).iter().map(|&other| first + other as usize));
                weights.extend(graph.weighted(node).map(|(_, weight)| weight));
                match nodes[start..].binary_search(&(first + node)) {
                    Ok(at) => weights[start + at] += 1.0,
                    Err(at) => {
                        nodes.insert(start + at, first + node);
                        weights.insert(start + at, 1.0);
                    }
                }
                if self.scale == Scale::Degree {
                    let share = weights[start..].iter().sum::<f64>().recip();
                    weights[start..].iter_mut().for_each(|weight| *weight *= share);
                }
                offsets.push(nodes.len());
            }
        }
        Aggregation { offsets, nodes, weights }
    }
}
