//! Dual activations by nested quadrature, independent of the library: composite Gauss-Legendre in
//! both variables, split at the kinks of the function and with panels doubling in width away from
//! its features, wherever the correlation puts them.

use std::f64::consts::PI;

/// Beyond this many standard deviations nothing is left.
const RANGE: f64 = 12.0;

/// A composite rule: nodes and weights.
pub struct Rule {
    nodes: Vec<f64>,
    weights: Vec<f64>,
}

impl Rule {
    pub fn new(points: usize) -> Self {
        let (mut nodes, mut weights) = (Vec::new(), Vec::new());
        for i in 0..points {
            let n = points as f64;
            let mut x = (PI * (i as f64 + 0.75) / (n + 0.5)).cos();
            let mut slope = 1.0;
            for _ in 0..10 {
                let (mut before, mut value) = (1.0, x);
                for k in 2..=points {
                    let k = k as f64;
                    (before, value) =
                        (value, ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k);
                }
                slope = n * (x * value - before) / (x * x - 1.0);
                x -= value / slope;
            }
            nodes.push(x);
            weights.push(2.0 / ((1.0 - x * x) * slope * slope));
        }
        Self { nodes, weights }
    }

    fn integrate(&self, edges: &mut Vec<f64>, mut f: impl FnMut(f64) -> f64) -> f64 {
        edges.retain(|x| (-RANGE..=RANGE).contains(x));
        edges.extend([-RANGE, RANGE]);
        edges.sort_by(f64::total_cmp);
        let mut sum = 0.0;
        for pair in edges.windows(2) {
            let (half, middle) = ((pair[1] - pair[0]) / 2.0, (pair[1] + pair[0]) / 2.0);
            if half > 0.0 {
                for (x, w) in self.nodes.iter().zip(&self.weights) {
                    sum += half * w * f(middle + half * x);
                }
            }
        }
        sum
    }

    /// `E[f(u) f(v)]` for variances `a`, `b` and correlation `rho`; `kinks` as for `f`, whose
    /// scale of variation is `scale`.
    pub fn pair(
        &self,
        f: &impl Fn(f64) -> f64,
        (a, b): (f64, f64),
        rho: f64,
        kinks: &[f64],
        scale: f64,
    ) -> f64 {
        let (p, q) = (a.sqrt(), b.sqrt());
        let features = |list: &mut Vec<f64>, center: f64, size: f64| {
            list.push(center);
            let mut step = size;
            while step < 2.0 * RANGE + center.abs() {
                list.extend([center - step, center + step]);
                step *= 2.0;
            }
        };
        let centers: Vec<f64> = std::iter::once(0.0).chain(kinks.iter().copied()).collect();
        let mut outer = uniform(2.0);
        for t in &centers {
            features(&mut outer, t / p, scale / p);
        }
        if rho.abs() == 1.0 {
            for t in &centers {
                features(&mut outer, rho * t / q, scale / q);
            }
            return self.integrate(&mut outer, |z| density(z) * f(p * z) * f(rho * q * z));
        }
        let s = ((1.0 - rho) * (1.0 + rho)).sqrt();
        if rho != 0.0 {
            for t in &centers {
                features(&mut outer, t / q / rho, s / rho.abs());
            }
        }
        let mut inner = Vec::new();
        self.integrate(&mut outer, |x| {
            inner.clear();
            inner.extend(uniform(2.0));
            for t in &centers {
                features(&mut inner, (t / q - rho * x) / s, scale / (q * s));
            }
            let sum = self.integrate(&mut inner, |y| density(y) * f(q * (rho * x + s * y)));
            density(x) * f(p * x) * sum
        })
    }
}

fn uniform(width: f64) -> Vec<f64> {
    let n = (RANGE / width) as i32;
    (-n..=n).map(|i| f64::from(i) * width).collect()
}

fn density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / (2.0 * PI).sqrt()
}
