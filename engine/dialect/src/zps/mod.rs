//! zero-pub-sub: from a client's message to the shard, and the answers.
//!
//! A message that cannot be done gets an `error` that says why, and nothing else changes: the
//! connection and its other rooms live on. Closed is only who shows no right token, sends too much
//! or too large, or never says who it is. A connection's messages are carried out strictly in their
//! order, whichever core answers: see [`Shard::is_held`].

mod access;
mod act;
mod authorize;
mod farewell;
mod middleware;
mod path;
mod presence;
mod refusals;
mod rules;
mod state;
mod subscribe;
mod token;
mod verdicts;
mod words;

pub use access::{Access, AccessError, RoomAction, Shown, TokenError};
pub use act::kept;
pub use authorize::{Caller, accept, verdict};
pub use farewell::turn_away;
pub use path::{StreamPath, ZpsPath};
pub(super) use refusals::last_words;
pub use rules::{EVENT_TYPES_MAX, RoomRules, SUB_BYTES_MAX};
pub use state::State;
pub use token::{Claims, KeyError, Verifier};
pub use verdicts::{RoomAuthLimits, RoomKey, RoomQuestion, RoomVerdict, Verdicts};
pub use words::say;

use uringcast_proto::ws::close::CloseCode;
use uringcast_proto::zps::client::ClientMessage;
use uringcast_proto::zps::codes::Code;
use uringcast_proto::zps::server;
use uringcast_shard::app::{App, ZpsPolicy};
use uringcast_shard::id::{AppIndex, ConnId};
use uringcast_shard::middleware::Blocked;
use uringcast_shard::{Refusal, Shard};

use super::{Session, Speaker};
use crate as dialect;
use rules::SUBSCRIBER_ID_BYTES_MAX;
use state::{Deferred, Me};

/// A client of `app` has connected: it is waited for to say who it is. It is told nothing before.
pub fn greet(
    shard: &mut Shard,
    rules: &dialect::Rules,
    conn: ConnId,
    app: AppIndex,
    is_app_path: bool,
) -> Session {
    let random = shard.config().hash_seed ^ (u64::from(conn.generation) << 32);
    let random = random ^ u64::from(shard.config().core.0) << 24 ^ u64::from(conn.slot);
    shard.await_authorization_ms(conn, rules.rooms(app).init_timeout_ms.into());
    Session::Zps(Box::new(State::new(app, is_app_path, random, shard.now())))
}

/// Do what the text message of a client asks that is open.
pub fn on_text(
    state: &mut State,
    shard: &mut Shard,
    speaker: &mut Speaker,
    conn: ConnId,
    text: &str,
) {
    if shard.has_expired(conn) {
        return shard.close_expired(conn); // The wheel has not come to it yet.
    }
    let message = ClientMessage::parse(text);
    let is_ack = matches!(message, Ok(ClientMessage::Ack { .. }));
    let policy = speaker.rules.rooms(state.app);
    let (window_ms, max) = (policy.rate_limit_window_ms.into(), policy.max_messages_per_window);
    if !is_ack && !state.messages.admit(shard.now(), window_ms, max) {
        shard.refuse(Refusal::ZpsMessages);
        return close(shard, conn, Code::RateLimit);
    }
    match message {
        Ok(ClientMessage::Init { subscriber_id, token }) => {
            on_init(state, shard, &speaker.rules, conn, &subscriber_id, token.as_deref());
        }
        Ok(message) => carry_out(state, shard, speaker, conn, message, text),
        Err(error) => complain(shard, conn, &error.to_string(), Refusal::Json),
    }
}

/// A binary message counts as the text that it holds.
pub fn on_binary(
    state: &mut State,
    shard: &mut Shard,
    speaker: &mut Speaker,
    conn: ConnId,
    bytes: &[u8],
) {
    // What is no UTF-8 is no JSON, either.
    on_text(state, shard, speaker, conn, std::str::from_utf8(bytes).unwrap_or_default());
}

/// The answer that `conn` waited for is here: carry on with the message that it belongs to, unless
/// the connection has begun to close.
pub fn go_on(state: &mut State, shard: &mut Shard, speaker: &mut Speaker, conn: ConnId) {
    let Some(rest) = state.deferred.take() else { return };
    if shard.speaks(conn).is_none() {
        return;
    }
    let Some(mut talk) = Talk::new(state, shard, speaker, conn) else { return };
    match *rest {
        Deferred::Rooms(rooms) => {
            if let Err(refused) = subscribe::subscribe_all(&mut talk, rooms) {
                refuse(shard, conn, &refused);
            }
        }
        Deferred::Message(text) => {
            let message = ClientMessage::parse(&text).expect("it was understood when it was kept");
            perform(&mut talk, message, &text);
        }
    }
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

fn carry_out(
    state: &mut State,
    shard: &mut Shard,
    speaker: &mut Speaker,
    conn: ConnId,
    message: ClientMessage<'_>,
    text: &str,
) {
    let Some(mut talk) = Talk::new(state, shard, speaker, conn) else {
        let text = "Realtime connection must send init first";
        return complain(shard, conn, text, Refusal::Json);
    };
    match middleware::judge(&mut talk, &message, text.as_bytes()) {
        Ok(()) => perform(&mut talk, message, text),
        Err(refused) => refuse(shard, conn, &refused),
    }
}

/// Do what a message asks that may be done as far as the operator's own code is concerned.
fn perform(talk: &mut Talk<'_>, message: ClientMessage<'_>, text: &str) {
    let done = match message {
        ClientMessage::Init { .. } => unreachable!("done before anything else"),
        ClientMessage::Subscribe(options) => subscribe::on_subscribe(talk, options),
        ClientMessage::Unsubscribe { room } => {
            subscribe::on_unsubscribe(talk, &room);
            Ok(())
        }
        ClientMessage::Publish(event) => act::on_publish(talk, &event),
        ClientMessage::PublishEphemeral(event) => act::on_ephemeral(talk, &event),
        ClientMessage::PresenceEnter { room, user } => presence::on_enter(talk, &room, &user),
        ClientMessage::PresenceLeave { room, user_id } => {
            presence::on_leave(talk, &room, user_id.as_deref())
        }
        ClientMessage::Ack { room, sequence } => act::on_ack(talk, &room, sequence),
        ClientMessage::Replay(replay) => act::on_replay(talk, replay),
    };
    match done {
        Ok(()) => {}
        // It is carried out again when its app's server has answered.
        Err(Refused::Asked) => talk.state.deferred = Some(Box::new(Deferred::Message(text.into()))),
        Err(refused) => refuse(talk.shard, talk.conn, &refused),
    }
}

/// A client that has said who it is and whose message is carried out, with what that takes.
struct Talk<'a> {
    shard: &'a mut Shard,
    rules: &'a dialect::Rules,
    verdicts: &'a mut Verdicts,
    state: &'a mut State,
    conn: ConnId,
    me: Me,
}

impl<'a> Talk<'a> {
    /// `None` if the client has not said who it is.
    fn new(
        state: &'a mut State,
        shard: &'a mut Shard,
        speaker: &'a mut Speaker,
        conn: ConnId,
    ) -> Option<Self> {
        let me = state.me.clone()?;
        let Speaker { rules, verdicts } = speaker;
        Some(Self { shard, rules, verdicts, state, conn, me })
    }

    fn app(&self) -> &'a App {
        self.rules.app(self.state.app)
    }

    fn policy(&self) -> &'a ZpsPolicy {
        self.rules.rooms(self.state.app)
    }
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

fn on_init(
    state: &mut State,
    shard: &mut Shard,
    rules: &dialect::Rules,
    conn: ConnId,
    subscriber_id: &str,
    token: Option<&str>,
) {
    if subscriber_id.len() > SUBSCRIBER_ID_BYTES_MAX {
        let (field, max) = ("subscriberId", SUBSCRIBER_ID_BYTES_MAX);
        return refuse(shard, conn, &Refused::Length { field, max, unit: "bytes" });
    }
    let (app, access) = (rules.app(state.app), &rules.zps.access);
    let own_key_app = state.is_app_path.then_some(app);
    let admitted = access.admit(token, own_key_app, shard.unix_ms() / 1_000);
    let named = admitted.and_then(|shown| {
        let cursor = access.cursor_name(&shown, subscriber_id)?;
        Ok((shown, cursor))
    });
    match named {
        Ok((shown, cursor)) => {
            if shown.sub().is_some_and(|sub| sub.len() > SUB_BYTES_MAX) {
                let (field, max) = ("sub", SUB_BYTES_MAX);
                return refuse(shard, conn, &Refused::Length { field, max, unit: "bytes" });
            }
            let end = shown.end_unix_s();
            state.shown = shown;
            let is_asked = app.room_auth_url.is_some();
            state.caller = is_asked.then(|| Box::new(Caller::new(subscriber_id, token)));
            state.me = Some(Me { subscriber_id: subscriber_id.into(), cursor });
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
