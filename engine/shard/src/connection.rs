//! One connection's state: what it speaks, what it is subscribed to, what it has yet to send.
//!
//! A connection's subscriptions and a channel's subscribers point at each other by position, so
//! that ending one costs the same however many the other has.

use std::num::NonZeroU32;

use crate::Millis;
use crate::channel::Form;
use crate::hear::Waiting;
use crate::id::AppIndex;
use crate::logged::ConnLog;
use crate::message::Member;
use crate::outbox::Outbox;
use crate::rate::Window;
use crate::user::User;
use crate::wheel::Tick;
use crate::word::DialectId;

/// Where a connection is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Accepted; its first request head is not complete. Ends at the time given.
    Handshake { until: Millis },
    /// Speaks plain HTTP. Ends at the time given unless the I/O layer moves it.
    Http { until: Millis, is_request_open: bool },
    /// A websocket that is open. `pinged` is when the server asked for a sign of life;
    /// `authorize_by` the tick at which it is closed if nobody has shown who it is; `expires` the
    /// second since 1970 at which what it has shown is good for nothing any more.
    Open { pinged: Option<Millis>, authorize_by: Option<NonZeroU32>, expires: Option<NonZeroU32> },
    /// A websocket that is being closed; nothing but the close frame is sent any more.
    Closing(Closing),
}

/// The kind of room that a socket takes up: each has a limit of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// That of clients and publishers.
    Client,
    /// That of the listeners for metrics and tests.
    Operator,
    /// That of clients beyond their limit, for as long as it takes to tell them.
    TurnedAway,
}

/// How far a close has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closing {
    /// When the socket is cut at the latest.
    pub(super) until: Millis,
    /// What is known of the peer's own close frame.
    pub(super) farewell: Farewell,
    /// Whether the I/O layer has been told to end the stream.
    pub(super) finished: bool,
}

/// The peer's side of a close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Farewell {
    /// Its close frame is waited for.
    Awaited,
    /// Its close frame is here: it says nothing more, and the server closes first (RFC 6455
    /// section 7.1.1).
    Heard,
    /// Whatever it says is not listened to; it may still be talking.
    Ignored,
}

/// One subscription of a connection; its channel is at the same index of `channels`.
#[derive(Debug)]
pub(super) struct Subscription {
    /// Index into the channel's subscribers, or [`JOINING`] until the owner has answered.
    pub(super) position: u32,
    /// Tells the answer to this attempt from the answer to an earlier one.
    pub(super) attempt: u32,
    /// The user presented, on presence channels.
    pub(super) member: Option<Box<Member>>,
}

/// The position of a subscription that the owner has not confirmed.
pub(super) const JOINING: u32 = u32::MAX;

/// The position of one that the owner has confirmed and that reads its channel's log.
pub(super) const CATCHING_UP: u32 = u32::MAX - 1;

impl Subscription {
    /// Whether it stands in its channel's list of subscribers.
    pub(super) const fn is_listed(&self) -> bool {
        self.position < CATCHING_UP
    }
}

/// One connection.
#[expect(clippy::struct_excessive_bools, reason = "each is a membership of its own")]
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) generation: u32,
    pub(super) nonce: u32,
    pub(super) app: AppIndex,
    pub(super) dialect: DialectId,
    /// The kind of room that it takes up.
    pub(super) place: Place,
    /// Whether the owner of its app counts it.
    pub(super) is_counted: bool,
    /// Whether its dialect has a form of its own for what is made as a websocket frame.
    pub(super) has_own_form: bool,
    /// Whether the connection agreed to `permessage-deflate`: its events may be compressed.
    pub(super) is_deflated: bool,
    /// Whether the connection stands in the shard's list of outboxes to flush.
    pub(super) is_dirty: bool,
    /// Whether the connection was found over its limit: nothing is queued on it any more, and the
    /// turn's end closes it.
    pub(super) is_over: bool,
    /// Whether the connection stands in the list of those with a send in flight.
    pub(super) is_in_flight_listed: bool,
    /// Whether its messages wait to be heard.
    pub(super) waiting: Waiting,
    pub(super) phase: Phase,
    pub(super) outbox: Outbox,
    /// The channel of each subscription, apart so that finding one scans 4 bytes an entry.
    pub(super) channels: Vec<u32>,
    pub(super) subscriptions: Vec<Subscription>,
    pub(super) last_activity: Millis,
    /// When the peer last took bytes, or was last offered some with nothing in flight.
    pub(super) last_progress: Millis,
    pub(super) scheduled: Tick,
    pub(super) event_rate: Window,
    /// Who has signed in; nobody on most connections.
    pub(super) user: Option<Box<User>>,
    /// What it has to do with logs; nothing on most connections.
    pub(super) log: Option<Box<ConnLog>>,
}

/// The end of a credential stands where there was padding.
const _: () = assert!(size_of::<Phase>() <= 24);

/// There may be a million: what few of them need belongs behind a box.
const _: () = assert!(size_of::<Connection>() <= 200);

impl Connection {
    /// Whether events and answers may still be queued.
    pub(super) const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open { .. })
    }

    /// Whether its next message may be heard: what it says when it closes always is.
    pub(super) fn may_be_heard(&self, outbox_bytes_soft: usize, is_backlogged: bool) -> bool {
        let is_held = || self.log.as_ref().is_some_and(|it| it.is_held());
        let must_wait = is_backlogged || self.outbox.bytes() > outbox_bytes_soft || is_held();
        !must_wait || !self.is_open()
    }

    /// The form in which it gets events.
    pub(super) const fn form(&self) -> Form {
        match (self.has_own_form, self.is_deflated) {
            (true, _) => Form::Own(self.dialect),
            (_, true) => Form::Deflated,
            (_, false) => Form::Plain,
        }
    }

    /// Whether this is a websocket or a stream, open or closing.
    pub(super) const fn is_websocket(&self) -> bool {
        matches!(self.phase, Phase::Open { .. } | Phase::Closing(_))
    }

    /// The index of the subscription to the channel at `local` in the table.
    pub(super) fn find(&self, local: u32) -> Option<usize> {
        self.channels.iter().position(|&channel| channel == local)
    }
}
