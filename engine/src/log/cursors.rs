//! How far each subscriber of a channel has come, by its own word.
//!
//! An acknowledgement is for everything up to it, so a cursor only moves on.

use std::sync::Arc;

use hashbrown::HashMap;

/// The cursors of one channel, by subscriber id.
#[derive(Debug, Default)]
pub struct Cursors {
    by_subscriber: HashMap<Arc<str>, u64, foldhash::fast::RandomState>,
}

/// As many subscriber ids as a channel may remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the channel has cursors of {cursors_max} subscribers, which is all that it may")]
pub struct CursorsFull {
    /// The limit, `log.cursors_max`.
    pub cursors_max: usize,
}

impl Cursors {
    /// `subscriber_id` has everything up to `sequence`; true if that is news.
    ///
    /// # Errors
    /// If it is the first word of a subscriber and there are `cursors_max` others.
    pub fn advance(
        &mut self,
        subscriber_id: &Arc<str>,
        sequence: u64,
        cursors_max: usize,
    ) -> Result<bool, CursorsFull> {
        if let Some(cursor) = self.by_subscriber.get_mut(subscriber_id) {
            let is_news = sequence > *cursor;
            *cursor = sequence.max(*cursor);
            return Ok(is_news);
        }
        if self.by_subscriber.len() >= cursors_max {
            return Err(CursorsFull { cursors_max });
        }
        self.by_subscriber.insert(Arc::clone(subscriber_id), sequence);
        Ok(true)
    }

    /// What `subscriber_id` has, if it ever said.
    pub fn of(&self, subscriber_id: &str) -> Option<u64> {
        self.by_subscriber.get(subscriber_id).copied()
    }

    /// The cursor that is furthest behind.
    pub fn lowest(&self) -> Option<u64> {
        self.by_subscriber.values().min().copied()
    }

    /// How many subscribers have one.
    pub fn len(&self) -> usize {
        self.by_subscriber.len()
    }

    /// Whether nobody has.
    pub fn is_empty(&self) -> bool {
        self.by_subscriber.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_only_moves_on() {
        let (mut cursors, ann) = (Cursors::default(), Arc::from("ann"));
        assert_eq!(cursors.of("ann"), None);
        assert_eq!(cursors.advance(&ann, 5, 9), Ok(true));
        assert_eq!(cursors.advance(&ann, 3, 9), Ok(false));
        assert_eq!(cursors.advance(&ann, 5, 9), Ok(false));
        assert_eq!(cursors.of("ann"), Some(5));
    }

    #[test]
    fn a_full_channel_refuses_strangers_and_moves_those_it_knows() {
        let mut cursors = Cursors::default();
        let names: [Arc<str>; 3] = ["a".into(), "b".into(), "c".into()];
        assert_eq!(cursors.advance(&names[0], 1, 2), Ok(true));
        assert_eq!(cursors.advance(&names[1], 4, 2), Ok(true));
        assert_eq!(cursors.advance(&names[2], 1, 2), Err(CursorsFull { cursors_max: 2 }));
        assert_eq!(cursors.advance(&names[0], 2, 2), Ok(true));
        assert_eq!((cursors.len(), cursors.lowest()), (2, Some(2)));
    }
}
