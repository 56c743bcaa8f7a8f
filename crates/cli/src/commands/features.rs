//! `features`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use ndarray::ArrayD;
use serde_json::{Value, json};
use widelimit::arch::Shape;
use widelimit::data::Array;
use widelimit::features::Features;
use widelimit::{Certificate, Quantity, Run, Scalar};

use super::{data, files, inputs};
use crate::answer::Answer;
use crate::args::{FeaturesArgs, NetArg, One};
use crate::failure::Failure;
use crate::interrupt;
use crate::session::Session;
use crate::text::seconds;

/// Fits a map, or reads one, and writes features a block of rows at a time.
pub fn features(args: &FeaturesArgs, session: &Session) -> Result<(), Failure> {
    data::expect_ending(&args.out, ".npy")?;
    let x = data::source(&args.x)?;
    let read = [Some(x.path()), args.map.as_deref(), args.net.as_ref().and_then(NetArg::file)];
    let outputs = [Some(&args.out), args.save_map.as_ref()];
    let outputs: Vec<&Path> = outputs.into_iter().flatten().map(PathBuf::as_path).collect();
    files::ready(&outputs, &read.into_iter().flatten().collect::<Vec<_>>())?;
    data::expect_room(&args.x, None, 0, session)?;
    let ready = Ready::new(args, session)?;
    let x = data::inputs(&args.x)?;
    match ready.reshaped(x, &args.x)? {
        Array::F32(x) => run(args, ready, x, session),
        Array::F64(x) => run(args, ready, x, session),
    }
}

/// What is known before the inputs are read.
enum Ready {
    Network(widelimit::Network, widelimit::features::FeatureSettings),
    Map(Box<Features>),
}

impl Ready {
    fn new(args: &FeaturesArgs, session: &Session) -> Result<Self, Failure> {
        match (&args.map, &args.net) {
            (Some(map), _) => Ok(Self::Map(Box::new(Features::load(map)?))),
            (None, Some(net)) => {
                Ok(Self::Network(net.read()?, args.approximation.settings(session.seed)?))
            }
            (None, None) => Err(Failure::usage("expected --net or --map")),
        }
    }

    fn reshaped(&self, x: Array, what: &str) -> Result<Array, Failure> {
        match self {
            Self::Network(network, _) => inputs::for_network(x, network, what),
            Self::Map(features) => {
                let (x, got) = inputs::of_shape(x, features.input(), what)?;
                expect_input(features.input(), &got, what).map(|()| x)
            }
        }
    }
}

/// Insists on inputs of the shape that a map was fitted on.
fn expect_input(expected: &Shape, got: &Shape, what: &str) -> Result<(), Failure> {
    if got == expected {
        return Ok(());
    }
    Err(Failure::data(format!(
        "{what} has inputs of the shape {got} but the map was fitted on {expected}"
    )))
}

fn run<T: Scalar>(
    args: &FeaturesArgs,
    ready: Ready,
    x: ArrayD<T>,
    session: &Session,
) -> Result<(), Failure> {
    let kept = (x.len() * size_of::<T>()) as u64;
    let explain = |error| session.explain(error, kept);
    let means = Run { budget: session.less(kept)?, ..session.run() };
    let start = Instant::now();
    let features = match ready {
        Ready::Map(features) => *features,
        Ready::Network(network, settings) => {
            let quantity = match args.get {
                One::Ntk => Quantity::Ntk,
                One::Nngp => Quantity::Nngp,
            };
            Features::fit(&network, x.view(), quantity, &settings, &means).map_err(explain)?
        }
    };
    let bar = session.bar("features");
    let report = |progress| bar.report(progress);
    {
        // Ctrl-C stops this call, which takes its temporary file with it.
        let _finish = interrupt::writing();
        let means = Run { progress: Some(&report), ..means };
        features.to_file(x.view(), &args.out, &means).map_err(explain)?;
        if let Some(map) = &args.save_map {
            features.save(map)?;
        }
    }
    let took = start.elapsed().as_secs_f64();
    drop(bar);
    let (rows, dim) = (x.shape()[0], features.dim());
    let kernel = if features.quantity() == Quantity::Ntk { "ntk" } else { "nngp" };
    let file = args.out.display().to_string();
    told(Answer::new().with("kernel", kernel, kernel), &features)
        .with("shape", format!("{rows} x {dim}"), json!([rows, dim]))
        .with("seconds", seconds(took), took)
        .with("file", file.clone(), file)
        .print(session.json)
}

/// Adds what features know of themselves.
pub fn told(answer: Answer, features: &Features) -> Answer {
    let method = features.method().to_string();
    let mut answer =
        answer.with("method", method.clone(), method).for_programs("dim", features.dim());
    for candidate in features.trial() {
        let tried = match &candidate.error {
            Ok(error) => format!(
                "error {error:.4} with {} features, {} for 1000 rows",
                candidate.dim,
                seconds(candidate.seconds_per_thousand)
            ),
            Err(reason) => format!("not taken: {reason}"),
        };
        answer = answer.for_people(&format!("tried {}", candidate.method.name()), tried);
    }
    let trial = features.trial().iter().map(|candidate| {
        json!({
            "method": candidate.method.name(),
            "dim": candidate.dim,
            "error": candidate.error.as_ref().ok(),
            "refused": candidate.error.as_ref().err(),
            "seconds_per_thousand": candidate.seconds_per_thousand,
        })
    });
    answer = answer.for_programs("trial", trial.collect::<Vec<Value>>());
    certified(answer, features.certificate())
}

/// Adds how far features are from their kernel.
pub fn certified(answer: Answer, certificate: Option<&Certificate>) -> Answer {
    let Some(certificate) = certificate else { return answer };
    let (sample, population) = (certificate.sample, certificate.population);
    let between = |(low, high): (f64, f64)| format!("{low:.4} to {high:.4}");
    let error = format!(
        "{:.4} of the kernel's norm ({}), from {sample} of {population} inputs",
        certificate.error,
        between(certificate.interval)
    );
    let spectral = format!(
        "{:.4} ({}) at a ridge of a thousandth of the trace",
        certificate.spectral_error,
        between(certificate.spectral_interval)
    );
    answer
        .with("kernel_error", error, certificate.error)
        .for_programs("kernel_error_interval", json!(certificate.interval))
        .with("spectral_error", spectral, certificate.spectral_error)
        .for_programs("spectral_error_interval", json!(certificate.spectral_interval))
        .for_programs("effective_dimension", certificate.effective_dimension)
        .for_programs("certified_rows", certificate.sample)
}
