//! How often one client address may connect.
//!
//! A bucket for each address: it fills at the rate and holds the burst.
//!
//! The table has two halves. Addresses enter the young one; when that is full it becomes the old
//! one, and what was in the old one is forgotten. So nothing is ever searched for the oldest, and
//! an address that keeps coming stays. Whoever is forgotten starts with a full bucket: a flood from
//! more addresses than the table holds is not what this can stop.
//!
//! Invariant: no half holds more than half of the table's size.

use core::net::IpAddr;
use std::collections::HashMap;

use crate::shard::{Bucket, Millis, Rate, Spent};

/// The rates of client addresses on one core.
#[derive(Debug)]
pub struct IpRate {
    rate: Rate,
    half_max: usize,
    young: HashMap<IpAddr, Bucket>,
    old: HashMap<IpAddr, Bucket>,
}

impl IpRate {
    /// At most `per_second`, where 0 is no limit, and `burst` at once, for each of `addresses_max`
    /// addresses.
    pub fn new(per_second: u32, burst: u32, addresses_max: u32) -> Self {
        let rate = Rate { per_second, burst: burst.max(1) };
        let half_max = (addresses_max as usize / 2).max(1);
        let (young, old) = (HashMap::new(), HashMap::new());
        Self { rate, half_max, young, old }
    }

    /// Count a connection from `address`, unless it comes too soon: then the peer sees 429 with
    /// `Retry-After`.
    pub fn admit(&mut self, address: IpAddr, now: Millis) -> Result<(), Spent> {
        if self.rate.per_second == 0 {
            return Ok(());
        }
        let key = network(address);
        let known = self.young.get(&key).or_else(|| self.old.get(&key)).copied();
        let mut bucket = known.unwrap_or_else(|| Bucket::full(self.rate, now));
        let spent = bucket.spend(1, self.rate, now);
        if !spent.is_admitted {
            return Err(spent);
        }
        self.remember(key, bucket);
        Ok(())
    }

    fn remember(&mut self, key: IpAddr, bucket: Bucket) {
        if self.young.len() >= self.half_max && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, bucket);
    }
}

/// What counts as one client: an IPv4 address, or the /64 that a single IPv6 line commonly has.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(rates: &mut IpRate, address: &str, at_ms: u64) -> bool {
        rates.admit(address.parse().unwrap(), Millis(at_ms)).is_ok()
    }

    #[test]
    fn a_burst_is_taken_at_once_and_not_one_more() {
        let mut rates = IpRate::new(2, 3, 100);
        assert!((0..3).all(|_| admitted(&mut rates, "192.0.2.1", 5_000)));
        let refused = rates.admit("192.0.2.1".parse().unwrap(), Millis(5_000));
        assert_eq!(refused.unwrap_err().retry_after_s, 1);
        assert!(admitted(&mut rates, "192.0.2.2", 5_000), "another address has its own");
    }

    #[test]
    fn the_bucket_fills_at_the_rate() {
        let mut rates = IpRate::new(2, 3, 100);
        assert!((0..3).all(|_| admitted(&mut rates, "192.0.2.1", 0)));
        assert!(!admitted(&mut rates, "192.0.2.1", 499));
        assert!(admitted(&mut rates, "192.0.2.1", 500));
        assert!(!admitted(&mut rates, "192.0.2.1", 999));
        assert!(admitted(&mut rates, "192.0.2.1", 1_000));
        assert!((0..3).all(|_| admitted(&mut rates, "192.0.2.1", 10_000)));
        assert!(!admitted(&mut rates, "192.0.2.1", 10_000), "it holds no more than the burst");
    }

    #[test]
    fn a_refusal_does_not_put_off_the_next_success() {
        let mut rates = IpRate::new(1, 1, 100);
        assert!(admitted(&mut rates, "192.0.2.1", 0));
        assert!((0..100).all(|_| !admitted(&mut rates, "192.0.2.1", 999)));
        assert!(admitted(&mut rates, "192.0.2.1", 1_000));
    }

    #[test]
    fn an_ipv6_line_is_one_client_and_so_is_a_mapped_address() {
        let mut rates = IpRate::new(1, 1, 100);
        assert!(admitted(&mut rates, "2001:db8::1", 0));
        assert!(!admitted(&mut rates, "2001:db8::ffff:2", 0));
        assert!(admitted(&mut rates, "2001:db8:0:1::1", 0));
        assert!(admitted(&mut rates, "192.0.2.1", 0));
        assert!(!admitted(&mut rates, "::ffff:192.0.2.1", 0));
    }

    #[test]
    fn a_rate_of_zero_is_no_limit_and_remembers_nobody() {
        let mut rates = IpRate::new(0, 1, 100);
        assert!((0..1_000).all(|_| admitted(&mut rates, "192.0.2.1", 0)));
        assert!(rates.young.is_empty());
    }

    #[test]
    fn the_table_is_bounded_and_forgets_who_came_first() {
        let mut rates = IpRate::new(1, 1, 10);
        for address in 1..=200 {
            assert!(admitted(&mut rates, &format!("192.0.2.{address}"), 0));
            assert!(rates.young.len() + rates.old.len() <= 10);
            if address > 5 {
                let before = format!("192.0.2.{}", address - 5);
                assert!(!admitted(&mut rates, &before, 0), "{before} is among the last five");
            }
        }
        assert!(admitted(&mut rates, "192.0.2.1", 0), "it was forgotten");
    }

    #[test]
    fn the_highest_rate_still_counts() {
        let mut rates = IpRate::new(1_000_000, 2, 100);
        assert!((0..2).all(|_| admitted(&mut rates, "192.0.2.1", 0)));
        assert!(!admitted(&mut rates, "192.0.2.1", 0));
        assert!(admitted(&mut rates, "192.0.2.1", 1));
    }
}
