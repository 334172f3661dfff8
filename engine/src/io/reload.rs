//! The apps are read again while the process runs: on SIGHUP and when the file changes.
//!
//! It happens on the main thread. What cannot be used changes nothing and is reported; what can be
//! used goes to every core through its mailbox. Cores take it up one after another, so each makes
//! room for new apps before any serves them: no message between cores is about an app that its
//! reader does not know.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded, select};

use super::mailbox::{Address, Envelope};
use super::server::ended;
use super::thread::Event;
use crate::app::{App, Apps};
use crate::config::{Config, Sources, Stamp};
use crate::shard::Refusal;

/// How often the file is looked at. A change is read once it has stood for as long, so that a file
/// that is being written is not taken for a broken one.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// How soon a core whose mailbox was full is told again.
const REPOST_INTERVAL: Duration = Duration::from_millis(1);

/// The apps of the running process, and where they are read.
pub(super) struct Reload {
    sources: Sources,
    running: Config,
    apps: Apps,
    /// What the file was when it was read.
    read: Option<Stamp>,
    /// What it was when it was last looked at.
    seen: Option<Stamp>,
    addresses: Vec<Address>,
    events: Receiver<Event>,
}

impl Reload {
    /// Cores at `addresses` serve `apps`, which were read from `sources` when the file was `read`.
    pub(super) fn new(
        sources: Sources,
        read: Option<Stamp>,
        running: Config,
        apps: Apps,
        addresses: Vec<Address>,
        events: Receiver<Event>,
    ) -> Self {
        Self { sources, running, apps, read, seen: read, addresses, events }
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

    /// Read everything again.
    ///
    /// # Errors
    /// If a core has ended.
    pub(super) fn read(&mut self) -> io::Result<()> {
        self.read = self.sources.stamp();
        self.seen = self.read;
        match self.sources.load() {
            Ok(effective) => {
                for line in effective.needs_restart(&self.running) {
                    eprintln!("uringcast: {line}");
                }
                self.serve(effective.config.apps)
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
            self.hand_out(&apps)?;
            self.apps = apps;
        }
        let count = self.apps.iter().count();
        eprintln!(
            "uringcast: the apps were read again: {count} are served, {added} added, {changed} \
             changed, {removed} removed"
        );
        Ok(())
    }

    /// Say why everything stays as it is.
    fn refuse(&self, why: &str) -> io::Result<()> {
        eprintln!("uringcast: the apps were read again and stay as they were: {}", why.trim_end());
        self.post(&self.addresses[0], Envelope::Refused(Refusal::Reload))
    }

    fn hand_out(&self, apps: &Apps) -> io::Result<()> {
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
