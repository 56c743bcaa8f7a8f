//! The NET argument: a preset, JSON text, or the path of a JSON file.

use std::convert::Infallible;
use std::path::Path;
use std::str::FromStr;

use widelimit::Network;

use crate::failure::Failure;

/// A network as the user wrote it; read when it is needed, so that a bad one is bad data and not
/// a usage error.
#[derive(Clone, Debug)]
pub struct NetArg(String);

impl FromStr for NetArg {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<NetArg, Infallible> {
        Ok(NetArg(text.into()))
    }
}

impl NetArg {
    /// The file that the network comes from, if it comes from one.
    pub fn file(&self) -> Option<&Path> {
        let text = self.0.trim();
        let path = Path::new(text);
        let meant = path.is_file() || text.ends_with(".json");
        (meant && !text.starts_with(['[', '{'])).then_some(path)
    }

    /// The network meant: JSON when the text starts like it, a file when one is there (or the
    /// name ends in `.json`), else a preset.
    pub fn read(&self) -> Result<Network, Failure> {
        let text = self.0.trim();
        let usage = |e: widelimit::arch::Error| Failure::usage(e.to_string());
        if text.starts_with(['[', '{']) {
            return Network::from_json(text).map_err(usage);
        }
        if let Some(path) = self.file() {
            let content = std::fs::read_to_string(path)
                .map_err(|e| Failure::data(format!("cannot read the network file {text}: {e}")))?;
            return Network::from_json(&content)
                .map_err(|e| Failure::usage(format!("{text}: {e}")));
        }
        Network::preset(text).map_err(|e| match e {
            widelimit::arch::Error::UnknownPreset { .. } => usage(e).hint(
                "NET is a preset, JSON text, or a JSON file that exists; `widelimit net list` prints the presets",
            ),
            // A preset is meant, and the error says what is wrong with it.
            e => usage(e),
        })
    }
}
