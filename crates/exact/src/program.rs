//! A network as straight-line operations on registers.
//!
//! A register is one row of the NNGP covariance `K` and, once a parametrised layer came by, one
//! row of the NTK `T`. Every operation works in place; branches run on copies. The shape of a
//! network is a tree, so registers are handed out and taken back like a stack: a residual network
//! of any depth needs two.
//!
//! Rules: core specification §1.3. Whether `T` exists is known while compiling and written into
//! each operation: an empty `T` costs nothing and is never multiplied.

use std::collections::HashMap;

use widelimit_arch::{
    Activation, Combine, GlobalSelfAttention, Layer, List, Mechanism, Mode, Network,
    Parameterization, Position, Shape, Weights, Window,
};
use widelimit_dual::Dual;

use crate::error::Error;
use crate::options::Want;

/// One step of the program. Registers are given by index.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Op {
    /// `to = from`; `t` says whether the NTK row exists.
    Copy { from: usize, to: usize, t: bool },
    /// An affine map of `(K, T)`: dense layers and scalings, adjacent ones composed.
    Affine { register: usize, map: Affine },
    /// `T *= kd(K)`, `K = k(K)`; `slot` counts the activations of the program.
    Activation { register: usize, dual: usize, slot: usize, t: bool },
    /// Division by `sqrt((v + eps)(v' + eps))`; `slot` counts the normalisations.
    ///
    /// `spatial` says whether `v` is the mean over all positions of an image.
    LayerNorm { register: usize, slot: usize, eps: f64, spatial: bool, t: bool },
    /// Division by the keep rate where an input meets itself.
    Dropout { register: usize, keep_rate: f64, t: bool },
    /// `into += from`.
    Add { into: usize, from: usize, t: Join },
    /// `into *= from`, with the product rule for `T`.
    Mul { into: usize, from: usize, t: Join },
    /// What mixes positions, on images only.
    Spatial { register: usize, kind: Spatial, t: bool },
}

/// Operations on the covariances between the positions of two images, the same on `K` and `T`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Spatial {
    /// Mean over the taps of a filter, both positions moving together.
    Conv(Vec<Window>),
    /// 0 for two different positions: every one has weights of its own.
    Local,
    /// Sum over the windows of both positions apart.
    Pool { windows: Vec<Window>, scaling: PoolScaling },
    /// Sum over all pairs of positions, or their mean.
    Global { mean: bool },
    /// Mean over the pairs of equal positions.
    Flatten,
    /// `L K R^T` with a matrix of the left and one of the right image.
    Mix(Mixing),
}

/// What a pooling layer divides by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PoolScaling {
    /// The size of the window.
    Window,
    /// The positions of the window that are inside.
    Inside,
    /// Nothing.
    One,
}

/// Matrices that mix the positions of one image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mixing {
    /// The transposed adjacency.
    Adjacency,
    /// The attention scores `mechanism(scale K(x, x))`, row by row.
    Attention { scale: f64, mechanism: Mechanism },
}

impl Op {
    /// The map that `next` applies to the result of this activation, if it can go along with it.
    pub fn followed_by(&self, next: &Self) -> Option<widelimit_dual::Affine> {
        let (Self::Activation { register, t, .. }, Self::Affine { register: same, map }) =
            (self, next)
        else {
            return None;
        };
        let then = widelimit_dual::Affine {
            scale: map.scale,
            shift: map.shift,
            ..widelimit_dual::Affine::IDENTITY
        };
        match map.t {
            _ if register != same => None,
            TMap::Empty if !t => Some(then),
            TMap::Continue { t: keep, k: share, shift: offset } if *t => {
                Some(widelimit_dual::Affine { keep, share, offset, ..then })
            }
            _ => None,
        }
    }
}

/// `K' = scale K + shift` and what becomes of `T`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Affine {
    pub scale: f64,
    pub shift: f64,
    pub t: TMap,
}

/// The NTK part of an affine map, in terms of the *old* `K` and `T`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum TMap {
    /// No `T` before, none after.
    Empty,
    /// No `T` before; `T' = k K + shift`.
    Start { k: f64, shift: f64 },
    /// `T' = t T + k K + shift`.
    Continue { t: f64, k: f64, shift: f64 },
}

/// Which of two joined registers have a `T`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Join {
    Neither,
    Into,
    From,
    Both,
}

impl Join {
    fn new(into: bool, from: bool) -> Self {
        match (into, from) {
            (false, false) => Self::Neither,
            (true, false) => Self::Into,
            (false, true) => Self::From,
            (true, true) => Self::Both,
        }
    }
}

impl Affine {
    /// Leaves a `K` without `T` as it is.
    pub const IDENTITY: Self = Self { scale: 1.0, shift: 0.0, t: TMap::Empty };

    /// `(K, T)` times a number.
    pub fn scaling(factor: f64, t: bool) -> Self {
        let t = if t { TMap::Continue { t: factor, k: 0.0, shift: 0.0 } } else { TMap::Empty };
        Self { scale: factor, shift: 0.0, t }
    }

    /// `self` first, then `next`.
    pub fn then(self, next: Self) -> Self {
        let scale = next.scale * self.scale;
        let shift = next.scale * self.shift + next.shift;
        let t = match (self.t, next.t) {
            (_, TMap::Empty) => TMap::Empty,
            (_, TMap::Start { k, shift }) => {
                TMap::Start { k: k * self.scale, shift: k * self.shift + shift }
            }
            (TMap::Empty, TMap::Continue { k, shift, .. }) => {
                TMap::Start { k: k * self.scale, shift: k * self.shift + shift }
            }
            (TMap::Start { k: k0, shift: s0 }, TMap::Continue { t, k, shift }) => {
                TMap::Start { k: t * k0 + k * self.scale, shift: t * s0 + k * self.shift + shift }
            }
            (TMap::Continue { t: t0, k: k0, shift: s0 }, TMap::Continue { t, k, shift }) => {
                TMap::Continue {
                    t: t * t0,
                    k: t * k0 + k * self.scale,
                    shift: t * s0 + k * self.shift + shift,
                }
            }
        };
        Self { scale, shift, t }
    }

    fn is_identity(self) -> bool {
        let same_t = match self.t {
            TMap::Empty => true,
            TMap::Start { .. } => false,
            TMap::Continue { t, k, shift } => t == 1.0 && k == 0.0 && shift == 0.0,
        };
        self.scale == 1.0 && self.shift == 0.0 && same_t
    }
}

/// A compiled network for inputs of a known shape.
pub(crate) struct Program {
    ops: Vec<Op>,
    /// Position of the layer behind each operation.
    layers: Vec<String>,
    duals: Vec<Dual>,
    activations: Vec<Activation>,
    registers: usize,
    slots: usize,
    norms: usize,
    output: usize,
    has_ntk: bool,
}

impl Program {
    /// Compiles `network` for inputs of this shape.
    pub fn compile(network: &Network, input: &Shape, want: Want) -> Result<Self, Error> {
        let shapes = network.shapes(input)?;
        let mut compiler = Compiler {
            program: Self {
                ops: Vec::new(),
                layers: Vec::new(),
                duals: Vec::new(),
                activations: Vec::new(),
                registers: 1,
                slots: 0,
                norms: 0,
                output: 0,
                has_ntk: false,
            },
            free: Vec::new(),
            ntk: want.ntk,
            shapes: shapes
                .into_iter()
                .map(|layer| (layer.at, [layer.input, layer.output]))
                .collect(),
        };
        let mut state = State { register: 0, t: false };
        compiler.affine(&state, Affine::scaling(1.0 / input.channels as f64, false), "the input");
        for (index, layer) in network.layers().iter().enumerate() {
            compiler.layer(layer, &mut state, &Position::new(index))?;
        }
        let mut program = compiler.program;
        program.output = state.register;
        program.has_ntk = state.t;
        Ok(program)
    }

    /// The operations with the position of the layer each comes from.
    pub fn ops(&self) -> impl Iterator<Item = (&Op, &str)> {
        self.ops.iter().zip(self.layers.iter().map(String::as_str))
    }

    /// The duals named by [`Op::Activation`].
    pub fn dual(&self, index: usize) -> &Dual {
        &self.duals[index]
    }

    /// The activations behind [`dual`](Self::dual).
    pub fn activation(&self, index: usize) -> &Activation {
        &self.activations[index]
    }

    /// Number of registers.
    pub fn registers(&self) -> usize {
        self.registers
    }

    /// Register that holds the result.
    pub fn output(&self) -> usize {
        self.output
    }

    /// Whether the result has an NTK; without one (no parametrised layer) it is 0.
    pub fn has_ntk(&self) -> bool {
        self.has_ntk
    }
}

/// Where a value stands while compiling.
struct State {
    register: usize,
    t: bool,
}

/// One branch of a block.
struct Branch<'a> {
    list: List,
    layers: &'a [Layer],
}

struct Compiler {
    program: Program,
    free: Vec<usize>,
    ntk: bool,
    /// What goes into and comes out of every layer.
    shapes: HashMap<Position, [Shape; 2]>,
}

impl Compiler {
    fn push(&mut self, op: Op, at: &str) {
        self.program.ops.push(op);
        self.program.layers.push(at.to_owned());
    }

    /// Appends an affine map, composed with the one before it on the same register.
    fn affine(&mut self, state: &State, map: Affine, at: &str) {
        if map.is_identity() {
            return;
        }
        if let Some(Op::Affine { register, map: before }) = self.program.ops.last_mut()
            && *register == state.register
        {
            *before = before.then(map);
            return;
        }
        self.push(Op::Affine { register: state.register, map }, at);
    }

    fn copy(&mut self, state: &State, at: &str) -> State {
        let to = self.free.pop().unwrap_or_else(|| {
            self.program.registers += 1;
            self.program.registers - 1
        });
        self.push(Op::Copy { from: state.register, to, t: state.t }, at);
        State { register: to, t: state.t }
    }

    /// Channels that go into and come out of a layer.
    fn channels(&self, at: &Position) -> [usize; 2] {
        self.shapes.get(at).map_or([1, 1], |[input, output]| [input.channels, output.channels])
    }

    /// Positions along the axes of what goes into and comes out of a layer.
    fn sizes(&self, at: &Position) -> [Vec<usize>; 2] {
        let shapes = self.shapes.get(at);
        shapes.map_or_else(Default::default, |pair| pair.clone().map(|shape| shape.spatial))
    }

    fn spatial(&mut self, kind: Spatial, state: &State, at: &str) {
        self.push(Op::Spatial { register: state.register, kind, t: state.t }, at);
    }

    fn layer(&mut self, layer: &Layer, state: &mut State, at: &Position) -> Result<(), Error> {
        let name = &at.to_string();
        match layer {
            Layer::Dense(dense) => {
                let [inputs, _] = self.channels(at);
                self.weights(&dense.weights, inputs, state, name);
            }
            Layer::Conv(conv) | Layer::ConvLocal(conv) | Layer::ConvTranspose(conv) => {
                let ([inputs, _], [from, to]) = (self.channels(at), self.sizes(at));
                let transposed = matches!(layer, Layer::ConvTranspose(_));
                let windows = if transposed { Window::conv_transpose } else { Window::conv };
                self.spatial(Spatial::Conv(windows(conv, &from, &to)), state, name);
                let fan_in = inputs.saturating_mul(conv.filter.iter().product());
                self.weights(&conv.weights, fan_in, state, name);
                if matches!(layer, Layer::ConvLocal(_)) {
                    self.spatial(Spatial::Local, state, name);
                }
            }
            Layer::AvgPool(pool) | Layer::SumPool(pool) => {
                let [from, to] = self.sizes(at);
                let scaling = match layer {
                    Layer::SumPool(_) => PoolScaling::One,
                    _ if pool.normalize_edges => PoolScaling::Inside,
                    _ => PoolScaling::Window,
                };
                let windows = Window::pool(pool, &from, &to);
                self.spatial(Spatial::Pool { windows, scaling }, state, name);
            }
            Layer::GlobalAvgPool => self.spatial(Spatial::Global { mean: true }, state, name),
            Layer::GlobalSumPool => self.spatial(Spatial::Global { mean: false }, state, name),
            Layer::Aggregate => self.spatial(Spatial::Mix(Mixing::Adjacency), state, name),
            Layer::GlobalSelfAttention(attention) => self.attention(attention, state, name),
            Layer::Flatten => {
                let [from, _] = self.sizes(at);
                if !from.is_empty() {
                    self.spatial(Spatial::Flatten, state, name);
                }
            }
            Layer::Activation(activation) => self.activation(activation, state, name)?,
            Layer::LayerNorm(norm) => {
                let slot = self.program.norms;
                self.program.norms += 1;
                self.push(
                    Op::LayerNorm {
                        register: state.register,
                        slot,
                        eps: norm.eps,
                        spatial: norm.spatial,
                        t: state.t,
                    },
                    name,
                );
            }
            Layer::Dropout(dropout) => {
                if dropout.mode == Mode::Train && dropout.keep_rate != 1.0 {
                    let op = Op::Dropout {
                        register: state.register,
                        keep_rate: dropout.keep_rate,
                        t: state.t,
                    };
                    self.push(op, name);
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
                let branches: Vec<_> = branches
                    .iter()
                    .enumerate()
                    .map(|(index, layers)| Branch { list: List::Branch(index), layers })
                    .collect();
                self.branches(&branches, *combine, state, at)?;
            }
        }
        Ok(())
    }

    /// A dense layer, or what a convolution does behind the mean over its taps.
    fn weights(&mut self, weights: &Weights, inputs: usize, state: &mut State, at: &str) {
        let variance = weights.w_std * weights.w_std;
        let shift = weights.b_std.map_or(0.0, |b| b * b);
        // The layer's own gradient, in terms of the covariance of its input.
        let (own_k, own_shift) = match weights.parameterization {
            Parameterization::Ntk => (variance, shift),
            Parameterization::Standard { s: [s_in, _] } => {
                let bias = if weights.b_std.is_some() { 1.0 } else { 0.0 };
                (inputs as f64 / s_in, bias)
            }
        };
        let (own_k, own_shift) = if weights.trainable { (own_k, own_shift) } else { (0.0, 0.0) };
        let t = match (self.ntk, state.t) {
            (false, _) => TMap::Empty,
            (true, true) => TMap::Continue { t: variance, k: own_k, shift: own_shift },
            (true, false) if weights.trainable => TMap::Start { k: own_k, shift: own_shift },
            (true, false) => TMap::Empty,
        };
        self.affine(state, Affine { scale: variance, shift, t }, at);
        state.t = t != TMap::Empty;
    }

    /// Scores mix the positions; the tangent kernel has a share of the weights of values and outputs,
    /// of the bias, and what comes from below (Hron et al., 2020, linear scaling, tied keys and queries).
    fn attention(&mut self, attention: &GlobalSelfAttention, state: &mut State, at: &str) {
        let scale = attention.w_key_std * attention.w_query_std;
        let mixing = Mixing::Attention { scale, mechanism: attention.mechanism };
        self.spatial(Spatial::Mix(mixing), state, at);
        let root = attention.w_out_std * attention.w_value_std;
        let variance = root * root;
        let shift = attention.b_std.map_or(0.0, |b| b * b);
        let own = if attention.trainable { (2.0 * variance, shift) } else { (0.0, 0.0) };
        let t = match (self.ntk, state.t) {
            (false, _) => TMap::Empty,
            (true, true) => TMap::Continue { t: variance, k: own.0, shift: own.1 },
            (true, false) if attention.trainable => TMap::Start { k: own.0, shift: own.1 },
            (true, false) => TMap::Empty,
        };
        self.affine(state, Affine { scale: variance, shift, t }, at);
        state.t = t != TMap::Empty;
    }

    fn activation(
        &mut self,
        activation: &Activation,
        state: &mut State,
        at: &str,
    ) -> Result<(), Error> {
        let program = &mut self.program;
        let dual = match program.activations.iter().position(|known| known == activation) {
            Some(index) => index,
            None => {
                let dual = Dual::new(activation)
                    .map_err(|source| Error::Activation { layer: at.to_owned(), source })?;
                program.duals.push(dual);
                program.activations.push(activation.clone());
                program.duals.len() - 1
            }
        };
        let slot = program.slots;
        program.slots += 1;
        self.push(Op::Activation { register: state.register, dual, slot, t: state.t }, at);
        Ok(())
    }

    /// Runs every branch on a copy (the last on the original) and joins as they finish.
    fn branches(
        &mut self,
        branches: &[Branch],
        combine: Combine,
        state: &mut State,
        at: &Position,
    ) -> Result<(), Error> {
        let [inputs, outputs] = self.channels(at);
        let name = at.to_string();
        let mut joined: Option<State> = None;
        for (index, Branch { list, layers }) in branches.iter().enumerate() {
            let last = index + 1 == branches.len();
            let mut branch = if last {
                State { register: state.register, t: state.t }
            } else {
                self.copy(state, &name)
            };
            let mut channels = inputs;
            for (index, layer) in layers.iter().enumerate() {
                let at = at.inside(list.step(index));
                self.layer(layer, &mut branch, &at)?;
                [_, channels] = self.channels(&at);
            }
            if combine == Combine::Concat {
                let weight = channels as f64 / outputs as f64;
                self.affine(&branch, Affine::scaling(weight, branch.t), &name);
            }
            joined = Some(match joined {
                None => branch,
                Some(sofar) => self.join(sofar, branch, combine, &name),
            });
        }
        if let Some(joined) = joined {
            *state = joined;
        }
        Ok(())
    }

    fn join(&mut self, into: State, from: State, combine: Combine, at: &str) -> State {
        let t = Join::new(into.t, from.t);
        let (a, b) = (into.register, from.register);
        let op = match combine {
            Combine::Sum | Combine::Concat => Op::Add { into: a, from: b, t },
            Combine::Product => Op::Mul { into: a, from: b, t },
        };
        self.push(op, at);
        self.free.push(b);
        State { register: a, t: into.t || from.t }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(json: &str, want: Want) -> Program {
        let network = Network::from_json(json).unwrap();
        Program::compile(&network, &Shape::vector(4), want).unwrap()
    }

    #[test]
    fn adjacent_affine_maps_become_one() {
        let json = r#"[{"layer": "dense", "w_std": 2, "b_std": 1}, {"layer": "identity"},
                       {"layer": "dense", "w_std": 3, "b_std": 0.5}]"#;
        let program = compile(json, Want::NTK);
        // K = x.x'/4: K' = 4 K + 1, T' = K'; K'' = 9 K' + 0.25, T'' = 9 T' + K''
        let t = TMap::Start { k: 18.0, shift: 18.25 };
        let map = Affine { scale: 9.0, shift: 9.25, t };
        assert_eq!(program.ops, [Op::Affine { register: 0, map }]);
    }

    #[test]
    fn without_the_ntk_no_row_has_one() {
        let json = r#"[{"layer": "dense"}, {"layer": "residual", "body": [{"layer": "relu"},
                       {"layer": "dense"}], "shortcut": []}, {"layer": "relu"}]"#;
        let program = compile(json, Want::NNGP);
        assert!(!program.has_ntk());
        for op in &program.ops {
            match *op {
                Op::Copy { t, .. } | Op::Activation { t, .. } => assert!(!t),
                Op::Affine { map, .. } => assert_eq!(map.t, TMap::Empty),
                Op::Add { t, .. } => assert_eq!(t, Join::Neither),
                _ => panic!("{op:?}"),
            }
        }
    }

    #[test]
    fn frozen_layers_leave_the_ntk_empty() {
        let json = r#"[{"layer": "dense", "trainable": false}, {"layer": "relu"},
                       {"layer": "dense"}]"#;
        let program = compile(json, Want::NTK);
        let has_t: Vec<_> = program
            .ops
            .iter()
            .map(|op| match *op {
                Op::Activation { t, .. } => t,
                Op::Affine { map, .. } => map.t != TMap::Empty,
                _ => panic!("{op:?}"),
            })
            .collect();
        assert_eq!(has_t, [false, false, true]);
        assert!(program.has_ntk());
    }

    #[test]
    fn depth_needs_no_registers_but_nesting_does() {
        let block = |body: &str| {
            format!(
                r#"{{"layer": "residual", "body": [{body}, {{"layer": "dense"}}], "shortcut": []}}"#
            )
        };
        let relu = r#"{"layer": "relu"}"#;
        let flat = vec![block(relu); 50].join(",");
        let json = format!(r#"[{{"layer": "dense"}}, {flat}]"#);
        assert_eq!(compile(&json, Want::NTK).registers(), 2);
        let nested =
            block(&format!("{relu}, {}", block(&format!(r#"{{"layer": "dense"}}, {relu}"#))));
        let json = format!(r#"[{{"layer": "dense"}}, {nested}]"#);
        assert_eq!(compile(&json, Want::NTK).registers(), 3);
    }

    #[test]
    fn layers_are_named_by_their_position() {
        let json = r#"[{"layer": "dense"}, {"layer": "parallel", "combine": "concat",
                       "branches": [[{"layer": "relu"}], [{"layer": "erf"}, {"layer": "dense"}]]}]"#;
        let program = compile(json, Want::NTK);
        let names: Vec<_> = program
            .ops()
            .filter(|(op, _)| matches!(op, Op::Activation { .. }))
            .map(|(_, name)| name)
            .collect();
        assert_eq!(names, ["layers[1].branches[0][0]", "layers[1].branches[1][0]"]);
    }
}
