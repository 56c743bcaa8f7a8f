//! `graph`: plans and kernels.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};
use widelimit::Run;
use widelimit::data::{Array, check_room, write_npz};
use widelimit::graph::wl::{WlKind, WlParams};
use widelimit::graph::{Gntk, Graphs, Method, NodeSketch, Precision, Repair, Report, Scale};
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
    let usual = Gntk::default();
    Ok(Gntk {
        layers: args.layers.unwrap_or(usual.layers),
        mlp: args.mlp.unwrap_or(usual.mlp),
        jumping_knowledge: args.jk,
        scale: match args.scale {
            None | Some(GraphScale::Degree) => Scale::Degree,
            Some(GraphScale::Uniform) => Scale::Uniform,
        },
        activation: graphs::activation(args.activation.as_deref().unwrap_or("relu"))?,
        method: Method::Decoupled,
        precision: match args.dtype {
            None | Some(Dtype::F64) => Precision::Double,
            Some(Dtype::F32) => Precision::Single,
        },
    })
}

/// The kernel that arguments mean, by an exact method.
pub fn recipe(args: &RecipeArgs, normalise: bool) -> Result<GraphKernel, Failure> {
    let kind = match args.kernel {
        GraphFamily::Gntk => {
            refuse(args.rounds.map(|_| "--rounds"), "Weisfeiler-Leman kernels")?;
            return Ok(GraphKernel { normalise, ..gntk(&args.gntk)?.into() });
        }
        GraphFamily::WlSubtree => WlKind::Subtree,
        GraphFamily::WlOa => WlKind::OptimalAssignment,
        GraphFamily::WlSp => WlKind::ShortestPath,
        GraphFamily::WlEdges => WlKind::Edges,
    };
    refuse(args.gntk.given().first().copied(), "`--kernel gntk`")?;
    let usual = WlParams::default();
    let params = WlParams { kind, rounds: args.rounds.unwrap_or(usual.rounds), ..usual };
    Ok(GraphKernel { normalise, ..params.into() })
}

/// Refuses a flag that says nothing of the kernel that is asked for.
fn refuse(flag: Option<&str>, of: &str) -> Result<(), Failure> {
    match flag {
        None => Ok(()),
        Some(flag) => Err(Failure::usage(format!("{flag} is of {of}, not of this kernel"))),
    }
}

fn plan(args: &GraphPlanArgs, session: &Session) -> Result<(), Failure> {
    let gntk = gntk(&args.gntk)?;
    let (one, two) = GraphSet::sides(&args.sides)?;
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

/// By which means, as the arguments say.
fn method(args: &GraphKernelArgs, session: &Session) -> Result<Method, Failure> {
    let sketches = [
        ("--sketch-size", args.sketch_size.is_some()),
        ("--tolerance", args.tolerance.is_some()),
        ("--repair", args.repair.is_some()),
    ];
    let flag = sketches.iter().find(|(_, given)| *given).map(|(flag, _)| *flag);
    let usual = NodeSketch::default();
    let tolerance = args.tolerance.unwrap_or(usual.tolerance);
    if tolerance.is_nan() || tolerance < 0.0 {
        return Err(Failure::usage(format!("--tolerance: expected at least 0, got {tolerance}")));
    }
    let sketch = NodeSketch {
        size: args.sketch_size.unwrap_or(usual.size),
        seed: session.seed.unwrap_or(usual.seed),
        repair: match args.repair {
            None | Some(GraphRepair::Ridge) => Repair::Ridge,
            Some(GraphRepair::Clip) => Repair::Clip,
            Some(GraphRepair::None) => Repair::None,
        },
        tolerance,
        ..usual
    };
    let exact = match args.method {
        Some(GraphMethod::Auto) => return Ok(Method::Auto(sketch)),
        Some(GraphMethod::Sketched) => return Ok(Method::Sketched(sketch)),
        None | Some(GraphMethod::Exact) => Method::Decoupled,
        Some(GraphMethod::Vectorised) => Method::Vectorised,
    };
    refuse(flag, "`--method sketched` and `auto`")?;
    Ok(exact)
}

/// Computes a kernel into a file or a store.
fn kernel(args: &GraphKernelArgs, session: &Session) -> Result<(), Failure> {
    let (target, out) = (Target::of(&args.target)?, args.target.out.as_path());
    let mut recipe = recipe(&args.recipe, args.normalise)?;
    let method = method(args, session)?;
    if matches!(target, Target::Store(_)) && method != Method::Decoupled {
        return Err(Failure::usage(
            "--method goes to an .npz file: the tiles of a store are exact",
        ));
    }
    match &mut recipe.family {
        Family::Gntk(gntk) => gntk.method = method,
        Family::Wl(_) => refuse(args.method.map(|_| "--method"), "`--kernel gntk`")?,
    }
    if let Target::File = target {
        let sides = [Some(&args.sides.rows.path), args.sides.columns.as_ref()];
        let read: Vec<&Path> = sides.into_iter().flatten().map(PathBuf::as_path).collect();
        files::ready(&[out], &read)?;
    }
    let (one, two) = GraphSet::sides(&args.sides)?;
    let (graphs, others) = (&one.graphs, two.as_ref().map(|set| &set.graphs));
    let bar = session.bar("kernel");
    let report = |progress| bar.report(progress);
    let run = Run { progress: Some(&report), ..session.run() };
    let start = Instant::now();
    let answer = match target {
        Target::Store(shard) => {
            // Ctrl-C stops this call, which leaves the store in order.
            let _finish = interrupt::writing();
            let state = graphs::kernel_to_store(&recipe, graphs, others, (out, shard), &run)?;
            stores::state(Answer::new(), &state, "found")
        }
        Target::File => to_file(&recipe, graphs, others, out, &run)?,
    };
    let took = start.elapsed().as_secs_f64();
    drop(bar);
    let shape = [graphs.len(), others.unwrap_or(graphs).len()];
    let file = out.display().to_string();
    answer
        .with("shape", format!("{} x {}", shape[0], shape[1]), json!(shape))
        .with("seconds", seconds(took), took)
        .with("file", file.clone(), file)
        .print(session.json)
}

/// Computes a kernel and writes it, in the precision of its recursion.
fn to_file(
    recipe: &GraphKernel,
    graphs: &Graphs,
    others: Option<&Graphs>,
    out: &Path,
    run: &Run<'_>,
) -> Result<Answer, Failure> {
    let single = match &recipe.family {
        Family::Gntk(gntk) if gntk.precision == Precision::Single => Some(gntk.layers),
        _ => None,
    };
    let entries = graphs.len() * others.unwrap_or(graphs).len();
    check_room(out, (entries * if single.is_some() { 4 } else { 8 }) as u64)?;
    let (values, answer) = match &recipe.family {
        Family::Gntk(gntk) if matches!(gntk.method, Method::Sketched(_) | Method::Auto(_)) => {
            let (values, report) =
                graphs::kernel_with_report(gntk, recipe.normalise, graphs, others, run)?;
            (values, told(Answer::new(), &report))
        }
        _ => (graphs::kernel(recipe, graphs, others, run)?, Answer::new()),
    };
    let array = match single {
        None => Array::F64(values.into_dyn()),
        Some(layers) => Array::F32(graphs::narrow::<f32>(&values, (0, layers))?.into_dyn()),
    };
    let _finish = interrupt::writing();
    write_npz(out, &[("kernel", &array)])?;
    Ok(answer)
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
