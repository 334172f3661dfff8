//! Signing in: one user on many connections and cores, and what it opens and ends.

use uringcast_shard::Shard;

use super::transcript::check_on;

/// Two who watch each other, one of them in a channel, too.
const FRIENDS: &str = "
    a: signin ann watching bob; a: subscribe #server-to-user-ann
    a> signin_success ann
    a> subscription_succeeded #server-to-user-ann
    a> watchlist offline [bob]
    b: signin bob watching ann
    a> watchlist online [bob]
    b> signin_success bob
    b> watchlist online [ann]
    b: subscribe presence-room
    b> subscription_succeeded presence-room [bob]
    ";

/// Every way to the end passes the same place, and nothing is left behind it.
#[test]
fn users_leave_nothing_behind_however_they_end() {
    let closed = "
        a: close 1000
        a> close 1000
        a> cut
        b> watchlist offline [ann]
        b: close
        b> close
        b> cut
        ";
    let gone = "
        a: gone
        b> watchlist offline [ann]
        b: gone
        ";
    let terminated = "
        http: terminate ann
        a> error 4009
        a> close 4009
        b> watchlist offline [ann]
        http> terminated 1
        a: gone
        b: gone
        ";
    for ending in [closed, gone, terminated] {
        for cores in 1..=3 {
            let world = check_on(cores, |_| {}, &format!("{FRIENDS}{ending}"));
            assert!(world.shards.iter().all(Shard::is_vacant), "{ending}");
        }
    }
}
