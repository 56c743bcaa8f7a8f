//! A network as steps that make blocks of features.
//!
//! Linear layers only edit scales and references ([`Parts`]); blocks of columns are made by
//! activations, by products, and by layers that move between positions. The kernel's rules are those of
//! the exact engine: a register is the pair of features of the NNGP and of the NTK.

use std::sync::{Arc, OnceLock};

use widelimit_arch::{
    Combine, Layer, LayerNorm, List, Mode, Network, Parameterization, Position, Shape, Weights,
    Window,
};
use widelimit_sketch::TensorSrht;
use widelimit_sketch::random::Stream;

use super::curve::Curve;
use super::parts::{Part, Parts};
use super::powers::Powers;
use super::rules::Rules;
use super::series::Series;
use super::taps::{Layout, Scaling, Taps};
use crate::Error;
use crate::projection::{Law, Projection, Rows};
use crate::settings::{Quantity, Settings, Strategy};

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

    fn is_graphs(&self) -> bool {
        matches!(self, Self::Graphs { .. })
    }

    /// Rows of features of this shape.
    fn places(&self, shape: &Shape) -> Places {
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
                let sampled = sampled.map(|s| (s.values.1, s.slopes.as_ref().map(|s| s.1)));
                let powers = step.powers.as_ref();
                let powers = powers.map(|p| (p.values.0, p.slopes.map(|s| s.0)));
                let made = sampled.or(powers);
                made.into_iter()
                    .flat_map(|(values, slopes)| [Some(values), slopes])
                    .flatten()
                    .collect()
            }
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
    /// How many values, and their block.
    pub values: (usize, usize),
    /// Products of slopes with the features of `ntk`, and their block.
    pub slopes: Option<(Product, usize)>,
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

/// The activations of a network; every one is looked at once, however often it occurs.
#[derive(Debug, Default)]
pub(super) struct Curves {
    curves: Vec<(widelimit_arch::Activation, Curve)>,
    /// Of every activation in the order of the compiler; none for strategies without powers.
    series: Vec<Arc<Series>>,
}

impl Curves {
    /// Looks at all activations of a network.
    pub fn new(network: &Network, strategy: Strategy) -> Result<Self, Error> {
        let mut curves = Self::default();
        let mut rules = Rules::new(network, strategy)?;
        for (at, layer) in network.walk() {
            let Layer::Activation(activation) = layer else { continue };
            let wrap = |source| Error::Activation { layer: at.to_string(), source };
            if curves.find(activation).is_none() {
                let curve = Curve::new(activation).map_err(wrap)?;
                curves.curves.push((activation.clone(), curve));
            }
            curves.series.extend(rules.series(activation).map_err(wrap)?);
        }
        Ok(curves)
    }

    fn find(&self, activation: &widelimit_arch::Activation) -> Option<usize> {
        self.curves.iter().position(|(known, _)| known == activation)
    }

    /// The activation of this number.
    pub fn get(&self, index: usize) -> &Curve {
        &self.curves[index].1
    }

    /// The series of the activation at this place of the network.
    pub fn series(&self, index: usize) -> &Series {
        &self.series[index]
    }
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
    fn last_reads(&self) -> Vec<Vec<usize>> {
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
    /// Compiles for inputs of this kind, whose block has `input` columns.
    pub fn compile(
        network: &Network,
        curves: &'a Curves,
        (domain, input): (&'a Domain, usize),
        settings: &'a Settings,
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
        let variance = weights.w_std * weights.w_std;
        let shift = weights.b_std.map_or(0.0, |b| b * b);
        let (own, own_shift) = match weights.parameterization {
            Parameterization::Ntk => (variance, shift),
            Parameterization::Standard { s: [s_in, _] } => {
                (inputs as f64 / s_in, if weights.b_std.is_some() { 1.0 } else { 0.0 })
            }
        };
        let ones = |square: f64| Part { block: ONES, square, factors: Vec::new() };
        if self.settings.quantity == Quantity::Ntk && (weights.trainable || state.ntk.is_some()) {
            let mut ntk = state.ntk.take().unwrap_or_default().times(variance);
            if weights.trainable {
                ntk.extend(&state.nngp, own);
                ntk.add(ones(own_shift));
            }
            state.ntk = Some(ntk);
        }
        state.nngp = state.nngp.times(variance);
        state.nngp.add(ones(shift));
    }

    /// Moves every block by these taps.
    fn moved(&mut self, taps: Taps, state: &mut State) {
        let widest = self.width(0, self.all);
        let index = self.program.moves.len();
        self.replaced(state, |compiler, part| {
            let dim = compiler.program.blocks[part.block].dim;
            let dim_out = taps.full(dim).min(dim.max(widest));
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
            self.program.steps.push(Step::Move { part: part.clone(), from, by, to });
            known.push((part, to));
            to
        };
        state.nngp = state.nngp.replaced(&mut replace);
        state.ntk = state.ntk.take().map(|ntk| ntk.replaced(&mut replace));
    }

    /// Columns of the random features of the activation of this number: later ones get more, since the
    /// errors of earlier ones are damped on their way.
    fn width(&self, kind: usize, index: usize) -> usize {
        let last = index + 1 == self.all;
        let weight = match kind {
            0 => index as f64 + 2.0,
            _ if last => 2.0 * (index as f64 + 1.5),
            _ => index as f64 + 1.5,
        };
        let tangents = self.settings.quantity == Quantity::Ntk;
        let extra = if last && (kind == 1) == tangents { self.sizes.extra } else { 0 };
        ((self.sizes.unit * weight) as usize).max(1) + extra
    }

    fn activation(
        &mut self,
        activation: &widelimit_arch::Activation,
        state: &mut State,
        input: &Shape,
        at: &Position,
    ) -> Result<(), Error> {
        let Some(curve) = self.curves.find(activation) else { return Ok(()) };
        let index = self.seen;
        self.seen += 1;
        let centred = self.settings.strategy.knows_low_degrees();
        let facts = self.curves.get(curve);
        let (unit, jumps, flat, straight) =
            (facts.unit(), facts.jumps(), facts.is_flat(), facts.is_straight());
        // only where lengths of directions come out as factors may they be equal
        let law = if facts.is_radial() { Law::Sphere } else { Law::Gaussian };
        let places = self.domain.places(input);
        let mut step = Activation {
            curve,
            places,
            nngp: state.nngp.clone(),
            ntk: state.ntk.clone().filter(|_| !flat).unwrap_or_default(),
            mean: None,
            line: None,
            slope: None,
            sampled: None,
            powers: None,
            centred,
        };
        let rows = if centred { Rows::Orthogonal } else { Rows::Independent };
        let (units, tangents) = (self.dim(&step.nngp), self.dim(&step.ntk));
        let mut nngp = Parts::default();
        let mut ntk = Parts::default();
        if centred {
            let mean = self.factor();
            step.mean = Some(mean);
            nngp.add(Part { block: ONES, square: 1.0, factors: vec![mean] });
            if let Some(unit) = unit {
                nngp.extend(&step.nngp, unit.line * unit.line);
                ntk.extend(&step.ntk, unit.slope * unit.slope);
            } else {
                let line = self.factor();
                step.line = Some(line);
                nngp.extend(&step.nngp.with_factor(line), 1.0);
                if !step.ntk.is_empty() {
                    let slope = if jumps { self.factor() } else { line };
                    step.slope = jumps.then_some(slope);
                    ntk.extend(&step.ntk.with_factor(slope), 1.0);
                }
            }
        }
        let rest = !(centred && straight) && units > 0;
        if let (true, Some(degree)) = (rest, self.settings.strategy.degree()) {
            let dim = self.width(0, index);
            let to = self.block(dim, places);
            nngp.extend(&Parts::of(to), 1.0);
            let slopes = (tangents > 0).then(|| {
                let dim = self.width(1, index);
                let to = self.block(dim, places);
                ntk.extend(&Parts::of(to), 1.0);
                (to, dim, tangents)
            });
            let least = if centred { [2, 1] } else { [0, 0] };
            let (stream, values) = (self.stream(0), (to, dim));
            let (series, drawn) = (index, OnceLock::new());
            step.powers =
                Some(Powers { series, least, units, values, slopes, degree, stream, drawn });
        } else if rest {
            let dim = self.width(0, index);
            let to = self.block(dim, places);
            nngp.extend(&Parts::of(to), 1.0);
            let values = (dim, to);
            let mut all = dim;
            let mut slopes = None;
            if tangents > 0 {
                let dim = self.width(1, index);
                let stream = self.stream(1);
                let product = if centred {
                    let orthogonal = Rows::Orthogonal;
                    let product = Projection::new(tangents, dim, Law::Sphere, orthogonal, stream);
                    Product::Direct(product)
                } else {
                    Product::Sketched(TensorSrht::new((tangents, dim), dim, stream)?)
                };
                let to = self.block(dim, places);
                slopes = Some((product, to));
                ntk.extend(&Parts::of(to), 1.0);
                all += dim;
            }
            let directions = Projection::new(units, all, law, rows, self.stream(0));
            step.sampled = Some(Sampled { directions, values, slopes });
        }
        self.program.names.push(at.to_string());
        self.program.steps.push(Step::Activation(Box::new(step)));
        state.nngp = nngp;
        state.ntk = state.ntk.as_ref().map(|_| ntk);
        Ok(())
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
        let dim = self.width(0, self.all);
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
