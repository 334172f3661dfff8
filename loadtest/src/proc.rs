//! What Linux says about any process: processor time and resident memory.

use std::fs;
use std::io;
use std::time::Duration;

/// A process to be looked at.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    pid: u32,
}

impl Process {
    /// The process with this id.
    pub const fn new(pid: u32) -> Self {
        Self { pid }
    }

    /// Processor time used so far by all its threads, those that have ended included.
    ///
    /// From the process's own clock, which counts nanoseconds and is up to date even while threads
    /// run; the figures in `/proc` lag behind by a scheduler tick.
    pub fn cpu(self) -> io::Result<Duration> {
        let mut clock = 0;
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the pointer is to a live clock id.
        let error = unsafe { libc::clock_getcpuclockid(self.pid.cast_signed(), &raw mut clock) };
        if error != 0 {
            return Err(io::Error::from_raw_os_error(error));
        }
        // SAFETY: the pointer is to a live timespec.
        if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
            return Err(io::Error::last_os_error());
        }
        let seconds = Duration::from_secs(time.tv_sec.cast_unsigned());
        Ok(seconds + Duration::from_nanos(time.tv_nsec.cast_unsigned()))
    }

    /// Resident memory now, in bytes.
    pub fn resident_bytes(self) -> io::Result<u64> {
        self.status("VmRSS:")
    }

    /// The most resident memory there has been, in bytes.
    ///
    /// The kernel brings its high-water mark up to date now and then, so it may be behind.
    pub fn resident_bytes_peak(self) -> io::Result<u64> {
        Ok(self.status("VmHWM:")?.max(self.status("VmRSS:")?))
    }

    fn status(self, key: &str) -> io::Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        Ok(bytes_of_status(&text, key).ok_or(io::ErrorKind::InvalidData)?)
    }
}

fn bytes_of_status(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(key))?;
    let kibibytes: u64 = line.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_in_kibibytes() {
        let text = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t  1024 kB\n";
        assert_eq!(bytes_of_status(text, "VmHWM:"), Some(2 << 20));
        assert_eq!(bytes_of_status(text, "VmRSS:"), Some(1 << 20));
        assert_eq!(bytes_of_status(text, "VmSwap:"), None);
    }

    #[test]
    fn this_process_can_be_read() {
        let process = Process::new(std::process::id());
        assert!(process.resident_bytes().unwrap() > 0);
        assert!(process.resident_bytes_peak().unwrap() > 0);
        let before = process.cpu().unwrap();
        let work: u64 = (0..1_000_000).map(std::hint::black_box).sum();
        assert!(process.cpu().unwrap() > before, "{work}");
    }

    #[test]
    fn a_process_that_is_gone_is_an_error() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let process = Process::new(child.id());
        assert!(process.cpu().is_err());
        assert!(process.resident_bytes().is_err());
    }
}
