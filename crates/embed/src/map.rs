//! The feature map of a network.

use ndarray::{Array2, ArrayView2, ArrayViewD, ArrayViewMut2, Axis};
use rayon::prelude::*;
use widelimit_arch::{Network, Shape};
use widelimit_linalg::Par;

use crate::Error;
use crate::layered::Layered;
use crate::published::Whole;
use crate::scalar::{Scalar, round, widen};
use crate::settings::{Settings, Strategy};
use crate::zonal::{Parts, Zonal};

/// Numbers of inputs that are worked on together, at most.
const BLOCK: usize = 64;

/// Inputs that a map learns from, at most.
const SAMPLE: usize = 4096;

/// Images that a map learns from, at most, and their positions, of one image at least: features of all of them are
/// held at once.
const SAMPLE_IMAGES: usize = 32;
const SAMPLE_POSITIONS: usize = 4096;

/// Directions are learned in single precision, which has no room for the variances of larger inputs.
const LARGEST_IN_SAMPLE: f32 = 1e15;

/// Positions of inputs that are worked on together, at least one input.
const POSITIONS: usize = 1024;

/// A map `x -> z(x)` to `dim` numbers with `z(x) . z(x')` close to the NTK or the NNGP of a network.
///
/// It is made from a network, the shape of the inputs and [`Settings`]; the same three give the same
/// features, to the last bit, whatever the threads and however the inputs are split into calls.
///
/// ```
/// use ndarray::Array2;
/// use widelimit_arch::{Network, Shape};
/// use widelimit_embed::{FeatureMap, Par, Settings};
///
/// let network = Network::preset("mlp:1:relu")?;
/// let map = FeatureMap::new(&network, &Shape::vector(3), &Settings::new(256))?;
/// let x = Array2::from_shape_fn((5, 3), |(i, j)| (i as f64 - j as f64).sin());
/// let z = map.transform(x.view().into_dyn(), &Par::single())?;
/// assert_eq!(z.dim(), (5, 256));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FeatureMap {
    network: Network,
    settings: Settings,
    shape: Shape,
    engine: Engine,
}

/// One strategy.
#[derive(Debug)]
enum Engine {
    Layered(Layered),
    Whole(Whole),
    Zonal(Box<Zonal>),
}

impl FeatureMap {
    /// The map of a network for inputs of one shape.
    ///
    /// # Errors
    /// A network that does not take such inputs or has a layer without a rule, no features or fewer
    /// than the map needs, a degree out of range.
    pub fn new(network: &Network, shape: &Shape, settings: &Settings) -> Result<Self, Error> {
        let width = if shape.is_vector() { shape.channels } else { 0 };
        Self::with_sample(network, shape, settings, Array2::zeros((0, width)).view())
    }

    /// The map for inputs like the rows of `sample`, which may have none.
    fn with_sample(
        network: &Network,
        shape: &Shape,
        settings: &Settings,
        sample: ArrayView2<f64>,
    ) -> Result<Self, Error> {
        if settings.dim == 0 {
            return Err(Error::NoFeatures);
        }
        settings.strategy.check()?;
        let engine = match settings.strategy {
            Strategy::Zonal => {
                Engine::Zonal(Box::new(Zonal::fit(network, shape, settings, sample)?))
            }
            Strategy::NtkSketch { .. } => Engine::Whole(Whole::new(network, shape, settings)?),
            _ => Engine::Layered(Layered::new(network, shape, settings)?),
        };
        Ok(Self::of(network, shape, settings, engine))
    }

    /// The map of a network for inputs like these: what can be adapted to the data (axes, range of
    /// norms, mean directions) is learned from at most 4096 rows, or images of together about 4096
    /// positions, evenly spread. Any input may be mapped afterwards, and stays unbiased where the
    /// strategy is.
    ///
    /// # Errors
    /// As [`new`](Self::new) and [`transform`](Self::transform).
    pub fn fit<T: Scalar>(
        network: &Network,
        x: ArrayViewD<T>,
        settings: &Settings,
    ) -> Result<Self, Error> {
        let shape = match x.shape() {
            [_, spatial @ .., channels] => Shape::image(spatial, *channels),
            shape => return Err(Error::Empty { input: "x", shape: shape.to_vec() }),
        };
        if learns_from_images(&shape, settings) {
            let sample = sample_of_images(&x, &shape)?;
            if sample.iter().all(|x| x.abs() < LARGEST_IN_SAMPLE) {
                let engine = Layered::fit(network, &shape, settings, sample)?;
                return Ok(Self::of(network, &shape, settings, Engine::Layered(engine)));
            }
        }
        if settings.strategy != Strategy::Zonal || !shape.is_vector() {
            return Self::new(network, &shape, settings);
        }
        let rows = rows_of(&x, &shape)?;
        let step = rows.div_ceil(SAMPLE);
        let mut sample = Array2::zeros((rows.div_ceil(step), shape.channels));
        for (mut to, from) in sample.outer_iter_mut().zip(x.outer_iter().step_by(step)) {
            to.iter_mut().zip(from.iter()).for_each(|(to, from)| *to = widen(*from));
        }
        Self::with_sample(network, &shape, settings, sample.view())
    }

    /// What was learned from data, by name: with the network, the shape and the settings all that is
    /// needed to make the same map again ([`from_arrays`](Self::from_arrays)).
    pub fn arrays(&self) -> Vec<(String, Array2<f64>)> {
        match &self.engine {
            Engine::Layered(engine) => engine.arrays(),
            Engine::Whole(_) => Vec::new(),
            Engine::Zonal(engine) => engine.parts().arrays(),
        }
    }

    /// The map with what another one had learned: the same features to the last bit.
    ///
    /// # Errors
    /// As [`new`](Self::new), and for arrays that do not belong to such a map.
    pub fn from_arrays(
        network: &Network,
        shape: &Shape,
        settings: &Settings,
        arrays: &[(String, Array2<f64>)],
    ) -> Result<Self, Error> {
        if settings.strategy == Strategy::Zonal && !arrays.is_empty() {
            let parts = Parts::from_arrays(arrays)?;
            let engine = Zonal::from_parts(network, shape, settings, parts)?;
            return Ok(Self::of(network, shape, settings, Engine::Zonal(Box::new(engine))));
        }
        if learns_from_images(shape, settings) && !arrays.is_empty() {
            let engine = Layered::from_arrays(network, shape, settings, arrays)?;
            return Ok(Self::of(network, shape, settings, Engine::Layered(engine)));
        }
        match arrays.first() {
            None => Self::new(network, shape, settings),
            Some((name, _)) => Err(Error::UnknownArray { name: name.clone() }),
        }
    }

    fn of(network: &Network, shape: &Shape, settings: &Settings, engine: Engine) -> Self {
        let (network, settings, shape) = (network.clone(), settings.clone(), shape.clone());
        Self { network, settings, shape, engine }
    }

    /// The same map with another seed: independent features of the same law, without looking at the
    /// network again.
    ///
    /// # Errors
    /// As [`new`](Self::new), and for a map from [`arrays`](Self::arrays) of images, whose directions belong to
    /// one seed.
    pub fn reseeded(&self, seed: u64) -> Result<Self, Error> {
        let settings = Settings { seed, ..self.settings.clone() };
        let engine = match &self.engine {
            Engine::Layered(engine) => Engine::Layered(engine.again(&self.network, &settings)?),
            Engine::Whole(engine) => Engine::Whole(engine.again(&settings)),
            Engine::Zonal(engine) => Engine::Zonal(Box::new(engine.reseeded(seed))),
        };
        Ok(Self::of(&self.network, &self.shape, &settings, engine))
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Number of features.
    pub fn dim(&self) -> usize {
        self.settings.dim
    }

    /// What it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Shape of one input.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Features of inputs, one a row: `x` is `(n, d)`, or `(n, spatial axes.., channels)`.
    ///
    /// # Errors
    /// As [`transform_into`](Self::transform_into).
    pub fn transform<T: Scalar>(&self, x: ArrayViewD<T>, par: &Par) -> Result<Array2<T>, Error> {
        let rows = x.shape().first().copied().unwrap_or(0);
        let mut out = Array2::from_elem((rows, self.dim()), round::<T>(0.0));
        self.transform_into(x, out.view_mut(), par)?;
        Ok(out)
    }

    /// The same into an array of the caller, `(n, dim)`.
    ///
    /// # Errors
    /// Inputs of another shape or with entries that are not finite (`out` is then untouched), an
    /// output of another size, features that overflow.
    pub fn transform_into<T: Scalar>(
        &self,
        x: ArrayViewD<T>,
        mut out: ArrayViewMut2<T>,
        par: &Par,
    ) -> Result<(), Error> {
        let rows = rows_of(&x, &self.shape)?;
        if out.dim() != (rows, self.dim()) {
            return Err(Error::Output { expected: (rows, self.dim()), got: out.dim() });
        }
        let positions = self.shape.positions().unwrap_or(1).max(1);
        let size = (POSITIONS / positions).clamp(1, BLOCK);
        let width = positions * self.shape.channels;
        let work = |start: usize, x: ArrayViewD<T>, out: ArrayViewMut2<T>| {
            let flat: Vec<T> = x.iter().copied().collect();
            let rows = out.nrows();
            let x = Array2::from_shape_vec((rows, width), flat).map_err(|_| Error::NoFeatures)?;
            self.block(start, x, out)
        };
        let inputs = x.axis_chunks_iter(Axis(0), size);
        let outputs = out.axis_chunks_iter_mut(Axis(0), size);
        let jobs: Vec<_> =
            inputs.zip(outputs).enumerate().map(|(i, (x, out))| (i * size, x, out)).collect();
        if par.threads() == 1 {
            return jobs.into_iter().try_for_each(|(start, x, out)| work(start, x, out));
        }
        par.install(|| jobs.into_par_iter().try_for_each(|(start, x, out)| work(start, x, out)))
    }

    fn block<T: Scalar>(
        &self,
        start: usize,
        x: Array2<T>,
        mut out: ArrayViewMut2<T>,
    ) -> Result<(), Error> {
        let format = <T as widelimit_linalg::Scalar>::NAME;
        let done = match &self.engine {
            Engine::Layered(engine) => engine.block(x.view(), out.view_mut()),
            Engine::Whole(engine) => engine.block(x.view(), out.view_mut()),
            Engine::Zonal(engine) => engine.block(x.view(), out.view_mut()),
        };
        match done {
            Err(Error::Overflow { row, format }) => {
                return Err(Error::Overflow { row: start + row, format });
            }
            // inputs are finite, hence something overflowed on the way; alone, an input tells whose
            Err(Error::Sketch(widelimit_sketch::Error::NonFinite { .. })) => {
                if x.nrows() == 1 {
                    return Err(Error::Overflow { row: start, format });
                }
                let rows = x.axis_chunks_iter(Axis(0), 1);
                for (i, (x, out)) in rows.zip(out.axis_chunks_iter_mut(Axis(0), 1)).enumerate() {
                    self.block(start + i, x.to_owned(), out)?;
                }
            }
            done => done?,
        }
        let bad = out.outer_iter().position(|row| row.iter().any(|z| !widen(*z).is_finite()));
        match bad {
            None => Ok(()),
            Some(row) => Err(Error::Overflow { row: start + row, format }),
        }
    }
}

/// Whether fitting such a map means to learn directions.
fn learns_from_images(shape: &Shape, settings: &Settings) -> bool {
    settings.strategy == Strategy::Centred && !shape.is_vector() && settings.dim > 0
}

/// Images to learn from, evenly spread, one a row.
fn sample_of_images<T: Scalar>(x: &ArrayViewD<T>, shape: &Shape) -> Result<Array2<f32>, Error> {
    let rows = rows_of(x, shape)?;
    let positions = shape.positions().unwrap_or(usize::MAX).max(1);
    let step = rows.div_ceil((SAMPLE_POSITIONS / positions).clamp(1, SAMPLE_IMAGES));
    let mut sample = Array2::zeros((rows.div_ceil(step), positions * shape.channels));
    for (mut to, from) in sample.outer_iter_mut().zip(x.outer_iter().step_by(step)) {
        to.iter_mut().zip(from.iter()).for_each(|(to, from)| *to = widen(*from) as f32);
    }
    Ok(sample)
}

/// The number of inputs, if they are finite and of this shape.
fn rows_of<T: Scalar>(x: &ArrayViewD<T>, shape: &Shape) -> Result<usize, Error> {
    let (rows, got) = match x.shape() {
        [rows, spatial @ .., channels] => (*rows, Shape::image(spatial, *channels)),
        shape => return Err(Error::Empty { input: "x", shape: shape.to_vec() }),
    };
    if rows == 0 {
        return Err(Error::Empty { input: "x", shape: x.shape().to_vec() });
    }
    if got != *shape {
        return Err(Error::Shape { expected: shape.clone(), got });
    }
    for (row, input) in x.outer_iter().enumerate() {
        let bad = input.iter().enumerate().find(|(_, value)| !widen(**value).is_finite());
        if let Some((entry, value)) = bad {
            return Err(Error::NonFinite { row, entry, value: widen(*value) });
        }
    }
    Ok(rows)
}
