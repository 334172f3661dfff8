//! A server process, from its start to its end.
//!
//! The process is ended by its own pid when the value is dropped, and what it wrote to standard
//! error is shown if the test failed.

use std::env;
use std::io::{self, BufRead, BufReader, PipeReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::options::{COMMAND_LINE, ConfigFile, Embedder};
use crate::{App, DEADLINE, Metrics, Options, server_binary, until};

/// What moves the server's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// The kernel's submission and completion rings.
    IoUring,
    /// The fallback where rings are forbidden.
    Epoll,
}

/// What the server printed before it was ready.
#[derive(Clone, Copy, Debug)]
struct Started {
    driver: Driver,
    address: SocketAddr,
    metrics: SocketAddr,
    echo: Option<SocketAddr>,
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    options: Options,
    config: Option<ConfigFile>,
    started: Started,
    running: Running,
}

/// The process of a server.
#[derive(Debug)]
struct Running {
    child: Child,
    /// What it writes to standard error, if that is read.
    errors: Option<JoinHandle<String>>,
    /// Where else that goes, and stays.
    _unread: Option<PipeReader>,
}

impl Server {
    /// Starts a server and waits until it says that it is ready.
    pub fn start(options: Options) -> Self {
        let config = options.config.as_deref().map(ConfigFile::new);
        let (running, started) = launch(&options, config.as_ref());
        Self { options, config, started, running }
    }

    /// Starts a server that must end by itself; its exit code and what it wrote to standard error.
    pub fn refused(options: &Options) -> (Option<i32>, String) {
        let config = options.config.as_deref().map(ConfigFile::new);
        let mut command = Command::new(server_binary());
        let _unread = options.confined.apply(&mut command);
        let output = command.args(options.command_line(config.as_ref())).env_clear().output();
        let output = output.expect("the server binary can be started");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Starts the same server again, on the same port if the options name one.
    ///
    /// The process before must have ended.
    pub fn restart(&mut self) {
        self.end();
        (self.running, self.started) = launch(&self.options, self.config.as_ref());
    }

    /// Puts another text into the configuration file; only with [`Options::config`].
    pub fn rewrite_config(&self, toml: &str) {
        self.config.as_ref().expect("the server was started with a file").write(toml);
    }

    /// Sends `signal`, such as `libc::SIGTERM`, to the process.
    pub fn signal(&self, signal: i32) {
        let pid = self.running.child.id().cast_signed();
        // SAFETY: `kill` touches no memory of ours. The pid is that of a child that nobody has
        // waited for yet, so it cannot have been given to another process.
        let result = unsafe { libc::kill(pid, signal) };
        assert_eq!(result, 0, "kill: {}", io::Error::last_os_error());
    }

    /// Waits for the process to end by itself.
    pub fn wait_exit(&mut self) -> ExitStatus {
        let mut status = None;
        until("the server exits", || {
            status = self.running.child.try_wait().expect("the child is ours");
            status.is_some()
        });
        status.expect("the wait ends with a status")
    }

    /// The app that the tests use.
    pub fn app(&self) -> App {
        App::default()
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.started.address
    }

    /// Where the metrics are read.
    pub fn metrics_address(&self) -> SocketAddr {
        self.started.metrics
    }

    /// Where messages are echoed; only with [`Options::echo`].
    pub fn echo_address(&self) -> SocketAddr {
        self.started.echo.expect("the server was started with an echo port")
    }

    /// The driver it said it uses.
    pub fn driver(&self) -> Driver {
        self.started.driver
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.running.child.id()
    }

    /// All counters and gauges as of now.
    pub fn metrics(&self) -> Metrics {
        Metrics::read(self.metrics_address())
    }

    /// The sum of one counter or gauge over all its labels.
    pub fn metric(&self, name: &str) -> f64 {
        self.metrics().sum(name)
    }

    /// Waits until the sum of the metric `name` is `value`.
    pub fn until_metric(&self, name: &str, value: u32) {
        self.until_metrics(&format!("{name} is {value}"), |metrics| {
            metrics.sum(name).total_cmp(&f64::from(value)).is_eq()
        });
    }

    /// Waits until something was refused for breaking `limit`.
    pub fn until_refused(&self, limit: &str) {
        let name = "uringcast_refusals_total";
        self.until_metrics(&format!("a refusal is counted as {limit}"), |metrics| {
            metrics.sum_where(name, "limit", limit) >= 1.0
        });
    }

    /// Waits until the sum of the metric `name` is `value` or more.
    pub fn until_at_least(&self, name: &str, value: f64) {
        let what = format!("{name} is at least {value}");
        self.until_metrics(&what, |metrics| metrics.sum(name) >= value);
    }

    fn until_metrics(&self, what: &str, condition: impl Fn(&Metrics) -> bool) {
        let mut last = self.metrics();
        let deadline = Instant::now() + DEADLINE;
        while !condition(&last) {
            assert!(Instant::now() < deadline, "waited in vain until {what}:\n{last}");
            thread::yield_now();
            last = self.metrics();
        }
    }

    /// Stops the process in good order, so that all it has said is written: what that was.
    ///
    /// Lines are written by a thread of their own; a process that is killed does not wait for it.
    pub fn said(&mut self) -> String {
        self.signal(libc::SIGTERM);
        assert!(self.wait_exit().success(), "the server ends in good order");
        self.end()
    }

    /// Ends the process, if it still runs, and returns what it wrote to standard error.
    pub fn end(&mut self) -> String {
        // It may have ended already, which is what we want.
        drop(self.running.child.kill());
        drop(self.running.child.wait());
        let Some(errors) = self.running.errors.take() else { return String::new() };
        errors.join().unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let errors = self.end();
        if thread::panicking() {
            eprintln!("---- the server's standard error ----\n{errors}----");
        }
    }
}

fn launch(options: &Options, config: Option<&ConfigFile>) -> (Running, Started) {
    let line = options.command_line(config);
    let mut command = if let Some(Embedder { test, variables }) = &options.embedder {
        let mut command = Command::new(env::current_exe().expect("a test knows its own path"));
        command.env_clear().args(["--exact", test, "--nocapture"]);
        command.env(COMMAND_LINE, line.join("\n"));
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        command
    } else {
        let mut command = Command::new(server_binary());
        command.env_clear().args(line); // A developer's settings must not reach the server.
        command
    };
    let unread = options.confined.apply(&mut command);
    let mut child = command
        .envs(env::vars_os().filter(|(name, _)| PASSED_ON.iter().any(|passed| name == passed)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the server binary can be started");
    drop(command); // It has the ends of pipes that are to be the server's alone.
    let stdout = child.stdout.take().expect("the output is piped");
    let errors = child.stderr.take().map(|mut stderr| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            drop(stderr.read_to_end(&mut bytes));
            String::from_utf8_lossy(&bytes).into_owned()
        })
    });
    let lines = line_channel(stdout);
    match read_start(&lines, options.echo) {
        Ok(started) => (Running { child, errors, _unread: unread }, started),
        Err(printed) => {
            drop(child.kill());
            drop(child.wait());
            let errors = errors.and_then(|it| it.join().ok()).unwrap_or_default();
            panic!("the server did not get ready.\nIt printed:\n{printed}\nErrors:\n{errors}");
        }
    }
}

/// The environment that a server gets: which driver to use, and how to report a panic.
const PASSED_ON: [&str; 2] = ["MONOIO_FORCE_LEGACY_DRIVER", "RUST_BACKTRACE"];

/// Reads lines in a thread for as long as the process writes, so that it never blocks on the pipe.
fn line_channel(stdout: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            drop(sender.send(line)); // Nobody listens once the server is ready.
        }
    });
    receiver
}

/// What the server printed up to `ready`, or all it printed if that line did not come.
fn read_start(lines: &Receiver<String>, echo_wanted: bool) -> Result<Started, String> {
    let deadline = Instant::now() + DEADLINE;
    let mut printed = String::new();
    let (mut driver, mut address, mut metrics, mut echo) = (None, None, None, None);
    while let Ok(line) = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        if line == "ready" {
            let started =
                || Some(Started { driver: driver?, address: address?, metrics: metrics?, echo });
            return started().filter(|start| start.echo.is_some() == echo_wanted).ok_or(printed);
        }
        match line.as_str() {
            "driver io_uring" => driver = Some(Driver::IoUring),
            "driver epoll" => driver = Some(Driver::Epoll),
            _ => {}
        }
        for (prefix, place) in [
            ("listening on ", &mut address),
            ("metrics on ", &mut metrics),
            ("echo on ", &mut echo),
        ] {
            if let Some(text) = line.strip_prefix(prefix) {
                *place = text.parse().ok();
            }
        }
        printed.push_str(&line);
        printed.push('\n');
    }
    Err(printed)
}
