//! The kernel tile by tile: inner products, the whole program, out.
//!
//! A tile is a band of points against a band of points. Its inner products are formed at once;
//! then each row goes through all layers while it is in the first-level cache, and the tile leaves
//! for the [`Sink`]. No intermediate between layers is larger than a row.

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2, Axis, Slice};
use rayon::prelude::*;
use widelimit_dual::Isa;
use widelimit_linalg::{GramScratch, PackedRows, gram_tile};

use crate::crew::{self, Engine, Grid};
use crate::error::Error;
use crate::fine::{Refiner, Row};
use crate::options::{Options, Quantity};
use crate::program::Program;
use crate::rows::{Place, Registers, Sides};
use crate::scalar::{Scalar, round};
use crate::sink::Sink;
use crate::variance::{Band, Origin, band};

/// The points of one side, band by band.
pub(crate) struct Points<'a, T: Scalar> {
    pub x: ArrayView2<'a, T>,
    packed: Option<PackedRows<T>>,
    pub bands: Vec<Band<T>>,
    pub size: usize,
}

/// How points are cut into bands and what is kept of them.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    /// Points in a band.
    pub tile: usize,
    /// Whether to hold a copy packed for products.
    pub packed: bool,
    /// Whether to hold f64 quantities beside f32.
    pub fine: bool,
}

impl<'a, T: Scalar> Points<'a, T> {
    /// Runs the variance pass over all bands of `size` points, and packs their rows for products
    /// of tiles if asked to.
    pub fn prepare(
        program: &Program,
        x: ArrayView2<'a, T>,
        Layout { tile: size, packed, fine }: Layout,
        input: &'static str,
        options: &Options,
    ) -> Result<Self, Error> {
        let count = x.nrows().div_ceil(size);
        let isa = options.isa.unwrap_or_else(Isa::best);
        let one = |index: usize| {
            options.check_cancelled()?;
            let first_row = index * size;
            let rows = rows_of(x, first_row..(first_row + size).min(x.nrows()));
            let squares = T::squares(isa, rows);
            let origin = Origin { input, first_row };
            check_finite(rows, &squares, origin)?;
            band(program, &squares, isa, fine, origin)
        };
        let bands: Vec<_> =
            options.par.install(|| (0..count).into_par_iter().with_max_len(1).map(one).collect());
        let bands = bands.into_iter().collect::<Result<_, Error>>()?;
        let packed = packed.then(|| PackedRows::new(x, &options.par));
        Ok(Self { x, packed, bands, size })
    }

    /// Largest error stated by a numerical dual.
    pub fn error(&self) -> Option<f64> {
        self.bands.iter().filter_map(|band| band.error).reduce(f64::max)
    }

    fn rows(&self, band: usize) -> Range<usize> {
        band * self.size..((band + 1) * self.size).min(self.x.nrows())
    }
}

/// Some rows of a matrix.
fn rows_of<T>(x: ArrayView2<'_, T>, rows: Range<usize>) -> ArrayView2<'_, T> {
    let mut part = x;
    part.slice_axis_inplace(Axis(0), Slice::from(rows));
    part
}

/// A row whose square is not finite either holds such a value or overflows later.
fn check_finite<T: Scalar>(x: ArrayView2<T>, squares: &[f64], origin: Origin) -> Result<(), Error> {
    for (row, _) in squares.iter().enumerate().filter(|(_, square)| !square.is_finite()) {
        let values = x.row(row);
        let bad = values.iter().position(|&value| !widelimit_linalg::Scalar::is_finite(value));
        if let Some(column) = bad {
            return Err(Error::NonFinite {
                input: origin.input,
                row: origin.first_row + row,
                column,
                value: crate::scalar::widen(values[column]),
            });
        }
    }
    Ok(())
}

/// One kernel to compute. Without `right` the call is symmetric.
pub(crate) struct Task<'a, T: Scalar> {
    pub program: &'a Program,
    pub left: &'a Points<'a, T>,
    pub right: Option<&'a Points<'a, T>>,
    pub options: &'a Options<'a>,
    pub sink: &'a dyn Sink<T>,
    pub fine: bool,
}

impl<T: Scalar> Task<'_, T> {
    /// Computes all tiles and delivers them.
    pub fn run(&self) -> Result<(), Error> {
        let right = self.right.unwrap_or(self.left);
        let symmetric = self.right.is_none();
        let (n1, n2) = (self.left.x.nrows() as u64, right.x.nrows() as u64);
        let grid = Grid::new(self.left.bands.len(), right.bands.len(), symmetric);
        let entries = if symmetric { n1 * (n1 + 1) / 2 } else { n1 * n2 };
        crew::run(self, grid, entries, self.options, self.sink)
    }
}

impl<T: Scalar> Engine<T> for Task<'_, T> {
    type Worker = Worker<T>;

    fn worker(&self) -> Worker<T> {
        Worker::new(self)
    }

    fn tile(&self, worker: &mut Worker<T>, row: usize, column: usize) -> Result<(), Error> {
        worker.tile(self, row, column)
    }

    fn entries(&self, row: usize, column: usize) -> u64 {
        let right = self.right.unwrap_or(self.left);
        let (height, width) = (self.left.rows(row).len() as u64, right.rows(column).len() as u64);
        if self.right.is_none() && row == column {
            height * (height + 1) / 2
        } else {
            height * width
        }
    }
}

/// Buffers of one thread.
pub(crate) struct Worker<T: Scalar> {
    gram: GramScratch<T>,
    /// Inner products, then the NNGP.
    k: Vec<T>,
    /// The NTK.
    t: Vec<T>,
    registers: Registers<T>,
    refiner: Option<Refiner>,
}

/// Bytes that a thread allocates for tiles of this size, the workspace of products not counted.
pub(crate) fn worker_bytes<T: Scalar>(
    program: &Program,
    options: &Options,
    (rows, columns): (usize, usize),
    fine: bool,
) -> u64 {
    // The last one is for a sink that needs the rows of a mirrored tile.
    let tiles = 1 + usize::from(options.want.ntk) + 1;
    let buffers = (tiles * rows * columns * size_of::<T>()) as u64;
    let refiner = if fine { Refiner::bytes(program, columns) } else { 0 };
    buffers + Registers::<T>::bytes(program, columns) + refiner
}

impl<T: Scalar> Worker<T> {
    fn new(task: &Task<T>) -> Self {
        let right = task.right.unwrap_or(task.left);
        let rows = task.left.size.min(task.left.x.nrows());
        let columns = right.size.min(right.x.nrows());
        let isa = task.options.isa.unwrap_or_else(Isa::best);
        let buffer = |wanted: bool| {
            if wanted { vec![round::<T>(0.0); rows * columns] } else { Vec::new() }
        };
        Self {
            gram: GramScratch::new(),
            k: buffer(true),
            t: buffer(task.options.want.ntk),
            registers: Registers::new(task.program, columns, isa),
            refiner: task.fine.then(|| Refiner::new(task.program, columns, isa)),
        }
    }

    /// Computes and delivers one tile.
    fn tile(&mut self, task: &Task<T>, row: usize, column: usize) -> Result<(), Error> {
        let right = task.right.unwrap_or(task.left);
        let (rows, columns) = (task.left.rows(row), right.rows(column));
        let (height, width) = (rows.len(), columns.len());
        let diagonal = task.right.is_none() && row == column;
        let x1 = rows_of(task.left.x, rows.clone());
        let x2 = rows_of(right.x, columns.clone());
        task.options.check_cancelled()?;
        let products = &mut self.k[..height * width];
        let products = view_mut(products, height, width);
        match (&task.left.packed, &right.packed) {
            (Some(left), Some(right)) => left.tile(rows.clone(), right, columns.clone(), products),
            _ => gram_tile(x1, x2, &mut self.gram, products),
        }
        let (left, right) = (&task.left.bands[row], &right.bands[column]);
        for i in 0..height {
            task.options.check_cancelled()?;
            // Below the diagonal entries are mirrored, on it they are known exactly.
            let j0 = if diagonal { i + 1 } else { 0 };
            self.row(task, &Row { left, right, x1, x2, place: Place { i, j0 } }, width);
        }
        for quantity in task.options.want.quantities() {
            let (tile, exact) = match quantity {
                Quantity::Nngp => (&mut self.k, Some(&left.nngp)),
                Quantity::Ntk => (&mut self.t, left.ntk.as_ref()),
            };
            let tile = &mut tile[..height * width];
            if diagonal {
                complete(tile, width, exact);
            }
            let send = |row, column, tile| {
                task.sink.write(quantity, row, column, tile).map_err(Error::Sink)
            };
            send(rows.start, columns.start, view(tile, height, width))?;
            if task.right.is_none() && !diagonal {
                send(columns.start, rows.start, view(tile, height, width).reversed_axes())?;
            }
        }
        Ok(())
    }

    /// One row of the tile through the program.
    fn row(&mut self, task: &Task<T>, row: &Row<T>, width: usize) {
        let program = task.program;
        let Place { i, j0 } = row.place;
        let range = i * width + j0..(i + 1) * width;
        let k = &mut self.k[range.clone()];
        let t = if program.has_ntk() { &mut self.t[range] } else { &mut [][..] };
        if let Some(refiner) = &mut self.refiner {
            refiner.find(row, k);
        }
        let sides = Sides { program, left: &row.left.side, right: &row.right.side };
        self.registers.run(sides, row.place, k, t);
        if let Some(refiner) = &mut self.refiner {
            refiner.refine(program, row, k, t);
        }
    }
}

/// `buffer` as a matrix; its length is `rows * columns`.
fn view<T>(buffer: &[T], rows: usize, columns: usize) -> ArrayView2<'_, T> {
    match ArrayView2::from_shape((rows, columns), buffer) {
        Ok(view) => view,
        Err(_) => unreachable!("the buffer has {rows} x {columns} elements"),
    }
}

/// `buffer` as a matrix; its length is `rows * columns`.
fn view_mut<T>(buffer: &mut [T], rows: usize, columns: usize) -> ArrayViewMut2<'_, T> {
    match ArrayViewMut2::from_shape((rows, columns), buffer) {
        Ok(view) => view,
        Err(_) => unreachable!("the buffer has {rows} x {columns} elements"),
    }
}

/// Fills a tile on the diagonal from its part above it.
fn complete<T: Scalar>(tile: &mut [T], width: usize, exact: Option<&Vec<f64>>) {
    for i in 0..width {
        for j in 0..i {
            tile[i * width + j] = tile[j * width + i];
        }
        if let Some(exact) = exact {
            tile[i * width + i] = round(exact[i]);
        }
    }
}
