//! Entries of images: every lane another right image, one left image for all of them.
//!
//! Where a network acts on pixels, its covariances are those of pixel `p` of a left image with
//! pixel `p + o` of a right one. With as many right images as a vector has lanes, interleaved, such
//! an entry is a vector, and both its points move on from entry to entry.

use crate::Prepared;
use crate::lanes::{Element, Isa, Job, Lanes};
use crate::route::{Affine, Family, Route, Row};

/// Who stands on the left side of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// One image for all lanes; its points are pixels.
    One,
    /// An image for every lane, interleaved like those on the right.
    Each,
}

/// Rows of entries, of which the last may be shorter: entry `m` of row `r` belongs to left pixel `left_first + r left_row + m` and
/// right pixel `right_first + r right_row + m`.
///
/// On the right (and on the left with [`Left::Each`]) the prepared points are interleaved: point
/// `pixel W + lane` for vectors of `W` = [`Isa::width`] lanes.
#[derive(Debug)]
pub struct Field<'a, T> {
    /// The points on the left side.
    pub left: &'a Prepared<T>,
    /// How many images they belong to.
    pub side: Left,
    /// Left pixel of the first entry.
    pub left_first: usize,
    /// Left pixels from one row to the next.
    pub left_row: usize,
    /// The points on the right side.
    pub right: &'a Prepared<T>,
    /// Right pixel of the first entry.
    pub right_first: usize,
    /// Right pixels from one row to the next.
    pub right_row: usize,
    /// Entries in a row.
    pub columns: usize,
    /// Covariances row by row, a vector an entry; they become values of the kernel.
    pub k: &'a mut [T],
    /// As long as `k`, to be multiplied by derivatives.
    pub t: Option<&'a mut [T]>,
    /// A number a lane, which grows with every entry too close to `|rho| = 1` for `f32`, where the
    /// activation has a kink ([`Dual::counts_near`](crate::Dual::counts_near)).
    pub near: &'a mut [T],
}

impl Isa {
    /// Lanes of a vector of `T`.
    pub fn width<T: Element>(self) -> usize {
        let mut width = 1;
        T::dispatch(self, Width(&mut width));
        width
    }
}

struct Width<'a>(&'a mut usize);

impl<T> Job<T> for Width<'_> {
    #[inline(always)]
    fn run<L: Lanes<T>>(self, _: L) {
        *self.0 = L::WIDTH;
    }
}

impl<T: Element> Field<'_, T> {
    /// Panics unless the pixels exist.
    pub(crate) fn check(&self, width: usize) {
        let entry = self.columns * width;
        if self.k.is_empty() {
            return;
        }
        assert!(
            entry > 0 && self.k.len().is_multiple_of(width),
            "{} numbers are not vectors of {width}",
            self.k.len()
        );
        // entries before the last row, and in it
        let rows = self.k.len().div_ceil(entry);
        let end = self.k.len() / width - (rows - 1) * self.columns;
        let last = |first: usize, row: usize| {
            let before = if rows > 1 { first + (rows - 2) * row + self.columns } else { 0 };
            before.max(first + (rows - 1) * row + end)
        };
        let left_width = if self.side == Left::One { 1 } else { width };
        assert!(
            last(self.left_first, self.left_row) * left_width <= self.left.len()
                && last(self.right_first, self.right_row) * width <= self.right.len(),
            "pixel out of range"
        );
        assert!(
            self.t.as_ref().is_none_or(|t| t.len() == self.k.len()),
            "k and t differ in length"
        );
    }
}

/// A field entry by entry through rows: for routes without loops of their own.
pub(crate) fn by_rows<T: Element, R: Route>(route: &R, isa: Isa, field: Field<'_, T>) {
    let width = isa.width::<T>();
    let Field {
        left,
        side,
        left_first,
        left_row,
        right,
        right_first,
        right_row,
        columns,
        k,
        t,
        ..
    } = field;
    let mut t = t;
    for (entry, k) in k.chunks_exact_mut(width).enumerate() {
        let (row, column) = (entry / columns, entry % columns);
        let i = left_first + row * left_row + column;
        let j = (right_first + row * right_row + column) * width;
        let mut t = t.as_mut().map(|t| &mut t[entry * width..][..width]);
        match side {
            Left::One => {
                let row = Row { left, i, right, j0: j, k, t };
                route.apply(isa, row, Affine::IDENTITY);
            }
            Left::Each => {
                for lane in 0..width {
                    let row = Row {
                        left,
                        i: i * width + lane,
                        right,
                        j0: j + lane,
                        k: &mut k[lane..=lane],
                        t: t.as_mut().map(|t| &mut t[lane..=lane]),
                    };
                    route.apply(isa, row, Affine::IDENTITY);
                }
            }
        }
    }
}

/// A closed form over a field.
pub(crate) struct FieldJob<'a, F, T, const N: usize> {
    pub family: &'a F,
    pub field: Field<'a, T>,
}

impl<F: Family<N>, T: Element, const N: usize> Job<T> for FieldJob<'_, F, T, N> {
    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        // a copy of its own, which no store can be thought to change
        let family = self.family.clone();
        let mut field = self.field;
        if field.k.is_empty() {
            return;
        }
        // variances of images are carried in f64: f32 never meets itself
        if !T::SINGLE && field.side == Left::Each {
            sweep::<F, T, L, true, false, N>(lanes, &family, &mut field);
        } else if F::HAS_PLAIN && family.is_plain() {
            sweep::<F, T, L, false, true, N>(lanes, &family, &mut field);
        } else {
            sweep::<F, T, L, false, false, N>(lanes, &family, &mut field);
        }
    }
}

#[inline(always)]
fn sweep<
    F: Family<N>,
    T: Element,
    L: Lanes<T>,
    const EACH: bool,
    const PLAIN: bool,
    const N: usize,
>(
    lanes: L,
    family: &F,
    field: &mut Field<'_, T>,
) {
    let width = L::WIDTH;
    let mut near = lanes.load(field.near);
    let left_width = if EACH { width } else { 1 };
    let left: [&[T]; N] = std::array::from_fn(|column| field.left.column(column));
    let right: [&[T]; N] = std::array::from_fn(|column| field.right.column(column));
    let mut points = Points::new(field);
    let Some(t) = &mut field.t else {
        for k in field.k.chunks_exact_mut(width) {
            let [i, j] = points.next();
            let left = left.map(|column| &column[i * left_width..]);
            let right = right.map(|column| &column[j * width..]);
            let c = lanes.load(k);
            let (value, _, _) = entry::<F, T, L, EACH, PLAIN, N>(lanes, family, left, right, c);
            lanes.store(k, value);
        }
        return;
    };
    for (k, t) in field.k.chunks_exact_mut(width).zip(t.chunks_exact_mut(width)) {
        let [i, j] = points.next();
        let left = left.map(|column| &column[i * left_width..]);
        let right = right.map(|column| &column[j * width..]);
        let c = lanes.load(k);
        let (value, slope, close) = entry::<F, T, L, EACH, PLAIN, N>(lanes, family, left, right, c);
        lanes.store(k, value);
        let product = lanes.load(t) * slope;
        lanes.store(t, product);
        if F::COUNTS && T::SINGLE {
            near = near + close;
        }
    }
    if F::COUNTS && T::SINGLE {
        lanes.store(field.near, near);
    }
}

/// The pixels of entry after entry, without a branch at the end of a row.
struct Points {
    at: [usize; 2],
    /// From the last entry of a row to the first of the next, beyond a step.
    gaps: [usize; 2],
    column: usize,
    columns: usize,
}

impl Points {
    fn new<T>(field: &Field<'_, T>) -> Self {
        let gap = |row: usize| row.wrapping_sub(field.columns);
        Self {
            at: [field.left_first, field.right_first],
            gaps: [gap(field.left_row), gap(field.right_row)],
            column: 0,
            columns: field.columns,
        }
    }

    #[inline(always)]
    fn next(&mut self) -> [usize; 2] {
        let now = self.at;
        self.column += 1;
        let end = usize::from(self.column == self.columns);
        let mask = end.wrapping_neg();
        self.column &= !mask;
        let step = |at: usize, gap: usize| at.wrapping_add(1).wrapping_add(gap & mask);
        self.at = [step(now[0], self.gaps[0]), step(now[1], self.gaps[1])];
        now
    }
}

#[inline(always)]
fn entry<
    F: Family<N>,
    T: Element,
    L: Lanes<T>,
    const EACH: bool,
    const PLAIN: bool,
    const N: usize,
>(
    lanes: L,
    family: &F,
    left: [&[T]; N],
    right: [&[T]; N],
    c: L::Vector,
) -> (L::Vector, L::Vector, L::Vector) {
    let width = L::WIDTH;
    let mut here = [c; N];
    let mut there = [c; N];
    for column in 0..N {
        here[column] =
            if EACH { lanes.load(&left[column][..width]) } else { lanes.splat(left[column][0]) };
        there[column] = lanes.load(&right[column][..width]);
    }
    family.pair_of_sums::<L::Vector, PLAIN>(here, there, c)
}
