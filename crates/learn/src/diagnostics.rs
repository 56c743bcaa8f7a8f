//! How well a system was solved.

use ndarray::{Array2, ArrayView2, Axis};
use widelimit_linalg::{Par, Scalar, matmul};

/// What a solve tells about itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Diagnostics {
    /// Condition number of the matrix that was solved with, ridge included: the ratio of the extreme
    /// eigenvalues where they are known, otherwise an estimate from the factorisation.
    pub condition: f64,
    /// Added to the diagonal beyond the ridge, because the factorisation needed it (0: nothing).
    pub jitter: f64,
    /// `|(K + lambda I) alpha - y| / |y|` in the Frobenius norm (jitter counted with `lambda`), computed in
    /// double precision. Where the kernel was overwritten by its eigenvectors it is estimated from [`PROBES`] random combinations of
    /// rows taken before (within a factor of two nearly always).
    pub residual: f64,
    /// Smallest eigenvalue of the kernel without ridge, where the spectrum was computed. Slightly negative
    /// values are rounding.
    pub min_eigenvalue: Option<f64>,
}

/// Number of random combinations of rows that estimate a residual.
pub const PROBES: usize = 16;

/// Rows that are widened to double precision at a time.
pub(crate) const BLOCK: usize = 256;

/// `a b` in double precision without widening `a` as a whole.
pub(crate) fn product<T: Scalar>(a: ArrayView2<T>, b: ArrayView2<f64>, par: &Par) -> Array2<f64> {
    let mut out = Array2::zeros((a.nrows(), b.ncols()));
    for (rows, mut to) in
        a.axis_chunks_iter(Axis(0), BLOCK).zip(out.axis_chunks_iter_mut(Axis(0), BLOCK))
    {
        to.assign(&matmul(rows.map(|v| v.to_f64()).view(), b, par));
    }
    out
}

/// Products of a matrix with random signs, kept while the matrix itself is overwritten.
pub(crate) struct Probes {
    signs: Array2<f64>,
    products: Array2<f64>,
}

impl Probes {
    /// Takes the probes: `2 n^2` operations each.
    pub fn new<T: Scalar>(kernel: ArrayView2<T>, par: &Par) -> Self {
        let mut state = 0x9E37_79B9_7F4A_7C15u64;
        let signs = Array2::from_shape_simple_fn((kernel.nrows(), PROBES), || {
            if splitmix(&mut state) >> 63 == 0 { 1.0 } else { -1.0 }
        });
        let products = product(kernel, signs.view(), par);
        Probes { signs, products }
    }

    /// Estimate of `|(K + shift I) x - b| / |b|`: for random signs `g`, `E (g^T r)^2 = |r|^2`.
    pub fn residual(&self, shift: f64, x: ArrayView2<f64>, b: ArrayView2<f64>, par: &Par) -> f64 {
        let rest = &x * shift - b;
        let combined = matmul(self.products.t(), x, par) + matmul(self.signs.t(), rest.view(), par);
        ratio((square(combined.view()) / PROBES as f64).sqrt(), square(b).sqrt())
    }
}

/// SplitMix64 (Steele, Lea & Flood 2014): a fixed sequence is all that is needed here.
pub(crate) fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Sum of squares.
pub(crate) fn square(a: ArrayView2<f64>) -> f64 {
    a.iter().map(|v| v * v).sum()
}

/// `a / b`, 0 for 0 / 0 (zero targets are solved exactly by zero).
pub(crate) fn ratio(a: f64, b: f64) -> f64 {
    if a == 0.0 { 0.0 } else { a / b }
}

/// Diagonal of `V diag(filter) V^T` for each column of `filters`, without a second `n x n` matrix.
pub(crate) fn filtered_diagonals(
    vectors: ArrayView2<f64>,
    filters: ArrayView2<f64>,
    par: &Par,
) -> Array2<f64> {
    let mut out = Array2::zeros((vectors.nrows(), filters.ncols()));
    for (rows, mut to) in
        vectors.axis_chunks_iter(Axis(0), BLOCK).zip(out.axis_chunks_iter_mut(Axis(0), BLOCK))
    {
        to.assign(&matmul(rows.mapv(|v| v * v).view(), filters, par));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn probes_see_the_residual() {
        let n = 60;
        let k =
            Array2::from_shape_fn((n, n), |(i, j)| (-((i as f64 - j as f64) / 9.0).powi(2)).exp());
        let x = Array2::from_shape_fn((n, 3), |(i, c)| ((i * 7 + c * 3) % 11) as f64 - 5.0);
        let par = Par::single();
        let probes = Probes::new(k.view(), &par);
        let b = k.dot(&x) + &x * 0.5;
        assert!(probes.residual(0.5, x.view(), b.view(), &par) < 1e-14);
        let mut wrong = x.clone();
        wrong[[3, 1]] += 0.1;
        let exact = (square((k.dot(&wrong) + &wrong * 0.5 - &b).view()) / square(b.view())).sqrt();
        let seen = probes.residual(0.5, wrong.view(), b.view(), &par);
        assert!(seen > exact / 2.0 && seen < exact * 2.0, "{seen} {exact}");
        assert_eq!(ratio(0.0, 0.0), 0.0);
    }

    #[test]
    fn diagonals_of_filtered_matrices() {
        let v = array![[0.6, 0.8], [-0.8, 0.6]];
        let d = array![[2.0, 1.0], [3.0, 0.0]];
        let got = filtered_diagonals(v.view(), d.view(), &Par::single());
        let full = v.dot(&Array2::from_diag(&d.column(0))).dot(&v.t());
        assert!((got[[0, 0]] - full[[0, 0]]).abs() < 1e-15);
        assert!((got[[1, 1]] - 0.64).abs() < 1e-15);
    }
}
