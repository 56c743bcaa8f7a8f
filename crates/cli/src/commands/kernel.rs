//! `kernel`.

use std::path::Path;
use std::time::Instant;

use serde_json::json;
use widelimit::exact::{self, Plan, Want};
use widelimit::{Network, Run, Scalar, Shard, Wanted, kernel_to_file, kernel_to_store};

use super::inputs::{Looked, Set};
use super::{data, files, stores};
use crate::answer::Answer;
use crate::args::{Dtype, Get, KernelArgs, KernelCommand, Spatial, StoreCommand, TargetArgs};
use crate::failure::Failure;
use crate::interrupt;
use crate::session::Session;
use crate::text::seconds;

/// The kernels that an argument names.
pub fn want(get: Get) -> Want {
    match get {
        Get::Ntk => Want::NTK,
        Get::Nngp => Want::NNGP,
        Get::Both => Want::BOTH,
    }
}

/// The pairs of positions that an argument names.
pub fn spatial(spatial: Spatial) -> exact::Spatial {
    match spatial {
        Spatial::Full => exact::Spatial::Full,
        Spatial::Diagonal => exact::Spatial::Diagonal,
    }
}

/// Axes of the arrays of a kernel.
pub fn shape(plan: &Plan) -> Vec<usize> {
    [&[plan.rows, plan.columns], plan.entry.as_slice()].concat()
}

pub fn sizes(shape: &[usize]) -> String {
    shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ")
}

/// A kernel to compute, or stores to join or export.
pub fn kernel(command: &KernelCommand, session: &Session) -> Result<(), Failure> {
    match (&command.with_stores, &command.kernel, &command.target) {
        (Some(StoreCommand::Merge(args)), ..) => stores::merge(args, session),
        (Some(StoreCommand::Export(args)), ..) => stores::export(args, session),
        (None, Some(kernel), Some(target)) => job(kernel, target, session),
        (None, ..) => Err(Failure::usage("expected --net, --x1 and --out, or `merge` or `export`")),
    }
}

/// Computes a kernel into a file, tile by tile: the result is never held in memory.
fn job(kernel: &KernelArgs, target: &TargetArgs, session: &Session) -> Result<(), Failure> {
    let (target, out) = (Target::of(target)?, target.out.as_path());
    if let Target::File = target {
        let sources = kernel.sources().map(data::source).collect::<Result<Vec<_>, _>>()?;
        let inputs: Vec<&Path> = sources.iter().map(|source| source.path()).collect();
        files::ready(&[out], &inputs)?;
    }
    let network = kernel.net.read()?;
    // Refused before anything is read.
    Looked::at(kernel, &network)?.plan(&network, kernel, session)?;
    match kernel.dtype {
        Dtype::F64 => compute::<f64>(kernel, (out, target), &network, session),
        Dtype::F32 => compute::<f32>(kernel, (out, target), &network, session),
    }
}

/// Where a kernel goes.
#[derive(Clone, Copy)]
pub enum Target {
    /// A file that appears when it is complete.
    File,
    /// A store, of which this call computes a part.
    Store(Shard),
}

impl Target {
    /// What the arguments say.
    pub fn of(args: &TargetArgs) -> Result<Self, Failure> {
        let TargetArgs { out: path, resume, shard } = args;
        let out = path.display();
        if data::expect_ending(path, ".store").is_err() {
            data::expect_ending(path, ".npz").map_err(|_| {
                Failure::usage(format!("{out}: a name ending in .npz or .store is expected"))
            })?;
            for (flag, given) in [("--resume", *resume), ("--shard", shard.is_some())] {
                if given {
                    return Err(Failure::usage(format!(
                        "{flag} needs a store that can be continued: --out with a name ending in \
                         .store, got {out}"
                    )));
                }
            }
            return Ok(Self::File);
        }
        if path.exists() && !resume && shard.is_none() {
            return Err(Failure::usage(format!("{out} is there already; --resume continues it")));
        }
        Ok(Self::Store(shard.unwrap_or(Shard::WHOLE)))
    }
}

fn compute<T: Scalar>(
    args: &KernelArgs,
    (out, target): (&Path, Target),
    network: &Network,
    session: &Session,
) -> Result<(), Failure> {
    let sets = args.read::<T>(network)?;
    let numbers = |(x, adjacency): &Set<T>| x.len() + adjacency.as_ref().map_or(0, |a| a.len());
    let held = (sets.iter().map(numbers).sum::<usize>() * size_of::<T>()) as u64;
    let bar = session.bar("kernel");
    let report = |progress| bar.report(progress);
    let run = Run { budget: session.less(held)?, progress: Some(&report), ..session.run() };
    let start = Instant::now();
    let mut inputs = sets.iter().map(|(x, adjacency)| {
        let inputs = exact::Inputs::new(x.view());
        adjacency.as_ref().map_or(inputs.clone(), |a| inputs.with_adjacency(a.view()))
    });
    // The first set is always there.
    let Some(x1) = inputs.next() else { return Ok(()) };
    let x2 = inputs.next();
    let wanted = Wanted { kernels: want(args.get), spatial: spatial(args.spatial) };
    let explain = |error| session.explain(error, held);
    let mut answer = Answer::new();
    let summary = {
        // Ctrl-C stops this call; it takes its temporary file with it, or leaves a store in order.
        let _finish = interrupt::writing();
        match target {
            Target::File => kernel_to_file(network, x1, x2, wanted, out, &run).map_err(explain)?,
            Target::Store(shard) => {
                let done = kernel_to_store(network, x1, x2, wanted, (out, shard), &run);
                let done = done.map_err(explain)?;
                answer = stores::state(answer, &done.store, "found");
                done.summary
            }
        }
    };
    let took = start.elapsed().as_secs_f64();
    drop(bar);
    let shape = shape(&summary.plan);
    let mut answer = answer
        .with("shape", sizes(&shape), json!(shape))
        .with("seconds", seconds(took), took)
        .with("file", out.display().to_string(), out.display().to_string());
    if let Some(error) = summary.error {
        answer = answer.with("relative_error", format!("at most {error:.1e}"), error);
    }
    answer.print(session.json)
}
