//! Cursors and snapshots that the disk has yet to keep, and who waits to hear that it has.
//!
//! Of each only the newest counts. One record of it is with the log thread at a time; what comes
//! meanwhile waits in the log itself, in the place of what waited before, and is handed over when
//! the one before is answered. What could not be written is tried again, one record first: tried
//! all at once, they would keep a full disk busy, and events that fit would fail with them.
//!
//! Invariant: `unsynced_bytes` counts each record that is with the log thread and each newest that
//! waits behind it or is to be tried again; whoever waits is answered exactly once.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashMap;

use super::ack::RefusedAck;
use super::ask::{LogAnswer, SnapshotError};
use super::sinks::SINK_PREFIX;
use crate::log::stored::Record;
use crate::log::{AckError, Newest, NotKept, RecordKind};
use crate::message::{Ticket, ToLocal};
use crate::owner::Owner;
use crate::route::{Route, Way};
use crate::{Millis, Refusal, Renewed, Shard};

/// How soon one of those that could not be written is tried again, and how late at most.
const RETRY_MS: u64 = 1_000;
const RETRY_MS_MAX: u64 = 30_000;

impl NotKept {
    /// What it counts as.
    pub(super) const fn refusal(self) -> Refusal {
        match self {
            Self::Backlogged => Refusal::LogUnsynced,
            Self::NotWritten => Refusal::LogWrite,
        }
    }
}

/// Who waits to hear whether a cursor or a snapshot is kept.
#[derive(Debug)]
pub(super) enum Waiter {
    /// Who asked to keep a snapshot.
    Snapshot(Ticket),
    /// Who asked about one acknowledgement.
    Ack(Ticket),
    /// One of the acknowledgements of a core's turn.
    Acks(u32),
}

/// What the disk has yet to keep of one channel.
pub(super) type Unkept = HashMap<Newest, Pending, foldhash::fast::RandomState>;

/// One cursor or snapshot that is not durable as it is now.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// What is with the log thread, or is to be tried again.
    bytes: usize,
    waiters: Vec<Waiter>,
    is_said: bool,
    /// What is newer than that, if it is with the log thread.
    newer: Option<usize>,
    newer_waiters: Vec<Waiter>,
    /// Whether it is in the list of those to be tried again.
    is_listed: bool,
    /// Whether it was with the log thread because its turn in that list had come.
    is_retried: bool,
}

/// Acknowledgements of one core's turn that are not all durable.
#[derive(Debug)]
struct AckGroup {
    ticket: Ticket,
    /// Cursors among them that are not.
    left: u32,
    refused: Vec<RefusedAck>,
}

/// What all logs of a core have to do with it.
#[derive(Debug, Default)]
pub(super) struct Retries {
    /// What could not be written: index and generation of the log, and what of it.
    failed: VecDeque<(u32, u32, Newest)>,
    at: Millis,
    after_ms: u64,
    /// In the order in which they were asked for, and so are they answered: who acknowledges two
    /// events of a room hears of the first one first.
    groups: VecDeque<AckGroup>,
    /// The number of the first of those.
    first_group: u32,
}

impl Shard {
    /// The log thread says what became of a cursor or a snapshot.
    pub fn on_renewed(&mut self, renewed: Renewed) {
        let Renewed { channel, what, is_kept } = renewed;
        let Some(index) = self.owner.logs.channels.find_name(&channel) else { return };
        let unkept = self.owner.log(index).unkept.as_mut();
        let Some(pending) = unkept.and_then(|it| it.get_mut(&what)) else { return };
        pending.is_said = false;
        let mut waiters = std::mem::take(&mut pending.waiters);
        let newer = pending.newer.take();
        let newer_waiters = std::mem::take(&mut pending.newer_waiters);
        let is_retried = std::mem::take(&mut pending.is_retried);
        if is_kept || newer.is_some() {
            // In its place is what is newer, if anything is.
            let bytes = std::mem::replace(&mut pending.bytes, newer.unwrap_or(0));
            self.route.unsynced_bytes -= bytes;
        }
        if is_kept {
            self.with_owner(|owner, way| owner.answer_waiters(way, index, &what, waiters, Ok(())));
            match newer {
                Some(_) => {
                    self.owner.pending(index, &what).waiters = newer_waiters;
                    self.with_owner(|owner, way| owner.say(way, index, &what));
                }
                None => self.owner.forget_pending(index, &what),
            }
            if is_retried {
                self.owner.logs.retries.after_ms = 0;
                self.with_owner(Owner::retry_next);
            }
        } else {
            waiters.extend(newer_waiters);
            self.with_owner(|owner, way| {
                owner.answer_waiters(way, index, &what, waiters, Err(NotKept::NotWritten));
            });
            self.owner.list_failed(&self.route, index, what, is_retried);
        }
    }
}

impl Owner {
    /// Whether `bytes` more of `what` may wait for the disk.
    pub(super) fn may_wait(
        &mut self,
        route: &Route,
        index: u32,
        what: &Newest,
        bytes: usize,
    ) -> bool {
        let unkept = self.log(index).unkept.as_ref();
        let replaced = unkept.and_then(|it| it.get(what)).map_or(0, Pending::replaceable);
        let waiting = route.unsynced_bytes - replaced;
        waiting + bytes <= route.config.log.unsynced_bytes_max
    }

    /// The log at `index` has a new cursor or snapshot, of `bytes`: hand it to the log thread, now
    /// or when the one before is answered. Whoever waits hears when it is durable.
    pub(super) fn renew(
        &mut self,
        way: &mut Way<'_>,
        index: u32,
        what: &Newest,
        bytes: usize,
        waiter: Option<Waiter>,
    ) {
        let pending = self.pending(index, what);
        let before = pending.replaceable();
        if pending.is_said {
            pending.newer = Some(bytes);
            pending.newer_waiters.extend(waiter);
        } else {
            pending.bytes = bytes;
            pending.waiters.extend(waiter);
        }
        let is_said = pending.is_said;
        way.route.unsynced_bytes = way.route.unsynced_bytes - before + bytes;
        if !is_said {
            self.say(way, index, what);
        }
    }

    /// Wait with `waiter` until `what` of the log at `index` is durable as it is now; gives it back
    /// if it is.
    pub(super) fn await_kept(
        &mut self,
        way: &mut Way<'_>,
        index: u32,
        what: &Newest,
        waiter: Waiter,
    ) -> Option<Waiter> {
        let unkept = self.log(index).unkept.as_mut();
        let Some(pending) = unkept.and_then(|it| it.get_mut(what)) else { return Some(waiter) };
        if pending.newer.is_some() {
            pending.newer_waiters.push(waiter);
        } else if pending.is_said {
            pending.waiters.push(waiter);
        } else {
            pending.waiters.push(waiter);
            self.say(way, index, what); // It has failed before, and somebody asks again.
        }
        None
    }

    /// Time has moved: try one of those again that could not be written.
    pub(crate) fn retry_unkept(&mut self, way: &mut Way<'_>) {
        if !self.logs.retries.failed.is_empty() && self.logs.retries.at <= way.route.now {
            self.retry_next(way);
        }
    }

    /// A core's acknowledgements of one turn are about to be carried out.
    pub(super) fn begin_acks(&mut self, ticket: Ticket) -> u32 {
        let group = AckGroup { ticket, left: 1, refused: Vec::new() };
        let Retries { groups, first_group, .. } = &mut self.logs.retries;
        groups.push_back(group);
        first_group.wrapping_add(groups.len() as u32 - 1)
    }

    fn ack_group(&mut self, number: u32) -> &mut AckGroup {
        let Retries { groups, first_group, .. } = &mut self.logs.retries;
        &mut groups[number.wrapping_sub(*first_group) as usize]
    }

    /// One more of them is waited for.
    pub(super) fn join_acks(&mut self, group: u32) -> Waiter {
        self.ack_group(group).left += 1;
        Waiter::Acks(group)
    }

    /// One of them, or the carrying out itself, is done; it counts unless it is `refused`.
    pub(super) fn end_ack(&mut self, way: &mut Way<'_>, group: u32, refused: Option<RefusedAck>) {
        let it = self.ack_group(group);
        it.left -= 1;
        it.refused.extend(refused);
        while self.logs.retries.groups.front().is_some_and(|it| it.left == 0)
            && let Some(AckGroup { ticket, refused, .. }) = self.logs.retries.groups.pop_front()
        {
            self.logs.retries.first_group = self.logs.retries.first_group.wrapping_add(1);
            let answer = LogAnswer::TurnAcked(refused);
            way.tell(ticket.core, ToLocal::Answered { ticket, answer });
        }
    }

    /// Hand the newest of `what` to the log thread; false if there is nothing any more that could
    /// be kept, which is no failure.
    fn say(&mut self, way: &mut Way<'_>, index: u32, what: &Newest) -> bool {
        let now_unix_ms = way.route.unix_ms;
        let log = self.log(index);
        let kind = match what {
            Newest::Snapshot => log.snapshot.as_ref().map(|it| RecordKind::Snapshot {
                last_sequence: it.last_sequence,
                created_unix_ms: it.created_unix_ms,
                state_json: it.state_json.clone(),
            }),
            Newest::Cursor(id) => {
                let cursor = match id.strip_prefix(SINK_PREFIX) {
                    Some(name) => log.cursor_of_sink(name).map(|it| (it, now_unix_ms)),
                    None => log.cursors.stored(id),
                };
                let subscriber_id = Box::from(&**id);
                cursor.map(|(sequence, used_unix_ms)| RecordKind::Cursor {
                    subscriber_id,
                    sequence,
                    used_unix_ms,
                })
            }
        };
        let Some(kind) = kind else {
            self.drop_pending(way, index, what);
            return false;
        };
        self.pending(index, what).is_said = true;
        self.store(way.route, index, kind);
        true
    }

    fn drop_pending(&mut self, way: &mut Way<'_>, index: u32, what: &Newest) {
        let pending = std::mem::take(self.pending(index, what));
        way.route.unsynced_bytes -= pending.bytes + pending.newer.unwrap_or(0);
        self.forget_pending(index, what);
        self.answer_waiters(way, index, what, pending.waiters, Ok(()));
        self.answer_waiters(way, index, what, pending.newer_waiters, Ok(()));
    }

    fn pending(&mut self, index: u32, what: &Newest) -> &mut Pending {
        let unkept = self.log(index).unkept.get_or_insert_default();
        unkept.entry(what.clone()).or_default()
    }

    fn forget_pending(&mut self, index: u32, what: &Newest) {
        let slot = &mut self.log(index).unkept;
        let Some(unkept) = slot else { return };
        unkept.remove(what);
        if unkept.is_empty() {
            *slot = None;
        }
    }

    /// Answer those who wait for `what` of the log at `index`.
    fn answer_waiters(
        &mut self,
        way: &mut Way<'_>,
        index: u32,
        what: &Newest,
        waiters: Vec<Waiter>,
        outcome: Result<(), NotKept>,
    ) {
        let hash = self.logs.channels.at(index).name.hash();
        for waiter in waiters {
            if let Err(error) = outcome {
                way.route.refuse(error.refusal());
            }
            let (ticket, answer) = match waiter {
                Waiter::Snapshot(ticket) => {
                    (ticket, LogAnswer::SnapshotSet(outcome.map_err(SnapshotError::NotKept)))
                }
                Waiter::Ack(ticket) => {
                    (ticket, LogAnswer::Acked(outcome.map_err(AckError::NotKept)))
                }
                Waiter::Acks(group) => {
                    let refused = match (what, outcome) {
                        (Newest::Cursor(id), Err(error)) => {
                            let (subscriber_id, error) = (Arc::clone(id), AckError::NotKept(error));
                            Some(RefusedAck { hash, subscriber_id, error })
                        }
                        (Newest::Snapshot, _) | (_, Ok(())) => None,
                    };
                    self.end_ack(way, group, refused);
                    continue;
                }
            };
            way.tell(ticket.core, ToLocal::Answered { ticket, answer });
        }
    }

    fn list_failed(&mut self, route: &Route, index: u32, what: Newest, is_retried: bool) {
        let retries = &mut self.logs.retries;
        if retries.failed.is_empty() || is_retried {
            retries.after_ms = (2 * retries.after_ms).clamp(RETRY_MS, RETRY_MS_MAX);
            retries.at = route.now.plus(retries.after_ms);
        }
        let generation = self.logs.channels.at(index).generation;
        if !std::mem::replace(&mut self.pending(index, &what).is_listed, true) {
            self.logs.retries.failed.push_back((index, generation, what));
        }
    }

    /// Try the next again of those that could not be written; if it is kept, the one after it.
    fn retry_next(&mut self, way: &mut Way<'_>) {
        self.logs.retries.at = way.route.now.plus(RETRY_MS_MAX); // Or sooner, when it has failed.
        while let Some((index, generation, what)) = self.logs.retries.failed.pop_front() {
            let found = self.logs.channels.get(index, generation);
            let unkept = found.and_then(|entry| entry.value.unkept.as_mut());
            let Some(pending) = unkept.and_then(|it| it.get_mut(&what)) else { continue };
            pending.is_listed = false;
            if !pending.is_said {
                pending.is_retried = true;
                if self.say(way, index, &what) {
                    return;
                }
            } // Else it was handed over again since.
        }
    }
}

impl Pending {
    /// Bytes that a newer one takes the place of.
    fn replaceable(&self) -> usize {
        if self.is_said { self.newer.unwrap_or(0) } else { self.bytes }
    }
}

/// About what a cursor of `subscriber_id` takes while it waits.
pub(super) fn cursor_bytes(subscriber_id: &Arc<str>) -> usize {
    size_of::<Record>() + subscriber_id.len()
}
