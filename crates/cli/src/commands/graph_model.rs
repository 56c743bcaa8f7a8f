//! `graph fit` and `graph predict`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::json;
use widelimit::data::{Targets, draft_labels, draft_npy};
use widelimit::graphs::GraphModel;
use widelimit::learn::classification::winners;
use widelimit::{Run, Task};

use super::fit::{for_task, ridge};
use super::graph::recipe;
use super::graph_set::GraphSet;
use super::predict::{Expected, Truth};
use super::{data, files};
use crate::answer::Answer;
use crate::args::{GraphFitArgs, GraphPredictArgs};
use crate::failure::Failure;
use crate::interrupt;
use crate::session::Session;
use crate::text::seconds;

/// Targets of graphs and the file that they come from: what `--y` names, or else what comes with the graphs.
fn targets(
    path: &Path,
    set: &mut GraphSet,
    y: Option<&str>,
) -> Result<Option<(Targets, String)>, Failure> {
    let graphs = path.display().to_string();
    let Some(y) = y else { return Ok(set.targets.take().map(|targets| (targets, graphs))) };
    let targets = data::targets(y)?;
    let (rows, got) = (set.graphs.len(), targets.rows());
    if rows != got {
        return Err(Failure::data(format!("{graphs} has {rows} graphs but {y} has {got} rows")));
    }
    Ok(Some((targets, y.to_owned())))
}

/// The files that a command reads.
fn read(graphs: &Path, y: Option<&str>) -> Result<Vec<PathBuf>, Failure> {
    let y = y.map(data::source).transpose()?;
    Ok([Some(graphs), y.as_ref().map(|y| y.path())]
        .into_iter()
        .flatten()
        .map(Path::to_owned)
        .collect())
}

/// Fits a model of graphs and writes it.
pub fn fit(args: &GraphFitArgs, session: &Session) -> Result<(), Failure> {
    let inputs = read(&args.graphs.path, args.y.as_deref())?;
    files::ready(&[&args.out], &inputs.iter().map(PathBuf::as_path).collect::<Vec<_>>())?;
    let kernel = recipe(&args.recipe, !args.raw)?;
    let mut set = GraphSet::read(&args.graphs)?;
    let Some((targets, name)) = targets(&args.graphs.path, &mut set, args.y.as_deref())? else {
        let graphs = args.graphs.path.display();
        return Err(Failure::usage(format!(
            "{graphs} says no classes of its graphs; --y gives them"
        )));
    };
    let targets = for_task(targets, &name, args.task, session)?;
    let bar = session.bar("kernel");
    let report = |progress| bar.report(progress);
    let run = Run { progress: Some(&report), ..session.run() };
    let start = Instant::now();
    let model = GraphModel::fit(&kernel, &set.graphs, &targets, ridge(&args.ridge), &run)?;
    let took = start.elapsed().as_secs_f64();
    drop(bar);
    {
        let _finish = interrupt::writing();
        model.save(&args.out)?;
    }
    let facts = model.facts();
    let mut answer = Answer::new()
        .with("task", model.task().name(), model.task().name())
        .with("graphs", model.graphs().len().to_string(), model.graphs().len())
        .with("ridge", format!("{:.4e}", facts.ridge), facts.ridge)
        .with("relative_ridge", format!("{:.4e}", facts.relative_ridge), facts.relative_ridge);
    if let Some(error) = facts.loo_error {
        answer = answer.with("loo_rmse", format!("{:.6}", error.sqrt()), error.sqrt());
    }
    if let Some(accuracy) = facts.loo_accuracy {
        answer = answer.with("loo_accuracy", format!("{accuracy:.4}"), accuracy);
    }
    let diagnostics = &facts.diagnostics;
    answer = answer
        .with("condition", format!("{:.2e}", diagnostics.condition), diagnostics.condition)
        .with("residual", format!("{:.1e}", diagnostics.residual), diagnostics.residual)
        .with("seconds", seconds(took), took);
    if model.task() == Task::Classification {
        answer = answer.for_programs("classes", json!(model.classes().names()));
    }
    let file = args.out.display().to_string();
    answer.with("file", file.clone(), file).print(session.json)
}

/// Predicts, writes, and scores where the truth is known.
pub fn predict(args: &GraphPredictArgs, session: &Session) -> Result<(), Failure> {
    data::expect_ending(&args.out, ".npy")?;
    let mut inputs = read(&args.graphs.path, args.y.as_deref())?;
    inputs.push(args.model.clone());
    let scores = args.scores.then(|| data::beside(&args.out, "scores"));
    let outputs: Vec<&Path> =
        [Some(&args.out), scores.as_ref()].into_iter().flatten().map(PathBuf::as_path).collect();
    files::ready(&outputs, &inputs.iter().map(PathBuf::as_path).collect::<Vec<_>>())?;
    let model = GraphModel::load(&args.model)?;
    if args.scores && model.task() == Task::Regression {
        let model = args.model.display();
        return Err(Failure::usage(format!("{model} is a regression; --scores are of classes")));
    }
    let mut set = GraphSet::read(&args.graphs)?;
    let expected =
        Expected { task: model.task(), classes: model.classes(), outputs: model.outputs() };
    // Looked at before anything is computed or written, so that a bad file costs nothing.
    let truth = targets(&args.graphs.path, &mut set, args.y.as_deref())?
        .map(|(targets, name)| Truth::of(targets, &name, &expected, session))
        .transpose()?;
    let values = model.predict(&set.graphs, &session.run())?;
    let answer = truth.map_or(Ok(Answer::new()), |truth| truth.score(values.view()))?;
    {
        let _finish = interrupt::writing();
        let mut drafts = vec![match model.task() {
            Task::Regression => draft_npy(&args.out, values.view())?,
            Task::Classification => {
                draft_labels(&args.out, &winners(values.view()), model.classes())?
            }
        }];
        if let Some(path) = &scores {
            drafts.push(draft_npy(path, values.view())?);
        }
        drafts.into_iter().try_for_each(|draft| draft.publish())?;
    }
    let file = args.out.display().to_string();
    answer
        .with("graphs", values.nrows().to_string(), values.nrows())
        .with("file", file.clone(), file)
        .print(session.json)
}
