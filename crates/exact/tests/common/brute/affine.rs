//! Layers with weights.

use ndarray::Array2;
use widelimit_arch::{Conv, Dense, GlobalSelfAttention, Mechanism, Parameterization, Weights};

use super::state::{Block, Pair, State};
use super::windows::Windows;

impl State {
    /// Dense layers act on every position.
    pub(super) fn dense(&mut self, dense: &Dense) {
        let copy = |block: &Block| block.clone();
        self.affine(&dense.weights, self.channels, copy, |_, _| true);
    }

    pub(super) fn conv(&mut self, conv: &Conv) {
        let windows = self.windows(conv);
        self.shared(conv, windows, |_, _| true);
    }

    pub(super) fn conv_transpose(&mut self, conv: &Conv) {
        let windows = Windows::transposed(&self.spatial, conv);
        self.shared(conv, windows, |_, _| true);
    }

    /// Different positions have different weights, and so nothing in common.
    pub(super) fn conv_local(&mut self, conv: &Conv) {
        let windows = self.windows(conv);
        self.shared(conv, windows, |p, q| p == q);
    }

    fn windows(&self, conv: &Conv) -> Windows {
        let dilation = Some(conv.dilation.as_slice());
        Windows::sliding(&self.spatial, &conv.filter, &conv.strides, dilation, conv.padding)
    }

    fn shared(&mut self, conv: &Conv, windows: Windows, common: impl Fn(usize, usize) -> bool) {
        let fan_in = self.channels * windows.size();
        self.affine(&conv.weights, fan_in, |block| windows.convolve(block), common);
        self.spatial = windows.outputs;
    }

    /// `mean` is what one unit of weights sees; `common` tells which positions share weights.
    fn affine(
        &mut self,
        weights: &Weights,
        fan_in: usize,
        mean: impl Fn(&Block) -> Block,
        common: impl Fn(usize, usize) -> bool,
    ) {
        let (w, b) = (weights.w_std.powi(2), weights.b_std.unwrap_or(0.0).powi(2));
        let masked = |block: Block| {
            Block::from_shape_fn(
                block.dim(),
                |(p, q)| if common(p, q) { block[[p, q]] } else { 0.0 },
            )
        };
        let covariance = |seen: &Block| masked(w * seen + b);
        for own in &mut self.own {
            *own = covariance(&mean(own));
        }
        for Pair { k, t, .. } in &mut self.pairs {
            let seen = mean(k);
            let gradients = match weights.parameterization {
                _ if !weights.trainable => Block::zeros(seen.dim()),
                Parameterization::Ntk => covariance(&seen),
                Parameterization::Standard { s: [s_in, _] } => {
                    let bias = if weights.b_std.is_some() { 1.0 } else { 0.0 };
                    masked(&seen * (fan_in as f64 / s_in) + bias)
                }
            };
            *t = gradients + masked(w * mean(t));
            *k = covariance(&seen);
        }
        self.channels = match weights.parameterization {
            Parameterization::Ntk => weights.width,
            Parameterization::Standard { s: [_, s_out] } => {
                (s_out * weights.width as f64).round() as usize
            }
        };
    }

    /// Linear scaling, tied keys and queries: scores are covariances of the input itself.
    pub(super) fn attention(&mut self, attention: &GlobalSelfAttention) {
        let scale = attention.w_query_std * attention.w_key_std;
        let scores: Vec<Array2<f64>> = self
            .own
            .iter()
            .map(|own| {
                let mut scores = own * scale;
                for mut row in scores.rows_mut() {
                    match attention.mechanism {
                        Mechanism::Softmax => {
                            let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                            row.mapv_inplace(|x| (x - most).exp());
                            let sum = row.sum();
                            row.mapv_inplace(|x| x / sum);
                        }
                        Mechanism::Identity => {}
                        Mechanism::Relu => row.mapv_inplace(|x| x.max(0.0)),
                        Mechanism::Abs => row.mapv_inplace(f64::abs),
                    }
                }
                scores
            })
            .collect();
        let v = (attention.w_out_std * attention.w_value_std).powi(2);
        let b = attention.b_std.unwrap_or(0.0).powi(2);
        let attend = |block: &Block, left: usize, right: usize| {
            v * scores[left].dot(block).dot(&scores[right].t())
        };
        for (i, own) in self.own.iter_mut().enumerate() {
            *own = attend(own, i, i) + b;
        }
        for Pair { left, right, k, t } in &mut self.pairs {
            let seen = attend(k, *left, *right);
            *t = attend(t, *left, *right);
            if attention.trainable {
                // Values and outputs, then the bias.
                *t += &(2.0 * &seen + b);
            }
            *k = seen + b;
        }
        self.channels = attention.width;
    }
}
