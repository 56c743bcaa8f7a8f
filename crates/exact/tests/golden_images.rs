//! Golden kernels of images, sequences and graphs, in both precisions.
//!
//! References with the suffix `_np` carry all pairs of positions and are preferred; tolerances
//! are those of the golden data's own README.

mod common;

use common::engine::{Set, both, doubles, options};
use common::golden::{Family, Inputs, OUTPUTS, Worst, limits, network, same_position};
use ndarray::Array2;
use widelimit_arch::Network;
use widelimit_exact::{Scalar, Spatial};

/// What single precision must reach everywhere.
const SINGLE: f64 = 2e-5;

/// The four outputs, for kernels with all pairs of positions or the diagonal of them.
fn outputs<T: Scalar>(network: &Network, input: &Inputs, spatial: Spatial) -> [Array2<f64>; 4] {
    let x1 = Set::<T>::new(&input.x1, input.a1.as_ref());
    let x2 = Set::<T>::new(&input.x2, input.a2.as_ref());
    let options = options().spatial(spatial);
    let [nngp_11, ntk_11] = both(network, &x1, None, &options);
    let [nngp_12, ntk_12] = both(network, &x1, Some(&x2), &options);
    [nngp_11, ntk_11, nngp_12, ntk_12].map(|kernel| doubles(&kernel))
}

fn family(name: &str) {
    let Some(family) = Family::open(name) else { return };
    let (mut double, mut single) = (Worst::default(), Worst::default());
    for case in &family.cases {
        let id = case["id"].as_str().unwrap();
        let network = network(case);
        let input = family.inputs(case);
        let exact = outputs::<f64>(&network, &input, Spatial::Full);
        let rough = outputs::<f32>(&network, &input, Spatial::Full);
        for (k, (output, symmetric)) in OUTPUTS.into_iter().enumerate() {
            let Some((reference, precise)) = family.reference(case, output) else { continue };
            let what = format!("{id}.{output}");
            double.compare(&what, [&exact[k], &reference], symmetric, limits(case, precise));
            single.compare(&what, [&rough[k], &reference], symmetric, [SINGLE; 2]);
        }
    }
    double.finish(&format!("{name}, {} cases, f64", family.cases.len()));
    single.finish(&format!("{name}, f32"));
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
fn aggregate() {
    family("aggregate");
}

#[test]
fn raw_spatial() {
    family("raw_spatial");
}

/// Positions compared with themselves alone, from the stored diagonals and from full kernels.
#[test]
fn pixel_diagonals() {
    let Some(family) = Family::open("raw_spatial") else { return };
    let (mut double, mut single) = (Worst::default(), Worst::default());
    for case in &family.cases {
        let id = case["id"].as_str().unwrap();
        let network = network(case);
        let input = family.inputs(case);
        let exact = outputs::<f64>(&network, &input, Spatial::Diagonal);
        let rough = outputs::<f32>(&network, &input, Spatial::Diagonal);
        let positions = exact[0].ncols() / input.x1.shape()[0];
        for (k, (output, symmetric)) in OUTPUTS.into_iter().enumerate() {
            let what = format!("{id}.{output}");
            let stored = family.output(case, &format!("{output}_pixel_diagonal"));
            let full = family.output(case, output).map(|full| same_position(&full, positions));
            for reference in stored.into_iter().chain(full) {
                let limits = limits(case, false);
                double.compare(&what, [&exact[k], &reference], symmetric, limits);
                single.compare(&what, [&rough[k], &reference], symmetric, [SINGLE; 2]);
            }
        }
    }
    double.finish("pixel diagonals, f64");
    single.finish("pixel diagonals, f32");
}

/// With `fix`, the first and the last layer are not trained.
#[test]
fn cntk_cuda_definition() {
    let Some(family) = Family::open("cntk_cuda_definition") else { return };
    let (mut double, mut single) = (Worst::default(), Worst::default());
    for case in &family.cases {
        let id = case["id"].as_str().unwrap();
        let (network, factor) = family.cuda_equivalent(case);
        let x = family.joined(case);
        let reference = family.output(case, "kernel").unwrap();
        let [_, exact] = both(&network, &Set::<f64>::new(&x, None), None, &options());
        let [_, rough] = both(&network, &Set::<f32>::new(&x, None), None, &options());
        let (exact, rough) = (exact * factor, doubles(&rough) * factor);
        // the original code does not know that x is x
        double.compare(id, [&exact, &reference], true, [1e-12, 3e-9]);
        single.compare(id, [&rough, &reference], true, [SINGLE; 2]);
    }
    double.finish("cntk_cuda_definition, f64");
    single.finish("cntk_cuda_definition, f32");
}
