//! Kernels between images: networks that act on positions.
//!
//! An entry of the kernel is a sum over pairs of positions, millions of them for a pair of images. They
//! are filed by their offset ([`geometry`]); only offsets that the output depends on are computed
//! ([`graph`]), in an order that keeps little alive ([`schedule`]); and as many pairs go through a
//! schedule together as a vector has lanes: one left image against a vector of right ones ([`runner`]).
//! Variances are found beforehand ([`known`]).

mod call;
mod geometry;
mod graph;
mod known;
mod runner;
mod schedule;
mod side;
mod space;
mod sweeps;

pub(crate) use call::{Call, Draft};
