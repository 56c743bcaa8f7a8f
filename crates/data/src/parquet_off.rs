//! Tables in columns, when this program is built without them.

use crate::read::Peek;
use crate::{Array, Error, Source, Targets};

fn unavailable(source: &Source) -> Error {
    Error::FeatureOff { what: source.to_string(), feature: "parquet" }
}

pub(crate) fn peek(source: &Source, _exclude: &[&str]) -> Result<Peek, Error> {
    Err(unavailable(source))
}

pub(crate) fn numbers(source: &Source, _exclude: &[&str]) -> Result<Array, Error> {
    Err(unavailable(source))
}

pub(crate) fn targets(source: &Source) -> Result<Targets, Error> {
    Err(unavailable(source))
}

pub(crate) fn each_block<E: From<Error>>(
    source: &Source,
    _exclude: &[&str],
    _rows: usize,
    _first: usize,
    _take: impl FnMut(usize, Array) -> Result<(), E>,
) -> Result<(), E> {
    Err(unavailable(source).into())
}
