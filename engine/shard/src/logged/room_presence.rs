//! Users that connections have entered into a channel, whether they are subscribed or not.
//!
//! A user is in the channel as long as a connection that entered them is there and has not taken
//! them out. Who is in it is known by the owner, as JSON that it relays untouched. Its subscribers
//! are told at the end of a turn in which that has changed, once, and then of each who came or
//! went: a thousand who leave at once are one list and not a thousand. A long list is told less
//! often, so that who comes and goes turn by turn cannot fill the outboxes of those who listen; the
//! last one is told in the end, whatever happens in between.

use std::sync::Arc;

use bytes::Bytes;

use super::message::{Message, News};
use super::presence::Entrant;
use crate::id::{ConnId, CoreId};
use crate::local::Local;
use crate::log::NoLog;
use crate::message::ChannelName;
use crate::owner::Owner;
use crate::route::{Route, Way};
use crate::{DialectId, Millis, Refusal, Shard, Word};

/// Bytes of one channel's rosters that each of its subscribers is sent in a millisecond at most: it
/// reads 1 MB a second, or it is slow.
const ROSTER_BYTES_PER_MS: u64 = 1_024;

/// Why a user was not entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnterError {
    /// `log.entered_max`.
    #[error("the room has {entered_max} users, which is all that it may")]
    Full {
        /// The limit.
        entered_max: u32,
    },
    /// `log.entered_bytes_max`.
    #[error("the users of the room take {entered_bytes_max} bytes, which is all that they may")]
    FullOfBytes {
        /// The limit.
        entered_bytes_max: u32,
    },
    /// The room has no log and gets none.
    #[error("{0}")]
    NoLog(#[from] NoLog),
}

impl EnterError {
    /// What it counts as.
    const fn refusal(self) -> Refusal {
        match self {
            Self::Full { .. } => Refusal::LogEntered,
            Self::FullOfBytes { .. } => Refusal::LogEnteredBytes,
            Self::NoLog(error) => error.refusal(),
        }
    }
}

/// What the subscribers of one channel have yet to be told.
#[derive(Debug)]
pub(super) struct UntoldUsers {
    dialect: DialectId,
    /// Whether it is who is in it, besides what follows.
    is_changed: bool,
    /// Frames that come behind that.
    announcements: Vec<Bytes>,
}

/// Channels whose subscribers have something to be told of their users, by index and generation.
#[derive(Debug, Default)]
pub(super) struct Rosters {
    /// At the end of this turn.
    changed: Vec<(u32, u32)>,
    /// Not before a time.
    waiting: Vec<(Millis, (u32, u32))>,
}

/// A connection enters a user or takes one out.
#[derive(Debug)]
pub(super) struct Entering {
    pub(super) channel: ChannelName,
    core: CoreId,
    conn: ConnId,
    dialect: DialectId,
    user_id: Arc<str>,
    /// What is known of the user; `None` takes them out.
    user_json: Option<Box<str>>,
    /// A frame that the channel's subscribers are told besides.
    announcement: Option<Bytes>,
}

impl Entering {
    pub(super) fn weight_bytes(&self) -> usize {
        let json = self.user_json.as_ref().map_or(0, |json| json.len());
        self.user_id.len() + json + self.announcement.as_ref().map_or(0, Bytes::len)
    }
}

impl Shard {
    /// Enter a user into channel `name` for as long as `conn` is there. Subscribers are told who is
    /// in the channel, then `announcement`. Where the owner is another core `conn` is
    /// [held](Self::is_held) meanwhile.
    pub fn enter_user(
        &mut self,
        conn: ConnId,
        name: &str,
        user_id: &str,
        user_json: Box<str>,
        announcement: Option<Bytes>,
    ) {
        let Some((channel, dialect)) = self.local.channel_of(&self.route, conn, name) else {
            return;
        };
        let entered = &mut self.local.conn_log(conn).entered;
        if !entered.iter().any(|(other, id)| *other == channel && **id == *user_id) {
            entered.push((channel.clone(), user_id.into()));
        }
        let (core, user_id, user_json) = (self.route.config.core, user_id.into(), Some(user_json));
        self.hold(conn);
        let entering = Entering { channel, core, conn, dialect, user_id, user_json, announcement };
        self.tell_log_owner(Message::Enter(entering));
    }

    /// Take out a user that `conn` has entered: subscribers are told who is left, then
    /// `announcement`. `conn` is [held](Self::is_held) meanwhile.
    pub fn leave_user(
        &mut self,
        conn: ConnId,
        name: &str,
        user_id: &str,
        announcement: Option<Bytes>,
    ) {
        let Some((channel, dialect)) = self.local.channel_of(&self.route, conn, name) else {
            return;
        };
        let entered = &mut self.local.conn_log(conn).entered;
        entered.retain(|(other, id)| *other != channel || **id != *user_id);
        let (core, user_id) = (self.route.config.core, user_id.into());
        self.hold(conn);
        let entering =
            Entering { channel, core, conn, dialect, user_id, user_json: None, announcement };
        self.tell_log_owner(Message::Enter(entering));
    }
}

impl Local {
    /// A connection ends: whom it has entered leaves.
    pub(crate) fn leave_users(&mut self, route: &mut Route, conn: ConnId) {
        let Some(connection) = self.connection(conn) else { return };
        let Some(log) = &mut connection.log else { return };
        // The answers to what follows must not be taken for those that it waited for.
        log.abandon();
        let (entered, dialect) = (std::mem::take(&mut log.entered), connection.dialect);
        let (core, now) = (route.config.core, route.unix_ms);
        for (channel, user_id) in entered {
            let left =
                Word::UserLeft { channel: channel.as_str(), user_id: &user_id, unix_ms: now };
            let said = route.row(dialect).said(&[left]);
            let announcement = (said.frames > 0).then_some(said.bytes);
            let user_id = user_id.into();
            let entering =
                Entering { channel, core, conn, dialect, user_id, user_json: None, announcement };
            route.tell_log_owner(Message::Enter(entering));
        }
    }

    pub(super) fn on_user_entered(
        &mut self,
        route: &mut Route,
        channel: &ChannelName,
        conn: ConnId,
        outcome: Result<(), EnterError>,
    ) {
        if let Err(error) = outcome {
            route.refuse(error.refusal());
            self.tell_word(route, conn, &Word::EnterRefused { channel: channel.as_str(), error });
        }
        self.release(route, conn);
    }
}

impl Owner {
    /// The owner's part.
    pub(super) fn on_enter_user(&mut self, way: &mut Way<'_>, entering: Entering) {
        let Entering { channel, core, conn, dialect, user_id, user_json, announcement } = entering;
        let entrant = Entrant { user_id, core, conn };
        let outcome = if let Some(user_json) = user_json {
            self.put_user(way.route, &channel, entrant, user_json).map(|()| true)
        } else {
            Ok(self.take_user(&channel, &entrant))
        };
        if let Ok(is_changed) = outcome {
            self.tell_later(way, &channel, dialect, is_changed, announcement);
        }
        let outcome = outcome.map(|_| ());
        way.tell_conn(core, conn, News::UserEntered { channel, outcome });
    }

    fn put_user(
        &mut self,
        route: &mut Route,
        channel: &ChannelName,
        entrant: Entrant,
        user_json: Box<str>,
    ) -> Result<(), EnterError> {
        let index = self.open_log(route, channel, Some((entrant.core, entrant.conn)))?;
        let log = &mut self.logs.channels.at(index).value;
        let mut entered = log.entered.take().unwrap_or_default();
        let outcome = entered.put(entrant, user_json, &route.config.log);
        log.had_users |= outcome.is_ok();
        log.entered = Some(entered).filter(|it| !it.is_empty());
        outcome
    }

    /// Take a user out; whether there was such a one.
    fn take_user(&mut self, channel: &ChannelName, entrant: &Entrant) -> bool {
        let Some(index) = self.logs.channels.find_name(channel) else { return false };
        let slot = &mut self.log(index).entered;
        let Some(entered) = slot else { return false };
        let is_changed = entered.take(entrant);
        if entered.is_empty() {
            *slot = None;
        }
        is_changed
    }

    /// At the turn's end subscribers of `channel` are told who is in it, if that `is_changed`, and
    /// then `announcement`, in its place among the others.
    fn tell_later(
        &mut self,
        way: &mut Way<'_>,
        channel: &ChannelName,
        dialect: DialectId,
        is_changed: bool,
        announcement: Option<Bytes>,
    ) {
        let index = self.logs.channels.find_name(channel);
        let untold = index.is_some_and(|index| self.log(index).untold.is_some());
        let Some(index) = index.filter(|_| is_changed || untold) else {
            if let Some(frame) = announcement {
                self.on_ephemeral(way, channel, frame);
            }
            return;
        };
        let entry = self.logs.channels.at(index);
        let id = (index, entry.generation);
        let untold = entry.value.untold.get_or_insert_with(|| {
            self.logs.rosters.changed.push(id);
            Box::new(UntoldUsers { dialect, is_changed: false, announcements: Vec::new() })
        });
        untold.is_changed |= is_changed;
        untold.announcements.extend(announcement);
    }

    /// The turn is over: tell the subscribers of each channel that has changed.
    pub(crate) fn tell_rosters(&mut self, way: &mut Way<'_>) {
        for id in std::mem::take(&mut self.logs.rosters.changed) {
            let Some(entry) = self.logs.channels.get(id.0, id.1) else { continue };
            let channel = entry.name.clone();
            let Some(untold) = entry.value.untold.take() else { continue };
            let UntoldUsers { dialect, is_changed, announcements } = *untold;
            if is_changed {
                self.tell_roster(way, id, &channel, dialect);
            }
            for frame in announcements {
                self.on_ephemeral(way, &channel, frame);
            }
        }
    }

    /// Whether there is anything that [`tell_rosters`](Self::tell_rosters) would do.
    pub(crate) fn has_rosters(&self) -> bool {
        !self.logs.rosters.changed.is_empty()
    }

    /// Time has moved: list the channels whose rosters have waited for it.
    pub(crate) fn look_at_rosters(&mut self, way: &mut Way<'_>) {
        let now = way.route.now;
        let is_due = |(due, _): &mut (Millis, (u32, u32))| *due <= now;
        let due: Vec<_> = self.logs.rosters.waiting.extract_if(.., is_due).collect();
        for (_, (index, generation)) in due {
            let Some(entry) = self.logs.channels.get(index, generation) else { continue };
            let channel = entry.name.clone();
            if let Some(dialect) = entry.value.roster_waits.take() {
                self.tell_later(way, &channel, dialect, true, None);
            }
        }
    }

    /// Tell the subscribers of `channel` who is in it, now or when they have had time to read what
    /// they were told last.
    fn tell_roster(
        &mut self,
        way: &mut Way<'_>,
        id: (u32, u32),
        channel: &ChannelName,
        dialect: DialectId,
    ) {
        let Some(owned) = self.channels.find_name(channel) else { return };
        let now = way.route.now;
        let row = way.route.row(dialect);
        let log = &mut self.logs.channels.at(id.0).value;
        if log.roster_due > now {
            if log.roster_waits.replace(dialect).is_none() {
                self.logs.rosters.waiting.push((log.roster_due, id));
            }
            return;
        }
        let users = log.entered.as_ref().map_or_else(Vec::new, |entered| entered.users());
        let count = users.len() as u64;
        let said = row.said(&[Word::Present { channel: channel.as_str(), users: &users }]);
        if said.frames == 0 {
            return;
        }
        log.roster_due = now.plus(said.bytes.len() as u64 / ROSTER_BYTES_PER_MS);
        way.route.counters.rosters += 1;
        way.route.counters.roster_users += count;
        self.fan_out(way, owned, said.bytes, None, None);
    }
}
