//! How fast an app may publish and read: token buckets.
//!
//! A bucket holds what may be used within one second and fills evenly. A request that costs more
//! than a whole bucket, such as a batch under a very low limit, is taken when the bucket is full
//! and leaves a debt; refusing it would be refusing it for ever.

use crate::app::AppPolicy;
use crate::id::AppIndex;

/// What an app has a limited amount of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Budget {
    /// `publish_rate`: events, counted once for each channel they go to.
    Publish,
    /// `read_rate`: requests that publish nothing.
    Read,
}

/// What one request takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// The app whose budget it is taken from.
    pub app: AppIndex,
    /// The budget that it is taken from.
    pub budget: Budget,
    /// How much is taken.
    pub amount: u32,
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

/// What is left of one budget.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    /// Thousandths; below 0 after a request that cost more than the bucket holds.
    level_milli: i64,
    filled_at_ms: u64,
}

impl Budget {
    /// What `policy` allows for each second; 0 is no limit.
    pub const fn per_second(self, policy: &AppPolicy) -> u32 {
        match self {
            Self::Publish => policy.publish_rate,
            Self::Read => policy.read_rate,
        }
    }
}

impl Bucket {
    /// A full bucket of `per_second`, as of `now_ms`.
    pub const fn full(per_second: u32, now_ms: u64) -> Self {
        Self { level_milli: capacity_milli(per_second), filled_at_ms: now_ms }
    }

    /// Try to take `amount` out. `per_second` may differ from call to call: a limit can be changed
    /// while the bucket is in use.
    pub fn spend(&mut self, amount: u32, per_second: u32, now_ms: u64) -> Spent {
        assert!(per_second > 0, "no limit needs no bucket");
        let capacity = capacity_milli(per_second);
        self.fill(per_second, now_ms);
        let cost = i64::from(amount) * 1_000;
        let needed = cost.min(capacity);
        let is_admitted = self.level_milli >= needed;
        let missing = if is_admitted { 0 } else { needed - self.level_milli };
        if is_admitted {
            self.level_milli -= cost;
        }
        Spent {
            is_admitted,
            limit: per_second,
            remaining: u32::try_from(self.level_milli / 1_000).unwrap_or_default(),
            reset_s: seconds(capacity - self.level_milli, per_second),
            retry_after_s: seconds(missing, per_second),
        }
    }

    fn fill(&mut self, per_second: u32, now_ms: u64) {
        // So many each second are so many thousandths each millisecond.
        let elapsed_ms = now_ms.saturating_sub(self.filled_at_ms).min(u64::from(u32::MAX));
        let gained = elapsed_ms.cast_signed().saturating_mul(i64::from(per_second));
        let level = self.level_milli.saturating_add(gained);
        self.level_milli = level.min(capacity_milli(per_second));
        self.filled_at_ms = self.filled_at_ms.max(now_ms);
    }
}

const fn capacity_milli(per_second: u32) -> i64 {
    per_second as i64 * 1_000
}

/// Seconds, rounded up, in which so many thousandths come in.
fn seconds(milli: i64, per_second: u32) -> u32 {
    let per_second_milli = i64::from(per_second) * 1_000;
    u32::try_from((milli + per_second_milli - 1) / per_second_milli).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(bucket: &mut Bucket, amount: u32, now_ms: u64) -> bool {
        bucket.spend(amount, 10, now_ms).is_admitted
    }

    #[test]
    fn a_full_bucket_gives_its_limit_and_not_one_more() {
        let mut bucket = Bucket::full(10, 0);
        for left in (0..10).rev() {
            let spent = bucket.spend(1, 10, 0);
            assert_eq!((spent.is_admitted, spent.limit, spent.remaining), (true, 10, left));
        }
        let spent = bucket.spend(1, 10, 0);
        assert_eq!((spent.is_admitted, spent.remaining, spent.retry_after_s), (false, 0, 1));
    }

    #[test]
    fn it_fills_evenly_and_not_above_its_limit() {
        let mut bucket = Bucket::full(10, 0);
        assert!(admitted(&mut bucket, 10, 0));
        assert!(!admitted(&mut bucket, 1, 99));
        assert!(admitted(&mut bucket, 1, 100));
        assert!(!admitted(&mut bucket, 1, 199));
        assert!(admitted(&mut bucket, 10, 1_000_000));
        assert!(!admitted(&mut bucket, 1, 1_000_000));
    }

    #[test]
    fn what_is_refused_takes_nothing() {
        let mut bucket = Bucket::full(10, 0);
        assert!(admitted(&mut bucket, 4, 0));
        assert!(!admitted(&mut bucket, 7, 0));
        assert!(admitted(&mut bucket, 6, 0));
    }

    #[test]
    fn more_than_a_bucket_is_taken_from_a_full_one_and_leaves_a_debt() {
        let mut bucket = Bucket::full(10, 0);
        assert!(admitted(&mut bucket, 1, 0));
        let spent = bucket.spend(25, 10, 0);
        assert_eq!((spent.is_admitted, spent.retry_after_s, spent.remaining), (false, 1, 9));
        let spent = bucket.spend(25, 10, 100);
        assert_eq!((spent.is_admitted, spent.reset_s, spent.remaining), (true, 3, 0));
        assert_eq!(bucket.spend(1, 10, 100).retry_after_s, 2);
        assert!(!admitted(&mut bucket, 1, 1_699));
        assert!(admitted(&mut bucket, 1, 1_700));
    }

    #[test]
    fn an_empty_batch_takes_nothing() {
        let mut bucket = Bucket::full(10, 0);
        assert!(admitted(&mut bucket, 10, 0));
        assert!(admitted(&mut bucket, 0, 0));
    }

    #[test]
    fn a_limit_that_was_lowered_holds_at_once() {
        let mut bucket = Bucket::full(10, 0);
        assert_eq!(bucket.spend(0, 3, 0).remaining, 3);
    }

    #[test]
    fn a_clock_that_leaps_fills_the_bucket_and_no_more() {
        let mut bucket = Bucket::full(u32::MAX, 0);
        assert!(bucket.spend(u32::MAX, u32::MAX, 0).is_admitted);
        let spent = bucket.spend(1, u32::MAX, u64::MAX);
        assert_eq!((spent.is_admitted, spent.remaining), (true, u32::MAX - 1));
    }
}
