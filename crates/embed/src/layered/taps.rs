//! Linear layers between positions: sums of features of several positions.
//!
//! `K_out(q, q') = w^2 sum_d K(p_d, p'_d)` (a convolution) is the inner product of features side by
//! side, `w [phi(p_1), phi(p_2), ..]`. Where that gets long, the taps are laid over each other instead,
//! each shifted by another amount and with random signs of its own: products of equal taps stay exact,
//! those of different taps vanish in expectation. Pooling, whose taps all meet, is a plain sum.

use ndarray::{ArrayView2, ArrayViewMut2};
use widelimit_arch::Window;
use widelimit_sketch::random::Stream;

use crate::scalar::{Scalar, round};

/// Which positions an output position reads: one `(input position, tap)` after the other.
#[derive(Debug)]
pub(crate) struct Taps {
    /// Those of output `q` are `reads[starts[q]..starts[q + 1]]`.
    reads: Vec<(usize, usize)>,
    starts: Vec<usize>,
    /// Factor of every output position.
    weights: Vec<f64>,
    /// Number of taps; 1 where all are summed.
    taps: usize,
    inputs: usize,
}

/// What a pooling layer divides by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scaling {
    /// The size of the window.
    Window,
    /// The positions of the window that are inside.
    Inside,
    /// Nothing.
    One,
}

impl Taps {
    /// A convolution: the mean over the taps of its filter.
    pub fn conv(windows: &[Window]) -> Self {
        let taps: usize = windows.iter().map(|w| w.filter).product();
        let weight = (taps as f64).sqrt().recip();
        Self::new(windows, taps, |_| weight)
    }

    /// Pooling.
    pub fn pool(windows: &[Window], scaling: Scaling) -> Self {
        let size: usize = windows.iter().map(|w| w.filter).product();
        let mut taps = Self::new(windows, 1, |inside| match scaling {
            Scaling::Window => (size as f64).recip(),
            Scaling::Inside => (inside as f64).recip(),
            Scaling::One => 1.0,
        });
        taps.reads.iter_mut().for_each(|(_, tap)| *tap = 0);
        taps
    }

    /// The sum or mean over all positions.
    pub fn global(positions: usize, mean: bool) -> Self {
        let weight = if mean { (positions as f64).recip() } else { 1.0 };
        Self {
            reads: (0..positions).map(|p| (p, 0)).collect(),
            starts: vec![0, positions],
            weights: vec![weight],
            taps: 1,
            inputs: positions,
        }
    }

    /// Positions side by side: `K = mean_p K(p, p)`.
    pub fn flatten(positions: usize) -> Self {
        Self {
            reads: (0..positions).map(|p| (p, p)).collect(),
            starts: vec![0, positions],
            weights: vec![(positions as f64).sqrt().recip()],
            taps: positions,
            inputs: positions,
        }
    }

    fn new(windows: &[Window], taps: usize, weight: impl Fn(usize) -> f64) -> Self {
        let outputs: usize = windows.iter().map(|w| w.output).product();
        let (mut reads, mut starts, mut weights) = (Vec::new(), vec![0], Vec::new());
        for q in 0..outputs {
            let before = reads.len();
            let all: usize = windows.iter().map(|w| w.filter).product();
            reads.extend((0..all).filter_map(|tap| Some((read(windows, q, tap)?, tap))));
            starts.push(reads.len());
            weights.push(weight(reads.len() - before));
        }
        let inputs = windows.iter().map(|w| w.input).product();
        Self { reads, starts, weights, taps, inputs }
    }

    /// Input positions.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Output positions.
    pub fn outputs(&self) -> usize {
        self.weights.len()
    }

    /// Columns of the result where nothing is laid over anything.
    pub fn full(&self, dim: usize) -> usize {
        self.taps.saturating_mul(dim)
    }
}

/// The input position that a tap of output `q` reads; both count along the last axis first.
fn read(windows: &[Window], q: usize, tap: usize) -> Option<usize> {
    let (mut q, mut tap, mut at, mut size) = (q, tap, 0, 1);
    for window in windows.iter().rev() {
        let place = window.tap(q % window.output, tap % window.filter)?;
        at += place * size;
        size *= window.input;
        q /= window.output;
        tap /= window.filter;
    }
    Some(at)
}

/// Where the columns of every tap go.
#[derive(Debug)]
pub(crate) struct Layout {
    dim_in: usize,
    dim_out: usize,
    /// First column of each tap; its columns go round the end.
    offsets: Vec<usize>,
    /// Signs of all taps, one after the other; none where taps do not meet.
    signs: Vec<i8>,
}

impl Layout {
    /// `dim_out` is at least `dim_in`.
    pub fn new(taps: &Taps, dim_in: usize, dim_out: usize, stream: Stream) -> Self {
        let count = taps.taps;
        let apart = taps.full(dim_in) <= dim_out;
        let offset = |tap: usize| if apart { tap * dim_in } else { tap * dim_out / count };
        let signs = if apart { 0 } else { count * dim_in };
        Self {
            dim_in,
            dim_out,
            offsets: (0..count).map(offset).collect(),
            signs: (0..signs as u64).map(|i| if stream.sign(i) > 0.0 { 1 } else { -1 }).collect(),
        }
    }

    /// Features of the output positions of all inputs from those of the input positions, whose rows are
    /// multiplied by `scales`; rows of one input follow one another. Overwrites `out`.
    pub fn apply<T: Scalar>(
        &self,
        taps: &Taps,
        x: ArrayView2<T>,
        scales: Option<&[f64]>,
        mut out: ArrayViewMut2<T>,
    ) {
        let signs: Vec<T> = self.signs.iter().map(|&s| round(f64::from(s))).collect();
        out.fill(round(0.0));
        let outputs = taps.outputs();
        for (row, mut out) in out.outer_iter_mut().enumerate() {
            let (input, q) = (row / outputs, row % outputs);
            let Some(out) = out.as_slice_mut() else { continue };
            for &(p, tap) in &taps.reads[taps.starts[q]..taps.starts[q + 1]] {
                let from = input * taps.inputs + p;
                let scale = taps.weights[q] * scales.map_or(1.0, |scales| scales[from]);
                let x = x.row(from);
                let Some(x) = x.to_slice() else { continue };
                let signs = if signs.is_empty() {
                    None
                } else {
                    Some(&signs[tap * self.dim_in..(tap + 1) * self.dim_in])
                };
                add(x, signs, round(scale), self.offsets[tap], out);
            }
        }
        debug_assert_eq!(self.dim_out, out.ncols());
    }
}

/// `out[(i + offset) mod len] += scale * sign_i * x_i`.
fn add<T: Scalar>(x: &[T], signs: Option<&[T]>, scale: T, offset: usize, out: &mut [T]) {
    let straight = x.len().min(out.len() - offset);
    let (first, second) = x.split_at(straight);
    let (wrapped, rest) = out.split_at_mut(offset);
    match signs {
        None => {
            rest.iter_mut().zip(first).for_each(|(out, &x)| *out += scale * x);
            wrapped.iter_mut().zip(second).for_each(|(out, &x)| *out += scale * x);
        }
        Some(signs) => {
            let (before, after) = signs.split_at(straight);
            let add = |out: &mut [T], x: &[T], signs: &[T]| {
                for ((out, &x), &sign) in out.iter_mut().zip(x).zip(signs) {
                    *out += scale * sign * x;
                }
            };
            add(rest, first, before);
            add(wrapped, second, after);
        }
    }
}
