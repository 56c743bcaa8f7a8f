//! A network as straight-line operations on registers.
//!
//! A register is one row of the NNGP covariance `K` and, once a parametrised layer came by, one
//! row of the NTK `T`. Every operation works in place; branches run on copies. The shape of a
//! network is a tree, so registers are handed out and taken back like a stack: a residual network
//! of any depth needs two.
//!
//! Rules: weights map `K` to `w^2 K + b^2` and `T` to that plus `w^2 T`; an activation `s` maps `K` to
//! `E[s(u) s(v)]` and multiplies `T` by `E[s'(u) s'(v)]` (Jacot et al. 2018, *Neural tangent kernel*,
//! proposition 1 and theorem 1). A convolution first takes the mean over the taps of its filter, by which
//! both positions move alike (Arora et al. 2019, *On exact computation with an infinitely wide neural
//! net*, section 4), a pool the mean or sum over both windows, of `K` and `T` alike. Branches that are
//! summed add both; for a product `T` is `T_1 K_2 + K_1 T_2`.
//!
//! Whether `T` exists is known while compiling and written into each operation: an empty `T` costs
//! nothing and is never multiplied.

mod compiler;

use widelimit_arch::{Activation, Mechanism, Window};
use widelimit_dual::Dual;

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

#[cfg(test)]
mod tests {
    use widelimit_arch::{Network, Shape};

    use super::*;
    use crate::options::Want;

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
