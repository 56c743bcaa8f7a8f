//! Repeated, negated, collinear and nearly parallel rows: a kernel knows them from their copies.

mod common;

use common::{Random, hidden};
use ndarray::{Array2, s};
use widelimit_arch::{Activation, Function, NamedFunction, UserFunction};
use widelimit_exact::{Kernel, Options, Scalar, Want, diagonal, kernel};
use widelimit_linalg::Par;

fn named(function: NamedFunction) -> Activation {
    Activation::Numerical { function: Function::Named(function), degree: None }
}

fn user(kinks: &[f64], f: fn(f64) -> f64) -> Activation {
    let function = UserFunction::new("kinked", kinks, f);
    Activation::Numerical { function: Function::User(function), degree: None }
}

/// Activations whose series are long, with the closed form that they must agree with.
fn twins() -> Vec<(Activation, Activation)> {
    vec![
        (user(&[0.0], |x| x.max(0.0)), Activation::Relu),
        (user(&[0.0], f64::abs), Activation::Abs),
        (user(&[-1.0, 1.0], |x| x.clamp(-1.0, 1.0)), Activation::HardTanh),
        (user(&[0.0], f64::signum), Activation::Sign),
    ]
}

fn run<T: Scalar>(activation: &Activation, x: &Array2<T>) -> [Array2<f64>; 2] {
    let options = Options::new().want(Want::BOTH).par(Par::single());
    let Kernel { nngp, ntk, .. } =
        kernel(&hidden(activation, 2), x.view(), None, &options).unwrap();
    [nngp, ntk].map(|k| k.unwrap().mapv(|x| <T as widelimit_linalg::Scalar>::to_f64(x)))
}

/// Rows with a copy, a negative, a multiple and a neighbour of the first.
fn rows() -> Array2<f64> {
    let mut x = Random::new(5).matrix(12, 6);
    let first = x.row(0).to_owned();
    x.row_mut(3).assign(&first);
    x.row_mut(5).assign(&-&first);
    x.row_mut(8).assign(&(2.0 * &first));
    x.row_mut(9).assign(&first);
    x[[9, 1]] += 1e-3;
    // so that f32 holds the same numbers
    x.mapv(|x| f64::from(x as f32))
}

#[test]
fn a_copy_has_the_diagonal() {
    let functions = [
        NamedFunction::Tanh,
        NamedFunction::Softsign,
        NamedFunction::Arctan,
        NamedFunction::GeluTanh,
        NamedFunction::Mish,
    ];
    let mut activations: Vec<Activation> = functions.map(named).into();
    activations.extend(twins().into_iter().map(|(activation, _)| activation));
    for scale in [0.1, 1.0, 20.0] {
        let x = rows() * scale;
        for activation in &activations {
            for matrix in run::<f64>(activation, &x) {
                let error = (matrix[[0, 3]] - matrix[[0, 0]]).abs() / matrix[[0, 0]];
                assert!(error < 1e-8, "{activation:?} at {scale}: a copy is off by {error:.1e}");
                assert_eq!(matrix.row(0).slice(s![5..8]), matrix.row(3).slice(s![5..8]));
            }
        }
    }
}

#[test]
fn kinked_functions_agree_with_their_closed_forms() {
    let x = rows();
    let single = x.mapv(|x| x as f32);
    for (activation, closed) in twins() {
        let exact = run::<f64>(&closed, &x);
        let own = run::<f64>(&activation, &x);
        let own_single = run::<f32>(&activation, &single);
        for quantity in 0..2 {
            let unit =
                |i: usize, j: usize| (exact[quantity][[i, i]] * exact[quantity][[j, j]]).sqrt();
            for ((i, j), value) in exact[quantity].indexed_iter() {
                let error = (own[quantity][[i, j]] - value).abs() / unit(i, j);
                assert!(error < 1e-7, "{closed:?} ({i}, {j}): {error:.1e}");
                // row 9 is close to others, and rounding of f32 turns into its root in deep layers
                let error = (own_single[quantity][[i, j]] - value).abs() / unit(i, j);
                assert!(error < 5e-6, "{closed:?} ({i}, {j}): f32 off by {error:.1e}");
            }
        }
    }
}

#[test]
fn blocks_and_single_precision_agree() {
    let options = Options::new().want(Want::BOTH).par(Par::single());
    let x = rows();
    let single = x.mapv(|x| x as f32);
    for function in [NamedFunction::Tanh, NamedFunction::Softsign] {
        let net = hidden(&named(function), 2);
        let exact = run::<f64>(&named(function), &x);
        let rounded = run::<f32>(&named(function), &single);
        let (left, right) = (x.slice(s![..4, ..]), x.slice(s![4.., ..]));
        let block = kernel(&net, left, Some(right.into()), &options).unwrap();
        let whole = diagonal(&net, x.view(), &options).unwrap();
        for (quantity, block) in [block.nngp.unwrap(), block.ntk.unwrap()].iter().enumerate() {
            assert_eq!(block, exact[quantity].slice(s![..4, 4..]));
            let unit = exact[quantity].diag().fold(0.0_f64, |most, x| most.max(*x));
            let error =
                (&exact[quantity] - &rounded[quantity]).fold(0.0_f64, |m, x| m.max(x.abs()));
            assert!(error < 1e-5 * unit, "{function:?}: f32 off by {:.1e}", error / unit);
        }
        assert_eq!(whole.nngp.unwrap(), exact[0].diag());
    }
}
