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
//!
//! On images, of which a sample tells in which direction the units of every activation lie, more is exact
//! (`conditioned`).

mod compiler;
mod conditioned;
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

use ndarray::{Array2, ArrayView2, ArrayViewMut2, CowArray, Ix2};
use widelimit_arch::{Network, Shape};
use widelimit_sketch::random::Stream;
use widelimit_sketch::{Sketch, Srht};

use self::compiler::{Compiler, Sizes};
use self::conditioned::Direction;
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
    learned: Learned,
}

/// Where the directions of conditioned activations come from.
#[derive(Debug)]
enum Learned {
    /// There are none.
    Nothing,
    /// These inputs, one a row.
    Sample { sample: Arc<Array2<f32>>, directions: Vec<Direction> },
    /// Another map.
    Stored(Vec<Direction>),
}

impl Layered {
    /// Compiles a network for inputs of a shape: as many columns as fit.
    pub fn new(network: &Network, shape: &Shape, settings: &Settings) -> Result<Self, Error> {
        let curves = Arc::new(Curves::new(network, settings.strategy)?);
        Self::with_curves(network, curves, Domain::Grid(shape.clone()), settings, false)
    }

    /// The same for inputs like these, one a row: activations on images learn mean directions from them.
    pub fn fit(
        network: &Network,
        shape: &Shape,
        settings: &Settings,
        sample: Array2<f32>,
    ) -> Result<Self, Error> {
        let curves = Arc::new(Curves::new(network, settings.strategy)?);
        let domain = Domain::Grid(shape.clone());
        Self::with_curves(network, curves, domain, settings, true)?.learn(Arc::new(sample))
    }

    /// The map that has learned what another one had.
    pub fn from_arrays(
        network: &Network,
        shape: &Shape,
        settings: &Settings,
        arrays: &[(String, Array2<f64>)],
    ) -> Result<Self, Error> {
        let curves = Arc::new(Curves::new(network, settings.strategy)?);
        let domain = Domain::Grid(shape.clone());
        let map = Self::with_curves(network, curves, domain, settings, true)?;
        let learned = Learned::Stored(conditioned::from_arrays(&map.program, arrays)?);
        Ok(Self { learned, ..map })
    }

    /// What was learned, by name.
    pub fn arrays(&self) -> Vec<(String, Array2<f64>)> {
        conditioned::arrays(self.directions())
    }

    /// Compiles a network for graphs with so many numbers at every node.
    pub fn of_graphs(
        network: &Network,
        channels: usize,
        settings: &Settings,
    ) -> Result<Self, Error> {
        let curves = Arc::new(Curves::new(network, settings.strategy)?);
        Self::with_curves(network, curves, Domain::Graphs { channels }, settings, false)
    }

    /// The same network and sample with other settings.
    ///
    /// # Errors
    /// Without the sample, of which a stored map keeps the directions only.
    pub fn again(&self, network: &Network, settings: &Settings) -> Result<Self, Error> {
        let (curves, domain) = (self.curves.clone(), self.domain.clone());
        match &self.learned {
            Learned::Nothing => Self::with_curves(network, curves, domain, settings, false),
            Learned::Sample { sample, .. } => {
                let map = Self::with_curves(network, curves, domain, settings, true)?;
                map.learn(sample.clone())
            }
            Learned::Stored(_) => Err(Error::NotApplicable {
                strategy: settings.strategy.name(),
                reason: "a stored map does not keep the inputs that it was fitted to".to_owned(),
            }),
        }
    }

    /// Learns the directions of all activations, one after the other, from one pass over the sample.
    fn learn(self, sample: Arc<Array2<f32>>) -> Result<Self, Error> {
        let inputs = Inputs::Grid(sample.nrows());
        let view = sample.view();
        let input = self.input(self.rows_of(&view)?.view())?;
        let run = Run::new(&self.program, &self.curves, &[], inputs, input)?;
        let directions = run.into_learned();
        Ok(Self { learned: Learned::Sample { sample, directions }, ..self })
    }

    fn directions(&self) -> &[Direction] {
        match &self.learned {
            Learned::Nothing => &[],
            Learned::Sample { directions, .. } | Learned::Stored(directions) => directions,
        }
    }

    fn with_curves(
        network: &Network,
        curves: Arc<Curves>,
        domain: Domain,
        settings: &Settings,
        conditions: bool,
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
        let compile = |sizes: Sizes| {
            Compiler::compile(network, &curves, (&domain, input), settings, conditions, sizes)
        };
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
        Ok(Self { program, curves, domain, sketch, learned: Learned::Nothing })
    }

    /// Columns that are held for a row at the same time, at most.
    pub fn columns(&self) -> usize {
        self.program.columns()
    }

    /// Features of rows of inputs, each the numbers of one input in row-major order.
    pub fn block<T: Scalar>(&self, x: ArrayView2<T>, out: ArrayViewMut2<T>) -> Result<(), Error> {
        let x = self.rows_of(&x)?;
        self.run(Inputs::Grid(out.nrows()), x.view(), out)
    }

    /// A row for every position.
    fn rows_of<'a, T: Scalar>(&self, x: &'a ArrayView2<T>) -> Result<CowArray<'a, T, Ix2>, Error> {
        let shape = self.domain.shape();
        let rows = x.nrows() * shape.positions().unwrap_or(usize::MAX);
        x.to_shape((rows, shape.channels)).map_err(|_| Error::NoFeatures)
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
        let (input, directions) = (self.input(x)?, self.directions());
        Run::new(&self.program, &self.curves, directions, inputs, input)?.output(out);
        Ok(())
    }

    /// The block of the inputs.
    fn input<T: Scalar>(&self, x: ArrayView2<T>) -> Result<Array2<T>, Error> {
        let scale = round::<T>((x.ncols() as f64).sqrt().recip());
        let mut rows = Array2::from_shape_vec(x.dim(), x.iter().map(|&x| x * scale).collect())
            .map_err(|_| Error::NoFeatures)?;
        if let Some(sketch) = &self.sketch {
            let mut out = Array2::from_elem((rows.nrows(), sketch.dim_out()), round::<T>(0.0));
            sketch.apply(rows.view(), out.view_mut())?;
            rows = out;
        }
        Ok(rows)
    }
}
