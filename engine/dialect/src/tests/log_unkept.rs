//! Cursors and snapshots with a log thread: who is answered when, and what is tried again.

use uringcast_shard::app::HistoryRule;
use uringcast_shard::id::{AppIndex, CoreId};
use uringcast_shard::log::{Newest, RecordKind, Snapshot};
use uringcast_shard::{ChannelName, Logged, NamedDraft, Refusal, Renewed};

use super::transcript::{check_on, world_of};
use super::world::{Limits, World};

fn world(cores: usize, edit: impl Fn(&mut Limits)) -> World {
    let edit = |limits: &mut Limits| {
        limits.shard.log.is_durable = true;
        edit(limits);
    };
    world_of(cores, edit, "")
}

fn channel(world: &World, name: &str) -> ChannelName {
    ChannelName::new(AppIndex(0), name, crate::nature(name), world.shards[0].config().hash_seed)
}

/// So many events that are kept.
fn append(world: &mut World, name: &str, count: u64) {
    let channel = channel(world, name);
    let owner = usize::from(channel.owner(world.shards.len()).0);
    let event = |_| {
        let draft = super::transcript::draft(name, "t", "", 1);
        NamedDraft { channel: channel.clone(), draft, skip: None }
    };
    world.shards[0].append_all((0..count).map(event).collect());
    assert_eq!(said(world).len() as u64, count);
    world.shards[owner].on_logged(Logged { channel, sequence: count, is_kept: true });
    answers(world);
}

fn put(world: &mut World, name: &str, state: &str) {
    let channel = channel(world, name);
    let snapshot = Snapshot { last_sequence: 0, state_json: state.into(), created_unix_ms: 0 };
    world.shards[0].set_snapshot(&channel, snapshot);
    world.settle();
}

/// What the log thread was given: of snapshots the states.
fn said(world: &mut World) -> Vec<String> {
    world.settle();
    let records = std::mem::take(&mut world.records);
    let said = records.into_iter().map(|(_, record)| match record.kind {
        RecordKind::Snapshot { state_json, .. } => state_json.into(),
        RecordKind::Cursor { subscriber_id, sequence, .. } => format!("{subscriber_id} {sequence}"),
        other => format!("{other:?}"),
    });
    said.collect()
}

/// The log thread's word on the snapshot of channel `name`, and what is answered then.
fn renewed(world: &mut World, name: &str, what: Newest, is_kept: bool) -> Vec<String> {
    let channel = channel(world, name);
    let owner = usize::from(channel.owner(world.shards.len()).0);
    world.shards[owner].on_renewed(Renewed { channel, what, is_kept });
    answers(world)
}

fn answers(world: &mut World) -> Vec<String> {
    world.settle();
    world.take_seen().into_iter().map(|(_, line)| line).collect()
}

fn unsynced_bytes(world: &World) -> u64 {
    world.shards.iter().map(|shard| shard.counters().log.unsynced_bytes).sum()
}

const KEPT: &str = "SnapshotSet(Ok(()))";
const NOT_WRITTEN: &str = "SnapshotSet(Err(NotKept(NotWritten)))";

#[test]
fn a_snapshot_is_answered_when_it_is_kept_and_of_several_the_newest_is_written() {
    for cores in [1, 2] {
        let mut world = world(cores, |_| {});
        for state in ["1", "2", "3", "4"] {
            put(&mut world, "log-1", state);
        }
        assert_eq!(said(&mut world), ["1"], "one is with the log thread at a time");
        assert_eq!(answers(&mut world), [""; 0]);
        assert_eq!(renewed(&mut world, "log-1", Newest::Snapshot, true), [KEPT]);
        assert_eq!(said(&mut world), ["4"]);
        assert_eq!(renewed(&mut world, "log-1", Newest::Snapshot, true), [KEPT; 3]);
        assert_eq!((said(&mut world), unsynced_bytes(&world)), (vec![], 0));
    }
}

#[test]
fn what_could_not_be_written_is_refused_and_tried_again_ever_less_often() {
    let mut world = world(1, |_| {});
    put(&mut world, "log-1", "1");
    put(&mut world, "log-1", "2");
    put(&mut world, "log-2", "a");
    assert_eq!(said(&mut world), ["1", "a"]);
    assert_eq!(renewed(&mut world, "log-1", Newest::Snapshot, false), [NOT_WRITTEN; 2]);
    assert_eq!(renewed(&mut world, "log-2", Newest::Snapshot, false), [NOT_WRITTEN]);
    assert!(unsynced_bytes(&world) > 0);
    assert_eq!(world.shards[0].counters().refusals.of(Refusal::LogWrite), 3);
    for (wait_ms, tried) in [(900, None), (100, Some("2")), (1_900, None), (100, Some("a"))] {
        world.wait(wait_ms);
        assert_eq!(said(&mut world).first().map(String::as_str), tried);
        let name = if tried == Some("a") { "log-2" } else { "log-1" };
        if tried.is_some() {
            assert_eq!(renewed(&mut world, name, Newest::Snapshot, false), [""; 0]);
        }
    }
    world.wait(4_000);
    assert_eq!(said(&mut world), ["2"]);
    // As soon as one is kept the others follow.
    renewed(&mut world, "log-1", Newest::Snapshot, true);
    assert_eq!(said(&mut world), ["a"]);
    renewed(&mut world, "log-2", Newest::Snapshot, true);
    assert_eq!(unsynced_bytes(&world), 0);
    world.wait(60_000);
    assert_eq!(said(&mut world), [""; 0]);
}

#[test]
fn who_asks_while_the_disk_fails_is_not_kept_waiting_for_the_next_attempt() {
    let mut world = world(1, |_| {});
    put(&mut world, "log-1", "1");
    assert_eq!(said(&mut world), ["1"]);
    renewed(&mut world, "log-1", Newest::Snapshot, false);
    put(&mut world, "log-1", "2");
    assert_eq!(said(&mut world), ["2"]);
    assert_eq!(renewed(&mut world, "log-1", Newest::Snapshot, true), [KEPT]);
    world.wait(60_000);
    assert_eq!((said(&mut world), unsynced_bytes(&world)), (vec![], 0));
}

#[test]
fn as_much_waits_as_may_and_a_newer_one_takes_the_place_of_the_one_before() {
    let state = "x".repeat(900);
    let mut world = world(1, |limits| limits.shard.log.unsynced_bytes_max = 2_000);
    put(&mut world, "log-1", &state);
    put(&mut world, "log-1", &state);
    assert_eq!(answers(&mut world), [""; 0]);
    put(&mut world, "log-1", &state);
    assert_eq!(answers(&mut world), [""; 0], "the third takes the second's place");
    put(&mut world, "log-2", &state);
    assert_eq!(answers(&mut world), ["SnapshotSet(Err(NotKept(Backlogged)))"]);
    assert_eq!(world.shards[0].counters().refusals.of(Refusal::LogUnsynced), 1);
    assert!(unsynced_bytes(&world) <= 2_000);
}

#[test]
fn an_ack_is_answered_when_it_is_kept_and_of_several_the_newest_is_written() {
    for cores in [1, 2] {
        let mut world = world(cores, |_| {});
        let (name, what) = (channel(&world, "log-1"), Newest::Cursor("ann".into()));
        append(&mut world, "log-1", 3);
        for sequence in [1, 2, 3, 2] {
            world.shards[0].ack_for(&name, "ann", sequence);
            world.settle();
        }
        assert_eq!(said(&mut world), ["ann 1"]);
        assert_eq!(answers(&mut world), [""; 0]);
        assert_eq!(renewed(&mut world, "log-1", what.clone(), true), ["Acked(Ok(()))"]);
        assert_eq!(said(&mut world), ["ann 3"]);
        assert_eq!(renewed(&mut world, "log-1", what.clone(), true), ["Acked(Ok(()))"; 3]);
        // What is kept already is answered at once.
        world.shards[0].ack_for(&name, "ann", 3);
        assert_eq!(answers(&mut world), ["Acked(Ok(()))"]);
        assert_eq!((said(&mut world), unsynced_bytes(&world)), (vec![], 0));
        assert_eq!(world.shards[0].config().core, CoreId(0));
    }
}

/// The owner is asked about an event that the client's core has not seen: what it refuses it says
/// at once, the rest when it is kept or is not, and the client waits for neither.
#[test]
fn an_ack_of_what_was_not_seen_is_answered_when_it_is_kept_and_holds_nobody() {
    for cores in [1, 2] {
        let mut world = world(cores, |_| {});
        let name = ["log-1", "log-2", "log-3", "log-4"];
        let name = name.into_iter().find(|it| channel(&world, it).owner(cores).0 != 0);
        let name = name.unwrap_or("log-1"); // On two cores one of the other's.
        append(&mut world, name, 2);
        world.connect("a", CoreId(0));
        world.upgrade(0);
        answers(&mut world);
        let conn = world.clients[0].conn;
        let ack = |world: &mut World, sequence| {
            world.shards[0].ack(conn, name, &"ann".into(), sequence);
            assert!(!world.shards[0].is_held(conn));
            answers(world)
        };
        assert_eq!(ack(&mut world, 3), ["error null"]);
        assert_eq!((said(&mut world), unsynced_bytes(&world)), (vec![], 0));
        assert_eq!((ack(&mut world, 1), ack(&mut world, 2)), (vec![], vec![]));
        assert_eq!(said(&mut world), ["ann 1"]);
        let what = Newest::Cursor("ann".into());
        assert_eq!(renewed(&mut world, name, what.clone(), true), [""; 0], "a Pusher is not told");
        assert_eq!(said(&mut world), ["ann 2"]);
        assert_eq!(renewed(&mut world, name, what.clone(), false), ["error null"]);
        world.wait(1_000);
        assert_eq!(said(&mut world), ["ann 2"]);
        assert_eq!(renewed(&mut world, name, what, true), [""; 0]);
        assert_eq!(unsynced_bytes(&world), 0);
        let refused: u64 = world.shards.iter().map(|it| it.counters().refusals.sum()).sum();
        assert_eq!(refused, 2, "each is counted once");
    }
}

/// Clients whose core has seen the event acknowledge it in one turn. One cursor cannot be written
/// and for one there is no room: who has that is told, and nobody else.
#[test]
fn of_the_acks_of_one_turn_each_has_its_own_answer() {
    for cores in [1, 2] {
        let edit = |limits: &mut Limits| {
            limits.shard.log.is_durable = true;
            limits.shard.log.cursors_max = 2;
        };
        let mut world = check_on(
            cores,
            edit,
            "
            a: open on 0; b: open on 0; c: open on 0
            a> established
            b> established
            c> established
            http: append log-on-1 one
            disk: kept log-on-1 1
            http> appended 1
            a: follow log-on-1 after 0; b: follow log-on-1 after 0; c: follow log-on-1 after 0
            a> subscription_succeeded log-on-1
            a> event log-on-1 one 1
            b> subscription_succeeded log-on-1
            b> event log-on-1 one 1
            c> subscription_succeeded log-on-1
            c> event log-on-1 one 1
            a: ack log-on-1 1; b: ack log-on-1 1; c: ack log-on-1 1
            ",
        );
        let cursor = |who: &str| Newest::Cursor(who.into());
        assert_eq!(renewed(&mut world, "log-on-1", cursor("a"), false), [""; 0]);
        let channel = channel(&world, "log-on-1");
        let owner = usize::from(channel.owner(cores).0);
        world.shards[owner].on_renewed(Renewed { channel, what: cursor("b"), is_kept: true });
        world.settle();
        let mut told = world.take_seen();
        told.sort_unstable();
        let expected = [("a", "error null"), ("c", "error null")];
        assert_eq!(told, expected.map(|(who, what)| (who.to_owned(), what.to_owned())));
        let counts = |refusal| world.shards[owner].counters().refusals.of(refusal);
        assert_eq!((counts(Refusal::LogWrite), counts(Refusal::LogCursors)), (1, 1));
    }
}

/// A room's client counts on it: what it acknowledged first is answered first, though the turn of
/// the second was done before the first one's was.
#[test]
fn acks_of_two_turns_are_answered_in_their_order() {
    let mut world = check_on(
        1,
        |limits| limits.shard.log.is_durable = true,
        "
        a: open; b: open
        a> established
        b> established
        http: append log-1 one
        disk: kept log-1 1
        http> appended 1
        http: append log-1 two
        disk: kept log-1 2
        http> appended 2
        a: follow log-1 after 0; b: follow log-1 after 0
        a> subscription_succeeded log-1
        a> event log-1 one 1
        a> event log-1 two 2
        b> subscription_succeeded log-1
        b> event log-1 one 1
        b> event log-1 two 2
        a: ack log-1 1; b: ack log-1 1
        a: ack log-1 2
        ",
    );
    let cursor = |who: &str| Newest::Cursor(who.into());
    assert_eq!(renewed(&mut world, "log-1", cursor("a"), true), [""; 0]);
    assert_eq!(renewed(&mut world, "log-1", cursor("a"), false), [""; 0], "b's turn comes first");
    assert_eq!(renewed(&mut world, "log-1", cursor("b"), true), ["error null"]);
}

/// In memory, too, the client hears it where its core owns the log.
#[test]
fn in_memory_who_gets_no_cursor_is_told_by_the_owner() {
    let world = check_on(
        1,
        |limits| limits.shard.log.cursors_max = 1,
        "
        a: follow log live
        a> subscription_succeeded log
        b: follow log live
        b> subscription_succeeded log
        http: append log one + log two
        a> event log one 1
        a> event log two 2
        b> event log one 1
        b> event log two 2
        http> appended 1, 2
        a: ack log 1; b: ack log 1; a: ack log 2
        b> error null
        http: info log
        http> info 1 to 2, 1 cursor, lag 0
        ",
    );
    assert_eq!(world.shards[0].counters().refusals.of(Refusal::LogCursors), 1);
}

/// A cursor that is forgotten while it could not be written is not tried again, and does not keep
/// others waiting.
#[test]
fn what_is_forgotten_meanwhile_is_not_tried_again() {
    let mut world = world(1, |limits| {
        limits.shard.log.cursor_idle_ms = 1_000;
        limits.history = vec![HistoryRule { ttl_s: 1, ..HistoryRule::new("log*") }];
    });
    append(&mut world, "log-1", 1);
    let (name, what) = (channel(&world, "log-1"), Newest::Cursor("ann".into()));
    world.shards[0].ack_for(&name, "ann", 1);
    put(&mut world, "log-2", "a");
    assert_eq!(said(&mut world), ["ann 1", "a"]);
    renewed(&mut world, "log-1", what, false);
    renewed(&mut world, "log-2", Newest::Snapshot, false);
    world.wait(1_000);
    let said = said(&mut world);
    assert!(said.iter().any(|it| it.starts_with("CursorForgotten")), "{said:?}");
    assert_eq!((said.len(), said.last().map(String::as_str)), (2, Some("a")), "{said:?}");
    renewed(&mut world, "log-2", Newest::Snapshot, true);
    assert_eq!(unsynced_bytes(&world), 0);
}
