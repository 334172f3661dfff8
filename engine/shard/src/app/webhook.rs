//! What an app's own server wants to be told, and where.

use uringcast_proto::secret::Secret;

use super::retry::RetryPolicy;

/// One endpoint of an app's server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Webhook {
    /// Where events are posted to: `http://` or `https://`.
    pub url: String,
    /// Which events; empty for all.
    pub events: Vec<WebhookEvent>,
    /// What the names of the channels begin with; empty for all.
    pub channel_prefix: String,
    /// What the names of the channels end with; empty for all.
    pub channel_suffix: String,
    /// Headers to send besides Pusher's own, which they cannot replace; a value may be a token.
    pub headers: Vec<(String, Secret)>,
    /// How a request that fails is tried again; `None` is as hosted Pusher does, with pauses that
    /// double from a second to a minute for `webhook.retry_max_s`.
    pub retry: Option<RetryPolicy>,
}

/// What an app's server can be told (spec peers.md 1d, with a threshold of connections besides).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WebhookEvent {
    /// A channel has its first subscriber.
    ChannelOccupied,
    /// A channel has lost its last one.
    ChannelVacated,
    /// A user has come to a presence channel.
    MemberAdded,
    /// A user's last connection has left one.
    MemberRemoved,
    /// A client has sent an event.
    ClientEvent,
    /// Somebody has subscribed to a cache channel that had nothing to tell.
    CacheMiss,
    /// The number of a channel's subscriptions has changed.
    SubscriptionCount,
    /// The number of the app's connections has crossed its threshold.
    ConnectionCount,
}

impl WebhookEvent {
    /// Each with its name in a webhook's body and in the configuration.
    pub const NAMES: [(Self, &'static str); 8] = [
        (Self::ChannelOccupied, "channel_occupied"),
        (Self::ChannelVacated, "channel_vacated"),
        (Self::MemberAdded, "member_added"),
        (Self::MemberRemoved, "member_removed"),
        (Self::ClientEvent, "client_event"),
        (Self::CacheMiss, "cache_miss"),
        (Self::SubscriptionCount, "subscription_count"),
        (Self::ConnectionCount, "connection_count"),
    ];

    /// Its name in a webhook's body and in the configuration.
    pub fn name(self) -> &'static str {
        let named = Self::NAMES.into_iter().find(|(event, _)| *event == self);
        named.expect("NAMES has every event").1
    }

    /// The event that takes this one back, if both follow each other closely.
    pub const fn opposite(self) -> Option<Self> {
        match self {
            Self::ChannelOccupied => Some(Self::ChannelVacated),
            Self::ChannelVacated => Some(Self::ChannelOccupied),
            Self::MemberAdded => Some(Self::MemberRemoved),
            Self::MemberRemoved => Some(Self::MemberAdded),
            Self::ClientEvent
            | Self::CacheMiss
            | Self::SubscriptionCount
            | Self::ConnectionCount => None,
        }
    }
}

impl Webhook {
    /// Whether it is to be told of `event` on `channel`.
    pub fn wants(&self, event: WebhookEvent, channel: &str) -> bool {
        (self.events.is_empty() || self.events.contains(&event))
            && channel.starts_with(&self.channel_prefix)
            && channel.ends_with(&self.channel_suffix)
    }

    /// Whether what it is told depends on `event` on `channel`: it wants the event or its opposite.
    pub fn depends_on(&self, event: WebhookEvent, channel: &str) -> bool {
        let opposite = event.opposite();
        self.wants(event, channel) || opposite.is_some_and(|event| self.wants(event, channel))
    }
}
