//! The fast Walsh-Hadamard transform.

use crate::Scalar;
use crate::dispatch::{Loop, widest};
use crate::error::Error;

/// Elements transformed in the first-level cache before larger strides are looked at.
const CACHED: usize = 4096;
/// Rows and columns of the strips in which the larger strides are worked off.
const TALL: usize = 64;
const WIDE: usize = 32;

/// Overwrites `x` with `H x`, `H_ij = (-1)^popcount(i & j)`, without a scale: `H H = n I`.
///
/// `n log2 n` additions, in the order of the textbook's loop over strides 1, 2, 4, ... whatever the
/// instruction set and the blocking for caches, hence the same bits on every machine.
///
/// Fino and Algazi (1976), *Unified matrix treatment of the fast Walsh-Hadamard transform*.
///
/// ```
/// let mut x = [1.0, 2.0, 3.0, 4.0];
/// widelimit_sketch::walsh_hadamard(&mut x)?;
/// assert_eq!(x, [10.0, -2.0, -4.0, 0.0]);
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
///
/// # Errors
/// [`Error::NotPowerOfTwo`] for any other length.
pub fn walsh_hadamard<T: Scalar>(x: &mut [T]) -> Result<(), Error> {
    if !x.len().is_power_of_two() {
        return Err(Error::NotPowerOfTwo { got: x.len() });
    }
    widest(Transform(x));
    Ok(())
}

struct Transform<'a, T>(&'a mut [T]);

impl<T: Scalar> Loop for Transform<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let x = self.0;
        let cached = CACHED.min(x.len());
        for part in x.chunks_exact_mut(cached) {
            smallest(part);
            strides(part, 16, cached);
        }
        let mut stride = cached;
        while stride < x.len() {
            let rows = TALL.min(x.len() / stride);
            for part in x.chunks_exact_mut(rows * stride) {
                strips(part, stride, rows);
            }
            stride *= rows;
        }
    }
}

/// Strides 1 to 8.
#[inline(always)]
fn smallest<T: Scalar>(x: &mut [T]) {
    let (blocks, rest) = x.as_chunks_mut::<16>();
    for block in blocks {
        sixteen(block);
    }
    strides(rest, 1, rest.len());
}

/// Sixteen numbers in registers.
#[inline(always)]
fn sixteen<T: Scalar>(x: &mut [T; 16]) {
    let mut stride = 1;
    while stride < 16 {
        let old = *x;
        for k in 0..16 {
            let pair = old[k ^ stride];
            x[k] = if k & stride == 0 { old[k] + pair } else { pair - old[k] };
        }
        stride *= 2;
    }
}

/// Strides from `first` below `end`, two at a time.
#[inline(always)]
fn strides<T: Scalar>(x: &mut [T], first: usize, end: usize) {
    let mut stride = first;
    while stride * 4 <= end {
        for part in x.chunks_exact_mut(4 * stride) {
            let (ab, cd) = part.split_at_mut(2 * stride);
            let (a, b) = ab.split_at_mut(stride);
            let (c, d) = cd.split_at_mut(stride);
            for (((a, b), c), d) in a.iter_mut().zip(b).zip(c).zip(d) {
                let (e, f, g, h) = (*a + *b, *a - *b, *c + *d, *c - *d);
                (*a, *b, *c, *d) = (e + g, f + h, e - g, f - h);
            }
        }
        stride *= 4;
    }
    if stride * 2 <= end {
        for part in x.chunks_exact_mut(2 * stride) {
            let (a, b) = part.split_at_mut(stride);
            for (a, b) in a.iter_mut().zip(b) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
    }
}

/// Strides `stride`, ..., `stride * rows / 2` of a part of `rows * stride` numbers, strip by strip.
///
/// Powers of two as distances fall on few lines of a cache, so that a strip is copied out first.
#[inline(always)]
fn strips<T: Scalar>(part: &mut [T], stride: usize, rows: usize) {
    let mut strip = [T::default(); TALL * WIDE];
    let strip = &mut strip[..rows * WIDE];
    for column in (0..stride).step_by(WIDE) {
        for (to, from) in strip.chunks_exact_mut(WIDE).zip(part.chunks_exact(stride)) {
            to.copy_from_slice(&from[column..column + WIDE]);
        }
        strides(strip, WIDE, rows * WIDE);
        for (from, to) in strip.chunks_exact(WIDE).zip(part.chunks_exact_mut(stride)) {
            to[column..column + WIDE].copy_from_slice(from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(n: usize) -> Vec<f64> {
        (0..n).map(|i| ((i * i + 3 * i) % 101) as f64 - 50.0).collect()
    }

    /// Small integers are transformed without rounding: the dense product must agree exactly.
    #[test]
    fn equals_the_dense_matrix() {
        for n in (0..=10).map(|l| 1 << l) {
            let x = sample(n);
            let mut fast = x.clone();
            walsh_hadamard(&mut fast).unwrap();
            for (i, fast) in fast.iter().enumerate() {
                let sign =
                    |j: usize| if (i & j).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 };
                let dense: f64 = x.iter().enumerate().map(|(j, x)| sign(j) * x).sum();
                assert_eq!(*fast, dense, "length {n}, entry {i}");
            }
        }
    }

    /// The textbook's loop, on numbers that do round, beyond both levels of blocking.
    #[test]
    fn blocking_and_instructions_change_no_bit() {
        for n in [32, 4096, 8192, CACHED * TALL * 2] {
            let x: Vec<f32> = (0..n).map(|i| (i as f32 * 0.77).sin()).collect();
            let (mut fast, mut portable, mut plain) = (x.clone(), x.clone(), x);
            walsh_hadamard(&mut fast).unwrap();
            Transform(&mut portable).run();
            let mut h = 1;
            while h < n {
                for i in (0..n).filter(|i| i & h == 0) {
                    (plain[i], plain[i + h]) = (plain[i] + plain[i + h], plain[i] - plain[i + h]);
                }
                h *= 2;
            }
            assert_eq!(fast, plain, "length {n}");
            assert_eq!(portable, plain, "length {n}");
        }
    }

    #[test]
    fn other_lengths_are_refused() {
        for got in [0, 3, 12] {
            let result = walsh_hadamard(&mut vec![0f32; got]);
            assert_eq!(result, Err(Error::NotPowerOfTwo { got }));
        }
    }
}
