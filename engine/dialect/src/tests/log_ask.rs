//! Questions about a channel's log: dead letters, snapshots, replays.

use uringcast_shard::id::CoreId;
use uringcast_shard::log::{AckError, DeadLetter, RecordKind, Snapshot};
use uringcast_shard::middleware::{Blocked, Call, Middleware, Operation};
use uringcast_shard::{
    Asked, ForgetDeadLetters, KeepDeadLetter, ListDeadLetters, Output, Refusal, Replay, ReplayRange,
};

use super::transcript::{check_on, draft};
use super::world::World;

fn world(edit: impl Fn(&mut super::world::Limits)) -> World {
    check_on(1, edit, "http: append log one\nhttp> appended 1")
}

/// What `ask` is answered on one core.
fn answer<A: 'static>(world: &mut World, ask: impl Fn(&mut World) -> Asked<A>) -> A {
    let asked = ask(world);
    while let Some(output) = world.shards[0].poll_output() {
        match output {
            Output::Answer(ticket, answer) if ticket == asked.ticket => return asked.open(answer),
            Output::Log(record) => world.records.push((CoreId(0), record)),
            _ => {}
        }
    }
    panic!("no answer came");
}

fn letter(id: &str, failed_unix_ms: u64) -> DeadLetter {
    let draft = draft("log", "late", "e", 0);
    DeadLetter { id: id.into(), draft, error: "no".into(), attempts: 3, failed_unix_ms }
}

fn add(world: &mut World, name: &str, id: &str) -> bool {
    let channel = world.channel(name);
    let keep = KeepDeadLetter { channel, letter: letter(id, 5).into() };
    answer(world, |world| world.shards[0].ask(keep.clone()))
}

/// Forget the letters with `ids`, or all; how many there were.
fn forget(world: &mut World, ids: Option<&[&str]>) -> u32 {
    let ids = ids.map(|ids| ids.iter().map(|&id| id.into()).collect());
    let forget = ForgetDeadLetters { channel: world.channel("log"), ids };
    answer(world, |world| world.shards[0].ask(forget.clone()))
}

fn ids(world: &mut World, limit: u32, from_unix_ms: u64) -> Vec<String> {
    let channel = world.channel("log");
    let list = ListDeadLetters { channel, limit, from_unix_ms };
    let letters = answer(world, |world| world.shards[0].ask(list.clone()));
    letters.into_iter().map(|it| it.id.into()).collect()
}

/// Lets no letter be written whose event says `late`.
#[derive(Debug)]
struct NoneLate;

impl Middleware for NoneLate {
    fn judge(&self, call: &Call<'_>) -> Result<(), Blocked> {
        let text = std::str::from_utf8(call.message).unwrap();
        let is_late = call.operation == Operation::DlqWrite && text.contains("late");
        if is_late { Err(Blocked::without_reason(call.operation)) } else { Ok(()) }
    }
}

#[test]
fn the_operators_own_code_may_keep_a_dead_letter_from_being_written() {
    let mut world = world(|_| {});
    assert!(add(&mut world, "log", "a"));
    let chain: Vec<Box<dyn Middleware>> = vec![Box::new(NoneLate)];
    world.shards[0].set_middleware(chain.into());
    assert!(!add(&mut world, "log", "b"));
    assert_eq!(ids(&mut world, 9, 0), ["a"]);
    let counters = world.shards[0].counters();
    assert_eq!(counters.operations[Operation::DlqWrite as usize], 2);
    assert_eq!(counters.refusals.of(Refusal::PublishPolicy), 1);
}

#[test]
fn dead_letters_are_kept_listed_and_cleared() {
    let mut world = world(|limits| limits.shard.log.dead_letters_max = 2);
    assert!(add(&mut world, "log", "a") && add(&mut world, "log", "b"));
    assert!(!add(&mut world, "log", "c"), "one past the limit");
    assert!(!add(&mut world, "unlogged", "d"));
    assert_eq!(world.shards[0].counters().refusals.of(Refusal::LogDeadLetters), 2);
    assert_eq!(
        (ids(&mut world, 9, 0), ids(&mut world, 1, 0).len()),
        (vec!["a".into(), "b".into()], 1)
    );
    assert_eq!((ids(&mut world, 9, 5).len(), ids(&mut world, 9, 6).len()), (2, 0));
    assert_eq!(forget(&mut world, None), 2);
    assert!(ids(&mut world, 9, 0).is_empty());
    let levels = world.shards[0].counters().log;
    assert_eq!(levels.dead_letters, 0);
}

#[test]
fn dead_letters_are_forgotten_by_their_ids() {
    let mut world = world(|_| {});
    assert!(["a", "b", "c"].iter().all(|id| add(&mut world, "log", id)));
    assert_eq!(forget(&mut world, Some(&["c", "a", "z"])), 2);
    assert_eq!(forget(&mut world, Some(&["a"])), 0);
    assert_eq!(ids(&mut world, 9, 0), ["b"]);
    assert!(add(&mut world, "log", "d"));
    assert_eq!(ids(&mut world, 9, 0), ["b", "d"]);
    assert_eq!(world.shards[0].counters().log.dead_letters, 2);
}

/// What a log thread would be told, line by line.
fn records(world: &mut World) -> Vec<String> {
    let records = std::mem::take(&mut world.records).into_iter();
    let line = |kind: RecordKind| match kind {
        RecordKind::DeadLetter { id, letter_json } => {
            let letter = DeadLetter::from_json(&letter_json).expect("a letter is stored");
            assert_eq!(letter, self::letter(&id, 5));
            format!("add {id}")
        }
        RecordKind::DeadLetterGone { id } => format!("gone {id}"),
        other => format!("{other:?}"),
    };
    records.map(|(_, record)| line(record.kind)).collect()
}

#[test]
fn dead_letters_are_stored_when_they_come_and_when_they_go() {
    let mut world = check_on(1, |limits| limits.shard.log.is_durable = true, "");
    assert!(["a", "b", "c"].iter().all(|id| add(&mut world, "log", id)));
    world.settle();
    assert_eq!(records(&mut world), ["add a", "add b", "add c"]);
    forget(&mut world, Some(&["b", "z"]));
    forget(&mut world, None);
    world.settle();
    assert_eq!(records(&mut world), ["gone b", "gone a", "gone c"]);
}

#[test]
fn a_snapshot_is_kept_within_its_limit_and_counted_once() {
    let mut world = world(|limits| limits.shard.log.snapshot_bytes_max = 4);
    let mut set = |name: &str, state: &str| {
        let channel = world.channel(name);
        let snapshot = Snapshot { last_sequence: 1, state_json: state.into(), created_unix_ms: 0 };
        let set = |world: &mut World| world.shards[0].set_snapshot(&channel, snapshot.clone());
        answer(&mut world, set).is_ok()
    };
    assert!(set("log", "1234") && set("log", "12"));
    assert!(!set("log", "12345"), "one past the limit");
    assert!(!set("unlogged", "1"));
    let bytes = Snapshot { last_sequence: 1, state_json: "12".into(), created_unix_ms: 0 };
    assert_eq!(world.shards[0].counters().log.snapshot_bytes, bytes.weight_bytes() as u64);
}

#[test]
fn a_replay_has_at_most_as_many_events_as_were_asked_for_and_as_a_page() {
    let mut world = check_on(
        1,
        |limits| limits.shard.log.page_events_max = 2,
        "http: append log one + log two + log one\nhttp> appended 1, 2, 3",
    );
    let channel = world.channel("log");
    let mut count = |limit, types: Option<&str>| {
        let event_types = types.map(|it| [Box::from(it)].into());
        let range = ReplayRange { limit, event_types, ..ReplayRange::default() };
        let replay = Replay { channel: channel.clone(), range };
        answer(&mut world, |world| world.shards[0].ask(replay.clone())).len()
    };
    assert_eq!([count(1, None), count(2, None), count(3, None), count(0, None)], [1, 2, 2, 2]);
    assert_eq!(count(0, Some("one")), 2);
}

#[test]
fn cursors_are_kept_up_to_their_limit_and_known_ones_move_on() {
    let mut world = world(|limits| limits.shard.log.cursors_max = 1);
    let channel = world.channel("log");
    let mut ack = |who: &str, sequence| {
        let ack = |world: &mut World| world.shards[0].ack_for(&channel, who, sequence);
        answer(&mut world, ack)
    };
    assert_eq!((ack("ann", 1), ack("ann", 1)), (Ok(()), Ok(())));
    assert_eq!(ack("ann", 2), Err(AckError::AboveHead { sequence: 2, last: 1 }));
    assert_eq!(ack("bob", 1), Err(AckError::Full), "one past the limit");
    assert_eq!(ack("bob", 0), Ok(()), "who has nothing needs no place");
    assert_eq!(world.shards[0].counters().refusals.of(Refusal::LogCursors), 1);
}
