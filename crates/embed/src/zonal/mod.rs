//! The whole network as one random layer.
//!
//! The kernel of a network of vectors is `T = sum_n t_n(a, b) rho^n` with `a = |x|^2 / d`, `b` that of `x'`
//! and their cosine `rho`. By Mehler's formula the features
//!
//! ```text
//! z(x)_j = m^(-1/2) sigma(w_j . x / |x|),    sigma = sum_n s_n sqrt(t_n) h_n,    w_j ~ N(0, I)
//! ```
//!
//! have `E[z(x) . z(x')] = T`, whatever the signs `s_n`. Signs in the order `+ + - -` keep `sigma` of even
//! size, where all equal they would pile it up on one side. (Cho and Saul 2009 go from a layer to its kernel; this is
//! the way back.) Four things make the error small:
//!
//! * degrees up to six are exact along leading axes of the sample, and the rest is sampled with the part
//!   of `sigma` that they stand for subtracted, which is unbiased for any input ([`exact`], [`plan`]);
//! * the directions are orthogonal in blocks, and spread out along axes that all inputs share
//!   ([`mod@directions`]);
//! * what the series leaves after its last degree goes on as a power, without which few features of extreme
//!   size would spoil spectra ([`basis`]);
//! * where `t_n` depends on the norms by more than a factor, it is a short sum of products ([`norms`]).

mod basis;
mod directions;
mod exact;
mod norms;
mod ops;
mod parts;
mod plan;
mod profile;
mod series;
mod trial;

use std::fmt;
use std::sync::Arc;

use ndarray::{Array2, Array3, ArrayView2, ArrayViewMut2, Axis, Slice};
use widelimit_arch::{Network, Shape};
use widelimit_sketch::random::Stream;

use self::basis::Basis;
use self::directions::Directions;
use self::exact::DEGREES;
use self::norms::{Beyond, Norms, Place};
pub use self::parts::Parts;
use self::plan::{Energies, Share};
use self::profile::{Curve, Profile, sign, signed};
use self::series::Series;
use crate::Error;
use crate::rotation::Rotation;
use crate::scalar::{Scalar, round, widen};
use crate::settings::{Settings, Strategy};

/// Name of the strategy in messages.
const NAME: &str = Strategy::Zonal.name();

/// Random numbers of this strategy among those of a seed.
const ROLE: u32 = 0x5a6f;

/// Rows that are treated together.
const ROWS: usize = 32;

/// Rows of the sample that the plan looks at.
const LOOKED_AT: usize = 512;

/// Excess of the variance of directions along an axis over 1, for an axis that carries all of the sample.
/// On digits, values from 0.7 to 1.5 take errors far from the median away and leave the median alone.
const SPREAD: f64 = 1.0;

/// Rows that stand for a sample where there is none.
const UNKNOWN: usize = 128;

/// Share of a row's square beside the axes that is rounding.
const BESIDE: f64 = 1e-11;

/// Features of the strategy [`Zonal`](Strategy::Zonal).
pub struct Zonal {
    dim: usize,
    length: usize,
    parts: Parts,
    rotation: Rotation,
    /// `None` where the kernel is 0.
    norms: Option<Arc<Norms>>,
    terms: Vec<Term>,
}

/// The sampled features of one term.
struct Term {
    directions: Directions,
    profile: Arc<Profile>,
}

impl Zonal {
    /// Fits features to a network for vectors and to a sample of inputs, one a row, which may have none.
    ///
    /// # Errors
    /// Layers that need positions, and dropout that acts; activations whose kernel leaves out jumps;
    /// fewer features than [`Error::TooFewFeatures`] says.
    pub fn fit(
        network: &Network,
        shape: &Shape,
        settings: &Settings,
        sample: ArrayView2<f64>,
    ) -> Result<Self, Error> {
        let series = Series::new(network, shape, settings.quantity)?;
        let length = shape.channels;
        if sample.ncols() != length {
            let got = Shape::vector(sample.ncols());
            return Err(Error::Shape { expected: shape.clone(), got });
        }
        if settings.dim == 0 {
            return Err(Error::NoFeatures);
        }
        if series.is_zero() {
            let factors = Array3::zeros((0, 0, 0));
            let parts = Parts {
                axes: None,
                deviations: Vec::new(),
                landmarks: Vec::new(),
                factors,
                shares: Vec::new(),
            };
            return Self::assemble(None, length, settings, parts);
        }
        let squares: Vec<f64> =
            sample.outer_iter().map(|row| square(row.iter().copied()) / length as f64).collect();
        let norms = Norms::fit(series, &squares, length)?;
        let random = stream(settings.seed).child(0);
        let known = Sample::new(sample, &squares, &norms)?;
        let (known, rotation) = if known.energies.is_empty() {
            let (sample, squares) = unknown(length, &norms.landmarks(), random.child(1));
            (Sample::new(sample.view(), &squares, &norms)?, Rotation::identity(length))
        } else {
            let rotation = Rotation::principal(known.scaled.view(), random.child(0))?;
            (known, rotation)
        };
        let energies = known.energies(&rotation, &norms);
        let deviations = known.deviations(&rotation);
        let mut plans = plan::plans(&energies, settings.dim).map_err(|needed| {
            Error::TooFewFeatures { strategy: NAME, needed, got: settings.dim }
        })?;
        let tried =
            known.rows.slice_axis(Axis(0), Slice::from(..trial::ROWS.min(known.rows.nrows())));
        let best = trial::best(&plans, tried, (&rotation, &deviations), &norms, random.child(2))?;
        let shares = plans.swap_remove(best);
        let parts = Parts {
            axes: rotation.matrix().cloned(),
            deviations,
            landmarks: norms.landmarks(),
            factors: norms.values().clone(),
            shares,
        };
        Self::assemble(Some(norms), length, settings, parts)
    }

    /// The map of an earlier [`fit`](Self::fit), to the bit.
    ///
    /// # Errors
    /// As [`fit`](Self::fit); parts that belong to another network or other settings.
    pub fn from_parts(
        network: &Network,
        shape: &Shape,
        settings: &Settings,
        parts: Parts,
    ) -> Result<Self, Error> {
        let series = Series::new(network, shape, settings.quantity)?;
        let used: usize = parts.shares.iter().map(|s| s.exact() + s.sampled).sum();
        let (ranks, landmarks, _) = parts.factors.dim();
        let axes = parts.axes.as_ref().map_or(shape.channels, |axes| axes.ncols());
        let count = parts.axes.as_ref().map_or(shape.channels, |axes| axes.nrows());
        if used > settings.dim
            || (parts.deviations.len() != count && !parts.shares.is_empty())
            || parts.shares.iter().any(|share| share.axes.iter().any(|&axes| axes > count))
            || ranks != parts.shares.len()
            || landmarks != parts.landmarks.len()
            || axes != shape.channels
            || series.is_zero() != parts.shares.is_empty()
        {
            let reason = "the parts belong to a map for another network or other settings".into();
            return Err(Error::NotApplicable { strategy: NAME, reason });
        }
        let norms = match parts.shares.is_empty() {
            true => None,
            false => Some(Norms::new(series, parts.landmarks.clone(), parts.factors.clone())?),
        };
        Self::assemble(norms, shape.channels, settings, parts)
    }

    fn assemble(
        norms: Option<Norms>,
        length: usize,
        settings: &Settings,
        parts: Parts,
    ) -> Result<Self, Error> {
        let rotation = Rotation::new(length, parts.axes.as_ref());
        let mut terms = Vec::with_capacity(parts.shares.len());
        for (r, share) in parts.shares.iter().enumerate() {
            let Some(norms) = &norms else { break };
            let mut coefficients = signed_at(norms, r);
            if share.sampled == 0 {
                coefficients = Array2::zeros((0, norms.degrees()));
            }
            terms.push(Term {
                directions: directions(&rotation, &parts, r, settings.seed),
                profile: Arc::new(Profile::new(coefficients, norms.basis())),
            });
        }
        let norms = norms.map(Arc::new);
        Ok(Self { dim: settings.dim, length, parts, rotation, norms, terms })
    }

    /// What must be kept to make this map again.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// The same map with the directions of another seed.
    pub fn reseeded(&self, seed: u64) -> Self {
        let mut terms = Vec::with_capacity(self.terms.len());
        for (r, term) in self.terms.iter().enumerate() {
            let directions = directions(&self.rotation, &self.parts, r, seed);
            terms.push(Term { directions, profile: Arc::clone(&term.profile) });
        }
        let rotation = Rotation::new(self.length, self.parts.axes.as_ref());
        let (parts, norms) = (self.parts.clone(), self.norms.clone());
        Self { dim: self.dim, length: self.length, parts, rotation, norms, terms }
    }

    /// Number of features.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Writes the features of the rows of `x`, `(n, d)`, to `out`, `(n, dim)`, on the calling thread. A
    /// row's result has the same bits in any block.
    ///
    /// # Errors
    /// Arrays of the wrong size; [`Error::Overflow`]; an input whose norm leaves the range of an activation.
    pub fn block<T: Scalar>(
        &self,
        x: ArrayView2<T>,
        mut out: ArrayViewMut2<T>,
    ) -> Result<(), Error> {
        if x.ncols() != self.length {
            let (expected, got) = (Shape::vector(self.length), Shape::vector(x.ncols()));
            return Err(Error::Shape { expected, got });
        }
        if out.dim() != (x.nrows(), self.dim) {
            return Err(Error::Output { expected: (x.nrows(), self.dim), got: out.dim() });
        }
        out.fill(T::default());
        let Some(norms) = &self.norms else { return Ok(()) };
        for (start, mut out) in (0..).step_by(ROWS).zip(out.axis_chunks_iter_mut(Axis(0), ROWS)) {
            let x = x.slice_axis(Axis(0), Slice::from(start..start + out.nrows()));
            let rows = Rows::new(x, &self.rotation, norms, start)?;
            let mut at = 0;
            for (r, share) in self.parts.shares.iter().enumerate() {
                let end = at + share.exact();
                rows.exact(r, share, out.slice_axis_mut(Axis(1), Slice::from(at..end)));
                at = end;
            }
            for (r, (share, term)) in self.parts.shares.iter().zip(&self.terms).enumerate() {
                let end = at + share.sampled;
                let out = out.slice_axis_mut(Axis(1), Slice::from(at..end));
                rows.sampled(r, share, (&term.directions, &term.profile, norms.basis()), out);
                at = end;
            }
            for (row, out) in out.outer_iter().enumerate() {
                if out.iter().any(|&z| !widen(z).is_finite()) {
                    let format = <T as widelimit_linalg::Scalar>::NAME;
                    return Err(Error::Overflow { row: start + row, format });
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Zonal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zonal").field("dim", &self.dim).finish_non_exhaustive()
    }
}

fn stream(seed: u64) -> Stream {
    Stream::new(seed, 0, ROLE)
}

/// The directions of term `r`.
fn directions(rotation: &Rotation, parts: &Parts, r: usize, seed: u64) -> Directions {
    let (share, stream) = (&parts.shares[r], stream(seed).child(1 + r as u32));
    Directions::new(rotation, share.axes, &parts.deviations, share.sampled, stream)
}

/// The coefficients of the sampled functions at the nodes of the grid, for term `r`.
fn signed_at(norms: &Norms, r: usize) -> Array2<f64> {
    signed(norms.grid().index_axis(Axis(0), r))
}

/// Inputs in all directions, with their mean squares, where no sample is known.
fn unknown(length: usize, squares: &[f64], stream: Stream) -> (Array2<f64>, Vec<f64>) {
    let mut x =
        Array2::from_shape_fn((UNKNOWN, length), |(i, j)| stream.normal((i * length + j) as u64));
    let squares: Vec<f64> = (0..UNKNOWN).map(|i| squares[i % squares.len()]).collect();
    for (mut row, &mean) in x.outer_iter_mut().zip(&squares) {
        let scale = (mean * length as f64 / square(row.iter().copied())).sqrt();
        row.mapv_inplace(|x| scale * x);
    }
    (x, squares)
}

fn square(x: impl Iterator<Item = f64>) -> f64 {
    x.map(|x| x * x).sum()
}

/// The rows of a sample that the plan looks at.
struct Sample {
    /// All rows, of squares as the kernel's diagonal: what axes are found from.
    scaled: Array2<f64>,
    /// Some rows, the same of length 1, and the squares of their factors.
    rows: Array2<f64>,
    units: Array2<f64>,
    energies: Vec<Array2<f64>>,
}

impl Sample {
    fn new(sample: ArrayView2<f64>, squares: &[f64], norms: &Norms) -> Result<Self, Error> {
        let length = sample.ncols();
        let mut scaled = sample.to_owned();
        let mut energies = Vec::new();
        let (mut units, mut chosen) = (Vec::new(), Vec::new());
        let step = sample.nrows().div_ceil(LOOKED_AT).max(1);
        for (i, (mut row, &square)) in scaled.outer_iter_mut().zip(squares).enumerate() {
            let place = norms.place(square);
            if matches!(place, Place::Zero | Place::Outside { .. }) {
                row.fill(0.0);
                continue;
            }
            let root = (square * length as f64).sqrt();
            row.mapv_inplace(|x| x / root);
            let factors = norms.coefficients(place, &[], norms.degrees());
            let energy = factors.mapv(|g| g * g);
            let size = energy.sum().sqrt();
            if i % step == 0 {
                units.extend(row.iter().copied());
                energies.push(energy);
                chosen.push(i);
            }
            row.mapv_inplace(|x| x * size);
        }
        let units = Array2::from_shape_vec((energies.len(), length), units);
        let rows = sample.select(Axis(0), &chosen);
        Ok(Self { scaled, rows, units: units.unwrap_or_default(), energies })
    }

    /// Standard deviations of the directions along the axes.
    fn deviations(&self, rotation: &Rotation) -> Vec<f64> {
        let mut y = Array2::zeros((self.units.nrows(), rotation.count()));
        rotation.apply(self.units.view(), y.view_mut());
        let rows = self.units.nrows().max(1) as f64;
        let share = |y: ndarray::ArrayView1<f64>| square(y.iter().copied()) / rows;
        y.axis_iter(Axis(1)).map(|y| (1.0 + SPREAD * share(y)).sqrt()).collect()
    }

    fn energies(&self, rotation: &Rotation, norms: &Norms) -> Energies {
        let (axes, whole) = (rotation.count(), Directions::are_whole(rotation));
        let complete = rotation.is_complete();
        let (ranks, degrees) = (norms.ranks(), norms.degrees());
        let mut terms = Array2::zeros((ranks, degrees));
        self.energies.iter().for_each(|energy| terms += energy);
        terms /= self.energies.len() as f64;
        let mut y = Array2::zeros((self.units.nrows(), axes));
        rotation.apply(self.units.view(), y.view_mut());
        let weights: Vec<Array2<f64>> = self
            .energies
            .iter()
            .map(|energy| {
                Array2::from_shape_fn((ranks, DEGREES), |(r, n)| {
                    energy.get([r, n + 1]).copied().unwrap_or(0.0)
                })
            })
            .collect();
        Energies { terms, along: plan::measured(y.view(), &weights), whole, complete }
    }
}

/// Some inputs on their way to features.
struct Rows<T> {
    places: Vec<Place>,
    /// Nodes around the rows outside of the grid.
    around: Vec<Vec<Arc<Beyond>>>,
    /// Factors of every row, `(r, n)`: the lowest degrees, or all where the row is outside of the grid.
    factors: Vec<Array2<f64>>,
    /// Coordinates of the unit vectors.
    y: Array2<T>,
    /// `|y[..k]|^2` for every number of axes `k`.
    squares: Array2<f64>,
    /// Rows with a part beside the axes, and those parts.
    others: Vec<usize>,
    beside: Array2<T>,
}

impl<T: Scalar> Rows<T> {
    fn new(
        x: ArrayView2<T>,
        rotation: &Rotation,
        norms: &Norms,
        start: usize,
    ) -> Result<Self, Error> {
        let (count, length) = x.dim();
        let mut units = Array2::from_elem((count, length), T::default());
        let (mut places, mut around, mut factors) = (Vec::new(), Vec::new(), Vec::new());
        for (row, (x, mut unit)) in x.outer_iter().zip(units.outer_iter_mut()).enumerate() {
            let total = square(x.iter().map(|&x| widen(x)));
            if !total.is_finite() {
                let format = <T as widelimit_linalg::Scalar>::NAME;
                return Err(Error::Overflow { row: start + row, format });
            }
            let mean = total / length as f64;
            let place = norms.place(mean);
            if place != Place::Zero {
                let root = total.sqrt();
                unit.zip_mut_with(&x, |unit, &x| *unit = round(widen(x) / root));
            }
            let around_it = norms.around(place)?;
            factors.push(norms.coefficients(place, &around_it, DEGREES + 1));
            places.push(place);
            around.push(around_it);
        }
        let axes = rotation.count();
        let mut y = Array2::from_elem((count, axes), T::default());
        rotation.apply(units.view(), y.view_mut());
        let mut squares = Array2::zeros((count, axes + 1));
        for (y, mut squares) in y.outer_iter().zip(squares.outer_iter_mut()) {
            let mut sum = 0.0;
            for (&y, square) in y.iter().zip(squares.iter_mut().skip(1)) {
                sum += widen(y) * widen(y);
                *square = sum;
            }
        }
        let mut others = Vec::new();
        if !rotation.is_complete() {
            rotation.subtract(y.view(), units.view_mut());
            let left = |unit: ndarray::ArrayView1<T>| square(unit.iter().map(|&x| widen(x)));
            others.extend(
                (0..count).filter(|&i| places[i] != Place::Zero && left(units.row(i)) > BESIDE),
            );
        }
        let beside = units.select(Axis(0), &others);
        Ok(Self { places, around, factors, y, squares, others, beside })
    }

    /// The exact features of term `r`.
    fn exact(&self, r: usize, share: &Share, mut out: ArrayViewMut2<T>) {
        let mut buffer = vec![T::default(); out.ncols()];
        for (i, mut out) in out.outer_iter_mut().enumerate() {
            let (factors, y) = (&self.factors[i], self.y.row(i));
            let y = y.as_slice().unwrap_or(&[]);
            let mut at = 0;
            if share.constant {
                buffer[0] = round(factors[[r, 0]]);
                at = 1;
            }
            for (n, &axes) in share.axes.iter().enumerate().filter(|(_, axes)| **axes > 0) {
                let size = exact::count(n + 1, axes);
                exact::write(n + 1, factors[[r, n + 1]], &y[..axes], &mut buffer[at..at + size]);
                at += size;
            }
            out.iter_mut().zip(&buffer).for_each(|(out, value)| *out = *value);
        }
    }

    /// The sampled features of term `r`.
    fn sampled(
        &self,
        r: usize,
        share: &Share,
        (directions, profile, basis): (&Directions, &Profile, &Basis),
        mut out: ArrayViewMut2<T>,
    ) {
        if share.sampled == 0 {
            return;
        }
        let mut sums = Array2::from_elem(out.dim(), T::default());
        let others = (&self.others[..], self.beside.view());
        let products = directions.products(self.y.view(), others, |end, products| {
            for (n, _) in share.axes.iter().enumerate().filter(|(_, axes)| **axes == end) {
                for (i, products) in products.outer_iter().enumerate() {
                    let scale = sign(n + 1) * self.unscaled(i, r, n + 1, profile);
                    let mut sums = sums.row_mut(i);
                    if let (Some(p), Some(sums)) = (products.as_slice(), sums.as_slice_mut()) {
                        exact::subtract(n + 1, scale, self.squares[[i, end]], p, sums);
                    }
                }
            }
        });
        let factor = (1.0 / directions.count() as f64).sqrt();
        let single = match self.places.iter().any(|place| matches!(place, Place::Single { .. })) {
            true => Some(profile.one::<T>(0)),
            false => None,
        };
        let weights = directions.weights::<T>();
        let weights = weights.as_slice().unwrap_or(&[]);
        for (i, mut out) in out.outer_iter_mut().enumerate() {
            let (z, mut sums) = (products.row(i), sums.row_mut(i));
            let (Some(z), Some(sums)) = (z.as_slice(), sums.as_slice_mut()) else { continue };
            match (self.places[i], &single) {
                (Place::Zero, _) => continue,
                (Place::Single { scale }, Some(curve)) => {
                    curve.add(round(scale * factor), weights, z, sums, basis);
                }
                (Place::Single { .. }, None) => continue,
                (Place::Between { first, weights: nodes }, _) => {
                    profile.blend::<T>(first, &nodes).add(round(factor), weights, z, sums, basis);
                }
                (Place::Outside { weights: nodes, .. }, _) => {
                    let parts: Vec<_> = self.around[i]
                        .iter()
                        .zip(nodes)
                        .map(|(node, weight)| (&node.profile, r, weight))
                        .collect();
                    Curve::<T>::sum(&parts).add(round(factor), weights, z, sums, basis);
                }
            }
            out.iter_mut().zip(sums).for_each(|(out, value)| *out = *value);
        }
    }

    /// The factor of degree `n` of row `i` before it is scaled to the row's norm.
    fn unscaled(&self, i: usize, r: usize, n: usize, profile: &Profile) -> f64 {
        match self.places[i] {
            Place::Single { .. } => sign(n) * profile.coefficients()[[0, n]],
            _ => self.factors[i][[r, n]],
        }
    }
}
