//! Random problems and slow, independent solvers that the tests compare with.
#![allow(dead_code)] // every test file uses its own part

use ndarray::{Array1, Array2, ArrayView2, Axis};

/// Deterministic numbers (SplitMix64, Box-Muller).
pub struct Random(pub u64);

impl Random {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    pub fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    pub fn matrix(&mut self, rows: usize, columns: usize) -> Array2<f64> {
        Array2::from_shape_simple_fn((rows, columns), || self.normal())
    }
}

/// NTK of one hidden ReLU layer between the rows of `a` and `b`.
pub fn ntk(a: ArrayView2<f64>, b: ArrayView2<f64>) -> Array2<f64> {
    let pi = std::f64::consts::PI;
    Array2::from_shape_fn((a.nrows(), b.nrows()), |(i, j)| {
        let (x, y) = (a.row(i), b.row(j));
        let d = x.len() as f64;
        let n = (x.dot(&x) * y.dot(&y)).sqrt() / d;
        let c = (x.dot(&y) / d / n).clamp(-1.0, 1.0);
        let t = c.acos();
        n * ((t.sin() + (pi - t) * c) + c * (pi - t)) / pi
    })
}

/// Gauss-Jordan elimination with partial pivoting.
pub fn solve(a: &Array2<f64>, b: &Array2<f64>) -> Array2<f64> {
    let (mut a, mut b) = (a.clone(), b.clone());
    let n = a.nrows();
    for k in 0..n {
        let p = (k..n).max_by(|i, j| a[[*i, k]].abs().total_cmp(&a[[*j, k]].abs())).unwrap();
        for m in [&mut a, &mut b] {
            let (row_k, row_p) = (m.row(k).to_owned(), m.row(p).to_owned());
            m.row_mut(k).assign(&row_p);
            m.row_mut(p).assign(&row_k);
        }
        let pivot = a[[k, k]];
        let (row_a, row_b) = (a.row(k).to_owned(), b.row(k).to_owned());
        for i in (0..n).filter(|i| *i != k) {
            let f = a[[i, k]] / pivot;
            a.row_mut(i).scaled_add(-f, &row_a);
            b.row_mut(i).scaled_add(-f, &row_b);
        }
    }
    for k in 0..n {
        let pivot = a[[k, k]];
        b.row_mut(k).mapv_inplace(|v| v / pivot);
    }
    b
}

/// Weighted ridge regression by definition: mean, then `(K + lambda W^-1)^-1 (y - mean)`.
pub fn refit(
    k: &Array2<f64>,
    k_new: &Array2<f64>,
    y: &Array2<f64>,
    weights: &Array1<f64>,
    ridge: f64,
    centre: bool,
) -> Array2<f64> {
    let w = weights.view().insert_axis(Axis(1));
    let mean =
        if centre { (y * &w).sum_axis(Axis(0)) / weights.sum() } else { Array1::zeros(y.ncols()) };
    let a = k + &Array2::from_diag(&weights.mapv(|w| ridge / w));
    k_new.dot(&solve(&a, &(y - &mean))) + &mean
}

/// The same from features: mean, then `(Z^T W Z + lambda I)^-1 Z^T W (y - mean)`. With fewer features than rows
/// the kernel form cancels at small ridges, this one does not.
pub fn refit_features(
    z: &Array2<f64>,
    z_new: &Array2<f64>,
    y: &Array2<f64>,
    weights: &Array1<f64>,
    ridge: f64,
    centre: bool,
) -> Array2<f64> {
    let w = weights.view().insert_axis(Axis(1));
    let mean =
        if centre { (y * &w).sum_axis(Axis(0)) / weights.sum() } else { Array1::zeros(y.ncols()) };
    let g = z.t().dot(&(z * &w)) + Array2::from_diag_elem(z.ncols(), ridge);
    z_new.dot(&solve(&g, &z.t().dot(&((y - &mean) * w)))) + &mean
}

/// What to fit.
#[derive(Clone, Copy)]
pub enum On<'a> {
    Kernel(&'a Array2<f64>),
    Features(&'a Array2<f64>),
}

/// Leave-one-out predictions by fitting `n` times.
pub fn refit_without_each(
    on: On,
    y: &Array2<f64>,
    weights: &Array1<f64>,
    ridge: f64,
    centre: bool,
) -> Array2<f64> {
    let n = y.nrows();
    let mut out = y.clone();
    for i in 0..n {
        let rest: Vec<usize> = (0..n).filter(|j| *j != i).collect();
        let (y, w) = (y.select(Axis(0), &rest), weights.select(Axis(0), &rest));
        let f = match on {
            On::Kernel(k) => {
                let inner = k.select(Axis(0), &rest).select(Axis(1), &rest);
                let row = k.select(Axis(0), &[i]).select(Axis(1), &rest);
                refit(&inner, &row, &y, &w, ridge, centre)
            }
            On::Features(z) => {
                let (inner, row) = (z.select(Axis(0), &rest), z.select(Axis(0), &[i]));
                refit_features(&inner, &row, &y, &w, ridge, centre)
            }
        };
        out.row_mut(i).assign(&f.row(0));
    }
    out
}

/// Largest difference relative to the largest entry of `b`.
pub fn relative(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    assert_eq!(a.dim(), b.dim());
    let scale = b.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let worst =
        (a - b).iter().fold(0.0f64, |m, v| if v.is_nan() { f64::NAN } else { m.max(v.abs()) });
    worst / scale.max(f64::MIN_POSITIVE)
}
