//! Any function, through its Hermite coefficients at each point's own variance.
//!
//! Mehler's formula gives, for variances `a` and `b` and correlation `rho`,
//!
//! ```text
//! k  = c_0(a) c_0(b) + sqrt(ab) sum_{i >= 1} e_i(a) e_i(b) rho^i
//! kd = sum_{i >= 1} i e_i(a) e_i(b) rho^(i-1)
//! ```
//!
//! with the coefficients of [`coefficients`]. They depend on one variance only, so a point's data
//! are the same in whatever set it is prepared; positive definiteness is built in. Where the
//! series stops depends on the two points alone (see [`series`]).
//!
//! Slowly decaying series go on at nodes in the degree ([`degrees`], [`waves`]), which makes them
//! complete at every correlation. That asks for coefficients without oscillations in the degree,
//! and kinks away from zero make some: such series stay cut, and near `|rho| = 1` the closed form
//! of the kinks' own steps and ramps restores what is missing ([`kinks`]).

mod coefficients;
mod degrees;
pub(crate) mod function;
mod kinks;
mod projection;
mod rule;
mod series;
mod table;
mod waves;

use std::sync::Arc;

use widelimit_arch::Function;

use self::coefficients::{Coefficients, coefficients, per_term};
use self::function::{Named, Parity, Scalar};
use self::kinks::Kinks;
use self::series::{Columns, SeriesRow, powers, product_of_roots, variance};
use self::table::Table;
use crate::lanes::{Element, Isa, Job, Lanes};
use crate::route::{Affine, Route, Row};
use crate::{Error, Pair, Prepared};

/// Tails below this, relative, are cut in `f64`; what remains unsaid is rounding.
const TOLERANCE: f64 = 1e-13;
/// The same for `f32`.
const TOLERANCE_SINGLE: f64 = 1e-8;
/// Rounding of a long sum, stated on top of the tail.
const ROUNDING: f64 = 1e-12;
/// The same for `f32`, whose correlations are themselves rounded.
const ROUNDING_SINGLE: f64 = 4e-6;

/// Correlations from which on the highest degree kept leaves something of itself.
const NEAR: f64 = 0.97;

/// Where series and square agree as well as this, the series stands for both.
const SETTLED: f64 = 1e-12;

/// The dual of a function without a closed form.
#[derive(Clone, Debug)]
pub(crate) struct Hermite {
    whole: Part,
    /// Without its jumps, where it has any: they have no part in the derivative.
    continuous: Option<Part>,
}

/// One function and its coefficients.
#[derive(Clone, Debug)]
struct Part {
    function: Scalar,
    table: Table,
    /// Kinks away from zero, whose coefficients do not decay smoothly.
    kinks: Option<Arc<Corners>>,
}

/// What becomes of an entry near `|rho| = 1`.
enum Restored<T> {
    /// It is that of a point with a copy of itself; with what its derivative multiplies.
    Copy(usize, Option<T>),
    /// This is added.
    Lack(usize, Pair),
}

/// The kinks of a function, and the steps and ramps there as a function.
#[derive(Debug)]
struct Corners {
    kinks: Kinks,
    part: Part,
}

impl Hermite {
    /// `None` for functions that have a closed form.
    pub(crate) fn new(function: &Function) -> Option<Self> {
        Some(match function {
            Function::Named(named) => {
                Self { whole: Part::new(Scalar::Named(Named::new(*named)?)), continuous: None }
            }
            Function::User(user) => match Kinks::new(user) {
                Some(kinks) if kinks.jump() => Self {
                    whole: Part::kinked(Scalar::Jumping(user.clone()), &kinks),
                    continuous: Some(Part::kinked(
                        Scalar::User(kinks.without_jumps(user)),
                        &kinks.bends(),
                    )),
                },
                Some(kinks) => Self {
                    whole: Part::kinked(Scalar::User(user.clone()), &kinks),
                    continuous: None,
                },
                None => Self { whole: Part::new(Scalar::User(user.clone())), continuous: None },
            },
        })
    }

    /// The function's name; `user` for the user's own.
    pub(crate) fn name(&self) -> &'static str {
        match &self.whole.function {
            Scalar::Named(named) => named.name(),
            Scalar::User(_) | Scalar::Jumping(_) => "user function",
        }
    }
}

impl Part {
    fn new(function: Scalar) -> Self {
        Self { function, table: Table::default(), kinks: None }
    }

    fn kinked(function: Scalar, kinks: &Kinks) -> Self {
        let part = |kinks: &Kinks| {
            let singular = kinks.function();
            Self::new(match &function {
                Scalar::Jumping(_) => Scalar::Jumping(singular),
                _ => Scalar::User(singular),
            })
        };
        let corners = (!kinks.central())
            .then(|| Arc::new(Corners { kinks: kinks.clone(), part: part(kinks) }));
        Self { kinks: corners, ..Self::new(function) }
    }

    fn coefficients(&self, a: f64, single: bool) -> Result<Coefficients, Error> {
        let tolerance = if single { TOLERANCE_SINGLE } else { TOLERANCE };
        coefficients(&self.function, &self.table, a, tolerance)
    }

    fn prepare<T: Element>(
        &self,
        name: &'static str,
        variances: &[T],
    ) -> Result<Prepared<T>, Error> {
        let parity = self.function.parity();
        let mut points: Vec<Coefficients> = Vec::with_capacity(variances.len());
        for (index, v) in variances.iter().enumerate() {
            let value = v.to_f64();
            let point = match points.last() {
                // normalised inputs share one variance
                Some(last) if variances[index - 1].to_f64() == value => last.clone(),
                _ => self.coefficients(value, T::SINGLE)?,
            };
            let numbers = [point.power, point.slope_power, point.mean];
            if !numbers.iter().all(|x| T::from_f64(*x).to_f64().is_finite()) {
                let format = if T::SINGLE { "f32" } else { "f64" };
                return Err(Error::Overflow { activation: name, index, value, format });
            }
            points.push(point);
        }
        let terms = points.iter().map(|point| point.full).max().unwrap_or(0);
        let beyond = points.iter().map(|point| point.tail.len()).max().unwrap_or(0);
        let columns = Columns { per_term: per_term(parity), beyond };
        let mut prepared = Prepared::zeros(variances.len(), columns.count(terms));
        let mut error: f64 = 0.0;
        for (index, (point, v)) in points.iter().zip(variances).enumerate() {
            columns.write(&mut prepared, index, v.to_f64(), point);
            error = error.max(match &self.kinks {
                Some(corners) if v.to_f64() > 0.0 => {
                    corners.error(&self.function, v.to_f64(), point, T::SINGLE)?
                }
                _ => point.error,
            });
        }
        columns.write_windows(&mut prepared, &points);
        let shift = points.iter().map(|point| point.shift).fold(0.0, f64::max);
        let rounding = if T::SINGLE { ROUNDING_SINGLE + shift } else { ROUNDING };
        let prepared = prepared.with_error(error + rounding);
        match &self.kinks {
            None => Ok(prepared),
            Some(corners) => Ok(prepared.with_kinks(corners.part.prepare(name, variances)?)),
        }
    }

    fn apply<T: Element>(&self, isa: Isa, row: Row<'_, T>, then: Affine) {
        let Some(corners) = &self.kinks else { return self.series(isa, row, then) };
        let (Some(kinks_left), Some(kinks_right)) = (row.left.kinks(), row.right.kinks()) else {
            panic!("points prepared by another dual");
        };
        row.check_range();
        let Row { left, i, right, j0, k, mut t } = row;
        let near = |m: usize, c: T| {
            c.to_f64().abs() > NEAR * product_of_roots((left, i), (right, j0 + m))
                && variance(left, i) > 0.0
                && variance(right, j0 + m) > 0.0
        };
        let flagged = (0..k.len()).filter(|&m| near(m, k[m]));
        let restored: Vec<Restored<T>> = flagged
            .map(|m| {
                let c = k[m].to_f64();
                let [a, b] = [variance(left, i), variance(right, j0 + m)];
                if a == b && a == c {
                    // a copy: the squares are known
                    return Restored::Copy(m, t.as_ref().map(|t| t[m]));
                }
                let (mut value, mut slope) = ([k[m]], [T::from_f64(1.0)]);
                let one = Row {
                    left: kinks_left,
                    i,
                    right: kinks_right,
                    j0: j0 + m,
                    k: &mut value,
                    t: Some(&mut slope),
                };
                corners.part.series(isa, one, Affine::IDENTITY);
                // what the series of the steps and ramps lacks of their closed form
                let closed = corners.kinks.pair(a, b, c);
                let t = t.as_ref().map_or(0.0, |t| t[m].to_f64());
                let k = closed.k - value[0].to_f64();
                Restored::Lack(m, Pair { k, kd: t * (closed.kd - slope[0].to_f64()) })
            })
            .collect();
        let row = Row { left, i, right, j0, k: &mut *k, t: t.as_deref_mut() };
        if restored.is_empty() {
            return self.series(isa, row, then);
        }
        self.series(isa, row, Affine::IDENTITY);
        for entry in restored {
            match entry {
                Restored::Copy(m, own) => {
                    let [power, slope] = powers(left, i);
                    k[m] = power;
                    if let (Some(t), Some(own)) = (&mut t, own) {
                        t[m] = T::from_f64(own.to_f64() * slope.to_f64());
                    }
                }
                Restored::Lack(m, lack) => {
                    k[m] = T::from_f64(k[m].to_f64() + lack.k);
                    if let Some(t) = &mut t {
                        t[m] = T::from_f64(t[m].to_f64() + lack.kd);
                    }
                }
            }
        }
        T::dispatch(isa, Finish { k, t, then });
    }

    /// [`apply`](Self::apply) by the series alone.
    fn series<T: Element>(&self, isa: Isa, row: Row<'_, T>, then: Affine) {
        let per_term = per_term(self.function.parity());
        assert!(
            [row.left, row.right].iter().all(|side| Columns::fit(side.columns(), per_term)),
            "prepared by another dual"
        );
        row.check_range();
        match self.function.parity() {
            Parity::Odd => T::dispatch(isa, SeriesRow::<T, false, true> { row, then }),
            Parity::Even => T::dispatch(isa, SeriesRow::<T, true, false> { row, then }),
            Parity::Both => T::dispatch(isa, SeriesRow::<T, true, true> { row, then }),
        }
    }

    fn diagonal(&self, v: f64) -> Pair {
        match self.coefficients(v, false) {
            Ok(point) => {
                // one and the same number for a point with itself and with a copy of it
                let settle = |whole: f64, sum: f64| {
                    let close = (sum - whole).abs() <= SETTLED * whole;
                    if close && self.kinks.is_none() { sum } else { whole }
                };
                Pair {
                    k: settle(point.power, point.sums.k),
                    kd: settle(point.slope_power, point.sums.kd),
                }
            }
            Err(_) => Pair { k: f64::NAN, kd: f64::NAN },
        }
    }
}

impl Corners {
    /// Relative error of the duals at a variance, where steps and ramps are taken apart.
    fn error(
        &self,
        function: &Scalar,
        v: f64,
        point: &Coefficients,
        single: bool,
    ) -> Result<f64, Error> {
        let own = self.part.coefficients(v, single)?;
        let closed = self.kinks.pair(v, v, v);
        let share = |whole: f64, x: f64| if whole > 0.0 { x.abs() / whole } else { x.abs() };
        let lack = |restored: Pair| {
            let k = share(point.power, point.power - point.sums.k - restored.k);
            let kd = share(point.slope_power, point.slope_power - point.sums.kd - restored.kd);
            if matches!(function, Scalar::Jumping(_)) { k } else { k.max(kd) }
        };
        let cut = lack(Pair { k: 0.0, kd: 0.0 });
        let restored = Pair { k: closed.k - own.sums.k, kd: closed.kd - own.sums.kd };
        Ok((point.error - cut).max(0.0) + 2.0 * lack(restored))
    }
}

impl Route for Hermite {
    fn prepare<T: Element>(
        &self,
        name: &'static str,
        variances: &[T],
    ) -> Result<Prepared<T>, Error> {
        let prepared = self.whole.prepare(name, variances)?;
        match &self.continuous {
            None => Ok(prepared),
            Some(part) => Ok(prepared.with_slope(part.prepare(name, variances)?)),
        }
    }

    fn apply<T: Element>(&self, isa: Isa, row: Row<'_, T>, then: Affine) {
        let Some(part) = &self.continuous else { return self.whole.apply(isa, row, then) };
        let (Some(slope_left), Some(slope_right)) = (row.left.slope(), row.right.slope()) else {
            panic!("points prepared by another dual");
        };
        let Row { left, i, right, j0, k, t } = row;
        let mut t = t;
        if let Some(t) = &mut t {
            let mut unused = k.to_vec();
            let (k, t) = (&mut unused[..], Some(&mut **t));
            let row = Row { left: slope_left, i, right: slope_right, j0, k, t };
            part.apply(isa, row, Affine::IDENTITY);
        }
        self.whole.apply(isa, Row { left, i, right, j0, k, t: None }, Affine::IDENTITY);
        T::dispatch(isa, Finish { k, t, then });
    }

    fn pair(&self, a: f64, b: f64, c: f64) -> Pair {
        let nan = Pair { k: f64::NAN, kd: f64::NAN };
        if !(a >= 0.0 && b >= 0.0 && a.is_finite() && b.is_finite()) {
            return nan;
        }
        let name = self.name();
        match (self.prepare(name, &[a]), self.prepare(name, &[b])) {
            (Ok(left), Ok(right)) => {
                let (mut k, mut kd) = ([c], [1.0]);
                let (k, t) = (&mut k[..], Some(&mut kd[..]));
                let row = Row { left: &left, i: 0, right: &right, j0: 0, k, t };
                self.apply(Isa::Portable, row, Affine::IDENTITY);
                Pair { k: k[0], kd: kd[0] }
            }
            _ => nan,
        }
    }

    fn diagonal(&self, v: f64) -> Pair {
        let whole = self.whole.diagonal(v);
        match &self.continuous {
            None => whole,
            Some(part) => Pair { k: whole.k, kd: part.diagonal(v).kd },
        }
    }

    fn is_closed_form(&self) -> bool {
        false
    }
}

/// The affine map behind an activation, on its own.
struct Finish<'a, T> {
    k: &'a mut [T],
    t: Option<&'a mut [T]>,
    then: Affine,
}

impl<T: Element> Job<T> for Finish<'_, T> {
    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let Self { k, t, then } = self;
        if let Some(t) = t {
            for (k, t) in k.chunks(L::WIDTH).zip(t.chunks_mut(L::WIDTH)) {
                let value = then.t(lanes.load(k), lanes.load(t));
                lanes.store(t, value);
            }
        }
        for k in k.chunks_mut(L::WIDTH) {
            let value = then.k(lanes.load(k));
            lanes.store(k, value);
        }
    }
}
