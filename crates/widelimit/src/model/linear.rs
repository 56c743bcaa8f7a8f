//! Models on features: fitting and predicting.

use ndarray::{Array2, ArrayD, ArrayViewD, Axis, Slice};
use widelimit_data::Classes;
use widelimit_learn::{Classifier, FeatureRidge, FeatureRidgeModel, Ridge, memory};
use widelimit_linalg::gram;

use super::fit::Regression;
use super::scaling::Scaling;
use super::streamed::{BLOCK, FeatureMoments};
use super::{Arrays, Basis, Fit, Linear, Model, Settings, block_rows};
use crate::features::Features;
use crate::{Error, Network, Run, Scalar};

/// Bytes of features that are held together; a larger table is worked on block by block, and its ridge
/// found by generalised cross-validation instead of leave-one-out.
const TABLE: u64 = 1 << 30;

/// Bytes at the peak of a regression on `(rows, dim)` features with elements of this size, which it makes itself.
pub(crate) fn regression_bytes(
    ridge: &Ridge,
    (rows, dim): (usize, usize),
    outputs: usize,
    element: usize,
) -> u64 {
    match table(rows, dim, element) {
        Some(table) => {
            table.saturating_add(memory::feature_ridge(ridge, rows, dim, outputs, element))
        }
        None => FeatureMoments::bytes(ridge, dim, outputs),
    }
}

/// Bytes of features that are held together; none where they are not.
fn table(rows: usize, dim: usize, element: usize) -> Option<u64> {
    let bytes = (rows as u64).saturating_mul(dim as u64).saturating_mul(element as u64);
    (bytes <= TABLE).then_some(bytes)
}

/// Everything that makes a model on features.
pub(super) struct Solved<'a, T> {
    pub network: &'a Network,
    pub settings: Settings,
    pub classes: Classes,
    pub scaling: Scaling,
    pub features: Features,
    pub solution: FeatureRidgeModel<T>,
    pub rows: usize,
}

impl<T: Scalar> Solved<'_, T> {
    pub fn model(self) -> Model {
        let Self { network, settings, classes, scaling, features, solution, rows } = self;
        let input = features.input().clone();
        let fit = Fit {
            rows,
            features: input.positions().unwrap_or(0).saturating_mul(input.channels),
            input,
            outputs: solution.weights.ncols(),
            ridge: solution.ridge,
            relative_ridge: solution.relative_ridge,
            path: solution.path,
            leave_one_out: None,
            eigenvalues: None,
            diagnostics: solution.diagnostics,
            amplitude: None,
            log_marginal_likelihood: None,
        };
        let basis = Basis::Features(Linear { features, weights: solution.weights });
        let state = T::state(Arrays { scaling, mean: solution.mean, basis });
        Model { network: network.clone(), settings, classes, fit, state }
    }
}

impl Regression {
    /// Solves on features.
    pub(super) fn on_features<T: Scalar>(
        self,
        network: &Network,
        scaled: ArrayD<T>,
        scaling: Scaling,
        run: &Run<'_>,
    ) -> Result<Model, Error> {
        let settings = &self.settings;
        let rows = scaled.shape()[0];
        let features =
            Features::fit(network, scaled.view(), settings.quantity, &settings.features, run)?;
        let (dim, outputs, size) = (features.dim(), self.y.ncols(), size_of::<T>());
        let solution = if table(rows, dim, size).is_some() {
            let needed = regression_bytes(&settings.ridge, (rows, dim), outputs, size);
            run.check_memory("the fit on features", needed)?;
            let z = features.transform(scaled.view(), run)?;
            run.check_cancelled()?;
            self.solve_features(z, run)?
        } else {
            self.solve_blocks(&features, scaled.view(), run)?
        };
        run.check_cancelled()?;
        let settings = self.settings;
        Ok(Solved { network, settings, classes: self.classes, scaling, features, solution, rows }
            .model())
    }

    /// From the moments of the features, of which one block is there at a time.
    fn solve_blocks<T: Scalar>(
        &self,
        features: &Features,
        x: ArrayViewD<'_, T>,
        run: &Run<'_>,
    ) -> Result<FeatureRidgeModel<T>, Error> {
        let mut moments = FeatureMoments::new(features, self.y.ncols(), &self.settings.ridge, run)?;
        let targets = self.y.axis_chunks_iter(Axis(0), BLOCK);
        for (x, y) in x.axis_chunks_iter(Axis(0), BLOCK).zip(targets) {
            moments.take(features, x, y, run)?;
        }
        moments.solve(&self.settings.ridge, run)
    }

    fn solve_features<T: Scalar>(
        &self,
        z: Array2<T>,
        run: &Run<'_>,
    ) -> Result<FeatureRidgeModel<T>, Error> {
        let ridge = self.settings.ridge.clone();
        Ok(match &self.codes {
            Some(codes) => {
                let classifier = Classifier { ridge, ..Classifier::default() }.check()?;
                classifier.fit_features(z.view(), codes, self.classes.len(), &run.par)?.regression
            }
            None => {
                let solver = FeatureRidge { ridge, centre: true }.check()?;
                solver.fit(z.view(), self.y.mapv(T::narrow).view(), &run.par)?
            }
        })
    }
}

impl<S: Scalar> Linear<S> {
    /// Predictions for inputs of the right shape, a block at a time.
    pub(super) fn predict<T: Scalar>(
        &self,
        arrays: &Arrays<S>,
        x: ArrayViewD<'_, T>,
        run: &Run<'_>,
    ) -> Result<Array2<T>, Error> {
        let (rows, outputs) = (x.shape()[0], self.weights.ncols());
        let element = size_of::<S>() as u64;
        // A row of inputs, its features, and those packed for the product.
        let numbers = x.len() / rows.max(1) + 2 * self.features.dim();
        let each = element * numbers as u64;
        let step = block_rows(each, rows, run);
        let run = run.less("the prediction", each * step as u64)?;
        let mut values = Array2::from_elem((rows, outputs), T::narrow(0.0));
        for (block, part) in x.axis_chunks_iter(Axis(0), step).enumerate() {
            run.check_cancelled()?;
            let part = part.mapv(|value| S::narrow(value.widen()));
            let scaled = arrays.scaling.apply(part);
            let first = block * step;
            let z = self.features.transform(scaled.view(), &run);
            let z = z.map_err(|error| error.rows_from(first))?;
            // Products in the canonical order: a row's value does not depend on its block.
            let found = gram(z.view(), Some(self.weights.t()), &run.par) + &arrays.mean;
            values
                .slice_axis_mut(Axis(0), Slice::from(first..first + z.nrows()))
                .zip_mut_with(&found, |to, from| *to = T::narrow(from.widen()));
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{Dim, FeatureSettings};
    use crate::{Quantity, Settings};
    use ndarray::Array;
    use widelimit_data::Classes;

    /// More rows than a block; the same minimum, from rows and from moments.
    #[test]
    fn moments_give_what_the_table_gives() {
        let x =
            Array::from_shape_fn((5000, 2), |(i, j)| ((2 * i + j) as f64 * 0.7).sin()).into_dyn();
        let network = Network::preset("mlp:1:relu").unwrap();
        let settings = FeatureSettings { dim: Dim::Given(24), certify: 0, ..Default::default() };
        let run = Run::default();
        let features = Features::fit(&network, x.view(), Quantity::Ntk, &settings, &run).unwrap();
        let y = Array2::from_shape_fn((5000, 2), |(i, k)| x[[i, 0]] * (k as f64 + x[[i, 1]]));
        let settings = Settings { ridge: Ridge::Value(1e-3), ..Settings::default() };
        let classes = Classes::Texts(Vec::new());
        let regression = Regression { y, codes: None, classes, settings };
        let z = features.transform(x.view(), &run).unwrap();
        let table = regression.solve_features(z, &run).unwrap();
        let stream = regression.solve_blocks(&features, x.view(), &run).unwrap();
        let norm = |a: &Array2<f64>| a.iter().map(|v| v * v).sum::<f64>().sqrt();
        let off = norm(&(&table.weights - &stream.weights)) / norm(&table.weights);
        assert!(off < 1e-8, "{off}");
        assert!((table.ridge / stream.ridge - 1.0).abs() < 1e-12);
        assert!((&table.mean - &stream.mean).iter().all(|d| d.abs() < 1e-12));
    }
}
