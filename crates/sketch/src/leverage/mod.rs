//! How much each row of a matrix, or each point of a kernel, counts.
//!
//! | you want | use |
//! |---|---|
//! | leverage scores of rows | [`leverage_scores`]; of many rows, [`SketchedLeverage`] |
//! | ridge leverage scores of points | [`ridge_leverage_scores`], [`feature_ridge_leverage_scores`] |
//! | landmarks by ridge leverage, without the kernel matrix | [`RecursiveRidge`] |
//! | scores of all points from such landmarks | [`WeightedSample::ridge_scores`] |
//! | rows drawn by scores | [`WeightedSample::by_scores`], [`sample_by_weight`] |
//! | how many features a ridge leaves | [`effective_dimension`] |

mod exact;
mod recursive;
mod ridge;
mod sample;
mod sketched;

pub use exact::leverage_scores;
pub use recursive::RecursiveRidge;
pub use ridge::{effective_dimension, feature_ridge_leverage_scores, ridge_leverage_scores};
pub use sample::{WeightedSample, sample_by_weight};
pub use sketched::SketchedLeverage;
