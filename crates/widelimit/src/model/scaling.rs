//! Scaling of inputs, learnt from the training rows.

use ndarray::{Array1, ArrayD, ArrayViewD, Axis, CowArray, IxDyn};

use super::Preprocess;
use crate::Scalar;

/// A learnt scaling.
#[derive(Clone, Debug)]
pub(super) enum Scaling {
    None,
    /// `(x - mean) / deviation`, column by column; of images, channel by channel.
    Columns {
        mean: Array1<f64>,
        deviation: Array1<f64>,
    },
    UnitNorm,
}

impl Scaling {
    /// Learns what `preprocess` needs from the training inputs. Constant columns are only shifted.
    pub fn learn<T: Scalar>(preprocess: Preprocess, x: ArrayViewD<'_, T>) -> Self {
        match preprocess {
            Preprocess::None => Self::None,
            Preprocess::UnitNorm => Self::UnitNorm,
            Preprocess::Standardize => {
                // Channels stand along the last axis, and so do the columns of a table.
                let moments = x.axis_iter(Axis(x.ndim() - 1)).map(moments);
                let (mean, deviation): (Vec<f64>, Vec<f64>) = moments.unzip();
                let (mean, deviation) = (Array1::from(mean), Array1::from(deviation));
                Self::Columns { mean, deviation }
            }
        }
    }

    /// The scaled inputs; owned ones are scaled in place.
    pub fn apply<'a, T: Scalar>(&self, x: impl Into<CowArray<'a, T, IxDyn>>) -> ArrayD<T> {
        let mut x = x.into().into_owned();
        match self {
            Self::None => {}
            Self::Columns { mean, deviation } => {
                let channels = Axis(x.ndim() - 1);
                for mut lane in x.lanes_mut(channels) {
                    for (v, (mean, deviation)) in lane.iter_mut().zip(mean.iter().zip(deviation)) {
                        *v = T::narrow((v.widen() - mean) / deviation);
                    }
                }
            }
            Self::UnitNorm => {
                for mut row in x.axis_iter_mut(Axis(0)) {
                    let largest = row.iter().fold(0.0, |m: f64, v| m.max(v.widen().abs()));
                    if largest > 0.0 {
                        let squares = row.iter().map(|v| (v.widen() / largest).powi(2));
                        let norm = squares.sum::<f64>().sqrt();
                        row.mapv_inplace(|v| T::narrow(v.widen() / largest / norm));
                    }
                }
            }
        }
        x
    }
}

/// Mean and standard deviation of a column or a channel; 1 for the deviation of a constant one.
///
/// Computed of the values in units of the largest, a power of two so that nothing is rounded:
/// squares of `1e160` overflow, those of `1e-170` vanish.
fn moments<T: Scalar>(column: ArrayViewD<'_, T>) -> (f64, f64) {
    let n = column.len().max(1) as f64;
    let largest = column.iter().fold(0.0, |m: f64, v| m.max(v.widen().abs()));
    let unit = unit_of(largest);
    let values = || column.iter().map(|v| v.widen() / unit);
    let mean = values().sum::<f64>() / n;
    let deviation = (values().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    let rounding = f64::EPSILON * mean.abs() * n.sqrt();
    let varies = deviation > rounding && deviation * unit > 0.0;
    (mean * unit, if varies { deviation * unit } else { 1.0 })
}

/// The power of two at or below a magnitude; 1 for zero.
fn unit_of(magnitude: f64) -> f64 {
    // The exponent alone; of subnormal numbers it is zero, and the smallest normal one will do.
    let power = f64::from_bits(magnitude.to_bits() & f64::INFINITY.to_bits());
    if magnitude == 0.0 { 1.0 } else { power.max(f64::MIN_POSITIVE) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn columns_are_standardised_and_constant_ones_kept_finite() {
        let x = array![[1.0_f64, 5.0], [3.0, 5.0]].into_dyn();
        let scaling = Scaling::learn(Preprocess::Standardize, x.view());
        assert_eq!(scaling.apply(x.view()), array![[-1.0, 0.0], [1.0, 0.0]].into_dyn());
    }

    #[test]
    fn images_are_standardised_channel_by_channel_and_normed_as_a_whole() {
        // Two images of two positions and two channels; the second channel is constant.
        let x = array![[[1.0_f64, 7.0], [3.0, 7.0]], [[1.0, 7.0], [3.0, 7.0]]].into_dyn();
        let scaling = Scaling::learn(Preprocess::Standardize, x.view());
        let expected = array![[[-1.0, 0.0], [1.0, 0.0]], [[-1.0, 0.0], [1.0, 0.0]]].into_dyn();
        assert_eq!(scaling.apply(x.view()), expected);
        let scaled = Scaling::learn(Preprocess::UnitNorm, x.view()).apply(x.view());
        for image in scaled.axis_iter(Axis(0)) {
            assert!((image.mapv(|v| v * v).sum() - 1.0).abs() < 1e-15);
        }
    }

    #[test]
    fn columns_of_any_magnitude_are_standardised() {
        let x =
            array![[1e-170_f64, 1e160, 5e-324, -1.5e308], [3e-170, 3e160, 0.0, 1.5e308]].into_dyn();
        let scaled = Scaling::learn(Preprocess::Standardize, x.view()).apply(x.view());
        for (row, sign) in [(0, -1.0), (1, 1.0)] {
            for column in [0, 1, 3] {
                let value = scaled[[row, column]];
                assert!((value - sign).abs() < 1e-14, "{value} at {row}, {column}");
            }
            assert!(scaled[[row, 2]].is_finite());
        }
    }

    #[test]
    fn rows_get_unit_norm_without_overflow() {
        let x = array![[3e200_f64, 4e200], [0.0, 0.0]].into_dyn();
        let scaled = Scaling::learn(Preprocess::UnitNorm, x.view()).apply(x.view());
        assert!((scaled[[0, 0]] - 0.6).abs() < 1e-15 && (scaled[[0, 1]] - 0.8).abs() < 1e-15);
        assert_eq!(scaled.index_axis(Axis(0), 1), array![0.0, 0.0].into_dyn());
    }
}
