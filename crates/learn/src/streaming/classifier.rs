//! Classes of a stream of rows, as regression on one-hot targets.

use ndarray::{Array2, ArrayView2};
use widelimit_linalg::{Par, Scalar};

use super::moments::Moments;
use super::parts::MomentsParts;
use super::ridge::{Centre, CheckedStreamingRidge, StreamingRidge, StreamingRidgeModel};
use super::spectrum::MomentSpectrum;
use crate::classification::{one_hot, winners};
use crate::{Error, Ridge, check};

/// Weights of the classes under which every class present counts the same: `n / (classes present * rows of the
/// class)`, and 1 for a class without rows, which no row asks for.
///
/// The counts come from a pass over the labels alone, which is cheap, or are known.
///
/// ```
/// use widelimit_learn::streaming::balanced_class_weights;
/// assert_eq!(balanced_class_weights(&[6, 2, 0]), [8.0 / 12.0, 2.0, 1.0]);
/// ```
pub fn balanced_class_weights(counts: &[usize]) -> Vec<f64> {
    let total = counts.iter().map(|&c| c as f64).sum::<f64>();
    let present = counts.iter().filter(|c| **c > 0).count() as f64;
    counts.iter().map(|&c| if c == 0 { 1.0 } else { total / (present * c as f64) }).collect()
}

/// One-hot targets of rows `first ..` of a stream.
pub(super) fn codes_from<T: Scalar>(
    first: usize,
    codes: &[usize],
    classes: usize,
) -> Result<Array2<T>, Error> {
    one_hot(codes, classes).map_err(|error| match error {
        Error::ClassCode { row, code, classes } => {
            Error::ClassCode { row: first + row, code, classes }
        }
        other => other,
    })
}

/// Moments of rows with class codes.
///
/// Rows may weigh by their class. The weights have to be known before the first row: moments of each class by
/// itself, which could be weighed at the end, would take `classes * p^2` numbers. [`balanced_class_weights`]
/// makes them of counts.
#[derive(Clone, Debug)]
pub struct ClassMoments {
    moments: Moments,
    counts: Vec<usize>,
    /// One a class.
    weights: Option<Vec<f64>>,
}

/// Everything that [`ClassMoments`] hold.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassMomentsParts {
    /// Moments of the one-hot targets.
    pub moments: MomentsParts,
    /// Rows of each class.
    pub counts: Vec<usize>,
    /// Weight of each class.
    pub weights: Option<Vec<f64>>,
}

impl ClassMoments {
    /// Of no rows yet, for `features` features and classes `0 .. classes`.
    ///
    /// # Errors
    /// [`Error::Empty`] when one of them is zero.
    pub fn new(features: usize, classes: usize) -> Result<Self, Error> {
        let moments = Moments::new(features, classes)?;
        Ok(ClassMoments { moments, counts: vec![0; classes], weights: None })
    }

    /// Weighs rows by their class, before the first row comes.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of weights than classes; [`Error::Parameter`] for a weight that is
    /// not positive and finite, or where rows came already.
    pub fn with_class_weights(mut self, weights: Vec<f64>) -> Result<Self, Error> {
        check_weights(&weights, self.counts.len())?;
        if self.rows() > 0 {
            return Err(Error::Parameter {
                name: "number of rows before class weights are set",
                expected: "0",
                value: self.rows() as f64,
            });
        }
        self.weights = Some(weights);
        Ok(self)
    }

    /// Number of features, `p`.
    pub fn features(&self) -> usize {
        self.moments.features()
    }

    /// Rows seen so far.
    pub fn rows(&self) -> usize {
        self.moments.rows()
    }

    /// Rows of each class seen so far.
    pub fn counts(&self) -> &[usize] {
        &self.counts
    }

    /// Weights of the classes; `None` where classes do not weigh.
    pub fn weights(&self) -> Option<&[f64]> {
        self.weights.as_deref()
    }

    /// The weights of rows with these codes; `None` where classes do not weigh.
    ///
    /// # Errors
    /// [`Error::ClassCode`].
    pub fn row_weights(&self, codes: &[usize]) -> Result<Option<Vec<f64>>, Error> {
        row_weights(self.weights(), codes, None)
    }

    /// Takes further rows in: features `k x p` and one class code a row. All rows of a call, or none.
    ///
    /// # Errors
    /// As [`Moments::accumulate`]; [`Error::ClassCode`] with the row counted from the beginning of the stream.
    pub fn accumulate<T: Scalar>(
        &mut self,
        features: ArrayView2<T>,
        codes: &[usize],
        par: &Par,
    ) -> Result<(), Error> {
        self.accumulate_weighted(features, codes, None, par)
    }

    /// The same with one positive weight a row, which multiplies that of its class.
    ///
    /// # Errors
    /// As [`Self::check_rows`].
    pub fn accumulate_weighted<T: Scalar>(
        &mut self,
        features: ArrayView2<T>,
        codes: &[usize],
        weights: Option<&[f64]>,
        par: &Par,
    ) -> Result<(), Error> {
        let (targets, weights) = self.coded(codes, weights)?;
        self.moments.accumulate(features, targets.view(), weights.as_deref(), par)?;
        codes.iter().for_each(|c| self.counts[*c] += 1);
        Ok(())
    }

    /// Would [`Self::accumulate_weighted`] take these rows?
    ///
    /// # Errors
    /// As [`Moments::check_rows`]; [`Error::ClassCode`] with the row counted from the beginning of the stream.
    pub fn check_rows<T: Scalar>(
        &self,
        features: ArrayView2<T>,
        codes: &[usize],
        weights: Option<&[f64]>,
    ) -> Result<(), Error> {
        let (targets, weights) = self.coded(codes, weights)?;
        self.moments.check_rows(features, targets.view(), weights.as_deref())
    }

    /// Targets and weights of rows that come next.
    fn coded(
        &self,
        codes: &[usize],
        weights: Option<&[f64]>,
    ) -> Result<(Array2<f64>, Option<Vec<f64>>), Error> {
        let targets = codes_from(self.rows(), codes, self.counts.len())?;
        Ok((targets, row_weights(self.weights(), codes, weights)?))
    }

    /// Takes the rows of `other` in, as [`Moments::merge`].
    ///
    /// # Errors
    /// As [`Moments::merge`]; [`Error::Parameter`] where a class weighs differently in the two.
    pub fn merge(&mut self, other: ClassMoments, par: &Par) -> Result<(), Error> {
        let classes = self.counts.len();
        check::length("number of classes of the moments", classes, other.counts.len())?;
        let weight = |of: &ClassMoments, class| of.weights.as_ref().map_or(1.0, |w| w[class]);
        if let Some(class) = (0..classes).find(|c| weight(self, *c) != weight(&other, *c)) {
            return Err(Error::Parameter {
                name: "class weight of merged moments",
                expected: "the same in both",
                value: weight(&other, class),
            });
        }
        self.moments.merge(other.moments, par)?;
        self.counts.iter_mut().zip(other.counts).for_each(|(a, b)| *a += b);
        Ok(())
    }

    /// Everything as plain arrays, to be stored.
    pub fn into_parts(self) -> ClassMomentsParts {
        let ClassMoments { moments, counts, weights } = self;
        ClassMomentsParts { moments: moments.into_parts(), counts, weights }
    }

    /// From stored arrays.
    ///
    /// # Errors
    /// As [`Moments::from_parts`]; [`Error::Shape`] where the counts do not fit; as
    /// [`Self::with_class_weights`].
    pub fn from_parts(parts: ClassMomentsParts) -> Result<Self, Error> {
        let ClassMomentsParts { moments, counts, weights } = parts;
        let moments = Moments::from_parts(moments)?;
        check::length("number of class counts", moments.outputs(), counts.len())?;
        let total = counts.iter().fold(0usize, |sum, c| sum.saturating_add(*c));
        check::length("sum of the class counts", moments.rows(), total)?;
        if let Some(weights) = &weights {
            check_weights(weights, counts.len())?;
        }
        Ok(ClassMoments { moments, counts, weights })
    }

    fn check_classes(&self) -> Result<(), Error> {
        let present: Vec<usize> = (0..self.counts.len()).filter(|c| self.counts[*c] > 0).collect();
        match present[..] {
            [] => Err(Error::TooFewRows { what: "a classifier", needed: 2, got: 0 }),
            [class] => Err(Error::OneClass { class, rows: self.rows() }),
            _ => Ok(()),
        }
    }
}

fn check_weights(weights: &[f64], classes: usize) -> Result<(), Error> {
    check::length("number of class weights", classes, weights.len())?;
    match weights.iter().find(|w| !(**w > 0.0 && w.is_finite())) {
        Some(&value) => {
            let expected = "positive and finite";
            Err(Error::Parameter { name: "class weight", expected, value })
        }
        None => Ok(()),
    }
}

/// Parameters of a classifier on moments, the counterpart of [`Classifier`](crate::Classifier).
///
/// ```
/// use ndarray::array;
/// use widelimit_learn::{Par, Ridge, StreamingClassifier};
/// use widelimit_learn::streaming::{ClassMoments, balanced_class_weights};
/// let par = Par::single();
/// let weights = balanced_class_weights(&[3, 1]);
/// let mut moments = ClassMoments::new(2, 2)?.with_class_weights(weights)?;
/// moments.accumulate(array![[1.0, 0.1], [0.9, -0.1]].view(), &[0, 0], &par)?;
/// moments.accumulate(array![[-0.1, 1.0], [0.8, 0.2]].view(), &[1, 0], &par)?;
/// let classifier = StreamingClassifier { ridge: Ridge::Value(0.1), ..Default::default() }.check()?;
/// let model = classifier.solve(&moments, &par)?;
/// assert_eq!(model.predict(array![[0.8, 0.1], [0.1, 0.9]].view(), &par)?, [0, 1]);
/// # Ok::<(), widelimit_learn::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamingClassifier {
    /// The ridge, or the path to find it on.
    pub ridge: Ridge,
    /// What is subtracted before solving (default: the class frequencies).
    pub centre: Centre,
}

impl StreamingClassifier {
    /// Checks the parameters.
    ///
    /// # Errors
    /// As [`StreamingRidge::check`].
    pub fn check(self) -> Result<CheckedStreamingClassifier, Error> {
        let StreamingClassifier { ridge, centre } = self;
        Ok(CheckedStreamingClassifier { ridge: StreamingRidge { ridge, centre }.check()? })
    }
}

/// Checked parameters: the solver.
#[derive(Clone, Debug)]
pub struct CheckedStreamingClassifier {
    ridge: CheckedStreamingRidge,
}

impl CheckedStreamingClassifier {
    /// Fits the moments.
    ///
    /// # Errors
    /// As [`CheckedStreamingRidge::solve`]; [`Error::OneClass`] when all rows are of one class.
    pub fn solve(
        &self,
        moments: &ClassMoments,
        par: &Par,
    ) -> Result<StreamingClassifierModel, Error> {
        moments.check_classes()?;
        Ok(StreamingClassifierModel { regression: self.ridge.solve(&moments.moments, par)? })
    }

    /// The eigendecomposition of the second moments, for many ridges and for leave-one-out.
    ///
    /// # Errors
    /// As [`CheckedStreamingRidge::spectrum`]; [`Error::OneClass`] when all rows are of one class.
    pub fn spectrum(&self, moments: &ClassMoments, par: &Par) -> Result<MomentSpectrum, Error> {
        moments.check_classes()?;
        self.ridge.spectrum(&moments.moments, par)
    }
}

/// Weights of rows: those of their classes times their own, as far as there are some.
///
/// # Errors
/// [`Error::ClassCode`]; [`Error::Shape`] for another number of own weights than rows.
///
/// ```
/// use widelimit_learn::streaming::row_weights;
/// assert_eq!(row_weights(Some(&[1.0, 2.0]), &[1, 0], Some(&[3.0, 5.0]))?, Some(vec![6.0, 5.0]));
/// assert_eq!(row_weights(None, &[1, 0], None)?, None);
/// # Ok::<(), widelimit_learn::Error>(())
/// ```
pub fn row_weights(
    of_classes: Option<&[f64]>,
    codes: &[usize],
    own: Option<&[f64]>,
) -> Result<Option<Vec<f64>>, Error> {
    let Some(weights) = of_classes else { return Ok(own.map(<[f64]>::to_vec)) };
    if let Some(own) = own {
        check::length("number of sample weights", codes.len(), own.len())?;
    }
    let classes = weights.len();
    let weight = |(row, &code): (usize, &usize)| {
        let by_class = weights.get(code).ok_or(Error::ClassCode { row, code, classes })?;
        Ok(by_class * own.map_or(1.0, |own| own[row]))
    };
    codes.iter().enumerate().map(weight).collect::<Result<_, _>>().map(Some)
}

/// Classifier fitted to moments.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamingClassifierModel {
    /// The regression of the one-hot targets.
    pub regression: StreamingRidgeModel,
}

impl StreamingClassifierModel {
    /// Scores, `n_new x classes`, from the features of new points.
    ///
    /// # Errors
    /// As [`StreamingRidgeModel::predict`].
    pub fn scores<T: Scalar>(
        &self,
        features: ArrayView2<T>,
        par: &Par,
    ) -> Result<Array2<T>, Error> {
        self.regression.predict(features, par)
    }

    /// Class code of each new point.
    ///
    /// # Errors
    /// As [`StreamingRidgeModel::predict`].
    pub fn predict<T: Scalar>(
        &self,
        features: ArrayView2<T>,
        par: &Par,
    ) -> Result<Vec<usize>, Error> {
        Ok(winners(self.scores(features, par)?.view()))
    }
}
