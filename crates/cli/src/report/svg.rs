//! A plot's canvas: frame, axes and text of one inline SVG.

use std::fmt::Write;

use super::escape::escape;
use super::scale::{Label, Scale};

/// Width of every plot in its own units; the page scales it to the column.
pub const WIDTH: f64 = 400.0;

/// Where text hangs on its point.
#[derive(Clone, Copy)]
pub enum Anchor {
    /// The text starts there.
    Start,
    /// The text is centred there.
    Middle,
    /// The text ends there.
    End,
}

/// One inline SVG under construction.
pub struct Svg {
    id: String,
    height: f64,
    title: String,
    description: String,
    body: String,
}

/// The drawing area inside the axes.
#[derive(Clone, Copy)]
pub struct Area {
    /// Left edge.
    pub left: f64,
    /// Right edge.
    pub right: f64,
    /// Upper edge.
    pub top: f64,
    /// Lower edge.
    pub bottom: f64,
}

impl Svg {
    /// An empty plot; `title` and `description` are what a screen reader says.
    pub fn new(id: &str, height: f64, title: &str, description: &str) -> Svg {
        Svg {
            id: id.into(),
            height,
            title: title.into(),
            description: description.into(),
            body: String::new(),
        }
    }

    /// A line in the CSS class `class`.
    pub fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        let _ = write!(
            self.body,
            "<line class=\"{class}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>",
            px(x1),
            px(y1),
            px(x2),
            px(y2)
        );
    }

    /// A filled rectangle; `opacity` in [0, 1]; `tip` appears under the pointer.
    pub fn rect(
        &mut self,
        class: &str,
        (x, y): (f64, f64),
        (w, h): (f64, f64),
        opacity: f64,
        tip: &str,
    ) {
        let _ = write!(
            self.body,
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
            px(x),
            px(y),
            px(w.max(0.0)),
            px(h.max(0.0))
        );
        if opacity < 1.0 {
            let _ = write!(self.body, " fill-opacity=\"{:.3}\"", opacity.max(0.0));
        }
        if tip.is_empty() {
            self.body.push_str("/>");
        } else {
            let _ = write!(self.body, "><title>{}</title></rect>", escape(tip));
        }
    }

    /// A dot.
    pub fn dot(&mut self, class: &str, (x, y): (f64, f64), radius: f64) {
        let _ = write!(
            self.body,
            "<circle class=\"{class}\" cx=\"{}\" cy=\"{}\" r=\"{}\"/>",
            px(x),
            px(y),
            px(radius)
        );
    }

    /// Many equal dots as one path (a round-capped stroke of zero length each).
    pub fn dots(&mut self, class: &str, points: &[(f64, f64)]) {
        let _ = write!(self.body, "<path class=\"{class}\" d=\"");
        for &(x, y) in points {
            let _ = write!(self.body, "M{} {}h0", px(x), px(y));
        }
        self.body.push_str("\"/>");
    }

    /// A polyline.
    pub fn path(&mut self, class: &str, points: &[(f64, f64)]) {
        let _ = write!(self.body, "<path class=\"{class}\" d=\"");
        for (k, &(x, y)) in points.iter().enumerate() {
            let _ = write!(self.body, "{}{} {}", if k == 0 { "M" } else { "L" }, px(x), px(y));
        }
        self.body.push_str("\"/>");
    }

    /// Text (escaped here) in the CSS class `class`.
    pub fn text(&mut self, class: &str, (x, y): (f64, f64), anchor: Anchor, text: &str) {
        self.open_text(class, x, y, anchor, "");
        let _ = write!(self.body, "{}</text>", escape(text));
    }

    /// Text turned a quarter to the left around its point.
    pub fn text_up(&mut self, class: &str, (x, y): (f64, f64), anchor: Anchor, text: &str) {
        self.open_text(
            class,
            x,
            y,
            anchor,
            &format!(" transform=\"rotate(-90 {} {})\"", px(x), px(y)),
        );
        let _ = write!(self.body, "{}</text>", escape(text));
    }

    fn open_text(&mut self, class: &str, x: f64, y: f64, anchor: Anchor, more: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let _ = write!(
            self.body,
            "<text class=\"{class}\" x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\"{more}>",
            px(x),
            px(y)
        );
    }

    fn label(&mut self, x: f64, y: f64, anchor: Anchor, label: &Label) {
        match label {
            Label::Plain(text) => self.text("tick", (x, y), anchor, text),
            Label::Power(power) => {
                self.open_text("tick", x, y, anchor, "");
                let power = power.to_string().replace('-', "−");
                let _ = write!(
                    self.body,
                    "10<tspan dy=\"-4\" font-size=\"0.75em\">{power}</tspan></text>"
                );
            }
            Label::None => {}
        }
    }

    /// Grid, tick labels and axis names; what the plot shows is drawn after it, on top.
    pub fn axes(&mut self, area: Area, x: &Scale, y: &Scale, x_name: &str, y_name: &str) {
        for tick in y.ticks() {
            let at = y.place(tick.at);
            self.line("grid", (area.left, at), (area.right, at));
            self.label(
                area.left - 7.0,
                (at + 3.8).min(area.bottom + 1.0),
                Anchor::End,
                &tick.label,
            );
        }
        let mut free_from = f64::NEG_INFINITY;
        for tick in x.ticks() {
            let at = x.place(tick.at);
            self.line("grid", (at, area.top), (at, area.bottom));
            // Long labels would run into each other: write those that have room.
            let half = match &tick.label {
                Label::Plain(text) => 3.9 * text.chars().count() as f64,
                Label::Power(_) => 13.0,
                Label::None => 0.0,
            };
            if half > 0.0 && at - half > free_from {
                let centre = at.min(WIDTH - half - 1.0);
                self.label(centre, area.bottom + 18.0, Anchor::Middle, &tick.label);
                free_from = centre + half + 5.0;
            }
        }
        self.line("axis", (area.left, area.bottom), (area.right, area.bottom));
        self.text(
            "name",
            ((area.left + area.right) / 2.0, area.bottom + 36.0),
            Anchor::Middle,
            x_name,
        );
        self.text("name", (0.0, area.top - 10.0), Anchor::Start, y_name);
    }

    /// The finished element.
    pub fn finish(self) -> String {
        let id = &self.id;
        format!(
            "<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\
             <title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>{}</svg>",
            px(self.height),
            escape(&self.title),
            escape(&self.description),
            self.body
        )
    }
}

/// A coordinate with one decimal, short.
fn px(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".into() } else { text.into() }
}

/// At most `keep` of the numbers `0..count`, evenly spread, first and last among them.
pub fn thinned(count: usize, keep: usize) -> Vec<usize> {
    if count <= keep || keep < 2 {
        return (0..count).collect();
    }
    (0..keep).map(|k| k * (count - 1) / (keep - 1)).collect()
}

/// At most about `keep` of the numbers `0..count`, spread evenly on a logarithmic axis of ranks.
pub fn thinned_by_rank(count: usize, keep: usize) -> Vec<usize> {
    if count <= keep || keep < 2 {
        return (0..count).collect();
    }
    let ratio = (count as f64).ln() / (keep - 1) as f64;
    let mut picked: Vec<usize> = (0..keep)
        .map(|k| ((k as f64 * ratio).exp().round() as usize).clamp(1, count) - 1)
        .collect();
    picked.dedup();
    picked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_the_ends_and_the_order() {
        for pick in [thinned(10_000, 300), thinned_by_rank(10_000, 300)] {
            assert!(pick.len() <= 300 && pick.len() > 150, "{}", pick.len());
            assert_eq!((pick[0], pick[pick.len() - 1]), (0, 9_999));
            assert!(pick.windows(2).all(|w| w[0] < w[1]));
        }
        assert_eq!(thinned(3, 300), [0, 1, 2]);
        assert_eq!(thinned_by_rank(0, 300), [0usize; 0]);
    }

    #[test]
    fn text_is_escaped_on_the_way_in() {
        let mut svg = Svg::new("s", 100.0, "a<b", "c&d");
        svg.text("tick", (1.0, 2.04), Anchor::End, "<x>");
        svg.rect("bar", (0.0, 0.0), (1.0, -3.0), 0.5, "\"tip\"");
        let out = svg.finish();
        assert!(
            out.contains("a&lt;b") && out.contains("c&amp;d") && out.contains(">&lt;x&gt;</text>")
        );
        assert!(out.contains("height=\"0\"") && out.contains("&quot;tip&quot;"));
    }
}
