//! `plan` and `kernel`.

use std::time::Instant;

use serde_json::{Value, json};
use widelimit::data::Array;
use widelimit::exact::{self, Plan, Want};
use widelimit::{Network, Run, Scalar, kernel_to_file};

use super::data;
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

/// Says what a kernel will cost; of the data only the shapes are read.
pub fn plan(args: &PlanArgs, session: &Session) -> Result<(), Failure> {
    let network = args.net.read()?;
    let shape = |text: &str| -> Result<(usize, usize), Failure> {
        let peek = widelimit::data::peek(&data::source(text)?)?;
        match peek.shape.split_first() {
            Some((rows, rest)) => Ok((*rows, rest.iter().product())),
            None => {
                Err(Failure::data(format!("{text} is a single number, not an array of inputs")))
            }
        }
    };
    let (rows, channels) = shape(&args.x1)?;
    let other = args.x2.as_deref().map(shape).transpose()?;
    if let Some((_, width)) = other.filter(|(_, width)| *width != channels) {
        return Err(Failure::data(format!(
            "{} has {channels} columns but the other inputs have {width}",
            args.x1
        )));
    }
    let dtype = if args.dtype == Dtype::F32 { 4 } else { 8 };
    let input = (rows + other.map_or(0, |o| o.0)) as u64 * channels as u64 * dtype;
    let run = Run { budget: session.less(input)?, ..session.run() };
    let options = run.options(want(args.get));
    let plan = match args.dtype {
        Dtype::F64 => exact::plan::<f64>(&network, rows, other.map(|o| o.0), channels, &options),
        Dtype::F32 => exact::plan::<f32>(&network, rows, other.map(|o| o.0), channels, &options),
    };
    let plan = plan.map_err(widelimit::Error::from)?;
    told(&plan, input).print(session.json)
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
    data::expect_ending(&args.out, ".npz")?;
    let network = args.net.read()?;
    let x1 = data::inputs(&args.x1)?;
    let x2 = args.x2.as_deref().map(data::inputs).transpose()?;
    match args.dtype {
        Dtype::F64 => compute::<f64>(args, &network, x1, x2, session),
        Dtype::F32 => compute::<f32>(args, &network, x1, x2, session),
    }
}

fn compute<T: Scalar>(
    args: &KernelArgs,
    network: &Network,
    x1: Array,
    x2: Option<Array>,
    session: &Session,
) -> Result<(), Failure> {
    let x1 = x1.into_matrix::<T>(&args.x1)?;
    let x2 = x2.map(|x2| x2.into_matrix::<T>("x2")).transpose()?;
    let entries = x1.len() + x2.as_ref().map_or(0, |x2| x2.len());
    let bar = session.bar("kernel");
    let report = |progress| bar.report(progress);
    let run = Run {
        budget: session.less((entries * size_of::<T>()) as u64)?,
        progress: Some(&report),
        ..session.run()
    };
    let start = Instant::now();
    let x2 = x2.as_ref().map(|x2| x2.view());
    let summary = {
        // Ctrl-C stops this call; it takes its temporary file with it.
        let _finish = interrupt::writing();
        kernel_to_file(network, x1.view(), x2, want(args.get), &args.out, &run)?
    };
    let took = start.elapsed().as_secs_f64();
    drop(bar);
    let columns = x2.map_or(x1.nrows(), |x2| x2.nrows());
    let mut answer = Answer::new()
        .with("shape", format!("{} x {columns}", x1.nrows()), json!([x1.nrows(), columns]))
        .with("seconds", seconds(took), took)
        .with("file", args.out.display().to_string(), args.out.display().to_string());
    if let Some(error) = summary.error {
        answer = answer.with("relative_error", format!("at most {error:.1e}"), error);
    }
    answer.print(session.json)
}
