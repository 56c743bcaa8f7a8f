//! Layers: what can stand in a network, with parameters named as in the JSON form.

use crate::activation::Activation;

/// One layer of a network.
#[derive(Clone, Debug, PartialEq)]
pub enum Layer {
    /// Fully connected layer (a 1x1 convolution on spatial input).
    Dense(Dense),
    /// Convolution with shared weights.
    Conv(Conv),
    /// Transposed convolution.
    ConvTranspose(Conv),
    /// Locally connected layer: own weights and bias at every output position.
    ConvLocal(Conv),
    /// Point-wise activation.
    Activation(Activation),
    /// Average over windows.
    AvgPool(Pool),
    /// Sum over windows.
    SumPool(Pool),
    /// Average over all positions.
    GlobalAvgPool,
    /// Sum over all positions.
    GlobalSumPool,
    /// Positions become channels.
    Flatten,
    /// Division by the root mean square over the named axes.
    LayerNorm(LayerNorm),
    /// Dropout.
    Dropout(Dropout),
    /// Copies its input.
    Identity,
    /// `body(x) + shortcut(x)`; an empty list is the identity.
    Residual {
        /// The long way.
        body: Vec<Layer>,
        /// The short way.
        shortcut: Vec<Layer>,
    },
    /// Several branches of the same input, combined.
    Parallel {
        /// The branches; at least one.
        branches: Vec<Vec<Layer>>,
        /// How they are joined.
        combine: Combine,
    },
    /// Multiplication by the adjacency matrix of a graph.
    Aggregate,
    /// Global self-attention.
    GlobalSelfAttention(GlobalSelfAttention),
}

/// Scaling of weights.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub enum Parameterization {
    /// Weights N(0, 1) times `w_std / sqrt(fan_in)`.
    #[default]
    Ntk,
    /// Weights N(0, w_std^2 / fan_in); the NTK then depends on the widths.
    Standard {
        /// Width multipliers `[s_in, s_out]` of the layer's input and output.
        s: [f64; 2],
    },
}

/// Parameters shared by all layers with weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// Standard deviation of the weights before the fan-in scaling; at least 0.
    pub w_std: f64,
    /// Standard deviation of the bias; `None` means no bias at all.
    pub b_std: Option<f64>,
    /// Number of output channels; enters only the standard parameterisation and concatenation.
    pub width: usize,
    /// Scaling of weights.
    pub parameterization: Parameterization,
    /// Whether the layer's own term enters the NTK.
    pub trainable: bool,
}

/// What a layer of weights does to covariances of infinitely wide layers: `K' = scale K + shift`,
/// `T' = scale T + own K + own_shift`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// Factor of both kernels.
    pub scale: f64,
    /// Added to the NNGP.
    pub shift: f64,
    /// Factor of the NNGP in the layer's own gradient; 0 where the layer is not trained.
    pub own: f64,
    /// The bias's share of the gradient.
    pub own_shift: f64,
    /// Whether the layer is trained: a tangent kernel starts here if there is none yet.
    pub trained: bool,
}

impl Weights {
    /// What these weights do to covariances, for `fan_in` inputs a unit (which the standard parameterisation asks
    /// for: Sohl-Dickstein et al. 2020, *On the infinite width limit of neural networks with a standard
    /// parameterization*).
    ///
    /// ```
    /// use widelimit_arch::{Affine, Dense};
    ///
    /// let layer = Dense::new(2.0).bias(0.5);
    /// let map = Affine { scale: 4.0, shift: 0.25, own: 4.0, own_shift: 0.25, trained: true };
    /// assert_eq!(layer.weights.affine(10), map);
    /// let frozen = Affine { own: 0.0, own_shift: 0.0, trained: false, ..map };
    /// assert_eq!(layer.frozen().weights.affine(10), frozen);
    /// let standard = Affine { own: 10.0, own_shift: 1.0, ..map };
    /// assert_eq!(layer.standard(1.0, 1.0).weights.affine(10), standard);
    /// ```
    pub fn affine(&self, fan_in: usize) -> Affine {
        let scale = self.w_std * self.w_std;
        let shift = self.b_std.map_or(0.0, |b| b * b);
        let trained = self.trainable;
        let (own, own_shift) = match self.parameterization {
            _ if !trained => (0.0, 0.0),
            Parameterization::Ntk => (scale, shift),
            Parameterization::Standard { s: [s_in, _] } => {
                (fan_in as f64 / s_in, if self.b_std.is_some() { 1.0 } else { 0.0 })
            }
        };
        Affine { scale, shift, own, own_shift, trained }
    }
}

/// A fully connected layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dense {
    /// Weights and bias.
    pub weights: Weights,
}

/// Treatment of borders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// Zeros, so that the output has `ceil(n / stride)` positions.
    Same,
    /// None.
    Valid,
    /// Wrapping around, amounts as for `Same`.
    Circular,
}

/// A convolution (shared, transposed or locally connected).
#[derive(Clone, Debug, PartialEq)]
pub struct Conv {
    /// Weights and bias.
    pub weights: Weights,
    /// Filter size per spatial axis.
    pub filter: Vec<usize>,
    /// Stride per spatial axis.
    pub strides: Vec<usize>,
    /// Distance of filter taps per spatial axis; 1 is an ordinary convolution.
    pub dilation: Vec<usize>,
    /// Treatment of borders.
    pub padding: Padding,
}

/// A pooling layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// Window size per spatial axis.
    pub window: Vec<usize>,
    /// Stride per spatial axis.
    pub strides: Vec<usize>,
    /// Treatment of borders.
    pub padding: Padding,
    /// Divide by the number of real positions in the window (average and SAME only).
    pub normalize_edges: bool,
}

/// Layer normalisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerNorm {
    /// Whether the mean square is taken over positions too, not only over channels.
    pub spatial: bool,
    /// Added to the mean square.
    pub eps: f64,
}

/// When dropout acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Units are dropped.
    Train,
    /// Identity.
    Test,
}

/// Dropout.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// Probability that a unit is kept, in (0, 1].
    pub keep_rate: f64,
    /// When it acts.
    pub mode: Mode,
}

/// How parallel branches are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combine {
    /// Outputs are added.
    Sum,
    /// Channels are stacked.
    Concat,
    /// Outputs are multiplied.
    Product,
}

/// Function applied to attention scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// Row-wise softmax.
    Softmax,
    /// The scores themselves.
    Identity,
    /// `max(x, 0)`.
    Relu,
    /// `|x|`.
    Abs,
}

/// Global self-attention with tied keys and queries and linear scaling.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GlobalSelfAttention {
    /// Standard deviation of the key weights.
    pub w_key_std: f64,
    /// Standard deviation of the query weights.
    pub w_query_std: f64,
    /// Standard deviation of the value weights.
    pub w_value_std: f64,
    /// Standard deviation of the output weights.
    pub w_out_std: f64,
    /// Standard deviation of the bias; `None` means no bias.
    pub b_std: Option<f64>,
    /// Function applied to the scores.
    pub mechanism: Mechanism,
    /// Output channels.
    pub width: usize,
    /// Channels of keys and queries.
    pub key_width: usize,
    /// Channels of values.
    pub value_width: usize,
    /// Number of heads.
    pub heads: usize,
    /// Whether the layer's own terms enter the NTK.
    pub trainable: bool,
}
