//! Features of graphs whose products stand for the graph neural tangent kernel.

use std::borrow::Cow;

use ndarray::{Array2, ArrayViewMut2, Axis, Slice};
use widelimit_embed::{GraphFeatureMap, Neighbourhoods, Settings};
use widelimit_exact::Progress;
use widelimit_graph::{Error as GraphError, Gntk, Graphs, OneHot};
use widelimit_sketch::Csr;

use crate::{Error, Run, Scalar};

/// Nodes between two looks at the switch, at least those of one graph.
const NODES: usize = 1 << 14;

/// A map `G -> z(G)` with `z(G) . z(G')` close to the GNTK of two graphs, at a cost linear in nodes and edges.
///
/// The GNTK is the neural tangent kernel of a network ([`Gntk::network`]); every node carries features of the
/// covariance and of the tangent kernel that this network has there. An aggregation multiplies them by the sparse
/// matrix of the graph ([`Gntk::aggregation`]), an activation makes new ones by the strategy of
/// [`Settings`], and the read-out sums over the nodes: of the last level, or with jumping knowledge of every level,
/// side by side. A kernel of `n` graphs is then `Z Z^T`: positive semidefinite, and where a linear solver takes
/// `Z` it need not exist. Biased by the curvature of later levels, as `1 / dim`; with one activation, unbiased.
///
/// Features depend on the network, the number of features of a node, and the settings: on no other graph, nor on
/// threads or batches. What is learned from graphs is the dictionary of their labels or degrees, where they have
/// no features.
///
/// ```
/// use widelimit::embed::Settings;
/// use widelimit::graph::{Gntk, Graphs, Parts};
/// use widelimit::Run;
/// use widelimit::graphs::GntkFeatures;
///
/// // a triangle, and two nodes with an edge
/// let graphs = Graphs::new(Parts {
///     node_offsets: &[0, 3, 5],
///     edge_index: [&[0, 1, 1, 2, 2, 0, 3, 4], &[1, 0, 2, 1, 0, 2, 4, 3]],
///     ..Parts::default()
/// })?;
/// let gntk = Gntk { layers: 3, ..Gntk::default() };
/// let features = GntkFeatures::fit(&gntk, &graphs, &Settings::new(512))?;
/// let z = features.transform::<f64>(&graphs, &Run::default())?;
/// assert_eq!(z.dim(), (2, 512));
/// let exact = gntk.kernel(&graphs.with_default_features(), &Default::default())?;
/// assert!((z.row(0).dot(&z.row(0)) / exact[[0, 0]] - 1.0).abs() < 0.1);
/// # Ok::<(), widelimit::Error>(())
/// ```
///
/// Du, Hou, Salakhutdinov, Poczos, Wang and Xu (2019), *Graph neural tangent kernel: fusing graph neural networks
/// with graph kernels*, for the kernel; [`widelimit_embed`] for the features.
#[derive(Debug)]
pub struct GntkFeatures {
    gntk: Gntk,
    map: GraphFeatureMap,
    inputs: NodeInputs,
}

/// What the nodes of graphs come with.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeInputs {
    /// So many features.
    Features(usize),
    /// Labels or degrees, which become one-hot features.
    OneHot(OneHot),
}

impl NodeInputs {
    /// Those of these graphs: their features, else their labels, else their degrees.
    pub fn of(graphs: &Graphs) -> Self {
        match graphs.features() {
            Some(features) => Self::Features(features.width()),
            None => Self::OneHot(OneHot::new(graphs)),
        }
    }

    /// Columns.
    fn width(&self) -> usize {
        match self {
            Self::Features(width) => *width,
            Self::OneHot(dictionary) => dictionary.values().len(),
        }
    }
}

impl GntkFeatures {
    /// The map for graphs like these: with as many features a node, or with their labels, or with their degrees.
    ///
    /// Of `gntk` the levels, layers, scaling, activation and read-out count; the method and the precision are
    /// those of exact kernels. `settings.quantity` may be the NNGP, for the covariance of the network in place of
    /// its tangent kernel.
    ///
    /// # Errors
    /// Parameters out of range, a strategy that does not go layer by layer, fewer features than the map needs.
    pub fn fit(gntk: &Gntk, graphs: &Graphs, settings: &Settings) -> Result<Self, Error> {
        Self::for_inputs(gntk, NodeInputs::of(graphs), settings)
    }

    /// The map for graphs whose nodes come with this.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn for_inputs(gntk: &Gntk, inputs: NodeInputs, settings: &Settings) -> Result<Self, Error> {
        let width = inputs.width();
        let map = GraphFeatureMap::new(&gntk.network(width)?, width, settings)?;
        Ok(Self { gntk: gntk.clone(), map, inputs })
    }

    /// The same map with another seed: independent features of the same law.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn reseeded(&self, seed: u64) -> Result<Self, Error> {
        let map = self.map.reseeded(seed)?;
        Ok(Self { gntk: self.gntk.clone(), map, inputs: self.inputs.clone() })
    }

    /// The kernel that the features stand for.
    pub fn gntk(&self) -> &Gntk {
        &self.gntk
    }

    /// What nodes come with.
    pub fn inputs(&self) -> &NodeInputs {
        &self.inputs
    }

    /// Number of features.
    pub fn dim(&self) -> usize {
        self.map.dim()
    }

    /// What it was made with.
    pub fn settings(&self) -> &Settings {
        self.map.settings()
    }

    /// Features of graphs, one a row.
    ///
    /// Graphs without features are seen through the dictionary of the graphs of the fit: a label or degree that
    /// those did not have is a node of zeros.
    ///
    /// # Errors
    /// Graphs without the features or labels that those of the fit had, or with another number of them; features
    /// that overflow; [`Error::MemoryLimit`] before anything is computed, [`Error::Cancelled`].
    pub fn transform<T: Scalar>(&self, graphs: &Graphs, run: &Run<'_>) -> Result<Array2<T>, Error> {
        let graphs = self.encoded(graphs)?;
        run.check_memory("a block of features", self.bytes::<T>(&graphs, run))?;
        let mut out = Array2::from_elem((graphs.len(), self.dim()), T::narrow(0.0));
        let cuts = cut(&graphs);
        let total_tiles = cuts.len() - 1;
        for (block, ends) in cuts.windows(2).enumerate() {
            run.check_cancelled()?;
            let (start, end) = (ends[0], ends[1]);
            let part = if total_tiles == 1 {
                Cow::Borrowed(&*graphs)
            } else {
                Cow::Owned(graphs.select(&(start..end).collect::<Vec<_>>())?)
            };
            let out = out.slice_axis_mut(Axis(0), Slice::from(start..end));
            self.block(&part, out, run).map_err(|error| error.rows_from(start))?;
            if let Some(tell) = run.progress {
                tell(Progress {
                    done_tiles: block + 1,
                    total_tiles,
                    done_entries: (end * self.dim()) as u64,
                    total_entries: (graphs.len() * self.dim()) as u64,
                });
            }
        }
        Ok(out)
    }

    /// The graphs with features.
    fn encoded<'a>(&self, graphs: &'a Graphs) -> Result<Cow<'a, Graphs>, Error> {
        match (&self.inputs, graphs.features()) {
            (_, Some(_)) => Ok(Cow::Borrowed(graphs)),
            (NodeInputs::OneHot(dictionary), None) => {
                Ok(Cow::Owned(graphs.clone().with_one_hot(dictionary)?))
            }
            (NodeInputs::Features(_), None) => {
                Err(GraphError::FeaturesMissing { side: "the graphs" }.into())
            }
        }
    }

    /// The result, what threads hold of the graphs they are at, and a block of inputs.
    fn bytes<T: Scalar>(&self, graphs: &Graphs, run: &Run<'_>) -> u64 {
        let largest = graphs.iter().map(|graph| graph.nodes()).max().unwrap_or(0);
        let result = (graphs.len() as u64).saturating_mul((self.dim() * size_of::<T>()) as u64);
        let threads = run.par.threads().min(graphs.len()) as u64;
        let scratch = threads.saturating_mul(self.map.scratch_bytes::<T>(largest));
        let nodes = largest.max(NODES.min(graphs.nodes())) as u64;
        let inputs = nodes * (self.map.channels() * (size_of::<T>() + size_of::<f64>())) as u64;
        result.saturating_add(scratch).saturating_add(inputs)
    }

    fn block<T: Scalar>(
        &self,
        graphs: &Graphs,
        out: ArrayViewMut2<T>,
        run: &Run<'_>,
    ) -> Result<(), Error> {
        let missing = GraphError::FeaturesMissing { side: "the graphs" };
        let x = graphs.features().ok_or(missing)?.dense().mapv(T::narrow);
        let aggregation = self.gntk.aggregation(graphs);
        let (offsets, nodes) = (&aggregation.offsets, &aggregation.nodes);
        let weights = Csr::new(graphs.nodes(), offsets, nodes, &aggregation.weights)
            .map_err(widelimit_embed::Error::from)?;
        let neighbourhoods = Neighbourhoods::new(graphs.node_offsets(), weights)?;
        Ok(self.map.transform_into(&neighbourhoods, x.view(), out, &run.par)?)
    }
}

/// Where blocks of graphs begin, and the number of graphs.
fn cut(graphs: &Graphs) -> Vec<usize> {
    let offsets = graphs.node_offsets();
    let mut cuts = vec![0];
    for graph in 0..graphs.len() {
        let start = cuts[cuts.len() - 1];
        if graph > start && offsets[graph + 1] - offsets[start] > NODES {
            cuts.push(graph);
        }
    }
    cuts.push(graphs.len());
    cuts
}
