//! Sums over three by three neighbours, what most networks are made of.

use widelimit_dual::lanes::{Job, Lanes, Real};

use super::Emit;
use crate::program::{Affine, TMap};

/// Sums over three by three neighbours, zero outside.
///
/// Columns are summed first, in registers, and three of them make an entry. Two rows go together and share
/// the sum of what is between them, and so do two columns: in which order an entry is summed depends on its
/// row and column alone.
pub(crate) struct Neighbours<'a, T> {
    /// Rows of the image and vectors in one.
    pub rows: usize,
    pub columns: usize,
    /// Covariances and tangent kernels (or nothing) of the image.
    pub from_k: &'a [T],
    pub from_t: &'a [T],
    pub map: Affine,
    pub k: &'a mut [T],
    /// Tangent kernels afterwards, where they exist.
    pub t: Option<&'a mut [T]>,
    /// A row of zeros.
    pub zeros: &'a [T],
}

impl<T: Copy> Job<T> for Neighbours<'_, T> {
    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let Self { rows, columns, from_k, from_t, map, k, t, zeros } = self;
        let line = columns * L::WIDTH;
        let zeros = &zeros[..line];
        let emit = Emit::new(map);
        let (t, kind) = match (t, map.t) {
            (Some(t), TMap::Start { .. }) => (t, kind::BEGINS),
            (Some(t), TMap::Continue { .. }) if emit.is_shared() => (t, kind::SHARED),
            (Some(t), TMap::Continue { .. }) => (t, kind::BOTH),
            _ => (&mut [][..], kind::ALONE),
        };
        let mut row = 0;
        while row < rows {
            let count = (rows - row).min(2);
            let target = row * line..(row + count) * line;
            let from_t = if kind >= kind::BOTH { from_t } else { from_k };
            let all = [around(from_k, zeros, row), around(from_t, zeros, row)];
            let k = &mut k[target.clone()];
            let t = if kind == kind::ALONE { &mut [][..] } else { &mut t[target] };
            match (count == 2, kind) {
                (true, kind::ALONE) => slide::<T, L, true, { kind::ALONE }>(lanes, emit, all, k, t),
                (true, kind::BEGINS) => {
                    slide::<T, L, true, { kind::BEGINS }>(lanes, emit, all, k, t)
                }
                (true, kind::BOTH) => slide::<T, L, true, { kind::BOTH }>(lanes, emit, all, k, t),
                (true, _) => slide::<T, L, true, { kind::SHARED }>(lanes, emit, all, k, t),
                (false, kind::ALONE) => {
                    slide::<T, L, false, { kind::ALONE }>(lanes, emit, all, k, t)
                }
                (false, kind::BEGINS) => {
                    slide::<T, L, false, { kind::BEGINS }>(lanes, emit, all, k, t)
                }
                (false, kind::BOTH) => slide::<T, L, false, { kind::BOTH }>(lanes, emit, all, k, t),
                (false, _) => slide::<T, L, false, { kind::SHARED }>(lanes, emit, all, k, t),
            }
            row += count;
        }
    }
}

/// The row above a row, the row itself, and two below: zeros where there is none.
#[inline(always)]
fn around<'a, T>(from: &'a [T], zeros: &'a [T], row: usize) -> [&'a [T]; 4] {
    let line = zeros.len();
    let at = |row: usize| from.get(row * line..(row + 1) * line).unwrap_or(zeros);
    [if row > 0 { at(row - 1) } else { zeros }, at(row), at(row + 1), at(row + 2)]
}

/// Sums of a column over the first three of four rows, and over the last three where two rows go together.
#[inline(always)]
fn column<T: Copy, L: Lanes<T>, const PAIR: bool>(
    lanes: L,
    rows: [&[T]; 4],
    at: usize,
) -> [L::Vector; 2] {
    let a = lanes.load(&rows[0][at..at + L::WIDTH]);
    let b = lanes.load(&rows[1][at..at + L::WIDTH]);
    let c = lanes.load(&rows[2][at..at + L::WIDTH]);
    if PAIR {
        let d = lanes.load(&rows[3][at..at + L::WIDTH]);
        let middle = b + c;
        [a + middle, middle + d]
    } else {
        [a + (b + c); 2]
    }
}

/// Three columns make an entry; two entries share what is between them.
#[derive(Clone, Copy)]
struct Slide<R> {
    left: R,
    here: R,
}

impl<R: Real> Slide<R> {
    /// At the first column.
    #[inline(always)]
    fn new(first: R) -> Self {
        Self { left: first.zero(), here: first }
    }

    /// This entry and the next, given the two columns behind.
    #[inline(always)]
    fn two(&mut self, right: R, next: R) -> [R; 2] {
        let middle = self.here + right;
        let sums = [self.left + middle, middle + next];
        (self.left, self.here) = (right, next);
        sums
    }

    /// The last entry, of an even column.
    #[inline(always)]
    fn end(self) -> R {
        self.left + self.here
    }
}

/// What is made of sums.
mod kind {
    /// Covariances.
    pub const ALONE: u8 = 0;
    /// And tangent kernels, which begin with them.
    pub const BEGINS: u8 = 1;
    /// And tangent kernels.
    pub const BOTH: u8 = 2;
    /// And tangent kernels that are the covariance and something of what they were.
    pub const SHARED: u8 = 3;
}

/// One or two rows: all columns, two at a time.
#[inline(always)]
fn slide<T: Copy, L: Lanes<T>, const PAIR: bool, const KIND: u8>(
    lanes: L,
    emit: Emit,
    [rows, rows_t]: [[&[T]; 4]; 2],
    k: &mut [T],
    t: &mut [T],
) {
    let width = L::WIDTH;
    let line = rows[0].len();
    let (rows, rows_t) = (rows.map(|row| &row[..line]), rows_t.map(|row| &row[..line]));
    let reads_t = KIND >= kind::BOTH;
    let first = column::<T, L, PAIR>(lanes, rows, 0);
    let first_t = if reads_t { column::<T, L, PAIR>(lanes, rows_t, 0) } else { first };
    let [mut upper, mut lower] = first.map(Slide::new);
    let [mut upper_t, mut lower_t] = first_t.map(Slide::new);
    let zero = first[0].zero();
    let mut at = 0;
    while at + 2 * width <= line {
        let right = column::<T, L, PAIR>(lanes, rows, at + width);
        let mut right_t = right;
        let (mut next, mut next_t) = ([zero; 2], [zero; 2]);
        if reads_t {
            right_t = column::<T, L, PAIR>(lanes, rows_t, at + width);
        }
        if at + 3 * width <= line {
            next = column::<T, L, PAIR>(lanes, rows, at + 2 * width);
            if reads_t {
                next_t = column::<T, L, PAIR>(lanes, rows_t, at + 2 * width);
            }
        }
        let sums = (upper.two(right[0], next[0]), upper_t.two(right_t[0], next_t[0]));
        put::<T, L, KIND>(lanes, emit, (sums.0[0], sums.1[0]), (k, t), at);
        put::<T, L, KIND>(lanes, emit, (sums.0[1], sums.1[1]), (k, t), at + width);
        if PAIR {
            let at = line + at;
            let sums = (lower.two(right[1], next[1]), lower_t.two(right_t[1], next_t[1]));
            put::<T, L, KIND>(lanes, emit, (sums.0[0], sums.1[0]), (k, t), at);
            put::<T, L, KIND>(lanes, emit, (sums.0[1], sums.1[1]), (k, t), at + width);
        }
        at += 2 * width;
    }
    if at < line {
        put::<T, L, KIND>(lanes, emit, (upper.end(), upper_t.end()), (k, t), at);
        if PAIR {
            put::<T, L, KIND>(lanes, emit, (lower.end(), lower_t.end()), (k, t), line + at);
        }
    }
}

/// Writes an entry.
#[inline(always)]
fn put<T: Copy, L: Lanes<T>, const KIND: u8>(
    lanes: L,
    emit: Emit,
    (sum, sum_t): (L::Vector, L::Vector),
    (k, t): (&mut [T], &mut [T]),
    at: usize,
) {
    let value = emit.k(sum);
    lanes.store(&mut k[at..at + L::WIDTH], value);
    let tangent = match KIND {
        kind::ALONE => return,
        kind::BEGINS => emit.start(sum),
        kind::BOTH => emit.t(sum, sum_t),
        _ => emit.shared(value, sum_t),
    };
    lanes.store(&mut t[at..at + L::WIDTH], tangent);
}
