//! Models in one safetensors file: arrays as tensors, everything else as text.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use ndarray::{Array1, Array2, ArrayD, Axis, Ix1, Ix2, IxDyn};
use serde::{Deserialize, Serialize};
use widelimit_arch::Shape;
use widelimit_data::{Array, Classes, ModelFile};
use widelimit_exact::Quantity;
use widelimit_learn::{
    Amplitude, Criterion, Diagnostics, LooPath, LooPoint, Ridge, RidgePath, Route,
};

use super::fit::{check_network, shape_of};
use super::scaling::Scaling;
use super::{Arrays, Basis, Dual, Fit, Linear, Model, Preprocess, Settings, Solver, State};
use crate::features::{Dim, ENTRY, FeatureSettings, Features};
use crate::files::name;
use crate::{Error, Network, Scalar};

/// Names of the tensors.
mod tensor {
    pub const X: &str = "x_train";
    pub const DUAL: &str = "dual";
    pub const WEIGHTS: &str = "weights";
    pub const MEAN: &str = "target_mean";
    pub const TARGETS: &str = "y_train";
    pub const LEAVE_ONE_OUT: &str = "leave_one_out";
    pub const EIGENVALUES: &str = "eigenvalues";
    pub const PATH: &str = "ridge_path";
    pub const SHIFT: &str = "feature_mean";
    pub const SCALE: &str = "feature_deviation";
}

/// Everything but the network and the arrays, as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    kernel: String,
    precision: String,
    preprocess: String,
    /// `null` when it was chosen by leave-one-out.
    requested_ridge: Option<RequestedRidge>,
    /// `null` when it follows from maximum likelihood.
    requested_amplitude: Option<f64>,
    amplitude: Option<Amplitudes>,
    classes: Classes,
    ridge: f64,
    relative_ridge: f64,
    condition: f64,
    jitter: f64,
    residual: f64,
    min_eigenvalue: Option<f64>,
    log_marginal_likelihood: Option<f64>,
    chosen: Option<usize>,
    criterion: Option<String>,
    route: Option<String>,
    /// Only written where it is `false`; absent from files of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bracketed: Option<bool>,
    /// Training rows of a fit on features; absent for kernels, which have the rows themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rows: Option<usize>,
}

/// One number for one output, as for any number of outputs in files of before.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Amplitudes {
    One(f64),
    Each(Vec<f64>),
}

impl Amplitudes {
    fn new(values: &[f64]) -> Self {
        match values {
            [one] => Self::One(*one),
            each => Self::Each(each.to_vec()),
        }
    }

    fn values(self, outputs: usize) -> Vec<f64> {
        match self {
            Self::One(value) => vec![value; outputs],
            Self::Each(values) => values,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RequestedRidge {
    Relative(f64),
    Absolute(f64),
}

/// What a caller wants to find again beside a model: text by name.
pub type Notes = BTreeMap<String, String>;

/// The entry of the notes; files without one have none.
const NOTES: &str = "notes";

impl Model {
    /// Writes the model to one file, whole or not at all.
    ///
    /// # Errors
    /// A network with a user function has no description to write; errors of the file system.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.save_with_notes(path, &Notes::new())
    }

    /// The same with notes, which are no part of the model: any reader may pass over them.
    ///
    /// # Errors
    /// As [`Model::save`].
    pub fn save_with_notes(&self, path: impl AsRef<Path>, notes: &Notes) -> Result<(), Error> {
        let mut file = self.file(&self.network)?;
        if !notes.is_empty() {
            file.metadata.insert(NOTES.into(), json("notes", notes)?);
        }
        Ok(file.save(path)?)
    }

    /// The bytes that [`Model::save`] writes.
    ///
    /// # Errors
    /// As [`Model::save`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        self.to_bytes_with(&self.network)
    }

    /// The same with another network in place of the model's own: one with functions of the user has
    /// no text, and the caller keeps it ([`Model::from_bytes_with`]).
    ///
    /// # Errors
    /// As [`Model::save`].
    pub fn to_bytes_with(&self, network: &Network) -> Result<Vec<u8>, Error> {
        Ok(self.file(network)?.to_bytes()?)
    }

    /// Reads a model.
    ///
    /// # Errors
    /// A file that is no model, of an unknown version, cut short or damaged, or whose parts do not
    /// fit together.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        Ok(Self::load_with_notes(path)?.0)
    }

    /// Reads a model and the notes that were saved with it.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn load_with_notes(path: impl AsRef<Path>) -> Result<(Self, Notes), Error> {
        let path = path.as_ref();
        let reader = Reader { file: ModelFile::load(path)?, name: path.display().to_string() };
        let notes = reader.notes()?;
        Ok((reader.model(None)?, notes))
    }

    /// The same from bytes in memory.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Error> {
        let name = "model".to_owned();
        Reader { file: ModelFile::from_bytes(bytes, &name)?, name }.model(None)
    }

    /// The same with the network it was fitted with in place of the one in the bytes
    /// ([`Model::to_bytes_with`]).
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn from_bytes_with(bytes: Vec<u8>, network: &Network) -> Result<Self, Error> {
        let name = "model".to_owned();
        Reader { file: ModelFile::from_bytes(bytes, &name)?, name }.model(Some(network))
    }

    fn file(&self, network: &Network) -> Result<ModelFile, Error> {
        let mut file = ModelFile::default();
        file.metadata.insert("network".into(), network.to_json()?);
        file.metadata.insert("model".into(), json("model", &self.header())?);
        match &self.state {
            State::F32(arrays) => arrays.store(&mut file)?,
            State::F64(arrays) => arrays.store(&mut file)?,
        }
        let mut put = |name: &str, array: ArrayD<f64>| {
            file.tensors.insert(name.into(), Array::F64(array));
        };
        if let Some(predictions) = &self.fit.leave_one_out {
            put(tensor::LEAVE_ONE_OUT, predictions.clone().into_dyn());
        }
        if let Some(values) = &self.fit.eigenvalues {
            put(tensor::EIGENVALUES, values.clone().into_dyn());
        }
        if let Some(path) = &self.fit.path {
            put(tensor::PATH, path_to_array(path).into_dyn());
        }
        Ok(file)
    }

    fn header(&self) -> Header {
        let Fit { diagnostics, path, .. } = &self.fit;
        Header {
            kernel: name(self.settings.quantity).into(),
            precision: self.precision().name().into(),
            preprocess: self.settings.preprocess.name().into(),
            requested_ridge: match self.settings.ridge {
                Ridge::Value(value) => Some(RequestedRidge::Relative(value)),
                Ridge::Absolute(value) => Some(RequestedRidge::Absolute(value)),
                Ridge::Auto(_) => None,
            },
            requested_amplitude: match self.settings.amplitude {
                Amplitude::Fixed(value) => Some(value),
                Amplitude::MaximumLikelihood => None,
            },
            amplitude: self.fit.amplitude.as_deref().map(Amplitudes::new),
            classes: self.classes.clone(),
            ridge: self.fit.ridge,
            relative_ridge: self.fit.relative_ridge,
            condition: diagnostics.condition,
            jitter: diagnostics.jitter,
            residual: diagnostics.residual,
            min_eigenvalue: diagnostics.min_eigenvalue,
            log_marginal_likelihood: self.fit.log_marginal_likelihood,
            chosen: path.as_ref().map(|path| path.chosen),
            criterion: path.as_ref().map(|path| criterion_name(path.criterion).into()),
            route: path.as_ref().map(|path| route_name(path.route).into()),
            rows: self.features().map(|_| self.fit.rows),
            bracketed: path.as_ref().map(|path| path.bracketed).filter(|bracketed| !bracketed),
        }
    }
}

fn json(what: &str, value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Model {
        file: what.into(),
        reason: format!("cannot be described as JSON: {error}"),
    })
}

impl<T: Scalar> Arrays<T> {
    fn store(&self, file: &mut ModelFile) -> Result<(), Error> {
        let mut put = |name: &str, array: Array| {
            file.tensors.insert(name.into(), array);
        };
        match &self.basis {
            Basis::Kernel(kernel) => {
                put(tensor::X, T::wrap(kernel.x.clone()));
                put(tensor::DUAL, T::wrap(kernel.dual.clone().into_dyn()));
                put(tensor::TARGETS, Array::F64(kernel.targets.clone().into_dyn()));
            }
            Basis::Features(linear) => {
                put(tensor::WEIGHTS, T::wrap(linear.weights.clone().into_dyn()));
            }
        }
        put(tensor::MEAN, T::wrap(self.mean.clone().into_dyn()));
        if let Scaling::Columns { mean, deviation } = &self.scaling {
            put(tensor::SHIFT, Array::F64(mean.clone().into_dyn()));
            put(tensor::SCALE, Array::F64(deviation.clone().into_dyn()));
        }
        match &self.basis {
            Basis::Kernel(_) => Ok(()),
            Basis::Features(linear) => linear.features.store(file),
        }
    }
}

fn criterion_name(criterion: Criterion) -> &'static str {
    match criterion {
        Criterion::ErrorRate => "error_rate",
        _ => "squared_error",
    }
}

fn route_name(route: Route) -> &'static str {
    match route {
        Route::Cholesky => "cholesky",
        _ => "eigen",
    }
}

/// Columns ridge, relative ridge, mean squared error, accuracy (NaN where there is none).
fn path_to_array(path: &LooPath) -> Array2<f64> {
    Array2::from_shape_fn((path.points.len(), 4), |(row, column)| {
        let point = &path.points[row];
        match column {
            0 => point.ridge,
            1 => point.relative,
            2 => point.mse,
            _ => point.accuracy.unwrap_or(f64::NAN),
        }
    })
}

/// What was solved for: how predictions are made, the number of training inputs and the shape of one,
/// the number of outputs.
struct Solution<T> {
    basis: Basis<T>,
    rows: usize,
    input: Shape,
    outputs: usize,
}

/// A file on its way to a model.
struct Reader {
    file: ModelFile,
    name: String,
}

impl Reader {
    fn wrong(&self, reason: impl Into<String>) -> Error {
        Error::Model { file: self.name.clone(), reason: reason.into() }
    }

    fn notes(&self) -> Result<Notes, Error> {
        self.file.metadata.get(NOTES).map_or_else(
            || Ok(Notes::new()),
            |text| {
                serde_json::from_str(text)
                    .map_err(|error| self.wrong(format!("its notes are damaged: {error}")))
            },
        )
    }

    fn model(mut self, network: Option<&Network>) -> Result<Model, Error> {
        let network = match network {
            Some(network) => network.clone(),
            None => Network::from_json(self.file.text("network")?)?,
        };
        let header: Header = serde_json::from_str(self.file.text("model")?)
            .map_err(|error| self.wrong(format!("its description is damaged: {error}")))?;
        let mut settings = self.settings(&header)?;
        let on_features = self.file.metadata.contains_key(ENTRY);
        let features = on_features
            .then(|| Features::restore(&mut self.file, &self.name, &network))
            .transpose()?;
        if let Some(features) = &features {
            let (dim, method) = (Dim::Given(features.dim()), features.method());
            let found = FeatureSettings { dim, method, seed: features.seed(), ..settings.features };
            (settings.solver, settings.features) = (Solver::Features, found);
        }
        let (state, (rows, input), outputs) = match header.precision.as_str() {
            "float32" => self.state::<f32>(settings.preprocess, features, header.rows)?,
            "float64" => self.state::<f64>(settings.preprocess, features, header.rows)?,
            other => return Err(self.wrong(format!("unknown precision `{other}`"))),
        };
        check_network(&network, &input)
            .map_err(|error| self.wrong(format!("its network and its inputs: {error}")))?;
        if !header.classes.is_empty() && header.classes.len() != outputs {
            let classes = header.classes.len();
            return Err(self.wrong(format!("{classes} classes but {outputs} outputs")));
        }
        let leave_one_out = self.optional::<Ix2>(tensor::LEAVE_ONE_OUT)?;
        if let Some(predictions) = &leave_one_out {
            self.check_shape(tensor::LEAVE_ONE_OUT, predictions.dim(), (rows, outputs))?;
        }
        let path = self.path(&header)?;
        let amplitude = header.amplitude.map(|amplitude| amplitude.values(outputs));
        if let Some(values) = &amplitude {
            let (got, expected) = ((values.len(), 1), (outputs, 1));
            self.check_shape("amplitude", got, expected)?;
        }
        let fit = Fit {
            rows,
            features: input.positions().unwrap_or(0).saturating_mul(input.channels),
            input,
            outputs,
            ridge: header.ridge,
            relative_ridge: header.relative_ridge,
            path,
            leave_one_out,
            eigenvalues: self.optional::<Ix1>(tensor::EIGENVALUES)?,
            diagnostics: Diagnostics {
                condition: header.condition,
                jitter: header.jitter,
                residual: header.residual,
                min_eigenvalue: header.min_eigenvalue,
            },
            amplitude,
            log_marginal_likelihood: header.log_marginal_likelihood,
        };
        Ok(Model { network, settings, classes: header.classes, fit, state })
    }

    fn settings(&self, header: &Header) -> Result<Settings, Error> {
        let quantity = match header.kernel.as_str() {
            "ntk" => Quantity::Ntk,
            "nngp" => Quantity::Nngp,
            other => return Err(self.wrong(format!("unknown kernel `{other}`"))),
        };
        let preprocess = Preprocess::from_name(&header.preprocess)
            .ok_or_else(|| self.wrong(format!("unknown preprocessing `{}`", header.preprocess)))?;
        let ridge = match header.requested_ridge {
            None => Ridge::Auto(RidgePath::default()),
            Some(RequestedRidge::Relative(value)) => Ridge::Value(value),
            Some(RequestedRidge::Absolute(value)) => Ridge::Absolute(value),
        };
        let amplitude =
            header.requested_amplitude.map_or(Amplitude::MaximumLikelihood, Amplitude::Fixed);
        let (solver, features) = (Solver::Exact, FeatureSettings::default());
        Ok(Settings { quantity, ridge, amplitude, preprocess, solver, features })
    }

    /// The arrays behind predictions; the number of inputs and the shape of one; the number of outputs.
    fn state<T: Scalar>(
        &mut self,
        preprocess: Preprocess,
        features: Option<Features>,
        rows: Option<usize>,
    ) -> Result<(State, (usize, Shape), usize), Error> {
        let mean = self.file.take::<T, Ix1>(tensor::MEAN)?;
        let Solution { basis, rows, input, outputs } = match features {
            Some(features) => self.linear::<T>(features, rows)?,
            None => self.dual::<T>()?,
        };
        self.check_shape(tensor::MEAN, (mean.len(), 1), (outputs, 1))?;
        let scaling = match preprocess {
            Preprocess::None => Scaling::None,
            Preprocess::UnitNorm => Scaling::UnitNorm,
            Preprocess::Standardize => {
                let mean: Array1<f64> = self.file.take::<f64, Ix1>(tensor::SHIFT)?;
                let deviation: Array1<f64> = self.file.take::<f64, Ix1>(tensor::SCALE)?;
                self.check_shape(tensor::SHIFT, (mean.len(), 1), (input.channels, 1))?;
                self.check_shape(tensor::SCALE, (deviation.len(), 1), (input.channels, 1))?;
                Scaling::Columns { mean, deviation }
            }
        };
        Ok((T::state(Arrays { scaling, mean, basis }), (rows, input), outputs))
    }

    fn dual<T: Scalar>(&mut self) -> Result<Solution<T>, Error> {
        let x = self.file.take::<T, IxDyn>(tensor::X)?;
        let input = shape_of(x.view(), tensor::X).map_err(|error| self.wrong(error.to_string()))?;
        let dual = self.file.take::<T, Ix2>(tensor::DUAL)?;
        let (rows, outputs) = (x.shape()[0], dual.ncols());
        self.check_shape(tensor::DUAL, dual.dim(), (rows, outputs))?;
        let targets = self.file.take::<f64, Ix2>(tensor::TARGETS)?;
        self.check_shape(tensor::TARGETS, targets.dim(), (rows, outputs))?;
        let basis = Basis::Kernel(Dual { x, dual, targets, process: OnceLock::new() });
        Ok(Solution { basis, rows, input, outputs })
    }

    /// The training inputs are not in the file, but their number is; in files of before there were targets instead.
    fn linear<T: Scalar>(
        &mut self,
        features: Features,
        rows: Option<usize>,
    ) -> Result<Solution<T>, Error> {
        let weights = self.file.take::<T, Ix2>(tensor::WEIGHTS)?;
        let outputs = weights.ncols();
        self.check_shape(tensor::WEIGHTS, weights.dim(), (features.dim(), outputs))?;
        let targets = self.file.tensors.get(tensor::TARGETS);
        let rows = rows.or_else(|| targets.and_then(|y| y.shape().first().copied()));
        let rows = rows.ok_or_else(|| self.wrong("the number of training rows is missing"))?;
        let input = features.input().clone();
        let basis = Basis::Features(Linear { features, weights });
        Ok(Solution { basis, rows, input, outputs })
    }

    fn check_shape(
        &self,
        name: &str,
        got: (usize, usize),
        expected: (usize, usize),
    ) -> Result<(), Error> {
        if got == expected {
            return Ok(());
        }
        let reason = format!(
            "tensor `{name}` has {} x {} entries, {} x {} are expected",
            got.0, got.1, expected.0, expected.1
        );
        Err(self.wrong(reason))
    }

    fn optional<D: ndarray::Dimension>(
        &mut self,
        name: &str,
    ) -> Result<Option<ndarray::Array<f64, D>>, Error> {
        if self.file.tensors.contains_key(name) {
            Ok(Some(self.file.take::<f64, D>(name)?))
        } else {
            Ok(None)
        }
    }

    fn path(&mut self, header: &Header) -> Result<Option<LooPath>, Error> {
        let Some(table) = self.optional::<Ix2>(tensor::PATH)? else { return Ok(None) };
        self.check_shape(tensor::PATH, (1, table.ncols()), (1, 4))?;
        let points: Vec<LooPoint> = table
            .axis_iter(Axis(0))
            .map(|row| LooPoint {
                ridge: row[0],
                relative: row[1],
                mse: row[2],
                accuracy: (!row[3].is_nan()).then_some(row[3]),
            })
            .collect();
        let chosen = header.chosen.filter(|chosen| *chosen < points.len());
        let chosen = chosen.ok_or_else(|| self.wrong("the chosen ridge is not on its path"))?;
        let criterion = match header.criterion.as_deref() {
            Some("error_rate") => Criterion::ErrorRate,
            _ => Criterion::SquaredError,
        };
        let route = match header.route.as_deref() {
            Some("cholesky") => Route::Cholesky,
            _ => Route::Eigen,
        };
        let bracketed = header.bracketed.unwrap_or(true);
        Ok(Some(LooPath { points, chosen, criterion, route, bracketed }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Run, Targets};
    use ndarray::array;
    use widelimit_arch::{Activation, Dense, Function, UserFunction};

    fn model(network: &Network) -> Model {
        let x = array![[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]];
        let y = Targets::Numbers(array![[1.0], [2.0], [4.0]]);
        let settings = Settings { ridge: Ridge::Value(0.1), ..Settings::default() };
        Model::fit(network, x.view(), &y, &settings, &Run::default()).unwrap()
    }

    #[test]
    fn notes_come_back_and_may_be_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model");
        let model = model(&Network::preset("mlp:1").unwrap());
        let notes = Notes::from([("a".into(), "1".into()), ("b".into(), String::new())]);
        model.save_with_notes(&path, &notes).unwrap();
        assert_eq!(Model::load_with_notes(&path).unwrap().1, notes);
        assert_eq!(Model::load(&path).unwrap().to_bytes().unwrap(), model.to_bytes().unwrap());
        model.save(&path).unwrap();
        assert!(Model::load_with_notes(&path).unwrap().1.is_empty());

        let mut file = ModelFile::load(&path).unwrap();
        file.metadata.insert(NOTES.into(), "[]".into());
        file.save(&path).unwrap();
        let error = Model::load_with_notes(&path).unwrap_err().to_string();
        assert!(error.contains("its notes are damaged"), "{error}");
    }

    #[test]
    fn a_network_with_functions_of_the_user_is_kept_by_the_caller() {
        let cube = UserFunction::new("cube", [], |x| x * x * x);
        let cube = Activation::Numerical { function: Function::User(cube), degree: None };
        let layers = vec![Dense::new(1.0).into(), cube.into(), Dense::new(1.0).into()];
        let network = Network::new(layers).unwrap();
        let model = model(&network);
        assert!(model.to_bytes().is_err());
        let plain = Network::preset("mlp:1").unwrap();
        let bytes = model.to_bytes_with(&plain).unwrap();
        let loaded = Model::from_bytes_with(bytes, &network).unwrap();
        let x = array![[0.3, -0.7]];
        let predict = |model: &Model| model.predict(x.view(), &Run::default()).unwrap();
        assert_eq!(predict(&loaded), predict(&model));
    }
}
