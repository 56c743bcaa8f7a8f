//! `fit --sample`: rows pass by in blocks.

use std::path::Path;
use std::time::{Duration, Instant};

use widelimit::data::Targets;
use widelimit::exact::Progress;
use widelimit::{Network, Run, Scalar, Settings, StreamedFit};

use super::blocks::Blocks;
use super::fit::{for_task, written};
use super::{data, inputs};
use crate::args::FitArgs;
use crate::failure::Failure;
use crate::interrupt;
use crate::session::Session;

/// Time between two states that are written.
const PAUSE: Duration = Duration::from_secs(60);

/// Fits a model on features of rows that are never in memory together, and writes it.
pub fn fit(
    args: &FitArgs,
    sample: usize,
    (network, settings): (&Network, &Settings),
    session: &Session,
) -> Result<(), Failure> {
    let blocks = Blocks::at(&args.x, Some(&args.y))?;
    let held = data::target_bytes(&args.y)?
        .saturating_add(blocks.bytes())
        .saturating_add(blocks.bytes_of(sample.min(blocks.rows())));
    session.less(held)?;
    let targets = for_task(data::targets(&args.y)?, &args.y, args.task, session)?;
    data::expect_rows(&args.x, blocks.rows(), &args.y, targets.rows())?;
    blocks.check()?;
    let job = Job { args, sample, network, settings, blocks: &blocks, targets: &targets, held };
    match blocks.single {
        true => job.run::<f32>(session),
        false => job.run::<f64>(session),
    }
}

/// What is fitted to what.
struct Job<'a> {
    args: &'a FitArgs,
    sample: usize,
    network: &'a Network,
    settings: &'a Settings,
    blocks: &'a Blocks,
    targets: &'a Targets,
    /// Bytes of the data that are in memory.
    held: u64,
}

impl Job<'_> {
    fn run<T: Scalar>(&self, session: &Session) -> Result<(), Failure> {
        let Self { args, targets, held, .. } = *self;
        let start = Instant::now();
        let run = &Run { budget: session.less(held)?, ..session.run() };
        let explain = |error| session.explain(error, held);
        let state = args.state.as_deref();
        let mut fit = self.begin::<T>(state, run, session)?;
        let bar = session.bar("rows");
        let total = targets.rows();
        let (mut saved, mut then) = (fit.rows(), Instant::now());
        let passed = self.blocks.each(fit.rows(), |block| {
            let block = inputs::for_network(block, self.network, &args.x)?.into_elements::<T>();
            fit.take(block.view(), run).map_err(explain)?;
            bar.report(Progress {
                done_tiles: fit.rows(),
                total_tiles: total,
                done_entries: fit.rows() as u64,
                total_entries: total as u64,
            });
            if let Some(state) = state
                && then.elapsed() > PAUSE
            {
                keep(&fit, state)?;
                (saved, then) = (fit.rows(), Instant::now());
            }
            Ok(())
        });
        // Kept before the system is solved, and whatever ended the rows.
        if let Some(state) = state
            && fit.rows() > saved
        {
            keep(&fit, state)?;
        }
        passed?;
        let model = fit.finish(run).map_err(explain)?;
        drop(bar);
        written(args, &model, start, session)?;
        if let Some(state) = state {
            // The model has all that it was kept for.
            let _ = std::fs::remove_file(state);
        }
        Ok(())
    }

    /// Begins, or goes on from the state where there is one.
    fn begin<T: Scalar>(
        &self,
        state: Option<&Path>,
        run: &Run<'_>,
        session: &Session,
    ) -> Result<StreamedFit<'_, T>, Failure> {
        let Self { args, sample, network, settings, targets, .. } = *self;
        let x = self.blocks.sample(sample, settings.features.seed)?;
        let x = inputs::for_network(x, network, &args.x)?.into_elements::<T>();
        let begun = match state.filter(|state| state.exists()) {
            None => StreamedFit::begin(network, x.view(), targets, settings, run),
            Some(state) => StreamedFit::resume(state, network, x.view(), targets, settings, run),
        };
        let fit = begun.map_err(|error| session.explain(error, self.held))?;
        if fit.rows() > 0 {
            session.note(&format!("goes on after {} of {} rows", fit.rows(), targets.rows()));
        }
        Ok(fit)
    }
}

fn keep<T: Scalar>(fit: &StreamedFit<'_, T>, state: &Path) -> Result<(), Failure> {
    let _finish = interrupt::writing();
    Ok(fit.save(state)?)
}
