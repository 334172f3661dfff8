//! What the operator may set, and where each value came from.
//!
//! A [`Config`] is complete and in range: whoever holds one need not check it again. It knows
//! nothing of sockets and threads.

mod apps;
mod document;
mod draft;
mod environment;
#[cfg(test)]
mod example;
mod field;
mod file;
mod flags;
mod form;
mod key;
mod keys;
mod networks;
mod print;
mod problem;
mod rows;
mod rules;
mod sections;
mod sources;

use std::ffi::OsString;

use self::apps::AppOrigin;
use self::draft::ConfigDraft;
use self::environment::Variables;
use crate::app::{App, AppPolicy};

pub use crate::limits::{ConnectionConfig, CoreConfig};

pub use flags::{Command, DeadLetters, Gateway, Options};
pub use networks::Networks;
pub use problem::{Fault, Problem, Problems, Source, ValueFault};
pub use rows::AppRow;
pub use sections::{
    HttpConfig, LogConfig, LoggingConfig, RegistryConfig, ServerConfig, WebhookConfig, ZpsConfig,
};
pub use sources::{Sources, Stamp};

/// The whole effective configuration of one process.
///
/// The default is what runs when nothing is configured: one development app on loopback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Addresses, cores and the drain at the end.
    pub server: ServerConfig,
    /// Limits and timers of one websocket connection.
    pub connection: ConnectionConfig,
    /// Limits of one core.
    pub core: CoreConfig,
    /// Limits of one HTTP request.
    pub http: HttpConfig,
    /// What apps have by default, limits of the section `zps` included.
    pub pusher: AppPolicy,
    /// Calls out over HTTP.
    pub webhook: WebhookConfig,
    /// What one core keeps of channels with a log.
    pub log: LogConfig,
    /// Where apps are read besides.
    pub registry: RegistryConfig,
    /// The zero-pub-sub protocol.
    pub zps: ZpsConfig,
    /// What is written about what clients do.
    pub logging: LoggingConfig,
    /// The apps served, without those of a database: at most [`APPS_MAX`], no two with the same id
    /// or key.
    pub apps: Vec<App>,
}

/// A configuration that can be used, and where each of its values came from.
///
/// Its text form is a commented TOML file with the secrets masked.
#[derive(Clone, Debug)]
pub struct Effective {
    /// The values.
    pub config: Config,
    /// One per key of the table.
    sources: Vec<Source>,
    /// One per app; none if the development app is served.
    app_origins: Vec<AppOrigin>,
    /// What the operator should know, a line each.
    pub notices: Vec<String>,
}

/// The most apps of one file: above it a file is more likely a mistake than a deployment.
pub const APPS_MAX: usize = 1_000;

impl Default for Config {
    fn default() -> Self {
        Self {
            server: ServerConfig::default(),
            connection: ConnectionConfig::default(),
            core: CoreConfig::default(),
            http: HttpConfig::default(),
            pusher: AppPolicy::default(),
            webhook: WebhookConfig::default(),
            log: LogConfig::default(),
            registry: RegistryConfig::default(),
            zps: ZpsConfig::default(),
            logging: LoggingConfig::default(),
            apps: vec![development_app()],
        }
    }
}

impl Config {
    /// Lay flags over the environment over the file over the defaults.
    ///
    /// The error names every problem of every layer, not the first one.
    pub fn load(
        options: &Options,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Effective, Problems> {
        let mut draft =
            options.gateway.as_ref().map_or_else(ConfigDraft::new, ConfigDraft::for_gateway);
        if let Some(path) = &options.config {
            file::read(path, &mut draft);
        }
        Variables::new(environment).read(&mut draft);
        draft.set_flags(options);
        draft.finish()
    }

    /// Whether only the development app is served, whose secret everybody knows.
    pub fn is_development(&self) -> bool {
        let App { id, keys, .. } = development_app();
        matches!(&*self.apps, [app] if app.id == id && app.keys == keys)
    }
}

/// The app that is served when none is configured: id `app-id`, key `app-key`, secret `app-secret`.
pub fn development_app() -> App {
    App::new("app-id", "app-key", "app-secret")
}

#[cfg(test)]
mod tests;
