//! How a store's arrays are cut: the number of a tile and the rectangles it covers.

/// A part of an array, counted in entries of the kernel (not in values: an entry may be a block).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rectangle {
    pub row: usize,
    pub column: usize,
    pub rows: usize,
    pub columns: usize,
}

/// The tiles of arrays of `rows x columns` entries, in the order in which the engine numbers them:
/// band of rows after band of rows; in a symmetric kernel a band starts at the diagonal, and a tile
/// beside the diagonal has its mirror image as a second rectangle.
///
/// Nothing here takes memory that grows with the number of tiles: it comes from a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    rows: usize,
    columns: usize,
    edge: usize,
    symmetric: bool,
    tiles: usize,
}

impl Grid {
    /// `None` for tiles without an edge, for more tiles than can be counted, and for a symmetric
    /// kernel that is not square.
    pub(crate) fn new(rows: usize, columns: usize, edge: usize, symmetric: bool) -> Option<Self> {
        if edge == 0 || (symmetric && rows != columns) {
            return None;
        }
        let (down, across) = (rows.div_ceil(edge), columns.div_ceil(edge));
        let square = down.checked_mul(across)?;
        let tiles = if symmetric { square / 2 + down.div_ceil(2) } else { square };
        Some(Self { rows, columns, edge, symmetric, tiles })
    }

    /// How many tiles there are.
    pub(crate) fn tiles(self) -> usize {
        self.tiles
    }

    /// How many rectangles a tile may have.
    pub(crate) fn sides(self) -> usize {
        1 + usize::from(self.symmetric)
    }

    /// The rectangles of a tile, its mirror image last; none if there is no such tile.
    pub(crate) fn rectangles(self, tile: usize) -> impl Iterator<Item = Rectangle> {
        let bands = (tile < self.tiles).then(|| self.bands(tile));
        let mirrored = bands.filter(|(i, j)| self.symmetric && i != j).map(|(i, j)| (j, i));
        bands.into_iter().chain(mirrored).map(move |(i, j)| self.rectangle(i, j))
    }

    /// The tile that a rectangle belongs to, and which of its rectangles it is; `None` for one that
    /// is not exactly such a rectangle.
    pub(crate) fn locate(self, rectangle: Rectangle) -> Option<(usize, usize)> {
        let (i, j) = (rectangle.row / self.edge, rectangle.column / self.edge);
        let inside = rectangle.row < self.rows && rectangle.column < self.columns;
        if !inside || rectangle != self.rectangle(i, j) {
            return None;
        }
        let mirrored = self.symmetric && i > j;
        let (i, j) = if mirrored { (j, i) } else { (i, j) };
        let first = if self.symmetric { i } else { 0 };
        Some((self.start(i) + j - first, usize::from(mirrored)))
    }

    fn across(self) -> usize {
        self.columns.div_ceil(self.edge)
    }

    /// The first tile of a band of rows.
    fn start(self, band: usize) -> usize {
        let before = band * self.across();
        if self.symmetric { before - band * band.saturating_sub(1) / 2 } else { before }
    }

    /// Bands of rows and columns of a tile that there is.
    fn bands(self, tile: usize) -> (usize, usize) {
        let (mut low, mut high) = (0, self.rows.div_ceil(self.edge));
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.start(middle) <= tile { low = middle } else { high = middle }
        }
        let column = tile - self.start(low);
        (low, if self.symmetric { low + column } else { column })
    }

    fn rectangle(self, i: usize, j: usize) -> Rectangle {
        let (row, column) = (i * self.edge, j * self.edge);
        let rows = self.edge.min(self.rows - row);
        Rectangle { row, column, rows, columns: self.edge.min(self.columns - column) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_belongs_to_one_rectangle_of_one_tile() {
        for (rows, columns, edge, symmetric) in [
            (7, 7, 2, true),
            (8, 8, 2, true),
            (7, 7, 2, false),
            (5, 9, 4, false),
            (3, 3, 5, true),
            (1, 1, 1, true),
            (0, 0, 3, true),
            (0, 4, 3, false),
        ] {
            let grid = Grid::new(rows, columns, edge, symmetric).unwrap();
            let mut seen = vec![0; rows * columns];
            for tile in 0..grid.tiles() {
                for (side, rectangle) in grid.rectangles(tile).enumerate() {
                    assert_eq!(grid.locate(rectangle), Some((tile, side)));
                    for i in rectangle.row..rectangle.row + rectangle.rows {
                        for j in rectangle.column..rectangle.column + rectangle.columns {
                            seen[i * columns + j] += 1;
                        }
                    }
                }
            }
            assert!(seen.iter().all(|n| *n == 1), "{grid:?}: {seen:?}");
            assert_eq!(grid.rectangles(grid.tiles()).count(), 0);
        }
    }

    #[test]
    fn tiles_of_a_symmetric_kernel_come_band_by_band_from_the_diagonal() {
        let grid = Grid::new(5, 5, 2, true).unwrap();
        let corners: Vec<_> = (0..grid.tiles())
            .map(|tile| grid.rectangles(tile).map(|r| (r.row, r.column)).collect::<Vec<_>>())
            .collect();
        assert_eq!(
            corners,
            [
                vec![(0, 0)],
                vec![(0, 2), (2, 0)],
                vec![(0, 4), (4, 0)],
                vec![(2, 2)],
                vec![(2, 4), (4, 2)],
                vec![(4, 4)],
            ]
        );
    }

    #[test]
    fn what_is_no_rectangle_of_a_tile_is_not_located() {
        let grid = Grid::new(5, 5, 2, false).unwrap();
        let whole = Rectangle { row: 2, column: 2, rows: 2, columns: 2 };
        assert_eq!(grid.locate(whole), Some((4, 0)));
        for wrong in [
            Rectangle { row: 1, ..whole },
            Rectangle { column: 3, ..whole },
            Rectangle { rows: 1, ..whole },
            Rectangle { columns: 3, ..whole },
            Rectangle { row: 4, ..whole },
            Rectangle { row: 6, ..whole },
            Rectangle { row: usize::MAX, ..whole },
        ] {
            assert_eq!(grid.locate(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn grids_that_cannot_be_are_refused() {
        assert_eq!(Grid::new(4, 4, 0, true), None);
        assert_eq!(Grid::new(4, 5, 2, true), None);
        assert_eq!(Grid::new(usize::MAX, usize::MAX, 1, false), None);
    }
}
