//! `fit`.

use std::time::Instant;

use ndarray::ArrayD;
use serde_json::json;
use widelimit::data::{Array, Classes, Targets};
use widelimit::learn::Ridge;
use widelimit::{Model, Network, Run, Scalar, Settings};

use super::{data, describe, files, fit_blocks, inputs};
use crate::args::{FitArgs, Preprocess, RidgeArg, RidgeArgs, Solver, Task};
use crate::failure::Failure;
use crate::interrupt;
use crate::session::Session;
use crate::text::seconds;

/// Fits a model and writes it.
pub fn fit(args: &FitArgs, session: &Session) -> Result<(), Failure> {
    if args.solver == Solver::Exact
        && let Some(flag) = args.approximation.given().first()
    {
        return Err(Failure::usage(format!(
            "{flag} is about features, but --solver exact has none; --solver features takes them"
        )));
    }
    if let (Solver::Exact, Some(_)) = (args.solver, args.sample) {
        return Err(Failure::usage(
            "--sample is about features, but --solver exact has none; --solver features takes it",
        ));
    }
    let network = args.net.read()?;
    let (x, y) = (data::source(&args.x)?, data::source(&args.y)?);
    let read = [Some(x.path()), Some(y.path()), args.net.file()];
    let outputs = [Some(args.out.as_path()), args.state.as_deref()];
    let [outputs, read] =
        [&outputs[..], &read].map(|files| files.iter().copied().flatten().collect::<Vec<_>>());
    files::ready(&outputs, &read)?;
    let settings = Settings {
        quantity: args.get.into(),
        ridge: ridge(&args.ridge),
        preprocess: match args.preprocess {
            Preprocess::None => widelimit::Preprocess::None,
            Preprocess::Standardize => widelimit::Preprocess::Standardize,
            Preprocess::UnitNorm => widelimit::Preprocess::UnitNorm,
        },
        solver: match args.solver {
            Solver::Exact => widelimit::Solver::Exact,
            Solver::Features => widelimit::Solver::Features,
            // Who says how features are to be wants them.
            Solver::Auto if !args.approximation.given().is_empty() => widelimit::Solver::Features,
            Solver::Auto => widelimit::Solver::Auto,
        },
        features: args.approximation.settings(session.seed)?,
        ..Settings::default()
    };
    if let Some(sample) = args.sample {
        return fit_blocks::fit(args, sample, (&network, &settings), session);
    }
    data::expect_room(&args.x, Some(&args.y), 0, session)?;
    let x = data::inputs_without(&args.x, Some(&args.y))?;
    let x = inputs::for_network(x, &network, &args.x)?;
    let targets = for_task(data::targets(&args.y)?, &args.y, args.task, session)?;
    data::expect_rows(&args.x, x.shape()[0], &args.y, targets.rows())?;
    let start = Instant::now();
    let model = match x {
        Array::F32(_) => train::<f32>(&network, x, &targets, &settings, session),
        Array::F64(_) => train::<f64>(&network, x, &targets, &settings, session),
    }?;
    written(args, &model, start, session)
}

/// Writes the model and tells of it.
pub fn written(
    args: &FitArgs,
    model: &Model,
    start: Instant,
    session: &Session,
) -> Result<(), Failure> {
    let took = start.elapsed().as_secs_f64();
    {
        let _finish = interrupt::writing();
        model.save(&args.out)?;
    }
    let mut answer = describe::fitted(model).with("seconds", seconds(took), took);
    if model.task() == widelimit::Task::Classification {
        answer = answer.for_programs("classes", json!(model.classes().names()));
    }
    let file = args.out.display().to_string();
    answer.with("file", file.clone(), file).print(session.json)
}

/// The ridge that an argument means.
pub fn ridge(args: &RidgeArgs) -> Ridge {
    match args.ridge {
        RidgeArg::Auto => Ridge::default(),
        RidgeArg::Value(value) => Ridge::Value(value),
    }
}

/// Targets, of the file `name`, as the task wants them.
pub fn for_task(
    targets: Targets,
    name: &str,
    task: Option<Task>,
    session: &Session,
) -> Result<Targets, Failure> {
    match task {
        None => told_apart(targets, name, session),
        Some(Task::Regression) => Ok(Targets::Numbers(targets.into_numbers(name)?)),
        Some(Task::Classification) => {
            let (codes, classes) = targets.into_labels(name)?;
            Ok(Targets::Labels { codes, classes })
        }
    }
}

/// Targets as they were read, when the task is not said. Whole numbers are classes then; where
/// there are as many of them as rows, nobody can mean that.
fn told_apart(targets: Targets, name: &str, session: &Session) -> Result<Targets, Failure> {
    let Targets::Labels { codes, classes: Classes::Integers(classes) } = &targets else {
        return Ok(targets);
    };
    let (rows, distinct) = (codes.len(), classes.len());
    let found = format!("{name} holds {distinct} different whole numbers in {rows} rows");
    if distinct == rows && rows > 1 {
        return Err(Failure::usage(format!("{found}, which can be values or classes"))
            .hint("say which with --task regression or --task classification"));
    }
    if distinct > rows / 2 {
        session
            .note(&format!("{found}, taken for classes; --task regression takes them for values"));
    }
    Ok(targets)
}

/// Bytes of the arrays that are there beside a fit: the inputs, and targets as given and as regressed
/// on. What the fit makes of them it counts itself.
fn kept<T>(x: &ArrayD<T>, targets: &Targets) -> u64 {
    let outputs = match targets {
        Targets::Numbers(y) => y.ncols(),
        Targets::Labels { classes, .. } => classes.len(),
    };
    (x.len() * size_of::<T>() + 2 * targets.rows() * outputs * size_of::<f64>()) as u64
}

fn train<T: Scalar>(
    network: &Network,
    x: Array,
    targets: &Targets,
    settings: &Settings,
    session: &Session,
) -> Result<Model, Failure> {
    let x = x.into_elements::<T>();
    let bar = session.bar("kernel");
    let report = |progress| bar.report(progress);
    let kept = kept(&x, targets);
    let run = Run { budget: session.less(kept)?, progress: Some(&report), ..session.run() };
    Model::fit(network, x.view(), targets, settings, &run)
        .map_err(|error| session.explain(error, kept))
}
