//! Kernel matrices approximated from few of their columns: which ones, and the features they give.
//!
//! | you want | use |
//! |---|---|
//! | features of new points from the kernel values at landmarks | [`NystromMap`] |
//! | good landmarks, and a factor of the kernel matrix | [`RandomPivots`] |
//! | landmarks by importance for a ridge | [`crate::leverage::RecursiveRidge`] |
//!
//! A kernel matrix that is too large, or too dear, to be made whole is a [`KernelEntries`].

mod entries;
mod map;
mod pivots;

pub use entries::KernelEntries;
pub use map::NystromMap;
pub use pivots::{PivotedCholesky, RandomPivots};
