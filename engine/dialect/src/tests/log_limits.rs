//! How many logs there may be, who gives way, and how long a cursor is kept.

use uringcast_shard::app::{Apps, HistoryRule};
use uringcast_shard::log::stored::{StoredCursor, StoredLog, StoredSnapshot};
use uringcast_shard::log::{Newest, RecordKind};
use uringcast_shard::{LogInfo, Millis, Output, Refusal, Renewed, Shard};

use super::transcript::{check_on, check_with};
use super::world::{Limits, World};

/// So many logs whose events expire after a second, and cursors that are kept for two.
fn few(channels_max: usize) -> impl Fn(&mut Limits) {
    move |limits| {
        limits.shard.log.channels_max = channels_max;
        limits.shard.log.cursor_idle_ms = 2_000;
        limits.history = vec![HistoryRule { ttl_s: 1, ..HistoryRule::new("log*") }];
    }
}

fn forgotten(world: &World) -> Vec<String> {
    let names = world.records.iter().filter_map(|(_, record)| match &record.kind {
        RecordKind::CursorForgotten { subscriber_id } => Some(subscriber_id.to_string()),
        _ => None,
    });
    names.collect()
}

/// What was dropped is seen by the first number of what comes in its place.
#[test]
fn the_least_recently_used_of_the_logs_that_hold_nothing_gives_way() {
    let world = check_on(
        1,
        few(2),
        "
        http: append log-1 one + log-1 two + log-2 one
        http> appended 1, 2, 1
        time: 1200
        a: follow log-1 live
        a> subscription_succeeded log-1
        a: unsubscribe log-1
        http: append log-3 one
        http> appended 2
        http: append log-1 three
        http> appended 3
        time: 1200
        a: follow log-1 live
        a> subscription_succeeded log-1
        a: follow log-3 live
        a> subscription_succeeded log-3
        a: unsubscribe log-3
        a: unsubscribe log-1
        http: append log-2 two
        http> appended 3
        http: append log-1 four
        http> appended 4
        ",
    );
    assert_eq!(world.shards[0].counters().log_drops, 2);
}

#[test]
fn a_log_that_holds_anything_stays() {
    let world = check_on(
        1,
        few(4),
        "
        a: open
        a> established
        b: follow log-1 live
        b> subscription_succeeded log-1
        http: snapshot log-2 0 {}
        http> SnapshotSet(Ok(()))
        http: append log-3 one
        http> appended 1
        a: ack log-3 1
        time: 1200
        http: append log-4 one
        http> appended 1
        http: append log-5 one
        http> appended 4 channels have a log, which is all that may
        time: 900
        http: append log-5 one
        http> appended 2
        ",
    );
    assert_eq!(world.shards[0].counters().refusals.of(Refusal::LogChannels), 1);
    assert_eq!(world.shards[0].counters().log_cursors_expired, 1, "of the log that gave way");
}

#[test]
fn where_there_is_no_event_there_is_no_cursor() {
    check_on(
        1,
        few(9),
        "
        a: follow log-1 cursor
        a> subscription_succeeded log-1
        a: ack log-1 0
        a: ack log-1 1
        http: info log-1
        http> info 1 to 0, 0 cursor, lag 0
        http: append log-1 one
        a> event log-1 one 1
        http> appended 1
        a: ack log-1 0
        http: info log-1
        http> info 1 to 1, 0 cursor, lag 0
        time: 1200
        a: ack log-1 1
        a: ack log-1 2
        a> error null
        http: info log-1
        http> info 2 to 1, 0 cursor, lag 0
        ",
    );
}

/// Else anybody who subscribes to new rooms would lock the app's own server out.
#[test]
fn what_clients_of_an_app_begin_is_bounded_and_its_own_server_goes_on() {
    let edit = |limits: &mut Limits| {
        few(9)(limits);
        limits.shard.log.new_rate_app = 2;
    };
    let world = check_on(
        1,
        edit,
        "
        http: append log-1 one + log-2 one
        http> appended 1, 1
        a: follow log-3 live
        a> subscription_error log-3 LimitReached 403
        a> error null
        http: append log-3 one + log-4 one
        http> appended 1, 1
        a: follow log-3 live
        a> subscription_succeeded log-3
        ",
    );
    assert_eq!(world.shards[0].counters().refusals.of(Refusal::LogNewApp), 1);
}

/// Moving it and beginning from it is using it; what is not used is forgotten, on the disk, too.
#[test]
fn a_cursor_is_kept_for_as_long_as_it_is_used() {
    let durable = |limits: &mut Limits| {
        few(9)(limits);
        limits.shard.log.is_durable = true;
    };
    let mut world = check_on(
        1,
        durable,
        "
        http: append log-1 one + log-1 two
        disk: kept log-1 2
        http> appended 1, 2
        a: open
        a> established
        b: open
        b> established
        a: ack log-1 1; b: ack log-1 1
        disk: renewed log-1 a
        disk: renewed log-1 b
        time: 900
        b: ack log-1 2
        disk: renewed log-1 b
        time: 900
        http: info log-1
        http> info 3 to 2, 2 cursor, lag 1
        time: 300
        http: info log-1
        http> info 3 to 2, 1 cursor, lag 0
        b: follow log-1 cursor
        b> subscription_succeeded log-1
        b> resumed log-1 2
        time: 1900
        http: info log-1
        http> info 3 to 2, 1 cursor, lag 0
        time: 300
        http: info log-1
        http> info 3 to 2, 0 cursor, lag 0
        ",
    );
    world.settle();
    assert_eq!(forgotten(&world), ["a", "b"]);
    let of_b = world.records.iter().filter_map(|(_, record)| match &record.kind {
        RecordKind::Cursor { subscriber_id, sequence, used_unix_ms } if &**subscriber_id == "b" => {
            Some((*sequence, *used_unix_ms))
        }
        _ => None,
    });
    let of_b: Vec<(u64, u64)> = of_b.collect();
    assert_eq!(of_b.iter().map(|(sequence, _)| *sequence).collect::<Vec<_>>(), [1, 2, 2]);
    assert!(of_b.is_sorted_by(|(_, one), (_, other)| one < other), "{of_b:?}");
}

#[test]
fn a_cursor_is_not_forgotten_before_the_events_of_its_channel() {
    check_with(
        |limits| {
            limits.shard.log.cursor_idle_ms = 1_000;
            limits.history = vec![HistoryRule { ttl_s: 3, ..HistoryRule::new("log*") }];
        },
        "
        http: append log-on-1 one
        http> appended 1
        a: open
        a> established
        a: ack log-on-1 1
        time: 2900
        http: info log-on-1
        http> info 1 to 1, 1 cursor, lag 0
        time: 300
        http: info log-on-1
        http> info 2 to 1, 0 cursor, lag 0
        ",
    );
}

fn dropped(world: &World) -> usize {
    let is_it = |kind: &RecordKind| matches!(kind, RecordKind::Forgotten { .. });
    world.records.iter().filter(|(_, record)| is_it(&record.kind)).count()
}

/// Of a log that nothing was written of the disk need not hear, however many come and go.
#[test]
fn a_log_that_was_never_written_is_dropped_without_a_word_to_the_disk() {
    let durable = |limits: &mut Limits| {
        few(2)(limits);
        limits.shard.log.is_durable = true;
    };
    let mut world = check_on(
        1,
        durable,
        "
        http: append log-0 one
        disk: kept log-0 1
        http> appended 1
        time: 1200
        a: open
        a> established
        ",
    );
    for number in 1..=9 {
        let name = format!("log-{number}");
        for step in [&["follow", &name, "live"][..], &["unsubscribe", &name]] {
            world.step("a", step);
            world.settle();
        }
    }
    assert_eq!((world.shards[0].counters().log_drops, dropped(&world)), (8, 1));
}

/// What the disk is told to forget waits for it as everything else does.
#[test]
fn while_the_disk_is_silent_only_so_much_is_forgotten() {
    let durable = |limits: &mut Limits| {
        few(2)(limits);
        limits.shard.log.is_durable = true;
    };
    let text = "
        http: append log-1 one + log-2 one
        disk: kept log-1 1
        disk: kept log-2 1
        http> appended 1, 1
        ";
    let mut world = check_on(1, durable, text);
    let name = world.channel("log-1");
    for number in 0..1_500 {
        let id = format!("s{number}");
        world.shards[0].ack_for(&name, &id, 1);
        let what = Newest::Cursor(id.into());
        world.shards[0].on_renewed(Renewed { channel: name.clone(), what, is_kept: true });
    }
    let append = |world: &mut World| {
        world.take_seen();
        world.step("http", &["append", "log-3", "one"]);
        world.settle();
        world.take_seen()
    };
    for _ in 0..3 {
        world.wait(2_500);
    }
    world.settle();
    assert_eq!((forgotten(&world).len(), dropped(&world)), (1_024, 0));
    let words = "appended 2 channels have a log, which is all that may";
    assert_eq!(append(&mut world), [("http".to_owned(), words.to_owned())]);
    world.shards[0].on_forgotten(1_024);
    world.wait(1_100);
    world.settle();
    assert_eq!((forgotten(&world).len(), dropped(&world)), (1_500, 0));
    assert_eq!(append(&mut world), []);
    assert_eq!(dropped(&world), 1);
    assert_eq!(world.shards[0].counters().log_cursors_expired, 1_500);
}

/// A shard that begins with one log, in which nothing but this is.
fn restored(cursors: Vec<StoredCursor>, snapshot: Option<StoredSnapshot>) -> (World, Shard) {
    let world = check_on(1, few(9), "");
    let config = world.shards[0].config().clone();
    let mut shard = Shard::new(
        config,
        Apps::clone(&world.shards[0].apps()),
        &crate::DIALECTS,
        Millis::default(),
    );
    shard.set_unix_ms(10_000);
    shard.restore_floor(7);
    let stored = StoredLog {
        app_id: "app".into(),
        channel: "log-1".into(),
        first_sequence: 1,
        last_sequence: 0,
        events: Vec::new(),
        cursors,
        snapshot,
        dead_letters: Vec::new(),
    };
    shard.restore_log(&world.channel("log-1"), stored);
    (world, shard)
}

fn info(world: &World, shard: &mut Shard) -> (u64, u32) {
    let asked = shard.ask(LogInfo(world.channel("log-1")));
    let found = std::iter::from_fn(|| shard.poll_output()).find_map(|output| match output {
        Output::Answer(_, answer) => asked.open(answer),
        _ => None,
    });
    found.map(|info| (info.last_sequence, info.cursors)).expect("the log is there")
}

#[test]
fn a_restart_does_not_lengthen_the_life_of_a_cursor() {
    let cursor = |id: &str, used_unix_ms| StoredCursor {
        subscriber_id: id.into(),
        sequence: 1,
        used_unix_ms,
    };
    // The third was stored by a version that did not say when: its time begins with the process.
    let (world, mut shard) =
        restored(vec![cursor("a", 8_500), cursor("b", 9_500), cursor("c", 0)], None);
    assert_eq!(info(&world, &mut shard).1, 3);
    for (unix_ms, left) in [(10_400, 3), (10_600, 2), (11_400, 2), (11_600, 1), (12_100, 0)] {
        shard.set_unix_ms(unix_ms);
        shard.advance(Millis(unix_ms - 10_000));
        assert_eq!(info(&world, &mut shard).1, left, "{unix_ms}");
    }
}

#[test]
fn a_log_that_began_above_others_goes_on_there_after_a_restart() {
    let state = bytes::Bytes::from_static(b"{}");
    let snapshot = StoredSnapshot { last_sequence: 7, created_unix_ms: 0, state };
    let (world, mut shard) = restored(Vec::new(), Some(snapshot));
    assert_eq!(info(&world, &mut shard).0, 7);
}
