//! How the error falls with the number of features.

use ndarray::Array2;

use crate::Error;

/// `error^2 = bias^2 + v / m`.
///
/// Errors `E_a`, `E_b` of independent draws share their mean and nothing else: `<E_a, E_b>` has the expectation
/// `bias^2`, and `|E_a|^2` that of `bias^2 + v / m_a`, whatever the dimensions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Law {
    /// `bias^2`; `None` for a single draw.
    bias: Option<f64>,
    /// `v`.
    falling: f64,
}

impl Law {
    /// From the dimensions of the draws and the products of their errors, relative to `|K|^2`.
    pub fn new(dims: &[usize], products: &Array2<f64>) -> Self {
        let draws = dims.len() as f64;
        let own: f64 = products.diag().sum();
        let bias =
            (dims.len() > 1).then(|| ((products.sum() - own) / (draws * (draws - 1.0))).max(0.0));
        let falls =
            |(m, square): (&usize, &f64)| *m as f64 * (square - bias.unwrap_or(0.0)).max(0.0);
        let diagonal = products.diag();
        let falling = dims.iter().zip(diagonal).map(falls).sum::<f64>() / draws;
        Law { bias, falling }
    }

    pub fn bias(self) -> Option<f64> {
        self.bias.map(f64::sqrt)
    }

    pub fn dim_for(self, tolerance: f64) -> Result<Option<usize>, Error> {
        if !(tolerance > 0.0 && tolerance.is_finite()) {
            let (name, expected) = ("tolerance", "positive and finite");
            return Err(Error::Parameter { name, expected, value: tolerance });
        }
        let room = tolerance * tolerance - self.bias.unwrap_or(0.0);
        let dim = (self.falling / room).ceil().max(1.0);
        Ok((room > 0.0 && dim < usize::MAX as f64).then_some(dim as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn bias_and_falling_part_are_told_apart() {
        // bias^2 = 0.01, v = 4: squares 0.05 at 100 features and 0.02 at 400.
        let law = Law::new(&[100, 400], &array![[0.05, 0.01], [0.01, 0.02]]);
        assert!((law.bias().unwrap() - 0.1).abs() < 1e-15);
        // 4 / (0.02 - 0.01) + a little.
        assert_eq!(law.dim_for(0.0199f64.sqrt()).unwrap(), Some(405));
        assert_eq!(law.dim_for(0.1).unwrap(), None);
        assert!(law.dim_for(0.0).is_err() && law.dim_for(f64::NAN).is_err());
        let one = Law::new(&[100], &array![[0.04]]);
        assert_eq!((one.bias(), one.dim_for(0.1).unwrap()), (None, Some(400)));
        assert_eq!(one.dim_for(1e-200).unwrap(), None);
        assert_eq!(Law::new(&[5], &array![[0.0]]).dim_for(1e-9).unwrap(), Some(1));
    }
}
