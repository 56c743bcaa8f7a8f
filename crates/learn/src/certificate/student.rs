//! Quantiles of Student's t distribution.

/// The `t` with `P(|T| < t) = confidence` for a whole number of degrees of freedom.
///
/// Abramowitz & Stegun, *Handbook of Mathematical Functions*, 26.7.3 and 26.7.4: with `theta = atan(t / nu^(1/2))`
/// the probability is a finite sum of positive terms, which bisection inverts.
pub(super) fn quantile(confidence: f64, freedom: usize) -> f64 {
    let (mut low, mut high) = (0.0, std::f64::consts::FRAC_PI_2);
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return (freedom as f64).sqrt() * middle.tan();
        }
        if probability(middle, freedom) < confidence {
            low = middle;
        } else {
            high = middle;
        }
    }
}

fn probability(theta: f64, freedom: usize) -> f64 {
    let (sin, cos) = theta.sin_cos();
    let odd = freedom % 2 == 1;
    // Terms with factors 2/3, 4/5, ... for odd degrees, 1/2, 3/4, ... for even ones.
    let mut term = if odd { cos } else { 1.0 };
    let mut sum = 0.0;
    let mut k = if odd { 3 } else { 2 };
    while k <= freedom {
        sum += term;
        term *= cos * cos * (k - 1) as f64 / k as f64;
        k += 2;
    }
    if odd { (theta + sin * sum) * std::f64::consts::FRAC_2_PI } else { sin * sum }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tables of the *Handbook* (26.10), and the normal distribution in the limit.
    #[test]
    fn tabulated_values() {
        for (confidence, freedom, want) in [
            (0.95, 1, 12.706),
            (0.95, 2, 4.303),
            (0.95, 3, 3.182),
            (0.95, 10, 2.228),
            (0.99, 4, 4.604),
            (0.99, 60, 2.660),
            (0.5, 3, 0.765),
            (0.95, 100_001, 1.960),
        ] {
            let t = quantile(confidence, freedom);
            assert!((t - want).abs() < 6e-4, "{confidence} {freedom}: {t}");
        }
    }
}
