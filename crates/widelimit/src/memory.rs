//! Amounts of memory as text.

use crate::Error;

const UNITS: [(&str, u64); 12] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("T", 1 << 40),
    ("G", 1 << 30),
    ("M", 1 << 20),
    ("K", 1 << 10),
];

/// Bytes from text such as `4GiB`, `512 MiB`, `1.5G` or `1000000`.
///
/// Letters may be of either case; a single letter means the binary unit.
///
/// # Errors
/// [`Error::Parameter`] if the text is not a positive amount.
///
/// ```
/// assert_eq!(widelimit::memory::parse("1.5 GiB")?, 3 << 29);
/// # Ok::<(), widelimit::Error>(())
/// ```
pub fn parse(text: &str) -> Result<u64, Error> {
    let wrong = || Error::Parameter {
        name: "memory",
        expected: "a number of bytes, as in 4GiB, 512MiB or 1000000",
        got: format!("`{text}`"),
    };
    let trimmed = text.trim();
    let number = trimmed.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let (number, unit) = (number.trim(), &trimmed[number.len()..]);
    let scale = match unit {
        "" | "B" | "b" => 1,
        _ => UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or_else(wrong)?.1,
    };
    let bytes = number.parse::<f64>().map_err(|_| wrong())? * scale as f64;
    if bytes >= 1.0 && bytes < u64::MAX as f64 { Ok(bytes as u64) } else { Err(wrong()) }
}

/// An amount for people: `1.5 GiB`.
///
/// ```
/// assert_eq!(widelimit::memory::show(3 << 29), "1.50 GiB");
/// assert_eq!(widelimit::memory::show(12), "12 bytes");
/// ```
pub fn show(bytes: u64) -> String {
    UNITS[..4].iter().find(|(_, scale)| bytes >= *scale).map_or_else(
        || format!("{bytes} bytes"),
        |(unit, scale)| format!("{:.2} {unit}", bytes as f64 / *scale as f64),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_shown() {
        for (text, bytes) in [
            ("4GiB", 4 << 30),
            ("512mib", 512 << 20),
            ("1e3", 1000),
            ("2 MB", 2_000_000),
            ("3g", 3 << 30),
        ] {
            assert_eq!(parse(text).ok(), Some(bytes), "{text}");
        }
        for text in ["", "GiB", "-1", "0", "nan", "1e99", "4 parsecs", "inf"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(show(0), "0 bytes");
        assert_eq!(show(512 << 20), "512.00 MiB");
    }
}
