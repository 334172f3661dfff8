//! What a client asks of a channel's log: events again, where to start, how far it has come.
//!
//! Whose word an ack is comes from what the app's server has signed, the user or the channel's
//! member; a client without either may name itself. The two kinds of names never meet, so nobody
//! moves the cursor of a user by taking the user's id for a name.

use std::sync::Arc;

use uringcast_proto::pusher::channel::{ChannelNameError, check_channel_name};
use uringcast_proto::pusher::logged::LogMessage;
use uringcast_shard::app::App;
use uringcast_shard::id::ConnId;
use uringcast_shard::{
    Member, Refusal, ReplayRange, Resume, ResumesFull, Shard, Start, SubscribeOptions,
};

use super::{complain, shorten};

/// Why a client did not get what it asked of a channel's log. The connection lives on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum LogRefused {
    #[error("{0}")]
    Name(#[from] ChannelNameError),
    #[error("channel {channel:?} keeps no events")]
    Unlogged { channel: String },
    #[error("the connection is not subscribed to channel {channel:?}")]
    NotSubscribed { channel: String },
    #[error("the message needs a subscriber: nobody has signed in, and the channel has no members")]
    NoSubscriber,
    #[error("the subscriber has {bytes} bytes, 1 to {bytes_max} are allowed")]
    SubscriberLength { bytes: usize, bytes_max: usize },
    #[error("{0}")]
    ResumesFull(#[from] ResumesFull),
}

impl LogRefused {
    const fn refusal(&self) -> Refusal {
        match self {
            Self::Name(_) | Self::Unlogged { .. } => Refusal::ChannelName,
            Self::NotSubscribed { .. } | Self::NoSubscriber | Self::SubscriberLength { .. } => {
                Refusal::Json
            }
            Self::ResumesFull(_) => Refusal::Subscriptions,
        }
    }
}

/// Do what `message` asks, or say why not.
pub(super) fn on_message(shard: &mut Shard, app: &App, conn: ConnId, message: LogMessage<'_>) {
    let done = match message {
        LogMessage::Ack { channel, sequence, subscriber } => {
            ack(shard, app, conn, &channel, sequence, subscriber.as_deref())
        }
        LogMessage::Replay { channel, after } => replay(shard, app, conn, &channel, after),
        LogMessage::Resume { channel, after, epoch, subscriber } => {
            let subscriber = subscriber.map(Box::from);
            resume(shard, app, conn, &channel, Resume { after, epoch, subscriber })
        }
    };
    if let Err(refused) = done {
        complain_of(shard, conn, &refused);
    }
}

/// Where a subscription of `conn` to `channel`, which has a log, begins: where it said before.
pub(super) fn options(
    shard: &mut Shard,
    app: &App,
    conn: ConnId,
    channel: &str,
    member: Option<Member>,
) -> SubscribeOptions {
    let said = shard.take_resume(conn, channel);
    let given = said.as_ref().and_then(|said| said.subscriber.as_deref());
    let id = subscriber_id(app, shard.user_id(conn), member.as_ref(), given);
    let start = match (&said, &id) {
        (None, _) => Start::Live,
        (Some(Resume { after: Some(after), epoch, .. }), _) => shard.start_after(*after, *epoch),
        (Some(_), Ok(_)) => Start::CursorOrLive,
        (Some(_), Err(refused)) => {
            complain_of(shard, conn, refused);
            Start::Live
        }
    };
    SubscribeOptions {
        start,
        subscriber_id: id.unwrap_or_default(),
        event_types: None,
        with_snapshot: false,
        fast_forward: false,
        member,
    }
}

fn ack(
    shard: &mut Shard,
    app: &App,
    conn: ConnId,
    channel: &str,
    sequence: u64,
    subscriber: Option<&str>,
) -> Result<(), LogRefused> {
    check_logged(app, channel)?;
    let member = member(shard, conn, channel)?;
    let id = subscriber_id(app, shard.user_id(conn), member.as_ref(), subscriber)?;
    shard.ack(conn, channel, &id, sequence);
    Ok(())
}

fn replay(
    shard: &mut Shard,
    app: &App,
    conn: ConnId,
    channel: &str,
    after: u64,
) -> Result<(), LogRefused> {
    check_logged(app, channel)?;
    member(shard, conn, channel)?;
    shard.replay(conn, channel, ReplayRange { after, ..ReplayRange::default() });
    Ok(())
}

fn resume(
    shard: &mut Shard,
    app: &App,
    conn: ConnId,
    channel: &str,
    said: Resume,
) -> Result<(), LogRefused> {
    check_logged(app, channel)?;
    if let Some(subscriber) = &said.subscriber {
        check_subscriber(app, subscriber)?;
    }
    let Ok(member) = member(shard, conn, channel) else {
        return Ok(shard.resume_later(conn, channel, said)?);
    };
    let Resume { after, epoch, subscriber } = said;
    let id = subscriber_id(app, shard.user_id(conn), member.as_ref(), subscriber.as_deref());
    let start = after.map_or(Start::CursorOrLive, |after| shard.start_after(after, epoch));
    let id = if after.is_some() { id.unwrap_or_default() } else { id? };
    shard.resume_now(conn, channel, start, &id);
    Ok(())
}

fn check_logged(app: &App, channel: &str) -> Result<(), LogRefused> {
    check_channel_name(channel)?;
    if app.has_log(channel) {
        return Ok(());
    }
    Err(LogRefused::Unlogged { channel: shorten(channel).to_owned() })
}

/// The member that `conn` is of `channel`, if that has members; an error if it is not subscribed.
fn member(shard: &mut Shard, conn: ConnId, channel: &str) -> Result<Option<Member>, LogRefused> {
    let Some(subscribed) = shard.subscribed(conn, channel) else {
        return Err(LogRefused::NotSubscribed { channel: shorten(channel).to_owned() });
    };
    Ok(shard.member(conn, subscribed).cloned())
}

/// Whose cursor it is.
fn subscriber_id(
    app: &App,
    user_id: Option<&str>,
    member: Option<&Member>,
    given: Option<&str>,
) -> Result<Arc<str>, LogRefused> {
    if let Some(id) = user_id.or_else(|| member.map(|member| &*member.user_id)) {
        return Ok(format!("user:{id}").into());
    }
    let given = given.ok_or(LogRefused::NoSubscriber)?;
    check_subscriber(app, given)?;
    Ok(format!("self:{given}").into())
}

fn check_subscriber(app: &App, subscriber: &str) -> Result<(), LogRefused> {
    let (bytes, bytes_max) = (subscriber.len(), app.policy.presence_user_id_max as usize);
    if (1..=bytes_max).contains(&bytes) {
        return Ok(());
    }
    Err(LogRefused::SubscriberLength { bytes, bytes_max })
}

fn complain_of(shard: &mut Shard, conn: ConnId, refused: &LogRefused) {
    complain(shard, conn, None, &refused.to_string(), refused.refusal());
}
