//! Positions, offsets and the dense images of entries that belong to an offset.
//!
//! An entry of a covariance between two images belongs to a position `p` of the left one and a
//! position `p'` of the right one. It is filed under its *offset* `o = p' - p`: all entries of one
//! offset form a box of positions `p`, which convolutions and activations map into a box of one offset
//! again: a convolution of stride `s` makes offset `o` of offset `s o`, since both positions move by the
//! same tap.

use widelimit_arch::Window;

/// Spatial axes carried; images of fewer axes have leading axes of length 1.
pub(crate) const AXES: usize = 3;

/// Positions along every axis.
pub(crate) type Size = [usize; AXES];

/// `p' - p` along every axis.
pub(crate) type Offset = [i32; AXES];

/// The offset of a position with itself.
pub(crate) const HERE: Offset = [0; AXES];

/// Sizes with leading ones; vectors are one position.
pub(crate) fn size(spatial: &[usize]) -> Size {
    let mut size = [1; AXES];
    size[AXES - spatial.len()..].copy_from_slice(spatial);
    size
}

/// Windows with leading axes that stay as they are.
pub(crate) fn windows(windows: &[Window]) -> [Window; AXES] {
    let mut all = [Window::identity(1); AXES];
    all[AXES - windows.len()..].copy_from_slice(windows);
    all
}

/// Number of positions.
pub(crate) fn positions(size: Size) -> usize {
    size.iter().product()
}

/// The entries of one offset: a box of positions `p` such that `p + offset` is inside, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Image {
    /// Sizes of the images.
    pub size: Size,
    /// The offset.
    pub offset: Offset,
    /// The smallest `p`.
    pub low: Size,
    /// Entries along every axis.
    pub len: Size,
}

impl Image {
    pub fn new(size: Size, offset: Offset) -> Self {
        let mut image = Self { size, offset, low: [0; AXES], len: [0; AXES] };
        for axis in 0..AXES {
            image.low[axis] = (-offset[axis]).max(0) as usize;
            let far = offset[axis].unsigned_abs() as usize;
            image.len[axis] = size[axis].saturating_sub(far);
        }
        image
    }

    /// Number of entries.
    pub fn entries(&self) -> usize {
        positions(self.len)
    }

    /// Numbers of the left and the right position of the first entry of a row.
    pub fn row(&self, plane: usize, row: usize) -> [usize; 2] {
        let [_, rows, columns] = self.size;
        let at = |shift: Offset| {
            let place = |axis: usize, step: usize| {
                (self.low[axis] + step).wrapping_add_signed(shift[axis] as isize)
            };
            (place(0, plane) * rows + place(1, row)) * columns + place(2, 0)
        };
        [at(HERE), at(self.offset)]
    }

    /// Number of the entry of a position among those of this offset.
    pub fn entry(&self, p: Size) -> usize {
        let at = |axis: usize| p[axis] - self.low[axis];
        (at(0) * self.len[1] + at(1)) * self.len[2] + at(2)
    }
}

/// A set of offsets: all that have one of these numbers on each axis.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offsets(pub [Vec<i32>; AXES]);

impl Offsets {
    /// The offset 0 alone.
    pub fn here() -> Self {
        Self(std::array::from_fn(|_| vec![0]))
    }

    /// All offsets between two images of this size.
    pub fn all(size: Size) -> Self {
        Self(size.map(|n| (1 - n as i32..n as i32).collect()))
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().any(Vec::is_empty)
    }

    /// The smallest set of this form that holds both.
    pub fn join(&mut self, other: &Self) {
        if other.is_empty() {
            return;
        }
        for (own, theirs) in self.0.iter_mut().zip(&other.0) {
            own.extend(theirs);
            own.sort_unstable();
            own.dedup();
        }
    }

    /// Maps every axis.
    pub fn map(&self, windows: &[Window; AXES], by: impl Fn(Window, i32) -> Vec<i32>) -> Self {
        Self(std::array::from_fn(|axis| {
            let mut all: Vec<_> =
                self.0[axis].iter().flat_map(|&offset| by(windows[axis], offset)).collect();
            all.sort_unstable();
            all.dedup();
            all
        }))
    }

    pub fn contains(&self, offset: Offset) -> bool {
        self.0.iter().zip(offset).all(|(axis, offset)| axis.binary_search(&offset).is_ok())
    }

    /// Every offset.
    pub fn iter(&self) -> impl Iterator<Item = Offset> + '_ {
        let [planes, rows, columns] = &self.0;
        planes.iter().flat_map(move |&a| {
            rows.iter().flat_map(move |&b| columns.iter().map(move |&c| [a, b, c]))
        })
    }
}

/// -1, 0 or 1: the sign of the first number that is not 0.
pub(crate) fn sign(offset: Offset) -> i32 {
    offset.into_iter().find(|&o| o != 0).map_or(0, i32::signum)
}

/// `-offset`.
pub(crate) fn opposite(offset: Offset) -> Offset {
    offset.map(|o| -o)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_positions_is_in_one_image() {
        let size = [2, 3, 4];
        let mut seen = vec![0; positions(size) * positions(size)];
        for offset in Offsets::all(size).iter() {
            let image = Image::new(size, offset);
            for plane in 0..image.len[0] {
                for row in 0..image.len[1] {
                    let [p, p2] = image.row(plane, row);
                    for column in 0..image.len[2] {
                        seen[(p + column) * positions(size) + p2 + column] += 1;
                    }
                }
            }
        }
        assert!(seen.iter().all(|&count| count == 1));
    }

    #[test]
    fn the_opposite_image_holds_the_same_pairs_in_the_same_order() {
        for offset in Offsets::all([1, 3, 4]).iter() {
            let (image, other) =
                (Image::new([1, 3, 4], offset), Image::new([1, 3, 4], opposite(offset)));
            assert_eq!(image.len, other.len);
            let ([a, b], [c, d]) = (image.row(0, 0), other.row(0, 0));
            assert_eq!((a, b), (d, c));
        }
    }
}
