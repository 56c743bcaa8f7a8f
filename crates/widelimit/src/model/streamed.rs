//! Fits on features of rows that come in blocks: moments are gathered, the rows are not kept.

use std::path::Path;

use ndarray::{Array2, ArrayView, ArrayView2, ArrayViewD, Axis, Dimension, Slice};
use serde::{Deserialize, Serialize};
use widelimit_data::{Classes, Targets, checksum};
use widelimit_learn::classification::one_hot;
use widelimit_learn::streaming::{Centre, Moments};
use widelimit_learn::{FeatureRidgeModel, Ridge, StreamingRidge, memory};

use super::fit::{check_finite, check_network, expect_shape, shape_of};
use super::linear::Solved;
use super::scaling::Scaling;
use super::{Model, Notes, Settings, Solver};
use crate::features::{Dim, Features, Method};
use crate::{Error, Gathered, Network, Run, Scalar};

/// Rows of a block of features.
pub(super) const BLOCK: usize = 4096;

/// Rows of the sample whose features tell one fit from another.
const COMPARED: usize = 16;

/// The note that tells one fit from another.
const FIT: &str = "fit";

/// Second moments of the features of rows.
pub(super) struct FeatureMoments {
    moments: Moments,
}

impl FeatureMoments {
    /// Of no rows yet; refused where they, a block of features in both precisions and what solves the system do not
    /// fit into memory.
    pub fn new(
        features: &Features,
        outputs: usize,
        ridge: &Ridge,
        run: &Run<'_>,
    ) -> Result<Self, Error> {
        let dim = features.dim();
        run.check_memory("the fit on features", Self::bytes(ridge, dim, outputs))?;
        Ok(Self { moments: Moments::new(dim, outputs)? })
    }

    /// Bytes at the peak, whatever the number of rows.
    pub fn bytes(ridge: &Ridge, dim: usize, outputs: usize) -> u64 {
        let blocks = 2 * 8 * (BLOCK as u64).saturating_mul(dim as u64);
        memory::streaming_ridge(ridge, dim, outputs).saturating_add(blocks)
    }

    /// Takes in scaled rows, at most [`BLOCK`] of them, and their targets.
    pub fn take<T: Scalar>(
        &mut self,
        features: &Features,
        scaled: ArrayViewD<'_, T>,
        targets: ArrayView2<'_, f64>,
        run: &Run<'_>,
    ) -> Result<(), Error> {
        run.check_cancelled()?;
        let z = features.transform(scaled, &Run { progress: None, ..run.clone() })?;
        Ok(self.moments.accumulate(z.view(), targets, None, &run.par)?)
    }

    /// The regression; [`Ridge::Auto`] goes by generalised cross-validation.
    pub fn solve<T: Scalar>(
        &self,
        ridge: &Ridge,
        run: &Run<'_>,
    ) -> Result<FeatureRidgeModel<T>, Error> {
        run.check_cancelled()?;
        let solver = StreamingRidge { ridge: ridge.clone(), centre: Centre::Targets };
        let found = solver.check()?.solve(&self.moments, &run.par)?;
        Ok(FeatureRidgeModel {
            weights: found.weights.mapv(T::narrow),
            mean: found.intercept.mapv(T::narrow),
            ridge: found.ridge,
            relative_ridge: found.relative_ridge,
            path: None,
            diagnostics: found.diagnostics,
        })
    }
}

/// A fit on features whose training rows come in blocks and are never in memory together.
///
/// Scaling and features are learnt from a sample of the rows; then every row is taken in once, in order. Memory: the
/// targets, a block of rows, and `p^2` numbers for `p` features, however many rows. A fit that was
/// [saved](Self::save) goes on after the rows it has ([`resume`](Self::resume)), to the same bits.
///
/// ```
/// use ndarray::{Array2, Axis};
/// use widelimit::{Network, Run, Settings, StreamedFit, Targets};
///
/// let x = Array2::from_shape_fn((3000, 2), |(i, j)| ((i + 7 * j) as f64 * 0.37).sin());
/// let y = Targets::Numbers(x.map_axis(Axis(1), |row| row[0] * row[1]).insert_axis(Axis(1)));
/// let (network, run) = (Network::preset("mlp:1:relu")?, Run::default());
/// let sample = x.slice(ndarray::s![..500, ..]);
/// let mut fit = StreamedFit::begin(&network, sample, &y, &Settings::default(), &run)?;
/// for block in x.axis_chunks_iter(Axis(0), 1000) {
///     fit.take(block, &run)?;
/// }
/// let model = fit.finish(&run)?;
/// assert_eq!(model.details().rows, 3000);
/// # Ok::<(), widelimit::Error>(())
/// ```
pub struct StreamedFit<'a, T> {
    network: Network,
    settings: Settings,
    targets: &'a Targets,
    scaling: Scaling,
    features: Features,
    moments: FeatureMoments,
    identity: Identity,
    precision: std::marker::PhantomData<T>,
}

/// What tells one fit from another, and what cannot be found again: which features a trial chose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    method: String,
    dim: usize,
    /// Checksum of the features of some rows.
    features: u32,
    /// Checksum of the targets.
    targets: u32,
}

impl<'a, T: Scalar> StreamedFit<'a, T> {
    /// Learns scaling and features from some of the rows whose targets these are.
    ///
    /// The solver of the settings is features, whatever they say.
    ///
    /// # Errors
    /// As [`Features::fit`]; one class only.
    pub fn begin<D: Dimension>(
        network: &Network,
        sample: ArrayView<'_, T, D>,
        targets: &'a Targets,
        settings: &Settings,
        run: &Run<'_>,
    ) -> Result<Self, Error> {
        let sample = sample.into_dyn();
        let input = shape_of(sample.view(), "x")?;
        if !sample.is_empty() {
            check_network(network, &input)?;
        }
        if let Targets::Labels { classes, codes } = targets
            && classes.len() == 1
        {
            return Err(widelimit_learn::Error::OneClass { class: 0, rows: codes.len() }.into());
        }
        check_finite(sample.view())?;
        let scaling = Scaling::learn(settings.preprocess, sample.view());
        let scaled = scaling.apply(sample);
        let held = (scaled.len() * size_of::<T>()) as u64;
        let means = run.less("the sample of rows", held)?;
        let features = Features::fit(
            network,
            scaled.view(),
            settings.quantity,
            &settings.features.for_sample(scaled.shape()[0], targets.rows()),
            &Run { progress: None, ..means },
        )?;
        let moments = FeatureMoments::new(&features, outputs(targets), &settings.ridge, run)?;
        let compared = Slice::from(..COMPARED.min(scaled.shape()[0]));
        let z = features.transform(scaled.slice_axis(Axis(0), compared), run)?;
        let identity = Identity {
            method: features.method().to_string(),
            dim: features.dim(),
            features: checksum(z.view()),
            targets: checksum_of(targets),
        };
        Ok(Self {
            network: network.clone(),
            settings: Settings { solver: Solver::Features, ..settings.clone() },
            targets,
            scaling,
            features,
            moments,
            identity,
            precision: std::marker::PhantomData,
        })
    }

    /// [`begin`](Self::begin) for a fit that was saved: it has the rows of the file. The network, the sample, the
    /// targets and the settings have to be the same, but for the ridge.
    ///
    /// # Errors
    /// As [`begin`](Self::begin) and [`Gathered::load`]; [`Error::Model`] for a file of another fit.
    pub fn resume<D: Dimension>(
        path: impl AsRef<Path>,
        network: &Network,
        sample: ArrayView<'_, T, D>,
        targets: &'a Targets,
        settings: &Settings,
        run: &Run<'_>,
    ) -> Result<Self, Error> {
        let path = path.as_ref();
        let wrong =
            |reason: &str| Error::Model { file: path.display().to_string(), reason: reason.into() };
        let (gathered, notes) = Gathered::load(path)?;
        let identity = notes.get(FIT).and_then(|text| serde_json::from_str::<Identity>(text).ok());
        let (Some(identity), Gathered::Regression(moments)) = (identity, gathered) else {
            return Err(wrong("it is not the state of a fit"));
        };
        let mut settings = settings.clone();
        let asked = settings.features.method;
        // What a trial found once it need not look for again, and might not find.
        if asked == Method::Auto {
            settings.features.method = Method::from_name(&identity.method).unwrap_or(asked);
        }
        if !matches!(settings.features.dim, Dim::Given(_)) {
            settings.features.dim = Dim::Given(identity.dim);
        }
        let mut fit = Self::begin(network, sample, targets, &settings, run)?;
        if fit.identity != identity
            || moments.features() != fit.features.dim()
            || moments.outputs() != outputs(targets)
            || moments.rows() > targets.rows()
        {
            let reason = "it is the state of another fit: of other rows, targets or settings; \
                          remove it to begin anew";
            return Err(wrong(reason));
        }
        fit.moments.moments = moments;
        Ok(fit)
    }

    /// Rows taken in so far: those of the targets that come next begin here.
    pub fn rows(&self) -> usize {
        self.moments.moments.rows()
    }

    /// The features.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// Takes the next rows in. Blocks may have any sizes; the result does not depend on them.
    ///
    /// A job that is stopped, or whose memory does not suffice, has taken in the first so many of them, which
    /// [`rows`](Self::rows) tells.
    ///
    /// # Errors
    /// Rows of another shape than those of the sample, values that are not finite (their rows counted from the first
    /// of all), more rows than targets; nothing is taken in then. [`Error::Cancelled`].
    pub fn take<D: Dimension>(
        &mut self,
        x: ArrayView<'_, T, D>,
        run: &Run<'_>,
    ) -> Result<(), Error> {
        let x = x.into_dyn();
        expect_shape(x.view(), self.features.input())?;
        let (before, rows) = (self.rows(), x.shape()[0]);
        if before + rows > self.targets.rows() {
            return Err(Error::Length {
                what: "number of rows",
                expected: self.targets.rows(),
                got: before + rows,
            });
        }
        check_finite(x.view()).map_err(|error| error.rows_from(before))?;
        for (index, x) in x.axis_chunks_iter(Axis(0), BLOCK).enumerate() {
            let first = before + index * BLOCK;
            let y = some(self.targets, first..first + x.shape()[0])?;
            let scaled = self.scaling.apply(x);
            self.moments
                .take(&self.features, scaled.view(), y.view(), run)
                .map_err(|error| error.rows_from(first))?;
        }
        Ok(())
    }

    /// Writes what was gathered to one file, whole or not at all.
    ///
    /// # Errors
    /// Errors of the file system.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let text = serde_json::to_string(&self.identity).map_err(|error| Error::Model {
            file: path.as_ref().display().to_string(),
            reason: format!("cannot be described as JSON: {error}"),
        })?;
        let notes = Notes::from([(FIT.to_owned(), text)]);
        Gathered::Regression(self.moments.moments.clone()).save(path, &notes)
    }

    /// Solves the regression.
    ///
    /// # Errors
    /// [`Error::Length`] unless there were as many rows as targets; those of solving.
    pub fn finish(self, run: &Run<'_>) -> Result<Model, Error> {
        let (expected, rows) = (self.targets.rows(), self.rows());
        if rows != expected {
            return Err(Error::Length { what: "number of rows", expected, got: rows });
        }
        let solution = self.moments.solve::<T>(&self.settings.ridge, run)?;
        let classes = match self.targets {
            Targets::Numbers(_) => Classes::Texts(Vec::new()),
            Targets::Labels { classes, .. } => classes.clone(),
        };
        let Self { network, settings, scaling, features, .. } = self;
        let network = &network;
        Ok(Solved { network, settings, classes, scaling, features, solution, rows }.model())
    }
}

/// Outputs of a regression on targets.
fn outputs(targets: &Targets) -> usize {
    match targets {
        Targets::Numbers(y) => y.ncols(),
        Targets::Labels { classes, .. } => classes.len(),
    }
}

/// Some targets as regressed on.
fn some(targets: &Targets, rows: std::ops::Range<usize>) -> Result<Array2<f64>, Error> {
    Ok(match targets {
        Targets::Numbers(y) => y.slice_axis(Axis(0), rows.into()).to_owned(),
        Targets::Labels { codes, classes } => one_hot(&codes[rows], classes.len())?,
    })
}

fn checksum_of(targets: &Targets) -> u32 {
    match targets {
        Targets::Numbers(y) => checksum(y.view()),
        Targets::Labels { codes, .. } => {
            let codes: ndarray::Array1<f64> = codes.iter().map(|code| *code as f64).collect();
            checksum(codes.view())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Preprocess;
    use crate::features::FeatureSettings;

    fn data() -> (Array2<f64>, Targets) {
        let x = Array2::from_shape_fn((5000, 2), |(i, j)| ((2 * i + j) as f64 * 0.7).sin() + 0.2);
        let y = Array2::from_shape_fn((5000, 2), |(i, k)| x[[i, 0]] * (k as f64 + x[[i, 1]]));
        (x, Targets::Numbers(y))
    }

    fn settings() -> Settings {
        let features = FeatureSettings { dim: Dim::Given(24), certify: 0, ..Default::default() };
        Settings { features, preprocess: Preprocess::UnitNorm, ..Settings::default() }
    }

    fn part(x: &Array2<f64>, rows: impl Into<Slice>) -> ArrayView2<'_, f64> {
        x.slice_axis(Axis(0), rows.into())
    }

    /// Predictions in full.
    fn bits(model: &Model, x: &Array2<f64>) -> Vec<u64> {
        let predictions = model.predict(part(x, ..40), &Run::default()).unwrap();
        predictions.iter().map(|value| value.to_bits()).collect()
    }

    fn begun<'a>(x: &Array2<f64>, y: &'a Targets) -> StreamedFit<'a, f64> {
        let network = Network::preset("mlp:1:relu").unwrap();
        let sample = part(x, ..300);
        StreamedFit::begin(&network, sample, y, &settings(), &Run::default()).unwrap()
    }

    #[test]
    fn blocks_of_any_size_give_the_same_bits() {
        let (x, y) = data();
        let run = Run::default();
        let models = [5000, 777, 64].map(|rows| {
            let mut fit = begun(&x, &y);
            for block in x.axis_chunks_iter(Axis(0), rows) {
                fit.take(block, &run).unwrap();
            }
            bits(&fit.finish(&run).unwrap(), &x)
        });
        assert_eq!(models[0], models[1]);
        assert_eq!(models[0], models[2]);
    }

    #[test]
    fn a_saved_fit_goes_on_to_the_same_bits() {
        let (x, y) = data();
        let run = Run::default();
        let mut whole = begun(&x, &y);
        whole.take(x.view(), &run).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let mut stopped = begun(&x, &y);
        stopped.take(part(&x, ..1234), &run).unwrap();
        stopped.save(&path).unwrap();
        let network = Network::preset("mlp:1:relu").unwrap();
        let resume = |sample: usize, settings: &Settings, y| {
            let sample = part(&x, ..sample);
            StreamedFit::resume(&path, &network, sample, y, settings, &run)
        };
        let mut again = resume(300, &settings(), &y).unwrap();
        assert_eq!(again.rows(), 1234);
        again.take(part(&x, 1234..), &run).unwrap();
        assert_eq!(bits(&again.finish(&run).unwrap(), &x), bits(&whole.finish(&run).unwrap(), &x));

        let mut other = settings();
        other.features.seed = 3;
        let (_, Targets::Numbers(mut changed)) = data() else { panic!("numbers") };
        changed[[4999, 0]] += 1.0;
        let changed = Targets::Numbers(changed);
        for result in [resume(300, &other, &y).err(), resume(300, &settings(), &changed).err()] {
            assert!(result.unwrap().to_string().contains("of another fit"));
        }
    }

    #[test]
    fn bad_rows_are_told_with_their_number_and_change_nothing() {
        let (x, y) = data();
        let run = Run::default();
        let mut fit = begun(&x, &y);
        fit.take(part(&x, ..100), &run).unwrap();
        let mut bad = part(&x, 100..200).to_owned();
        bad[[7, 1]] = f64::NAN;
        let message = fit.take(bad.view(), &run).unwrap_err().to_string();
        assert!(message.contains("107"), "{message}");
        assert_eq!(fit.rows(), 100);
        let message = fit.take(x.view(), &run).unwrap_err().to_string();
        assert!(message.contains("5000") && message.contains("5100"), "{message}");
        let wide = Array2::<f64>::zeros((3, 5));
        assert!(matches!(fit.take(wide.view(), &run), Err(Error::Length { .. })));
        assert_eq!(fit.rows(), 100);
        assert!(matches!(fit.finish(&run), Err(Error::Length { expected: 5000, got: 100, .. })));
    }

    #[test]
    fn classes_are_told_apart_and_a_single_one_is_refused() {
        let (x, _) = data();
        let run = Run::default();
        let codes: Vec<usize> = x.rows().into_iter().map(|r| usize::from(r[0] > r[1])).collect();
        let names = Classes::Texts(vec!["below".into(), "above".into()]);
        let y = Targets::Labels { codes: codes.clone(), classes: names };
        let mut fit = begun(&x, &y);
        fit.take(x.view(), &run).unwrap();
        let model = fit.finish(&run).unwrap();
        let found = model.classify(x.view(), &run).unwrap();
        let hits = found.iter().zip(&codes).filter(|(a, b)| a == b).count();
        assert!(hits > 4500, "{hits}");

        let one = Classes::Integers(vec![3]);
        let y = Targets::Labels { codes: vec![0; 5000], classes: one };
        let network = Network::preset("mlp:1:relu").unwrap();
        let begun = StreamedFit::begin(&network, x.view(), &y, &settings(), &run);
        assert!(begun.is_err_and(|error| error.to_string().contains("class")));
    }
}
