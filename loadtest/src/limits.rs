//! The process's own limits.

use std::io;

/// Allow at least `wanted` open files, or say how many there can be.
pub fn raise_open_files(wanted: u64) -> io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a live rlimit.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if limit.rlim_max < wanted {
        let text = format!("{wanted} open files needed, {} allowed (ulimit -Hn)", limit.rlim_max);
        return Err(io::Error::other(text));
    }
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: the pointer is to a live rlimit.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_files_than_can_be_is_an_error() {
        raise_open_files(16).unwrap();
        assert!(raise_open_files(u64::MAX - 1).unwrap_err().to_string().contains("allowed"));
    }
}
