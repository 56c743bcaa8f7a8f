//! `graph`: plans and kernels.

use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};
use widelimit::Run;
use widelimit::data::{Array, check_room, write_npz};
use widelimit::graph::wl::{WlKind, WlParams};
use widelimit::graph::{Gntk, Method, NodeSketch, Precision, Repair, Report, Scale};
use widelimit::graphs::{self, Family, GraphKernel};

use super::graph_set::GraphSet;
use super::kernel::Target;
use super::{files, graph_features, graph_model, stores};
use crate::answer::Answer;
use crate::args::{
    Dtype, GntkArgs, GraphCommand, GraphFamily, GraphKernelArgs, GraphMethod, GraphPlanArgs,
    GraphRepair, GraphScale, RecipeArgs,
};
use crate::failure::Failure;
use crate::interrupt;
use crate::session::Session;
use crate::text::{bytes, seconds};

/// What is to be done with graphs.
pub fn graph(command: &GraphCommand, session: &Session) -> Result<(), Failure> {
    match command {
        GraphCommand::Plan(args) => plan(args, session),
        GraphCommand::Kernel(args) => kernel(args, session),
        GraphCommand::Features(args) => graph_features::features(args, session),
        GraphCommand::Fit(args) => graph_model::fit(args, session),
        GraphCommand::Predict(args) => graph_model::predict(args, session),
    }
}

/// The kernel that arguments mean.
pub fn gntk(args: &GntkArgs) -> Result<Gntk, Failure> {
    Ok(Gntk {
        layers: args.layers,
        mlp: args.mlp,
        jumping_knowledge: args.jk,
        scale: match args.scale {
            GraphScale::Degree => Scale::Degree,
            GraphScale::Uniform => Scale::Uniform,
        },
        activation: graphs::activation(&args.activation)?,
        method: Method::Decoupled,
        precision: match args.dtype {
            Dtype::F64 => Precision::Double,
            Dtype::F32 => Precision::Single,
        },
    })
}

/// The kernel that arguments mean, by an exact method.
pub fn recipe(args: &RecipeArgs, normalise: bool) -> Result<GraphKernel, Failure> {
    let kind = match args.kernel {
        GraphFamily::Gntk => return Ok(GraphKernel { normalise, ..gntk(&args.gntk)?.into() }),
        GraphFamily::WlSubtree => WlKind::Subtree,
        GraphFamily::WlOa => WlKind::OptimalAssignment,
        GraphFamily::WlSp => WlKind::ShortestPath,
        GraphFamily::WlEdges => WlKind::Edges,
    };
    let params = WlParams { kind, rounds: args.rounds, ..WlParams::default() };
    Ok(GraphKernel { normalise, ..params.into() })
}

/// Reads the graphs of the rows and, where they are others, those of the columns.
fn sides(
    one: &Path,
    two: Option<&Path>,
    directed: bool,
) -> Result<(GraphSet, Option<GraphSet>), Failure> {
    let read = |path| GraphSet::read(path, directed);
    Ok((read(one)?, two.map(read).transpose()?))
}

fn plan(args: &GraphPlanArgs, session: &Session) -> Result<(), Failure> {
    let gntk = gntk(&args.gntk)?;
    let (one, two) = sides(&args.graphs, args.graphs2.as_deref(), args.directed)?;
    let others = two.as_ref().map(|set| &set.graphs);
    let plan = graphs::plan(&gntk, &one.graphs, others, &session.run())?;
    let mut answer = Answer::new()
        .for_people(
            "result",
            format!("{} x {}, {}", plan.rows, plan.columns, bytes(plan.result_bytes)),
        )
        .for_people("scratch", bytes(plan.scratch_bytes))
        .for_people("pairs of graphs", plan.pairs.to_string())
        .for_people("pairs of nodes", format!("{:.3e} through activations", plan.activations))
        .for_people("work", format!("{:.3e} flops at most", plan.flops));
    if let Ok(Value::Object(fields)) = serde_json::to_value(plan) {
        for (key, value) in fields {
            answer = answer.for_programs(&key, value);
        }
    }
    answer.print(session.json)
}

fn kernel(args: &GraphKernelArgs, session: &Session) -> Result<(), Failure> {
    let target = Target::of(&args.out, args.resume, args.shard)?;
    let (size, seed) = (args.sketch_size, session.seed.unwrap_or(0));
    let repair = match args.repair {
        GraphRepair::Ridge => Repair::Ridge,
        GraphRepair::Clip => Repair::Clip,
        GraphRepair::None => Repair::None,
    };
    let tolerance = args.tolerance;
    if tolerance.is_nan() || tolerance < 0.0 {
        return Err(Failure::usage(format!("--tolerance: expected at least 0, got {tolerance}")));
    }
    let sketch = NodeSketch { size, seed, repair, tolerance, ..NodeSketch::default() };
    let method = match args.method {
        GraphMethod::Exact => Method::Decoupled,
        GraphMethod::Auto => Method::Auto(sketch),
        GraphMethod::Sketched => Method::Sketched(sketch),
        GraphMethod::Vectorised => Method::Vectorised,
    };
    if let (Target::Store(_), GraphMethod::Sketched) = (target, args.method) {
        return Err(Failure::usage(
            "--method sketched goes to an .npz file: the tiles of a store are exact",
        ));
    }
    let mut recipe = recipe(&args.recipe, args.normalise)?;
    let mut single = false;
    if let Family::Gntk(gntk) = &mut recipe.family {
        (gntk.method, single) = (method.clone(), gntk.precision == Precision::Single);
    }
    if let Target::File = target {
        let read: Vec<&Path> =
            [Some(args.graphs.as_path()), args.graphs2.as_deref()].into_iter().flatten().collect();
        files::ready(&[&args.out], &read)?;
    }
    let (one, two) = sides(&args.graphs, args.graphs2.as_deref(), args.directed)?;
    let others = two.as_ref().map(|set| &set.graphs);
    let bar = session.bar("kernel");
    let report = |progress| bar.report(progress);
    let run = Run { progress: Some(&report), ..session.run() };
    let start = Instant::now();
    let mut answer = Answer::new();
    match target {
        Target::Store(shard) => {
            // Ctrl-C stops this call, which leaves the store in order.
            let _finish = interrupt::writing();
            let to = (args.out.as_path(), shard);
            let state = graphs::kernel_to_store(&recipe, &one.graphs, others, to, &run)?;
            answer = stores::state(answer, &state, "found");
        }
        Target::File => {
            let entries = one.graphs.len() * others.map_or(one.graphs.len(), |set| set.len());
            check_room(&args.out, (entries * if single { 4 } else { 8 }) as u64)?;
            let values = match &recipe.family {
                Family::Gntk(gntk) if matches!(method, Method::Sketched(_) | Method::Auto(_)) => {
                    let (values, report) = graphs::kernel_with_report(
                        gntk,
                        args.normalise,
                        &one.graphs,
                        others,
                        &run,
                    )?;
                    answer = told(answer, &report);
                    values
                }
                _ => graphs::kernel(&recipe, &one.graphs, others, &run)?,
            };
            let array = match single {
                false => Array::F64(values.into_dyn()),
                true => {
                    let layers = args.recipe.gntk.layers;
                    Array::F32(graphs::narrow::<f32>(&values, (0, layers))?.into_dyn())
                }
            };
            let _finish = interrupt::writing();
            write_npz(&args.out, &[("kernel", &array)])?;
        }
    }
    let took = start.elapsed().as_secs_f64();
    drop(bar);
    let shape = [one.graphs.len(), others.map_or(one.graphs.len(), |others| others.len())];
    let out = args.out.display().to_string();
    answer
        .with("shape", format!("{} x {}", shape[0], shape[1]), json!(shape))
        .with("seconds", seconds(took), took)
        .with("file", out.clone(), out)
        .print(session.json)
}

/// What was sketched, and how far off it may be.
fn told(answer: Answer, report: &Report) -> Answer {
    let pairs = report.exact_pairs + report.sketched_pairs;
    let count = report.sketched_pairs;
    let mut answer = answer.with("sketched_pairs", format!("{count} of {pairs}"), count);
    if let Some(error) = report.relative_error {
        answer =
            answer.with("relative_error", format!("about {error:.1e} of sketched ones"), error);
    }
    if let Some(least) = report.smallest_eigenvalue {
        let done = format!("{least:.3e}, {:.3e} was added to the diagonal", report.ridge);
        answer =
            answer.with("smallest_eigenvalue", done, least).for_programs("ridge", report.ridge);
    }
    answer
}
