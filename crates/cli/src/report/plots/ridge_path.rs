//! Leave-one-out error over the ridge.

use super::super::scale::{Scale, short};
use super::super::svg::{Anchor, Svg};
use super::super::{RidgePath, plots::Figure};
use super::{AREA, HEIGHT};

/// The curve with the chosen ridge marked.
pub fn ridge_path(path: &RidgePath) -> Option<Figure> {
    let pairs: Vec<(usize, f64, f64)> = path
        .ridges
        .iter()
        .zip(&path.errors)
        .enumerate()
        .map(|(k, (&r, &e))| (k, r, e))
        .filter(|(_, r, e)| r.is_finite() && *r > 0.0 && e.is_finite())
        .collect();
    if pairs.is_empty() {
        return None;
    }
    let errors = || pairs.iter().map(|p| p.2);
    let (least, most) = errors().fold((f64::MAX, f64::MIN), |(a, b), e| (a.min(e), b.max(e)));
    let x = Scale::log(pairs.iter().map(|p| p.1), AREA.left, AREA.right);
    let y = if least > 0.0 && most > 8.0 * least {
        Scale::log(errors(), AREA.bottom, AREA.top)
    } else {
        Scale::linear(errors(), AREA.bottom, AREA.top)
    };
    let chosen = pairs.iter().find(|p| p.0 == path.chosen);
    let said = chosen
        .map_or(String::new(), |c| format!("; chosen {} with error {}", short(c.1), short(c.2)));
    let description = format!(
        "{} over {} ridges from {} to {}{said}.",
        path.measure,
        pairs.len(),
        short(pairs[0].1),
        short(pairs[pairs.len() - 1].1)
    );
    let mut svg =
        Svg::new("ridge-path", HEIGHT, "Leave-one-out error over the ridge", &description);
    svg.axes(AREA, &x, &y, "ridge", &path.measure);
    let points: Vec<_> = pairs.iter().map(|p| (x.place(p.1), y.place(p.2))).collect();
    svg.path("curve s-blue", &points);
    if points.len() <= 80 {
        svg.dots("dots s-blue", &points);
    }
    if let Some(&(_, ridge, error)) = chosen {
        let (cx, cy) = (x.place(ridge), y.place(error));
        svg.line("dash s-orange", (cx, AREA.top), (cx, AREA.bottom));
        svg.dot("mark", (cx, cy), 5.5);
        let (shift, anchor) = if cx > 220.0 { (-9.0, Anchor::End) } else { (9.0, Anchor::Start) };
        svg.text(
            "note strong",
            (cx + shift, AREA.top + 11.0),
            anchor,
            &format!("chosen {}", short(ridge)),
        );
    }
    let mut caption =
        String::from("Each training row predicted from all the others, in closed form.");
    caption += match chosen.map(|c| end_of(&pairs, c)) {
        Some(End::Falling) => {
            " The error still falls where the path ends: a wider path may do better."
        }
        Some(End::Flat) => {
            " The curve is flat where it was chosen: ridges beyond the path do as well."
        }
        Some(End::Inside) | None => "",
    };
    Some(Figure { title: "Leave-one-out error over the ridge".into(), svg: svg.finish(), caption })
}

/// What the curve does at the chosen ridge.
enum End {
    /// The choice lies inside the path.
    Inside,
    /// It lies at an end that the error falls towards.
    Falling,
    /// It lies at an end where nothing changes any more.
    Flat,
}

fn end_of(pairs: &[(usize, f64, f64)], chosen: &(usize, f64, f64)) -> End {
    if pairs.len() < 2 || (chosen.0 != pairs[0].0 && chosen.0 != pairs[pairs.len() - 1].0) {
        return End::Inside;
    }
    // The change within a decade of the choice, at least up to the next point.
    let near =
        |p: &&(usize, f64, f64)| (p.1.log10() - chosen.1.log10()).abs() <= 1.01 && p.0 != chosen.0;
    let next = if chosen.0 == pairs[0].0 { pairs[1].2 } else { pairs[pairs.len() - 2].2 };
    let highest = pairs.iter().filter(near).map(|p| p.2).fold(next, f64::max);
    if highest > 1.01 * chosen.2 { End::Falling } else { End::Flat }
}
