//! What a shard is told when records are stored and when they are not, and what it begins with.

use std::fs;
use std::path::PathBuf;

use bytes::Bytes;
use crossbeam_channel::Receiver;

use super::super::server::shard_config;
use super::*;
use crate::app::App;
use crate::config::Config;
use crate::log::{DeadLetter, Draft};
use crate::shard::{
    Answer, AppendError, Appended, Asked, ForgetDeadLetters, KeepDeadLetter, ListDeadLetters,
    Millis, NamedDraft, Output, Replay, ReplayRange, Ticket,
};

const NOW: u64 = 1_700_000_000_000;

type Outcomes = Vec<Result<Appended, AppendError>>;

/// A core of one, with a log thread that is played by the test.
struct Core {
    shard: Shard,
    port: LogPort,
    batches: Receiver<Batch>,
    answers: Vec<(Ticket, Answer)>,
}

fn config() -> Config {
    let mut config = Config::default();
    "file".clone_into(&mut config.log.driver);
    config
}

fn apps() -> Apps {
    Apps::new(vec![App::new("app", "key", "secret")]).unwrap()
}

fn channel(name: &str) -> ChannelName {
    ChannelName::new(apps().by_id("app").unwrap(), name, nature(name), 0)
}

impl Core {
    fn new() -> Self {
        let config = config();
        let shard = shard_config(&config, (CoreId(0), 1), (0, 0));
        let mut shard = Shard::new(shard, apps(), &crate::dialect::DIALECTS, Millis(0));
        shard.set_unix_ms(NOW);
        let (batches, received) = bounded(1);
        let thread = LogThread { batches, counters: Arc::default() };
        let port = LogPort::new(CoreId(0), Some(thread));
        Self { shard, port, batches: received, answers: Vec::new() }
    }

    fn publish(&mut self, room: &str, id: &str) -> Asked<Outcomes> {
        let draft = Draft {
            id: id.into(),
            event_type: "t".into(),
            text: Bytes::from_static(b"{}"),
            sequence_at: 1,
            emitted_unix_ms: NOW,
            expires_unix_ms: u64::MAX,
        };
        self.shard.append_all(vec![NamedDraft { channel: channel(room), draft, skip: None }])
    }

    fn end_turn(&mut self) -> bool {
        self.shard.end_turn();
        while let Some(output) = self.shard.poll_output() {
            match output {
                Output::Log(record) => self.port.push(&self.shard.apps(), record),
                Output::Answer(ticket, answer) => self.answers.push((ticket, answer)),
                other => panic!("{other:?}"),
            }
        }
        self.port.post()
    }

    fn committed(&mut self, committed: &Committed) {
        self.port.committed(&mut self.shard, committed);
        self.end_turn();
    }

    /// The sequence that the event of `ticket` was given, or why it has none.
    fn outcome(&mut self, asked: &Asked<Outcomes>) -> Option<Result<u64, AppendError>> {
        Some(self.answer(asked)?[0].clone().map(|appended| appended.sequence))
    }

    /// The answer to what was asked, if it has come.
    fn answer<A: 'static>(&mut self, asked: &Asked<A>) -> Option<A> {
        let at = self.answers.iter().position(|(answered, _)| *answered == asked.ticket)?;
        Some(asked.open(self.answers.remove(at).1))
    }

    fn replayed(&mut self, room: &str) -> usize {
        let range = ReplayRange::default();
        let asked = self.shard.ask(Replay { channel: channel(room), range });
        self.end_turn();
        self.answer(&asked).unwrap().len()
    }

    /// Sequences of the events of the next batch.
    fn handed_over(&self) -> (u32, Vec<u64>) {
        let batch = self.batches.try_recv().expect("the core has handed a batch over");
        let sequences = batch.records.iter().filter_map(|record| match &record.change {
            Change::Event(event) => Some(event.sequence),
            _ => None,
        });
        (batch.epoch, sequences.collect())
    }
}

#[test]
fn nothing_is_seen_or_answered_before_it_is_durable() {
    let mut core = Core::new();
    let tickets = ["a", "b", "c"].map(|id| core.publish("room:1", id));
    assert!(core.end_turn());
    assert_eq!(core.handed_over(), (0, vec![1, 2, 3]));
    assert_eq!((core.replayed("room:1"), core.outcome(&tickets[0])), (0, None));
    core.committed(&Committed::Synced { records: 2 });
    assert_eq!(core.replayed("room:1"), 2);
    assert_eq!(tickets.each_ref().map(|it| core.outcome(it)), [Some(Ok(1)), Some(Ok(2)), None]);
    assert!(!core.port.is_empty());
    core.committed(&Committed::Synced { records: 1 });
    assert_eq!((core.outcome(&tickets[2]), core.port.is_empty()), (Some(Ok(3)), true));
}

#[test]
fn what_the_log_thread_has_no_room_for_is_handed_over_later() {
    let mut core = Core::new();
    core.publish("room:1", "a");
    assert!(core.end_turn());
    core.publish("room:1", "b");
    assert!(!core.end_turn(), "there is room for one batch");
    core.publish("room:1", "c");
    assert!(!core.end_turn());
    assert_eq!(core.handed_over(), (0, vec![1]));
    assert!(core.end_turn());
    assert_eq!(core.handed_over(), (0, vec![2, 3]));
}

#[test]
fn a_failure_is_told_to_every_publisher_and_its_numbers_are_given_again() {
    let mut core = Core::new();
    let durable = core.publish("room:1", "a");
    core.end_turn();
    core.handed_over();
    core.committed(&Committed::Synced { records: 1 });
    let posted = [core.publish("room:1", "b"), core.publish("room:2", "c")];
    core.end_turn();
    core.handed_over();
    let waiting = core.publish("room:1", "d");
    core.end_turn();
    core.handed_over();
    // These are of the turn in which the core hears of it.
    let running = [core.publish("room:1", "e"), core.publish("room:3", "f")];
    core.committed(&Committed::Failed);
    assert_eq!(core.outcome(&durable), Some(Ok(1)));
    for ticket in posted.into_iter().chain([waiting]).chain(running) {
        assert_eq!(core.outcome(&ticket), Some(Err(AppendError::NotWritten)));
    }
    assert!(core.port.is_empty() && core.batches.is_empty());
    let again = [core.publish("room:1", "e"), core.publish("room:2", "c")];
    core.end_turn();
    assert_eq!(core.handed_over(), (1, vec![2, 1]));
    core.committed(&Committed::Synced { records: 2 });
    assert_eq!(again.map(|it| core.outcome(&it)), [Some(Ok(2)), Some(Ok(1))]);
    assert_eq!((core.replayed("room:1"), core.replayed("room:3")), (2, 0));
}

/// A directory of one test.
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open_at(directory: &Directory) -> Opened {
    let mut config = config().log;
    config.dir = directory.0.to_str().unwrap().to_owned();
    open(&config).unwrap().expect("the driver file opens a store")
}

fn stored(app_id: &str, room: &str, sequence: u64) -> Record {
    let event = StoredEvent {
        sequence,
        first_sequence: 1,
        unix_ms: NOW,
        expires_unix_ms: u64::MAX,
        id: format!("id-{sequence}").into(),
        event_type: "t".into(),
        frame: Bytes::from_static(b"\x81\x02{}"),
    };
    Record { app_id: app_id.into(), channel: room.into(), change: Change::Event(event) }
}

#[test]
fn a_shard_goes_on_with_what_was_stored_and_leaves_the_rest_alone() {
    let path = std::env::temp_dir().join(format!("uringcast-io-log-{}", std::process::id()));
    let directory = Directory(path);
    let mut opened = open_at(&directory);
    let cursor = Change::Cursor { subscriber_id: "ann".into(), sequence: 1, used_unix_ms: NOW };
    let cursor = Record { app_id: "app".into(), channel: "room:1".into(), change: cursor };
    let records: Vec<Record> = (1..=3)
        .map(|sequence| stored("app", "room:1", sequence))
        .chain((1..=9).map(|sequence| stored("gone", "room:1", sequence)))
        .chain([stored("app", "not-logged", 7), cursor])
        .collect();
    opened.store.commit(&records).unwrap();
    drop(opened);

    let mut opened = open_at(&directory);
    let mut core = Core::new();
    for share in opened.share_out(&apps(), 0, 1) {
        share.fill(&mut core.shard);
    }
    assert_eq!(core.replayed("room:1"), 3);
    let known = core.publish("room:1", "id-2");
    core.end_turn();
    assert_eq!(core.outcome(&known), Some(Ok(2)), "it is known by its id");
    core.publish("room:1", "new");
    core.publish("room:2", "new");
    core.end_turn();
    // A log that is new begins above all numbers of those that are not served.
    assert_eq!(core.handed_over(), (0, vec![4, 10]));
}

fn letter(id: &str) -> DeadLetter {
    let draft = Draft { id: id.into(), ..Draft::unnamed(Bytes::from_static(b"{}"), 1) };
    DeadLetter { id: id.into(), draft, error: "no".into(), attempts: 3, failed_unix_ms: NOW }
}

fn keep(core: &mut Core, letter: DeadLetter) {
    core.shard.ask(KeepDeadLetter { channel: channel("room:1"), letter: letter.into() });
}

fn dead_letters(core: &mut Core, room: &str) -> Vec<DeadLetter> {
    let list = ListDeadLetters { channel: channel(room), limit: 9, from_unix_ms: 0 };
    let asked = core.shard.ask(list);
    core.end_turn();
    core.answer(&asked).unwrap()
}

/// What a shard says of its dead letters is what the next one begins with, however often.
#[test]
fn dead_letters_outlive_the_process() {
    let path = std::env::temp_dir().join(format!("uringcast-io-dlq-{}", std::process::id()));
    let directory = Directory(path);
    let expected = [letter("a"), letter("c")];
    for start in 0..3 {
        let mut opened = open_at(&directory);
        let mut core = Core::new();
        for share in opened.share_out(&apps(), 0, 1) {
            share.fill(&mut core.shard);
        }
        if start == 0 {
            for id in ["a", "b", "c"] {
                keep(&mut core, letter(id));
            }
            let ids = Some(vec!["b".into()]);
            core.shard.ask(ForgetDeadLetters { channel: channel("room:1"), ids });
        }
        assert_eq!(dead_letters(&mut core, "room:1"), expected, "start {start}");
        let batches: Vec<Batch> = core.batches.try_iter().collect();
        assert_eq!(batches.len(), usize::from(start == 0), "what is restored is not stored again");
        for batch in batches {
            opened.store.commit(&batch.records).unwrap();
        }
    }
}

#[test]
fn a_dead_letter_that_cannot_be_stored_is_tried_again_with_what_comes_next() {
    let mut core = Core::new();
    keep(&mut core, letter("a"));
    core.end_turn();
    let first = core.batches.try_recv().unwrap().records;
    core.committed(&Committed::Failed);
    assert!(core.port.is_empty() && core.batches.is_empty(), "not at once");
    core.publish("room:2", "b");
    core.end_turn();
    let batch = core.batches.try_recv().unwrap();
    assert_eq!((batch.epoch, &batch.records[..1]), (1, &first[..]));
    core.committed(&Committed::Synced { records: batch.records.len() });
    assert!(core.port.is_empty());
}
