//! Whether what clients heard of the users on their watchlists can be so.
//!
//! A watcher hears of a watched user how it is, once, and then of every change: the statuses of one
//! user take turns, and the last one is what is so when nothing moves any more.

use std::collections::BTreeMap;

use crate::history::{Heard, Story};
use crate::scenario::Scenario;

/// How a story breaks the promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// A status before the client had signed in, or of a user it does not watch.
    Unasked { user: String },
    /// One status twice in a row.
    Twice { user: String },
    /// Everything has been heard, but nothing of this user.
    Missing { user: String },
}

/// Which users a client believes to be online.
pub(crate) type Statuses = BTreeMap<String, bool>;

/// Follow one client through its story.
pub(crate) fn follow(story: &Story) -> Result<Statuses, Wrong> {
    let mut statuses = Statuses::new();
    let mut is_signed_in = false;
    for heard in &story.heard {
        is_signed_in |= *heard == Heard::SignedIn;
        let Heard::Watchlist { changes } = heard else { continue };
        for (user, is_online) in changes {
            let user = user.clone();
            if !is_signed_in || !story.watchlist.contains(&user) {
                return Err(Wrong::Unasked { user });
            }
            if statuses.insert(user.clone(), *is_online) == Some(*is_online) {
                return Err(Wrong::Twice { user });
            }
        }
    }
    let missing = story.watchlist.iter().find(|&user| !statuses.contains_key(user));
    match missing.filter(|_| story.is_complete) {
        Some(user) => Err(Wrong::Missing { user: user.clone() }),
        None => Ok(statuses),
    }
}

/// What every client believes of the users it watches is what is so.
pub(crate) fn check_statuses(scenario: &mut Scenario) {
    let mut truth = Statuses::new();
    for client in &scenario.world.clients {
        let shard = &mut scenario.world.shards[usize::from(client.core.0)];
        if let Some(user) = shard.user_id(client.conn) {
            truth.insert(user.to_owned(), true);
        }
    }
    for (index, story) in scenario.world.history.clients.iter().enumerate() {
        let statuses = follow(story).unwrap_or_else(|wrong| panic!("client {index}: {wrong:?}"));
        for (user, is_online) in statuses.iter().filter(|_| story.is_complete) {
            let is_so = truth.contains_key(user);
            assert_eq!(*is_online, is_so, "client {index} of {user}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(edit: impl FnOnce(&mut Story)) -> Result<Statuses, Wrong> {
        let changes = |list: &[(&str, bool)]| Heard::Watchlist {
            changes: list.iter().map(|&(user, is_online)| (user.to_owned(), is_online)).collect(),
        };
        let mut story = Story {
            watchlist: ["ann".to_owned(), "bob".to_owned()].into(),
            heard: vec![
                Heard::SignedIn,
                changes(&[("ann", true), ("bob", false)]),
                changes(&[("ann", false)]),
            ],
            is_complete: true,
            ..Story::default()
        };
        edit(&mut story);
        follow(&story)
    }

    #[test]
    fn a_right_story_passes() {
        let statuses = [("ann".to_owned(), false), ("bob".to_owned(), false)];
        assert_eq!(verdict(|_| {}), Ok(statuses.into()));
    }

    #[test]
    fn a_status_too_early_too_often_or_of_a_stranger_and_a_missing_one_are_found() {
        let (ann, bob) = (|| "ann".to_owned(), || "bob".to_owned());
        assert_eq!(verdict(|story| story.heard.swap(0, 1)), Err(Wrong::Unasked { user: ann() }));
        assert_eq!(
            verdict(|story| story.heard.push(story.heard[2].clone())),
            Err(Wrong::Twice { user: ann() })
        );
        assert_eq!(
            verdict(|story| story.watchlist.retain(|user| user == "ann")),
            Err(Wrong::Unasked { user: bob() })
        );
        let missing = |story: &mut Story| story.watchlist.extend(["cat".to_owned()]);
        assert_eq!(verdict(missing), Err(Wrong::Missing { user: "cat".to_owned() }));
        let cut_off = |story: &mut Story| {
            missing(story);
            story.is_complete = false;
        };
        assert!(verdict(cut_off).is_ok());
    }
}
