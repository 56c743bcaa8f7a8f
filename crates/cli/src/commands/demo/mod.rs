//! `demo`: three methods on handwritten digits, side by side.
//!
//! Each method runs in a process of its own, one after the other, so that its peak memory is its
//! own and not that of the one before.

mod digits;
mod step;

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use ndarray::ArrayView2;
use serde_json::{Value, json};
use widelimit::Model;
use widelimit::data::ArrayFile;

pub use step::step;

use super::inputs::as_rows;
use super::report::{of_model, with_predictions, write};
use super::{data, predict::Truth};
use crate::answer::Answer;
use crate::args::DemoArgs;
use crate::failure::Failure;
use crate::interrupt::{self, CANCEL};
use crate::report;
use crate::session::Session;
use crate::text::{bytes, seconds};

/// The word that names a method on the command line, and its name.
const METHODS: [(&str, &str); 3] = [
    ("ntk", "Neural tangent kernel"),
    ("nngp", "NNGP posterior"),
    ("linear", "Ridge on raw pixels"),
];

/// How often one looks whether a process has ended.
const GLANCE: Duration = Duration::from_millis(10);

/// What one process found out about one method.
struct Outcome {
    accuracy: f64,
    seconds: f64,
    peak_bytes: Option<u64>,
}

/// Trains and evaluates three methods, saves one model, reloads it, predicts, reports.
pub fn demo(args: &DemoArgs, session: &Session) -> Result<(), Failure> {
    let start = Instant::now();
    let digits = args.out.join("digits.npz");
    let about = digits::prepare(args, session, &digits)?;
    session.note(&format!("{about}: {} training rows, {} test rows", about.train, about.test));

    let mut outcomes = Vec::new();
    for (word, name) in METHODS {
        session.note(&format!("  {name} …"));
        outcomes.push((name, run(word, &digits, &args.out, session)?));
    }
    session.note("  reloading the model and predicting again …");
    let (model, truth, scores) = reload(&args.out, &digits, session)?;
    let page = args.out.join("report.html");
    let took = start.elapsed().as_secs_f64();
    let shown = Shown { about: &about, outcomes: &outcomes, took };
    write(&page, &shown.page(&model, &truth, scores.view()))?;
    shown.answer(&args.out).print(session.json)
}

/// Runs one method in a process of its own.
fn run(word: &str, digits: &Path, out: &Path, session: &Session) -> Result<Outcome, Failure> {
    let lost = |e: &dyn std::fmt::Display| {
        Failure::resource(format!("the step {word} of the demo failed: {e}"))
    };
    let program = std::env::current_exe().map_err(|e| lost(&e))?;
    let mut command = Command::new(program);
    command
        .arg("demo-step")
        .arg(word)
        .arg(digits)
        .arg(out)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    command.args(session.flags());
    let output = wait(command.stdout(Stdio::piped()).spawn().map_err(|e| lost(&e))?)
        .map_err(|e| lost(&e))?;
    if !output.status.success() {
        return Err(Failure::of_process(
            output.status.code(),
            format!("the step {word} of the demo failed"),
        ));
    }
    let told: Value = serde_json::from_slice(&output.stdout).map_err(|e| lost(&e))?;
    let number =
        |key: &str| told[key].as_f64().ok_or_else(|| lost(&format!("it did not tell its {key}")));
    Ok(Outcome {
        accuracy: number("accuracy")?,
        seconds: number("seconds")?,
        peak_bytes: told["peak_bytes"].as_u64(),
    })
}

/// Waits for a process of our own, and stops it when this one is to stop.
fn wait(mut child: Child) -> std::io::Result<Output> {
    // It may have files that are not finished; it takes them with it.
    let _finish = interrupt::writing();
    while child.try_wait()?.is_none() {
        if CANCEL.is_cancelled() {
            interrupt::stop(&mut child);
            break;
        }
        std::thread::sleep(GLANCE);
    }
    // It says one line, which fits a pipe that nobody empties.
    child.wait_with_output()
}

/// Loads the model that the first method wrote, predicts, and insists on the same bits.
fn reload(
    out: &Path,
    digits: &Path,
    session: &Session,
) -> Result<(Model, Truth, ndarray::Array2<f64>), Failure> {
    let model = Model::load(out.join("model.safetensors"))?;
    let name = |array: &str| format!("{}:{array}", digits.display());
    let x = data::inputs(&name("x_test"))?;
    let x = as_rows(x, "x_test")?.into_matrix::<f32>("x_test")?;
    let scores = model.predict(x.view(), &session.run())?;
    let before =
        ArrayFile::open(out.join("scores.npy"))?.read()?.into_matrix::<f32>("scores.npy")?;
    if scores != before {
        return Err(Failure::numerical(
            "the reloaded model predicts otherwise than the one that was saved",
        ));
    }
    let truth = Truth::read(&model, &name("y_test"), scores.nrows(), "x_test", session)?;
    Ok((model, truth, scores.mapv(f64::from)))
}

/// What is told at the end.
struct Shown<'a> {
    about: &'a digits::About,
    outcomes: &'a [(&'static str, Outcome)],
    took: f64,
}

impl Shown<'_> {
    fn page(&self, model: &Model, truth: &Truth, scores: ArrayView2<f64>) -> report::Report {
        let what = format!("{} test rows", self.about.test);
        let mut page = with_predictions(of_model(model), model, truth, scores, &what);
        page.title = format!("{}: infinite networks against ridge on pixels", self.about);
        page.highlights.push((seconds(self.took), "for everything on this page".into()));
        page.comparison = self
            .outcomes
            .iter()
            .map(|(name, o)| report::Method {
                name: (*name).into(),
                accuracy: o.accuracy,
                seconds: o.seconds,
                peak_bytes: o.peak_bytes,
            })
            .collect();
        page
    }

    fn answer(&self, out: &Path) -> Answer {
        let methods: Vec<Value> = self
            .outcomes
            .iter()
            .map(|(name, o)| {
                json!({"method": name, "accuracy": o.accuracy, "seconds": o.seconds, "peak_bytes": o.peak_bytes})
            })
            .collect();
        let mut answer = Answer::new()
            .for_people(
                "method",
                format!("{:>9}  {:>12}  {:>12}", "accuracy", "time", "peak memory"),
            )
            .for_programs("data", self.about.to_string())
            .for_programs("methods", methods);
        for (name, o) in self.outcomes {
            let peak = o.peak_bytes.map_or("–".into(), bytes);
            let accuracy = format!("{:.2} %", 100.0 * o.accuracy);
            answer = answer
                .for_people(name, format!("{accuracy:>9}  {:>12}  {peak:>12}", seconds(o.seconds)));
        }
        let file = |name: &str| out.join(name).display().to_string();
        answer
            .with("model", file("model.safetensors"), file("model.safetensors"))
            .with("report", file("report.html"), file("report.html"))
            .for_people("reloaded", "predicts the same, bit for bit")
            .with("altogether", seconds(self.took), self.took)
            .for_programs("reloaded_equal", true)
    }
}
