//! Projections on Hermite functions of high degree, whole or not.
//!
//! `psi(z) = h_i(z) e^(-z^2/4)` solves `psi'' + (w^2 - z^2/4) psi = 0` with `w^2 = i + 1/2`. Near
//! zero, where a Gaussian lives, it is a wave: for even degrees, up to the sign `(-1)^(i/2)`,
//!
//! ```text
//! psi = |h_i(0)| (P cos wz + Q sin wz),    P = sum_k P_k(z) w^(-2k),  Q = sum_k Q_k(z) w^(-2k-1)
//! Q_k' = (z^2/4 P_k - P_k'') / 2,   P_{k+1}' = (Q_k'' - z^2/4 Q_k) / 2,   P_0 = 1
//! ```
//!
//! (inserted into the equation, powers of `w` compared), and for odd degrees the same a quarter of
//! a wave later. Nothing here asks for an integer `i`, and without the alternating signs, which
//! products of two coefficients do not see, everything is smooth in it. The integral of a
//! polynomial times a wave is a sum of spherical Bessel functions, whatever the frequency (Filon;
//! `int_{-1}^1 P_l(x) e^(ikx) dx = 2 i^l j_l(k)`, DLMF 18.17.19).

use std::sync::LazyLock;

use super::rule::{POINTS, Rule};

/// Polynomials `P_k` and `Q_k` kept: for the lowest degree in use they reach rounding error.
const ORDERS: usize = 9;

/// Panels on which a weighted function stays below this share of its maximum are left out.
const NEGLIGIBLE: f64 = 1e-20;

/// A weighted function on the half line and what its projections share.
pub(super) struct Waves {
    panels: Vec<Wave>,
}

/// One panel.
struct Wave {
    half: f64,
    middle: f64,
    /// The function times `P_k` and times `Q_k` at the nodes.
    p: [[f64; POINTS]; ORDERS],
    q: [[f64; POINTS]; ORDERS],
}

impl Waves {
    /// For a function with these values at the nodes of a rule.
    pub(super) fn new(rule: &Rule, values: &[f64]) -> Self {
        let largest = values.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
        let mut panels = Vec::new();
        let lists = rule.edges.windows(2).zip(rule.z.chunks(POINTS)).zip(values.chunks(POINTS));
        for ((edges, z), values) in lists {
            if values.iter().all(|x| x.abs() <= NEGLIGIBLE * largest) {
                continue;
            }
            let product = |slow: &Polynomial| std::array::from_fn(|m| values[m] * slow.at(z[m]));
            panels.push(Wave {
                half: (edges[1] - edges[0]) / 2.0,
                middle: (edges[1] + edges[0]) / 2.0,
                p: std::array::from_fn(|k| product(&AMPLITUDES.p[k])),
                q: std::array::from_fn(|k| product(&AMPLITUDES.q[k])),
            });
        }
        Self { panels }
    }

    /// `int_0^inf g(z) psi(z) dz` for an even or an odd degree.
    pub(super) fn project(&self, degree: f64, odd: bool) -> f64 {
        let square = degree + 0.5;
        let frequency = square.sqrt();
        let (mut cosine, mut sine) = (0.0, 0.0);
        let mut last = f64::NAN;
        let mut weights = ([0.0; POINTS], [0.0; POINTS]);
        for Wave { half, middle, p, q } in &self.panels {
            if *half != last {
                weights = filon(frequency * half);
                last = *half;
            }
            let (p, q) = (sum(p, 1.0 / square), sum(q, 1.0 / square));
            let [pc, ps] = [dot(&p, &weights.0), dot(&p, &weights.1)];
            let [qc, qs] = [dot(&q, &weights.0), dot(&q, &weights.1)].map(|x| x / frequency);
            let (s, c) = (frequency * middle).sin_cos();
            // integrals of P cos + Q sin, and of P sin - Q cos
            cosine += half * ((pc * c - ps * s) + (qc * s + qs * c));
            sine += half * ((pc * s + ps * c) - (qc * c - qs * s));
        }
        if odd {
            let steepness: f64 = (0..ORDERS)
                .rev()
                .fold(0.0, |sum, k| sum / square + AMPLITUDES.q[k].0.get(1).unwrap_or(&0.0));
            sine * (degree * central(degree - 1.0)).sqrt() / (frequency - steepness / frequency)
        } else {
            cosine * central(degree).sqrt()
        }
    }
}

/// The polynomial in `x` whose coefficients are lists, by Horner's rule.
fn sum(lists: &[[f64; POINTS]; ORDERS], x: f64) -> [f64; POINTS] {
    let mut out = [0.0; POINTS];
    for list in lists.iter().rev() {
        for (out, y) in out.iter_mut().zip(list) {
            *out = *out * x + y;
        }
    }
    out
}

fn dot(x: &[f64; POINTS], y: &[f64; POINTS]) -> f64 {
    let mut parts = [0.0; 4];
    for (x, y) in x.chunks_exact(4).zip(y.chunks_exact(4)) {
        for (part, (x, y)) in parts.iter_mut().zip(x.iter().zip(y)) {
            *part += x * y;
        }
    }
    (parts[0] + parts[2]) + (parts[1] + parts[3])
}

/// `h_i(0)^2 = binomial(i, i/2) / 2^i`, asymptotically in `n + 1/4` with `n = i/2`.
fn central(degree: f64) -> f64 {
    let x = degree / 2.0 + 0.25;
    let y = 1.0 / (x * x);
    let series = 1.0 + y * (-1.0 / 64.0 + y * (21.0 / 8192.0 - y * (671.0 / 524_288.0)));
    series / (std::f64::consts::PI * x).sqrt()
}

/// A polynomial, constant first.
#[derive(Debug)]
struct Polynomial(Vec<f64>);

impl Polynomial {
    fn at(&self, z: f64) -> f64 {
        self.0.iter().rev().fold(0.0, |sum, c| sum * z + c)
    }

    /// The integral from 0 of `sign (z^2/4 p - p'') / 2`.
    fn step(&self, sign: f64) -> Self {
        let n = self.0.len();
        let mut out = vec![0.0; n + 3];
        for (k, c) in self.0.iter().enumerate() {
            out[k + 3] += sign * c / (8.0 * (k + 3) as f64);
            if k >= 2 {
                out[k - 1] -= sign * c * k as f64 / 2.0;
            }
        }
        Self(out)
    }
}

struct Amplitudes {
    p: Vec<Polynomial>,
    q: Vec<Polynomial>,
}

static AMPLITUDES: LazyLock<Amplitudes> = LazyLock::new(|| {
    let mut p = vec![Polynomial(vec![1.0])];
    let mut q: Vec<Polynomial> = Vec::new();
    for k in 0..ORDERS {
        q.push(p[k].step(1.0));
        p.push(q[k].step(-1.0));
    }
    Amplitudes { p, q }
});

/// `(2l + 1) P_l(x_m) w_m` at the nodes of a panel.
static LEGENDRE: LazyLock<Vec<[f64; POINTS]>> = LazyLock::new(|| {
    let (nodes, weights) = crate::quadrature::gauss_legendre(POINTS);
    let mut table = vec![[0.0; POINTS]; POINTS];
    for (m, (x, w)) in nodes.iter().zip(&weights).enumerate() {
        let (mut before, mut value) = (0.0, 1.0);
        for (l, row) in table.iter_mut().enumerate() {
            let k = l as f64;
            row[m] = (2.0 * k + 1.0) * value * w;
            (before, value) = (value, ((2.0 * k + 1.0) * x * value - k * before) / (k + 1.0));
        }
    }
    table
});

/// Weights of the values at the nodes in the integrals of `f cos kx` and `f sin kx` over
/// `[-1, 1]`.
fn filon(k: f64) -> ([f64; POINTS], [f64; POINTS]) {
    let bessel = spherical_bessel(k);
    let (mut even, mut odd) = ([0.0; POINTS], [0.0; POINTS]);
    for (l, row) in LEGENDRE.iter().enumerate() {
        let factor = if l % 4 < 2 { bessel[l] } else { -bessel[l] };
        let sum = if l % 2 == 0 { &mut even } else { &mut odd };
        for (sum, x) in sum.iter_mut().zip(row) {
            *sum += factor * x;
        }
    }
    (even, odd)
}

/// `j_0 .. j_{POINTS-1}` at `x > 0`.
fn spherical_bessel(x: f64) -> [f64; POINTS] {
    let mut out = [0.0; POINTS];
    if x < 1e-4 {
        // x^l / (2l + 1)!! (1 - x^2 / (4l + 6)), DLMF 10.53.1
        let mut power = 1.0;
        for (l, out) in out.iter_mut().enumerate() {
            power *= if l == 0 { 1.0 } else { x / (2 * l + 1) as f64 };
            *out = power * (1.0 - x * x / (4 * l + 6) as f64);
        }
        return out;
    }
    let (sine, cosine) = x.sin_cos();
    if x > POINTS as f64 {
        // upwards: stable as long as the order is below the argument
        out[0] = sine / x;
        out[1] = (out[0] - cosine) / x;
        for l in 1..POINTS - 1 {
            out[l + 1] = (2 * l + 1) as f64 / x * out[l] - out[l - 1];
        }
        return out;
    }
    // downwards from far above, scaled so that sum (2l + 1) j_l^2 = 1
    let (mut above, mut value) = (0.0, 1e-140);
    let mut norm = 0.0;
    for l in (0..POINTS + 40).rev() {
        if l < POINTS {
            out[l] = value;
        }
        norm += (2 * l + 1) as f64 * value * value;
        let next = (2 * l + 1) as f64 / x * value - above;
        (above, value) = (value, next);
        if value.abs() > 1e120 {
            for y in &mut out {
                *y *= 1e-200;
            }
            (above, value, norm) = (above * 1e-200, value * 1e-200, norm * 1e-200 * 1e-200);
        }
    }
    // the sign of whichever of the first two is not near a zero
    let first =
        if sine.abs() > cosine.abs() { (out[0], sine) } else { (out[1], sine / x - cosine) };
    let scale = norm.sqrt().recip() * if first.0 * first.1 < 0.0 { -1.0 } else { 1.0 };
    out.map(|y| y * scale)
}

#[cfg(test)]
mod tests {
    use super::super::projection::project;
    use super::*;

    #[test]
    fn bessel_functions_are_known() {
        // DLMF 10.49: j_2 = (3/x^3 - 1/x) sin x - 3/x^2 cos x
        assert_eq!(spherical_bessel(1e-200)[..2], [1.0, 1e-200 / 3.0]);
        for x in [0.7f64, 3.0, 11.0, 19.9, 20.1, 500.0] {
            let j = spherical_bessel(x);
            let two = (3.0 / x.powi(3) - 1.0 / x) * x.sin() - 3.0 / (x * x) * x.cos();
            assert!((j[0] - x.sin() / x).abs() < 1e-15, "{x}");
            assert!((j[2] - two).abs() < 3e-15, "{x}: {} {two}", j[2]);
        }
    }

    #[test]
    fn agrees_with_the_recurrence() {
        // a cusp at zero and a pole close by, at every degree where both ways are open
        let g = |z: f64| (-0.25 * z * z).exp() / (1.0 + 3.0 * z) + z * (-z * z).exp();
        let fine = Rule::new(1.0, &[], 0.1, 13.0, 4200, POINTS);
        let weights: Vec<f64> = fine.z.iter().zip(&fine.weight).map(|(z, w)| w * g(*z)).collect();
        let half = fine.half_density();
        let exact = project(&fine.z, &half, Some(weights.clone()), Some(weights), 4100);
        let rule = Rule::new(1.0, &[], 0.1, 13.0, 255, POINTS);
        let values: Vec<f64> = rule.z.iter().map(|z| g(*z)).collect();
        let waves = Waves::new(&rule, &values);
        for degree in [256, 257, 300, 301, 1000, 1001, 4098, 4099] {
            let odd = degree % 2 == 1;
            let sign = if degree % 4 < 2 { 1.0 } else { -1.0 };
            let wave = waves.project(degree as f64, odd);
            let error = (wave - sign * exact[degree]).abs();
            assert!(error < 1e-14, "{degree}: {wave} {} {error:.1e}", exact[degree]);
        }
    }
}
