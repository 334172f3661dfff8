//! The server under load: one of our own, or any that listens at an address.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;

use crate::cores::Cores;
use crate::dialect::Dialect;
use crate::endpoint::{App, Endpoint, EndpointError};
use crate::layout::{Layout, Placement};
use crate::proc::Process;
use crate::server::{Logs, Server};

/// The server under load and how it is measured.
#[derive(Args, Debug)]
pub struct ServerArgs {
    /// Address of a running server, ws://HOST:PORT; without it a server is started
    #[arg(long)]
    pub url: Option<Endpoint>,
    /// App to use, ID:KEY:SECRET
    #[arg(long, default_value = "app-id:app-key:app-secret")]
    pub app: App,
    /// Program to start; by default `uringcast` next to this program
    #[arg(long, conflicts_with = "url")]
    pub server: Option<PathBuf>,
    /// Process of the running server, to measure its processor time and memory
    #[arg(long, requires = "url")]
    pub server_pid: Option<u32>,
    /// Cores for the started server, such as 0 or 0,2-3
    #[arg(long, conflicts_with = "url")]
    pub server_cores: Option<Cores>,
    /// Cores for the load itself
    #[arg(long)]
    pub load_cores: Option<Cores>,
    /// Cores of both instead: the first one for the server, and the same or the second for the load
    #[arg(long, value_enum, conflicts_with_all = ["server_cores", "load_cores"])]
    pub layout: Option<Layout>,
    /// Take what arrived every so many microseconds instead of at once: 100 to 300 repeat best
    /// where server and load share a core
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=100_000))]
    pub drain_us: u64,
    /// Print the result as JSON, or write it to FILE
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub json: Option<PathBuf>,
}

impl ServerArgs {
    /// Cores for a started server and for the load, where it was said.
    pub fn cores(&self) -> io::Result<(Option<Cores>, Option<Cores>)> {
        match self.layout {
            Some(layout) => {
                let Placement { server, load } = layout.place(&Cores::allowed()?)?;
                Ok((Some(server), Some(load)))
            }
            None => Ok((self.server_cores.clone(), self.load_cores.clone())),
        }
    }

    /// Time between two looks at what arrived.
    pub const fn drain(&self) -> Duration {
        Duration::from_micros(self.drain_us)
    }
}

/// A server to put load on.
#[derive(Debug)]
pub struct Subject {
    /// The server's address.
    pub endpoint: Endpoint,
    /// How it is spoken to.
    pub dialect: Dialect,
    /// The process to measure, where it is known.
    pub process: Option<Process>,
    /// Held so that it ends with the load.
    server: Option<Server>,
}

impl Subject {
    /// The server the arguments name; without an address it is started here.
    ///
    /// The calling thread is pinned last, so that the server does not inherit the load's cores.
    pub fn of(args: &ServerArgs) -> anyhow::Result<Self> {
        let dialect = Dialect::Pusher(args.app.clone());
        let (server_cores, load_cores) = args.cores()?;
        let subject = if let Some(url) = &args.url {
            Self::running(url.clone(), dialect, args.server_pid)
        } else {
            let server = Server::start(&program(args)?, &args.app, server_cores.as_ref())?;
            Self::started(server, dialect)?
        };
        if let Some(cores) = load_cores {
            cores.pin()?;
        }
        Ok(subject)
    }

    /// The server the arguments name, to be spoken to in zero-pub-sub; without an address it is
    /// started here and keeps `logs`.
    ///
    /// The calling thread is pinned last, so that the server does not inherit the load's cores.
    pub fn of_zps(args: &ServerArgs, logs: Logs) -> anyhow::Result<Self> {
        let dialect = Dialect::Zps(run_id());
        let (server_cores, load_cores) = args.cores()?;
        let subject = if let Some(url) = &args.url {
            Self::running(url.clone(), dialect, args.server_pid)
        } else {
            let program = program(args)?;
            let server = Server::start_zps(&program, &args.app, logs, server_cores.as_ref())?;
            Self::started(server, dialect)?
        };
        if let Some(cores) = load_cores {
            cores.pin()?;
        }
        Ok(subject)
    }

    /// A server that runs already, with its process where that is known.
    pub fn running(endpoint: Endpoint, dialect: Dialect, pid: Option<u32>) -> Self {
        Self { endpoint, dialect, process: pid.map(Process::new), server: None }
    }

    /// A server that was started for this load and ends with it.
    pub fn started(server: Server, dialect: Dialect) -> Result<Self, EndpointError> {
        let endpoint = format!("ws://{}", server.address).parse()?;
        let process = Some(Process::new(server.pid()));
        Ok(Self { endpoint, dialect, process, server: Some(server) })
    }

    /// Where a server that was started here shows its metrics.
    pub fn metrics(&mut self) -> Option<SocketAddr> {
        self.server.as_mut()?.metrics()
    }

    /// The text that no other run of zero-pub-sub has.
    pub fn run(&self) -> Option<&str> {
        match &self.dialect {
            Dialect::Zps(run) => Some(run),
            Dialect::Pusher(_) | Dialect::Topics => None,
        }
    }

    /// The most resident memory of the server so far, where it can be read.
    pub fn peak_rss_bytes(&self) -> Option<u64> {
        self.process.and_then(|process| process.resident_bytes_peak().ok())
    }

    /// Processor time of the server so far, where it can be read.
    pub fn cpu(&self) -> Option<Duration> {
        self.process.and_then(|process| process.cpu().ok())
    }
}

/// A text that no other run has: a room of this name has had no event before.
fn run_id() -> String {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    format!("{unix:x}-{:x}", std::process::id())
}

fn program(args: &ServerArgs) -> io::Result<PathBuf> {
    match &args.server {
        Some(program) => Ok(program.clone()),
        None => Ok(std::env::current_exe()?.with_file_name("uringcast")),
    }
}
