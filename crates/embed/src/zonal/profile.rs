//! Functions of one number given by Hermite coefficients, tabulated.

use ndarray::{Array2, ArrayView2};
use widelimit_linalg::{Par, gram};

use super::basis::{Basis, CELLS, NODES, REACH};
use crate::scalar::{Both, Scalar, round, widen};

/// `f_i(z) = sum_n c_in h_n(z)` with the functions `h_n` of a basis, for several `i`.
#[derive(Debug)]
pub(super) struct Profile {
    /// Values at the nodes: a row for every function.
    tables: Both,
    /// `c_in`.
    coefficients: Array2<f64>,
}

impl Profile {
    /// Tabulates; a row of `coefficients` for every function.
    pub fn new(coefficients: Array2<f64>, basis: &Basis) -> Self {
        // by `gram`, whose bits are the same on every machine
        let tables = gram(coefficients.view(), Some(basis.table().view()), &Par::single());
        Self { tables: Both::new(tables), coefficients }
    }

    /// Coefficients of every function.
    pub fn coefficients(&self) -> ArrayView2<'_, f64> {
        self.coefficients.view()
    }

    /// The function `sum_k weights_k f_(first + k)`.
    pub fn blend<T: Scalar>(&self, first: usize, weights: &[f64]) -> Curve<T> {
        let parts: Vec<_> = (first..).zip(weights).map(|(k, weight)| (self, k, *weight)).collect();
        Curve::sum(&parts)
    }

    /// One function.
    pub fn one<T: Scalar>(&self, index: usize) -> Curve<T> {
        self.blend(index, &[1.0])
    }
}

/// Signs of the degrees: `+ + - -`, over and over.
pub(super) fn sign(degree: usize) -> f64 {
    if degree % 4 < 2 { 1.0 } else { -1.0 }
}

/// Hermite coefficients of the sampled function, whose degree 0 is exact.
pub(super) fn signed(factors: ArrayView2<f64>) -> Array2<f64> {
    Array2::from_shape_fn(
        factors.dim(),
        |(row, n)| {
            if n == 0 { 0.0 } else { sign(n) * factors[[row, n]] }
        },
    )
}

/// One tabulated function.
pub(super) struct Curve<T> {
    values: Vec<T>,
    coefficients: Vec<f64>,
}

impl<T: Scalar> Curve<T> {
    /// The sum of some functions, each a profile, its number there, and its weight.
    pub fn sum(parts: &[(&Profile, usize, f64)]) -> Self {
        let degrees = parts.first().map_or(0, |(profile, ..)| profile.coefficients.ncols());
        let (mut values, mut coefficients) = (vec![T::default(); NODES], vec![0.0; degrees]);
        for &(profile, k, weight) in parts {
            let (row, c) = (profile.tables.get::<T>(), profile.coefficients.row(k));
            coefficients.iter_mut().zip(c).for_each(|(sum, c)| *sum += weight * c);
            let weight = round::<T>(weight);
            values.iter_mut().zip(row.row(k)).for_each(|(sum, &value)| *sum += weight * value);
        }
        Self { values, coefficients }
    }

    /// `y[i] = factor weights[i] (y[i] + f(z[i]))`: linear between the nodes, the series itself beyond them.
    pub fn add(&self, factor: T, weights: &[T], z: &[T], y: &mut [T], basis: &Basis) {
        let (cells, reach) = (round::<T>(CELLS as f64), round::<T>(REACH));
        let Some((table, _)) = self.values.split_first_chunk::<NODES>() else { return };
        for ((z, y), &weight) in z.iter().zip(y).zip(weights) {
            let at = (*z + reach) * cells;
            // a negative or too large number goes to an end of the range and is caught there
            let cell = widen(at) as usize;
            let value = if cell < NODES - 1 && at >= T::default() {
                let (low, high) = (table[cell], table[cell + 1]);
                low + (at - round::<T>(cell as f64)) * (high - low)
            } else {
                self.beyond(*z, basis)
            };
            *y = factor * weight * (*y + value);
        }
    }

    #[cold]
    fn beyond(&self, z: T, basis: &Basis) -> T {
        let mut sum = 0.0;
        basis.values(widen(z), |n, value| sum += self.coefficients[n] * value);
        round(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn the_table_is_the_polynomial() {
        // h_2 = (z^2 - 1) / sqrt 2, h_3 = (z^3 - 3 z) / sqrt 6
        let basis = Basis::new(4, None);
        let profile = Profile::new(array![[0.0, 0.0, 1.0, 0.0], [0.5, 2.0, 0.0, 1.0]], &basis);
        let z: Vec<f64> = (-120..=120).map(|i| f64::from(i) / 10.0).collect();
        let curve = profile.blend::<f64>(0, &[2.0, 3.0]);
        let mut y = vec![1.0; z.len()];
        curve.add(0.5, &vec![1.0; z.len()], &z, &mut y, &basis);
        for (z, y) in z.iter().zip(y) {
            let second = (z * z - 1.0) / 2f64.sqrt();
            let third = 0.5 + 2.0 * z + (z.powi(3) - 3.0 * z) / 6f64.sqrt();
            let exact = 0.5 * (1.0 + 2.0 * second + 3.0 * third);
            assert!((y - exact).abs() < 2e-4, "{z}: {y}, {exact}");
        }
        let mut rounded = vec![1f32; z.len()];
        let z: Vec<f32> = z.iter().map(|&z| z as f32).collect();
        profile.one::<f32>(1).add(1.0, &vec![1.0; z.len()], &z, &mut rounded, &basis);
        for (z, y) in z.iter().zip(rounded) {
            let z = f64::from(*z);
            let exact = 1.5 + 2.0 * z + (z.powi(3) - 3.0 * z) / 6f64.sqrt();
            assert!((f64::from(y) - exact).abs() < 1e-4 * (1.0 + exact.abs()), "{z}: {y}, {exact}");
        }
    }
}
