//! A connection whose next message waits for an answer from another core, and for how long.

use uringcast_proto::ws::close::CloseCode;
use uringcast_shard::id::{ConnId, CoreId};
use uringcast_shard::{ReplayRange, Shard};

use super::transcript::{check_on, draft};
use super::world::World;

/// A client on core 0 of two, and an event in a channel that core 1 owns, with mail on hold.
fn world() -> (World, ConnId) {
    let text = "
        http: append log-on-1 one
        http> appended 1
        a: open on 0
        a> established
    ";
    let mut world = check_on(2, |_| {}, text);
    world.is_mail_held = true;
    let conn = world.clients[0].conn;
    (world, conn)
}

/// `a` is held until the answer is here, and then has received `expected`.
fn check_held(mut world: World, conn: ConnId, expected: &[&str]) {
    world.settle();
    assert!(world.shards[0].is_held(conn) && !world.shards[0].may_hear(conn));
    world.pass(CoreId(0), CoreId(1));
    assert!(world.shards[0].is_held(conn), "the answer is on its way");
    world.pass(CoreId(1), CoreId(0));
    assert!(!world.shards[0].is_held(conn) && world.shards[0].may_hear(conn));
    assert_eq!(seen(&mut world), [&["goes on"], expected].concat());
}

fn seen(world: &mut World) -> Vec<String> {
    world.take_seen().into_iter().map(|(_, line)| line).collect()
}

#[test]
fn who_subscribes_waits_for_the_welcome_and_has_the_first_page_then() {
    let (mut world, conn) = world();
    world.follow(0, "log-on-1", &["after", "0"]);
    check_held(world, conn, &["subscription_succeeded log-on-1", "event log-on-1 one 1"]);
}

#[test]
fn who_asks_for_a_replay_waits_for_it() {
    let (mut world, conn) = world();
    world.shards[0].replay(conn, "log-on-1", ReplayRange::default());
    check_held(world, conn, &["event log-on-1 one 1", "replayed log-on-1"]);
}

#[test]
fn who_enters_or_leaves_waits_until_it_is_done() {
    let (mut world, conn) = world();
    world.shards[0].enter_user(conn, "log-on-1", "ann", "{}".into(), None);
    check_held(world, conn, &[]);
}

#[test]
fn two_questions_hold_until_both_are_answered() {
    let (mut world, conn) = world();
    world.shards[0].replay(conn, "log-on-1", ReplayRange::default());
    world.settle();
    world.pass(CoreId(0), CoreId(1));
    world.shards[0].replay(conn, "log-on-1", ReplayRange::default());
    world.settle();
    world.pass(CoreId(1), CoreId(0));
    assert!(world.shards[0].is_held(conn), "one is missing");
    world.pass(CoreId(0), CoreId(1));
    world.pass(CoreId(1), CoreId(0));
    assert!(!world.shards[0].is_held(conn));
}

#[test]
fn who_publishes_or_acknowledges_what_was_seen_waits_for_nobody() {
    let (mut world, conn) = world();
    world.is_mail_held = false;
    world.follow(0, "log-on-1", &["after", "0"]);
    world.settle();
    world.is_mail_held = true;
    world.shards[0].append(conn, "log-on-1", draft("log-on-1", "two", "", 0));
    world.shards[0].ack(conn, "log-on-1", &"a".into(), 1);
    world.settle();
    assert!(!world.shards[0].is_held(conn));
}

#[test]
fn who_acknowledges_what_was_not_seen_waits_to_hear_whether_it_is_there() {
    for (sequence, expected) in [(1, &[][..]), (2, &["error null"])] {
        let (mut world, conn) = world();
        world.shards[0].ack(conn, "log-on-1", &"a".into(), sequence);
        check_held(world, conn, expected);
    }
}

#[test]
fn an_answer_for_who_has_gone_is_for_nobody() {
    let (mut world, conn) = world();
    world.shards[0].replay(conn, "log-on-1", ReplayRange::default());
    world.follow(0, "log-on-1", &["after", "0"]);
    world.settle();
    world.gone(0);
    world.is_mail_held = false;
    world.settle();
    assert!(!world.shards[0].is_held(conn));
    assert!(world.shards.iter().all(Shard::is_vacant));
}

/// An answer of the same core comes before anybody could have had to wait for it.
#[test]
fn who_was_not_told_to_wait_is_not_told_to_go_on() {
    let (mut world, conn) = world();
    for channel in ["log-on-0", "log-on-1"] {
        world.shards[0].replay(conn, channel, ReplayRange::default());
    }
    world.settle();
    world.is_mail_held = false;
    world.settle();
    assert!(world.shards[0].may_hear(conn));
    assert!(!seen(&mut world).contains(&"goes on".to_owned()));
}

#[test]
fn who_waits_for_an_answer_and_for_cores_is_told_once_and_when_both_have_come() {
    for answer_comes_first in [true, false] {
        let (mut world, conn) = world();
        world.shards[0].enter_user(conn, "log-on-1", "ann", "{}".into(), None);
        world.settle();
        assert!(!world.shards[0].may_hear(conn));
        world.shards[0].set_cores_backlogged(true);
        assert!(!world.shards[0].may_hear(conn));
        let answer = |world: &mut World| {
            world.pass(CoreId(0), CoreId(1));
            world.pass(CoreId(1), CoreId(0));
        };
        if answer_comes_first {
            answer(&mut world);
            assert_eq!(seen(&mut world), [""; 0], "cores have too much for each other");
            world.shards[0].set_cores_backlogged(false);
        } else {
            world.shards[0].set_cores_backlogged(false);
            world.settle();
            assert_eq!(seen(&mut world), [""; 0], "the answer is on its way");
            answer(&mut world);
        }
        world.settle();
        assert_eq!(seen(&mut world), ["goes on"]);
        assert!(world.shards[0].may_hear(conn));
    }
}

/// Its close frame must be found, which may stand behind what it has said before.
#[test]
fn who_is_closed_while_it_waits_goes_on_when_its_last_words_are_taken() {
    let (mut world, conn) = world();
    world.shards[0].replay(conn, "log-on-1", ReplayRange::default());
    world.shards[0].set_cores_backlogged(true);
    assert!(!world.shards[0].may_hear(conn));
    world.shards[0].close(conn, CloseCode(4009), "");
    world.settle();
    assert_eq!(seen(&mut world), ["close 4009", "goes on"]);
    assert!(world.shards[0].may_hear(conn));
}
