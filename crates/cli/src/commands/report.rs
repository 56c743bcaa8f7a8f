//! `report`: from a model or a kernel to a page.

use std::io::Write;
use std::path::Path;

use ndarray::{Array2, ArrayView2};
use widelimit::data::Array;
use widelimit::learn::Criterion;
use widelimit::learn::classification::winners;
use widelimit::{Model, Run, Scalar, Task};

use super::kernel_page::{of_kernels, rounding};
use super::predict::Truth;
use super::{data, describe, files, inputs, net};
use crate::answer::Answer;
use crate::args::ReportArgs;
use crate::failure::Failure;
use crate::interrupt;
use crate::report::{Confusion, Margins, Report, RidgePath, Scatter, Spectrum, short};
use crate::session::Session;

/// Writes the page.
pub fn report(args: &ReportArgs, session: &Session) -> Result<(), Failure> {
    let is_kernel = args.input.extension().is_some_and(|e| e.eq_ignore_ascii_case("npz"));
    let data = [args.x.as_deref(), args.y.as_deref()];
    let data = data.into_iter().flatten().map(data::source).collect::<Result<Vec<_>, _>>()?;
    let read: Vec<&Path> = data.iter().map(|s| s.path()).chain([args.input.as_path()]).collect();
    files::ready(&[&args.out], &read)?;
    let page = match (is_kernel, &args.x, &args.y) {
        (true, None, None) => of_kernels(&args.input, session)?,
        (true, ..) => return Err(Failure::usage("--x and --y go with a model, not with a kernel")),
        (false, Some(x), Some(y)) => on_rows(&args.input, x, y, session)?,
        (false, ..) => {
            session.less(data::model_bytes(&args.input))?;
            let model = Model::load(&args.input)?;
            titled(with_leave_one_out(of_model(&model), &model), &model)
        }
    };
    write(&args.out, &page)?;
    let file = args.out.display().to_string();
    Answer::new().with("file", file.clone(), file).print(session.json)
}

/// A page about a model and what it predicts for rows whose targets are known.
fn on_rows(file: &Path, x: &str, y: &str, session: &Session) -> Result<Report, Failure> {
    let size = data::model_bytes(file);
    data::expect_room(x, Some(y), size, session)?;
    let model = Model::load(file)?;
    let inputs = inputs::for_model(data::inputs_without(x, Some(y))?, &model, x)?;
    let rows = inputs.shape()[0];
    let truth = Truth::read(&model, y, rows, x, session)?;
    let scores = match inputs {
        Array::F32(_) => scores::<f32>(&model, inputs, size, session)?.mapv(f64::from),
        Array::F64(_) => scores::<f64>(&model, inputs, size, session)?,
    };
    let name =
        data::source(x)?.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let what = format!("{rows} rows of {name}");
    Ok(titled(with_predictions(of_model(&model), &model, &truth, scores.view(), &what), &model))
}

/// Predictions in the precision of the inputs.
fn scores<T: Scalar>(
    model: &Model,
    inputs: Array,
    model_bytes: u64,
    session: &Session,
) -> Result<Array2<T>, Failure> {
    let x = inputs.into_elements::<T>();
    let outputs = model.details().outputs * x.shape()[0];
    let kept = model_bytes + (x.len() * size_of::<T>() + outputs * (size_of::<T>() + 8)) as u64;
    let run = Run { budget: session.less(kept)?, ..session.run() };
    model.predict(x.view(), &run).map_err(|error| session.explain(error, kept))
}

/// Writes a page, whole or not at all.
pub fn write(path: &Path, page: &Report) -> Result<(), Failure> {
    let html = page.render();
    let _finish = interrupt::writing();
    Ok(widelimit::data::write_atomically(path, |file| file.write_all(html.as_bytes()))?)
}

fn titled(mut page: Report, model: &Model) -> Report {
    page.title = format!(
        "{} {}",
        describe::kernel_name(model),
        match model.task() {
            Task::Regression => "regression",
            Task::Classification => "classifier",
        }
    );
    page
}

/// What a model shows without any predictions.
pub fn of_model(model: &Model) -> Report {
    let fit = model.details();
    let ridge_path = fit.path.as_ref().map(|path| {
        let by_errors = path.criterion == Criterion::ErrorRate;
        let error = |p: &widelimit::learn::LooPoint| match p.accuracy {
            Some(accuracy) if by_errors => 1.0 - accuracy,
            _ => p.mse,
        };
        RidgePath {
            ridges: path.points.iter().map(|p| p.relative).collect(),
            errors: path.points.iter().map(error).collect(),
            chosen: path.chosen,
            measure: if by_errors { "share of rows wrong" } else { "mean square error" }.into(),
        }
    });
    let spectra = fit.eigenvalues.iter().map(|values| Spectrum {
        name: describe::kernel_name(model).into(),
        values: values.to_vec(),
        ridge: Some(fit.ridge),
        rounding: rounding(values.view(), model.precision()),
    });
    Report {
        subtitle: format!("Network of infinite width: {}", net::summary(model.network())),
        highlights: vec![
            (fit.rows.to_string(), describe::rows_name(model).to_lowercase()),
            (short(fit.relative_ridge), "ridge / mean of the diagonal".into()),
        ],
        spectra: spectra.collect(),
        ridge_path,
        facts: describe::tables(model),
        network: net::pretty(model.network()).ok(),
        ..Report::default()
    }
}

/// Adds how the training rows are predicted from one another.
fn with_leave_one_out(page: Report, model: &Model) -> Report {
    let fit = model.details();
    let (Some(predictions), Some(targets)) = (&fit.leave_one_out, model.targets()) else {
        return page;
    };
    let truth = match model.task() {
        Task::Regression => Truth::Values(targets.to_owned()),
        Task::Classification => Truth::Classes(winners(targets).into_iter().map(Some).collect()),
    };
    let name = describe::rows_name(model).to_lowercase();
    let what = format!("{} {name}, each predicted from the others", fit.rows);
    with_predictions(page, model, &truth, predictions.view(), &what)
}

/// Adds predictions and what they are worth.
pub fn with_predictions(
    mut page: Report,
    model: &Model,
    truth: &Truth,
    scores: ArrayView2<f64>,
    what: &str,
) -> Report {
    match truth {
        Truth::Values(values) => {
            let n = values.len().max(1) as f64;
            let mse = values.iter().zip(scores).map(|(t, p)| (t - p) * (t - p)).sum::<f64>() / n;
            page.highlights
                .insert(0, (short(mse.sqrt()), format!("root mean square error, {what}")));
            page.scatter = Some(Scatter {
                what: what.into(),
                truth: values.iter().copied().collect(),
                predicted: scores.iter().copied().collect(),
            });
        }
        Truth::Classes(truth) => {
            let predicted = winners(scores);
            let known: Vec<(usize, usize)> =
                truth.iter().zip(&predicted).filter_map(|(t, p)| t.map(|t| (t, *p))).collect();
            let hits = known.iter().filter(|(t, p)| t == p).count();
            let accuracy = hits as f64 / truth.len().max(1) as f64;
            page.highlights
                .insert(0, (format!("{:.2} %", 100.0 * accuracy), format!("accuracy, {what}")));
            let (t, p): (Vec<usize>, Vec<usize>) = known.into_iter().unzip();
            page.confusion = Confusion::count(&model.classes().names(), &t, &p);
            let margins = scores.rows().into_iter().zip(truth).filter_map(|(row, truth)| {
                let other =
                    row.iter().enumerate().filter(|(k, _)| Some(*k) != *truth).map(|(_, v)| *v);
                truth.map(|t| row[t] - other.fold(f64::MIN, f64::max))
            });
            page.margins = Some(Margins { what: what.into(), values: margins.collect() });
        }
    }
    page
}
