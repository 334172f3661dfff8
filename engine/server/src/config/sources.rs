//! Where a configuration comes from, kept so that it can be read again.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;

use super::key::Place;
use super::keys::KEYS;
use super::rules::breaches_while_running;
use super::{Config, Effective, Options, Problems};
use crate::app::App;

/// The flags and the environment of this process, and the name of the file.
#[derive(Clone, Debug)]
pub struct Sources {
    options: Options,
    environment: Vec<(OsString, OsString)>,
}

impl Sources {
    /// The layers that [`Config::load`] lays over each other.
    pub fn new(
        options: Options,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        Self { options, environment: environment.into_iter().collect() }
    }

    /// Read all of it, the file as it is now.
    pub fn load(&self) -> Result<Effective, Problems> {
        Config::load(&self.options, self.environment.iter().cloned())
    }

    /// Whether this process was started as zero-pub-sub's gateway is.
    pub fn is_gateway(&self) -> bool {
        self.options.gateway.is_some()
    }

    /// What the file is now; `None` if there is none.
    pub fn stamp(&self) -> Option<Stamp> {
        let metadata = fs::metadata(self.options.config.as_deref()?).ok()?;
        Some(Stamp {
            inode: metadata.ino(),
            bytes: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}

/// Tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    inode: u64,
    bytes: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
}

impl Config {
    /// A line for each thing that keeps this process from serving `apps` before a restart: a limit
    /// of theirs that goes together only with keys that have not been taken up.
    pub fn obstacles(&self, apps: &[App]) -> Vec<String> {
        breaches_while_running(self, apps)
    }
}

impl Effective {
    /// A line for each key that differs from what runs and is not an app's.
    pub fn needs_restart(&self, running: &Config) -> Vec<String> {
        let changed = KEYS.iter().zip(&self.sources).filter_map(|(key, source)| {
            let Place::Config(field) = &key.place else { return None };
            let path = key.path();
            // The log's patterns are taken up by the apps.
            if path == "log.history" || field.value(&self.config) == field.value(running) {
                return None;
            }
            let (new, old) = (field.shown(&self.config), field.shown(running));
            Some(if new == old {
                format!("{source}: {path} is another one, but stays as it was until a restart")
            } else {
                format!("{source}: {path} is {new}, but stays {old} until a restart")
            })
        });
        changed.collect()
    }
}
