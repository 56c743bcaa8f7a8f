//! Features layer by layer, for networks of vectors, of images and of graphs.
//!
//! With features `phi` of the units' covariance below an activation `s`, and `psi` of the tangent
//! kernel, `a = |phi|^2`,
//!
//! ```text
//! phi' = [ R0(a);  R1(a) phi;  m^(-1/2) (s(W phi) - R0(a) - R1(a) W phi) ]
//! psi' = [ D0(a) psi;  m'^(-1/2) (G psi) * (s'(V phi) - D0(a)) ]
//! ```
//!
//! where `R0 = E[s]`, `R1 = E[s(u) u] / a` and `D0 = E[s']` are the parts of Hermite degree 0 and 1,
//! known exactly: only the rest is sampled, by orthogonal directions. Given `phi` and `psi` both are
//! unbiased. All copies of a block are one (`parts`), so the number of columns grows with the
//! number of layers, not with the number of paths.

mod compiler;
mod curve;
mod curves;
mod nodes;
mod parts;
mod powers;
mod program;
mod rules;
mod run;
mod series;
mod taps;

use std::sync::Arc;

use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use widelimit_arch::{Network, Shape};
use widelimit_sketch::random::Stream;
use widelimit_sketch::{Sketch, Srht};

use self::compiler::{Compiler, Sizes};
use self::curves::Curves;
use self::program::{Domain, Program};
use self::run::{Inputs, Run};
use crate::Error;
use crate::neighbourhoods::Neighbourhoods;
use crate::scalar::{Scalar, round};
use crate::settings::Settings;

/// Halvings of the interval in which the columns per block are looked for.
const HALVINGS: usize = 24;

/// Share of the features that the inputs themselves may take; longer ones are sketched.
const INPUT_SHARE: usize = 4;

/// A role of the stream of the inputs that no layer has.
const INPUT_ROLE: u32 = u32::MAX;

/// A feature map, layer by layer.
#[derive(Debug)]
pub(crate) struct Layered {
    program: Program,
    curves: Arc<Curves>,
    domain: Domain,
    sketch: Option<Srht>,
}

impl Layered {
    /// Compiles a network for inputs of a shape: as many columns as fit.
    pub fn new(network: &Network, shape: &Shape, settings: &Settings) -> Result<Self, Error> {
        let curves = Arc::new(Curves::new(network, settings.strategy)?);
        Self::with_curves(network, curves, Domain::Grid(shape.clone()), settings)
    }

    /// Compiles a network for graphs with so many numbers at every node.
    pub fn of_graphs(
        network: &Network,
        channels: usize,
        settings: &Settings,
    ) -> Result<Self, Error> {
        let curves = Arc::new(Curves::new(network, settings.strategy)?);
        Self::with_curves(network, curves, Domain::Graphs { channels }, settings)
    }

    /// The same network with other settings.
    pub fn again(&self, network: &Network, settings: &Settings) -> Result<Self, Error> {
        Self::with_curves(network, self.curves.clone(), self.domain.clone(), settings)
    }

    fn with_curves(
        network: &Network,
        curves: Arc<Curves>,
        domain: Domain,
        settings: &Settings,
    ) -> Result<Self, Error> {
        let Shape { spatial, channels } = domain.shape();
        let limit = settings.dim / INPUT_SHARE;
        let alone = spatial.is_empty() || matches!(domain, Domain::Graphs { .. });
        let sketch = if alone && channels > limit.max(1) {
            let stream = Stream::new(settings.seed, 0, INPUT_ROLE);
            Some(Srht::new(channels, limit.max(1), stream)?)
        } else {
            None
        };
        let input = sketch.as_ref().map_or(channels, Sketch::dim_out);
        let compile =
            |sizes: Sizes| Compiler::compile(network, &curves, (&domain, input), settings, sizes);
        let least = compile(Sizes { unit: 0.0, extra: 0 })?;
        if least.dim() > settings.dim {
            return Err(Error::TooFewFeatures {
                strategy: settings.strategy.name(),
                needed: least.dim(),
                got: settings.dim,
            });
        }
        // random numbers are drawn on first use, so that looking for the sizes is cheap
        let (mut low, mut high) = (0.0, settings.dim as f64);
        for _ in 0..HALVINGS {
            let unit = 0.5 * (low + high);
            let fits = compile(Sizes { unit, extra: 0 })?.dim() <= settings.dim;
            if fits { low = unit } else { high = unit }
        }
        let found = compile(Sizes { unit: low, extra: 0 })?;
        let more = compile(Sizes { unit: low, extra: settings.dim - found.dim() })?;
        let program = if more.dim() <= settings.dim { more } else { found };
        Ok(Self { program, curves, domain, sketch })
    }

    /// Columns that are held for a row at the same time, at most.
    pub fn columns(&self) -> usize {
        self.program.columns()
    }

    /// Features of rows of inputs, each the numbers of one input in row-major order.
    pub fn block<T: Scalar>(&self, x: ArrayView2<T>, out: ArrayViewMut2<T>) -> Result<(), Error> {
        let shape = self.domain.shape();
        let rows = x.nrows() * shape.positions().unwrap_or(usize::MAX);
        let x = x.to_shape((rows, shape.channels)).map_err(|_| Error::NoFeatures)?;
        self.run(Inputs::Grid(out.nrows()), x.view(), out)
    }

    /// Features of graphs, whose nodes have the rows of `x`.
    pub fn graphs<T: Scalar>(
        &self,
        graphs: Neighbourhoods<'_>,
        x: ArrayView2<T>,
        out: ArrayViewMut2<T>,
    ) -> Result<(), Error> {
        self.run(Inputs::Graphs(graphs), x, out)
    }

    fn run<T: Scalar>(
        &self,
        inputs: Inputs<'_>,
        x: ArrayView2<T>,
        out: ArrayViewMut2<T>,
    ) -> Result<(), Error> {
        let scale = round::<T>((x.ncols() as f64).sqrt().recip());
        let mut rows = Array2::from_shape_vec(x.dim(), x.iter().map(|&x| x * scale).collect())
            .map_err(|_| Error::NoFeatures)?;
        if let Some(sketch) = &self.sketch {
            let mut out = Array2::from_elem((rows.nrows(), sketch.dim_out()), round::<T>(0.0));
            sketch.apply(rows.view(), out.view_mut())?;
            rows = out;
        }
        Run::new(&self.program, &self.curves, inputs, rows)?.output(out);
        Ok(())
    }
}
