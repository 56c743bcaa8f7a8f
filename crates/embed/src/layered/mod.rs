//! Features layer by layer, for networks of vectors and of images.
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

mod curve;
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

use self::program::{Compiler, Curves, Program, Sizes};
use self::run::Run;
use crate::Error;
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
    channels: usize,
    positions: usize,
    sketch: Option<Srht>,
}

impl Layered {
    /// Compiles a network for inputs of a shape: as many columns as fit.
    pub fn new(network: &Network, shape: &Shape, settings: &Settings) -> Result<Self, Error> {
        Self::with_curves(
            network,
            Arc::new(Curves::new(network, settings.strategy)?),
            shape,
            settings,
        )
    }

    /// The same network with other settings.
    pub fn again(
        &self,
        network: &Network,
        shape: &Shape,
        settings: &Settings,
    ) -> Result<Self, Error> {
        Self::with_curves(network, self.curves.clone(), shape, settings)
    }

    fn with_curves(
        network: &Network,
        curves: Arc<Curves>,
        shape: &Shape,
        settings: &Settings,
    ) -> Result<Self, Error> {
        let (channels, positions) = (shape.channels, shape.positions().unwrap_or(usize::MAX));
        let limit = settings.dim / INPUT_SHARE;
        let sketch = if shape.is_vector() && channels > limit.max(1) {
            let stream = Stream::new(settings.seed, 0, INPUT_ROLE);
            Some(Srht::new(channels, limit.max(1), stream)?)
        } else {
            None
        };
        let input = sketch.as_ref().map_or(channels, Sketch::dim_out);
        let compile =
            |sizes: Sizes| Compiler::compile(network, &curves, shape, input, settings, sizes);
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
        Ok(Self { program, curves, channels, positions, sketch })
    }

    /// Features of rows of inputs, each the numbers of one input in row-major order.
    pub fn block<T: Scalar>(&self, x: ArrayView2<T>, out: ArrayViewMut2<T>) -> Result<(), Error> {
        let inputs = x.nrows();
        let scale = round::<T>((self.channels as f64).sqrt().recip());
        let mut rows = Array2::from_shape_vec(
            (inputs * self.positions, self.channels),
            x.iter().map(|&x| x * scale).collect(),
        )
        .map_err(|_| Error::NoFeatures)?;
        if let Some(sketch) = &self.sketch {
            let mut out = Array2::from_elem((inputs, sketch.dim_out()), round::<T>(0.0));
            sketch.apply(rows.view(), out.view_mut())?;
            rows = out;
        }
        Run::new(&self.program, &self.curves, inputs, rows)?.output(out);
        Ok(())
    }
}
