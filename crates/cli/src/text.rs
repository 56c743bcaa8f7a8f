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
}
