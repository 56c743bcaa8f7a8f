//! The calls: a kernel in memory, a kernel streamed out, a diagonal.

use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2};
use widelimit_arch::Network;

use crate::error::Error;
use crate::fine;
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
}

/// The diagonal of a symmetric kernel.
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

/// The kernels of `network` between the rows of `x1` (`n1 x d`) and those of `x2` (`n2 x d`), or
/// among the rows of `x1`.
///
/// Without `x2` the result is symmetric to the last bit and its diagonal is exact; dropout in
/// train mode acts on that diagonal only. Every other entry is, to the last bit, the same in
/// every call that contains the pair, whatever the other rows, the number of threads, the tile
/// size or the order of the arguments.
///
/// # Errors
///
/// Inputs that are empty, of unequal width or not finite; a network that does not take vectors of
/// this width; [`Error::Overflow`] where a kernel value leaves the range of `T`;
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
pub fn kernel<T: Scalar>(
    network: &Network,
    x1: ArrayView2<T>,
    x2: Option<ArrayView2<T>>,
    options: &Options,
) -> Result<Kernel<T>, Error> {
    let call = Call::new(network, x1, x2, options)?;
    let plan = draft::<T>(&call.program, call.size, options, false)?;
    if let Some(limit) = options.budget.limit()
        && plan.bytes > limit
    {
        return Err(Error::MemoryLimit { needed: plan.bytes, limit });
    }
    let [mut nngp, mut ntk] = allocate(options.want, plan.rows, plan.columns)?;
    let views = [&mut nngp, &mut ntk].map(|matrix| matrix.as_mut().map(|m| m.view_mut()));
    let [first, second] = views;
    let error = call.run(&plan, &Matrices::new(first, second, plan.tile))?;
    Ok(Kernel { nngp, ntk, error })
}

/// Matrices of the caller that [`kernel_to`] fills, each `n1 x n2`.
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
pub fn kernel_to<T: Scalar>(
    network: &Network,
    x1: ArrayView2<T>,
    x2: Option<ArrayView2<T>>,
    options: &Options,
    outputs: Outputs<T>,
) -> Result<Option<f64>, Error> {
    let call = Call::new(network, x1, x2, options)?;
    let plan = draft::<T>(&call.program, call.size, options, true)?;
    if let Some(limit) = options.budget.limit()
        && plan.scratch_bytes > limit
    {
        return Err(Error::MemoryLimit { needed: plan.scratch_bytes, limit });
    }
    let shape = (plan.rows, plan.columns);
    for (quantity, wanted, output) in
        [("nngp", options.want.nngp, &outputs.nngp), ("ntk", options.want.ntk, &outputs.ntk)]
    {
        let got = output.as_ref().map(|matrix| matrix.dim());
        if got != wanted.then_some(shape) {
            let expected = if wanted { shape } else { (0, 0) };
            return Err(Error::Output { quantity, expected, got: got.unwrap_or_default() });
        }
    }
    call.run(&plan, &Matrices::new(outputs.nngp, outputs.ntk, plan.tile))
}

/// Like [`kernel`], but hands every tile to `sink` instead of keeping it: memory is scratch only.
///
/// # Errors
///
/// As [`kernel`]; [`Error::MemoryLimit`] if even the scratch exceeds the budget;
/// [`Error::Sink`] with the sink's own words.
pub fn kernel_into<T: Scalar>(
    network: &Network,
    x1: ArrayView2<T>,
    x2: Option<ArrayView2<T>>,
    options: &Options,
    sink: &dyn Sink<T>,
) -> Result<Summary, Error> {
    let call = Call::new(network, x1, x2, options)?;
    let plan = draft::<T>(&call.program, call.size, options, true)?;
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
pub fn diagonal<T: Scalar>(
    network: &Network,
    x: ArrayView2<T>,
    options: &Options,
) -> Result<Diagonal<T>, Error> {
    let call = Call::new(network, x, None, options)?;
    let layout = Layout {
        tile: BAND,
        packed: false,
        fine: fine::is_needed::<T>(&call.program, options.want),
    };
    let points = Points::prepare(&call.program, x, layout, "x1", options)?;
    let gather = |part: fn(&crate::variance::Band<T>) -> Option<&Vec<f64>>| {
        let value =
            |row: usize| part(&points.bands[row / BAND]).map_or(0.0, |values| values[row % BAND]);
        (0..x.nrows()).map(|row| round(value(row))).collect()
    };
    Ok(Diagonal {
        nngp: options.want.nngp.then(|| gather(|band| Some(&band.nngp))),
        ntk: options.want.ntk.then(|| gather(|band| band.ntk.as_ref())),
    })
}

/// Points in a band where there are no tiles.
const BAND: usize = 256;

/// Checked arguments and the compiled network.
struct Call<'a, T> {
    program: Program,
    x1: ArrayView2<'a, T>,
    x2: Option<ArrayView2<'a, T>>,
    size: Size,
    options: &'a Options<'a>,
}

impl<'a, T: Scalar> Call<'a, T> {
    fn new(
        network: &Network,
        x1: ArrayView2<'a, T>,
        x2: Option<ArrayView2<'a, T>>,
        options: &'a Options<'a>,
    ) -> Result<Self, Error> {
        for (input, x) in [("x1", Some(&x1)), ("x2", x2.as_ref())] {
            if let Some(x) = x
                && x.is_empty()
            {
                return Err(Error::Empty { input, rows: x.nrows(), columns: x.ncols() });
            }
        }
        let channels = x1.ncols();
        if let Some(x2) = &x2
            && x2.ncols() != channels
        {
            return Err(Error::WidthMismatch { x1: channels, x2: x2.ncols() });
        }
        let program = Program::compile(network, channels, options.want)?;
        let size = Size { n1: x1.nrows(), n2: x2.as_ref().map(ArrayView2::nrows), channels };
        Ok(Self { program, x1, x2, size, options })
    }

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
