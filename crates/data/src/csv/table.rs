//! Reading a table: chosen columns as numbers, or one column as text.

use super::detect::{HEAD, is_missing, is_name, names_columns, names_words, number, separator};
use crate::Error;
use crate::near::nearest;
use crate::storage::{Storage, Window};
use csv::{ByteRecord, Reader, ReaderBuilder, Trim};
use ndarray::Array2;
use std::io::Read;
use std::path::Path;

/// How a table is written; what is not given is found out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CsvOptions {
    /// Whether the first line names the columns. Found out: it does if one of its fields is no
    /// number although the field below it is one; if it counts the columns (`0,1,2,…`); or if it
    /// is the only field of a line and a word, as all lines are, that does not come again although
    /// others do.
    pub header: Option<bool>,
    /// The byte between fields. Found out: tab, semicolon or comma.
    pub separator: Option<u8>,
}

/// A table as text, opened: its columns are known, its rows are read when wanted.
///
/// Columns without a heading are called by their index, counted from 0.
///
/// ```
/// use widelimit_data::{CsvOptions, CsvTable};
/// let text = b"length;kind\n1.5;a\n2.5;b\n".to_vec();
/// let table = CsvTable::from_bytes(text, "t.csv", CsvOptions::default())?;
/// assert_eq!(table.columns(), ["length", "kind"]);
/// assert_eq!(table.numbers(&[0])?, ndarray::arr2(&[[1.5], [2.5]]));
/// assert_eq!(table.texts(table.column("kind")?)?, ["a", "b"]);
/// # Ok::<(), widelimit_data::Error>(())
/// ```
#[derive(Debug)]
pub struct CsvTable {
    what: String,
    storage: Storage,
    /// Where the text starts, after a byte-order mark.
    start: u64,
    separator: u8,
    header: bool,
    columns: Vec<String>,
}

impl CsvTable {
    /// Opens a table and looks at its first lines.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Malformed`] for UTF-16 text and an empty file;
    /// [`Error::Duplicate`] for two columns of one name.
    pub fn open(path: impl AsRef<Path>, options: CsvOptions) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::new(Storage::open(path)?, path.display().to_string(), options)
    }

    /// The same from bytes in memory; `what` names them in errors.
    ///
    /// # Errors
    /// As [`CsvTable::open`].
    pub fn from_bytes(bytes: Vec<u8>, what: &str, options: CsvOptions) -> Result<Self, Error> {
        Self::new(Storage::Bytes(bytes), what.to_owned(), options)
    }

    fn new(storage: Storage, what: String, options: CsvOptions) -> Result<Self, Error> {
        let mut head = storage.bytes(0, HEAD as u64).map_err(Error::io("read", &what))?;
        if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
            return Err(Error::malformed(&what, "csv", "it is UTF-16 text; save it as UTF-8"));
        }
        let start = if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        head.drain(..start);
        let complete = storage.len() <= HEAD as u64;
        let separator = options.separator.unwrap_or_else(|| separator(&head, complete));
        let mut table = CsvTable {
            what,
            storage,
            start: start as u64,
            separator,
            header: false,
            columns: Vec::new(),
        };
        let mut records = table.reader();
        let mut first = ByteRecord::new();
        let mut second = ByteRecord::new();
        if !table.next(&mut records, &mut first)? {
            return Err(Error::Empty { what: table.what, shape: vec![0, 0] });
        }
        let more = table.next(&mut records, &mut second)?;
        let words = || more && first.len() == 1 && is_name(&first[0]) && is_name(&second[0]);
        let header = match options.header {
            Some(header) => header,
            None if words() => names_words(&first[0], table.first_fields().skip(1))?,
            None => names_columns(&first, more.then_some(&second)),
        };
        let columns = if header {
            first.iter().map(|f| table.text(f, 1).map(str::to_owned)).collect::<Result<_, _>>()?
        } else {
            (0..first.len()).map(|i| i.to_string()).collect()
        };
        drop(records);
        table.name_columns(header, columns)?;
        Ok(table)
    }

    /// The first field of every record, a heading too.
    fn first_fields(&self) -> impl Iterator<Item = Result<Vec<u8>, Error>> + '_ {
        let mut records = self.reader();
        let mut record = ByteRecord::new();
        std::iter::from_fn(move || match self.next(&mut records, &mut record) {
            Ok(true) => Some(Ok(record.get(0).unwrap_or_default().to_vec())),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        })
    }

    fn name_columns(&mut self, header: bool, columns: Vec<String>) -> Result<(), Error> {
        let mut sorted: Vec<&String> = columns.iter().filter(|name| !name.is_empty()).collect();
        sorted.sort_unstable();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::Duplicate { what: self.what.clone(), name: pair[0].clone() });
        }
        self.header = header;
        self.columns = columns;
        Ok(())
    }

    /// The names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The index of a column.
    ///
    /// # Errors
    /// [`Error::NotFound`], which lists the columns.
    pub fn column(&self, name: &str) -> Result<usize, Error> {
        self.columns.iter().position(|c| c == name).ok_or_else(|| Error::NotFound {
            what: self.what.clone(),
            kind: "column",
            name: name.to_owned(),
            near: nearest(name, &self.columns),
            names: self.columns.clone(),
        })
    }

    /// Takes the first line for a heading if it holds this name, although the lines below do not
    /// tell it from data.
    ///
    /// # Errors
    /// [`Error::Duplicate`] for two columns of one name.
    pub(crate) fn expect_column(&mut self, name: &str) -> Result<(), Error> {
        if self.header || self.columns.iter().any(|c| c == name) {
            return Ok(());
        }
        let mut first = ByteRecord::new();
        self.next(&mut self.reader(), &mut first)?;
        if first.iter().any(|field| field == name.as_bytes()) {
            let columns = first
                .iter()
                .map(|f| self.text(f, 1).map(str::to_owned))
                .collect::<Result<_, _>>()?;
            self.name_columns(true, columns)?;
        }
        Ok(())
    }

    /// The name of the file.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// The line of every row, counted from 1; reads the file through.
    pub(crate) fn lines(&self) -> Result<Vec<u64>, Error> {
        let mut lines = Vec::new();
        self.each_row(|_, line| {
            lines.push(line);
            Ok(())
        })?;
        Ok(lines)
    }

    /// The number of rows; reads the file through.
    ///
    /// # Errors
    /// [`Error::Ragged`], [`Error::Io`].
    pub fn rows(&self) -> Result<usize, Error> {
        let mut rows = 0;
        self.each_row(|_, _| {
            rows += 1;
            Ok(())
        })?;
        Ok(rows)
    }

    /// Some columns as numbers, `(rows, columns)`.
    ///
    /// # Errors
    /// [`Error::Missing`] and [`Error::NotANumber`] with line and column; [`Error::Ragged`] for a
    /// line of another length; [`Error::Io`].
    pub fn numbers(&self, columns: &[usize]) -> Result<Array2<f64>, Error> {
        let mut values = Vec::new();
        let mut rows = 0;
        self.each_row(|record, line| {
            for column in columns {
                values.push(self.number(&record[*column], line, *column)?);
            }
            rows += 1;
            Ok(())
        })?;
        values.shrink_to_fit();
        let wrong = |_| Error::malformed(&self.what, "csv", "rows and columns do not fit");
        Array2::from_shape_vec((rows, columns.len()), values).map_err(wrong)
    }

    /// One column as text.
    ///
    /// # Errors
    /// [`Error::Missing`] with the line; [`Error::Malformed`] for text that is not UTF-8;
    /// [`Error::Ragged`]; [`Error::Io`].
    pub fn texts(&self, column: usize) -> Result<Vec<String>, Error> {
        let mut texts = Vec::new();
        self.each_row(|record, line| {
            let field = &record[column];
            if is_missing(field) {
                return Err(self.missing(line, column));
            }
            texts.push(self.text(field, line)?.to_owned());
            Ok(())
        })?;
        Ok(texts)
    }

    fn number(&self, field: &[u8], line: u64, column: usize) -> Result<f64, Error> {
        match number(field) {
            Some(value) if value.is_finite() => Ok(value),
            _ if is_missing(field) => Err(self.missing(line, column)),
            _ => Err(Error::NotANumber {
                what: self.what.clone(),
                line,
                column: self.columns[column].clone(),
                text: String::from_utf8_lossy(field).chars().take(40).collect(),
            }),
        }
    }

    fn missing(&self, line: u64, column: usize) -> Error {
        Error::Missing { what: self.what.clone(), line, column: self.columns[column].clone() }
    }

    /// Calls `take` with blocks of some columns as numbers, from the row `first` on.
    pub(crate) fn each_block<E: From<Error>>(
        &self,
        columns: &[usize],
        rows: usize,
        first: usize,
        mut take: impl FnMut(usize, Array2<f64>) -> Result<(), E>,
    ) -> Result<(), E> {
        let wrong = |_| Error::malformed(&self.what, "csv", "rows and columns do not fit");
        let (mut values, mut at, mut begun) = (Vec::new(), 0, first);
        let mut give = |values: Vec<f64>, begun: usize, end: usize| {
            let shape = (end - begun, columns.len());
            take(begun, Array2::from_shape_vec(shape, values).map_err(wrong)?)
        };
        self.each_row(|record, line| -> Result<(), E> {
            at += 1;
            if at <= first {
                return Ok(());
            }
            for column in columns {
                values.push(self.number(&record[*column], line, *column)?);
            }
            if at - begun == rows {
                give(std::mem::take(&mut values), begun, at)?;
                begun = at;
            }
            Ok(())
        })?;
        if at == 0 {
            return Err(
                Error::Empty { what: self.what.clone(), shape: vec![0, columns.len()] }.into()
            );
        }
        if values.is_empty() { Ok(()) } else { give(values, begun, at) }
    }

    /// Calls `row` with every row of data and its line.
    fn each_row<E: From<Error>>(
        &self,
        mut row: impl FnMut(&ByteRecord, u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut records = self.reader();
        let mut record = ByteRecord::new();
        if self.header {
            self.next(&mut records, &mut record)?;
        }
        while self.next(&mut records, &mut record)? {
            let line = record.position().map_or(0, |p| p.line());
            let (expected, got) = (self.columns.len(), record.len());
            if got != expected {
                return Err(Error::Ragged { what: self.what.clone(), line, expected, got }.into());
            }
            row(&record, line)?;
        }
        Ok(())
    }

    fn reader(&self) -> Reader<Window<'_>> {
        let text = self.storage.window(self.start, self.storage.len());
        ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.separator)
            .trim(Trim::All)
            .from_reader(text)
    }

    /// The next line that is not blank.
    fn next<R: Read>(
        &self,
        records: &mut Reader<R>,
        record: &mut ByteRecord,
    ) -> Result<bool, Error> {
        while records.read_byte_record(record).map_err(|e| self.read_error(e))? {
            let blank = record.len() == 1 && record[0].is_empty();
            if !blank {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn read_error(&self, error: csv::Error) -> Error {
        match error.into_kind() {
            csv::ErrorKind::Io(source) => Error::io("read", &self.what)(source),
            other => Error::malformed(&self.what, "csv", format!("{other:?}")),
        }
    }

    fn text<'a>(&self, field: &'a [u8], line: u64) -> Result<&'a str, Error> {
        std::str::from_utf8(field).map_err(|_| {
            Error::malformed(&self.what, "csv", format!("line {line} is not UTF-8 text"))
        })
    }
}
