//! Tables: methods side by side, and names with values.

use std::fmt::Write;

use super::Method;
use super::escape::escape;
use crate::text::{bytes, seconds};

/// Methods side by side with a bar under each number; the best accuracy stands out.
pub fn comparison(methods: &[Method]) -> String {
    let best = methods.iter().map(|m| m.accuracy).fold(f64::MIN, f64::max);
    let slowest = methods.iter().map(|m| m.seconds).fold(0.0, f64::max);
    let largest = methods.iter().filter_map(|m| m.peak_bytes).max().unwrap_or(0);
    let mut rows = String::new();
    for m in methods {
        let class = if m.accuracy == best { " class=\"best\"" } else { "" };
        let _ = write!(
            rows,
            "<tr{class}><th scope=\"row\">{}</th>{}{}{}</tr>",
            escape(&m.name),
            cell(&format!("{:.2} %", 100.0 * m.accuracy), m.accuracy),
            cell(&seconds(m.seconds), share(m.seconds, slowest)),
            match m.peak_bytes {
                Some(b) => cell(&bytes(b), share(b as f64, largest as f64)),
                None => "<td>–</td>".into(),
            }
        );
    }
    format!(
        "<table class=\"compare\"><thead><tr><th scope=\"col\">Method</th><th scope=\"col\">Accuracy</th>\
         <th scope=\"col\">Time</th><th scope=\"col\">Peak memory</th></tr></thead><tbody>{rows}</tbody></table>"
    )
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

fn cell(text: &str, share: f64) -> String {
    let percent = 100.0 * if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    format!("<td>{}<i style=\"width:{percent:.1}%\"></i></td>", escape(text))
}

/// Names with values.
pub fn facts(title: &str, rows: &[(String, String)]) -> String {
    let rows: String = rows
        .iter()
        .map(|(k, v)| format!("<div><dt>{}</dt><dd>{}</dd></div>", escape(k), escape(v)))
        .collect();
    format!("<h2>{}</h2><dl>{rows}</dl>", escape(title))
}
