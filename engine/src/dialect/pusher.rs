//! Pusher Channels, protocol 7: from a client's message to the shard, and the answers.
//!
//! A message that cannot be done gets a `pusher:error` that says why, and nothing else changes: the
//! connection and its other channels live on (spec pusher.md).

use bytes::Bytes;
use uringcast_proto::pusher::auth::{self, AuthError};
use uringcast_proto::pusher::channel::{ChannelKind, ChannelNameError, check_channel_name};
use uringcast_proto::pusher::client::ClientMessage;
use uringcast_proto::pusher::codes::Code;
use uringcast_proto::pusher::presence::{self, MemberError, MemberLimits};
use uringcast_proto::pusher::server;

use crate::app::{App, AppKey, AppPolicy};
use crate::id::ConnId;
use crate::shard::{JoinRefused, Member, Refusal, Shard, SubscribeError};

/// Why a subscription was refused. The connection and its other channels live on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Refused {
    #[error("{0}")]
    Name(#[from] ChannelNameError),
    #[error("the channel name has {bytes} bytes, at most {bytes_max} are allowed")]
    NameLength { bytes: usize, bytes_max: usize },
    #[error("this channel needs an auth signature")]
    NoAuth,
    #[error("{0}")]
    Auth(#[from] AuthError),
    #[error("a presence channel needs channel_data")]
    NoMember,
    #[error("{0}")]
    Member(#[from] MemberError),
    #[error("{0}")]
    Subscribe(#[from] SubscribeError),
}

impl Refused {
    /// `type` and `status` of `pusher:subscription_error`, the code of `pusher:error`, and what
    /// the refusal counts as.
    const fn wire(&self) -> (&'static str, u16, Option<Code>, Refusal) {
        match self {
            Self::NoAuth | Self::Auth(_) => {
                ("AuthError", 401, Some(Code::Unauthorized), Refusal::Signature)
            }
            Self::Name(_) | Self::NameLength { .. } => {
                ("InvalidChannel", 400, None, Refusal::ChannelName)
            }
            Self::NoMember | Self::Member(_) => ("InvalidMember", 400, None, Refusal::Json),
            Self::Subscribe(_) => ("LimitReached", 403, None, Refusal::Subscriptions),
        }
    }
}

/// Why a client event was not relayed. The connection lives on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum EventRefused {
    #[error("the event name has {bytes} bytes, at most {bytes_max} are allowed")]
    NameLength { bytes: usize, bytes_max: usize },
    #[error("the event data has {bytes} bytes, at most {bytes_max} are allowed")]
    DataLength { bytes: usize, bytes_max: usize },
    #[error("client events are for private and presence channels only")]
    Kind,
    #[error("a client event needs a subscription to its channel")]
    NotSubscribed,
    #[error("at most {per_second} client events a second are allowed")]
    Rate { per_second: u32 },
}

impl EventRefused {
    /// The code of `pusher:error`, and what the refusal counts as.
    const fn wire(&self) -> (Option<Code>, Refusal) {
        match self {
            Self::NameLength { .. } => (Some(Code::ClientEventRejected), Refusal::ChannelName),
            Self::DataLength { .. } => (Some(Code::ClientEventRejected), Refusal::EventDataBytes),
            Self::Kind | Self::NotSubscribed => (None, Refusal::ClientEvent),
            Self::Rate { .. } => (Some(Code::ClientEventRejected), Refusal::ClientEventRate),
        }
    }
}

/// Greet a client whose key is right: the first frame that it must see.
pub fn greet(shard: &mut Shard, conn: ConnId) {
    let activity_timeout_s = (shard.config().activity_timeout_ms / 1_000) as u16;
    if let Some(id) = shard.socket_id(conn) {
        let frame = server::connection_established(&id.to_string(), activity_timeout_s);
        shard.send(conn, frame);
    }
}

/// Do what a client's text message asks.
pub fn on_text(shard: &mut Shard, conn: ConnId, text: &str) {
    let Some((app, _)) = shard.speaks(conn) else { return };
    let apps = shard.apps();
    let app = apps.app(app);
    let message = match ClientMessage::parse(text) {
        Ok(message) => message,
        Err(error) => return complain(shard, conn, None, &error.to_string(), Refusal::Json),
    };
    match message {
        ClientMessage::Ping => shard.send(conn, server::pong()),
        ClientMessage::Pong => {} // Its arrival was noted already.
        ClientMessage::Subscribe { channel, auth, channel_data } => {
            let auth = Credentials { auth: auth.as_deref(), channel_data: channel_data.as_deref() };
            let outcome = subscribe(shard, app, conn, &channel, auth);
            if let Err(refused) = outcome {
                refuse_subscription(shard, conn, &channel, &refused);
            }
        }
        ClientMessage::Unsubscribe { channel } => shard.unsubscribe(conn, &channel),
        ClientMessage::Event { event, event_name, channel, data } => {
            let event =
                ClientEvent { event, name_bytes: event_name.len(), channel: &channel, data };
            if let Err(refused) = relay(shard, &app.policy, conn, &event) {
                let (code, refusal) = refused.wire();
                complain(shard, conn, code, &refused.to_string(), refusal);
            }
        }
        ClientMessage::Unknown { event } => {
            let text = format!("unknown event {:?}", shorten(&event));
            complain(shard, conn, None, &text, Refusal::Json);
        }
    }
}

/// Answer a binary message: the protocol has none.
pub fn on_binary(shard: &mut Shard, conn: ConnId) {
    complain(shard, conn, None, "binary messages are not supported", Refusal::Json);
}

/// The frames that tell a client that the owner of `channel` did not let it in.
pub fn join_refused(channel: &str, refused: JoinRefused) -> [Bytes; 2] {
    let text = match refused {
        JoinRefused::PresenceFull { .. } => refused.to_string(),
    };
    [
        server::subscription_error(channel, "LimitReached", &text, 403),
        server::error(Some(Code::AppOverQuota.value()), &text),
    ]
}

#[derive(Clone, Copy)]
struct Credentials<'a> {
    auth: Option<&'a str>,
    channel_data: Option<&'a str>,
}

struct ClientEvent<'a> {
    /// The name as a JSON token.
    event: &'a str,
    name_bytes: usize,
    channel: &'a str,
    data: Option<&'a str>,
}

fn subscribe(
    shard: &mut Shard,
    app: &App,
    conn: ConnId,
    channel: &str,
    credentials: Credentials<'_>,
) -> Result<(), Refused> {
    let kind = check_channel_name(channel)?;
    let (bytes, bytes_max) = (channel.len(), app.policy.channel_name_max as usize);
    if bytes > bytes_max {
        return Err(Refused::NameLength { bytes, bytes_max });
    }
    if kind.needs_auth() {
        let id = shard.socket_id(conn).ok_or(SubscribeError::Closing)?.to_string();
        let auth = credentials.auth.filter(|auth| !auth.is_empty()).ok_or(Refused::NoAuth)?;
        let data = credentials.channel_data;
        let AppKey { key, secret } = app.key_or_primary(auth.split(':').next().unwrap_or_default());
        auth::verify_channel(key, secret, auth, &id, channel, data)?;
    }
    let member = match kind {
        ChannelKind::Presence => {
            Some(member(credentials.channel_data, app.policy.member_limits())?)
        }
        ChannelKind::Public | ChannelKind::Private | ChannelKind::PrivateEncrypted => None,
    };
    Ok(shard.subscribe(conn, channel, member)?)
}

fn member(channel_data: Option<&str>, limits: MemberLimits) -> Result<Member, Refused> {
    let data = channel_data.ok_or(Refused::NoMember)?;
    let presence::Member { user_id, user_info_json } = presence::Member::parse(data, limits)?;
    Ok(Member { user_id: user_id.into(), user_info: user_info_json.into() })
}

fn refuse_subscription(shard: &mut Shard, conn: ConnId, channel: &str, refused: &Refused) {
    let (kind, status, code, refusal) = refused.wire();
    let text = refused.to_string();
    if *refused == Refused::Subscribe(SubscribeError::AlreadySubscribed) {
        // The subscription that there is must not look as if it had failed.
        return complain(shard, conn, code, &text, refusal);
    }
    shard.send(conn, server::subscription_error(shorten(channel), kind, &text, status));
    complain(shard, conn, code, &text, refusal);
}

fn relay(
    shard: &mut Shard,
    policy: &AppPolicy,
    conn: ConnId,
    event: &ClientEvent<'_>,
) -> Result<(), EventRefused> {
    let (bytes, bytes_max) = (event.name_bytes, policy.event_name_max as usize);
    if bytes > bytes_max {
        return Err(EventRefused::NameLength { bytes, bytes_max });
    }
    let data = event.data.unwrap_or("null");
    let (bytes, bytes_max) = (data.len(), policy.event_data_bytes_max as usize);
    if bytes > bytes_max {
        return Err(EventRefused::DataLength { bytes, bytes_max });
    }
    if !ChannelKind::of(event.channel).allows_client_events() {
        return Err(EventRefused::Kind);
    }
    let subscribed = shard.subscribed(conn, event.channel).ok_or(EventRefused::NotSubscribed)?;
    let per_second = policy.client_event_rate;
    if !shard.admit_client_event(conn, per_second) {
        return Err(EventRefused::Rate { per_second });
    }
    let user_id = shard.member(conn, subscribed).map(|member| &*member.user_id);
    let frame = server::event(event.event, event.channel, data, user_id);
    shard.publish_from(conn, subscribed, frame);
    Ok(())
}

fn complain(shard: &mut Shard, conn: ConnId, code: Option<Code>, text: &str, refusal: Refusal) {
    shard.refuse(refusal);
    shard.send(conn, server::error(code.map(Code::value), text));
}

/// The start of a client's text, for an answer that is not longer than it need be.
fn shorten(text: &str) -> &str {
    const SHOWN_BYTES_MAX: usize = 200;
    &text[..text.floor_char_boundary(SHOWN_BYTES_MAX)]
}
