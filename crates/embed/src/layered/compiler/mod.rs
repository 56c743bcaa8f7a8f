//! From a network to the steps of its program.
//!
//! The kernel's rules are those of the exact engine: a register is the pair of features of the NNGP and of
//! the NTK.

mod activation;
mod conditioned;

use std::collections::HashSet;

use widelimit_arch::{
    Affine, Combine, Layer, List, Mode, Network, Position, Shape, Weights, Window,
};
use widelimit_sketch::random::Stream;

use self::activation::Kind;
use super::curves::Curves;
use super::parts::{Part, Parts};
use super::program::{Block, Domain, INPUT, Move, ONES, Places, Program, Step};
use super::taps::{Layout, Scaling, Taps};
use crate::Error;
use crate::projection::{Law, Projection, Rows};
use crate::settings::{Quantity, Settings};

/// Share of the features up to which the taps of the inputs lie side by side.
const MOVED_SHARE: usize = 3;

/// One branch of a block.
struct Branch<'a> {
    list: List,
    layers: &'a [Layer],
}

/// Features of a layer's output.
#[derive(Clone, Debug)]
struct State {
    nngp: Parts,
    ntk: Option<Parts>,
}

/// How many columns every kind of block gets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// Columns per unit of weight.
    pub unit: f64,
    /// Added to the last random block.
    pub extra: usize,
}

/// Compiles a network.
pub(super) struct Compiler<'a> {
    program: Program,
    curves: &'a Curves,
    settings: &'a Settings,
    domain: &'a Domain,
    sizes: Sizes,
    /// Whether activations on images are given their mean direction.
    conditions: bool,
    /// Conditioned activations seen.
    conditioned: usize,
    /// Blocks whose rows have mean 0, or nearly, over a sample.
    centred: HashSet<usize>,
    shapes: Vec<(Position, [Shape; 2])>,
    /// Activations seen, of all.
    seen: usize,
    all: usize,
    steps: u32,
}

/// Number of activations of a network, in the order of the compiler.
fn activations(network: &Network) -> usize {
    network.walk().filter(|(_, layer)| matches!(layer, Layer::Activation(_))).count()
}

impl<'a> Compiler<'a> {
    /// Compiles for inputs of this kind, whose block has `input` columns; `conditions` says whether there is a sample
    /// that tells the mean directions of activations.
    pub fn compile(
        network: &Network,
        curves: &'a Curves,
        (domain, input): (&'a Domain, usize),
        settings: &'a Settings,
        conditions: bool,
        sizes: Sizes,
    ) -> Result<Program, Error> {
        let shape = &domain.shape();
        let shapes = network.shapes(shape)?;
        let ones = Block { dim: 1, places: Places::Each(1) };
        let mut compiler = Self {
            program: Program {
                blocks: vec![ones, Block { dim: input, places: domain.places(shape) }],
                steps: Vec::new(),
                names: Vec::new(),
                moves: Vec::new(),
                factors: 0,
                output: Parts::default(),
                done: Vec::new(),
            },
            curves,
            settings,
            domain,
            sizes,
            conditions,
            conditioned: 0,
            centred: HashSet::new(),
            shapes: shapes.into_iter().map(|l| (l.at, [l.input, l.output])).collect(),
            seen: 0,
            all: activations(network),
            steps: 0,
        };
        let mut state = State { nngp: Parts::of(INPUT), ntk: None };
        for (index, layer) in network.layers().iter().enumerate() {
            compiler.layer(layer, &mut state, &Position::new(index))?;
        }
        let output = network.output_shape(shape)?;
        if !output.is_vector() {
            let reason = if domain.is_graphs() {
                "the network ends on nodes: global_sum_pool or global_avg_pool joins them"
                    .to_owned()
            } else {
                format!("the network ends on {output} positions and channels")
            };
            return Err(Error::NotApplicable { strategy: settings.strategy.name(), reason });
        }
        let mut program = compiler.program;
        program.output = match settings.quantity {
            Quantity::Nngp => state.nngp,
            Quantity::Ntk => state.ntk.unwrap_or_default(),
        };
        program.done = program.last_reads();
        Ok(program)
    }

    fn block(&mut self, dim: usize, places: Places) -> usize {
        self.program.blocks.push(Block { dim, places });
        self.program.blocks.len() - 1
    }

    fn factor(&mut self) -> usize {
        self.program.factors += 1;
        self.program.factors - 1
    }

    /// A stream that no other step has.
    fn stream(&mut self, role: u32) -> Stream {
        Stream::new(self.settings.seed, self.steps, role)
    }

    fn dim(&self, parts: &Parts) -> usize {
        parts.iter().map(|part| self.program.blocks[part.block].dim).sum()
    }

    fn shapes(&self, at: &Position) -> [Shape; 2] {
        let known = self.shapes.iter().find(|(place, _)| place == at);
        known.map_or_else(|| [Shape::vector(1), Shape::vector(1)], |(_, shapes)| shapes.clone())
    }

    fn no_rule(&self, layer: &Layer, at: &Position, reason: &'static str) -> Error {
        Error::NoRule {
            layer: at.to_string(),
            kind: layer.name().to_owned(),
            strategy: self.settings.strategy.name(),
            reason,
        }
    }

    fn layer(&mut self, layer: &Layer, state: &mut State, at: &Position) -> Result<(), Error> {
        self.steps += 1;
        let [input, output] = self.shapes(at);
        let nodes = self.domain.places(&input) == Places::Nodes;
        match layer {
            Layer::Aggregate if nodes => {
                self.replaced(state, |compiler, part| {
                    compiler.at_nodes(part, Move::Aggregate, Places::Nodes)
                });
            }
            Layer::GlobalAvgPool | Layer::GlobalSumPool if nodes => {
                let mean = matches!(layer, Layer::GlobalAvgPool);
                self.replaced(state, |compiler, part| {
                    compiler.at_nodes(part, Move::Pool { mean }, Places::Each(1))
                });
            }
            Layer::Conv(_)
            | Layer::ConvTranspose(_)
            | Layer::AvgPool(_)
            | Layer::SumPool(_)
            | Layer::Flatten
                if nodes =>
            {
                return Err(self.no_rule(layer, at, "the nodes of a graph are in no order"));
            }
            Layer::Dense(dense) => self.weights(&dense.weights, input.channels, state),
            Layer::Conv(conv) | Layer::ConvTranspose(conv) => {
                let transposed = matches!(layer, Layer::ConvTranspose(_));
                let windows = if transposed { Window::conv_transpose } else { Window::conv };
                let windows = windows(conv, &input.spatial, &output.spatial);
                self.moved(Taps::conv(&windows), state);
                let fan_in = input.channels.saturating_mul(conv.filter.iter().product());
                self.weights(&conv.weights, fan_in, state);
            }
            Layer::AvgPool(pool) | Layer::SumPool(pool) => {
                let scaling = match layer {
                    Layer::SumPool(_) => Scaling::One,
                    _ if pool.normalize_edges => Scaling::Inside,
                    _ => Scaling::Window,
                };
                let windows = Window::pool(pool, &input.spatial, &output.spatial);
                self.moved(Taps::pool(&windows, scaling), state);
            }
            Layer::GlobalAvgPool | Layer::GlobalSumPool => {
                let mean = matches!(layer, Layer::GlobalAvgPool);
                self.moved(Taps::global(positions(&input), mean), state);
            }
            Layer::Flatten if input.is_vector() => {}
            Layer::Flatten => self.moved(Taps::flatten(positions(&input)), state),
            Layer::Activation(activation) => self.activation(activation, state, &input, at)?,
            Layer::LayerNorm(norm) => {
                let factor = self.factor();
                let (nngp, places) = (state.nngp.clone(), self.domain.places(&input));
                let step = Step::Norm { nngp, places, norm: *norm, factor };
                self.program.steps.push(step);
                state.nngp = state.nngp.with_factor(factor);
                state.ntk = state.ntk.take().map(|ntk| ntk.with_factor(factor));
            }
            Layer::Dropout(dropout) => {
                if dropout.mode == Mode::Train && dropout.keep_rate != 1.0 {
                    let reason = "in train mode it acts on equal inputs only";
                    return Err(self.no_rule(layer, at, reason));
                }
            }
            Layer::Identity => {}
            Layer::Residual { body, shortcut } => {
                let branches = [
                    Branch { list: List::Body, layers: body },
                    Branch { list: List::Shortcut, layers: shortcut },
                ];
                self.branches(&branches, Combine::Sum, state, at)?;
            }
            Layer::Parallel { branches, combine } => {
                let branch = |(index, layers)| Branch { list: List::Branch(index), layers };
                let branches: Vec<_> =
                    branches.iter().map(Vec::as_slice).enumerate().map(branch).collect();
                self.branches(&branches, *combine, state, at)?;
            }
            Layer::ConvLocal(_) => {
                return Err(self.no_rule(layer, at, "its positions share no weights"));
            }
            Layer::Aggregate => {
                return Err(self.no_rule(layer, at, "these inputs come without a graph"));
            }
            Layer::GlobalSelfAttention(_) => {
                return Err(self.no_rule(layer, at, "scores are not linear in the features"));
            }
        }
        Ok(())
    }

    /// A dense layer, or what a convolution does behind its taps.
    fn weights(&mut self, weights: &Weights, inputs: usize, state: &mut State) {
        let Affine { scale, shift, own, own_shift, .. } = weights.affine(inputs);
        let ones = |square: f64| Part { block: ONES, square, factors: Vec::new() };
        if self.settings.quantity == Quantity::Ntk && (weights.trainable || state.ntk.is_some()) {
            let mut ntk = state.ntk.take().unwrap_or_default().times(scale);
            if weights.trainable {
                ntk.extend(&state.nngp, own);
                ntk.add(ones(own_shift));
            }
            state.ntk = Some(ntk);
        }
        state.nngp = state.nngp.times(scale);
        state.nngp.add(ones(shift));
    }

    /// Moves every block by these taps.
    fn moved(&mut self, taps: Taps, state: &mut State) {
        let widest = self.width(Kind::Values, self.all);
        let index = self.program.moves.len();
        self.replaced(state, |compiler, part| {
            let dim = compiler.program.blocks[part.block].dim;
            // What nothing random has made yet stays exact for the first activation.
            let least = if part.block == INPUT { compiler.settings.dim / MOVED_SHARE } else { dim };
            let dim_out = taps.full(dim).min(dim.max(least).max(widest));
            let to = compiler.block(dim_out, Places::Each(taps.outputs()));
            let stream = compiler.stream(to as u32);
            let layout = Layout::new(&taps, dim, dim_out, stream);
            (Places::Each(taps.inputs()), Move::Taps { taps: index, layout }, to)
        });
        self.program.moves.push(taps);
    }

    /// A move of a block at nodes that keeps its columns.
    fn at_nodes(&mut self, part: &Part, by: Move, places: Places) -> (Places, Move, usize) {
        let dim = self.program.blocks[part.block].dim;
        (Places::Nodes, by, self.block(dim, places))
    }

    /// Replaces every block by one at other positions; copies of a block move once. `make` says where from, how
    /// and to which block.
    fn replaced(
        &mut self,
        state: &mut State,
        mut make: impl FnMut(&mut Self, &Part) -> (Places, Move, usize),
    ) {
        let mut known: Vec<(Part, usize)> = Vec::new();
        let mut replace = |part: &Part| {
            let same = |(other, _): &&(Part, usize)| {
                other.block == part.block && other.factors == part.factors
            };
            if let Some((_, to)) = known.iter().find(same) {
                return *to;
            }
            let part = Part { square: 1.0, ..part.clone() };
            let (from, by, to) = make(self, &part);
            if self.centred.contains(&part.block) {
                self.centred.insert(to);
            }
            self.program.steps.push(Step::Move { part: part.clone(), from, by, to });
            known.push((part, to));
            to
        };
        state.nngp = state.nngp.replaced(&mut replace);
        state.ntk = state.ntk.take().map(|ntk| ntk.replaced(&mut replace));
    }

    fn branches(
        &mut self,
        branches: &[Branch],
        combine: Combine,
        state: &mut State,
        at: &Position,
    ) -> Result<(), Error> {
        let [input, output] = self.shapes(at);
        let mut joined: Option<State> = None;
        for Branch { list, layers } in branches {
            let mut branch = state.clone();
            let mut channels = input.channels;
            for (index, layer) in layers.iter().enumerate() {
                let at = at.inside(list.step(index));
                self.layer(layer, &mut branch, &at)?;
                channels = self.shapes(&at)[1].channels;
            }
            if combine == Combine::Concat {
                let weight = channels as f64 / output.channels as f64;
                branch.nngp = branch.nngp.times(weight);
                branch.ntk = branch.ntk.map(|ntk| ntk.times(weight));
            }
            joined = Some(match joined {
                None => branch,
                Some(known) if combine == Combine::Product => {
                    self.product(known, branch, &output)?
                }
                Some(mut known) => {
                    known.nngp.extend(&branch.nngp, 1.0);
                    known.ntk = match (known.ntk, branch.ntk) {
                        (Some(mut known), Some(other)) => {
                            known.extend(&other, 1.0);
                            Some(known)
                        }
                        (known, other) => known.or(other),
                    };
                    known
                }
            });
        }
        if let Some(joined) = joined {
            *state = joined;
        }
        Ok(())
    }

    /// `K = K_1 K_2`, `T = T_1 K_2 + K_1 T_2`.
    fn product(&mut self, left: State, right: State, output: &Shape) -> Result<State, Error> {
        let places = self.domain.places(output);
        let nngp = self.times(&left.nngp, &right.nngp, places)?;
        let mut ntk = Parts::default();
        let tangents = left.ntk.is_some() || right.ntk.is_some();
        for (tangent, other) in [(&left.ntk, &right.nngp), (&right.ntk, &left.nngp)] {
            if let Some(tangent) = tangent {
                ntk.extend(&self.times(tangent, other, places)?, 1.0);
            }
        }
        Ok(State { nngp, ntk: tangents.then_some(ntk) })
    }

    fn times(&mut self, left: &Parts, right: &Parts, places: Places) -> Result<Parts, Error> {
        let dims = [self.dim(left), self.dim(right)];
        if dims.contains(&0) {
            return Ok(Parts::default());
        }
        self.steps += 1;
        let dim = self.width(Kind::Values, self.all);
        let streams = [self.stream(0), self.stream(1)];
        let direction =
            |i: usize| Projection::new(dims[i], dim, Law::Sphere, Rows::Orthogonal, streams[i]);
        let directions = Box::new([direction(0), direction(1)]);
        let to = self.block(dim, places);
        let parts = [left.clone(), right.clone()];
        self.program.steps.push(Step::Product { parts, directions, to });
        Ok(Parts::of(to))
    }
}

fn positions(shape: &Shape) -> usize {
    shape.positions().unwrap_or(usize::MAX)
}
