//! How far each subscriber of a channel has come, by its own word.
//!
//! An acknowledgement is for everything up to it, so a cursor only moves on. One that is neither
//! moved nor begun from for long is forgotten: whoever came once would stay for good otherwise.
//!
//! Invariant: no two subscribers share a [`cursor_name`], whatever they call themselves.

use std::sync::Arc;

use hashbrown::HashMap;

use super::NotKept;

/// What the names of cursors begin with that are not a subscriber's own word.
const OWN_NAME: char = '\u{1}';

/// The cursors of one channel, by their names.
#[derive(Debug, Default)]
pub struct Cursors {
    by_name: HashMap<Arc<str>, Cursor, foldhash::fast::RandomState>,
    /// Before this none has been idle for too long, in milliseconds since 1970.
    looked_at_unix_ms: u64,
}

#[derive(Clone, Copy, Debug)]
struct Cursor {
    sequence: u64,
    /// When it was last moved or begun from, up to an eighth of its lifetime too early.
    used_unix_ms: u64,
}

/// As many subscriber ids as a channel may remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the channel has cursors of {cursors_max} subscribers, which is all that it may")]
pub struct CursorsFull {
    /// The limit, `log.cursors_max`.
    pub cursors_max: usize,
}

/// Why an acknowledgement does not count. The client may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AckError {
    /// The log, which may have begun anew, has no such event yet.
    #[error("no event has number {sequence}: the last one is {last}")]
    AboveHead {
        /// The number that was acknowledged.
        sequence: u64,
        /// The number of the newest event.
        last: u64,
    },
    /// `log.cursors_max`, or the name is one of the server's own.
    #[error("the channel has cursors of as many subscribers as it may")]
    Full,
    /// It is not on the disk.
    #[error("the ack is not kept: {0}")]
    NotKept(NotKept),
}

/// The name of the cursor of who calls itself `id`; `user` is who that is, if something proves it.
pub fn cursor_name(user: Option<&str>, id: &str) -> Arc<str> {
    match user {
        Some(user) => format!("{OWN_NAME}sub:{}:{user}{id}", user.len()).into(),
        None if id.starts_with(OWN_NAME) => format!("{OWN_NAME}id:{id}").into(),
        None => id.into(),
    }
}

/// What the subscriber whose cursor is called `name` calls itself.
pub fn subscriber_of(name: &str) -> &str {
    let Some(own) = name.strip_prefix(OWN_NAME) else { return name };
    if let Some(id) = own.strip_prefix("id:") {
        return id;
    }
    let of_user = own.strip_prefix("sub:").and_then(|it| it.split_once(':'));
    let id = of_user.and_then(|(length, rest)| rest.get(length.parse().ok()?..));
    id.unwrap_or(name)
}

impl Cursors {
    /// The subscriber has everything up to `sequence`; false if it had before.
    ///
    /// # Errors
    /// If it is the first word of a subscriber and there are as many others as may be.
    pub fn advance(
        &mut self,
        name: &Arc<str>,
        sequence: u64,
        now_unix_ms: u64,
        cursors_max: usize,
    ) -> Result<bool, CursorsFull> {
        if let Some(cursor) = self.by_name.get_mut(name) {
            let is_news = sequence > cursor.sequence;
            if is_news {
                *cursor = Cursor { sequence, used_unix_ms: now_unix_ms };
            }
            return Ok(is_news);
        }
        self.restore(name, sequence, now_unix_ms, cursors_max).map(|()| true)
    }

    /// A cursor as it was stored.
    ///
    /// # Errors
    /// If there are `cursors_max` others.
    pub fn restore(
        &mut self,
        name: &Arc<str>,
        sequence: u64,
        used_unix_ms: u64,
        cursors_max: usize,
    ) -> Result<(), CursorsFull> {
        if self.by_name.len() >= cursors_max {
            return Err(CursorsFull { cursors_max });
        }
        self.looked_at_unix_ms = 0;
        self.by_name.insert(Arc::clone(name), Cursor { sequence, used_unix_ms });
        Ok(())
    }

    /// The cursor called `name` is used; true if that is worth a record: a few of them in its
    /// lifetime.
    pub fn renew(&mut self, name: &str, now_unix_ms: u64, idle_ms: u64) -> bool {
        let Some(cursor) = self.by_name.get_mut(name) else { return false };
        let is_due = now_unix_ms.saturating_sub(cursor.used_unix_ms) >= (idle_ms / 8).max(1);
        if is_due {
            cursor.used_unix_ms = now_unix_ms;
        }
        is_due
    }

    /// Forget those that nobody has used for `idle_ms`, up to a 64th of that late and at most
    /// `gone_max` at a time; their names.
    pub fn forget_idle(
        &mut self,
        now_unix_ms: u64,
        idle_ms: u64,
        gone_max: usize,
    ) -> Vec<Arc<str>> {
        if self.by_name.is_empty() || gone_max == 0 || now_unix_ms < self.looked_at_unix_ms {
            return Vec::new();
        }
        let mut oldest = now_unix_ms;
        let gone = self.by_name.extract_if(|_, cursor| {
            let is_idle = cursor.used_unix_ms.saturating_add(idle_ms) <= now_unix_ms;
            if !is_idle {
                oldest = oldest.min(cursor.used_unix_ms);
            }
            is_idle
        });
        let gone: Vec<_> = gone.take(gone_max).map(|(name, _)| name).collect();
        if gone.len() == gone_max {
            return gone; // Not all have been looked at.
        }
        // Many that come of age one after the other must not be looked through for each.
        self.looked_at_unix_ms =
            oldest.saturating_add(idle_ms).max(now_unix_ms.saturating_add(idle_ms / 64));
        gone
    }

    /// What the subscriber has, if it ever said.
    pub fn of(&self, name: &str) -> Option<u64> {
        self.by_name.get(name).map(|cursor| cursor.sequence)
    }

    /// What the subscriber has, if it ever said, and when its cursor was last used, in milliseconds
    /// since 1970.
    pub fn stored(&self, name: &str) -> Option<(u64, u64)> {
        self.by_name.get(name).map(|cursor| (cursor.sequence, cursor.used_unix_ms))
    }

    /// The cursor that is furthest behind.
    pub fn lowest(&self) -> Option<u64> {
        self.by_name.values().map(|cursor| cursor.sequence).min()
    }

    /// How many subscribers have a cursor.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether no subscriber has a cursor.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_only_moves_on() {
        let (mut cursors, ann) = (Cursors::default(), Arc::from("ann"));
        assert_eq!(cursors.of("ann"), None);
        assert_eq!(cursors.advance(&ann, 5, 0, 9), Ok(true));
        assert_eq!(cursors.advance(&ann, 3, 0, 9), Ok(false));
        assert_eq!(cursors.advance(&ann, 5, 0, 9), Ok(false));
        assert_eq!(cursors.of("ann"), Some(5));
    }

    #[test]
    fn a_full_channel_refuses_strangers_and_moves_those_it_knows() {
        let mut cursors = Cursors::default();
        let names: [Arc<str>; 3] = ["a".into(), "b".into(), "c".into()];
        assert_eq!(cursors.advance(&names[0], 1, 0, 2), Ok(true));
        assert_eq!(cursors.advance(&names[1], 4, 0, 2), Ok(true));
        let full = Err(CursorsFull { cursors_max: 2 });
        assert_eq!(cursors.advance(&names[2], 1, 0, 2), full);
        assert_eq!(cursors.advance(&names[0], 2, 0, 2), Ok(true));
        assert_eq!((cursors.len(), cursors.lowest()), (2, Some(2)));
    }

    #[test]
    fn a_cursor_is_forgotten_when_nobody_has_used_it_for_its_lifetime() {
        let mut cursors = Cursors::default();
        let [ann, bob]: [Arc<str>; 2] = ["ann".into(), "bob".into()];
        assert_eq!(cursors.advance(&ann, 1, 1_000, 9), Ok(true));
        assert_eq!(cursors.advance(&bob, 1, 1_000, 9), Ok(true));
        // Being used counts, and is worth a record now and then.
        assert!(!cursors.renew("ann", 1_099, 800));
        assert!(cursors.renew("ann", 1_100, 800));
        assert_eq!(cursors.stored("ann"), Some((1, 1_100)));
        assert_eq!(cursors.advance(&ann, 1, 1_150, 9), Ok(false));
        assert!(cursors.forget_idle(1_799, 800, 9).is_empty());
        assert_eq!(cursors.forget_idle(1_812, 800, 9), [bob]);
        assert!(cursors.forget_idle(1_899, 800, 9).is_empty());
        assert_eq!(cursors.forget_idle(1_925, 800, 9), [ann]);
        assert!(cursors.is_empty());
    }

    #[test]
    fn no_two_subscribers_share_a_name() {
        let parts = ["", "a", "aa", "1:a", ":", "\u{1}", "\u{1}sub:1:aa", "\u{1}id:a", "\u{e9}"];
        let users = parts.iter().map(|it| Some(*it)).chain([None]);
        let all: Vec<_> = users.flat_map(|user| parts.map(|id| (user, id))).collect();
        let mut names: Vec<_> = all.iter().map(|(user, id)| cursor_name(*user, id)).collect();
        for ((_, id), name) in all.iter().zip(&names) {
            assert_eq!(subscriber_of(name), *id, "{name:?}");
            assert!(!name.starts_with("\u{1}sink:"));
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len());
    }

    #[test]
    fn a_name_without_a_user_is_the_word_itself() {
        assert_eq!(&*cursor_name(None, "ann"), "ann");
        assert_eq!(subscriber_of("\u{1}sink:a"), "\u{1}sink:a");
    }
}
