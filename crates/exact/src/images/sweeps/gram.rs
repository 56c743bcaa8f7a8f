//! Inner products over channels.

use std::ops::Range;

use widelimit_dual::lanes::{Job, Lanes, Real};

use super::Emit;
use crate::images::geometry::Image;
use crate::program::Affine;

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
