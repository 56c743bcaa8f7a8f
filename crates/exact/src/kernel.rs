//! The calls: a kernel in memory, a kernel streamed out, a diagonal.

use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2};
use widelimit_arch::Network;

use crate::error::Error;
use crate::fine;
use crate::images;
use crate::inputs::Inputs;
use crate::options::Options;
use crate::plan::{Plan, Size, draft};
use crate::program::Program;
use crate::scalar::{Scalar, round};
use crate::sink::{Matrices, Sink, allocate};
use crate::tiles::{Layout, Points, Task};

/// Kernels of a network on `n1` and `n2` inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Kernel<T> {
    /// NNGP, `n1 x n2`, if wanted.
    pub nngp: Option<Array2<T>>,
    /// NTK, `n1 x n2`, if wanted; 0 for a network without trained parameters.
    pub ntk: Option<Array2<T>>,
    /// Largest relative error of a dual without closed form; `None` where all are closed.
    pub error: Option<f64>,
    /// Axes of an entry: empty for a number. Otherwise the matrices have as many columns for every
    /// second input as an entry has numbers; see [`Spatial`](crate::Spatial).
    pub entry: Vec<usize>,
}

/// The diagonal of a symmetric kernel; where an entry has several numbers, they follow one another.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagonal<T> {
    /// Diagonal of the NNGP, if wanted.
    pub nngp: Option<Array1<T>>,
    /// Diagonal of the NTK, if wanted.
    pub ntk: Option<Array1<T>>,
}

/// What a streamed call reports.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// What was planned and done.
    pub plan: Plan,
    /// Largest relative error of a dual without closed form; `None` where all are closed.
    pub error: Option<f64>,
}

/// The kernels of `network` between the inputs `x1` and `x2`, or among those of `x1`: vectors, one a row,
/// or images (`(n, height, width, channels)`, or with one or three spatial axes).
///
/// Without `x2` the result is symmetric to the last bit and its diagonal is exact; dropout in
/// train mode acts on that diagonal only. Every other entry is, to the last bit, the same in
/// every call that contains the pair, whatever the other inputs, the number of threads, the tile
/// size or the order of the arguments. (Networks on images that wrap around their borders or mix all
/// positions keep that only up to rounding when the arguments change places.)
///
/// # Errors
///
/// Inputs that are empty, of unequal shape or not finite; a network that does not take inputs of
/// this shape; [`Error::Overflow`] where a kernel value leaves the range of `T`;
/// [`Error::MemoryLimit`] before anything is allocated if result and scratch exceed the budget;
/// [`Error::OutOfMemory`] if the machine has no room for the result;
/// [`Error::Cancelled`].
///
/// ```
/// use ndarray::array;
/// use widelimit_arch::Network;
/// use widelimit_exact::{Options, Want, kernel};
///
/// let net = Network::preset("mlp:2:relu")?;
/// let x = array![[1.0, 0.0], [0.6, 0.8], [0.0, -2.0]];
/// let both = kernel(&net, x.view(), None, &Options::new().want(Want::BOTH))?;
/// let ntk = both.ntk.ok_or("wanted")?;
/// assert_eq!(ntk.dim(), (3, 3));
/// assert_eq!(ntk[[0, 1]], ntk[[1, 0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Images:
///
/// ```
/// use ndarray::Array4;
/// use widelimit_arch::Network;
/// use widelimit_exact::{Options, kernel};
///
/// let net = Network::preset("cntk-gap:2")?;
/// let x = Array4::from_shape_fn((5, 8, 8, 3), |(n, i, j, c)| ((n + i * j + c) as f32).sin());
/// let ntk = kernel(&net, x.view().into_dyn(), None, &Options::new())?.ntk.ok_or("wanted")?;
/// assert_eq!(ntk.dim(), (5, 5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn kernel<'a, T: Scalar>(
    network: &Network,
    x1: impl Into<Inputs<'a, T>>,
    x2: Option<Inputs<'a, T>>,
    options: &Options,
) -> Result<Kernel<T>, Error> {
    let call = Call::new(network, x1.into(), x2, options)?;
    let plan = call.plan(false)?;
    if let Some(limit) = options.budget.limit()
        && plan.bytes > limit
    {
        return Err(Error::MemoryLimit { needed: plan.bytes, limit });
    }
    let (rows, columns) = shape(&plan);
    let [mut nngp, mut ntk] = allocate(options.want, rows, columns)?;
    let views = [&mut nngp, &mut ntk].map(|matrix| matrix.as_mut().map(|m| m.view_mut()));
    let [first, second] = views;
    let error = call.run(&plan, &Matrices::new(first, second, tile(&plan)))?;
    Ok(Kernel { nngp, ntk, error, entry: plan.entry })
}

/// Rows and columns of the matrices.
fn shape(plan: &Plan) -> (usize, usize) {
    (plan.rows, plan.columns.saturating_mul(plan.entry.iter().product()))
}

/// Rows and columns of a tile of the matrices.
fn tile(plan: &Plan) -> (usize, usize) {
    (plan.tile, plan.tile * plan.entry.iter().product::<usize>())
}

/// Matrices of the caller that [`kernel_to`] fills, each `n1 x n2` (times the numbers of an entry).
#[derive(Debug)]
pub struct Outputs<'a, T> {
    /// For the NNGP; needed exactly if it is wanted.
    pub nngp: Option<ArrayViewMut2<'a, T>>,
    /// For the NTK; needed exactly if it is wanted.
    pub ntk: Option<ArrayViewMut2<'a, T>>,
}

/// Like [`kernel`], into matrices that the caller allocated. Returns the largest relative error of a
/// dual without closed form. After an error the matrices hold some tiles of the result.
///
/// # Errors
///
/// As [`kernel`], where the memory limit counts the scratch only; [`Error::Output`] for a matrix that
/// is missing, not wanted, or of another shape.
pub fn kernel_to<'a, T: Scalar>(
    network: &Network,
    x1: impl Into<Inputs<'a, T>>,
    x2: Option<Inputs<'a, T>>,
    options: &Options,
    outputs: Outputs<T>,
) -> Result<Option<f64>, Error> {
    let call = Call::new(network, x1.into(), x2, options)?;
    let plan = call.plan(true)?;
    if let Some(limit) = options.budget.limit()
        && plan.scratch_bytes > limit
    {
        return Err(Error::MemoryLimit { needed: plan.scratch_bytes, limit });
    }
    let shape = shape(&plan);
    for (quantity, wanted, output) in
        [("nngp", options.want.nngp, &outputs.nngp), ("ntk", options.want.ntk, &outputs.ntk)]
    {
        let got = output.as_ref().map(|matrix| matrix.dim());
        if got != wanted.then_some(shape) {
            let expected = if wanted { shape } else { (0, 0) };
            return Err(Error::Output { quantity, expected, got: got.unwrap_or_default() });
        }
    }
    call.run(&plan, &Matrices::new(outputs.nngp, outputs.ntk, tile(&plan)))
}

/// Like [`kernel`], but hands every tile to `sink` instead of keeping it: memory is scratch only.
///
/// # Errors
///
/// As [`kernel`]; [`Error::MemoryLimit`] if even the scratch exceeds the budget;
/// [`Error::Sink`] with the sink's own words.
pub fn kernel_into<'a, T: Scalar>(
    network: &Network,
    x1: impl Into<Inputs<'a, T>>,
    x2: Option<Inputs<'a, T>>,
    options: &Options,
    sink: &dyn Sink<T>,
) -> Result<Summary, Error> {
    let call = Call::new(network, x1.into(), x2, options)?;
    let plan = call.plan(true)?;
    if let Some(limit) = options.budget.limit()
        && plan.scratch_bytes > limit
    {
        return Err(Error::MemoryLimit { needed: plan.scratch_bytes, limit });
    }
    let error = call.run(&plan, sink)?;
    Ok(Summary { plan, error })
}

/// The diagonal of `kernel(network, x, None, ..)`, bitwise, in time linear in the rows of `x`.
///
/// # Errors
///
/// As [`kernel`].
pub fn diagonal<'a, T: Scalar>(
    network: &Network,
    x: impl Into<Inputs<'a, T>>,
    options: &Options,
) -> Result<Diagonal<T>, Error> {
    let call = match Call::new(network, x.into(), None, options)? {
        Call::Vectors(call) => call,
        Call::Images(call) => {
            let values = call.diagonal()?;
            let [nngp, ntk] =
                values.map(|values| values.into_iter().map(round).collect::<Array1<T>>());
            let ntk = if ntk.is_empty() { Array1::zeros(nngp.len()) } else { ntk };
            return Ok(Diagonal {
                nngp: options.want.nngp.then_some(nngp),
                ntk: options.want.ntk.then_some(ntk),
            });
        }
    };
    let layout = Layout {
        tile: BAND,
        packed: false,
        fine: fine::is_needed::<T>(&call.program, options.want),
    };
    let points = Points::prepare(&call.program, call.x1, layout, "x1", options)?;
    let gather = |part: fn(&crate::variance::Band<T>) -> Option<&Vec<f64>>| {
        let value =
            |row: usize| part(&points.bands[row / BAND]).map_or(0.0, |values| values[row % BAND]);
        (0..call.x1.nrows()).map(|row| round(value(row))).collect()
    };
    Ok(Diagonal {
        nngp: options.want.nngp.then(|| gather(|band| Some(&band.nngp))),
        ntk: options.want.ntk.then(|| gather(|band| band.ntk.as_ref())),
    })
}

/// Points in a band where there are no tiles.
const BAND: usize = 256;

/// Checked arguments and the compiled network.
enum Call<'a, 'o, T: Scalar> {
    Vectors(Box<Vectors<'a, 'o, T>>),
    Images(Box<images::Call<'a, 'o, T>>),
}

impl<'a, 'o, T: Scalar> Call<'a, 'o, T> {
    fn new(
        network: &Network,
        x1: Inputs<'a, T>,
        x2: Option<Inputs<'a, T>>,
        options: &'o Options<'o>,
    ) -> Result<Self, Error> {
        x1.check("x1")?;
        let shape = x1.shape();
        if let Some(x2) = &x2 {
            x2.check("x2")?;
            if x2.shape() != shape {
                return Err(Error::ShapeMismatch { x1: shape, x2: x2.shape() });
            }
        }
        let second = x2.as_ref().map(Inputs::matrix);
        let (Some(matrix), None | Some(Some(_))) = (x1.matrix(), &second) else {
            let draft = images::Draft::new(network, &shape, options)?;
            return Ok(Self::Images(Box::new(images::Call { draft, x1, x2, options })));
        };
        let program = Program::compile(network, &shape, options.want)?;
        let n2 = x2.as_ref().map(Inputs::len);
        let size = Size { n1: x1.len(), n2, channels: shape.channels };
        let x2 = second.flatten();
        Ok(Self::Vectors(Box::new(Vectors { program, x1: matrix, x2, size, options })))
    }

    /// The plan of a kernel in memory, or of one that is handed out tile by tile.
    fn plan(&self, streams: bool) -> Result<Plan, Error> {
        match self {
            Self::Vectors(call) => draft::<T>(&call.program, call.size, call.options, streams),
            Self::Images(call) => {
                let n2 = call.x2.as_ref().map(Inputs::len);
                call.draft.plan::<T>(call.x1.len(), n2, call.options, streams)
            }
        }
    }

    fn run(&self, plan: &Plan, sink: &dyn Sink<T>) -> Result<Option<f64>, Error> {
        match self {
            Self::Vectors(call) => call.run(plan, sink),
            Self::Images(call) => call.run(plan, sink),
        }
    }
}

/// A kernel between vectors.
struct Vectors<'a, 'o, T> {
    program: Program,
    x1: ArrayView2<'a, T>,
    x2: Option<ArrayView2<'a, T>>,
    size: Size,
    options: &'o Options<'o>,
}

impl<T: Scalar> Vectors<'_, '_, T> {
    /// Variance passes, then all tiles; returns the stated error of numerical duals.
    fn run(&self, plan: &Plan, sink: &dyn Sink<T>) -> Result<Option<f64>, Error> {
        let fine = fine::is_needed::<T>(&self.program, self.options.want);
        let layout = Layout { tile: plan.tile, packed: plan.packed, fine };
        let prepare = |x, input| Points::prepare(&self.program, x, layout, input, self.options);
        let left = prepare(self.x1, "x1")?;
        let right = self.x2.map(|x2| prepare(x2, "x2")).transpose()?;
        let task = Task {
            program: &self.program,
            left: &left,
            right: right.as_ref(),
            options: self.options,
            sink,
            fine,
        };
        task.run()?;
        let errors = [left.error(), right.as_ref().and_then(Points::error)];
        Ok(errors.into_iter().flatten().reduce(f64::max))
    }
}
