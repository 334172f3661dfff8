//! One thread of another process that stands still, as one does that waits for a disk.

use std::fs;

/// A thread that does not run until this is dropped, or its owner's thread ends.
#[derive(Debug)]
pub struct Stopped(libc::pid_t);

impl Stopped {
    /// Stops the thread called `name` of process `pid`, a child of this one; `None` where this
    /// process may not.
    pub fn stop(pid: u32, name: &str) -> Option<Self> {
        let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("the process runs");
        let is_it = |id: &String| {
            fs::read_to_string(format!("/proc/{pid}/task/{id}/comm"))
                .is_ok_and(|it| it.trim() == name)
        };
        let ids = threads.map(|entry| entry.expect("a thread").file_name().into_string());
        let id = ids.flatten().find(is_it).expect("there is a thread with this name");
        let id: libc::pid_t = id.parse().expect("a number");
        let nothing = std::ptr::null_mut::<libc::c_void>();
        // SAFETY: neither request touches memory of this process; the thread is of a child that
        // nobody has waited for, so its id is no other's.
        let is_stopping = unsafe {
            libc::ptrace(libc::PTRACE_SEIZE, id, nothing, nothing) == 0
                && libc::ptrace(libc::PTRACE_INTERRUPT, id, nothing, nothing) == 0
        };
        if !is_stopping {
            return None;
        }
        let mut status = 0;
        // SAFETY: `status` is writable for the call.
        let waited = unsafe { libc::waitpid(id, &raw mut status, libc::__WALL) };
        assert!(waited == id && libc::WIFSTOPPED(status), "the thread stops");
        Some(Self(id))
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let nothing = std::ptr::null_mut::<libc::c_void>();
        // SAFETY: as above; it fails only if the process is gone.
        unsafe { libc::ptrace(libc::PTRACE_DETACH, self.0, nothing, nothing) };
    }
}
