//! Features of graphs whose products stand for the graph neural tangent kernel.

use std::borrow::Cow;

use ndarray::{Array2, ArrayViewMut2, Axis, Slice};
use widelimit_embed::{GraphFeatureMap, Neighbourhoods, Quantity, Settings};
use widelimit_exact::Progress;
use widelimit_graph::{Error as GraphError, Gntk, Graphs, Method, OneHot, Precision};
use widelimit_sketch::Csr;

use crate::certificate::{ROLE, affordable, draw};
use crate::{Certificate, Error, Run, Scalar};

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

    /// How far the kernel of the features is from the exact one, measured on a random sample of at most so many of
    /// these graphs, of fewer where their exact kernel would take long. `None` where fewer than four are left, where
    /// the kernel is zero, and for the NNGP, whose exact kernel between graphs there is none of.
    ///
    /// # Errors
    /// As [`transform`](Self::transform).
    ///
    /// ```
    /// use widelimit::Run;
    /// use widelimit::embed::Settings;
    /// use widelimit::graph::{Gntk, Graphs, Parts};
    /// use widelimit::graphs::GntkFeatures;
    ///
    /// // rings of 3, 4, 5 and 6 nodes
    /// let (mut ends, mut offsets) = ([vec![], vec![]], vec![0]);
    /// for size in 3..7 {
    ///     let first = offsets[offsets.len() - 1];
    ///     for node in 0..size {
    ///         let next = first + (node + 1) % size;
    ///         ends[0].extend([first + node, next]);
    ///         ends[1].extend([next, first + node]);
    ///     }
    ///     offsets.push(first + size);
    /// }
    /// let edge_index = [&ends[0][..], &ends[1][..]];
    /// let graphs = Graphs::new(Parts { node_offsets: &offsets, edge_index, ..Parts::default() })?;
    /// let gntk = Gntk { layers: 3, ..Gntk::default() };
    /// let features = GntkFeatures::fit(&gntk, &graphs, &Settings::new(512))?;
    /// let certificate = features.certify(&graphs, 400, &Run::default())?;
    /// assert!(certificate.is_some_and(|found| found.sample == 4 && found.error < 0.1));
    /// # Ok::<(), widelimit::Error>(())
    /// ```
    pub fn certify(
        &self,
        graphs: &Graphs,
        wanted: usize,
        run: &Run<'_>,
    ) -> Result<Option<Certificate>, Error> {
        let &Settings { quantity, seed, .. } = self.settings();
        if quantity == Quantity::Nngp {
            return Ok(None);
        }
        let quiet = Run { progress: None, ..run.clone() };
        let options = &quiet.graph_options();
        let (method, precision) = (Method::Decoupled, Precision::Double);
        let exact = Gntk { method, precision, ..self.gntk.clone() };
        let encoded = self.encoded(graphs)?;
        let drawn = draw(seed, ROLE, graphs.len(), wanted.min(graphs.len()))?;
        let flops = |size| Ok(exact.plan(&encoded.select(&drawn[..size])?, None, options)?.flops);
        let Some(size) = affordable(drawn.len(), flops)? else { return Ok(None) };
        let sample = encoded.select(&drawn[..size])?;
        let kernel = exact.kernel(&sample, options)?;
        let features = self.transform::<f64>(&sample, &quiet)?;
        Certificate::of(kernel.view(), features.view(), (graphs.len(), seed), &run.par)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphs::features::tests::rings;
    use widelimit_embed::Strategy;
    use widelimit_graph::Options;

    #[test]
    fn a_certificate_of_all_graphs_is_their_error() {
        let graphs = rings(&[3, 5, 4, 8, 3, 6, 12]);
        let gntk = Gntk { layers: 4, precision: Precision::Single, ..Gntk::default() };
        for strategy in [Strategy::Random, Strategy::Centred] {
            let settings = Settings { strategy, ..Settings::new(256) };
            let features = GntkFeatures::fit(&gntk, &graphs, &settings).unwrap();
            let run = Run::default();
            let found = features.certify(&graphs, 400, &run).unwrap().unwrap();
            let exact = Gntk { precision: Precision::Double, ..gntk.clone() };
            let kernel = exact.kernel(&graphs.clone().with_default_features(), &Options::new());
            let kernel = kernel.unwrap();
            let z = features.transform::<f64>(&graphs, &run).unwrap();
            let norm = |matrix: &Array2<f64>| matrix.iter().map(|x| x * x).sum::<f64>().sqrt();
            let error = norm(&(z.dot(&z.t()) - &kernel)) / norm(&kernel);
            assert!((found.error / error - 1.0).abs() < 1e-9, "{found:?} {error}");
            assert_eq!((found.sample, found.population, found.dim), (7, 7, 256));
            let part = features.certify(&graphs, 5, &run).unwrap().unwrap();
            assert_eq!((part.sample, part.population), (5, 7));
            assert!(part.interval.0 <= part.error && part.error <= part.interval.1);
            assert_eq!(features.certify(&graphs, 3, &run).unwrap(), None);
        }
    }

    #[test]
    fn there_is_no_certificate_of_covariances() {
        let graphs = rings(&[3, 5, 4, 8]);
        let settings = Settings { quantity: Quantity::Nngp, ..Settings::new(256) };
        let features = GntkFeatures::fit(&Gntk::default(), &graphs, &settings).unwrap();
        assert_eq!(features.certify(&graphs, 4, &Run::default()).unwrap(), None);
    }
}
