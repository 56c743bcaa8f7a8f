//! The feature map of a network of graphs.

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, Slice};
use rayon::prelude::*;
use widelimit_arch::Network;
use widelimit_linalg::Par;

use crate::Error;
use crate::layered::Layered;
use crate::neighbourhoods::Neighbourhoods;
use crate::scalar::{Scalar, round, widen};
use crate::settings::{Settings, Strategy};

/// Nodes that are worked on together, at least those of one graph.
const NODES: usize = 256;

/// A map `G -> z(G)` of graphs to `dim` numbers with `z(G) . z(G')` close to the NTK or the NNGP of a network that
/// reads graphs: one with `aggregate` layers, which sums over the nodes at last.
///
/// An `aggregate` layer multiplies the features of the nodes with a sparse matrix, so that a graph costs a
/// multiple of its nodes and edges. Graphs may have any number of nodes; layers that need an order of the nodes
/// (`conv`, pooling over windows, `flatten`) have no rule. Strategies are those that go layer by layer.
///
/// The same network, number of channels and [`Settings`] give the same features, to the last bit, whatever the
/// threads and however graphs are split into calls. Other numbers for the same nodes change the order of sums and
/// nothing else.
///
/// ```
/// use ndarray::array;
/// use widelimit_arch::Network;
/// use widelimit_embed::{GraphFeatureMap, Neighbourhoods, Par, Settings};
/// use widelimit_sketch::Csr;
///
/// let network = Network::from_json(
///     r#"[{"layer": "aggregate"}, {"layer": "dense"}, {"layer": "relu"}, {"layer": "dense"},
///         {"layer": "global_sum_pool"}]"#,
/// )?;
/// let map = GraphFeatureMap::new(&network, 2, &Settings::new(64))?;
/// // a path of two nodes with self loops, and a single node
/// let weights = Csr::new(3, &[0, 2, 4, 5], &[0, 1, 0, 1, 2], &[1.0; 5])?;
/// let graphs = Neighbourhoods::new(&[0, 2, 3], weights)?;
/// let x = array![[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]];
/// let z = map.transform(&graphs, x.view(), &Par::single())?;
/// assert_eq!(z.dim(), (2, 64));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct GraphFeatureMap {
    network: Network,
    settings: Settings,
    channels: usize,
    engine: Layered,
}

impl GraphFeatureMap {
    /// The map of a network for graphs with `channels` numbers at every node.
    ///
    /// # Errors
    /// A network that does not take such graphs or has a layer without a rule, a strategy that does not go layer
    /// by layer, no features or fewer than the map needs, a degree out of range.
    pub fn new(network: &Network, channels: usize, settings: &Settings) -> Result<Self, Error> {
        if settings.dim == 0 {
            return Err(Error::NoFeatures);
        }
        if channels == 0 {
            return Err(Error::Empty { input: "x", shape: vec![0, 0] });
        }
        settings.strategy.check()?;
        if matches!(settings.strategy, Strategy::Zonal | Strategy::NtkSketch { .. }) {
            let reason = "it is for networks of vectors, not of graphs".to_owned();
            return Err(Error::NotApplicable { strategy: settings.strategy.name(), reason });
        }
        let engine = Layered::of_graphs(network, channels, settings)?;
        Ok(Self { network: network.clone(), settings: settings.clone(), channels, engine })
    }

    /// The same map with another seed: independent features of the same law, without looking at the network
    /// again.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn reseeded(&self, seed: u64) -> Result<Self, Error> {
        let settings = Settings { seed, ..self.settings.clone() };
        let engine = self.engine.again(&self.network, &settings)?;
        Ok(Self { network: self.network.clone(), settings, channels: self.channels, engine })
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Number of features.
    pub fn dim(&self) -> usize {
        self.settings.dim
    }

    /// Numbers at every node.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// What it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Bytes that a thread uses at its peak for graphs of at most so many nodes.
    pub fn scratch_bytes<T: Scalar>(&self, nodes: usize) -> u64 {
        let columns = self.engine.columns() as u64;
        columns * nodes.max(NODES) as u64 * size_of::<T>() as u64
    }

    /// Features of graphs, one a row; `x` has a row of numbers for every node.
    ///
    /// # Errors
    /// As [`transform_into`](Self::transform_into).
    pub fn transform<T: Scalar>(
        &self,
        graphs: &Neighbourhoods<'_>,
        x: ArrayView2<T>,
        par: &Par,
    ) -> Result<Array2<T>, Error> {
        let mut out = Array2::from_elem((graphs.len(), self.dim()), round::<T>(0.0));
        self.transform_into(graphs, x, out.view_mut(), par)?;
        Ok(out)
    }

    /// The same into an array of the caller, `(graphs, dim)`.
    ///
    /// # Errors
    /// [`Error::Nodes`] and [`Error::Channels`] for another number of rows or columns of `x`,
    /// [`Error::NonFinite`] (`out` is then untouched), an output of another size, features that overflow.
    pub fn transform_into<T: Scalar>(
        &self,
        graphs: &Neighbourhoods<'_>,
        x: ArrayView2<T>,
        mut out: ArrayViewMut2<T>,
        par: &Par,
    ) -> Result<(), Error> {
        self.check(graphs, x)?;
        if out.dim() != (graphs.len(), self.dim()) {
            let expected = (graphs.len(), self.dim());
            return Err(Error::Output { expected, got: out.dim() });
        }
        let mut jobs = Vec::new();
        let mut rest = out.view_mut();
        let mut start = 0;
        while start < graphs.len() {
            let first = graphs.range(start).start;
            let fits = (start + 1..graphs.len())
                .take_while(|&graph| graphs.range(graph).end - first <= NODES)
                .count();
            let end = start + 1 + fits;
            let (now, later) = rest.split_at(Axis(0), end - start);
            jobs.push((start, end, now));
            (rest, start) = (later, end);
        }
        let work = |(start, end, out): (usize, usize, ArrayViewMut2<T>)| {
            let rows = graphs.range(start).start..graphs.range(end - 1).end;
            let x = x.slice_axis(Axis(0), Slice::from(rows));
            self.block(start, graphs.part(start..end), x, out)
        };
        if par.threads() == 1 {
            return jobs.into_iter().try_for_each(work);
        }
        par.install(|| jobs.into_par_iter().try_for_each(work))
    }

    /// A row of finite numbers for every node.
    fn check<T: Scalar>(&self, graphs: &Neighbourhoods<'_>, x: ArrayView2<T>) -> Result<(), Error> {
        if x.nrows() != graphs.nodes() {
            return Err(Error::Nodes { expected: graphs.nodes(), got: x.nrows() });
        }
        if x.ncols() != self.channels {
            return Err(Error::Channels { expected: self.channels, got: x.ncols() });
        }
        for graph in 0..graphs.len() {
            let x = x.slice_axis(Axis(0), Slice::from(graphs.range(graph)));
            let bad = x.iter().enumerate().find(|(_, value)| !widen(**value).is_finite());
            if let Some((entry, value)) = bad {
                return Err(Error::NonFinite { row: graph, entry, value: widen(*value) });
            }
        }
        Ok(())
    }

    fn block<T: Scalar>(
        &self,
        start: usize,
        graphs: Neighbourhoods<'_>,
        x: ArrayView2<T>,
        mut out: ArrayViewMut2<T>,
    ) -> Result<(), Error> {
        let overflow = |row| Error::Overflow { row, format: <T as widelimit_linalg::Scalar>::NAME };
        match self.engine.graphs(graphs, x, out.view_mut()) {
            // inputs are finite, hence something overflowed on the way; alone, a graph tells whose
            Err(Error::Sketch(widelimit_sketch::Error::NonFinite { .. })) => {
                if graphs.len() == 1 {
                    return Err(overflow(start));
                }
                for (graph, out) in out.axis_chunks_iter_mut(Axis(0), 1).enumerate() {
                    let x = x.slice_axis(Axis(0), Slice::from(graphs.range(graph)));
                    self.block(start + graph, graphs.part(graph..graph + 1), x, out)?;
                }
            }
            done => done?,
        }
        let bad = out.outer_iter().position(|row| row.iter().any(|z| !widen(*z).is_finite()));
        bad.map_or(Ok(()), |row| Err(overflow(start + row)))
    }
}
