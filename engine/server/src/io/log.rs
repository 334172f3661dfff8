//! Logs that outlive the process: the log thread, what cores hand to it, and what a start finds.
//!
//! A core hands over the records of a turn at its end and never waits. What the thread has no room
//! for stays here for the next turn; the shard refuses publishers before that grows without bound.

use std::cell::{Cell, RefCell};
use std::collections::{HashSet, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, TrySendError, bounded};

use super::mailbox::{Address, Envelope};
use super::thread::Event;
use crate::app::Apps;
use crate::config::LogConfig;
use crate::dialect::nature;
use crate::id::{AppIndex, CoreId};
use crate::log::stored::{
    Change, Record, StoredDeadLetter, StoredEvent, StoredLog, StoredSnapshot,
};
use crate::log::{Newest, RecordKind};
use crate::shard::{ChannelName, LogRecord, Logged, Renewed, Shard};
use crate::storage::commit::{Batch, Committed, Committer, GroupLimits, unix_ms};
use crate::storage::counters::LogCounters;
use crate::storage::file::{FileOptions, FileStore};
use crate::storage::store::{Store, StoreError};

/// Turns' worth of records on their way; what does not fit stays with its core.
const BATCHES_MAX: usize = 64;

/// Changes of dead letters that may wait to be tried again: a disk that fails for long loses those
/// beyond, which `log_failed_records` counts.
const LETTERS_AGAIN_MAX: usize = 10_000;

/// The app that no app can be: its log holds what is true of all logs.
const NO_APP: &str = "";

/// A store that has been recovered, and what it has found.
pub(super) struct Opened {
    store: FileStore,
    logs: Vec<StoredLog>,
    counters: Arc<LogCounters>,
    /// What the operator is told of it.
    pub(super) described: String,
}

/// Open what `config` says, if logs are to outlive the process; nobody is served yet.
pub(super) fn open(config: &LogConfig) -> Result<Option<Opened>, StoreError> {
    if !config.is_durable() {
        return Ok(None);
    }
    let started = Instant::now();
    let mut store = FileStore::open(FileOptions {
        dir: (&config.dir).into(),
        segment_bytes: config.segment_bytes.into(),
        is_skipping: config.recover == "skip",
    })?;
    let recovered = store.recover(unix_ms())?;
    let took = started.elapsed();
    let counters = Arc::new(LogCounters::default());
    counters.recovered(&recovered, took);
    let described = format!(
        "log {} records {} bytes {} ms {} cut {} skipped {}\n",
        config.dir,
        recovered.records,
        recovered.bytes,
        took.as_millis(),
        recovered.cut_bytes,
        recovered.skipped_bytes,
    );
    Ok(Some(Opened { store, logs: recovered.logs, counters, described }))
}

/// What one core begins with.
#[derive(Debug, Default)]
pub(super) struct Restored {
    logs: Vec<(ChannelName, StoredLog)>,
    /// The highest number of an event in any log that is not served.
    floor: u64,
}

impl Restored {
    /// Give it to the shard that owns the channels.
    pub(super) fn fill(self, shard: &mut Shard) {
        shard.restore_floor(self.floor);
        for (channel, log) in self.logs {
            shard.restore_log(&channel, log);
        }
    }
}

/// The log thread, as cores see it. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct LogThread {
    batches: Sender<Batch>,
    counters: Arc<LogCounters>,
}

impl Opened {
    /// Take out each core's logs, by the owners of their channels.
    pub(super) fn share_out(&mut self, apps: &Apps, seed: u64, cores: usize) -> Vec<Restored> {
        let mut shares: Vec<Restored> = (0..cores).map(|_| Restored::default()).collect();
        let mut floor = 0;
        for log in self.logs.drain(..) {
            match apps.by_id(&log.app_id).filter(|app| apps.app(*app).has_log(&log.channel)) {
                Some(app) => {
                    let channel =
                        ChannelName::new(app, Arc::clone(&log.channel), nature(&log.channel), seed);
                    let owner = channel.owner(cores);
                    shares[usize::from(owner.0)].logs.push((channel, log));
                }
                // It stays as it is, in case it is configured again; its numbers are not given.
                None => floor = floor.max(log.last_sequence),
            }
        }
        for share in &mut shares {
            share.floor = floor;
        }
        shares
    }

    /// Start the log thread.
    pub(super) fn start(
        self,
        config: &LogConfig,
        addresses: Vec<Address>,
        events: Sender<Event>,
    ) -> io::Result<LogThread> {
        let limits = GroupLimits {
            events_max: config.sync_events_max as usize,
            bytes_max: config.sync_bytes_max as usize,
            delay: Duration::from_millis(config.sync_delay_ms.into()),
        };
        let (batches, received) = bounded(BATCHES_MAX);
        let cores = addresses.len();
        let deliver = move |core: CoreId, committed| match addresses[usize::from(core.0)]
            .post(Envelope::Committed(committed))
        {
            Err(Envelope::Committed(committed)) => Err(committed),
            Ok(()) | Err(_) => Ok(()),
        };
        let counters = Arc::clone(&self.counters);
        let (deliver, shared) = (Box::new(deliver), Arc::clone(&counters));
        let committer = Committer::new(self.store, limits, cores, received, deliver, shared);
        thread::Builder::new().name("log".to_owned()).spawn(move || {
            if catch_unwind(AssertUnwindSafe(|| committer.run())).is_err() {
                let error = io::Error::other("the log thread has panicked");
                let _ = events.send(Event::Failed(error)); // Nobody listens once we exit.
            }
        })?;
        Ok(LogThread { batches, counters })
    }
}

/// A record that the log thread has not answered.
enum Unanswered {
    /// The event of a channel with this number.
    Event(ChannelName, u64),
    /// A dead letter that comes or goes.
    Letter(Record),
    /// A cursor or a snapshot, of which the shard says the newest again.
    Newest(ChannelName, Newest),
    /// That something is forgotten.
    Forgotten,
    /// What is said anew when it changes.
    Other,
}

/// What a shard is told of its records: what became of events, cursors and snapshots, and how many
/// were about what is forgotten.
#[derive(Default)]
struct Answered {
    logged: Vec<Logged>,
    renewed: Vec<Renewed>,
    forgotten: usize,
}

/// One core's side of the log thread; without one nothing comes here.
pub(super) struct LogPort {
    core: CoreId,
    thread: Option<LogThread>,
    epoch: Cell<u32>,
    /// What has not been handed over.
    waiting: RefCell<Vec<Record>>,
    /// What has been said to be stored and was not answered.
    unanswered: RefCell<VecDeque<Unanswered>>,
    /// Dead letters that could not be stored: they are tried again with what comes next.
    again: RefCell<Vec<Record>>,
    /// The ids of apps, by their indices.
    app_ids: RefCell<Vec<Option<Arc<str>>>>,
}

impl LogPort {
    pub(super) fn new(core: CoreId, thread: Option<LogThread>) -> Self {
        Self {
            core,
            thread,
            epoch: Cell::new(0),
            waiting: RefCell::default(),
            unanswered: RefCell::default(),
            again: RefCell::default(),
            app_ids: RefCell::default(),
        }
    }

    /// Add a record that the shard has said.
    pub(super) fn push(&self, apps: &Apps, record: LogRecord) {
        assert!(self.thread.is_some(), "a shard without a log thread keeps logs in memory");
        let LogRecord { channel, kind } = record;
        let mut unanswered = self.unanswered.borrow_mut();
        let mut waiting = self.waiting.borrow_mut();
        for record in self.again.borrow_mut().drain(..) {
            unanswered.push_back(Unanswered::Letter(record.clone()));
            waiting.push(record);
        }
        if let RecordKind::Forgotten { floor } = kind {
            let change = Change::Head { first_sequence: floor + 1, last_sequence: floor };
            let name: Arc<str> = NO_APP.into();
            waiting.push(Record { app_id: Arc::clone(&name), channel: name, change });
            unanswered.push_back(Unanswered::Other);
        }
        let event = match &kind {
            RecordKind::Event { sequence, .. } => Some(*sequence),
            RecordKind::Trimmed { .. }
            | RecordKind::Cursor { .. }
            | RecordKind::CursorForgotten { .. }
            | RecordKind::Snapshot { .. }
            | RecordKind::DeadLetter { .. }
            | RecordKind::DeadLetterGone { .. }
            | RecordKind::Forgotten { .. } => None,
        };
        let newest = kind.newest();
        let is_forgotten = kind.is_forgotten();
        let app_id = self.app_id(apps, channel.app());
        let record = Record { app_id, channel: channel.shared(), change: change(kind) };
        let is_letter =
            matches!(record.change, Change::DeadLetter(_) | Change::DeadLetterGone { .. });
        unanswered.push_back(match (event, newest) {
            (Some(sequence), _) => Unanswered::Event(channel, sequence),
            (None, Some(newest)) => Unanswered::Newest(channel, newest),
            (None, None) if is_letter => Unanswered::Letter(record.clone()),
            (None, None) if is_forgotten => Unanswered::Forgotten,
            (None, None) => Unanswered::Other,
        });
        waiting.push(record);
    }

    /// Hand over what there is; false if there is no room for it now.
    pub(super) fn post(&self) -> bool {
        let Some(thread) = &self.thread else { return true };
        let mut waiting = self.waiting.borrow_mut();
        if waiting.is_empty() {
            return true;
        }
        let (core, epoch) = (self.core, self.epoch.get());
        let batch = Batch { core, epoch, records: std::mem::take(&mut waiting) };
        match thread.batches.try_send(batch) {
            Ok(()) => true,
            Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch)) => {
                *waiting = batch.records;
                thread.counters.batch_returned();
                false
            }
        }
    }

    /// The log thread says what became of records: tell the shard of each channel's events.
    pub(super) fn committed(&self, shard: &mut Shard, committed: &Committed) {
        let Answered { logged, renewed, forgotten } = match committed {
            Committed::Synced { records } => self.synced(*records),
            Committed::Failed => {
                // What this turn has said so far continues what has failed.
                let apps = shard.apps();
                shard.take_log_records().into_iter().for_each(|record| self.push(&apps, record));
                self.failed()
            }
        };
        for logged in logged {
            shard.on_logged(logged);
        }
        for renewed in renewed {
            shard.on_renewed(renewed);
        }
        shard.on_forgotten(forgotten);
    }

    /// Whether all that was said is answered.
    pub(super) fn is_empty(&self) -> bool {
        self.unanswered.borrow().is_empty()
    }

    /// What has become of all records, of every core.
    pub(super) fn counters(&self) -> Option<&LogCounters> {
        self.thread.as_ref().map(|thread| &*thread.counters)
    }

    /// The oldest `records` are durable: the last of each run of events of one channel says so.
    fn synced(&self, records: usize) -> Answered {
        let Answered { mut logged, mut renewed, mut forgotten } = Answered::default();
        for answered in self.unanswered.borrow_mut().drain(..records) {
            let (channel, sequence) = match answered {
                Unanswered::Event(channel, sequence) => (channel, sequence),
                Unanswered::Newest(channel, what) => {
                    renewed.push(Renewed { channel, what, is_kept: true });
                    continue;
                }
                Unanswered::Forgotten => {
                    forgotten += 1;
                    continue;
                }
                Unanswered::Letter(_) | Unanswered::Other => continue,
            };
            match logged.last_mut() {
                Some(last) if last.channel == channel => last.sequence = sequence,
                Some(_) | None => logged.push(Logged { channel, sequence, is_kept: true }),
            }
        }
        Answered { logged, renewed, forgotten }
    }

    /// Nothing that was not answered is kept: the first event of each channel says so. Dead letters
    /// wait for the next record: tried at once, they would keep a full disk busy.
    fn failed(&self) -> Answered {
        self.epoch.set(self.epoch.get() + 1);
        self.waiting.borrow_mut().clear();
        let mut seen: HashSet<(AppIndex, Arc<str>)> = HashSet::new();
        let Answered { mut logged, mut renewed, mut forgotten } = Answered::default();
        for failed in self.unanswered.borrow_mut().drain(..) {
            let (channel, sequence) = match failed {
                Unanswered::Event(channel, sequence) => (channel, sequence),
                Unanswered::Letter(record) => {
                    let mut again = self.again.borrow_mut();
                    again.push(record);
                    again.truncate(LETTERS_AGAIN_MAX);
                    continue;
                }
                Unanswered::Newest(channel, what) => {
                    renewed.push(Renewed { channel, what, is_kept: false });
                    continue;
                }
                Unanswered::Forgotten => {
                    forgotten += 1;
                    continue;
                }
                Unanswered::Other => continue,
            };
            if seen.insert((channel.app(), channel.shared())) {
                logged.push(Logged { channel, sequence, is_kept: false });
            }
        }
        Answered { logged, renewed, forgotten }
    }

    fn app_id(&self, apps: &Apps, app: AppIndex) -> Arc<str> {
        let mut ids = self.app_ids.borrow_mut();
        let index = usize::from(app.0);
        if ids.len() <= index {
            ids.resize(index + 1, None);
        }
        Arc::clone(ids[index].get_or_insert_with(|| Arc::from(&*apps.app(app).id)))
    }
}

/// What the log thread stores of what a shard says.
fn change(kind: RecordKind) -> Change {
    match kind {
        RecordKind::Event {
            sequence,
            first_sequence,
            unix_ms,
            expires_unix_ms,
            id,
            event_type,
            frame,
        } => Change::Event(StoredEvent {
            sequence,
            first_sequence,
            unix_ms,
            expires_unix_ms,
            id,
            event_type,
            frame,
        }),
        RecordKind::Trimmed { first_sequence, last_sequence } => {
            Change::Head { first_sequence, last_sequence }
        }
        RecordKind::Cursor { subscriber_id, sequence, used_unix_ms } => {
            Change::Cursor { subscriber_id: subscriber_id.into(), sequence, used_unix_ms }
        }
        RecordKind::CursorForgotten { subscriber_id } => {
            Change::CursorForgotten { subscriber_id: subscriber_id.into() }
        }
        RecordKind::Snapshot { last_sequence, created_unix_ms, state_json } => {
            let state = state_json.into_boxed_bytes().into();
            Change::Snapshot(StoredSnapshot { last_sequence, created_unix_ms, state })
        }
        RecordKind::DeadLetter { id, letter_json } => {
            Change::DeadLetter(StoredDeadLetter { id, entry: letter_json })
        }
        RecordKind::DeadLetterGone { id } => Change::DeadLetterGone { id },
        RecordKind::Forgotten { .. } => Change::Forgotten,
    }
}

#[cfg(test)]
mod tests;
