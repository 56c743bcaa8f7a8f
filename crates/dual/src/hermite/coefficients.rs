//! Hermite coefficients of one function at one variance.
//!
//! With orthonormal Hermite polynomials `h_i` and `u = sqrt(a) z`, `z` standard normal,
//!
//! ```text
//! c_i(a) = E[s(sqrt(a) z) h_i(z)],    e_i(a) = c_i(a) / sqrt(a) = E[s'(sqrt(a) z) h_{i-1}(z)] / sqrt(i)
//! ```
//!
//! (Stein). The `e_i` stay finite as `a` vanishes, so a zero variance needs no special case.

use super::degrees::{FIRST, NODES, Node};
use super::function::{Parity, Scalar};
use super::projection::project;
use super::rule::{CHECK_POINTS, POINTS, Rule, inverse_root_two_pi};
use super::table::Table;
use super::waves::Waves;
use crate::{Error, Pair};

/// Numbers of terms tried; a term holds the degrees `2m + 2` and `2m + 3`.
const STAGES: [usize; 2] = [32, FIRST];

/// Number of terms where the coefficients of higher degrees are not smooth in the degree.
const MOST: usize = 512;

/// What the coefficients of a user's function may miss of its squares, relative, for those of
/// high degree to count as smooth in the degree.
const SMOOTH: f64 = 1e-8;

/// Rounding of a correlation in `f32`.
const ROUNDED: f64 = 1.2e-7;

/// A user's function whose derivative makes less than this share of its square is a constant, and
/// the derivative rounding.
const CONSTANT: f64 = 1e-22;

/// Share of the squares below which the highest degrees are left out, and below which none is
/// looked for.
const REMAINDER: f64 = 1e-24;
const NOTHING: f64 = 1e-28;

/// Variances of user functions below this one count as this one for the slope: a difference of
/// nearby values has no more digits.
const SMALLEST_USER_VARIANCE: f64 = 1e-11;

/// Everything a point of one variance contributes.
#[derive(Clone, Debug)]
pub(super) struct Coefficients {
    /// `c_0`.
    pub mean: f64,
    /// `e_1`.
    pub linear: f64,
    /// `e_i` of the degrees from 2 on: those of the function's parity, ascending.
    pub series: Vec<f64>,
    /// The coefficients at the [`NODES`](super::degrees::NODES), times the roots of their
    /// weights, as many as count and to a node as many as to a term; without them the series ends
    /// with its terms.
    pub tail: Vec<f64>,
    /// Terms after which the tail counts for nothing against an equal tail.
    pub half: usize,
    /// Terms after which the tail counts for nothing against anything; all that are kept.
    pub full: usize,
    /// `E[s^2]`.
    pub power: f64,
    /// `E[s'^2]`.
    pub slope_power: f64,
    /// What the series has for the two.
    pub sums: Pair,
    /// Relative change of `kd` at correlation 1 when the correlation is rounded to `f32`.
    pub shift: f64,
    /// Relative error of `k` and `kd` between two points of this variance at correlation 1, the
    /// worst case, apart from rounding.
    pub error: f64,
}

/// Series of one parity.
pub(super) fn per_term(parity: Parity) -> usize {
    if parity == Parity::Both { 2 } else { 1 }
}

/// Coefficients at variance `a`, with tails cut off below the relative `tolerance`.
pub(super) fn coefficients(
    function: &Scalar,
    table: &Table,
    a: f64,
    tolerance: f64,
) -> Result<Coefficients, Error> {
    let user = !matches!(function, Scalar::Named(_));
    if a == 0.0 || (user && a < SMALLEST_USER_VARIANCE) {
        return vanishing(function, a, tolerance);
    }
    table.coefficients(function, a, tolerance)
}

/// The same for `a > 0`, by quadrature at this very variance.
pub(super) fn direct(function: &Scalar, a: f64, tolerance: f64) -> Result<Coefficients, Error> {
    let plan = Plan::new(function, a, tolerance)?;
    let (samples, doubt) = Samples::checked(function, a, plan)?;
    let mut result = samples.cut(function.parity(), tolerance);
    result.error += doubt;
    Ok(result)
}

/// The limit of small variances: `s(x) = s(0) + s'(0) x`.
fn vanishing(function: &Scalar, a: f64, tolerance: f64) -> Result<Coefficients, Error> {
    let mut mean = [0.0];
    function.values(&[0.0], &mut mean)?;
    let mean = mean[0];
    let (linear, error) = match function {
        Scalar::Named(named) => (named.slope(0.0), 0.0),
        Scalar::User(_) | Scalar::Jumping(_) => {
            // to first order in the standard deviation, which a bend at zero makes itself felt in
            let near = direct(function, SMALLEST_USER_VARIANCE, tolerance)?;
            let far = direct(function, 4.0 * SMALLEST_USER_VARIANCE, tolerance)?;
            let linear = 2.0 * near.linear - far.linear;
            let step = (near.linear - far.linear).abs() / linear.abs().max(f64::MIN_POSITIVE);
            (linear, near.error + step)
        }
    };
    let (power, slope_power) = (mean * mean + a * linear * linear, linear * linear);
    Ok(Coefficients {
        mean,
        linear,
        series: Vec::new(),
        tail: Vec::new(),
        half: 0,
        full: 0,
        power,
        slope_power,
        sums: Pair { k: power, kd: slope_power },
        shift: 0.0,
        error,
    })
}

/// Which coefficients to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Terms summed one by one.
    pub terms: usize,
    /// Whether higher degrees follow at the nodes of [`degrees`](super::degrees).
    pub tail: bool,
}

impl Plan {
    /// What variance `a` needs.
    pub(super) fn new(function: &Scalar, a: f64, tolerance: f64) -> Result<Self, Error> {
        for terms in STAGES {
            let plan = Self { terms, tail: false };
            let samples = Samples::new(function, a, plan, POINTS)?;
            // the last quarter must be part of the negligible tail, or the tail is not yet known
            if samples.cut(function.parity(), tolerance).full <= terms * 3 / 4 {
                return Ok(plan);
            }
        }
        let smooth = Self { terms: FIRST, tail: true };
        let plain = Self { terms: MOST, tail: false };
        if matches!(function, Scalar::Named(_)) {
            return Ok(smooth);
        }
        if function.kinks().iter().any(|t| *t != 0.0) {
            // a kink away from zero makes waves in the degree
            return Ok(plain);
        }
        let lack = Samples::new(function, a, smooth, POINTS)?.lack();
        let enough = lack < SMOOTH || lack < Samples::new(function, a, plain, POINTS)?.lack();
        Ok(if enough { smooth } else { plain })
    }
}

/// All coefficients one rule gives.
#[derive(Clone, Debug)]
pub(super) struct Samples {
    root: f64,
    mean: f64,
    /// `e_i` from `i = 1` on.
    scaled: Vec<f64>,
    /// The same beyond, at an even and the next odd degree of each node, times the root of its
    /// weight; empty without nodes.
    tail: Vec<[f64; 2]>,
    power: f64,
    slope_power: f64,
    /// Whether the derivative is of no interest.
    values_only: bool,
    /// Whether what lies beyond the last degree is known to be negligible.
    complete: bool,
}

impl Samples {
    fn new(function: &Scalar, a: f64, plan: Plan, points: usize) -> Result<Self, Error> {
        let Plan { terms, tail } = plan;
        let root = a.sqrt();
        let degree = 2 * terms + 1;
        let (scale, range) = match function {
            Scalar::Named(_) => (1.0, 13.0),
            // nothing is known of a user's function: look closer, and further out
            _ => (0.5, 16.0),
        };
        let rule = Rule::new(root, function.kinks(), scale, range, degree, points);
        let n = rule.z.len();
        let half = rule.half_density();
        let sides = Sides::new(function, &rule, root)?;
        let Sides { up, down, slope_up, slope_down } = &sides;

        let (mut mean, mut power, mut slope_power) = (0.0, 0.0, 0.0);
        let mut weight = vec![0.0; n];
        for m in 0..n {
            weight[m] = rule.weight[m] * half[m] * inverse_root_two_pi();
            let density = weight[m] * half[m];
            mean += density * (up[m] + down[m]);
            power += density * (up[m] * up[m] + down[m] * down[m]);
            slope_power += density * (slope_up[m].powi(2) + slope_down[m].powi(2));
        }

        let named = matches!(function, Scalar::Named(_));
        if !named && slope_power * a <= CONSTANT * power {
            slope_power = 0.0;
        }
        let (even, odd) = if named {
            sides.fold_slopes(&weight)
        } else {
            sides.fold_values(function, &weight)?
        };
        // by Stein's identity the slope's coefficient of degree i - 1 stands for degree i
        let (even, odd) = match (function.parity(), named) {
            (Parity::Odd, true) => (Some(even), None),
            (Parity::Even, true) => (None, Some(odd)),
            _ => (Some(even), Some(odd)),
        };
        let count = if named { degree } else { degree + 1 };
        let projected = project(&rule.z, &half, even, odd, count);
        let scaled = if named {
            projected.iter().enumerate().map(|(i, c)| c / ((i + 1) as f64).sqrt()).collect()
        } else {
            let noise = 8.0 * f64::EPSILON * power.sqrt();
            projected[1..].iter().map(|c| if c.abs() < noise { 0.0 } else { c / root }).collect()
        };
        let mut samples = Self {
            root,
            mean,
            scaled,
            tail: Vec::new(),
            power,
            slope_power,
            values_only: matches!(function, Scalar::Jumping(_)),
            complete: false,
        };
        if named && function.parity() == Parity::Even {
            // the line below the even part has slope 1/2 in every such function
            samples.scaled[0] = 0.5;
        }
        if tail {
            samples.add_tail(function, scale, range, points == POINTS)?;
        }
        Ok(samples)
    }

    /// The coefficients beyond the terms; from shorter panels if not `fine`.
    fn add_tail(
        &mut self,
        function: &Scalar,
        scale: f64,
        range: f64,
        fine: bool,
    ) -> Result<(), Error> {
        let root = self.root;
        // interpolation asks for shorter panels than integration does
        let (scale, degree) = if fine { (0.5 * scale, 400) } else { (0.35 * scale, 800) };
        let rule = Rule::new(root, function.kinks(), scale, range, degree, POINTS);
        let density: Vec<f64> =
            rule.half_density().iter().map(|half| half * inverse_root_two_pi()).collect();
        let sides = Sides::new(function, &rule, root)?;
        let (even, odd) = if self.values_only {
            sides.fold_values(function, &density)?
        } else {
            sides.fold_slopes(&density)
        };
        let (even, odd) = (Waves::new(&rule, &even), Waves::new(&rule, &odd));
        let coefficient = |degree: f64, is_odd: bool| match (self.values_only, is_odd) {
            // Stein's identity again
            (false, true) => even.project(degree - 1.0, false) / degree.sqrt(),
            (false, false) => odd.project(degree - 1.0, true) / degree.sqrt(),
            (true, true) => odd.project(degree, true) / root,
            (true, false) => even.project(degree, false) / root,
        };
        let (with_even, with_odd) =
            (function.parity() != Parity::Odd, function.parity() != Parity::Even);
        let mut tail = vec![[0.0; 2]; NODES.len()];
        let mut recent = f64::INFINITY;
        for (n, node) in NODES.iter().enumerate() {
            if n % 8 == 0 {
                if recent < NOTHING {
                    break;
                }
                recent = 0.0;
            }
            let at = |degree: f64, is_odd: bool, wanted: bool| {
                if wanted { node.root_weight * coefficient(degree, is_odd) } else { 0.0 }
            };
            let pair = [at(node.even(), false, with_even), at(node.even() + 1.0, true, with_odd)];
            recent += self.node_share(*node, pair);
            tail[n] = pair;
        }
        self.tail = tail;
        Ok(())
    }

    /// Share of a node in `E[s^2]` or `E[s'^2]`, whichever is larger.
    fn node_share(&self, node: Node, [even, odd]: [f64; 2]) -> f64 {
        self.share(even, node.even()) + self.share(odd, node.even() + 1.0)
    }

    /// The same of a degree.
    fn share(&self, e: f64, degree: f64) -> f64 {
        let part = |whole: f64, x: f64| if whole > 0.0 { x / whole } else { 0.0 };
        let value = part(self.power, self.root * self.root);
        let slope = if self.values_only { 0.0 } else { part(self.slope_power, 1.0) };
        e * e * value.max(slope * degree)
    }

    /// Samples after a plan, and how far a coarser rule is from them for a user's function.
    pub(super) fn checked(function: &Scalar, a: f64, plan: Plan) -> Result<(Self, f64), Error> {
        let samples = Self::new(function, a, plan, POINTS)?;
        let doubt = match function {
            Scalar::Named(_) => 0.0,
            _ => samples.difference(&Self::new(function, a, plan, CHECK_POINTS)?),
        };
        Ok((samples, doubt))
    }

    /// The weighted sum of samples, as those of variance `a`.
    pub(super) fn combine(a: f64, list: &[Self], weights: &[f64]) -> Self {
        let sum = |of: fn(&Self) -> f64| list.iter().zip(weights).map(|(s, w)| w * of(s)).sum();
        let mut scaled = vec![0.0; list[0].scaled.len()];
        for (samples, w) in list.iter().zip(weights) {
            for (total, e) in scaled.iter_mut().zip(&samples.scaled) {
                *total += w * e;
            }
        }
        let mut tail = vec![[0.0; 2]; list[0].tail.len()];
        for (samples, w) in list.iter().zip(weights) {
            for (total, e) in tail.iter_mut().zip(&samples.tail) {
                *total = [w.mul_add(e[0], total[0]), w.mul_add(e[1], total[1])];
            }
        }
        Self {
            root: a.sqrt(),
            mean: sum(|s| s.mean),
            scaled,
            tail,
            power: sum(|s| s.power),
            slope_power: sum(|s| s.slope_power),
            values_only: list[0].values_only,
            complete: list.iter().all(|s| s.complete),
        }
    }

    /// Drops the degrees of the terms from `terms` on, known to be negligible.
    pub(super) fn truncate(&mut self, terms: usize) {
        self.scaled.truncate(2 * terms + 1);
        self.complete = true;
    }

    /// Cuts the series where its tail no longer counts.
    pub(super) fn cut(&self, parity: Parity, tolerance: f64) -> Coefficients {
        let terms = (self.scaled.len() - 1) / 2;
        let share = |i: usize| self.share(self.scaled[i - 1], i as f64);
        let (mut half, mut full, mut reach) = (0, 0, 0);
        let mut tail = 0.0;
        for (n, pair) in self.tail.iter().enumerate().rev() {
            tail += self.node_share(NODES[n], *pair);
            if reach == 0 && tail > REMAINDER.max(tolerance * tolerance) {
                reach = n + 1;
            }
        }
        for m in (0..terms).rev() {
            tail += share(2 * m + 2) + share(2 * m + 3);
            if full == 0 && tail > tolerance * tolerance {
                full = m + 1;
            }
            if half == 0 && tail > tolerance {
                half = m + 1;
            }
        }
        let converged = self.complete || (self.tail.is_empty() && full <= terms * 3 / 4);
        // the highest degrees of one point may meet larger ones of another
        let met = if reach > 0 { REMAINDER.sqrt() } else { 0.0 };
        let error = if converged { tolerance } else { self.lack() + tolerance + met };
        let first = if parity == Parity::Odd { 3 } else { 2 };
        let step = if parity == Parity::Both { 1 } else { 2 };
        let kept = full * per_term(parity);
        let series = self.scaled.iter().copied().skip(first - 1).step_by(step).take(kept).collect();
        let nodes = self.tail[..reach].iter();
        Coefficients {
            mean: self.mean,
            linear: self.scaled[0],
            series,
            tail: match parity {
                Parity::Even => nodes.map(|pair| pair[0]).collect(),
                Parity::Odd => nodes.map(|pair| pair[1]).collect(),
                Parity::Both => nodes.flatten().copied().collect(),
            },
            half,
            full,
            power: self.power,
            slope_power: self.slope_power,
            // a series that ends before its last term has no use for nodes
            sums: self.sums(half, if half < terms { 0 } else { reach }),
            shift: self.shift(),
            error,
        }
    }

    /// What so many terms and nodes give for `E[s^2]` and `E[s'^2]`.
    fn sums(&self, terms: usize, nodes: usize) -> Pair {
        let mut sums = Pair { k: self.mean * self.mean, kd: 0.0 };
        let mut add = |e: f64, degree: f64| {
            sums.k += (e * self.root) * (e * self.root);
            sums.kd += degree * e * e;
        };
        for (i, e) in self.scaled.iter().enumerate().take(2 * terms + 1) {
            add(*e, (i + 1) as f64);
        }
        for (pair, node) in self.tail[..nodes].iter().zip(NODES.iter()) {
            add(pair[0], node.even());
            add(pair[1], node.even() + 1.0);
        }
        sums
    }

    /// How far `kd` moves, relative, when a correlation of 1 is off by `f32` rounding: a degree loses
    /// `i` times that, or all it has.
    fn shift(&self) -> f64 {
        if self.values_only || self.slope_power == 0.0 {
            return 0.0;
        }
        let lost = |e: f64, degree: f64| e * e * degree * (degree * ROUNDED).min(1.0);
        let terms = self.scaled.iter().enumerate().map(|(i, e)| lost(*e, (i + 1) as f64));
        let nodes =
            self.tail.iter().zip(NODES.iter()).map(|([even, odd], node)| {
                lost(*even, node.even()) + lost(*odd, node.even() + 1.0)
            });
        terms.chain(nodes).sum::<f64>() / self.slope_power
    }

    /// What all coefficients lack of the wholes, relative (Parseval).
    fn lack(&self) -> f64 {
        let sums = self.sums(self.scaled.len(), self.tail.len());
        let lack = |whole: f64, sum: f64| {
            if whole > 0.0 { (whole - sum).abs() / whole } else { sum.abs() }
        };
        let slope = if self.values_only { 0.0 } else { lack(self.slope_power, sums.kd) };
        lack(self.power, sums.k).max(slope)
    }

    /// How far another rule's coefficients lie from these, as a relative error of the duals.
    pub(super) fn difference(&self, other: &Self) -> f64 {
        let (mut value, mut slope) = ((self.mean - other.mean).powi(2), 0.0);
        for (i, (e, f)) in self.scaled.iter().zip(&other.scaled).enumerate() {
            let square = (e - f) * (e - f);
            value += square * self.root * self.root;
            slope += (i + 1) as f64 * square;
        }
        // high degrees meet others of their own size only
        let mut tail: f64 = 0.0;
        for ((e, f), node) in self.tail.iter().zip(&other.tail).zip(NODES.iter()) {
            for (e, f, degree) in [(e[0], f[0], node.even()), (e[1], f[1], node.even() + 1.0)] {
                tail += self.share(((e - f) * (e.abs() + f.abs())).abs().sqrt(), degree);
            }
        }
        let share = |square: f64, whole: f64| {
            if whole > 0.0 { (square / whole).sqrt() } else { square.sqrt() }
        };
        if self.values_only {
            let whole = (self.power - other.power).abs() / self.power.max(f64::MIN_POSITIVE);
            return 4.0 * share(value, self.power) + tail + 2.0 * whole;
        }
        let whole = (self.power - other.power).abs() / self.power.max(f64::MIN_POSITIVE)
            + (self.slope_power - other.slope_power).abs()
                / self.slope_power.max(f64::MIN_POSITIVE);
        4.0 * share(value, self.power).max(share(slope, self.slope_power)) + tail + 2.0 * whole
    }
}

/// A function on both sides of zero, at the nodes of a rule for one variance.
struct Sides {
    up: Vec<f64>,
    down: Vec<f64>,
    slope_up: Vec<f64>,
    slope_down: Vec<f64>,
}

impl Sides {
    fn new(function: &Scalar, rule: &Rule, root: f64) -> Result<Self, Error> {
        let n = rule.z.len();
        let x: Vec<f64> = rule.z.iter().map(|z| root * z).collect();
        let mirrored: Vec<f64> = x.iter().map(|x| -x).collect();
        let (mut up, mut down) = (vec![0.0; n], vec![0.0; n]);
        function.values(&x, &mut up)?;
        function.values(&mirrored, &mut down)?;
        let (slope_up, slope_down) = match function {
            Scalar::Named(named) => (
                x.iter().map(|x| named.slope(*x)).collect::<Vec<_>>(),
                mirrored.iter().map(|x| named.slope(*x)).collect::<Vec<_>>(),
            ),
            _ => {
                let of = |values: &[f64], sign: f64| {
                    rule.differentiate(values).iter().map(|s| sign * s / root).collect()
                };
                (of(&up, 1.0), of(&down, -1.0))
            }
        };
        Ok(Self { up, down, slope_up, slope_down })
    }

    /// Sums and differences of the slopes on the two sides, weighted.
    fn fold_slopes(&self, weight: &[f64]) -> (Vec<f64>, Vec<f64>) {
        fold(&self.slope_up, &self.slope_down, 0.0, weight)
    }

    /// The same of the values, up to a constant.
    fn fold_values(
        &self,
        function: &Scalar,
        weight: &[f64],
    ) -> Result<(Vec<f64>, Vec<f64>), Error> {
        // the constant has no part in degrees above 0; without it small variances keep digits
        let mut origin = [0.0];
        function.values(&[0.0], &mut origin)?;
        Ok(fold(&self.up, &self.down, origin[0], weight))
    }
}

fn fold(up: &[f64], down: &[f64], origin: f64, weight: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let even = |m: usize| weight[m] * ((up[m] - origin) + (down[m] - origin));
    let odd = |m: usize| weight[m] * (up[m] - down[m]);
    ((0..up.len()).map(even).collect(), (0..up.len()).map(odd).collect())
}
