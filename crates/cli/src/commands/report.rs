//! `report`: from a model or a kernel to a page.

use std::io::Write;
use std::path::Path;

use ndarray::{Array2, ArrayView2, Axis};
use widelimit::data::Npz;
use widelimit::learn::Criterion;
use widelimit::learn::classification::winners;
use widelimit::linalg::symmetric_eigen;
use widelimit::{Model, Run, Task};

use super::predict::Truth;
use super::{data, describe, net};
use crate::answer::Answer;
use crate::args::ReportArgs;
use crate::failure::Failure;
use crate::interrupt;
use crate::report::{Confusion, Margins, Report, RidgePath, Scatter, Spectrum, short};
use crate::session::Session;

/// Rows of a kernel whose spectrum is computed; larger ones are thinned.
const SPECTRUM_ROWS: usize = 2000;

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

/// A page about the square kernels of a file.
fn of_kernels(path: &Path, session: &Session) -> Result<Report, Failure> {
    let file = Npz::open(path)?;
    let mut page = Report {
        title: format!("Kernel {}", path.file_name().unwrap_or_default().to_string_lossy()),
        ..Report::default()
    };
    let known = ["ntk", "nngp"].into_iter().filter(|name| file.names().iter().any(|n| n == name));
    for name in known {
        let whole = file.array(name)?;
        let [rows, columns] = *whole.shape() else {
            return Err(Failure::data(format!("{}:{name} is not a matrix", path.display())));
        };
        if rows != columns {
            return Err(Failure::data(format!(
                "{}:{name} is {rows} x {columns}; a report needs the kernel of inputs with themselves",
                path.display()
            )));
        }
        let bytes = (rows * columns * 8) as u64;
        session.less(2 * bytes.min((SPECTRUM_ROWS * SPECTRUM_ROWS * 8) as u64) + bytes)?;
        let matrix = data::doubles(whole.read()?, name)?;
        if let Some(((row, column), value)) = matrix.indexed_iter().find(|(_, v)| !v.is_finite()) {
            return Err(Failure::data(format!(
                "{name} holds {value} at row {row}, column {column}"
            )));
        }
        let title = name.to_uppercase();
        page.facts.push((format!("{title} kernel"), facts(&matrix)));
        page.spectra.push(Spectrum {
            name: title,
            values: spectrum(matrix, session)?,
            ridge: None,
        });
        if rows > SPECTRUM_ROWS {
            page.subtitle =
                format!("The spectrum is that of {SPECTRUM_ROWS} of {rows} rows, evenly spread.");
        }
    }
    if page.spectra.is_empty() {
        return Err(Failure::data(format!(
            "{} holds no kernel: expected arrays `ntk` or `nngp`, found {}",
            path.display(),
            file.names().join(", ")
        )));
    }
    Ok(page)
}

fn facts(kernel: &Array2<f64>) -> Vec<(String, String)> {
    let n = kernel.nrows() as f64;
    let diagonal = kernel.diag();
    let (low, high) =
        diagonal.iter().fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
    let asymmetry =
        kernel.indexed_iter().map(|((i, j), v)| (v - kernel[[j, i]]).abs()).fold(0.0, f64::max);
    vec![
        ("Rows".into(), kernel.nrows().to_string()),
        ("Mean of the diagonal".into(), short(diagonal.sum() / n)),
        ("Smallest on the diagonal".into(), short(low)),
        ("Largest on the diagonal".into(), short(high)),
        ("Mean of all entries".into(), short(kernel.sum() / (n * n))),
        (
            "Largest asymmetry".into(),
            if asymmetry == 0.0 { "none".into() } else { short(asymmetry) },
        ),
    ]
}

fn spectrum(kernel: Array2<f64>, session: &Session) -> Result<Vec<f64>, Failure> {
    let n = kernel.nrows();
    let kernel = if n > SPECTRUM_ROWS {
        let rows: Vec<usize> = (0..SPECTRUM_ROWS).map(|k| k * n / SPECTRUM_ROWS).collect();
        kernel.select(Axis(0), &rows).select(Axis(1), &rows)
    } else {
        kernel
    };
    let eigen = symmetric_eigen(kernel, &session.par).map_err(widelimit::Error::from)?;
    Ok(eigen.values.to_vec())
}
