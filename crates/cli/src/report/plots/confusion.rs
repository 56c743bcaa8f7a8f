//! Confusion matrix: rows are the truth, columns the prediction.

use super::super::escape::clip;
use super::super::svg::{Anchor, Svg, WIDTH, thinned};
use super::super::{Confusion, plots::Figure};

/// Above this many classes the cells are too small for their counts.
const COUNTED: usize = 12;
/// Above this many classes the cells are too small to see.
const DRAWN: usize = 80;

/// Shaded cells with counts; right ones blue, confusions orange.
pub fn confusion(data: &Confusion) -> Option<Figure> {
    let n = data.classes.len();
    let total: u64 = data.counts.iter().flatten().sum();
    if n == 0 || n > DRAWN || total == 0 {
        return None;
    }
    let right: u64 = (0..n).map(|k| data.counts[k][k]).sum();
    let most = if n <= 6 { 16 } else { 10 };
    let letters = data.classes.iter().map(|c| c.chars().count()).max().unwrap_or(1).clamp(1, most);
    let left = 28.0 + 7.4 * letters as f64;
    let cell = (WIDTH - left - 1.0) / n as f64;
    // Few classes would give huge cells.
    let cell = cell.min(64.0);
    let indent = ((WIDTH - left - cell * n as f64) / 2.0).max(0.0);
    let left = left + indent;
    let upright = letters as f64 * 7.4 < cell;
    let top = if upright { 42.0 } else { 28.0 + 7.4 * letters as f64 };
    let height = top + cell * n as f64 + 2.0;

    let description = format!(
        "{n} classes, {total} rows, {right} on the diagonal ({:.1} %).",
        100.0 * right as f64 / total as f64
    );
    let mut svg = Svg::new("confusion", height, "Confusion matrix", &description);
    svg.text("name", (left + cell * n as f64 / 2.0, 12.0), Anchor::Middle, "predicted");
    svg.text_up("name", (indent + 11.0, top + cell * n as f64 / 2.0), Anchor::Middle, "truth");
    for k in thinned(n, 30) {
        let at = (k as f64 + 0.5) * cell;
        let name = clip(&data.classes[k], most);
        svg.text("tick", (left - 6.0, top + at + 4.0), Anchor::End, &name);
        if upright {
            svg.text("tick", (left + at, top - 8.0), Anchor::Middle, &name);
        } else {
            svg.text_up("tick", (left + at + 4.0, top - 7.0), Anchor::Start, &name);
        }
    }
    // Errors are few: shade them by the square root of their share of the worst cell.
    let worst = (0..n)
        .flat_map(|i| (0..n).filter(move |j| *j != i).map(move |j| data.counts[i][j]))
        .max()
        .unwrap_or(1);
    for (i, row) in data.counts.iter().enumerate() {
        let sum: u64 = row.iter().sum();
        for (j, &count) in row.iter().enumerate() {
            let (x, y) = (left + cell * j as f64, top + cell * i as f64);
            let (class, shade) = if i == j {
                ("f-right", if sum > 0 { count as f64 / sum as f64 } else { 0.0 })
            } else {
                ("f-wrong", (count as f64 / worst.max(1) as f64).sqrt())
            };
            let tip =
                format!("{} taken for {}: {count} of {sum}", data.classes[i], data.classes[j]);
            let gap = if n > 30 { 0.0 } else { 1.0 };
            svg.rect(
                "cell",
                (x, y),
                (cell - gap, cell - gap),
                1.0,
                if count == 0 { "" } else { &tip },
            );
            if count > 0 {
                svg.rect(class, (x, y), (cell - gap, cell - gap), shade.max(0.12), &tip);
                if n <= COUNTED {
                    let middle = (x + cell / 2.0 - 0.5, y + cell / 2.0 + 3.8);
                    svg.text("count", middle, Anchor::Middle, &count.to_string());
                }
            }
        }
    }
    let mut caption = format!("{right} of {total} rows on the diagonal.");
    if let Some((i, j)) = most_confused(data) {
        caption += &format!(
            " Most often {} was taken for {} ({} times).",
            clip(&data.classes[i], 40),
            clip(&data.classes[j], 40),
            data.counts[i][j]
        );
    }
    Some(Figure { title: "Confusion matrix".into(), svg: svg.finish(), caption })
}

fn most_confused(data: &Confusion) -> Option<(usize, usize)> {
    let n = data.classes.len();
    let pairs = (0..n).flat_map(|i| (0..n).filter(move |j| *j != i).map(move |j| (i, j)));
    // The first of equals.
    pairs.rev().max_by_key(|&(i, j)| data.counts[i][j]).filter(|&(i, j)| data.counts[i][j] > 0)
}
