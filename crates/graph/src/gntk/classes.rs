//! Nodes that the network cannot tell apart, level by level.
//!
//! Entry `(u, v)` of a matrix behind `l` aggregations depends on nothing but what `l` steps around `u` and
//! around `v` look like. Nodes with the same features are one class at level 0; at level `l`, nodes whose
//! neighbourhoods (self loop included) count the same classes of level `l - 1` equally often are one class. All
//! matrices are therefore over classes, an aggregation maps the classes of one level to those of the next, and
//! read-outs count nodes: exact, and for molecules a fraction of the work. This is colour refinement
//! (Weisfeiler and Leman 1968), without a node's own colour, as far as the levels go.
//!
//! Classes are numbered by the order of what they look like, which is a property of the classes alone: sums over
//! neighbours have the same order, and so the same bits, whatever other graphs there are.

use std::cmp::Ordering;

use ndarray::Array2;

use super::config::{Checked, Scale};
use crate::graphs::{Features, Graph, Graphs};
use crate::{Error, Options};

/// Rows of a sparse matrix.
#[derive(Clone, Debug, Default)]
pub(crate) struct SparseRows {
    pub offsets: Vec<usize>,
    pub indices: Vec<u32>,
    pub values: Vec<f64>,
}

impl SparseRows {
    pub fn empty() -> Self {
        Self { offsets: vec![0], ..Self::default() }
    }

    pub fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    pub fn row(&self, row: usize) -> (&[u32], &[f64]) {
        let range = self.offsets[row]..self.offsets[row + 1];
        (&self.indices[range.clone()], &self.values[range])
    }

    pub fn push(&mut self, entries: impl Iterator<Item = (u32, f64)>) {
        for (index, value) in entries {
            self.indices.push(index);
            self.values.push(value);
        }
        self.offsets.push(self.indices.len());
    }
}

/// The classes of one level.
#[derive(Clone, Debug)]
pub(crate) struct Level {
    /// The class of every node, those of the other graphs behind those of the first.
    pub of_node: Vec<u32>,
    /// How many there are.
    pub classes: usize,
    /// What each class aggregates of the classes below, scaled; empty at level 0.
    pub aggregate: SparseRows,
}

/// What a class of level 0 looks like.
#[derive(Clone, Debug)]
pub(crate) enum Looks {
    /// Its features: classes x width.
    Rows(Array2<f64>),
    /// Whether its one-hot row has a one; different classes have it in different columns.
    OneHot(Vec<bool>),
}

/// Classes of all nodes of one or two batches.
#[derive(Clone, Debug)]
pub(crate) struct Classes {
    pub levels: Vec<Level>,
    pub looks: Looks,
}

impl Classes {
    /// Refines as far as the kernel looks. The batches have features of the same width.
    pub fn new(checked: &Checked, sides: &[&Graphs], options: &Options<'_>) -> Result<Self, Error> {
        let (first, looks) = features(sides);
        let mut levels = vec![first];
        for _ in 0..checked.levels() {
            options.check_cancelled()?;
            let next = refine(&levels[levels.len() - 1], checked.scale, sides);
            levels.push(next);
        }
        Ok(Self { levels, looks })
    }
}

/// Level 0: nodes of equal features.
fn features(sides: &[&Graphs]) -> (Level, Looks) {
    let all: Option<Vec<(&[u32], usize)>> = sides.iter().map(|side| one_hot(side)).collect();
    let Some(all) = all else { return dense(sides) };
    let key: Vec<u32> = all
        .into_iter()
        .flat_map(|(codes, width)| {
            // all unknown values look alike
            codes.iter().map(move |&code| if (code as usize) < width { code } else { u32::MAX })
        })
        .collect();
    let (of_node, first) = number(key.len(), |a, b| key[a].cmp(&key[b]));
    let known = first.iter().map(|&node| key[node as usize] != u32::MAX).collect();
    (level(of_node, first.len(), SparseRows::empty()), Looks::OneHot(known))
}

fn one_hot(side: &Graphs) -> Option<(&[u32], usize)> {
    match side.features() {
        Some(Features::OneHot { codes, width }) => Some((codes, *width)),
        _ => None,
    }
}

fn dense(sides: &[&Graphs]) -> (Level, Looks) {
    let each: Vec<_> =
        sides.iter().filter_map(|side| side.features()).map(Features::to_dense).collect();
    let rows: Vec<_> = each.iter().flat_map(|features| features.outer_iter()).collect();
    let order =
        |a: usize, b: usize| lexicographic(rows[a].iter(), rows[b].iter(), |x, y| x.total_cmp(y));
    let (of_node, first) = number(rows.len(), order);
    let width = rows.first().map_or(0, |row| row.len());
    let mut looks = Array2::zeros((first.len(), width));
    for (mut look, &node) in looks.outer_iter_mut().zip(&first) {
        look.assign(&rows[node as usize]);
    }
    (level(of_node, first.len(), SparseRows::empty()), Looks::Rows(looks))
}

fn level(of_node: Vec<u32>, classes: usize, aggregate: SparseRows) -> Level {
    Level { of_node, classes, aggregate }
}

/// The level above: classes by what they aggregate.
fn refine(below: &Level, scale: Scale, sides: &[&Graphs]) -> Level {
    let mut rows = SparseRows::empty();
    let mut offset = 0;
    for side in sides {
        for graph in side.iter() {
            let first = offset + graph.node_range().start;
            let classes = &below.of_node[first..][..graph.nodes()];
            for node in 0..graph.nodes() {
                rows.push(neighbourhood(&graph, node, classes).into_iter());
            }
        }
        offset += side.nodes();
    }
    let order = |a: usize, b: usize| {
        let ((classes, weights), (others, other_weights)) = (rows.row(a), rows.row(b));
        let order = |x: &(&u32, &f64), y: &(&u32, &f64)| x.0.cmp(y.0).then(x.1.total_cmp(y.1));
        lexicographic(classes.iter().zip(weights), others.iter().zip(other_weights), |x, y| {
            order(x, y)
        })
    };
    let (of_node, first) = number(rows.rows(), order);
    let mut aggregate = SparseRows::empty();
    for &node in &first {
        let (classes, weights) = rows.row(node as usize);
        let share = match scale {
            Scale::Uniform => 1.0,
            Scale::Degree => weights.iter().sum::<f64>().recip(),
        };
        aggregate
            .push(classes.iter().zip(weights).map(|(&class, &weight)| (class, weight * share)));
    }
    level(of_node, first.len(), aggregate)
}

/// Classes around a node and in it, increasing, with the sums of their weights.
fn neighbourhood(graph: &Graph<'_>, node: usize, classes: &[u32]) -> Vec<(u32, f64)> {
    let mut around: Vec<(u32, f64)> = graph
        .weighted(node)
        .map(|(neighbour, weight)| (classes[neighbour], weight))
        .chain([(classes[node], 1.0)])
        .collect();
    around.sort_unstable_by(|x, y| x.0.cmp(&y.0).then(x.1.total_cmp(&y.1)));
    around.dedup_by(|next, sum| {
        let same = next.0 == sum.0;
        if same {
            sum.1 += next.1;
        }
        same
    });
    around
}

/// Compares entry by entry; what ends first comes first.
fn lexicographic<T>(
    mut x: impl Iterator<Item = T>,
    mut y: impl Iterator<Item = T>,
    order: impl Fn(&T, &T) -> Ordering,
) -> Ordering {
    loop {
        match (x.next(), y.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) => match order(&x, &y) {
                Ordering::Equal => {}
                different => return different,
            },
        }
    }
}

/// Numbers what is equal alike, in the order given: the number of each, and one that has each number.
fn number(len: usize, order: impl Fn(usize, usize) -> Ordering) -> (Vec<u32>, Vec<u32>) {
    // batches have fewer than 2^32 nodes
    let mut sorted: Vec<u32> = (0..len as u32).collect();
    sorted.sort_unstable_by(|&a, &b| order(a as usize, b as usize));
    let mut of = vec![0; len];
    let mut first = Vec::new();
    for (position, &item) in sorted.iter().enumerate() {
        let same =
            position > 0 && order(sorted[position - 1] as usize, item as usize) == Ordering::Equal;
        if !same {
            first.push(item);
        }
        of[item as usize] = first.len() as u32 - 1;
    }
    (of, first)
}
