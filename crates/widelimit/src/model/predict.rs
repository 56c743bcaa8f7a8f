//! Predictions, a block of rows at a time.

use ndarray::{Array2, ArrayView, ArrayView2, ArrayViewD, Axis, Dimension, Slice};
use widelimit_exact as exact;
use widelimit_learn::classification::winners;
use widelimit_learn::{GaussianProcessModel, Prior};
use widelimit_linalg::gram;

use super::fit::{expect_shape, kernel_of, posterior, want};
use super::{Arrays, Basis, Dual, Model, State};
use crate::{Error, Quantity, Run, Scalar};

/// Bytes of a block of new rows and of their kernel with the training rows.
const BLOCK_BYTES: u64 = 64 << 20;

/// Mean and standard deviation of a prediction, rows x outputs each.
pub type WithDeviation<T> = (Array2<T>, Array2<T>);

impl Model {
    /// Predictions for new rows or images, rows x outputs: targets, or one score a class. A row's prediction
    /// does not depend on the others, bit for bit.
    ///
    /// # Errors
    /// Rows of another width, [`Error::InputShape`] for images of another shape, values that are not
    /// finite, [`Error::Cancelled`], [`Error::MemoryLimit`] if not even one row fits.
    pub fn predict<T: Scalar, D: Dimension>(
        &self,
        x: ArrayView<'_, T, D>,
        run: &Run<'_>,
    ) -> Result<Array2<T>, Error> {
        let x = x.into_dyn();
        match &self.state {
            State::F32(arrays) => self.predict_in(arrays, x, run),
            State::F64(arrays) => self.predict_in(arrays, x, run),
        }
    }

    /// Index of the class with the largest score, for each row.
    ///
    /// # Errors
    /// As [`Model::predict`]; [`Error::Parameter`] for a regression.
    pub fn classify<T: Scalar, D: Dimension>(
        &self,
        x: ArrayView<'_, T, D>,
        run: &Run<'_>,
    ) -> Result<Vec<usize>, Error> {
        if self.classes.is_empty() {
            return Err(Error::Parameter {
                name: "model",
                expected: "a classifier",
                got: "a regression".into(),
            });
        }
        Ok(winners(self.predict(x, run)?.view()))
    }

    /// Posterior mean and standard deviation of the function (without noise) under a Gaussian process
    /// whose covariance is the model's kernel times its amplitude.
    ///
    /// The training kernel is factored at the first call of a loaded model.
    ///
    /// # Errors
    /// As [`Model::predict`], and those of factoring the training kernel.
    pub fn predict_with_deviation<T: Scalar, D: Dimension>(
        &self,
        x: ArrayView<'_, T, D>,
        run: &Run<'_>,
    ) -> Result<WithDeviation<T>, Error> {
        let x = x.into_dyn();
        match &self.state {
            State::F32(arrays) => self.deviation_in(arrays, x, run),
            State::F64(arrays) => self.deviation_in(arrays, x, run),
        }
    }

    /// Calls `take` with each block of scaled rows and their kernel with the training rows, while `held`
    /// bytes are in use and the caller works on `work` bytes for each row.
    fn blocks<T: Scalar, S: Scalar>(
        &self,
        (arrays, dual): (&Arrays<S>, &Dual<S>),
        x: ArrayViewD<'_, T>,
        run: &Run<'_>,
        (held, work): (u64, u64),
        mut take: impl FnMut(usize, ArrayViewD<'_, S>, ArrayView2<'_, S>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        expect_shape(x.view(), &self.fit.input)?;
        let element = size_of::<S>() as u64;
        let beside = self.fit.features as u64 * element + work;
        let step = block_rows(self.fit.rows as u64 * element + beside, x.shape()[0], run);
        let run = run.less("the prediction", held.saturating_add(beside * step as u64))?;
        for (block, rows) in x.axis_chunks_iter(Axis(0), step).enumerate() {
            run.check_cancelled()?;
            let rows = rows.mapv(|value| S::narrow(value.widen()));
            let scaled = arrays.scaling.apply(rows);
            let quantity = self.settings.quantity;
            let kernel =
                kernel_of(&self.network, quantity, scaled.view(), Some(dual.x.view()), &run)
                    .map_err(|error| error.rows_from(block * step))?;
            take(block * step, scaled.view(), kernel.view())?;
        }
        Ok(())
    }

    fn predict_in<T: Scalar, S: Scalar>(
        &self,
        arrays: &Arrays<S>,
        x: ArrayViewD<'_, T>,
        run: &Run<'_>,
    ) -> Result<Array2<T>, Error> {
        expect_shape(x.view(), &self.fit.input)?;
        let dual = match &arrays.basis {
            Basis::Kernel(dual) => dual,
            Basis::Features(linear) => return linear.predict(arrays, x, run),
        };
        let mut values = Array2::from_elem((x.shape()[0], self.fit.outputs), T::narrow(0.0));
        // The product packs the block of the kernel.
        let packed = (self.fit.rows * size_of::<S>()) as u64;
        self.blocks((arrays, dual), x, run, (0, packed), |first, _, kernel| {
            // Products in the canonical order: a row's value does not depend on its block.
            let block = gram(kernel, Some(dual.dual.t()), &run.par) + &arrays.mean;
            values
                .slice_axis_mut(Axis(0), Slice::from(first..first + block.nrows()))
                .zip_mut_with(&block, |to, from| *to = T::narrow(from.widen()));
            Ok(())
        })?;
        Ok(values)
    }

    fn deviation_in<T: Scalar, S: Scalar>(
        &self,
        arrays: &Arrays<S>,
        x: ArrayViewD<'_, T>,
        run: &Run<'_>,
    ) -> Result<WithDeviation<T>, Error> {
        let Basis::Kernel(dual) = &arrays.basis else {
            return Err(Error::Parameter {
                name: "model",
                expected: "one of the exact kernel, for a standard deviation",
                got: "one of features".into(),
            });
        };
        let mean = self.predict_in(arrays, x.view(), run)?;
        let process = self.process(dual, run)?;
        let mut deviation = Array2::from_elem(mean.dim(), T::narrow(0.0));
        // The factor, and a row of the kernel in double precision before and after it met the factor.
        let n = self.fit.rows as u64;
        self.blocks((arrays, dual), x, run, (8 * n * n, 3 * 8 * n), |first, rows, kernel| {
            let prior = self.prior(rows, run)?;
            let posterior = process.predict(kernel, Prior::Diagonal(prior.view()), &run.par)?;
            let found = posterior.deviation().unwrap_or_default();
            deviation
                .slice_axis_mut(Axis(0), Slice::from(first..first + found.nrows()))
                .zip_mut_with(&found, |to, from| *to = T::narrow(*from));
            Ok(())
        })?;
        Ok((mean, deviation))
    }

    /// Kernel of each row with itself.
    fn prior<S: Scalar>(
        &self,
        rows: ArrayViewD<'_, S>,
        run: &Run<'_>,
    ) -> Result<ndarray::Array1<S>, Error> {
        let quantity = self.settings.quantity;
        let diagonal = exact::diagonal(&self.network, rows, &run.options(want(quantity)))?;
        let wanted = match quantity {
            Quantity::Nngp => diagonal.nngp,
            Quantity::Ntk => diagonal.ntk,
        };
        Ok(wanted.unwrap_or_default())
    }

    /// The posterior, made at its first use.
    fn process<'a, S: Scalar>(
        &self,
        dual: &'a Dual<S>,
        run: &Run<'_>,
    ) -> Result<&'a GaussianProcessModel, Error> {
        if let Some(process) = dual.process.get() {
            return Ok(process);
        }
        let n = self.fit.rows;
        let needed =
            widelimit_learn::memory::gaussian_process(false, n, self.fit.outputs, size_of::<S>());
        run.check_memory("the posterior's factorisation", needed)?;
        let kernel = kernel_of(&self.network, self.settings.quantity, dual.x.view(), None, run)?;
        let (ridge, y) = (self.fit.ridge, dual.targets.view());
        let process = posterior(&self.settings, ridge, kernel, y, run)?;
        Ok(dual.process.get_or_init(|| process))
    }
}

/// Rows of a block, of `each` bytes: what 64 MiB hold, or a quarter of the memory limit.
pub(crate) fn block_rows(each: u64, rows: usize, run: &Run<'_>) -> usize {
    let bytes = run.budget.limit().map_or(BLOCK_BYTES, |limit| (limit / 4).min(BLOCK_BYTES));
    ((bytes / each.max(1)).max(1) as usize).min(rows.max(1))
}
