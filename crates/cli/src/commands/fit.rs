//! `fit`.

use std::time::Instant;

use serde_json::json;
use widelimit::data::{Array, Targets};
use widelimit::learn::Ridge;
use widelimit::{Model, Network, Quantity, Run, Scalar, Settings};

use super::{data, describe};
use crate::args::{FitArgs, One, Preprocess, RidgeArg, Solver, Task};
use crate::failure::Failure;
use crate::interrupt;
use crate::session::Session;
use crate::text::seconds;

/// Fits a model and writes it.
pub fn fit(args: &FitArgs, session: &Session) -> Result<(), Failure> {
    let network = args.net.read()?;
    let x = data::inputs_without(&args.x, Some(&args.y))?;
    let targets = data::targets(&args.y)?;
    let targets = match args.task {
        None => targets,
        Some(Task::Regression) => Targets::Numbers(targets.into_numbers(&args.y)?),
        Some(Task::Classification) => {
            let (codes, classes) = targets.into_labels(&args.y)?;
            Targets::Labels { codes, classes }
        }
    };
    if targets.rows() != x.shape()[0] {
        let (rows, got) = (x.shape()[0], targets.rows());
        return Err(Failure::data(format!("{} has {rows} rows but {} has {got}", args.x, args.y)));
    }
    let settings = Settings {
        quantity: match args.get {
            One::Ntk => Quantity::Ntk,
            One::Nngp => Quantity::Nngp,
        },
        ridge: match args.ridge {
            RidgeArg::Auto => Ridge::default(),
            RidgeArg::Value(value) => Ridge::Value(value),
        },
        preprocess: match args.preprocess {
            Preprocess::None => widelimit::Preprocess::None,
            Preprocess::Standardize => widelimit::Preprocess::Standardize,
            Preprocess::UnitNorm => widelimit::Preprocess::UnitNorm,
        },
        ..Settings::default()
    };
    let start = Instant::now();
    let model = match x {
        Array::F32(_) => train::<f32>(&network, x, &targets, &settings, args, session),
        Array::F64(_) => train::<f64>(&network, x, &targets, &settings, args, session),
    }?;
    let took = start.elapsed().as_secs_f64();
    {
        let _finish = interrupt::writing();
        model.save(&args.out)?;
    }
    let mut answer = describe::fitted(&model).with("seconds", seconds(took), took);
    if model.task() == widelimit::Task::Classification {
        answer = answer.for_programs("classes", json!(model.classes().names()));
    }
    let file = args.out.display().to_string();
    answer.with("file", file.clone(), file).print(session.json)
}

fn train<T: Scalar>(
    network: &Network,
    x: Array,
    targets: &Targets,
    settings: &Settings,
    args: &FitArgs,
    session: &Session,
) -> Result<Model, Failure> {
    let x = x.into_matrix::<T>(&args.x)?;
    let bar = session.bar("kernel");
    let report = |progress| bar.report(progress);
    let run = Run {
        budget: session.less((x.len() * size_of::<T>()) as u64)?,
        progress: Some(&report),
        ..session.run()
    };
    match args.solver {
        Solver::Auto | Solver::Exact => Ok(Model::fit(network, x.view(), targets, settings, &run)?),
    }
}
