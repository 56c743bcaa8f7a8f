//! Inputs that are read a block of rows at a time.

use widelimit::data::{self, Array, Source};
use widelimit::sample_rows;

use super::data as named;
use crate::failure::Failure;

/// Bytes of a block as it is read.
const BYTES: u64 = 16 << 20;

/// Rows of a block, however short or long they are.
const FEWEST: u64 = 16;
const MOST: u64 = 1 << 14;

/// Inputs in a file, of which one block is in memory at a time.
pub struct Blocks {
    source: Source,
    exclude: Option<String>,
    /// The axes of all inputs together.
    pub shape: Vec<usize>,
    /// Whether numbers have single precision.
    pub single: bool,
    row_bytes: u64,
}

impl Blocks {
    /// Looks at a file; where `targets` names a column of the same table, that column is left out.
    pub fn at(text: &str, targets: Option<&str>) -> Result<Self, Failure> {
        let source = named::source(text)?;
        let exclude = named::column_left_out(&source, targets)?;
        let peek = data::peek_without(&source, exclude.as_deref().as_slice())?;
        let rows = peek.shape.first().copied().unwrap_or(0);
        Ok(Self {
            source,
            exclude,
            single: peek.type_name == "float32",
            row_bytes: peek.bytes / rows.max(1) as u64,
            shape: peek.shape,
        })
    }

    /// Number of inputs.
    pub fn rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(0)
    }

    /// Rows of a block.
    pub fn step(&self) -> usize {
        (BYTES / self.row_bytes.max(1)).clamp(FEWEST, MOST) as usize
    }

    /// Bytes of a block, with one more of another precision or order.
    pub fn bytes(&self) -> u64 {
        2 * self.row_bytes * self.step().min(self.rows()) as u64
    }

    /// Bytes of so many inputs.
    pub fn bytes_of(&self, rows: usize) -> u64 {
        self.row_bytes * rows as u64
    }

    /// Reads all inputs once and keeps none: what is wrong with them is told before anything is computed.
    pub fn check(&self) -> Result<(), Failure> {
        self.each(0, |_| Ok(()))
    }

    /// Inputs drawn at random.
    pub fn sample(&self, count: usize, seed: u64) -> Result<Array, Failure> {
        let numbers = sample_rows(self.rows(), count, seed)?;
        Ok(data::read_rows(&self.source, self.exclude.as_deref().as_slice(), &numbers)?)
    }

    /// Calls `take` with each block, from the row `first` on.
    pub fn each(
        &self,
        first: usize,
        mut take: impl FnMut(Array) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let exclude = self.exclude.as_deref();
        data::each_block(&self.source, exclude.as_slice(), self.step(), first, |_, block| {
            take(block)
        })
    }
}
