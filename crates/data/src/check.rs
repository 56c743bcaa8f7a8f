//! Checks made once, where data enters.

use crate::{Array, Element, Error};
use ndarray::{ArrayD, Dimension};

/// Succeeds if every value is finite; `what` names the array in the error.
///
/// # Errors
/// [`Error::NonFinite`] with the place of the first value that is not.
///
/// ```
/// use widelimit_data::{check_finite, Array};
/// let a = Array::from(ndarray::arr2(&[[1.0, 2.0], [3.0, f64::NAN]]).into_dyn());
/// let message = check_finite(&a, "x.npy").unwrap_err().to_string();
/// assert_eq!(message, "x.npy holds NaN at row 1, column 1 (counted from 0)");
/// ```
pub fn check_finite(array: &Array, what: &str) -> Result<(), Error> {
    match array {
        Array::F32(a) => first_bad(a, what),
        Array::F64(a) => first_bad(a, what),
    }
}

fn first_bad<T: Element>(a: &ArrayD<T>, what: &str) -> Result<(), Error> {
    if a.iter().all(|v| v.to_f64().is_finite()) {
        return Ok(());
    }
    match a.indexed_iter().find(|(_, v)| !v.to_f64().is_finite()) {
        None => Ok(()),
        Some((place, value)) => Err(Error::NonFinite {
            what: what.to_owned(),
            place: place.slice().to_vec(),
            value: value.to_f64(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{ArrayD, IxDyn};

    #[test]
    fn names_the_place_in_any_number_of_dimensions() {
        let mut a = ArrayD::<f32>::zeros(IxDyn(&[3, 2, 2]));
        assert!(check_finite(&Array::F32(a.clone()), "a").is_ok());
        a[[2, 1, 0]] = f32::NEG_INFINITY;
        let error = check_finite(&Array::F32(a), "a").unwrap_err();
        assert_eq!(error.to_string(), "a holds -inf at (2, 1, 0) (counted from 0)");
        assert!(check_finite(&Array::F64(ArrayD::zeros(IxDyn(&[0, 4]))), "a").is_ok());
        assert!(check_finite(&Array::F64(ArrayD::from_elem(IxDyn(&[]), f64::NAN)), "a").is_err());
    }
}
