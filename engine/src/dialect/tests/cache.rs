//! Cache channels: the last event for whoever comes later, in the owner's order.

use super::transcript::{check, check_on, check_with};
use super::world::World;
use crate::shard::Counters;

#[test]
fn a_new_subscriber_gets_the_last_event_from_before_and_then_what_follows() {
    check(
        "
        http: publish cache-room one
        http> published
        http: publish cache-room two
        http> published
        a: subscribe cache-room
        a> subscription_succeeded cache-room
        a> event cache-room two
        http: publish cache-room three
        a> event cache-room three
        http> published
        b: subscribe cache-room
        b> subscription_succeeded cache-room
        b> event cache-room three
        ",
    );
}

#[test]
fn a_subscriber_of_an_empty_cache_channel_is_told_so_once() {
    check(
        "
        a: subscribe cache-room
        a> subscription_succeeded cache-room
        a> cache_miss cache-room
        http: publish cache-room one
        a> event cache-room one
        http> published
        ",
    );
}

#[test]
fn all_four_kinds_keep_their_last_event_and_a_roster_is_still_told() {
    check(
        "
        http: publish cache-a one + private-cache-a two + private-encrypted-cache-a three
        http> published
        http: publish presence-cache-a four
        http> published
        a: subscribe cache-a
        a> subscription_succeeded cache-a
        a> event cache-a one
        a: subscribe private-cache-a
        a> subscription_succeeded private-cache-a
        a> event private-cache-a two
        a: subscribe private-encrypted-cache-a
        a> subscription_succeeded private-encrypted-cache-a
        a> event private-encrypted-cache-a three
        a: subscribe presence-cache-a as ann
        a> subscription_succeeded presence-cache-a [ann]
        a> event presence-cache-a four
        b: subscribe presence-cache-a as bob
        a> member_added presence-cache-a bob
        b> subscription_succeeded presence-cache-a [ann bob]
        b> event presence-cache-a four
        ",
    );
}

/// Servers that look for `cache-` anywhere take these for cache channels.
#[test]
fn the_prefix_alone_makes_a_cache_channel() {
    check(
        "
        http: publish my-cache-a one + presence-foo-cache-a two + private-my-cache-a three
        http> published
        a: subscribe my-cache-a
        a> subscription_succeeded my-cache-a
        a: subscribe presence-foo-cache-a as ann
        a> subscription_succeeded presence-foo-cache-a [ann]
        a: subscribe private-my-cache-a
        a> subscription_succeeded private-my-cache-a
        ",
    );
}

#[test]
fn client_events_and_rosters_are_not_kept() {
    check(
        "
        a: subscribe presence-cache-room as ann
        a> subscription_succeeded presence-cache-room [ann]
        a> cache_miss presence-cache-room
        a: event presence-cache-room client-hi
        b: subscribe presence-cache-room as bob
        a> member_added presence-cache-room bob
        b> subscription_succeeded presence-cache-room [ann bob]
        b> cache_miss presence-cache-room
        b: event presence-cache-room client-hi
        a> event presence-cache-room client-hi by bob
        ",
    );
}

/// The cached event goes out once, the one after it live: in one turn, in the same order.
#[test]
fn what_is_published_around_a_join_in_one_turn_is_neither_doubled_nor_lost() {
    check(
        "
        a: ping
        a> pong
        http: publish cache-room one; a: subscribe cache-room; http: publish cache-room two
        a> subscription_succeeded cache-room
        a> event cache-room one
        a> event cache-room two
        http> published
        http> published
        ",
    );
}

#[test]
fn the_owners_order_decides_however_late_its_answer_is() {
    check_on(
        2,
        |_| {},
        "
        a: open on 0
        a> established
        mail: hold
        http: publish cache-on-1 one
        a: subscribe cache-on-1
        mail: pass 0 1
        mail: pass 0 1
        http: publish cache-on-1 two from 1
        mail: pass 1 0
        http> published
        mail: release
        a> subscription_succeeded cache-on-1
        a> event cache-on-1 one
        a> event cache-on-1 two
        http> published
        ",
    );
}

#[test]
fn the_excluded_sender_gets_the_event_when_it_subscribes_again() {
    check(
        "
        a: subscribe cache-room
        a> subscription_succeeded cache-room
        a> cache_miss cache-room
        http: publish cache-room one except a
        http> published
        a: unsubscribe cache-room; a: subscribe cache-room
        a> subscription_succeeded cache-room
        a> event cache-room one
        ",
    );
}

#[test]
fn an_event_is_kept_for_its_time_and_not_longer() {
    check_with(
        |limits| limits.app.cache_ttl_s = 5,
        "
        http: publish cache-room one
        http> published
        time: 4900
        a: subscribe cache-room
        a> subscription_succeeded cache-room
        a> event cache-room one
        time: 100
        b: subscribe cache-room
        b> subscription_succeeded cache-room
        b> cache_miss cache-room
        ",
    );
}

#[test]
fn a_new_event_begins_a_time_of_its_own() {
    check_with(
        |limits| limits.app.cache_ttl_s = 5,
        "
        http: publish cache-room one
        http> published
        time: 3000
        http: publish cache-room two
        http> published
        time: 3000
        a: subscribe cache-room
        a> subscription_succeeded cache-room
        a> event cache-room two
        ",
    );
}

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

#[test]
fn who_leaves_before_the_answer_is_told_nothing() {
    check_on(
        2,
        |_| {},
        "
        a: open on 0
        a> established
        http: publish cache-on-1 one
        http> published
        mail: hold
        a: subscribe cache-on-1; a: unsubscribe cache-on-1
        mail: release
        a: ping
        a> pong
        ",
    );
}

#[test]
fn a_full_presence_channel_tells_whom_it_refuses_nothing_of_its_cache() {
    check_with(
        |limits| limits.app.presence_members_max = 0,
        "
        http: publish presence-cache-room one
        http> published
        a: subscribe presence-cache-room as ann
        a> subscription_error presence-cache-room LimitReached 403
        a> error 4004
        ",
    );
}

fn total(world: &World, value: fn(&Counters) -> u64) -> u64 {
    world.shards.iter().map(|shard| value(&shard.counters())).sum()
}
