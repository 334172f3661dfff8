//! What an app's own server is told.
//!
//! The owner of a channel tells what happens in it, in the channel's order, and nobody else does.
//! Nothing is told that no webhook of the app depends on, nor of the channels that are users' own.
//! An app without webhooks costs one look at an empty list.

use std::sync::Arc;

use bytes::Bytes;

use crate::Output;
use crate::app::{Apps, WebhookEvent};
use crate::frames::Frames;
use crate::id::{AppIndex, SocketId};
use crate::message::ChannelName;
use crate::owner::Owner;
use crate::route::Route;

/// Something that happened in an app.
#[derive(Clone, Debug)]
pub struct Notice {
    /// The app whose server is to be told.
    pub app: AppIndex,
    /// Where it happened; empty for [`Fact::ConnectionCount`].
    pub channel: Arc<str>,
    /// What has happened.
    pub fact: Fact,
}

impl Notice {
    /// About how much memory it holds, in bytes.
    pub fn weight_bytes(&self) -> usize {
        let held = match &self.fact {
            Fact::MemberAdded { user_id } | Fact::MemberRemoved { user_id } => user_id.len(),
            Fact::ClientEvent { frame, .. } => frame.len(),
            Fact::ChannelOccupied
            | Fact::ChannelVacated
            | Fact::CacheMiss
            | Fact::SubscriptionCount { .. }
            | Fact::ConnectionCount { .. } => 0,
        };
        size_of::<Self>() + self.channel.len() + held
    }
}

/// What happened, one variant for each [`WebhookEvent`].
#[derive(Clone, Debug)]
pub enum Fact {
    /// The channel has its first subscriber.
    ChannelOccupied,
    /// The channel has lost its last one.
    ChannelVacated,
    /// A user has come.
    MemberAdded {
        /// The user's id.
        user_id: Box<str>,
    },
    /// A user's last subscription has ended.
    MemberRemoved {
        /// The user's id.
        user_id: Box<str>,
    },
    /// A client has sent an event.
    ClientEvent {
        /// The frame that the others get; it holds the event's name, its data and the user.
        frame: Bytes,
        /// The sender.
        socket_id: SocketId,
    },
    /// Somebody has subscribed to a cache channel that had nothing to tell.
    CacheMiss,
    /// The number of the channel's subscriptions has changed.
    SubscriptionCount {
        /// Now, on all cores.
        subscriptions: u32,
    },
    /// The app's connections have come to its threshold, or fallen below it.
    ConnectionCount {
        /// Now, on all cores.
        connections: u32,
    },
}

impl Fact {
    /// What webhooks know it as.
    pub const fn event(&self) -> WebhookEvent {
        match self {
            Self::ChannelOccupied => WebhookEvent::ChannelOccupied,
            Self::ChannelVacated => WebhookEvent::ChannelVacated,
            Self::MemberAdded { .. } => WebhookEvent::MemberAdded,
            Self::MemberRemoved { .. } => WebhookEvent::MemberRemoved,
            Self::ClientEvent { .. } => WebhookEvent::ClientEvent,
            Self::CacheMiss => WebhookEvent::CacheMiss,
            Self::SubscriptionCount { .. } => WebhookEvent::SubscriptionCount,
            Self::ConnectionCount { .. } => WebhookEvent::ConnectionCount,
        }
    }
}

impl Owner {
    /// Tell what happened in the channel at `owned`, if anybody wants to know.
    pub(super) fn notice(
        &mut self,
        route: &mut Route,
        owned: u32,
        event: WebhookEvent,
        fact: impl FnOnce() -> Fact,
    ) {
        let name = &self.channels.at(owned).name;
        if is_of_interest(&route.apps, name, event) {
            let (app, channel) = (name.app(), name.shared());
            route.push_notice(app, channel, fact());
        }
    }

    /// A user has come to, or has left, the channel at `owned`.
    pub(super) fn notice_member(
        &mut self,
        route: &mut Route,
        owned: u32,
        user_id: &str,
        is_added: bool,
    ) {
        if is_added {
            let fact = || Fact::MemberAdded { user_id: user_id.into() };
            self.notice(route, owned, WebhookEvent::MemberAdded, fact);
        } else {
            let fact = || Fact::MemberRemoved { user_id: user_id.into() };
            self.notice(route, owned, WebhookEvent::MemberRemoved, fact);
        }
    }

    /// The subscriptions of the channel at `owned` have changed; presence channels have users.
    pub(super) fn notice_subscriptions(&mut self, route: &mut Route, owned: u32) {
        let channel = &self.channels.at(owned).value;
        if channel.roster.is_none() {
            let subscriptions = channel.subscriptions();
            let fact = || Fact::SubscriptionCount { subscriptions };
            self.notice(route, owned, WebhookEvent::SubscriptionCount, fact);
        }
    }

    /// A client has sent `frame` to the channel at `owned`.
    pub(super) fn notice_client_event(
        &mut self,
        route: &mut Route,
        owned: u32,
        frame: &Bytes,
        sender: SocketId,
    ) {
        let fact = || Fact::ClientEvent { frame: frame.clone(), socket_id: sender };
        self.notice(route, owned, WebhookEvent::ClientEvent, fact);
    }

    /// A client has sent `frames` to the channel at `owned`.
    pub(super) fn notice_client_events(
        &mut self,
        route: &mut Route,
        owned: u32,
        frames: &Frames,
        sender: SocketId,
    ) {
        let name = &self.channels.at(owned).name;
        if is_of_interest(&route.apps, name, WebhookEvent::ClientEvent) {
            let (app, channel) = (name.app(), name.shared());
            for frame in frames.clone().each() {
                let fact = Fact::ClientEvent { frame, socket_id: sender };
                route.push_notice(app, Arc::clone(&channel), fact);
            }
        }
    }
}

impl Route {
    /// Tell the app's server that a subscriber of cache channel `channel` found nothing in it.
    pub(super) fn notice_cache_miss(&mut self, channel: &ChannelName) {
        if is_of_interest(&self.apps, channel, WebhookEvent::CacheMiss) {
            self.push_notice(channel.app(), channel.shared(), Fact::CacheMiss);
        }
    }

    pub(super) fn push_notice(&mut self, app: AppIndex, channel: Arc<str>, fact: Fact) {
        self.outputs.push_back(Output::Notice(Notice { app, channel, fact }));
    }
}

/// Whether any webhook of the app depends on `event` in `channel`.
pub(super) fn is_of_interest(apps: &Apps, channel: &ChannelName, event: WebhookEvent) -> bool {
    let webhooks = &apps.app(channel.app()).webhooks;
    !webhooks.is_empty()
        && !channel.nature().is_of_user
        && webhooks.iter().any(|it| it.depends_on(event, channel.as_str()))
}
