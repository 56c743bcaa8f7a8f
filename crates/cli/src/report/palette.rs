//! Colours for light and dark, and the proof that text on them can be read.

/// One colour role: its CSS variable and its value in either scheme (`#rrggbb`).
pub struct Role {
    /// Name of the CSS variable, without the dashes.
    pub name: &'static str,
    /// Value on a light page.
    pub light: &'static str,
    /// Value on a dark page.
    pub dark: &'static str,
}

const fn role(name: &'static str, light: &'static str, dark: &'static str) -> Role {
    Role { name, light, dark }
}

/// Every colour of the page.
pub const ROLES: &[Role] = &[
    role("page", "#f5f6f8", "#0e1116"),
    role("card", "#ffffff", "#171b22"),
    role("ink", "#1a1f27", "#e8ebf0"),
    role("soft", "#525c6b", "#a5afbd"),
    role("line", "#dde1e7", "#2b323d"),
    role("axis", "#7b8594", "#78828f"),
    role("blue", "#2358c4", "#7eaaff"),
    role("orange", "#a8480b", "#ffab5e"),
    role("green", "#1a7048", "#63cf9b"),
    role("right", "#a9c4f5", "#23468c"),
    role("wrong", "#fbc591", "#7c3c0a"),
];

/// The variables of one scheme as CSS declarations.
pub fn variables(dark: bool) -> String {
    ROLES.iter().map(|r| format!("--{}:{};", r.name, if dark { r.dark } else { r.light })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(hex: &str) -> f64 {
        let channel = |k: usize| {
            let v = f64::from(u8::from_str_radix(&hex[k..k + 2], 16).unwrap()) / 255.0;
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        a.max(b) / a.min(b)
    }

    fn of(name: &str, dark: bool) -> &'static str {
        let r = ROLES.iter().find(|r| r.name == name).unwrap();
        if dark { r.dark } else { r.light }
    }

    /// WCAG 2.2, 1.4.3: text 4.5 : 1; 1.4.11: lines and marks 3 : 1.
    #[test]
    fn contrast_is_sufficient_in_both_schemes() {
        for dark in [false, true] {
            for ground in ["page", "card"] {
                for text in ["ink", "soft", "blue", "orange", "green"] {
                    let c = contrast(of(text, dark), of(ground, dark));
                    assert!(c >= 4.5, "{text} on {ground}, dark {dark}: {c:.2}");
                }
                let c = contrast(of("axis", dark), of(ground, dark));
                assert!(c >= 3.0, "axis on {ground}, dark {dark}: {c:.2}");
            }
            // Counts in the confusion matrix stand on the full tint at worst.
            for tint in ["right", "wrong"] {
                let c = contrast(of("ink", dark), of(tint, dark));
                assert!(c >= 4.5, "ink on {tint}, dark {dark}: {c:.2}");
            }
        }
    }
}
