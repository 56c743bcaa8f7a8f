//! Numbers for people.

pub use widelimit::memory::show as bytes;

/// A duration: `12 ms`, `3.4 s`, `2 min 05 s`, `3 h 20 min`.
pub fn seconds(s: f64) -> String {
    if !s.is_finite() {
        return "–".into();
    }
    match s {
        s if s < 0.9995e-3 => format!("{:.0} µs", s * 1e6),
        s if s < 0.9995 => format!("{:.0} ms", s * 1e3),
        s if s < 9.995 => format!("{s:.2} s"),
        s if s < 99.95 => format!("{s:.1} s"),
        s if s < 3599.5 => {
            let s = s.round() as u64;
            format!("{} min {:02} s", s / 60, s % 60)
        }
        s => {
            let m = (s / 60.0).round() as u64;
            format!("{} h {:02} min", m / 60, m % 60)
        }
    }
}

/// How fast something goes: `12.3 M entries/s`.
pub fn rate(per_second: f64, unit: &str) -> String {
    let (scaled, prefix) = match per_second {
        r if !r.is_finite() || r <= 0.0 => return format!("– {unit}/s"),
        r if r < 999.5 => (r, ""),
        r if r < 999.5e3 => (r * 1e-3, "k "),
        r if r < 999.5e6 => (r * 1e-6, "M "),
        r => (r * 1e-9, "G "),
    };
    let decimals = if scaled < 9.995 { 2 } else { usize::from(scaled < 99.95) };
    format!("{scaled:.decimals$} {prefix}{unit}/s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written() {
        assert_eq!(
            [0.0, 0.0123, 0.9999, 3.4, 59.96, 125.2, 12_000.0, f64::NAN].map(seconds),
            ["0 µs", "12 ms", "1.00 s", "3.40 s", "60.0 s", "2 min 05 s", "3 h 20 min", "–"]
        );
    }

    #[test]
    fn rates_are_written() {
        assert_eq!(
            [0.0, 0.5, 42.0, 999.9, 12_345.0, 4.56e6, 7.8e9, f64::NAN].map(|r| rate(r, "tiles")),
            [
                "– tiles/s",
                "0.50 tiles/s",
                "42.0 tiles/s",
                "1.00 k tiles/s",
                "12.3 k tiles/s",
                "4.56 M tiles/s",
                "7.80 G tiles/s",
                "– tiles/s"
            ]
        );
    }
}
