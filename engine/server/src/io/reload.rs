//! The apps are read again while the process runs: on SIGHUP, when the file changes, and when the
//! database does.
//!
//! It happens on the main thread. What cannot be used changes nothing and is reported; what can be
//! used goes to every core through its mailbox. Cores take it up one after another, so each makes
//! room for new apps before any serves them: no message between cores is about an app that its
//! reader does not know.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded, never, select, unbounded};

use super::mailbox::{Address, Envelope};
use super::server::ended;
use super::thread::Event;
use crate::app::{App, Apps};
use crate::config::{AppRow, Config, Sources, Stamp};
use crate::shard::Refusal;
use crate::side::registry::{self, Ask, Rows, Watch};

/// How often the file is looked at. A change is read once it has stood for as long, so that a file
/// that is being written is not taken for a broken one.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// How soon a core whose mailbox was full is told again.
const REPOST_INTERVAL: Duration = Duration::from_millis(1);

/// The database, as the main thread sees it.
pub(super) struct Database {
    /// What it says when it has something new.
    rows: Receiver<Rows>,
    /// Asks for it at once.
    now: Ask,
}

/// The two ends of the database that `config` has, whose table has the rows `known`.
pub(super) fn watch(config: &Config, known: &[AppRow]) -> (Option<Watch>, Option<Database>) {
    if !config.has_database() {
        return (None, None);
    }
    let ((sender, rows), (now, asked)) = (unbounded(), registry::asking());
    let config = config.registry.clone();
    let watch = Watch { config, known: known.to_vec(), rows: sender, now: asked };
    (Some(watch), Some(Database { rows, now }))
}

/// The apps of the running process, and where they are read.
pub(super) struct Reload {
    cores: AllCores,
    sources: Sources,
    running: Config,
    apps: Apps,
    /// What the file was when it was read.
    read: Option<Stamp>,
    /// What it was when it was last looked at.
    seen: Option<Stamp>,
    /// What the database said last.
    known: Vec<AppRow>,
    rows: Receiver<Rows>,
    now: Option<Ask>,
    is_database_down: bool,
}

impl Reload {
    /// `cores` serve `apps`, which are those of `known` and of `sources` when the file was `read`.
    pub(super) fn new(
        cores: AllCores,
        sources: Sources,
        read: Option<Stamp>,
        running: Config,
        apps: Apps,
        known: Vec<AppRow>,
        database: Option<Database>,
    ) -> Self {
        let (rows, now) = database.map_or((never(), None), |it| (it.rows, Some(it.now)));
        let (seen, is_database_down) = (read, false);
        Self { cores, sources, running, apps, read, seen, known, rows, now, is_database_down }
    }

    /// Where the database speaks.
    pub(super) const fn rows(&self) -> &Receiver<Rows> {
        &self.rows
    }

    /// Whether any app's server is told anything.
    pub(super) fn has_webhooks(&self) -> bool {
        self.apps.iter().any(|(_, app)| !app.webhooks.is_empty())
    }

    /// Look whether the file has changed, and read it if it has.
    ///
    /// # Errors
    /// If a core has ended.
    pub(super) fn look(&mut self) -> io::Result<()> {
        let last = std::mem::replace(&mut self.seen, self.sources.stamp());
        if self.seen != last || self.seen == self.read {
            return Ok(());
        }
        self.read()
    }

    /// The operator asks for everything to be read again.
    ///
    /// # Errors
    /// If a core has ended.
    pub(super) fn on_hangup(&mut self) -> io::Result<()> {
        if let Some(now) = &self.now {
            now.ask();
        }
        self.read()
    }

    /// The database has something new to say.
    ///
    /// # Errors
    /// If a core has ended.
    pub(super) fn on_rows(&mut self, rows: Rows) -> io::Result<()> {
        match rows {
            Ok(rows) => {
                if std::mem::take(&mut self.is_database_down) {
                    tracing::info!("the apps of registry.url can be read again");
                }
                if rows == self.known {
                    return Ok(());
                }
                self.known = rows;
                self.read()
            }
            Err(why) => {
                if !std::mem::replace(&mut self.is_database_down, true) {
                    tracing::warn!(
                        "the apps of registry.url cannot be read and stay as they \
                         were: {why}"
                    );
                }
                self.cores.count(Refusal::Reload)
            }
        }
    }

    /// Read the configuration again; what the database said last counts.
    fn read(&mut self) -> io::Result<()> {
        self.read = self.sources.stamp();
        self.seen = self.read;
        let loaded = self.sources.load();
        let found = loaded.and_then(|it| Ok((it.apps_with(&self.known)?, it)));
        match found {
            Ok((apps, effective)) => {
                for line in effective.needs_restart(&self.running) {
                    tracing::warn!("{line}");
                }
                let obstacles = self.running.obstacles(&apps);
                if obstacles.is_empty() {
                    self.serve(apps)
                } else {
                    self.refuse(&obstacles.join("\n"))
                }
            }
            Err(problems) => self.refuse(&problems.to_string()),
        }
    }

    fn serve(&mut self, apps: Vec<App>) -> io::Result<()> {
        let apps = match self.apps.updated(apps) {
            Ok(apps) => apps,
            Err(error) => return self.refuse(&error.to_string()),
        };
        let Difference { added, changed, removed } = Difference::new(&self.apps, &apps);
        if added + changed + removed > 0 {
            self.cores.set_apps(&apps)?;
            self.apps = apps;
        }
        let count = self.apps.iter().count();
        tracing::info!(
            "the apps were read again: {count} are served, {added} added, {changed} \
             changed, {removed} removed"
        );
        Ok(())
    }

    /// Say why everything stays as it is.
    fn refuse(&self, why: &str) -> io::Result<()> {
        tracing::error!("the apps were read again and stay as they were: {}", why.trim_end());
        self.cores.count(Refusal::Reload)
    }
}

/// The cores, as the main thread tells them things.
pub(super) struct AllCores {
    addresses: Vec<Address>,
    events: Receiver<Event>,
}

impl AllCores {
    /// The cores at `addresses`, whose ends are told by `events`.
    pub(super) const fn new(addresses: Vec<Address>, events: Receiver<Event>) -> Self {
        Self { addresses, events }
    }

    fn set_apps(&self, apps: &Apps) -> io::Result<()> {
        let apps = Arc::new(apps.clone());
        let (learned, all_learned) = bounded(0);
        for address in &self.addresses {
            self.post(address, Envelope::LearnApps(Arc::clone(&apps), learned.clone()))?;
        }
        drop(learned);
        select! {
            recv(all_learned) -> _ => {} // Every core has dropped its end.
            recv(self.events) -> event => return Err(ended(event.ok())),
        }
        for address in &self.addresses {
            self.post(address, Envelope::SetApps(Arc::clone(&apps)))?;
        }
        Ok(())
    }

    /// The main thread counts on the first core.
    fn count(&self, refusal: Refusal) -> io::Result<()> {
        self.post(&self.addresses[0], Envelope::Refused(refusal))
    }

    /// Post `envelope`, however long the mailbox is full.
    fn post(&self, address: &Address, mut envelope: Envelope) -> io::Result<()> {
        while let Err(returned) = address.post(envelope) {
            if let Ok(event) = self.events.try_recv() {
                return Err(ended(Some(event)));
            }
            thread::sleep(REPOST_INTERVAL); // A full mailbox is emptied in milliseconds.
            envelope = returned;
        }
        Ok(())
    }
}

/// How many apps one registry has that another has not.
struct Difference {
    added: usize,
    changed: usize,
    removed: usize,
}

impl Difference {
    fn new(old: &Apps, new: &Apps) -> Self {
        let is_new = |app: &App| old.by_id(&app.id).is_none();
        let is_changed = |app: &Arc<App>| {
            old.by_id(&app.id).is_some_and(|index| !Arc::ptr_eq(old.app(index), app))
        };
        Self {
            added: new.iter().filter(|(_, app)| is_new(app)).count(),
            changed: new.iter().filter(|(_, app)| is_changed(app)).count(),
            removed: old.iter().filter(|(_, app)| new.by_id(&app.id).is_none()).count(),
        }
    }
}
