//! What a call will cost, before anything is computed or allocated.

use serde::Serialize;
use widelimit_arch::{Activation, Network, Shape};
use widelimit_linalg::{GramScratch, PackedRows};

use crate::crew::Grid;
use crate::error::Error;
use crate::fine;
use crate::images;
use crate::options::{Options, Want};
use crate::program::{Op, Program};
use crate::scalar::{Scalar, round};
use crate::tiles::worker_bytes;

/// Tile edge where nothing speaks against it: a row of all registers stays in the first-level
/// cache, a tile in the second.
const TILE: usize = 288;

/// Step of tile edges: products of panels waste nothing at multiples of 96.
const STEP: usize = 96;

/// Tile edge of streamed kernels: fewer and longer writes.
const STREAMED_TILE: usize = 480;

/// The smallest tile a memory limit can force.
const SMALLEST_TILE: usize = 24;

/// Sizes and expected cost of a kernel.
///
/// `seconds` is an estimate: it multiplies operation counts with rates measured once on one
/// AVX-512 core at 2.5 GHz, and is meant for telling seconds from hours.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// Rows of the kernel.
    pub rows: usize,
    /// Columns of the kernel.
    pub columns: usize,
    /// Axes of an entry of the kernel: empty for a number, positions where the network ends on
    /// positions.
    pub entry: Vec<usize>,
    /// Bytes of the wanted matrices.
    pub result_bytes: u64,
    /// Bytes used beside them at the peak.
    pub scratch_bytes: u64,
    /// Both together; the inputs are not counted.
    pub bytes: u64,
    /// Floating-point operations of the inner products and the layers.
    pub flops: f64,
    /// Expected wall time.
    pub seconds: f64,
    /// Covariances that go through activations for one pair of inputs: what an image engine computes
    /// only as far as the output depends on it.
    pub pair_activations: u64,
    /// The engine that would run: `vectors` or `images`.
    pub engine: &'static str,
    /// Number of tiles.
    pub tiles: usize,
    /// Rows and columns of a tile.
    pub tile: usize,
    /// Whether a copy of the inputs in the order of the product kernel is held.
    pub packed: bool,
    /// Whether the result does not fit the memory limit and has to be written out as it is made
    /// ([`kernel_into`](crate::kernel_into)).
    pub streams: bool,
}

/// Plans the kernel of `n1` inputs with `n2` others (or with themselves), each of this shape.
///
/// # Errors
///
/// [`Error::Network`] if the network does not take such inputs, [`Error::MemoryLimit`] if not even the scratch of a streamed kernel fits the
/// limit of `options`.
///
/// ```
/// use widelimit_arch::{Network, Shape};
/// use widelimit_exact::{Options, plan};
///
/// let net = Network::preset("mlp:3:relu")?;
/// let plan = plan::<f32>(&net, 4000, None, &Shape::vector(784), &Options::new())?;
/// assert_eq!(plan.result_bytes, 4 * 4000 * 4000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn plan<T: Scalar>(
    network: &Network,
    n1: usize,
    n2: Option<usize>,
    shape: &Shape,
    options: &Options,
) -> Result<Plan, Error> {
    let sketch: Box<dyn Fn(bool) -> Result<Plan, Error>> = if shape.is_vector() {
        let program = Program::compile(network, shape, options.want)?;
        let size = Size { n1, n2, channels: shape.channels };
        Box::new(move |streams| draft::<T>(&program, size, options, streams))
    } else {
        let images = images::Draft::new(network, shape, options)?;
        Box::new(move |streams| images.plan::<T>(n1, n2, options, streams))
    };
    let whole = sketch(false)?;
    if options.budget.allows(whole.bytes) {
        return Ok(whole);
    }
    let streamed = sketch(true)?;
    match options.budget.limit() {
        Some(limit) if streamed.scratch_bytes > limit => {
            Err(Error::MemoryLimit { needed: streamed.scratch_bytes, limit })
        }
        _ => Ok(streamed),
    }
}

/// Numbers of inputs and their width.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub n1: usize,
    pub n2: Option<usize>,
    pub channels: usize,
}

/// The cheapest plan of one kind (in memory or streamed), with the largest tiles that fit.
pub(crate) fn draft<T: Scalar>(
    program: &Program,
    size: Size,
    options: &Options,
    streams: bool,
) -> Result<Plan, Error> {
    let Size { n1, n2, .. } = size;
    let columns = n2.unwrap_or(n1);
    let result_bytes = (n1 as u64)
        .saturating_mul(columns as u64)
        .saturating_mul((options.want.count() * size_of::<T>()) as u64);
    let held = if streams { 0 } else { result_bytes };
    let point = Point::of::<T>(program, options.want)?;
    let scratch = |layout: Layout| scratch_bytes::<T>(program, size, options, point, layout);
    let mut layout = Layout {
        tile: options.tile.unwrap_or_else(|| default_tile(size, options, streams)).max(1),
        packed: packed_bytes::<T>(size) <= PACKED.max(result_bytes / 8),
    };
    let fits = |layout| options.budget.allows(held.saturating_add(scratch(layout)));
    if !fits(layout) {
        layout.packed = false;
    }
    while options.tile.is_none() && layout.tile > SMALLEST_TILE && !fits(layout) {
        layout.tile /= 2;
    }
    let scratch_bytes = scratch(layout);
    let (flops, seconds) = cost::<T>(program, size, options);
    let bands = |n: usize| n.div_ceil(layout.tile);
    let activations =
        program.ops().filter(|(op, _)| matches!(op, Op::Activation { .. })).count() as u64;
    Ok(Plan {
        rows: n1,
        columns,
        entry: Vec::new(),
        result_bytes,
        scratch_bytes,
        bytes: held.saturating_add(scratch_bytes),
        flops,
        seconds,
        pair_activations: activations,
        engine: "vectors",
        tiles: Grid::count(bands(n1), bands(columns), n2.is_none()),
        tile: layout.tile,
        packed: layout.packed,
        streams,
    })
}

/// How the work is cut.
#[derive(Clone, Copy)]
struct Layout {
    tile: usize,
    packed: bool,
}

/// A packed copy of the inputs of this size is always made if the budget allows; a larger one only
/// beside a result eight times its size.
const PACKED: u64 = 50 << 20;

fn packed_bytes<T: Scalar>(size: Size) -> u64 {
    let side = |rows: usize| PackedRows::<T>::bytes_for(rows, size.channels) as u64;
    side(size.n1) + size.n2.map_or(0, side)
}

/// Small problems get small tiles, so that every thread has several.
fn default_tile(size: Size, options: &Options, streams: bool) -> usize {
    let largest = if streams { STREAMED_TILE } else { TILE };
    let smaller = size.n1.min(size.n2.unwrap_or(size.n1));
    let share = smaller / (4 * options.par.threads().max(1));
    share.next_multiple_of(STEP).min(largest)
}

/// Bytes of prepared quantities.
#[derive(Clone, Copy)]
struct Point {
    /// For each point.
    each: u64,
    /// For each band of points.
    band: u64,
}

impl Point {
    fn of<T: Scalar>(program: &Program, want: Want) -> Result<Self, Error> {
        // beside f32 quantities stand f64 ones of twice the size, where they are needed
        let copies = if fine::is_needed::<T>(program, want) { 3 } else { 1 };
        let mut sum = Self { each: 3 * size_of::<f64>() as u64, band: 0 };
        for (op, layer) in program.ops() {
            match *op {
                Op::Activation { dual, .. } => {
                    let bytes = |points: &[T]| match program.dual(dual).prepare(points) {
                        Ok(prepared) => Ok(prepared.bytes() as u64),
                        Err(source) => Err(Error::Activation { layer: layer.to_owned(), source }),
                    };
                    let one = bytes(&[round(1.0)])?;
                    let each = bytes(&[round(1.0); 2])?.saturating_sub(one);
                    sum.each += copies * each;
                    sum.band += copies * one.saturating_sub(each);
                }
                Op::LayerNorm { .. } => sum.each += copies * size_of::<T>() as u64,
                _ => {}
            }
        }
        Ok(sum)
    }
}

/// All bytes beside the result.
fn scratch_bytes<T: Scalar>(
    program: &Program,
    size: Size,
    options: &Options,
    point: Point,
    Layout { tile, packed }: Layout,
) -> u64 {
    let side = |rows: usize| {
        let points = point.each.saturating_mul(rows as u64);
        points.saturating_add(point.band.saturating_mul(rows.div_ceil(tile) as u64))
    };
    let points = side(size.n1).saturating_add(size.n2.map_or(0, side));
    let rows = tile.min(size.n1);
    let columns = tile.min(size.n2.unwrap_or(size.n1));
    let fine = fine::is_needed::<T>(program, options.want);
    let mut worker = worker_bytes::<T>(program, options, (rows, columns), fine);
    if !packed {
        worker += GramScratch::<T>::bytes_for(rows, columns, size.channels) as u64;
    }
    let copy = if packed { packed_bytes::<T>(size) } else { 0 };
    points.saturating_add(copy).saturating_add(worker.saturating_mul(options.par.threads() as u64))
}

/// Operations and seconds.
fn cost<T: Scalar>(program: &Program, size: Size, options: &Options) -> (f64, f64) {
    let single = <T as widelimit_dual::Element>::SINGLE;
    let n1 = size.n1 as f64;
    let entries = size.n2.map_or(n1 * (n1 + 1.0) / 2.0, |n2| n1 * n2 as f64);
    let product_flops = 2.0 * entries * size.channels as f64;
    let rate = if single { 90e9 } else { 45e9 };
    let (mut flops, mut nanoseconds) = (0.0, 0.5);
    for (op, _) in program.ops() {
        let (each, time) = match *op {
            Op::Activation { dual, .. } => activation_cost(program.activation(dual)),
            Op::Dropout { .. } => (0.0, 0.0),
            _ => (4.0, 0.1),
        };
        flops += each;
        nanoseconds += time;
    }
    let width = if single { 1.0 } else { 2.0 };
    let layers = entries * nanoseconds * 1e-9 * width;
    let series = program.ops().filter(|(op, _)| is_numerical(program, op)).count() as f64;
    let points = (n1 + size.n2.unwrap_or(0) as f64) * series * SERIES_SECONDS;
    let seconds = (product_flops / rate + layers + points) / options.par.threads() as f64;
    (product_flops + entries * flops, seconds)
}

/// Seconds to find the series of one point where there is no closed form.
const SERIES_SECONDS: f64 = 2e-5;

fn is_numerical(program: &Program, op: &Op) -> bool {
    matches!(*op, Op::Activation { dual, .. } if !program.dual(dual).is_closed_form())
}

/// Operations and nanoseconds for an entry in f32 with its derivative.
pub(crate) fn activation_cost(activation: &Activation) -> (f64, f64) {
    match activation {
        Activation::Relu
        | Activation::LeakyRelu { .. }
        | Activation::AbRelu { .. }
        | Activation::Abs
        | Activation::Sign
        | Activation::Step
        | Activation::Monomial { .. }
        | Activation::Polynomial { .. }
        | Activation::Hermite { .. } => (40.0, 1.0),
        Activation::Numerical { .. } => (130.0, 6.0),
        Activation::Elu { .. }
        | Activation::Celu { .. }
        | Activation::Selu
        | Activation::Relu6
        | Activation::HardTanh
        | Activation::HardSigmoid => (1000.0, 120.0),
        _ => (70.0, 2.0),
    }
}
