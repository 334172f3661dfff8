//! The owner's side of a user: on which cores they are signed in, and which cores want to know.
//!
//! Comings, goings and new watchers are taken in one order, and what each watching core is told
//! keeps that order: first how it is now, then every change.

use smallvec::SmallVec;

use crate::id::CoreId;
use crate::message::{ChannelName, LocalId, ToLocal, UserAction};
use crate::owner::Owner;
use crate::route::Way;

/// Whether a user is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnlineStatus {
    /// At least one connection is signed in as the user.
    Online,
    /// None is.
    Offline,
}

/// A user whose coming and going this core puts in order.
#[derive(Debug, Default)]
pub(super) struct Online {
    /// The cores that have connections of the user.
    cores: SmallVec<[CoreId; 8]>,
    /// The cores that have watchers of the user, each with its name for them.
    watchers: SmallVec<[(CoreId, LocalId); 1]>,
}

impl Online {
    /// Online from the first connection that signs in to the end of the last.
    fn status(&self) -> OnlineStatus {
        if self.cores.is_empty() { OnlineStatus::Offline } else { OnlineStatus::Online }
    }
}

impl Owner {
    /// `core` has something to say of `user`.
    pub(super) fn on_user(
        &mut self,
        way: &mut Way<'_>,
        user: ChannelName,
        core: CoreId,
        action: UserAction,
    ) {
        match action {
            UserAction::SignedIn => self.on_signed_in(way, user, core),
            UserAction::SignedOut => self.on_signed_out(way, &user, core),
            UserAction::Watch(watched) => self.on_watch(way, user, core, watched),
            UserAction::Unwatch => self.on_unwatch(&user, core),
        }
    }

    /// `core` has its first connection of `user`.
    fn on_signed_in(&mut self, way: &mut Way<'_>, user: ChannelName, core: CoreId) {
        let index = self.occupy_user(user);
        let online = &mut self.online.at(index).value;
        online.cores.push(core);
        if online.cores.len() == 1 {
            self.announce(way, index);
        }
    }

    /// `core` has lost its last connection of `user`.
    fn on_signed_out(&mut self, way: &mut Way<'_>, user: &ChannelName, core: CoreId) {
        let index = self.find_user(user);
        let cores = &mut self.online.at(index).value.cores;
        let position = cores.iter().position(|&it| it == core);
        cores.swap_remove(position.expect("only a core that has told of the user has lost them"));
        if cores.is_empty() {
            self.announce(way, index);
        }
        self.vacate_user_if_empty(index);
    }

    /// `core` has its first watcher of `user` and knows the user as `watched`.
    fn on_watch(&mut self, way: &mut Way<'_>, user: ChannelName, core: CoreId, watched: LocalId) {
        let index = self.occupy_user(user);
        let online = &mut self.online.at(index).value;
        online.watchers.push((core, watched));
        let status = online.status();
        way.tell(core, ToLocal::Status { watched, status });
    }

    /// `core` has lost its last watcher of `user`.
    fn on_unwatch(&mut self, user: &ChannelName, core: CoreId) {
        let index = self.find_user(user);
        let watchers = &mut self.online.at(index).value.watchers;
        let position = watchers.iter().position(|&(it, _)| it == core);
        watchers.swap_remove(position.expect("only a core that watches stops watching"));
        self.vacate_user_if_empty(index);
    }

    /// Tell every watching core what has become of the user at `index`.
    fn announce(&mut self, way: &mut Way<'_>, index: u32) {
        let status = self.online.at(index).value.status();
        for position in 0..self.online.at(index).value.watchers.len() {
            let (core, watched) = self.online.at(index).value.watchers[position];
            way.tell(core, ToLocal::Status { watched, status });
        }
    }

    fn find_user(&self, user: &ChannelName) -> u32 {
        self.online.find_name(user).expect("a user with a core or a watcher is in the table")
    }

    fn occupy_user(&mut self, user: ChannelName) -> u32 {
        let found = self.online.find_name(&user);
        found.unwrap_or_else(|| self.online.insert(user, Online::default()))
    }

    fn vacate_user_if_empty(&mut self, index: u32) {
        let online = &self.online.at(index).value;
        if online.cores.is_empty() && online.watchers.is_empty() {
            self.online.remove(index);
        }
    }
}
