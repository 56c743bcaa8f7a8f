//! Folders of arrays that grow tile by tile, over several runs, from several processes and on several
//! machines.
//!
//! [`TileStore`] writes one, [`StoreReader`] reads it, [`merge_stores`] joins several. What the files
//! in the folder are is told at [`TileStore`].

mod array;
mod difference;
mod export;
mod folder;
mod grid;
mod merge;
mod reader;
mod record;
mod spec;
mod work;
mod writer;

use ndarray::{ArrayView, Axis, RemoveAxis};

pub use merge::merge_stores;
pub use reader::StoreReader;
pub use record::TileRecord;
pub use spec::StoreSpec;
pub use writer::TileStore;

use crate::Element;

/// How a store stands after a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreState {
    /// All tiles.
    pub tiles: usize,
    /// Tiles that were there before, and were not seen to be damaged.
    pub found: usize,
    /// Tiles that were on record but did not have their checksums.
    pub damaged: usize,
    /// Tiles that are still to be computed.
    pub missing: usize,
    /// Whether all tiles are there and the arrays have their final names.
    pub complete: bool,
}

/// Checksum (CRC-32) of the elements of an array in C order, whatever its layout in memory.
///
/// ```
/// use widelimit_data::checksum;
/// let x = ndarray::array![[1.0, 2.0], [3.0, 4.0]];
/// assert_eq!(checksum(x.view()), checksum(x.t().to_owned().t()));
/// assert_ne!(checksum(x.view()), checksum(x.t()));
/// ```
pub fn checksum<T: Element, D: RemoveAxis>(x: ArrayView<'_, T, D>) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    let mut bytes = Vec::new();
    for row in x.axis_iter(Axis(0)) {
        bytes.clear();
        T::append_bytes(row.into_dyn(), &mut bytes);
        sum.update(&bytes);
    }
    sum.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn checksums_see_values_and_not_layout() {
        let x = array![[1.0, 2.0], [3.0, 4.0]];
        let transposed = x.t().as_standard_layout().into_owned();
        assert_eq!(checksum(x.view()), checksum(transposed.t()));
        assert_ne!(checksum(x.view()), checksum(x.t()));
    }
}
