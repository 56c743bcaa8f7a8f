//! One-dimensional quadrature: Gauss-Legendre rules and the panels they are put on.

use std::f64::consts::PI;

/// Nodes and weights of the `n`-point Gauss-Legendre rule on `[-1, 1]`, nodes ascending.
///
/// Newton's method on the Legendre recurrence from the asymptotic nodes; exact to rounding for the
/// few dozen points used here.
pub(crate) fn gauss_legendre(n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut nodes = vec![0.0; n];
    let mut weights = vec![0.0; n];
    for i in 0..n.div_ceil(2) {
        let mut x = (PI * (i as f64 + 0.75) / (n as f64 + 0.5)).cos();
        for _ in 0..8 {
            let (value, slope) = legendre(n, x);
            x -= value / slope;
        }
        if 2 * i + 1 == n {
            x = 0.0;
        }
        let (_, slope) = legendre(n, x);
        let weight = 2.0 / ((1.0 - x) * (1.0 + x) * slope * slope);
        nodes[i] = -x;
        nodes[n - 1 - i] = x;
        weights[i] = weight;
        weights[n - 1 - i] = weight;
    }
    (nodes, weights)
}

/// `P_n(x)` and `P_n'(x)`.
fn legendre(n: usize, x: f64) -> (f64, f64) {
    let (mut before, mut value) = (1.0, x);
    for k in 2..=n {
        let k = k as f64;
        (before, value) = (value, ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k);
    }
    (value, n as f64 * (x * value - before) / (x * x - 1.0))
}

/// The matrix that maps values at `nodes` to the derivative of their interpolating polynomial at
/// the same nodes, row by row (barycentric form).
pub(crate) fn differentiation(nodes: &[f64]) -> Vec<f64> {
    let n = nodes.len();
    let weight: Vec<f64> = (0..n)
        .map(|i| (0..n).filter(|&j| j != i).map(|j| nodes[i] - nodes[j]).product::<f64>().recip())
        .collect();
    let mut matrix = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..n {
            if i != j {
                let entry = weight[j] / weight[i] / (nodes[i] - nodes[j]);
                matrix[i * n + j] = entry;
                // rows sum to zero: a constant has no slope
                matrix[i * n + i] -= entry;
            }
        }
    }
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integrates_polynomials_of_degree_2n_minus_1() {
        for n in 1..=40 {
            let (nodes, weights) = gauss_legendre(n);
            for degree in [0, 2 * n - 2, 2 * n - 1] {
                let sum: f64 =
                    nodes.iter().zip(&weights).map(|(x, w)| w * x.powi(degree as i32)).sum();
                let exact = if degree % 2 == 0 { 2.0 / (degree as f64 + 1.0) } else { 0.0 };
                assert!((sum - exact).abs() < 4e-15, "n = {n}, degree {degree}: {sum}");
            }
        }
    }

    #[test]
    fn differentiates_a_polynomial_at_the_nodes() {
        let (nodes, _) = gauss_legendre(20);
        let matrix = differentiation(&nodes);
        let values: Vec<f64> = nodes.iter().map(|x| x.exp()).collect();
        for (row, x) in matrix.chunks(20).zip(&nodes) {
            let slope: f64 = row.iter().zip(&values).map(|(m, y)| m * y).sum();
            assert!((slope - x.exp()).abs() < 1e-12, "at {x}: {slope}");
        }
    }
}
