//! Least squares with coefficients that are not negative.

use ndarray::{Array2, ArrayView1, ArrayView2};

/// A gradient below this, relative to `|a_j| |b|`, counts as none.
const TOLERANCE: f64 = 1e-13;

/// The `x >= 0` with the least `|A x - b|`, for `A` of shape `(m, n)`.
///
/// Columns enter the set of those in use one at a time, the one with the steepest descent first; after
/// each the problem is solved on the set without a sign, and where that would cross zero the step is cut
/// there and the column leaves. The residual falls with every column that enters, so no set comes back.
///
/// Lawson and Hanson (1974), *Solving least squares problems*, algorithm 23.10.
pub(crate) fn nonnegative_least_squares(a: ArrayView2<f64>, b: ArrayView1<f64>) -> Vec<f64> {
    let n = a.ncols();
    let mut x = vec![0.0; n];
    let mut used = vec![false; n];
    let scale = b.dot(&b).sqrt();
    let lengths: Vec<f64> =
        a.columns().into_iter().map(|column| column.dot(&column).sqrt()).collect();
    // a set that leaves at once what just entered would do so again
    let mut refused = vec![false; n];
    loop {
        let residual = &b - &a.dot(&ArrayView1::from(&x));
        let steepest = (0..n)
            .filter(|&j| !used[j] && !refused[j] && lengths[j] > 0.0)
            .map(|j| (j, a.column(j).dot(&residual) / lengths[j]))
            .max_by(|left, right| left.1.total_cmp(&right.1));
        let Some((entering, descent)) = steepest else { return x };
        if descent <= TOLERANCE * scale {
            return x;
        }
        used[entering] = true;
        let mut moved = false;
        loop {
            let set: Vec<usize> = (0..n).filter(|&j| used[j]).collect();
            let free = least_squares(a, b, &set);
            let mut step = 1.0;
            let mut blocking = None;
            for (&j, &target) in set.iter().zip(&free) {
                let reach = if target > 0.0 { 1.0 } else { x[j] / (x[j] - target) };
                // a column that just entered is at 0 and may not go below
                let reach = if reach.is_finite() { reach } else { 0.0 };
                if target <= 0.0 && reach < step {
                    (step, blocking) = (reach, Some(j));
                }
            }
            for (&j, &target) in set.iter().zip(&free) {
                x[j] += step * (target - x[j]);
            }
            moved |= step > 0.0;
            let Some(blocking) = blocking else { break };
            for &j in &set {
                if j == blocking || x[j] <= 0.0 {
                    (x[j], used[j]) = (0.0, false);
                }
            }
        }
        if moved {
            refused.fill(false);
        } else {
            refused[entering] = true;
        }
    }
}

/// Least squares on some of the columns, by Householder reflections; columns that depend on earlier ones
/// get 0.
fn least_squares(a: ArrayView2<f64>, b: ArrayView1<f64>, set: &[usize]) -> Vec<f64> {
    let (m, n) = (a.nrows(), set.len());
    let mut r = Array2::from_shape_fn((m, n + 1), |(i, j)| match set.get(j) {
        Some(&column) => a[[i, column]],
        None => b[i],
    });
    let mut diagonal = vec![0.0; n];
    for k in 0..n.min(m) {
        let whole: f64 = r.column(k).iter().map(|x| x * x).sum::<f64>();
        let below: f64 = r.column(k).iter().skip(k).map(|x| x * x).sum::<f64>();
        let length = below.sqrt();
        if length <= 1e-14 * whole.sqrt() || length == 0.0 {
            continue;
        }
        let pivot = if r[[k, k]] > 0.0 { -length } else { length };
        let mut normal: Vec<f64> = r.column(k).iter().skip(k).copied().collect();
        normal[0] -= pivot;
        let square: f64 = normal.iter().map(|x| x * x).sum();
        for j in k..=n {
            let mut column = r.column_mut(j);
            let along: f64 = normal.iter().zip(column.iter().skip(k)).map(|(v, x)| v * x).sum();
            let factor = 2.0 * along / square;
            column.iter_mut().skip(k).zip(&normal).for_each(|(x, v)| *x -= factor * v);
        }
        diagonal[k] = pivot;
    }
    let mut x = vec![0.0; n];
    for k in (0..n.min(m)).rev() {
        if diagonal[k] != 0.0 {
            let known: f64 = (k + 1..n).map(|j| r[[k, j]] * x[j]).sum();
            x[k] = (r[[k, n]] - known) / diagonal[k];
        }
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, array};
    use proptest::prelude::*;

    #[test]
    fn what_is_nonnegative_anyway_is_plain_least_squares() {
        let a = array![[1.0, 1.0], [1.0, 2.0], [1.0, 3.0]];
        let x = nonnegative_least_squares(a.view(), array![1.0, 2.0, 2.0].view());
        assert!((x[0] - 2.0 / 3.0).abs() < 1e-14 && (x[1] - 0.5).abs() < 1e-14, "{x:?}");
    }

    /// Free, the second coefficient would be -1.
    #[test]
    fn what_would_be_negative_is_zero() {
        let a = array![[1.0, 0.0], [0.0, 1.0]];
        assert_eq!(nonnegative_least_squares(a.view(), array![2.0, -1.0].view()), [2.0, 0.0]);
    }

    #[test]
    fn dependent_and_empty_columns_do_no_harm() {
        let a = array![[1.0, 1.0, 0.0], [2.0, 2.0, 0.0]];
        let x = nonnegative_least_squares(a.view(), array![3.0, 6.0].view());
        assert!((x[0] + x[1] - 3.0).abs() < 1e-12 && x[2] == 0.0, "{x:?}");
    }

    proptest! {
        /// Karush-Kuhn-Tucker: no negative coefficient; the gradient vanishes where one is positive
        /// and does not descend where it is 0.
        #[test]
        fn the_conditions_of_a_minimum_hold(
            entries in prop::collection::vec(-1.0f64..1.0, 9 * 5),
            b in prop::collection::vec(-1.0f64..1.0, 9),
        ) {
            let a = Array2::from_shape_vec((9, 5), entries).unwrap();
            let b = Array1::from(b);
            let x = nonnegative_least_squares(a.view(), b.view());
            let residual = &b - &a.dot(&ArrayView1::from(&x));
            for (j, &x) in x.iter().enumerate() {
                let descent = a.column(j).dot(&residual);
                prop_assert!(x >= 0.0 && descent < 1e-11);
                prop_assert!(x == 0.0 || descent.abs() < 1e-11);
            }
        }
    }
}
