//! Memory of this process.

/// Largest resident set so far in bytes, where the system tells (Linux: `VmHWM`).
pub fn peak_bytes() -> Option<u64> {
    of_status("VmHWM:")
}

/// Resident set now in bytes, where the system tells (Linux: `VmRSS`, which needs no page size as
/// `statm` does).
pub fn resident_bytes() -> Option<u64> {
    of_status("VmRSS:")
}

fn of_status(name: &str) -> Option<u64> {
    parse(&std::fs::read_to_string("/proc/self/status").ok()?, name)
}

fn parse(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|k| k * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_found() {
        let status = "Name:\tx\nVmPeak:\t  99 kB\nVmHWM:\t  2048 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(parse(status, "VmHWM:"), Some(2 << 20));
        assert_eq!(parse(status, "VmRSS:"), Some(1 << 10));
        assert_eq!(parse("Name:\tx\n", "VmRSS:"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn it_counts_what_is_touched() {
        let (before, resident) = (peak_bytes().unwrap(), resident_bytes().unwrap());
        let block = vec![1u8; 256 << 20];
        let sum: u64 = block.iter().step_by(4096).map(|b| u64::from(*b)).sum();
        assert_eq!(sum, 65_536);
        let grown = peak_bytes().unwrap() - before;
        assert!(grown > 200 << 20, "{grown}");
        assert!(resident_bytes().unwrap() > resident + (200 << 20));
        drop(block);
        assert!(resident_bytes().unwrap() < peak_bytes().unwrap());
    }
}
