//! Coordinates thrown into buckets with random signs: the piece CountSketch, OSNAP and TensorSketch
//! are made of.

use crate::Scalar;
use crate::error::{Error, at_most};
use crate::random::Stream;
use crate::rows::Row;

/// Bucket and sign of every coordinate, in one word each: the sign in the lowest bit.
#[derive(Clone, Debug)]
pub(crate) struct Hash(Vec<u32>);

impl Hash {
    /// Throws `dim_in` coordinates into `buckets` buckets.
    ///
    /// Buckets and signs are independent of each other and among all coordinates, which is more
    /// than the independence of pairs (buckets) and of fours (signs) the theory asks for.
    pub(crate) fn new(dim_in: usize, buckets: usize, stream: Stream) -> Result<Self, Error> {
        at_most("output dimension", buckets, (u32::MAX / 2) as usize)?;
        let (places, signs) = (stream.child(0), stream.child(1));
        let code = |i: usize| {
            let bucket = places.below(i as u64, buckets as u64)? as u32;
            Ok(bucket << 1 | u32::from(signs.sign(i as u64) < 0.0))
        };
        (0..dim_in).map(code).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn dim_in(&self) -> usize {
        self.0.len()
    }

    /// Bucket and sign of coordinate `i`.
    pub(crate) fn place(&self, i: usize) -> (usize, f64) {
        let code = self.0[i];
        ((code >> 1) as usize, if code & 1 == 0 { 1.0 } else { -1.0 })
    }

    /// Adds the signed entries of the row to their buckets.
    pub(crate) fn add<T: Scalar>(&self, row: Row<'_, T>, buckets: &mut [T]) {
        row.each(|i, value| {
            let code = self.0[i];
            buckets[(code >> 1) as usize] += if code & 1 == 0 { value } else { -value };
        });
    }
}
