//! Whole kernels, and each activation's share of them.
//!
//! `cargo bench -p widelimit-exact`. For a comparison with another program in the same run use the
//! example `kernel_time`.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array2;
use widelimit_arch::{Activation, Dense, Network};
use widelimit_exact::{Options, Scalar, Want, kernel};
use widelimit_linalg::Par;

fn inputs<T: Scalar>(n: usize, d: usize) -> Array2<T> {
    let mut state = 1_u64;
    Array2::from_shape_simple_fn((n, d), || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        <T as widelimit_linalg::Scalar>::from_f64((state >> 33) as f64 / (1_u64 << 30) as f64 - 1.0)
    })
}

fn hidden(activation: &Activation, depth: usize) -> Network {
    let mut net = Network::builder();
    for _ in 0..depth {
        net = net.then(Dense::new(1.4)).then(activation.clone());
    }
    match net.then(Dense::new(1.0)).build() {
        Ok(net) => net,
        Err(error) => panic!("{error}"),
    }
}

/// Three hidden layers, from where the product is the work (d = 784) to where the layers are.
fn sizes<T: Scalar>(criterion: &mut Criterion, dtype: &str) {
    let mut group = criterion.benchmark_group(format!("three relu layers, {dtype}"));
    group.sample_size(10);
    let net = hidden(&Activation::Relu, 3);
    for d in [32, 784] {
        let x = inputs::<T>(2000, d);
        group.throughput(Throughput::Elements(2000 * 2000));
        for threads in [1, 2] {
            let options = Options::new().par(Par::new(threads));
            let id = BenchmarkId::new(format!("d = {d}"), format!("{threads} threads"));
            group.bench_function(id, |b| b.iter(|| kernel(&net, x.view(), None, &options)));
        }
    }
    group.finish();
}

/// One thread, one hidden layer of each kind on low-dimensional inputs.
fn kinds(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one layer, d = 8, f32");
    group.sample_size(10);
    let x = inputs::<f32>(1000, 8);
    group.throughput(Throughput::Elements(1000 * 1001 / 2));
    let kinds = [
        ("relu", Activation::Relu),
        ("erf", Activation::Erf { a: 1.0, b: 1.0, c: 0.0 }),
        ("gelu", Activation::Gelu),
        ("rbf", Activation::Rbf { gamma: 1.0 }),
        ("elu", Activation::Elu { alpha: 1.0 }),
    ];
    for (name, activation) in kinds {
        let net = hidden(&activation, 1);
        for (want, what) in [(Want::NNGP, "nngp"), (Want::NTK, "ntk")] {
            let options = Options::new().par(Par::single()).want(want);
            let id = BenchmarkId::new(name, what);
            group.bench_function(id, |b| b.iter(|| kernel(&net, x.view(), None, &options)));
        }
    }
    group.finish();
}

fn all(criterion: &mut Criterion) {
    sizes::<f32>(criterion, "f32");
    sizes::<f64>(criterion, "f64");
    kinds(criterion);
}

criterion_group!(benches, all);
criterion_main!(benches);
