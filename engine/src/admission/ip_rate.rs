//! How often one client address may connect.
//!
//! A bucket for each address: it fills at the rate and holds the burst. What is stored is the
//! moment at which it will be full again, so an address costs one number.
//!
//! The table has two halves. Addresses enter the young one; when that is full it becomes the old
//! one, and what was in the old one is forgotten. So nothing is ever searched for the oldest, and
//! an address that keeps coming stays. Whoever is forgotten starts with a full bucket: a flood from
//! more addresses than the table holds is not what this can stop.
//!
//! Invariant: no half holds more than half of the table's size.

use core::net::IpAddr;
use std::collections::HashMap;

use crate::shard::Millis;

/// Microseconds, so that rates up to a million a second have whole intervals.
const SECOND_US: u64 = 1_000_000;

/// The rates of client addresses on one core.
#[derive(Debug)]
pub struct IpRate {
    /// Between two connections at the full rate; 0 is no limit at all.
    interval_us: u64,
    burst: u64,
    half_max: usize,
    young: HashMap<IpAddr, u64>,
    old: HashMap<IpAddr, u64>,
}

/// The address has used up its burst: the peer sees 429 with `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooSoon {
    /// Whole seconds after which one more connection would be taken, at least 1.
    pub retry_after_s: u64,
}

impl IpRate {
    /// At most `per_second`, where 0 is no limit, and `burst` at once, for each of `addresses_max`
    /// addresses.
    pub fn new(per_second: u32, burst: u32, addresses_max: u32) -> Self {
        let interval_us = SECOND_US.checked_div(per_second.into()).unwrap_or(0);
        let half_max = (addresses_max as usize / 2).max(1);
        let (young, old) = (HashMap::new(), HashMap::new());
        Self { interval_us, burst: burst.max(1).into(), half_max, young, old }
    }

    /// Whether there is a limit.
    pub const fn is_on(&self) -> bool {
        self.interval_us > 0
    }

    /// Count a connection from `address`, unless it comes too soon.
    pub fn admit(&mut self, address: IpAddr, now: Millis) -> Result<(), TooSoon> {
        if !self.is_on() {
            return Ok(());
        }
        let now_us = now.0.saturating_mul(1_000);
        let key = network(address);
        let full_at = self.full_at(key).max(now_us);
        let room_at = (full_at + self.interval_us).saturating_sub(self.burst * self.interval_us);
        if room_at > now_us {
            return Err(TooSoon { retry_after_s: (room_at - now_us).div_ceil(SECOND_US) });
        }
        self.remember(key, full_at + self.interval_us);
        Ok(())
    }

    fn full_at(&self, key: IpAddr) -> u64 {
        let found = self.young.get(&key).or_else(|| self.old.get(&key));
        found.copied().unwrap_or(0)
    }

    fn remember(&mut self, key: IpAddr, full_at: u64) {
        if self.young.len() >= self.half_max && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, full_at);
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
        assert_eq!(refused, Err(TooSoon { retry_after_s: 1 }));
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
