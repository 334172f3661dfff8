//! What the kernel refuses one server, and where its standard error goes.
//!
//! Limits are set in the child between fork and exec, so they hold for the server alone.

use std::fs::File;
use std::io::{self, PipeReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::Options;

/// The right to lock any amount of memory.
const CAP_IPC_LOCK: libc::c_ulong = 14;

/// Where a server's standard error goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Errors {
    /// Into a pipe that the test reads.
    #[default]
    Read,
    /// Into a pipe that nobody has open for reading: every write fails.
    Gone,
    /// Onto a full disk: every write fails.
    Full,
    /// Into a full pipe that nobody reads: every write waits for ever.
    Stuck,
}

/// A system call that fails in the server.
#[derive(Clone, Copy, Debug)]
pub struct Denied {
    /// The number of the call, such as `libc::SYS_io_uring_setup`.
    pub call: i64,
    /// Only where its first argument is larger.
    pub above: Option<u32>,
    /// What it fails with.
    pub errno: i32,
}

/// What the kernel refuses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Confined {
    pub(crate) errors: Errors,
    files_max: Option<u64>,
    file_bytes_max: Option<u64>,
    locked_bytes_max: Option<u64>,
    denied: Option<Denied>,
}

impl Options {
    /// Another place for standard error.
    #[must_use]
    pub fn errors(mut self, errors: Errors) -> Self {
        self.confined.errors = errors;
        self
    }

    /// The most descriptors that the server may have open, and no way to get more.
    #[must_use]
    pub fn files_max(mut self, files: u64) -> Self {
        self.confined.files_max = Some(files);
        self
    }

    /// The largest file that the server may write.
    #[must_use]
    pub fn file_bytes_max(mut self, bytes: u64) -> Self {
        self.confined.file_bytes_max = Some(bytes);
        self
    }

    /// The memory that the server may lock, even if the tests may lock any.
    #[must_use]
    pub fn locked_bytes_max(mut self, bytes: u64) -> Self {
        self.confined.locked_bytes_max = Some(bytes);
        self
    }

    /// A system call that is to fail.
    #[must_use]
    pub fn denies(mut self, denied: Denied) -> Self {
        self.confined.denied = Some(denied);
        self
    }
}

impl Confined {
    /// Puts all this on `command`; the end of a pipe that must stay open as long as the server.
    pub(crate) fn apply(self, command: &mut Command) -> Option<PipeReader> {
        let (stderr, kept) = match self.errors {
            Errors::Read => (Stdio::piped(), None),
            Errors::Gone => {
                let (reader, writer) = io::pipe().expect("a pipe can be had");
                drop(reader);
                (writer.into(), None)
            }
            Errors::Full => {
                let full = File::options().write(true).open("/dev/full");
                (full.expect("Linux has such a device").into(), None)
            }
            Errors::Stuck => {
                let (reader, mut writer) = io::pipe().expect("a pipe can be had");
                // SAFETY: takes no pointer; the descriptor is open.
                let bytes = unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETPIPE_SZ, 4096) };
                let bytes = usize::try_from(bytes).expect("a pipe can be made small");
                writer.write_all(&vec![b'.'; bytes]).expect("the pipe has room for as many");
                (writer.into(), Some(reader))
            }
        };
        command.stderr(stderr);
        let filter = self.denied.map(Denied::filter);
        let limits = [
            (libc::RLIMIT_NOFILE, self.files_max),
            (libc::RLIMIT_FSIZE, self.file_bytes_max),
            (libc::RLIMIT_MEMLOCK, self.locked_bytes_max),
        ];
        let confine = move || {
            for (resource, max) in limits {
                if let Some(max) = max {
                    let limit = libc::rlimit { rlim_cur: max, rlim_max: max };
                    // SAFETY: only reads the struct that it is given.
                    succeeds(unsafe { libc::setrlimit(resource, &raw const limit) })?;
                }
            }
            if self.locked_bytes_max.is_some() {
                // Refused to who has not got it, which is as good.
                // SAFETY: takes no pointer.
                unsafe { libc::prctl(libc::PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0) };
            }
            // A write beyond the largest file is to fail and not to kill.
            // SAFETY: ignoring a signal runs no code.
            unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
            filter.as_ref().map_or(Ok(()), |filter| install(filter))
        };
        // SAFETY: the closure makes system calls and allocates nothing, as is safe after a fork.
        unsafe { command.pre_exec(confine) };
        kept
    }
}

impl Denied {
    /// The program that decides about each system call. It looks at the lower half of the first
    /// argument alone, on machines that have that half first.
    fn filter(self) -> Vec<libc::sock_filter> {
        const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
        const ARGUMENT: u32 = 16;
        let step = |code: u32, k: u32, (jt, jf): (u8, u8)| libc::sock_filter {
            code: code.try_into().expect("codes are small"),
            jt,
            jf,
            k,
        };
        let call = self.call.try_into().expect("calls have small numbers");
        let errno = libc::SECCOMP_RET_ERRNO | self.errno.cast_unsigned();
        let compare = libc::BPF_JMP | libc::BPF_K;
        let above = match self.above {
            Some(above) => step(compare | libc::BPF_JGT, above, (0, 1)),
            None => step(compare | libc::BPF_JGE, 0, (0, 1)),
        };
        vec![
            step(LOAD, 0, (0, 0)),
            step(compare | libc::BPF_JEQ, call, (0, 3)),
            step(LOAD, ARGUMENT, (0, 0)),
            above,
            step(libc::BPF_RET, errno, (0, 0)),
            step(libc::BPF_RET, libc::SECCOMP_RET_ALLOW, (0, 0)),
        ]
    }
}

fn install(filter: &[libc::sock_filter]) -> io::Result<()> {
    let len = filter.len().try_into().expect("a filter has a few steps");
    let program = libc::sock_fprog { len, filter: filter.as_ptr().cast_mut() };
    // SAFETY: takes no pointer; the kernel only reads the program, which outlives the call.
    unsafe {
        succeeds(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
        let mode = libc::SECCOMP_MODE_FILTER;
        succeeds(libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program))
    }
}

fn succeeds(result: i32) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
