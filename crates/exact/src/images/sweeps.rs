//! Loops over images of entries, a vector of pairs at a time.

use std::ops::Range;

use widelimit_dual::lanes::{Job, Lanes, Real};

use crate::images::geometry::Image;
use crate::program::{Affine, TMap};

/// Inner products over channels, then an affine map.
pub(crate) struct Gram<'a, T> {
    pub image: Image,
    /// Rows of the image, planes one behind the other; `k` and `t` begin with the first of them.
    pub lines: Range<usize>,
    pub channels: usize,
    pub left: &'a [T],
    /// Whether every lane has a left image of its own.
    pub each: bool,
    pub right: &'a [T],
    pub map: Affine,
    pub k: &'a mut [T],
    /// Empty without a tangent kernel.
    pub t: &'a mut [T],
}

impl<T: Copy> Job<T> for Gram<'_, T> {
    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        match self.channels {
            1 => self.sweep::<L, 1>(lanes),
            2 => self.sweep::<L, 2>(lanes),
            3 => self.sweep::<L, 3>(lanes),
            _ => self.sweep::<L, 0>(lanes),
        }
    }
}

impl<T: Copy> Gram<'_, T> {
    /// With the number of channels known beforehand, or 0.
    #[inline(always)]
    fn sweep<L: Lanes<T>, const CHANNELS: usize>(self, lanes: L) {
        let Self { image, lines, channels, left, each, right, map, k, t } = self;
        let channels = if CHANNELS > 0 { CHANNELS } else { channels };
        let [_, rows, columns] = image.len;
        let width = L::WIDTH;
        let left_width = if each { width } else { 1 };
        let emit = Emit::new(map);
        let mut row = 0..columns * width;
        for line in lines {
            let [p, q] = image.row(line / rows, line % rows);
            let left = left[p * channels * left_width..].chunks_exact(channels * left_width);
            let right = right[q * channels * width..].chunks_exact(channels * width);
            let points = left.zip(right);
            let k = k[row.clone()].chunks_exact_mut(width);
            if t.is_empty() {
                for (k, (x, z)) in k.zip(points) {
                    let sum = inner::<T, L, CHANNELS>(lanes, x, each, z);
                    lanes.store(k, emit.k(sum));
                }
            } else {
                let t = t[row.clone()].chunks_exact_mut(width);
                for ((k, t), (x, z)) in k.zip(t).zip(points) {
                    let sum = inner::<T, L, CHANNELS>(lanes, x, each, z);
                    lanes.store(k, emit.k(sum));
                    lanes.store(t, emit.start(sum));
                }
            }
            row = row.end..row.end + columns * width;
        }
    }
}

/// The inner product of two points.
#[inline(always)]
fn inner<T: Copy, L: Lanes<T>, const CHANNELS: usize>(
    lanes: L,
    x: &[T],
    each: bool,
    z: &[T],
) -> L::Vector {
    let width = L::WIDTH;
    let mut sum = lanes.load(&z[..width]).zero();
    if each {
        for (x, z) in x.chunks_exact(width).zip(z.chunks_exact(width)) {
            sum = lanes.load(x).mul_add(lanes.load(z), sum);
        }
    } else if CHANNELS > 0 {
        let (x, z) = (&x[..CHANNELS], &z[..CHANNELS * width]);
        for channel in 0..CHANNELS {
            let z = lanes.load(&z[channel * width..(channel + 1) * width]);
            sum = lanes.splat(x[channel]).mul_add(z, sum);
        }
    } else {
        for (x, z) in x.iter().zip(z.chunks_exact(width)) {
            sum = lanes.splat(*x).mul_add(lanes.load(z), sum);
        }
    }
    sum
}

/// An affine map of sums.
#[derive(Clone, Copy)]
struct Emit {
    scale: f64,
    shift: f64,
    keep: f64,
    share: f64,
    offset: f64,
}

impl Emit {
    fn new(map: Affine) -> Self {
        let (keep, share, offset) = match map.t {
            TMap::Empty => (0.0, 0.0, 0.0),
            TMap::Start { k, shift } => (0.0, k, shift),
            TMap::Continue { t, k, shift } => (t, k, shift),
        };
        Self { scale: map.scale, shift: map.shift, keep, share, offset }
    }

    #[inline(always)]
    fn k<R: Real>(self, k: R) -> R {
        k.mul_add(k.lit(self.scale), k.lit(self.shift))
    }

    /// `T'` where there was no `T`.
    #[inline(always)]
    fn start<R: Real>(self, k: R) -> R {
        k.mul_add(k.lit(self.share), k.lit(self.offset))
    }

    /// Whether `T'` is `K'` and something of `T`.
    fn is_shared(self) -> bool {
        self.share == self.scale && self.offset == self.shift
    }

    /// `T'`, given `K'`, where that is so.
    #[inline(always)]
    fn shared<R: Real>(self, value: R, t: R) -> R {
        t.mul_add(t.lit(self.keep), value)
    }

    #[inline(always)]
    fn t<R: Real>(self, k: R, t: R) -> R {
        t.mul_add(t.lit(self.keep), self.start(k))
    }
}

/// One axis of a box sum: output `q` reads inputs `q stride + first + d dilation`, `d < filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taps {
    pub input: usize,
    pub output: usize,
    pub filter: usize,
    pub stride: usize,
    pub dilation: usize,
    pub first: i64,
}

impl Taps {
    /// The taps of output `q` that are inside: the first input, and how many.
    #[inline(always)]
    fn inside(self, q: usize) -> (usize, usize) {
        let start = (q * self.stride) as i64 + self.first;
        let end = self.input as i64;
        if self.dilation == 1 {
            let last = (start + self.filter as i64).min(end);
            let first = start.max(0);
            return (first as usize, (last - first).max(0) as usize);
        }
        let step = self.dilation as i64;
        let skipped = if start < 0 { (-start + step - 1) / step } else { 0 };
        let room = end - 1 - start;
        let last = if room < 0 { 0 } else { (room / step + 1).min(self.filter as i64) };
        ((start + skipped * step).max(0) as usize, (last - skipped).max(0) as usize)
    }

    /// Whether this is three neighbours with the output in the middle.
    fn is_three(self) -> bool {
        self.filter == 3
            && self.stride == 1
            && self.dilation == 1
            && self.first == -1
            && self.input == self.output
            && self.output > 1
    }

    fn is_identity(self) -> bool {
        self.filter == 1 && self.stride == 1 && self.first == 0
    }

    /// Rows of sums that have to be kept.
    pub fn extent(self) -> usize {
        ((self.filter - 1) * self.dilation + 1).min(self.input.max(1))
    }
}

/// Sums over windows of two axes, written over what they are made of.
///
/// Rows are summed along their own axis one after another, into a ring that holds as many as the
/// window reaches over; an output row is the sum of some of them. The rows that output is written over
/// have all gone through the ring by then.
pub(crate) struct BoxSum<'a, T> {
    pub rows: Taps,
    pub columns: Taps,
    /// First vector of the input and of the output.
    pub from: usize,
    pub to: usize,
    /// Next row to go into the ring; 0 at first.
    pub next: &'a mut usize,
    /// Output rows to make now.
    pub out: Range<usize>,
    pub map: Affine,
    pub k: &'a mut [T],
    /// Tangent kernels where they exist, before or after.
    pub t: Option<&'a mut [T]>,
    /// Rows of sums, covariances first.
    pub ring: &'a mut [T],
}

impl<T: Copy> Job<T> for BoxSum<'_, T> {
    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let Self { rows, columns, from, to, next, out, map, k, t, ring } = self;
        let width = L::WIDTH;
        let (length, line) = (columns.output * width, columns.input * width);
        let extent = rows.extent();
        let (ring_k, ring_t) = ring.split_at_mut(extent * length);
        let reads_t = matches!(map.t, TMap::Continue { .. });
        let emit = Emit::new(map);
        let mut none: [T; 0] = [];
        let (t, writes_t) = match t {
            Some(t) => (t, map.t != TMap::Empty),
            None => (&mut none[..], false),
        };
        // the place of the next row in the ring
        let mut place = *next % extent;
        for q in out {
            let (first, count) = rows.inside(q);
            let end = if count == 0 { *next } else { first + (count - 1) * rows.dilation + 1 };
            while *next < end {
                let source = from * width + *next * line;
                let to = place * length..(place + 1) * length;
                sum_row(lanes, columns, &k[source..source + line], &mut ring_k[to.clone()]);
                if reads_t {
                    sum_row(lanes, columns, &t[source..source + line], &mut ring_t[to]);
                }
                *next += 1;
                place = if place + 1 == extent { 0 } else { place + 1 };
            }
            let target = to * width + q * length;
            let k = &mut k[target..target + length];
            let t = if writes_t { &mut t[target..target + length] } else { &mut [][..] };
            let row = |d: usize| (first + d * rows.dilation) % extent * length;
            for (m, k) in k.chunks_exact_mut(width).enumerate() {
                let mut sum = lanes.load(k).zero();
                let mut sum_t = sum;
                for d in 0..count {
                    let at = row(d) + m * width;
                    let value = lanes.load(&ring_k[at..at + width]);
                    sum = if d == 0 { value } else { sum + value };
                    if reads_t {
                        let value = lanes.load(&ring_t[at..at + width]);
                        sum_t = if d == 0 { value } else { sum_t + value };
                    }
                }
                lanes.store(k, emit.k(sum));
                if writes_t {
                    let value = if reads_t { emit.t(sum, sum_t) } else { emit.start(sum) };
                    lanes.store(&mut t[m * width..(m + 1) * width], value);
                }
            }
        }
    }
}

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

/// Sums of a row over the taps of its own axis.
#[inline(always)]
fn sum_row<T: Copy, L: Lanes<T>>(lanes: L, taps: Taps, row: &[T], sums: &mut [T]) {
    let width = L::WIDTH;
    if taps.is_identity() {
        sums.copy_from_slice(&row[..sums.len()]);
        return;
    }
    if taps.is_three() {
        let mut left = lanes.load(&row[..width]);
        let mut here = lanes.load(&row[width..2 * width]);
        lanes.store(&mut sums[..width], left + here);
        let inner = row[2 * width..].chunks_exact(width).zip(sums[width..].chunks_exact_mut(width));
        for (right, sum) in inner {
            let right = lanes.load(right);
            lanes.store(sum, left + here + right);
            left = here;
            here = right;
        }
        let last = sums.len() - width;
        lanes.store(&mut sums[last..], left + here);
        return;
    }
    for (q, out) in sums.chunks_exact_mut(width).enumerate() {
        let (first, count) = taps.inside(q);
        let mut sum = lanes.load(out).zero();
        for d in 0..count {
            let at = (first + d * taps.dilation) * width;
            let value = lanes.load(&row[at..at + width]);
            sum = if d == 0 { value } else { sum + value };
        }
        lanes.store(out, sum);
    }
}

/// `out[a] += values[b]` for pairs of vectors `(a, b)`.
pub(crate) struct Gather<'a, T> {
    pub terms: &'a [(u32, u32)],
    pub values: &'a mut [T],
}

impl<T: Copy> Job<T> for Gather<'_, T> {
    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let width = L::WIDTH;
        for &(a, b) in self.terms {
            let (a, b) = (a as usize * width, b as usize * width);
            let sum =
                lanes.load(&self.values[a..a + width]) + lanes.load(&self.values[b..b + width]);
            lanes.store(&mut self.values[a..a + width], sum);
        }
    }
}

/// Division by both root mean squares.
pub(crate) struct Normalise<'a, T> {
    pub image: Image,
    pub left: &'a [T],
    pub each: bool,
    pub right: &'a [T],
    pub values: &'a mut [T],
}

impl<T: Copy> Job<T> for Normalise<'_, T> {
    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let [planes, rows, columns] = self.image.len;
        let width = L::WIDTH;
        for line in 0..planes * rows {
            let [p, q] = self.image.row(line / rows, line % rows);
            let values = self.values[line * columns * width..].chunks_exact_mut(width);
            for (m, value) in values.take(columns).enumerate() {
                let left = if self.each {
                    lanes.load(&self.left[(p + m) * width..][..width])
                } else {
                    lanes.splat(self.left[p + m])
                };
                let scale = left * lanes.load(&self.right[(q + m) * width..][..width]);
                let product = lanes.load(value) * scale;
                lanes.store(value, product);
            }
        }
    }
}

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

/// Adds all entries, row by row.
pub(crate) struct Sum<'a, T> {
    /// Vectors in a row.
    pub columns: usize,
    pub values: &'a [T],
    pub sum: &'a mut [T],
}

impl<T: Copy> Job<T> for Sum<'_, T> {
    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let width = L::WIDTH;
        let mut whole = lanes.load(self.sum);
        for row in self.values.chunks_exact(self.columns * width) {
            // four chains of additions at a time
            let mut sums = [whole.zero(); 4];
            let mut blocks = row.chunks_exact(4 * width);
            for block in &mut blocks {
                for (lane, sum) in sums.iter_mut().enumerate() {
                    *sum = *sum + lanes.load(&block[lane * width..(lane + 1) * width]);
                }
            }
            for (rest, sum) in blocks.remainder().chunks_exact(width).zip(&mut sums) {
                *sum = *sum + lanes.load(rest);
            }
            whole = whole + ((sums[0] + sums[1]) + (sums[2] + sums[3]));
        }
        lanes.store(self.sum, whole);
    }
}

/// `to[j] = sum_i weights[i] from[i stride + j]` for rows of vectors, weights one or a vector each.
pub(crate) struct Combine<'a, T> {
    pub weights: &'a [T],
    pub each: bool,
    pub from: &'a [T],
    pub to: &'a mut [T],
}

impl<T: Copy> Job<T> for Combine<'_, T> {
    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let width = L::WIDTH;
        let length = self.to.len();
        for (j, to) in self.to.chunks_exact_mut(width).enumerate() {
            let mut sum = lanes.load(to).zero();
            let count = if self.each { self.weights.len() / width } else { self.weights.len() };
            for i in 0..count {
                let weight = if self.each {
                    lanes.load(&self.weights[i * width..(i + 1) * width])
                } else {
                    lanes.splat(self.weights[i])
                };
                let at = i * length + j * width;
                sum = weight.mul_add(lanes.load(&self.from[at..at + width]), sum);
            }
            lanes.store(to, sum);
        }
    }
}
