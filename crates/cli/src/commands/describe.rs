//! What a fitted model says about itself.

use widelimit::arch::Shape;
use widelimit::{Model, Quantity, Task};

use super::features::told;
use crate::answer::Answer;
use crate::report::short;

/// The fit in names and numbers.
pub fn fitted(model: &Model) -> Answer {
    let fit = model.details();
    let d = &fit.diagnostics;
    let kernel = kernel_name(model).to_lowercase();
    let mut answer = Answer::new()
        .with("task", model.task().name(), model.task().name())
        .with("kernel", kernel.clone(), kernel)
        .with("rows", fit.rows.to_string(), fit.rows)
        .with("features", fit.input.to_string(), fit.features)
        .for_programs("input", axes(&fit.input))
        .with("outputs", fit.outputs.to_string(), fit.outputs)
        .with("ridge", format!("{:.4e}", fit.ridge), fit.ridge)
        .with("relative_ridge", format!("{:.4e}", fit.relative_ridge), fit.relative_ridge);
    let solver = model.settings().solver.name();
    answer = answer.with("solver", solver, solver);
    if let Some(features) = model.features() {
        answer = told(answer, features);
    }
    if let Some(point) = fit.path.as_ref().map(|path| path.best()) {
        answer = answer.with("loo_rmse", format!("{:.6}", point.mse.sqrt()), point.mse.sqrt());
        if let Some(accuracy) = point.accuracy {
            answer = answer.with("loo_accuracy", format!("{accuracy:.4}"), accuracy);
        }
    }
    if let Some(value) = fit.log_marginal_likelihood {
        answer = answer.with("log_marginal_likelihood", format!("{value:.3}"), value);
    }
    answer
        .with("condition", format!("{:.2e}", d.condition), d.condition)
        .with("jitter", format!("{:.1e}", d.jitter), d.jitter)
        .with("residual", format!("{:.1e}", d.residual), d.residual)
}

/// A shape as a list of its axes.
pub fn axes(shape: &Shape) -> Vec<usize> {
    [shape.spatial.as_slice(), &[shape.channels]].concat()
}

/// What the training inputs are called.
pub fn rows_name(model: &Model) -> &'static str {
    if model.details().input.is_vector() { "Training rows" } else { "Training images" }
}

/// `NTK` or `NNGP`.
pub fn kernel_name(model: &Model) -> &'static str {
    match model.settings().quantity {
        Quantity::Ntk => "NTK",
        Quantity::Nngp => "NNGP",
    }
}

/// The tables of a report: how the system was solved, and what the model is.
pub fn tables(model: &Model) -> Vec<(String, Vec<(String, String)>)> {
    let fit = model.details();
    let d = &fit.diagnostics;
    let mut solve = vec![
        ("Ridge added to the diagonal".into(), short(fit.ridge)),
        ("Ridge / mean of the diagonal".into(), short(fit.relative_ridge)),
        ("Condition number with the ridge".into(), short(d.condition)),
        (
            "Jitter beyond the ridge".into(),
            if d.jitter == 0.0 { "none".into() } else { short(d.jitter) },
        ),
        ("Relative residual".into(), short(d.residual)),
    ];
    if let Some(value) = d.min_eigenvalue {
        solve.push(("Smallest eigenvalue".into(), short(value)));
    }
    if let Some(values) = &fit.eigenvalues {
        let effective: f64 = values.iter().map(|v| v.max(0.0) / (v.max(0.0) + fit.ridge)).sum();
        if effective.is_finite() {
            solve.push(("Effective dimension".into(), short(effective)));
        }
    }
    if let Some(value) = fit.log_marginal_likelihood {
        solve.push(("Log marginal likelihood".into(), short(value)));
    }
    let features = if fit.input.is_vector() { "Features" } else { "Positions and channels" };
    let mut about: Vec<(String, String)> = vec![
        ("Kernel".into(), kernel_name(model).into()),
        ("Task".into(), model.task().name().into()),
        (rows_name(model).into(), fit.rows.to_string()),
        (features.into(), fit.input.to_string()),
    ];
    match model.task() {
        Task::Classification => about.push(("Classes".into(), fit.outputs.to_string())),
        Task::Regression => about.push(("Outputs".into(), fit.outputs.to_string())),
    }
    if let Some(features) = model.features() {
        let of = format!("{} by {}", features.dim(), features.method());
        about.push(("Features of the network".into(), of));
        if let Some(certificate) = features.certificate() {
            about.push(("Relative error of their kernel".into(), short(certificate.error)));
        }
    }
    about.push(("Inputs scaled".into(), model.settings().preprocess.name().into()));
    about.push(("Precision".into(), model.precision().name().into()));
    if let Some(point) = fit.path.as_ref().map(|path| path.best()) {
        about.push(("Leave-one-out root mean square error".into(), short(point.mse.sqrt())));
        if let Some(accuracy) = point.accuracy {
            about.push(("Leave-one-out accuracy".into(), format!("{:.2} %", 100.0 * accuracy)));
        }
    }
    vec![("How the system was solved".into(), solve), ("The model".into(), about)]
}
