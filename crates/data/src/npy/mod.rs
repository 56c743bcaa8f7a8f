//! Single arrays in NumPy's `.npy` format, versions 1 to 3.
//!
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

mod decode;
mod file;
mod header;
mod write;

pub(crate) use decode::{Values, numbers, read_error};
pub use file::ArrayFile;
pub(crate) use file::{Body, Packing};
pub(crate) use header::{Header, Kind};
pub(crate) use write::{Sum, header_bytes, write_values};
pub use write::{draft_labels, draft_npy, write_labels, write_npy};
