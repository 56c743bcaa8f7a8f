//! Checks at the door, so that the numerics behind it only see finite, fitting arrays.

use std::any::Any;

use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView2, Axis, Zip};
use widelimit_linalg::{Par, Scalar};

use crate::Error;

/// Rows that are compared with their columns at a time, so that both stay in cache.
const BLOCK: usize = 32;

/// Relative asymmetry that passes as rounding.
fn symmetry_tolerance<T: Scalar>() -> f64 {
    if T::NAME == "f32" { 1e-4 } else { 1e-7 }
}

/// Refuses NaN and infinities.
pub(crate) fn finite<T: Scalar>(what: &'static str, a: ArrayView2<T>) -> Result<(), Error> {
    finite_from(what, a, 0)
}

/// As [`finite`], for rows that start at row `first` of the argument.
fn finite_from<T: Scalar>(what: &'static str, a: ArrayView2<T>, first: usize) -> Result<(), Error> {
    for (row, values) in a.rows().into_iter().enumerate() {
        if let Some((column, v)) = values.iter().enumerate().find(|(_, v)| !v.is_finite()) {
            return Err(Error::NotFinite { what, row: first + row, column, value: v.to_f64() });
        }
    }
    Ok(())
}

/// Checks a kernel between training points (square, finite, symmetric up to rounding) and
/// returns the mean of its diagonal.
pub(crate) fn training_kernel<T: Scalar>(k: ArrayView2<T>, par: &Par) -> Result<f64, Error> {
    let (rows, columns) = k.dim();
    if rows != columns {
        return Err(Error::NotSquare { rows, columns });
    }
    if rows == 0 {
        return Err(Error::Empty { what: "the training kernel" });
    }
    let largest = k.diag().iter().fold(0.0f64, |m, v| m.max(v.to_f64().abs()));
    let bound = symmetry_tolerance::<T>() * largest;
    par.install(|| {
        (0..rows.div_ceil(BLOCK)).into_par_iter().try_for_each(|block| {
            let (start, end) = (block * BLOCK, ((block + 1) * BLOCK).min(rows));
            let below = k.slice_axis(Axis(0), (start..end).into());
            finite_from("the training kernel", below, start)?;
            let below = below.slice_axis(Axis(1), (0..end).into()).reversed_axes();
            let beside = k.slice_axis(Axis(0), (0..end).into());
            let beside = beside.slice_axis(Axis(1), (start..end).into());
            let gap = |a: &T, b: &T| (a.to_f64() - b.to_f64()).abs();
            let worst = Zip::from(beside).and(below).fold(0.0f64, |m, a, b| m.max(gap(a, b)));
            if worst <= bound {
                return Ok(());
            }
            for i in start..end {
                for j in 0..i {
                    let difference = gap(&k[[i, j]], &k[[j, i]]);
                    if difference > bound {
                        return Err(Error::NotSymmetric { row: i, column: j, difference });
                    }
                }
            }
            Ok(())
        })
    })?;
    Ok(k.diag().iter().map(|v| v.to_f64()).sum::<f64>() / rows as f64)
}

/// Checks training targets against the number of training rows.
pub(crate) fn targets<T: Scalar>(y: ArrayView2<T>, rows: usize) -> Result<(), Error> {
    length("number of target rows", rows, y.nrows())?;
    if y.ncols() == 0 {
        return Err(Error::Empty { what: "the array of targets" });
    }
    finite("the array of targets", y)
}

/// Checks one length.
pub(crate) fn length(what: &'static str, expected: usize, got: usize) -> Result<(), Error> {
    if expected == got { Ok(()) } else { Err(Error::Shape { what, expected, got }) }
}

/// Checks a kernel block between new points (rows) and training points (columns).
pub(crate) fn block<T: Scalar>(
    what: &'static str,
    a: ArrayView2<T>,
    columns: usize,
) -> Result<(), Error> {
    length("columns of the kernel between new and training points", columns, a.ncols())?;
    finite(what, a)
}

/// Checks weights: one a row, positive and finite. Returns them scaled to mean 1.
pub(crate) fn weights(weights: &[f64], rows: usize) -> Result<Vec<f64>, Error> {
    length("number of sample weights", rows, weights.len())?;
    if let Some(&value) = weights.iter().find(|w| !(**w > 0.0 && w.is_finite())) {
        return Err(Error::Parameter {
            name: "sample weight",
            expected: "positive and finite",
            value,
        });
    }
    let mean = weights.iter().sum::<f64>() / rows as f64;
    Ok(weights.iter().map(|w| w / mean).collect())
}

/// `a` in double precision; moved, not copied, when it already is.
pub(crate) fn promote<T: Scalar>(a: Array2<T>) -> Array2<f64> {
    let boxed: Box<dyn Any> = Box::new(a);
    match boxed.downcast::<Array2<f64>>() {
        Ok(same) => *same,
        Err(other) => match other.downcast::<Array2<T>>() {
            Ok(a) => widen(a.view()),
            Err(_) => unreachable!("the box holds the array it was made from"),
        },
    }
}

/// A double-precision copy.
pub(crate) fn widen<T: Scalar>(a: ArrayView2<T>) -> Array2<f64> {
    a.map(|v| v.to_f64())
}

/// Rounds to `T`, refusing what does not fit.
pub(crate) fn narrow<T: Scalar>(
    what: &'static str,
    a: ArrayView2<f64>,
) -> Result<Array2<T>, Error> {
    let out = a.map(|v| T::from_f64(*v));
    if out.iter().all(|v| v.to_f64().is_finite()) { Ok(out) } else { Err(Error::Overflow { what }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn bad_kernels_are_named() {
        let k = array![[1.0, 0.5, 0.1]];
        assert_eq!(
            training_kernel(k.view(), &Par::single()),
            Err(Error::NotSquare { rows: 1, columns: 3 })
        );
        let k = array![[1.0, f64::NAN], [0.0, 1.0]];
        assert!(matches!(
            training_kernel(k.view(), &Par::single()),
            Err(Error::NotFinite { row: 0, column: 1, .. })
        ));
        let k = array![[1.0, 0.2], [0.3, 1.0]];
        assert!(matches!(
            training_kernel(k.view(), &Par::single()),
            Err(Error::NotSymmetric { row: 1, column: 0, .. })
        ));
        assert_eq!(training_kernel(array![[1.0, 0.2], [0.2, 3.0]].view(), &Par::single()), Ok(2.0));
    }

    #[test]
    fn promotion_keeps_doubles_in_place() {
        let a = array![[1.0, 2.0], [3.0, 4.0]];
        let at = a.as_ptr();
        assert_eq!(promote(a).as_ptr(), at);
        assert_eq!(promote(array![[0.5f32]]), array![[0.5]]);
    }

    #[test]
    fn narrowing_refuses_overflow() {
        assert!(narrow::<f32>("x", array![[1e300]].view()).is_err());
        assert_eq!(narrow::<f32>("x", array![[0.5]].view()).unwrap(), array![[0.5f32]]);
    }
}
