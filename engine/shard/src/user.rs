//! Who has signed in: users and their connections on this core.
//!
//! A user is named like their own channel, `#server-to-user-{id}`, so that what finds a channel's
//! owner finds a user's, too: the owner knows on which cores the user is ([`super::online`]).
//!
//! Invariant: a connection that has signed in stands in the list of its user and knows its place
//! there; a user with no connection has no list.

use std::num::NonZeroU32;

use crate::connection::{Connection, Phase};
use crate::id::{AppIndex, ConnId};
use crate::local::Local;
use crate::message::{ChannelName, Member, Nature, ToOwner, UserAction};
use crate::route::Route;
use crate::watch::Watching;
use crate::{Ending, Shard};

/// The connections of one user on one core, by slot; never empty.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    slots: Vec<u32>,
}

/// Who has signed in on a connection.
#[derive(Debug)]
pub(super) struct User {
    /// Index into the table of sessions.
    session: u32,
    /// Index into the user's connections there.
    position: u32,
    /// `user_info`: raw JSON, relayed untouched on presence channels.
    info: Box<str>,
    pub(super) watching: Vec<Watching>,
}

/// Why a connection was not signed in. It lives on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigninError {
    /// It is signed in as somebody else. A client bug, or worse.
    #[error("the connection is signed in as another user")]
    OtherUser,
    /// The connection is being closed.
    #[error("the connection is being closed")]
    Closing,
}

/// The unit in which it is remembered until when a connection must be authorized.
pub(super) const AUTHORIZE_TICK_MS: u64 = 100;

impl Shard {
    /// The user behind `conn` is `user_id`, described by `user_info` as JSON. True when that was
    /// not known before.
    pub fn sign_in(
        &mut self,
        conn: ConnId,
        user_id: &str,
        user_info: &str,
    ) -> Result<bool, SigninError> {
        let known = self.local.connection(conn).filter(|it| it.is_open());
        let app = known.ok_or(SigninError::Closing)?.app;
        match self.user_id(conn) {
            Some(known) if known == user_id => return Ok(false),
            Some(_) => return Err(SigninError::OtherUser),
            None => {}
        }
        let name = self.route.user_name(app, user_id);
        let found = self.local.sessions.find_name(&name);
        let session =
            found.unwrap_or_else(|| self.local.sessions.insert(name.clone(), Sessions::default()));
        let slots = &mut self.local.sessions.at(session).value.slots;
        let position = slots.len() as u32;
        slots.push(conn.slot);
        let user = User { session, position, info: user_info.into(), watching: Vec::new() };
        self.local.connections[conn.slot as usize].user = Some(Box::new(user));
        self.authorize(conn);
        if found.is_none() {
            self.route.tell_user(name, UserAction::SignedIn);
            self.settle();
        }
        Ok(true)
    }

    /// The id of who has signed in on `conn`.
    pub fn user_id(&mut self, conn: ConnId) -> Option<&str> {
        let session = self.local.connection(conn)?.user.as_ref()?.session;
        Some(self.local.sessions.at(session).name.as_str())
    }

    /// Who has signed in on `conn`, as presence channels show a user.
    pub fn user(&mut self, conn: ConnId) -> Option<Member> {
        let user_id = self.user_id(conn)?.into();
        let user_info = self.local.connection(conn)?.user.as_ref()?.info.clone();
        Some(Member { user_id, user_info })
    }

    /// Close `conn` with 4009 unless it is authorized within `timeout_s`; 0 is never.
    pub fn await_authorization(&mut self, conn: ConnId, timeout_s: u16) {
        self.await_authorization_ms(conn, u64::from(timeout_s) * 1_000);
    }

    /// Close `conn`, in its dialect's own words, unless it is authorized within `timeout_ms`,
    /// counted up to the next tick of the shard's clock; 0 is never.
    pub fn await_authorization_ms(&mut self, conn: ConnId, timeout_ms: u64) {
        let by = self.route.now.plus(timeout_ms).0.div_ceil(AUTHORIZE_TICK_MS);
        if let Some(connection) = self.local.connection(conn)
            && let Phase::Open { authorize_by, .. } = &mut connection.phase
        {
            *authorize_by = NonZeroU32::new(by as u32).filter(|_| timeout_ms > 0);
            self.local.reschedule(&self.route, conn);
        }
    }

    /// `conn` has shown that the app's server knows it: nothing more is waited for.
    pub fn authorize(&mut self, conn: ConnId) {
        if let Some(connection) = self.local.connection(conn)
            && let Phase::Open { authorize_by, .. } = &mut connection.phase
        {
            *authorize_by = None;
        }
    }

    /// Close every connection of `user_id` on this core; returns how many.
    ///
    /// Those on which the user has signed in, and those that are in a presence channel as the user:
    /// both say so with a signature of the app's server.
    pub(super) fn terminate(&mut self, app: AppIndex, user_id: &str) -> u32 {
        let conns = self.local.connections_of(&self.route, app, user_id);
        for &conn in &conns {
            let reason = "the app has closed the connections of this user";
            self.end(conn, Ending::Terminated, reason);
        }
        conns.len() as u32
    }
}

impl Local {
    /// Nobody is signed in on `conn` any more, because it ends.
    pub(super) fn sign_out(&mut self, route: &mut Route, conn: ConnId) {
        let Some(user) = self.connection(conn).and_then(|it| it.user.take()) else { return };
        let User { session, position, watching, .. } = *user;
        for watching in watching {
            self.unwatch(route, watching);
        }
        let entry = self.sessions.at(session);
        entry.value.slots.swap_remove(position as usize);
        if let Some(&moved) = entry.value.slots.get(position as usize) {
            let moved = self.connections[moved as usize].user.as_mut();
            moved.expect("the list has only who has signed in").position = position;
        } else if entry.value.slots.is_empty() {
            let name = entry.name.clone();
            self.sessions.remove(session);
            route.tell_user(name, UserAction::SignedOut);
        }
    }

    /// Every open connection that has shown a signature for `user_id`.
    ///
    /// It looks at each connection of the core: users are ended rarely, and a list of members by
    /// user would cost every subscription to a presence channel.
    fn connections_of(&self, route: &Route, app: AppIndex, user_id: &str) -> Vec<ConnId> {
        let name = route.user_name(app, user_id);
        let session = self.sessions.find_name(&name);
        let is_theirs = |connection: &Connection| {
            let is_signed_in =
                connection.user.as_ref().is_some_and(|it| Some(it.session) == session);
            let mut members = connection.subscriptions.iter().filter_map(|it| it.member.as_ref());
            connection.app == app
                && (is_signed_in || members.any(|member| *member.user_id == *user_id))
        };
        let theirs = self.connections.iter().filter(|(_, it)| it.is_open() && is_theirs(it));
        theirs.map(|(slot, it)| ConnId { slot: slot as u32, generation: it.generation }).collect()
    }

    /// Every list of users points back. Linear in everything: only when debugging.
    pub(super) fn debug_check_users(&self) {
        for entry in self.sessions.iter() {
            debug_assert!(!entry.value.slots.is_empty(), "a user without connections was kept");
            for (position, &slot) in entry.value.slots.iter().enumerate() {
                let user = self.connections[slot as usize].user.as_ref();
                debug_assert_eq!(user.map(|it| it.position as usize), Some(position));
            }
        }
        for (slot, connection) in &self.connections {
            let is_settled = connection.user.is_none() || connection.is_open();
            debug_assert!(is_settled, "slot {slot} is closed and signed in");
        }
    }
}

impl Route {
    /// Tell the core that keeps `user`'s state what has become of the user here.
    pub(super) fn tell_user(&mut self, user: ChannelName, action: UserAction) {
        let (owner, core) = (user.owner(self.config.cores), self.config.core);
        self.tell_owner(owner, ToOwner::User { user, core, action });
    }

    /// What the user `user_id` of `app` is called among the cores. Users have tables of their own,
    /// so no channel can be taken for one.
    pub(super) fn user_name(&self, app: AppIndex, user_id: &str) -> ChannelName {
        let nature = Nature { is_of_user: true, ..Nature::default() };
        ChannelName::new(app, user_id, nature, self.config.hash_seed)
    }
}
