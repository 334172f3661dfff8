//! What the app's own server is told, checked as it is told.
//!
//! A channel is occupied, then vacated, then occupied again; users come and go while it is; and
//! what clients send is told in the owner's order.

use std::collections::{BTreeMap, BTreeSet};

use uringcast::shard::{Fact, Notice};

use crate::history::Event;
use crate::parse;

/// Connections at which the app's server is told of their number.
pub(crate) const THRESHOLD: u32 = 3;

/// What has been told so far.
#[derive(Default)]
pub(crate) struct Told {
    channels: BTreeMap<String, Channel>,
    has_reached: bool,
    /// How often each kind of fact was told.
    pub(crate) counts: BTreeMap<&'static str, u64>,
}

#[derive(Default)]
struct Channel {
    is_occupied: bool,
    users: BTreeSet<String>,
    /// The ids of its clients' events.
    events: Vec<u64>,
}

impl Told {
    /// Take in one more fact.
    pub(crate) fn take(&mut self, notice: &Notice) {
        *self.counts.entry(notice.fact.event().name()).or_default() += 1;
        let channel = self.channels.entry(notice.channel.to_string()).or_default();
        assert!(!notice.channel.starts_with('#'), "a user's own channel is nobody's business");
        match &notice.fact {
            Fact::ChannelOccupied => {
                assert!(!std::mem::replace(&mut channel.is_occupied, true), "{notice:?}");
            }
            Fact::ChannelVacated => {
                assert!(std::mem::replace(&mut channel.is_occupied, false), "{notice:?}");
                assert!(channel.users.is_empty(), "{notice:?}: {:?}", channel.users);
            }
            Fact::MemberAdded { user_id } => {
                assert!(channel.is_occupied, "{notice:?}");
                assert!(channel.users.insert(user_id.to_string()), "{notice:?}");
            }
            Fact::MemberRemoved { user_id } => {
                assert!(channel.is_occupied, "{notice:?}");
                assert!(channel.users.remove(&**user_id), "{notice:?}");
            }
            Fact::ClientEvent { frame, .. } => {
                assert!(channel.is_occupied, "{notice:?}");
                channel.events.push(parse::event(frame).1);
            }
            Fact::CacheMiss => assert!(channel.is_occupied, "{notice:?}"),
            Fact::SubscriptionCount { .. } => {
                assert!(channel.is_occupied, "{notice:?}");
            }
            Fact::ConnectionCount { connections } => {
                let has_reached = *connections >= THRESHOLD;
                assert_ne!(std::mem::replace(&mut self.has_reached, has_reached), has_reached);
            }
        }
    }

    /// Everyone has gone, and `orders` is what each channel's owner has put in order.
    pub(crate) fn check_end(&self, orders: &BTreeMap<String, Vec<Event>>) {
        assert!(!self.has_reached, "nobody is connected");
        for (name, channel) in &self.channels {
            assert!(!channel.is_occupied, "{name} was not vacated");
            let mut order = orders.get(name).into_iter().flatten();
            for id in &channel.events {
                assert!(order.any(|event| event.id == *id), "{id} is out of order in {name}");
            }
        }
    }
}
