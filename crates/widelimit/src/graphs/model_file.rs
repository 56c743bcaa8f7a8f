//! Models of graphs in one safetensors file: the training graphs and the coefficients as tensors.

use std::path::Path;

use ndarray::{Array1, Array2, ArrayD, Ix1, Ix2};
use serde::{Deserialize, Serialize};
use widelimit_data::{Array, Classes, ModelFile};
use widelimit_graph::{Graphs, Parts};
use widelimit_learn::Diagnostics;

use super::model::Facts;
use super::{GraphKernel, GraphModel};
use crate::Error;

/// The entry of the kernel; a file without one holds no model of graphs.
const ENTRY: &str = "graph_kernel";

/// Names of the tensors.
mod tensor {
    pub const OFFSETS: &str = "node_offsets";
    pub const EDGES: &str = "edge_index";
    pub const FEATURES: &str = "node_features";
    pub const LABELS: &str = "node_labels";
    pub const WEIGHTS: &str = "edge_weights";
    pub const EDGE_LABELS: &str = "edge_labels";
    pub const DUAL: &str = "dual";
    pub const MEAN: &str = "target_mean";
}

/// Everything but the kernel and the arrays, as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    classes: Classes,
    directed: bool,
    ridge: f64,
    relative_ridge: f64,
    loo_error: Option<f64>,
    loo_accuracy: Option<f64>,
    condition: f64,
    jitter: f64,
    residual: f64,
    min_eigenvalue: Option<f64>,
}

impl GraphModel {
    /// Writes the model to one file, whole or not at all.
    ///
    /// # Errors
    /// An activation with a function of the user has no description to write; errors of the file system.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        Ok(self.file()?.save(path)?)
    }

    /// The bytes that [`GraphModel::save`] writes.
    ///
    /// # Errors
    /// As [`GraphModel::save`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        Ok(self.file()?.to_bytes()?)
    }

    /// Reads a model.
    ///
    /// # Errors
    /// A file that is no model of graphs, of an unknown version, cut short or damaged, or whose parts do not
    /// fit together.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        read(ModelFile::load(path)?, &path.display().to_string())
    }

    /// The same from bytes in memory.
    ///
    /// # Errors
    /// As [`GraphModel::load`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Error> {
        read(ModelFile::from_bytes(bytes, "model")?, "model")
    }

    fn file(&self) -> Result<ModelFile, Error> {
        let Facts { ridge, relative_ridge, loo_error, loo_accuracy, diagnostics } = &self.facts;
        let header = Header {
            classes: self.classes.clone(),
            directed: self.graphs.is_directed(),
            ridge: *ridge,
            relative_ridge: *relative_ridge,
            loo_error: *loo_error,
            loo_accuracy: *loo_accuracy,
            condition: diagnostics.condition,
            jitter: diagnostics.jitter,
            residual: diagnostics.residual,
            min_eigenvalue: diagnostics.min_eigenvalue,
        };
        let header = serde_json::to_string(&header).map_err(|error| Error::Model {
            file: "model".into(),
            reason: format!("cannot be described as JSON: {error}"),
        })?;
        let mut file = ModelFile::default();
        file.metadata.insert(ENTRY.into(), self.kernel.to_json()?.to_string());
        file.metadata.insert("model".into(), header);
        let mut put = |name: &str, array: ArrayD<f64>| {
            file.tensors.insert(name.into(), Array::F64(array));
        };
        put(tensor::DUAL, self.dual.clone().into_dyn());
        put(tensor::MEAN, self.mean.clone().into_dyn());
        put_graphs(&self.graphs, put);
        Ok(file)
    }
}

/// Whole numbers are exact in double precision up to 2^53.
fn put_graphs(graphs: &Graphs, mut put: impl FnMut(&str, ArrayD<f64>)) {
    let offsets = graphs.node_offsets().iter().map(|offset| *offset as f64);
    put(tensor::OFFSETS, Array1::from_iter(offsets).into_dyn());
    let mut ends = Array2::zeros((2, graphs.edges()));
    let (mut weights, mut labels) = (Vec::new(), Vec::new());
    let mut edge = 0;
    for graph in graphs.iter() {
        let first = graph.node_range().start;
        for node in 0..graph.nodes() {
            for &target in graph.neighbours(node) {
                ends[[0, edge]] = (first + node) as f64;
                ends[[1, edge]] = first as f64 + f64::from(target);
                edge += 1;
            }
            weights.extend_from_slice(graph.weights(node).unwrap_or_default());
            labels
                .extend(graph.edge_labels(node).unwrap_or_default().iter().map(|l| f64::from(*l)));
        }
    }
    put(tensor::EDGES, ends.into_dyn());
    if graphs.is_weighted() {
        put(tensor::WEIGHTS, Array1::from(weights).into_dyn());
    }
    if graphs.has_edge_labels() {
        put(tensor::EDGE_LABELS, Array1::from(labels).into_dyn());
    }
    if let Some(labels) = graphs.labels() {
        put(
            tensor::LABELS,
            labels.iter().map(|label| f64::from(*label)).collect::<Array1<_>>().into_dyn(),
        );
    }
    if let Some(features) = graphs.features() {
        put(tensor::FEATURES, features.dense().into_dyn());
    }
}

fn read(mut file: ModelFile, name: &str) -> Result<GraphModel, Error> {
    let wrong = |reason: String| Error::Model { file: name.to_owned(), reason };
    if !file.metadata.contains_key(ENTRY) {
        return Err(wrong("it holds no model of graphs".into()));
    }
    let kernel = GraphKernel::from_json(file.text(ENTRY)?)
        .map_err(|error| wrong(format!("its kernel: {error}")))?;
    let header: Header = serde_json::from_str(file.text("model")?)
        .map_err(|error| wrong(format!("its description is damaged: {error}")))?;
    let graphs = take_graphs(&mut file, header.directed, name)?;
    let dual: Array2<f64> = file.take::<f64, Ix2>(tensor::DUAL)?;
    let mean: Array1<f64> = file.take::<f64, Ix1>(tensor::MEAN)?;
    let outputs = if header.classes.is_empty() { mean.len() } else { header.classes.len() };
    if dual.dim() != (graphs.len(), outputs) || mean.len() != outputs {
        return Err(wrong(format!(
            "tensor `{}` has {} x {} entries, {} x {outputs} are expected",
            tensor::DUAL,
            dual.nrows(),
            dual.ncols(),
            graphs.len()
        )));
    }
    let facts = Facts {
        ridge: header.ridge,
        relative_ridge: header.relative_ridge,
        loo_error: header.loo_error,
        loo_accuracy: header.loo_accuracy,
        diagnostics: Diagnostics {
            condition: header.condition,
            jitter: header.jitter,
            residual: header.residual,
            min_eigenvalue: header.min_eigenvalue,
        },
    };
    Ok(GraphModel { kernel, graphs, classes: header.classes, dual, mean, facts })
}

fn take_graphs(file: &mut ModelFile, directed: bool, name: &str) -> Result<Graphs, Error> {
    let wrong = |reason: String| Error::Model { file: name.to_owned(), reason };
    let offsets = whole::<usize>(file.take::<f64, Ix1>(tensor::OFFSETS)?, tensor::OFFSETS, name)?;
    let ends = file.take::<f64, Ix2>(tensor::EDGES)?;
    if ends.nrows() != 2 {
        let rows = ends.nrows();
        return Err(wrong(format!("tensor `{}` has {rows} rows, two are expected", tensor::EDGES)));
    }
    let end = |side: usize| whole::<usize>(ends.row(side).to_owned(), tensor::EDGES, name);
    let (sources, targets) = (end(0)?, end(1)?);
    let mut numbers = |of: &str| match file.tensors.contains_key(of) {
        true => file.take::<f64, Ix1>(of).map(Some),
        false => Ok(None),
    };
    let weights = numbers(tensor::WEIGHTS)?.map(|weights| weights.to_vec());
    let mut labels =
        |of: &str| numbers(of)?.map(|values| whole::<u32>(values, of, name)).transpose();
    let (node_labels, edge_labels) = (labels(tensor::LABELS)?, labels(tensor::EDGE_LABELS)?);
    let features = match file.tensors.contains_key(tensor::FEATURES) {
        true => Some(file.take::<f64, Ix2>(tensor::FEATURES)?),
        false => None,
    };
    let parts = Parts {
        node_offsets: &offsets,
        edge_index: [&sources, &targets],
        weights: weights.as_deref(),
        edge_labels: edge_labels.as_deref(),
        node_labels: node_labels.as_deref(),
        features,
        directed,
    };
    Graphs::new(parts).map_err(|error| wrong(format!("its training graphs: {error}")))
}

/// Whole numbers from 0 on.
fn whole<T: TryFrom<u64>>(values: Array1<f64>, of: &str, name: &str) -> Result<Vec<T>, Error> {
    /// Beyond, not every whole number is a double.
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    let number = |value: &f64| {
        let is_whole = value.fract() == 0.0 && (0.0..=LARGEST).contains(value);
        let number = is_whole.then(|| T::try_from(*value as u64).ok()).flatten();
        number.ok_or_else(|| Error::Model {
            file: name.to_owned(),
            reason: format!("tensor `{of}` holds {value}, which is no number of the kind"),
        })
    };
    values.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphs::features::tests::rings;
    use crate::{Run, Targets};
    use widelimit_graph::Gntk;
    use widelimit_learn::Ridge;

    fn model(graphs: &Graphs) -> GraphModel {
        let kernel = GraphKernel { normalise: true, ..Gntk::default().into() };
        let classes = Classes::Texts(vec!["odd".into(), "even".into()]);
        let codes = (0..graphs.len()).map(|i| i % 2).collect();
        let targets = Targets::Labels { codes, classes };
        GraphModel::fit(&kernel, graphs, &targets, Ridge::Value(0.1), &Run::default()).unwrap()
    }

    fn full() -> Graphs {
        Graphs::new(Parts {
            node_offsets: &[0, 2, 4, 5],
            edge_index: [&[0, 1, 2, 3], &[1, 0, 3, 2]],
            weights: Some(&[0.5, 0.5, 2.0, 2.0]),
            edge_labels: Some(&[1, 1, 7, 7]),
            node_labels: Some(&[3, 1, 4, 1, 5]),
            features: Some(ndarray::array![
                [1.0, 0.0],
                [2.0, -1.0],
                [0.5, 0.5],
                [1.0, 1.0],
                [0.0, 2.0]
            ]),
            directed: false,
        })
        .unwrap()
    }

    #[test]
    fn what_is_saved_is_read() {
        for graphs in [rings(&[3, 4, 5]), full()] {
            let model = model(&graphs);
            let bytes = model.to_bytes().unwrap();
            let read = GraphModel::from_bytes(bytes.clone()).unwrap();
            assert_eq!((read.graphs(), read.facts()), (&graphs, model.facts()));
            assert_eq!((read.kernel(), read.classes()), (model.kernel(), model.classes()));
            let predict = |model: &GraphModel| model.predict(&graphs, &Run::default()).unwrap();
            assert_eq!(predict(&read), predict(&model));
            assert_eq!(read.to_bytes().unwrap(), bytes);
        }
    }

    #[test]
    fn files_that_cannot_be_are_refused() {
        let file = || model(&full()).file().unwrap();
        type Change = fn(&mut ModelFile);
        let changes: [(Change, &str); 6] = [
            (|f| drop(f.metadata.remove(ENTRY)), "no model of graphs"),
            (|f| drop(f.metadata.insert(ENTRY.into(), "{}".into())), "its kernel"),
            (|f| drop(f.metadata.insert("model".into(), "{}".into())), "damaged"),
            (|f| drop(f.tensors.insert(tensor::OFFSETS.into(), of(&[0.0, 0.5]))), "holds 0.5"),
            (
                |f| drop(f.tensors.insert(tensor::OFFSETS.into(), of(&[0.0, 5.0]))),
                "1 x 2 are expected",
            ),
            (|f| drop(f.tensors.insert(tensor::LABELS.into(), of(&[1.0]))), "its training graphs"),
        ];
        for (change, says) in changes {
            let mut file = file();
            change(&mut file);
            let error = GraphModel::from_bytes(file.to_bytes().unwrap()).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    fn of(values: &[f64]) -> Array {
        Array::F64(ndarray::arr1(values).into_dyn())
    }

    #[test]
    fn predictions_are_those_of_the_formula() {
        let (train, test) = (rings(&[3, 4, 5, 6]), rings(&[7, 3]));
        let model = model(&train);
        let cross = crate::graphs::kernel(model.kernel(), &test, Some(&train), &Run::default());
        let want = cross.unwrap().dot(&model.dual) + &model.mean;
        let found = model.predict(&test, &Run::default()).unwrap();
        assert!((&found - &want).iter().all(|d| d.abs() < 1e-12), "{found} {want}");
        let one = model.predict(&test.select(&[1]).unwrap(), &Run::default()).unwrap();
        assert_eq!(one.row(0), found.row(1));
        let error = GraphModel::fit(
            model.kernel(),
            &train,
            &Targets::Numbers(Array2::zeros((3, 1))),
            Ridge::Value(1.0),
            &Run::default(),
        );
        assert!(matches!(error, Err(Error::Length { expected: 4, got: 3, .. })));
    }
}
