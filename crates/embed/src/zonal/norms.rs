//! How the coefficients of the series depend on the norms of the two inputs.
//!
//! Every `t_n(a, b)` is a positive semi-definite function of the mean squares `a` and `b`. Features need a
//! factorisation `t_n(a, b) = sum_r g_nr(a) g_nr(b)`. For homogeneous networks, and for inputs of one norm,
//! one term is enough. Otherwise the matrix of `t_n` at a few *landmarks*, the Chebyshev points of the
//! range of `log a`, is decomposed; `g_nr` between them is a polynomial in `log a`, and outside of the range
//! the extension `g_nr(a) = sum_k t_n(a, a_k) g_nr(a_k) / D_k / sum_k g_nr(a_k)^2 / D_k`, with the kernel's diagonal `D_k`, keeps the kernel with inputs
//! inside it (Williams and Seeger 2001, *Using the Nyström method*). That takes the series anew: it is done at the
//! nodes of a grid, when an input first comes near them, and interpolated between them.

use std::collections::BTreeMap;
use std::f64::consts::{LN_2, PI};
use std::sync::{Arc, PoisonError, RwLock};

use ndarray::{Array1, Array2, Array3, ArrayView2, Axis, Slice};
use widelimit_linalg::{Par, symmetric_eigen};

use super::basis::Basis;
use super::profile::{Profile, signed};
use super::series::{Point, Series, TERMS};
use crate::Error;

/// Share of the kernel that the terms left out of a factorisation may have, and of its degree 0, of which
/// a term costs one feature.
const RANK: f64 = 3e-5;
const CONSTANTS: f64 = 1e-9;

/// Share of the kernel in the degrees left out at the end of the series.
const TAIL: f64 = 1e-10;

/// Relative difference of `a` up to which inputs have one norm.
const EQUAL: f64 = 1e-5;

/// How far `log a` reaches beyond the sample, and the widest range.
const MARGIN: f64 = LN_2;
const WIDEST: f64 = 14.0;

/// Degrees of a parity at the end of the series that tell how it goes on.
const LAST: usize = 4;

/// Landmarks: so many, and so many more in a unit of `log a`; a polynomial through them is good to 1e-5.
const LEAST: f64 = 5.0;
const DENSITY: f64 = 1.5;

/// Step of `log a` in the grid of curves. Cubic interpolation leaves `3/128 h^4` of a fourth derivative:
/// 4e-5.
const STEP: f64 = 0.2;

/// Nodes on either side of the grid that are kept once they are known: a factor of a million in `a`.
const KEPT: i64 = 70;

/// The factors `g_nr`.
pub(super) struct Norms {
    series: Option<Series>,
    exponent: Option<f64>,
    landmarks: Vec<Landmark>,
    /// `g_nr(a_k)`: `(r, k, n)`.
    values: Array3<f64>,
    /// First `log a` of the grid, and `g_nr` there: `(r, nodes, n)`.
    start: f64,
    grid: Array3<f64>,
    /// `g_nr(0)`: `(r, n)`.
    zero: Array2<f64>,
    /// Nodes outside of the grid that inputs have come near.
    beyond: RwLock<BTreeMap<i64, Arc<Beyond>>>,
    basis: Basis,
}

/// An input that others are compared with.
struct Landmark {
    square: f64,
    point: Point,
    /// What the series leaves of the input's kernel with itself, in even and odd degrees, and what the last
    /// degrees have.
    missing: [f64; 2],
    last: [f64; 2],
}

impl Landmark {
    fn new(series: &Series, square: f64, count: usize) -> Result<Self, Error> {
        let point = series.point(square)?;
        let terms = series.terms(&point, &point, count);
        let missing = point.diagonal - terms.iter().sum::<f64>();
        let last = |parity: usize| {
            let degrees = terms.iter().enumerate().filter(|(n, _)| n % 2 == parity);
            degrees.rev().take(LAST).map(|(_, t)| t.max(0.0)).sum::<f64>() / LAST as f64
        };
        let last = [last(0), last(1)];
        let sum = last[0] + last[1];
        // below that it is rounding
        let known = count == TERMS && missing > 1e-9 * point.diagonal && sum > 0.0;
        let missing = last.map(|last| if known { missing * last / sum } else { 0.0 });
        Ok(Self { square, point, missing, last })
    }

    /// What squares at this input are divided by, so that small inputs count as much as large ones.
    fn weight(&self) -> f64 {
        if self.point.diagonal > 0.0 { self.point.diagonal } else { 1.0 }
    }
}

/// A node outside of the grid.
pub(super) struct Beyond {
    /// `g_nr`: `(r, n)`.
    factors: Array2<f64>,
    /// The sampled functions of all terms `r`.
    pub profile: Profile,
}

/// Where an input stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Place {
    /// `g` is this multiple of that at the one landmark.
    Single { scale: f64 },
    /// Between nodes of the grid: the first of four and their weights.
    Between { first: usize, weights: [f64; 4] },
    /// The zero vector.
    Zero,
    /// Between nodes outside of the grid, counted from its first node.
    Outside { first: i64, weights: [f64; 4] },
}

impl Norms {
    /// Factorises for a sample with these mean squares.
    pub fn fit(series: Series, squares: &[f64], length: usize) -> Result<Self, Error> {
        let landmarks = landmarks(series.homogeneity(), squares, length);
        let points = landmarks
            .iter()
            .map(|&square| Landmark::new(&series, square, TERMS))
            .collect::<Result<Vec<_>, _>>()?;
        let values = factorise(&series, &points)?;
        Self::new(series, landmarks, values)
    }

    /// The factors with these values at the landmarks.
    pub fn new(series: Series, squares: Vec<f64>, values: Array3<f64>) -> Result<Self, Error> {
        let count = values.len_of(Axis(2));
        let landmarks = squares
            .iter()
            .map(|&square| Landmark::new(&series, square, count))
            .collect::<Result<Vec<_>, _>>()?;
        let (start, grid) = grid(&squares, &values);
        let basis = basis(&landmarks, count);
        let exponent = series.homogeneity();
        let mut norms = Self {
            series: (!series.is_zero()).then_some(series),
            exponent,
            landmarks,
            values,
            start,
            grid,
            zero: Array2::zeros((0, 0)),
            beyond: RwLock::default(),
            basis,
        };
        norms.zero = match exponent {
            Some(h) if h > 0.0 => Array2::zeros((norms.ranks(), count)),
            _ => norms.extend(0.0)?,
        };
        Ok(norms)
    }

    /// The functions that the factors are coefficients of.
    pub fn basis(&self) -> &Basis {
        &self.basis
    }

    /// Number of terms `r`.
    pub fn ranks(&self) -> usize {
        self.values.dim().0
    }

    /// Number of degrees `n`.
    pub fn degrees(&self) -> usize {
        self.values.dim().2
    }

    /// `a_k`.
    pub fn landmarks(&self) -> Vec<f64> {
        self.landmarks.iter().map(|landmark| landmark.square).collect()
    }

    /// `g_nr(a_k)`: `(r, k, n)`.
    pub fn values(&self) -> &Array3<f64> {
        &self.values
    }

    /// `g_nr` at the nodes of the grid: `(r, nodes, n)`.
    pub fn grid(&self) -> &Array3<f64> {
        &self.grid
    }

    /// Where an input of this mean square stands.
    pub fn place(&self, square: f64) -> Place {
        if square == 0.0 {
            return Place::Zero;
        }
        if let [landmark] = &self.landmarks[..] {
            let ratio = square / landmark.square;
            return match self.exponent {
                Some(h) => Place::Single { scale: ratio.powf(0.5 * h) },
                None if (ratio - 1.0).abs() <= EQUAL => Place::Single { scale: 1.0 },
                None => self.outside(square),
            };
        }
        let nodes = self.grid.dim().1;
        let at = (square.ln() - self.start) / STEP;
        // one node on the left and two on the right
        if !(at >= 1.0 && at <= nodes as f64 - 2.0) {
            return self.outside(square);
        }
        let first = (at as usize - 1).min(nodes - 4);
        Place::Between { first, weights: cubic(at - first as f64 - 1.0) }
    }

    fn outside(&self, square: f64) -> Place {
        let at = (square.ln() - self.start) / STEP;
        let first = at.floor() as i64 - 1;
        Place::Outside { first, weights: cubic(at - at.floor()) }
    }

    /// `g_nr` of an input for the first `count` degrees, `(r, n)`; outside of the grid, with the nodes around it, for all.
    pub fn coefficients(&self, place: Place, around: &[Arc<Beyond>], count: usize) -> Array2<f64> {
        let count = count.min(self.degrees());
        match place {
            Place::Single { scale } => &self.node(0, count) * scale,
            Place::Between { first, weights } => {
                let mut sum = Array2::zeros((self.ranks(), count));
                for (k, weight) in weights.into_iter().enumerate() {
                    sum.scaled_add(weight, &self.node(first + k, count));
                }
                sum
            }
            Place::Zero => self.zero.clone(),
            Place::Outside { weights, .. } => {
                let mut sum = Array2::zeros((self.ranks(), self.degrees()));
                for (node, weight) in around.iter().zip(weights) {
                    sum.scaled_add(weight, &node.factors);
                }
                sum
            }
        }
    }

    /// The first degrees of `g_nr` at a node of the grid.
    fn node(&self, node: usize, count: usize) -> ArrayView2<'_, f64> {
        self.grid.index_axis(Axis(1), node).slice_axis_move(Axis(1), Slice::from(..count))
    }

    /// The nodes around an input outside of the grid; none for others.
    pub fn around(&self, place: Place) -> Result<Vec<Arc<Beyond>>, Error> {
        let Place::Outside { first, weights } = place else { return Ok(Vec::new()) };
        (first..).take(weights.len()).map(|node| self.beyond(node)).collect()
    }

    fn beyond(&self, node: i64) -> Result<Arc<Beyond>, Error> {
        let known = self.beyond.read().unwrap_or_else(PoisonError::into_inner).get(&node).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let factors = self.extend((self.start + STEP * node as f64).exp())?;
        let profile = Profile::new(signed(factors.view()), &self.basis);
        // Others may do the same meanwhile, with the same result.
        let found = Arc::new(Beyond { factors, profile });
        if !(-KEPT..self.grid.dim().1 as i64 + KEPT).contains(&node) {
            return Ok(found);
        }
        let mut nodes = self.beyond.write().unwrap_or_else(PoisonError::into_inner);
        Ok(nodes.entry(node).or_insert(found).clone())
    }

    /// The extension to any mean square.
    fn extend(&self, square: f64) -> Result<Array2<f64>, Error> {
        let (ranks, _, count) = self.values.dim();
        let mut result = Array2::zeros((ranks, count));
        let Some(series) = &self.series else { return Ok(result) };
        let input = Landmark::new(series, square, count)?;
        let mut sizes = Array2::<f64>::zeros((ranks, count));
        for (k, landmark) in self.landmarks.iter().enumerate() {
            let terms = Array1::from(pair(series, &input, landmark, count)) / landmark.weight();
            let values = self.values.index_axis(Axis(1), k);
            result += &(&values * &terms);
            sizes += &values.mapv(|g| g * g / landmark.weight());
        }
        result.zip_mut_with(&sizes, |g, &size| *g = if size > 0.0 { *g / size } else { 0.0 });
        Ok(result)
    }
}

/// `t_n(a, b)`, with what the series leaves in the last even and odd degree.
fn pair(series: &Series, left: &Landmark, right: &Landmark, count: usize) -> Vec<f64> {
    let mut terms = series.terms(&left.point, &right.point, count);
    if count == TERMS {
        for parity in 0..2 {
            terms[TERMS - 2 + parity] += (left.missing[parity] * right.missing[parity]).sqrt();
        }
    }
    terms
}

/// The basis for series that go on as those of the landmarks.
fn basis(landmarks: &[Landmark], count: usize) -> Basis {
    let sum = |of: &dyn Fn(&Landmark) -> f64| -> f64 {
        landmarks.iter().map(|l| of(l) / l.point.diagonal.max(f64::MIN_POSITIVE)).sum()
    };
    let masses = [0, 1].map(|parity| {
        let (missing, last) = (sum(&|l| l.missing[parity]), sum(&|l| l.last[parity]));
        if missing > 0.0 && last > 0.0 { 1.0 + missing / last } else { 1.0 }
    });
    let any = landmarks.iter().any(|l| l.missing != [0.0; 2]);
    Basis::new(count, any.then_some(masses))
}

/// Mean squares of the landmarks, ascending.
fn landmarks(exponent: Option<f64>, squares: &[f64], length: usize) -> Vec<f64> {
    let positive = || squares.iter().copied().filter(|&square| square > 0.0);
    let (mut low, high) = (positive().fold(f64::MAX, f64::min), positive().fold(0.0, f64::max));
    if exponent.is_some() {
        return vec![if high > 0.0 { high } else { 1.0 }];
    }
    let (low, high) = if high > 0.0 {
        low = low.max(high * (-WIDEST).exp());
        if high <= low * (1.0 + EQUAL) {
            return vec![low];
        }
        (low.ln() - MARGIN, high.ln() + MARGIN)
    } else {
        // from unit vectors to ones with entries of size 4
        (-(length as f64).max(4.0).ln() - MARGIN, 16f64.ln())
    };
    let count = (LEAST + DENSITY * (high - low)).ceil() as usize;
    let centre = |k: usize| -(PI * (k as f64 + 0.5) / count as f64).cos();
    (0..count).map(|k| (0.5 * (low + high) + 0.5 * (high - low) * centre(k)).exp()).collect()
}

/// `g_nr(a_k)`: `(r, k, n)`, as many `r` and `n` as matter.
fn factorise(series: &Series, points: &[Landmark]) -> Result<Array3<f64>, Error> {
    let k = points.len();
    let sizes: Vec<f64> = points.iter().map(|point| point.weight().sqrt()).collect();
    let mut terms = Array3::zeros((TERMS, k, k));
    for i in 0..k {
        for j in 0..=i {
            let size = sizes[i] * sizes[j];
            for (n, t) in pair(series, &points[i], &points[j], TERMS).into_iter().enumerate() {
                terms[[n, i, j]] = t / size;
                terms[[n, j, i]] = t / size;
            }
        }
    }
    let energy = |n: usize| (0..k).map(|i| terms[[n, i, i]]).fold(0.0, f64::max);
    let mut count = TERMS;
    let mut rest = 0.0;
    while count > 1 && rest + energy(count - 1) <= TAIL {
        count -= 1;
        rest += energy(count);
    }
    let mut factors = Array3::<f64>::zeros((k, k, count));
    for n in 0..count {
        let eigen = symmetric_eigen(terms.index_axis(Axis(0), n).to_owned(), &Par::single())?;
        for r in 0..k {
            let (value, vector) =
                (eigen.values[k - 1 - r].max(0.0), eigen.vectors.column(k - 1 - r));
            let sign = if vector[k - 1] < 0.0 { -1.0 } else { 1.0 };
            for i in 0..k {
                factors[[r, i, n]] = sign * value.sqrt() * vector[i];
            }
        }
    }
    let energy = |r: usize| factors.index_axis(Axis(0), r).iter().map(|g| g * g).sum::<f64>();
    let ranks = (0..k).take_while(|&r| r == 0 || energy(r) > RANK * k as f64).count();
    let constant =
        |r: usize| -> f64 { factors.index_axis(Axis(0), r).column(0).iter().map(|g| g * g).sum() };
    let constants = (0..k).take_while(|&r| constant(r) > CONSTANTS * k as f64).count();
    factors
        .slice_axis_mut(Axis(0), Slice::from(ranks..))
        .axis_iter_mut(Axis(2))
        .skip(1)
        .for_each(|mut degree| degree.fill(0.0));
    let ranks = ranks.max(constants);
    let mut factors = factors.slice_axis(Axis(0), Slice::from(..ranks)).to_owned();
    for (i, size) in sizes.into_iter().enumerate() {
        factors.index_axis_mut(Axis(1), i).mapv_inplace(|g| size * g);
    }
    Ok(factors)
}

/// The values at equally spaced `log a`, by the polynomials through the landmarks.
fn grid(squares: &[f64], values: &Array3<f64>) -> (f64, Array3<f64>) {
    let (ranks, k, count) = values.dim();
    if k == 1 {
        return (squares[0].ln(), values.clone());
    }
    let logs: Vec<f64> = squares.iter().map(|square| square.ln()).collect();
    let cells = ((logs[k - 1] - logs[0]) / STEP).ceil();
    // centred, with a node of margin on either side
    let start = 0.5 * (logs[0] + logs[k - 1] - cells * STEP) - STEP;
    let nodes = cells as usize + 3;
    let mut grid = Array3::zeros((ranks, nodes, count));
    for node in 0..nodes {
        let weights = lagrange(&logs, start + STEP * node as f64);
        for (i, weight) in weights.into_iter().enumerate() {
            grid.index_axis_mut(Axis(1), node).scaled_add(weight, &values.index_axis(Axis(1), i));
        }
    }
    (start, grid)
}

/// Weights of the values at `nodes` in the polynomial through them, at `x`.
fn lagrange(nodes: &[f64], x: f64) -> Vec<f64> {
    let weight = |i: usize| {
        let others = nodes.iter().enumerate().filter(|(j, _)| *j != i);
        others.map(|(_, node)| (x - node) / (nodes[i] - node)).product()
    };
    (0..nodes.len()).map(weight).collect()
}

/// Weights of four values at -1, 0, 1, 2 in the cubic through them, at `x` in [0, 1].
fn cubic(x: f64) -> [f64; 4] {
    let (before, after, last) = (x + 1.0, x - 1.0, x - 2.0);
    [
        -x * after * last / 6.0,
        before * after * last / 2.0,
        -before * x * last / 2.0,
        before * x * after / 6.0,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Quantity;
    use widelimit_arch::{Network, Shape};

    /// Factors of inputs between the landmarks, outside of their range, and of the zero vector.
    #[test]
    fn factors_make_the_series() {
        let layers = |name: &str| {
            let dense = r#"{"layer": "dense", "w_std": 1.3, "b_std": 0.4}"#;
            format!(r#"[{dense}, {{"layer": "{name}"}}, {dense}, {{"layer": "{name}"}}, {dense}]"#)
        };
        for name in ["relu", "tanh", "gelu"] {
            let network = Network::from_json(&layers(name)).unwrap();
            let shape = Shape::vector(5);
            let series = || Series::new(&network, &shape, Quantity::Ntk).unwrap();
            let norms = Norms::fit(series(), &[0.1, 0.5, 8.0], 5).unwrap();
            let series = series();
            let sum = |a: f64, b: f64, rho: f64| {
                let factors = |a: f64| {
                    let place = norms.place(a);
                    norms.coefficients(place, &norms.around(place).unwrap(), TERMS)
                };
                let (left, right) = (factors(a), factors(b));
                let degrees = (&left * &right).sum_axis(Axis(0));
                degrees.iter().rev().fold(0.0, |sum, t| sum * rho + t)
            };
            for (a, b) in
                [(0.11, 7.9), (0.3, 0.3), (5.0, 2.0), (0.0, 1.0), (40.0, 3.0), (0.01, 1.0)]
            {
                let (left, right) = (series.point(a).unwrap(), series.point(b).unwrap());
                let terms = series.terms(&left, &right, TERMS);
                let size = (left.diagonal * right.diagonal).sqrt();
                for rho in [-0.8, 0.3, 0.9] {
                    let exact = terms.iter().rev().fold(0.0, |sum, t| sum * rho + t);
                    let error = (sum(a, b, rho) - exact).abs() / size;
                    let inside = !matches!(norms.place(a), Place::Outside { .. });
                    assert!(
                        error < if inside { 1e-4 } else { 3e-3 },
                        "{name} {a} {b} {rho}: {error}"
                    );
                }
            }
        }
    }
}
