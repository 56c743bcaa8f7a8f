//! `graph features`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::json;
use widelimit::Run;
use widelimit::data::{Array, Draft, check_room, draft_npy};
use widelimit::embed::Settings;
use widelimit::graphs::GntkFeatures;

use super::features::certified;
use super::graph::gntk;
use super::graph_set::GraphSet;
use super::{data, files};
use crate::answer::Answer;
use crate::args::{Dtype, GraphFeaturesArgs};
use crate::failure::Failure;
use crate::interrupt;
use crate::session::Session;
use crate::text::seconds;

/// Graphs that features are held against the exact kernel on, at most.
const CERTIFIED: usize = 400;

/// Makes a map, or reads one, and writes features of graphs.
pub fn features(args: &GraphFeaturesArgs, session: &Session) -> Result<(), Failure> {
    data::expect_ending(&args.out, ".npy")?;
    let read: Vec<&Path> = [Some(&args.graphs.path), args.map.as_ref()]
        .into_iter()
        .flatten()
        .map(PathBuf::as_path)
        .collect();
    let outputs: Vec<&Path> = [Some(&args.out), args.save_map.as_ref()]
        .into_iter()
        .flatten()
        .map(PathBuf::as_path)
        .collect();
    files::ready(&outputs, &read)?;
    let set = GraphSet::read(&args.graphs)?;
    let bar = session.bar("features");
    let report = |progress| bar.report(progress);
    let run = Run { progress: Some(&report), ..session.run() };
    let start = Instant::now();
    let mut certificate = None;
    let features = match &args.map {
        Some(path) => load(path)?,
        None => {
            let seed = session.seed.unwrap_or(0);
            let settings = Settings { strategy: args.method, seed, ..Settings::new(args.dim) };
            let features = GntkFeatures::fit(&gntk(&args.gntk)?, &set.graphs, &settings)?;
            certificate = features.certify(&set.graphs, CERTIFIED, &run)?;
            features
        }
    };
    let shape = [set.graphs.len(), features.dim()];
    let single = args.gntk.dtype == Some(Dtype::F32);
    check_room(&args.out, (shape[0] * shape[1] * if single { 4 } else { 8 }) as u64)?;
    let z = match single {
        true => Array::F32(features.transform(&set.graphs, &run)?.into_dyn()),
        false => Array::F64(features.transform(&set.graphs, &run)?.into_dyn()),
    };
    let took = start.elapsed().as_secs_f64();
    drop(bar);
    {
        let _finish = interrupt::writing();
        let mut drafts = vec![match &z {
            Array::F32(z) => draft_npy(&args.out, z.view())?,
            Array::F64(z) => draft_npy(&args.out, z.view())?,
        }];
        if let Some(path) = &args.save_map {
            let text = features.to_json()?;
            drafts.push(Draft::filled(path, |file| writeln!(file, "{text}"))?);
        }
        drafts.into_iter().try_for_each(Draft::publish)?;
    }
    let (method, file) = (features.settings().strategy.name(), args.out.display().to_string());
    certified(Answer::new().with("method", method, method), certificate.as_ref())
        .with("shape", format!("{} x {}", shape[0], shape[1]), json!(shape))
        .with("seconds", seconds(took), took)
        .with("file", file.clone(), file)
        .print(session.json)
}

/// Reads a map that was written.
fn load(path: &Path) -> Result<GntkFeatures, Failure> {
    let name = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::data(format!("cannot read the map {name}: {error}")))?;
    GntkFeatures::from_json(&text).map_err(|error| Failure::data(format!("{name}: {error}")))
}
