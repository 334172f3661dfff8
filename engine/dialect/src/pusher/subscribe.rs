//! Subscriptions: whose name, signature and member are right, and what the others are told.

use uringcast_proto::pusher::auth::{self, AuthError};
use uringcast_proto::pusher::channel::{ChannelKind, ChannelNameError, check_channel_name};
use uringcast_proto::pusher::presence::{self, MemberError, MemberLimits};
use uringcast_proto::pusher::server;
use uringcast_proto::pusher::user::user_of_channel;
use uringcast_shard::app::{App, AppKey};
use uringcast_shard::id::ConnId;
use uringcast_shard::{Member, Refusal, Shard, SubscribeError};

use super::{complain, log, member_limits, shorten};

/// Why a subscription was refused. The connection and its other channels live on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Refused {
    #[error("{0}")]
    Name(#[from] ChannelNameError),
    #[error("the channel name has {bytes} bytes, at most {bytes_max} are allowed")]
    NameLength { bytes: usize, bytes_max: usize },
    #[error("this channel needs an auth signature of {to_sign}")]
    NoAuth { to_sign: String },
    /// The right signature must never be told: whoever is refused could use it.
    #[error("{error}: to be signed was {to_sign}, and auth was {got}")]
    Auth { error: AuthError, to_sign: String, got: String },
    #[error("a presence channel needs channel_data or a user who has signed in")]
    NoMember,
    #[error("{0}")]
    Member(#[from] MemberError),
    #[error("a user's own channel needs the user to have signed in")]
    NoUser,
    #[error("this is another user's own channel")]
    OtherUser,
    #[error("{0}")]
    Subscribe(#[from] SubscribeError),
}

impl Refused {
    /// `type` and `status` of `pusher:subscription_error`, and what the refusal counts as. The
    /// `pusher:error` has no code: clients take one below 4100 for the end of the connection.
    const fn wire(&self) -> (&'static str, u16, Refusal) {
        match self {
            Self::NoAuth { .. } | Self::Auth { .. } | Self::NoUser | Self::OtherUser => {
                ("AuthError", 401, Refusal::Signature)
            }
            Self::Name(_) | Self::NameLength { .. } => {
                ("InvalidChannel", 400, Refusal::ChannelName)
            }
            Self::NoMember | Self::Member(_) => ("InvalidMember", 400, Refusal::Json),
            Self::Subscribe(_) => ("LimitReached", 403, Refusal::Subscriptions),
        }
    }
}

/// What a client shows to be let in.
#[derive(Clone, Copy)]
pub(super) struct Credentials<'a> {
    pub(super) auth: Option<&'a str>,
    pub(super) channel_data: Option<&'a str>,
}

/// Subscribe `conn` to `channel`, or say why not.
pub(super) fn on_subscribe(
    shard: &mut Shard,
    app: &App,
    conn: ConnId,
    channel: &str,
    credentials: Credentials<'_>,
) {
    if let Err(refused) = subscribe(shard, app, conn, channel, credentials) {
        refuse_subscription(shard, conn, channel, &refused);
    }
}

fn subscribe(
    shard: &mut Shard,
    app: &App,
    conn: ConnId,
    channel: &str,
    credentials: Credentials<'_>,
) -> Result<(), Refused> {
    if let Some(user_id) = user_of_channel(channel) {
        return subscribe_to_user(shard, conn, channel, user_id);
    }
    let kind = check_channel_name(channel)?;
    let (bytes, bytes_max) = (channel.len(), app.policy.channel_name_max as usize);
    if bytes > bytes_max {
        return Err(Refused::NameLength { bytes, bytes_max });
    }
    if kind.needs_auth() {
        let id = shard.socket_id(conn).ok_or(SubscribeError::Closing)?.to_string();
        let data = credentials.channel_data;
        let to_sign = || to_sign(&id, channel, data);
        let auth = credentials.auth.filter(|auth| !auth.is_empty());
        let auth = auth.ok_or_else(|| Refused::NoAuth { to_sign: to_sign() })?;
        let AppKey { key, secret } = app.key_or_primary(auth.split(':').next().unwrap_or_default());
        let verified = auth::verify_channel(key, secret, auth, &id, channel, data);
        verified.map_err(|error| Refused::Auth {
            error,
            to_sign: to_sign(),
            got: shorten(auth).to_owned(),
        })?;
    }
    let member = match (kind, credentials.channel_data) {
        (ChannelKind::Presence, Some(data)) => Some(member(data, member_limits(&app.policy))?),
        (ChannelKind::Presence, None) => Some(shard.user(conn).ok_or(Refused::NoMember)?),
        (ChannelKind::Public | ChannelKind::Private | ChannelKind::PrivateEncrypted, _) => None,
    };
    if app.has_log(channel) {
        if shard.subscribed(conn, channel).is_some() {
            return Err(SubscribeError::AlreadySubscribed.into());
        }
        let options = log::options(shard, app, conn, channel, member);
        shard.subscribe_logged(conn, channel, options)?;
    } else {
        shard.subscribe(conn, channel, member)?;
    }
    if kind.needs_auth() {
        shard.authorize(conn);
    }
    Ok(())
}

/// What the app's server should have signed, for whoever looks for the mistake.
fn to_sign(socket_id: &str, channel: &str, channel_data: Option<&str>) -> String {
    let data = channel_data.map(|data| format!(":{}", shorten(data))).unwrap_or_default();
    format!("{socket_id}:{channel}{data}")
}

/// A user's own channel needs no signature: signing in had one.
fn subscribe_to_user(
    shard: &mut Shard,
    conn: ConnId,
    channel: &str,
    user_id: &str,
) -> Result<(), Refused> {
    match shard.user_id(conn) {
        None => Err(Refused::NoUser),
        Some(known) if known != user_id => Err(Refused::OtherUser),
        Some(_) => Ok(shard.subscribe(conn, channel, None)?),
    }
}

fn member(data: &str, limits: MemberLimits) -> Result<Member, Refused> {
    let presence::Member { user_id, user_info_json } = presence::Member::parse(data, limits)?;
    Ok(Member { user_id: user_id.into(), user_info: user_info_json.into() })
}

fn refuse_subscription(shard: &mut Shard, conn: ConnId, channel: &str, refused: &Refused) {
    let (kind, status, refusal) = refused.wire();
    let text = refused.to_string();
    if *refused == Refused::Subscribe(SubscribeError::AlreadySubscribed) {
        // The subscription that there is must not look as if it had failed.
        return complain(shard, conn, None, &text, refusal);
    }
    shard.send(conn, server::subscription_error(shorten(channel), kind, &text, status));
    complain(shard, conn, None, &text, refusal);
}
