//! `plan`: what a kernel, or features that stand for it, will cost.

use serde_json::{Value, json};
use widelimit::Quantity;
use widelimit::exact::Plan;
use widelimit::features::FeaturePlan;

use super::inputs::Looked;
use super::kernel::{shape, sizes};
use crate::answer::Answer;
use crate::args::{Get, KernelArgs, PlanArgs, Spatial};
use crate::failure::Failure;
use crate::session::Session;
use crate::text::{bytes, seconds};

/// Says what a kernel or features will cost; of the data only the shapes are read.
pub fn plan(args: &PlanArgs, session: &Session) -> Result<(), Failure> {
    let network = args.kernel.net.read()?;
    let approximate = args.approximation.given().first().copied();
    let quantity = approximate.map(|flag| quantity(&args.kernel, flag)).transpose()?;
    let inputs = Looked::at(&args.kernel, &network)?;
    match quantity {
        None => told(&inputs.plan(&network, &args.kernel, session)?, inputs.held),
        Some(quantity) => {
            let settings = args.approximation.settings(session.seed)?;
            let dtype = args.kernel.dtype;
            let plan = inputs.plan_features(&network, dtype, quantity, &settings, session)?;
            told_features(&plan, inputs.held)
        }
    }
    .print(session.json)
}

/// The kernel that features stand for; flags that only exact kernels know are refused.
fn quantity(args: &KernelArgs, flag: &str) -> Result<Quantity, Failure> {
    let only = [
        ("--x2", args.x2.is_some()),
        ("--adjacency1", args.adjacency1.is_some()),
        ("--adjacency2", args.adjacency2.is_some()),
        ("--spatial", args.spatial != Spatial::Full),
    ];
    if let Some((other, _)) = only.iter().find(|(_, given)| *given) {
        let message = format!("{flag} plans features, which know no {other}");
        return Err(Failure::usage(message));
    }
    match args.get {
        Get::Ntk => Ok(Quantity::Ntk),
        Get::Nngp => Ok(Quantity::Nngp),
        Get::Both => {
            let message = format!("{flag} plans features, which stand for one kernel, not both");
            Err(Failure::usage(message))
        }
    }
}

fn told(plan: &Plan, inputs: u64) -> Answer {
    let way = if plan.streams {
        "to disk as it is computed, for the memory limit"
    } else {
        "fits into memory"
    };
    let mut answer = Answer::new()
        .for_people("result", format!("{}, {}", sizes(&shape(plan)), bytes(plan.result_bytes)))
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

fn told_features(plan: &FeaturePlan, inputs: u64) -> Answer {
    let size = sizes(&[plan.rows, plan.dim]);
    let regression =
        format!("{}, {}", bytes(plan.regression_bytes), seconds(plan.regression_seconds));
    let mut answer = Answer::new()
        .for_people("features", format!("{size}, {}", bytes(plan.result_bytes)))
        .for_people("scratch", format!("{} at most", bytes(plan.scratch_bytes)))
        .for_people("inputs", bytes(inputs))
        .for_people("regression", regression);
    for tried in &plan.methods {
        let told = match &tried.seconds {
            Ok(expected) => seconds(*expected),
            Err(reason) => format!("not taken: {reason}"),
        };
        answer = answer.for_people(&tried.method.to_string(), told);
    }
    let methods = plan.methods.iter().map(|tried| {
        json!({
            "method": tried.method.to_string(),
            "seconds": tried.seconds.as_ref().ok(),
            "refused": tried.seconds.as_ref().err(),
        })
    });
    answer
        .for_programs("rows", plan.rows)
        .for_programs("dim", plan.dim)
        .for_programs("input_bytes", inputs)
        .for_programs("result_bytes", plan.result_bytes)
        .for_programs("scratch_bytes", plan.scratch_bytes)
        .for_programs("regression_bytes", plan.regression_bytes)
        .for_programs("regression_seconds", plan.regression_seconds)
        .for_programs("methods", methods.collect::<Vec<Value>>())
}
