//! Labels from numeric attributes of nodes.

use std::collections::HashMap;

use ndarray::{Array1, Array2, Axis};
use widelimit_sketch::random::Stream;

use crate::{Error, Graphs};

/// Parameters of [`HashBins`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BinParams {
    /// How many random directions attributes are projected on; at least 1. Nodes share a bin where they share
    /// the interval of every direction: more directions, smaller bins.
    pub projections: usize,
    /// Length of the intervals, in standard deviations of an attribute; positive.
    pub width: f64,
    /// What directions and intervals are drawn by.
    pub seed: u64,
}

impl Default for BinParams {
    /// Two directions, intervals of one standard deviation.
    fn default() -> Self {
        Self { projections: 2, width: 1.0, seed: 0 }
    }
}

/// Bins of attributes by random projections, as labels that Weisfeiler-Leman kernels can count.
///
/// With `z` the attributes of a node less their means and divided by their standard deviations over the nodes of
/// the fit, `w_1, ..., w_r` random directions of length 1 and `b_1, ..., b_r` uniform on `[0, width)`, a node has
/// the bin `(floor((w_j . z + b_j) / width))_j`. Close nodes share it more often than distant ones (Datar,
/// Immorlica, Indyk and Mirrokni 2004). One draw is a crude likeness; the mean of the kernels of several seeds
/// is the hash graph kernel of Morris, Kriege, Kersting and Mutzel 2016. Labels that nodes had are part of the
/// bin. Bins are numbered by a dictionary, so that two bins never share a label.
///
/// ```
/// use ndarray::array;
/// use widelimit_graph::wl::{BinParams, HashBins, WlKernel, WlParams};
/// use widelimit_graph::{Graphs, Options, Parts};
///
/// let graphs = Graphs::new(Parts {
///     node_offsets: &[0, 2, 3],
///     features: Some(array![[0.1, 5.0], [0.1, 5.0], [9.0, -5.0]]),
///     ..Parts::default()
/// })?;
/// assert!(WlKernel::fit(&graphs, &WlParams::default(), &Options::new()).is_err());
/// let bins = HashBins::new(&graphs, BinParams { projections: 8, ..BinParams::default() })?;
/// let graphs = bins.label(graphs)?;
/// assert_eq!(graphs.labels(), Some(&[0, 0, 1][..]));
/// assert!(WlKernel::fit(&graphs, &WlParams::default(), &Options::new()).is_ok());
/// # Ok::<(), widelimit_graph::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct HashBins {
    width: f64,
    /// What is taken off each attribute.
    means: Array1<f64>,
    /// Directions in units of the attributes: projections x attributes.
    directions: Array2<f64>,
    offsets: Vec<f64>,
    labelled: bool,
    numbers: HashMap<Vec<i64>, u32>,
}

/// Roles among the random numbers of a seed.
const DIRECTIONS: u32 = 0x5742_4E31;
const OFFSETS: u32 = 0x5742_4E32;

impl HashBins {
    /// The bins of these nodes.
    ///
    /// # Errors
    ///
    /// [`Error::FeaturesMissing`] without attributes, [`Error::Parameter`] without projections, [`Error::BinWidth`],
    /// and as [`label`](Self::label).
    pub fn new(graphs: &Graphs, params: BinParams) -> Result<Self, Error> {
        let missing = Error::FeaturesMissing { side: "the graphs" };
        let rows = graphs.features().ok_or(missing)?.to_dense();
        if params.projections == 0 {
            let range = "at least 1";
            return Err(Error::Parameter { parameter: "projections", got: 0, range });
        }
        if !(params.width.is_finite() && params.width > 0.0) {
            return Err(Error::BinWidth { got: params.width });
        }
        let (means, deviations) = moments(&rows);
        let mut directions = Array2::zeros((params.projections, rows.ncols()));
        let normal = Stream::new(params.seed, 0, DIRECTIONS);
        for (j, mut direction) in directions.outer_iter_mut().enumerate() {
            let stream = normal.child(j as u32);
            for (k, entry) in direction.iter_mut().enumerate() {
                *entry = stream.normal_pair(k as u64).0;
            }
            let norm = direction.iter().map(|x| x * x).sum::<f64>().sqrt();
            for (entry, deviation) in direction.iter_mut().zip(&deviations) {
                // an attribute that is the same everywhere tells nothing
                *entry = if *deviation > 0.0 { *entry / norm / deviation } else { 0.0 };
            }
        }
        let uniform = Stream::new(params.seed, 0, OFFSETS);
        let offsets =
            (0..params.projections).map(|j| uniform.unit(j as u64) * params.width).collect();
        let (width, labelled) = (params.width, graphs.labels().is_some());
        let mut bins =
            Self { width, means, directions, offsets, labelled, numbers: HashMap::new() };
        for key in bins.keys(graphs)? {
            let next = bins.numbers.len() as u32;
            bins.numbers.entry(key).or_insert(next);
        }
        Ok(bins)
    }

    /// Number of bins with a node of the fit.
    #[allow(clippy::len_without_is_empty, reason = "a batch has nodes")]
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The same graphs with the bins of their nodes as labels. Bins without a node of the fit get labels from
    /// [`len`](Self::len) on, in the order in which they come.
    ///
    /// # Errors
    ///
    /// [`Error::FeaturesMissing`], [`Error::FeatureWidth`] for another number of attributes than those of the fit,
    /// [`Error::Unlike`] where only one side has labels, [`Error::BinRange`] for attributes too far out.
    pub fn label(&self, graphs: Graphs) -> Result<Graphs, Error> {
        let mut fresh: HashMap<Vec<i64>, u32> = HashMap::new();
        let mut labels = Vec::with_capacity(graphs.nodes());
        for key in self.keys(&graphs)? {
            // there are fewer than 2^32 bins where there are fewer nodes
            let next = (self.numbers.len() + fresh.len()) as u32;
            let known = self.numbers.get(&key).copied();
            labels.push(known.unwrap_or_else(|| *fresh.entry(key).or_insert(next)));
        }
        graphs.with_labels(labels)
    }

    /// Intervals, and the label where there are labels, of every node.
    fn keys(&self, graphs: &Graphs) -> Result<Vec<Vec<i64>>, Error> {
        let missing = Error::FeaturesMissing { side: "the graphs" };
        let rows = graphs.features().ok_or(missing)?.to_dense();
        let (left, right) = (self.means.len(), rows.ncols());
        if left != right {
            return Err(Error::FeatureWidth { left, right });
        }
        if graphs.labels().is_some() != self.labelled {
            return Err(Error::Unlike { what: "node labels" });
        }
        let key = |(node, row): (usize, ndarray::ArrayView1<'_, f64>)| {
            let mut key = Vec::with_capacity(self.offsets.len() + usize::from(self.labelled));
            for (direction, offset) in self.directions.outer_iter().zip(&self.offsets) {
                let terms = row.iter().zip(&self.means).zip(direction);
                let along: f64 = terms.map(|((x, mean), w)| (x - mean) * w).sum();
                let interval = ((along + offset) / self.width).floor();
                // beyond, neighbouring intervals are not told apart
                if interval.is_nan() || interval.abs() >= 2f64.powi(53) {
                    return Err(Error::BinRange { node });
                }
                key.push(interval as i64);
            }
            key.extend(graphs.labels().map(|labels| i64::from(labels[node])));
            Ok(key)
        };
        rows.outer_iter().enumerate().map(key).collect()
    }
}

/// Means and standard deviations of columns.
fn moments(rows: &Array2<f64>) -> (Array1<f64>, Vec<f64>) {
    let nodes = rows.nrows() as f64;
    let columns = rows.axis_iter(Axis(1));
    let means: Array1<f64> =
        columns.map(|column| column.iter().map(|x| x / nodes).sum::<f64>()).collect();
    let deviation = |(column, mean): (ndarray::ArrayView1<'_, f64>, &f64)| {
        let largest = column.iter().map(|x| (x - mean).abs()).fold(0.0, f64::max);
        if largest > 0.0 {
            // scaled, so that squares neither overflow nor vanish
            let square = |x: &f64| ((x - mean) / largest).powi(2);
            largest * (column.iter().map(square).sum::<f64>() / nodes).sqrt()
        } else {
            0.0
        }
    };
    let deviations = rows.axis_iter(Axis(1)).zip(&means).map(deviation).collect();
    (means, deviations)
}
