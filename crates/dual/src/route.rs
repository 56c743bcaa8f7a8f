//! How a dual is evaluated: the two traits behind [`Dual`](crate::Dual).
//!
//! An activation with a closed form implements [`Family`]: a few numbers per point, one formula
//! per pair. Wrapped in [`Closed`] it becomes a [`Route`]. Routes whose per-point data have a size
//! known at run time only (series coefficients) implement [`Route`] themselves.

use crate::lanes::{Element, F64x1, Isa, Job, Lanes, Real};
use crate::{Error, Pair, Prepared};

/// A closed form with `N` (at least one) prepared numbers per point.
///
/// To add an activation: one file with a type implementing this trait, one line in the list of
/// routes and one in `Dual::new`. The contract suite then tests it.
pub(crate) trait Family<const N: usize>: Clone + Send + Sync {
    /// Numbers that every pair of a point of variance `v` (finite, not negative) uses. `single` is
    /// set when they will be rounded to `f32`. A number that is not finite makes the caller report
    /// an overflow, as does a diagonal that is not.
    fn prepare(&self, v: f64, single: bool) -> [f64; N];

    /// `(E[s(u) s(v)], E[s'(u) s'(v)])` for covariance `c`, lane by lane.
    ///
    /// Swapping `left` and `right` must give the same bits: sums and products of the two may be
    /// formed in either order, but `x.mul_add(y, z)` rounds only once and must itself be symmetric
    /// (`l * r` with anything symmetric added is fine; `l0.mul_add(r1, l1 * r0)` is not: write
    /// `l0 * r1 + l1 * r0`). No NaN may come out, `|c|` may exceed `sqrt(a b)` by rounding, and
    /// `#[inline(always)]` is needed. Whatever only the second result needs costs nothing when it is not asked for.
    fn pair<R: Real>(&self, left: [R; N], right: [R; N], c: R) -> (R, R);

    /// `(E[s(u)^2], E[s'(u)^2])` at variance `v`, not through [`pair`](Self::pair) where that
    /// would cancel.
    fn diagonal(&self, v: f64) -> Pair;
}

/// Everything [`Dual`](crate::Dual) asks of an activation.
pub(crate) trait Route: Clone + Send + Sync {
    /// See [`Dual::prepare`](crate::Dual::prepare); the variances are finite and not negative.
    fn prepare<T: Element>(
        &self,
        name: &'static str,
        variances: &[T],
    ) -> Result<Prepared<T>, Error>;

    /// See [`Dual::apply`](crate::Dual::apply).
    fn apply<T: Element>(&self, isa: Isa, row: Row<'_, T>);

    /// See [`Dual::pair`](crate::Dual::pair).
    fn pair(&self, a: f64, b: f64, c: f64) -> Pair;

    /// See [`Dual::diagonal`](crate::Dual::diagonal).
    fn diagonal(&self, v: f64) -> Pair;

    /// Whether nothing is approximated.
    fn is_closed_form(&self) -> bool;
}

/// A [`Family`] as a [`Route`].
#[derive(Clone)]
pub(crate) struct Closed<F, const N: usize>(pub F);

impl<F: Family<N>, const N: usize> Route for Closed<F, N> {
    fn prepare<T: Element>(
        &self,
        name: &'static str,
        variances: &[T],
    ) -> Result<Prepared<T>, Error> {
        let mut prepared = Prepared::zeros(variances.len(), N);
        for (index, v) in variances.iter().enumerate() {
            let value = v.to_f64();
            let mut finite = true;
            for (column, x) in self.0.prepare(value, T::SINGLE).into_iter().enumerate() {
                let x = T::from_f64(x);
                finite &= x.to_f64().is_finite();
                prepared.set(column, index, x);
            }
            let Pair { k, kd } = self.0.diagonal(value);
            finite &= [k, kd].into_iter().all(|x| T::from_f64(x).to_f64().is_finite());
            if !finite {
                let format = if T::SINGLE { "f32" } else { "f64" };
                return Err(Error::Overflow { activation: name, index, value, format });
            }
        }
        Ok(prepared)
    }

    fn apply<T: Element>(&self, isa: Isa, row: Row<'_, T>) {
        row.check(N);
        T::dispatch(isa, ClosedJob { family: &self.0, row });
    }

    fn pair(&self, a: f64, b: f64, c: f64) -> Pair {
        let [left, right] = [a, b].map(|v| self.0.prepare(v, false).map(F64x1));
        let (k, kd) = self.0.pair(left, right, F64x1(c));
        Pair { k: k.0, kd: kd.0 }
    }

    fn diagonal(&self, v: f64) -> Pair {
        self.0.diagonal(v)
    }

    fn is_closed_form(&self) -> bool {
        true
    }
}

/// One row of entries: left point `i` against right points `j0`, `j0 + 1`, ...
pub(crate) struct Row<'a, T> {
    pub left: &'a Prepared<T>,
    pub i: usize,
    pub right: &'a Prepared<T>,
    pub j0: usize,
    /// Covariances, to become values of the kernel.
    pub k: &'a mut [T],
    /// To be multiplied by derivatives.
    pub t: Option<&'a mut [T]>,
}

impl<T: Element> Row<'_, T> {
    /// Panics unless points and columns exist.
    pub(crate) fn check(&self, columns: usize) {
        let Self { left, i, right, j0, k, t } = self;
        assert!(
            left.columns() == columns && right.columns() == columns,
            "points prepared by another dual"
        );
        assert!(*i < left.len() && j0 + k.len() <= right.len(), "point out of range");
        assert!(t.as_ref().is_none_or(|t| t.len() == k.len()), "k and t differ in length");
    }
}

/// Computes one vector of entries.
pub(crate) trait Entry<T, L: Lanes<T>> {
    /// `k` and `kd` of entries `m`, `m + 1`, ... with covariances `c`; lanes beyond the end of the
    /// row hold anything. Implementations are `#[inline(always)]`.
    fn at(&self, m: usize, c: L::Vector) -> (L::Vector, L::Vector);
}

/// Runs over a row, vector by vector; the last, partial one goes through the same code.
#[inline(always)]
pub(crate) fn sweep<T: Element, L: Lanes<T>, E: Entry<T, L>>(
    lanes: L,
    entry: &E,
    k: &mut [T],
    t: Option<&mut [T]>,
) {
    let whole = k.len() - k.len() % L::WIDTH;
    let (k_whole, k_tail) = k.split_at_mut(whole);
    let Some(t) = t else {
        for (m, k) in k_whole.chunks_exact_mut(L::WIDTH).enumerate() {
            let (value, _) = entry.at(m * L::WIDTH, lanes.load(k));
            lanes.store(k, value);
        }
        if !k_tail.is_empty() {
            let (value, _) = entry.at(whole, lanes.load(k_tail));
            lanes.store(k_tail, value);
        }
        return;
    };
    let (t_whole, t_tail) = t.split_at_mut(whole);
    let pairs = k_whole.chunks_exact_mut(L::WIDTH).zip(t_whole.chunks_exact_mut(L::WIDTH));
    for (m, (k, t)) in pairs.enumerate() {
        let (value, slope) = entry.at(m * L::WIDTH, lanes.load(k));
        lanes.store(k, value);
        let product = lanes.load(t) * slope;
        lanes.store(t, product);
    }
    if !k_tail.is_empty() {
        let (value, slope) = entry.at(whole, lanes.load(k_tail));
        lanes.store(k_tail, value);
        let product = lanes.load(t_tail) * slope;
        lanes.store(t_tail, product);
    }
}

struct ClosedJob<'a, F, T, const N: usize> {
    family: &'a F,
    row: Row<'a, T>,
}

impl<F: Family<N>, T: Element, const N: usize> Job<T> for ClosedJob<'_, F, T, N> {
    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let Row { left, i, right, j0, k, t } = self.row;
        let mut point = [lanes.splat(left.column(0)[i]); N];
        for (column, vector) in point.iter_mut().enumerate() {
            *vector = lanes.splat(left.column(column)[i]);
        }
        // one length for all columns, known to hold the last vector: no bounds checks in the loop
        let length = k.len().next_multiple_of(L::WIDTH);
        let mut columns = [&right.column(0)[j0..]; N];
        for (column, slice) in columns.iter_mut().enumerate() {
            *slice = &right.column(column)[j0..][..length];
        }
        // a copy of its own, which no store to the row can be thought to change: parameters stay
        // in registers
        let family = self.family.clone();
        sweep(lanes, &ClosedEntry { lanes, family, left: point, right: columns }, k, t);
    }
}

struct ClosedEntry<'a, F, T, L: Lanes<T>, const N: usize> {
    lanes: L,
    family: F,
    left: [L::Vector; N],
    right: [&'a [T]; N],
}

impl<F: Family<N>, T: Element, L: Lanes<T>, const N: usize> Entry<T, L>
    for ClosedEntry<'_, F, T, L, N>
{
    #[inline(always)]
    fn at(&self, m: usize, c: L::Vector) -> (L::Vector, L::Vector) {
        let mut right = self.left;
        for (vector, column) in right.iter_mut().zip(self.right) {
            *vector = self.lanes.load(&column[m..m + L::WIDTH]);
        }
        self.family.pair(self.left, right, c)
    }
}
