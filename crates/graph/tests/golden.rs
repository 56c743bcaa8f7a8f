//! Golden kernels of the original program.

mod common;

use std::collections::BTreeMap;

use ndarray::{Array2, Ix2};
use serde_json::Value;
use widelimit_data::Npz;
use widelimit_graph::{Gntk, Graphs, Options, Parts, Scale};

fn matrix(file: &Npz, name: &str) -> Array2<f64> {
    file.read(name).unwrap().into_f64().into_dimensionality::<Ix2>().unwrap()
}

/// The graphs of a case, with its features.
fn graphs(file: &Npz, case: &Value) -> Graphs {
    let (mut offsets, mut sources, mut targets) = (vec![0], Vec::new(), Vec::new());
    let (mut weights, mut features) = (Vec::new(), Vec::new());
    for graph in case["graphs"].as_array().unwrap() {
        let adjacency = matrix(file, graph["adjacency"].as_str().unwrap());
        let first = offsets[offsets.len() - 1];
        for ((u, v), &weight) in adjacency.indexed_iter().filter(|(_, w)| **w != 0.0) {
            sources.push(first + u);
            targets.push(first + v);
            weights.push(weight);
        }
        offsets.push(first + adjacency.nrows());
        features.push(matrix(file, graph["node_features"].as_str().unwrap()));
    }
    let views: Vec<_> = features.iter().map(|rows| rows.view()).collect();
    Graphs::new(Parts {
        node_offsets: &offsets,
        edge_index: [&sources, &targets],
        weights: Some(&weights),
        features: Some(ndarray::concatenate(ndarray::Axis(0), &views).unwrap()),
        ..Parts::default()
    })
    .unwrap()
}

#[test]
fn every_case_agrees_with_the_original_program() {
    let Some(shared) = common::shared("golden kernels of graphs") else { return };
    let text = std::fs::read_to_string(shared.join("golden/cases.json")).unwrap();
    let index: Value = serde_json::from_str(&text).unwrap();
    let file = Npz::open(shared.join("golden/gntk.npz")).unwrap();
    let inputs = Npz::open(shared.join("golden/inputs.npz")).unwrap();
    let mut kinds: BTreeMap<String, f64> = BTreeMap::new();
    let mut cases = 0;
    for case in index["cases"].as_array().unwrap() {
        if case["family"] != "gntk" {
            continue;
        }
        let number = |name: &str| case[name].as_u64().unwrap() as usize;
        let scale = match case["scale"].as_str().unwrap() {
            "uniform" => Scale::Uniform,
            "degree" => Scale::Degree,
            other => panic!("{other}"),
        };
        let gntk = Gntk {
            layers: number("num_layers"),
            mlp: number("num_mlp_layers"),
            jumping_knowledge: case["jumping_knowledge"].as_bool().unwrap(),
            scale,
            ..Gntk::default()
        };
        let outputs = case["outputs"].as_object().unwrap();
        let (_, output) = outputs.iter().next().unwrap();
        let expected = matrix(&file, output["key"].as_str().unwrap());
        let graphs = graphs(&inputs, case);
        let kernel = gntk.kernel(&graphs, &Options::new()).unwrap();
        let id = case["id"].as_str().unwrap();
        for ((i, j), &value) in expected.indexed_iter() {
            let error = (kernel[[i, j]] - value).abs() / value.abs().max(f64::MIN_POSITIVE);
            assert!(error <= 1e-8, "{id}: entry ({i}, {j}) is {}, not {value}", kernel[[i, j]]);
            let worst = kinds.entry(case["features"].to_string()).or_insert(0.0);
            *worst = worst.max(error);
        }
        cases += 1;
    }
    assert!(cases > 0, "no case");
    println!("gntk: {cases} cases, worst relative errors {kinds:?}");
}
