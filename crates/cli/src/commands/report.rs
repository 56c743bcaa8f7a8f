//! `report`: from a model or a kernel to a page.

use std::io::Write;
use std::path::Path;

use ndarray::ArrayView2;
use widelimit::learn::Criterion;
use widelimit::learn::classification::winners;
use widelimit::{Model, Run, Task};

use super::kernel_page::{of_kernels, rounding};
use super::predict::Truth;
use super::{data, describe, net};
use crate::answer::Answer;
use crate::args::ReportArgs;
use crate::failure::Failure;
use crate::interrupt;
use crate::report::{Confusion, Margins, Report, RidgePath, Scatter, Spectrum, short};
use crate::session::Session;

/// Writes the page.
pub fn report(args: &ReportArgs, session: &Session) -> Result<(), Failure> {
    let is_kernel = args.input.extension().is_some_and(|e| e.eq_ignore_ascii_case("npz"));
    let page = match (is_kernel, &args.x, &args.y) {
        (true, None, None) => of_kernels(&args.input, session)?,
        (true, ..) => return Err(Failure::usage("--x and --y go with a model, not with a kernel")),
        (false, Some(x), Some(y)) => {
            let model = Model::load(&args.input)?;
            let inputs = data::doubles(data::inputs_without(x, Some(y))?, x)?;
            let truth = Truth::read(&model, y, inputs.nrows(), x)?;
            let run = Run { budget: session.less((inputs.len() * 8) as u64)?, ..session.run() };
            let scores = model.predict(inputs.view(), &run)?;
            let file = data::source(x)?
                .path()
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let what = format!("{} rows of {file}", inputs.nrows());
            let page = with_predictions(of_model(&model), &model, &truth, scores.view(), &what);
            titled(page, &model)
        }
        (false, ..) => {
            let model = Model::load(&args.input)?;
            titled(with_leave_one_out(of_model(&model), &model), &model)
        }
    };
    write(&args.out, &page)?;
    let file = args.out.display().to_string();
    Answer::new().with("file", file.clone(), file).print(session.json)
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
            (fit.rows.to_string(), "training rows".into()),
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
    let Some(predictions) = &fit.leave_one_out else { return page };
    let truth = match model.task() {
        Task::Regression => Truth::Values(fit.targets.clone()),
        Task::Classification => {
            Truth::Classes(winners(fit.targets.view()).into_iter().map(Some).collect())
        }
    };
    let what = format!("{} training rows, each predicted from the others", fit.rows);
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
