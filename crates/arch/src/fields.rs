//! From the values of parameters to a layer: the reading half of the JSON form.

use crate::activation::Activation;
use crate::describe::Values;
use crate::error::Error;
use crate::function::{Function, NamedFunction};
use crate::layer::{
    Combine, Conv, Dense, Dropout, GlobalSelfAttention, Layer, LayerNorm, Mechanism, Mode, Padding,
    Parameterization, Pool, Weights,
};
use crate::position::Position;
use crate::table::LayerInfo;
use crate::value::Value;

/// Parameters as read, defaults filled in where the table has them.
pub(crate) struct Fields<'a> {
    pub(crate) at: &'a Position,
    pub(crate) info: &'static LayerInfo,
    pub(crate) values: Values,
}

impl Fields<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// The error for a parameter that is not there.
    pub(crate) fn missing(&self, field: &'static str) -> Error {
        let expected = self.info.parameter(field).map(|p| p.domain.to_string()).unwrap_or_default();
        Error::MissingParameter { at: self.at.clone(), layer: self.info.name, field, expected }
    }

    fn real(&self, name: &'static str) -> Result<f64, Error> {
        match self.get(name) {
            Some(Value::Real(x)) => Ok(*x),
            _ => Err(self.missing(name)),
        }
    }

    fn count(&self, name: &'static str) -> Result<usize, Error> {
        match self.get(name) {
            Some(Value::Count(n)) => Ok(*n),
            _ => Err(self.missing(name)),
        }
    }

    fn degree(&self, name: &'static str) -> Result<u32, Error> {
        u32::try_from(self.count(name)?).map_err(|_| self.missing(name))
    }

    fn flag(&self, name: &'static str) -> Result<bool, Error> {
        match self.get(name) {
            Some(Value::Flag(b)) => Ok(*b),
            _ => Err(self.missing(name)),
        }
    }

    fn word(&self, name: &'static str) -> Result<&'static str, Error> {
        match self.get(name) {
            Some(Value::Word(word)) => Ok(word),
            _ => Err(self.missing(name)),
        }
    }

    fn reals(&self, name: &'static str) -> Result<&[f64], Error> {
        match self.get(name) {
            Some(Value::Reals(xs)) => Ok(xs),
            _ => Err(self.missing(name)),
        }
    }

    fn sizes(&self, name: &'static str) -> Result<Vec<usize>, Error> {
        match self.get(name) {
            Some(Value::Sizes(ns)) => Ok(ns.clone()),
            _ => Err(self.missing(name)),
        }
    }

    /// Sizes per axis that are 1 when not given.
    fn sizes_or_ones(&self, name: &'static str, axes: usize) -> Result<Vec<usize>, Error> {
        if self.get(name).is_some() { self.sizes(name) } else { Ok(vec![1; axes]) }
    }

    fn bias(&self) -> Result<Option<f64>, Error> {
        let b_std = self.real("b_std")?;
        match self.get("bias") {
            Some(Value::Flag(false)) if b_std > 0.0 => Err(Error::InvalidValue {
                at: self.at.clone(),
                layer: self.info.name.into(),
                field: "bias",
                expected: "true or left out when b_std is above 0".into(),
                got: "false".into(),
            }),
            Some(Value::Flag(true)) => Ok(Some(b_std)),
            _ => Ok((b_std > 0.0).then_some(b_std)),
        }
    }

    fn weights(&self) -> Result<Weights, Error> {
        let parameterization = match (self.word("parameterization")?, self.reals("s")?) {
            ("standard", [s_in, s_out]) => Parameterization::Standard { s: [*s_in, *s_out] },
            _ => Parameterization::Ntk,
        };
        Ok(Weights {
            w_std: self.real("w_std")?,
            b_std: self.bias()?,
            width: self.count("width")?,
            parameterization,
            trainable: self.flag("trainable")?,
        })
    }

    fn padding(&self) -> Result<Padding, Error> {
        Ok(match self.word("padding")? {
            "SAME" => Padding::Same,
            "CIRCULAR" => Padding::Circular,
            _ => Padding::Valid,
        })
    }

    fn conv(&self) -> Result<Conv, Error> {
        let filter = self.sizes("filter")?;
        Ok(Conv {
            weights: self.weights()?,
            strides: self.sizes_or_ones("strides", filter.len())?,
            dilation: self.sizes_or_ones("dilation", filter.len())?,
            padding: self.padding()?,
            filter,
        })
    }

    fn pool(&self) -> Result<Pool, Error> {
        let window = self.sizes("window")?;
        Ok(Pool {
            strides: self.sizes_or_ones("strides", window.len())?,
            padding: self.padding()?,
            normalize_edges: self.get("normalize_edges") == Some(&Value::Flag(true)),
            window,
        })
    }

    fn attention(&self) -> Result<GlobalSelfAttention, Error> {
        Ok(GlobalSelfAttention {
            w_key_std: self.real("w_key_std")?,
            w_query_std: self.real("w_query_std")?,
            w_value_std: self.real("w_value_std")?,
            w_out_std: self.real("w_out_std")?,
            b_std: self.bias()?,
            mechanism: match self.word("mechanism")? {
                "IDENTITY" => Mechanism::Identity,
                "RELU" => Mechanism::Relu,
                "ABS" => Mechanism::Abs,
                _ => Mechanism::Softmax,
            },
            width: self.count("width")?,
            key_width: self.count("key_width")?,
            value_width: self.count("value_width")?,
            heads: self.count("heads")?,
            trainable: self.flag("trainable")?,
        })
    }

    fn layer_norm(&self) -> Result<LayerNorm, Error> {
        let Some(Value::Words(axes)) = self.get("axes") else { return Err(self.missing("axes")) };
        if !axes.contains(&"channel") {
            return Err(Error::InvalidValue {
                at: self.at.clone(),
                layer: self.info.name.into(),
                field: "axes",
                expected: "a list with \"channel\" in it".into(),
                got: Value::Words(axes.clone()).to_string(),
            });
        }
        Ok(LayerNorm { spatial: axes.contains(&"spatial"), eps: self.real("eps")? })
    }

    /// How parallel branches are joined.
    pub(crate) fn combine(&self) -> Result<Combine, Error> {
        Ok(match self.word("combine")? {
            "concat" => Combine::Concat,
            "product" => Combine::Product,
            _ => Combine::Sum,
        })
    }

    /// The layer, unless it is a block.
    pub(crate) fn layer(&self) -> Result<Layer, Error> {
        Ok(match self.info.name {
            "dense" => Layer::Dense(Dense { weights: self.weights()? }),
            "conv" => Layer::Conv(self.conv()?),
            "conv_transpose" => Layer::ConvTranspose(self.conv()?),
            "conv_local" => Layer::ConvLocal(self.conv()?),
            "avg_pool" => Layer::AvgPool(self.pool()?),
            "sum_pool" => Layer::SumPool(self.pool()?),
            "global_avg_pool" => Layer::GlobalAvgPool,
            "global_sum_pool" => Layer::GlobalSumPool,
            "flatten" => Layer::Flatten,
            "layer_norm" => Layer::LayerNorm(self.layer_norm()?),
            "dropout" => Layer::Dropout(Dropout {
                keep_rate: self.real("keep_rate")?,
                mode: if self.word("mode")? == "test" { Mode::Test } else { Mode::Train },
            }),
            "identity" => Layer::Identity,
            "aggregate" => Layer::Aggregate,
            "global_self_attention" => Layer::GlobalSelfAttention(self.attention()?),
            _ => Layer::Activation(self.activation()?),
        })
    }

    /// The activation that the layer is.
    pub(crate) fn activation(&self) -> Result<Activation, Error> {
        let a = || self.real("a");
        let b = || self.real("b");
        let c = || self.real("c");
        Ok(match self.info.name {
            "relu" => Activation::Relu,
            "leaky_relu" => Activation::LeakyRelu { alpha: self.real("alpha")? },
            "abrelu" => Activation::AbRelu { a: a()?, b: b()? },
            "abs" => Activation::Abs,
            "sign" => Activation::Sign,
            "step" => Activation::Step,
            "rectified_monomial" => {
                Activation::RectifiedMonomial { degree: self.degree("degree")? }
            }
            "monomial" => Activation::Monomial { degree: self.degree("degree")? },
            "polynomial" => Activation::Polynomial { coef: self.reals("coef")?.to_vec() },
            "hermite" => Activation::Hermite { degree: self.degree("degree")? },
            "erf" => Activation::Erf { a: a()?, b: b()?, c: c()? },
            "sigmoid_like" => Activation::SigmoidLike,
            "probit" => Activation::Probit,
            "gelu" => Activation::Gelu,
            "sin" => Activation::Sin { a: a()?, b: b()?, c: c()? },
            "cos" => Activation::Cos { a: a()?, b: b()?, c: c()? },
            "rbf" => Activation::Rbf { gamma: self.real("gamma")? },
            "exp" => Activation::Exp { a: a()?, b: b()? },
            "gaussian" => Activation::Gaussian { a: a()?, b: b()? },
            "gabor" => Activation::Gabor,
            "elu" => Activation::Elu { alpha: self.real("alpha")? },
            "celu" => Activation::Celu { alpha: self.real("alpha")? },
            "selu" => Activation::Selu,
            "relu6" => Activation::Relu6,
            "hard_tanh" => Activation::HardTanh,
            "hard_sigmoid" => Activation::HardSigmoid,
            "snake" => Activation::Snake { a: a()? },
            "exp_normalized" => Activation::ExpNormalized {
                gamma: self.real("gamma")?,
                shift: self.real("shift")?,
                do_clip: self.flag("do_clip")?,
            },
            name => {
                let (function, degree) = if name == "numerical" {
                    let degree = self.get("degree").map(|_| self.degree("degree")).transpose()?;
                    (self.word("function")?, degree)
                } else {
                    (name, None)
                };
                let function = NamedFunction::from_name(function)
                    .map(Function::Named)
                    .ok_or_else(|| self.missing("function"))?;
                Activation::Numerical { function, degree }
            }
        })
    }
}
