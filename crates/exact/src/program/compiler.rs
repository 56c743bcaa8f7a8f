//! From a network to its operations.

use std::collections::HashMap;

use widelimit_arch::{
    self as arch, Activation, Combine, GlobalSelfAttention, Layer, List, Mode, Network, Position,
    Shape, Weights, Window,
};
use widelimit_dual::Dual;

use super::{Affine, Join, Mixing, Op, PoolScaling, Program, Spatial, TMap};
use crate::error::Error;
use crate::options::Want;

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
        self.trained(weights.affine(inputs), state, at);
    }

    /// An affine map, with the layer's own gradient where it is trained.
    fn trained(&mut self, map: arch::Affine, state: &mut State, at: &str) {
        let arch::Affine { scale, shift, own: k, own_shift, trained } = map;
        let t = match (self.ntk, state.t) {
            (false, _) => TMap::Empty,
            (true, true) => TMap::Continue { t: scale, k, shift: own_shift },
            (true, false) if trained => TMap::Start { k, shift: own_shift },
            (true, false) => TMap::Empty,
        };
        self.affine(state, Affine { scale, shift, t }, at);
        state.t = t != TMap::Empty;
    }

    /// Scores mix the positions; the tangent kernel has a share of the weights of values and outputs,
    /// of the bias, and what comes from below (Hron et al., 2020, linear scaling, tied keys and queries).
    fn attention(&mut self, attention: &GlobalSelfAttention, state: &mut State, at: &str) {
        let scale = attention.w_key_std * attention.w_query_std;
        let mixing = Mixing::Attention { scale, mechanism: attention.mechanism };
        self.spatial(Spatial::Mix(mixing), state, at);
        let root = attention.w_out_std * attention.w_value_std;
        let scale = root * root;
        let shift = attention.b_std.map_or(0.0, |b| b * b);
        let (own, own_shift) = if attention.trainable { (2.0 * scale, shift) } else { (0.0, 0.0) };
        let map = arch::Affine { scale, shift, own, own_shift, trained: attention.trainable };
        self.trained(map, state, at);
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
