//! One client as its dialect knows it: what is remembered of it, and what comes of its messages.
//!
//! Whoever reads the client's socket keeps its [`Session`], and lends it the shard and the core's
//! [`Speaker`] for each message. The shard knows neither. A message that needs an answer holds its
//! connection in the shard, and what is left of it stays here until that lets it go on.
//!
//! Invariant: a session is unfinished only while its connection is held, or has yet to go on.

use uringcast_proto::ws::assembler::{Limits, Message};
use uringcast_proto::ws::close::CloseCode;
use uringcast_proto::ws::encode;
use uringcast_shard::Shard;
use uringcast_shard::id::ConnId;

use super::zps::{RoomKey, RoomVerdict, Verdicts};
use super::{Rules, echo, pusher, zps};

/// One client.
#[derive(Debug)]
pub enum Session {
    /// Pusher Channels.
    Pusher,
    /// zero-pub-sub.
    Zps(Box<zps::State>),
    /// A stream of server-sent events, whose client never speaks.
    Sse,
    /// Every message comes back.
    Echo,
}

/// What all sessions of a core share.
#[derive(Debug)]
pub struct Speaker {
    /// What clients may do.
    pub rules: Rules,
    /// What apps' servers have said about rooms.
    pub verdicts: Verdicts,
}

impl Speaker {
    /// One that has asked nobody yet.
    pub fn new(rules: Rules) -> Self {
        Self { verdicts: Verdicts::new(rules.zps.room_auth), rules }
    }

    /// The apps of `shard` are others from now on, whose servers may have another answer.
    pub fn set_apps(&mut self, shard: &mut Shard) {
        self.rules.apps = shard.apps();
        self.verdicts.forget(shard);
    }
}

impl Session {
    /// What one message may cost.
    pub fn limits(&self, rules: &Rules) -> Limits {
        let message_bytes_max = match self {
            Self::Pusher => rules.message_bytes_max,
            Self::Zps(state) => rules.rooms(state.app).max_payload_bytes as usize,
            Self::Sse => return Limits::default(), // It is not listened to.
            Self::Echo => return echo::LIMITS,
        };
        Limits { message_bytes_max, ..Limits::default() }
    }

    /// Do what one message of `conn` asks, unless the connection is being closed.
    ///
    /// Whoever calls has asked [`Shard::may_hear`], and has let an unfinished session
    /// [go on](Self::go_on) before.
    pub fn hear(
        &mut self,
        shard: &mut Shard,
        speaker: &mut Speaker,
        conn: ConnId,
        message: Message<'_>,
    ) {
        let Some((app, _)) = shard.speaks(conn) else { return };
        match (self, message) {
            (_, Message::Ping(payload)) => shard.send(conn, encode::pong(payload)),
            // Noted when it was read; a stream is not listened to.
            (_, Message::Pong(_) | Message::Close(_))
            | (Self::Sse, Message::Text(_) | Message::Binary(_)) => {}
            (Self::Pusher, Message::Text(text)) => {
                pusher::on_text(shard, speaker.rules.app(app), conn, text);
            }
            (Self::Pusher, Message::Binary(_)) => pusher::on_binary(shard, conn),
            (Self::Zps(state), Message::Text(text)) => {
                zps::on_text(state, shard, speaker, conn, text);
            }
            (Self::Zps(state), Message::Binary(bytes)) => {
                zps::on_binary(state, shard, speaker, conn, bytes);
            }
            (Self::Echo, Message::Text(text)) => echo::on_text(shard, conn, text),
            (Self::Echo, Message::Binary(bytes)) => echo::on_binary(shard, conn, bytes),
        }
    }

    /// Whether part of a message has yet to be done.
    pub fn is_unfinished(&self) -> bool {
        matches!(self, Self::Zps(state) if state.is_unfinished())
    }

    /// Do the rest of a message of `conn`, as far as it need not wait again; of one that is being
    /// closed it is given up.
    ///
    /// Whoever calls has asked [`Shard::may_hear`].
    pub fn go_on(&mut self, shard: &mut Shard, speaker: &mut Speaker, conn: ConnId) {
        if let Self::Zps(state) = self {
            zps::go_on(state, shard, speaker, conn);
        }
    }

    /// An app's server has answered the question that a message waits for.
    pub fn decided(&mut self, key: RoomKey, verdict: RoomVerdict) {
        if let Self::Zps(state) = self {
            state.decided(key, verdict);
        }
    }

    /// Fail `conn` with `code`, or with its dialect's own where that has one for the same.
    pub fn fail(&self, shard: &mut Shard, conn: ConnId, code: CloseCode, reason: &str) {
        match self {
            Self::Zps(_) => zps::fail(shard, conn, code, reason),
            Self::Pusher | Self::Echo | Self::Sse => shard.fail(conn, code, reason),
        }
    }

    /// What a room's client calls itself, once it has said so.
    pub fn subscriber_id(&self) -> Option<&str> {
        match self {
            Self::Zps(state) => state.subscriber_id(),
            Self::Pusher | Self::Sse | Self::Echo => None,
        }
    }
}
