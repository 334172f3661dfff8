//! Subscribing and unsubscribing, on the core of the connection.
//!
//! A subscription begins when the owner's answer arrives: the answer stands in the same queue as
//! the channel's events, so the client sees `subscription_succeeded`, then everything after it. A
//! client that unsubscribes before the answer is let go at once, and the owner is told when the
//! answer arrives; the attempt's number keeps a late answer from being taken for a newer one's.

use std::sync::Arc;

use crate::channel::{Channel, Subscriber};
use crate::connection::{CATCHING_UP, JOINING, Subscription};
use crate::id::{AppIndex, ConnId, CoreId};
use crate::local::Local;
use crate::logged::JoinLog;
use crate::message::{
    ChannelName, Join, JoinRefused, Joined, LocalId, Member, ToOwner, Welcome, hash,
};
use crate::route::Route;
use crate::{DialectId, Shard, Word};

/// Why a connection may not subscribe. The connection always survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    /// It is subscribed, or is about to be. A client bug.
    #[error("the connection is subscribed to this channel already")]
    AlreadySubscribed,
    /// `connection.subscriptions_max`.
    #[error("a connection may have at most {subscriptions_max} subscriptions")]
    TooMany {
        /// The limit.
        subscriptions_max: usize,
    },
    /// The connection is being closed.
    #[error("the connection is being closed")]
    Closing,
}

/// Proof that a connection is subscribed to a channel, good until the next input.
#[derive(Clone, Copy, Debug)]
pub struct Subscribed {
    pub(super) local: u32,
    pub(super) index: usize,
}

impl Shard {
    /// The channel `name` of `app`.
    pub fn channel(&self, app: AppIndex, name: impl Into<Arc<str>>) -> ChannelName {
        self.route.channel(app, name)
    }

    /// Ask the owner of channel `name` to let `conn` in, as `member` on channels with members.
    pub fn subscribe(
        &mut self,
        conn: ConnId,
        name: &str,
        member: Option<Member>,
    ) -> Result<(), SubscribeError> {
        let joined = self.local.join(&mut self.route, conn, name, member, None);
        self.settle();
        joined.map(|_| ())
    }

    /// End the subscription of `conn` to channel `name`; nothing if there is none.
    pub fn unsubscribe(&mut self, conn: ConnId, name: &str) {
        if let Some((local, index)) = self.local.find_subscription(&self.route, conn, name) {
            self.local.end_subscription(&mut self.route, conn.slot, local, index);
            self.settle();
        }
    }

    /// Whether `conn` is subscribed to channel `name`, confirmed by the owner.
    #[inline]
    pub fn subscribed(&mut self, conn: ConnId, name: &str) -> Option<Subscribed> {
        let (local, index) = self.local.find_subscription(&self.route, conn, name)?;
        let connection = self.local.connection(conn)?;
        let is_confirmed = connection.subscriptions[index].position != JOINING;
        is_confirmed.then_some(Subscribed { local, index })
    }

    /// The user that `conn` presented for this subscription.
    pub fn member(&mut self, conn: ConnId, subscribed: Subscribed) -> Option<&Member> {
        self.local.connection(conn)?.subscriptions[subscribed.index].member.as_deref()
    }
}

impl Local {
    /// Ask the owner of channel `name` to let `conn` in, as `member` on presence channels, perhaps
    /// with options about the channel's log; the core that will answer.
    pub(super) fn join(
        &mut self,
        route: &mut Route,
        conn: ConnId,
        name: &str,
        member: Option<Member>,
        log: Option<Box<JoinLog>>,
    ) -> Result<CoreId, SubscribeError> {
        let (app, dialect) = self.check_subscribe(route, conn)?;
        let hash = hash(app, name, route.config.hash_seed);
        let local = match self.channels.find(app, name, hash) {
            Some(local) => local,
            None => self.channels.insert(route.channel(app, name), Channel::new()),
        };
        let attempt = route.next_serial();
        let connection = self.connection(conn).expect("check_subscribe has found it");
        if connection.find(local).is_some() {
            return Err(SubscribeError::AlreadySubscribed);
        }
        if connection.channels.is_empty() {
            // Most connections have one subscription for life; a list starts with room for four.
            connection.channels.reserve_exact(1);
            connection.subscriptions.reserve_exact(1);
        }
        connection.channels.push(local);
        let kept = member.clone().map(Box::new);
        connection.subscriptions.push(Subscription { position: JOINING, attempt, member: kept });
        route.counters.subscriptions += 1;
        if let Some(options) = &log {
            self.follow(route, conn, local, options);
            self.conn_log(conn).is_asked |= options.with_page;
        }
        let entry = self.channels.at(local);
        entry.value.joining += 1;
        let channel = entry.name.clone();
        let local = LocalId { index: local, generation: entry.generation };
        let owner = channel.owner(route.config.cores);
        let core = route.config.core;
        let join = Join { channel, core, conn, local, attempt, dialect, member, log };
        route.tell_owner(owner, ToOwner::Join(Box::new(join)));
        Ok(owner)
    }

    /// The owner has answered.
    pub(super) fn on_joined(&mut self, route: &mut Route, joined: Joined) {
        // Whoever is to see only what comes after must not see what this turn has gathered.
        let (local, conn) = (joined.local.index, joined.conn);
        let is_answered = joined.is_logged && !joined.is_page_next;
        self.seal_early(route, local);
        let index = self.find_attempt(&joined);
        let channel = &mut self.channels.at(local).value;
        channel.joining -= 1;
        channel.owned = Some(joined.owned);
        match (index, joined.outcome) {
            (Some(index), Ok(welcome)) => self.attach(route, joined.conn, local, index, welcome),
            (Some(index), Err(refused)) => {
                self.on_join_refused(route, joined.conn, local, index, refused);
            }
            (None, Ok(_)) => self.leave(route, local, joined.dialect, joined.user_id),
            (None, Err(_)) => self.release_if_vacant(route, local),
        }
        if is_answered {
            self.release(route, conn);
        }
    }

    /// Take the subscription at `index` out of the connection in `slot` and out of its channel.
    ///
    /// One that the owner has not answered is left to the answer, see [`Self::on_joined`].
    pub(super) fn end_subscription(
        &mut self,
        route: &mut Route,
        slot: u32,
        local: u32,
        index: usize,
    ) {
        let dialect = self.connections[slot as usize].dialect;
        let subscription = self.detach(route, slot, local, index);
        if subscription.position != JOINING {
            self.leave(route, local, dialect, subscription.member.map(|member| member.user_id));
        }
    }

    /// The subscription has begun: from here on the channel's events are for `conn`, too.
    fn attach(
        &mut self,
        route: &mut Route,
        conn: ConnId,
        local: u32,
        index: usize,
        mut welcome: Welcome,
    ) {
        if let Some(log) = welcome.log.take() {
            return self.welcome_follower(route, conn, local, index, *log, welcome);
        }
        self.list(conn.slot, local, index);
        for said in [welcome.subscribed, welcome.cached, welcome.count] {
            self.send_said(route, conn, said);
        }
    }

    /// Tell the owner that a subscription it has counted is over.
    fn leave(
        &mut self,
        route: &mut Route,
        local: u32,
        dialect: DialectId,
        user_id: Option<Box<str>>,
    ) {
        let channel = self.channels.at(local).name.clone();
        self.release_if_vacant(route, local);
        let owner = channel.owner(route.config.cores);
        let core = route.config.core;
        route.tell_owner(owner, ToOwner::Leave { channel, core, dialect, user_id });
    }

    fn on_join_refused(
        &mut self,
        route: &mut Route,
        conn: ConnId,
        local: u32,
        index: usize,
        refused: JoinRefused,
    ) {
        self.detach(route, conn.slot, local, index);
        let name = self.channels.at(local).name.clone();
        self.release_if_vacant(route, local);
        route.refuse(refused.refusal());
        self.tell_word(route, conn, &Word::JoinRefused { channel: name.as_str(), refused });
    }

    fn check_subscribe(
        &mut self,
        route: &Route,
        conn: ConnId,
    ) -> Result<(AppIndex, DialectId), SubscribeError> {
        let subscriptions_max = route.config.subscriptions_max;
        let connection = self.connection(conn).ok_or(SubscribeError::Closing)?;
        if !connection.is_open() {
            return Err(SubscribeError::Closing);
        }
        if connection.channels.len() >= subscriptions_max {
            return Err(SubscribeError::TooMany { subscriptions_max });
        }
        Ok((connection.app, connection.dialect))
    }

    #[inline]
    pub(super) fn find_subscription(
        &mut self,
        route: &Route,
        conn: ConnId,
        name: &str,
    ) -> Option<(u32, usize)> {
        let app = self.connection(conn)?.app;
        let hash = hash(app, name, route.config.hash_seed);
        let channels = &self.connections[conn.slot as usize].channels;
        let place = self.subscription_hints.of(conn.slot, hash);
        // A connection's channels are all of its own app, and each is in its list once.
        if let Some(&local) = channels.get(*place as usize)
            && self.channels.at(local).name.as_str() == name
        {
            return Some((local, *place as usize));
        }
        let local = self.channels.find(app, name, hash)?;
        let index = channels.iter().position(|&channel| channel == local)?;
        *place = index as u32;
        Some((local, index))
    }

    /// The index of the subscription that `joined` answers, if it still waits.
    fn find_attempt(&mut self, joined: &Joined) -> Option<usize> {
        let connection = self.connection(joined.conn)?;
        let index = connection.find(joined.local.index)?;
        let subscription = &connection.subscriptions[index];
        let waits = subscription.position == JOINING && subscription.attempt == joined.attempt;
        waits.then_some(index)
    }

    /// Take a subscription out of both lists and mend the positions of those that moved.
    fn detach(&mut self, route: &mut Route, slot: u32, local: u32, index: usize) -> Subscription {
        let connection = &mut self.connections[slot as usize];
        connection.channels.swap_remove(index);
        let subscription = connection.subscriptions.swap_remove(index);
        route.counters.subscriptions -= 1;
        if let Some(moved) = connection.subscriptions.get(index)
            && moved.is_listed()
        {
            let moved_local = connection.channels[index];
            let channel = &mut self.channels.at(moved_local).value;
            channel.subscribers[moved.position as usize].index = index as u32;
        }
        let channel = &mut self.channels.at(local).value;
        channel.joining -= u32::from(subscription.position == CATCHING_UP);
        if channel.log.is_some() {
            self.unfollow(slot, local);
        }
        if subscription.is_listed() {
            self.unlist(local, subscription.position);
        }
        subscription
    }

    /// Put the subscription at `index` of the connection in `slot` into its channel's list.
    pub(super) fn list(&mut self, slot: u32, local: u32, index: usize) {
        let connection = &mut self.connections[slot as usize];
        let channel = &mut self.channels.at(local).value;
        connection.subscriptions[index].position = channel.subscribers.len() as u32;
        channel.subscribers.push(Subscriber { slot, index: index as u32 });
        channel.count_mut(connection.form()).into_iter().for_each(|count| *count += 1);
    }

    /// Take the subscriber at `position` out of the channel's list.
    pub(super) fn unlist(&mut self, local: u32, position: u32) {
        let channel = &mut self.channels.at(local).value;
        let Subscriber { slot, .. } = channel.subscribers.swap_remove(position as usize);
        let form = self.connections[slot as usize].form();
        channel.count_mut(form).into_iter().for_each(|count| *count -= 1);
        if let Some(moved) = channel.subscribers.get(position as usize) {
            let connection = &mut self.connections[moved.slot as usize];
            connection.subscriptions[moved.index as usize].position = position;
        }
    }

    fn release_if_vacant(&mut self, route: &mut Route, local: u32) {
        if self.channels.at(local).value.is_vacant() {
            self.seal_early(route, local);
            self.channels.remove(local);
        }
    }
}

impl Route {
    /// The channel `name` of `app`, with its hash and its nature.
    pub(super) fn channel(&self, app: AppIndex, name: impl Into<Arc<str>>) -> ChannelName {
        let name = name.into();
        let nature = (self.dialects.nature)(&name);
        ChannelName::new(app, name, nature, self.config.hash_seed)
    }
}
