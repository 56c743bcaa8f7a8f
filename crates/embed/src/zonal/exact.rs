//! Monomials: the features whose products are powers of an inner product.
//!
//! `(y . y')^n = sum_alpha (n! / alpha!) y^alpha y'^alpha` over the multi-indices `alpha` of degree `n`.

use crate::scalar::{Scalar, round};

/// Highest degree of the exact part.
pub(super) const DEGREES: usize = 6;

/// Number of monomials of a degree in so many variables.
pub(super) fn count(degree: usize, variables: usize) -> usize {
    if variables == 0 {
        return 0;
    }
    (1..=degree).fold(1, |count: usize, i| count.saturating_mul(variables + i - 1) / i)
}

/// Writes `scale sqrt(n! / alpha!) y^alpha` for all monomials of a degree of at least 1; `out` has
/// [`count`] entries.
pub(super) fn write<T: Scalar>(degree: usize, scale: f64, y: &[T], out: &mut [T]) {
    let mut roots = [T::default(); DEGREES * DEGREES];
    for depth in 1..=degree {
        for run in 1..=depth {
            roots[(depth - 1) * DEGREES + run - 1] = round((depth as f64 / run as f64).sqrt());
        }
    }
    let mut out = out.iter_mut();
    descend(Node { value: round(scale), depth: 0, from: 0, run: 0 }, degree, y, &roots, &mut out);
}

/// A product of `depth` variables in the order of their numbers.
#[derive(Clone, Copy)]
struct Node<T> {
    value: T,
    depth: usize,
    /// The last variable, and how often it stands at the end.
    from: usize,
    run: usize,
}

/// Appends a variable in all ways. With the `run`-th copy of one, `n! / alpha!` grows by `n / run`.
fn descend<'a, T: Scalar>(
    node: Node<T>,
    degree: usize,
    y: &[T],
    roots: &[T; DEGREES * DEGREES],
    out: &mut impl Iterator<Item = &'a mut T>,
) {
    let Node { value, depth, from, run } = node;
    for (i, &factor) in y.iter().enumerate().skip(from) {
        let run = if i == from { run + 1 } else { 1 };
        let value = value * factor * roots[depth * DEGREES + run - 1];
        if depth + 1 < degree {
            descend(Node { value, depth: depth + 1, from: i, run }, degree, y, roots, out);
        } else if let Some(out) = out.next() {
            *out = value;
        }
    }
}

/// `out[i] -= scale |y|^n h_n(p[i] / |y|)` for `p = w . y` and `square = |y|^2`: the part of `h_n` that
/// the monomials in `y` stand for. Its mean over `w` with that of `y'` is `scale scale' (y . y')^n`.
pub(super) fn subtract<T: Scalar>(degree: usize, scale: f64, square: f64, p: &[T], out: &mut [T]) {
    let mut steps = [[T::default(); 2]; DEGREES];
    for (n, step) in steps.iter_mut().enumerate() {
        let n = n as f64;
        *step = [round(1.0 / (n + 1.0).sqrt()), round((n / (n + 1.0)).sqrt() * square)];
    }
    let (steps, scale) = (&steps[..degree], round::<T>(scale));
    for (p, out) in p.iter().zip(out) {
        let (mut before, mut value) = (T::default(), scale);
        for [forward, back] in steps {
            (before, value) = (value, *forward * *p * value - *back * before);
        }
        *out -= value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn monomials_make_powers() {
        let (x, y) = ([0.3, -0.7, 0.2, 1.1f64], [0.5, 0.1, -0.9, 0.4]);
        let product: f64 = x.iter().zip(&y).map(|(x, y)| x * y).sum();
        for degree in 1..=DEGREES {
            let size = count(degree, 4);
            let (mut a, mut b) = (vec![f64::NAN; size], vec![f64::NAN; size]);
            write(degree, 2.0, &x, &mut a);
            write(degree, 0.5, &y, &mut b);
            let sum: f64 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
            assert!((sum - product.powi(degree as i32)).abs() < 1e-14, "{degree}: {sum}");
        }
        assert_eq!([count(1, 7), count(2, 7), count(3, 7), count(4, 0)], [7, 28, 84, 0]);
    }

    #[test]
    fn polynomials_are_homogeneous() {
        // |y|^3 h_3(p / |y|) = (p^3 - 3 p |y|^2) / sqrt 6
        let p = [0.4, -1.3f64];
        let mut out = [1.0; 2];
        subtract(3, 2.0, 0.25, &p, &mut out);
        for (p, out) in p.iter().zip(out) {
            let exact = 1.0 - 2.0 * (p.powi(3) - 0.75 * p) / 6f64.sqrt();
            assert!((out - exact).abs() < 1e-14, "{out}, {exact}");
        }
    }
}
