//! The command line.
//!
//! Values are taken as text here and judged with those of the file and the environment, so that a
//! bad flag does not hide a bad file. Only the shape of the command line is judged at once.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use clap::Parser;
use uringcast_proto::secret::Secret;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "uringcast",
    version,
    about = "A Pusher-compatible websocket fan-out engine on io_uring, one thread per core."
)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

/// What the process is asked to do.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Serve until a stop signal arrives.
    Serve(Options),
    /// Serve as zero-pub-sub's own gateway does: on 0.0.0.0:8080 by default, and where you have
    /// configured no app, with one whose key nobody else knows.
    Gateway(Options),
    /// Check the configuration; with --print, show where each value comes from.
    Config {
        /// Print the effective configuration as TOML, secrets masked.
        #[arg(long)]
        print: bool,
        /// As for `serve`.
        #[command(flatten)]
        options: Options,
    },
    /// Look at, or send again, what webhooks could not deliver.
    #[command(subcommand)]
    DeadLetters(DeadLetters),
}

/// What to do with a dead-letter file.
#[derive(Debug, clap::Subcommand)]
pub enum DeadLetters {
    /// Print one line for each request that was given up, oldest first.
    List {
        /// The file that `webhook.dead_letter_file` names.
        file: PathBuf,
    },
    /// Send them again, signed with the apps' secrets; what is delivered leaves the file.
    Replay {
        /// The file that `webhook.dead_letter_file` names; the server may be running.
        file: PathBuf,
        /// As for `serve`: where the apps come from.
        #[command(flatten)]
        options: Box<Options>,
    },
}

impl Command {
    /// Read a command line, the program's name first.
    ///
    /// The error also stands for `--help` and `--version`, which do not go to standard error.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        CommandLine::try_parse_from(arguments).map(|line| line.command)
    }

    /// The options; `None` of the one command that needs no configuration.
    pub fn options(&self) -> Option<&Options> {
        match self {
            Self::Serve(options) | Self::Gateway(options) | Self::Config { options, .. } => {
                Some(options)
            }
            Self::DeadLetters(DeadLetters::Replay { options, .. }) => Some(options),
            Self::DeadLetters(DeadLetters::List { .. }) => None,
        }
    }
}

/// The configuration that flags give. Flags win over the environment, the environment over the
/// file.
#[derive(Clone, Default, clap::Args)]
pub struct Options {
    /// Configuration file; every key is documented in uringcast.example.toml.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address to listen on [default: 127.0.0.1, of gateway 0.0.0.0] [env: HOST].
    #[arg(long, value_name = "ADDRESS")]
    pub host: Option<String>,
    /// Port of websockets and the HTTP API, 0 for any free one [default: 6001, of gateway 8080]
    /// [env: PORT].
    #[arg(long, allow_negative_numbers = true)]
    pub port: Option<String>,
    /// Cores to use, 0 for all allowed ones [default: 0].
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true)]
    pub cores: Option<String>,
    /// An app to serve; repeat for more.
    #[arg(long = "app", value_name = "ID:KEY:SECRET", help = APP_HELP)]
    pub apps: Vec<String>,
    /// Address of /metrics [default: 127.0.0.1].
    #[arg(long, value_name = "ADDRESS")]
    pub metrics_host: Option<String>,
    /// Port of /metrics, 0 for any free one, off for none [default: 9601, of gateway off].
    #[arg(long, value_name = "PORT", allow_negative_numbers = true)]
    pub metrics_port: Option<String>,
    /// Client events per second and connection, 0 for unlimited [default: 10].
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true)]
    pub client_event_rate: Option<String>,
    /// Silence after which either side pings [default: 120].
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub activity_timeout: Option<String>,
    /// Time from the stop signal to the exit [default: 10].
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub drain_timeout: Option<String>,
    /// Port on loopback that echoes messages, for conformance suites [default: off].
    #[arg(long, value_name = "PORT", allow_negative_numbers = true)]
    pub test_echo_port: Option<String>,
    /// What keeps logs, memory or file [default: memory] [env: `ZERO_PUBSUB_PROVIDER`].
    #[arg(long, value_name = "DRIVER")]
    pub provider: Option<String>,
    /// Directory of the driver file [env: `ZERO_PUBSUB_CONNECTION`].
    #[arg(long, value_name = "DIR")]
    pub connection: Option<String>,
    /// Channels that number their events and keep them, such as `orders-*,chat-*` [default: none].
    #[arg(long, value_name = "PATTERNS")]
    pub history: Option<String>,
    /// Let clients of zero-pub-sub publish events [default: false].
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub allow_client_publish: Option<String>,
    /// What `uringcast gateway` does by default in place of `serve`.
    #[arg(skip)]
    pub gateway: Option<Gateway>,
}

/// Nothing is shown: apps have their secrets in them.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").finish_non_exhaustive()
    }
}

impl Options {
    /// What was given for the flag of a key.
    pub(super) fn text(&self, flag: &str) -> Option<&str> {
        let text = match flag {
            "host" => &self.host,
            "port" => &self.port,
            "cores" => &self.cores,
            "metrics-host" => &self.metrics_host,
            "metrics-port" => &self.metrics_port,
            "client-event-rate" => &self.client_event_rate,
            "activity-timeout" => &self.activity_timeout,
            "drain-timeout" => &self.drain_timeout,
            "test-echo-port" => &self.test_echo_port,
            "provider" => &self.provider,
            "connection" => &self.connection,
            "history" => &self.history,
            "allow-client-publish" => &self.allow_client_publish,
            _ => unreachable!("a row names a flag that there is"),
        };
        text.as_deref()
    }
}

/// The defaults of `uringcast gateway`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// The key of the app that is served if none is configured.
    pub key: String,
    /// The secret of that app.
    pub secret: Secret,
}

const APP_HELP: &str = "An app to serve; repeat for more \
     [default: app-id:app-key:app-secret, on loopback only; of gateway one with a random key] \
     [env: PUSHER_APP_ID, PUSHER_APP_KEY, PUSHER_APP_SECRET]";
