//! Sketches.
#![forbid(unsafe_code)]

mod error;
pub mod random;

pub use error::Error;
