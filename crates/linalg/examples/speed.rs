//! Times one operation, to be paired with another library's time by a script.
//!
//! ```text
//! speed OPERATION f32|f64 N D THREADS [REPETITIONS]
//! ```
//!
//! Operations: `tiles` (the full product from tiles of 256 × 512), `packed`
//! (the same, packed once), `gram` (symmetric),
//! `gram2` (two operands), `matmul`, `cholesky` (factor and solve 10 right-hand sides),
//! `eigen`, `inverse_diagonal`. Prints the smallest and the median seconds, and 2 n² d flops over the
//! median where that is what the operation does.

use std::time::Instant;

use ndarray::{Array2, Axis};
use widelimit_linalg::{
    Cholesky, GramScratch, PackedRows, Par, Scalar, gram, gram_tile, matmul, symmetric_eigen,
};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let usage = "speed OPERATION f32|f64 N D THREADS [REPETITIONS]";
    let number = |i: usize| args.get(i).and_then(|x| x.parse::<usize>().ok());
    let (Some(operation), Some(n), Some(d), Some(threads)) =
        (args.first(), number(2), number(3), number(4))
    else {
        eprintln!("usage: {usage}");
        std::process::exit(2);
    };
    let repetitions = number(5).unwrap_or(5);
    match args[1].as_str() {
        "f32" => time::<f32>(operation, n, d, &Par::new(threads), repetitions),
        _ => time::<f64>(operation, n, d, &Par::new(threads), repetitions),
    }
}

fn random<T: Scalar>(rows: usize, columns: usize) -> Array2<T> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    Array2::from_shape_simple_fn((rows, columns), || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        T::from_f64((state >> 11) as f64 / (1u64 << 52) as f64 - 1.0)
    })
}

fn time<T: Scalar>(operation: &str, n: usize, d: usize, par: &Par, repetitions: usize) {
    let x = random::<T>(n, d);
    let mut seconds: Vec<f64> = (0..repetitions).map(|_| run(operation, &x, par)).collect();
    seconds.sort_by(f64::total_cmp);
    let median = seconds[repetitions / 2];
    let rate = 2.0 * (n * n) as f64 * d as f64 / median / 1e9;
    println!(
        "{operation} {} n={n} d={d} {par:?} min {:.5} median {median:.5} s, {rate:.1} GFLOP/s",
        T::NAME,
        seconds[0]
    );
}

/// The seconds of one run.
fn run<T: Scalar>(operation: &str, x: &Array2<T>, par: &Par) -> f64 {
    match operation {
        "tiles" => {
            let mut out = Array2::from_elem((256, 512), T::from_f64(0.0));
            let mut scratch = GramScratch::new();
            let start = Instant::now();
            for x1 in x.axis_chunks_iter(Axis(0), 256) {
                for x2 in x.axis_chunks_iter(Axis(0), 512) {
                    let rows = out.axis_chunks_iter_mut(Axis(0), x1.nrows()).next();
                    let Some(mut rows) = rows else { continue };
                    let (out, _) = rows.view_mut().split_at(Axis(1), x2.nrows());
                    gram_tile(x1, x2, &mut scratch, out);
                }
            }
            start.elapsed().as_secs_f64()
        }
        "packed" => {
            let mut out = Array2::from_elem((240, 480), T::from_f64(0.0));
            clock(|| {
                let packed = PackedRows::new(x.view(), par);
                for i in (0..x.nrows()).step_by(240) {
                    for j in (0..x.nrows()).step_by(480) {
                        let (rows, columns) =
                            (i..x.nrows().min(i + 240), j..x.nrows().min(j + 480));
                        let mut out = out.view_mut();
                        out.slice_axis_inplace(Axis(0), (..rows.len()).into());
                        out.slice_axis_inplace(Axis(1), (..columns.len()).into());
                        packed.tile(rows, &packed, columns, out);
                    }
                }
            })
        }
        "cholesky" => {
            let a = positive(x);
            let b = random::<T>(x.nrows(), 10);
            clock(|| Cholesky::factor(a, par).map(|factor| factor.solve(b.view(), par)))
        }
        "eigen" => {
            let a = positive(x);
            clock(|| symmetric_eigen(a, par))
        }
        "inverse_diagonal" => match Cholesky::factor(positive(x), par) {
            Ok(factor) => clock(|| factor.inverse_diagonal(par)),
            Err(_) => f64::NAN,
        },
        "gram" => clock(|| gram(x.view(), None, par)),
        "gram2" => clock(|| gram(x.view(), Some(x.view()), par)),
        _ => clock(|| matmul(x.view(), x.t(), par)),
    }
}

/// A well-conditioned positive definite matrix of the size of the rows.
fn positive<T: Scalar>(x: &Array2<T>) -> Array2<T> {
    let mut a = gram(x.view(), None, &Par::default());
    a.diag_mut().mapv_inplace(|value| value + T::from_f64(1.0));
    a
}

fn clock<R>(work: impl FnOnce() -> R) -> f64 {
    let start = Instant::now();
    let result = work();
    let seconds = start.elapsed().as_secs_f64();
    drop(result);
    seconds
}
