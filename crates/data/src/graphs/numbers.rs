//! Whole numbers from arrays that may hold anything.

use crate::{Error, Npz};
use ndarray::ArrayD;

/// Whole numbers of an array, each from `low` to `high`, in C order, with the array's shape.
pub(super) fn whole(
    npz: &Npz,
    name: &str,
    low: i64,
    high: i64,
) -> Result<(Vec<i64>, Vec<usize>), Error> {
    let file = npz.array(name)?;
    let values: ArrayD<f64> = file.read()?.into_f64();
    let shape = values.shape().to_vec();
    let number = |(place, &value): (usize, &f64)| {
        // doubles hold every whole number that is asked for here
        if value.fract() == 0.0 && value >= low as f64 && value <= high as f64 {
            return Ok(value as i64);
        }
        Err(Error::NotWhole { what: file.what().to_owned(), place, value, low, high })
    };
    let numbers: Result<Vec<i64>, Error> = values.iter().enumerate().map(number).collect();
    Ok((numbers?, shape))
}

/// A list of indices, each a `usize` below 2^53.
pub(super) fn indices(npz: &Npz, name: &str) -> Result<(Vec<usize>, Vec<usize>), Error> {
    let (numbers, shape) = whole(npz, name, 0, MOST)?;
    Ok((numbers.into_iter().map(|number| number as usize).collect(), shape))
}

/// A list of labels, if the archive has it.
pub(super) fn labels(npz: &Npz, name: &str) -> Result<Option<Vec<u32>>, Error> {
    if !has(npz, name) {
        return Ok(None);
    }
    let (numbers, shape) = whole(npz, name, 0, i64::from(u32::MAX))?;
    one_axis(npz, name, &shape)?;
    Ok(Some(numbers.into_iter().map(|number| number as u32).collect()))
}

/// Whether the archive has an array of this name.
pub(super) fn has(npz: &Npz, name: &str) -> bool {
    npz.names().iter().any(|other| other == name)
}

/// Refuses all but lists.
pub(super) fn one_axis(npz: &Npz, name: &str, shape: &[usize]) -> Result<(), Error> {
    if shape.len() == 1 {
        return Ok(());
    }
    let (what, wanted) = (npz.array(name)?.what().to_owned(), "one dimension is expected");
    Err(Error::Shape { what, shape: shape.to_vec(), wanted })
}

/// Beyond, not every whole number is a double.
const MOST: i64 = 1 << 53;
