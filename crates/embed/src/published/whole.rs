//! A whole network of vectors as one polynomial of the cosine.
//!
//! Without biases and with activations of degree 1 the kernels are `|x| |x'| f(cos)`. A polynomial with
//! coefficients `p_i >= 0` in place of `f` has the features
//!
//! ```text
//! z(x) = |x| S [ sqrt(p_0); sqrt(p_1) Z_1(x / |x|); ..; sqrt(p_q) Z_q(x / |x|) ]
//! ```
//!
//! with sketches `Z_i` of the powers and a last sketch `S` of all of them. (Zandieh et al. 2021, *Scaling
//! neural tangent kernels via sketching and random features*: Algorithm 1 in the form of its public
//! code. Here sketches are real, where those are complex, and sample without replacement.)

use std::sync::OnceLock;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};
use widelimit_arch::{Affine, Layer, Mode, Network, Shape};
use widelimit_dual::{Dual, Pair};
use widelimit_sketch::random::Stream;
use widelimit_sketch::{Base, PolySketch, Sketch, Srht};

use super::fit::nonnegative_series;
use crate::Error;
use crate::scalar::{Scalar, round, widen};
use crate::settings::{Quantity, Settings};

/// Extra points of the fit for every activation and every degree.
const EXTRA: [usize; 2] = [15, 5];

/// Rows whose powers are held at the same time.
const CHUNK: usize = 16;

/// Features of a whole network.
#[derive(Debug)]
pub(crate) struct Whole {
    /// `p_0, .., p_q`.
    coefficients: Vec<f64>,
    channels: usize,
    dim: usize,
    seed: u64,
    drawn: OnceLock<Result<Drawn, widelimit_sketch::Error>>,
}

#[derive(Debug)]
struct Drawn {
    powers: PolySketch,
    /// None where all powers fit side by side.
    last: Option<Srht>,
}

/// What a layer does to `k` and `t` of unit vectors.
enum Op {
    Weights { variance: f64, own: Option<f64> },
    Activation(Dual),
}

impl Whole {
    /// Fits the polynomial of a network.
    pub fn new(network: &Network, shape: &Shape, settings: &Settings) -> Result<Self, Error> {
        let ops = ops(network, shape, settings)?;
        let degree = settings.strategy.degree().unwrap_or(0);
        let activations = ops.iter().filter(|op| matches!(op, Op::Activation(_))).count();
        let extra = EXTRA[0] * activations + EXTRA[1] * degree;
        let kernel = |rho: f64| profile(&ops, settings.quantity, rho);
        let coefficients = nonnegative_series(kernel, degree, -1.0, extra);
        Ok(Self::of(coefficients, shape.channels, settings))
    }

    /// The same polynomial with another seed.
    pub fn again(&self, settings: &Settings) -> Self {
        Self::of(self.coefficients.clone(), self.channels, settings)
    }

    fn of(coefficients: Vec<f64>, channels: usize, settings: &Settings) -> Self {
        let (dim, seed) = (settings.dim, settings.seed);
        Self { coefficients, channels, dim, seed, drawn: OnceLock::new() }
    }

    /// Degrees that are there.
    fn degree(&self) -> usize {
        self.coefficients.iter().rposition(|&p| p > 0.0).unwrap_or(0).max(1)
    }

    /// Columns of a power: half of the features, as in the public code.
    fn width(&self) -> usize {
        self.dim.div_ceil(2)
    }

    /// Columns of all powers side by side.
    fn columns(&self) -> usize {
        let some = self.coefficients.iter().skip(1).filter(|&&p| p > 0.0).count();
        1 + some * self.width()
    }

    fn drawn(&self) -> Result<&Drawn, Error> {
        let drawn = self.drawn.get_or_init(|| {
            let stream = |role| Stream::new(self.seed, 0, role);
            let powers =
                PolySketch::new(self.channels, self.degree(), self.width(), Base::Srht, stream(0))?;
            let columns = self.columns();
            let last = (columns > self.dim).then(|| Srht::new(columns, self.dim, stream(1)));
            Ok(Drawn { powers, last: last.transpose()? })
        });
        drawn.as_ref().map_err(|error| Error::Sketch(error.clone()))
    }

    /// Features of rows of inputs.
    pub fn block<T: Scalar>(
        &self,
        x: ArrayView2<T>,
        mut out: ArrayViewMut2<T>,
    ) -> Result<(), Error> {
        let drawn = self.drawn()?;
        let (degree, width, columns) = (self.degree(), self.width(), self.columns());
        let zeros = |columns| Array2::from_elem((CHUNK, columns), round::<T>(0.0));
        let (mut powers, mut features) = (zeros(degree * width), zeros(columns));
        let starts = x.axis_chunks_iter(Axis(0), CHUNK);
        for (x, mut out) in starts.zip(out.axis_chunks_iter_mut(Axis(0), CHUNK)) {
            let rows = Axis(0);
            let size = |row: ndarray::ArrayView1<T>| {
                let square: f64 = row.iter().map(|&x| widen(x) * widen(x)).sum();
                (square / self.channels as f64).sqrt()
            };
            let sizes: Vec<f64> = x.outer_iter().map(size).collect();
            let root = (self.channels as f64).sqrt();
            let mut unit = x.to_owned();
            for (mut row, &size) in unit.outer_iter_mut().zip(&sizes) {
                let scale = round::<T>(if size > 0.0 { 1.0 / (size * root) } else { 0.0 });
                row.mapv_inplace(|x| x * scale);
            }
            let mut powers = powers.slice_axis_mut(rows, (0..x.nrows()).into());
            drawn.powers.apply_degrees(unit.view(), powers.view_mut())?;
            let mut features = features.slice_axis_mut(rows, (0..x.nrows()).into());
            for ((mut to, from), &size) in
                features.outer_iter_mut().zip(powers.outer_iter()).zip(&sizes)
            {
                to[0] = round(size * self.coefficients[0].sqrt());
                let mut first = 1;
                for (i, &p) in self.coefficients.iter().enumerate().skip(1) {
                    if p > 0.0 {
                        let scale = round::<T>(size * p.sqrt());
                        let to = to.iter_mut().skip(first).take(width);
                        let from = from.iter().skip((i - 1) * width);
                        to.zip(from).for_each(|(to, &x)| *to = scale * x);
                        first += width;
                    }
                }
            }
            match &drawn.last {
                Some(last) => last.apply(features.view(), out.view_mut())?,
                None => {
                    out.fill(round(0.0));
                    let used = out.slice_axis_mut(Axis(1), (0..columns).into());
                    features.assign_to(used);
                }
            }
        }
        Ok(())
    }
}

/// The layers, if all of them are covered.
fn ops(network: &Network, shape: &Shape, settings: &Settings) -> Result<Vec<Op>, Error> {
    let strategy = settings.strategy.name();
    let shapes = network.shapes(shape)?;
    if !shape.is_vector() {
        let reason = format!("it is for networks of vectors, not of inputs of shape {shape}");
        return Err(Error::NotApplicable { strategy, reason });
    }
    let mut ops = Vec::new();
    for ((at, layer), shapes) in network.walk().zip(shapes) {
        let reason = match layer {
            Layer::Dense(dense) => {
                let weights = &dense.weights;
                let Affine { scale, own, .. } = weights.affine(shapes.input.channels);
                if weights.b_std.is_none_or(|b| b == 0.0) {
                    let own = weights.trainable.then_some(own);
                    ops.push(Op::Weights { variance: scale, own });
                    continue;
                }
                "a bias keeps the kernel from being a function of the cosine"
            }
            Layer::Activation(activation) => {
                let wrap = |source| Error::Activation { layer: at.to_string(), source };
                let dual = Dual::new(activation).map_err(wrap)?;
                if dual.homogeneity() == Some(1.0) {
                    ops.push(Op::Activation(dual));
                    continue;
                }
                "s(t x) = t s(x) must hold for t > 0, as it does for `relu`"
            }
            Layer::Identity | Layer::Flatten => continue,
            Layer::Dropout(dropout) if dropout.mode != Mode::Train => continue,
            _ => "only stacks of `dense` and activations are covered",
        };
        let reason = format!("{at} is `{}`: {reason}", layer.name());
        return Err(Error::NotApplicable { strategy, reason });
    }
    Ok(ops)
}

/// The kernel of two vectors of mean square 1 with this cosine.
fn profile(ops: &[Op], quantity: Quantity, rho: f64) -> f64 {
    let (mut v, mut k, mut t) = (1.0, rho, 0.0);
    for op in ops {
        match op {
            Op::Weights { variance, own } => {
                t = variance * t + own.unwrap_or(0.0) * k;
                (v, k) = (variance * v, variance * k);
            }
            Op::Activation(dual) => {
                let pair: Pair = dual.pair(v, v, k);
                (t, k) = (t * pair.kd, pair.k);
                v = dual.diagonal(v).k;
            }
        }
    }
    if quantity == Quantity::Ntk { t } else { k }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Strategy;

    /// The coefficients of the public code for depth 3 and degree 8, whose points are the same:
    /// `1.058 + 0.995 rho + 0.721 rho^2 + ..`, with its scale 1 a layer.
    #[test]
    fn coefficients_are_close_to_the_published_ones() {
        let json = r#"[{"layer": "dense"}, {"layer": "relu"}, {"layer": "dense", "w_std": 1.4142135623730951},
            {"layer": "relu"}, {"layer": "dense", "w_std": 1.4142135623730951}, {"layer": "relu"},
            {"layer": "dense", "w_std": 1.4142135623730951}]"#;
        let network = Network::from_json(json).unwrap();
        let strategy = Strategy::NtkSketch { degree: 8 };
        let settings = Settings { strategy, ..Settings::new(64) };
        let whole = Whole::new(&network, &Shape::vector(5), &settings).unwrap();
        let published = [1.0578, 0.9951, 0.7212, 0.0077, 0.0, 0.0, 0.0, 0.5778, 0.4541];
        for (found, published) in whole.coefficients.iter().zip(published) {
            assert!((found - published).abs() < 0.05, "{:?}", whole.coefficients);
        }
    }
}
