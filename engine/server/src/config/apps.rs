//! The apps of a configuration: their form, and what may not occur twice.
//!
//! A layer that names any app replaces the apps of the layers below it: an app in the file cannot
//! slip into a process that was started with `--app`.

mod authorization;
mod history;
mod print;
mod sink;
mod table;
mod webhook;

use std::collections::HashMap;

use toml::de::DeArray;

use super::Config;
use super::document::Document;
use super::form::{NAME, SECRET};
use super::keys::KEYS;
use super::problem::{Fault, Problem, Source};
use crate::app::App;

pub(super) use print::write;
pub(super) use table::read as read_table;

/// An app and where it was written.
#[derive(Clone, Debug)]
pub(super) struct SourcedApp {
    /// The app. Until [`settle`](Self::settle) only the keys of its own are right in its policy.
    pub(super) app: App,
    /// Where its table and the keys of its own stand.
    pub(super) origin: AppOrigin,
}

/// Where an app's table and the keys of its own stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AppOrigin {
    /// Where the table begins.
    pub(super) source: Source,
    /// The keys that its table has, by their index in [`KEYS`].
    pub(super) own: Vec<(usize, Source)>,
    /// Whether it says which channels have a log.
    pub(super) has_history: bool,
    /// The file that the public key of its tokens was read from.
    pub(super) public_key_file: Option<String>,
}

impl AppOrigin {
    /// Of an app with no key of its own.
    pub(super) const fn new(source: Source) -> Self {
        Self { source, own: Vec::new(), has_history: false, public_key_file: None }
    }
}

impl SourcedApp {
    /// Give it what apps have by default, except for what it has of its own.
    pub(super) fn settle(&mut self, config: &Config) {
        if !self.origin.has_history {
            self.app.history = config.log.history_rules();
        }
        let default = &config.pusher;
        let own = std::mem::replace(&mut self.app.policy, default.clone());
        for (index, _) in &self.origin.own {
            let field = KEYS[*index].policy_field().expect("own keys are keys of the policy");
            field.copy(&own, &mut self.app.policy);
        }
    }
}

/// `id:key:secret`; the secret may have colons of its own.
pub(super) fn from_flag(text: &str) -> Option<App> {
    let mut parts = text.splitn(3, ':').map(str::to_owned);
    Some(App::new(parts.next()?, parts.next()?, parts.next()?))
}

/// What is wrong with the parts of an app that was not written as a table.
pub(super) fn part_faults(app: &App) -> impl Iterator<Item = Fault> {
    let primary = app.primary();
    let secret = ("the secret of an app", &*primary.secret, &SECRET);
    let publish_secret = app.publish_secret.as_deref();
    let publish_secret = publish_secret.map(|it| ("the publish secret of an app", it, &SECRET));
    let names =
        [("the id of an app", &*app.id, &NAME), ("the key of an app", &*primary.key, &NAME)];
    let parts = names.into_iter().chain([secret]).chain(publish_secret);
    parts.filter_map(|(name, text, form)| form.fault(name, text))
}

/// The apps of the file's array of tables; what is wrong with them is reported there.
pub(super) fn read(document: &Document, tables: &DeArray<'_>) -> Vec<SourcedApp> {
    let entries = tables.iter().map(|table| document.entry("apps", table));
    entries.filter_map(|entry| table::read(entry.table()?)).collect()
}

/// What may not be twice, or more often than `max`.
pub(super) fn problems(apps: &[SourcedApp], max: usize) -> Vec<Problem> {
    let mut seen = Seen::default();
    let considered = apps.iter().take(max + 1);
    let mut problems: Vec<Problem> = considered.flat_map(|app| seen.add(app)).collect();
    if apps.len() > max {
        let fault = Fault::TooManyApps { count: apps.len(), max };
        problems.push(Problem { origin: apps[max].origin.source.clone(), fault });
    }
    problems
}

/// The ids and keys of the apps so far.
#[derive(Default)]
struct Seen<'a> {
    ids: HashMap<&'a str, &'a Source>,
    keys: HashMap<&'a str, &'a SourcedApp>,
}

impl<'a> Seen<'a> {
    fn add(&mut self, it: &'a SourcedApp) -> Vec<Problem> {
        let source = &it.origin.source;
        let mut faults = Vec::new();
        for id in std::iter::once(&it.app.id).chain(&it.app.id_aliases) {
            if let Some(first) = self.ids.insert(id, source) {
                let (value, first) = (id.clone(), first.clone());
                faults.push(Fault::SameApp { part: "id", value, first });
            }
        }
        for key in &it.app.keys {
            let value = key.key.clone();
            match self.keys.insert(&key.key, it) {
                Some(first) if std::ptr::eq(first, it) => faults.push(Fault::SameKey { value }),
                Some(first) => {
                    let first = first.origin.source.clone();
                    faults.push(Fault::SameApp { part: "key", value, first });
                }
                None => {}
            }
        }
        let problem = |fault| Problem { origin: source.clone(), fault };
        faults.into_iter().map(problem).collect()
    }
}
