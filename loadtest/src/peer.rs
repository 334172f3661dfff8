//! Whom a profile measures, and how each of them is started.

pub mod npm;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::cores::Cores;
use crate::dialect::Dialect;
use crate::endpoint::App;
use crate::server::{Server, ServerError};

/// More than any load asks for: a limit that a server insists on, out of the way.
const NO_LIMIT: &str = "1000000000";

/// Where the peers are.
#[derive(Args, Clone, Debug)]
pub struct PeerArgs {
    /// Program of this project's server; by default `uringcast` next to this program
    #[arg(long)]
    pub server: Option<PathBuf>,
    /// Program of an older build of it, to compare with
    #[arg(long, value_name = "PATH")]
    pub before: Option<PathBuf>,
    /// Sockudo's binary
    #[arg(long, value_name = "PATH")]
    pub sockudo: Option<PathBuf>,
    /// Folder of the peers from npm, which are installed there when they are first needed
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/peers"))]
    pub peers: PathBuf,
}

impl PeerArgs {
    /// Program of this project's server.
    pub fn uringcast(&self) -> PathBuf {
        let next_to_this = || {
            let this = std::env::current_exe().unwrap_or_default();
            this.with_file_name("uringcast")
        };
        self.server.clone().unwrap_or_else(next_to_this)
    }
}

/// Whom a profile can measure.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Peer {
    /// No server: bare `io_uring` sends of the same bytes to as many sockets
    Limit,
    /// This project's server
    Uringcast,
    /// An older build of it, named by --before
    Before,
    /// Bun's pub/sub, from npm: no protocol, no signatures
    Bun,
    /// Node with `ws`, from npm: no protocol, no signatures
    Ws,
    /// A Sockudo binary, named by --sockudo: the Pusher protocol
    Sockudo,
}

/// Why a peer is left out.
#[derive(Debug, thiserror::Error)]
#[error("{peer} is not installed: {reason}")]
pub struct NotInstalled {
    /// The peer's name.
    pub peer: &'static str,
    /// What is missing.
    pub reason: String,
}

/// What starts a peer, and how it is spoken to.
#[derive(Debug)]
enum Program {
    /// It prints where it listens, on a port of its own choice.
    Announced(Command),
    /// It listens at the given address and prints nothing about it.
    Silent(Command, SocketAddr),
}

impl Peer {
    /// All of them, in the order of a table.
    pub const ALL: [Self; 6] =
        [Self::Limit, Self::Uringcast, Self::Before, Self::Bun, Self::Ws, Self::Sockudo];

    /// The word for it on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Uringcast => "uringcast",
            Self::Before => "before",
            Self::Bun => "bun",
            Self::Ws => "ws",
            Self::Sockudo => "sockudo",
        }
    }

    /// How it is spoken to, with `app` where it knows applications.
    pub fn dialect(self, app: &App) -> Dialect {
        match self {
            Self::Uringcast | Self::Before | Self::Sockudo => Dialect::Pusher(app.clone()),
            Self::Limit | Self::Bun | Self::Ws => Dialect::Topics,
        }
    }

    /// Whether it can be started here; packages are installed on the way.
    pub fn check(self, args: &PeerArgs) -> Result<(), NotInstalled> {
        let installed = match self {
            Self::Limit => Ok(()),
            Self::Uringcast => found(&args.uringcast()),
            Self::Bun => npm::install(&args.peers).and_then(|()| found(&npm::bun(&args.peers))),
            Self::Ws => npm::node().and_then(|()| npm::install(&args.peers)),
            Self::Before => named(args.before.as_deref(), "--before"),
            Self::Sockudo => named(args.sockudo.as_deref(), "--sockudo"),
        };
        installed.map_err(|reason| NotInstalled { peer: self.name(), reason })
    }

    /// Start it for `app` on `cores`, and wait until it listens.
    ///
    /// # Panics
    ///
    /// If this is the limit, which is no server.
    pub fn start(
        self,
        args: &PeerArgs,
        app: &App,
        cores: Option<&Cores>,
    ) -> Result<Server, ServerError> {
        let program = match self {
            Self::Limit => panic!("the limit has no server"),
            Self::Uringcast => return Server::start(&args.uringcast(), app, cores),
            Self::Before => {
                let program = args.before.as_deref().unwrap_or(Path::new("uringcast"));
                return Server::start(program, app, cores);
            }
            Self::Bun => script(&npm::bun(&args.peers), &args.peers.join("bun.mjs")),
            Self::Ws => script(Path::new("node"), &args.peers.join("ws.mjs")),
            Self::Sockudo => sockudo(args.sockudo.as_deref().unwrap_or(Path::new("sockudo")), app)?,
        };
        match program {
            Program::Announced(command) => Server::spawn(command, cores),
            Program::Silent(command, address) => Server::spawn_at(command, address, cores),
        }
    }
}

fn named(program: Option<&Path>, flag: &str) -> Result<(), String> {
    program.map_or_else(|| Err(format!("name its binary with {flag} PATH")), found)
}

fn found(program: &Path) -> Result<(), String> {
    if program.is_file() { Ok(()) } else { Err(format!("there is no {}", program.display())) }
}

fn script(program: &Path, script: &Path) -> Program {
    let mut command = Command::new(program);
    command.arg(script).stdin(Stdio::null());
    Program::Announced(command)
}

/// Sockudo with every limit out of the way, one worker as the others have, and nothing logged.
fn sockudo(program: &Path, app: &App) -> Result<Program, ServerError> {
    let address = free_address()
        .map_err(|error| ServerError::Spawn { program: PathBuf::from(program), error })?;
    let mut command = Command::new(program);
    command.env("HOST", "127.0.0.1").env("PORT", address.port().to_string());
    command.env("METRICS_ENABLED", "false").env("RATE_LIMITER_ENABLED", "false");
    command.env("RUST_LOG", "off").env("TOKIO_WORKER_THREADS", "1");
    let settings = [
        ("ID", app.id.as_str()),
        ("KEY", &app.key),
        ("SECRET", &app.secret),
        ("ENABLE_CLIENT_MESSAGES", "true"),
        ("MAX_CONNECTIONS", NO_LIMIT),
        ("MAX_BACKEND_EVENTS_PER_SECOND", NO_LIMIT),
        ("MAX_CLIENT_EVENTS_PER_SECOND", NO_LIMIT),
    ];
    for (name, value) in settings {
        command.env(format!("SOCKUDO_DEFAULT_APP_{name}"), value);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(Program::Silent(command, address))
}

/// An address nobody listened at a moment ago.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_is_not_there_says_what_is_missing() {
        let args = PeerArgs {
            peers: PathBuf::from("/nonexistent"),
            before: None,
            sockudo: None,
            server: Some(PathBuf::from("/nonexistent/uringcast")),
        };
        for (peer, expected) in [
            (Peer::Uringcast, "uringcast is not installed: there is no /nonexistent/uringcast"),
            (Peer::Sockudo, "sockudo is not installed: name its binary with --sockudo PATH"),
        ] {
            assert_eq!(peer.check(&args).unwrap_err().to_string(), expected);
        }
        assert!(Peer::Bun.check(&args).is_err());
        assert!(Peer::Limit.check(&args).is_ok());
    }
}
