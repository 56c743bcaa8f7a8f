//! How often each colour occurs in each graph, and sums over the colours that two graphs share.

use std::ops::Range;

use ndarray::Array2;
use rayon::prelude::*;
use widelimit_linalg::Par;

use super::means::Means;
use crate::Error;

/// For every graph its colours, increasing, and how often each occurs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Counts {
    offsets: Vec<usize>,
    colours: Vec<u32>,
    counts: Vec<u32>,
}

/// What a colour that occurs `a` and `b` times adds to a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pairing {
    /// `a b`
    Product,
    /// `min(a, b)`
    Smaller,
}

impl Pairing {
    fn of(self, a: u32, b: u32) -> f64 {
        match self {
            Self::Product => f64::from(a) * f64::from(b),
            Self::Smaller => f64::from(a.min(b)),
        }
    }
}

impl Counts {
    /// Counts the colours of all objects; `offsets` says where those of each graph begin.
    pub(super) fn new(colours: &[u32], offsets: &[usize], par: Par) -> Self {
        let count = |range: &[usize]| {
            let mut sorted = colours[range[0]..range[1]].to_vec();
            sorted.sort_unstable();
            sorted.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u32)).collect()
        };
        Self::from_rows(par.install(|| offsets.par_windows(2).map(count).collect()))
    }

    /// From a list for each graph; colours need not be sorted, but each comes once.
    pub(super) fn from_rows(rows: Vec<Vec<(u32, u32)>>) -> Self {
        let mut counts = Self { offsets: vec![0], ..Self::default() };
        for mut row in rows {
            row.sort_unstable();
            counts.colours.extend(row.iter().map(|entry| entry.0));
            counts.counts.extend(row.iter().map(|entry| entry.1));
            counts.offsets.push(counts.colours.len());
        }
        counts
    }

    /// Number of graphs.
    pub(super) fn graphs(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> u64 {
        (8 * self.colours.len() + 8 * self.offsets.len()) as u64
    }

    /// Colours of a graph with how often they occur.
    pub(super) fn row(&self, graph: usize) -> impl Iterator<Item = (u32, u32)> + '_ {
        let row = self.range(graph);
        self.colours[row.clone()].iter().copied().zip(self.counts[row].iter().copied())
    }

    fn range(&self, graph: usize) -> Range<usize> {
        self.offsets[graph]..self.offsets[graph + 1]
    }

    /// What this round adds to the kernel of a graph with itself.
    pub(super) fn with_itself(&self, graph: usize, pairing: Pairing) -> f64 {
        self.row(graph).map(|(_, count)| pairing.of(count, count)).sum()
    }

    /// Adds to `out[i, j]` the sum over the colours that graph `i` shares with graph `j` of `index`.
    ///
    /// Colours are taken in increasing order: sums round alike for `(i, j)` and `(j, i)`, on any thread.
    pub(super) fn add_to(
        &self,
        index: &Index,
        pairing: Pairing,
        out: &mut Array2<f64>,
        means: &Means<'_>,
    ) -> Result<(), Error> {
        let columns = out.ncols();
        let Some(values) = out.as_slice_mut().filter(|_| columns > 0) else { return Ok(()) };
        means.par().install(|| {
            values.par_chunks_mut(columns).enumerate().try_for_each(|(graph, row)| {
                means.check_cancelled()?;
                for (colour, count) in self.row(graph) {
                    for (other, times) in index.graphs_with(colour) {
                        row[other as usize] += pairing.of(count, times);
                    }
                }
                Ok(())
            })
        })
    }
}

/// For every colour the graphs in which it occurs.
#[derive(Debug)]
pub(super) struct Index {
    offsets: Vec<usize>,
    graphs: Vec<u32>,
    counts: Vec<u32>,
}

impl Index {
    /// Turns lists of colours by graph into lists of graphs by colour, for colours below `colours`.
    pub(super) fn new(of: &Counts, colours: usize) -> Self {
        let mut offsets = vec![0; colours + 1];
        for &colour in &of.colours {
            offsets[colour as usize + 1] += 1;
        }
        for colour in 0..colours {
            offsets[colour + 1] += offsets[colour];
        }
        let mut next = offsets.clone();
        let (mut graphs, mut counts) = (vec![0; of.colours.len()], vec![0; of.colours.len()]);
        for graph in 0..of.graphs() {
            for (colour, count) in of.row(graph) {
                let at = &mut next[colour as usize];
                // there are fewer than 2^32 graphs
                (graphs[*at], counts[*at]) = (graph as u32, count);
                *at += 1;
            }
        }
        Self { offsets, graphs, counts }
    }

    /// Graphs with a colour; none for colours that were not known.
    fn graphs_with(&self, colour: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        let colour = colour as usize;
        let range = if colour + 1 < self.offsets.len() {
            self.offsets[colour]..self.offsets[colour + 1]
        } else {
            0..0
        };
        self.graphs[range.clone()].iter().copied().zip(self.counts[range].iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;

    #[test]
    fn sums_are_those_of_dense_counts() {
        let offsets = [0, 4, 5, 9];
        let colours = [2, 0, 2, 7, 7, 3, 3, 2, 3];
        let options = Options::new().par(Par::new(2));
        let counts = Counts::new(&colours, &offsets, options.par);
        assert_eq!(counts.row(0).collect::<Vec<_>>(), [(0, 1), (2, 2), (7, 1)]);
        let dense = |graph: usize, colour: u32| {
            colours[offsets[graph]..offsets[graph + 1]].iter().filter(|&&c| c == colour).count()
        };
        let index = Index::new(&counts, 8);
        for pairing in [Pairing::Product, Pairing::Smaller] {
            let mut found = Array2::zeros((3, 3));
            counts.add_to(&index, pairing, &mut found, &Means::new(&options)).unwrap();
            for ((i, j), &value) in found.indexed_iter() {
                let term = |colour| {
                    let (a, b) = (dense(i, colour), dense(j, colour));
                    if pairing == Pairing::Product { a * b } else { a.min(b) }
                };
                assert_eq!(value, (0..8).map(term).sum::<usize>() as f64, "{i} {j}");
            }
            assert_eq!(counts.with_itself(0, pairing), found[[0, 0]]);
        }
    }
}
