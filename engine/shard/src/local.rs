//! The connections of one core, and the lists of subscribers that events are fanned out to.
//!
//! This side knows sockets, outboxes and timers. It is told by channels' owners what to send, and
//! tells them what its connections want; it calls no owner.

use std::collections::VecDeque;

use slab::Slab;
use uringcast_proto::ws::deflate::Deflater;

use crate::batch::{Joiner, Retained};
use crate::channel::{Channel, Run};
use crate::connection::Connection;
use crate::drain::Drain;
use crate::id::ConnId;
use crate::logged::Acks;
use crate::message::ToLocal;
use crate::rate::Window;
use crate::replies::Replies;
use crate::route::Route;
use crate::subscription_hints::SubscriptionHints;
use crate::table::Table;
use crate::user::Sessions;
use crate::watch::{Notices, Watched};
use crate::wheel::Wheel;
use crate::{Ending, Millis, ShardConfig};

/// The connections of one core and all that it keeps for them.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) connections: Slab<Connection>,
    /// How many of them came in on the listeners for metrics and tests.
    pub(super) operator_sockets: usize,
    /// How many of them came in beyond the limit, to be told so.
    pub(super) turned_away_sockets: usize,
    /// Channels that connections of this core are subscribed to.
    pub(super) channels: Table<Channel>,
    /// Where connections have channels that they sent events to.
    pub(super) subscription_hints: SubscriptionHints,
    /// The connections of this core by who has signed in on them.
    pub(super) sessions: Table<Sessions>,
    /// Users that connections of this core watch.
    pub(super) watched: Table<Watched>,
    /// What watchers are told at the turn's end.
    pub(super) watch_notices: Notices,
    /// Events of this turn, one run for each channel that has any.
    pub(super) runs: Vec<Run>,
    /// Answers to the messages that are being worked off.
    pub(super) replies: Replies,
    pub(super) wheel: Wheel,
    /// Client events of each app with a limit on all of its clients together, by its index.
    pub(super) event_rates: Vec<Window>,
    /// One for each form that events have, so that no kind of connection spoils what another
    /// shares.
    pub(super) joiners: [Joiner; 3],
    /// There from the first frame on that is to be compressed.
    pub(super) deflater: Option<Box<Deflater>>,
    pub(super) retained: Retained,
    /// Connections whose outbox wants a send.
    pub(super) dirty: Vec<ConnId>,
    /// Connections that had a send in flight when they were last looked at.
    pub(super) in_flight: Vec<ConnId>,
    /// Connections found over their limit while their channel's list was walked.
    pub(super) overflowed: Vec<ConnId>,
    pub(super) drain: Option<Drain>,
    /// Clients of apps that are served no more, who have yet to be closed.
    pub(super) evicted: Vec<(ConnId, Ending)>,
    /// Whether so much waits between cores that clients' messages wait, too.
    pub(super) are_cores_backlogged: bool,
    /// Connections whose messages wait for that to end.
    pub(super) waiting_for_cores: Vec<ConnId>,
    /// Connections that want their next page of a log.
    pub(super) page_queue: VecDeque<ConnId>,
    /// What has been acknowledged in this turn.
    pub(super) acks: Acks,
}

impl Local {
    pub(super) fn new(config: &ShardConfig, now: Millis) -> Self {
        Self {
            connections: Slab::with_capacity(config.sockets_reserved()),
            operator_sockets: 0,
            turned_away_sockets: 0,
            channels: Table::new(),
            subscription_hints: SubscriptionHints::new(),
            sessions: Table::new(),
            watched: Table::new(),
            watch_notices: Notices::default(),
            runs: Vec::new(),
            replies: Replies::default(),
            wheel: Wheel::new(now),
            event_rates: Vec::new(),
            joiners: Default::default(),
            deflater: None,
            retained: Retained::default(),
            dirty: Vec::new(),
            in_flight: Vec::new(),
            overflowed: Vec::new(),
            drain: None,
            evicted: Vec::new(),
            are_cores_backlogged: false,
            waiting_for_cores: Vec::new(),
            page_queue: VecDeque::new(),
            acks: Acks::default(),
        }
    }

    /// Take in what an owner has to say.
    pub(super) fn take(&mut self, route: &mut Route, message: ToLocal) {
        match message {
            ToLocal::Joined(joined) => self.on_joined(route, *joined),
            ToLocal::Deliver { local, frames, skip, ticket } => {
                self.on_deliver(route, local, frames, skip, ticket);
            }
            ToLocal::DeliverMany { local, load } => self.on_deliver_many(route, local, *load),
            ToLocal::DeliverLogged(delivery) => self.on_deliver_logged(route, delivery),
            ToLocal::Log(news) => self.on_log_news(route, *news),
            ToLocal::Status { watched, status } => self.on_status(route, watched, status),
            ToLocal::Routed { ticket, cores, counted } => route.on_routed(ticket, cores, counted),
            ToLocal::Queued { ticket } => route.on_queued(ticket),
            ToLocal::Appended { ticket, place, cores, outcome } => {
                route.on_appended(ticket, place, cores, *outcome);
            }
            ToLocal::Answered { ticket, answer } => self.on_log_answer(route, ticket, answer),
            ToLocal::Part { ticket, core, part } => route.on_part(ticket, core, part),
            ToLocal::Entered { ticket, is_admitted } => {
                self.on_entered(route, ticket, is_admitted);
            }
        }
    }

    #[inline]
    pub(super) fn connection(&mut self, conn: ConnId) -> Option<&mut Connection> {
        let connection = self.connections.get_mut(conn.slot as usize)?;
        (connection.generation == conn.generation).then_some(connection)
    }

    /// Whether nothing is left to hand to outboxes, and nobody to be closed or told.
    pub(super) fn is_quiet(&self) -> bool {
        self.runs.is_empty() && self.overflowed.is_empty() && self.watch_notices.is_empty()
    }

    /// Whether there is no connection, and nothing of one.
    pub(super) fn is_vacant(&self) -> bool {
        self.connections.is_empty()
            && self.channels.is_empty()
            && self.sessions.is_empty()
            && self.watched.is_empty()
            && self.watch_notices.is_empty()
            && self.runs.is_empty()
            && self.retained.bytes() == 0
    }
}

#[cfg(test)]
mod tests {
    use crate::app::{App, Apps};
    use crate::id::CoreId;
    use crate::plain::PLAIN;
    use crate::{DialectId, Millis, Shard, ShardConfig};

    #[test]
    fn a_side_is_vacant_when_nobody_is_there_and_no_answer_is_waited_for() {
        let apps = Apps::new(vec![App::new("id", "key", "secret")]).unwrap();
        let config = ShardConfig { cores: 2, ..ShardConfig::default() };
        let mut shard = Shard::new(config, apps, &PLAIN, Millis(0));
        assert!(shard.local.is_vacant());
        let conn = shard.open(1).unwrap();
        assert!(!shard.local.is_vacant());
        shard.upgrade(conn, DialectId(0));
        // One of another core: its owner's answer will look for it.
        let names = (0..100).map(|number| format!("room-{number}"));
        let mut of_other = names
            .filter(|name| shard.channel(crate::id::AppIndex(0), &**name).owner(2) == CoreId(1));
        let name = of_other.next().expect("half of them are");
        shard.subscribe(conn, &name, None).unwrap();
        shard.closed(conn, None);
        assert!(shard.local.connections.is_empty() && !shard.local.is_vacant());
    }
}
