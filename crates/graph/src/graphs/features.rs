//! Features of nodes, and those that are made of labels or degrees where none are given.

use std::borrow::Cow;

use ndarray::{Array1, Array2, Axis};

use super::Graphs;
use super::build::check_features;
use crate::Error;

/// What a node carries: a row of numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Features {
    /// Rows of numbers: nodes x width.
    Dense(Array2<f64>),
    /// Rows with a single one: node `u` has it in column `codes[u]`, and none where that is `width` or more.
    OneHot {
        /// The columns.
        codes: Vec<u32>,
        /// How many columns there are.
        width: usize,
    },
}

impl Features {
    /// Number of columns.
    pub fn width(&self) -> usize {
        match self {
            Self::Dense(rows) => rows.ncols(),
            Self::OneHot { width, .. } => *width,
        }
    }

    /// Number of rows.
    pub fn nodes(&self) -> usize {
        match self {
            Self::Dense(rows) => rows.nrows(),
            Self::OneHot { codes, .. } => codes.len(),
        }
    }

    /// Features of one node.
    ///
    /// # Panics
    ///
    /// When there is no such node.
    pub fn row(&self, node: usize) -> Array1<f64> {
        match self {
            Self::Dense(rows) => rows.row(node).to_owned(),
            Self::OneHot { codes, width } => {
                let code = codes[node] as usize;
                Array1::from_shape_fn(*width, |column| f64::from(u8::from(column == code)))
            }
        }
    }

    /// All rows: nodes x width.
    pub fn dense(&self) -> Array2<f64> {
        match self {
            Self::Dense(rows) => rows.clone(),
            Self::OneHot { codes, width } => {
                let mut rows = Array2::zeros((codes.len(), *width));
                for (mut row, &code) in rows.outer_iter_mut().zip(codes) {
                    if let Some(entry) = row.get_mut(code as usize) {
                        *entry = 1.0;
                    }
                }
                rows
            }
        }
    }

    /// All rows, copied only where they are not there.
    pub(crate) fn to_dense(&self) -> Cow<'_, Array2<f64>> {
        match self {
            Self::Dense(rows) => Cow::Borrowed(rows),
            Self::OneHot { .. } => Cow::Owned(self.dense()),
        }
    }

    /// The rows of some nodes.
    pub(crate) fn select(&self, nodes: &[usize]) -> Self {
        match self {
            Self::Dense(rows) => Self::Dense(rows.select(Axis(0), nodes)),
            Self::OneHot { codes, width } => Self::OneHot {
                codes: nodes.iter().map(|&node| codes[node]).collect(),
                width: *width,
            },
        }
    }
}

/// What a one-hot dictionary counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Label,
    Degree,
}

/// A dictionary that gives every value of a node's label, or degree, a column of its own.
///
/// Made from the graphs of a training set, it serves those of a test set too: values that it does not know
/// give rows of zeros.
///
/// ```
/// use widelimit_graph::{Graphs, OneHot, Parts};
///
/// let labelled = |labels: &[u32]| {
///     Graphs::new(Parts { node_offsets: &[0, 2], node_labels: Some(labels), ..Parts::default() })
/// };
/// let (train, test) = (labelled(&[7, 3])?, labelled(&[3, 5])?);
/// let dictionary = OneHot::new(&train);
/// let test = test.with_one_hot(&dictionary)?;
/// let rows = test.features().map(|features| features.dense());
/// assert_eq!(rows, Some(ndarray::array![[1.0, 0.0], [0.0, 0.0]]));
/// # Ok::<(), widelimit_graph::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct OneHot {
    of: Of,
    /// Increasing; the position of a value is its column.
    values: Vec<u32>,
}

impl OneHot {
    /// The dictionary of the labels of these graphs where they have labels, else of their degrees.
    pub fn new(graphs: &Graphs) -> Self {
        let of = if graphs.labels().is_some() { Of::Label } else { Of::Degree };
        Self { of, values: distinct(values(graphs, of).unwrap_or_default()) }
    }

    /// The dictionary of labels.
    ///
    /// # Errors
    ///
    /// [`Error::NoLabels`] for graphs without.
    pub fn labels(graphs: &Graphs) -> Result<Self, Error> {
        let labels = values(graphs, Of::Label).ok_or(Error::NoLabels { what: LABELS })?;
        Ok(Self { of: Of::Label, values: distinct(labels) })
    }

    /// The dictionary of degrees: the number of edges at a node.
    pub fn degrees(graphs: &Graphs) -> Self {
        Self { of: Of::Degree, values: distinct(values(graphs, Of::Degree).unwrap_or_default()) }
    }

    /// The dictionary of these labels, in any order.
    pub fn of_labels(values: Vec<u32>) -> Self {
        Self { of: Of::Label, values: distinct(values) }
    }

    /// The dictionary of these degrees, in any order.
    pub fn of_degrees(values: Vec<u32>) -> Self {
        Self { of: Of::Degree, values: distinct(values) }
    }

    /// Whether it is one of labels, not of degrees.
    pub fn is_of_labels(&self) -> bool {
        self.of == Of::Label
    }

    /// The values, increasing: value `k` has column `k`.
    pub fn values(&self) -> &[u32] {
        &self.values
    }

    /// Features of the nodes of these graphs.
    ///
    /// # Errors
    ///
    /// [`Error::NoLabels`] for a dictionary of labels and graphs without.
    pub fn encode(&self, graphs: &Graphs) -> Result<Features, Error> {
        let values = values(graphs, self.of).ok_or(Error::NoLabels { what: LABELS })?;
        let width = self.values.len();
        let code = |value: u32| self.values.binary_search(&value).unwrap_or(width) as u32;
        Ok(Features::OneHot { codes: values.into_iter().map(code).collect(), width })
    }
}

const LABELS: &str = "a one-hot dictionary of labels";

fn distinct(mut values: Vec<u32>) -> Vec<u32> {
    values.sort_unstable();
    values.dedup();
    values
}

/// The value of every node.
fn values(graphs: &Graphs, of: Of) -> Option<Vec<u32>> {
    match of {
        Of::Label => graphs.labels().map(<[u32]>::to_vec),
        // a node has at most one edge to each of fewer than 2^32 nodes
        Of::Degree => {
            Some(graphs.edge_offsets.windows(2).map(|edges| (edges[1] - edges[0]) as u32).collect())
        }
    }
}

impl Graphs {
    /// The same graphs with other features: nodes x width.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] unless there is a row for every node, [`Error::Feature`] and [`Error::NoFeatures`].
    pub fn with_features(mut self, features: Array2<f64>) -> Result<Self, Error> {
        self.features = Some(check_features(features, self.nodes())?);
        Ok(self)
    }

    /// The same graphs with the features of a dictionary.
    ///
    /// # Errors
    ///
    /// [`Error::NoLabels`] for a dictionary of labels and graphs without.
    pub fn with_one_hot(mut self, dictionary: &OneHot) -> Result<Self, Error> {
        self.features = Some(dictionary.encode(&self)?);
        Ok(self)
    }

    /// The same graphs, with features: those they have, else one-hot labels, else one-hot degrees.
    ///
    /// Graphs that are to be compared with others need one dictionary for all of them: see [`OneHot`].
    pub fn with_default_features(mut self) -> Self {
        if self.features.is_none() {
            let dictionary = OneHot::new(&self);
            self.features = dictionary.encode(&self).ok();
        }
        self
    }
}
