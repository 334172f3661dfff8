//! Who is told what, when groups are stored and when they are not.

use std::thread::{self, JoinHandle};

use crossbeam_channel::{Sender, bounded, unbounded};

use super::*;
use crate::log::stored::Change;
use crate::storage::store::{Recovered, StoreSize};

/// A store that says what it is given, and fails when it is told to.
struct Recording {
    groups: Sender<Vec<u64>>,
    outcomes: Receiver<bool>,
}

impl Store for Recording {
    fn recover(&mut self, _now_unix_ms: u64) -> Result<Recovered, StoreError> {
        Ok(Recovered::default())
    }

    fn commit(&mut self, records: &[Record]) -> Result<(), StoreError> {
        self.groups.send(records.iter().map(sequence).collect()).unwrap();
        if self.outcomes.recv().unwrap_or(true) {
            return Ok(());
        }
        Err(StoreError::RecordTooLarge { bytes: 0, bytes_max: 0 })
    }

    fn retain(&mut self, _now_unix_ms: u64) -> Result<(), StoreError> {
        Ok(())
    }

    fn size(&self) -> StoreSize {
        StoreSize::default()
    }
}

fn sequence(record: &Record) -> u64 {
    let Change::Head { last_sequence, .. } = record.change else { panic!("the tests make none") };
    last_sequence
}

fn batch(core: u8, epoch: u32, sequences: &[u64]) -> Batch {
    let record = |&last_sequence: &u64| Record {
        app_id: "a".into(),
        channel: "c".into(),
        change: Change::Head { first_sequence: 1, last_sequence },
    };
    Batch { core: CoreId(core), epoch, records: sequences.iter().map(record).collect() }
}

/// A log thread whose store waits for an outcome of each group.
struct Running {
    batches: Sender<Batch>,
    groups: Receiver<Vec<u64>>,
    outcomes: Sender<bool>,
    told: Receiver<(CoreId, Committed)>,
    counters: Arc<LogCounters>,
    thread: JoinHandle<()>,
}

fn run(limits: GroupLimits) -> Running {
    run_with(limits, |told| {
        Box::new(move |core, it| told.send((core, it)).map_err(|_| unreachable!()))
    })
}

fn run_with(
    limits: GroupLimits,
    deliver: impl FnOnce(Sender<(CoreId, Committed)>) -> Deliver,
) -> Running {
    let (batches, received) = bounded(64);
    let (stored, groups) = unbounded();
    let (outcomes, decided) = unbounded();
    let (told, heard) = unbounded();
    let store = Recording { groups: stored, outcomes: decided };
    let counters = Arc::new(LogCounters::default());
    let shared = Arc::clone(&counters);
    let committer = Committer::new(store, limits, 2, received, deliver(told), shared);
    let thread = thread::spawn(move || committer.run());
    Running { batches, groups, outcomes, told: heard, counters, thread }
}

const LIMITS: GroupLimits =
    GroupLimits { events_max: 4, bytes_max: usize::MAX, delay: Duration::from_millis(1) };

const fn synced(records: usize) -> Committed {
    Committed::Synced { records }
}

#[test]
fn each_core_is_told_of_its_own_records() {
    let log = run(LIMITS);
    log.batches.send(batch(0, 0, &[1, 2])).unwrap();
    assert_eq!(log.groups.recv().unwrap(), [1, 2]);
    // These come while the first group is stored, and make one group together.
    log.batches.send(batch(1, 0, &[3])).unwrap();
    log.batches.send(batch(0, 0, &[4, 5])).unwrap();
    log.outcomes.send(true).unwrap();
    assert_eq!(log.told.recv().unwrap(), (CoreId(0), synced(2)));
    assert_eq!(log.groups.recv().unwrap(), [3, 4, 5]);
    assert!(log.told.is_empty(), "nothing is said before it is durable");
    log.outcomes.send(true).unwrap();
    assert_eq!(log.told.recv().unwrap(), (CoreId(0), synced(2)));
    assert_eq!(log.told.recv().unwrap(), (CoreId(1), synced(1)));
}

#[test]
fn a_group_has_as_many_records_as_it_may_and_no_more() {
    let log = run(LIMITS);
    log.batches.send(batch(0, 0, &[1, 2, 3, 4, 5, 6, 7, 8, 9])).unwrap();
    for group in [&[1, 2, 3, 4][..], &[5, 6, 7, 8], &[9]] {
        assert_eq!(log.groups.recv().unwrap(), group);
        log.outcomes.send(true).unwrap();
        assert_eq!(log.told.recv().unwrap(), (CoreId(0), synced(group.len())));
    }
}

#[test]
fn a_group_has_as_many_bytes_as_it_may_and_a_larger_record_is_alone() {
    let weight = batch(0, 0, &[1]).records[0].weight_bytes();
    for (bytes_max, groups) in [(2 * weight, 2), (2 * weight - 1, 3), (1, 3)] {
        let log = run(GroupLimits { events_max: 100, bytes_max, ..LIMITS });
        log.batches.send(batch(0, 0, &[1, 2, 3])).unwrap();
        drop(log.batches);
        drop(log.outcomes);
        log.thread.join().unwrap();
        assert_eq!(log.groups.iter().count(), groups, "{bytes_max} bytes");
    }
}

#[test]
fn after_a_failure_a_core_is_told_once_and_what_it_sent_before_it_knew_is_dropped() {
    let log = run(LIMITS);
    log.batches.send(batch(0, 0, &[1])).unwrap();
    assert_eq!(log.groups.recv().unwrap(), [1]);
    log.batches.send(batch(0, 0, &[2])).unwrap();
    log.batches.send(batch(1, 0, &[3])).unwrap();
    log.outcomes.send(false).unwrap();
    assert_eq!(log.told.recv().unwrap(), (CoreId(0), Committed::Failed));
    assert_eq!(log.groups.recv().unwrap(), [3], "the other core has nothing to do with it");
    log.batches.send(batch(0, 1, &[4])).unwrap();
    log.outcomes.send(true).unwrap();
    assert_eq!(log.told.recv().unwrap(), (CoreId(1), synced(1)));
    assert_eq!(log.groups.recv().unwrap(), [4]);
    log.outcomes.send(true).unwrap();
    assert_eq!(log.told.recv().unwrap(), (CoreId(0), synced(1)));
    let failures = log.counters.counts().into_iter().find(|it| it.0 == "log_commit_failures");
    assert_eq!(failures.map(|it| it.2), Some(1));
}

#[test]
fn a_failure_takes_the_rest_of_a_batch_with_it_but_not_what_other_cores_wait_for() {
    let log = run(LIMITS);
    log.batches.send(batch(1, 0, &[1])).unwrap();
    assert_eq!(log.groups.recv().unwrap(), [1]);
    log.batches.send(batch(0, 0, &[2, 3, 4, 5, 6])).unwrap();
    log.batches.send(batch(1, 0, &[7])).unwrap();
    log.outcomes.send(true).unwrap();
    assert_eq!(log.groups.recv().unwrap(), [2, 3, 4, 5]);
    log.outcomes.send(false).unwrap();
    assert_eq!(log.groups.recv().unwrap(), [7]);
    log.outcomes.send(true).unwrap();
    drop(log.batches);
    log.thread.join().unwrap();
    let mut told: Vec<_> = log.told.iter().collect();
    told.sort_by_key(|(core, _)| core.0);
    let expected = [(0, Committed::Failed), (1, synced(1)), (1, synced(1))];
    assert_eq!(told, expected.map(|(core, it)| (CoreId(core), it)));
}

#[test]
fn what_a_full_mailbox_does_not_take_is_told_later_and_in_order() {
    let (refusals, refuses) = bounded(3);
    for _ in 0..3 {
        refusals.send(()).unwrap();
    }
    let log = run_with(LIMITS, |told| {
        Box::new(move |core, committed| match refuses.try_recv() {
            Ok(()) => Err(committed),
            Err(_) => told.send((core, committed)).map_err(|_| unreachable!()),
        })
    });
    log.outcomes.send(true).unwrap();
    log.batches.send(batch(0, 0, &[1, 2])).unwrap();
    assert_eq!(log.groups.recv().unwrap(), [1, 2]);
    assert_eq!(log.told.recv().unwrap(), (CoreId(0), synced(2)));
    assert!(refusals.is_empty(), "it was tried again");
}

#[test]
fn the_thread_ends_when_all_that_was_sent_is_stored() {
    let log = run(LIMITS);
    for sequence in 1..=10 {
        log.batches.send(batch(0, 0, &[sequence])).unwrap();
    }
    drop(log.batches);
    drop(log.outcomes);
    log.thread.join().unwrap();
    assert_eq!(log.groups.iter().flatten().collect::<Vec<_>>(), (1..=10).collect::<Vec<_>>());
    let told = log.told.iter().map(|(_, committed)| match committed {
        Committed::Synced { records } => records,
        Committed::Failed => panic!("nothing has failed"),
    });
    assert_eq!(told.sum::<usize>(), 10);
}
