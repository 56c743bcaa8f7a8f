//! Predictions against truth, both axes alike.

use super::super::scale::Scale;
use super::super::svg::{Svg, thinned};
use super::super::{Scatter, plots::Figure};
use super::{AREA, HEIGHT};

const MOST: usize = 1500;

/// One dot a row; the diagonal is where prediction and truth agree.
pub fn scatter(data: &Scatter) -> Option<Figure> {
    let mut pairs: Vec<(f64, f64)> = data
        .truth
        .iter()
        .copied()
        .zip(data.predicted.iter().copied())
        .filter(|(t, p)| t.is_finite() && p.is_finite())
        .collect();
    if pairs.is_empty() {
        return None;
    }
    // Sorted, so that what thinning keeps covers the whole range.
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let kept = thinned(pairs.len(), MOST);
    let both = || pairs.iter().flat_map(|(t, p)| [*t, *p]);
    let x = Scale::linear(both(), AREA.left, AREA.right);
    let y = Scale::linear(both(), AREA.bottom, AREA.top);
    let n = pairs.len() as f64;
    let rmse = (pairs.iter().map(|(t, p)| (t - p) * (t - p)).sum::<f64>() / n).sqrt();
    let rmse = super::super::scale::short(rmse);
    let description =
        format!("{} rows, {}; root mean square error {rmse}.", pairs.len(), data.what);
    let mut svg = Svg::new("scatter", HEIGHT, "Predictions against truth", &description);
    svg.axes(AREA, &x, &y, "truth", "prediction");
    svg.line("dash s-axis", (AREA.left, AREA.bottom), (AREA.right, AREA.top));
    let points: Vec<_> = kept.iter().map(|&k| (x.place(pairs[k].0), y.place(pairs[k].1))).collect();
    svg.dots(if points.len() > 300 { "dots thin s-blue" } else { "dots s-blue" }, &points);
    let mut caption =
        format!("{}; root mean square error {rmse}. On the dashed line both agree.", data.what);
    if kept.len() < pairs.len() {
        caption += &format!(" {} of {} rows are drawn.", kept.len(), pairs.len());
    }
    Some(Figure { title: "Predictions against truth".into(), svg: svg.finish(), caption })
}
