//! The slow evaluator against golden kernels.

mod common;

use common::brute;
use common::golden::{Family, OUTPUTS, Worst, limits, network, same_position};

fn family(name: &str) {
    let Some(family) = Family::open(name) else { return };
    let mut worst = Worst::default();
    for case in &family.cases {
        let id = case["id"].as_str().unwrap();
        let network = network(case);
        let input = family.inputs(case);
        let graphs = input.a1.as_ref().map(|a1| (a1, None));
        let same = brute::evaluate(&network, &input.x1, None, graphs);
        let graphs = input.a1.as_ref().map(|a1| (a1, input.a2.as_ref()));
        let other = brute::evaluate(&network, &input.x1, Some(&input.x2), graphs);
        let positions = same.spatial.iter().product();
        let kernels = [&same.nngp, &same.ntk, &other.nngp, &other.ntk];
        for ((output, symmetric), ours) in OUTPUTS.into_iter().zip(kernels) {
            let what = format!("{id}.{output}");
            if let Some((reference, precise)) = family.reference(case, output) {
                let limits = limits(case, precise);
                worst.compare(&what, [ours, &reference], symmetric, limits);
            }
            if let Some(reference) = family.output(case, &format!("{output}_pixel_diagonal")) {
                let ours = same_position(ours, positions);
                worst.compare(&what, [&ours, &reference], symmetric, [1e-12; 2]);
            }
        }
    }
    worst.finish(&format!("{name}, {} cases", family.cases.len()));
}

#[test]
fn conv() {
    family("conv");
}

#[test]
fn pooling() {
    family("pooling");
}

#[test]
fn nets() {
    family("nets");
}

#[test]
fn other_spatial() {
    family("other_spatial");
}

#[test]
fn raw_spatial() {
    family("raw_spatial");
}

#[test]
fn aggregate() {
    family("aggregate");
}

/// Vectors are images of one position; these nets have the standard parameterisation.
#[test]
fn fc_structure() {
    family("fc_structure");
}

#[test]
fn cntk_cuda_definition() {
    let Some(family) = Family::open("cntk_cuda_definition") else { return };
    for case in &family.cases {
        let id = case["id"].as_str().unwrap();
        let (network, factor) = family.cuda_equivalent(case);
        let ours = brute::evaluate(&network, &family.joined(case), None, None).ntk * factor;
        let reference = family.output(case, "kernel").unwrap();
        let mut worst = Worst::default();
        worst.compare(id, [&ours, &reference], true, [1e-12, 3e-9]);
        worst.finish(id);
    }
}
