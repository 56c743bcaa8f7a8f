//! Features in a safetensors file, by themselves or as a part of a model.

use std::path::Path;

use ndarray::{Array2, Ix2, IxDyn};
use serde::{Deserialize, Serialize};
use widelimit_arch::Shape;
use widelimit_data::{Array, ModelFile};
use widelimit_embed::{FeatureMap, Settings};
use widelimit_sketch::landmarks::NystromMap;

use super::job::{Map, embedded};
use super::nystrom::Nystrom;
use super::{Features, Method};
use crate::files::name;
use crate::{Certificate, Error, Network, Quantity};

/// The text entry that describes features.
pub(crate) const ENTRY: &str = "features";

/// What the names of their arrays begin with.
const PREFIX: &str = "features.";

/// Names of the arrays of landmarks.
const LANDMARKS: &str = "features.landmarks";
const WHITENING: &str = "features.whitening";

/// Everything but the network and the arrays, as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    kernel: String,
    method: String,
    dim: usize,
    /// As text: JSON readers round whole numbers beyond 2^53.
    seed: String,
    input: Vec<usize>,
    certificate: Option<Certificate>,
}

impl Features {
    /// Writes the features to one safetensors file, whole or not at all.
    ///
    /// # Errors
    /// A network with a user function has no description to write; errors of the file system.
    ///
    /// ```
    /// use ndarray::array;
    /// use widelimit::features::{FeatureSettings, Features};
    /// use widelimit::{Network, Quantity, Run};
    ///
    /// let x = array![[0.3, 1.0], [-0.4, 0.2], [0.9, -0.7], [0.1, 0.1]];
    /// let network = Network::preset("mlp:1:relu")?;
    /// let settings = FeatureSettings::default();
    /// let features = Features::fit(&network, x.view(), Quantity::Ntk, &settings, &Run::default())?;
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("map.safetensors");
    /// features.save(&path)?;
    /// let again = Features::load(&path)?.transform(x.view(), &Run::default())?;
    /// assert_eq!(again, features.transform(x.view(), &Run::default())?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        Ok(self.file(&self.network)?.save(path)?)
    }

    /// The bytes that [`Features::save`] writes, with another network in place of the own one: one with
    /// functions of the user has no text, and the caller keeps it ([`Features::from_bytes`]).
    ///
    /// # Errors
    /// As [`Features::save`].
    pub fn to_bytes_with(&self, network: &Network) -> Result<Vec<u8>, Error> {
        Ok(self.file(network)?.to_bytes()?)
    }

    /// Reads features.
    ///
    /// # Errors
    /// A file that holds no features, of an unknown version, cut short or damaged, or whose parts do
    /// not fit together.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::read(ModelFile::load(path)?, &path.display().to_string(), None)
    }

    /// The same from bytes in memory, of features of this network.
    ///
    /// # Errors
    /// As [`Features::load`].
    pub fn from_bytes(bytes: Vec<u8>, network: &Network) -> Result<Self, Error> {
        let name = "features";
        Self::read(ModelFile::from_bytes(bytes, name)?, name, Some(network))
    }

    fn file(&self, network: &Network) -> Result<ModelFile, Error> {
        let mut file = ModelFile::default();
        file.metadata.insert("network".into(), network.to_json()?);
        self.store(&mut file)?;
        Ok(file)
    }

    fn read(mut file: ModelFile, name: &str, network: Option<&Network>) -> Result<Self, Error> {
        let network = match network {
            Some(network) => network.clone(),
            None => Network::from_json(file.text("network")?)?,
        };
        Self::restore(&mut file, name, &network)
    }

    /// Puts everything but the network into a file.
    pub(crate) fn store(&self, file: &mut ModelFile) -> Result<(), Error> {
        let header = Header {
            kernel: name(self.quantity).into(),
            method: self.method().to_string(),
            dim: self.dim(),
            seed: self.seed.to_string(),
            input: [self.input.spatial.as_slice(), &[self.input.channels]].concat(),
            certificate: self.certificate.clone(),
        };
        let text = serde_json::to_string(&header).map_err(|error| Error::Model {
            file: ENTRY.into(),
            reason: format!("cannot be described as JSON: {error}"),
        })?;
        file.metadata.insert(ENTRY.into(), text);
        let tensors = &mut file.tensors;
        match &self.map {
            Map::Embed(map) => {
                for (name, array) in map.arrays() {
                    tensors.insert(format!("{PREFIX}{name}"), Array::F64(array.into_dyn()));
                }
            }
            Map::Nystrom(map) => {
                tensors.insert(LANDMARKS.into(), Array::F64(map.landmarks.clone()));
                tensors.insert(
                    WHITENING.into(),
                    Array::F64(map.map.whitening().to_owned().into_dyn()),
                );
            }
        }
        Ok(())
    }

    /// Takes features of this network out of a file.
    pub(crate) fn restore(
        file: &mut ModelFile,
        name: &str,
        network: &Network,
    ) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Model { file: name.to_owned(), reason };
        let header: Header = serde_json::from_str(file.text(ENTRY)?)
            .map_err(|error| wrong(format!("its features' description is damaged: {error}")))?;
        let quantity = match header.kernel.as_str() {
            "ntk" => Quantity::Ntk,
            "nngp" => Quantity::Nngp,
            other => return Err(wrong(format!("unknown kernel `{other}`"))),
        };
        let seed = header.seed.parse().map_err(|_| wrong(format!("seed `{}`", header.seed)))?;
        let input = match header.input.as_slice() {
            [spatial @ .., channels] => Shape::image(spatial, *channels),
            [] => return Err(wrong("its features' inputs have no axes".into())),
        };
        let map = match Method::from_name(&header.method) {
            Some(Method::Embed(strategy)) => {
                let quantity = embedded(quantity);
                let settings = Settings { quantity, strategy, seed, ..Settings::new(header.dim) };
                let arrays = take_arrays(file)?;
                let map = FeatureMap::from_arrays(network, &input, &settings, &arrays);
                Map::Embed(Box::new(map.map_err(|error| wrong(error.to_string()))?))
            }
            Some(Method::Nystrom) => {
                let landmarks = file.take::<f64, IxDyn>(LANDMARKS)?;
                let whitening = file.take::<f64, Ix2>(WHITENING)?;
                let axes = [&[header.dim], header.input.as_slice()].concat();
                if landmarks.shape() != axes || whitening.dim() != (header.dim, header.dim) {
                    let (found, other) = (landmarks.shape(), whitening.shape());
                    let reason = format!(
                        "landmarks of the shape {found:?} and whitening of {other:?}, {axes:?} and \
                         {0} x {0} are expected",
                        header.dim
                    );
                    return Err(wrong(reason));
                }
                Map::Nystrom(Nystrom { landmarks, map: NystromMap::from_whitening(whitening) })
            }
            _ => return Err(wrong(format!("unknown method `{}`", header.method))),
        };
        let (network, certificate) = (network.clone(), header.certificate);
        Ok(Self { network, input, quantity, seed, map, certificate, trial: Vec::new() })
    }
}

/// The arrays that a map learned, by their own names.
fn take_arrays(file: &mut ModelFile) -> Result<Vec<(String, Array2<f64>)>, Error> {
    let names: Vec<String> =
        file.tensors.keys().filter(|name| name.starts_with(PREFIX)).cloned().collect();
    names
        .into_iter()
        .map(|name| {
            let array = file.take::<f64, Ix2>(&name)?;
            Ok((name[PREFIX.len()..].to_owned(), array))
        })
        .collect()
}
