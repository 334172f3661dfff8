//! Channels with a log: sequences, catching up, acknowledgements.
//!
//! A channel's owner keeps its log and gives each event its sequence. A subscriber says where it
//! wants to begin; until it has come to the newest event it is no member of its channel's list on
//! its core, but is given pages of the log. The page that reaches the end joins it to the list:
//! what the owner sends to one core is in order, so nothing is missing between the two and nothing
//! is there twice. A subscriber that falls behind goes back to pages, so what waits for it is
//! bounded.
//!
//! What channels without a log do is untouched by this, but for a look at whether there is one.

mod ack;
mod append;
mod ask;
mod conn_log;
mod dead_letters;
mod hold;
mod keep;
mod lag;
mod message;
mod open;
mod page;
mod page_queue;
mod presence;
mod questions;
mod record;
mod replay;
mod restore;
mod resume;
mod room_presence;
mod sample;
mod sinks;
mod subscribe_options;
mod subscribers;
mod unkept;

use std::collections::VecDeque;

pub use ack::RefusedAck;
pub use append::{AppendError, Appended, Delivery};
pub use ask::{LogAnswer, SnapshotError};
pub use lag::{ChannelLag, Lags};
pub use message::{LogMessage, LogNews, NamedDraft};
pub use questions::{
    ChannelLogInfo, ForgetDeadLetters, KeepDeadLetter, ListDeadLetters, LogInfo, Replay, SnapshotOf,
};
pub use record::{LogRecord, Logged, Renewed};
pub use replay::ReplayRange;
pub use resume::{Resume, ResumesFull};
pub use room_presence::EnterError;
pub use sinks::{SinkId, SinkOutcome, SinkPost};
pub use subscribe_options::{Start, SubscribeOptions};

pub(super) use ack::{Acks, Untold};
pub(super) use conn_log::ConnLog;
pub(super) use sample::Samples;
pub(super) use subscribe_options::{JoinLog, LogWelcome};
pub(super) use subscribers::LocalLog;

use crate::app::{HistoryRule, rule_of, wildcard_of};
use crate::id::ConnId;
use crate::log::{Cursors, DeadLetters, History, Snapshot};
use crate::message::ChannelName;
use crate::owner::Owner;
use crate::route::Route;
use crate::table::Table;
use crate::{DialectId, Millis, Shard};
use append::Unsynced;
use page::PageOf;
use presence::Entered;
use room_presence::{Rosters, UntoldUsers};
use sinks::{ChannelSink, Sinks};
use unkept::{Retries, Unkept};

/// The log of one channel that this core owns.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Debug)]
pub(super) struct ChannelLog {
    /// What it may keep.
    pub(super) rule: HistoryRule,
    pub(super) history: History,
    pub(super) cursors: Cursors,
    pub(super) snapshot: Option<Box<Snapshot>>,
    pub(super) dead_letters: Option<Box<DeadLetters>>,
    /// Who is posted its events, and how far they are.
    sinks: Box<[ChannelSink]>,
    /// Events that the log thread has yet to keep; their sequences follow the history's.
    pub(super) unsynced: Unsynced,
    /// Its cursors and its snapshot, as far as the log thread has yet to keep them.
    unkept: Option<Box<Unkept>>,
    /// Users that connections have entered.
    pub(super) entered: Option<Box<Entered>>,
    /// Whether there ever was one.
    had_users: bool,
    /// What subscribers are to be told of them at the turn's end.
    untold: Option<Box<UntoldUsers>>,
    /// When they may be told next who is in it, and in which dialect if that waits.
    roster_due: Millis,
    roster_waits: Option<DialectId>,
    /// Where a room's events go besides.
    wildcard: Option<ChannelName>,
    /// Whether it has let events go in this turn that the disk does not know of.
    is_trimmed: bool,
    /// Whether the disk may know anything of it.
    is_stored: bool,
    /// Whether anybody who joined wanted some types only: then events go out with theirs.
    is_filtered: bool,
    /// Which of all uses of this core's logs was its last.
    used: u64,
}

impl ChannelLog {
    /// Whether nothing would be lost with it but the number of its last event.
    fn is_blank(&self) -> bool {
        self.history.is_empty()
            && self.unsynced.is_empty()
            && self.unkept.is_none()
            && self.cursors.is_empty()
            && self.snapshot.is_none()
            && self.dead_letters.is_none()
            && self.entered.is_none()
            && self.untold.is_none()
            && self.roster_waits.is_none()
            && !self.has_busy_sinks()
    }

    /// The number of the newest event, whether it is kept yet or not.
    fn last_sequence(&self) -> u64 {
        self.history.last_sequence() + self.unsynced.len() as u64
    }
}

/// The logs that one core owns.
#[derive(Debug)]
pub(super) struct Logs {
    pub(super) channels: Table<ChannelLog>,
    /// Events of all channels, oldest first: index and generation of the log, and the sequence.
    by_age: VecDeque<(u32, u32, u64)>,
    /// Bytes of all events, snapshots and dead letters.
    bytes: usize,
    events: usize,
    snapshot_bytes: usize,
    dead_letters: usize,
    dead_letter_bytes: usize,
    /// Records that something is forgotten which the log thread has yet to answer.
    forgotten: usize,
    retries: Retries,
    /// Logs of which the disk is to be told at the turn's end that they have let events go.
    trimmed: Vec<(u32, u32)>,
    /// Those of all channels that are not idle.
    sinks: Sinks,
    /// The highest number of an event in any log that was dropped: new logs begin above it.
    floor: u64,
    /// Uses of all logs so far.
    uses: u64,
    begun: open::Begun,
    blanks: open::Blanks,
    /// Where the next look at what has expired begins.
    sweep: u32,
    /// Where the next look at who is behind begins.
    lag_from: u32,
    rosters: Rosters,
}

impl Logs {
    pub(super) fn new() -> Self {
        Self {
            channels: Table::new(),
            by_age: VecDeque::new(),
            bytes: 0,
            events: 0,
            snapshot_bytes: 0,
            dead_letters: 0,
            dead_letter_bytes: 0,
            forgotten: 0,
            retries: Retries::default(),
            trimmed: Vec::new(),
            sinks: Sinks::default(),
            floor: 0,
            uses: 0,
            begun: open::Begun::default(),
            blanks: open::Blanks::default(),
            sweep: 0,
            lag_from: 0,
            rosters: Rosters::default(),
        }
    }
}

impl Shard {
    /// It is `unix_ms` milliseconds after the beginning of 1970.
    pub fn set_unix_ms(&mut self, unix_ms: u64) {
        self.set_unix_us(unix_ms * 1_000);
    }

    /// The time that was said last, in milliseconds since 1970.
    pub const fn unix_ms(&self) -> u64 {
        self.route.unix_ms
    }

    /// Whether channel `name` of `conn`'s app has a log.
    pub fn is_logged(&mut self, conn: ConnId, name: &str) -> bool {
        let Some(app) = self.local.connection(conn).map(|it| it.app) else { return false };
        self.route.apps.app(app).has_log(name)
    }
}

impl Owner {
    fn log(&mut self, index: u32) -> &mut ChannelLog {
        &mut self.logs.channels.at(index).value
    }

    /// The rules of apps have changed: what logs may keep, and for which sinks, follows them.
    pub(super) fn renew_history_rules(&mut self, route: &mut Route) {
        let mut indices = Vec::with_capacity(self.logs.channels.len());
        for (index, entry) in self.logs.channels.iter_mut() {
            let app = route.apps.app(entry.name.app());
            if let Some(rule) = rule_of(&app.history, entry.name.as_str()) {
                entry.value.rule = rule;
            }
            if !app.sinks.is_empty() || !entry.value.sinks.is_empty() {
                indices.push(index);
            }
        }
        for index in indices {
            self.set_sinks(route, index);
        }
    }
}
