//! Loops over images of entries, a vector of pairs at a time.

use std::ops::Range;

use widelimit_dual::lanes::{Job, Lanes, Real};

use crate::images::geometry::Image;
use crate::program::{Affine, TMap};

/// Inner products over channels, then an affine map.
pub(crate) struct Gram<'a, T> {
    pub image: Image,
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
        let Self { image, channels, left, each, right, map, k, t } = self;
        let [planes, rows, columns] = image.len;
        let width = L::WIDTH;
        let left_width = if each { width } else { 1 };
        let emit = Emit::new(map);
        for line in 0..planes * rows {
            let [p, q] = image.row(line / rows, line % rows);
            let left = &left[p * channels * left_width..][..columns * channels * left_width];
            let right = &right[q * channels * width..][..columns * channels * width];
            let place = line * columns * width..(line + 1) * columns * width;
            let k = &mut k[place.clone()];
            let t = if t.is_empty() { &mut [][..] } else { &mut t[place] };
            for m in 0..columns {
                let right =
                    right[m * channels * width..(m + 1) * channels * width].chunks_exact(width);
                let mut sum = lanes.load(&k[m * width..]).zero();
                if each {
                    let left = left[m * channels * width..].chunks_exact(width);
                    for (x, z) in left.zip(right) {
                        sum = lanes.load(x).mul_add(lanes.load(z), sum);
                    }
                } else {
                    for (x, z) in left[m * channels..(m + 1) * channels].iter().zip(right) {
                        sum = lanes.splat(*x).mul_add(lanes.load(z), sum);
                    }
                }
                lanes.store(&mut k[m * width..(m + 1) * width], emit.k(sum));
                if !t.is_empty() {
                    let value = emit.start(sum);
                    lanes.store(&mut t[m * width..(m + 1) * width], value);
                }
            }
        }
    }
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
        let step = self.dilation as i64;
        let skipped = if start < 0 { (-start + step - 1) / step } else { 0 };
        let room = self.input as i64 - 1 - start;
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
        for q in out {
            let (first, count) = rows.inside(q);
            let end = if count == 0 { *next } else { first + (count - 1) * rows.dilation + 1 };
            while *next < end {
                let source = from * width + *next * line;
                let place = (*next % extent) * length;
                sum_row(
                    lanes,
                    columns,
                    &k[source..source + line],
                    &mut ring_k[place..place + length],
                );
                if reads_t {
                    let row = &t[source..source + line];
                    sum_row(lanes, columns, row, &mut ring_t[place..place + length]);
                }
                *next += 1;
            }
            let target = to * width + q * length;
            let place = |d: usize| {
                let start = ((first + d * rows.dilation) % extent) * length;
                start..start + length
            };
            let k = &mut k[target..target + length];
            let t = if writes_t { &mut t[target..target + length] } else { &mut [][..] };
            if count == 3 {
                let a = [&ring_k[place(0)], &ring_k[place(1)], &ring_k[place(2)]];
                if !writes_t {
                    for m in (0..length).step_by(width) {
                        let sum = three(lanes, a, m);
                        lanes.store(&mut k[m..m + width], emit.k(sum));
                    }
                } else if reads_t {
                    let b = [&ring_t[place(0)], &ring_t[place(1)], &ring_t[place(2)]];
                    for m in (0..length).step_by(width) {
                        let (sum, sum_t) = (three(lanes, a, m), three(lanes, b, m));
                        lanes.store(&mut k[m..m + width], emit.k(sum));
                        lanes.store(&mut t[m..m + width], emit.t(sum, sum_t));
                    }
                } else {
                    for m in (0..length).step_by(width) {
                        let sum = three(lanes, a, m);
                        lanes.store(&mut k[m..m + width], emit.k(sum));
                        lanes.store(&mut t[m..m + width], emit.start(sum));
                    }
                }
                continue;
            }
            for m in (0..length).step_by(width) {
                let mut sum = lanes.load(&k[m..m + width]).zero();
                let mut sum_t = sum;
                for d in 0..count {
                    let at = place(d).start + m;
                    let value = lanes.load(&ring_k[at..at + width]);
                    sum = if d == 0 { value } else { sum + value };
                    if reads_t {
                        let value = lanes.load(&ring_t[at..at + width]);
                        sum_t = if d == 0 { value } else { sum_t + value };
                    }
                }
                lanes.store(&mut k[m..m + width], emit.k(sum));
                if writes_t {
                    let value = if reads_t { emit.t(sum, sum_t) } else { emit.start(sum) };
                    lanes.store(&mut t[m..m + width], value);
                }
            }
        }
    }
}

#[inline(always)]
fn three<T: Copy, L: Lanes<T>>(lanes: L, rows: [&[T]; 3], m: usize) -> L::Vector {
    let [a, b, c] = rows.map(|row| lanes.load(&row[m..m + L::WIDTH]));
    a + b + c
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

/// One row or column of entries that goes into another, with its weight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step<T> {
    pub from: u32,
    pub to: u32,
    pub weight: T,
}

/// `to[rows, columns] += weight from[rows, columns]`.
pub(crate) struct Push<'a, T> {
    pub rows: &'a [Step<T>],
    pub columns: &'a [Step<T>],
    /// Entries in a row.
    pub from_columns: usize,
    pub to_columns: usize,
    pub from: &'a [T],
    pub to: &'a mut [T],
}

impl<T: Copy> Job<T> for Push<'_, T> {
    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let width = L::WIDTH;
        for row in self.rows {
            let from = &self.from[row.from as usize * self.from_columns * width..];
            let to = &mut self.to[row.to as usize * self.to_columns * width..];
            for column in self.columns {
                let (a, b) = (column.from as usize * width, column.to as usize * width);
                let weight = lanes.splat(row.weight) * lanes.splat(column.weight);
                let value = lanes.load(&from[a..a + width]);
                let sum = value.mul_add(weight, lanes.load(&to[b..b + width]));
                lanes.store(&mut to[b..b + width], sum);
            }
        }
    }
}

/// The sum of all entries, row by row.
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
        let mut whole = lanes.load(self.sum).zero();
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
