//! What the kernel says about the server process.

use std::fs;
use std::time::Duration;

/// Open file descriptors of process `pid`.
pub fn fd_count(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).expect("the process is alive").count()
}

/// Resident memory of process `pid`, in bytes.
pub fn rss_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process is alive");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("Linux reports VmRSS");
    let kib = line.split_whitespace().nth(1).expect("VmRSS has a value");
    kib.parse::<u64>().expect("VmRSS is a number") * 1024
}

/// How long the threads of process `pid` have run, which no other process's work adds to.
pub fn cpu_time(pid: u32) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the process runs");
    let run_ns = tasks.flatten().filter_map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?; // It may have ended.
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(run_ns.sum())
}
