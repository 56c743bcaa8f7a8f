//! Data sets of graphs.
//!
//! | format | read by |
//! |---|---|
//! | folder of text files as of TU Dortmund | [`TuFiles`] |
//! | NumPy archive | [`read_graphs_npz`] |
//! | tables of edges, nodes and graphs | [`GraphTables`] |

mod npz;
mod numbers;
mod tables;
mod tu;

pub use npz::{graphs_from_npz, read_graphs_npz};
pub use tables::GraphTables;
pub use tu::TuFiles;

use crate::{Error, Targets};
use widelimit_graph::Graphs;

/// Graphs with what is known of each.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphSet {
    /// The graphs.
    pub graphs: Graphs,
    /// What is to be predicted of each graph, if the files say.
    pub labels: Option<Targets>,
    /// Which test part each graph is in, counted from 0, if the files say; `None` for a graph that is in none.
    pub folds: Option<Vec<Option<usize>>>,
}

impl GraphSet {
    /// Indices of the graphs to train on and to test on in a fold.
    ///
    /// Graphs in no test part are always in training. Without folds, or for one that does not exist, all graphs
    /// are.
    ///
    /// ```
    /// use widelimit_data::{CsvOptions, CsvTable, GraphTables};
    /// let table = |text: &str| {
    ///     CsvTable::from_bytes(text.as_bytes().to_vec(), "t.csv", CsvOptions::default())
    /// };
    /// let set = GraphTables {
    ///     graphs: Some(table("graph,label,fold\na,1,0\nb,0,1\nc,0,-1\n")?),
    ///     ..GraphTables::new(table("graph,source,target\na,0,1\nb,0,1\nc,0,1\n")?)
    /// }
    /// .read()?;
    /// assert_eq!(set.split(0), (vec![1, 2], vec![0]));
    /// # Ok::<(), widelimit_data::Error>(())
    /// ```
    pub fn split(&self, fold: usize) -> (Vec<usize>, Vec<usize>) {
        let tested = |&graph: &usize| {
            self.folds.as_ref().and_then(|folds| folds[graph]).is_some_and(|of| of == fold)
        };
        let (test, train) = (0..self.graphs.len()).partition(tested);
        (train, test)
    }

    /// Checks that there is one label and one fold for every graph.
    fn check(self, what: &str) -> Result<Self, Error> {
        let graphs = self.graphs.len();
        let labels = self.labels.as_ref().map_or(graphs, Targets::rows);
        let folds = self.folds.as_ref().map_or(graphs, Vec::len);
        for (list, got) in [("labels", labels), ("folds", folds)] {
            if got != graphs {
                return Err(Error::GraphCount { what: what.to_owned(), list, graphs, got });
            }
        }
        Ok(self)
    }
}

/// An error of the graphs themselves, with the place of the edge or node in the files.
///
/// `place` gives the file and line of an edge by its position, `ends` the position of an edge by its ends.
fn graph_error(
    error: widelimit_graph::Error,
    what: &str,
    place: impl Fn(usize) -> String,
    ends: impl Fn(usize, usize, usize) -> Option<usize>,
) -> Error {
    use widelimit_graph::Error as Of;
    let edge = match &error {
        Of::EdgeOutOfRange { edge, .. } | Of::EdgeAcross { edge, .. } | Of::Weight { edge, .. } => {
            Some(*edge)
        }
        Of::DuplicateEdge { graph, from, to } | Of::Asymmetric { graph, from, to } => {
            ends(*graph, *from, *to)
        }
        _ => None,
    };
    let place = edge.map_or_else(|| what.to_owned(), place);
    Error::Graph { place, source: Box::new(error) }
}

/// The last edge that goes from one node to another, both numbered within their graph.
fn last_edge(
    offsets: &[usize],
    sources: &[usize],
    targets: &[usize],
    [graph, from, to]: [usize; 3],
) -> Option<usize> {
    let first = offsets.get(graph)?;
    let edge = (first + from, first + to);
    sources.iter().zip(targets).rposition(|(&source, &target)| (source, target) == edge)
}
