//! Peak memory of this process.

/// Largest resident set so far in bytes, where the system tells (Linux: `VmHWM`).
pub fn peak_bytes() -> Option<u64> {
    parse(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn parse(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|k| k * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_found() {
        assert_eq!(parse("Name:\tx\nVmPeak:\t  99 kB\nVmHWM:\t  2048 kB\n"), Some(2 << 20));
        assert_eq!(parse("Name:\tx\n"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn it_counts_what_is_touched() {
        let before = peak_bytes().unwrap();
        let block = vec![1u8; 256 << 20];
        let sum: u64 = block.iter().step_by(4096).map(|b| u64::from(*b)).sum();
        assert_eq!(sum, 65_536);
        let grown = peak_bytes().unwrap() - before;
        assert!(grown > 200 << 20, "{grown}");
    }
}
