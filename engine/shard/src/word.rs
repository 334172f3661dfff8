//! What a shard itself has to say to connections, and the rows in which dialects say how.
//!
//! The shard knows what has happened and puts it into a [`Word`]; a dialect's row turns it into
//! bytes. Whoever has the parts of a word says it, so that words borrow and cross no core: what
//! crosses are bytes. A dialect's answers to its own client are no words, they are bytes at once.

use bytes::Bytes;

use crate::app::{Apps, ZpsPolicy};
use crate::id::{AppIndex, ConnId};
use crate::local::Local;
use crate::log::{AckError, Snapshot};
use crate::message::{JoinRefused, Nature};
use crate::online::OnlineStatus;
use crate::roster::Roster;
use crate::route::Route;
use crate::{AppendError, EnterError, Shard, ShardConfig};

/// One thing that connections are told. Lengths and names are as the publisher gave them, JSON is
/// relayed untouched.
#[derive(Clone, Copy, Debug)]
pub enum Word<'a> {
    /// A subscription has begun.
    Subscribed {
        /// The channel.
        channel: &'a str,
        /// Who is in it, on channels that have members.
        members: Option<Members<'a>>,
        /// Where it begins, on channels with a log.
        begin: Option<Begin>,
    },
    /// The owner of a channel has not let the connection in.
    JoinRefused {
        /// The channel.
        channel: &'a str,
        /// Why not.
        refused: JoinRefused,
    },
    /// A cache channel has no event for its new subscriber.
    CacheMiss {
        /// The channel.
        channel: &'a str,
    },
    /// How many subscriptions a channel has.
    SubscriptionCount {
        /// The channel.
        channel: &'a str,
        /// Now, on all cores.
        count: u32,
    },
    /// A user has come to a channel with members.
    MemberAdded {
        /// The channel.
        channel: &'a str,
        /// The user.
        user_id: &'a str,
        /// What is known of the user: raw JSON.
        user_info: &'a str,
    },
    /// A user has left a channel with members.
    MemberRemoved {
        /// The channel.
        channel: &'a str,
        /// The user.
        user_id: &'a str,
    },
    /// The state of a channel as of an event, or that there is none.
    Snapshot {
        /// The channel.
        channel: &'a str,
        /// The state.
        snapshot: Option<&'a Snapshot>,
    },
    /// A subscription begins after an event, and not with the oldest one.
    StartsAfter {
        /// The channel.
        channel: &'a str,
        /// The event.
        sequence: u64,
        /// Now, in milliseconds since 1970.
        unix_ms: u64,
    },
    /// Events `first` to `last` are gone; if `first` is beyond `last`, the log began anew and has
    /// no event after `last`.
    Lost {
        /// The channel.
        channel: &'a str,
        /// The first event that is gone.
        first: u64,
        /// The last one.
        last: u64,
        /// Now, in milliseconds since 1970.
        unix_ms: u64,
    },
    /// Events that were wanted again.
    Replayed {
        /// The channel.
        channel: &'a str,
        /// They were wanted after this one.
        after: u64,
        /// What subscribers got, a frame each.
        frames: &'a [Bytes],
    },
    /// Who has been entered into a channel.
    Present {
        /// The channel.
        channel: &'a str,
        /// What is known of each: raw JSON.
        users: &'a [&'a str],
    },
    /// A user is gone with the connection that had entered them.
    UserLeft {
        /// The channel.
        channel: &'a str,
        /// The user.
        user_id: &'a str,
        /// Now, in milliseconds since 1970.
        unix_ms: u64,
    },
    /// An event was not appended.
    AppendRefused {
        /// The channel.
        channel: &'a str,
        /// Why not.
        error: AppendError,
    },
    /// A user was not entered.
    EnterRefused {
        /// The channel.
        channel: &'a str,
        /// Why not.
        error: EnterError,
    },
    /// An acknowledgement counts.
    Acked {
        /// The channel.
        channel: &'a str,
        /// Up to this event.
        sequence: u64,
    },
    /// An acknowledgement does not count.
    AckRefused {
        /// The channel.
        channel: &'a str,
        /// It was up to this event.
        sequence: u64,
        /// Why not.
        error: AckError,
    },
    /// Users whom the connection watches have come or gone: each list is told in one piece.
    Watched(&'a [(OnlineStatus, Vec<&'a str>)]),
    /// Nothing else has been said for long: something on the way may take the connection for dead.
    KeepAlive,
    /// The client is asked for a sign of life.
    Ping,
    /// The last words. A dialect that has none has its connection cut.
    Farewell {
        /// What ends the connection.
        ending: Ending,
        /// Why, in words, where the dialect has none of its own.
        reason: &'a str,
    },
}

/// Everyone who is in a channel with members.
#[derive(Clone, Copy, Debug)]
pub struct Members<'a>(pub(super) &'a Roster);

impl<'a> Members<'a> {
    /// Each user's id and what is known of the user as raw JSON, in no order.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, &'a str)> + Clone {
        self.0.members()
    }
}

/// Where a subscription to a channel with a log begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begin {
    /// Tells the log from one of the same channel that ended with another process.
    pub epoch: u32,
    /// The event after which the connection gets all.
    pub after: u64,
}

/// Why a connection ends that nobody's mistake in the protocol ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It does not read as fast as it is sent to.
    Slow,
    /// It gives no sign of life.
    Silent,
    /// It has not shown in time who it is.
    Unauthorized,
    /// What it has shown of itself is good for nothing any more.
    Expired,
    /// The app's server has ended the connections of its user.
    Terminated,
    /// Its app is served no more.
    AppGone,
    /// Its app is switched off.
    AppDisabled,
    /// The process ends.
    Draining,
    /// The server has made a mistake.
    Failed,
}

/// The message of an event without the digits of its sequence, and where those stood, in bytes.
pub type Unnumbered = (Vec<u8>, usize);

/// All that a shard is handed of the dialects.
#[derive(Debug)]
pub struct Dialects {
    /// How each says things; one to [`DIALECTS_MAX`](super::DIALECTS_MAX).
    pub rows: &'static [DialectRow],
    /// What the channel with this name is, to all of them.
    pub nature: fn(&str) -> Nature,
    /// The `data` of a cached event as the JSON token that its publisher sent, from its frame.
    pub data_of: fn(&[u8]) -> Option<Box<str>>,
    /// When the first event of these frames was emitted, in milliseconds since 1970, if they say
    /// so.
    pub emitted_unix_ms: fn(&[u8]) -> Option<u64>,
    /// The message in an event's frame without the digits of its sequence, and where those stood.
    pub without_sequence: fn(&[u8]) -> Option<Unnumbered>,
    /// The id of a dead letter that is made at a time in milliseconds since 1970, from a random
    /// number.
    pub dead_letter_id: fn(u64, u64) -> String,
}

/// One dialect among those that a shard is handed: its place in their list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DialectId(pub u8);

/// Appends a websocket's message in a dialect's own form; nothing if it has none for that.
pub type OwnForm = fn(&[u8], &mut Vec<u8>);

/// How one dialect says what the shard has to say.
#[derive(Debug)]
pub struct DialectRow {
    /// What it is called, for people.
    pub name: &'static str,
    /// Append the word in the dialect's form, and return how many frames that is; 0 if the dialect
    /// has no such word.
    pub say: fn(&Word<'_>, &mut Vec<u8>) -> u32,
    /// The times and limits of its connections, by those of the server and of their app.
    pub traits: fn(&ShardConfig, &ZpsPolicy) -> Traits,
    /// How its connections get what was made as a websocket frame; `None` is as it was made.
    pub own_form: Option<OwnForm>,
    /// Whether it is closed by a frame that its client answers, as a websocket is.
    pub closes_by_frame: bool,
    /// Whether its clients subscribe to channels with a log only, so that what waits for them waits
    /// in the log.
    pub follows_only_logs: bool,
}

/// The times and limits of the connections that one dialect has in one app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traits {
    /// Milliseconds of silence towards the client after which it is sent [`Word::KeepAlive`].
    pub keep_alive_ms: u64,
    /// Milliseconds of the client's silence after which it is sent [`Word::Ping`].
    pub activity_ms: u64,
    /// Milliseconds that it has to answer.
    pub pong_ms: u64,
    /// Unsent bytes of one connection above which it is a slow consumer.
    pub outbox_bytes_max: usize,
}

/// Words in one dialect's form: whole frames, one behind the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    pub(super) bytes: Bytes,
    pub(super) frames: u32,
}

impl DialectRow {
    /// `words`, in their order, in the dialect's form.
    pub(super) fn said(&self, words: &[Word<'_>]) -> Said {
        let mut bytes = Vec::new();
        let frames = words.iter().map(|word| (self.say)(word, &mut bytes)).sum();
        Said { bytes: bytes.into(), frames }
    }
}

/// The traits of all dialects in all apps.
#[derive(Debug)]
pub(super) struct TraitsTable {
    /// Of each app one for each dialect, by the app's index; those of no app at the end.
    traits: Vec<Traits>,
    dialects: usize,
}

impl TraitsTable {
    /// Work them out for all `apps`.
    pub(super) fn new(config: &ShardConfig, rows: &[DialectRow], apps: &Apps) -> Self {
        let policies = apps.indices().map(|index| apps.zps(index)).chain([&ZpsPolicy::DEFAULT]);
        let traits = policies.flat_map(|rooms| rows.iter().map(|row| (row.traits)(config, rooms)));
        Self { traits: traits.collect(), dialects: rows.len() }
    }

    /// Those of `dialect` in `app`.
    pub(super) fn of(&self, app: AppIndex, dialect: DialectId) -> &Traits {
        let place = usize::from(app.0) * self.dialects + usize::from(dialect.0);
        // Who is turned away from a server without apps is of none.
        let none = self.traits.len() - self.dialects + usize::from(dialect.0);
        self.traits.get(place).unwrap_or(&self.traits[none])
    }
}

impl Shard {
    /// Tell `conn` something, in its own form; nothing if it is being closed.
    pub fn tell_word(&mut self, conn: ConnId, word: &Word<'_>) {
        self.local.tell_word(&mut self.route, conn, word);
    }

    /// The times and limits of `conn`; of one that is gone, those of the first app's first dialect.
    pub fn traits(&mut self, conn: ConnId) -> &Traits {
        let spoken = self.local.connection(conn).map(|it| (it.app, it.dialect));
        let (app, dialect) = spoken.unwrap_or((AppIndex(0), DialectId(0)));
        self.route.traits.of(app, dialect)
    }
}

impl Local {
    /// Say `word` to `conn` in its own form; nothing if it is being closed.
    pub(super) fn tell_word(&mut self, route: &mut Route, conn: ConnId, word: &Word<'_>) {
        let Some((_, dialect)) = self.speaks(conn) else { return };
        let said = route.row(dialect).said(std::slice::from_ref(word));
        self.send_said(route, conn, said);
    }
}

impl Local {
    /// Queue what was said in its form on `conn`; nothing if it is being closed.
    pub(super) fn send_said(&mut self, route: &mut Route, conn: ConnId, said: Said) {
        if said.frames > 0 {
            self.send_run(route, conn, said.bytes, said.frames);
        }
    }
}
