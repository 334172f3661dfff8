//! What can be wrong with a configuration, and where it was found.
//!
//! Problems are collected, never returned one by one: an operator fixes a file once. No message
//! repeats a secret.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

/// The place a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody set the value: it is the default.
    Default,
    /// The configuration file.
    File {
        /// As it was named on the command line.
        path: PathBuf,
        /// Counted from 1; `None` for the file as a whole.
        line: Option<usize>,
    },
    /// An environment variable, by its name.
    Environment(String),
    /// A flag, without its dashes.
    Flag(&'static str),
    /// A row of the database.
    Row {
        /// The app's id.
        id: String,
    },
    /// The settings in TOML of a row of the database.
    Settings {
        /// The app's id.
        id: String,
        /// Counted from 1; `None` for the settings as a whole.
        line: Option<usize>,
    },
}

impl Source {
    /// This place, narrowed to one line.
    pub(super) fn at_line(&self, line: usize) -> Self {
        match self {
            Self::File { path, .. } => Self::File { path: path.clone(), line: Some(line) },
            Self::Settings { id, .. } => Self::Settings { id: id.clone(), line: Some(line) },
            Self::Default | Self::Environment(_) | Self::Flag(_) | Self::Row { .. } => self.clone(),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line: None } => write!(f, "{}", path.display()),
            Self::File { path, line: Some(line) } => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag --{name}"),
            Self::Row { id } | Self::Settings { id, line: None } => {
                write!(f, "database app {id:?}")
            }
            Self::Settings { id, line: Some(line) } => {
                write!(f, "database app {id:?}, settings line {line}")
            }
        }
    }
}

/// One thing that is wrong; the process does not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The file cannot be read.
    #[error("cannot be read: {reason}")]
    Unreadable {
        /// What the system said.
        reason: String,
    },
    /// The file is not TOML.
    #[error("is not valid TOML: {message}")]
    Syntax {
        /// What the parser said.
        message: String,
    },
    /// Settings that begin with a brace and are not JSON.
    #[error("the column settings is not valid JSON: {message}")]
    Json {
        /// What the parser said.
        message: String,
    },
    /// A key or a variable that does not exist.
    #[error("{name} is not known{}", suggestion(nearest.as_deref()))]
    Unknown {
        /// As it was written.
        name: String,
        /// The known one that was probably meant.
        nearest: Option<String>,
    },
    /// A value that is not UTF-8.
    #[error("is not valid UTF-8")]
    NotUtf8,
    /// A value that its key does not take.
    #[error(transparent)]
    Value(#[from] ValueFault),
    /// Two values that do not go together.
    #[error("{key} is {value}, but must {relation} {other_key}, which is {other_value} ({other})")]
    Rule {
        /// The first key's full name.
        key: String,
        /// The first key's value.
        value: String,
        /// What must hold between them.
        relation: &'static str,
        /// The second key's full name.
        other_key: String,
        /// The second key's value.
        other_value: String,
        /// Where the second value came from.
        other: Source,
    },
    /// Some parts of the environment's app, but not all.
    #[error("an app needs an id, a key and a secret; not set: {missing}")]
    IncompleteApp {
        /// The variables that are not set, each with those that would do as well.
        missing: String,
    },
    /// A table in the file without one of its keys.
    #[error("[[{of}]] lacks its {part}")]
    MissingPart {
        /// The table.
        of: String,
        /// The key.
        part: &'static str,
    },
    /// Two keys of which only one may be there.
    #[error("{key} and {other} cannot both be there")]
    Together {
        /// The key that is reported.
        key: String,
        /// The other one.
        other: String,
    },
    /// A value that needs another key.
    #[error("{key} is {value:?}, which needs {needed}")]
    Needs {
        /// The key.
        key: String,
        /// The key's value.
        value: String,
        /// What is not there.
        needed: &'static str,
    },
    /// A key that means nothing beside the others.
    #[error("{key} means nothing unless {unless}")]
    Unused {
        /// The key.
        key: String,
        /// What must be so for the key to mean anything.
        unless: String,
    },
    /// A file that a key names cannot be read.
    #[error("the file that {key} names cannot be read: {reason}")]
    UnreadableFile {
        /// The key.
        key: String,
        /// What the system said.
        reason: String,
    },
    /// A flag that is not three parts joined by colons.
    #[error("must be id:key:secret")]
    AppForm,
    /// A part of an app that cannot be used.
    #[error("{part} must be {allowed}")]
    AppPart {
        /// The part that cannot be used.
        part: String,
        /// What it may be.
        allowed: &'static str,
    },
    /// The mask that stands for a secret in printed configurations.
    #[error("{part} is masked here: put the real one")]
    MaskedSecret {
        /// The part that is masked.
        part: String,
    },
    /// An app that has one key twice.
    #[error("an app has the key \"{value}\" twice")]
    SameKey {
        /// The key.
        value: String,
    },
    /// Two apps that a request could not tell apart.
    #[error("two apps have the {part} \"{value}\", the first from {first}")]
    SameApp {
        /// `id` or `key`.
        part: &'static str,
        /// The id or the key that both apps have.
        value: String,
        /// Where the first one came from.
        first: Source,
    },
    /// More apps than one process serves.
    #[error("{count} apps are too many: at most {max} are allowed")]
    TooManyApps {
        /// How many there are.
        count: usize,
        /// How many there may be.
        max: usize,
    },
    /// The development app would be reachable from elsewhere.
    #[error(
        "server.host is {host}, which others can reach, and no app is configured: the development \
         app's secret is public. Configure an app (--app id:key:secret; or PUSHER_APP_ID, \
         PUSHER_APP_KEY and PUSHER_APP_SECRET; or [[apps]] in the file), or listen on 127.0.0.1"
    )]
    PublicDevelopmentApp {
        /// The address that is not loopback.
        host: IpAddr,
    },
}

/// Why a value cannot stand under its key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueFault {
    /// A value of the wrong type, or text that is not of the right one.
    #[error("{key} must be {wanted}, not {found}")]
    WrongType {
        /// The key's full name.
        key: String,
        /// What may stand there.
        wanted: String,
        /// What stands there instead.
        found: String,
    },
    /// Text of the wrong form.
    #[error("{key} must be {allowed}")]
    Form {
        /// The key's full name.
        key: String,
        /// What may stand there.
        allowed: &'static str,
    },
    /// A word that is not one of those that may stand there.
    #[error("{key} is {value:?}, but must be {allowed}{}", suggestion(nearest.as_deref()))]
    Choice {
        /// The key's full name.
        key: String,
        /// The word as it was written.
        value: String,
        /// The words that may stand there.
        allowed: String,
        /// The one that was probably meant.
        nearest: Option<String>,
    },
    /// An array or a table with too few or too many entries.
    #[error("{key} has {count} entries, but must have {allowed}")]
    Count {
        /// The key's full name.
        key: String,
        /// How many there are.
        count: usize,
        /// How many there may be.
        allowed: String,
    },
    /// A number outside its range.
    #[error("{key} is {value}, but must be {allowed} ({unit})")]
    OutOfRange {
        /// The key's full name.
        key: String,
        /// The number as it was written.
        value: String,
        /// The range.
        allowed: String,
        /// What the number counts.
        unit: &'static str,
    },
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean {name}?")).unwrap_or_default()
}

/// A fault and its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {fault}")]
pub struct Problem {
    /// Where it was found.
    pub origin: Source,
    /// What is wrong there.
    pub fault: Fault,
}

impl Problem {
    /// Orders problems as an operator works through them: down the file, then the other layers.
    pub(super) fn rank(&self) -> (u8, usize) {
        match &self.origin {
            Source::File { line, .. } => (0, line.unwrap_or(0)),
            Source::Environment(_) => (1, 0),
            Source::Flag(_) => (2, 0),
            Source::Default | Source::Row { .. } | Source::Settings { .. } => (3, 0),
        }
    }
}

/// Everything that is wrong with a configuration: at least one problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        let noun = if count == 1 { "problem" } else { "problems" };
        writeln!(f, "{count} {noun} in the configuration:")?;
        self.0.iter().try_for_each(|problem| writeln!(f, "  {problem}"))
    }
}

impl std::error::Error for Problems {}
