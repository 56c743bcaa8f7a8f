//! What every kernel promises, for every activation at depths 1 to 4.

mod common;

use common::{Random, activations, awkward, distance, hidden};
use ndarray::{Array2, ArrayView2, s};
use widelimit_arch::{Activation, Dense, Dropout, Layer, LayerNorm, Network};
use widelimit_dual::Isa;
use widelimit_exact::{Kernel, Options, Scalar, Want, diagonal, kernel};
use widelimit_linalg::Par;

fn options<'a>() -> Options<'a> {
    Options::new().want(Want::BOTH).par(Par::single())
}

fn both<T: Scalar>(
    net: &Network,
    x1: ArrayView2<T>,
    x2: Option<ArrayView2<T>>,
    options: &Options,
) -> [Array2<T>; 2] {
    let Kernel { nngp, ntk, .. } = kernel(net, x1, x2.map(Into::into), options).unwrap();
    [nngp.unwrap(), ntk.unwrap()]
}

/// Runs a check on every activation and depth, and tells where it failed.
fn everywhere(check: impl Fn(&Activation, &Network)) {
    for activation in activations() {
        for depth in 1..=4 {
            println!("{activation:?}, depth {depth}");
            check(&activation, &hidden(&activation, depth));
        }
    }
}

/// Bits, so that equality means equality (and -0 differs from 0).
fn bits<T: Scalar>(matrix: ArrayView2<T>) -> Array2<u64> {
    matrix.mapv(|x| <T as widelimit_linalg::Scalar>::to_f64(x).to_bits())
}

fn structure<T: Scalar>(net: &Network, x: &Array2<T>) {
    let whole = both(net, x.view(), None, &options());
    let diagonal = diagonal(net, x.view(), &options()).unwrap();
    let exact = [diagonal.nngp.unwrap(), diagonal.ntk.unwrap()];
    let middle = both(net, x.slice(s![3..12, ..]), None, &options());
    let corner = both(net, x.slice(s![..8, ..]), Some(x.slice(s![8.., ..])), &options());
    let swapped = both(net, x.slice(s![8.., ..]), Some(x.slice(s![..8, ..])), &options());
    for q in 0..2 {
        let all = bits(whole[q].view());
        assert!(whole[q].iter().all(|&x| widelimit_linalg::Scalar::is_finite(x)), "finite");
        assert_eq!(all, all.t(), "symmetric");
        assert_eq!(whole[q].diag(), exact[q], "diagonal");
        assert_eq!(bits(middle[q].view()), all.slice(s![3..12, 3..12]), "a block on the diagonal");
        assert_eq!(bits(corner[q].view()), all.slice(s![..8, 8..]), "a block off the diagonal");
        assert_eq!(bits(corner[q].view()), bits(swapped[q].view()).t(), "swapped arguments");
    }
}

#[test]
fn symmetry_blocks_and_swaps_to_the_bit() {
    let x = awkward(19, 9, 1);
    let single = x.mapv(|x| x as f32);
    everywhere(|_, net| {
        structure(net, &x);
        structure(net, &single);
    });
}

#[test]
fn threads_and_tiles_change_no_bit() {
    let x = awkward(35, 5, 2);
    everywhere(|_, net| {
        let one = both(net, x.view(), None, &options());
        for (threads, tile) in [(2, 32), (5, 7), (1, 35)] {
            let options = options().par(Par::new(threads)).tile(tile);
            let other = both(net, x.view(), None, &options);
            for q in 0..2 {
                assert_eq!(bits(one[q].view()), bits(other[q].view()), "{threads} x {tile}");
            }
        }
    });
}

/// Entries of collinear rows amplify the last bit of kinked activations to 1e-8.
#[test]
fn instruction_sets_agree() {
    let x = Random::new(3).matrix(11, 6);
    everywhere(|activation, net| {
        let best = both(net, x.view(), None, &options());
        for isa in Isa::available() {
            let other = both(net, x.view(), None, &options().isa(isa));
            for q in 0..2 {
                let error = distance(other[q].view(), best[q].view());
                assert!(error < 1e-12, "{isa:?} {activation:?}: {error:.1e}");
            }
        }
    });
}

#[test]
fn single_precision_follows_double() {
    let x = awkward(20, 12, 4);
    let single = x.mapv(|x| x as f32);
    let mut worst = [(0.0_f64, String::new()), (0.0, String::new())];
    let worst_seen = std::cell::RefCell::new(&mut worst);
    everywhere(|activation, net| {
        let exact = both(net, x.view(), None, &options());
        let rough = both(net, single.view(), None, &options());
        for q in 0..2 {
            let error = distance(rough[q].mapv(f64::from).view(), exact[q].view());
            assert!(error < 2e-5, "{activation:?} {q}: {error:.1e}");
            let worst = &mut worst_seen.borrow_mut()[q];
            if error > worst.0 {
                *worst = (error, format!("{activation:?}"));
            }
        }
    });
    println!("worst NNGP and NTK: {worst:?}");
}

/// Whether `a + shift I` has a Cholesky factor.
fn is_positive(a: ArrayView2<f64>, shift: f64) -> bool {
    let n = a.nrows();
    let mut l = Array2::<f64>::zeros((n, n));
    for j in 0..n {
        let head = l.slice(s![j, ..j]).to_owned();
        let pivot = a[[j, j]] + shift - head.dot(&head);
        if pivot <= 0.0 {
            return false;
        }
        l[[j, j]] = pivot.sqrt();
        for i in j + 1..n {
            l[[i, j]] = (a[[i, j]] - l.slice(s![i, ..j]).dot(&head)) / l[[j, j]];
        }
    }
    true
}

#[test]
fn kernels_are_positive_semidefinite() {
    let x = Random::new(5).matrix(200, 20);
    for activation in activations() {
        let net = hidden(&activation, 3);
        for matrix in both(&net, x.view(), None, &options()) {
            // a lower bound on the largest eigenvalue, from the constant vector
            let largest = matrix.sum() / 200.0;
            let largest = matrix.diag().iter().copied().fold(largest, f64::max);
            assert!(is_positive(matrix.view(), 1e-10 * largest), "{activation:?}");
        }
    }
}

#[test]
fn one_quantity_alone_is_the_same() {
    let x = awkward(30, 4, 6);
    let net = hidden(&Activation::Relu, 3);
    let [nngp, ntk] = both(&net, x.view(), None, &options());
    let alone = kernel(&net, x.view(), None, &options().want(Want::NNGP)).unwrap();
    assert_eq!((alone.nngp, alone.ntk), (Some(nngp), None));
    let alone = kernel(&net, x.view(), None, &options().want(Want::NTK)).unwrap();
    assert_eq!((alone.nngp, alone.ntk), (None, Some(ntk)));
}

/// A copied row is as good as the row itself, through every layer and in both precisions.
#[test]
fn repeated_rows_equal_the_diagonal() {
    let x = awkward(12, 7, 8);
    everywhere(|activation, net| {
        let Kernel { nngp, ntk, error, .. } = kernel(net, x.view(), None, &options()).unwrap();
        // a numerical dual is a truncated series, and says how good it is
        let limit = 1e-13_f64.max(10.0 * error.unwrap_or(0.0));
        for quantity in [nngp.unwrap(), ntk.unwrap()] {
            let (copy, exact) = (quantity[[0, 6]], quantity[[0, 0]]);
            let error = (copy - exact).abs() / exact;
            assert!(error < limit, "{activation:?}: {error:.1e}");
        }
    });
}

#[test]
fn dropout_acts_on_the_diagonal_only() {
    let x = awkward(12, 5, 7);
    let net = |dropout: Option<Dropout>| {
        let mut layers: Vec<Layer> =
            vec![Dense::new(1.2).bias(0.1).into(), Activation::Relu.into()];
        layers.extend(dropout.map(Layer::from));
        layers.push(Dense::new(1.0).into());
        Network::new(layers).unwrap()
    };
    let plain = both(&net(None), x.view(), None, &options());
    let train = both(&net(Some(Dropout::train(0.5))), x.view(), None, &options());
    let test = both(&net(Some(Dropout::test(0.5))), x.view(), None, &options());
    for q in 0..2 {
        assert_eq!(test[q], plain[q]);
        for ((i, j), &value) in train[q].indexed_iter() {
            let factor = if i == j { 2.0 } else { 1.0 };
            assert!((value - factor * plain[q][[i, j]]).abs() < 1e-14, "{i}, {j}");
        }
    }
}

/// Rows may come in any memory order.
#[test]
fn fortran_order_is_the_same() {
    let x = awkward(21, 8, 9);
    let net = hidden(&Activation::Gelu, 2);
    let mut fortran = Array2::zeros(x.t().dim());
    fortran.assign(&x.t());
    let fortran = fortran.reversed_axes();
    assert!(!fortran.is_standard_layout());
    assert_eq!(
        both(&net, x.view(), None, &options()),
        both(&net, fortran.view(), None, &options())
    );
}

/// The scales of a normalisation are symmetric too.
#[test]
fn normalised_networks_keep_the_contract() {
    let net = Network::new(vec![
        Dense::new(1.2).bias(0.3).into(),
        LayerNorm::channels().eps(1e-6).into(),
        Activation::Relu.into(),
        Layer::residual(
            vec![Dense::new(1.0).into(), Activation::Gelu.into(), Dense::new(0.5).into()],
            vec![Dense::new(1.0).into()],
        ),
    ])
    .unwrap();
    let x = awkward(37, 9, 10);
    structure(&net, &x);
    structure(&net, &x.mapv(|x| x as f32));
}

/// Points so close that f32 cannot tell their angles: without care the NTK is off by 1e-4.
#[test]
fn nearly_parallel_points_in_single_precision() {
    let noise = Random::new(11).matrix(60, 40);
    let base = Random::new(12).matrix(1, 40);
    let x = (&noise * 1e-4 + &base).mapv(|x| f64::from(x as f32));
    let single = x.mapv(|x| x as f32);
    for activation in [Activation::Relu, Activation::Sign, Activation::HardTanh, Activation::Abs] {
        for depth in [1, 3] {
            let net = hidden(&activation, depth);
            let exact = both(&net, x.view(), None, &options());
            let rough = both(&net, single.view(), None, &options());
            for q in 0..2 {
                let error = distance(rough[q].mapv(f64::from).view(), exact[q].view());
                assert!(error < 3e-7, "{activation:?} depth {depth}, {q}: {error:.1e}");
            }
        }
    }
}
