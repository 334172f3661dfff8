//! How often something may be done: all limits of so many in a time are one of two types.
//!
//! A [`Bucket`] fills evenly and holds a burst, so who is refused learns when to come again. What
//! costs more than a whole bucket, such as a batch under a very low limit, is taken when the bucket
//! is full and leaves a debt; refusing it would be refusing it for ever.
//!
//! A [`Window`] counts afresh in each span of time. It is smaller and only knows whether it is
//! full; around its end twice as much may come as it has room for, which is enough against floods.

use crate::Millis;

/// What a bucket gains and holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// What comes in, evenly.
    pub per_second: u32,
    /// What it holds when it is full.
    pub burst: u32,
}

impl Rate {
    /// So many within one second, evenly or at once.
    pub const fn each_second(per_second: u32) -> Self {
        Self { per_second, burst: per_second }
    }

    const fn capacity_milli(self) -> i64 {
        self.burst as i64 * 1_000
    }

    /// Seconds, rounded up, in which so many thousandths come in.
    fn seconds(self, milli: i64) -> u32 {
        let per_second_milli = i64::from(self.per_second) * 1_000;
        u32::try_from((milli + per_second_milli - 1) / per_second_milli).unwrap_or(u32::MAX)
    }
}

/// What came of an attempt to take something out of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Whether it was taken; nothing is if not.
    pub is_admitted: bool,
    /// What the bucket holds when it is full.
    pub limit: u32,
    /// What is left in the bucket.
    pub remaining: u32,
    /// Seconds, rounded up, until it is full.
    pub reset_s: u32,
    /// Seconds, rounded up, until the same attempt succeeds; 0 if it has.
    pub retry_after_s: u32,
}

/// What is left of a limit that fills evenly.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    /// Thousandths; below 0 after a request that cost more than the bucket holds.
    level_milli: i64,
    filled_at: Millis,
}

impl Bucket {
    /// A full bucket, as of `now`.
    pub const fn full(rate: Rate, now: Millis) -> Self {
        Self { level_milli: rate.capacity_milli(), filled_at: now }
    }

    /// Try to take `amount` out. The rate may differ from call to call: a limit can be changed
    /// while the bucket is in use.
    pub fn spend(&mut self, amount: u32, rate: Rate, now: Millis) -> Spent {
        assert!(rate.per_second > 0, "no limit needs no bucket");
        let capacity = rate.capacity_milli();
        self.fill(rate, now);
        let cost = i64::from(amount) * 1_000;
        let needed = cost.min(capacity);
        let is_admitted = self.level_milli >= needed;
        let missing = if is_admitted { 0 } else { needed - self.level_milli };
        if is_admitted {
            self.level_milli -= cost;
        }
        Spent {
            is_admitted,
            limit: rate.burst,
            remaining: u32::try_from(self.level_milli / 1_000).unwrap_or_default(),
            reset_s: rate.seconds(capacity - self.level_milli),
            retry_after_s: rate.seconds(missing),
        }
    }

    /// So many each second are so many thousandths each millisecond.
    fn fill(&mut self, rate: Rate, now: Millis) {
        let elapsed_ms = now.since(self.filled_at).min(u64::from(u32::MAX)).cast_signed();
        let gained = elapsed_ms.saturating_mul(rate.per_second.into());
        self.level_milli = self.level_milli.saturating_add(gained).min(rate.capacity_milli());
        self.filled_at = self.filled_at.max(now);
    }
}

/// What was done in the span of time that is running.
///
/// Packed, because each connection has one.
#[derive(Clone, Copy, Debug, Default)]
#[repr(Rust, packed(4))]
pub struct Window {
    start: Millis,
    used: u32,
}

impl Window {
    /// An empty window that begins at `now`.
    pub const fn starting(now: Millis) -> Self {
        Self { start: now, used: 0 }
    }

    /// Count one more at `now`; false if that is beyond `used_max`, where 0 is no limit. The first
    /// that comes `span_ms` after the window's start begins a new one.
    pub const fn admit(&mut self, now: Millis, span_ms: u64, used_max: u32) -> bool {
        if used_max == 0 {
            return true;
        }
        if now.since(self.start) >= span_ms {
            *self = Self::starting(now);
        }
        self.used = self.used.saturating_add(1);
        self.used <= used_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Rate = Rate::each_second(10);

    fn admitted(bucket: &mut Bucket, amount: u32, now_ms: u64) -> bool {
        bucket.spend(amount, TEN, Millis(now_ms)).is_admitted
    }

    #[test]
    fn a_full_bucket_gives_its_limit_and_not_one_more() {
        let mut bucket = Bucket::full(TEN, Millis(0));
        for left in (0..10).rev() {
            let spent = bucket.spend(1, TEN, Millis(0));
            assert_eq!((spent.is_admitted, spent.limit, spent.remaining), (true, 10, left));
        }
        let spent = bucket.spend(1, TEN, Millis(0));
        assert_eq!((spent.is_admitted, spent.remaining, spent.retry_after_s), (false, 0, 1));
    }

    #[test]
    fn it_fills_evenly_and_not_above_its_limit() {
        let mut bucket = Bucket::full(TEN, Millis(0));
        assert!(admitted(&mut bucket, 10, 0));
        assert!(!admitted(&mut bucket, 1, 99));
        assert!(admitted(&mut bucket, 1, 100));
        assert!(!admitted(&mut bucket, 1, 199));
        assert!(admitted(&mut bucket, 10, 1_000_000));
        assert!(!admitted(&mut bucket, 1, 1_000_000));
    }

    #[test]
    fn what_is_refused_takes_nothing() {
        let mut bucket = Bucket::full(TEN, Millis(0));
        assert!(admitted(&mut bucket, 4, 0));
        assert!(!admitted(&mut bucket, 7, 0));
        assert!(admitted(&mut bucket, 6, 0));
    }

    #[test]
    fn more_than_a_bucket_is_taken_from_a_full_one_and_leaves_a_debt() {
        let mut bucket = Bucket::full(TEN, Millis(0));
        assert!(admitted(&mut bucket, 1, 0));
        let spent = bucket.spend(25, TEN, Millis(0));
        assert_eq!((spent.is_admitted, spent.retry_after_s, spent.remaining), (false, 1, 9));
        let spent = bucket.spend(25, TEN, Millis(100));
        assert_eq!((spent.is_admitted, spent.reset_s, spent.remaining), (true, 3, 0));
        assert_eq!(bucket.spend(1, TEN, Millis(100)).retry_after_s, 2);
        assert!(!admitted(&mut bucket, 1, 1_699));
        assert!(admitted(&mut bucket, 1, 1_700));
    }

    #[test]
    fn an_empty_batch_takes_nothing() {
        let mut bucket = Bucket::full(TEN, Millis(0));
        assert!(admitted(&mut bucket, 10, 0));
        assert!(admitted(&mut bucket, 0, 0));
    }

    #[test]
    fn a_limit_that_was_lowered_holds_at_once() {
        let mut bucket = Bucket::full(TEN, Millis(0));
        assert_eq!(bucket.spend(0, Rate::each_second(3), Millis(0)).remaining, 3);
    }

    #[test]
    fn a_clock_that_leaps_fills_the_bucket_and_no_more() {
        let rate = Rate::each_second(u32::MAX);
        let mut bucket = Bucket::full(rate, Millis(0));
        assert!(bucket.spend(u32::MAX, rate, Millis(0)).is_admitted);
        let spent = bucket.spend(1, rate, Millis(u64::MAX));
        assert_eq!((spent.is_admitted, spent.remaining), (true, u32::MAX - 1));
    }

    #[test]
    fn a_burst_may_be_larger_than_what_comes_in_each_second() {
        let rate = Rate { per_second: 2, burst: 3 };
        let mut bucket = Bucket::full(rate, Millis(0));
        assert!(bucket.spend(3, rate, Millis(0)).is_admitted);
        assert_eq!(bucket.spend(3, rate, Millis(0)).retry_after_s, 2);
        assert!(!bucket.spend(1, rate, Millis(499)).is_admitted);
        assert!(bucket.spend(1, rate, Millis(500)).is_admitted);
    }

    #[test]
    fn a_window_has_room_for_so_many_and_the_next_begins_with_the_first_after_it() {
        let mut window = Window::starting(Millis(5));
        let mut admit = |now, max| window.admit(Millis(now), 1_000, max);
        assert!(admit(5, 2) && admit(1_004, 2) && !admit(1_004, 2));
        assert!(admit(1_500, 2) && admit(2_499, 2) && !admit(2_499, 2) && admit(2_500, 2));
    }

    #[test]
    fn a_window_of_zero_is_no_limit() {
        let mut window = Window::default();
        assert!((0..1_000).all(|_| window.admit(Millis(0), 1_000, 0)));
    }
}
