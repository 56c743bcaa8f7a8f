//! One fit of features: what they are fitted to, and the map that comes out.

use ndarray::{Array2, ArrayViewD, ArrayViewMut2, Axis, Slice};
use widelimit_arch::Shape;
use widelimit_embed::{FeatureMap, Settings};
use widelimit_exact::Progress;

use super::nystrom::Nystrom;
use super::settings::Method;
use crate::certificate::draw;
use crate::{Error, Network, Quantity, Run, Scalar};

/// Role of the rows that maps learn from among the streams of a seed.
const ROLE: u32 = 0xFEA3;

/// Rows that a map learns ranges and directions from.
const LEARNT_FROM: usize = 4096;

/// Positions of images that a map learns directions from.
const POSITIONS_LEARNT_FROM: usize = 4096;

/// Positions of a block of inputs, between two looks at the switch.
const POSITIONS: usize = 1 << 16;

/// Rows, and positions of images, that a map works on together.
pub(super) const ROWS_OF_BLOCK: usize = 64;
pub(super) const POSITIONS_OF_BLOCK: usize = 1024;

/// Columns up to which directions are drawn number by number.
const DENSE: usize = 128;

/// What features are fitted to.
pub(super) struct Job<'a, T: Scalar> {
    pub network: &'a Network,
    pub x: ArrayViewD<'a, T>,
    pub input: Shape,
    pub quantity: Quantity,
    pub seed: u64,
    pub run: &'a Run<'a>,
}

/// A fitted map.
#[derive(Debug)]
pub(super) enum Map {
    Embed(Box<FeatureMap>),
    Nystrom(Nystrom),
}

impl<T: Scalar> Job<'_, T> {
    /// The same means without a word to anybody: parts of a job have no progress of their own.
    pub fn quiet(&self) -> Run<'_> {
        Run { progress: None, ..self.run.clone() }
    }

    /// Bytes that features take while they are made and held against the kernel of a sample.
    pub fn room(&self, dim: usize, sample: usize) -> u64 {
        let positions = self.input.positions().unwrap_or(1).max(1);
        // Those that are worked on together, with what becomes of them on the way; the sample's, and a copy.
        let block = if positions > 1 { POSITIONS_OF_BLOCK.max(positions) } else { ROWS_OF_BLOCK };
        // Before, directions are learned, from positions that are held at once in single precision.
        let learned = if positions > 1 { POSITIONS_LEARNT_FROM.max(positions) / 2 } else { 0 };
        let rows = 2 * sample + 3 * (self.run.par.threads() * block).max(learned);
        // Directions in both precisions.
        let map = 12 * self.input.channels.min(DENSE) + 256;
        ((8 * rows + map) as u64).saturating_mul(dim as u64)
    }

    /// Refuses features for which there is not that much memory.
    pub fn check_room(&self, dim: usize, sample: usize) -> Result<(), Error> {
        self.run.check_memory("a feature map", self.room(dim, sample))
    }

    /// Tells of `done` of `all` parts of the fit.
    pub fn tell(&self, done: usize, all: usize) {
        if let Some(tell) = self.run.progress {
            tell(Progress {
                done_tiles: done,
                total_tiles: all,
                done_entries: done as u64,
                total_entries: all as u64,
            });
        }
    }

    /// The map of a method that is not `auto`; no landmark is among the rows left out.
    pub fn make(&self, method: Method, dim: usize, left_out: &[usize]) -> Result<Map, Error> {
        self.run.check_cancelled()?;
        let strategy = match method {
            Method::Nystrom => return Ok(Map::Nystrom(Nystrom::fit(self, dim, left_out)?)),
            Method::Embed(strategy) => strategy,
            Method::Auto => Default::default(),
        };
        let settings = Settings {
            quantity: embedded(self.quantity),
            strategy,
            seed: self.seed,
            ..Settings::new(dim)
        };
        let rows = self.x.shape()[0];
        let map = if rows <= LEARNT_FROM {
            FeatureMap::fit(self.network, self.x.view(), &settings)?
        } else {
            let mut some = draw(self.seed, ROLE, rows, LEARNT_FROM)?;
            some.sort_unstable();
            let x = self.x.select(Axis(0), &some);
            FeatureMap::fit(self.network, x.view(), &settings)?
        };
        Ok(Map::Embed(Box::new(map)))
    }

    /// Features of rows in double precision.
    pub fn features(&self, map: &Map, x: ArrayViewD<'_, f64>) -> Result<Array2<f64>, Error> {
        let mut out = Array2::zeros((x.shape()[0], map.dim()));
        let run = &self.quiet();
        map.transform(self.network, self.quantity, x, out.view_mut(), run)?;
        Ok(out)
    }
}

/// The kernel in the terms of maps.
pub(super) fn embedded(quantity: Quantity) -> widelimit_embed::Quantity {
    match quantity {
        Quantity::Nngp => widelimit_embed::Quantity::Nngp,
        Quantity::Ntk => widelimit_embed::Quantity::Ntk,
    }
}

impl Map {
    pub fn dim(&self) -> usize {
        match self {
            Self::Embed(map) => map.dim(),
            Self::Nystrom(map) => map.dim(),
        }
    }

    pub fn method(&self) -> Method {
        match self {
            Self::Embed(map) => Method::Embed(map.settings().strategy),
            Self::Nystrom(_) => Method::Nystrom,
        }
    }

    /// Features of checked inputs, a block at a time: the switch is looked at and progress is told
    /// between blocks. A row's features do not depend on the others.
    pub fn transform<T: Scalar>(
        &self,
        network: &Network,
        quantity: Quantity,
        x: ArrayViewD<'_, T>,
        mut out: ArrayViewMut2<'_, T>,
        run: &Run<'_>,
    ) -> Result<(), Error> {
        let (rows, dim) = out.dim();
        let positions = x.shape()[1..x.ndim() - 1].iter().product::<usize>().max(1);
        let step = (POSITIONS / positions).clamp(16, 1024);
        let total_tiles = rows.div_ceil(step);
        let quiet = &Run { progress: None, ..run.clone() };
        for (block, x) in x.axis_chunks_iter(Axis(0), step).enumerate() {
            run.check_cancelled()?;
            let first = block * step;
            let end = first + x.shape()[0];
            let out = out.slice_axis_mut(Axis(0), Slice::from(first..end));
            let done = match self {
                Self::Embed(map) => map.transform_into(x, out, &run.par).map_err(Error::from),
                Self::Nystrom(map) => map.block(network, quantity, x, out, quiet),
            };
            done.map_err(|error| error.rows_from(first))?;
            if let Some(tell) = run.progress {
                tell(Progress {
                    done_tiles: block + 1,
                    total_tiles,
                    done_entries: (end * dim) as u64,
                    total_entries: (rows * dim) as u64,
                });
            }
        }
        Ok(())
    }
}
