//! Leave-one-out of rows that come in blocks: they come by a second time.

use std::sync::Arc;

use ndarray::ArrayView2;
use widelimit_learn::streaming::{Centre, LeaveOneOut, MomentSpectrum, row_weights};
use widelimit_learn::{
    Criterion, LooPath, Par, RidgePath, Shift, StreamingClassifier, StreamingRidge,
};

use crate::streaming::{other_kind, pieces};
use crate::{Error, Gathered, Run, Scalar};

/// Exact leave-one-out errors of rows whose moments were [gathered](Gathered), in a second pass over them.
///
/// ```
/// use ndarray::array;
/// use widelimit::learn::{Par, streaming::Centre};
/// use widelimit::{Gathered, Run};
///
/// let (z, y, run) = (array![[1.0], [2.0], [4.0]], array![[1.1], [1.9], [4.2]], Run::default());
/// let mut gathered = Gathered::regression(1, 1)?;
/// gathered.accumulate(z.view(), y.view(), None, &run)?;
/// let mut pass = gathered.second_pass(Some(&[1e-3, 1e-1]), Centre::Targets, &Par::single())?;
/// pass.accumulate(z.view(), y.view(), None, &run)?;
/// let path = pass.finish(&Par::single())?;
/// assert_eq!(path.points.len(), 2);
/// # Ok::<(), widelimit::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SecondPass {
    pass: LeaveOneOut<Arc<MomentSpectrum>>,
    classes: Option<Classes>,
}

/// Of a classifier: the weights of its classes, where they weigh.
#[derive(Clone, Debug)]
struct Classes {
    weights: Option<Vec<f64>>,
}

impl Gathered {
    /// Begins the second pass, at these ridges relative to the mean squared norm of the rows, or at those that
    /// [`Ridge::Auto`](widelimit_learn::Ridge::Auto) goes through.
    ///
    /// One eigendecomposition of the size of the features, and then `n p^2` operations for `n` rows.
    ///
    /// # Errors
    /// Ridges that are not positive and finite, moments of less than two rows or of one class.
    pub fn second_pass(
        &self,
        ridges: Option<&[f64]>,
        centre: Centre,
        par: &Par,
    ) -> Result<SecondPass, Error> {
        let (spectrum, classes) = match self {
            Self::Regression(moments) => {
                let solver = StreamingRidge { centre, ..StreamingRidge::default() };
                (solver.check()?.spectrum(moments, par)?, None)
            }
            Self::Classes(moments) => {
                let solver = StreamingClassifier { centre, ..StreamingClassifier::default() };
                let weights = moments.weights().map(<[f64]>::to_vec);
                (solver.check()?.spectrum(moments, par)?, Some(Classes { weights }))
            }
        };
        let ridges = match ridges {
            None => spectrum.ridges(&RidgePath::default())?,
            Some(ridges) => {
                let absolute =
                    ridges.iter().map(|ridge| spectrum.absolute(Shift::Relative(*ridge)));
                absolute.collect::<Result<_, _>>()?
            }
        };
        Ok(SecondPass { pass: LeaveOneOut::new(Arc::new(spectrum), &ridges)?, classes })
    }
}

impl SecondPass {
    /// Takes the next rows, as [`Gathered::accumulate`] had them.
    ///
    /// # Errors
    /// As [`Gathered::accumulate`]; more rows than there were.
    pub fn accumulate<T: Scalar>(
        &mut self,
        features: ArrayView2<T>,
        targets: ArrayView2<f64>,
        weights: Option<&[f64]>,
        run: &Run<'_>,
    ) -> Result<(), Error> {
        if self.classes.is_some() {
            return Err(other_kind("class codes", "numbers"));
        }
        expect_lengths(features.nrows(), targets.nrows(), weights)?;
        pieces(features.nrows(), run, |rows| {
            let part = ndarray::Slice::from(rows.clone());
            let axis = ndarray::Axis(0);
            let (z, y) = (features.slice_axis(axis, part), targets.slice_axis(axis, part));
            Ok(self.pass.accumulate(z, y, weights.map(|w| &w[rows]), &run.par)?)
        })
    }

    /// Takes the next rows by their class codes, as [`Gathered::accumulate_codes`] had them.
    ///
    /// # Errors
    /// As [`Gathered::accumulate_codes`]; more rows than there were.
    pub fn accumulate_codes<T: Scalar>(
        &mut self,
        features: ArrayView2<T>,
        codes: &[usize],
        weights: Option<&[f64]>,
        run: &Run<'_>,
    ) -> Result<(), Error> {
        let Some(classes) = &self.classes else {
            return Err(other_kind("numbers", "class codes"));
        };
        expect_lengths(features.nrows(), codes.len(), weights)?;
        let pass = &mut self.pass;
        pieces(features.nrows(), run, |rows| {
            let z = features.slice_axis(ndarray::Axis(0), ndarray::Slice::from(rows.clone()));
            let codes = &codes[rows.clone()];
            let own = weights.map(|w| &w[rows]);
            let weights = row_weights(classes.weights.as_deref(), codes, own)?;
            Ok(pass.accumulate_codes(z, codes, weights.as_deref(), &run.par)?)
        })
    }

    /// The errors; the chosen one is that of the least squared error.
    ///
    /// # Errors
    /// Fewer rows than there were; leave-one-out that is defined at none of the ridges.
    pub fn finish(self, par: &Par) -> Result<LooPath, Error> {
        Ok(self.pass.finish(Criterion::default(), par)?)
    }
}

/// Insists on a target, and a weight where there are some, for every row.
fn expect_lengths(rows: usize, targets: usize, weights: Option<&[f64]>) -> Result<(), Error> {
    let given = [
        ("number of targets", targets),
        ("number of sample weights", weights.map_or(rows, <[f64]>::len)),
    ];
    match given.into_iter().find(|(_, got)| *got != rows) {
        Some((what, got)) => Err(Error::Length { what, expected: rows, got }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn rows_without_targets_or_weights_are_refused() {
        let (par, run) = (Par::single(), Run::default());
        let z = array![[1.0], [2.0], [4.0]];
        let y = array![[1.1], [1.9], [4.2]];
        let mut gathered = Gathered::regression(1, 1).unwrap();
        gathered.accumulate(z.view(), y.view(), None, &run).unwrap();
        let mut pass = gathered.second_pass(Some(&[0.1]), Centre::Targets, &par).unwrap();
        let short = Array2::<f64>::zeros((2, 1));
        let found = pass.accumulate(z.view(), short.view(), None, &run);
        assert!(matches!(found, Err(Error::Length { expected: 3, got: 2, .. })), "{found:?}");
        let found = pass.accumulate(z.view(), y.view(), Some(&[1.0]), &run);
        assert!(matches!(found, Err(Error::Length { expected: 3, got: 1, .. })), "{found:?}");
        assert!(pass.accumulate_codes(z.view(), &[0, 1, 0], None, &run).is_err());

        let mut gathered = Gathered::classes(1, 2, None).unwrap();
        gathered.accumulate_codes(z.view(), &[0, 1, 1], None, &run).unwrap();
        let mut pass = gathered.second_pass(Some(&[0.1]), Centre::Targets, &par).unwrap();
        let found = pass.accumulate_codes(z.view(), &[0], None, &run);
        assert!(matches!(found, Err(Error::Length { expected: 3, got: 1, .. })), "{found:?}");
        assert!(pass.accumulate_codes(z.view(), &[0, 1, 2], None, &run).is_err());
        pass.accumulate_codes(z.view(), &[0, 1, 1], None, &run).unwrap();
        assert_eq!(pass.finish(&par).unwrap().points.len(), 1);
    }
}
