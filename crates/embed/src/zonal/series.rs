//! The kernel of a network of vectors as a power series in the cosine between two inputs.
//!
//! With `a = |x|^2 / d`, `b = |x'|^2 / d` and the cosine `rho` of the angle between `x` and `x'`, both
//! kernels are `sum_n t_n(a, b) rho^n`, where every `t_n` is a positive semi-definite function of `a` and
//! `b`. An activation acts on such a series by Mehler's formula (see [`widelimit_dual::Expansion`]),
//! everything else by sums and products.
//!
//! Composing truncated series costs the cube of their length. Here a series is held by its values on a
//! circle in the complex plane instead, where all layers act point by point, and the coefficients come out
//! by Cauchy's integral: `t_n = r^-n mean(T(r e^(i phi)) e^(-i n phi))`. Since `t_n` is bounded, the
//! points at which the mean is taken leave an error of `r^POINTS` (Trefethen and Weideman 2014, *The
//! exponentially convergent trapezoidal rule*, section 3).

use std::f64::consts::TAU;

use widelimit_arch::{Network, Shape};

use super::ops::{Coefficients, Op, Program};
use crate::Error;
use crate::settings::Quantity;

/// Most terms of a series.
pub(super) const TERMS: usize = 256;

/// Points on the circle, and its radius: the error by aliasing is `0.96^512 = 8e-10`, and the rounding of a
/// term is at most `0.96^-255 = 3e4` times that of a value.
const POINTS: usize = 512;
const RADIUS: f64 = 0.96;

/// Half of the circle; the values on the other half are the conjugates.
const HALF: usize = POINTS / 2 + 1;

/// Octaves of degrees beyond the coefficients of an activation: at the radius, nothing is left behind them.
const OCTAVES: i32 = 12;

/// Points that an activation treats at once.
const CHUNK: usize = 8;

/// Values of a function on the half circle.
#[derive(Clone)]
struct Circle {
    re: Vec<f64>,
    im: Vec<f64>,
}

impl Circle {
    fn constant(value: f64) -> Self {
        Self { re: vec![value; HALF], im: vec![0.0; HALF] }
    }

    /// `self = scale self + shift`.
    fn affine(&mut self, scale: f64, shift: f64) {
        self.re.iter_mut().for_each(|x| *x = scale * *x + shift);
        self.im.iter_mut().for_each(|x| *x *= scale);
    }

    /// `self += scale other`.
    fn add(&mut self, scale: f64, other: &Self) {
        self.re.iter_mut().zip(&other.re).for_each(|(x, y)| *x += scale * y);
        self.im.iter_mut().zip(&other.im).for_each(|(x, y)| *x += scale * y);
    }

    fn times(&self, other: &Self) -> Self {
        let mut product = self.clone();
        for (i, (re, im)) in product.re.iter_mut().zip(&mut product.im).enumerate() {
            let (x, y) = (other.re[i], other.im[i]);
            (*re, *im) = (*re * x - *im * y, *re * y + *im * x);
        }
        product
    }

    /// `sum_i c_i self^i`, by Horner's rule.
    fn compose(&self, c: &[f64]) -> Self {
        let mut result = Self::constant(0.0);
        let chunks = self.re.chunks(CHUNK).zip(self.im.chunks(CHUNK));
        let results = result.re.chunks_mut(CHUNK).zip(result.im.chunks_mut(CHUNK));
        for ((x, y), (re, im)) in chunks.zip(results) {
            let (mut xs, mut ys) = ([0.0; CHUNK], [0.0; CHUNK]);
            xs[..x.len()].copy_from_slice(x);
            ys[..y.len()].copy_from_slice(y);
            let (mut u, mut v) = ([0.0; CHUNK], [0.0; CHUNK]);
            for c in c.iter().rev() {
                for lane in 0..CHUNK {
                    let real = u[lane] * xs[lane] - v[lane] * ys[lane] + c;
                    v[lane] = u[lane] * ys[lane] + v[lane] * xs[lane];
                    u[lane] = real;
                }
            }
            re.copy_from_slice(&u[..re.len()]);
            im.copy_from_slice(&v[..im.len()]);
        }
        result
    }

    /// `E[f(u) g(v)]` for units whose correlation this is.
    fn dual(&self, f: &Coefficients, g: &Coefficients) -> Self {
        let mut products: Vec<f64> = f.first.iter().zip(&g.first).map(|(f, g)| f * g).collect();
        let most = products.iter().fold(0.0, |most: f64, c| most.max(c.abs()));
        let used = products.iter().rposition(|c| c.abs() > 1e-18 * most);
        products.truncate(used.map_or(0, |last| last + 1));
        let mut result = self.compose(&products);
        let missing = (f.missing * g.missing).sqrt();
        if missing > 0.0 {
            self.end(missing, f.power, &mut result);
        }
        result
    }

    /// Adds the degrees from [`TERMS`] on, with coefficients of sum `missing` that fall as `n^-power`: half
    /// an octave at a time, as if all of it stood at its middle.
    fn end(&self, missing: f64, power: f64, result: &mut Self) {
        // 64 * (4, 6, 8) are the ends of the first two halves, 64 * (5, 7) their middles
        let mut root = self.clone();
        (0..6).for_each(|_| root = root.times(&root));
        let second = root.times(&root);
        let fourth = second.times(&second);
        let mut middles = [fourth.times(&root), fourth.times(&second).times(&root)];
        let beyond = |x: f64| x.powf(1.0 - power);
        let masses = [beyond(1.0) - beyond(1.5), beyond(1.5) - beyond(2.0)];
        for octave in 0..OCTAVES {
            let scale = missing * beyond(2f64.powi(octave));
            for (middle, mass) in middles.iter_mut().zip(masses) {
                result.add(scale * mass, middle);
                *middle = middle.times(middle);
            }
        }
    }

    /// The first terms of the series.
    fn terms(&self, count: usize) -> Vec<f64> {
        let roots: Vec<(f64, f64)> =
            (0..POINTS).map(|i| (TAU * i as f64 / POINTS as f64).sin_cos()).collect();
        let mut terms = Vec::with_capacity(count);
        let mut scale = 1.0 / POINTS as f64;
        for n in 0..count {
            let mut sum = 0.0;
            for (i, (re, im)) in self.re.iter().zip(&self.im).enumerate() {
                let (sine, cosine) = roots[i * n % POINTS];
                let twice = if i == 0 || i == HALF - 1 { 1.0 } else { 2.0 };
                sum += twice * (re * cosine + im * sine);
            }
            terms.push(scale * sum);
            scale /= RADIUS;
        }
        terms
    }
}

/// What the series of a pair needs of one input.
pub(super) struct Point {
    square: f64,
    /// Expansions of the activations and of their slopes.
    activations: Vec<[Coefficients; 2]>,
    /// Scales of the normalisations.
    norms: Vec<f64>,
    /// `T(a, a, 1)`: the exact kernel of the input with itself.
    pub diagonal: f64,
}

/// A network whose kernel is expanded.
pub(super) struct Series {
    program: Program,
    quantity: Quantity,
}

impl Series {
    /// Compiles a network for vectors.
    ///
    /// # Errors
    /// Layers that act on positions, dropout that acts, activations without an expansion.
    pub fn new(network: &Network, shape: &Shape, quantity: Quantity) -> Result<Self, Error> {
        Ok(Self { program: Program::new(network, shape)?, quantity })
    }

    /// The `h` with `T(a, b, rho) = (a b)^(h / 2) T(1, 1, rho)`, if there is one.
    pub fn homogeneity(&self) -> Option<f64> {
        self.program.homogeneity()
    }

    /// Whether the kernel is 0 for every pair: the NTK of a network without trained weights.
    pub fn is_zero(&self) -> bool {
        self.quantity == Quantity::Ntk && !self.program.is_trained()
    }

    /// The diagonal pass for inputs of `|x|^2 / d = square`.
    ///
    /// # Errors
    /// A variance that leaves the range of an activation, or of `f64`.
    pub fn point(&self, square: f64) -> Result<Point, Error> {
        let mut point = Point { square, activations: Vec::new(), norms: Vec::new(), diagonal: 0.0 };
        let (k, t) = self.pass(self.program.ops(), (square, None), &mut point)?;
        point.diagonal = match self.quantity {
            Quantity::Nngp => k,
            Quantity::Ntk => t.unwrap_or(0.0),
        };
        if !point.diagonal.is_finite() {
            return Err(Error::NotApplicable {
                strategy: super::NAME,
                reason: format!("the kernel of an input with |x|^2/d = {square} is not finite"),
            });
        }
        Ok(point)
    }

    fn pass(
        &self,
        ops: &[Op],
        state: (f64, Option<f64>),
        point: &mut Point,
    ) -> Result<(f64, Option<f64>), Error> {
        let (mut k, mut t) = state;
        for op in ops {
            match op {
                Op::Affine(map) => {
                    t = match t {
                        Some(t) => Some(map.scale * t + map.own * k + map.own_shift),
                        None => map.trained.then_some(map.own * k + map.own_shift),
                    };
                    k = map.scale * k + map.shift;
                }
                Op::Activation(unit) => {
                    point.activations.push(unit.coefficients(k, TERMS)?);
                    let pair = unit.diagonal(k);
                    (k, t) = (pair.k, t.map(|t| t * pair.kd));
                }
                Op::LayerNorm { eps } => {
                    let scale = inverse_root(k + eps);
                    point.norms.push(scale);
                    (k, t) = (k * scale * scale, t.map(|t| t * scale * scale));
                }
                Op::Sum(branches) => {
                    let (mut sum, mut tangent) = (0.0, None);
                    for (weight, ops) in branches {
                        let (k, t) = self.pass(ops, (k, t), point)?;
                        sum += weight * k;
                        tangent = join(tangent, t, |a, b| a + weight * b, |b| weight * b);
                    }
                    (k, t) = (sum, tangent);
                }
                Op::Product(branches) => {
                    let (mut product, mut tangent) = (1.0, None);
                    for ops in branches {
                        let (k, t) = self.pass(ops, (k, t), point)?;
                        let before = product;
                        tangent = match (tangent, t) {
                            (None, None) => None,
                            (a, b) => Some(a.unwrap_or(0.0) * k + b.unwrap_or(0.0) * before),
                        };
                        product *= k;
                    }
                    (k, t) = (product, tangent);
                }
            }
        }
        Ok((k, t))
    }

    /// `t_0(a, b) .. t_(count-1)(a, b)`.
    pub fn terms(&self, left: &Point, right: &Point, count: usize) -> Vec<f64> {
        let mut input = Circle::constant(0.0);
        let root = (left.square * right.square).sqrt();
        for i in 0..HALF {
            let (sine, cosine) = (TAU * i as f64 / POINTS as f64).sin_cos();
            (input.re[i], input.im[i]) = (root * RADIUS * cosine, root * RADIUS * sine);
        }
        let mut run = Run {
            sides: [left, right],
            squares: [left.square, right.square],
            activations: 0,
            norms: 0,
        };
        let (k, t) = run.ops(self.program.ops(), (input, None));
        match self.quantity {
            Quantity::Nngp => k.terms(count),
            Quantity::Ntk => t.map_or_else(|| vec![0.0; count], |t| t.terms(count)),
        }
    }
}

/// A pair on its way through the network.
struct Run<'a> {
    sides: [&'a Point; 2],
    /// Variances of both inputs where the run stands.
    squares: [f64; 2],
    /// Activations and normalisations passed.
    activations: usize,
    norms: usize,
}

impl Run<'_> {
    fn ops(&mut self, ops: &[Op], state: (Circle, Option<Circle>)) -> (Circle, Option<Circle>) {
        let (mut k, mut t) = state;
        for op in ops {
            match op {
                Op::Affine(map) => {
                    t = match t {
                        Some(mut t) => {
                            t.affine(map.scale, map.own_shift);
                            t.add(map.own, &k);
                            Some(t)
                        }
                        None => map.trained.then(|| {
                            let mut t = k.clone();
                            t.affine(map.own, map.own_shift);
                            t
                        }),
                    };
                    k.affine(map.scale, map.shift);
                    self.squares = self.squares.map(|v| map.scale * v + map.shift);
                }
                Op::Activation(unit) => (k, t) = self.activation(unit, k, t),
                Op::LayerNorm { .. } => {
                    let scales = self.sides.map(|side| side.norms[self.norms]);
                    self.norms += 1;
                    k.affine(scales[0] * scales[1], 0.0);
                    if let Some(t) = &mut t {
                        t.affine(scales[0] * scales[1], 0.0);
                    }
                    for (v, scale) in self.squares.iter_mut().zip(scales) {
                        *v *= scale * scale;
                    }
                }
                Op::Sum(branches) => {
                    let (start, mut end) = (self.squares, [0.0; 2]);
                    let (mut sum, mut tangent) = (Circle::constant(0.0), None::<Circle>);
                    for (weight, ops) in branches {
                        self.squares = start;
                        let (k, t) = self.ops(ops, (k.clone(), t.clone()));
                        sum.add(*weight, &k);
                        if let Some(t) = t {
                            let total = tangent.get_or_insert_with(|| Circle::constant(0.0));
                            total.add(*weight, &t);
                        }
                        for (end, v) in end.iter_mut().zip(self.squares) {
                            *end += weight * v;
                        }
                    }
                    self.squares = end;
                    (k, t) = (sum, tangent);
                }
                Op::Product(branches) => {
                    let (start, mut end) = (self.squares, [1.0; 2]);
                    let (mut product, mut tangent) = (Circle::constant(1.0), None::<Circle>);
                    for ops in branches {
                        self.squares = start;
                        let (k, t) = self.ops(ops, (k.clone(), t.clone()));
                        tangent = tangent.map(|tangent| tangent.times(&k));
                        if let Some(t) = t {
                            let total = tangent.get_or_insert_with(|| Circle::constant(0.0));
                            total.add(1.0, &t.times(&product));
                        }
                        product = product.times(&k);
                        for (end, v) in end.iter_mut().zip(self.squares) {
                            *end *= v;
                        }
                    }
                    self.squares = end;
                    (k, t) = (product, tangent);
                }
            }
        }
        (k, t)
    }

    fn activation(
        &mut self,
        unit: &super::ops::Unit,
        mut k: Circle,
        t: Option<Circle>,
    ) -> (Circle, Option<Circle>) {
        let [left, right] = self.sides.map(|side| &side.activations[self.activations]);
        self.activations += 1;
        let root = (self.squares[0] * self.squares[1]).sqrt();
        // Where one variance is 0 so is the covariance, and only the constants are left.
        k.affine(inverse(root), 0.0);
        let t = t.map(|t| t.times(&k.dual(&left[1], &right[1])));
        let k = k.dual(&left[0], &right[0]);
        self.squares = self.squares.map(|v| unit.diagonal(v).k);
        (k, t)
    }
}

/// Joins two tangents of which either may be missing.
fn join(
    a: Option<f64>,
    b: Option<f64>,
    both: impl Fn(f64, f64) -> f64,
    second: impl Fn(f64) -> f64,
) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(both(a, b)),
        (None, b) => b.map(second),
        (a, None) => a,
    }
}

/// `1 / sqrt(v)`, and 0 where there is nothing to normalise.
fn inverse_root(v: f64) -> f64 {
    if v > 0.0 { 1.0 / v.sqrt() } else { 0.0 }
}

/// `1 / v`, and 0 for 0.
fn inverse(v: f64) -> f64 {
    if v > 0.0 { 1.0 / v } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use widelimit_arch::{
        Activation, Combine, Dense, Dropout, Function, Layer, LayerNorm, NamedFunction,
    };
    use widelimit_exact::{Options, Want, kernel};
    use widelimit_sketch::random::Stream;

    fn activation(i: u64) -> Activation {
        let named = |name| Activation::Numerical { function: Function::Named(name), degree: None };
        match i {
            0 => Activation::Relu,
            1 => Activation::Gelu,
            2 => Activation::Erf { a: 1.2, b: 0.8, c: 0.1 },
            3 => Activation::Sin { a: 1.1, b: 0.9, c: 0.3 },
            4 => Activation::Abs,
            5 => Activation::Gaussian { a: 1.3, b: -0.6 },
            6 => Activation::Elu { alpha: 0.8 },
            7 => Activation::LeakyRelu { alpha: 0.2 },
            8 => Activation::Sign,
            9 => named(NamedFunction::Tanh),
            10 => named(NamedFunction::Softplus),
            _ => Activation::HardTanh,
        }
    }

    /// A valid network of a few random layers.
    fn network(seed: u64) -> Network {
        let stream = Stream::new(seed, 7, 0);
        let draw = |i: u64, bound: u64| stream.below(i, bound).unwrap();
        let real = |i: u64| 0.7 + 0.8 * stream.unit(1000 + i);
        let dense = |i: u64| -> Layer {
            let mut dense = Dense::new(real(i)).width(if i == 20 { 3 } else { 2 });
            if draw(50 + i, 2) == 0 {
                dense = dense.bias(real(60 + i));
            }
            if draw(70 + i, 4) == 0 {
                dense = dense.standard(1.0, 1.0);
            }
            if draw(80 + i, 4) == 0 { dense.frozen().into() } else { dense.into() }
        };
        let unit = |i: u64| -> Vec<Layer> { vec![activation(draw(i, 12)).into(), dense(i)] };
        let mut layers = vec![dense(0)];
        for i in 1..=1 + draw(100, 2) {
            match draw(110 + i, 6) {
                0 => layers.push(Layer::residual(unit(i), Vec::new())),
                1 => {
                    let combine = [Combine::Sum, Combine::Concat, Combine::Product][i as usize % 3];
                    let width = |mut layers: Vec<Layer>| {
                        layers.push(Dense::new(1.1).width(2).into());
                        layers
                    };
                    let branches = vec![width(unit(i)), width(unit(i + 10))];
                    layers.push(Layer::parallel(combine, branches));
                    layers.push(dense(i + 20));
                }
                2 => {
                    layers.push(LayerNorm::channels().eps(1e-3).into());
                    layers.extend(unit(i));
                }
                3 => {
                    layers.push(Dropout::test(0.7).into());
                    layers.extend(unit(i));
                    layers.extend([Layer::Flatten, Layer::Identity]);
                }
                _ => layers.extend(unit(i)),
            }
        }
        Network::new(layers).unwrap()
    }

    /// Biases and normalisation bring correlations near 1 to kinks, where half an octave of a slowly falling
    /// series is not a point.
    #[test]
    fn the_series_is_the_kernel() {
        let squares = [0.3, 1.0, 4.0];
        let quantities = [Quantity::Nngp, Quantity::Ntk];
        let cosines = [-0.9, -0.4, 0.0, 0.5, 0.8, 0.95];
        for seed in 0..30 {
            let network = network(seed);
            // one input along the first axis for every square, one for every square and cosine
            let first = squares.map(|a: f64| [(2.0 * a).sqrt(), 0.0]);
            let x1 = Array2::from_shape_fn((3, 2), |(i, j)| first[i][j]);
            let x2 = Array2::from_shape_fn((18, 2), |(i, j)| {
                let (length, rho) = ((2.0 * squares[i / 6]).sqrt(), cosines[i % 6]);
                length * if j == 0 { rho } else { (1.0f64 - rho * rho).sqrt() }
            });
            let options = Options::new().want(Want::BOTH);
            let exact = kernel(&network, x1.view(), Some(x2.view().into()), &options).unwrap();
            let exact = [exact.nngp.unwrap(), exact.ntk.unwrap()];
            let steps = network.walk().any(|(_, layer)| *layer == Layer::from(Activation::Sign));
            let bounds = [if steps { 1e-4 } else { 3e-6 }, 1e-4];
            for ((quantity, exact), bound) in quantities.into_iter().zip(exact).zip(bounds) {
                let series = Series::new(&network, &Shape::vector(2), quantity).unwrap();
                let points = squares.map(|square| series.point(square).unwrap());
                for ((i, j), exact) in exact.indexed_iter() {
                    let (left, right) = (&points[i], &points[j / 6]);
                    let terms = series.terms(left, right, TERMS);
                    let sum = terms.iter().rev().fold(0.0, |sum, t| sum * cosines[j % 6] + t);
                    let size = (left.diagonal * right.diagonal).sqrt();
                    assert!(
                        (sum - exact).abs() <= bound * size,
                        "{}: {quantity:?}: {sum}, {exact}",
                        network.to_json().unwrap()
                    );
                }
            }
        }
    }
}
