//! How much memory the process takes, as the kernel counts it.

use std::fs;
use std::io;

/// Let memory become resident by the page of 4 KiB.
///
/// The allocator asks for huge pages, and the kernel then takes 2 MiB at the first touch of any
/// part: what a connection takes doubles, and the rest of it is never used. To be called before
/// there is much memory; what is resident already stays as it is.
pub(super) fn forgo_huge_pages() -> io::Result<()> {
    // SAFETY: takes no pointer; the arguments that are not used must be 0.
    let result = unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Bytes of the process that are in memory; 0 if the kernel does not say.
pub(super) fn resident_bytes() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = field(&statm, 1).unwrap_or_default();
    pages * page_bytes()
}

/// Bytes of memory that the machine has; 0 if the kernel does not say.
pub(super) fn machine_bytes() -> u64 {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = meminfo.lines().find(|line| line.starts_with("MemTotal:"));
    total.and_then(|line| field::<u64>(line, 1)).unwrap_or_default() * 1024
}

fn field<T: std::str::FromStr>(text: &str, index: usize) -> Option<T> {
    text.split_whitespace().nth(index)?.parse().ok()
}

fn page_bytes() -> u64 {
    // SAFETY: takes no pointer and has no precondition.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_takes_some_memory_and_less_than_there_is() {
        let (resident, machine) = (resident_bytes(), machine_bytes());
        assert!(resident > 100_000 && resident < machine, "{resident} of {machine}");
    }
}
