//! Watchlists: which users a connection wants to hear of, and what it is told.
//!
//! A core asks a watched user's owner once, however many of its connections watch the user, and
//! keeps the last status: who starts to watch later is told that one, and then every change, like
//! everyone else. What a watcher is told in one turn is one message.

use hashbrown::HashSet;

use crate::id::ConnId;
use crate::local::Local;
use crate::message::{ChannelName, LocalId, UserAction};
use crate::online::OnlineStatus;
use crate::route::Route;
use crate::{DialectId, Segment, Shard, Word};

/// The most notices gathered in one turn before watchers are told: 768 KiB of them.
pub const NOTICES_MAX: usize = 64 * 1024;

/// A user that connections of this core watch; never without any.
#[derive(Debug, Default)]
pub(super) struct Watched {
    watchers: Vec<Watcher>,
    /// As the owner last said; `None` until it has.
    status: Option<OnlineStatus>,
}

/// One watcher of a user: the connection's slot, and where it keeps its watch.
#[derive(Clone, Copy, Debug)]
struct Watcher {
    slot: u32,
    index: u32,
}

/// One user on a connection's watchlist.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watching {
    /// Index into the table of watched users.
    watched: u32,
    /// Index into the user's watchers there.
    position: u32,
}

/// Who is to be told, and an index into the changes.
type Addressed = (ConnId, u32);

/// What is to be told, and to whom.
#[derive(Debug, Default)]
pub(super) struct Notices {
    changes: Vec<(ChannelName, OnlineStatus)>,
    addressed: Vec<Addressed>,
}

impl Notices {
    pub(super) fn is_empty(&self) -> bool {
        self.addressed.is_empty()
    }
}

impl Shard {
    /// Let `conn`, which has just signed in, hear of each of `user_ids`; who is named twice counts
    /// once.
    pub fn watch(&mut self, conn: ConnId, user_ids: &[String]) {
        let Some(connection) = self.local.connection(conn).filter(|it| it.is_open()) else {
            return;
        };
        let app = connection.app;
        let mut user_ids: Vec<&String> = user_ids.iter().collect();
        user_ids.sort_unstable();
        user_ids.dedup();
        for user_id in user_ids {
            let name = self.route.user_name(app, user_id);
            self.local.watch_one(&mut self.route, conn, name);
            self.settle();
        }
    }
}

impl Local {
    fn watch_one(&mut self, route: &mut Route, conn: ConnId, name: ChannelName) {
        let found = self.watched.find_name(&name);
        let user = self.connections[conn.slot as usize].user.as_mut();
        let watching = &mut user.expect("only who has signed in watches").watching;
        let watched =
            found.unwrap_or_else(|| self.watched.insert(name.clone(), Watched::default()));
        let entry = self.watched.at(watched);
        let position = entry.value.watchers.len() as u32;
        entry.value.watchers.push(Watcher { slot: conn.slot, index: watching.len() as u32 });
        watching.push(Watching { watched, position });
        if found.is_none() {
            let id = LocalId { index: watched, generation: entry.generation };
            route.tell_user(name, UserAction::Watch(id));
        } else if let Some(status) = entry.value.status {
            self.watch_notices.changes.push((name, status));
            self.address(conn);
            self.tell_watchers_early(route);
        }
    }

    /// A watch ends with the connection that had it; its user is no longer the connection's.
    pub(super) fn unwatch(&mut self, route: &mut Route, watching: Watching) {
        let Watching { watched, position } = watching;
        let entry = self.watched.at(watched);
        entry.value.watchers.swap_remove(position as usize);
        if let Some(&moved) = entry.value.watchers.get(position as usize) {
            let user = self.connections[moved.slot as usize].user.as_mut();
            let watching = &mut user.expect("only who has signed in watches").watching;
            watching[moved.index as usize].position = position;
        } else if entry.value.watchers.is_empty() {
            let name = entry.name.clone();
            self.watched.remove(watched);
            route.tell_user(name, UserAction::Unwatch);
        }
    }

    /// The owner of a watched user says how it is, or has become.
    pub(super) fn on_status(&mut self, route: &mut Route, watched: LocalId, status: OnlineStatus) {
        let Some(entry) = self.watched.get(watched.index, watched.generation) else {
            return; // The last watcher here left while the answer was on its way.
        };
        entry.value.status = Some(status);
        self.watch_notices.changes.push((entry.name.clone(), status));
        let watchers = std::mem::take(&mut entry.value.watchers);
        for &Watcher { slot, .. } in &watchers {
            let generation = self.connections[slot as usize].generation;
            self.address(ConnId { slot, generation });
        }
        self.watched.at(watched.index).value.watchers = watchers;
        self.tell_watchers_early(route);
    }

    /// Tell each watcher what has been gathered for it, in one message.
    pub(super) fn tell_watchers(&mut self, route: &mut Route) {
        if self.watch_notices.is_empty() {
            return;
        }
        let Notices { changes, mut addressed } = std::mem::take(&mut self.watch_notices);
        addressed.sort_unstable_by_key(|&(conn, change)| (conn.slot, conn.generation, change));
        let mut last: Option<(&[Addressed], DialectId, Segment)> = None;
        for told in addressed.chunk_by(|(one, _), (other, _)| one == other) {
            let conn = told[0].0;
            let Some((_, dialect)) = self.speaks(conn) else { continue };
            // Watchers of one user mostly hear of that user only: they share what is encoded.
            let segment = match &last {
                Some((same, spoken, segment)) if *spoken == dialect && is_same(same, told) => {
                    segment.clone()
                }
                Some(_) | None => {
                    let heard = told.iter().map(|&(_, change)| &changes[change as usize]);
                    let said = route.row(dialect).said(&[Word::Watched(&merge(heard))]);
                    if said.frames == 0 {
                        continue; // The dialect has no word for it.
                    }
                    Segment::new(said.bytes, said.frames, &self.retained)
                }
            };
            self.enqueue(route, conn.slot, segment.clone());
            last = Some((told, dialect, segment));
        }
    }

    /// A turn in which very much happens is told in parts.
    fn tell_watchers_early(&mut self, route: &mut Route) {
        if self.watch_notices.addressed.len() >= NOTICES_MAX {
            self.tell_watchers(route);
        }
    }

    /// The change noted last is for `conn`.
    fn address(&mut self, conn: ConnId) {
        let notices = &mut self.watch_notices;
        notices.addressed.push((conn, notices.changes.len() as u32 - 1));
    }

    /// Every list of watchers points back. Linear in everything: only when debugging.
    pub(super) fn debug_check_watchers(&self) {
        for entry in self.watched.iter() {
            debug_assert!(!entry.value.watchers.is_empty(), "a user nobody watches was kept");
            for (position, watcher) in entry.value.watchers.iter().enumerate() {
                let user = self.connections[watcher.slot as usize].user.as_ref();
                let watching = user.and_then(|it| it.watching.get(watcher.index as usize));
                debug_assert_eq!(watching.map(|it| it.position as usize), Some(position));
            }
        }
    }
}

/// Whether two watchers hear the same.
fn is_same(one: &[Addressed], other: &[Addressed]) -> bool {
    one.iter().map(|(_, change)| change).eq(other.iter().map(|(_, change)| change))
}

/// The changes as events of as many users as possible, each user's own in their order.
fn merge<'a>(
    changes: impl Iterator<Item = &'a (ChannelName, OnlineStatus)>,
) -> Vec<(OnlineStatus, Vec<&'a str>)> {
    let mut events: Vec<(OnlineStatus, Vec<&str>)> = Vec::new();
    // A user's second change must not stand before the first: from there on events begin anew.
    let mut open = 0;
    let mut seen = HashSet::<&str, foldhash::fast::RandomState>::default();
    for (name, status) in changes {
        let user_id = name.as_str();
        if !seen.insert(user_id) {
            open = events.len();
            seen.clear();
            seen.insert(user_id);
        }
        match events[open..].iter_mut().find(|(known, _)| known == status) {
            Some((_, ids)) => ids.push(user_id),
            None => events.push((*status, vec![user_id])),
        }
    }
    events
}
