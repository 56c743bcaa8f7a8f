//! Loops over images of entries, a vector of pairs at a time.

mod boxes;
mod emit;
mod gram;
mod neighbours;
mod others;
mod pooling;

pub(crate) use boxes::{BoxSum, Taps};
use emit::Emit;
pub(crate) use gram::Gram;
pub(crate) use neighbours::Neighbours;
pub(crate) use others::{Combine, Gather, Normalise, Sum};
pub(crate) use pooling::{Push, Run};
