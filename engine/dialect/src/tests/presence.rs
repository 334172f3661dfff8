//! Presence channels: users and not connections, over all cores.

use uringcast_shard::Shard;

use super::transcript::check_on;

#[test]
fn a_channel_that_lets_nobody_in_leaves_nothing_behind() {
    let mut world = check_on(
        2,
        |limits| limits.app.presence_members_max = 0,
        "
        a: open on 0
        a> established
        a: subscribe presence-on-1 as ann
        a> subscription_error presence-on-1 LimitReached 403
        a> error null
        ",
    );
    world.gone(0);
    world.settle();
    assert!(world.shards.iter().all(Shard::is_vacant));
}
