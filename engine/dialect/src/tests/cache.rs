//! Cache channels: the last event for whoever comes later, in the owner's order.

use uringcast_shard::Counters;

use super::transcript::check_on;
use super::world::World;

#[test]
fn a_kept_event_occupies_no_channel_and_can_be_asked_for() {
    let world = check_on(
        3,
        |limits| limits.app.cache_ttl_s = 5,
        r#"
        http: publish cache-room one 3
        http> published
        http: channels
        http> []
        http: channel cache-room
        http> [cache-room:0="xxx"@5]
        a: subscribe cache-room
        a> subscription_succeeded cache-room
        a> event cache-room one
        time: 1100
        http: channel cache-room
        http> [cache-room:1="xxx"@4]
        http: channels
        http> [cache-room:1]
        a: unsubscribe cache-room
        http: channels
        http> []
        time: 3900
        http: channel cache-room
        http> []
        "#,
    );
    assert_eq!(total(&world, |counters| counters.channels), 0);
    let kept = |counters: &Counters| counters.cached_events + counters.cached_bytes;
    assert!(world.shards.iter().all(|shard| kept(&shard.counters()) == 0));
}

#[test]
fn the_oldest_events_make_room_and_the_rest_stay() {
    let room = |channel: &str, data: usize| channel.len() + data + 256;
    let world = check_on(
        1,
        |limits| limits.shard.cache_bytes_max = 2 * room("cache-a", 100) + 200,
        "
        http: publish cache-a one 100
        http> published
        http: publish cache-b two 100
        http> published
        http: publish cache-c three 100
        http> published
        a: subscribe cache-a
        a> subscription_succeeded cache-a
        a> cache_miss cache-a
        a: subscribe cache-b
        a> subscription_succeeded cache-b
        a> event cache-b two
        a: subscribe cache-c
        a> subscription_succeeded cache-c
        a> event cache-c three
        ",
    );
    assert_eq!(total(&world, |counters| counters.cache_evictions), 1);
    assert_eq!(total(&world, |counters| counters.cache_misses), 1);
    assert_eq!(total(&world, |counters| counters.cache_hits), 2);
}

fn total(world: &World, value: fn(&Counters) -> u64) -> u64 {
    world.shards.iter().map(|shard| value(&shard.counters())).sum()
}
