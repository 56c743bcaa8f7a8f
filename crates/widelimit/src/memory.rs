//! Amounts of memory: as text, and what the machine has.

use widelimit_exact::Budget;

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

/// Bytes that a new job can have without anything being swapped out or killed, where the system tells:
/// what Linux calls available, and no more than the process's control group may use.
pub fn available() -> Option<u64> {
    let machine = std::fs::read_to_string("/proc/meminfo").ok()?;
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let machine = field(&machine, "MemAvailable:")?;
    Some(
        group.and_then(|text| text.trim().parse().ok()).map_or(machine, |group| machine.min(group)),
    )
}

/// The limit of a job: what was given, or else what the machine can give.
pub fn budget(given: Option<u64>) -> Budget {
    given.or_else(available).map_or(Budget::unlimited(), Budget::bytes)
}

/// A field of `/proc/meminfo`, in bytes.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_tells_what_it_has() {
        let text = "MemTotal:       24 kB\nMemFree:        1 kB\nMemAvailable:  23 kB\n";
        assert_eq!(field(text, "MemAvailable:"), Some(23 * 1024));
        for text in ["", "MemAvailable: many kB", "MemAvailable: 7", "MemAvailable: -7 kB"] {
            assert_eq!(field(text, "MemAvailable:"), None, "{text}");
        }
        if cfg!(target_os = "linux") {
            assert!(available().is_some_and(|bytes| bytes > 1 << 20));
        }
    }

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
