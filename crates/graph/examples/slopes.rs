//! How time grows with the number of nodes: dense Erdos-Renyi graphs, three methods.
//!
//! `cargo run --release -p widelimit-graph --example slopes`. Prints milliseconds a pair and slopes of their logarithms: about 4
//! for the Kronecker product, 3 for sums over neighbours and 2 for sketches of one size.

use std::error::Error;
use std::time::Instant;

use ndarray::Array2;
use widelimit_graph::{Gntk, Graphs, Method, NodeSketch, Options, Parts, Repair};
use widelimit_linalg::Par;
use widelimit_sketch::random::Stream;

/// Graphs of so many nodes, with an edge between half of all pairs.
fn graphs(nodes: usize, count: usize) -> Result<Graphs, Box<dyn Error>> {
    let edge = Stream::new(1, nodes as u32, 0);
    let (mut offsets, mut sources, mut targets) = (vec![0], Vec::new(), Vec::new());
    for graph in 0..count {
        let first = graph * nodes;
        for u in 0..nodes {
            for v in 0..u {
                if edge.sign(((first + u) * nodes + v) as u64) > 0.0 {
                    sources.extend([first + u, first + v]);
                    targets.extend([first + v, first + u]);
                }
            }
        }
        offsets.push(first + nodes);
    }
    let feature = Stream::new(1, nodes as u32, 1);
    let features = Array2::from_shape_fn((count * nodes, 8), |(i, j)| {
        1.0 + feature.normal((8 * i + j) as u64)
    });
    let edge_index = [&sources[..], &targets];
    let features = Some(features);
    Ok(Graphs::new(Parts { node_offsets: &offsets, edge_index, features, ..Parts::default() })?)
}

/// The fastest of so many runs counts.
const REPEATS: usize = 4;

/// Milliseconds for each pair of graphs, the first pass taken off.
fn time(method: &Method, graphs: &Graphs) -> Result<f64, Box<dyn Error>> {
    let gntk = Gntk { layers: 3, method: method.clone(), ..Gntk::default() };
    let half = (0..graphs.len() / 2).collect::<Vec<_>>();
    let rest = (graphs.len() / 2..graphs.len()).collect::<Vec<_>>();
    let (left, right) = (graphs.select(&half)?, graphs.select(&rest)?);
    let options = Options::new().par(Par::single());
    let (mut before, mut all) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..REPEATS {
        let start = Instant::now();
        let ready = gntk.recursion(&left, Some(&right), &options)?;
        before = before.min(start.elapsed().as_secs_f64());
        drop(ready);
        let start = Instant::now();
        gntk.cross(&left, &right, &options)?;
        all = all.min(start.elapsed().as_secs_f64());
    }
    Ok((all - before).max(0.0) * 1e3 / (left.len() * right.len()) as f64)
}

fn main() -> Result<(), Box<dyn Error>> {
    let sketch = NodeSketch { size: 16, repair: Repair::None, ..NodeSketch::default() };
    let methods = [
        ("vectorised", Method::Vectorised, [24, 36, 54, 80]),
        ("decoupled", Method::Decoupled, [32, 64, 128, 256]),
        ("sketched, 16 rows", Method::Sketched(sketch), [32, 64, 128, 256]),
    ];
    for (name, method, sizes) in methods {
        let count = if method == Method::Vectorised { 4 } else { 8 };
        println!("{name}");
        let mut last: Option<(usize, f64)> = None;
        for nodes in sizes {
            let milliseconds = time(&method, &graphs(nodes, count)?)?;
            let slope = last.map_or(String::new(), |(n, t)| {
                let slope = (milliseconds / t).ln() / (nodes as f64 / n as f64).ln();
                format!("  slope {slope:.2}")
            });
            println!("  {nodes:>4} nodes  {milliseconds:>10.3} ms a pair{slope}");
            last = Some((nodes, milliseconds));
        }
    }
    Ok(())
}
