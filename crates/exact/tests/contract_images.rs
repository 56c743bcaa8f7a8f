//! What every kernel of images promises, on random networks and a few chosen ones.

mod common;

use common::engine::{Set, bits, both, doubles, options, swap, try_both};
use common::random_nets::{self, COINCIDENT, Case};
use common::{Random, distance};
use ndarray::{Array2, Array3, ArrayD, Axis, s};
use widelimit_arch::{Activation, Conv, Dense, Layer, Network, Padding, Pool};
use widelimit_dual::Isa;
use widelimit_exact::{Scalar, diagonal};
use widelimit_linalg::{Par, symmetric_eigenvalues};

const SEEDS: u64 = 80;

/// Runs a check on random networks, with all inputs of a case in one set.
fn everywhere(check: impl Fn(&Case, &Set<f64>, usize)) {
    random_nets::everywhere(SEEDS, |case| {
        let x = Set::new(&case.x1, case.a1.as_ref()).join(&Set::new(&case.x2, case.a2.as_ref()));
        let entries = both(&case.network, &x.part(0..1), None, &options())[0].ncols();
        check(case, &x, entries);
    });
}

fn single(x: &Set<f64>) -> Set<f32> {
    Set::new(&x.x, x.graphs.as_ref())
}

/// Rows and columns of some inputs.
fn block<A: Clone>(
    kernel: &Array2<A>,
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
    entries: usize,
) -> Array2<A> {
    kernel.slice(s![rows, columns.start * entries..columns.end * entries]).to_owned()
}

/// Whether sums over positions keep their order when the arguments change places; wrapping around
/// borders and mixing all positions changes it.
fn keeps_order(network: &Network) -> bool {
    let json = network.to_json().unwrap();
    ["CIRCULAR", "aggregate", "attention"].iter().all(|word| !json.contains(word))
}

fn structure<T: Scalar>(network: &Network, x: &Set<T>, entries: usize) {
    let n = x.len();
    let keeps_order = keeps_order(network);
    let whole = both(network, x, None, &options());
    let middle = both(network, &x.part(1..4), None, &options());
    let (left, right) = (x.part(0..2), x.part(2..n));
    let corner = both(network, &left, Some(&right), &options());
    let swapped = both(network, &right, Some(&left), &options());
    let alone = both(network, &x.part(1..2), Some(&x.part(3..4)), &options());
    for q in 0..2 {
        let all = bits(&whole[q]);
        assert!(whole[q].iter().all(|x| widelimit_linalg::Scalar::is_finite(*x)), "finite");
        assert!(all == swap(&all, entries), "symmetric");
        let part = block(&all, 1..4, 1..4, entries);
        assert!(bits(&middle[q]) == part, "a block on the diagonal");
        let part = block(&all, 0..2, 2..n, entries);
        assert!(bits(&corner[q]) == part, "a block off the diagonal");
        let part = block(&all, 1..2, 3..4, entries);
        assert!(bits(&alone[q]) == part, "a pair alone");
        let back = swap(&swapped[q], entries);
        if !keeps_order {
            let error = distance(doubles(&back).view(), doubles(&corner[q]).view());
            let limit = if size_of::<T>() == 8 { 1e-13 } else { 2e-6 };
            assert!(error <= limit, "swapped arguments: {error:.1e}");
        } else {
            assert!(bits(&back) == bits(&corner[q]), "swapped arguments");
        }
    }
    let diagonal = diagonal(network, x.inputs(), &options()).unwrap();
    for (q, alone) in [diagonal.nngp, diagonal.ntk].into_iter().enumerate() {
        let own = (0..n).flat_map(|i| block(&whole[q], i..i + 1, i..i + 1, entries));
        assert!(alone.unwrap().into_iter().eq(own), "diagonal");
    }
}

#[test]
fn symmetry_blocks_and_swaps_to_the_bit() {
    everywhere(|case, x, entries| {
        structure(&case.network, x, entries);
        structure(&case.network, &single(x), entries);
    });
}

fn same_bits<T: Scalar>(network: &Network, x: &Set<T>) {
    let right = x.part(1..x.len());
    let ask = |options| {
        [both(network, x, None, &options), both(network, x, Some(&right), &options)].concat()
    };
    let one = ask(options());
    for (threads, tile) in [(1, 1), (2, 2), (8, 3), (2, 64)] {
        let other = ask(options().par(Par::new(threads)).tile(tile));
        for (one, other) in one.iter().zip(&other) {
            assert!(bits(one) == bits(other), "{threads} threads, tiles of {tile}");
        }
    }
}

#[test]
fn threads_and_tiles_change_no_bit() {
    everywhere(|case, x, _| {
        same_bits(&case.network, x);
        same_bits(&case.network, &single(x));
    });
}

/// Sets with fused operations agree to the bit; the portable one too, up to a few last bits where
/// nothing amplifies them.
fn isas_agree<T: Scalar>(case: &Case, x: &Set<T>, limit: f64) {
    let results: Vec<_> = Isa::available()
        .into_iter()
        .map(|isa| (isa, both(&case.network, x, None, &options().isa(isa))))
        .collect();
    let (best, first) = &results[0];
    for (isa, other) in &results[1..] {
        for (one, other) in first.iter().zip(other) {
            if *isa == Isa::Portable {
                let error = distance(doubles(other).view(), doubles(one).view());
                assert!(error <= limit, "{isa:?} and {best:?}: {error:.1e}");
            } else {
                assert!(bits(one) == bits(other), "{isa:?} and {best:?}");
            }
        }
    }
}

#[test]
fn instruction_sets_agree() {
    everywhere(|case, x, _| {
        let closest = common::brute::evaluate(
            &case.network,
            &x.x,
            None,
            x.graphs.as_ref().map(|graphs| (graphs, None)),
        )
        .closest;
        let (double, rough) = if closest < 1e-8 { COINCIDENT } else { (1e-13, 2e-6) };
        isas_agree(case, x, double);
        isas_agree(case, &single(x), rough);
    });
}

fn conv(w_std: f64) -> Conv {
    Conv::new([3, 3], w_std).padding(Padding::Same).bias(0.1)
}

/// A pooled network with a residual block, ended in some way.
fn chosen(activation: &Activation, end: Vec<Layer>) -> Network {
    let mut layers = vec![
        conv(1.3).into(),
        activation.clone().into(),
        Pool::new([2, 2]).strides([2, 2]).average(),
        conv(1.2).into(),
        Layer::residual(vec![activation.clone().into(), conv(1.1).into()], vec![]),
        activation.clone().into(),
    ];
    layers.extend(end);
    Network::new(layers).unwrap()
}

fn images(rows: usize, seed: u64) -> Set<f64> {
    let mut random = Random::new(seed);
    let x = ArrayD::from_shape_simple_fn(vec![rows, 6, 5, 2], || f64::from(random.normal() as f32));
    Set::new(&x, None)
}

#[test]
fn kernels_are_positive_semidefinite() {
    let x = images(40, 1);
    let dense = || Layer::from(Dense::new(1.1).bias(0.2));
    let ends = [vec![Layer::GlobalAvgPool, dense()], vec![Layer::Flatten, dense()], vec![dense()]];
    for activation in [Activation::Relu, Activation::Gelu, Activation::erf()] {
        for end in &ends {
            let network = chosen(&activation, end.clone());
            let x = if end.len() == 1 { x.part(0..10) } else { x.clone() };
            for matrix in both(&network, &x, None, &options()) {
                // pixels of an image next to each other: (i, p) by (j, q)
                let n = x.len();
                let positions = (matrix.ncols() / n).isqrt();
                let flat = Array2::from_shape_fn((n * positions, n * positions), |(a, b)| {
                    let (i, p, j, q) = (a / positions, a % positions, b / positions, b % positions);
                    matrix[[i, (j * positions + p) * positions + q]]
                });
                let values = symmetric_eigenvalues(flat, &Par::single()).unwrap();
                let (least, most) = (values[0], values[values.len() - 1]);
                assert!(least >= -1e-10 * most, "{activation:?}: {least:.1e} of {most:.1e}");
            }
        }
    }
}

/// An image and its copy are as good as one image.
#[test]
fn repeated_images_equal_the_diagonal() {
    let mut x = images(4, 2);
    let first = x.x.index_axis(Axis(0), 0).to_owned();
    x.x.index_axis_mut(Axis(0), 2).assign(&first);
    for activation in common::activations() {
        if matches!(activation, Activation::Numerical { .. }) {
            continue;
        }
        for end in [Layer::GlobalAvgPool, Layer::Flatten] {
            let layers = vec![
                conv(1.2).into(),
                activation.clone().into(),
                conv(1.1).strides([2, 2]).into(),
                activation.clone().into(),
                end,
                Dense::new(1.0).into(),
            ];
            let network = Network::new(layers).unwrap();
            for matrix in both(&network, &x, None, &options()) {
                let (copy, exact) = (matrix[[0, 2]], matrix[[0, 0]]);
                // the forms for pairs and for equal units round differently, by 1e-14 for ELUs,
                // and kinks make more of it
                let error = (copy - exact).abs() / exact;
                assert!(error < 1e-10, "{activation:?}: {error:.1e}");
            }
        }
    }
}

#[test]
fn bad_images_are_named() {
    let network = chosen(&Activation::Relu, vec![Layer::GlobalAvgPool]);
    let good = images(4, 3);
    let fails = |x1: &Set<f64>, x2: Option<&Set<f64>>| {
        try_both(&network, x1, x2, &options()).unwrap_err().to_string()
    };
    let names = |message: &str, words: &[&str]| {
        println!("{message}");
        assert!(words.iter().all(|word| message.contains(word)), "{message} lacks {words:?}");
    };
    let mut bad = good.clone();
    bad.x[[2, 3, 1, 0]] = f64::NAN;
    names(&fails(&bad, None), &["x1", "NaN", "2"]);
    names(&fails(&good, Some(&bad)), &["x2", "NaN", "2"]);
    let set = |shape: &[usize]| Set::new(&ArrayD::<f64>::ones(shape.to_vec()), None);
    names(&fails(&set(&[4, 6, 5]), None), &["axes"]);
    names(&fails(&set(&[4, 30]), None), &["axes"]);
    names(&fails(&set(&[0, 6, 5, 2]), None), &["x1", "empty"]);
    names(&fails(&set(&[3, 6, 0, 2]), None), &["x1", "empty"]);
    names(&fails(&good, Some(&set(&[2, 6, 5, 3]))), &["x1", "x2", "2", "3"]);
    names(&fails(&good, Some(&set(&[2, 5, 6, 2]))), &["x1", "x2", "5", "6"]);
}

#[test]
fn bad_graphs_are_named() {
    let json = r#"[{"layer": "aggregate"}, {"layer": "dense"}, {"layer": "global_avg_pool"}]"#;
    let network = Network::from_json(json).unwrap();
    let x = ArrayD::<f64>::ones(vec![3, 5, 2]);
    let graphs = |shape: (usize, usize, usize)| Array3::<f64>::ones(shape);
    let run = |graphs: Option<&Array3<f64>>| {
        try_both(&network, &Set::<f64>::new(&x, graphs), None, &options())
    };
    assert!(run(Some(&graphs((3, 5, 5)))).is_ok());
    for shape in [(2, 5, 5), (3, 4, 4), (3, 5, 4)] {
        let message = run(Some(&graphs(shape))).unwrap_err().to_string();
        println!("{message}");
        assert!(message.contains("adjacency"), "{message}");
    }
    let message = run(None).unwrap_err().to_string();
    println!("{message}");
    assert!(message.contains("adjacency"), "{message}");
    let mut bad = graphs((3, 5, 5));
    bad[[1, 2, 0]] = f64::INFINITY;
    let message = run(Some(&bad)).unwrap_err().to_string();
    println!("{message}");
    assert!(message.contains("inf") && message.contains('1'), "{message}");
    // the second inputs need graphs too
    let (with, without) = (Set::new(&x, Some(&graphs((3, 5, 5)))), Set::new(&x, None));
    assert!(try_both::<f64>(&network, &with, Some(&without), &options()).is_err());
}
