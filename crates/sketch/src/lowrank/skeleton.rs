//! Interpolative decompositions: some rows, or columns, that give all others.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use widelimit_linalg::{Par, Qr};

use super::RangeFinder;
use super::single_pass::leading;
use crate::error::Error;
use crate::random::Stream;
use crate::{LinOp, Transpose};

/// Largest coefficient of a decomposition.
const BOUND: f64 = 2.0;

/// `A ~ X A_J`: every row as a combination of the rows `J`.
#[derive(Clone, Debug, PartialEq)]
pub struct RowSkeleton {
    /// The rows `J`, in the order of the columns of `X`: `k`.
    pub rows: Vec<usize>,
    /// `X` (`m x k`): the identity in the rows `J`, and nowhere an entry beyond 2 in absolute value.
    pub coefficients: Array2<f64>,
}

/// `A ~ A_J X`: every column as a combination of the columns `J`.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnSkeleton {
    /// The columns `J`, in the order of the rows of `X`: `k`.
    pub columns: Vec<usize>,
    /// `X` (`k x n`): the identity in the columns `J`, and nowhere an entry beyond 2 in absolute
    /// value.
    pub coefficients: Array2<f64>,
}

/// `min(finder.rank, m, n)` rows of `A` that span the others.
///
/// With `U` (`m x k`) the leading left singular vectors of the sample of the range,
/// `X = U U_J^{-1}`. The rows `J` are found by greedy elimination and then by exchanges, each of
/// which multiplies `|det U_J|` by more than 2, until no entry of `X` exceeds 2. Hence
/// `|A - X A_J| <= (1 + |X|) |A - U U^T A|` and `|X| <= sqrt(1 + 4 k (m - k))`.
///
/// The choice of rows: Gu and Eisenstat (1996), *Efficient algorithms for computing a strong
/// rank-revealing QR factorization*, with their `f = 2`; the error: HMT lemma 5.1.
///
/// ```
/// use ndarray::array;
/// use widelimit_linalg::Par;
/// use widelimit_sketch::{lowrank::{RangeFinder, row_skeleton}, random::Stream};
///
/// let a = array![[1.0, 2.0, 0.0], [10.0, 20.0, 0.0], [0.0, 0.0, 5.0]];
/// let skeleton = row_skeleton(&a.view(), &RangeFinder::new(2), Stream::new(0, 0, 0), &Par::single())?;
/// assert!(skeleton.rows.contains(&1) && skeleton.rows.contains(&2));
/// let place = skeleton.rows.iter().position(|&row| row == 1).unwrap();
/// assert!((skeleton.coefficients[[0, place]] - 0.1).abs() < 1e-12);
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
///
/// # Errors
/// Those of [`RangeFinder::find`].
pub fn row_skeleton<A: LinOp + ?Sized>(
    a: &A,
    finder: &RangeFinder,
    stream: Stream,
    par: &Par,
) -> Result<RowSkeleton, Error> {
    row_skeleton_of(finder.sample(a, stream, par)?, finder.rank, par)
}

/// `min(finder.rank, m, n)` columns of `A` that span the others: [`row_skeleton`] of the transpose.
///
/// # Errors
/// Those of [`RangeFinder::find`].
pub fn column_skeleton<A: LinOp + ?Sized>(
    a: &A,
    finder: &RangeFinder,
    stream: Stream,
    par: &Par,
) -> Result<ColumnSkeleton, Error> {
    let skeleton = row_skeleton(&Transpose(a), finder, stream, par)?;
    let coefficients = skeleton.coefficients.reversed_axes();
    Ok(ColumnSkeleton { columns: skeleton.rows, coefficients })
}

/// The skeleton of all matrices with the range of `sample` (`m x l`), of at most `rank` rows.
pub(crate) fn row_skeleton_of(
    sample: Array2<f64>,
    rank: usize,
    par: &Par,
) -> Result<RowSkeleton, Error> {
    let u = leading(&sample, rank, par)?;
    let mut rows = greedy_rows(u.clone());
    // X = U U_J^{-1}, from U_J^T X^T = U^T
    let chosen = Qr::factor(u.select(Axis(0), &rows).reversed_axes(), par)?;
    let mut x = chosen.solve_least_squares(u.t(), par)?.reversed_axes();
    exchange(&mut x, &mut rows);
    Ok(RowSkeleton { rows, coefficients: x.as_standard_layout().into_owned() })
}

/// As many rows as there are columns, each the one farthest from the span of those before.
fn greedy_rows(mut u: Array2<f64>) -> Vec<usize> {
    let mut chosen = Vec::with_capacity(u.ncols());
    let mut free = vec![true; u.nrows()];
    for _ in 0..u.ncols() {
        let norms = u.outer_iter().map(|row| row.dot(&row));
        let left = norms.enumerate().filter(|&(i, _)| free[i]);
        let Some((row, square)) = left.reduce(|a, b| if b.1 > a.1 { b } else { a }) else { break };
        if square > 0.0 {
            let direction = &u.row(row) / square.sqrt();
            remove(&mut u, direction);
        }
        free[row] = false;
        chosen.push(row);
    }
    chosen
}

/// Takes the direction out of all rows.
fn remove(u: &mut Array2<f64>, direction: Array1<f64>) {
    for mut row in u.outer_iter_mut() {
        let part = row.dot(&direction);
        row.scaled_add(-part, &direction);
    }
}

/// Exchanges rows of the basis until no coefficient exceeds the bound.
fn exchange(x: &mut Array2<f64>, rows: &mut [usize]) {
    while let Some((enters, leaves)) = largest(x.view()) {
        // in the new basis the row that enters is the unit vector of the place it takes
        let pivot = x[[enters, leaves]];
        let mut step = x.row(enters).to_owned();
        step[leaves] -= 1.0;
        let column = &x.column(leaves) / pivot;
        for (mut row, factor) in x.outer_iter_mut().zip(column) {
            row.scaled_add(-factor, &step);
        }
        rows[leaves] = enters;
    }
    for (place, &row) in rows.iter().enumerate() {
        x.row_mut(row).fill(0.0);
        x[[row, place]] = 1.0;
    }
}

/// The place of the largest coefficient, if it exceeds the bound.
fn largest(x: ArrayView2<'_, f64>) -> Option<(usize, usize)> {
    let mut best = (None, BOUND);
    for (place, v) in x.indexed_iter() {
        if v.abs() > best.1 {
            best = (Some(place), v.abs());
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use widelimit_linalg::matmul;

    use super::*;

    /// Kahan's matrix, on which the greedy choice goes wrong: coefficients grow with the size.
    #[test]
    fn exchanges_bound_the_coefficients() {
        let (n, c) = (20, 0.6f64);
        let s = (1.0 - c * c).sqrt();
        // all rows look the same at every step, but for a factor that falls
        let kahan = Array2::from_shape_fn((n + 1, n), |(j, i)| {
            let scale = s.powi(i as i32) * 0.999f64.powi(j as i32);
            match i.cmp(&j) {
                Ordering::Less => -c * scale,
                Ordering::Equal => scale,
                Ordering::Greater => 0.0,
            }
        });
        let par = Par::single();
        let rows = greedy_rows(kahan.clone());
        let square = Qr::factor(kahan.select(Axis(0), &rows).reversed_axes(), &par).unwrap();
        let mut x = square.solve_least_squares(kahan.t(), &par).unwrap().reversed_axes();
        let before = x.iter().fold(0.0f64, |a, v| a.max(v.abs()));
        assert!(before > 100.0, "the greedy choice is good here: {before}");
        let mut rows = rows;
        exchange(&mut x, &mut rows);
        assert!(x.iter().all(|v| v.abs() <= 2.0));
        let rest = &kahan - &matmul(x.view(), kahan.select(Axis(0), &rows).view(), &par);
        assert!(rest.iter().all(|v| v.abs() < 1e-9), "{rest}");
    }
}
