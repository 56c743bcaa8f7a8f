//! `predict`.

use ndarray::{Array2, ArrayView2};
use widelimit::data::{Array, Classes, Targets, write_labels, write_npy};
use widelimit::learn::classification::winners;
use widelimit::learn::metrics;
use widelimit::{Model, Run, Scalar, Task};

use super::data;
use crate::answer::Answer;
use crate::args::PredictArgs;
use crate::failure::Failure;
use crate::interrupt;
use crate::session::Session;

/// Predicts, writes, and scores where the truth is given.
pub fn predict(args: &PredictArgs, session: &Session) -> Result<(), Failure> {
    data::expect_ending(&args.out, ".npy")?;
    let model = Model::load(&args.model)?;
    let x = data::inputs_without(&args.x, args.y.as_deref())?;
    // Read before anything is computed or written, so that a bad file costs nothing.
    let truth =
        args.y.as_deref().map(|y| Truth::read(&model, y, x.shape()[0], &args.x)).transpose()?;
    match x {
        Array::F32(_) => run::<f32>(args, &model, x, truth, session),
        Array::F64(_) => run::<f64>(args, &model, x, truth, session),
    }
}

fn run<T: Scalar>(
    args: &PredictArgs,
    model: &Model,
    x: Array,
    truth: Option<Truth>,
    session: &Session,
) -> Result<(), Failure> {
    let x = x.into_matrix::<T>(&args.x)?;
    let run = Run { budget: session.less((x.len() * size_of::<T>()) as u64)?, ..session.run() };
    let (mean, deviation) = if args.std {
        let (mean, deviation) = model.predict_with_deviation(x.view(), &run)?;
        (mean, Some(deviation))
    } else {
        (model.predict(x.view(), &run)?, None)
    };
    let mut answer = Answer::new();
    if let Some(truth) = truth {
        answer = truth.score(mean.view())?;
    }
    match model.task() {
        Task::Regression => write(&args.out, mean.view())?,
        Task::Classification => {
            {
                let _finish = interrupt::writing();
                write_labels(&args.out, &winners(mean.view()), model.classes())?;
            }
            if args.scores {
                write(&data::beside(&args.out, "scores"), mean.view())?;
            }
        }
    }
    if let Some(deviation) = deviation {
        write(&data::beside(&args.out, "std"), deviation.view())?;
    }
    let file = args.out.display().to_string();
    answer
        .with("rows", mean.nrows().to_string(), mean.nrows())
        .with("file", file.clone(), file)
        .print(session.json)
}

fn write<T: Scalar>(path: &std::path::Path, array: ArrayView2<T>) -> Result<(), Failure> {
    let _finish = interrupt::writing();
    Ok(write_npy(path, array)?)
}

/// True targets in the terms of a model.
pub enum Truth {
    /// Values, rows x outputs.
    Values(Array2<f64>),
    /// Index of the class of each row; `None` for classes that the model does not know.
    Classes(Vec<Option<usize>>),
}

impl Truth {
    /// Reads targets that belong to `rows` rows.
    pub fn read(model: &Model, text: &str, rows: usize, inputs: &str) -> Result<Truth, Failure> {
        let targets = data::targets(text)?;
        if targets.rows() != rows {
            return Err(Failure::data(format!(
                "{inputs} has {rows} rows but {text} has {}",
                targets.rows()
            )));
        }
        if model.task() == Task::Classification {
            let (codes, classes) = match targets {
                // The model's classes may be words that look like numbers.
                Targets::Numbers(_) if matches!(model.classes(), Classes::Texts(_)) => {
                    return Err(Failure::data(format!(
                        "{text} holds numbers but the model's classes are words"
                    )));
                }
                targets => targets.into_labels(text)?,
            };
            let known = classes.indices_in(model.classes());
            return Ok(Truth::Classes(codes.into_iter().map(|code| known[code]).collect()));
        }
        let values = targets.into_numbers(text)?;
        let (got, expected) = (values.ncols(), model.details().outputs);
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
