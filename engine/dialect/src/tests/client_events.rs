//! Client events: who may send them, where, and how many.

use super::transcript::check_on;

const ROOM: &str = "
        a: subscribe private-room
        a> subscription_succeeded private-room
        b: subscribe private-room
        b> subscription_succeeded private-room
        ";

#[test]
fn the_connections_of_one_core_have_a_rate_together() {
    let world = check_on(
        1,
        |limits| {
            limits.app.client_event_rate = 0;
            limits.app.client_event_rate_total = 2;
        },
        &[
            ROOM,
            "
        a: event private-room client-1; b: event private-room client-2
        a> event private-room client-2
        b> event private-room client-1
        a: event private-room client-3; b: event private-room client-4
        a> error 4301
        b> error 4301
        time: 1000
        b: event private-room client-5
        a> event private-room client-5
        ",
        ]
        .concat(),
    );
    assert_eq!(refused(&world, "client_event_rate_total"), 2);
    assert_eq!(refused(&world, "client_event_rate"), 0);
}

#[test]
fn an_app_without_client_events_refuses_each() {
    let world = check_on(
        2,
        |limits| limits.app.client_events = false,
        &[
            ROOM,
            "
        a: event private-room client-1
        a> error null
        ",
        ]
        .concat(),
    );
    assert_eq!(refused(&world, "client_event"), 1);
}

fn refused(world: &super::world::World, label: &str) -> u64 {
    let (refusal, _) = uringcast_shard::Refusal::ALL
        .into_iter()
        .find(|(_, other)| *other == label)
        .expect("a label of a refusal");
    world.shards.iter().map(|shard| shard.counters().refusals.of(refusal)).sum()
}
