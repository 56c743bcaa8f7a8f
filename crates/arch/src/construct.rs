//! Constructors of layers for Rust users.

use crate::activation::Activation;
use crate::function::{Function, NamedFunction, UserFunction};
use crate::layer::{
    Combine, Conv, Dense, Dropout, GlobalSelfAttention, Layer, LayerNorm, Mechanism, Mode, Padding,
    Parameterization, Pool, Weights,
};

impl Weights {
    /// Weights of this standard deviation: no bias, width 1, NTK parameterisation, trained.
    pub fn new(w_std: f64) -> Self {
        Self {
            w_std,
            b_std: None,
            width: 1,
            parameterization: Parameterization::Ntk,
            trainable: true,
        }
    }
}

macro_rules! weight_setters {
    () => {
        /// Adds a bias of this standard deviation; 0 is a bias too, which only the standard
        /// parameterisation tells from none.
        pub fn bias(mut self, b_std: f64) -> Self {
            self.weights.b_std = Some(b_std);
            self
        }

        /// Sets the number of output channels.
        pub fn width(mut self, width: usize) -> Self {
            self.weights.width = width;
            self
        }

        /// Chooses the standard parameterisation, with width multipliers of input and output.
        pub fn standard(mut self, s_in: f64, s_out: f64) -> Self {
            self.weights.parameterization = Parameterization::Standard { s: [s_in, s_out] };
            self
        }

        /// Leaves the layer's own term out of the NTK.
        pub fn frozen(mut self) -> Self {
            self.weights.trainable = false;
            self
        }
    };
}

impl Dense {
    /// A fully connected layer without bias, of width 1.
    ///
    /// ```
    /// use widelimit_arch::Dense;
    /// let layer = Dense::new(1.5).bias(0.05).width(512);
    /// assert_eq!(layer.weights.b_std, Some(0.05));
    /// ```
    pub fn new(w_std: f64) -> Self {
        Self { weights: Weights::new(w_std) }
    }

    weight_setters!();
}

impl Conv {
    /// A convolution with this filter: stride 1, no padding, no bias, width 1.
    ///
    /// It becomes a layer by [`Layer::from`]; [`Conv::transposed`] and [`Conv::local`] make the
    /// other kinds.
    ///
    /// ```
    /// use widelimit_arch::{Conv, Padding};
    /// let layer = Conv::new([3, 3], 1.4).padding(Padding::Same).strides([2, 2]).bias(0.1);
    /// assert_eq!(layer.dilation, [1, 1]);
    /// ```
    pub fn new(filter: impl Into<Vec<usize>>, w_std: f64) -> Self {
        let filter = filter.into();
        let ones = vec![1; filter.len()];
        Self {
            weights: Weights::new(w_std),
            strides: ones.clone(),
            dilation: ones,
            padding: Padding::Valid,
            filter,
        }
    }

    /// Sets the stride per spatial axis.
    pub fn strides(mut self, strides: impl Into<Vec<usize>>) -> Self {
        self.strides = strides.into();
        self
    }

    /// Sets the distance of filter taps per spatial axis.
    pub fn dilation(mut self, dilation: impl Into<Vec<usize>>) -> Self {
        self.dilation = dilation.into();
        self
    }

    /// Sets the treatment of borders.
    pub fn padding(mut self, padding: Padding) -> Self {
        self.padding = padding;
        self
    }

    /// The transposed convolution as a layer.
    pub fn transposed(self) -> Layer {
        Layer::ConvTranspose(self)
    }

    /// The layer with own weights at every position.
    pub fn local(self) -> Layer {
        Layer::ConvLocal(self)
    }

    weight_setters!();
}

impl Pool {
    /// A window moved by one position at a time, without padding.
    pub fn new(window: impl Into<Vec<usize>>) -> Self {
        let window = window.into();
        Self {
            strides: vec![1; window.len()],
            padding: Padding::Valid,
            normalize_edges: false,
            window,
        }
    }

    /// Sets the stride per spatial axis.
    pub fn strides(mut self, strides: impl Into<Vec<usize>>) -> Self {
        self.strides = strides.into();
        self
    }

    /// Sets the treatment of borders.
    pub fn padding(mut self, padding: Padding) -> Self {
        self.padding = padding;
        self
    }

    /// Divides by the number of real positions in the window (average and `Same` only).
    pub fn normalize_edges(mut self) -> Self {
        self.normalize_edges = true;
        self
    }

    /// The average as a layer.
    pub fn average(self) -> Layer {
        Layer::AvgPool(self)
    }

    /// The sum as a layer.
    pub fn sum(self) -> Layer {
        Layer::SumPool(self)
    }
}

impl LayerNorm {
    /// Normalisation over channels, with `eps` = 1e-12.
    pub fn channels() -> Self {
        Self { spatial: false, eps: 1e-12 }
    }

    /// Normalisation over channels and positions, with `eps` = 1e-12.
    pub fn channels_and_positions() -> Self {
        Self { spatial: true, eps: 1e-12 }
    }

    /// Sets what is added to the mean square.
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }
}

impl Dropout {
    /// Dropout that acts: units are kept with this probability.
    pub fn train(keep_rate: f64) -> Self {
        Self { keep_rate, mode: Mode::Train }
    }

    /// Dropout that does nothing, as at test time.
    pub fn test(keep_rate: f64) -> Self {
        Self { keep_rate, mode: Mode::Test }
    }
}

impl Default for GlobalSelfAttention {
    /// Unit weights without bias, softmax, one head, all widths 1.
    fn default() -> Self {
        Self {
            w_key_std: 1.0,
            w_query_std: 1.0,
            w_value_std: 1.0,
            w_out_std: 1.0,
            b_std: None,
            mechanism: Mechanism::Softmax,
            width: 1,
            key_width: 1,
            value_width: 1,
            heads: 1,
            trainable: true,
        }
    }
}

impl Layer {
    /// `body(x) + shortcut(x)`; an empty shortcut is the identity.
    pub fn residual(body: Vec<Self>, shortcut: Vec<Self>) -> Self {
        Self::Residual { body, shortcut }
    }

    /// Branches of the same input, joined.
    pub fn parallel(combine: Combine, branches: Vec<Vec<Self>>) -> Self {
        Self::Parallel { branches, combine }
    }
}

impl Activation {
    /// `erf(x)`.
    pub fn erf() -> Self {
        Self::Erf { a: 1.0, b: 1.0, c: 0.0 }
    }

    /// `sin(x)`.
    pub fn sin() -> Self {
        Self::Sin { a: 1.0, b: 1.0, c: 0.0 }
    }

    /// `cos(x)`.
    pub fn cos() -> Self {
        Self::Cos { a: 1.0, b: 1.0, c: 0.0 }
    }

    /// `x` for `x > 0`, else `exp(x) - 1`.
    pub fn elu() -> Self {
        Self::Elu { alpha: 1.0 }
    }

    /// `tanh(x)`.
    pub fn tanh() -> Self {
        Self::from(NamedFunction::Tanh)
    }

    /// `1 / (1 + exp(-x))`.
    pub fn sigmoid() -> Self {
        Self::from(NamedFunction::Sigmoid)
    }

    /// `log(1 + exp(x))`.
    pub fn softplus() -> Self {
        Self::from(NamedFunction::Softplus)
    }

    /// `x / (1 + exp(-x))`.
    pub fn swish() -> Self {
        Self::from(NamedFunction::Swish)
    }

    /// Any function, given as code; `kinks` are the points where it or its derivative jumps.
    ///
    /// ```
    /// use widelimit_arch::Activation;
    /// let bump = Activation::function("bump", [], |x| (-x.abs()).exp());
    /// assert_eq!(bump.name(), "bump");
    /// ```
    pub fn function(
        name: impl Into<String>,
        kinks: impl Into<Vec<f64>>,
        f: impl Fn(f64) -> f64 + Send + Sync + 'static,
    ) -> Self {
        Self::from(UserFunction::new(name, kinks, f))
    }
}

impl From<NamedFunction> for Activation {
    fn from(function: NamedFunction) -> Self {
        match function {
            NamedFunction::Elu => Self::Elu { alpha: 1.0 },
            NamedFunction::Selu => Self::Selu,
            other => Self::Numerical { function: Function::Named(other), degree: None },
        }
    }
}

impl From<UserFunction> for Activation {
    fn from(function: UserFunction) -> Self {
        Self::Numerical { function: Function::User(function), degree: None }
    }
}

impl From<Activation> for Layer {
    fn from(activation: Activation) -> Self {
        Self::Activation(activation)
    }
}

impl From<Dense> for Layer {
    fn from(dense: Dense) -> Self {
        Self::Dense(dense)
    }
}

impl From<Conv> for Layer {
    fn from(conv: Conv) -> Self {
        Self::Conv(conv)
    }
}

impl From<LayerNorm> for Layer {
    fn from(norm: LayerNorm) -> Self {
        Self::LayerNorm(norm)
    }
}

impl From<Dropout> for Layer {
    fn from(dropout: Dropout) -> Self {
        Self::Dropout(dropout)
    }
}

impl From<GlobalSelfAttention> for Layer {
    fn from(attention: GlobalSelfAttention) -> Self {
        Self::GlobalSelfAttention(attention)
    }
}
