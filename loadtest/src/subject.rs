//! The server under load: one of our own, or any that listens at an address.

use std::path::PathBuf;
use std::time::Duration;

use crate::args::ServerArgs;
use crate::dialect::Dialect;
use crate::endpoint::Endpoint;
use crate::proc::Process;
use crate::server::Server;

/// A server to put load on.
#[derive(Debug)]
pub struct Subject {
    /// Where it is.
    pub endpoint: Endpoint,
    /// How it is spoken to.
    pub dialect: Dialect,
    /// The process to measure, where it is known.
    pub process: Option<Process>,
    /// Held so that it ends with the load.
    _server: Option<Server>,
}

impl Subject {
    /// The server the arguments name; without an address it is started here.
    ///
    /// The calling thread is pinned last, so that the server does not inherit the load's cores.
    pub fn of(args: &ServerArgs) -> anyhow::Result<Self> {
        let server = match args.url {
            Some(_) => None,
            None => Some(Server::start(&program(args)?, &args.app, args.server_cores.as_ref())?),
        };
        let endpoint = match (&args.url, &server) {
            (Some(url), _) => url.clone(),
            (None, Some(server)) => format!("ws://{}", server.address).parse()?,
            (None, None) => anyhow::bail!("neither an address nor a server"),
        };
        let pid = server.as_ref().map(Server::pid).or(args.server_pid);
        if let Some(cores) = &args.load_cores {
            cores.pin()?;
        }
        let dialect = Dialect::Pusher(args.app.clone());
        Ok(Self { endpoint, dialect, process: pid.map(Process::new), _server: server })
    }

    /// Processor time of the server so far, where it can be read.
    pub fn cpu(&self) -> Option<Duration> {
        self.process.and_then(|process| process.cpu().ok())
    }
}

fn program(args: &ServerArgs) -> std::io::Result<PathBuf> {
    match &args.server {
        Some(program) => Ok(program.clone()),
        None => Ok(std::env::current_exe()?.with_file_name("uringcast")),
    }
}
