//! Random networks on random images against the slow evaluator.

mod common;

use common::brute::{self, Evaluation};
use common::distance;
use common::engine::{Set, both, doubles, options};
use common::golden::same_position;
use common::random_nets::{self, COINCIDENT, Case};
use ndarray::{Array2, s};
use widelimit_arch::Network;
use widelimit_exact::{Diagonal, Kernel, Scalar, Spatial, Want, diagonal, kernel};

const SEEDS: u64 = 200;

/// Worst errors of one kind of case, and where.
#[derive(Default)]
struct Worst {
    cases: usize,
    double: (f64, u64),
    single: (f64, u64),
}

/// Runs one network in one precision and compares; the two kernels' larger error.
fn error<T: Scalar>(
    network: &Network,
    x1: &Set<T>,
    x2: Option<&Set<T>>,
    expected: &Evaluation,
) -> f64 {
    let ours = both(network, x1, x2, &options());
    let expected = [&expected.nngp, &expected.ntk];
    let mut worst = 0.0_f64;
    for (ours, expected) in ours.iter().zip(expected) {
        assert_eq!(ours.dim(), expected.dim(), "shape");
        let error = distance(doubles(ours).view(), expected.view());
        // a NaN is lost in a maximum
        let finite = ours.iter().all(|x| widelimit_linalg::Scalar::is_finite(*x));
        worst = worst.max(if finite { error } else { f64::INFINITY });
    }
    worst
}

/// What holds to the last bit: kernels asked for alone, the diagonal, the shape of entries.
fn exact_promises<T: Scalar>(case: &Case, x1: &Set<T>, x2: &Set<T>, spatial: &[usize]) {
    let network = &case.network;
    let entry = [spatial, spatial].concat();
    for second in [None, Some(x2)] {
        let ask = |want| {
            let options = options().want(want);
            kernel(network, x1.inputs(), second.map(Set::inputs), &options).unwrap()
        };
        let Kernel { nngp, ntk, entry: shape, .. } = ask(Want::BOTH);
        assert_eq!(shape, entry);
        let alone = ask(Want::NNGP);
        assert!(alone.nngp == nngp && alone.ntk.is_none(), "NNGP alone");
        let alone = ask(Want::NTK);
        assert!(alone.ntk == ntk && alone.nngp.is_none(), "NTK alone");
        if second.is_none() {
            let Diagonal { nngp: k, ntk: t } = diagonal(network, x1.inputs(), &options()).unwrap();
            for (alone, all) in [(k, nngp), (t, ntk)] {
                let (alone, all) = (alone.unwrap(), all.unwrap());
                let each = all.ncols() / all.nrows();
                let own = all.rows().into_iter().enumerate();
                let own = own.flat_map(|(i, row)| row.slice(s![i * each..(i + 1) * each]).to_vec());
                assert!(alone.into_iter().eq(own), "diagonal");
            }
        }
    }
}

/// Positions compared with themselves alone must be those of the full kernel.
fn positions_alone(case: &Case, x1: &Set<f64>, x2: &Set<f64>, spatial: &[usize]) -> f64 {
    let positions = spatial.iter().product();
    let mut worst = 0.0_f64;
    for second in [None, Some(x2)] {
        let full = both(&case.network, x1, second, &options());
        let options = options().spatial(Spatial::Diagonal);
        let Kernel { nngp, ntk, entry, .. } =
            kernel(&case.network, x1.inputs(), second.map(Set::inputs), &options).unwrap();
        assert_eq!(entry, spatial);
        for (alone, full) in [nngp.unwrap(), ntk.unwrap()].iter().zip(&full) {
            let full: Array2<f64> = same_position(full, positions);
            worst = worst.max(distance(alone.view(), full.view()));
        }
    }
    worst
}

fn run(case: &Case, worst: &mut [Worst; 2]) {
    let same = brute::evaluate(&case.network, &case.x1, None, case.graphs());
    let other = brute::evaluate(&case.network, &case.x1, Some(&case.x2), case.both_graphs());
    let double = [(&case.x1, &case.a1), (&case.x2, &case.a2)];
    let [x1, x2] = double.map(|(x, graphs)| Set::<f64>::new(x, graphs.as_ref()));
    let [y1, y2] = double.map(|(x, graphs)| Set::<f32>::new(x, graphs.as_ref()));
    let coincident = same.closest.min(other.closest) < 1e-8;
    let (limit, limit_single) = if coincident { COINCIDENT } else { (1e-11, 5e-6) };
    let errors = [
        error(&case.network, &x1, None, &same).max(error(&case.network, &x1, Some(&x2), &other)),
        error(&case.network, &y1, None, &same).max(error(&case.network, &y1, Some(&y2), &other)),
    ];
    let worst = &mut worst[usize::from(coincident)];
    worst.cases += 1;
    for (place, error) in [(&mut worst.double, errors[0]), (&mut worst.single, errors[1])] {
        if error > place.0 {
            *place = (error, case.seed);
        }
    }
    assert!(errors[0] <= limit, "f64: {:.1e}", errors[0]);
    assert!(errors[1] <= limit_single, "f32: {:.1e}", errors[1]);
    exact_promises(case, &x1, &x2, &same.spatial);
    exact_promises(case, &y1, &y2, &same.spatial);
    if !same.spatial.is_empty() {
        let error = positions_alone(case, &x1, &x2, &same.spatial);
        assert!(error <= if coincident { COINCIDENT.0 } else { 1e-13 }, "diagonal: {error:.1e}");
    }
}

#[test]
fn random_networks_agree_with_the_slow_evaluator() {
    let mut worst = <[Worst; 2]>::default();
    let checks = std::panic::AssertUnwindSafe(|| {
        random_nets::everywhere(SEEDS, |case| run(case, &mut worst));
    });
    let result = std::panic::catch_unwind(checks);
    for (kind, worst) in ["all different", "some coincident"].iter().zip(&worst) {
        let Worst { cases, double, single } = worst;
        println!(
            "{kind}: {cases} cases, f64 {:.1e} (seed {}), f32 {:.1e} (seed {})",
            double.0, double.1, single.0, single.1
        );
    }
    if let Err(failures) = result {
        std::panic::resume_unwind(failures);
    }
}
