//! How many subscriptions of each dialect there are: nearly always all are of one.

use crate::word::DialectId;

/// The most dialects that a shard may be handed: as many as a byte has bits.
pub const DIALECTS_MAX: usize = 8;

/// Subscriptions by dialect, in 16 bytes where all are of one.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    first: DialectId,
    count: u32,
    /// Those of each dialect, from the moment on when there is a second one.
    more: Option<Box<[u32; DIALECTS_MAX]>>,
}

const _: () = assert!(size_of::<Counts>() <= 16);

impl Counts {
    /// One subscription of `dialect`.
    pub(super) const fn one(dialect: DialectId) -> Self {
        Self { first: dialect, count: 1, more: None }
    }

    /// How many there are of all dialects.
    pub(super) fn total(&self) -> u32 {
        self.more.as_ref().map_or(self.count, |more| more.iter().sum())
    }

    /// How many there are of `dialect`.
    pub(super) fn of(&self, dialect: DialectId) -> u32 {
        match &self.more {
            Some(more) => more[usize::from(dialect.0)],
            None if self.first == dialect => self.count,
            None => 0,
        }
    }

    /// One more.
    pub(super) fn add(&mut self, dialect: DialectId) {
        if self.more.is_none() && self.count == 0 {
            self.first = dialect;
        }
        if self.more.is_none() && self.first == dialect {
            self.count += 1;
            return;
        }
        let (first, count) = (self.first, self.count);
        let more = self.more.get_or_insert_with(|| {
            let mut more = Box::new([0; DIALECTS_MAX]);
            more[usize::from(first.0)] = count;
            more
        });
        more[usize::from(dialect.0)] += 1;
    }

    /// One less, of those that were added.
    pub(super) fn subtract(&mut self, dialect: DialectId) {
        if let Some(more) = &mut self.more {
            more[usize::from(dialect.0)] -= 1;
        } else {
            assert!(self.first == dialect, "who leaves was counted as what it speaks");
            self.count -= 1;
        }
    }

    /// The dialects that have any, a bit each.
    pub(super) fn heard(&self) -> u8 {
        match &self.more {
            Some(more) => {
                let bits = more.iter().enumerate().filter(|(_, count)| **count > 0);
                bits.fold(0, |heard, (dialect, _)| heard | 1 << dialect)
            }
            None if self.count > 0 => self.first.bit(),
            None => 0,
        }
    }
}

impl DialectId {
    /// The dialect's bit among those that are heard.
    pub(super) const fn bit(self) -> u8 {
        1 << self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_subtracted_whatever_the_order() {
        let [a, b] = [DialectId(0), DialectId(5)];
        let mut counts = Counts::one(b);
        assert_eq!((counts.total(), counts.heard()), (1, 0b10_0000));
        counts.add(a);
        counts.add(a);
        assert_eq!(
            (counts.of(a), counts.of(b), counts.total(), counts.heard()),
            (2, 1, 3, 0b10_0001)
        );
        counts.subtract(b);
        assert_eq!((counts.of(b), counts.heard()), (0, 1));
        counts.subtract(a);
        counts.subtract(a);
        assert_eq!((counts.total(), counts.heard()), (0, 0));
        counts.add(b);
        assert_eq!((counts.total(), counts.heard()), (1, 0b10_0000));
    }

    #[test]
    fn without_a_second_dialect_the_first_may_change_when_none_is_left() {
        let [a, b] = [DialectId(0), DialectId(1)];
        let mut counts = Counts::one(a);
        counts.subtract(a);
        counts.add(b);
        assert_eq!((counts.of(a), counts.of(b), counts.total()), (0, 1, 1));
    }
}
