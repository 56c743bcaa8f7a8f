//! `predict`.

use std::path::{Path, PathBuf};

use ndarray::{Array2, ArrayView2, Axis, Slice};
use widelimit::data::{Classes, Targets, draft_labels, draft_npy};
use widelimit::learn::classification::winners;
use widelimit::learn::metrics;
use widelimit::{Model, Run, Scalar, Task};

use super::blocks::Blocks;
use super::{data, files, inputs};
use crate::answer::Answer;
use crate::args::PredictArgs;
use crate::failure::Failure;
use crate::interrupt;
use crate::session::Session;

/// Predicts, writes, and scores where the truth is given.
pub fn predict(args: &PredictArgs, session: &Session) -> Result<(), Failure> {
    data::expect_ending(&args.out, ".npy")?;
    let mut read = vec![args.model.clone(), data::source(&args.x)?.path().to_owned()];
    if let Some(y) = &args.y {
        read.push(data::source(y)?.path().to_owned());
    }
    let read: Vec<&Path> = read.iter().map(PathBuf::as_path).collect();
    let outputs = Outputs::of(args);
    files::ready(&outputs.all(), &read)?;
    let blocks = Blocks::at(&args.x, args.y.as_deref())?;
    let targets = args.y.as_deref().map(data::target_bytes).transpose()?.unwrap_or(0);
    let size = data::model_bytes(&args.model);
    session.less(size.saturating_add(blocks.bytes()).saturating_add(targets))?;
    let model = Model::load(&args.model)?;
    if args.scores && model.task() == Task::Regression {
        let model = args.model.display();
        return Err(Failure::usage(format!("{model} is a regression; --scores are of classes")));
    }
    // Read before anything is computed or written, so that a bad file costs nothing.
    let read = |y: &str| Truth::read(&model, y, blocks.rows(), &args.x, session);
    let truth = args.y.as_deref().map(read).transpose()?;
    blocks.each(0, |block| inputs::for_model(block, &model, &args.x).map(drop))?;
    match blocks.single {
        true => run::<f32>(args, &outputs, &model, &blocks, truth, session),
        false => run::<f64>(args, &outputs, &model, &blocks, truth, session),
    }
}

/// The files of a prediction.
struct Outputs {
    mean: PathBuf,
    deviation: Option<PathBuf>,
    scores: Option<PathBuf>,
}

impl Outputs {
    fn of(args: &PredictArgs) -> Outputs {
        Outputs {
            mean: args.out.clone(),
            deviation: args.std.then(|| data::beside(&args.out, "std")),
            scores: args.scores.then(|| data::beside(&args.out, "scores")),
        }
    }

    fn all(&self) -> Vec<&Path> {
        [Some(&self.mean), self.deviation.as_ref(), self.scores.as_ref()]
            .into_iter()
            .flatten()
            .map(PathBuf::as_path)
            .collect()
    }

    /// Writes all files, and only then gives them their names: they appear together.
    fn write<T: Scalar>(
        &self,
        model: &Model,
        mean: ArrayView2<T>,
        deviation: Option<ArrayView2<T>>,
    ) -> Result<(), Failure> {
        let _finish = interrupt::writing();
        let mut drafts = vec![match model.task() {
            Task::Regression => draft_npy(&self.mean, mean)?,
            Task::Classification => draft_labels(&self.mean, &winners(mean), model.classes())?,
        }];
        if let (Some(path), Some(deviation)) = (&self.deviation, deviation) {
            drafts.push(draft_npy(path, deviation)?);
        }
        if let Some(path) = &self.scores {
            drafts.push(draft_npy(path, mean)?);
        }
        drafts.into_iter().try_for_each(|draft| Ok(draft.publish()?))
    }
}

fn run<T: Scalar>(
    args: &PredictArgs,
    outputs: &Outputs,
    model: &Model,
    blocks: &Blocks,
    truth: Option<Truth>,
    session: &Session,
) -> Result<(), Failure> {
    let (rows, outputs_of_row) = (blocks.rows(), model.details().outputs);
    let values = rows * outputs_of_row * (1 + usize::from(args.std));
    let kept = data::model_bytes(&args.model) + blocks.bytes() + (values * size_of::<T>()) as u64;
    let run = Run { budget: session.less(kept)?, ..session.run() };
    let explain = |error| session.explain(error, kept);
    let empty = || Array2::from_elem((rows, outputs_of_row), T::narrow(0.0));
    let (mut mean, mut deviation) = (empty(), args.std.then(empty));
    let mut first = 0;
    blocks.each(0, |block| {
        let x = inputs::for_model(block, model, &args.x)?.into_elements::<T>();
        let here = Slice::from(first..first + x.shape()[0]);
        let explain = |error: widelimit::Error| explain(error.rows_from(first));
        let found = match &mut deviation {
            Some(all) => {
                let (mean, deviation) =
                    model.predict_with_deviation(x.view(), &run).map_err(explain)?;
                all.slice_axis_mut(Axis(0), here).assign(&deviation);
                mean
            }
            None => model.predict(x.view(), &run).map_err(explain)?,
        };
        mean.slice_axis_mut(Axis(0), here).assign(&found);
        first = here.end.map_or(first, |end| end as usize);
        Ok(())
    })?;
    let mut answer = Answer::new();
    if let Some(truth) = truth {
        answer = truth.score(mean.view())?;
    }
    outputs.write(model, mean.view(), deviation.as_ref().map(|d| d.view()))?;
    let file = args.out.display().to_string();
    answer
        .with("rows", mean.nrows().to_string(), mean.nrows())
        .with("file", file.clone(), file)
        .print(session.json)
}

/// True targets in the terms of a model.
pub enum Truth {
    /// Values, rows x outputs.
    Values(Array2<f64>),
    /// Index of the class of each row; `None` for classes that the model does not know.
    Classes(Vec<Option<usize>>),
}

/// What a model predicts.
pub struct Expected<'a> {
    /// Values or classes.
    pub task: Task,
    /// The classes, in the order of the outputs.
    pub classes: &'a Classes,
    /// Values, or classes, of a row.
    pub outputs: usize,
}

impl Truth {
    /// Reads targets that belong to `rows` rows.
    pub fn read(
        model: &Model,
        text: &str,
        rows: usize,
        inputs: &str,
        session: &Session,
    ) -> Result<Truth, Failure> {
        let targets = data::targets(text)?;
        data::expect_rows(inputs, rows, text, targets.rows())?;
        let (task, classes, outputs) = (model.task(), model.classes(), model.details().outputs);
        Truth::of(targets, text, &Expected { task, classes, outputs }, session)
    }

    /// Targets, of the file `text`, in the terms of what is predicted.
    pub fn of(
        targets: Targets,
        text: &str,
        expected: &Expected<'_>,
        session: &Session,
    ) -> Result<Truth, Failure> {
        if expected.task == Task::Classification {
            let (codes, classes) = match targets {
                // The model's classes may be words that look like numbers.
                Targets::Numbers(_) if matches!(expected.classes, Classes::Texts(_)) => {
                    return Err(Failure::data(format!(
                        "{text} holds numbers but the model's classes are words"
                    )));
                }
                targets => targets.into_labels(text)?,
            };
            let known = classes.indices_in(expected.classes);
            expect_known(text, &codes, &classes, &known, expected.classes, session)?;
            return Ok(Truth::Classes(codes.into_iter().map(|code| known[code]).collect()));
        }
        let values = targets.into_numbers(text)?;
        let (got, expected) = (values.ncols(), expected.outputs);
        if got != expected {
            return Err(Failure::data(format!(
                "{text} has {got} columns but the model predicts {expected}"
            )));
        }
        Ok(Truth::Values(values))
    }

    /// `rmse`, or `accuracy` (rows of unknown class count as wrong).
    pub fn score<T: Scalar>(&self, predictions: ArrayView2<T>) -> Result<Answer, Failure> {
        Ok(match self {
            Truth::Values(truth) => {
                let predictions = predictions.mapv(Scalar::widen);
                let rmse = metrics::rmse(truth.view(), predictions.view())
                    .map_err(widelimit::Error::from)?;
                Answer::new().with("rmse", format!("{rmse:.6}"), rmse)
            }
            Truth::Classes(truth) => {
                let hits = winners(predictions)
                    .into_iter()
                    .zip(truth)
                    .filter(|(p, t)| Some(*p) == **t)
                    .count();
                let accuracy = hits as f64 / truth.len() as f64;
                Answer::new().with("accuracy", format!("{accuracy:.6}"), accuracy)
            }
        })
    }
}

/// Says which classes of the truth the model does not know; refuses a truth of no other.
fn expect_known(
    text: &str,
    codes: &[usize],
    classes: &Classes,
    known: &[Option<usize>],
    expected: &Classes,
    session: &Session,
) -> Result<(), Failure> {
    let strange = classes.names().into_iter().zip(known).filter(|(_, known)| known.is_none());
    let strange: Vec<String> = strange.map(|(name, _)| name).collect();
    if strange.is_empty() {
        return Ok(());
    }
    if strange.len() == classes.len() {
        return Err(Failure::data(format!(
            "no class of {text} ({}) is one of the model's ({})",
            some(&strange),
            some(&expected.names())
        )));
    }
    let rows = codes.iter().filter(|code| known[**code].is_none()).count();
    session.note(&format!(
        "{rows} of {} rows of {text} are of classes that the model does not know ({}) and count as wrong",
        codes.len(),
        some(&strange)
    ));
    Ok(())
}

/// Some names, the first few of many.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let listed: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    let more = if names.len() > SHOWN { ", …" } else { "" };
    listed.join(", ") + more
}
