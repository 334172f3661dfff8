//! Users that connections have entered into a channel, whether they are subscribed or not.
//!
//! A user is in the channel as long as a connection that entered them is there and has not taken
//! them out. Who is in it is known by the owner, as JSON that it relays untouched.

use bytes::Bytes;

use super::super::Refusal;
use super::super::Shard;
use super::super::message::ChannelName;
use super::message::Message;
use crate::dialect::Dialect;
use crate::id::{ConnId, CoreId};
use crate::log::NoLog;

/// Why a user was not entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnterError {
    /// `log.entered_max`.
    #[error("the room has {entered_max} users, which is all that it may")]
    Full {
        /// The limit.
        entered_max: u32,
    },
    /// The room has no log and gets none.
    #[error("{0}")]
    NoLog(#[from] NoLog),
}

/// The users of one channel, in the order in which they were entered.
#[derive(Debug, Default)]
pub(in super::super) struct Entered {
    users: Vec<EnteredUser>,
}

#[derive(Debug)]
struct EnteredUser {
    user_id: Box<str>,
    user_json: Box<str>,
    core: CoreId,
    conn: ConnId,
}

impl Entered {
    /// The JSON of each user, once: as their last entry has it.
    pub(super) fn users(&self) -> impl Iterator<Item = &str> {
        let is_last = |(at, user): &(usize, &EnteredUser)| {
            !self.users[at + 1..].iter().any(|other| other.user_id == user.user_id)
        };
        self.users.iter().enumerate().filter(is_last).map(|(_, user)| &*user.user_json)
    }

    fn place(&self, user_id: &str, core: CoreId, conn: ConnId) -> Option<usize> {
        let is_it =
            |it: &EnteredUser| *it.user_id == *user_id && (it.core, it.conn) == (core, conn);
        self.users.iter().position(is_it)
    }
}

/// A connection enters a user or takes one out.
#[derive(Debug)]
pub(super) struct Entering {
    channel: ChannelName,
    core: CoreId,
    conn: ConnId,
    dialect: Dialect,
    user_id: Box<str>,
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
        let Some((channel, dialect)) = self.channel_of(conn, name) else { return };
        let entered = &mut self.conn_log(conn).entered;
        if !entered.iter().any(|(other, id)| *other == channel && **id == *user_id) {
            entered.push((channel.clone(), user_id.into()));
        }
        let (core, user_id, user_json) = (self.config.core, user_id.into(), Some(user_json));
        self.hold(conn);
        let entering = Entering { channel, core, conn, dialect, user_id, user_json, announcement };
        self.tell_log_owner(&entering.channel.clone(), Message::Enter(entering));
    }

    /// Take out a user that `conn` has entered, and tell subscribers as above.
    pub fn leave_user(
        &mut self,
        conn: ConnId,
        name: &str,
        user_id: &str,
        announcement: Option<Bytes>,
    ) {
        let Some((channel, dialect)) = self.channel_of(conn, name) else { return };
        let entered = &mut self.conn_log(conn).entered;
        entered.retain(|(other, id)| *other != channel || **id != *user_id);
        let (core, user_id) = (self.config.core, user_id.into());
        self.hold(conn);
        let entering =
            Entering { channel, core, conn, dialect, user_id, user_json: None, announcement };
        self.tell_log_owner(&entering.channel.clone(), Message::Enter(entering));
    }

    /// A connection ends: whom it has entered leaves.
    pub(in super::super) fn leave_users(&mut self, conn: ConnId) {
        let Some(connection) = self.connection(conn) else { return };
        let Some(log) = &mut connection.log else { return };
        // The answers to what follows must not be taken for those that it waited for.
        log.abandon();
        let (entered, dialect) = (std::mem::take(&mut log.entered), connection.dialect);
        let (core, now) = (self.config.core, self.unix_ms());
        for (channel, user_id) in entered {
            let announcement = dialect.user_left(channel.as_str(), &user_id, now);
            let entering =
                Entering { channel, core, conn, dialect, user_id, user_json: None, announcement };
            self.tell_log_owner(&entering.channel.clone(), Message::Enter(entering));
        }
    }

    /// The owner's part.
    pub(super) fn on_enter_user(&mut self, entering: Entering) {
        let Entering { channel, core, conn, dialect, user_id, user_json, announcement } = entering;
        let outcome = if let Some(user_json) = user_json {
            let user = EnteredUser { user_id, user_json, core, conn };
            self.put_user(&channel, user).map(|()| true)
        } else {
            Ok(self.take_user(&channel, &user_id, core, conn))
        };
        if let Ok(is_changed) = outcome {
            if is_changed {
                self.tell_presence(&channel, dialect);
            }
            if let Some(frame) = announcement {
                self.on_ephemeral(&channel, frame);
            }
        }
        let outcome = outcome.map(|_| ());
        let entered = Message::Entered { channel, conn, outcome };
        self.tell(core, Message::into_core(entered));
    }

    fn put_user(&mut self, channel: &ChannelName, user: EnteredUser) -> Result<(), EnterError> {
        let entered_max = self.config.log.entered_max;
        let index = self.open_log(channel, Some((user.core, user.conn)))?;
        let log = self.log(index);
        log.had_users = true;
        let entered = log.entered.get_or_insert_default();
        if let Some(place) = entered.place(&user.user_id, user.core, user.conn) {
            entered.users[place] = user;
            return Ok(());
        }
        if entered.users.len() >= entered_max {
            return Err(EnterError::Full { entered_max: entered_max as u32 });
        }
        entered.users.push(user);
        Ok(())
    }

    /// Take a user out; whether there was such a one.
    fn take_user(
        &mut self,
        channel: &ChannelName,
        user_id: &str,
        core: CoreId,
        conn: ConnId,
    ) -> bool {
        let Some(index) = self.logs.channels.find_name(channel) else { return false };
        let slot = &mut self.log(index).entered;
        let Some(entered) = slot else { return false };
        let place = entered.place(user_id, core, conn);
        if let Some(place) = place {
            entered.users.remove(place);
        }
        if entered.users.is_empty() {
            *slot = None;
        }
        place.is_some()
    }

    /// Tell the subscribers of `channel` who is in it.
    fn tell_presence(&mut self, channel: &ChannelName, dialect: Dialect) {
        let Some(owned) = self.owned.find_name(channel) else { return };
        let index = self.logs.channels.find_name(channel);
        let nobody = Entered::default();
        let entered = index.and_then(|index| self.logs.channels.at(index).value.entered.as_deref());
        let users = entered.unwrap_or(&nobody).users();
        if let Some(frame) = dialect.presence(channel.as_str(), users) {
            self.fan_out(owned, frame, None, None);
        }
    }

    pub(super) fn on_user_entered(
        &mut self,
        channel: &ChannelName,
        conn: ConnId,
        outcome: Result<(), EnterError>,
    ) {
        if let Err(error) = outcome {
            self.refuse(match error {
                EnterError::Full { .. } => Refusal::LogEntered,
                EnterError::NoLog(error) => error.refusal(),
            });
            if let Some((_, dialect)) = self.speaks(conn) {
                self.send(conn, dialect.enter_refused(channel.as_str(), error));
            }
        }
        self.release(conn);
    }
}
