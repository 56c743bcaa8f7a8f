//! The matrices over pairs of classes that one thread works on, and what is done to them.
//!
//! A matrix stands with the left classes as its rows, or flipped. Aggregating a side is a sum of rows, which
//! vectors do well, where that side's classes are the rows; so an aggregation sums rows, flips, and sums rows,
//! and leaves the matrix the other way round than it found it. Activations do not mind.

use ndarray::{ArrayView2, ArrayViewMut2, ShapeBuilder};
use widelimit_dual::lanes::{Job, Lanes, Real as _};
use widelimit_dual::{Affine, Aligned, Dual, Isa, Row};
use widelimit_linalg::{GramScratch, gram_tile, transpose};

use super::band::{Band, BandLevel, Weights};
use crate::real::{Real, round, widen};

/// Bytes in a step of row sums; rows are whole steps.
const STEP: usize = 128;

/// Numbers from row to row. Not a multiple of 512 bytes: columns of a block would share a set of the cache.
pub(crate) fn stride<T>(columns: usize) -> usize {
    let step = STEP / size_of::<T>();
    let stride = columns.next_multiple_of(step).max(step);
    if (stride * size_of::<T>()).is_multiple_of(512) { stride + step } else { stride }
}

/// Numbers in a matrix of so many rows and columns that stands either way.
pub(crate) fn room<T>(rows: usize, columns: usize) -> usize {
    (rows * stride::<T>(columns)).max(columns * stride::<T>(rows))
}

/// Which of the matrices.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Covariances.
    S,
    /// The tangent kernel.
    T,
}

/// The matrices.
pub(crate) struct Sheet<T: Real> {
    s: Aligned<T>,
    t: Aligned<T>,
    spare: Aligned<T>,
    rows: usize,
    columns: usize,
    flipped: bool,
    isa: Isa,
    gram: GramScratch<T>,
}

impl<T: Real> Sheet<T> {
    pub fn new(isa: Isa) -> Self {
        let empty = || Aligned::zeros(0);
        let (s, t, spare) = (empty(), empty(), empty());
        Self { s, t, spare, rows: 0, columns: 0, flipped: false, isa, gram: GramScratch::new() }
    }

    /// Bytes held for bands of so many rows.
    pub fn bytes(rows: usize, columns: usize, features: usize) -> u64 {
        let numbers = 3 * room::<T>(rows, columns) * size_of::<T>();
        (numbers + GramScratch::<T>::bytes_for(rows, columns, features)) as u64
    }

    /// Begins with `X1 X2^T`.
    pub fn start(&mut self, left: &Band<T>, right: &Band<T>) {
        (self.rows, self.columns) = (left.levels[0].classes.len(), right.levels[0].classes.len());
        self.flipped = false;
        let room = room::<T>(left.widest, right.widest);
        for matrix in [&mut self.s, &mut self.t, &mut self.spare] {
            if matrix.len() < room {
                matrix.reset(room);
            }
        }
        let (rows, columns) = (self.rows, self.columns);
        let out = view_mut(&mut self.s, rows, columns);
        gram_tile(left.features.view(), right.features.view(), &mut self.gram, out);
    }

    /// Writes a value where both sides are the same class.
    pub fn set_equal(&mut self, left: &[u32], right: &[u32], value: impl Fn(u32) -> f64) {
        let stride = stride::<T>(self.columns);
        let (mut i, mut j) = (0, 0);
        while i < left.len() && j < right.len() {
            match left[i].cmp(&right[j]) {
                std::cmp::Ordering::Less => i += 1,
                std::cmp::Ordering::Greater => j += 1,
                std::cmp::Ordering::Equal => {
                    let (row, column) = if self.flipped { (j, i) } else { (i, j) };
                    self.s[row * stride + column] = round(value(left[i]));
                    (i, j) = (i + 1, j + 1);
                }
            }
        }
    }

    /// Covariances of every row with itself, where both sides are the same.
    pub fn diagonal(&self) -> Vec<f64> {
        let stride = stride::<T>(self.columns);
        (0..self.rows).map(|i| widen(self.s[i * stride + i])).collect()
    }

    /// To the next level. The first time the tangent kernel begins as the covariances.
    pub fn aggregate(&mut self, left: &BandLevel<T>, right: &BandLevel<T>, first: bool) {
        let (near, far) = if self.flipped { (right, left) } else { (left, right) };
        let size = (self.rows, self.columns);
        let maps = (&near.aggregate, &far.aggregate);
        both_sides(self.isa, maps, size, &mut self.s, &mut self.spare);
        (self.rows, self.columns) = (far.aggregate.rows(), near.aggregate.rows());
        if first {
            let len = self.rows * stride::<T>(self.columns);
            self.t[..len].copy_from_slice(&self.s[..len]);
        } else {
            both_sides(self.isa, maps, size, &mut self.t, &mut self.spare);
        }
        self.flipped = !self.flipped;
    }

    /// One activation.
    pub fn activate(
        &mut self,
        dual: &Dual,
        then: Affine,
        left: &BandLevel<T>,
        right: &BandLevel<T>,
        layer: usize,
    ) {
        let (near, far) = if self.flipped { (right, left) } else { (left, right) };
        let (left, right) = (&near.duals[layer], &far.duals[layer]);
        let (stride, columns) = (stride::<T>(self.columns), self.columns);
        let rows = self.s.chunks_exact_mut(stride).zip(self.t.chunks_exact_mut(stride));
        for (i, (s, t)) in rows.take(self.rows).enumerate() {
            let (k, t) = (&mut s[..columns], Some(&mut t[..columns]));
            dual.apply_then(self.isa, Row { left, i, right, j0: 0, k, t }, then);
        }
    }

    /// Sums over the nodes of each graph: `out` is left graphs x right graphs.
    pub fn read(
        &mut self,
        which: Which,
        left: &BandLevel<T>,
        right: &BandLevel<T>,
        out: &mut [f64],
    ) {
        let (near, far) = if self.flipped { (right, left) } else { (left, right) };
        let from = if which == Which::S { &self.s } else { &self.t };
        let stride = stride::<T>(self.columns);
        let map = &near.count;
        T::dispatch(self.isa, SumRows { map, from, to: &mut self.spare, stride });
        let (near_graphs, far_graphs) = (near.count.rows(), far.count.rows());
        for a in 0..near_graphs {
            let row = &self.spare[a * stride..][..stride];
            for b in 0..far_graphs {
                let entries = far.count.offsets[b]..far.count.offsets[b + 1];
                let indices = &far.count.indices[entries.clone()];
                let terms = indices.iter().zip(&far.count.values[entries]);
                let sum = terms.map(|(&j, &count)| widen(row[j as usize]) * widen(count)).sum();
                let place = if self.flipped { b * near_graphs + a } else { a * far_graphs + b };
                out[place] = sum;
            }
        }
    }
}

/// Sums rows, flips, sums rows; `spare` and `matrix` change places.
fn both_sides<T: Real>(
    isa: Isa,
    (near, far): (&Weights<T>, &Weights<T>),
    (_, columns): (usize, usize),
    matrix: &mut Aligned<T>,
    spare: &mut Aligned<T>,
) {
    let rows = near.rows();
    T::dispatch(isa, SumRows { map: near, from: matrix, to: spare, stride: stride::<T>(columns) });
    transpose(view(spare, rows, columns), view_mut(matrix, columns, rows));
    T::dispatch(isa, SumRows { map: far, from: matrix, to: spare, stride: stride::<T>(rows) });
    std::mem::swap(matrix, spare);
}

fn view<T>(matrix: &[T], rows: usize, columns: usize) -> ArrayView2<'_, T> {
    match ArrayView2::from_shape((rows, columns).strides((stride::<T>(columns), 1)), matrix) {
        Ok(view) => view,
        Err(_) => unreachable!("there is room for {rows} x {columns} numbers"),
    }
}

fn view_mut<T>(matrix: &mut [T], rows: usize, columns: usize) -> ArrayViewMut2<'_, T> {
    match ArrayViewMut2::from_shape((rows, columns).strides((stride::<T>(columns), 1)), matrix) {
        Ok(view) => view,
        Err(_) => unreachable!("there is room for {rows} x {columns} numbers"),
    }
}

/// Every row of `to` is a weighted sum of rows of `from`, in the order of the map.
struct SumRows<'a, T> {
    map: &'a Weights<T>,
    from: &'a [T],
    to: &'a mut [T],
    stride: usize,
}

impl<T: Real> Job<T> for SumRows<'_, T> {
    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        match STEP / size_of::<T>() / L::WIDTH {
            4 => sum_rows::<T, L, 4>(lanes, self),
            2 => sum_rows::<T, L, 2>(lanes, self),
            _ => sum_rows::<T, L, 1>(lanes, self),
        }
    }
}

/// `N` vectors at a time; a row is a whole number of times as long.
#[inline(always)]
fn sum_rows<T: Real, L: Lanes<T>, const N: usize>(lanes: L, job: SumRows<'_, T>) {
    let SumRows { map, from, to, stride } = job;
    let zero = lanes.splat(round(0.0));
    for (row, to) in to.chunks_exact_mut(stride).take(map.rows()).enumerate() {
        let entries = map.offsets[row]..map.offsets[row + 1];
        let (indices, values) = (&map.indices[entries.clone()], &map.values[entries]);
        for (block, to) in to.chunks_exact_mut(N * L::WIDTH).enumerate() {
            let start = block * N * L::WIDTH;
            let mut sums = [zero; N];
            for (&index, &value) in indices.iter().zip(values) {
                let from = &from[index as usize * stride + start..][..N * L::WIDTH];
                let value = lanes.splat(value);
                for (k, sum) in sums.iter_mut().enumerate() {
                    *sum = lanes.load(&from[k * L::WIDTH..][..L::WIDTH]).mul_add(value, *sum);
                }
            }
            for (to, sum) in to.chunks_exact_mut(L::WIDTH).zip(sums) {
                lanes.store(to, sum);
            }
        }
    }
}
