//! One file for each kind of plot; each gives a figure, or nothing when there is nothing to draw.

mod confusion;
mod margins;
mod ridge_path;
mod scatter;
mod spectrum;

pub use confusion::confusion;
pub use margins::margins;
pub use ridge_path::ridge_path;
pub use scatter::scatter;
pub use spectrum::spectrum;

use super::svg::{Area, WIDTH};

/// Height of the plots with axes.
const HEIGHT: f64 = 292.0;

/// Their drawing area.
const AREA: Area = Area { left: 46.0, right: WIDTH - 6.0, top: 30.0, bottom: 246.0 };

/// A drawn plot with what stands around it.
pub struct Figure {
    /// Heading.
    pub title: String,
    /// The SVG element.
    pub svg: String,
    /// Explanation under the plot (plain text).
    pub caption: String,
}
