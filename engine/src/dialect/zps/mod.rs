//! zero-pub-sub: from a client's message to the shard, and the answers.
//!
//! A message that cannot be done gets an `error` that says why, and nothing else changes: the
//! connection and its other rooms live on. Closed is only who shows no right token, sends too much
//! or too large, or never says who it is. A connection's messages are carried out strictly in their
//! order, whichever core answers: see [`Shard::is_held`].

mod access;
mod act;
mod answer;
mod authorize;
mod farewell;
mod middleware;
mod presence;
mod rules;
mod state;
mod subscribe;
mod token;

pub use access::{Access, AccessError, Action, Shown, TokenError};
pub use answer::{
    append_refused, enter_refused, join_refused, presence, replayed, snapshot, truncated, user_left,
};
pub use authorize::{Caller, accept, decided, go_on, verdict};
pub use farewell::{expired, farewell, late, turn_away};
pub use rules::{EVENT_TYPES_MAX, Rules, SUB_BYTES_MAX};
pub use state::State;
pub use token::{Claims, KeyError, Verifier};

use std::sync::Arc;

use uringcast_proto::ws::close::CloseCode;
use uringcast_proto::zps::client::ClientMessage;
use uringcast_proto::zps::codes::Code;
use uringcast_proto::zps::server;

use crate::id::ConnId;
use crate::middleware::Blocked;
use crate::shard::{Refusal, Shard};
use rules::SUBSCRIBER_ID_BYTES_MAX;

/// A client has connected: it is waited for to say who it is. It is told nothing before.
pub fn greet(shard: &mut Shard, conn: ConnId, is_app_path: bool) {
    let random = shard.config().hash_seed ^ (u64::from(conn.generation) << 32);
    let random = random ^ u64::from(shard.config().core.0) << 24 ^ u64::from(conn.slot);
    let state = State::new(is_app_path, random, shard.now());
    shard.set_zps(conn, Box::new(state));
    let timeout_ms = shard.zps_policy(conn).init_timeout_ms;
    shard.await_authorization_ms(conn, timeout_ms.into());
}

/// Do what a client's text message asks.
pub fn on_text(shard: &mut Shard, conn: ConnId, text: &str) {
    if shard.has_expired(conn) {
        return shard.close_expired(conn); // The wheel has not come to it yet.
    }
    let message = ClientMessage::parse(text);
    let is_ack = matches!(message, Ok(ClientMessage::Ack { .. }));
    if !is_ack && !admit_message(shard, conn) {
        shard.refuse(Refusal::ZpsMessages);
        return close(shard, conn, Code::RateLimit);
    }
    match message {
        Ok(message) => carry_out(shard, conn, message, text.as_bytes()),
        Err(error) => complain(shard, conn, &error.to_string(), Refusal::Json),
    }
}

/// A binary message counts as the text that it holds.
pub fn on_binary(shard: &mut Shard, conn: ConnId, bytes: &[u8]) {
    // What is no UTF-8 is no JSON, either.
    on_text(shard, conn, std::str::from_utf8(bytes).unwrap_or_default());
}

/// Fail `conn` with `code`, or with this protocol's own where it has one for the same.
pub fn fail(shard: &mut Shard, conn: ConnId, code: CloseCode, reason: &str) {
    let own = match code {
        CloseCode::MESSAGE_TOO_BIG => Code::PayloadTooLarge,
        CloseCode::INTERNAL => Code::SendFailed,
        _ => return shard.fail(conn, code, reason),
    };
    shard.send(conn, server::closing_error(own));
    shard.fail(conn, CloseCode(own.value()), own.text());
}

fn carry_out(shard: &mut Shard, conn: ConnId, message: ClientMessage<'_>, text: &[u8]) {
    if let ClientMessage::Init { subscriber_id, token } = message {
        return on_init(shard, conn, &subscriber_id, token.as_deref());
    }
    let Some(me) = shard.zps(conn).and_then(|state| state.me(conn)) else {
        let text = "Realtime connection must send init first";
        return complain(shard, conn, text, Refusal::Json);
    };
    if let Err(refused) = middleware::judge(shard, &me, &message, text) {
        return refuse(shard, conn, &refused);
    }
    perform(shard, &me, message, text);
}

/// Do what a message asks that may be done as far as the operator's own code is concerned.
fn perform(shard: &mut Shard, me: &Me, message: ClientMessage<'_>, text: &[u8]) {
    let done = match message {
        ClientMessage::Init { .. } => unreachable!("done above"),
        ClientMessage::Subscribe(wish) => subscribe::on_subscribe(shard, me, wish),
        ClientMessage::Unsubscribe { room } => {
            subscribe::on_unsubscribe(shard, me, &room);
            Ok(())
        }
        ClientMessage::Publish(event) => act::on_publish(shard, me, &event),
        ClientMessage::PublishEphemeral(event) => act::on_ephemeral(shard, me, &event),
        ClientMessage::PresenceEnter { room, user } => presence::on_enter(shard, me, &room, &user),
        ClientMessage::PresenceLeave { room, user_id } => {
            presence::on_leave(shard, me, &room, user_id.as_deref())
        }
        ClientMessage::Ack { room, sequence } => act::on_ack(shard, me, &room, sequence),
        ClientMessage::Replay(replay) => act::on_replay(shard, me, replay),
    };
    match done {
        Ok(()) => {}
        Err(Refused::Asked) => wait_for_app(shard, me, text),
        Err(refused) => refuse(shard, me.conn, &refused),
    }
}

/// Keep a message until the app's server has answered.
fn wait_for_app(shard: &mut Shard, me: &Me, text: &[u8]) {
    if let Some(state) = shard.zps(me.conn) {
        let text = String::from_utf8_lossy(text).into_owned().into_boxed_str();
        state.rest = Some(Box::new(state::Rest::Message(text)));
    }
}

/// The client whose message is heard: its connection and its names.
struct Me {
    conn: ConnId,
    subscriber_id: Arc<str>,
    /// The name of its cursors.
    cursor: Arc<str>,
}

/// Why something was not done, or not yet. The client sees an `error` without a code; the
/// connection survives.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Refused {
    #[error("{0}")]
    Access(#[from] AccessError),
    #[error("{0}")]
    Event(#[from] uringcast_proto::zps::EventFault),
    #[error("Realtime client publish is disabled")]
    PublishDisabled,
    #[error("Missing tenantId")]
    Tenant,
    #[error("{0}")]
    Blocked(Blocked),
    #[error("Realtime subscription limit exceeded")]
    Subscriptions,
    #[error("Realtime presence limit exceeded")]
    Entered,
    /// The client is told nothing: the message is carried out when its app's server has answered.
    #[error("its app's server is asked")]
    Asked,
    #[error("Realtime message field {field} must have at most {max} {unit}")]
    Length { field: &'static str, max: usize, unit: &'static str },
}

impl Refused {
    /// What it counts as. New variants must choose: no `_` arm.
    const fn refusal(&self) -> Refusal {
        match self {
            Self::Access(AccessError::Room(_)) => Refusal::ChannelName,
            Self::Access(AccessError::Scope(_) | AccessError::Denied(_)) => Refusal::Signature,
            Self::Access(AccessError::DeniedByApp(_)) => Refusal::RoomAuthorization,
            // A question is no refusal, and nobody counts it as one.
            Self::Access(AccessError::Unavailable(_)) | Self::Asked => Refusal::RoomUnavailable,
            Self::Access(AccessError::Busy(_)) => Refusal::RoomCallsInFlight,
            Self::Event(_) => Refusal::Json,
            Self::PublishDisabled => Refusal::ClientEvent,
            Self::Tenant | Self::Blocked(_) => Refusal::PublishPolicy,
            Self::Subscriptions => Refusal::Subscriptions,
            Self::Entered => Refusal::PresenceMembers,
            Self::Length { .. } => Refusal::ZpsLength,
        }
    }
}

fn on_init(shard: &mut Shard, conn: ConnId, subscriber_id: &str, token: Option<&str>) {
    if subscriber_id.len() > SUBSCRIBER_ID_BYTES_MAX {
        let (field, max) = ("subscriberId", SUBSCRIBER_ID_BYTES_MAX);
        return refuse(shard, conn, &Refused::Length { field, max, unit: "bytes" });
    }
    let Some((app, _)) = shard.speaks(conn) else { return };
    let (apps, rules) = (shard.apps(), Arc::clone(&shard.config().zps));
    let now_unix_s = shard.unix_ms() / 1_000;
    let Some(state) = shard.zps(conn) else { return };
    let app = apps.app(app);
    let own_key_app = state.is_app_path.then_some(&**app);
    let admitted = rules.access.admit(token, own_key_app, now_unix_s);
    let named = admitted.and_then(|shown| {
        let cursor = rules.access.cursor_name(&shown, subscriber_id)?;
        Ok((shown, cursor))
    });
    match named {
        Ok((shown, cursor)) => {
            if shown.sub().is_some_and(|sub| sub.len() > SUB_BYTES_MAX) {
                let (field, max) = ("sub", SUB_BYTES_MAX);
                return refuse(shard, conn, &Refused::Length { field, max, unit: "bytes" });
            }
            let end = shown.end_unix_s();
            (state.shown, state.cursor) = (shown, cursor);
            let is_asked = app.room_auth_url.is_some();
            state.caller = is_asked.then(|| Box::new(Caller::new(subscriber_id, token)));
            state.subscriber_id = Some(subscriber_id.into());
            shard.authorize(conn);
            shard.expire_at(conn, end);
            shard.send(conn, server::ready(subscriber_id));
        }
        Err(error) => {
            complain(shard, conn, &error.to_string(), Refusal::Signature);
            close(shard, conn, Code::Unauthorized);
        }
    }
}

fn admit_message(shard: &mut Shard, conn: ConnId) -> bool {
    let now = shard.now();
    let policy = shard.zps_policy(conn);
    let (window_ms, max) = (policy.rate_limit_window_ms.into(), policy.max_messages_per_window);
    shard.zps(conn).is_some_and(|state| state.admit_message(now, window_ms, max))
}

/// Close `conn` for this protocol's reason, which is announced if the protocol has it so.
fn close(shard: &mut Shard, conn: ConnId, code: Code) {
    if code.is_announced() {
        shard.send(conn, server::closing_error(code));
    }
    shard.close(conn, CloseCode(code.value()), code.text());
}

fn refuse(shard: &mut Shard, conn: ConnId, refused: &Refused) {
    complain(shard, conn, &refused.to_string(), refused.refusal());
}

fn complain(shard: &mut Shard, conn: ConnId, text: &str, refusal: Refusal) {
    shard.refuse(refusal);
    shard.send(conn, server::error(shorten(text)));
}

/// The start of a text that may repeat what a client sent, so that an answer is not longer than it
/// need be.
fn shorten(text: &str) -> &str {
    const SHOWN_BYTES_MAX: usize = 300;
    &text[..text.floor_char_boundary(SHOWN_BYTES_MAX)]
}
