//! Nodes or tuples of nodes, and what their next colours are made of.

use std::ops::Range;

use rayon::prelude::*;

use super::dictionary::Names;
use super::means::Means;
use super::params::{Scheme, Start};
use crate::{Error, Graph};

/// Everything in some graphs that has a colour, graph after graph.
///
/// Tuple `(v_1, ..., v_k)` of a graph with `n` nodes has the number `v_1 + v_2 n + ...`; nodes are tuples of
/// one, and colour refinement is the local scheme on them.
#[derive(Debug)]
pub(super) struct Objects<'a> {
    graphs: Vec<Graph<'a>>,
    scheme: Scheme,
    start: Start,
    /// Where the objects of each graph begin.
    offsets: Vec<usize>,
    /// Edges by their ends, of directed graphs.
    reversed: Option<Vec<Reversed>>,
}

/// Objects whose keys one thread makes at a time.
const PIECE: usize = 256;

/// Objects whose keys are in memory together.
const BATCH: usize = 64 * PIECE;

impl<'a> Objects<'a> {
    /// Counts the objects, and the memory for their colours in two rounds and for keys.
    pub(super) fn new(
        graphs: Vec<Graph<'a>>,
        scheme: Scheme,
        start: Start,
        directed: bool,
        means: &mut Means<'_>,
    ) -> Result<Self, Error> {
        let mut offsets = Vec::with_capacity(graphs.len() + 1);
        offsets.push(0);
        let k = scheme.k() as u32;
        // all objects, all entries of their keys, and the most entries of one place of a tuple
        let (mut all, mut entries, mut longest) = (0u64, 0u64, 0u64);
        for graph in &graphs {
            let nodes = graph.nodes() as u64;
            all = all.saturating_add(nodes.saturating_pow(k));
            offsets.push(all as usize);
            let (sum, most) = match scheme {
                // any number of edges may end at a node
                Scheme::Vertices | Scheme::Local { .. } if directed => {
                    (graph.edges() as u64, graph.edges() as u64)
                }
                Scheme::Vertices | Scheme::Local { .. } => {
                    let most = (0..graph.nodes()).map(|node| graph.degree(node)).max();
                    (graph.edges() as u64, most.unwrap_or(0) as u64)
                }
                Scheme::Oblivious { .. } | Scheme::Folklore { .. } => {
                    (nodes.saturating_mul(nodes), nodes)
                }
            };
            entries = entries.saturating_add(sum.saturating_mul(nodes.saturating_pow(k - 1)));
            longest = longest.max(most);
        }
        let batch = all.min(BATCH as u64).saturating_mul(longest).min(entries);
        let keys = batch.saturating_mul(8 * u64::from(k) * (1 + u64::from(directed)));
        means.take(all.saturating_mul(8).saturating_add(keys))?;
        if all > u64::from(u32::MAX) {
            let (parameter, range) = ("number of tuples of nodes", "at most 4294967295");
            return Err(Error::Parameter { parameter, got: all as usize, range });
        }
        let reversed = directed.then(|| graphs.iter().map(Reversed::new).collect());
        Ok(Self { graphs, scheme, start, offsets, reversed })
    }

    /// Where the objects of each graph begin, and how many there are.
    pub(super) fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// The graphs.
    pub(super) fn graphs(&self) -> &[Graph<'a>] {
        &self.graphs
    }

    fn len(&self) -> usize {
        self.offsets[self.offsets.len() - 1]
    }

    /// The next colours, given those of the round before; the first ones where there are none.
    ///
    /// Keys are made on all threads, numbers given in the order of the objects: they do not depend on threads.
    pub(super) fn colour(
        &self,
        before: Option<&[u32]>,
        names: &mut Names<'_, Box<[u32]>>,
        means: &mut Means<'_>,
    ) -> Result<Vec<u32>, Error> {
        let mut colours = Vec::new();
        let refused = |_| Error::OutOfMemory { needed: 4 * self.len() as u64 };
        colours.try_reserve_exact(self.len()).map_err(refused)?;
        let par = means.par();
        for first in (0..self.len()).step_by(BATCH) {
            means.check_cancelled()?;
            let last = (first + BATCH).min(self.len());
            let starts: Vec<usize> = (first..last).step_by(PIECE).collect();
            let make = |&from: &usize| self.keys(from..(from + PIECE).min(last), before);
            let pieces: Vec<Keys> = par.install(|| starts.par_iter().map(make).collect());
            for key in pieces.iter().flat_map(Keys::iter) {
                colours.push(names.colour(key, means)?);
            }
        }
        Ok(colours)
    }

    /// What the next colours of some objects are made of.
    fn keys(&self, objects: Range<usize>, before: Option<&[u32]>) -> Keys {
        let mut keys = Keys::default();
        let mut scratch = Vec::new();
        let mut graph = self.offsets.partition_point(|&offset| offset <= objects.start) - 1;
        for object in objects {
            while object >= self.offsets[graph + 1] {
                graph += 1;
            }
            let range = self.offsets[graph]..self.offsets[graph + 1];
            let tuple =
                Tuple::new(object - range.start, self.graphs[graph].nodes(), self.scheme.k());
            match before {
                None => self.first_key(graph, &tuple, &mut keys.values),
                Some(colours) => {
                    self.next_key(graph, &tuple, &colours[range], &mut scratch, &mut keys.values);
                }
            }
            keys.ends.push(keys.values.len());
        }
        keys
    }

    /// Labels of the nodes; of tuples also which are equal, which adjacent, and by which edge.
    fn first_key(&self, graph: usize, tuple: &Tuple, key: &mut Vec<u32>) {
        let graph = &self.graphs[graph];
        let label = |&node: &usize| match self.start {
            Start::Degree => graph.degree(node) as u32,
            Start::Labels => graph.labels().map_or(0, |labels| labels[node]),
            Start::Auto | Start::Constant => 0,
        };
        key.extend(tuple.nodes().iter().map(label));
        if tuple.k == 1 {
            return;
        }
        for &from in tuple.nodes() {
            for &to in tuple.nodes() {
                let edge = graph.neighbours(from).binary_search(&(to as u32)).ok();
                let label = edge.and_then(|k| graph.edge_labels(from).map(|labels| labels[k]));
                key.push(u32::from(from == to) + 2 * u32::from(edge.is_some()));
                key.push(label.unwrap_or(0));
            }
        }
    }

    /// Own colour, then the multisets of the scheme, each sorted. Where two could have different lengths, the
    /// length comes first, so that different multisets give different keys.
    fn next_key(
        &self,
        graph: usize,
        tuple: &Tuple,
        colours: &[u32],
        scratch: &mut Vec<u128>,
        key: &mut Vec<u32>,
    ) {
        key.push(colours[tuple.number]);
        match self.scheme {
            Scheme::Vertices | Scheme::Local { .. } => {
                for place in 0..tuple.k {
                    self.local(graph, tuple, place, colours, scratch, key);
                }
            }
            Scheme::Oblivious { .. } => {
                for place in 0..tuple.k {
                    scratch.clear();
                    let others = (0..tuple.order).map(|node| colours[tuple.replaced(place, node)]);
                    scratch.extend(others.map(u128::from));
                    scratch.sort_unstable();
                    key.extend(scratch.iter().map(|&colour| colour as u32));
                }
            }
            Scheme::Folklore { .. } => {
                scratch.clear();
                scratch.extend((0..tuple.order).map(|node| {
                    (0..tuple.k).fold(0, |packed, place| {
                        packed << 32 | u128::from(colours[tuple.replaced(place, node)])
                    })
                }));
                scratch.sort_unstable();
                for packed in scratch.iter() {
                    key.extend((0..tuple.k).map(|place| (packed >> (32 * place)) as u32));
                }
            }
        }
    }

    /// Labels of the edges at one of the nodes, with the colours of the tuples that have the other end of the
    /// edge in its place. Edges that end at the node follow those that begin there, where graphs are directed.
    fn local(
        &self,
        graph: usize,
        tuple: &Tuple,
        place: usize,
        colours: &[u32],
        scratch: &mut Vec<u128>,
        key: &mut Vec<u32>,
    ) {
        let node = tuple.nodes[place];
        let mut add = |others: &[u32], labels: Option<&[u32]>| {
            scratch.clear();
            for (k, &other) in others.iter().enumerate() {
                let label = labels.map_or(0, |labels| labels[k]);
                let colour = colours[tuple.replaced(place, other as usize)];
                scratch.push(u128::from(label) << 32 | u128::from(colour));
            }
            scratch.sort_unstable();
            key.push(others.len() as u32);
            for packed in scratch.iter() {
                if labels.is_some() {
                    key.push((packed >> 32) as u32);
                }
                key.push(*packed as u32);
            }
        };
        let of = &self.graphs[graph];
        add(of.neighbours(node), of.edge_labels(node));
        if let Some(reversed) = &self.reversed {
            let (others, labels) = reversed[graph].row(node);
            add(others, labels);
        }
    }
}

/// A tuple of nodes of a graph, with its number.
struct Tuple {
    number: usize,
    /// Nodes of the graph.
    order: usize,
    k: usize,
    nodes: [usize; 3],
    /// What one more in a place adds to the number.
    strides: [usize; 3],
}

impl Tuple {
    fn new(number: usize, order: usize, k: usize) -> Self {
        let (mut nodes, mut strides) = ([0; 3], [1; 3]);
        let (mut rest, mut stride) = (number, 1);
        for place in 0..k {
            nodes[place] = rest % order;
            strides[place] = stride;
            rest /= order;
            stride *= order;
        }
        Self { number, order, k, nodes, strides }
    }

    fn nodes(&self) -> &[usize] {
        &self.nodes[..self.k]
    }

    /// The number of the tuple with another node in one place.
    fn replaced(&self, place: usize, node: usize) -> usize {
        self.number - self.nodes[place] * self.strides[place] + node * self.strides[place]
    }
}

/// Keys one after another.
#[derive(Debug, Default)]
struct Keys {
    values: Vec<u32>,
    ends: Vec<usize>,
}

impl Keys {
    fn iter(&self) -> impl Iterator<Item = &[u32]> {
        (0..self.ends.len()).map(|key| {
            let start = if key == 0 { 0 } else { self.ends[key - 1] };
            &self.values[start..self.ends[key]]
        })
    }
}

/// For every node of a graph the beginnings of the edges that end there.
#[derive(Debug)]
struct Reversed {
    offsets: Vec<usize>,
    sources: Vec<u32>,
    labels: Option<Vec<u32>>,
}

impl Reversed {
    fn new(graph: &Graph<'_>) -> Self {
        let mut edges: Vec<(u32, u32, u32)> = Vec::with_capacity(graph.edges());
        let mut labelled = false;
        for node in 0..graph.nodes() {
            let labels = graph.edge_labels(node);
            labelled |= labels.is_some();
            for (k, &target) in graph.neighbours(node).iter().enumerate() {
                edges.push((target, node as u32, labels.map_or(0, |labels| labels[k])));
            }
        }
        edges.sort_unstable();
        let ends = |node: usize| edges.partition_point(|edge| (edge.0 as usize) < node);
        Self {
            offsets: (0..=graph.nodes()).map(ends).collect(),
            sources: edges.iter().map(|edge| edge.1).collect(),
            labels: labelled.then(|| edges.iter().map(|edge| edge.2).collect()),
        }
    }

    fn row(&self, node: usize) -> (&[u32], Option<&[u32]>) {
        let row = self.offsets[node]..self.offsets[node + 1];
        (&self.sources[row.clone()], self.labels.as_ref().map(|labels| &labels[row]))
    }
}
