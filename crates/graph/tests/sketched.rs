//! Sketched kernels: how the error falls, what deflation does, and what is reported.

mod common;

use common::{dense, labelled};
use ndarray::Array2;
use widelimit_graph::{Family, Gntk, Graphs, Method, NodeSketch, Options, ReadOut, Repair};
use widelimit_linalg::{Par, symmetric_eigenvalues};

fn exact() -> Gntk {
    Gntk { layers: 3, ..Gntk::default() }
}

fn sketched(sketch: NodeSketch) -> Gntk {
    Gntk { method: Method::Sketched(sketch), ..exact() }
}

fn run(gntk: &Gntk, graphs: &Graphs) -> Array2<f64> {
    gntk.kernel(graphs, &Options::new()).unwrap()
}

/// Relative error of the entries off the diagonal, over some seeds.
fn error(graphs: &Graphs, size: usize, family: Family, deflate: usize, seeds: u64) -> f64 {
    let truth = run(&exact(), graphs);
    let (mut sum, mut scale) = (0.0, 0.0);
    for seed in 0..seeds {
        let (repair, principal) = (Repair::None, 0);
        let sketch = NodeSketch { size, family, deflate, principal, seed, repair, tolerance: 0.0 };
        let kernel = run(&sketched(sketch), graphs);
        for ((i, j), value) in kernel.indexed_iter().filter(|((i, j), _)| i != j) {
            sum += (value - truth[[i, j]]).powi(2);
            scale += truth[[i, j]].powi(2);
        }
        assert_eq!(kernel.diag(), truth.diag());
    }
    (sum / scale).sqrt()
}

#[test]
fn errors_fall_with_the_root_of_the_size() {
    let graphs = dense(1, &[180, 200, 170, 190], 0.5, 5, 1.0);
    for deflate in [0, 1] {
        let points: Vec<(f64, f64)> = [20, 40, 80, 160]
            .into_iter()
            .map(|size| {
                let error = error(&graphs, size, Family::Gaussian, deflate, 8);
                ((size as f64).ln(), error.ln())
            })
            .collect();
        let mean = |f: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(f).sum::<f64>() / 4.0;
        let (x, y) = (mean(&|p| p.0), mean(&|p| p.1));
        let slope = mean(&|p| (p.0 - x) * (p.1 - y)) / mean(&|p| (p.0 - x).powi(2));
        assert!((slope + 0.5).abs() < 0.15, "deflate {deflate}: {slope} from {points:?}");
    }
}

#[test]
fn keeping_the_mean_is_much_better() {
    // features with a mean, as one-hot ones have
    let graphs = dense(2, &[90, 80, 100], 0.2, 5, 1.0);
    for family in [Family::Gaussian, Family::Sign, Family::Srht, Family::CountSketch] {
        let [plain, kept, more] = [0, 1, 2].map(|deflate| error(&graphs, 24, family, deflate, 4));
        assert!(kept < 0.3 * plain, "{family:?}: {kept} with the mean kept, {plain} without");
        assert!(more < 0.5 * kept, "{family:?}: {more} with the read-out kept, {kept} without");
    }
}

/// Two features, three levels: four directions hold all that is aggregated, up to how activations bend it.
#[test]
fn keeping_directions_of_features_is_better_still() {
    let graphs = dense(8, &[90, 80, 100], 0.25, 2, 1.0);
    let truth = run(&exact(), &graphs);
    let [without, with] = [0, usize::MAX].map(|principal| {
        let errors = (0..4).map(|seed| {
            let repair = Repair::None;
            let sketch = NodeSketch { size: 24, principal, seed, repair, ..NodeSketch::default() };
            let kernel = run(&sketched(sketch), &graphs);
            (&kernel - &truth).iter().map(|x| x * x).sum::<f64>()
        });
        errors.sum::<f64>().sqrt()
    });
    assert!(with < 0.05 * without, "{with} with directions of features kept, {without} without");
}

#[test]
fn no_bit_depends_on_threads_or_other_graphs() {
    let graphs = dense(3, &[30, 40, 25, 35], 0.3, 4, 0.5);
    let gntk = sketched(NodeSketch { size: 8, repair: Repair::None, ..NodeSketch::default() });
    let one = gntk.kernel(&graphs, &Options::new().par(Par::single())).unwrap();
    let many = gntk.kernel(&graphs, &Options::new().par(Par::new(3))).unwrap();
    assert_eq!(one, many);
    let first = run(&gntk, &graphs.select(&[0, 1]).unwrap());
    assert_eq!(first[[0, 1]], one[[0, 1]]);
    let other = NodeSketch { size: 8, seed: 1, repair: Repair::None, ..NodeSketch::default() };
    assert_ne!(one, run(&sketched(other), &graphs));
    // sketches of both sides are independent: a graph against itself is not biased by its own norm
    let alone = graphs.select(&[0]).unwrap();
    let truth = run(&exact(), &alone)[[0, 0]];
    let cross = gntk.cross(&alone, &alone, &Options::new()).unwrap()[[0, 0]];
    assert!(cross != truth && (cross / truth - 1.0).abs() < 0.5, "{cross} for {truth}");
}

#[test]
fn repairs_make_kernels_positive_semidefinite() {
    let graphs = dense(4, &[40; 12], 0.3, 3, 0.0);
    let of = |repair| {
        let sketch =
            NodeSketch { size: 6, deflate: 0, principal: 0, repair, ..NodeSketch::default() };
        sketched(sketch).kernel_with_report(&graphs, None, &Options::new()).unwrap()
    };
    let smallest = |kernel: &Array2<f64>| {
        assert_eq!(kernel, kernel.t());
        let values = symmetric_eigenvalues(kernel.clone(), &Par::single()).unwrap();
        (values[0], values[11])
    };
    let (plain, report) = of(Repair::None);
    let (low, high) = smallest(&plain);
    assert!(low < -1e-3 * high, "the test needs an indefinite kernel: {low} of {high}");
    assert_eq!((report.smallest_eigenvalue, report.ridge), (Some(low), 0.0));
    let (ridged, report) = of(Repair::Ridge);
    assert!(smallest(&ridged).0 > -1e-12 * high);
    assert_eq!((report.smallest_eigenvalue, report.ridge), (Some(low), -low));
    assert!((ridged[[0, 0]] - plain[[0, 0]] + low).abs() < 1e-12 * high);
    let (clipped, report) = of(Repair::Clip);
    assert!(smallest(&clipped).0 > -1e-12 * high);
    assert_eq!((report.smallest_eigenvalue, report.ridge), (Some(low), 0.0));
}

/// The error is estimated without the exact kernel, to within its own scatter on 24 pairs.
#[test]
fn the_reported_error_is_about_right() {
    let graphs = dense(5, &[80, 90, 70, 85, 75, 95], 0.2, 5, 1.0);
    let sketch = NodeSketch { size: 20, principal: 0, ..NodeSketch::default() };
    let (_, report) = sketched(sketch).kernel_with_report(&graphs, None, &Options::new()).unwrap();
    let truth = error(&graphs, 20, Family::Gaussian, 2, 6);
    let estimate = report.relative_error.unwrap();
    assert!((estimate / truth - 1.0).abs() < 0.5, "{estimate} for {truth}");
    assert_eq!((report.exact_pairs, report.sketched_pairs), (6, 15));
    assert!(report.sketched[1] && !report.sketched[0] && report.sketched.len() == 36);
}

fn auto(sketch: NodeSketch) -> Gntk {
    Gntk { method: Method::Auto(sketch), ..exact() }
}

#[test]
fn the_cheaper_method_is_chosen() {
    let sketch = NodeSketch { size: 10, ..NodeSketch::default() };
    let sparse = labelled(6, &[90, 100, 110], 3.0, 3, false);
    assert_eq!(run(&auto(sketch.clone()), &sparse), run(&exact(), &sparse));
    let many = dense(7, &[60; 36], 0.9, 3, 0.5);
    let told = |gntk: Gntk, graphs| gntk.kernel_with_report(graphs, None, &Options::new()).unwrap();
    let (kernel, report) = told(auto(sketch.clone()), &many);
    assert_eq!((report.exact_pairs, report.sketched_pairs), (36, 630));
    assert!(report.relative_error.is_some_and(|error| error < 0.05), "{report:?}");
    let (same, always) = told(sketched(sketch.clone()), &many);
    assert_eq!((kernel, report.relative_error), (same, always.relative_error));
    let (_, all) = told(exact(), &many);
    assert!(report.flops < all.flops && all.relative_error.is_none());
    // a trial of the sketches of some pairs takes longer than three
    let few = many.select(&[0, 1, 2]).unwrap();
    let (kernel, report) = told(auto(sketch), &few);
    assert_eq!((report.sketched_pairs, report.relative_error), (0, None));
    assert_eq!(kernel, run(&exact(), &few));
    let bad = NodeSketch { size: 2, ..NodeSketch::default() };
    let message = sketched(bad).kernel(&sparse, &Options::new()).unwrap_err().to_string();
    assert!(message.contains("above the directions it keeps"), "{message}");
}

/// Plain sketches of few rows are off by as much as the kernel.
#[test]
fn sketches_that_are_too_far_off_are_not_chosen() {
    let graphs = dense(7, &[60; 36], 0.9, 3, 0.5);
    let wild = NodeSketch { size: 8, deflate: 0, principal: 0, ..NodeSketch::default() };
    let (kernel, report) =
        auto(wild.clone()).kernel_with_report(&graphs, None, &Options::new()).unwrap();
    let error = report.relative_error.unwrap();
    assert!(error > 0.05 && report.sketched_pairs == 0 && report.sketched.is_empty(), "{report:?}");
    assert_eq!(kernel, run(&exact(), &graphs));
    assert_eq!(run(&auto(wild.clone()), &graphs), kernel);
    // one of several depths is enough
    let depths = ReadOut::up_to(3);
    let all = |gntk: &Gntk| gntk.kernels(&depths, &graphs, None, &Options::new()).unwrap();
    assert_eq!(all(&auto(wild.clone())), all(&exact()));
    let tolerant = NodeSketch { tolerance: error, ..wild };
    assert_ne!(run(&auto(tolerant), &graphs), kernel);
}
