//! What the leaves of the tree hold.

use crate::error::Error;
use crate::random::Stream;
use crate::rows::Row;
use crate::{Osnap, Scalar, Sketch, Srht};

/// The sketch at the leaves of a [`PolySketch`](crate::PolySketch), for points with more coordinates
/// than a node of the tree is wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// Randomised Hadamard transform: for dense points.
    Srht,
    /// OSNAP: for sparse points; a leaf costs `nonzeros` times the stored entries.
    Osnap {
        /// Nonzeros a column; `O(log(n) / eps)` in theory, 4 in practice.
        nonzeros: usize,
    },
}

/// One leaf.
#[derive(Clone, Debug)]
pub(super) enum Leaf {
    Srht(Srht),
    Osnap(Osnap),
}

impl Leaf {
    pub(super) fn new(
        dim_in: usize,
        dim_out: usize,
        base: Base,
        stream: Stream,
    ) -> Result<Self, Error> {
        Ok(match base {
            Base::Srht => Self::Srht(Srht::new(dim_in, dim_out, stream)?),
            Base::Osnap { nonzeros } => Self::Osnap(Osnap::new(dim_in, dim_out, nonzeros, stream)?),
        })
    }

    pub(super) fn dim_out(&self) -> usize {
        match self {
            Self::Srht(sketch) => sketch.dim_out(),
            Self::Osnap(sketch) => sketch.dim_out(),
        }
    }

    pub(super) fn sketch_row<T: Scalar>(
        &self,
        row: Row<'_, T>,
        scratch: &mut Vec<T>,
        out: &mut [T],
    ) {
        match self {
            Self::Srht(sketch) => sketch.sketch_row(row, scratch, out),
            Self::Osnap(sketch) => sketch.sketch_row(row, out),
        }
    }
}
