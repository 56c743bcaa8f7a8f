//! From a [`Source`] to checked inputs and targets.

use crate::blocks::check_axes;
use crate::csv::{CsvOptions, CsvTable};
use crate::{Array, ArrayFile, Error, Format, Npz, Source, Targets, check_finite};

/// Shape and element type of a source, known before its values are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peek {
    /// The lengths of the axes.
    pub shape: Vec<usize>,
    /// NumPy's name of the element type as stored.
    pub type_name: String,
    /// Bytes of memory that the values take as [`read_inputs`] gives them.
    pub bytes: u64,
    /// Bytes of memory at the peak of reading them.
    pub reading: u64,
}

impl Peek {
    /// Values of a table, which are collected first and then given their shape.
    pub(crate) fn collected(shape: Vec<usize>, type_name: &str, size: u64) -> Self {
        let entries = shape.iter().fold(1, |n: u64, d| n.saturating_mul(*d as u64));
        let bytes = entries.saturating_mul(size);
        Peek { shape, type_name: type_name.to_owned(), bytes, reading: bytes.saturating_mul(2) }
    }
}

/// Looks at a source without reading its values (a `.csv` is read through to count its rows).
///
/// # Errors
/// As [`read_inputs`], less what only values can show.
pub fn peek(source: &Source) -> Result<Peek, Error> {
    peek_without(source, &[])
}

/// [`peek`] at what [`read_inputs_without`] would read.
///
/// # Errors
/// As [`peek`].
pub fn peek_without(source: &Source, exclude: &[&str]) -> Result<Peek, Error> {
    match source.format() {
        Format::Npy | Format::Npz => {
            let file = array_file(source)?;
            let (bytes, reading) = file.memory();
            Ok(Peek { shape: file.shape().to_vec(), type_name: file.type_name(), bytes, reading })
        }
        Format::Csv => {
            let table = csv_table(source, exclude)?;
            let columns = chosen(source, exclude, table.columns(), |name| table.column(name))?;
            let shape = vec![table.rows()?, columns.len()];
            Ok(Peek::collected(shape, "float64", 8))
        }
        Format::Parquet => crate::parquet::peek(source, exclude),
    }
}

/// Reads inputs and checks them at the door: at least one axis, no empty one, every value finite.
///
/// `float32` arrays stay `float32`, other numbers become `float64`. Tables give `(rows, columns)`;
/// without a column's name all columns are taken.
///
/// # Errors
/// [`Error`] names the file, the array and the position of the first thing that is wrong.
///
/// ```
/// use widelimit_data::{read_inputs, Source};
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("x.csv");
/// std::fs::write(&path, "a,b\n1,2\n3,\n")?;
/// let source = Source::parse(path.to_str().unwrap())?;
/// let message = read_inputs(&source).unwrap_err().to_string();
/// assert!(message.ends_with("x.csv has no value at line 3, column `b`"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_inputs(source: &Source) -> Result<Array, Error> {
    read_inputs_without(source, &[])
}

/// [`read_inputs`] that leaves out some columns of a table, such as those with the targets.
///
/// Nothing is left out of `.npy` and `.npz` arrays.
///
/// # Errors
/// As [`read_inputs`]; [`Error::NotFound`] for a column that is not there.
pub fn read_inputs_without(source: &Source, exclude: &[&str]) -> Result<Array, Error> {
    let array = match source.format() {
        Format::Npy | Format::Npz => array_file(source)?.read()?,
        Format::Csv => {
            let table = csv_table(source, exclude)?;
            let columns = chosen(source, exclude, table.columns(), |name| table.column(name))?;
            Array::F64(table.numbers(&columns)?.into_dyn())
        }
        Format::Parquet => crate::parquet::numbers(source, exclude)?,
    };
    let what = source.to_string();
    check_axes(array.shape(), &what)?;
    check_finite(&array, &what)?;
    Ok(array)
}

/// Reads targets and checks them at the door.
///
/// Integers, booleans and words, one a row, are [`Targets::Labels`]; other numbers, and several
/// columns, are [`Targets::Numbers`]. [`Targets::into_numbers`] and [`Targets::into_labels`] turn
/// one into the other where the task asks for it.
///
/// # Errors
/// As [`read_inputs`].
pub fn read_targets(source: &Source) -> Result<Targets, Error> {
    let what = source.to_string();
    let targets = match source.format() {
        Format::Npy | Format::Npz => array_file(source)?.targets()?,
        Format::Csv => {
            let table = csv_table(source, &[])?;
            let columns = chosen(source, &[], table.columns(), |name| table.column(name))?;
            match columns[..] {
                [column] => Targets::from_texts(table.texts(column)?),
                _ => Targets::Numbers(table.numbers(&columns)?),
            }
        }
        Format::Parquet => crate::parquet::targets(source)?,
    };
    if targets.rows() == 0 {
        return Err(Error::Empty { what, shape: vec![0] });
    }
    if let Targets::Numbers(numbers) = targets {
        let array = Array::F64(numbers.into_dyn());
        check_finite(&array, &what)?;
        return Ok(Targets::Numbers(array.into_matrix(&what)?));
    }
    Ok(targets)
}

pub(crate) fn array_file(source: &Source) -> Result<ArrayFile, Error> {
    match source.format() {
        Format::Npz => Npz::open(source.path())?.array_or_only(source.name()),
        _ => ArrayFile::open(source.path()),
    }
}

pub(crate) fn csv_table(source: &Source, exclude: &[&str]) -> Result<CsvTable, Error> {
    let mut table = CsvTable::open(source.path(), CsvOptions::default())?;
    for name in source.name().iter().chain(exclude) {
        table.expect_column(name)?;
    }
    Ok(table)
}

/// The columns a source means: the one it names, or all but the excluded.
pub(crate) fn chosen(
    source: &Source,
    exclude: &[&str],
    names: &[String],
    find: impl Fn(&str) -> Result<usize, Error>,
) -> Result<Vec<usize>, Error> {
    let excluded = exclude.iter().map(|name| find(name)).collect::<Result<Vec<usize>, Error>>()?;
    match source.name() {
        Some(name) => Ok(vec![find(name)?]),
        None => Ok((0..names.len()).filter(|i| !excluded.contains(i)).collect()),
    }
}
