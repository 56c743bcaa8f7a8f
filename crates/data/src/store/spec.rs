//! What a store says of itself, and its form as JSON.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::grid::Grid;
use crate::npz::check_names;
use crate::tile_file::data_bytes;
use crate::{Error, FloatType, TileSpec};

/// Version of the layout. Records of version 1 had no checksums.
const VERSION: u32 = 2;

/// What a store holds.
///
/// The first two axes of every array are the rows and columns of the kernel, the same for all; what
/// follows are the axes of an entry.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreSpec {
    /// Says what was computed from what; only a job with an equal description continues the store.
    pub description: Value,
    /// The arrays.
    pub arrays: Vec<TileSpec>,
    /// Rows and columns of a tile; a tile is the same part of all arrays.
    pub tile: usize,
    /// Whether a tile above the diagonal comes with its mirror image, so that there are none below.
    pub symmetric: bool,
}

/// [`StoreSpec`] as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    description: Value,
    arrays: Vec<WrittenArray>,
    tile: usize,
    symmetric: bool,
    /// Follows from the rest; other programs need not count.
    tiles: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenArray {
    name: String,
    shape: Vec<usize>,
    dtype: String,
}

impl StoreSpec {
    /// How many tiles there are; 0 if the arrays cannot be cut into such tiles.
    ///
    /// ```
    /// use widelimit_data::{FloatType, StoreSpec, TileSpec};
    /// let array = TileSpec { name: "ntk".into(), shape: vec![5, 5], float_type: FloatType::F64 };
    /// let description = serde_json::json!("three bands");
    /// let spec = StoreSpec { description, arrays: vec![array], tile: 2, symmetric: true };
    /// assert_eq!(spec.tiles(), 6);
    /// assert_eq!(StoreSpec { symmetric: false, ..spec }.tiles(), 9);
    /// ```
    pub fn tiles(&self) -> usize {
        self.cut().map_or(0, Grid::tiles)
    }

    /// The content of `store.json`.
    pub fn to_json(&self) -> Value {
        let arrays = self.arrays.iter().map(|array| WrittenArray {
            name: array.name.clone(),
            shape: array.shape.clone(),
            dtype: array.float_type.name().to_owned(),
        });
        serde_json::json!(Written {
            version: VERSION,
            description: self.description.clone(),
            arrays: arrays.collect(),
            tile: self.tile,
            symmetric: self.symmetric,
            tiles: self.tiles(),
        })
    }

    /// Reads what a store's `store.json` says; `what` names it in errors.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Duplicate`], [`Error::Version`], and [`Error::Shape`] for arrays
    /// that cannot be cut into such tiles.
    pub fn from_json(text: &str, what: &str) -> Result<Self, Error> {
        let wrong = |reason: String| Error::malformed(what, "kernel store", reason);
        let value: Value = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        // Before the fields are looked at: another version has others.
        if let Some(version) = value.get("version").filter(|version| **version != VERSION) {
            let found = version.to_string();
            return Err(Error::Version { what: what.to_owned(), found, known: VERSION });
        }
        let written: Written =
            serde_json::from_value(value).map_err(|error| wrong(error.to_string()))?;
        let array = |array: WrittenArray| {
            let float_type = FloatType::from_name(&array.dtype)
                .ok_or_else(|| wrong(format!("unknown dtype `{}`", array.dtype)))?;
            Ok(TileSpec { name: array.name, shape: array.shape, float_type })
        };
        let arrays = written.arrays.into_iter().map(array).collect::<Result<Vec<_>, Error>>()?;
        let Written { description, tile, symmetric, tiles, .. } = written;
        let spec = Self { description, arrays, tile, symmetric };
        let grid = spec.grid(what)?;
        if grid.tiles() != tiles {
            let reason = format!("{tiles} tiles are stated, {} are expected", grid.tiles());
            return Err(wrong(reason));
        }
        Ok(spec)
    }

    /// How the arrays are cut; `what` names the store in errors.
    pub(crate) fn grid(&self, what: &str) -> Result<Grid, Error> {
        check_names(what, self.arrays.iter().map(|array| array.name.as_str()))?;
        let fail = |array: &TileSpec, wanted: &'static str| Error::Shape {
            what: format!("{what}:{}", array.name),
            shape: array.shape.clone(),
            wanted,
        };
        let Some(first) = self.arrays.first() else {
            return Err(Error::malformed(what, "kernel store", "it has no arrays"));
        };
        for array in &self.arrays {
            if array.shape.len() < 2 || data_bytes(array).is_none() {
                return Err(fail(array, "two axes or more, and less than 2^63 bytes are expected"));
            }
            if array.shape[..2] != first.shape[..2] {
                return Err(fail(
                    array,
                    "as many rows and columns as the first array are expected",
                ));
            }
        }
        self.cut().ok_or_else(|| {
            let symmetric = if self.symmetric { " of a symmetric kernel" } else { "" };
            let reason = format!(
                "arrays of shape {:?} have no tiles{symmetric} of edge {}",
                first.shape, self.tile
            );
            Error::malformed(what, "kernel store", reason)
        })
    }

    fn cut(&self) -> Option<Grid> {
        let &[rows, columns, ..] = self.arrays.first()?.shape.as_slice() else { return None };
        Grid::new(rows, columns, self.tile, self.symmetric)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec() -> StoreSpec {
        let array = TileSpec { name: "ntk".into(), shape: vec![3, 3], float_type: FloatType::F32 };
        StoreSpec { description: json!({"x1": 7}), arrays: vec![array], tile: 2, symmetric: true }
    }

    #[test]
    fn what_is_written_is_read() {
        let text = spec().to_json().to_string();
        assert_eq!(StoreSpec::from_json(&text, "s").unwrap(), spec());
        assert!(text.contains("\"tiles\":3"), "{text}");
    }

    #[test]
    fn other_versions_are_told_before_their_fields() {
        for (text, found) in [(r#"{"version": 1, "tiles": 4}"#, "1"), (r#"{"version": 9}"#, "9")] {
            let error = StoreSpec::from_json(text, "s").unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("s is of version {found}; this program reads version 2")
            );
        }
    }

    #[test]
    fn descriptions_that_cannot_be_are_refused() {
        let text = |from: &str, to: &str| {
            let text = spec().to_json().to_string();
            let changed = text.replace(from, to);
            assert_ne!(text, changed, "{from}");
            StoreSpec::from_json(&changed, "s").unwrap_err().to_string()
        };
        for (from, to, says) in [
            ("\"tile\":2", "\"tile\":0", "edge 0"),
            ("\"tiles\":3", "\"tiles\":9", "9 tiles are stated, 3 are expected"),
            ("[3,3]", "[3,4]", "symmetric"),
            ("[3,3]", "[3]", "two axes"),
            ("[3,3]", "[9223372036854775807,9223372036854775807]", "2^63"),
            ("float32", "int8", "unknown dtype `int8`"),
            ("\"tile\":2", "\"tile\":-2", "-2"),
            ("\"symmetric\":true", "\"symmetry\":true", "symmetry"),
        ] {
            let error = text(from, to);
            assert!(error.contains(says), "{from} -> {to}: {error}");
        }
        let first = spec().arrays[0].clone();
        let other = TileSpec { name: "nngp".into(), shape: vec![4, 4], ..first.clone() };
        for (arrays, says) in [
            (vec![], "no arrays"),
            (vec![first.clone(), first.clone()], "twice"),
            (vec![first, other], "as many rows"),
        ] {
            let text = StoreSpec { arrays, ..spec() }.to_json().to_string();
            let error = StoreSpec::from_json(&text, "s").unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        for text in ["", "{", "[]", "null", "{\"version\": 2}"] {
            let error = StoreSpec::from_json(text, "s").unwrap_err();
            assert!(matches!(error, Error::Malformed { .. }), "{error}");
        }
    }
}
