//! The log thread and its disk: records are synced late, fail, or are half written at a crash.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use uringcast::id::CoreId;
use uringcast::log::RecordKind;
use uringcast::log::stored::{StoredCursor, StoredEvent, StoredLog, StoredSnapshot};
use uringcast::shard::{LogRecord, Logged, Renewed};

/// What outlives a crash, and what is on its way there.
#[derive(Default)]
pub(crate) struct Disk {
    /// What is synced, by the room.
    pub(crate) logs: BTreeMap<String, StoredLog>,
    /// Every event that ever was, by room and sequence: its id.
    synced: HashMap<(String, u64), String>,
    /// What each core has said and has no answer to.
    waiting: HashMap<CoreId, VecDeque<LogRecord>>,
    /// The highest number of an event in any log that was dropped.
    pub(crate) floor: u64,
}

/// What a core is told: of events, of cursors and snapshots, and how much is forgotten.
pub(crate) type Answered = (Vec<Logged>, Vec<Renewed>, usize);

impl Disk {
    /// A core wants something kept.
    pub(crate) fn push(&mut self, core: CoreId, record: LogRecord) {
        self.waiting.entry(core).or_default().push_back(record);
    }

    /// How many records of `core` wait.
    pub(crate) fn waiting(&self, core: CoreId) -> usize {
        self.waiting.get(&core).map_or(0, VecDeque::len)
    }

    /// The oldest `count` records of `core` are durable; what it is to be told.
    pub(crate) fn sync(&mut self, core: CoreId, count: usize) -> Answered {
        let queue = self.waiting.entry(core).or_default();
        let records: Vec<LogRecord> = queue.drain(..count).collect();
        let (mut logged, mut renewed): (Vec<Logged>, Vec<Renewed>) = Default::default();
        let forgotten = records.iter().filter(|record| record.kind.is_forgotten()).count();
        for record in records {
            if let Some(what) = record.kind.newest() {
                let channel = record.channel.clone();
                renewed.push(Renewed { channel, what, is_kept: true });
            }
            if let RecordKind::Event { sequence, .. } = record.kind {
                let channel = record.channel.clone();
                match logged.last_mut() {
                    Some(last) if last.channel == channel => last.sequence = sequence,
                    Some(_) | None => logged.push(Logged { channel, sequence, is_kept: true }),
                }
            }
            self.apply(record);
        }
        (logged, renewed, forgotten)
    }

    /// Nothing that `core` has said and was not answered is kept; what it is to be told.
    pub(crate) fn fail(&mut self, core: CoreId) -> Answered {
        let (mut seen, mut logged, mut renewed) = (HashSet::new(), Vec::new(), Vec::new());
        let mut forgotten = 0;
        for LogRecord { channel, kind } in self.waiting.remove(&core).unwrap_or_default() {
            forgotten += usize::from(kind.is_forgotten());
            if let Some(what) = kind.newest() {
                renewed.push(Renewed { channel, what, is_kept: false });
                continue;
            }
            let RecordKind::Event { sequence, .. } = kind else { continue };
            if seen.insert(channel.shared()) {
                logged.push(Logged { channel, sequence, is_kept: false });
            }
        }
        (logged, renewed, forgotten)
    }

    /// The machine stops: of what was being written some is there, and nobody was told.
    pub(crate) fn crash(&mut self, mut below: impl FnMut(usize) -> usize) {
        let mut cores: Vec<CoreId> = self.waiting.keys().copied().collect();
        cores.sort_unstable_by_key(|core| core.0);
        for core in cores {
            let count = below(self.waiting(core) + 1);
            self.sync(core, count);
        }
        self.waiting.clear();
    }

    /// Whether event `sequence` of `room` was made durable as the one with this id.
    pub(crate) fn has(&self, room: &str, sequence: u64, id: &str) -> bool {
        self.synced.get(&(room.to_owned(), sequence)).is_some_and(|synced| synced == id)
    }

    /// The durable cursor of `subscriber_id` in `room`.
    pub(crate) fn cursor(&self, room: &str, subscriber_id: &str) -> Option<u64> {
        let cursors = &self.logs.get(room)?.cursors;
        cursors.iter().find(|it| *it.subscriber_id == *subscriber_id).map(|it| it.sequence)
    }

    /// The number of the durable snapshot of `room`, which is all that its state says.
    pub(crate) fn snapshot(&self, room: &str) -> Option<u64> {
        let state = &self.logs.get(room)?.snapshot.as_ref()?.state;
        Some(serde_json::from_slice(state).expect("a number"))
    }

    fn apply(&mut self, LogRecord { channel, kind }: LogRecord) {
        let room = channel.as_str().to_owned();
        let log = self.logs.entry(room.clone()).or_insert_with(|| empty(&channel.shared()));
        match kind {
            RecordKind::Event { sequence, first_sequence, unix_ms, expires_unix_ms, .. } => {
                let RecordKind::Event { id, event_type, frame, .. } = kind else { unreachable!() };
                let is_next = sequence == log.last_sequence + 1;
                let is_first = sequence == first_sequence && sequence > log.last_sequence;
                assert!(is_next || is_first, "{room}: written out of order");
                log.last_sequence = sequence;
                log.first_sequence = log.first_sequence.max(first_sequence);
                let first_sequence = log.first_sequence;
                log.events.retain(|event| event.sequence >= first_sequence);
                self.synced.insert((room, sequence), id.to_string());
                log.events.push(StoredEvent {
                    sequence,
                    first_sequence,
                    unix_ms,
                    expires_unix_ms,
                    id,
                    event_type,
                    frame,
                });
            }
            RecordKind::Trimmed { first_sequence, last_sequence } => {
                assert!(last_sequence <= log.last_sequence, "{room}: beyond its end");
                log.first_sequence = log.first_sequence.max(first_sequence);
                log.events.retain(|event| event.sequence >= first_sequence);
            }
            RecordKind::Cursor { subscriber_id, sequence, used_unix_ms } => {
                log.cursors.retain(|it| *it.subscriber_id != *subscriber_id);
                let subscriber_id = subscriber_id.into();
                log.cursors.push(StoredCursor { subscriber_id, sequence, used_unix_ms });
            }
            RecordKind::CursorForgotten { subscriber_id } => {
                log.cursors.retain(|it| *it.subscriber_id != *subscriber_id);
            }
            RecordKind::Snapshot { last_sequence, created_unix_ms, state_json } => {
                let state = state_json.into_boxed_bytes().into();
                log.snapshot = Some(StoredSnapshot { last_sequence, created_unix_ms, state });
            }
            RecordKind::DeadLetter { .. } | RecordKind::DeadLetterGone { .. } => {
                panic!("nothing is undeliverable here")
            }
            RecordKind::Forgotten { floor } => {
                self.floor = floor.max(self.floor);
                self.logs.remove(&room);
            }
        }
    }
}

fn empty(channel: &Arc<str>) -> StoredLog {
    StoredLog {
        app_id: "id".into(),
        channel: Arc::clone(channel),
        first_sequence: 1,
        last_sequence: 0,
        events: Vec::new(),
        cursors: Vec::new(),
        snapshot: None,
        dead_letters: Vec::new(),
    }
}
