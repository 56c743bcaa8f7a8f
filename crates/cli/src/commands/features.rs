//! `features`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};
use widelimit::arch::Shape;
use widelimit::features::{FeatureFile, Features};
use widelimit::{Certificate, Quantity, Run, Scalar};

use super::blocks::Blocks;
use super::{data, files, inputs};
use crate::answer::Answer;
use crate::args::{FeaturesArgs, NetArg};
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
    let ready = Ready::new(args, session)?;
    let blocks = Blocks::at(&args.x, None)?;
    // A map is fitted to all rows, unless to some of them.
    let learnt = match (&ready, args.sample) {
        (Ready::Map(_), _) => 0,
        (Ready::Network(..), Some(sample)) => sample.min(blocks.rows()),
        (Ready::Network(..), None) => blocks.rows(),
    };
    if learnt == blocks.rows() {
        data::expect_room(&args.x, None, 0, session)?;
    }
    let job = Job { args, blocks: &blocks, learnt };
    match blocks.single {
        true => job.run::<f32>(ready, session),
        false => job.run::<f64>(ready, session),
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

/// Which rows are mapped, and how many of them a map is fitted to.
struct Job<'a> {
    args: &'a FeaturesArgs,
    blocks: &'a Blocks,
    learnt: usize,
}

impl Job<'_> {
    fn run<T: Scalar>(&self, ready: Ready, session: &Session) -> Result<(), Failure> {
        let Self { args, blocks, learnt } = *self;
        let kept = blocks.bytes().max(blocks.bytes_of(learnt));
        let explain = |error| session.explain(error, kept);
        let means = Run { budget: session.less(kept)?, ..session.run() };
        let start = Instant::now();
        let features = match ready {
            Ready::Map(features) => *features,
            Ready::Network(network, settings) => {
                let quantity = args.get.into();
                let x = match learnt == blocks.rows() {
                    true => data::inputs(&args.x)?,
                    false => {
                        blocks.check()?;
                        blocks.sample(learnt, settings.seed)?
                    }
                };
                let x = inputs::for_network(x, &network, &args.x)?.into_elements::<T>();
                let settings = settings.for_sample(learnt, blocks.rows());
                Features::fit(&network, x.view(), quantity, &settings, &means).map_err(explain)?
            }
        };
        self.write::<T>(&features, &means, session, explain)?;
        let took = start.elapsed().as_secs_f64();
        let (rows, dim) = (blocks.rows(), features.dim());
        let kernel = if features.quantity() == Quantity::Ntk { "ntk" } else { "nngp" };
        let file = args.out.display().to_string();
        told(Answer::new().with("kernel", kernel, kernel), &features)
            .with("shape", format!("{rows} x {dim}"), json!([rows, dim]))
            .with("seconds", seconds(took), took)
            .with("file", file.clone(), file)
            .print(session.json)
    }

    /// Writes the features and, where it is wanted, the map.
    fn write<T: Scalar>(
        &self,
        features: &Features,
        means: &Run<'_>,
        session: &Session,
        explain: impl Fn(widelimit::Error) -> Failure,
    ) -> Result<(), Failure> {
        let Self { args, blocks, .. } = *self;
        let bar = session.bar("features");
        let report = |progress| bar.report(progress);
        // Ctrl-C stops this call, which takes its temporary file with it.
        let _finish = interrupt::writing();
        let means = Run { progress: Some(&report), ..means.clone() };
        let mut file = FeatureFile::create(features, &args.out, blocks.rows()).map_err(&explain)?;
        blocks.each(0, |block| {
            let (x, got) = inputs::of_shape(block, features.input(), &args.x)?;
            expect_input(features.input(), &got, &args.x)?;
            file.write(x.into_elements::<T>().view(), &means).map_err(&explain)
        })?;
        file.finish().map_err(&explain)?;
        match &args.save_map {
            Some(map) => Ok(features.save(map)?),
            None => Ok(()),
        }
    }
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
