//! No result depends on the number of threads, to the bit.

use ndarray::{Array2, Axis};
use widelimit_linalg::{
    Cholesky, Par, Qr, Scalar, Uplo, gram, matmul, solve_triangular, svd, symmetric_eigen,
    symmetric_eigenvalues,
};

/// Around the sizes from which the library works in parallel: products, tridiagonalisation, reflectors.
const SIZES: [usize; 3] = [300, 700, 1500];

/// Numbers in (-1, 1) from a linear congruence.
fn random<T: Scalar>(rows: usize, columns: usize) -> Array2<T> {
    let mut state = (rows * 31 + columns) as u64;
    Array2::from_shape_simple_fn((rows, columns), || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        T::from_f64((state >> 11) as f64 / (1u64 << 52) as f64 - 1.0)
    })
}

/// `exp(X Xᵀ / 50) + 0.1 I`: a kernel matrix.
fn kernel<T: Scalar>(n: usize) -> Array2<T> {
    let x = random::<T>(n, 50);
    let mut kernel = gram(x.view(), None, &Par::single());
    kernel.mapv_inplace(|v| T::from_f64((v.to_f64() / 50.0).exp()));
    kernel.diag_mut().mapv_inplace(|v| T::from_f64(v.to_f64() + 0.1));
    kernel
}

/// The same bits from `compute` with 1, 2, 3 and 5 threads.
fn same<T: Scalar>(what: &str, compute: impl Fn(&Par) -> Vec<Array2<T>>) {
    let bits = |threads| -> Vec<u64> {
        let results = compute(&Par::new(threads));
        results.iter().flatten().map(|v| v.to_f64().to_bits()).collect()
    };
    let one = bits(1);
    for threads in [2, 3, 5] {
        // Not `assert_eq!`, which would print them all.
        assert!(one == bits(threads), "{what} in {} with {threads} threads", T::NAME);
    }
}

fn positive_definite_systems<T: Scalar>() {
    for n in SIZES {
        let (k, b) = (kernel::<T>(n), random::<T>(n, 3));
        same(&format!("Cholesky of {n}"), |par| {
            let factor = Cholesky::factor(k.clone(), par).unwrap();
            let diagonal = factor.inverse_diagonal(par).insert_axis(Axis(0));
            let condition = Array2::from_elem((1, 1), T::from_f64(factor.condition_estimate()));
            let narrow = factor.solve(b.view(), par);
            let wide = factor.solve_lower(k.view(), par);
            vec![factor.lower(), narrow, wide, diagonal, condition, factor.into_matrix(par)]
        });
        same(&format!("triangle of {n}"), |par| {
            let lower = solve_triangular(k.view(), b.view(), Uplo::Lower, false, par).unwrap();
            vec![lower, solve_triangular(k.view(), b.view(), Uplo::Upper, true, par).unwrap()]
        });
    }
}

fn spectra<T: Scalar>() {
    for n in SIZES {
        let k = kernel::<T>(n);
        same(&format!("eigenvectors of {n}"), |par| {
            let eigen = symmetric_eigen(k.clone(), par).unwrap();
            vec![eigen.values.insert_axis(Axis(0)), eigen.vectors]
        });
        same(&format!("eigenvalues of {n}"), |par| {
            vec![symmetric_eigenvalues(k.clone(), par).unwrap().insert_axis(Axis(0))]
        });
    }
    for (m, n) in [(300, 300), (700, 200), (300, 1500)] {
        let a = random::<T>(m, n);
        same(&format!("singular values of {m} x {n}"), |par| {
            let svd = svd(a.view(), par).unwrap();
            vec![svd.u, svd.s.insert_axis(Axis(0)), svd.vt]
        });
    }
}

fn products_and_reflections<T: Scalar>() {
    for n in SIZES {
        let (a, b) = (random::<T>(n, n), random::<T>(n, 2));
        same(&format!("products of {n}"), |par| {
            vec![
                matmul(a.view(), a.t(), par),
                matmul(a.view(), b.view(), par),
                matmul(b.t(), a.view(), par),
            ]
        });
        let (tall, b) = (random::<T>(n, n / 3), random::<T>(n, 2));
        same(&format!("reflections of {n}"), |par| {
            let qr = Qr::factor(tall.clone(), par).unwrap();
            let solution = qr.solve_least_squares(b.view(), par).unwrap();
            vec![qr.r(), qr.q(par).unwrap(), solution]
        });
    }
}

#[test]
fn double_precision() {
    positive_definite_systems::<f64>();
    spectra::<f64>();
    products_and_reflections::<f64>();
}

#[test]
fn single_precision() {
    positive_definite_systems::<f32>();
    spectra::<f32>();
    products_and_reflections::<f32>();
}
