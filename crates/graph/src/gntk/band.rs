//! Some graphs, as one side of a tile.

use std::ops::Range;

use ndarray::Array2;
use widelimit_dual::Prepared;

use super::classes::{Classes, Looks, SparseRows};
use super::config::Checked;
use super::variances::Variances;
use crate::Error;
use crate::graphs::Graphs;
use crate::real::{Real, round};

/// One side of a matrix of pairs at one level.
#[derive(Clone, Debug)]
pub(crate) struct BandLevel<T> {
    /// The classes of these graphs' nodes, increasing: rows of the matrix.
    pub classes: Vec<u32>,
    /// From the rows of the level below to these; without rows at level 0.
    pub aggregate: Weights<T>,
    /// From these rows to the graphs: how many nodes of a graph belong to a row.
    pub count: Weights<T>,
    /// What each activation needs to know of the rows.
    pub duals: Vec<Prepared<T>>,
}

/// A sparse matrix whose rows are sums of rows.
#[derive(Clone, Debug)]
pub(crate) struct Weights<T> {
    pub offsets: Vec<usize>,
    pub indices: Vec<u32>,
    pub values: Vec<T>,
}

impl<T: Real> Weights<T> {
    fn new(rows: SparseRows) -> Self {
        let values = rows.values.into_iter().map(round).collect();
        Self { offsets: rows.offsets, indices: rows.indices, values }
    }

    pub fn rows(&self) -> usize {
        self.offsets.len() - 1
    }
}

/// Graphs that lie one after another, and all their levels.
#[derive(Clone, Debug)]
pub(crate) struct Band<T> {
    /// Which graphs of their side.
    pub graphs: Range<usize>,
    pub levels: Vec<BandLevel<T>>,
    /// Features of the classes of level 0; without columns where they are one-hot.
    pub features: Array2<T>,
    /// Most rows of a level; graphs, where these are more.
    pub widest: usize,
}

/// One batch with the classes of its nodes.
#[derive(Clone, Copy)]
pub(crate) struct Side<'a> {
    pub graphs: &'a Graphs,
    pub classes: &'a Classes,
    /// Number of the batch's first node among the classes'.
    pub first: usize,
}

impl Side<'_> {
    /// Cuts graphs into runs of at most so many nodes; a larger graph is a run by itself.
    pub fn cut(&self, graphs: Range<usize>, nodes: usize) -> Vec<Range<usize>> {
        let offsets = self.graphs.node_offsets();
        let mut runs = Vec::new();
        let mut start = graphs.start;
        for graph in graphs.clone() {
            if graph > start && offsets[graph + 1] - offsets[start] > nodes {
                runs.push(start..graph);
                start = graph;
            }
        }
        if start < graphs.end {
            runs.push(start..graphs.end);
        }
        runs
    }

    /// The band of these graphs, without what activations need.
    pub fn bare<T: Real>(&self, graphs: Range<usize>) -> Band<T> {
        let mut below: Vec<u32> = Vec::new();
        let mut levels = Vec::new();
        for level in &self.classes.levels {
            let of_graph = |graph: usize| {
                let nodes = self.graphs.node_range(graph);
                let mut classes =
                    level.of_node[self.first + nodes.start..self.first + nodes.end].to_vec();
                classes.sort_unstable();
                classes
            };
            let each: Vec<Vec<u32>> = graphs.clone().map(of_graph).collect();
            let mut classes = each.concat();
            classes.sort_unstable();
            classes.dedup();
            let mut aggregate = SparseRows::empty();
            if level.aggregate.rows() > 0 {
                for &class in &classes {
                    let (from, weights) = level.aggregate.row(class as usize);
                    let places = from.iter().map(|class| place(&below, *class));
                    aggregate.push(places.zip(weights.iter().copied()));
                }
            }
            let mut count = SparseRows::empty();
            for graph in &each {
                let runs = graph.chunk_by(|a, b| a == b);
                count.push(runs.map(|run| (place(&classes, run[0]), run.len() as f64)));
            }
            below.clone_from(&classes);
            let (aggregate, count) = (Weights::new(aggregate), Weights::new(count));
            levels.push(BandLevel { classes, aggregate, count, duals: Vec::new() });
        }
        let features = self.looks(&levels[0].classes);
        let rows = levels.iter().map(|level| level.classes.len());
        let widest = rows.chain([graphs.len()]).max().unwrap_or(0);
        Band { graphs, levels, features, widest }
    }

    /// The band of these graphs.
    pub fn band<T: Real>(
        &self,
        graphs: Range<usize>,
        checked: &Checked,
        variances: &Variances,
    ) -> Result<Band<T>, Error> {
        let mut band = self.bare(graphs);
        if checked.is_active() {
            for (level, at) in band.levels.iter_mut().zip(0..).skip(1) {
                for r in 0..checked.mlp {
                    let of_class = |&class: &u32| round(variances.get(at, r)[class as usize]);
                    let points: Vec<T> = level.classes.iter().map(of_class).collect();
                    level.duals.push(checked.dual.prepare(&points)?);
                }
            }
        }
        Ok(band)
    }

    /// Features of classes of level 0.
    fn looks<T: Real>(&self, classes: &[u32]) -> Array2<T> {
        let Looks::Rows(rows) = &self.classes.looks else {
            return Array2::from_elem((classes.len(), 0), round(0.0));
        };
        Array2::from_shape_fn((classes.len(), rows.ncols()), |(row, column)| {
            round(rows[[classes[row] as usize, column]])
        })
    }
}

/// Where a class stands in an increasing list that holds it.
fn place(classes: &[u32], class: u32) -> u32 {
    classes.binary_search(&class).unwrap_or(0) as u32
}
