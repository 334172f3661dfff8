//! Client events: what a subscriber says to the others of its channel.
//!
//! Each that is not relayed is answered with a `pusher:error` and counted. The code 4301 is only
//! ever a message: as a close code it would stop pusher-js for good.

use uringcast_proto::pusher::channel::ChannelKind;
use uringcast_proto::pusher::client::data_bytes_over;
use uringcast_proto::pusher::codes::Code;
use uringcast_proto::pusher::{logged, server};
use uringcast_shard::app::App;
use uringcast_shard::id::ConnId;
use uringcast_shard::log::Draft;
use uringcast_shard::{Refusal, Shard};

use super::complain;

/// Why a client event was not relayed. The connection lives on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum EventRefused {
    #[error("client events are switched off for this app")]
    SwitchedOff,
    #[error("the event name has {bytes} bytes, at most {bytes_max} are allowed")]
    NameLength { bytes: usize, bytes_max: usize },
    #[error("the event data has {bytes} bytes, at most {bytes_max} are allowed")]
    DataLength { bytes: usize, bytes_max: usize },
    #[error("client events are for private and presence channels only, and not for encrypted ones")]
    Kind,
    #[error("a client event needs a subscription to its channel")]
    NotSubscribed,
    #[error("at most {per_second} client events a second are allowed")]
    Rate { per_second: u32 },
    #[error("at most {per_second} client events a second are allowed to all clients together")]
    TotalRate { per_second: u32 },
}

impl EventRefused {
    /// The code of `pusher:error`, and what the refusal counts as.
    const fn wire(&self) -> (Option<Code>, Refusal) {
        match self {
            Self::NameLength { .. } => (Some(Code::ClientEventRejected), Refusal::ChannelName),
            Self::DataLength { .. } => (Some(Code::ClientEventRejected), Refusal::EventDataBytes),
            Self::SwitchedOff | Self::Kind | Self::NotSubscribed => (None, Refusal::ClientEvent),
            Self::Rate { .. } => (Some(Code::ClientEventRejected), Refusal::ClientEventRate),
            Self::TotalRate { .. } => {
                (Some(Code::ClientEventRejected), Refusal::ClientEventRateTotal)
            }
        }
    }
}

/// A client event as it came.
pub(super) struct ClientEvent<'a> {
    /// The name as a JSON token.
    pub(super) event: &'a str,
    pub(super) name_bytes: usize,
    pub(super) channel: &'a str,
    pub(super) data: Option<&'a str>,
}

/// Relay `event` of `conn` to the others of its channel, or say why not.
pub(super) fn on_event(shard: &mut Shard, app: &App, conn: ConnId, event: &ClientEvent<'_>) {
    if let Err(refused) = relay(shard, app, conn, event) {
        let (code, refusal) = refused.wire();
        complain(shard, conn, code, &refused.to_string(), refusal);
    }
}

fn relay(
    shard: &mut Shard,
    app: &App,
    conn: ConnId,
    event: &ClientEvent<'_>,
) -> Result<(), EventRefused> {
    let policy = &app.policy;
    if !policy.client_events {
        return Err(EventRefused::SwitchedOff);
    }
    let (bytes, bytes_max) = (event.name_bytes, policy.event_name_max as usize);
    if bytes > bytes_max {
        return Err(EventRefused::NameLength { bytes, bytes_max });
    }
    let data = event.data.unwrap_or("null");
    let bytes_max = policy.event_data_bytes_max as usize;
    if let Some(bytes) = data_bytes_over(data, bytes_max) {
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
    let per_second = policy.client_event_rate_total;
    if !shard.admit_client_event_in_total(conn, per_second) {
        return Err(EventRefused::TotalRate { per_second });
    }
    // No channel that one can be subscribed to here is a room: without rules none has a log.
    if !app.history.is_empty() && app.has_log(event.channel) {
        let user_id = shard.member(conn, subscribed).map(|member| &*member.user_id);
        let (text, sequence_at) = logged::event_text(event.event, event.channel, data, user_id);
        shard.append_from(conn, event.channel, Draft::unnamed(text, sequence_at));
    } else {
        shard.publish_from(conn, subscribed, |frame, member| {
            let user_id = member.map(|member| &*member.user_id);
            server::event_frame_into(frame, event.event, event.channel, data, user_id);
        });
    }
    Ok(())
}
