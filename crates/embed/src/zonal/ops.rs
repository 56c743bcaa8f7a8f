//! A network of vectors as a tree of operations on covariances.
//!
//! Rules: weights map `K` to `w^2 K + b^2` and `T` to that plus `w^2 T`; an activation `s` maps `K` to
//! `E[s(u) s(v)]` and multiplies `T` by `E[s'(u) s'(v)]` (Jacot et al. 2018, *Neural tangent kernel*,
//! proposition 1 and theorem 1). The tangent kernel starts with the first trained weights; before them
//! there is none.

use std::collections::HashMap;

use widelimit_arch::{Activation, Affine, Combine, Layer, Mode, Network, Position, Shape, Step};
use widelimit_dual::{Dual, Expansion, Pair};

use super::NAME;
use crate::Error;

/// Share of `E[s'^2]` by which the slopes of an expansion may exceed it; more means that `s` jumps.
const JUMP: f64 = 1e-6;

/// One operation.
pub(super) enum Op {
    Affine(Affine),
    Activation(Box<Unit>),
    /// Division by `sqrt((v + eps)(v' + eps))`.
    LayerNorm {
        eps: f64,
    },
    /// A weighted sum of branches.
    Sum(Vec<(f64, Vec<Op>)>),
    /// A product of branches.
    Product(Vec<Vec<Op>>),
}

/// An activation, ready to be expanded.
pub(super) struct Unit {
    layer: String,
    dual: Dual,
    expansion: Expansion,
}

impl Unit {
    fn new(activation: &Activation, layer: String) -> Result<Self, Error> {
        let parts = Dual::new(activation).and_then(|dual| Ok((dual, Expansion::new(activation)?)));
        match parts {
            Ok((dual, expansion)) => Ok(Self { layer, dual, expansion }),
            Err(source) => Err(Error::Activation { layer, source }),
        }
    }

    /// `E[s^2]` and `E[s'^2]` at variance `v`.
    pub fn diagonal(&self, v: f64) -> Pair {
        self.dual.diagonal(v)
    }

    /// Hermite coefficients of `s` and of its slope at variance `v`.
    pub fn coefficients(&self, v: f64, count: usize) -> Result<[Coefficients; 2], Error> {
        let name = |source| Error::Activation { layer: self.layer.clone(), source };
        // refuses variances for which the dual overflows
        self.dual.prepare(&[v]).map_err(name)?;
        let mut values = self.expansion.coefficients(v, count + 1).map_err(name)?;
        let exact = self.dual.diagonal(v);
        let mut slopes = vec![0.0; count];
        if v > 0.0 {
            for (i, slope) in slopes.iter_mut().enumerate() {
                *slope = (i as f64 + 1.0).sqrt() * values[i + 1] / v.sqrt();
            }
        } else {
            let function = self.expansion.function();
            function.slopes(0.0, &[0.0], &mut slopes[..1]).map_err(name)?;
        }
        if self.dual.homogeneity() == Some(0.0) {
            // steps: by convention their slope is 0 everywhere
            slopes.fill(0.0);
        }
        if square(&slopes) > (1.0 + JUMP) * exact.kd && v > 0.0 {
            return Err(Error::NoRule {
                layer: self.layer.clone(),
                kind: self.dual.name().to_owned(),
                strategy: NAME,
                reason: "it jumps, and its kernel leaves the jumps out of the slope",
            });
        }
        values.truncate(count);
        let jumps = self.dual.homogeneity() == Some(0.0);
        let (k, kd) = if v > 0.0 { (exact.k, exact.kd) } else { (0.0, 0.0) };
        Ok([
            Coefficients::new(values, k, if jumps { 1.5 } else { 2.5 }),
            Coefficients::new(slopes, kd, 1.5),
        ])
    }
}

fn square(c: &[f64]) -> f64 {
    c.iter().map(|c| c * c).sum()
}

/// A function of one unit as a series of Hermite polynomials.
pub(super) struct Coefficients {
    /// The first coefficients.
    pub first: Vec<f64>,
    /// Square sum of all others; that of a function with a kink falls as a power of the degree.
    pub missing: f64,
    /// The power of the degree that the squares fall with.
    pub power: f64,
}

impl Coefficients {
    fn new(first: Vec<f64>, total: f64, power: f64) -> Self {
        let missing = total - square(&first);
        // below that it is rounding
        let missing = if missing > 1e-12 * total { missing } else { 0.0 };
        Self { first, missing, power }
    }
}

/// A compiled network.
pub(super) struct Program {
    ops: Vec<Op>,
    homogeneity: Option<f64>,
    trained: bool,
}

impl Program {
    /// Compiles a network for vectors of a length.
    pub fn new(network: &Network, shape: &Shape) -> Result<Self, Error> {
        if !shape.is_vector() {
            return Err(Error::NotApplicable {
                strategy: NAME,
                reason: format!("inputs of shape {shape} are no vectors"),
            });
        }
        let channels = network.shapes(shape)?.into_iter();
        let channels = channels.map(|l| (l.at, [l.input.channels, l.output.channels])).collect();
        let compiler = Compiler { channels };
        let at = Position::default();
        let mut ops = Vec::new();
        for (index, layer) in network.layers().iter().enumerate() {
            compiler.layer(layer, &at.inside(Step::Layers(index)), &mut ops)?;
        }
        let homogeneity = homogeneity(&ops, Some(1.0));
        let trained = trained(&ops);
        Ok(Self { ops, homogeneity, trained })
    }

    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// The `h` with `K(a, b, rho) = (a b)^(h / 2) K(1, 1, rho)`, and the same for `T`.
    pub fn homogeneity(&self) -> Option<f64> {
        self.homogeneity
    }

    /// Whether there are trained weights.
    pub fn is_trained(&self) -> bool {
        self.trained
    }
}

struct Compiler {
    channels: HashMap<Position, [usize; 2]>,
}

impl Compiler {
    fn layer(&self, layer: &Layer, at: &Position, ops: &mut Vec<Op>) -> Result<(), Error> {
        let none = |reason| {
            let (layer, kind) = (at.to_string(), layer.name().to_owned());
            Err(Error::NoRule { layer, kind, strategy: NAME, reason })
        };
        match layer {
            Layer::Dense(dense) => {
                let [inputs, _] = self.channels(at);
                ops.push(Op::Affine(dense.weights.affine(inputs)));
            }
            Layer::Activation(activation) => {
                ops.push(Op::Activation(Box::new(Unit::new(activation, at.to_string())?)));
            }
            Layer::LayerNorm(norm) if !norm.spatial => {
                ops.push(Op::LayerNorm { eps: norm.eps });
            }
            Layer::Identity | Layer::Flatten => {}
            Layer::Dropout(dropout) if dropout.mode == Mode::Test || dropout.keep_rate == 1.0 => {}
            Layer::Dropout(_) => {
                return none("dropout acts on an input with itself only, which no features do");
            }
            Layer::Residual { body, shortcut } => {
                let body = self.list(body, at, Step::Body)?;
                let shortcut = self.list(shortcut, at, Step::Shortcut)?;
                ops.push(Op::Sum(vec![(1.0, body), (1.0, shortcut)]));
            }
            Layer::Parallel { branches, combine } => {
                let [inputs, outputs] = self.channels(at);
                let mut parts = Vec::with_capacity(branches.len());
                for (branch, layers) in branches.iter().enumerate() {
                    let step = |index| Step::Branch(branch, index);
                    let last = layers.len().checked_sub(1).map(|last| at.inside(step(last)));
                    let width = last.map_or(inputs, |last| self.channels(&last)[1]);
                    let weight = match combine {
                        Combine::Concat => width as f64 / outputs as f64,
                        Combine::Sum | Combine::Product => 1.0,
                    };
                    parts.push((weight, self.list(layers, at, step)?));
                }
                ops.push(match combine {
                    Combine::Sum | Combine::Concat => Op::Sum(parts),
                    Combine::Product => {
                        Op::Product(parts.into_iter().map(|(_, ops)| ops).collect())
                    }
                });
            }
            _ => return none("it acts on positions, and this strategy is for vectors"),
        }
        Ok(())
    }

    fn list(
        &self,
        layers: &[Layer],
        at: &Position,
        step: impl Fn(usize) -> Step,
    ) -> Result<Vec<Op>, Error> {
        let mut ops = Vec::new();
        for (index, layer) in layers.iter().enumerate() {
            self.layer(layer, &at.inside(step(index)), &mut ops)?;
        }
        Ok(ops)
    }

    /// Channels that go into and come out of a layer.
    fn channels(&self, at: &Position) -> [usize; 2] {
        self.channels.get(at).copied().unwrap_or([1, 1])
    }
}

/// What becomes of a covariance that scales with `(a b)^(h / 2)`.
fn homogeneity(ops: &[Op], start: Option<f64>) -> Option<f64> {
    let mut h = start?;
    for op in ops {
        h = match op {
            Op::Affine(map) if map.shift == 0.0 && map.own_shift == 0.0 => h,
            // constant already
            Op::Affine(_) if h == 0.0 => 0.0,
            Op::Activation(unit) => h * unit.dual.homogeneity()?,
            Op::LayerNorm { eps } if *eps == 0.0 || h == 0.0 => 0.0,
            Op::Affine(_) | Op::LayerNorm { .. } => return None,
            Op::Sum(branches) => {
                let mut ends = branches.iter().map(|(_, ops)| homogeneity(ops, Some(h)));
                let first = ends.next()??;
                ends.all(|end| end == Some(first)).then_some(first)?
            }
            Op::Product(branches) => {
                let ends = branches.iter().map(|ops| homogeneity(ops, Some(h)));
                ends.sum::<Option<f64>>()?
            }
        };
    }
    Some(h)
}

fn trained(ops: &[Op]) -> bool {
    ops.iter().any(|op| match op {
        Op::Affine(map) => map.trained,
        Op::Sum(branches) => branches.iter().any(|(_, ops)| trained(ops)),
        Op::Product(branches) => branches.iter().any(|ops| trained(ops)),
        Op::Activation(_) | Op::LayerNorm { .. } => false,
    })
}
