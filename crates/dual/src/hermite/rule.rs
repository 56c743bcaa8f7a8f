//! Where the 1-D integrals over a Gaussian are sampled.

use std::f64::consts::PI;
use std::sync::LazyLock;

use crate::quadrature::{differentiation, gauss_legendre};

/// Points to a panel.
pub(super) const POINTS: usize = 20;
/// Points to a panel of the rule that checks the first.
pub(super) const CHECK_POINTS: usize = 14;

/// A Gauss-Legendre rule on `[-1, 1]` with its differentiation matrix.
pub(super) struct Panel {
    pub nodes: Vec<f64>,
    pub weights: Vec<f64>,
    pub differentiation: Vec<f64>,
}

impl Panel {
    fn new(points: usize) -> Self {
        let (nodes, weights) = gauss_legendre(points);
        let differentiation = differentiation(&nodes);
        Self { nodes, weights, differentiation }
    }
}

static FINE: LazyLock<Panel> = LazyLock::new(|| Panel::new(POINTS));
static CHECK: LazyLock<Panel> = LazyLock::new(|| Panel::new(CHECK_POINTS));

/// Composite rule on the half line `z >= 0`, for functions of `x = root z`.
pub(super) struct Rule {
    pub panel: &'static Panel,
    /// Borders of the panels, ascending.
    pub edges: Vec<f64>,
    /// Nodes.
    pub z: Vec<f64>,
    /// Weights for the plain integral `dz`.
    pub weight: Vec<f64>,
}

impl Rule {
    /// Panels split at the kinks, doubling in width away from each feature of the function
    /// (`scale` is how far from zero and from a kink it is analytic), and no wider than resolves
    /// Hermite functions up to `degree`.
    pub(super) fn new(
        root: f64,
        kinks: &[f64],
        scale: f64,
        range: f64,
        degree: usize,
        points: usize,
    ) -> Self {
        let panel: &Panel = if points == POINTS { &FINE } else { &CHECK };
        let mut corners = vec![0.0, range];
        for center in std::iter::once(0.0).chain(kinks.iter().map(|t| t.abs())) {
            corners.push(center / root);
            let mut step = scale / root;
            while step < 2.0 * range {
                corners.push(center / root + step);
                corners.push(center / root - step);
                step *= 2.0;
            }
        }
        corners.retain(|z| (0.0..=range).contains(z));
        corners.sort_by(f64::total_cmp);
        corners.dedup();
        // the Hermite function of degree i oscillates like cos(sqrt(i) z); 20 points integrate 20
        // radians to rounding error
        let widest = points as f64 / (degree as f64 + 1.0).sqrt();
        let mut edges = vec![0.0];
        for pair in corners.windows(2) {
            let parts = ((pair[1] - pair[0]) / widest).ceil().max(1.0);
            for part in 1..=parts as usize {
                edges.push(pair[0] + (pair[1] - pair[0]) * (part as f64 / parts));
            }
        }
        let (mut z, mut weight) = (Vec::new(), Vec::new());
        for pair in edges.windows(2) {
            let (half, middle) = ((pair[1] - pair[0]) / 2.0, (pair[1] + pair[0]) / 2.0);
            z.extend(panel.nodes.iter().map(|x| half.mul_add(*x, middle)));
            weight.extend(panel.weights.iter().map(|w| half * w));
        }
        Self { panel, edges, z, weight }
    }

    /// `e^(-z^2/4)` at the nodes: half of the Gaussian's exponent.
    pub(super) fn half_density(&self) -> Vec<f64> {
        self.z.iter().map(|z| (-0.25 * z * z).exp()).collect()
    }

    /// Derivative with respect to `z` of the function with these values at the nodes.
    pub(super) fn differentiate(&self, values: &[f64]) -> Vec<f64> {
        let n = self.panel.nodes.len();
        let mut slopes = Vec::with_capacity(values.len());
        for (pair, values) in self.edges.windows(2).zip(values.chunks(n)) {
            let scale = 2.0 / (pair[1] - pair[0]);
            for row in self.panel.differentiation.chunks(n) {
                let sum: f64 = row.iter().zip(values).map(|(d, y)| d * y).sum();
                slopes.push(sum * scale);
            }
        }
        slopes
    }
}

/// `1 / sqrt(2 pi)`.
pub(super) fn inverse_root_two_pi() -> f64 {
    (2.0 * PI).sqrt().recip()
}
