//! Features from kernel values at landmarks.

use ndarray::{Array2, ArrayView2, Axis, Slice};
use widelimit_linalg::{Par, Scalar, factor_with_ladder, gram, jitter_ladder, symmetric_eigen};

use crate::Error;
use crate::error::{equal, positive};
use crate::lowrank::check_symmetry;

/// Features that are made together where later ones need more landmarks.
const PANEL: usize = 256;

/// The features `z(x) = F^T k(L, x)` of landmarks `L`, with `F F^T = K(L, L)^+`: inner products of
/// features are the Nystrom approximation of the kernel,
///
/// `<z(x), z(y)> = k(x, L) K(L, L)^+ k(L, y)`,
///
/// exact where `x` or `y` is a landmark and never above the kernel. Every row of features has the
/// same bits in any batch, on any number of threads.
///
/// Williams and Seeger (2001), *Using the Nystrom method to speed up kernel machines*.
///
/// ```
/// use ndarray::array;
/// use widelimit_linalg::Par;
/// use widelimit_sketch::landmarks::NystromMap;
///
/// let k_ll = array![[1.0, 0.5], [0.5, 1.0]];
/// let map = NystromMap::fit(k_ll.view(), &Par::single())?;
/// let z = map.features(k_ll.view(), &Par::single())?;
/// assert!((&z.dot(&z.t()) - &k_ll).iter().all(|v: &f64| v.abs() < 1e-15));
/// # Ok::<(), widelimit_sketch::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NystromMap<T> {
    /// `F^T`, `r x l`.
    whitening: Array2<T>,
    /// Whether it has nothing but zeros above its diagonal.
    lower: bool,
    shift: f64,
}

impl<T: Scalar> NystromMap<T> {
    /// The map from the kernel matrix of the landmarks (`l x l`), by its eigenvectors.
    ///
    /// `F = V diag(1/sqrt(values))` over the eigenvalues above `l eps` times the largest, `eps` that of
    /// `T`: what lies below is rounding, and would be blown up. There is a feature for each that
    /// is kept, the largest first; equal landmarks are no trouble. About `10 l^3` operations, in
    /// double precision.
    ///
    /// # Errors
    /// [`Error::Zero`] without landmarks, [`Error::Linalg`] for a matrix that is not square or not
    /// finite, [`Error::NotSymmetric`], [`Error::Indefinite`] for an eigenvalue below `-sqrt(eps)` times
    /// the largest (or below minus ten times the cut).
    pub fn fit(k_ll: ArrayView2<'_, T>, par: &Par) -> Result<Self, Error> {
        let wide = checked(k_ll)?;
        let count = wide.nrows();
        let eigen = symmetric_eigen(wide, par)?;
        let largest = eigen.values[count - 1];
        let cut = count as f64 * T::EPSILON * largest;
        let least = eigen.values[0];
        if largest < 0.0 || -least > (10.0 * cut).max(T::EPSILON.sqrt() * largest) {
            return Err(Error::Indefinite { what: "smallest eigenvalue", value: least, largest });
        }
        let kept = eigen.values.iter().filter(|&&v| v > cut).count();
        // ascending: the last ones are kept, in reverse
        let slice = Slice::new((count - kept) as isize, None, 1);
        let mut values = eigen.values.slice_axis(Axis(0), slice);
        let mut vectors = eigen.vectors.slice_axis(Axis(1), slice);
        values.invert_axis(Axis(0));
        vectors.invert_axis(Axis(1));
        let whitening = Array2::from_shape_fn((kept, count), |(feature, landmark)| {
            T::from_f64(vectors[[landmark, feature]] / values[feature].sqrt())
        });
        Ok(Self { shift: 0.0, ..Self::from_whitening(whitening) })
    }

    /// The map by a Cholesky factor, `F = L^{-T}` with `L L^T = K(L, L) + nu I`: one feature for each
    /// landmark, `O(l^3)` operations and some thirty times faster than [`NystromMap::fit`].
    ///
    /// `nu` is the least of the [ladder](widelimit_linalg::jitter_ladder) that works, 0 where the
    /// matrix is safely positive definite; [`NystromMap::shift`] tells. Inner products of features
    /// are then those of `k(x, L) (K(L, L) + nu I)^{-1} k(L, y)`.
    ///
    /// # Errors
    /// Those of [`NystromMap::fit`], with [`Error::Linalg`] for a matrix that is not positive
    /// semidefinite.
    pub fn fit_cholesky(k_ll: ArrayView2<'_, T>, par: &Par) -> Result<Self, Error> {
        let wide = checked(k_ll)?;
        let count = wide.nrows();
        let (factor, jitter) = factor_with_ladder(wide, jitter_ladder::<T>(), par)?;
        let inverse = factor.solve_lower(Array2::eye(count).view(), par);
        Ok(Self { shift: jitter.absolute, ..Self::from_whitening(inverse.mapv(T::from_f64)) })
    }

    /// The map with this `F^T` (`r x l`), such as [`whitening`](Self::whitening) told of another one.
    pub fn from_whitening(whitening: Array2<T>) -> Self {
        let zero = T::from_f64(0.0);
        let lower = whitening.is_square()
            && whitening.indexed_iter().all(|((row, column), v)| column <= row || *v == zero);
        Self { whitening, lower, shift: 0.0 }
    }

    /// `F^T`, `r x l`.
    pub fn whitening(&self) -> ArrayView2<'_, T> {
        self.whitening.view()
    }

    /// Landmarks, `l`.
    pub fn landmarks(&self) -> usize {
        self.whitening.ncols()
    }

    /// Features, `r`.
    pub fn dim(&self) -> usize {
        self.whitening.nrows()
    }

    /// What was added to the diagonal of the kernel matrix.
    pub fn shift(&self) -> f64 {
        self.shift
    }

    /// The features of `n` points from their kernel values at the landmarks, `k_xl` (`n x l`): `n x r`.
    ///
    /// # Errors
    /// [`Error::Shape`] where `k_xl` has not `l` columns, [`Error::NonFinite`] for an entry.
    pub fn features(&self, k_xl: ArrayView2<'_, T>, par: &Par) -> Result<Array2<T>, Error> {
        equal("number of landmarks of the kernel values", self.landmarks(), k_xl.ncols())?;
        finite(k_xl)?;
        if !self.lower {
            return Ok(gram(k_xl, Some(self.whitening.view()), par));
        }
        // A panel of features needs the landmarks up to its own.
        let mut features = Array2::from_elem((k_xl.nrows(), self.dim()), T::from_f64(0.0));
        let panels = features.axis_chunks_iter_mut(Axis(1), PANEL).enumerate();
        for (panel, mut out) in panels {
            let rows = panel * PANEL..panel * PANEL + out.ncols();
            let needed = Slice::from(..rows.end);
            let whitening = self.whitening.slice_axis(Axis(0), rows.into());
            let whitening = whitening.slice_axis(Axis(1), needed);
            out.assign(&gram(k_xl.slice_axis(Axis(1), needed), Some(whitening), par));
        }
        Ok(features)
    }
}

/// The matrix in double precision, if it is symmetric.
fn checked<T: Scalar>(k_ll: ArrayView2<'_, T>) -> Result<Array2<f64>, Error> {
    let (rows, columns) = k_ll.dim();
    positive("number of landmarks", rows)?;
    equal("number of columns of the kernel matrix of the landmarks", rows, columns)?;
    finite(k_ll)?;
    let wide = k_ll.mapv(T::to_f64);
    check_symmetry(wide.view())?;
    Ok(wide)
}

fn finite<T: Scalar>(x: ArrayView2<'_, T>) -> Result<(), Error> {
    match x.indexed_iter().find(|(_, v)| !v.is_finite()) {
        Some(((row, column), v)) => Err(Error::NonFinite { row, column, value: v.to_f64() }),
        None => Ok(()),
    }
}
