//! Sinks of rooms: what they are posted, again, and what becomes of what they do not take.

use std::sync::Arc;

use uringcast_proto::zps::http::sequence_of;
use uringcast_proto::zps::server::envelope_of;
use uringcast_shard::app::{App, Apps, Backoff, Flow, RetryPolicy, Sink};
use uringcast_shard::id::CoreId;
use uringcast_shard::log::stored::{StoredCursor, StoredEvent, StoredLog};
use uringcast_shard::log::{AckError, DeadLetter, Draft, RecordKind};
use uringcast_shard::{
    ListDeadLetters, Logged, Millis, NamedDraft, Output, Shard, SinkOutcome, SinkPost,
};

use super::transcript::check_on;
use super::world::{Limits, World};

const RETRY: RetryPolicy = RetryPolicy {
    backoff: Backoff::Fixed,
    attempts_max: 2,
    delay_base_ms: 1_000,
    delay_max_ms: 1_000,
};

fn sink(name: &str, rooms: &str) -> Sink {
    let url = format!("http://{name}/");
    Sink { rooms: rooms.into(), retry: RETRY, ..Sink::new(name, url) }
}

fn world(sinks: Vec<Sink>, edit: impl Fn(&mut Limits)) -> World {
    let sinks: Vec<Arc<Sink>> = sinks.into_iter().map(Arc::new).collect();
    check_on(
        1,
        |limits| {
            limits.sinks = sinks.clone();
            edit(limits);
        },
        "",
    )
}

fn draft(room: &str) -> Draft {
    let head =
        format!(r#"{{"type":"event","data":{{"id":"e","type":"t","room":"{room}","sequence":"#);
    let sequence_at = head.len() as u32;
    let text = (head + r#","emittedAt":"x","payload":1}}"#).into();
    Draft { event_type: "t".into(), ..Draft::unnamed(text, sequence_at) }
}

/// Each event in a turn of its own, so that the first is on its way when the second comes.
fn publish(world: &mut World, room: &str, count: usize) {
    for _ in 0..count {
        let channel = world.channel(room);
        let draft = NamedDraft { channel, draft: draft(room), skip: None };
        world.shards[0].append_all(vec![draft]);
        world.settle();
    }
}

fn sequences(post: &SinkPost) -> Vec<u64> {
    let envelopes = post.frames.iter().map(|frame| envelope_of(frame).expect("a frame"));
    envelopes.map(|envelope| sequence_of(envelope).expect("an envelope has a sequence")).collect()
}

/// The only request that is to be made now: to whom, and with which events.
fn posted(world: &mut World) -> (SinkPost, String, Vec<u64>) {
    assert_eq!(world.posts.len(), 1, "{:?}", world.posts);
    let (_, post) = world.posts.remove(0);
    let (name, sequences) = (post.sink.name.clone(), sequences(&post));
    (post, name, sequences)
}

fn answer(world: &mut World, post: &SinkPost, is_taken: bool) {
    let failed = SinkOutcome::Failed { reason: "status 500".to_owned() };
    let outcome = if is_taken { SinkOutcome::Taken } else { failed };
    world.shards[0].sink_answered(post.id, outcome);
    world.settle();
}

/// The next request has these events, and its sink takes them or not.
fn expect(world: &mut World, expected: &[u64], is_taken: bool) {
    let (post, _, sequences) = posted(world);
    assert_eq!(sequences, expected);
    answer(world, &post, is_taken);
}

fn letters(world: &mut World, room: &str) -> Vec<DeadLetter> {
    let channel = world.channel(room);
    let asked = world.shards[0].ask(ListDeadLetters { channel, limit: 99, from_unix_ms: 0 });
    while let Some(output) = world.shards[0].poll_output() {
        if let Output::Answer(ticket, answer) = output
            && ticket == asked.ticket
        {
            return asked.open(answer);
        }
    }
    panic!("no answer came");
}

#[test]
fn a_sink_gets_the_events_of_its_rooms_one_request_of_a_room_at_a_time() {
    let mut world = world(vec![sink("a", "chat:*"), sink("b", "*:2")], |_| {});
    publish(&mut world, "chat:1", 2);
    publish(&mut world, "news:1", 1);
    let (first, name, sequences) = posted(&mut world);
    assert_eq!((name.as_str(), sequences, first.room.as_str()), ("a", vec![1], "chat:1"));
    publish(&mut world, "chat:1", 1);
    assert!(world.posts.is_empty(), "the room's second request waits for the first");
    publish(&mut world, "chat:2", 1);
    let mut names: Vec<String> =
        world.posts.drain(..).map(|(_, it)| it.sink.name.clone()).collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "b"], "other rooms and sinks do not wait");
    answer(&mut world, &first, true);
    expect(&mut world, &[2, 3], true);
    assert!(world.posts.is_empty());
    let counts = world.shards[0].counters().sinks;
    assert_eq!((counts.events, counts.posts, counts.failures), (3, 4, 0));
}

#[test]
fn what_is_not_taken_is_tried_again_and_ends_as_a_dead_letter_of_its_room() {
    let mut world = world(vec![sink("a", "*")], |_| {});
    publish(&mut world, "chat:1", 1);
    expect(&mut world, &[1], false);
    publish(&mut world, "chat:1", 2);
    world.wait(900);
    assert!(world.posts.is_empty(), "it is not time yet");
    world.wait(100);
    expect(&mut world, &[1], false);
    expect(&mut world, &[2, 3], true);
    let letters = letters(&mut world, "chat:1");
    assert_eq!(letters.len(), 1);
    let DeadLetter { draft: dead, error, attempts, id, .. } = &letters[0];
    assert_eq!((&**error, *attempts), ("sink a: status 500", 2));
    assert!(id.starts_with("dlq_"), "{id}");
    assert_eq!(dead.frame(7), draft("chat:1").frame(7), "it can be published again");
    let counts = world.shards[0].counters().sinks;
    assert_eq!((counts.dead_letters, counts.failures, counts.retries), (1, 2, 1));
}

#[test]
fn one_bad_event_of_a_batch_holds_no_other_back() {
    let mut world = world(vec![sink("a", "*")], |_| {});
    publish(&mut world, "chat:1", 1);
    publish(&mut world, "chat:1", 3);
    expect(&mut world, &[1], true);
    expect(&mut world, &[2, 3, 4], false);
    for (event, is_taken) in [(2, true), (3, false), (3, false), (4, true)] {
        world.wait(1_000);
        expect(&mut world, &[event], is_taken);
    }
    assert_eq!(letters(&mut world, "chat:1").len(), 1);
}

#[test]
fn a_letter_that_there_is_no_room_for_is_counted_as_lost() {
    let retry = RetryPolicy { attempts_max: 1, ..RETRY };
    let sinks = vec![Sink { retry, batch_events_max: 1, ..sink("a", "*") }];
    let mut world = world(sinks, |limits| limits.shard.log.dead_letters_max = 1);
    publish(&mut world, "chat:1", 2);
    expect(&mut world, &[1], false);
    expect(&mut world, &[2], false);
    let counts = world.shards[0].counters().sinks;
    assert_eq!((counts.dead_letters, counts.lost), (1, 1));
}

#[test]
fn with_pause_the_log_is_what_waits_and_what_it_lets_go_is_counted() {
    let sinks = vec![Sink { batch_events_max: 2, ..sink("a", "*") }];
    let mut world = world(sinks, |limits| {
        limits.history[0].pattern = "*:*".to_owned();
        limits.history[0].events_max = 4;
    });
    publish(&mut world, "chat:1", 9);
    expect(&mut world, &[1], true);
    expect(&mut world, &[6, 7], true);
    expect(&mut world, &[8, 9], true);
    assert_eq!(world.shards[0].counters().sinks.lost, 4);
}

#[test]
fn with_drop_and_buffer_what_is_too_much_is_left_out_and_counted() {
    for (flow, rest, dropped) in
        [(Flow::Drop, &[][..], 8), (Flow::Buffer { events_max: 3 }, &[7, 8, 9], 5)]
    {
        let mut world = world(vec![Sink { flow, ..sink("a", "*") }], |_| {});
        publish(&mut world, "chat:1", 9);
        expect(&mut world, &[1], true);
        if !rest.is_empty() {
            expect(&mut world, rest, true);
        }
        assert!(world.posts.is_empty());
        assert_eq!(world.shards[0].counters().sinks.dropped, dropped, "{flow:?}");
    }
}

#[test]
fn as_many_requests_are_in_flight_as_may_be_and_the_rest_wait_in_order() {
    let mut world = world(vec![sink("a", "*")], |limits| limits.shard.log.sinks_in_flight_max = 2);
    for room in ["a:1", "a:2", "a:3", "a:4"] {
        publish(&mut world, room, 1);
    }
    assert_eq!(world.posts.len(), 2, "at the limit and not one past it");
    let mut rooms = Vec::new();
    while !world.posts.is_empty() {
        let (_, post) = world.posts.remove(0);
        rooms.push(post.room.as_str().to_owned());
        answer(&mut world, &post, true);
    }
    assert_eq!(rooms, ["a:1", "a:2", "a:3", "a:4"]);
    assert!(world.shards[0].are_sinks_quiet());
}

#[test]
fn what_the_side_thread_had_no_room_for_is_no_attempt() {
    let mut world = world(vec![sink("a", "*")], |_| {});
    publish(&mut world, "chat:1", 1);
    for _ in 0..5 {
        let (post, ..) = posted(&mut world);
        world.shards[0].sink_answered(post.id, SinkOutcome::NotTried);
        world.settle();
        assert!(world.posts.is_empty());
        world.wait(1_000);
    }
    expect(&mut world, &[1], true);
    assert!(letters(&mut world, "chat:1").is_empty());
}

#[test]
fn a_sink_that_is_taken_away_is_forgotten_and_one_that_comes_begins_with_what_is_kept() {
    let mut world = world(vec![sink("a", "*"), sink("b", "*")], |_| {});
    publish(&mut world, "chat:1", 2);
    let posts = std::mem::take(&mut world.posts);
    let reload = |world: &mut World, names: &[&str]| {
        let shard = &mut world.shards[0];
        let apps = shard.apps();
        let (_, app) = apps.iter().next().expect("the world has an app");
        let sinks = names.iter().map(|name| Arc::new(sink(name, "*"))).collect();
        let app = App { sinks, ..App::clone(app) };
        shard.set_apps(Apps::updated(&apps, vec![app]).unwrap());
        world.settle();
    };
    reload(&mut world, &["b", "c"]);
    let (_, name, both) = posted(&mut world);
    assert_eq!((name.as_str(), both), ("c", vec![1, 2]));
    for (_, post) in posts {
        answer(&mut world, &post, true); // That of a sink that is gone is for nobody.
    }
    let (_, name, sequences) = posted(&mut world);
    assert_eq!((name.as_str(), sequences), ("b", vec![2]), "it goes on where it was");
}

#[test]
fn nobody_else_moves_the_cursor_of_a_sink() {
    let mut world = world(vec![sink("a", "*")], |_| {});
    publish(&mut world, "chat:1", 2);
    let channel = world.channel("chat:1");
    let asked = world.shards[0].ack_for(&channel, "\u{1}sink:a", 2);
    let answered = std::iter::from_fn(|| world.shards[0].poll_output()).find_map(|it| match it {
        Output::Answer(ticket, answer) if ticket == asked.ticket => Some(asked.open(answer)),
        _ => None,
    });
    assert_eq!(answered, Some(Err(AckError::Full)));
    expect(&mut world, &[1], true);
    expect(&mut world, &[2], true);
}

/// With a log thread only what is kept is posted, and how far a sink is outlives the process.
#[test]
fn a_sink_goes_on_where_it_was_after_a_start() {
    let mut world = world(vec![sink("a", "*")], |limits| limits.shard.log.is_durable = true);
    publish(&mut world, "chat:1", 3);
    assert!(world.posts.is_empty());
    let channel = world.channel("chat:1");
    world.shards[0].on_logged(Logged { channel: channel.clone(), sequence: 2, is_kept: true });
    world.settle();
    expect(&mut world, &[1, 2], true);
    let cursor = world.records.iter().find_map(|(_, record)| match &record.kind {
        RecordKind::Cursor { subscriber_id, sequence, .. } => {
            Some((subscriber_id.clone(), *sequence))
        }
        _ => None,
    });
    let (id, sequence) = cursor.expect("the sink's cursor is stored");
    assert_eq!(sequence, 2);
    let config = world.shards[0].config().clone();
    let mut shard = Shard::new(
        config,
        Apps::clone(&world.shards[0].apps()),
        &crate::DIALECTS,
        Millis::default(),
    );
    let event = |sequence| StoredEvent {
        sequence,
        first_sequence: 1,
        unix_ms: 0,
        expires_unix_ms: u64::MAX,
        id: "".into(),
        event_type: "t".into(),
        frame: draft("chat:1").frame(sequence),
    };
    let stored = StoredLog {
        app_id: "app".into(),
        channel: "chat:1".into(),
        first_sequence: 1,
        last_sequence: 4,
        events: (1..=4).map(event).collect(),
        cursors: vec![StoredCursor { subscriber_id: id.into(), sequence, used_unix_ms: 0 }],
        snapshot: None,
        dead_letters: Vec::new(),
    };
    shard.restore_log(&channel, stored);
    shard.end_turn();
    let Some(Output::PostToSink(post)) = shard.poll_output() else { panic!("nothing is posted") };
    assert_eq!((sequences(&post), CoreId(0)), (vec![3, 4], shard.config().core));
}

/// Whatever a sink does, each event is taken or a dead letter, once, and what is taken comes in
/// order.
#[test]
fn each_event_is_taken_or_dead_whatever_the_sink_does() {
    let mut all_dead = 0;
    for seed in 0..300_u64 {
        let mut random = seed;
        let mut below = |bound: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % bound
        };
        let sinks = vec![Sink { batch_events_max: 1 + below(4) as u32, ..sink("a", "*") }];
        let mut world = world(sinks, |limits| limits.shard.log.sinks_in_flight_max = 1);
        let (mut published, mut taken) = (0, Vec::new());
        let mut is_over = false;
        while !is_over {
            is_over = published >= 20 && world.posts.is_empty();
            match below(4) {
                0 if published < 20 => {
                    let count = 1 + below(3);
                    publish(&mut world, "chat:1", count as usize);
                    published += count;
                }
                1 => world.wait(100),
                _ if world.posts.is_empty() => world.wait(1_000),
                _ => {
                    let (post, _, sequences) = posted(&mut world);
                    let is_taken = below(3) > 0;
                    taken.extend(sequences.into_iter().filter(|_| is_taken));
                    answer(&mut world, &post, is_taken);
                }
            }
            is_over &=
                world.shards[0].are_sinks_quiet() && world.shards[0].counters().sinks.pausing == 0;
        }
        assert!(taken.is_sorted_by(|left, right| left < right), "seed {seed}: {taken:?}");
        let dead = letters(&mut world, "chat:1").len() as u64;
        assert_eq!(taken.len() as u64 + dead, published, "seed {seed}: {taken:?}");
        assert_eq!(world.shards[0].counters().sinks.dead_letters, dead, "seed {seed}");
        all_dead += dead;
    }
    assert!(all_dead > 100, "events die in these worlds: {all_dead}");
}
