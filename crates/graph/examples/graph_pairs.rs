//! Microseconds a pair on a data set of graphs.
//!
//! `cargo run --release -p widelimit-graph --example graph_pairs -- NPZ [LAYERS [MLP [THREADS [double|single [TILE]]]]]`, where the file
//! holds `node_offsets`, `edge_index` and `node_labels`.

use std::error::Error;
use std::time::Instant;

use widelimit_data::Npz;
use widelimit_graph::{Gntk, Graphs, Options, Parts, Precision, Scale};
use widelimit_linalg::Par;

fn integers(file: &Npz, name: &str) -> Result<Vec<usize>, Box<dyn Error>> {
    Ok(file.read(name)?.into_f64().iter().map(|&x| x as usize).collect())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let path = arguments
        .first()
        .ok_or("usage: pairs NPZ [LAYERS [MLP [THREADS [double|single [TILE]]]]]")?;
    let number = |index: usize, otherwise: usize| match arguments.get(index) {
        Some(text) => text.parse::<usize>(),
        None => Ok(otherwise),
    };
    let (layers, mlp, threads) = (number(1, 5)?, number(2, 1)?, number(3, 1)?);
    let single = arguments.get(4).is_some_and(|word| word == "single");
    let precision = if single { Precision::Single } else { Precision::Double };
    let file = Npz::open(path)?;
    let node_offsets = integers(&file, "node_offsets")?;
    let edges = integers(&file, "edge_index")?;
    let (sources, targets) = edges.split_at(edges.len() / 2);
    let labels: Vec<u32> =
        integers(&file, "node_labels")?.into_iter().map(|label| label as u32).collect();
    let graphs = Graphs::new(Parts {
        node_offsets: &node_offsets,
        edge_index: [sources, targets],
        node_labels: Some(&labels),
        ..Parts::default()
    })?
    .with_default_features();
    let gntk = Gntk { layers, mlp, scale: Scale::Degree, precision, ..Gntk::default() };
    let mut options = Options::new().par(Par::new(threads));
    if let Some(nodes) = arguments.get(5) {
        options = options.tile(nodes.parse()?);
    }
    let plan = gntk.plan(&graphs, None, &options)?;
    let start = Instant::now();
    let recursion = gntk.recursion(&graphs, None, &options)?;
    let prepared = start.elapsed().as_secs_f64();
    drop(recursion);
    let start = Instant::now();
    let kernel = gntk.kernel(&graphs, &options)?;
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{} graphs, {:.1} nodes each, {layers} layers x {mlp}: {seconds:.2} s ({prepared:.2} s before the first \
         pair), {:.2} us a pair, sum {:e}, at most {:.0} MiB",
        graphs.len(),
        graphs.nodes() as f64 / graphs.len() as f64,
        seconds / plan.pairs as f64 * 1e6,
        kernel.sum(),
        plan.bytes as f64 / 1048576.0,
    );
    if single {
        let exact = Gntk { precision: Precision::Double, ..gntk }.kernel(&graphs, &options)?;
        let mut worst: f64 = 0.0;
        for ((i, j), value) in kernel.indexed_iter() {
            let scale = (exact[[i, i]] * exact[[j, j]]).sqrt();
            worst = worst.max((value - exact[[i, j]]).abs() / scale);
        }
        println!("error of f32 in the normalised kernel: {worst:.1e}");
    }
    Ok(())
}
