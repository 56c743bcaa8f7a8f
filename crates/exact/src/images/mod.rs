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

use std::ops::Range;

pub(crate) use call::{Call, Draft};

/// Two ranges of one slice that do not overlap.
#[inline(always)]
fn two<T>(values: &mut [T], a: Range<usize>, b: Range<usize>) -> (&mut [T], &[T]) {
    let (a, b) = two_mut(values, a, b);
    (a, b)
}

#[inline(always)]
fn two_mut<T>(values: &mut [T], a: Range<usize>, b: Range<usize>) -> (&mut [T], &mut [T]) {
    if a.start < b.start {
        let (head, tail) = values.split_at_mut(b.start);
        (&mut head[a], &mut tail[..b.len()])
    } else {
        let (head, tail) = values.split_at_mut(a.start);
        let length = a.len();
        (&mut tail[..length], &mut head[b])
    }
}
