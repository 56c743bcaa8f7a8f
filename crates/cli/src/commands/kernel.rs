//! `plan` and `kernel`.

use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};
use widelimit::arch::Shape;
use widelimit::data::Peek;
use widelimit::exact::{self, Plan, Want};
use widelimit::ndarray::Array2;
use widelimit::{Network, Run, Scalar, Shard, StoreSummary, kernel_to_file, kernel_to_store};

use super::{data, files};
use crate::answer::Answer;
use crate::args::{Dtype, Get, KernelArgs, PlanArgs};
use crate::failure::Failure;
use crate::interrupt;
use crate::session::Session;
use crate::text::{bytes, seconds};

fn want(get: Get) -> Want {
    match get {
        Get::Ntk => Want::NTK,
        Get::Nngp => Want::NNGP,
        Get::Both => Want::BOTH,
    }
}

/// Inputs of a job as far as their files tell without being read.
struct Inputs {
    rows: usize,
    other: Option<usize>,
    columns: usize,
    /// Bytes they take while the kernel is computed.
    held: u64,
    /// Bytes they take at most while they are read and converted.
    reading: u64,
}

impl Inputs {
    fn look(x1: &str, x2: Option<&str>, dtype: Dtype) -> Result<Self, Failure> {
        let element = if dtype == Dtype::F32 { 4 } else { 8 };
        let look = |text: &str| -> Result<(usize, usize, Peek), Failure> {
            let peek = widelimit::data::peek(&data::source(text)?)?;
            let Some((rows, rest)) = peek.shape.split_first() else {
                let message = format!("{text} is a single number, not an array of inputs");
                return Err(Failure::data(message));
            };
            Ok((*rows, rest.iter().product(), peek))
        };
        let (rows, columns, first) = look(x1)?;
        let other = x2.map(look).transpose()?;
        if let Some((_, width, _)) = other.as_ref().filter(|(_, width, _)| *width != columns) {
            return Err(Failure::data(format!(
                "{x1} has {columns} columns but the other inputs have {width}"
            )));
        }
        let held = |rows: usize| (rows as u64 * element).saturating_mul(columns as u64);
        // An array of another precision is there twice while it is converted.
        let converting = |rows, peek: &Peek| {
            let converted = held(rows);
            let copy = if peek.bytes == converted { 0 } else { converted };
            peek.reading.max(peek.bytes.saturating_add(copy))
        };
        let later = other.as_ref().map_or(0, |(n, _, peek)| held(rows) + converting(*n, peek));
        Ok(Self {
            rows,
            other: other.as_ref().map(|(rows, ..)| *rows),
            columns,
            held: held(rows) + other.map_or(0, |(rows, ..)| held(rows)),
            reading: converting(rows, &first).max(later),
        })
    }

    /// The plan of a kernel of these inputs; what does not fit the memory limit is refused.
    fn plan(
        &self,
        network: &Network,
        get: Get,
        dtype: Dtype,
        session: &Session,
    ) -> Result<Plan, Failure> {
        session.less(self.reading)?;
        let run = Run { budget: session.less(self.held)?, ..session.run() };
        let options = run.options(want(get));
        let &Self { rows, other, columns, .. } = self;
        let plan = match dtype {
            Dtype::F64 => {
                exact::plan::<f64>(network, rows, other, &Shape::vector(columns), &options)
            }
            Dtype::F32 => {
                exact::plan::<f32>(network, rows, other, &Shape::vector(columns), &options)
            }
        };
        plan.map_err(|error| session.explain(error.into(), self.held))
    }
}

/// Says what a kernel will cost; of the data only the shapes are read.
pub fn plan(args: &PlanArgs, session: &Session) -> Result<(), Failure> {
    let network = args.net.read()?;
    let inputs = Inputs::look(&args.x1, args.x2.as_deref(), args.dtype)?;
    let plan = inputs.plan(&network, args.get, args.dtype, session)?;
    told(&plan, inputs.held).print(session.json)
}

fn told(plan: &Plan, inputs: u64) -> Answer {
    let way = if plan.streams {
        "to disk as it is computed, for the memory limit"
    } else {
        "fits into memory"
    };
    let mut answer = Answer::new()
        .for_people(
            "result",
            format!("{} x {}, {}", plan.rows, plan.columns, bytes(plan.result_bytes)),
        )
        .for_people("scratch", bytes(plan.scratch_bytes))
        .for_people("inputs", bytes(inputs))
        .for_people("result goes", way)
        .for_people("work", format!("{:.3e} flops in {} tiles", plan.flops, plan.tiles))
        .for_people("expected time", seconds(plan.seconds))
        .for_people("engine", plan.engine)
        .for_programs("input_bytes", inputs);
    if let Ok(Value::Object(fields)) = serde_json::to_value(plan) {
        for (key, value) in fields {
            answer = answer.for_programs(&key, value);
        }
    }
    answer
}

/// Computes a kernel into a file, tile by tile: the result is never held in memory.
pub fn kernel(args: &KernelArgs, session: &Session) -> Result<(), Failure> {
    let target = Target::of(args)?;
    if let Target::File = target {
        let sources = [Some(&args.x1), args.x2.as_ref()].into_iter().flatten();
        let sources = sources.map(|text| data::source(text)).collect::<Result<Vec<_>, _>>()?;
        let inputs: Vec<&Path> = sources.iter().map(|source| source.path()).collect();
        files::ready(&[&args.out], &inputs)?;
    }
    let network = args.net.read()?;
    // Refused before anything is read.
    let inputs = Inputs::look(&args.x1, args.x2.as_deref(), args.dtype)?;
    inputs.plan(&network, args.get, args.dtype, session)?;
    match args.dtype {
        Dtype::F64 => compute::<f64>(args, target, &network, session),
        Dtype::F32 => compute::<f32>(args, target, &network, session),
    }
}

/// Where a kernel goes.
#[derive(Clone, Copy)]
enum Target {
    /// A file that appears when it is complete.
    File,
    /// A store, of which this call computes a part.
    Store(Shard),
}

impl Target {
    fn of(args: &KernelArgs) -> Result<Self, Failure> {
        let out = args.out.display();
        if data::expect_ending(&args.out, ".store").is_err() {
            data::expect_ending(&args.out, ".npz").map_err(|_| {
                Failure::usage(format!("{out}: a name ending in .npz or .store is expected"))
            })?;
            for (flag, given) in [("--resume", args.resume), ("--shard", args.shard.is_some())] {
                if given {
                    return Err(Failure::usage(format!(
                        "{flag} needs a store that can be continued: --out with a name ending in \
                         .store, got {out}"
                    )));
                }
            }
            return Ok(Self::File);
        }
        if args.out.exists() && !args.resume && args.shard.is_none() {
            return Err(Failure::usage(format!("{out} is there already; --resume continues it")));
        }
        Ok(Self::Store(args.shard.unwrap_or(Shard::WHOLE)))
    }
}

/// Reads inputs in the precision asked for.
fn read<T: Scalar>(text: &str) -> Result<Array2<T>, Failure> {
    Ok(data::inputs(text)?.into_matrix::<T>(text)?)
}

fn compute<T: Scalar>(
    args: &KernelArgs,
    target: Target,
    network: &Network,
    session: &Session,
) -> Result<(), Failure> {
    let x1 = read::<T>(&args.x1)?;
    let x2 = args.x2.as_deref().map(read::<T>).transpose()?;
    let held = ((x1.len() + x2.as_ref().map_or(0, |x2| x2.len())) * size_of::<T>()) as u64;
    let bar = session.bar("kernel");
    let report = |progress| bar.report(progress);
    let run = Run { budget: session.less(held)?, progress: Some(&report), ..session.run() };
    let start = Instant::now();
    let x2 = x2.as_ref().map(|x2| x2.view());
    let (x1, want, out) = (x1.view(), want(args.get), args.out.as_path());
    let explain = |error| session.explain(error, held);
    let mut answer = Answer::new();
    let summary = {
        // Ctrl-C stops this call; it takes its temporary file with it, or leaves a store in order.
        let _finish = interrupt::writing();
        match target {
            Target::File => kernel_to_file(network, x1, x2, want, out, &run).map_err(explain)?,
            Target::Store(shard) => {
                let done = kernel_to_store(network, x1, x2, want, (out, shard), &run);
                let done = done.map_err(explain)?;
                answer = store_answer(answer, &done);
                done.summary
            }
        }
    };
    let took = start.elapsed().as_secs_f64();
    drop(bar);
    let columns = x2.map_or(x1.nrows(), |x2| x2.nrows());
    let mut answer = answer
        .with("shape", format!("{} x {columns}", x1.nrows()), json!([x1.nrows(), columns]))
        .with("seconds", seconds(took), took)
        .with("file", args.out.display().to_string(), args.out.display().to_string());
    if let Some(error) = summary.error {
        answer = answer.with("relative_error", format!("at most {error:.1e}"), error);
    }
    answer.print(session.json)
}

fn store_answer(answer: Answer, done: &StoreSummary) -> Answer {
    let state = if done.complete {
        "complete"
    } else {
        "tiles are missing; other shards, or --resume, compute them"
    };
    answer
        .with("tiles", format!("{}, {} found", done.tiles, done.found), done.tiles)
        .for_programs("tiles_found", done.found)
        .with("store", state, done.complete)
}
