//! A server of our own, as a child process that never outlives the load.

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::args::acked::LogDriver;
use crate::cores::Cores;
use crate::endpoint::App;

/// How long the server may take to listen.
const START_LIMIT: Duration = Duration::from_secs(10);
/// How long it may take to end by itself, above its own default drain time of 2 s.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// Pause between two looks at whether it listens or has ended.
const STATE_POLL: Duration = Duration::from_millis(5);

/// What the server prints when it listens, before the address.
pub(crate) const LISTENING: &str = "listening on ";

/// A running server.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// The folder of its logs, which goes when it has ended.
    logs: Option<PathBuf>,
}

/// Why there is no running server.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The program could not be started.
    #[error("cannot start {program}: {error}")]
    Spawn {
        /// The program.
        program: PathBuf,
        /// The reason.
        error: io::Error,
    },
    /// The folder of its logs could not be made.
    #[error("cannot make {folder}: {error}")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The reason.
        error: io::Error,
    },
    /// It ended, or said nothing for ten seconds.
    #[error("{0} did not print `listening on ADDRESS`")]
    Silent(PathBuf),
    /// It ended, or did not listen within ten seconds.
    #[error("{0} does not listen at {1}")]
    Deaf(PathBuf, SocketAddr),
}

impl Server {
    /// Start `program` for `app`, on `cores` if given, and wait until it listens.
    pub fn start(program: &Path, app: &App, cores: Option<&Cores>) -> Result<Self, ServerError> {
        Self::spawn(own(program, app, cores), cores)
    }

    /// The same for zero-pub-sub: clients may publish as fast as they can, and logs are kept by
    /// `driver`, on disk in a folder of the server's own that goes with it.
    pub fn start_zps(
        program: &Path,
        app: &App,
        driver: LogDriver,
        cores: Option<&Cores>,
    ) -> Result<Self, ServerError> {
        let mut command = own(program, app, cores);
        command.env("URINGCAST_ZPS_ALLOW_CLIENT_PUBLISH", "true");
        command.env("URINGCAST_ZPS_MAX_MESSAGES_PER_WINDOW", "0");
        command.env("URINGCAST_LOG_DRIVER", driver.name());
        let logs = match driver {
            LogDriver::Memory => None,
            LogDriver::File => Some(logs_folder()?),
        };
        command.env("URINGCAST_LOG_DIR", logs.as_deref().unwrap_or(Path::new("unused")));
        match Self::spawn(command, cores) {
            Ok(mut server) => {
                server.logs = logs;
                Ok(server)
            }
            Err(error) => {
                remove(logs.as_deref());
                Err(error)
            }
        }
    }

    /// Start what `command` says, on `cores` if given, and wait until it listens.
    pub fn spawn(mut command: Command, cores: Option<&Cores>) -> Result<Self, ServerError> {
        let program = PathBuf::from(command.get_program());
        command.stdout(Stdio::piped());
        // From here on the child is ended even if it never listens.
        let mut server = Self::run(&mut command, cores)?;
        let stdout = server.child.stdout.take();
        let address = stdout.and_then(listening_address);
        server.address = address.ok_or(ServerError::Silent(program))?;
        Ok(server)
    }

    /// Start what `command` says, on `cores` if given, and wait until it accepts connections at
    /// `address`.
    pub fn spawn_at(
        mut command: Command,
        address: SocketAddr,
        cores: Option<&Cores>,
    ) -> Result<Self, ServerError> {
        let program = PathBuf::from(command.get_program());
        let mut server = Self::run(&mut command, cores)?;
        server.address = address;
        let deadline = Instant::now() + START_LIMIT;
        while Instant::now() < deadline && matches!(server.child.try_wait(), Ok(None)) {
            if TcpStream::connect(address).is_ok() {
                return Ok(server);
            }
            thread::sleep(STATE_POLL);
        }
        Err(ServerError::Deaf(program, address))
    }

    /// The process, which has no address yet.
    fn run(command: &mut Command, cores: Option<&Cores>) -> Result<Self, ServerError> {
        let cores = cores.cloned();
        // SAFETY: between fork and exec the closure only makes system calls.
        unsafe { command.pre_exec(move || prepare(cores.as_ref())) };
        let spawned = command.spawn();
        let program = || PathBuf::from(command.get_program());
        let child = spawned.map_err(|error| ServerError::Spawn { program: program(), error })?;
        Ok(Self { child, address: SocketAddr::from(([0, 0, 0, 0], 0)), logs: None })
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its standard input, where the command made a pipe of it; only once.
    pub fn stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Ask it to end, and end it if it does not.
    fn stop(&mut self) -> io::Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        // SAFETY: the child is not reaped yet, so the id is still its own.
        unsafe { libc::kill(self.child.id().cast_signed(), libc::SIGTERM) };
        let deadline = Instant::now() + STOP_LIMIT;
        while Instant::now() < deadline {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            thread::sleep(STATE_POLL);
        }
        self.child.kill()?;
        self.child.wait().map(drop)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // There is nobody left to tell: the child is gone or cannot be ended.
        let _ = self.stop();
        remove(self.logs.as_deref());
    }
}

/// The command that starts `program`, a server of our own, for `app` on so many cores.
fn own(program: &Path, app: &App, cores: Option<&Cores>) -> Command {
    let mut command = Command::new(program);
    command.args(["serve", "--host", "127.0.0.1", "--port", "0", "--metrics-port", "0"]);
    command.args(["--client-event-rate", "0", "--app", &app.to_string()]);
    if let Some(cores) = cores {
        command.args(["--cores", &cores.count().to_string()]);
    }
    command.stdin(Stdio::null());
    command
}

/// An empty folder of this process alone, where temporary files go.
fn logs_folder() -> Result<PathBuf, ServerError> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("uringcast-load-{}-{number}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    match fs::create_dir(&folder) {
        Ok(()) => Ok(folder),
        Err(error) => Err(ServerError::Folder { folder, error }),
    }
}

fn remove(folder: Option<&Path>) {
    // Files that stay are in the way of nobody, and there is nobody left to tell.
    let _ = folder.map(fs::remove_dir_all);
}

/// Runs in the child: pin it, and let it end if the load is killed.
fn prepare(cores: Option<&Cores>) -> io::Result<()> {
    // SAFETY: a system call without arguments in memory.
    if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) } != 0 {
        return Err(io::Error::last_os_error());
    }
    cores.map_or(Ok(()), Cores::pin)
}

/// Wait for the address; everything printed later is read and dropped, so that the pipe never
/// fills.
fn listening_address(stdout: ChildStdout) -> Option<SocketAddr> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(address) = parse_listening(&line) {
                // The receiver is gone after the first address.
                let _ = sender.send(address);
            }
        }
    });
    receiver.recv_timeout(START_LIMIT).ok()
}

fn parse_listening(line: &str) -> Option<SocketAddr> {
    line.strip_prefix(LISTENING)?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_listening_line_gives_an_address() {
        let address = Some(SocketAddr::from(([127, 0, 0, 1], 6001)));
        assert_eq!(parse_listening("listening on 127.0.0.1:6001"), address);
        assert_eq!(parse_listening("listening on 127.0.0.1:6001 (io_uring)"), address);
        assert_eq!(parse_listening("metrics on 127.0.0.1:9000"), None);
        assert_eq!(parse_listening("listening on everything"), None);
    }

    #[test]
    fn a_program_that_is_missing_or_silent_is_an_error() {
        let app: App = "a:b:c".parse().unwrap();
        let missing = Server::start(Path::new("/nonexistent/uringcast"), &app, None);
        assert!(matches!(missing, Err(ServerError::Spawn { .. })));
        let silent = Server::start(Path::new("/bin/true"), &app, None);
        assert!(matches!(silent, Err(ServerError::Silent(_))));
    }
}
