//! Where in their lists of subscriptions channels were last found.
//!
//! A connection's list is short or seldom looked at, so it is scanned. Only who sends events to
//! many channels in turn would pay for half of the list with each of them: for those a table of
//! fixed size remembers where the last scans ended.
//!
//! Invariant: a place is a guess. What is found there is compared before it is used, so that the
//! answer is that of the scan whatever the table holds.

/// Hints that are remembered on one core: 4 KiB, for ten such publishers with a hundred channels.
const HINTS: usize = 1024;

/// The places that one core remembers.
#[derive(Debug)]
pub(super) struct SubscriptionHints(Box<[u32; HINTS]>);

impl SubscriptionHints {
    /// A table that remembers nothing yet.
    pub(super) fn new() -> Self {
        Self(Box::new([0; HINTS]))
    }

    /// Where the connection in `slot` may have the channel whose name has this hash.
    pub(super) fn of(&mut self, slot: u32, hash: u64) -> &mut u32 {
        // An odd number with bits everywhere, so that neighbours do not share a place.
        let mixed = slot.wrapping_mul(0x9e37_79b9) ^ hash as u32;
        &mut self.0[mixed as usize % HINTS]
    }
}

#[cfg(test)]
mod tests {
    use crate::app::{App, Apps};
    use crate::id::ConnId;
    use crate::plain::PLAIN;
    use crate::{DialectId, Millis, Shard, ShardConfig};

    const NAMES: [&str; 6] = ["a", "b", "private-a", "presence", "room-1", "room-2"];

    /// Where a scan of the whole list finds the channel.
    fn scanned(shard: &mut Shard, conn: ConnId, name: &str) -> Option<(u32, usize)> {
        let channels = shard.local.connection(conn)?.channels.clone();
        let is_it =
            |&(local, _): &(u32, usize)| shard.local.channels.at(local).name.as_str() == name;
        channels.into_iter().zip(0..).find(is_it)
    }

    fn open(shard: &mut Shard) -> ConnId {
        let conn = shard.open(1).unwrap();
        shard.upgrade(conn, DialectId(0));
        conn
    }

    /// Subscriptions come and go, connections close and their slots are taken again, and the table
    /// holds whatever it holds.
    #[test]
    fn a_guess_is_never_the_answer_where_a_scan_has_another() {
        let apps = Apps::new(vec![App::new("id", "key", "secret")]).unwrap();
        let mut shard = Shard::new(ShardConfig::default(), apps, &PLAIN, Millis(0));
        let mut conns: Vec<ConnId> = (0..4).map(|_| open(&mut shard)).collect();
        let mut random = 1_u64;
        let mut below = |bound: usize| {
            random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            (random >> 33) as usize % bound
        };
        for step in 0..3_000 {
            let which = below(conns.len());
            let (conn, name) = (conns[which], NAMES[below(NAMES.len())]);
            match below(8) {
                0..4 => {
                    let _ = shard.subscribe(conn, name, None);
                }
                4..7 => shard.unsubscribe(conn, name),
                _ => {
                    shard.closed(conn, None);
                    assert_eq!(shard.local.find_subscription(&shard.route, conn, name), None);
                    conns[which] = open(&mut shard);
                }
            }
            if step % 3 == 0 {
                shard.local.subscription_hints.0.fill(below(4) as u32);
            }
            shard.end_turn();
            for (&conn, name) in conns.iter().flat_map(|conn| NAMES.map(|name| (conn, name))) {
                let expected = scanned(&mut shard, conn, name);
                assert_eq!(
                    shard.local.find_subscription(&shard.route, conn, name),
                    expected,
                    "step {step}"
                );
            }
        }
    }
}
