//! Arguments that name data.

use std::path::{Path, PathBuf};

use ndarray::{Array2, Ix2};
use widelimit::Model;
use widelimit::data::{self, Array, Format, Npz, Source, Targets};

use super::files::same_file;
use crate::failure::Failure;
use crate::session::Session;

/// Parses the name of an array.
pub fn source(text: &str) -> Result<Source, Failure> {
    Source::parse(text).map_err(|e| Failure::usage(e.to_string()))
}

/// Reads inputs, with the axes that they have.
pub fn inputs(text: &str) -> Result<Array, Failure> {
    inputs_without(text, None)
}

/// As [`inputs`]; where `targets` names a column of the same table, that column is left out.
pub fn inputs_without(text: &str, targets: Option<&str>) -> Result<Array, Failure> {
    let x = source(text)?;
    let column = column_left_out(&x, targets)?;
    Ok(data::read_inputs_without(&x, column.as_deref().as_slice())?)
}

/// The column with the targets in the table of the inputs, where `targets` names one.
pub fn column_left_out(x: &Source, targets: Option<&str>) -> Result<Option<String>, Failure> {
    let y = targets.map(source).transpose()?;
    Ok(y.as_ref().map(|y| left_out(x, y)).transpose()?.flatten().map(str::to_owned))
}

/// The column with the targets in the table of the inputs.
///
/// Inputs that hold their own targets are refused, however the file is spelt: everything is
/// predicted then, and nothing learnt.
fn left_out<'a>(x: &Source, y: &'a Source) -> Result<Option<&'a str>, Failure> {
    if !same_file(x.path(), y.path()) {
        return Ok(None);
    }
    let table = is_table(x);
    match (x.name(), y.name()) {
        (None, Some(column)) if table => return Ok(Some(column)),
        (Some(one), Some(other)) if one != other => return Ok(None),
        // The reader will ask for a name; of a single array it is the same one.
        (None, Some(_)) | (Some(_), None) if !table && !is_alone(x.path()) => return Ok(None),
        _ => {}
    }
    Err(Failure::usage(format!("the inputs {x} hold the targets {y}")))
}

/// Whether a source is a file of columns.
fn is_table(source: &Source) -> bool {
    matches!(source.format(), Format::Csv | Format::Parquet)
}

/// Whether an archive holds one array.
fn is_alone(archive: &Path) -> bool {
    Npz::open(archive).is_ok_and(|npz| npz.names().len() == 1)
}

/// Holds the memory limit against what reading takes beside `taken` bytes, before anything is
/// read: a small archive may hold much.
pub fn expect_room(
    x: &str,
    targets: Option<&str>,
    taken: u64,
    session: &Session,
) -> Result<(), Failure> {
    if session.budget.limit().is_none() {
        return Ok(());
    }
    let x = source(x)?;
    let column = column_left_out(&x, targets)?;
    let inputs = data::peek_without(&x, column.as_deref().as_slice())?;
    let targets = targets.map(target_bytes).transpose()?.unwrap_or(0);
    let both = inputs.bytes.saturating_add(targets);
    session.less(taken.saturating_add(inputs.reading.max(both))).map(drop)
}

/// Bytes that targets take at most while they are read: classes are values, sorted values and codes at a time.
pub fn target_bytes(text: &str) -> Result<u64, Failure> {
    Ok(data::peek(&source(text)?)?.reading.saturating_mul(3))
}

/// Insists on as many targets as there are inputs.
pub fn expect_rows(x: &str, rows: usize, y: &str, got: usize) -> Result<(), Failure> {
    if rows == got {
        return Ok(());
    }
    let failure = Failure::data(format!("{x} has {rows} rows but {y} has {got}"));
    let text = |name: &str| source(name).is_ok_and(|s| s.format() == Format::Csv);
    if rows.abs_diff(got) == 1 && (text(x) || text(y)) {
        return Err(failure.hint(
            "a first line may have been taken for names, or names for a row; \
             a column that is asked for by its name leaves no doubt",
        ));
    }
    Err(failure)
}

/// Insists on as many features as the model knows.
pub fn expect_features(x: &str, got: usize, model: &Model) -> Result<(), Failure> {
    let expected = model.details().features;
    if got == expected {
        return Ok(());
    }
    let failure =
        Failure::data(format!("{x} has {got} features but the model was fitted on {expected}"));
    let source = source(x)?;
    if got == expected + 1 && is_table(&source) && source.name().is_none() {
        return Err(failure.hint("a column that --y names is left out"));
    }
    Err(failure)
}

/// Reads targets.
pub fn targets(text: &str) -> Result<Targets, Failure> {
    Ok(data::read_targets(&source(text)?)?)
}

/// Inputs as a matrix of doubles.
pub fn doubles(array: Array, what: &str) -> Result<Array2<f64>, Failure> {
    array.into_f64().into_dimensionality::<Ix2>().map_err(|e| Failure::data(format!("{what}: {e}")))
}

/// Bytes of a model, in its file and once it is loaded.
pub fn model_bytes(path: &Path) -> u64 {
    // A file that is not there is for its reader to tell.
    path.metadata().map_or(0, |metadata| metadata.len())
}

/// Insists on an ending.
pub fn expect_ending(path: &Path, ending: &str) -> Result<(), Failure> {
    let name = path.to_string_lossy();
    if name.to_ascii_lowercase().ends_with(ending) && name.len() > ending.len() {
        Ok(())
    } else {
        Err(Failure::usage(format!("{name}: a name ending in {ending} is expected")))
    }
}

/// `p.npy` with a word put before its ending: `p.std.npy`.
pub fn beside(path: &Path, word: &str) -> PathBuf {
    path.with_extension(format!("{word}.npy"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_are_checked() {
        assert!(expect_ending(Path::new("a/k.NPZ"), ".npz").is_ok());
        for wrong in ["k.npy", "npz", ".npz", "k.npz.tmp"] {
            assert!(expect_ending(Path::new(wrong), ".npz").is_err(), "{wrong}");
        }
        assert_eq!(beside(Path::new("d/p.npy"), "std"), Path::new("d/p.std.npy"));
    }
}
