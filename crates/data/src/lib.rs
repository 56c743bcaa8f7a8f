//! Files in, files out: the one place where widelimit meets data it did not compute.
//!
//! * [`Source`] names an array: `x.npy`, `set.npz:x`, `table.csv:column`, `table.parquet`.
//! * [`read_inputs`], [`read_targets`] read one and check it once, at the door; [`each_block`] reads inputs that do
//!   not lie in memory together.
//! * [`Npz`] and [`ArrayFile`] give single arrays of NumPy files, whole or a few rows at a time.
//! * [`TuFiles`], [`read_graphs_npz`] and [`GraphTables`] read data sets of graphs.
//! * [`write_npy`], [`write_npz`], [`TileFile`] write NumPy files; [`TileStore`] is a folder of them that
//!   grows over several runs, which [`StoreReader`] reads and [`merge_stores`] joins; [`ModelFile`] keeps
//!   a model.
//!
//! # Hostile input
//!
//! A file is never trusted: sizes in headers are compared with the bytes that are there before
//! memory is asked for, checksums are compared, and every failure is an [`Error`] that names the
//! file, the array and the position. Nothing here panics on any content.
//!
//! # Whole or not at all
//!
//! Every writer works on a temporary file in the folder of the target, flushes it to disk and
//! renames it. Whoever looks sees the old file or the new one, never half of one. A [`Draft`] is
//! such a file before it is renamed. An array in a [`TileStore`] has another name until it is
//! complete.
#![forbid(unsafe_code)]

mod array;
mod atomic;
mod blocks;
mod check;
mod csv;
mod error;
mod graphs;
mod model_file;
mod near;
mod npy;
mod npz;
#[cfg_attr(not(feature = "parquet"), path = "parquet_off.rs")]
mod parquet;
mod read;
mod source;
mod space;
mod storage;
mod store;
mod targets;
mod tile_file;

pub use array::{Array, Element, FloatType};
pub use atomic::{Draft, check_writable, write_atomically};
pub use blocks::{each_block, read_rows};
pub use check::check_finite;
pub use csv::{CsvOptions, CsvTable};
pub use error::Error;
pub use graphs::{GraphSet, GraphTables, TuFiles, graphs_from_npz, read_graphs_npz};
pub use model_file::ModelFile;
pub use npy::{ArrayFile, draft_labels, draft_npy, write_labels, write_npy};
pub use npz::{Npz, write_npz};
pub use read::{Peek, peek, peek_without, read_inputs, read_inputs_without, read_targets};
pub use source::{Format, Source};
pub use space::check_room;
pub use store::{
    StoreReader, StoreSpec, StoreState, TileRecord, TileStore, checksum, merge_stores,
};
pub use targets::{Classes, Targets};
pub use tile_file::{TileFile, TileSpec};
