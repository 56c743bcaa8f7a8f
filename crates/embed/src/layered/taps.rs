//! Linear layers between positions: sums of features of several positions.
//!
//! `K_out(q, q') = w^2 sum_d K(p_d, p'_d)` (a convolution) is the inner product of features side by
//! side, `w [phi(p_1), phi(p_2), ..]`. Where that gets long, the taps are laid over each other instead,
//! each shifted by another amount and with random signs of its own: products of equal taps stay exact,
//! those of different taps vanish in expectation. Pooling, whose taps all meet, is a plain sum.
//!
//! What vanishes in expectation is noise, of the variance of `sum_{d != d'} e_d e_d'` where tap `d` has the
//! share `e_d` of the energy. Features of neighbours are alike, so before they are laid over each other the
//! taps are reflected such that one of them becomes their mean: it then has nearly all of the energy, and
//! inner products of all taps together are what they were.

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
        debug_assert_eq!(self.dim_out, out.ncols());
        out.fill(round(0.0));
        let signs: Vec<T> = self.signs.iter().map(|&s| round(f64::from(s))).collect();
        let mut meeting = (!signs.is_empty()).then(|| Meeting::new(self, &signs));
        let outputs = taps.outputs();
        for (row, mut out) in out.outer_iter_mut().enumerate() {
            let (input, q) = (row / outputs, row % outputs);
            let Some(out) = out.as_slice_mut() else { continue };
            let reads = &taps.reads[taps.starts[q]..taps.starts[q + 1]];
            let reads = reads.iter().filter_map(|&(p, tap)| {
                let from = input * taps.inputs + p;
                let scale = taps.weights[q] * scales.map_or(1.0, |scales| scales[from]);
                Some((tap, round(scale), x.row(from).to_slice()?))
            });
            match &mut meeting {
                Some(meeting) => meeting.add(reads, out),
                None => reads.for_each(|(tap, scale, x)| {
                    add(x, |x, _| scale * x, self.offsets[tap], out);
                }),
            }
        }
    }
}

/// Taps that are laid over each other.
struct Meeting<'a, T> {
    layout: &'a Layout,
    signs: &'a [T],
    /// The tap that becomes the mean.
    middle: usize,
    /// Scaled features of every tap, one after the other; 0 where a tap is outside.
    taps: Vec<T>,
    /// Their product with the vector that they are reflected by.
    along: Vec<T>,
}

impl<'a, T: Scalar> Meeting<'a, T> {
    fn new(layout: &'a Layout, signs: &'a [T]) -> Self {
        let (count, zero) = (layout.offsets.len(), round(0.0));
        Self {
            layout,
            signs,
            middle: count / 2,
            taps: vec![zero; count * layout.dim_in],
            along: vec![zero; layout.dim_in],
        }
    }

    /// Adds the taps of one output position, each a scale and a row.
    ///
    /// With `v = 1 / sqrt(count) - e_middle` the reflection is `x - (2 / |v|^2) v <v, x>`, which takes the
    /// mean direction `1 / sqrt(count)` to `e_middle`.
    fn add<'x>(&mut self, reads: impl Iterator<Item = (usize, T, &'x [T])>, out: &mut [T])
    where
        T: 'x,
    {
        let Self { layout, signs, middle, taps, along } = self;
        let dim = layout.dim_in;
        let root = (layout.offsets.len() as f64).sqrt();
        taps.fill(round(0.0));
        along.fill(round(0.0));
        let entry = |tap: usize| root.recip() - if tap == *middle { 1.0 } else { 0.0 };
        for (tap, scale, x) in reads {
            let entry = round::<T>(entry(tap));
            let kept = &mut taps[tap * dim..(tap + 1) * dim];
            for ((kept, along), &x) in kept.iter_mut().zip(along.iter_mut()).zip(x) {
                *kept = scale * x;
                *along += entry * *kept;
            }
        }
        for (tap, &offset) in layout.offsets.iter().enumerate() {
            let columns = tap * dim..(tap + 1) * dim;
            let (x, signs) = (&taps[columns.clone()], &signs[columns]);
            let factor = round::<T>(entry(tap) * root / (root - 1.0));
            let along = along.as_slice();
            add(x, |x, i| signs[i] * (x - factor * along[i]), offset, out);
        }
    }
}

/// `out[(i + offset) mod len] += value(x_i, i)`.
fn add<T: Scalar>(x: &[T], value: impl Fn(T, usize) -> T, offset: usize, out: &mut [T]) {
    let straight = x.len().min(out.len() - offset);
    let (first, second) = x.split_at(straight);
    let (wrapped, rest) = out.split_at_mut(offset);
    for (i, (out, &x)) in rest.iter_mut().zip(first).enumerate() {
        *out += value(x, i);
    }
    for (i, (out, &x)) in wrapped.iter_mut().zip(second).enumerate() {
        *out += value(x, straight + i);
    }
}
