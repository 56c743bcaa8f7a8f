//! Pairs of nodes that are counted by their colours: edges, and all pairs by their distance.

use rayon::prelude::*;

use super::counts::Counts;
use super::dictionary::Names;
use super::means::Means;
use super::params::WlKind;
use crate::{Error, Graph};

/// What the pairs of each graph are.
#[derive(Debug)]
pub(super) enum Pairs {
    /// Its edges.
    Edges,
    /// All pairs: for each graph the matrix of distances, row after row; [`APART`] without a path.
    Distances(Vec<Vec<u32>>),
}

/// No path leads from one to the other.
const APART: u32 = u32::MAX;

/// Graphs whose triples are in memory together.
const BATCH: usize = 256;

impl Pairs {
    /// None where colours are counted alone. Counts the memory.
    pub(super) fn new(
        kind: WlKind,
        graphs: &[Graph<'_>],
        means: &mut Means<'_>,
    ) -> Result<Option<Self>, Error> {
        let square =
            |graph: &Graph<'_>| (graph.nodes() as u64).saturating_mul(graph.nodes() as u64);
        let edges = |graph: &Graph<'_>| graph.edges() as u64;
        let size: &dyn Fn(&Graph<'_>) -> u64 = match kind {
            WlKind::Subtree | WlKind::OptimalAssignment => return Ok(None),
            WlKind::ShortestPath => &square,
            WlKind::Edges => &edges,
        };
        let all = graphs.iter().map(size).fold(0, u64::saturating_add);
        let batch =
            graphs.chunks(BATCH).map(|batch| batch.iter().map(size).fold(0, u64::saturating_add));
        let triples = batch.max().unwrap_or(0).saturating_mul(16);
        let kept = if kind == WlKind::Edges { 0 } else { all.saturating_mul(4) };
        means.take(kept.saturating_add(triples))?;
        if all > u64::from(u32::MAX) {
            let (parameter, range) = ("number of pairs of nodes", "at most 4294967295");
            return Err(Error::Parameter { parameter, got: all as usize, range });
        }
        if kind == WlKind::Edges {
            return Ok(Some(Self::Edges));
        }
        let of = |graph| means.check_cancelled().map(|()| distances(graph));
        let all: Result<_, Error> = means.par().install(|| graphs.par_iter().map(of).collect());
        Ok(Some(Self::Distances(all?)))
    }

    /// How often each triple of colour, distance or edge label, and colour occurs in each graph.
    pub(super) fn count(
        &self,
        graphs: &[Graph<'_>],
        directed: bool,
        colours: (&[u32], &[usize]),
        names: &mut Names<'_, [u32; 3]>,
        means: &mut Means<'_>,
    ) -> Result<Counts, Error> {
        let par = means.par();
        let (colours, offsets) = colours;
        let mut rows = Vec::with_capacity(graphs.len());
        for first in (0..graphs.len()).step_by(BATCH) {
            means.check_cancelled()?;
            let batch = first..(first + BATCH).min(graphs.len());
            let make = |graph: usize| {
                let colours = &colours[offsets[graph]..offsets[graph + 1]];
                runs(self.triples(graph, &graphs[graph], directed, colours))
            };
            let found: Vec<Vec<([u32; 3], u32)>> =
                par.install(|| batch.into_par_iter().map(make).collect());
            for triples in found {
                let row: Result<Vec<(u32, u32)>, Error> = triples
                    .into_iter()
                    .map(|(triple, count)| Ok((names.triple(&triple, means)?, count)))
                    .collect();
                rows.push(row?);
            }
        }
        Ok(Counts::from_rows(rows))
    }

    /// The triples of a graph. Without directions, each pair comes once, the smaller colour first.
    fn triples(
        &self,
        index: usize,
        graph: &Graph<'_>,
        directed: bool,
        colours: &[u32],
    ) -> Vec<[u32; 3]> {
        let mut triples = Vec::new();
        let mut add = |from: usize, middle: u32, to: usize| {
            let (a, b) = (colours[from], colours[to]);
            triples.push(if directed || a <= b { [a, middle, b] } else { [b, middle, a] });
        };
        for from in 0..graph.nodes() {
            match self {
                Self::Edges => {
                    let labels = graph.edge_labels(from);
                    for (k, &to) in graph.neighbours(from).iter().enumerate() {
                        let to = to as usize;
                        if directed || from <= to {
                            add(from, labels.map_or(0, |labels| labels[k]), to);
                        }
                    }
                }
                Self::Distances(all) => {
                    let row = &all[index][from * graph.nodes()..(from + 1) * graph.nodes()];
                    let first = if directed { 0 } else { from + 1 };
                    for (to, &distance) in row.iter().enumerate().skip(first) {
                        if distance != APART && from != to {
                            add(from, distance, to);
                        }
                    }
                }
            }
        }
        triples
    }
}

/// Different triples with how often each comes.
fn runs(mut triples: Vec<[u32; 3]>) -> Vec<([u32; 3], u32)> {
    triples.sort_unstable();
    triples.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u32)).collect()
}

/// Numbers of edges of shortest paths, row after row, by breadth-first search from each node.
fn distances(graph: &Graph<'_>) -> Vec<u32> {
    let nodes = graph.nodes();
    let mut all = vec![APART; nodes * nodes];
    let mut queue = Vec::with_capacity(nodes);
    for (source, row) in all.chunks_mut(nodes).enumerate() {
        queue.clear();
        queue.push(source);
        row[source] = 0;
        let mut next = 0;
        while let Some(&node) = queue.get(next) {
            next += 1;
            for &other in graph.neighbours(node) {
                let other = other as usize;
                if row[other] == APART {
                    row[other] = row[node] + 1;
                    queue.push(other);
                }
            }
        }
    }
    all
}
