//! Predictions against truth for classes: by how much the true class won or lost.

use super::super::scale::{Scale, short};
use super::super::svg::{Anchor, Svg};
use super::super::{Margins, plots::Figure};
use super::{AREA, HEIGHT};

/// Most bins; few rows get fewer.
const BINS: usize = 40;

/// A histogram of margins, what is wrong in another colour than what is right.
pub fn margins(data: &Margins) -> Option<Figure> {
    let values: Vec<f64> = data.values.iter().copied().filter(|v| v.is_finite()).collect();
    if values.is_empty() {
        return None;
    }
    let wrong = values.iter().filter(|v| **v <= 0.0).count();
    let (low, high) = values.iter().fold((0.0f64, 0.0f64), |(a, b), v| (a.min(*v), b.max(*v)));
    let range = if high - low > 1e-300 { high - low } else { 1.0 };
    let width = range / (2.0 * (values.len() as f64).sqrt()).clamp(8.0, BINS as f64).round();
    // Bins start at zero in both directions, so that none holds both kinds.
    let (below, above) = ((-low / width).ceil() as usize, (high / width).ceil().max(1.0) as usize);
    let mut counts = vec![0u64; below + above];
    for &v in &values {
        let k = if v <= 0.0 {
            below.saturating_sub(((-v / width).floor() as usize + 1).min(below))
        } else {
            below + ((v / width).floor() as usize).min(above - 1)
        };
        counts[k] += 1;
    }
    let edge = |k: usize| (k as f64 - below as f64) * width;
    let x = Scale::linear([edge(0), edge(below + above)], AREA.left, AREA.right);
    let most = counts.iter().copied().max().unwrap_or(1);
    let y = Scale::linear([0.0, most as f64], AREA.bottom, AREA.top);
    let share = |k: usize| 100.0 * k as f64 / values.len() as f64;
    let right = values.len() - wrong;
    let description = format!(
        "{}: {right} right ({:.1} %), {wrong} wrong ({:.1} %); margins from {} to {}.",
        data.what,
        share(right),
        share(wrong),
        short(low),
        short(high)
    );
    let mut svg = Svg::new("margins", HEIGHT, "Predictions against truth: margins", &description);
    svg.axes(AREA, &x, &y, "score of the true class less the best other", "rows");
    for (k, &count) in counts.iter().enumerate().filter(|c| *c.1 > 0) {
        let (from, to) = (x.place(edge(k)), x.place(edge(k + 1)));
        let top = y.place(count as f64).min(AREA.bottom - 1.5);
        let class = if k < below { "f-orange" } else { "f-blue" };
        let tip = format!("{} to {}: {count}", short(edge(k)), short(edge(k + 1)));
        svg.rect(class, (from + 0.5, top), (to - from - 1.0, AREA.bottom - top), 1.0, &tip);
    }
    let zero = x.place(0.0);
    svg.line("dash s-axis", (zero, AREA.top), (zero, AREA.bottom));
    let legend = AREA.top - 10.0;
    let right_text = format!("{right} right");
    svg.text("note t-blue", (AREA.right, legend), Anchor::End, &right_text);
    let beside = AREA.right - 8.0 * right_text.len() as f64 - 10.0;
    svg.text("note t-orange", (beside, legend), Anchor::End, &format!("{wrong} wrong"));
    let caption = format!(
        "{}: left of the dashed line another class scored higher than the true one.",
        data.what
    );
    Some(Figure { title: "Predictions against truth".into(), svg: svg.finish(), caption })
}
