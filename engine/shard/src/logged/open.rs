//! Which channels get a log: there is room for so many, and whoever asks may begin so many.
//!
//! A log that holds nothing gives way to a new one, the least recently used first. What it leaves
//! is the mark above which new logs begin.
//!
//! Invariant: only what is blank and has no subscriber is dropped, and the mark is not below the
//! number of its last event.

use hashbrown::HashMap;

use super::append::Unsynced;
use super::{ChannelLog, Cursors, History, HistoryRule, wildcard_of};
use crate::id::{AppIndex, ConnId, CoreId};
use crate::log::{NoLog, RecordKind};
use crate::message::ChannelName;
use crate::owner::Owner;
use crate::route::Route;
use crate::{Millis, Refusal};

/// How long what was begun is counted, in milliseconds.
const WINDOW_MS: u64 = 60_000;

/// Logs looked at in a millisecond at most, on average, for those that may give way: about a
/// hundredth of a core's time.
const LOOKED_AT_PER_MS: u64 = 100;

impl NoLog {
    /// What it counts as.
    pub(crate) const fn refusal(self) -> Refusal {
        match self {
            Self::Full { .. } => Refusal::LogChannels,
            Self::Connection { .. } => Refusal::LogNewConnection,
            Self::App { .. } => Refusal::LogNewApp,
        }
    }
}

/// Who wants a log: a connection, or whoever speaks for the app.
pub(super) type Opener = Option<(CoreId, ConnId)>;

/// Logs that were begun within the minute that is running.
#[derive(Debug, Default)]
pub(super) struct Begun {
    since: Millis,
    by_app: HashMap<AppIndex, u32, foldhash::fast::RandomState>,
    by_connection: HashMap<(CoreId, ConnId), u32, foldhash::fast::RandomState>,
}

/// Logs that may give way.
#[derive(Debug, Default)]
pub(super) struct Blanks {
    /// When each was last used, its index and its generation; the least recently used is the last.
    found: Vec<(u64, u32, u32)>,
    /// From when on all logs may be looked at again.
    next_look: Millis,
}

impl Begun {
    /// Forget what is over.
    fn advance(&mut self, now: Millis) {
        if now.since(self.since) >= WINDOW_MS {
            *self = Self { since: now, ..Self::default() };
        }
    }
}

impl Owner {
    /// The log of `channel`, made for `opener` if it may have one and there is room; the channel
    /// must have one by its app's rules.
    pub(super) fn open_log(
        &mut self,
        route: &mut Route,
        channel: &ChannelName,
        opener: Opener,
    ) -> Result<u32, NoLog> {
        if let Some(index) = self.logs.channels.find_name(channel) {
            self.use_log(index);
            return Ok(index);
        }
        self.check_budget(route, channel.app(), opener)?;
        let index = self.make_log(route, channel)?;
        let begun = &mut self.logs.begun;
        *begun.by_app.entry(channel.app()).or_default() += 1;
        if let Some(opener) = opener {
            *begun.by_connection.entry(opener).or_default() += 1;
        }
        self.use_log(index);
        Ok(index)
    }

    /// The log at `index` is used: others give way first.
    pub(super) fn use_log(&mut self, index: u32) {
        self.logs.uses += 1;
        let used = self.logs.uses;
        self.log(index).used = used;
    }

    /// The last subscriber of `channel` has gone: until now its log was used.
    pub(crate) fn note_vacated(&mut self, channel: &ChannelName) {
        if let Some(index) = self.logs.channels.find_name(channel) {
            self.use_log(index);
        }
    }

    fn check_budget(&mut self, route: &Route, app: AppIndex, opener: Opener) -> Result<(), NoLog> {
        let now = route.now;
        self.logs.begun.advance(now);
        let limits = &route.config.log;
        let is_spent =
            |count: Option<&u32>, max: u32| max > 0 && count.copied().unwrap_or(0) >= max;
        let of_connection = opener.and_then(|it| self.logs.begun.by_connection.get(&it));
        if is_spent(of_connection, limits.new_rate) {
            return Err(NoLog::Connection { new_max: limits.new_rate });
        }
        // The app's own server goes on whatever its clients have begun.
        let of_app = opener.and_then(|_| self.logs.begun.by_app.get(&app));
        if is_spent(of_app, limits.new_rate_app) {
            return Err(NoLog::App { new_max: limits.new_rate_app });
        }
        Ok(())
    }

    /// A log for `channel`, which has none, if there is room.
    pub(super) fn make_log(
        &mut self,
        route: &mut Route,
        channel: &ChannelName,
    ) -> Result<u32, NoLog> {
        let channels_max = route.config.log.channels_max;
        if self.logs.channels.len() >= channels_max && !self.drop_blank_log(route) {
            return Err(NoLog::Full { channels_max: channels_max as u32 });
        }
        let name = channel.as_str();
        let rule = route.apps.app(channel.app()).history_rule(name).unwrap_or_else(|| {
            HistoryRule { events_max: 0, ..HistoryRule::new("") } // Its rule went with a reload.
        });
        let wildcard = wildcard_of(name).map(|name| route.channel(channel.app(), name));
        let log = ChannelLog {
            rule,
            history: History::after(self.logs.floor),
            cursors: Cursors::default(),
            snapshot: None,
            dead_letters: None,
            sinks: Box::default(),
            unsynced: Unsynced::default(),
            unkept: None,
            entered: None,
            had_users: false,
            untold: None,
            roster_due: Millis(0),
            roster_waits: None,
            wildcard,
            is_trimmed: false,
            is_stored: false,
            is_filtered: false,
            used: 0,
        };
        let index = self.logs.channels.insert(channel.clone(), log);
        self.set_sinks(route, index);
        Ok(index)
    }

    /// Forget the log that was used least recently of those in which nothing is and to which nobody
    /// is subscribed; false if there is none, or if they were looked for a moment ago.
    fn drop_blank_log(&mut self, route: &mut Route) -> bool {
        loop {
            while let Some((used, index, generation)) = self.logs.blanks.found.pop() {
                let found = self.logs.channels.get(index, generation);
                // It may have been used, or filled, since it was found.
                if found.is_some_and(|it| it.value.used == used) && self.may_give_way(index) {
                    self.drop_log(route, index);
                    return true;
                }
            }
            let now = route.now;
            if now < self.logs.blanks.next_look {
                return false;
            }
            let took_ms = self.logs.channels.len() as u64 / LOOKED_AT_PER_MS;
            self.logs.blanks.next_look = now.plus(took_ms);
            self.find_blank_logs(route);
            if self.logs.blanks.found.is_empty() {
                return false;
            }
        }
    }

    fn find_blank_logs(&mut self, route: &mut Route) {
        let all: Vec<u32> = self.logs.channels.iter_mut().map(|(index, _)| index).collect();
        for index in all {
            self.expire_log(route, index);
            self.forget_idle_cursors(route, index);
            if self.may_give_way(index) {
                let entry = self.logs.channels.at(index);
                self.logs.blanks.found.push((entry.value.used, index, entry.generation));
            }
        }
        self.logs.blanks.found.sort_unstable_by(|one, other| other.cmp(one));
    }

    fn may_give_way(&mut self, index: u32) -> bool {
        let may_forget = self.may_forget() > 0;
        let entry = self.logs.channels.at(index);
        entry.value.is_blank()
            && (may_forget || !entry.value.is_stored)
            && self.channels.find_name(&entry.name).is_none()
    }

    /// No number is given again: logs that are made from here on begin above its last.
    fn drop_log(&mut self, route: &mut Route, index: u32) {
        let entry = self.logs.channels.at(index);
        let floor = self.logs.floor.max(entry.value.last_sequence());
        self.logs.floor = floor;
        if entry.value.is_stored {
            self.store_forgotten(route, index, RecordKind::Forgotten { floor });
        }
        self.logs.channels.remove(index);
        route.counters.log_drops += 1;
    }
}
