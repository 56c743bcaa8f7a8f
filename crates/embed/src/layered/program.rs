//! A network as steps that make blocks of features.
//!
//! Linear layers only edit scales and references ([`Parts`]); blocks of columns are made by
//! activations, by products, and by layers that move between positions.

use widelimit_arch::{LayerNorm, Shape};
use widelimit_sketch::TensorSrht;

use super::conditioned::Conditioned;
use super::parts::{Part, Parts};
use super::powers::Powers;
use super::taps::{Layout, Taps};
use crate::projection::Projection;

/// The block of a single column of ones.
pub(super) const ONES: usize = 0;
/// The block of the inputs.
pub(super) const INPUT: usize = 1;

/// Columns and rows of a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub dim: usize,
    pub places: Places,
}

/// The number of a block that a step makes, and its columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made {
    pub block: usize,
    pub dim: usize,
}

/// What rows stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Places {
    /// So many positions of every input.
    Each(usize),
    /// The nodes of every graph.
    Nodes,
}

/// What the inputs of a network are.
#[derive(Clone, Debug)]
pub(super) enum Domain {
    /// Vectors, or images of one size.
    Grid(Shape),
    /// Graphs of any number of nodes.
    Graphs {
        /// Numbers at every node.
        channels: usize,
    },
}

impl Domain {
    /// The shape that layers are followed from. A graph stands as one node: no layer that it may have looks at
    /// how many there are.
    pub fn shape(&self) -> Shape {
        match self {
            Self::Grid(shape) => shape.clone(),
            Self::Graphs { channels } => Shape::image([1], *channels),
        }
    }

    pub fn is_graphs(&self) -> bool {
        matches!(self, Self::Graphs { .. })
    }

    /// Rows of features of this shape.
    pub fn places(&self, shape: &Shape) -> Places {
        if self.is_graphs() && !shape.is_vector() {
            return Places::Nodes;
        }
        Places::Each(shape.positions().unwrap_or(usize::MAX))
    }
}

/// One step: makes a block, or the factors of rows.
#[derive(Debug)]
pub(super) enum Step {
    /// An activation's factors and blocks.
    Activation(Box<Activation>),
    /// The same given the mean direction of a sample.
    Conditioned(Box<Conditioned>),
    /// Factors `1 / sqrt(|phi|^2 + eps)`; with `spatial` the mean over positions.
    Norm { nngp: Parts, places: Places, norm: LayerNorm, factor: usize },
    /// A block at other positions.
    Move { part: Part, from: Places, by: Move, to: usize },
    /// Products `(G x)_j (H y)_j / sqrt(m)`.
    Product { parts: [Parts; 2], directions: Box<[Projection; 2]>, to: usize },
}

impl Step {
    /// Calls `see` with every block that the step reads.
    fn reads(&self, mut see: impl FnMut(usize)) {
        let mut all = |parts: &Parts| parts.iter().for_each(|part| see(part.block));
        match self {
            Self::Activation(step) => [&step.nngp, &step.ntk].into_iter().for_each(all),
            Self::Conditioned(step) => step.reads().for_each(see),
            Self::Norm { nngp, .. } => all(nngp),
            Self::Move { part, .. } => see(part.block),
            Self::Product { parts, .. } => parts.iter().for_each(all),
        }
    }

    /// The blocks that the step makes.
    fn makes(&self) -> Vec<usize> {
        match self {
            Self::Activation(step) => {
                let sampled = step.sampled.as_ref();
                let sampled = sampled.map(|s| [Some(s.values), s.slopes.as_ref().map(|s| s.1)]);
                let powers = step.powers.as_ref();
                let powers = powers.map(|p| [Some(p.values), p.slopes.map(|s| s.0)]);
                let made = sampled.or(powers).into_iter().flatten();
                made.flatten().map(|made| made.block).collect()
            }
            Self::Conditioned(step) => step.makes().collect(),
            Self::Norm { .. } => Vec::new(),
            Self::Move { to, .. } | Self::Product { to, .. } => vec![*to],
        }
    }
}

/// How a block comes to other positions.
#[derive(Debug)]
pub(super) enum Move {
    /// Positions of images, by the moves of this number.
    Taps { taps: usize, layout: Layout },
    /// From nodes to the nodes that aggregate them.
    Aggregate,
    /// From the nodes of a graph to their sum, or their mean.
    Pool { mean: bool },
}

/// An activation.
#[derive(Debug)]
pub(super) struct Activation {
    pub curve: usize,
    pub places: Places,
    /// Features of the units.
    pub nngp: Parts,
    /// Features of the tangent kernel below.
    pub ntk: Parts,
    /// Factors of rows: `E[s]`, the coefficient of the line, `E[s']`.
    pub mean: Option<usize>,
    pub line: Option<usize>,
    pub slope: Option<usize>,
    /// What is sampled, unless degrees 0 and 1 are all there is.
    pub sampled: Option<Sampled>,
    /// Sketched powers in its place.
    pub powers: Option<Powers>,
    /// Whether degrees 0 and 1 are taken off.
    pub centred: bool,
}

/// The random features of an activation.
#[derive(Debug)]
pub(super) struct Sampled {
    /// First those of the values, then those of the slopes.
    pub directions: Projection,
    pub values: Made,
    /// Products of slopes with the features of `ntk`.
    pub slopes: Option<(Product, Made)>,
}

/// Products of two blocks.
#[derive(Debug)]
pub(super) enum Product {
    /// `(G psi)_j s'_j`: every slope has a projection of its own.
    Direct(Projection),
    /// A sketch of all products.
    Sketched(TensorSrht),
}

/// A compiled network.
#[derive(Debug)]
pub(super) struct Program {
    pub blocks: Vec<Block>,
    pub steps: Vec<Step>,
    pub names: Vec<String>,
    pub moves: Vec<Taps>,
    pub factors: usize,
    pub output: Parts,
    /// For every step the blocks that nothing reads behind it.
    pub done: Vec<Vec<usize>>,
}

impl Program {
    /// Columns of the output.
    pub fn dim(&self) -> usize {
        self.output.iter().map(|part| self.blocks[part.block].dim).sum()
    }

    /// Columns that are held for a row at the same time, at most: those of blocks that are still to be read, and
    /// what a step makes of them on the way.
    pub fn columns(&self) -> usize {
        let dim = |block: &usize| self.blocks[*block].dim;
        let (mut held, mut most) = (dim(&INPUT), 0);
        for (step, done) in self.steps.iter().zip(&self.done) {
            let made: usize = step.makes().iter().map(dim).sum();
            let mut read = 0;
            step.reads(|block| read += dim(&block));
            most = most.max(held + 2 * made + read);
            held = (held + made).saturating_sub(done.iter().map(dim).sum());
        }
        most
    }

    /// The blocks that each step is the last to read.
    pub fn last_reads(&self) -> Vec<Vec<usize>> {
        let mut last = vec![None; self.blocks.len()];
        for (index, step) in self.steps.iter().enumerate() {
            step.reads(|block| last[block] = Some(index));
        }
        for part in self.output.iter() {
            last[part.block] = None;
        }
        let mut done = vec![Vec::new(); self.steps.len()];
        for (block, last) in last.into_iter().enumerate() {
            if let Some(index) = last {
                done[index].push(block);
            }
        }
        done
    }
}
