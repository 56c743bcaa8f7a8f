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

mod coefficients;
mod function;
mod projection;
mod rule;
mod series;
mod table;

use widelimit_arch::Function;

use self::coefficients::{Coefficients, coefficients, per_term};
use self::function::{Named, Parity, Scalar};
use self::series::{Columns, SeriesRow};
use self::table::Table;
use crate::lanes::{Element, Isa};
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

/// The dual of a function without a closed form.
#[derive(Clone, Debug)]
pub(crate) struct Hermite {
    function: Scalar,
    table: Table,
}

impl Hermite {
    /// `None` for functions that have a closed form.
    pub(crate) fn new(function: &Function) -> Option<Self> {
        let function = match function {
            Function::Named(named) => Scalar::Named(Named::new(*named)?),
            Function::User(user) => Scalar::User(user.clone()),
        };
        Some(Self { function, table: Table::default() })
    }

    /// The function's name; `user` for the user's own.
    pub(crate) fn name(&self) -> &'static str {
        match &self.function {
            Scalar::Named(named) => named.name(),
            Scalar::User(_) => "user function",
        }
    }

    fn coefficients(&self, a: f64, single: bool) -> Result<Coefficients, Error> {
        let tolerance = if single { TOLERANCE_SINGLE } else { TOLERANCE };
        coefficients(&self.function, &self.table, a, tolerance)
    }
}

impl Route for Hermite {
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
        let columns = Columns { per_term: per_term(parity) };
        let mut prepared = Prepared::zeros(variances.len(), columns.count(terms));
        let mut error: f64 = 0.0;
        for (index, (point, v)) in points.iter().zip(variances).enumerate() {
            columns.write(&mut prepared, index, v.to_f64(), point);
            error = error.max(point.error);
        }
        columns.write_windows(&mut prepared, &points);
        let rounding = if T::SINGLE { ROUNDING_SINGLE } else { ROUNDING };
        Ok(prepared.with_error(error + rounding))
    }

    fn apply<T: Element>(&self, isa: Isa, row: Row<'_, T>, then: Affine) {
        let columns = Columns { per_term: per_term(self.function.parity()) };
        assert!(
            columns.fits(row.left.columns()) && columns.fits(row.right.columns()),
            "prepared by another dual"
        );
        row.check_range();
        match self.function.parity() {
            Parity::Odd => T::dispatch(isa, SeriesRow::<T, false, true> { row, then }),
            Parity::Even => T::dispatch(isa, SeriesRow::<T, true, false> { row, then }),
            Parity::Both => T::dispatch(isa, SeriesRow::<T, true, true> { row, then }),
        }
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
        match self.coefficients(v, false) {
            Ok(point) => Pair { k: point.power, kd: point.slope_power },
            Err(_) => Pair { k: f64::NAN, kd: f64::NAN },
        }
    }

    fn is_closed_form(&self) -> bool {
        false
    }
}
