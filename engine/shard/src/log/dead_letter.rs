//! Events that could not be delivered to a sink of the channel, until somebody looks at them.

mod stored;

use std::collections::{HashSet, VecDeque};

use super::draft::Draft;

/// One event that could not be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The letter's id.
    pub id: Box<str>,
    /// The event.
    pub draft: Draft,
    /// Why it could not be delivered.
    pub error: Box<str>,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was given up.
    pub failed_unix_ms: u64,
}

impl DeadLetter {
    /// About how much memory it takes, in bytes.
    pub fn weight_bytes(&self) -> usize {
        size_of::<Self>() + self.id.len() + self.error.len() + self.draft.weight_bytes()
    }
}

/// As many dead letters as there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the channel has {letters_max} dead letters, which is all that it may")]
pub struct DeadLettersFull {
    /// The limit.
    pub letters_max: usize,
}

/// The dead letters of one channel, oldest first.
#[derive(Debug, Default)]
pub struct DeadLetters {
    letters: VecDeque<DeadLetter>,
    bytes: usize,
}

impl DeadLetters {
    /// Keep `letter` behind the others.
    ///
    /// # Errors
    /// If there are `letters_max`: those that are there are not lost for a newer one.
    pub fn push(&mut self, letter: DeadLetter, letters_max: usize) -> Result<(), DeadLettersFull> {
        if self.letters.len() >= letters_max {
            return Err(DeadLettersFull { letters_max });
        }
        self.bytes += letter.weight_bytes();
        self.letters.push_back(letter);
        Ok(())
    }

    /// At most `limit` letters that were given up at `from_unix_ms` or later.
    pub fn list(&self, limit: usize, from_unix_ms: u64) -> impl Iterator<Item = &DeadLetter> {
        self.letters.iter().filter(move |it| it.failed_unix_ms >= from_unix_ms).take(limit)
    }

    /// Take all letters out, oldest first.
    pub fn take_all(&mut self) -> Vec<DeadLetter> {
        self.bytes = 0;
        std::mem::take(&mut self.letters).into()
    }

    /// Take those out that have one of these `ids`, oldest first; there may be none.
    pub fn take(&mut self, ids: &[Box<str>]) -> Vec<DeadLetter> {
        let wanted: HashSet<&str> = ids.iter().map(|id| &**id).collect();
        let letters = std::mem::take(&mut self.letters);
        let (taken, left): (Vec<_>, Vec<_>) =
            letters.into_iter().partition(|letter| wanted.contains(&*letter.id));
        self.letters = left.into();
        self.bytes -= taken.iter().map(DeadLetter::weight_bytes).sum::<usize>();
        taken
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.letters.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    /// What they weigh, in bytes.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(id: &str, failed_unix_ms: u64) -> DeadLetter {
        let draft = Draft {
            id: "e".into(),
            event_type: "t".into(),
            text: "{}".into(),
            sequence_at: 1,
            emitted_unix_ms: 0,
            expires_unix_ms: 0,
        };
        DeadLetter { id: id.into(), draft, error: "no".into(), attempts: 1, failed_unix_ms }
    }

    #[test]
    fn letters_are_kept_up_to_the_limit_and_not_one_more() {
        let mut letters = DeadLetters::default();
        assert_eq!(letters.push(letter("a", 1), 2), Ok(()));
        assert_eq!(letters.push(letter("b", 2), 2), Ok(()));
        let full = Err(DeadLettersFull { letters_max: 2 });
        assert_eq!(letters.push(letter("c", 3), 2), full);
        assert_eq!(letters.list(9, 0).map(|it| &*it.id).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn letters_are_listed_by_time_and_taken_in_order() {
        let mut letters = DeadLetters::default();
        for (id, at) in [("a", 1), ("b", 2), ("c", 3)] {
            letters.push(letter(id, at), 9).unwrap();
        }
        assert_eq!(letters.list(1, 2).map(|it| &*it.id).collect::<Vec<_>>(), ["b"]);
        let taken = letters.take(&["b".into(), "a".into(), "unknown".into()]);
        assert_eq!(taken.iter().map(|it| &*it.id).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((letters.len(), letters.bytes()), (1, letter("c", 3).weight_bytes()));
        assert_eq!(letters.take_all(), [letter("c", 3)]);
        assert!(letters.is_empty());
        assert_eq!(letters.bytes(), 0);
    }
}
