//! Classification as regression on one-hot targets.
//!
//! Row `i` of class `c` gets the target `e_c`; the targets are centred, so that the scores of a model without
//! information are the class frequencies, and the class with the largest score wins (the first of equals).
//! Scores are least-squares estimates of the class probabilities: they sum to one, but may be negative or
//! exceed one. Nothing is squashed into "probabilities".
//!
//! Classes are codes `0 .. classes`; what they are called is the caller's business.

use ndarray::{Array2, ArrayView2};
use widelimit_linalg::{Par, Scalar};

use crate::feature_ridge::{CheckedFeatureRidge, FeatureRidge, FeatureRidgeModel};
use crate::kernel_ridge::{CheckedKernelRidge, KernelRidge, KernelRidgeModel};
use crate::loo::{Targets, argmax};
use crate::{Error, Ridge};

/// One-hot matrix, `n x classes`.
///
/// # Errors
/// [`Error::ClassCode`] for a code that is not below `classes`.
///
/// ```
/// use widelimit_learn::classification::one_hot;
/// let y = one_hot::<f64>(&[1, 0, 1], 2).unwrap();
/// assert_eq!(y, ndarray::array![[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]);
/// ```
pub fn one_hot<T: Scalar>(codes: &[usize], classes: usize) -> Result<Array2<T>, Error> {
    let mut y = Array2::from_elem((codes.len(), classes), T::from_f64(0.0));
    for (row, &code) in codes.iter().enumerate() {
        if code >= classes {
            return Err(Error::ClassCode { row, code, classes });
        }
        y[[row, code]] = T::from_f64(1.0);
    }
    Ok(y)
}

/// Class with the largest score in each row, the first of equals.
pub fn winners<T: Scalar>(scores: ArrayView2<T>) -> Vec<usize> {
    scores.rows().into_iter().map(|r| argmax(r.map(|v| v.to_f64()).view())).collect()
}

/// Weights under which every class present counts the same: `n / (classes present * rows of the class)`.
pub fn balanced_weights(codes: &[usize], classes: usize) -> Result<Vec<f64>, Error> {
    let mut counts = vec![0usize; classes];
    for (row, &code) in codes.iter().enumerate() {
        *counts.get_mut(code).ok_or(Error::ClassCode { row, code, classes })? += 1;
    }
    let present = counts.iter().filter(|c| **c > 0).count();
    Ok(codes.iter().map(|&c| codes.len() as f64 / (present * counts[c]) as f64).collect())
}

/// Targets of a classification task.
fn targets(
    codes: &[usize],
    classes: usize,
    rows: usize,
    balanced: bool,
    centre: bool,
) -> Result<Targets, Error> {
    crate::check::length("number of target rows", rows, codes.len())?;
    let values = one_hot(codes, classes)?;
    match codes.first() {
        None => return Err(Error::Empty { what: "the array of targets" }),
        Some(&class) if codes.iter().all(|c| *c == class) => {
            return Err(Error::OneClass { class, rows });
        }
        Some(_) => {}
    }
    let weights = if balanced { Some(balanced_weights(codes, classes)?) } else { None };
    Ok(Targets { values, weights, codes: Some(codes.to_vec()), centre })
}

/// Parameters of a classifier, on a kernel ([`Classifier::check`] then `fit_kernel`) or on features
/// (`fit_features`).
///
/// ```
/// use ndarray::array;
/// use widelimit_learn::{Classifier, Par, Ridge};
/// let par = Par::single();
/// let x = array![[1.0, 0.1], [0.9, -0.1], [-0.1, 1.0], [0.1, 0.9]];
/// let classifier = Classifier { ridge: Ridge::Value(0.1), ..Classifier::default() }.check()?;
/// let model = classifier.fit_kernel(x.dot(&x.t()), &[0, 0, 1, 1], 2, &par)?;
/// let new = array![[0.8, 0.2]];
/// assert_eq!(model.predict(new.dot(&x.t()).view(), &par)?, [0]);
/// # Ok::<(), widelimit_learn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Classifier {
    /// The ridge, or how to find it.
    pub ridge: Ridge,
    /// Centre the one-hot targets (default).
    pub centre: bool,
    /// Weigh rows so that every class counts the same (default: every row counts the same).
    pub balanced: bool,
}

impl Default for Classifier {
    /// Ridge by leave-one-out, centred targets, unweighted rows.
    fn default() -> Self {
        Classifier { ridge: Ridge::default(), centre: true, balanced: false }
    }
}

impl Classifier {
    /// Checks the parameters.
    ///
    /// # Errors
    /// As [`KernelRidge::check`].
    pub fn check(self) -> Result<CheckedClassifier, Error> {
        let (ridge, centre) = (self.ridge, self.centre);
        Ok(CheckedClassifier {
            kernel: KernelRidge { ridge: ridge.clone(), centre }.check()?,
            features: FeatureRidge { ridge, centre }.check()?,
            balanced: self.balanced,
            centre,
        })
    }
}

/// Checked parameters: the solver.
#[derive(Clone, Debug)]
pub struct CheckedClassifier {
    kernel: CheckedKernelRidge,
    features: CheckedFeatureRidge,
    balanced: bool,
    centre: bool,
}

impl CheckedClassifier {
    /// Fits the class `codes` (each below `classes`) of the rows of an `n x n` training kernel, which is
    /// consumed.
    ///
    /// # Errors
    /// As [`CheckedKernelRidge::fit`]; [`Error::OneClass`] when all rows are of one class.
    pub fn fit_kernel<T: Scalar>(
        &self,
        kernel: Array2<T>,
        codes: &[usize],
        classes: usize,
        par: &Par,
    ) -> Result<KernelClassifierModel<T>, Error> {
        let targets = targets(codes, classes, kernel.nrows(), self.balanced, self.centre)?;
        Ok(KernelClassifierModel { regression: self.kernel.fit_targets(kernel, targets, par)? })
    }

    /// Fits the class `codes` of the rows of `n x p` features.
    ///
    /// # Errors
    /// As [`CheckedFeatureRidge::fit`]; [`Error::OneClass`] when all rows are of one class.
    pub fn fit_features<T: Scalar>(
        &self,
        features: ArrayView2<T>,
        codes: &[usize],
        classes: usize,
        par: &Par,
    ) -> Result<FeatureClassifierModel<T>, Error> {
        let targets = targets(codes, classes, features.nrows(), self.balanced, self.centre)?;
        Ok(FeatureClassifierModel {
            regression: self.features.fit_targets(features, targets, par)?,
        })
    }
}

/// Fitted classifier on a kernel.
#[derive(Clone, Debug)]
pub struct KernelClassifierModel<T> {
    /// The regression of the one-hot targets; its leave-one-out path carries accuracies.
    pub regression: KernelRidgeModel<T>,
}

impl<T: Scalar> KernelClassifierModel<T> {
    /// Scores, `n_new x classes`, from the kernel between new and training points.
    ///
    /// # Errors
    /// As [`KernelRidgeModel::predict`].
    pub fn scores(&self, kernel: ArrayView2<T>, par: &Par) -> Result<Array2<T>, Error> {
        self.regression.predict(kernel, par)
    }

    /// Class code of each new point.
    ///
    /// # Errors
    /// As [`KernelRidgeModel::predict`].
    pub fn predict(&self, kernel: ArrayView2<T>, par: &Par) -> Result<Vec<usize>, Error> {
        Ok(winners(self.scores(kernel, par)?.view()))
    }
}

/// Fitted classifier on features.
#[derive(Clone, Debug)]
pub struct FeatureClassifierModel<T> {
    /// The regression of the one-hot targets; its leave-one-out path carries accuracies.
    pub regression: FeatureRidgeModel<T>,
}

impl<T: Scalar> FeatureClassifierModel<T> {
    /// Scores, `n_new x classes`, from the features of new points.
    ///
    /// # Errors
    /// As [`FeatureRidgeModel::predict`].
    pub fn scores(&self, features: ArrayView2<T>, par: &Par) -> Result<Array2<T>, Error> {
        self.regression.predict(features, par)
    }

    /// Class code of each new point.
    ///
    /// # Errors
    /// As [`FeatureRidgeModel::predict`].
    pub fn predict(&self, features: ArrayView2<T>, par: &Par) -> Result<Vec<usize>, Error> {
        Ok(winners(self.scores(features, par)?.view()))
    }
}
