//! The page as a whole.

use super::*;

/// A report with every part, made of smooth numbers.
fn full() -> Report {
    let n = 2000;
    let noise = |k: usize| ((k * 7919) % 1000) as f64 / 1000.0 - 0.5;
    let classes: Vec<String> = (0..10).map(|k| k.to_string()).collect();
    let counts =
        (0..10)
            .map(|i: usize| {
                (0..10)
                    .map(|j| {
                        if i == j {
                            480 - 7 * i as u64
                        } else {
                            ((i * 31 + j * 17) % 23) as u64 / 2
                        }
                    })
                    .collect()
            })
            .collect();
    let ridges: Vec<f64> = (0..25).map(|k| 10f64.powf(-8.0 + k as f64 / 3.0)).collect();
    let errors = ridges.iter().map(|r: &f64| 0.02 + 0.001 * (r.log10() + 3.0).powi(2)).collect();
    Report {
        title: "Handwritten digits: exact kernels against ridge on pixels".into(),
        subtitle: "Network: dense(1.41, 0.1) → relu → dense(1.41, 0.1) → relu → dense(1)".into(),
        highlights: vec![
            ("94.92 %".into(), "accuracy, NTK".into()),
            ("5000".into(), "training rows".into()),
            ("12.3 s".into(), "altogether".into()),
        ],
        comparison: vec![
            Method {
                name: "Neural tangent kernel".into(),
                accuracy: 0.9492,
                seconds: 12.3,
                peak_bytes: Some(900 << 20),
            },
            Method {
                name: "NNGP posterior".into(),
                accuracy: 0.9443,
                seconds: 9.1,
                peak_bytes: Some(700 << 20),
            },
            Method {
                name: "Ridge on raw pixels".into(),
                accuracy: 0.8211,
                seconds: 0.41,
                peak_bytes: None,
            },
        ],
        spectra: vec![
            Spectrum {
                name: "NTK".into(),
                values: (0..n).map(|k| 3000.0 / (k as f64 + 1.0).powf(1.4)).collect(),
                ridge: Some(0.05),
                rounding: 0.0,
            },
            Spectrum {
                name: "NNGP".into(),
                values: (0..n).map(|k| 900.0 / (k as f64 + 1.0).powf(1.6)).collect(),
                ridge: None,
                rounding: 0.0,
            },
        ],
        ridge_path: Some(RidgePath {
            ridges,
            errors,
            chosen: 15,
            measure: "leave-one-out mean square error".into(),
        }),
        confusion: Some(Confusion { classes, counts }),
        scatter: Some(Scatter {
            what: "3000 test rows".into(),
            truth: (0..3000).map(|k| k as f64 / 100.0).collect(),
            predicted: (0..3000).map(|k| k as f64 / 100.0 + 4.0 * noise(k)).collect(),
        }),
        margins: Some(Margins {
            what: "5000 test rows".into(),
            values: (0..5000)
                .map(|k| 0.6 + 2.0 * noise(k) * noise(k / 7) + 0.6 * noise(k / 3))
                .collect(),
        }),
        facts: vec![(
            "Diagnostics of the solve".into(),
            vec![
                ("Condition estimate".into(), "3.1e5".into()),
                ("Jitter".into(), "none".into()),
                ("Relative residual".into(), "2.2e−15".into()),
            ],
        )],
        network: Some(
            "[{\"layer\": \"dense\", \"w_std\": 1.4142135623730951}, {\"layer\": \"relu\"}]".into(),
        ),
    }
}

/// Tags are opened and closed in order; attributes are not looked at.
fn assert_well_formed(html: &str) {
    const VOID: [&str; 2] = ["meta", "link"];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if tag.starts_with('!') || tag.ends_with('/') {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "closing tag");
        } else {
            let name = tag.split(' ').next().expect("a name");
            if !VOID.contains(&name) {
                open.push(name);
            }
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
}

#[test]
fn the_full_page_has_every_part_and_loads_nothing() {
    let html = full().render();
    if let Ok(path) = std::env::var("WIDELIMIT_REPORT_SAMPLE") {
        std::fs::write(path, &html).unwrap();
    }
    assert_well_formed(&html);
    for part in [
        "Side by side",
        "id=\"confusion-t\"",
        "id=\"scatter-t\"",
        "id=\"margins-t\"",
        "id=\"ridge-path-t\"",
        "id=\"spectrum-t\"",
        "Diagnostics of the solve",
        "The network as JSON",
        "prefers-color-scheme:dark",
        "chosen 0.001",
        "94.92 %",
        "900.00 MiB",
    ] {
        assert!(html.contains(part), "{part}");
    }
    for banned in ["<script", "http:", "https:", "//", "@import", "url(", "NaN", "inf"] {
        assert!(!html.contains(banned), "{banned}");
    }
    assert!(html.len() < 200_000, "{} bytes", html.len());
}

#[test]
fn an_empty_report_is_still_a_page() {
    let html = Report { title: "Empty".into(), ..Report::default() }.render();
    assert_well_formed(&html);
    assert!(!html.contains("<svg") && !html.contains("<table"));
}

#[test]
fn hostile_names_stay_text() {
    let evil = "</title><script>alert(1)</script><b x=\"'";
    let mut report = full();
    report.title = evil.into();
    report.subtitle = evil.into();
    report.network = Some(evil.into());
    report.highlights = vec![(evil.into(), evil.into())];
    report.comparison[0].name = evil.into();
    report.facts = vec![(evil.into(), vec![(evil.into(), evil.into())])];
    report.spectra[0].name = evil.into();
    report.ridge_path.as_mut().unwrap().measure = evil.into();
    report.scatter.as_mut().unwrap().what = evil.into();
    report.margins.as_mut().unwrap().what = evil.into();
    report.confusion.as_mut().unwrap().classes[3] = evil.into();
    let html = report.render();
    assert_well_formed(&html);
    assert!(!html.contains("<script") && !html.contains("<b ") && html.contains("&lt;script&gt;"));
}

#[test]
fn degenerate_numbers_draw_without_nan() {
    for values in [
        vec![],
        vec![1.0],
        vec![0.0; 5],
        vec![3.0; 5],
        vec![f64::NAN, f64::INFINITY, -1.0],
        vec![1e-300, 1e300],
    ] {
        let one = Report {
            title: "Degenerate".into(),
            comparison: vec![Method {
                name: "m".into(),
                accuracy: f64::NAN,
                seconds: 0.0,
                peak_bytes: Some(0),
            }],
            spectra: vec![Spectrum {
                name: "K".into(),
                values: values.clone(),
                ridge: values.first().copied(),
                rounding: 0.0,
            }],
            ridge_path: Some(RidgePath {
                ridges: values.clone(),
                errors: values.clone(),
                chosen: 0,
                measure: "e".into(),
            }),
            confusion: Some(Confusion {
                classes: vec!["only".into()],
                counts: vec![vec![values.len() as u64]],
            }),
            scatter: Some(Scatter {
                what: "rows".into(),
                truth: values.clone(),
                predicted: values.clone(),
            }),
            margins: Some(Margins { what: "rows".into(), values: values.clone() }),
            ..Report::default()
        };
        let html = one.render();
        assert_well_formed(&html);
        let drawn = html.split("<svg").skip(1).collect::<String>();
        assert!(
            !drawn.contains("NaN") && !drawn.contains("inf") && !drawn.contains("=\"-\""),
            "{values:?}"
        );
    }
}

#[test]
fn many_classes_lose_counts_but_not_cells() {
    let n = 60;
    let classes: Vec<String> = (0..n).map(|k| format!("class number {k}")).collect();
    let codes: Vec<usize> = (0..600).map(|k| k % n).collect();
    let confusion = Confusion::count(&classes, &codes, &codes).unwrap();
    let html = Report { confusion: Some(confusion), ..Report::default() }.render();
    assert_well_formed(&html);
    assert!(html.contains("600 of 600 rows") && !html.contains("class=\"count\""));
    assert!(Confusion::count(&classes, &[n], &[0]).is_none());
}
