//! Inputs that are never in memory together: read from the first row to the last, a block at a time.

use crate::read::{array_file, chosen, csv_table};
use crate::{Array, Error, Format, Source, check_finite, peek_without};
use ndarray::{Axis, concatenate};

/// Calls `take` with each block of inputs, at most `rows` of them, and the number of its first row; begins at the row
/// `first`.
///
/// What is read is what [`read_inputs_without`](crate::read_inputs_without) reads, with the same checks; rows in errors
/// are counted from the beginning of the file. Memory is one block; of an `.npz` member that is compressed and in
/// Fortran order it is the whole array, of a `.parquet` file a group of rows as its writer made it. Checksums are
/// compared when the last block has been taken.
///
/// # Errors
/// As [`read_inputs`](crate::read_inputs); those of `take`, which end the reading.
///
/// ```
/// use widelimit_data::{Source, each_block, write_npy};
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("x.npy");
/// write_npy(&path, ndarray::arr2(&[[1.0], [2.0], [3.0], [4.0], [5.0]]).view())?;
/// let source = Source::new(&path, None)?;
/// let mut seen = Vec::new();
/// each_block(&source, &[], 2, 1, |first, block| {
///     seen.push((first, block.into_f64().sum()));
///     Ok::<_, widelimit_data::Error>(())
/// })?;
/// assert_eq!(seen, [(1, 5.0), (3, 9.0)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn each_block<E: From<Error>>(
    source: &Source,
    exclude: &[&str],
    rows: usize,
    first: usize,
    mut take: impl FnMut(usize, Array) -> Result<(), E>,
) -> Result<(), E> {
    let what = source.to_string();
    let mut checked = |first: usize, block: Array| {
        check_finite(&block, &what).map_err(|error| error.rows_from(first))?;
        take(first, block)
    };
    let rows = rows.max(1);
    match source.format() {
        Format::Npy | Format::Npz => {
            let file = array_file(source)?;
            check_axes(file.shape(), &what)?;
            file.each_block(rows, first, checked)
        }
        Format::Csv => {
            let table = csv_table(source, exclude)?;
            let columns = chosen(source, exclude, table.columns(), |name| table.column(name))?;
            table.each_block(&columns, rows, first, |first, block| {
                checked(first, Array::F64(block.into_dyn()))
            })
        }
        Format::Parquet => crate::parquet::each_block(source, exclude, rows, first, checked),
    }
}

/// Rows of the inputs of a source, by their numbers in ascending order.
///
/// Only their bytes are read where they are stored uncompressed; otherwise the file is read through.
///
/// # Errors
/// As [`each_block`]; [`Error::Shape`] for a row that is not there.
pub fn read_rows(source: &Source, exclude: &[&str], numbers: &[usize]) -> Result<Array, Error> {
    let what = source.to_string();
    let shape = peek_without(source, exclude)?.shape;
    check_axes(&shape, &what)?;
    if numbers.iter().any(|number| *number >= shape[0]) {
        return Err(Error::Shape { what, shape, wanted: "more rows are expected" });
    }
    let mut parts = Vec::new();
    if let Format::Npy | Format::Npz = source.format() {
        let file = array_file(source)?;
        if file.is_stored() {
            for &number in numbers {
                let part = file.read_rows(number..number + 1)?;
                check_finite(&part, &what).map_err(|error| error.rows_from(number))?;
                parts.push(part);
            }
            return joined(&parts, &shape, &what);
        }
    }
    let mut left = numbers;
    each_block(source, exclude, 1024, 0, |first, block| {
        let here = left.partition_point(|number| *number < first + block.shape()[0]);
        let (these, rest) = left.split_at(here);
        left = rest;
        let these: Vec<usize> = these.iter().map(|number| number - first).collect();
        if !these.is_empty() {
            parts.push(match block {
                Array::F32(block) => Array::F32(block.select(Axis(0), &these)),
                Array::F64(block) => Array::F64(block.select(Axis(0), &these)),
            });
        }
        Ok::<_, Error>(())
    })?;
    joined(&parts, &shape, &what)
}

/// Parts of one precision, one below the other.
fn joined(parts: &[Array], shape: &[usize], what: &str) -> Result<Array, Error> {
    let wrong = |_| Error::Empty { what: what.to_owned(), shape: shape.to_vec() };
    if parts.iter().all(|part| matches!(part, Array::F32(_))) {
        let parts: Vec<_> = parts.iter().cloned().map(Array::into_f32).collect();
        let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
        return Ok(Array::F32(concatenate(Axis(0), &views).map_err(wrong)?));
    }
    let parts: Vec<_> = parts.iter().cloned().map(Array::into_f64).collect();
    let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
    Ok(Array::F64(concatenate(Axis(0), &views).map_err(wrong)?))
}

/// Insists on inputs: at least one axis, and no empty one.
pub(crate) fn check_axes(shape: &[usize], what: &str) -> Result<(), Error> {
    let what = what.to_owned();
    if shape.is_empty() {
        let (shape, wanted) = (vec![], "an array with one row for each input is expected");
        return Err(Error::Shape { what, shape, wanted });
    }
    if shape.contains(&0) {
        return Err(Error::Empty { what, shape: shape.to_vec() });
    }
    Ok(())
}

/// The rows of an array, cut into blocks from `first` on; `offset` is the number of its first row.
pub(crate) fn cut<E: From<Error>>(
    array: &Array,
    (rows, first, offset): (usize, usize, usize),
    take: &mut impl FnMut(usize, Array) -> Result<(), E>,
) -> Result<(), E> {
    let all = array.shape()[0];
    let mut at = first.saturating_sub(offset);
    while at < all {
        let end = all.min(at + rows);
        let block = match array {
            Array::F32(a) => Array::F32(a.slice_axis(Axis(0), (at..end).into()).to_owned()),
            Array::F64(a) => Array::F64(a.slice_axis(Axis(0), (at..end).into()).to_owned()),
        };
        take(offset + at, block)?;
        at = end;
    }
    Ok(())
}
