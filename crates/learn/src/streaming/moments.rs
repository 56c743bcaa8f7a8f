//! The moments of a stream of rows: all that ridge regression needs of them.

use ndarray::parallel::prelude::*;
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, Axis, Slice};
use widelimit_linalg::{PackedRows, Par, Scalar};

use super::parts::MomentsParts;
use super::rows::{Block, Rows, checked, rows_of};
use crate::Error;
use crate::check;

/// Side of a tile of the second moments.
const TILE: usize = 192;

/// Moments of `n` rows of features `z_i` (`p`), targets `y_i` (`m`) and weights `w_i`, in double precision.
///
/// With `W = sum_i w_i`, `mu = sum_i w_i z_i / W` and `nu = sum_i w_i y_i / W` they are
///
/// ```text
/// A = sum_i w_i (z_i - mu) (z_i - mu)^T    p x p, upper triangle
/// B = sum_i w_i (z_i - mu) (y_i - nu)^T    p x m
/// c = sum_i w_i (y_i - nu)^2               m, one for each output
/// ```
///
/// with `W`, `mu`, `nu`, `n`, and the mean and spread of the rows without weights. Memory: `p^2 + p m`
/// numbers and one block of [`BLOCK`](super::BLOCK) rows; time: `n p^2` multiply-adds.
///
/// Rows are gathered into blocks of [`BLOCK`](super::BLOCK) by their position in the stream. Every block is centred at its
/// own mean before its products are taken, and blocks are joined by the update of Chan, Golub & LeVeque,
/// *Algorithms for computing the sample variance*, 1983, equation 2.1: nothing cancels for features whose
/// mean is large beside their spread, nor for a stream whose mean drifts. The bits of the result do not depend
/// on how the stream is cut into calls, nor on threads.
///
/// ```
/// use ndarray::array;
/// use widelimit_learn::{Par, StreamingRidge, Ridge, streaming::Moments};
/// let par = Par::single();
/// let mut moments = Moments::new(1, 1)?;
/// moments.accumulate(array![[1.0], [2.0]].view(), array![[2.0], [4.0]].view(), None, &par)?;
/// moments.accumulate(array![[3.0]].view(), array![[6.0]].view(), None, &par)?;
/// assert_eq!(moments.rows(), 3);
/// let solver = StreamingRidge { ridge: Ridge::Absolute(1e-9), ..StreamingRidge::default() };
/// let model = solver.check()?.solve(&moments, &par)?;
/// assert_eq!(model.weights.dim(), (1, 1));
/// # Ok::<(), widelimit_learn::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Moments {
    pub(super) sums: Sums,
    pub(super) waiting: Rows,
}

/// The moments of whole blocks.
#[derive(Clone, Debug)]
pub(super) struct Sums {
    pub rows: usize,
    /// `W`.
    pub weight: f64,
    /// `mu`, `p`.
    pub feature_mean: Array1<f64>,
    /// `nu`, `m`.
    pub target_mean: Array1<f64>,
    /// `A`, `p x p`; what lies below the diagonal has no meaning.
    pub products: Array2<f64>,
    /// `B`, `p x m`.
    pub cross: Array2<f64>,
    /// `c`, `m`.
    pub target_squares: Array1<f64>,
    /// Mean of the features without weights, `p`.
    pub plain_mean: Array1<f64>,
    /// Sum of the squared distances of the features from it.
    pub plain_spread: f64,
}

impl Moments {
    /// Of no rows yet, for `features` features and `outputs` outputs.
    ///
    /// # Errors
    /// [`Error::Empty`] when one of them is zero.
    pub fn new(features: usize, outputs: usize) -> Result<Self, Error> {
        if features == 0 {
            return Err(Error::Empty { what: "the array of features" });
        }
        if outputs == 0 {
            return Err(Error::Empty { what: "the array of targets" });
        }
        let sums = Sums {
            rows: 0,
            weight: 0.0,
            feature_mean: Array1::zeros(features),
            target_mean: Array1::zeros(outputs),
            products: Array2::zeros((features, features)),
            cross: Array2::zeros((features, outputs)),
            target_squares: Array1::zeros(outputs),
            plain_mean: Array1::zeros(features),
            plain_spread: 0.0,
        };
        Ok(Moments { sums, waiting: Rows::new(features, outputs) })
    }

    /// Rows seen so far, `n`.
    pub fn rows(&self) -> usize {
        self.sums.rows + self.waiting.len()
    }

    /// Number of features, `p`.
    pub fn features(&self) -> usize {
        self.sums.cross.nrows()
    }

    /// Number of outputs, `m`.
    pub fn outputs(&self) -> usize {
        self.sums.cross.ncols()
    }

    /// Takes further rows in: features `k x p`, targets `k x m`, and one positive weight a row (`None`: 1).
    /// Features and targets may differ in precision.
    ///
    /// All rows of a call, or none: after an error the moments are those of the calls before.
    ///
    /// # Errors
    /// As [`Self::check_rows`].
    pub fn accumulate<T: Scalar, U: Scalar>(
        &mut self,
        features: ArrayView2<T>,
        targets: ArrayView2<U>,
        weights: Option<&[f64]>,
        par: &Par,
    ) -> Result<(), Error> {
        self.check_rows(features, targets, weights)?;
        let sums = &mut self.sums;
        self.waiting.push(features, targets, weights, |block| sums.add(block, par));
        Ok(())
    }

    /// Would [`Self::accumulate`] take these rows? For whoever hands in the rows of one call piece by piece.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::NotFinite`] for NaN and infinity, with the row counted from the beginning
    /// of the stream; [`Error::OutOfRange`] for magnitudes beyond 1e60, whose moments would not be numbers;
    /// [`Error::Parameter`] for a weight that is not positive.
    pub fn check_rows<T: Scalar, U: Scalar>(
        &self,
        features: ArrayView2<T>,
        targets: ArrayView2<U>,
        weights: Option<&[f64]>,
    ) -> Result<(), Error> {
        let widths = (self.features(), self.outputs());
        checked(self.rows(), widths, features, targets, weights)
    }

    /// Takes the rows of `other` in, as rows after those of `self`.
    ///
    /// Blocks that are not full are closed on both sides. Which rows went into which of the two therefore
    /// shows in the last bits; the same parts merged in the same order ([`merge_all`]) give the same bits.
    ///
    /// # Errors
    /// [`Error::Shape`] for other numbers of features or outputs; `self` is then left as it was.
    pub fn merge(&mut self, mut other: Moments, par: &Par) -> Result<(), Error> {
        check::length("number of features of the moments", self.features(), other.features())?;
        check::length("number of outputs of the moments", self.outputs(), other.outputs())?;
        self.close(par);
        other.close(par);
        self.sums.join(&other.sums);
        Ok(())
    }

    /// Everything as plain arrays, to be stored; [`Self::from_parts`] goes on to the same bits.
    pub fn into_parts(self) -> MomentsParts {
        MomentsParts::new(self)
    }

    /// From stored arrays.
    ///
    /// # Errors
    /// As [`MomentsParts::check`].
    pub fn from_parts(parts: MomentsParts) -> Result<Self, Error> {
        parts.moments()
    }

    /// The sums over all rows.
    pub(super) fn total(&self, par: &Par) -> Sums {
        let mut all = self.clone();
        all.close(par);
        all.sums
    }

    fn close(&mut self, par: &Par) {
        let sums = &mut self.sums;
        self.waiting.flush(|block| sums.add(block, par));
    }
}

/// Merges moments in a fixed binary tree: neighbours 0 and 1, 2 and 3, ..., then their sums alike, until one is left.
///
/// The same parts in the same order give the same bits, whoever computed which of them. `O(p^2)` for each.
///
/// # Errors
/// [`Error::Empty`] for no parts; as [`Moments::merge`].
///
/// ```
/// use ndarray::array;
/// use widelimit_learn::{Par, streaming::{Moments, merge_all}};
/// let par = Par::single();
/// let mut parts = vec![Moments::new(1, 1)?, Moments::new(1, 1)?];
/// parts[0].accumulate(array![[1.0]].view(), array![[2.0]].view(), None, &par)?;
/// parts[1].accumulate(array![[3.0]].view(), array![[6.0]].view(), None, &par)?;
/// assert_eq!(merge_all(parts, &par)?.rows(), 2);
/// # Ok::<(), widelimit_learn::Error>(())
/// ```
pub fn merge_all(mut parts: Vec<Moments>, par: &Par) -> Result<Moments, Error> {
    while parts.len() > 1 {
        let mut merged = Vec::with_capacity(parts.len().div_ceil(2));
        let mut pairs = parts.into_iter();
        while let Some(mut left) = pairs.next() {
            if let Some(right) = pairs.next() {
                left.merge(right, par)?;
            }
            merged.push(left);
        }
        parts = merged;
    }
    parts.pop().ok_or(Error::Empty { what: "the list of moments" })
}

impl Sums {
    /// Adds a block of rows, which is overwritten.
    fn add(&mut self, (mut z, mut y, w): Block, par: &Par) {
        let k = w.len();
        let block = w.iter().sum::<f64>();
        let z_mean = centre(z.slice_axis_mut(Axis(0), Slice::from(..k)), w, block);
        let y_mean = centre(y.slice_axis_mut(Axis(0), Slice::from(..k)), w, block);
        self.add_plain(rows_of(z.view(), 0..k), &z_mean);
        // The distance of the means is one more row of the products.
        let total = self.weight + block;
        let (z_shift, y_shift) = (z_mean - &self.feature_mean, y_mean - &self.target_mean);
        let root = (self.weight / total * block).sqrt();
        z.row_mut(k).assign(&(&z_shift * root));
        y.row_mut(k).assign(&(&y_shift * root));
        for (i, w) in w.iter().enumerate() {
            z.row_mut(i).mapv_inplace(|v| v * w.sqrt());
            y.row_mut(i).mapv_inplace(|v| v * w.sqrt());
        }
        for row in y.rows() {
            self.target_squares.zip_mut_with(&row, |sum, v| *sum += v * v);
        }
        add_products(&mut self.products, &mut self.cross, z.view(), y.view(), par);
        self.feature_mean.scaled_add(block / total, &z_shift);
        self.target_mean.scaled_add(block / total, &y_shift);
        self.weight = total;
        self.rows += k;
    }

    /// Mean and spread without weights, from rows `z` that are centred at their weighted mean.
    fn add_plain(&mut self, z: ArrayView2<f64>, z_mean: &Array1<f64>) {
        let k = z.nrows() as f64;
        let mut shift = Array1::<f64>::zeros(z.ncols());
        let mut spread = 0.0;
        for row in z.rows() {
            shift += &row;
            spread += row.dot(&row);
        }
        shift /= k;
        spread = (spread - k * shift.dot(&shift)).max(0.0);
        self.join_plain(self.rows as f64, k, &(z_mean + &shift), spread);
    }

    fn join_plain(&mut self, before: f64, added: f64, mean: &Array1<f64>, spread: f64) {
        let total = before + added;
        let shift = mean - &self.plain_mean;
        self.plain_spread += spread + before / total * added * shift.dot(&shift);
        self.plain_mean.scaled_add(added / total, &shift);
    }

    /// Adds the sums of other rows.
    fn join(&mut self, other: &Sums) {
        if other.rows == 0 {
            return;
        }
        let total = self.weight + other.weight;
        let z_shift = &other.feature_mean - &self.feature_mean;
        let y_shift = &other.target_mean - &self.target_mean;
        let factor = self.weight / total * other.weight;
        for (i, mut row) in self.products.rows_mut().into_iter().enumerate() {
            let d = factor * z_shift[i];
            let from = Slice::from(i..);
            let mut row = row.slice_axis_mut(Axis(0), from);
            row += &other.products.row(i).slice_axis(Axis(0), from);
            row.scaled_add(d, &z_shift.slice_axis(Axis(0), from));
            let mut cross = self.cross.row_mut(i);
            cross += &other.cross.row(i);
            cross.scaled_add(d, &y_shift);
        }
        self.target_squares += &other.target_squares;
        self.target_squares.zip_mut_with(&y_shift, |sum, d| *sum += factor * d * d);
        let (before, added) = (self.rows as f64, other.rows as f64);
        self.join_plain(before, added, &other.plain_mean, other.plain_spread);
        self.feature_mean.scaled_add(other.weight / total, &z_shift);
        self.target_mean.scaled_add(other.weight / total, &y_shift);
        self.weight = total;
        self.rows += other.rows;
    }
}

/// Subtracts the weighted mean of the rows and returns it. Two passes: the second removes the rounding of the
/// first for columns far from zero.
fn centre(mut a: ArrayViewMut2<f64>, w: &[f64], total: f64) -> Array1<f64> {
    let mean = |a: &ArrayViewMut2<f64>| {
        let mut sum = Array1::zeros(a.ncols());
        for (row, w) in a.rows().into_iter().zip(w) {
            sum.scaled_add(*w, &row);
        }
        sum / total
    };
    let first = mean(&a);
    a -= &first;
    let second = mean(&a);
    a -= &second;
    first + second
}

/// Adds `Z^T Z` (upper triangle) and `Z^T Y`.
///
/// Entries are canonical sums ([`gram`](widelimit_linalg::gram())): neither tiles, nor threads, nor the instruction
/// set show in them.
pub(crate) fn add_products(
    products: &mut Array2<f64>,
    cross: &mut Array2<f64>,
    z: ArrayView2<f64>,
    y: ArrayView2<f64>,
    par: &Par,
) {
    let left = PackedRows::new(z.t(), par);
    let right = PackedRows::new(y.t(), par);
    let (p, m) = cross.dim();
    let bands = products.axis_chunks_iter_mut(Axis(0), TILE).into_par_iter();
    let bands = bands.zip(cross.axis_chunks_iter_mut(Axis(0), TILE)).enumerate().with_max_len(1);
    par.install(|| {
        bands.for_each(|(band, (mut products, mut cross))| {
            let start = band * TILE;
            let rows = start..start + cross.nrows();
            let mut tile = Array2::zeros((rows.len(), TILE.max(m)));
            for column in (start..p).step_by(TILE) {
                let columns = column..p.min(column + TILE);
                let mut tile = tile.slice_axis_mut(Axis(1), Slice::from(..columns.len()));
                left.tile(rows.clone(), &left, columns.clone(), tile.view_mut());
                let mut to = products.slice_axis_mut(Axis(1), columns.into());
                to += &tile;
            }
            let mut tile = tile.slice_axis_mut(Axis(1), Slice::from(..m));
            left.tile(rows, &right, 0..m, tile.view_mut());
            cross += &tile;
        });
    });
}
