//! Feature maps of infinitely wide networks: `z(x) . z(x')` stands for the NTK or the NNGP of a network,
//! at a cost linear in the number of inputs.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod error;
mod layered;
mod map;
mod projection;
mod published;
mod rotation;
mod scalar;
mod settings;
mod zonal;

pub use error::Error;
pub use map::FeatureMap;
pub use scalar::Scalar;
pub use settings::{Quantity, Settings, Strategy};
pub use widelimit_linalg::Par;
#[doc(hidden)]
pub use zonal::{Parts, Zonal};
