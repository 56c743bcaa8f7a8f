//! Errors and seconds of features of graphs against the exact kernel of a data set.
//!
//! `cargo run --release -p widelimit --example graph_features -- NPZ [LAYERS [MLP [SEEDS [DIM ..]]]]`, where the
//! file holds `node_offsets`, `edge_index` and `node_labels`.

use std::error::Error;
use std::time::Instant;

use ndarray::Array2;
use widelimit::Run;
use widelimit::data::Npz;
use widelimit::embed::{Settings, Strategy};
use widelimit::graph::{Gntk, Graphs, Options, Parts};
use widelimit::graphs::GntkFeatures;
use widelimit::linalg::Par;

fn integers(file: &Npz, name: &str) -> Result<Vec<usize>, Box<dyn Error>> {
    Ok(file.read(name)?.into_f64().iter().map(|&x| x as usize).collect())
}

fn read(path: &str) -> Result<Graphs, Box<dyn Error>> {
    let file = Npz::open(path)?;
    let node_offsets = integers(&file, "node_offsets")?;
    let edges = integers(&file, "edge_index")?;
    let (sources, targets) = edges.split_at(edges.len() / 2);
    let labels: Vec<u32> = integers(&file, "node_labels")?.iter().map(|&x| x as u32).collect();
    let parts = Parts {
        node_offsets: &node_offsets,
        edge_index: [sources, targets],
        node_labels: Some(&labels),
        ..Parts::default()
    };
    Ok(Graphs::new(parts)?.with_default_features())
}

/// `K(G, H) / sqrt(K(G, G) K(H, H))`, as classifiers take it.
fn normalised(kernel: &Array2<f64>) -> Array2<f64> {
    let roots = kernel.diag().mapv(f64::sqrt);
    Array2::from_shape_fn(kernel.dim(), |(i, j)| kernel[[i, j]] / (roots[i] * roots[j]))
}

fn distance(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    let norm = |x: &Array2<f64>| x.iter().map(|x| x * x).sum::<f64>().sqrt();
    norm(&(a - b)) / norm(b)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let path =
        arguments.first().ok_or("usage: graph_features NPZ [LAYERS [MLP [SEEDS [DIM ..]]]]")?;
    let numbers =
        arguments[1..].iter().map(|text| text.parse()).collect::<Result<Vec<usize>, _>>()?;
    let number = |index: usize, otherwise| numbers.get(index).copied().unwrap_or(otherwise);
    let (layers, mlp, seeds) = (number(0, 5), number(1, 1), number(2, 3));
    let dims = numbers.get(3..).filter(|dims| !dims.is_empty()).unwrap_or(&[512, 2048, 8192]);
    let graphs = read(path)?;
    let run = Run { par: Par::single(), ..Run::default() };
    for jumping_knowledge in [false, true] {
        let gntk = Gntk { layers, mlp, jumping_knowledge, ..Gntk::default() };
        let start = Instant::now();
        let exact = gntk.kernel(&graphs, &Options::new().par(run.par))?;
        println!(
            "{} graphs, {} nodes, {layers} levels x {mlp}, jumping knowledge {jumping_knowledge}: exact in {:.2} s",
            graphs.len(),
            graphs.nodes(),
            start.elapsed().as_secs_f64()
        );
        for strategy in [Strategy::Centred, Strategy::Random] {
            for &dim in dims {
                let settings = Settings { strategy, ..Settings::new(dim) };
                let first = GntkFeatures::fit(&gntk, &graphs, &settings)?;
                let (mut error, mut cosine, mut seconds) = (0.0, 0.0, 0.0);
                for seed in 0..seeds {
                    let start = Instant::now();
                    let z: Array2<f64> = first.reseeded(seed as u64)?.transform(&graphs, &run)?;
                    seconds += start.elapsed().as_secs_f64() / seeds as f64;
                    let product = z.dot(&z.t());
                    error += distance(&product, &exact) / seeds as f64;
                    cosine += distance(&normalised(&product), &normalised(&exact)) / seeds as f64;
                }
                println!(
                    "  {:8} {dim:5} features: error {error:.4}, normalised {cosine:.4}, {seconds:.2} s",
                    strategy.name()
                );
            }
        }
    }
    Ok(())
}
