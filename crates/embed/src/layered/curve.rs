//! An activation as random features see it: many values and slopes, and its low moments at the variance
//! of every row.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use widelimit_arch::Activation;
use widelimit_dual::{Dual, Error, Expansion};

use crate::scalar::{Scalar, round, widen};

/// Standard deviations that a table reaches; beyond, the function itself is asked.
const REACH: f64 = 8.0;

/// Cells of a table on each side of zero. Linear interpolation on cells of 1/512 to 1/256 standard
/// deviations is off by 2e-6 of the curvature, far below what sampling does.
const CELLS: usize = 4096;

/// Nodes of the moments for every doubling of the variance, and nodes a value is interpolated from.
const NODES: f64 = 16.0;
const NEIGHBOURS: i64 = 6;

/// What is left of an activation that is exactly a straight line, relative.
const STRAIGHT: f64 = 1e-13;

/// The parts of an activation of Hermite degree 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Moments {
    /// `E[s(u)]`.
    pub mean: f64,
    /// `E[s(u) u] / v`: how much of `u` itself there is in `s(u)`.
    pub line: f64,
    /// `E[s'(u)]`: the same, unless `s` jumps.
    pub slope: f64,
}

impl Moments {
    /// Nothing to take off.
    pub const NONE: Self = Self { mean: 0.0, line: 0.0, slope: 0.0 };
}

/// Values or slopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Of {
    Values,
    Slopes,
}

/// Values on grids, by what they are values of and how far the grid reaches.
type Tables = HashMap<(Of, i32), Arc<Vec<f64>>>;

/// Two straight pieces that meet at zero.
#[derive(Clone, Copy, Debug)]
struct TwoPieces {
    /// `s(x) = even |x| + odd x`.
    even: f64,
    odd: f64,
}

/// One activation of a network.
#[derive(Debug)]
pub(crate) struct Curve {
    expansion: Expansion,
    /// Functions of degree 1 that are not two straight pieces are evaluated at variance 1.
    scaled: bool,
    pieces: Option<TwoPieces>,
    /// For functions of degree 1, those at variance 1.
    unit: Option<Moments>,
    jumps: bool,
    continuous: bool,
    flat: bool,
    straight: bool,
    tables: RwLock<Tables>,
    nodes: RwLock<HashMap<i64, Moments>>,
}

impl Curve {
    /// Looks at an activation.
    pub fn new(activation: &Activation) -> Result<Self, Error> {
        let (dual, expansion) = (Dual::new(activation)?, Expansion::new(activation)?);
        let pieces = match *activation {
            Activation::Relu | Activation::RectifiedMonomial { degree: 1 } => Some([0.0, 1.0]),
            Activation::LeakyRelu { alpha } => Some([alpha, 1.0]),
            Activation::AbRelu { a, b } => Some([a, b]),
            Activation::Abs => Some([-1.0, 1.0]),
            Activation::Monomial { degree: 1 } => Some([1.0, 1.0]),
            _ => None,
        };
        let pieces = pieces.map(|[a, b]| TwoPieces { even: 0.5 * (b - a), odd: 0.5 * (a + b) });
        let homogeneous = dual.homogeneity() == Some(1.0);
        let mut curve = Self {
            expansion,
            scaled: homogeneous && pieces.is_none(),
            pieces,
            unit: None,
            jumps: false,
            continuous: false,
            flat: false,
            straight: false,
            tables: RwLock::default(),
            nodes: RwLock::default(),
        };
        let here = curve.direct(1.0)?;
        curve.jumps = (here.line - here.slope).abs() > 1e-6 * (here.line.abs() + here.slope.abs());
        let size = dual.diagonal(1.0).k.sqrt();
        curve.continuous = (here.line - here.slope).abs() <= 1e-6 * size;
        curve.flat = dual.diagonal(1.0).kd == 0.0;
        let rest = |v: f64, m: Moments| {
            let power = dual.diagonal(v).k;
            power - m.mean * m.mean - v * m.line * m.line <= STRAIGHT * power
        };
        curve.straight = rest(1.0, here) && rest(4.0, curve.direct(4.0)?);
        if homogeneous {
            curve.unit = Some(here);
        }
        Ok(curve)
    }

    /// Whether the parts of degree 0 and 1 are all there is.
    pub fn is_straight(&self) -> bool {
        self.straight
    }

    /// Whether `s(t x) = t s(x)` for `t > 0`.
    pub fn is_radial(&self) -> bool {
        self.pieces.is_some()
    }

    /// Whether the slope counts as 0 everywhere.
    pub fn is_flat(&self) -> bool {
        self.flat
    }

    /// Whether `E[s']` is the coefficient of the line, as of functions that do not jump.
    pub fn is_continuous(&self) -> bool {
        self.continuous
    }

    /// Whether `E[s']` is not the coefficient of the line; also where both are 0 but for rounding.
    pub fn jumps(&self) -> bool {
        self.jumps
    }

    /// The moments at variance 1, if those of other variances follow: `mean` grows with the root,
    /// `line` and `slope` stay.
    pub fn unit(&self) -> Option<Moments> {
        self.unit
    }

    /// The moments at any variance.
    pub fn moments(&self, v: f64) -> Result<Moments, Error> {
        if let Some(unit) = self.unit {
            return Ok(Moments { mean: unit.mean * v.sqrt(), ..unit });
        }
        if v < f64::MIN_POSITIVE {
            return self.direct(v.max(0.0));
        }
        let place = NODES * v.log2();
        let first = place.floor() as i64 - NEIGHBOURS / 2 + 1;
        let mut sum = Moments { mean: 0.0, line: 0.0, slope: 0.0 };
        for i in first..first + NEIGHBOURS {
            let others = (first..first + NEIGHBOURS).filter(|&j| j != i);
            let weight: f64 = others.map(|j| (place - j as f64) / (i - j) as f64).product();
            let node = self.node(i)?;
            sum.mean += weight * node.mean;
            sum.line += weight * node.line;
            sum.slope += weight * node.slope;
        }
        Ok(sum)
    }

    /// Moments at a variance of the grid.
    fn node(&self, index: i64) -> Result<Moments, Error> {
        let known = self.nodes.read().unwrap_or_else(PoisonError::into_inner).get(&index).copied();
        if let Some(known) = known {
            return Ok(known);
        }
        let moments = self.direct((index as f64 / NODES).exp2())?;
        self.nodes.write().unwrap_or_else(PoisonError::into_inner).insert(index, moments);
        Ok(moments)
    }

    fn direct(&self, v: f64) -> Result<Moments, Error> {
        if v == 0.0 {
            let (mut mean, mut slope) = ([0.0], [0.0]);
            self.expansion.function().values(0.0, &[0.0], &mut mean)?;
            self.expansion.function().slopes(0.0, &[0.0], &mut slope)?;
            return Ok(Moments { mean: mean[0], line: slope[0], slope: slope[0] });
        }
        let values = self.expansion.coefficients(v, 2)?;
        let slope = self.expansion.mean_slope(v)?;
        Ok(Moments { mean: values[0], line: values[1] / v.sqrt(), slope })
    }

    /// Overwrites `u`, units of variance `v`, with `s(u)` or `s'(u)`.
    pub fn apply<T: Scalar>(&self, of: Of, v: f64, u: &mut [T]) -> Result<(), Error> {
        if let Some(TwoPieces { even, odd }) = self.pieces {
            let (even, odd, zero) = (round::<T>(even), round::<T>(odd), round::<T>(0.0));
            match of {
                Of::Values => u.iter_mut().for_each(|u| {
                    let size = if *u < zero { -*u } else { *u };
                    *u = even * size + odd * *u;
                }),
                Of::Slopes => u.iter_mut().for_each(|u| {
                    let side = if *u < zero { -even } else { even };
                    *u = if *u == zero { odd } else { odd + side };
                }),
            }
            return Ok(());
        }
        if self.scaled {
            // s(u) = sqrt(v) s_1(u / sqrt(v)) and s'(u) = s_1'(u / sqrt(v))
            let root = v.sqrt();
            let inverse = round::<T>(if root > 0.0 { 1.0 / root } else { 0.0 });
            u.iter_mut().for_each(|u| *u *= inverse);
            self.look_up(of, 1.0, u)?;
            if of == Of::Values {
                let root = round::<T>(root);
                u.iter_mut().for_each(|u| *u *= root);
            }
            return Ok(());
        }
        self.look_up(of, v, u)
    }

    /// Which table is read depends on the variance of the row alone.
    fn look_up<T: Scalar>(&self, of: Of, v: f64, u: &mut [T]) -> Result<(), Error> {
        let exponent = (REACH * v.sqrt()).max(1e-30).log2().ceil() as i32;
        let table = self.table(of, exponent)?;
        let reach = f64::from(exponent).exp2();
        let cells = CELLS as f64;
        let scale = cells / reach;
        for u in u {
            let x = widen(*u);
            let place = x * scale + cells;
            let cell = place as usize;
            let inside = place >= 0.0 && cell < 2 * CELLS;
            let mut y = if inside {
                let part = place - cell as f64;
                table[cell] + part * (table[cell + 1] - table[cell])
            } else {
                f64::NAN
            };
            if y.is_nan() {
                self.function(of, v, &[x], std::slice::from_mut(&mut y))?;
            }
            *u = round(y);
        }
        Ok(())
    }

    /// The function on a grid from `-2^exponent` to `2^exponent`; NaN beside its kinks, which no line
    /// goes across.
    fn table(&self, of: Of, exponent: i32) -> Result<Arc<Vec<f64>>, Error> {
        let key = (of, exponent);
        let known = self.tables.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let cell = f64::from(exponent).exp2() / CELLS as f64;
        let x: Vec<f64> = (0..=2 * CELLS).map(|i| (i as f64 - CELLS as f64) * cell).collect();
        let mut y = vec![0.0; x.len()];
        self.function(of, 1.0, &x, &mut y)?;
        for kink in self.expansion.function().kinks() {
            for (x, y) in x.iter().zip(&mut y) {
                if (x - kink).abs() <= 1.5 * cell {
                    *y = f64::NAN;
                }
            }
        }
        let table = Arc::new(y);
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        Ok(tables.entry(key).or_insert(table).clone())
    }

    fn function(&self, of: Of, v: f64, x: &[f64], y: &mut [f64]) -> Result<(), Error> {
        let function = self.expansion.function();
        match of {
            Of::Values => function.values(v, x, y),
            Of::Slopes => function.slopes(v, x, y),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_between_nodes_are_those_of_the_variance() {
        for activation in [Activation::Gelu, Activation::erf(), Activation::Relu6] {
            let curve = Curve::new(&activation).unwrap();
            for v in [0.013, 0.7, 1.0, 31.0] {
                let (found, exact) = (curve.moments(v).unwrap(), curve.direct(v).unwrap());
                for (found, exact) in
                    [(found.mean, exact.mean), (found.line, exact.line), (found.slope, exact.slope)]
                {
                    assert!((found - exact).abs() < 1e-8, "{activation:?} {v}: {found}, {exact}");
                }
            }
        }
    }

    #[test]
    fn tables_have_the_values_and_slopes_of_the_function() {
        for activation in [Activation::Gelu, Activation::sin(), Activation::Abs] {
            let curve = Curve::new(&activation).unwrap();
            let x: Vec<f64> = (-300..300).map(|i| f64::from(i) / 17.0 + 0.01).collect();
            for of in [Of::Values, Of::Slopes] {
                let (mut found, mut exact) = (x.clone(), x.clone());
                curve.apply(of, 1.4, &mut found).unwrap();
                curve.function(of, 1.4, &x, &mut exact).unwrap();
                let error =
                    found.iter().zip(&exact).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(error < 5e-6, "{activation:?} {of:?}: {error:e}");
            }
        }
    }

    #[test]
    fn straight_lines_jumps_and_plateaus_are_seen() {
        let facts = |activation: &Activation| {
            let curve = Curve::new(activation).unwrap();
            assert_eq!(curve.is_continuous(), !curve.jumps());
            (curve.is_straight(), curve.is_flat(), curve.jumps())
        };
        assert_eq!(facts(&Activation::Monomial { degree: 1 }), (true, false, false));
        assert_eq!(facts(&Activation::Polynomial { coef: vec![1.0, 2.0] }), (true, false, false));
        assert_eq!(facts(&Activation::Gelu), (false, false, false));
        assert_eq!(facts(&Activation::Sign), (false, true, true));
        assert!(Curve::new(&Activation::Abs).unwrap().is_continuous());
    }
}
