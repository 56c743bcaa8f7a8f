//! One method, in its own process: fit, predict, score; says so as JSON.

use std::time::Instant;

use ndarray::{Array2, ArrayView2};
use serde_json::json;
use widelimit::data::{Targets, write_npy};
use widelimit::learn::Classifier;
use widelimit::learn::classification::winners;
use widelimit::{Model, Network, Preprocess, Quantity, Run, Settings};

use crate::answer::write_out;
use crate::args::{DemoStepArgs, Method};
use crate::commands::data;
use crate::commands::inputs::as_rows;
use crate::failure::Failure;
use crate::interrupt;
use crate::session::Session;
use crate::usage::peak_bytes;

/// The network of both kernels.
pub const NETWORK: &str = "mlp:3:relu";

/// Runs the method.
pub fn step(args: &DemoStepArgs, session: &Session) -> Result<(), Failure> {
    let name = |array: &str| format!("{}:{array}", args.data.display());
    let matrix = |array: &str| -> Result<Array2<f32>, Failure> {
        Ok(as_rows(data::inputs(&name(array))?, array)?.into_matrix::<f32>(array)?)
    };
    let labels = |array: &str| Ok::<_, Failure>(data::targets(&name(array))?.into_labels(array)?);
    let (x, xt) = (matrix("x_train")?, matrix("x_test")?);
    let ((codes, classes), (test, test_classes)) = (labels("y_train")?, labels("y_test")?);
    let known = test_classes.indices_in(&classes);
    let truth: Vec<Option<usize>> = test.into_iter().map(|code| known[code]).collect();

    let start = Instant::now();
    let predicted = match args.method {
        Method::Linear => linear(x.view(), xt.view(), &codes, classes.len(), session)?,
        Method::Ntk | Method::Nngp => {
            let targets = Targets::Labels { codes, classes };
            let quantity = if args.method == Method::Ntk { Quantity::Ntk } else { Quantity::Nngp };
            let model = kernel(x.view(), &targets, quantity, session)?;
            let scores = model.predict(xt.view(), &session.run())?;
            if args.method == Method::Ntk {
                let _finish = interrupt::writing();
                model.save(args.out.join("model.safetensors"))?;
                write_npy(args.out.join("scores.npy"), scores.view())?;
            }
            winners(scores.view())
        }
    };
    let took = start.elapsed().as_secs_f64();
    let hits = predicted.iter().zip(&truth).filter(|(p, t)| Some(**p) == **t).count();
    let accuracy = hits as f64 / truth.len().max(1) as f64;
    write_out(
        &json!({"accuracy": accuracy, "seconds": took, "peak_bytes": peak_bytes()}).to_string(),
    )
}

/// Kernel regression with the ridge by leave-one-out.
fn kernel(
    x: ArrayView2<f32>,
    targets: &Targets,
    quantity: Quantity,
    session: &Session,
) -> Result<Model, Failure> {
    let network = Network::preset(NETWORK).map_err(widelimit::Error::from)?;
    let settings = Settings { quantity, preprocess: Preprocess::UnitNorm, ..Settings::default() };
    let bar = session.bar("kernel");
    let report = |progress| bar.report(progress);
    let run = Run { progress: Some(&report), ..session.run() };
    Ok(Model::fit(&network, x, targets, &settings, &run)?)
}

/// Linear ridge on the pixels, its ridge by leave-one-out too.
fn linear(
    x: ArrayView2<f32>,
    xt: ArrayView2<f32>,
    codes: &[usize],
    classes: usize,
    session: &Session,
) -> Result<Vec<usize>, Failure> {
    let failed = |e: widelimit::learn::Error| Failure::from(widelimit::Error::from(e));
    let classifier = Classifier::default().check().map_err(failed)?;
    let model = classifier.fit_features(x, codes, classes, &session.par).map_err(failed)?;
    model.predict(xt, &session.par).map_err(failed)
}
