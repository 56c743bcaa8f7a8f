//! How a dual is evaluated: the two traits behind [`Dual`](crate::Dual).
//!
//! An activation with a closed form implements [`Family`]: a few numbers per point, one formula
//! per pair. Wrapped in [`Closed`] it becomes a [`Route`]. Routes whose per-point data have a size
//! known at run time only (series coefficients) implement [`Route`] themselves.

use crate::field::{Field, FieldJob, by_rows};
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

    /// [`pair`](Self::pair) for entries whose covariance carries rounding of its own, sums over many
    /// positions: what `pair` spends on the last digits near `|rho| = 1` may be left out. The third result
    /// is up to 1 where that costs more than rounding, 0 elsewhere ([`COUNTS`](Self::COUNTS)).
    ///
    /// `PLAIN` says that [`is_plain`](Self::is_plain).
    #[inline(always)]
    fn pair_of_sums<R: Real, const PLAIN: bool>(
        &self,
        left: [R; N],
        right: [R; N],
        c: R,
    ) -> (R, R, R) {
        let (k, kd) = self.pair(left, right, c);
        (k, kd, c.zero())
    }

    /// Whether [`pair_of_sums`](Self::pair_of_sums) tells where digits are missing.
    const COUNTS: bool = false;

    /// Whether some parameters are so common that loops of their own pay.
    const HAS_PLAIN: bool = false;

    /// Whether these are such parameters.
    fn is_plain(&self) -> bool {
        false
    }

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
    fn apply<T: Element>(&self, isa: Isa, row: Row<'_, T>, then: Affine);

    /// See [`Dual::apply_field`](crate::Dual::apply_field).
    fn field<T: Element>(&self, isa: Isa, field: Field<'_, T>) {
        by_rows(self, isa, field);
    }

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

    fn apply<T: Element>(&self, isa: Isa, row: Row<'_, T>, then: Affine) {
        row.check(N);
        T::dispatch(isa, ClosedJob { family: &self.0, row, then });
    }

    fn field<T: Element>(&self, isa: Isa, field: Field<'_, T>) {
        let columns = [field.left, field.right].map(Prepared::columns);
        assert!(columns == [N; 2], "points prepared by another dual");
        T::dispatch(isa, FieldJob { family: &self.0, field });
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

/// One row of entries: left point `i` with right points `j0`, `j0 + 1`, ...
#[derive(Debug)]
pub struct Row<'a, T> {
    /// The points on the left side.
    pub left: &'a Prepared<T>,
    /// Which of them.
    pub i: usize,
    /// The points on the right side.
    pub right: &'a Prepared<T>,
    /// The first of them.
    pub j0: usize,
    /// Covariances, to become values of the kernel.
    pub k: &'a mut [T],
    /// As long as `k`, to be multiplied by derivatives.
    pub t: Option<&'a mut [T]>,
}

/// The affine map of a dense layer behind an activation, applied while an entry is in registers.
///
/// With `k` and `t` the results of the activation, `k' = scale k + shift` and
/// `t' = keep t + share k + offset`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// Factor of `k`, the weights' variance.
    pub scale: f64,
    /// Added to it, the bias' variance.
    pub shift: f64,
    /// Factor of `t`.
    pub keep: f64,
    /// How often `t'` contains `k`.
    pub share: f64,
    /// Added to it.
    pub offset: f64,
}

impl Affine {
    /// Leaves both as they are.
    pub const IDENTITY: Self = Self { scale: 1.0, shift: 0.0, keep: 1.0, share: 0.0, offset: 0.0 };

    /// `k'`.
    #[inline(always)]
    pub(crate) fn k<R: Real>(self, k: R) -> R {
        k.mul_add(k.lit(self.scale), k.lit(self.shift))
    }

    /// `t'`, where the activation made `k` and `t`.
    #[inline(always)]
    pub(crate) fn t<R: Real>(self, k: R, t: R) -> R {
        t.mul_add(t.lit(self.keep), k.mul_add(k.lit(self.share), k.lit(self.offset)))
    }
}

impl<T: Element> Row<'_, T> {
    /// Panics unless the points were prepared with this many columns and exist.
    pub(crate) fn check(&self, columns: usize) {
        assert!(
            [self.left, self.right].iter().all(|side| side.columns() == columns),
            "points prepared by another dual"
        );
        self.check_range();
    }

    /// Panics unless the points exist.
    pub(crate) fn check_range(&self) {
        let Self { left, i, right, j0, k, t } = self;
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
    then: Affine,
    k: &mut [T],
    t: Option<&mut [T]>,
) {
    let whole = k.len() - k.len() % L::WIDTH;
    let (k_whole, k_tail) = k.split_at_mut(whole);
    let Some(t) = t else {
        for (m, k) in k_whole.chunks_exact_mut(L::WIDTH).enumerate() {
            value(lanes, entry, then, m * L::WIDTH, k);
        }
        if !k_tail.is_empty() {
            value(lanes, entry, then, whole, k_tail);
        }
        return;
    };
    let (t_whole, t_tail) = t.split_at_mut(whole);
    let pairs = k_whole.chunks_exact_mut(L::WIDTH).zip(t_whole.chunks_exact_mut(L::WIDTH));
    for (m, (k, t)) in pairs.enumerate() {
        both(lanes, entry, then, m * L::WIDTH, k, t);
    }
    if !k_tail.is_empty() {
        both(lanes, entry, then, whole, k_tail, t_tail);
    }
}

/// At most a vector of entries without derivatives.
#[inline(always)]
fn value<T: Element, L: Lanes<T>, E: Entry<T, L>>(
    lanes: L,
    entry: &E,
    then: Affine,
    m: usize,
    k: &mut [T],
) {
    let (value, _) = entry.at(m, lanes.load(k));
    lanes.store(k, then.k(value));
}

/// At most a vector of entries.
#[inline(always)]
fn both<T: Element, L: Lanes<T>, E: Entry<T, L>>(
    lanes: L,
    entry: &E,
    then: Affine,
    m: usize,
    k: &mut [T],
    t: &mut [T],
) {
    let (value, slope) = entry.at(m, lanes.load(k));
    lanes.store(k, then.k(value));
    let product = lanes.load(t) * slope;
    lanes.store(t, then.t(value, product));
}

struct ClosedJob<'a, F, T, const N: usize> {
    family: &'a F,
    row: Row<'a, T>,
    then: Affine,
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
        let entry = ClosedEntry { lanes, family, left: point, right: columns };
        sweep(lanes, &entry, self.then, k, t);
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
