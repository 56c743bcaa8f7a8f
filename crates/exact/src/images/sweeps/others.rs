//! Plain loops: sums by lists of terms, normalisation, sums over all entries, mixing.

use widelimit_dual::lanes::{Job, Lanes, Real};

use crate::images::geometry::Image;

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
