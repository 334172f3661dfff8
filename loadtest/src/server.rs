//! A server of our own, as a child process that never outlives the load.

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use clap::ValueEnum;

use crate::cores::Cores;
use crate::endpoint::App;

/// How long the server may take to listen.
const START_LIMIT: Duration = Duration::from_secs(10);
/// How long it may take to end by itself, above its own default drain time of 2 s.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// Pause between two looks at whether it listens or has ended.
const STATE_POLL: Duration = Duration::from_millis(5);

/// How a server of our own is started, with ports of its own choice.
const SERVE: [&str; 7] = ["serve", "--host", "127.0.0.1", "--port", "0", "--metrics-port", "0"];
/// What a server prints when it listens, before the address.
pub(crate) const LISTENING: &str = "listening on ";

/// A running server.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// The address that it listens on.
    pub address: SocketAddr,
    /// Where else it listens, as it says.
    announced: Option<Receiver<Announced>>,
    /// What it was given, which goes when it has ended.
    folder: Option<Folder>,
}

/// What a server prints of where it listens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Announced {
    Clients(SocketAddr),
    Metrics(SocketAddr),
}

/// What keeps the logs of a started server.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum LogDriver {
    /// Memory
    Memory,
    /// Files in a folder of their own, removed at the end: what is delivered was synced before
    File,
}

impl LogDriver {
    /// The word for it in the server's configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::File => "file",
        }
    }
}

/// What keeps the logs of a started server, and how much of each.
#[derive(Clone, Copy, Debug)]
pub struct Logs {
    /// Memory or files.
    pub driver: LogDriver,
    /// What one room keeps, if not what the server would.
    pub kept: Option<Kept>,
}

/// What one room keeps.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// How many events at most.
    pub events_max: u64,
    /// How many bytes of them at most.
    pub bytes_max: u64,
}

impl Logs {
    /// The configuration of a server of `app` whose clients may publish as fast as they can.
    fn config(&self, app: &App, dir: &Path) -> String {
        let App { id, key, secret } = app;
        let rule = self.kept.map(|Kept { events_max, bytes_max }| {
            format!("{{ pattern = \"*\", events_max = {events_max}, bytes_max = {bytes_max} }}")
        });
        let core_bytes_max = self.kept.map(|kept| format!("bytes_max = {}\n", 2 * kept.bytes_max));
        format!(
            "[zps]\nallow_client_publish = true\nmax_messages_per_window = 0\n\
             [log]\ndriver = \"{}\"\ndir = {:?}\n{}\
             [[apps]]\nid = {id:?}\nkey = {key:?}\nsecret = {secret:?}\nhistory = [{}]\n",
            self.driver.name(),
            dir.display().to_string(),
            core_bytes_max.unwrap_or_default(),
            rule.unwrap_or_default()
        )
    }
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
        let mut command = Command::new(program);
        command.args(SERVE).args(["--client-event-rate", "0", "--app", &app.to_string()]);
        if let Some(cores) = cores {
            command.args(["--cores", &cores.count().to_string()]);
        }
        command.stdin(Stdio::null());
        Self::spawn(command, cores)
    }

    /// Start `program` for `app` and zero-pub-sub, on `cores` if given, and wait until it listens.
    ///
    /// Clients may publish as fast as they can, and logs are kept as `logs` says, on disk in a
    /// folder of the server's own that goes with it.
    pub fn start_zps(
        program: &Path,
        app: &App,
        logs: Logs,
        cores: Option<&Cores>,
    ) -> Result<Self, ServerError> {
        let folder = Folder::new()?;
        let file = folder.0.join("server.toml");
        let failed = |error| ServerError::Folder { folder: folder.0.clone(), error };
        fs::write(&file, logs.config(app, &folder.0.join("log"))).map_err(failed)?;
        let mut command = Command::new(program);
        command.args(SERVE).arg("--config").arg(&file);
        if let Some(cores) = cores {
            command.args(["--cores", &cores.count().to_string()]);
        }
        command.stdin(Stdio::null());
        let mut server = Self::spawn(command, cores)?;
        server.folder = Some(folder);
        Ok(server)
    }

    /// Start what `command` says, on `cores` if given, and wait until it listens.
    pub fn spawn(mut command: Command, cores: Option<&Cores>) -> Result<Self, ServerError> {
        let program = PathBuf::from(command.get_program());
        command.stdout(Stdio::piped());
        // From here on the child is ended even if it never listens.
        let mut server = Self::run(&mut command, cores)?;
        let announced = server.child.stdout.take().map(announced);
        let address = announced.as_ref().and_then(|it| it.recv_timeout(START_LIMIT).ok());
        let Some(Announced::Clients(address)) = address else {
            return Err(ServerError::Silent(program));
        };
        (server.address, server.announced) = (address, announced);
        Ok(server)
    }

    /// Where it shows its metrics, once it says so; only once.
    pub fn metrics(&mut self) -> Option<SocketAddr> {
        let announced = self.announced.take()?;
        match announced.recv_timeout(START_LIMIT).ok()? {
            Announced::Metrics(address) => Some(address),
            Announced::Clients(_) => None,
        }
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
        Ok(Self {
            child,
            address: SocketAddr::from(([0, 0, 0, 0], 0)),
            announced: None,
            folder: None,
        })
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
    }
}

/// An empty folder of this process alone, where temporary files go; it goes with the value.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, ServerError> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("uringcast-load-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        match fs::create_dir(&folder) {
            Ok(()) => Ok(Self(folder)),
            Err(error) => Err(ServerError::Folder { folder, error }),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Files that stay are in the way of nobody, and there is nobody left to tell.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs in the child: pin it, and let it end if the load is killed.
fn prepare(cores: Option<&Cores>) -> io::Result<()> {
    // SAFETY: a system call without arguments in memory.
    if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) } != 0 {
        return Err(io::Error::last_os_error());
    }
    cores.map_or(Ok(()), Cores::pin)
}

/// Where a server says that it listens; everything else that it prints is read and dropped, so
/// that the pipe never fills.
fn announced(stdout: ChildStdout) -> Receiver<Announced> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let lines = BufReader::new(stdout).lines().map_while(Result::ok);
        for announced in lines.filter_map(|line| parse_announced(&line)) {
            // The receiver may be gone.
            let _ = sender.send(announced);
        }
    });
    receiver
}

fn parse_announced(line: &str) -> Option<Announced> {
    let address = |rest: &str| rest.split_whitespace().next()?.parse().ok();
    match (line.strip_prefix(LISTENING), line.strip_prefix("metrics on ")) {
        (Some(rest), _) => address(rest).map(Announced::Clients),
        (None, Some(rest)) => address(rest).map(Announced::Metrics),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lines_about_listening_give_an_address() {
        let address = SocketAddr::from(([127, 0, 0, 1], 6001));
        for (line, expected) in [
            ("listening on 127.0.0.1:6001", Some(Announced::Clients(address))),
            ("listening on 127.0.0.1:6001 (io_uring)", Some(Announced::Clients(address))),
            ("metrics on 127.0.0.1:6001", Some(Announced::Metrics(address))),
            ("listening on everything", None),
            ("ready", None),
        ] {
            assert_eq!(parse_announced(line), expected, "{line}");
        }
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
