//! Tables in columns: numeric columns as inputs, one column of any kind as target.
//!
//! Only flat tables are read: a column holds one value a row. Times, decimals and the like are
//! refused, as what number they mean is for the user to say.

use crate::blocks::cut;
use crate::near::nearest;
use crate::npy::Values;
use crate::read::{Peek, chosen};
use crate::{Array, Error, Source, Targets};
use ::parquet::basic::{LogicalType, Type};
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use ::parquet::data_type::{ByteArray, DataType};
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ndarray::Array2;
use std::fs::File;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Rows read at a time.
const BATCH: usize = 1 << 14;

/// Shape and type of what [`numbers`] would read.
pub(crate) fn peek(source: &Source, exclude: &[&str]) -> Result<Peek, Error> {
    guarded(source, || {
        let table = Table::open(source)?;
        let columns = table.chosen(source, exclude)?;
        let single = columns.iter().all(|c| table.physical(*c) == Type::FLOAT);
        let rows = usize::try_from(table.reader.metadata().file_metadata().num_rows()).unwrap_or(0);
        let (type_name, size) = if single { ("float32", 4) } else { ("float64", 8) };
        Ok(Peek::collected(vec![rows, columns.len()], type_name, size))
    })
}

/// The chosen columns as numbers: `float32` if all of them are.
pub(crate) fn numbers(source: &Source, exclude: &[&str]) -> Result<Array, Error> {
    guarded(source, || {
        let table = Table::open(source)?;
        let columns = table.chosen(source, exclude)?;
        table.numbers(&columns, 0..table.reader.num_row_groups(), 0)
    })
}

/// Calls `take` with blocks of the chosen columns as numbers, from the row `first` on.
pub(crate) fn each_block<E: From<Error>>(
    source: &Source,
    exclude: &[&str],
    rows: usize,
    first: usize,
    mut take: impl FnMut(usize, Array) -> Result<(), E>,
) -> Result<(), E> {
    let (table, columns) = guarded(source, || {
        let table = Table::open(source)?;
        let columns = table.chosen(source, exclude)?;
        Ok((table, columns))
    })?;
    let mut offset = 0;
    for group in 0..table.reader.num_row_groups() {
        let block = guarded(source, || table.numbers(&columns, group..group + 1, offset))?;
        cut(&block, (rows, first, offset), &mut take)?;
        offset += block.shape()[0];
    }
    if offset == 0 || columns.is_empty() {
        let shape = vec![offset, columns.len()];
        return Err(Error::Empty { what: source.to_string(), shape }.into());
    }
    Ok(())
}

impl Table {
    /// Some columns of some groups of rows as numbers; `row` rows are before them.
    fn numbers(&self, columns: &[usize], groups: Range<usize>, row: usize) -> Result<Array, Error> {
        let mut parts = Vec::with_capacity(columns.len());
        for &column in columns {
            parts.push((column, self.read(column, groups.clone(), row)?));
        }
        if parts.iter().all(|(_, values)| matches!(values, Values::F32(_))) {
            let singles = parts.into_iter().filter_map(|(_, values)| match values {
                Values::F32(values) => Some(values),
                _ => None,
            });
            return Ok(Array::F32(self.matrix(singles.collect())?.into_dyn()));
        }
        let doubles = parts.into_iter().map(|(column, values)| match values {
            Values::F32(v) => Ok(v.into_iter().map(f64::from).collect()),
            Values::F64(v) => Ok(v),
            Values::Int(v) => Ok(v.into_iter().map(|v| v as f64).collect()),
            Values::Bool(v) => Ok(v.into_iter().map(|v| f64::from(u8::from(v))).collect()),
            Values::Text(_) => Err(self.element_type(column, "text", "numbers or booleans")),
        });
        Ok(Array::F64(self.matrix(doubles.collect::<Result<_, _>>()?)?.into_dyn()))
    }
}

/// One column as it is, or all columns as numbers.
pub(crate) fn targets(source: &Source) -> Result<Targets, Error> {
    let single = guarded(source, || {
        let table = Table::open(source)?;
        match table.chosen(source, &[])?[..] {
            [column] => table.read(column, 0..table.reader.num_row_groups(), 0).map(Some),
            _ => Ok(None),
        }
    })?;
    match single {
        Some(values) => {
            let rows = values.len();
            Targets::from_values(values, &[rows], &source.to_string())
        }
        None => Ok(Targets::Numbers(numbers(source, &[])?.into_matrix(&source.to_string())?)),
    }
}

/// The decoder underneath is not ours: should a damaged file make it panic, that is an error, too.
fn guarded<T>(source: &Source, read: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Err(Error::malformed(&source.path().display().to_string(), "parquet", "it is damaged"))
    })
}

struct Table {
    what: String,
    reader: SerializedFileReader<File>,
    names: Vec<String>,
}

impl Table {
    fn open(source: &Source) -> Result<Self, Error> {
        let path = source.path();
        let what = path.display().to_string();
        let file = File::open(path).map_err(Error::io("open", path))?;
        if !file.metadata().map_err(Error::io("open", path))?.is_file() {
            return Err(Error::NotAFile { path: path.to_owned() });
        }
        let reader = SerializedFileReader::new(file)
            .map_err(|e| Error::malformed(&what, "parquet", e.to_string()))?;
        let columns = reader.metadata().file_metadata().schema_descr().columns();
        let names = columns.iter().map(|c| c.path().string()).collect();
        Ok(Table { what, reader, names })
    }

    fn chosen(&self, source: &Source, exclude: &[&str]) -> Result<Vec<usize>, Error> {
        chosen(source, exclude, &self.names, |name| {
            self.names.iter().position(|n| n == name).ok_or_else(|| Error::NotFound {
                what: self.what.clone(),
                kind: "column",
                name: name.to_owned(),
                near: nearest(name, &self.names),
                names: self.names.clone(),
            })
        })
    }

    fn physical(&self, column: usize) -> Type {
        self.reader.metadata().file_metadata().schema_descr().column(column).physical_type()
    }

    fn element_type(&self, column: usize, found: &str, wanted: &'static str) -> Error {
        let what = format!("{}:{}", self.what, self.names[column]);
        Error::ElementType { what, found: found.to_owned(), wanted }
    }

    fn damaged(&self, reason: impl ToString) -> Error {
        Error::malformed(&self.what, "parquet", reason.to_string())
    }

    /// Whether integers of a column are unsigned, if its type is one that is read.
    fn check_type(&self, column: usize) -> Result<bool, Error> {
        let wanted = "numbers, booleans or text, one a row";
        let descriptor = self.reader.metadata().file_metadata().schema_descr().column(column);
        if descriptor.max_rep_level() > 0 {
            return Err(self.element_type(column, "list", wanted));
        }
        match descriptor.logical_type_ref() {
            None | Some(LogicalType::String | LogicalType::Enum) => {}
            Some(LogicalType::Integer { is_signed, .. }) => return Ok(!is_signed),
            Some(other) => return Err(self.element_type(column, &format!("{other:?}"), wanted)),
        }
        // Older writers have only this one.
        match descriptor.converted_type().to_string().as_str() {
            "UINT_8" | "UINT_16" | "UINT_32" | "UINT_64" => Ok(true),
            "NONE" | "UTF8" | "ENUM" | "INT_8" | "INT_16" | "INT_32" | "INT_64" => Ok(false),
            other => Err(self.element_type(column, other, wanted)),
        }
    }

    /// The values of a column in some groups of rows; `row` rows are before them.
    fn read(&self, column: usize, groups: Range<usize>, row: usize) -> Result<Values, Error> {
        let unsigned = self.check_type(column)?;
        let no_rows = |physical| match physical {
            Type::BOOLEAN => Values::Bool(Vec::new()),
            Type::FLOAT => Values::F32(Vec::new()),
            Type::DOUBLE => Values::F64(Vec::new()),
            Type::BYTE_ARRAY => Values::Text(Vec::new()),
            _ => Values::Int(Vec::new()),
        };
        let mut all = no_rows(self.physical(column));
        let mut row = row as u64;
        for group in groups {
            let group = self.reader.get_row_group(group).map_err(|e| self.damaged(e))?;
            let reader = group.get_column_reader(column).map_err(|e| self.damaged(e))?;
            let row = &mut row;
            match (reader, &mut all) {
                (ColumnReader::BoolColumnReader(r), Values::Bool(all)) => {
                    self.drain(r, column, row, |v| all.push(v))?;
                }
                (ColumnReader::Int32ColumnReader(r), Values::Int(all)) if unsigned => {
                    self.drain(r, column, row, |v| all.push(i64::from(v as u32)))?;
                }
                (ColumnReader::Int32ColumnReader(r), Values::Int(all)) => {
                    self.drain(r, column, row, |v| all.push(i64::from(v)))?;
                }
                (ColumnReader::Int64ColumnReader(r), Values::Int(all)) => {
                    let mut beyond = false;
                    self.drain(r, column, row, |v| {
                        beyond |= unsigned && v < 0;
                        all.push(v);
                    })?;
                    if beyond {
                        return Err(self.element_type(
                            column,
                            "uint64 with values from 2^63 on",
                            "smaller integers",
                        ));
                    }
                }
                (ColumnReader::FloatColumnReader(r), Values::F32(all)) => {
                    self.drain(r, column, row, |v| all.push(v))?;
                }
                (ColumnReader::DoubleColumnReader(r), Values::F64(all)) => {
                    self.drain(r, column, row, |v| all.push(v))?;
                }
                (ColumnReader::ByteArrayColumnReader(r), Values::Text(all)) => {
                    let mut broken = None;
                    self.drain(r, column, row, |v: ByteArray| match v.as_utf8() {
                        Ok(text) => all.push(text.to_owned()),
                        Err(e) => broken = Some(e.to_string()),
                    })?;
                    if let Some(reason) = broken {
                        return Err(self.damaged(reason));
                    }
                }
                _ => {
                    let physical = format!("{}", self.physical(column));
                    let wanted = "numbers, booleans or text, one a row";
                    return Err(self.element_type(column, &physical, wanted));
                }
            }
        }
        Ok(all)
    }

    /// Hands over every value of a column in one row group; `row` counts the rows.
    fn drain<T: DataType>(
        &self,
        mut reader: ColumnReaderImpl<T>,
        column: usize,
        row: &mut u64,
        mut take: impl FnMut(T::T),
    ) -> Result<(), Error> {
        let nullable =
            self.reader.metadata().file_metadata().schema_descr().column(column).max_def_level()
                > 0;
        let (mut values, mut levels) = (Vec::new(), Vec::new());
        loop {
            values.clear();
            levels.clear();
            let (records, got, _) = reader
                .read_records(BATCH, nullable.then_some(&mut levels), None, &mut values)
                .map_err(|e| self.damaged(e))?;
            if records == 0 {
                return Ok(());
            }
            if got < records {
                let most = levels.iter().max().copied().unwrap_or(0);
                let absent = levels.iter().position(|l| *l < most || most == 0).unwrap_or(0);
                return Err(Error::Missing {
                    what: self.what.clone(),
                    line: *row + absent as u64,
                    column: self.names[column].clone(),
                });
            }
            *row += records as u64;
            values.drain(..).for_each(&mut take);
        }
    }

    /// Columns of equal length side by side.
    fn matrix<T: Copy + Default>(&self, columns: Vec<Vec<T>>) -> Result<Array2<T>, Error> {
        let rows = columns.first().map_or(0, Vec::len);
        if columns.iter().any(|c| c.len() != rows) {
            return Err(self.damaged("its columns differ in length"));
        }
        Ok(Array2::from_shape_fn((rows, columns.len()), |(i, j)| columns[j][i]))
    }
}
