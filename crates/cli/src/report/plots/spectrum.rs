//! Eigenvalues against their rank, both axes logarithmic.

use super::super::scale::{Scale, short};
use super::super::svg::{Anchor, Svg, thinned_by_rank};
use super::super::{Spectrum, plots::Figure};
use super::{AREA, HEIGHT};

const COLOURS: [&str; 3] = ["blue", "orange", "green"];

/// The spectra, each with its ridge as a dashed line; up to three of them.
pub fn spectrum(spectra: &[Spectrum]) -> Option<Figure> {
    let mut curves = Vec::new();
    let (mut dropped, mut negative, mut longest) = (0, 0, 1);
    for s in spectra.iter().take(COLOURS.len()) {
        let mut values: Vec<f64> = s.values.iter().copied().filter(|v| v.is_finite()).collect();
        values.sort_by(|a, b| b.total_cmp(a));
        longest = longest.max(values.len());
        // What rounding left of zero eigenvalues says nothing: below eps * n * largest.
        let floor = values
            .first()
            .map_or(0.0, |v| v * f64::EPSILON * values.len() as f64)
            .max(f64::MIN_POSITIVE);
        let kept = values.partition_point(|v| *v >= floor);
        negative += s.negative();
        dropped += s.values.len() - kept - s.negative();
        values.truncate(kept);
        if !values.is_empty() {
            curves.push((s, values));
        }
    }
    if curves.is_empty() {
        return None;
    }
    // A ridge far below all eigenvalues would press the curve flat and says nothing.
    let shown = |(s, v): &(&Spectrum, Vec<f64>)| {
        s.ridge.filter(|r| r.is_finite() && *r > 1e-2 * v[v.len() - 1])
    };
    let ridges = || curves.iter().filter_map(shown);
    let x = Scale::log([1.0, longest as f64], AREA.left, AREA.right);
    let every = curves.iter().flat_map(|(_, v)| [v[0], v[v.len() - 1]]).chain(ridges());
    let y = Scale::log(every, AREA.bottom, AREA.top);

    let describe = |(s, v): &(&Spectrum, Vec<f64>)| {
        format!(
            "{}: {} eigenvalues from {} down to {}",
            s.name,
            v.len(),
            short(v[0]),
            short(v[v.len() - 1])
        )
    };
    let description = curves.iter().map(describe).collect::<Vec<_>>().join("; ") + ".";
    let mut svg = Svg::new("spectrum", HEIGHT, "Spectrum of the kernel", &description);
    svg.axes(AREA, &x, &y, "rank", "eigenvalue");
    for (k, curve) in curves.iter().enumerate() {
        let (s, values) = curve;
        let colour = COLOURS[k];
        let points: Vec<_> = thinned_by_rank(values.len(), 240)
            .into_iter()
            .map(|i| (x.place((i + 1) as f64), y.place(values[i])))
            .collect();
        if points.len() <= 40 {
            svg.dots(&format!("dots s-{colour}"), &points);
        }
        svg.path(&format!("curve s-{colour}"), &points);
        if let Some(ridge) = shown(curve) {
            let at = y.place(ridge);
            svg.line(&format!("dash s-{colour}"), (AREA.left, at), (AREA.right, at));
            if curves.len() == 1 {
                svg.text("note", (AREA.left + 6.0, at - 5.0), Anchor::Start, "ridge");
            }
        }
        if curves.len() > 1 {
            let row = AREA.top + 14.0 + 16.0 * k as f64;
            svg.line(
                &format!("curve s-{colour}"),
                (AREA.right - 26.0, row - 4.0),
                (AREA.right - 8.0, row - 4.0),
            );
            svg.text("note", (AREA.right - 32.0, row), Anchor::End, &s.name);
        }
    }
    let mut caption = String::from(
        "How the kernel spreads over its eigenvectors; a steep fall means few of them carry it.",
    );
    if ridges().next().is_some() {
        caption += " What lies below the dashed ridge is damped away.";
    } else if curves.iter().any(|(s, _)| s.ridge.is_some()) {
        caption += " The ridge lies far below all of it.";
    }
    let are = |count: usize| match count {
        1 => "1 eigenvalue is".to_owned(),
        _ => format!("{count} eigenvalues are"),
    };
    if dropped > 0 {
        caption += &format!(" {} zero to working accuracy and not drawn.", are(dropped));
    }
    if negative > 0 {
        caption += &format!(" {} negative and not drawn; a kernel has none.", are(negative));
    }
    Some(Figure { title: "Spectrum of the kernel".into(), svg: svg.finish(), caption })
}
