//! The graph neural tangent kernel: against its formula, and what it promises.

mod common;

use std::f64::consts::PI;
use std::sync::Mutex;

use common::{Lists, Random, brute, dense, distance, labelled};
use ndarray::{Array2, array, s};
use widelimit_arch::Activation;
use widelimit_dual::Isa;
use widelimit_graph::{
    Budget, Cancel, Error, Gntk, Graphs, Method, OneHot, Options, Parts, Precision, ReadOut, Scale,
};
use widelimit_linalg::{Par, symmetric_eigenvalues};

fn base() -> Gntk {
    Gntk { layers: 4, ..Gntk::default() }
}

/// Graphs of one node: the fully connected kernel, by hand.
#[test]
fn one_node_is_a_fully_connected_network() {
    let features = array![[1.0, 2.0], [3.0, -1.0]];
    let parts = Parts { node_offsets: &[0, 1, 2], features: Some(features), ..Parts::default() };
    let graphs = Graphs::new(parts).unwrap();
    let (a, b, c) = (5.0_f64, 10.0_f64, 1.0_f64);
    let relu = |c: f64| {
        let rho = c / (a * b).sqrt();
        let turn = PI - rho.acos();
        ((a * b).sqrt() * (rho * turn + (1.0 - rho * rho).sqrt()) / PI, turn / PI)
    };
    let ((s1, d1), mut expected) = (relu(c), Vec::new());
    let t1 = c * d1 + s1;
    let (s2, d2) = relu(s1);
    let t2 = t1 * d2 + s2;
    // with R = 2, both activations belong to the first block
    expected.push((2, 1, false, t1));
    expected.push((2, 2, false, t2));
    expected.push((3, 1, false, t2));
    expected.push((3, 1, true, c + t1 + t2));
    expected.push((1, 1, false, c));
    for (layers, mlp, jumping_knowledge, value) in expected {
        for scale in [Scale::Uniform, Scale::Degree] {
            let gntk = Gntk { layers, mlp, jumping_knowledge, scale, ..Gntk::default() };
            let kernel = gntk.kernel(&graphs, &Options::new()).unwrap();
            assert!((kernel[[0, 1]] - 2.0 * value).abs() < 1e-13 * value.abs(), "{layers} x {mlp}");
            // a node with itself: the variance stays, and every layer adds it
            let hidden = ((layers - 1) * mlp) as f64;
            let own = if jumping_knowledge { 1.0 + 2.0 + 3.0 } else { hidden + 1.0 };
            assert!((kernel[[0, 0]] - 2.0 * a * own).abs() < 1e-13 * own * a);
        }
    }
}

/// Weighted, directed, with loops, with nodes that look alike, for several activations.
#[test]
fn agrees_with_its_formula() {
    let mut batches = vec![
        labelled(1, &[7, 1, 5, 9], 2.5, 2, false),
        labelled(2, &[6, 4], 2.5, 2, true),
        dense(3, &[5, 8, 3], 0.4, 4, 0.5),
    ];
    let directed = Parts {
        node_offsets: &[0, 3, 5],
        edge_index: [&[0, 0, 1, 2, 4], &[0, 1, 2, 1, 3]],
        weights: Some(&[1.5, 2.0, 0.25, 1.0, 0.0]),
        directed: true,
        ..Parts::default()
    };
    batches.push(Graphs::new(directed).unwrap().with_default_features());
    let activations =
        [Activation::Relu, Activation::Erf { a: 1.0, b: 0.7, c: 0.1 }, Activation::Abs];
    for (number, graphs) in batches.iter().enumerate() {
        for activation in &activations {
            for (layers, mlp, jumping_knowledge) in [(1, 1, true), (2, 2, false), (4, 1, true)] {
                for scale in [Scale::Uniform, Scale::Degree] {
                    let activation = activation.clone();
                    let gntk = Gntk { layers, mlp, jumping_knowledge, scale, activation, ..base() };
                    let kernel = gntk.kernel(graphs, &Options::new()).unwrap();
                    let expected = Array2::from_shape_fn(kernel.dim(), |(i, j)| {
                        brute::entry(&gntk, (graphs, i), (graphs, j))
                    });
                    // equal nodes meet at a correlation of one, which the formula only nearly knows
                    let tolerance = 3e-8;
                    let error = distance(kernel.view(), expected.view());
                    assert!(error < tolerance, "batch {number}, {gntk:?}: {error:e}");
                }
            }
        }
    }
    // no two nodes alike: nothing is lost
    let gntk = Gntk { mlp: 2, ..base() };
    let (left, right) = (&batches[2], dense(4, &[6, 4], 0.5, 4, 0.2));
    let cross = gntk.cross(left, &right, &Options::new()).unwrap();
    let expected =
        Array2::from_shape_fn(cross.dim(), |(i, j)| brute::entry(&gntk, (left, i), (&right, j)));
    assert!(distance(cross.view(), expected.view()) < 1e-13);
}

#[test]
fn the_kronecker_product_gives_the_same() {
    for graphs in [labelled(5, &[8, 5, 1, 11], 2.5, 3, true), dense(6, &[9, 4, 7], 0.4, 3, 0.3)] {
        for scale in [Scale::Uniform, Scale::Degree] {
            let exact = Gntk { mlp: 2, jumping_knowledge: true, scale, ..base() };
            let plain = Gntk { method: Method::Vectorised, ..exact.clone() };
            let [exact, plain] =
                [exact, plain].map(|g| g.kernel(&graphs, &Options::new()).unwrap());
            let error = distance(plain.view(), exact.view());
            assert!(error < 1e-10, "{error:e}");
        }
    }
}

/// Entry (i, i) of a permuted graph with the original, too: isomorphic graphs are equal.
#[test]
fn names_of_nodes_do_not_matter() {
    let mut random = Random::new(7);
    let mut lists = Lists::new();
    let sizes = [9, 6, 12];
    sizes.iter().for_each(|&nodes| lists.add_random(&mut random, nodes, 0.3, true));
    let labels: Vec<u32> = (0..lists.nodes()).map(|_| random.below(3) as u32).collect();
    let graphs = lists.graphs(Some(&labels), None);
    let mut renamed = lists.clone();
    let mut new_labels = labels.clone();
    for (graph, &nodes) in sizes.iter().enumerate() {
        let first = lists.offsets[graph];
        let order = random.permutation(nodes);
        for node in 0..nodes {
            new_labels[first + order[node]] = labels[first + node];
        }
        for ends in [&mut renamed.sources, &mut renamed.targets] {
            for end in ends.iter_mut().filter(|end| (first..first + nodes).contains(end)) {
                *end = first + order[*end - first];
            }
        }
    }
    // both sets of lists were permuted graph by graph; a graph's nodes stay in its range
    let renamed = renamed.graphs(Some(&new_labels), None);
    assert_ne!(graphs, renamed);
    let kernel = base().kernel(&graphs, &Options::new()).unwrap();
    assert_eq!(kernel, base().kernel(&renamed, &Options::new()).unwrap());
    let cross = base().cross(&graphs, &renamed, &Options::new()).unwrap();
    assert!(distance(cross.view(), kernel.view()) < 1e-14);
}

#[test]
fn kernels_are_positive_semidefinite() {
    for graphs in [labelled(8, &[6; 40], 2.0, 3, false), dense(9, &[5; 40], 0.4, 6, 0.0)] {
        for jumping_knowledge in [false, true] {
            let gntk = Gntk { jumping_knowledge, ..base() };
            let kernel = gntk.kernel(&graphs, &Options::new()).unwrap();
            assert_eq!(kernel, kernel.t());
            let values = symmetric_eigenvalues(kernel, &Par::single()).unwrap();
            assert!(values[0] > -1e-8 * values[39], "{} of {}", values[0], values[39]);
        }
    }
}

#[test]
fn no_bit_depends_on_threads_tiles_or_other_graphs() {
    let graphs = labelled(10, &[3, 20, 1, 7, 33, 12, 5, 9, 14, 2], 2.2, 3, true);
    for precision in [Precision::Double, Precision::Single] {
        let gntk = Gntk { precision, jumping_knowledge: true, ..base() };
        let whole = gntk.kernel(&graphs, &Options::new().par(Par::single())).unwrap();
        for (threads, nodes) in [(1, 1), (2, 16), (3, 50), (2, 1000)] {
            let options = Options::new().par(Par::new(threads)).tile(nodes);
            assert_eq!(gntk.kernel(&graphs, &options).unwrap(), whole);
            let recursion = gntk.recursion(&graphs, None, &options).unwrap();
            for (rows, columns) in [(0..10, 0..10), (2..7, 4..9), (5..9, 1..6), (3..4, 0..3)] {
                let tile = recursion.tile(rows.clone(), columns.clone()).unwrap();
                assert_eq!(tile, whole.slice(s![rows, columns]));
            }
            assert_eq!(recursion.diagonal(), whole.diag());
        }
        let some = [1, 3, 4, 8];
        let part = gntk.kernel(&graphs.select(&some).unwrap(), &Options::new()).unwrap();
        let expected = Array2::from_shape_fn((4, 4), |(i, j)| whole[[some[i], some[j]]]);
        assert_eq!(part, expected);
    }
}

#[test]
fn instruction_sets_differ_by_rounding() {
    let graphs = labelled(21, &[9, 20, 5], 2.2, 3, true);
    for (precision, tolerance) in [(Precision::Double, 1e-13), (Precision::Single, 1e-5)] {
        let gntk = Gntk { precision, ..base() };
        let best = gntk.kernel(&graphs, &Options::new()).unwrap();
        for isa in Isa::available() {
            let kernel = gntk.kernel(&graphs, &Options::new().isa(isa)).unwrap();
            assert!(distance(kernel.view(), best.view()) < tolerance, "{isa:?}");
        }
    }
}

#[test]
fn depths_in_one_pass_are_what_each_gives_alone() {
    let graphs = labelled(11, &[8, 13, 5], 2.2, 3, false);
    let others = labelled(12, &[4, 9], 2.2, 3, false);
    let gntk = Gntk { layers: 5, mlp: 2, ..Gntk::default() };
    let all = ReadOut::up_to(5);
    let kernels = gntk.kernels(&all, &graphs, None, &Options::new()).unwrap();
    let cross = gntk.kernels(&all, &graphs, Some(&others), &Options::new()).unwrap();
    assert_eq!((all.len(), kernels.len(), cross.len()), (10, 10, 10));
    for (&read_out, (kernel, cross)) in all.iter().zip(kernels.iter().zip(&cross)) {
        let ReadOut { layers, jumping_knowledge } = read_out;
        let alone = Gntk { layers, jumping_knowledge, ..gntk.clone() };
        assert_eq!(*kernel, alone.kernel(&graphs, &Options::new()).unwrap());
        assert_eq!(alone.diagonal(&graphs, &Options::new()).unwrap(), kernel.diag());
        assert_eq!(*cross, alone.cross(&graphs, &others, &Options::new()).unwrap());
    }
    let some: Vec<_> = [(2, true), (5, false)]
        .map(|(layers, jumping_knowledge)| ReadOut { layers, jumping_knowledge })
        .to_vec();
    let recursion = gntk.recursion_of(&some, &graphs, None, &Options::new()).unwrap();
    for (read_out, tile) in some.iter().zip(recursion.tiles(1..3, 0..3).unwrap()) {
        let place = all.iter().position(|one| one == read_out).unwrap();
        assert_eq!(tile, kernels[place].slice(s![1..3, ..]));
    }
    let few = gntk.kernels(&some, &graphs, None, &Options::new()).unwrap();
    assert_eq!(few, [kernels[3].clone(), kernels[8].clone()]);
    let deep = [ReadOut { layers: 6, jumping_knowledge: false }];
    for outputs in [&deep[..], &[]] {
        assert!(gntk.recursion_of(outputs, &graphs, None, &Options::new()).is_err());
    }
}

/// Rows and columns of a kernel of all graphs are the cross kernel, up to the order of sums.
#[test]
fn cross_kernels_are_blocks() {
    let graphs = labelled(13, &[8, 13, 5, 7, 6], 2.2, 3, true);
    let dictionary = OneHot::new(&graphs);
    let whole = base().kernel(&graphs, &Options::new()).unwrap();
    let part = |indices: &[usize]| graphs.select(indices).unwrap();
    let cross = base().cross(&part(&[3, 4]), &part(&[0, 1, 2]), &Options::new()).unwrap();
    assert!(distance(cross.view(), whole.slice(s![3.., ..3])) < 1e-14);
    // a mixture of one-hot rows and dense ones
    let dense = dictionary.encode(&part(&[0, 1, 2])).unwrap().dense();
    let dense = part(&[0, 1, 2]).with_features(dense).unwrap();
    let mixed = base().cross(&part(&[3, 4]), &dense, &Options::new()).unwrap();
    assert!(distance(mixed.view(), cross.view()) < 1e-14);
}

#[test]
fn single_precision_is_good_to_a_hundred_thousandth() {
    for graphs in [labelled(14, &[25; 30], 2.2, 3, false), dense(15, &[20; 20], 0.2, 6, 0.3)] {
        let exact = Gntk { layers: 6, ..base() };
        let single = Gntk { precision: Precision::Single, ..exact.clone() };
        let [exact, single] = [exact, single].map(|g| g.kernel(&graphs, &Options::new()).unwrap());
        let mut worst: f64 = 0.0;
        for ((i, j), value) in single.indexed_iter() {
            let scale = (exact[[i, i]] * exact[[j, j]]).sqrt();
            worst = worst.max((value - exact[[i, j]]).abs() / scale);
        }
        assert!(worst > 0.0 && worst < 1e-5, "{worst:e}");
    }
}

/// More graphs than classes of nodes: all entries are those of one graph with itself, though its nodes meet at a
/// correlation of one, where rounding would be felt with its square root.
#[test]
fn equal_graphs_give_equal_entries() {
    for (nodes, labels) in [(3, vec![4]), (7, vec![1, 1, 2, 3, 2, 1, 1])] {
        let mut lists = Lists::new();
        (0..150).for_each(|_| lists.add_random(&mut Random::new(5), nodes, 0.5, true));
        let labels: Vec<u32> = labels.into_iter().cycle().take(lists.nodes()).collect();
        let graphs = lists.graphs(Some(&labels), None);
        for (precision, tolerance) in [(Precision::Double, 1e-14), (Precision::Single, 1e-6)] {
            let gntk = Gntk { precision, mlp: 2, ..base() };
            let own = gntk.diagonal(&graphs, &Options::new()).unwrap()[0];
            let kernel = gntk.kernel(&graphs, &Options::new()).unwrap();
            let worst = kernel.iter().map(|value| (value / own - 1.0).abs()).fold(0.0, f64::max);
            assert!(worst < tolerance, "{nodes} nodes, {precision:?}: {worst:e}");
            let formula = brute::entry(&gntk, (&graphs, 0), (&graphs, 0));
            assert!((own / formula - 1.0).abs() < 3e-8, "{own} and {formula}");
        }
    }
}

/// Nodes without features have variance 0; what they are compared with is orthogonal.
#[test]
fn zero_rows_give_finite_kernels() {
    let graphs = labelled(16, &[6, 4], 2.0, 2, false);
    let strange = {
        let lone =
            Parts { node_offsets: &[0, 1, 3], node_labels: Some(&[9, 9, 0]), ..Parts::default() };
        Graphs::new(lone).unwrap()
    };
    let strange = strange.with_one_hot(&OneHot::new(&graphs)).unwrap();
    for precision in [Precision::Double, Precision::Single] {
        for jumping_knowledge in [false, true] {
            let gntk = Gntk { precision, jumping_knowledge, ..base() };
            let cross = gntk.cross(&strange, &graphs, &Options::new()).unwrap();
            assert_eq!(cross.row(0), array![0.0, 0.0]);
            assert!(cross.row(1).iter().all(|x| x.is_finite() && *x > 0.0));
            let own = gntk.kernel(&strange, &Options::new()).unwrap();
            assert_eq!((own[[0, 0]], own[[0, 1]]), (0.0, 0.0));
        }
    }
}

#[test]
fn what_is_wrong_is_named() {
    let graphs = labelled(17, &[6, 4], 2.0, 2, false);
    let fails = |gntk: Gntk, graphs: &Graphs, options: &Options<'_>, text: &str| {
        let message = gntk.kernel(graphs, options).unwrap_err().to_string();
        assert!(message.contains(text), "{message}");
    };
    let options = Options::new();
    fails(Gntk { layers: 0, ..base() }, &graphs, &options, "layers is 0; it must be from 1");
    fails(Gntk { mlp: 0, ..base() }, &graphs, &options, "mlp is 0");
    let empty = Activation::Polynomial { coef: vec![0.0] };
    fails(Gntk { activation: empty, ..base() }, &graphs, &options, "cannot be normalised");
    let bare = Graphs::new(Parts { node_offsets: &[0, 2], ..Parts::default() }).unwrap();
    fails(base(), &bare, &options, "the graphs have no node features");
    let wide = dense(18, &[3], 0.5, 7, 0.0);
    let error = base().cross(&graphs, &wide, &options).unwrap_err();
    assert!(matches!(error, Error::FeatureWidth { left: 2, right: 7 }), "{error}");
    let error = base().cross(&graphs, &bare, &options).unwrap_err();
    assert!(error.to_string().contains("the other graphs have no"), "{error}");
    let clique = dense(19, &[40], 1.0, 3, 1.0);
    let uniform = Gntk { layers: 110, scale: Scale::Uniform, ..base() };
    fails(uniform.clone(), &clique, &options, "with Degree scaling they do not");
    let single = Gntk { layers: 14, precision: Precision::Single, ..uniform };
    fails(single.clone(), &clique, &options, "left graph 0 overflows f32");
    let mixed = dense(19, &[2, 2, 40, 2], 1.0, 3, 1.0);
    fails(single.clone(), &mixed, &options, "left graph 2 overflows f32");
    assert!(Gntk { scale: Scale::Degree, ..single }.kernel(&clique, &options).is_ok());
    let faint = |scale: f64| {
        let features = clique.features().unwrap().dense().mapv(|x| scale * x);
        clique.clone().with_features(features).unwrap()
    };
    let single = Gntk { precision: Precision::Single, ..base() };
    fails(single.clone(), &faint(1e-20), &options, "left graph 0 underflows f32 at level 1");
    assert!(single.kernel(&faint(1e-12), &options).is_ok());
    assert!(base().kernel(&faint(1e-20), &options).is_ok());
    let small = Options::new().budget(Budget::bytes(100));
    fails(base(), &graphs, &small, "but the limit is 100 bytes");
    let cancel = Cancel::new();
    cancel.cancel();
    fails(base(), &graphs, &Options::new().cancel(&cancel), "cancelled");
    let recursion = base().recursion(&graphs, None, &options).unwrap();
    let error = recursion.tile(0..1, 1..3).unwrap_err();
    assert!(matches!(error, Error::Range { what: "columns", start: 1, end: 3, len: 2 }), "{error}");
}

#[test]
fn progress_reaches_the_end() {
    let graphs = labelled(20, &[6; 9], 2.0, 2, false);
    let seen = Mutex::new(Vec::new());
    let progress = |report| seen.lock().unwrap().push(report);
    let options = Options::new().tile(12).progress(&progress);
    base().kernel(&graphs, &options).unwrap();
    let seen = seen.into_inner().unwrap();
    let last = seen.iter().max_by_key(|report| report.done_tiles).unwrap();
    assert_eq!((last.done_tiles, last.done_entries), (last.total_tiles, 45));
    assert_eq!((seen.len(), last.total_entries), (last.total_tiles, 45));
}
