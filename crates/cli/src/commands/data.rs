//! Arguments that name data.

use std::path::{Path, PathBuf};

use ndarray::{Array2, Ix2};
use widelimit::data::{self, Array, Source, Targets};

use crate::failure::Failure;

/// Parses the name of an array.
pub fn source(text: &str) -> Result<Source, Failure> {
    Source::parse(text).map_err(|e| Failure::usage(e.to_string()))
}

/// Reads inputs; all axes after the first are flattened, so that images become vectors.
pub fn inputs(text: &str) -> Result<Array, Failure> {
    inputs_without(text, None)
}

/// As [`inputs`]; where `targets` names a column of the same table, that column is left out.
pub fn inputs_without(text: &str, targets: Option<&str>) -> Result<Array, Failure> {
    let x = source(text)?;
    let y = targets.map(source).transpose()?;
    let shared =
        y.as_ref().filter(|y| y.path() == x.path() && x.name().is_none()).and_then(Source::name);
    let array = data::read_inputs_without(&x, shared.as_slice())?;
    flat(array, text)
}

/// Reads targets.
pub fn targets(text: &str) -> Result<Targets, Failure> {
    Ok(data::read_targets(&source(text)?)?)
}

fn flat(array: Array, what: &str) -> Result<Array, Failure> {
    let rows = array.shape()[0];
    let columns = array.shape()[1..].iter().product::<usize>();
    let wrong = |e: ndarray::ShapeError| Failure::data(format!("{what}: {e}"));
    Ok(match array {
        Array::F32(a) => {
            Array::F32(a.into_shape_with_order((rows, columns)).map_err(wrong)?.into_dyn())
        }
        Array::F64(a) => {
            Array::F64(a.into_shape_with_order((rows, columns)).map_err(wrong)?.into_dyn())
        }
    })
}

/// Inputs as a matrix of doubles.
pub fn doubles(array: Array, what: &str) -> Result<Array2<f64>, Failure> {
    array.into_f64().into_dimensionality::<Ix2>().map_err(|e| Failure::data(format!("{what}: {e}")))
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
