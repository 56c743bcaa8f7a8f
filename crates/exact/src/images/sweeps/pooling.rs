//! Sums of entries into those of coarser images.

use widelimit_dual::lanes::{Job, Lanes, Real};

/// Entries along an axis that go into others, evenly spaced, with one weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Run<T> {
    pub from: usize,
    pub step: usize,
    pub to: usize,
    pub count: usize,
    pub weight: T,
}

impl<T: PartialEq + Copy> Run<T> {
    /// Whether the other takes the entries right behind these to the same places.
    fn is_followed_by(&self, other: &Self) -> bool {
        let next = Self { from: self.from + 1, ..*self };
        self.step > 1 && next == *other
    }
}

/// `to[rows, columns] += weight from[rows, columns]`, run by run.
pub(crate) struct Push<'a, T> {
    pub rows: &'a [Run<T>],
    pub columns: &'a [Run<T>],
    /// Weight of the axis before both.
    pub weight: T,
    /// Vectors in a row.
    pub from_columns: usize,
    pub to_columns: usize,
    pub from: &'a [T],
    pub to: &'a mut [T],
}

impl<T: PartialEq + Copy> Job<T> for Push<'_, T> {
    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let width = L::WIDTH;
        let (from_line, to_line) = (self.from_columns * width, self.to_columns * width);
        let weight = lanes.splat(self.weight);
        let mut rows = self.rows;
        while let Some((run, two_rows)) = take(&mut rows) {
            for line in 0..run.count {
                let row = (run.from + line * run.step) * from_line;
                let to = &mut self.to[(run.to + line) * to_line..][..to_line];
                let from = &self.from[row..];
                let second = if two_rows { &from[from_line..] } else { from };
                let weight = weight * lanes.splat(run.weight);
                let mut columns = self.columns;
                while let Some((run, two_columns)) = take(&mut columns) {
                    let weight = weight * lanes.splat(run.weight);
                    match (two_rows, two_columns) {
                        (true, true) => push::<T, L, 2, 2>(lanes, run, weight, [from, second], to),
                        (true, false) => push::<T, L, 2, 1>(lanes, run, weight, [from, second], to),
                        (false, true) => push::<T, L, 1, 2>(lanes, run, weight, [from], to),
                        (false, false) => push::<T, L, 1, 1>(lanes, run, weight, [from], to),
                    }
                }
            }
        }
    }
}

/// The next run, together with one that takes neighbours to the same places.
#[inline(always)]
fn take<'a, T: PartialEq + Copy>(runs: &mut &'a [Run<T>]) -> Option<(&'a Run<T>, bool)> {
    let (run, rest) = runs.split_first()?;
    let two = rest.first().is_some_and(|second| run.is_followed_by(second));
    *runs = if two { &rest[1..] } else { rest };
    Some((run, two))
}

/// One run of columns, from some rows and neighbours at once.
#[inline(always)]
fn push<T: Copy, L: Lanes<T>, const ROWS: usize, const COLUMNS: usize>(
    lanes: L,
    run: &Run<T>,
    weight: L::Vector,
    rows: [&[T]; ROWS],
    to: &mut [T],
) {
    let width = L::WIDTH;
    let step = run.step * width;
    let length = (run.count - 1) * step + COLUMNS * width;
    let rows = rows.map(|row| &row[run.from * width..][..length]);
    let to = &mut to[run.to * width..][..run.count * width];
    let mut at = 0;
    for to in to.chunks_exact_mut(width) {
        let mut sum = lanes.load(&rows[0][at..at + width]);
        if COLUMNS > 1 {
            sum = sum + lanes.load(&rows[0][at + width..at + 2 * width]);
        }
        if ROWS > 1 {
            let mut second = lanes.load(&rows[ROWS - 1][at..at + width]);
            if COLUMNS > 1 {
                second = second + lanes.load(&rows[ROWS - 1][at + width..at + 2 * width]);
            }
            sum = sum + second;
        }
        let sum = sum.mul_add(weight, lanes.load(to));
        lanes.store(to, sum);
        at += step;
    }
}
