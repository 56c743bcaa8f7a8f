//! Sums over windows of any size, stride and dilation.

use std::ops::Range;

use widelimit_dual::lanes::{Job, Lanes, Real};

use super::Emit;
use crate::program::{Affine, TMap};

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
