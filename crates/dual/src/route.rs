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
    #[expect(clippy::too_many_arguments, reason = "the arguments of Dual::apply")]
    fn apply<T: Element>(
        &self,
        isa: Isa,
        left: &Prepared<T>,
        i: usize,
        right: &Prepared<T>,
        j0: usize,
        k: &mut [T],
        t: Option<&mut [T]>,
    );

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

    fn apply<T: Element>(
        &self,
        isa: Isa,
        left: &Prepared<T>,
        i: usize,
        right: &Prepared<T>,
        j0: usize,
        k: &mut [T],
        t: Option<&mut [T]>,
    ) {
        assert!(left.columns() == N && right.columns() == N, "prepared by another dual");
        assert!(i < left.len() && j0 + k.len() <= right.len(), "point out of range");
        assert!(t.as_ref().is_none_or(|t| t.len() == k.len()), "k and t differ in length");
        let left = std::array::from_fn(|column| left.column(column)[i]);
        let right = std::array::from_fn(|column| &right.column(column)[j0..]);
        T::dispatch(isa, Row { family: &self.0, left, right, k, t });
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

/// One row of entries: a left point against consecutive right points.
struct Row<'a, F, T, const N: usize> {
    family: &'a F,
    left: [T; N],
    /// Columns from the first right point on, longer than `k` by at least one vector.
    right: [&'a [T]; N],
    k: &'a mut [T],
    t: Option<&'a mut [T]>,
}

impl<F: Family<N>, T: Element, const N: usize> Job<T> for Row<'_, F, T, N> {
    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let mut left = [lanes.splat(self.left[0]); N];
        for (vector, x) in left.iter_mut().zip(self.left) {
            *vector = lanes.splat(x);
        }
        // equal lengths let the compiler drop the bounds checks in the loops
        let n = self.k.len();
        let whole = n - n % L::WIDTH;
        let mut right = self.right;
        for column in &mut right {
            *column = &column[..whole + L::WIDTH];
        }
        match self.t {
            Some(t) => {
                let (k_whole, k_tail) = self.k.split_at_mut(whole);
                let (t_whole, t_tail) = t[..n].split_at_mut(whole);
                for (m, (k, t)) in k_whole
                    .chunks_exact_mut(L::WIDTH)
                    .zip(t_whole.chunks_exact_mut(L::WIDTH))
                    .enumerate()
                {
                    let (dual, slope) = entry(self.family, lanes, left, right, m * L::WIDTH, k);
                    lanes.store(k, dual);
                    let product = lanes.load(t) * slope;
                    lanes.store(t, product);
                }
                if whole < n {
                    let (dual, slope) = entry(self.family, lanes, left, right, whole, k_tail);
                    lanes.store(k_tail, dual);
                    let product = lanes.load(t_tail) * slope;
                    lanes.store(t_tail, product);
                }
            }
            None => {
                let (k_whole, k_tail) = self.k.split_at_mut(whole);
                for (m, k) in k_whole.chunks_exact_mut(L::WIDTH).enumerate() {
                    let (dual, _) = entry(self.family, lanes, left, right, m * L::WIDTH, k);
                    lanes.store(k, dual);
                }
                if whole < n {
                    let (dual, _) = entry(self.family, lanes, left, right, whole, k_tail);
                    lanes.store(k_tail, dual);
                }
            }
        }
    }
}

/// Both duals of one vector of entries.
#[inline(always)]
fn entry<F: Family<N>, T: Element, L: Lanes<T>, const N: usize>(
    family: &F,
    lanes: L,
    left: [L::Vector; N],
    right: [&[T]; N],
    m: usize,
    covariances: &[T],
) -> (L::Vector, L::Vector) {
    let mut point = left;
    for (vector, column) in point.iter_mut().zip(right) {
        *vector = lanes.load(&column[m..m + L::WIDTH]);
    }
    family.pair(left, point, lanes.load(covariances))
}
