//! Scaling of inputs, learnt from the training rows.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::Preprocess;
use crate::Scalar;

/// A learnt scaling.
#[derive(Clone, Debug)]
pub(super) enum Scaling {
    None,
    /// `(x - mean) / deviation`, column by column.
    Columns {
        mean: Array1<f64>,
        deviation: Array1<f64>,
    },
    UnitNorm,
}

impl Scaling {
    /// Learns what `preprocess` needs from the training rows. Constant columns are only shifted.
    pub fn learn<T: Scalar>(preprocess: Preprocess, x: ArrayView2<'_, T>) -> Self {
        match preprocess {
            Preprocess::None => Self::None,
            Preprocess::UnitNorm => Self::UnitNorm,
            Preprocess::Standardize => {
                let n = x.nrows().max(1) as f64;
                let mean = x.map_axis(Axis(0), |c| c.iter().map(|v| v.widen()).sum::<f64>() / n);
                let deviation = Array1::from_shape_fn(x.ncols(), |j| {
                    let column = x.column(j);
                    let squares = column.iter().map(|v| (v.widen() - mean[j]).powi(2));
                    let deviation = (squares.sum::<f64>() / n).sqrt();
                    let rounding = f64::EPSILON * mean[j].abs() * n.sqrt();
                    if deviation > rounding { deviation } else { 1.0 }
                });
                Self::Columns { mean, deviation }
            }
        }
    }

    /// The scaled rows.
    pub fn apply<T: Scalar>(&self, x: ArrayView2<'_, T>) -> Array2<T> {
        match self {
            Self::None => x.to_owned(),
            Self::Columns { mean, deviation } => Array2::from_shape_fn(x.dim(), |(i, j)| {
                T::narrow((x[[i, j]].widen() - mean[j]) / deviation[j])
            }),
            Self::UnitNorm => {
                let mut scaled = x.to_owned();
                for mut row in scaled.rows_mut() {
                    let largest = row.iter().fold(0.0, |m: f64, v| m.max(v.widen().abs()));
                    if largest > 0.0 {
                        let squares = row.iter().map(|v| (v.widen() / largest).powi(2));
                        let norm = squares.sum::<f64>().sqrt();
                        row.mapv_inplace(|v| T::narrow(v.widen() / largest / norm));
                    }
                }
                scaled
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn columns_are_standardised_and_constant_ones_kept_finite() {
        let x = array![[1.0_f64, 5.0], [3.0, 5.0]];
        let scaling = Scaling::learn(Preprocess::Standardize, x.view());
        assert_eq!(scaling.apply(x.view()), array![[-1.0, 0.0], [1.0, 0.0]]);
    }

    #[test]
    fn rows_get_unit_norm_without_overflow() {
        let x = array![[3e200_f64, 4e200], [0.0, 0.0]];
        let scaled = Scaling::learn(Preprocess::UnitNorm, x.view()).apply(x.view());
        assert!((scaled[[0, 0]] - 0.6).abs() < 1e-15 && (scaled[[0, 1]] - 0.8).abs() < 1e-15);
        assert_eq!(scaled.row(1), array![0.0, 0.0]);
    }
}
