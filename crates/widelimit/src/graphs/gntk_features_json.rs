//! Features of graphs as text: all that is random comes from the seed, so that it is short.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use widelimit_embed::{Quantity, Settings, Strategy};
use widelimit_graph::OneHot;

use super::gntk_features::{GntkFeatures, NodeInputs};
use super::{Family, GraphKernel};
use crate::Error;

/// [`GntkFeatures`] as they are written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    kernel: Value,
    inputs: WrittenInputs,
    dim: usize,
    method: String,
    nngp: bool,
    seed: u64,
}

/// [`NodeInputs`] as they are written.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WrittenInputs {
    Features(usize),
    Labels(Vec<u32>),
    Degrees(Vec<u32>),
}

impl GntkFeatures {
    /// The map as JSON.
    ///
    /// # Errors
    /// An activation with a function of the user has no text.
    ///
    /// ```
    /// use widelimit::Run;
    /// use widelimit::embed::Settings;
    /// use widelimit::graph::{Gntk, Graphs, Parts};
    /// use widelimit::graphs::GntkFeatures;
    ///
    /// let parts = Parts { node_offsets: &[0, 3, 5], edge_index: [&[0, 1], &[1, 0]], ..Parts::default() };
    /// let graphs = Graphs::new(parts)?;
    /// let features = GntkFeatures::fit(&Gntk::default(), &graphs, &Settings::new(64))?;
    /// let again = GntkFeatures::from_json(&features.to_json()?.to_string())?;
    /// let run = Run::default();
    /// assert_eq!(again.transform::<f64>(&graphs, &run)?, features.transform::<f64>(&graphs, &run)?);
    /// # Ok::<(), widelimit::Error>(())
    /// ```
    pub fn to_json(&self) -> Result<Value, Error> {
        let &Settings { dim, quantity, strategy, seed } = self.settings();
        let method = match strategy.degree() {
            None => strategy.name().to_owned(),
            Some(degree) => format!("{}:{degree}", strategy.name()),
        };
        let inputs = match self.inputs() {
            NodeInputs::Features(width) => WrittenInputs::Features(*width),
            NodeInputs::OneHot(dictionary) if dictionary.is_of_labels() => {
                WrittenInputs::Labels(dictionary.values().to_vec())
            }
            NodeInputs::OneHot(dictionary) => WrittenInputs::Degrees(dictionary.values().to_vec()),
        };
        let kernel = GraphKernel::from(self.gntk().clone()).to_json()?;
        let nngp = quantity == Quantity::Nngp;
        Ok(serde_json::json!(Written { kernel, inputs, dim, method, nngp, seed }))
    }

    /// The map that [`to_json`](Self::to_json) described: the same features to the last bit.
    ///
    /// # Errors
    /// [`Error::Parameter`] for other text, and those of [`fit`](Self::fit).
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let wrong = |got: String| Error::Parameter {
            name: "features",
            expected: "features of graphs as JSON",
            got,
        };
        let written: Written =
            serde_json::from_str(text).map_err(|error| wrong(format!("other text ({error})")))?;
        let kernel = GraphKernel::from_json(&written.kernel.to_string())?;
        let Family::Gntk(gntk) = kernel.family else {
            return Err(wrong(format!("`{}`", written.kernel)));
        };
        let strategy = Strategy::from_name(&written.method)
            .ok_or_else(|| wrong(format!("`{}`", written.method)))?;
        let inputs = match written.inputs {
            WrittenInputs::Features(width) => NodeInputs::Features(width),
            WrittenInputs::Labels(values) => NodeInputs::OneHot(OneHot::of_labels(values)),
            WrittenInputs::Degrees(values) => NodeInputs::OneHot(OneHot::of_degrees(values)),
        };
        let quantity = if written.nngp { Quantity::Nngp } else { Quantity::Ntk };
        let settings = Settings { dim: written.dim, quantity, strategy, seed: written.seed };
        Self::for_inputs(&gntk, inputs, &settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Run;
    use crate::graphs::features::tests::rings;
    use widelimit_graph::{Gntk, Scale};

    #[test]
    fn what_is_written_is_read() {
        let plain = rings(&[3, 5, 4]);
        let numeric = plain.clone().with_features(ndarray::Array2::ones((12, 3))).unwrap();
        let labels: Vec<u32> = (0..12).map(|node| 7 * (node % 2)).collect();
        let labelled = plain.clone().with_labels(labels).unwrap();
        let gntk = Gntk { layers: 3, scale: Scale::Uniform, ..Gntk::default() };
        for graphs in [plain, numeric, labelled] {
            for strategy in [Strategy::Random, Strategy::Polynomial { degree: 5 }] {
                let settings = Settings { strategy, seed: 3, ..Settings::new(100) };
                let features = GntkFeatures::fit(&gntk, &graphs, &settings).unwrap();
                let again =
                    GntkFeatures::from_json(&features.to_json().unwrap().to_string()).unwrap();
                assert_eq!((again.gntk(), again.settings()), (&gntk, &settings));
                assert_eq!(again.inputs(), features.inputs());
                let z =
                    |map: &GntkFeatures| map.transform::<f32>(&graphs, &Run::default()).unwrap();
                assert_eq!(z(&again), z(&features));
            }
        }
    }

    #[test]
    fn other_text_is_refused() {
        let settings = Settings::new(64);
        let features = GntkFeatures::fit(&Gntk::default(), &rings(&[3]), &settings).unwrap();
        let text = features.to_json().unwrap().to_string();
        for (from, to) in [
            ("centred", "zonal:3"),
            ("centred", "zonal"),
            ("\"dim\":64", "\"dim\":1"),
            ("\"dim\":64", "\"width\":64"),
            ("degrees", "colours"),
            ("\"gntk\"", "\"wl\""),
        ] {
            let changed = text.replace(from, to);
            assert_ne!(text, changed, "{from}");
            assert!(GntkFeatures::from_json(&changed).is_err(), "{changed}");
        }
    }
}
