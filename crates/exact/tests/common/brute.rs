//! Kernels of images by the rules and nothing else: what the engine is measured against.
//!
//! Every covariance is kept in full, for all pairs of positions of a pair of inputs, and every
//! layer is a loop over indices. Only the duals of scalars come from the library. The rules are
//! those of the guide (`docs/networks.md`, "Conventions") and, layer by layer, of the README of the
//! golden data.
//!
//! Where the rules say nothing: a transposed convolution with `CIRCULAR` padding pads as much as
//! with `SAME`, by wrapping the spread input with period `stride * n`, the length of the output
//! (so it is the transpose of the `CIRCULAR` convolution from there to the input); an untrained
//! attention layer passes on `v G1 T G2^T` alone.

mod affine;
mod state;
mod windows;

use std::ops::AddAssign;

use ndarray::{Array2, Array3, ArrayD};
use widelimit_arch::{Activation, Combine, Layer, Network};
use widelimit_dual::Dual;

use state::{Block, Pair, State};

/// Adjacency matrices, `(n, V, V)`, of the first and the second inputs.
pub type Adjacency<'a> = Option<(&'a Array3<f64>, Option<&'a Array3<f64>>)>;

/// Kernels, and what was met on the way.
pub struct Evaluation {
    /// A row for each first input; columns are second inputs, then `p`, then `p'`.
    pub nngp: Array2<f64>,
    /// As `nngp`.
    pub ntk: Array2<f64>,
    /// Output positions along every axis.
    pub spatial: Vec<usize>,
    /// Output channels.
    pub channels: usize,
    /// Smallest `1 - |rho|` that a kinked activation met between different units, where square
    /// roots amplify rounding.
    pub closest: f64,
    /// Smallest variance above 0 and largest one that an activation met.
    pub variances: [f64; 2],
}

/// NNGP and NTK of `x1` against `x2`, or against itself; inputs are `(n, positions.., channels)`.
pub fn kernel(
    network: &Network,
    x1: &ArrayD<f64>,
    x2: Option<&ArrayD<f64>>,
    adjacency: Adjacency,
) -> (Array2<f64>, Array2<f64>) {
    let Evaluation { nngp, ntk, .. } = evaluate(network, x1, x2, adjacency);
    (nngp, ntk)
}

/// As [`kernel`], with what was met on the way.
pub fn evaluate(
    network: &Network,
    x1: &ArrayD<f64>,
    x2: Option<&ArrayD<f64>>,
    adjacency: Adjacency,
) -> Evaluation {
    let graphs = adjacency.map_or_else(Vec::new, |(first, second)| {
        first
            .outer_iter()
            .chain(second.iter().flat_map(|a| a.outer_iter()))
            .map(|a| a.to_owned())
            .collect()
    });
    let mut run = Run { graphs, closest: f64::INFINITY, variances: [f64::INFINITY, 0.0] };
    let state = run.layers(network.layers(), State::new(x1, x2));
    let rows = x1.shape()[0];
    let gather = |part: fn(&Pair) -> &Block| {
        let all: Vec<f64> =
            state.pairs.iter().flat_map(|pair| part(pair).iter().copied()).collect();
        let columns = all.len() / rows;
        Array2::from_shape_vec((rows, columns), all).expect("pairs are sorted by rows")
    };
    Evaluation {
        nngp: gather(|pair| &pair.k),
        ntk: gather(|pair| &pair.t),
        spatial: state.spatial,
        channels: state.channels,
        closest: run.closest,
        variances: run.variances,
    }
}

/// The graphs, and notes.
struct Run {
    graphs: Vec<Array2<f64>>,
    closest: f64,
    variances: [f64; 2],
}

impl Run {
    fn layers(&mut self, layers: &[Layer], mut state: State) -> State {
        for layer in layers {
            self.layer(layer, &mut state);
        }
        state
    }

    fn layer(&mut self, layer: &Layer, state: &mut State) {
        match layer {
            Layer::Dense(dense) => state.dense(dense),
            Layer::Conv(conv) => state.conv(conv),
            Layer::ConvTranspose(conv) => state.conv_transpose(conv),
            Layer::ConvLocal(conv) => state.conv_local(conv),
            Layer::GlobalSelfAttention(attention) => state.attention(attention),
            Layer::Activation(activation) => self.activation(activation, state),
            Layer::AvgPool(pool) => state.pool(pool, true),
            Layer::SumPool(pool) => state.pool(pool, false),
            Layer::GlobalAvgPool => state.pool_all(true),
            Layer::GlobalSumPool => state.pool_all(false),
            Layer::Flatten => state.flatten(),
            Layer::LayerNorm(norm) => state.layer_norm(norm),
            Layer::Dropout(dropout) => state.dropout(dropout),
            Layer::Identity => {}
            Layer::Residual { body, shortcut } => {
                let branches = [body.as_slice(), shortcut.as_slice()];
                self.block(&branches, Combine::Sum, state);
            }
            Layer::Parallel { branches, combine } => {
                let branches: Vec<_> = branches.iter().map(Vec::as_slice).collect();
                self.block(&branches, *combine, state);
            }
            // Vertex p receives sum_q A[q, p] x[q].
            Layer::Aggregate => state.map(|block, left, right| {
                self.graphs[left].t().dot(block).dot(&self.graphs[right])
            }),
        }
    }

    fn activation(&mut self, activation: &Activation, state: &mut State) {
        let dual = Dual::new(activation).expect("parameters are checked");
        let variances: Vec<_> = (0..state.own.len()).map(|i| state.variances(i)).collect();
        for v in variances.iter().flatten().filter(|v| **v != 0.0) {
            self.variances = [self.variances[0].min(*v), self.variances[1].max(*v)];
        }
        let kinked = is_kinked(activation);
        let mut closest = self.closest;
        let mut apply = |k: &mut Block, mut t: Option<&mut Block>, left: usize, right: usize| {
            for ((p, q), c) in k.indexed_iter_mut() {
                let (a, b) = (variances[left][p], variances[right][q]);
                let dual = if left == right && p == q {
                    dual.diagonal(a)
                } else {
                    if kinked && a * b > 0.0 {
                        closest = closest.min(1.0 - c.abs() / (a * b).sqrt());
                    }
                    dual.pair(a, b, *c)
                };
                *c = dual.k;
                if let Some(t) = &mut t {
                    t[[p, q]] *= dual.kd;
                }
            }
        };
        for (i, own) in state.own.iter_mut().enumerate() {
            apply(own, None, i, i);
        }
        for Pair { left, right, k, t } in &mut state.pairs {
            apply(k, Some(t), *left, *right);
        }
        self.closest = closest;
    }

    /// Branches are independent: their covariances add up or multiply.
    fn block(&mut self, branches: &[&[Layer]], combine: Combine, state: &mut State) {
        let ends: Vec<State> =
            branches.iter().map(|layers| self.layers(layers, state.clone())).collect();
        let channels = || ends.iter().map(|end| end.channels);
        let total: usize = channels().sum();
        let weights: Vec<f64> = match combine {
            Combine::Concat => channels().map(|n| n as f64 / total as f64).collect(),
            Combine::Sum | Combine::Product => vec![1.0; ends.len()],
        };
        let product = combine == Combine::Product;
        state.spatial.clone_from(&ends[0].spatial);
        state.channels = match combine {
            Combine::Concat => total,
            // They are equal wherever the number matters.
            Combine::Sum | Combine::Product => channels().max().expect("a branch"),
        };
        for (i, own) in state.own.iter_mut().enumerate() {
            let blocks: Vec<_> = ends.iter().map(|end| &end.own[i]).collect();
            *own = if product { product_of(&blocks) } else { sum_of(&blocks, &weights) };
        }
        for (n, pair) in state.pairs.iter_mut().enumerate() {
            let k: Vec<_> = ends.iter().map(|end| &end.pairs[n].k).collect();
            let t: Vec<_> = ends.iter().map(|end| &end.pairs[n].t).collect();
            if product {
                pair.k = product_of(&k);
                pair.t = product_rule(&k, &t);
            } else {
                pair.k = sum_of(&k, &weights);
                pair.t = sum_of(&t, &weights);
            }
        }
    }
}

fn sum_of(blocks: &[&Block], weights: &[f64]) -> Block {
    let mut sum = Block::zeros(blocks[0].dim());
    for (block, weight) in blocks.iter().zip(weights) {
        sum.add_assign(&(*block * *weight));
    }
    sum
}

fn product_of(blocks: &[&Block]) -> Block {
    blocks[1..].iter().fold(blocks[0].clone(), |product, block| product * *block)
}

/// `sum_i T_i prod_(j != i) K_j`.
fn product_rule(k: &[&Block], t: &[&Block]) -> Block {
    let mut sum = Block::zeros(k[0].dim());
    for i in 0..k.len() {
        let factors: Vec<_> = (0..k.len()).map(|j| if i == j { t[j] } else { k[j] }).collect();
        sum.add_assign(&product_of(&factors));
    }
    sum
}

/// Whether the derivative or the function itself jumps, so that duals have square roots at
/// correlation one.
fn is_kinked(activation: &Activation) -> bool {
    matches!(
        activation,
        Activation::Relu
            | Activation::LeakyRelu { .. }
            | Activation::AbRelu { .. }
            | Activation::Abs
            | Activation::Sign
            | Activation::Step
            | Activation::RectifiedMonomial { degree: 0..=1 }
            | Activation::Elu { .. }
            | Activation::Celu { .. }
            | Activation::Selu
            | Activation::Relu6
            | Activation::HardTanh
            | Activation::HardSigmoid
    )
}
