//! How a test wants its server.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::confine::Confined;

/// One app's credentials, as both sides know them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Names the app in the HTTP API's path.
    pub id: String,
    /// Names the app in the websocket's path.
    pub key: String,
    /// Signs requests and subscriptions.
    pub secret: String,
}

impl App {
    /// The app `id` with the given `key` and `secret`.
    pub fn new(id: &str, key: &str, secret: &str) -> Self {
        Self { id: id.to_owned(), key: key.to_owned(), secret: secret.to_owned() }
    }
}

impl Default for App {
    /// The development app that the server makes up when it is given none.
    fn default() -> Self {
        Self::new("app-id", "app-key", "app-secret")
    }
}

/// The flags and the configuration file of one server.
///
/// One core, free ports and the development app, unless a test asks for something else.
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) port: u16,
    pub(crate) cores: u8,
    pub(crate) echo: bool,
    pub(crate) flags: Vec<String>,
    pub(crate) config: Option<String>,
    pub(crate) embedder: Option<Embedder>,
    pub(crate) confined: Confined,
}

/// A test that is started again as the server: it links the engine and serves.
#[derive(Clone, Debug)]
pub(crate) struct Embedder {
    /// The test's full name inside its binary.
    pub(crate) test: String,
    /// What it gets in its environment, besides [`COMMAND_LINE`].
    pub(crate) variables: Vec<(String, String)>,
}

/// The variable that has what `uringcast` would get on its command line, an argument a line.
pub const COMMAND_LINE: &str = "URINGCAST_TEST_COMMAND_LINE";

impl Options {
    /// The server that most tests want.
    pub fn new() -> Self {
        Self {
            port: 0,
            cores: 1,
            echo: false,
            flags: Vec::new(),
            config: None,
            embedder: None,
            confined: Confined::default(),
        }
    }

    /// As many event loops.
    #[must_use]
    pub fn cores(mut self, cores: u8) -> Self {
        self.cores = cores;
        self
    }

    /// A port that stays the same over a restart.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// With the listener that echoes messages.
    #[must_use]
    pub fn echo(mut self) -> Self {
        self.echo = true;
        self
    }

    /// One more flag, such as `--client-event-rate`, with its value.
    #[must_use]
    pub fn flag(mut self, name: &str, value: &str) -> Self {
        self.flags.extend([name.to_owned(), value.to_owned()]);
        self
    }

    /// The text of the configuration file, in TOML.
    #[must_use]
    pub fn config(mut self, toml: &str) -> Self {
        self.config = Some(toml.to_owned());
        self
    }

    /// This test binary in the place of `uringcast`: its test `test` finds [`COMMAND_LINE`] and
    /// these variables in its environment, and serves.
    #[must_use]
    pub fn embedded(mut self, test: &str, variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        self.embedder = Some(Embedder { test: test.into(), variables: variables.collect() });
        self
    }

    /// The command line, with the configuration in `file` if there is one.
    pub(crate) fn command_line(&self, file: Option<&ConfigFile>) -> Vec<String> {
        let mut line: Vec<String> =
            ["serve", "--host", "127.0.0.1", "--metrics-port", "0"].map(str::to_owned).into();
        line.extend(["--port".to_owned(), self.port.to_string()]);
        line.extend(["--cores".to_owned(), self.cores.to_string()]);
        if self.echo {
            line.extend(["--test-echo-port", "0"].map(str::to_owned));
        }
        if let Some(file) = file {
            let path = file.path.to_str().expect("the temporary directory has a plain name");
            line.extend(["--config".to_owned(), path.to_owned()]);
        }
        line.extend(self.flags.iter().cloned());
        line
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

/// A configuration file that is there as long as this value lives.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    path: PathBuf,
}

impl ConfigFile {
    /// Writes `text` to a file that nobody else has.
    pub(crate) fn new(text: &str) -> Self {
        static FILES: AtomicU32 = AtomicU32::new(0);
        let number = FILES.fetch_add(1, Ordering::Relaxed);
        let name = format!("uringcast-test-{}-{number}.toml", process::id());
        let path = env::temp_dir().join(name);
        let file = Self { path };
        file.write(text);
        file
    }

    /// Puts `text` in its place, as an editor does that writes anew and renames.
    pub(crate) fn write(&self, text: &str) {
        let new = self.path.with_extension("new");
        fs::write(&new, text).expect("the temporary directory is writable");
        fs::rename(&new, &self.path).expect("the temporary directory is writable");
    }

    /// The path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ConfigFile {
    fn drop(&mut self) {
        // Best effort: a file left behind is no reason to hide why a test failed.
        drop(fs::remove_file(self.path()));
    }
}
