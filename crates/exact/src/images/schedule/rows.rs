//! Memory for the images of gathered values.

use crate::images::geometry::{AXES, Image, Offset, Offsets, Size, positions};

/// Where the images of a gathered value lie.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    size: Size,
    /// The axis whose offset numbers the rows.
    pub axis: usize,
    /// Base of every row, and of the sums of negative offsets while they are apart.
    slots: Vec<Option<(usize, Option<usize>)>>,
    /// Entries of the images before one of a row, without the factor of the leading axis.
    prefix: Vec<Option<usize>>,
    /// All of them.
    total: usize,
}

impl Rows {
    pub(super) fn new(size: Size, demand: &Offsets) -> Self {
        let axis = leading(size);
        let mut flat = size.map(|n| 2 * n - 1);
        let slots = vec![None; flat[axis]];
        flat[axis] = 1;
        let mut rows = Self { size, axis, slots, prefix: vec![None; positions(flat)], total: 0 };
        let mut others = demand.clone();
        others.0[axis] = vec![0];
        for offset in others.iter() {
            let place = rows.place(offset);
            rows.prefix[place] = Some(rows.total);
            rows.total += positions(Image::new(size, offset).len) / size[axis];
        }
        rows
    }

    /// Number of an offset's image in its row.
    fn place(&self, offset: Offset) -> usize {
        (0..AXES).filter(|&axis| axis != self.axis).fold(0, |place, axis| {
            place * (2 * self.size[axis] - 1) + self.number(axis, offset[axis])
        })
    }

    fn number(&self, axis: usize, offset: i32) -> usize {
        (self.size[axis] - 1).wrapping_add_signed(offset as isize)
    }

    pub(super) fn slot(&self, row: i32) -> Option<(usize, Option<usize>)> {
        self.slots[self.number(self.axis, row)]
    }

    pub(super) fn slot_mut(&mut self, row: i32) -> &mut Option<(usize, Option<usize>)> {
        let number = self.number(self.axis, row);
        &mut self.slots[number]
    }

    /// The first vector of the image of an offset; `negative` asks for what negative offsets
    /// contribute, while that is apart.
    pub fn at(&self, image: &Image, negative: bool) -> Option<usize> {
        let (base, minus) = self.slot(image.offset[self.axis])?;
        let base = match minus {
            Some(minus) if negative => minus,
            _ => base,
        };
        let before = self.prefix[self.place(image.offset)]?;
        Some(base + image.len[self.axis] * before)
    }

    /// Vectors of a row.
    pub(super) fn row_len(&self, row: i32) -> usize {
        self.total * (self.size[self.axis] - row.unsigned_abs() as usize)
    }
}

/// The first axis with more than one position.
pub(super) fn leading(size: [usize; AXES]) -> usize {
    (0..AXES).find(|&axis| size[axis] > 1).unwrap_or(AXES - 1)
}
