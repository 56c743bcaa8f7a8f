//! What several test files need.
#![allow(dead_code)]

use std::error::Error as StdError;

use ndarray::{Array2, ArrayView1, ArrayView2, ArrayViewMut2, Axis};
use widelimit_linalg::{Par, Qr, svd};
use widelimit_sketch::landmarks::KernelEntries;
use widelimit_sketch::random::Stream;
use widelimit_sketch::{Csr, Scalar, Sketch};

pub fn stream(seed: u64) -> Stream {
    Stream::new(seed, 0, 0)
}

/// Normal entries, a share of them zero.
pub fn points<T: Scalar>(rows: usize, columns: usize, density: f64, seed: u64) -> Array2<T> {
    let (values, kept) = (stream(seed).child(8), stream(seed).child(9));
    Array2::from_shape_fn((rows, columns), |(i, j)| {
        let index = (i * columns + j) as u64;
        T::from_f64(if kept.unit(index) < density { values.normal(index) } else { 0.0 })
    })
}

/// The parts of a sparse matrix.
pub struct Stored<T> {
    columns: usize,
    offsets: Vec<usize>,
    indices: Vec<usize>,
    values: Vec<T>,
}

impl<T: Scalar> Stored<T> {
    pub fn of(x: ArrayView2<'_, T>) -> Self {
        let (mut offsets, mut indices, mut values) = (vec![0], vec![], vec![]);
        for row in x.outer_iter() {
            for (j, &v) in row.indexed_iter().filter(|(_, v)| **v != T::default()) {
                indices.push(j);
                values.push(v);
            }
            offsets.push(indices.len());
        }
        Self { columns: x.ncols(), offsets, indices, values }
    }

    pub fn view(&self) -> Csr<'_, T> {
        Csr::new(self.columns, &self.offsets, &self.indices, &self.values).unwrap()
    }
}

pub fn apply<T: Scalar>(sketch: &impl Sketch, x: ArrayView2<'_, T>) -> Array2<T> {
    let mut out = Array2::from_elem((x.nrows(), sketch.dim_out()), T::from_f64(77.0));
    sketch.apply(x, out.view_mut()).unwrap();
    out
}

pub fn apply_csr<T: Scalar>(sketch: &impl Sketch, x: Csr<'_, T>) -> Array2<T> {
    let mut out = Array2::from_elem((x.rows(), sketch.dim_out()), T::from_f64(77.0));
    sketch.apply_csr(x, out.view_mut()).unwrap();
    out
}

/// Rows one at a time.
pub fn apply_each<T: Scalar>(sketch: &impl Sketch, x: ArrayView2<'_, T>) -> Array2<T> {
    let rows: Vec<_> = x.outer_iter().map(|row| apply(sketch, row.insert_axis(Axis(0)))).collect();
    let views: Vec<_> = rows.iter().map(|row| row.view()).collect();
    ndarray::concatenate(Axis(0), &views).unwrap()
}

pub fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(a, b)| a * b).sum()
}

/// Mean, variance, and the standard errors of both, from independent draws.
#[derive(Debug)]
pub struct Moments {
    pub mean: f64,
    pub mean_error: f64,
    pub variance: f64,
    pub variance_error: f64,
}

impl Moments {
    pub fn of(draws: &[f64]) -> Self {
        let n = draws.len() as f64;
        let mean = draws.iter().sum::<f64>() / n;
        let central = |p| draws.iter().map(|d| (d - mean).powi(p)).sum::<f64>() / n;
        let (variance, fourth) = (central(2), central(4));
        let variance_error = ((fourth - variance * variance) / n).sqrt();
        Self { mean, mean_error: (variance / n).sqrt(), variance, variance_error }
    }

    /// The mean is `expected` within four standard errors (or rounding).
    pub fn assert_mean(&self, expected: f64, what: &str) {
        let bound = 4.0 * self.mean_error + 1e-12;
        assert!((self.mean - expected).abs() <= bound, "{what}: {expected}, got {self:?}");
    }
}

/// Squared norms of images and inner products of the images of two points, a draw a seed.
pub fn draws<S: Sketch>(
    seeds: u64,
    x: &[f64],
    y: &[f64],
    make: impl Fn(u64) -> S,
) -> (Vec<f64>, Vec<f64>) {
    let both = Array2::from_shape_fn((2, x.len()), |(i, j)| if i == 0 { x[j] } else { y[j] });
    (0..seeds)
        .map(|seed| {
            let z = apply(&make(seed), both.view());
            (z.row(0).dot(&z.row(0)), z.row(0).dot(&z.row(1)))
        })
        .unzip()
}

/// `U diag(s) V^T` (`m x n`) with random orthonormal columns.
pub fn with_spectrum(m: usize, n: usize, s: &[f64], seed: u64) -> Array2<f64> {
    let par = Par::single();
    let basis = |side: usize, part: u64| {
        let x = points::<f64>(side, s.len(), 1.0, 1000 * seed + part);
        Qr::factor(x, &par).unwrap().q(&par).unwrap()
    };
    let u = basis(m, 1) * ArrayView1::from(s);
    u.dot(&basis(n, 2).t())
}

/// `V diag(s) V^T` (`n x n`) with random orthonormal columns.
pub fn symmetric_with_spectrum(n: usize, s: &[f64], seed: u64) -> Array2<f64> {
    let par = Par::single();
    let x = points::<f64>(n, s.len(), 1.0, 1000 * seed + 3);
    let v = Qr::factor(x, &par).unwrap().q(&par).unwrap();
    let a = (&v * &ArrayView1::from(s)).dot(&v.t());
    0.5 * (&a + &a.t())
}

pub fn frobenius(a: &Array2<f64>) -> f64 {
    a.iter().map(|v| v * v).sum::<f64>().sqrt()
}

pub fn spectral(a: &Array2<f64>) -> f64 {
    svd(a.view(), &Par::single()).unwrap().s[0]
}

/// `sum_{j >= k} s_j^power`.
pub fn tail(s: &[f64], k: usize, power: i32) -> f64 {
    s[k..].iter().map(|v| v.powi(power)).sum()
}

/// The mean does not exceed the bound by more than four standard errors.
pub fn assert_mean_below(values: &[f64], bound: f64, what: &str) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let error = (variance / n).sqrt();
    // heavy tails would let anything pass
    assert!(error <= bound / 4.0, "{what}: a standard error of {error:e}, bound {bound:e}");
    let limit = bound + 4.0 * error;
    assert!(mean <= limit, "{what}: a mean of {mean:e}, bound {bound:e}, with errors {limit:e}");
}

/// Chi-square statistic of counts, four standard deviations above its mean at most.
pub fn assert_frequencies(counts: &[usize], chances: &[f64], what: &str) {
    let draws = counts.iter().sum::<usize>() as f64;
    let mut degrees: f64 = -1.0;
    let mut chi = 0.0f64;
    for (&count, &chance) in counts.iter().zip(chances) {
        if chance == 0.0 {
            assert_eq!(count, 0, "{what}: an impossible event");
            continue;
        }
        degrees += 1.0;
        chi += (count as f64 - draws * chance).powi(2) / (draws * chance);
    }
    let limit = degrees + 4.0 * (2.0 * degrees).sqrt();
    assert!(chi < limit, "{what}: chi-square {chi} of {degrees} degrees, {counts:?}");
}

/// A function that yields entries of a kernel matrix.
pub type Block<'a> = Box<
    dyn Fn(
            &[usize],
            &[usize],
            ArrayViewMut2<'_, f64>,
        ) -> Result<(), Box<dyn StdError + Send + Sync>>
        + 'a,
>;

/// A kernel matrix by its entries.
pub fn entries(k: &Array2<f64>) -> KernelEntries<Block<'_>> {
    let block: Block<'_> = Box::new(|rows, columns, mut out| {
        out.indexed_iter_mut().for_each(|((i, j), v)| *v = k[[rows[i], columns[j]]]);
        Ok(())
    });
    KernelEntries::new(k.diag().to_owned(), block).unwrap()
}
