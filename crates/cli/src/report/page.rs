//! The page around plots and tables: head, style, order.

use std::fmt::Write;

use super::Report;
use super::escape::escape;
use super::palette::variables;
use super::plots::{self, Figure};
use super::tables;

const STYLE: &str = include_str!("style.css");

/// The whole page.
pub fn render(report: &Report) -> String {
    let mut body = String::new();
    let _ =
        write!(body, "<header><p class=\"mark\">widelimit</p><h1>{}</h1>", escape(&report.title));
    if !report.subtitle.is_empty() {
        let _ = write!(body, "<p class=\"sub\">{}</p>", escape(&report.subtitle));
    }
    body.push_str("</header><main>");
    if !report.highlights.is_empty() {
        let tiles: String = report
            .highlights
            .iter()
            .map(|(value, label)| {
                format!("<div><dd>{}</dd><dt>{}</dt></div>", escape(value), escape(label))
            })
            .collect();
        let _ = write!(body, "<dl class=\"tiles\">{tiles}</dl>");
    }
    if !report.comparison.is_empty() {
        let _ = write!(
            body,
            "<section class=\"wide\"><h2>Side by side</h2>{}</section>",
            tables::comparison(&report.comparison)
        );
    }
    let figures = [
        report.confusion.as_ref().and_then(plots::confusion),
        report.scatter.as_ref().and_then(plots::scatter),
        report.margins.as_ref().and_then(plots::margins),
        report.ridge_path.as_ref().and_then(plots::ridge_path),
        plots::spectrum(&report.spectra),
    ];
    let figures: Vec<Figure> = figures.into_iter().flatten().collect();
    let drawn = figures.iter().map(|figure| {
        format!(
            "<h2>{}</h2><figure>{}<figcaption>{}</figcaption></figure>",
            escape(&figure.title),
            figure.svg,
            escape(&figure.caption)
        )
    });
    let told = report
        .facts
        .iter()
        .filter(|f| !f.1.is_empty())
        .map(|(title, rows)| tables::facts(title, rows));
    let cards: Vec<String> = drawn.chain(told).collect();
    for (k, card) in cards.iter().enumerate() {
        // Two columns; the last of an odd number takes both.
        let alone = k + 1 == cards.len() && k % 2 == 0;
        let _ =
            write!(body, "<section{}>{card}</section>", if alone { " class=\"wide\"" } else { "" });
    }
    if let Some(network) = &report.network {
        let _ = write!(
            body,
            "<section class=\"wide\"><details><summary>The network as JSON</summary><pre>{}</pre></details></section>",
            escape(network)
        );
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\
         <link rel=\"icon\" href=\"data:,\"><title>{} – widelimit</title>\n<style>\n:root{{{}}}\n\
         @media (prefers-color-scheme:dark){{:root{{{}}}}}\n{STYLE}</style></head>\n<body>{body}</main>\n\
         <footer>Made by widelimit {}.</footer></body></html>\n",
        escape(&report.title),
        variables(false),
        variables(true),
        env!("CARGO_PKG_VERSION")
    )
}
