//! Projections of sampled functions on Hermite polynomials.

use crate::lanes::{Element, Isa, Job, Lanes, Real};

/// Vectors of this many nodes pad every list.
const ALIGN: usize = 8;

/// Samples below this share of the largest one are dropped.
const NEGLIGIBLE: f64 = 1e-22;

/// `p_i = sum_m w_i[m] h_i(z[m]) half[m]` for `i` in `0..count`, where `w_i` is `even` or `odd`
/// after the parity of `i`; a missing list stands for zeros.
///
/// The recurrence `h_{i+1} = (z h_i - sqrt(i) h_{i-1}) / sqrt(i+1)` runs on `h_i e^{-z^2/4}`
/// (`half` is that exponential), which stays below 1 at every degree.
pub(super) fn project(
    z: &[f64],
    half: &[f64],
    even: Option<Vec<f64>>,
    odd: Option<Vec<f64>>,
    count: usize,
) -> Vec<f64> {
    let size = |m: usize| {
        let of = |list: &Option<Vec<f64>>| list.as_ref().map_or(0.0, |list| list[m].abs());
        of(&even).max(of(&odd))
    };
    let largest = (0..z.len()).map(size).fold(0.0, f64::max);
    let kept: Vec<usize> = (0..z.len()).filter(|&m| size(m) > NEGLIGIBLE * largest).collect();
    let pick = |list: &[f64]| {
        let mut picked: Vec<f64> = kept.iter().map(|&m| list[m]).collect();
        picked.resize(kept.len().next_multiple_of(ALIGN), 0.0);
        picked
    };
    let mut out = vec![0.0; count];
    let current = pick(half);
    let previous = vec![0.0; current.len()];
    let (even, odd) = (even.as_deref().map(pick), odd.as_deref().map(pick));
    f64::dispatch(
        Isa::best(),
        Projection { z: pick(z), current, previous, even, odd, out: &mut out },
    );
    out
}

struct Projection<'a> {
    z: Vec<f64>,
    current: Vec<f64>,
    previous: Vec<f64>,
    even: Option<Vec<f64>>,
    odd: Option<Vec<f64>>,
    out: &'a mut [f64],
}

impl Job<f64> for Projection<'_> {
    #[inline(always)]
    fn run<L: Lanes<f64>>(self, lanes: L) {
        let Self { z, mut current, mut previous, even, odd, out } = self;
        for (i, out) in out.iter_mut().enumerate() {
            let weight = if i % 2 == 0 { &even } else { &odd };
            if let Some(weight) = weight {
                *out = dot(lanes, weight, &current);
            }
            let scale = lanes.splat(1.0 / ((i + 1) as f64).sqrt());
            let ratio = lanes.splat((i as f64 / (i + 1) as f64).sqrt());
            // afterwards `previous` holds the new degree, so the two change places
            for ((z, current), previous) in z
                .chunks_exact(L::WIDTH)
                .zip(current.chunks_exact(L::WIDTH))
                .zip(previous.chunks_exact_mut(L::WIDTH))
            {
                let step = (lanes.load(z) * scale) * lanes.load(current);
                lanes.store(previous, step - ratio * lanes.load(previous));
            }
            std::mem::swap(&mut current, &mut previous);
        }
    }
}

#[inline(always)]
fn dot<L: Lanes<f64>>(lanes: L, x: &[f64], y: &[f64]) -> f64 {
    let mut sum = lanes.splat(0.0);
    for (x, y) in x.chunks_exact(L::WIDTH).zip(y.chunks_exact(L::WIDTH)) {
        sum = lanes.load(x).mul_add(lanes.load(y), sum);
    }
    let mut parts = [0.0; ALIGN];
    lanes.store(&mut parts[..L::WIDTH], sum);
    parts.iter().sum()
}
