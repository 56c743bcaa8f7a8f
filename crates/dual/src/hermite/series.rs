//! Summing the series of a row of pairs by Horner's rule, in the square of the correlation.
//!
//! Each point knows two lengths of its series: after `full` terms its own tail is negligible
//! whatever it is multiplied with, after `half` terms it is against a tail as small as itself. By
//! Cauchy-Schwarz the product series of two points may stop at
//!
//! ```text
//! min(max(half, half'), full, full')
//! ```
//!
//! which depends on the two points only. Lanes that stop earlier than their neighbours see exact
//! zeros until their own first term, so neighbours do not change a result.
//!
//! Two points whose coefficients go on have theirs at the nodes of [`degrees`](super::degrees) as
//! well. Those take part if all terms do, and near `|rho| = 1` only, where `rho^i` leaves something
//! of them.

use super::coefficients::Coefficients;
use super::degrees::{FIRST, NODES, Node};
use crate::families::near_one;
use crate::lanes::{Element, Job, Lanes, Real, polynomial};
use crate::{Affine, Prepared, Row};

/// Points looked ahead for bounds on the lengths: the most one block of vectors holds.
const WINDOW: usize = 64;

const ROOT: usize = 0;
const INVERSE: usize = 1;
const MEAN: usize = 2;
const LINEAR: usize = 3;
const HALF: usize = 4;
const FULL: usize = 5;
/// Smallest and largest `half`, smallest and largest `full` among the next [`WINDOW`] points.
const BOUNDS: [usize; 4] = [6, 7, 8, 9];
/// Columns of coefficients at nodes, the same number in every point; the series follows them.
const BEYOND: usize = 10;
/// The variance times the square of a power of two, near 1, and that power.
const SCALED: usize = 11;
const SCALE: usize = 12;
/// `E[s^2]` and `E[s'^2]`.
const POWERS: [usize; 2] = [13, 14];
const COEFFICIENTS: usize = 15;

/// Layout of the prepared numbers.
#[derive(Clone, Copy)]
pub(super) struct Columns {
    /// Coefficients to a term: one for functions of one parity.
    pub per_term: usize,
    /// Most coefficients at nodes of any point.
    pub beyond: usize,
}

impl Columns {
    /// Columns for series of so many terms.
    pub(super) fn count(self, terms: usize) -> usize {
        COEFFICIENTS + self.beyond + terms * self.per_term
    }

    /// Whether so many columns can be a series with so many coefficients to a term.
    pub(super) fn fit(columns: usize, per_term: usize) -> bool {
        columns >= COEFFICIENTS && (columns - COEFFICIENTS).is_multiple_of(per_term)
    }

    /// Writes one point.
    pub(super) fn write<T: Element>(
        self,
        prepared: &mut Prepared<T>,
        index: usize,
        variance: f64,
        point: &Coefficients,
    ) {
        let root = variance.sqrt();
        // below the normal numbers the correlation has no digits left; such a point counts as zero
        let smallest = if T::SINGLE { f64::from(f32::MIN_POSITIVE) } else { 1e-300 };
        let (inverse, (scaled, scale)) =
            if variance < smallest { (0.0, (1.0, 0.0)) } else { (1.0 / root, near_one(variance)) };
        let mut set = |column, x| prepared.set(column, index, T::from_f64(x));
        set(ROOT, root);
        set(INVERSE, inverse);
        set(MEAN, point.mean);
        set(LINEAR, point.linear);
        set(HALF, point.half as f64);
        set(FULL, point.full as f64);
        set(BEYOND, self.beyond as f64);
        set(POWERS[0], point.power);
        set(POWERS[1], point.slope_power);
        set(SCALED, scaled);
        set(SCALE, scale);
        for (m, x) in point.tail.iter().enumerate() {
            set(COEFFICIENTS + m, *x);
        }
        for (m, x) in point.series.iter().enumerate() {
            set(COEFFICIENTS + self.beyond + m, *x);
        }
    }

    /// Writes the bounds over the points that follow each one.
    pub(super) fn write_windows<T: Element>(
        self,
        prepared: &mut Prepared<T>,
        points: &[Coefficients],
    ) {
        for index in 0..points.len() {
            let window = &points[index..points.len().min(index + WINDOW)];
            let bounds = window.iter().fold([usize::MAX, 0, usize::MAX, 0], |b, point| {
                [
                    b[0].min(point.half),
                    b[1].max(point.half),
                    b[2].min(point.full),
                    b[3].max(point.full),
                ]
            });
            for (column, bound) in BOUNDS.into_iter().zip(bounds) {
                prepared.set(column, index, T::from_f64(bound as f64));
            }
        }
    }
}

/// Variance of a prepared point; 0 where it counts as zero.
pub(super) fn variance<T: Element>(prepared: &Prepared<T>, index: usize) -> f64 {
    let [scaled, scale] = [SCALED, SCALE].map(|column| prepared.column(column)[index].to_f64());
    if scale > 0.0 { scaled / scale / scale } else { 0.0 }
}

/// `E[s^2]` and `E[s'^2]` of a prepared point.
pub(super) fn powers<T: Element>(prepared: &Prepared<T>, index: usize) -> [T; 2] {
    POWERS.map(|column| prepared.column(column)[index])
}

/// Product of the standard deviations of two prepared points.
pub(super) fn product_of_roots<T: Element>(
    (left, i): (&Prepared<T>, usize),
    (right, j): (&Prepared<T>, usize),
) -> f64 {
    left.column(ROOT)[i].to_f64() * right.column(ROOT)[j].to_f64()
}

/// One row of pairs; `EVEN` and `ODD` say which degrees from 2 on the series has.
pub(super) struct SeriesRow<'a, T, const EVEN: bool, const ODD: bool> {
    pub row: Row<'a, T>,
    pub then: Affine,
}

impl<T: Element, const EVEN: bool, const ODD: bool> Job<T> for SeriesRow<'_, T, EVEN, ODD> {
    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let Self { row: Row { left, i, right, j0, k, t }, then } = self;
        // the left coefficients lie one to a column: gather them once for the whole row
        let coefficients: Vec<T> =
            (COEFFICIENTS..left.columns()).map(|column| left.column(column)[i]).collect();
        let (beyond, series) = coefficients.split_at(left.column(BEYOND)[i].to_f64() as usize);
        let point = Left {
            root: left.column(ROOT)[i],
            inverse: left.column(INVERSE)[i],
            mean: left.column(MEAN)[i],
            linear: left.column(LINEAR)[i],
            half: left.column(HALF)[i],
            full: left.column(FULL)[i],
            scaled: left.column(SCALED)[i],
            scale: left.column(SCALE)[i],
            series,
            beyond,
            nodes: &NODES,
            then,
        };
        if k.is_empty() {
            return;
        }
        match t {
            Some(t) => row::<T, L, EVEN, ODD, true>(lanes, &point, right, j0, k, t),
            None => row::<T, L, EVEN, ODD, false>(lanes, &point, right, j0, k, &mut []),
        }
    }
}

/// The left point of a row, and what follows.
struct Left<'a, T> {
    root: T,
    inverse: T,
    mean: T,
    linear: T,
    half: T,
    full: T,
    scaled: T,
    scale: T,
    series: &'a [T],
    /// Coefficients at nodes.
    beyond: &'a [T],
    nodes: &'a [Node],
    then: Affine,
}

impl<T: Element> Left<'_, T> {
    #[inline(always)]
    fn lengths(&self, right: &Prepared<T>, j: usize) -> Lengths {
        let [least_half, most_half, least_full, most_full] =
            BOUNDS.map(|column| right.column(column)[j].to_f64());
        let (half, full) = (self.half.to_f64(), self.full.to_f64());
        let shortest = half.max(least_half).min(full.min(least_full)) as usize;
        let longest = half.max(most_half).min(full.min(most_full)) as usize;
        let beyond = right.column(BEYOND)[j].to_f64() as usize;
        // zeros stand behind the last coefficient of each point
        let nodes = if longest < FIRST { 0 } else { self.beyond.len().min(beyond) };
        Lengths { shortest, longest, nodes, series: COEFFICIENTS + beyond }
    }
}

/// How long the series of one point with the next ones are.
#[derive(Clone, Copy)]
struct Lengths {
    /// Least terms of a pair.
    shortest: usize,
    /// Most terms of a pair.
    longest: usize,
    /// Coefficients at nodes that any pair may share.
    nodes: usize,
    /// Column of the first coefficient of the right points' terms.
    series: usize,
}

/// Vectors summed side by side, so that one waits for no other's result.
const ABREAST: usize = 4;

#[inline(always)]
fn row<T: Element, L: Lanes<T>, const EVEN: bool, const ODD: bool, const SLOPE: bool>(
    lanes: L,
    left: &Left<'_, T>,
    right: &Prepared<T>,
    j0: usize,
    k: &mut [T],
    t: &mut [T],
) {
    let n = k.len();
    let mut m = 0;
    while m + ABREAST * L::WIDTH <= n {
        let end = m + ABREAST * L::WIDTH;
        let t = if SLOPE { &mut t[m..end] } else { &mut [] as &mut [T] };
        let (j, k) = (j0 + m, &mut k[m..end]);
        // code of its own without nodes: they would take the registers of the others
        let lengths = left.lengths(right, j);
        if lengths.nodes > 0 {
            block::<T, L, EVEN, ODD, SLOPE, true, ABREAST>(lanes, left, right, j, lengths, k, t);
        } else {
            block::<T, L, EVEN, ODD, SLOPE, false, ABREAST>(lanes, left, right, j, lengths, k, t);
        }
        m = end;
    }
    while m < n {
        let end = n.min(m + L::WIDTH);
        let t = if SLOPE { &mut t[m..end] } else { &mut [] as &mut [T] };
        let (j, k) = (j0 + m, &mut k[m..end]);
        let lengths = left.lengths(right, j);
        block::<T, L, EVEN, ODD, SLOPE, true, 1>(lanes, left, right, j, lengths, k, t);
        m = end;
    }
}

/// `N` vectors of entries; `k` and `t` hold `N` vectors, or fewer entries than one.
#[inline(always)]
fn block<
    T: Element,
    L: Lanes<T>,
    const EVEN: bool,
    const ODD: bool,
    const SLOPE: bool,
    const NODES: bool,
    const N: usize,
>(
    lanes: L,
    left: &Left<'_, T>,
    right: &Prepared<T>,
    j: usize,
    Lengths { shortest, longest, nodes, series }: Lengths,
    k: &mut [T],
    t: &mut [T],
) {
    let zero = lanes.splat(T::default());
    let one = zero.lit(1.0);
    let (half, full) = (lanes.splat(left.half), lanes.splat(left.full));
    let inverse = lanes.splat(left.inverse);
    let (mut rho, mut square, mut length) = ([zero; N], [zero; N], [zero; N]);
    for v in 0..N {
        let at = v * L::WIDTH;
        let c = lanes.load(&k[at..]);
        let r = c * (inverse * points(lanes, right, INVERSE, j + at));
        rho[v] = r.max(-one).min(one);
        square[v] = rho[v] * rho[v];
        let longer = half.max(points(lanes, right, HALF, j + at));
        length[v] = longer.min(full.min(points(lanes, right, FULL, j + at)));
    }

    // value and derivative of the even and odd polynomials in the squared correlation
    let per_term = usize::from(EVEN) + usize::from(ODD);
    let mut even = Horner { sum: [zero; N], slope: [zero; N] };
    let mut odd = Horner { sum: [zero; N], slope: [zero; N] };
    for m in (shortest..longest).rev() {
        let index = zero.lit(m as f64);
        if EVEN {
            let mut d = products::<T, L, N>(
                lanes,
                left.series[m * per_term],
                right,
                series + m * per_term,
                j,
            );
            for v in 0..N {
                d[v] = d[v].select(index.lt(length[v]), zero);
            }
            even.add::<SLOPE>(&square, d);
        }
        if ODD {
            let mut d = products::<T, L, N>(
                lanes,
                left.series[m * per_term + usize::from(EVEN)],
                right,
                series + m * per_term + usize::from(EVEN),
                j,
            );
            for v in 0..N {
                d[v] = d[v].select(index.lt(length[v]), zero);
            }
            odd.add::<SLOPE>(&square, d);
        }
    }
    for m in (0..shortest).rev() {
        if EVEN {
            let d = products::<T, L, N>(
                lanes,
                left.series[m * per_term],
                right,
                series + m * per_term,
                j,
            );
            even.add::<SLOPE>(&square, d);
        }
        if ODD {
            let d = products::<T, L, N>(
                lanes,
                left.series[m * per_term + usize::from(EVEN)],
                right,
                series + m * per_term + usize::from(EVEN),
                j,
            );
            odd.add::<SLOPE>(&square, d);
        }
    }

    let (root, mean, linear) =
        (lanes.splat(left.root), lanes.splat(left.mean), lanes.splat(left.linear));
    for v in 0..N {
        let at = v * L::WIDTH;
        let first = linear * points(lanes, right, LINEAR, j + at);
        let (r, y) = (rho[v], square[v]);
        let (mut value, mut slope) = (first, first);
        if ODD {
            value = y.mul_add(odd.sum[v], value);
            if SLOPE {
                slope = y.mul_add(odd.sum[v] * 3.0 + (y * odd.slope[v]) * 2.0, slope);
            }
        }
        if EVEN {
            value = r.mul_add(even.sum[v], value);
            if SLOPE {
                slope = r.mul_add((y * even.slope[v] + even.sum[v]) * 2.0, slope);
            }
        }
        let mut product = r * value;
        if NODES && nodes > 0 {
            let c = lanes.load(&k[at..]);
            let complete = length[v].ge(zero.lit(FIRST as f64));
            let rest = beyond::<T, L, EVEN, ODD, SLOPE>(
                lanes,
                left,
                right,
                j + at,
                [r, c],
                complete,
                nodes,
            );
            product = product + rest.value;
            slope = slope + rest.slope;
        }
        let means = mean * points(lanes, right, MEAN, j + at);
        let result = (root * points(lanes, right, ROOT, j + at)).mul_add(product, means);
        let end = k.len().min(at + L::WIDTH);
        lanes.store(&mut k[at..end], left.then.k(result));
        if SLOPE {
            let product = lanes.load(&t[at..end]) * slope;
            lanes.store(&mut t[at..end], left.then.t(result, product));
        }
    }
}

/// Shares of the nodes in one vector of entries.
struct Rest<R> {
    /// In `sum e_i e_i rho^i`.
    value: R,
    /// In `sum i e_i e_i rho^(i-1)`.
    slope: R,
}

/// Powers `rho^i` below `e^-DECAYED` count as zero.
const DECAYED: f64 = 32.0;

#[inline(always)]
fn beyond<T: Element, L: Lanes<T>, const EVEN: bool, const ODD: bool, const SLOPE: bool>(
    lanes: L,
    left: &Left<'_, T>,
    right: &Prepared<T>,
    j: usize,
    [rho, c]: [L::Vector; 2],
    complete: <L::Vector as Real>::Mask,
    shared: usize,
) -> Rest<L::Vector> {
    let (zero, one) = (rho.zero(), rho.lit(1.0));
    let size = rho.abs();
    // 1 - rho^2 without cancellation: parallel points are told from nearly parallel ones
    let (a, b) = (lanes.splat(left.scaled), points(lanes, right, SCALED, j));
    let c = c * (lanes.splat(left.scale) * points(lanes, right, SCALE, j));
    // padding behind the last point holds zeros
    let power = (a * b).max(zero.lit(0.5));
    let gap = (L::Vector::difference_of_products(a, b, c, c) / power).max(zero);
    // -log |rho| = artanh x; far from |rho| = 1 whatever is large enough will do
    let x = gap / (-gap + 2.0);
    let rate =
        x * polynomial(x * x, &[1.0, 1.0 / 3.0, 1.0 / 5.0, 1.0 / 7.0, 1.0 / 9.0, 1.0 / 11.0]);
    let rate = rate.select(complete, one + DECAYED);
    let mut rates = [T::default(); 16];
    lanes.store(&mut rates[..L::WIDTH], rate);
    let least = rates[..L::WIDTH].iter().map(|x| x.to_f64()).fold(f64::INFINITY, f64::min);
    let per_node = usize::from(EVEN) + usize::from(ODD);
    let (mut even, mut odd) = ([zero; 2], [zero; 2]);
    for (n, node) in left.nodes.iter().enumerate().take(shared / per_node) {
        let degree = node.even();
        if (degree - 1.0) * least > DECAYED {
            break;
        }
        // |rho|^(i-1) at the even degree
        let exponent = rate * (degree - 1.0);
        let power = (-exponent).exp().select(exponent.lt(zero.lit(DECAYED)), zero);
        let at = n * per_node;
        if EVEN {
            let [d] = products::<T, L, 1>(lanes, left.beyond[at], right, COEFFICIENTS + at, j);
            even = [d.mul_add(power, even[0]), (d * degree).mul_add(power, even[1])];
        }
        if ODD {
            let (power, at) = (power * size, at + usize::from(EVEN));
            let [d] = products::<T, L, 1>(lanes, left.beyond[at], right, COEFFICIENTS + at, j);
            odd = [d.mul_add(power, odd[0]), (d * (degree + 1.0)).mul_add(power, odd[1])];
        }
    }
    let sign = one.copysign(rho);
    let mut rest = Rest { value: even[0] * size, slope: zero };
    if ODD {
        rest.value = rest.value + odd[0] * rho;
    }
    if SLOPE {
        rest.slope = even[1] * sign + odd[1];
    }
    rest
}

/// One column of as many points as a vector holds.
#[inline(always)]
fn points<T: Element, L: Lanes<T>>(
    lanes: L,
    right: &Prepared<T>,
    column: usize,
    j: usize,
) -> L::Vector {
    lanes.load(&right.column(column)[j..][..L::WIDTH])
}

/// The products of one coefficient of the left point with those of `N` vectors of right points.
#[inline(always)]
fn products<T: Element, L: Lanes<T>, const N: usize>(
    lanes: L,
    left: T,
    right: &Prepared<T>,
    column: usize,
    j: usize,
) -> [L::Vector; N] {
    let factor = lanes.splat(left);
    let column = &right.column(column)[j..][..N * L::WIDTH];
    let mut products = [factor; N];
    for (v, product) in products.iter_mut().enumerate() {
        *product = factor * lanes.load(&column[v * L::WIDTH..][..L::WIDTH]);
    }
    products
}

/// A polynomial and its derivative on the way down from the highest power.
struct Horner<R, const N: usize> {
    sum: [R; N],
    slope: [R; N],
}

impl<R: Real, const N: usize> Horner<R, N> {
    #[inline(always)]
    fn add<const SLOPE: bool>(&mut self, x: &[R; N], coefficient: [R; N]) {
        for v in 0..N {
            if SLOPE {
                self.slope[v] = self.slope[v].mul_add(x[v], self.sum[v]);
            }
            self.sum[v] = self.sum[v].mul_add(x[v], coefficient[v]);
        }
    }
}
