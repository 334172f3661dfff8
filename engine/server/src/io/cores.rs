//! Which processors the engine may use, and the threads on them.

use std::io;

/// The processors this process may run on, in ascending order.
pub(super) fn allowed() -> io::Result<Vec<usize>> {
    // SAFETY: a cpu set is plain bits, for which all zeroes are valid; the call writes at most the
    // size that it is given.
    let set = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        if libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) != 0 {
            return Err(io::Error::last_os_error());
        }
        set
    };
    let bits = 8 * size_of::<libc::cpu_set_t>();
    // SAFETY: the index is below the number of bits of the set.
    Ok((0..bits).filter(|&index| unsafe { libc::CPU_ISSET(index, &set) }).collect())
}

/// Keep the calling thread on `processor`.
///
/// More threads than processors share them in turn; then no thread is kept anywhere.
pub(super) fn pin(processor: Option<usize>) -> io::Result<()> {
    let Some(processor) = processor else { return Ok(()) };
    monoio::utils::bind_to_cpu_set([processor]).map_err(io::Error::other)
}

/// Let the process open as many files as its hard limit allows; returns that many.
pub(super) fn raise_file_limit() -> io::Result<u64> {
    // SAFETY: both calls only read or write the struct they are given.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) != 0 {
            return Err(io::Error::last_os_error());
        }
        limit.rlim_cur = limit.rlim_max;
        if libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(limit.rlim_max)
    }
}
