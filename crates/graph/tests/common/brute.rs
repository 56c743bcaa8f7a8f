//! The recursion as its formula stands: dense matrices over pairs of nodes, one dual at a time.

use ndarray::Array2;
use widelimit_dual::Dual;
use widelimit_graph::{Gntk, Graphs, Scale};

fn neighbourhoods(graphs: &Graphs, index: usize, scale: Scale) -> Array2<f64> {
    let mut a = graphs.graph(index).adjacency();
    a.diag_mut().iter_mut().for_each(|x| *x += 1.0);
    if scale == Scale::Degree {
        for mut row in a.outer_iter_mut() {
            let degree = row.sum();
            row.iter_mut().for_each(|x| *x /= degree);
        }
    }
    a
}

fn features(graphs: &Graphs, index: usize) -> Array2<f64> {
    let all = graphs.features().unwrap().dense();
    all.slice(ndarray::s![graphs.node_range(index), ..]).to_owned()
}

/// Covariances of pairs and of both sides' own pairs go through the levels together.
struct Triple([Array2<f64>; 3]);

/// Entry (i, j) of the kernel between two batches.
pub fn entry(gntk: &Gntk, left: (&Graphs, usize), right: (&Graphs, usize)) -> f64 {
    let dual = Dual::new(&gntk.activation).unwrap();
    let factor = 1.0 / dual.diagonal(1.0).k;
    let [a1, a2] = [left, right].map(|(graphs, i)| neighbourhoods(graphs, i, gntk.scale));
    let [x1, x2] = [left, right].map(|(graphs, i)| features(graphs, i));
    let sides = [(&a1, &a2), (&a1, &a1), (&a2, &a2)];
    let aggregate =
        |m: &Triple| Triple(std::array::from_fn(|k| sides[k].0.dot(&m.0[k]).dot(&sides[k].1.t())));
    let inputs = Triple([x1.dot(&x2.t()), x1.dot(&x1.t()), x2.dot(&x2.t())]);
    let mut jumps = inputs.0[0].clone();
    let mut s = aggregate(&inputs);
    let mut t = s.0[0].clone();
    for level in 1..gntk.layers {
        for _ in 0..gntk.mlp {
            let (v1, v2) = (s.0[1].diag().to_owned(), s.0[2].diag().to_owned());
            let variances = [(&v1, &v2), (&v1, &v1), (&v2, &v2)];
            for (k, variances) in variances.iter().enumerate() {
                for ((i, j), c) in s.0[k].indexed_iter_mut() {
                    let pair = if k > 0 && i == j {
                        dual.diagonal(*c)
                    } else {
                        dual.pair(variances.0[i], variances.1[j], *c)
                    };
                    *c = factor * pair.k;
                    if k == 0 {
                        t[[i, j]] = t[[i, j]] * factor * pair.kd + *c;
                    }
                }
            }
        }
        jumps += &t;
        if level + 1 < gntk.layers {
            s = aggregate(&s);
            t = a1.dot(&t).dot(&a2.t());
        }
    }
    2.0 * if gntk.jumping_knowledge { jumps.sum() } else { t.sum() }
}
