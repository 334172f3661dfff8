//! What zero-pub-sub's backend client asks for: events into logs, and what is kept of rooms.

use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use uringcast_proto::ws::encode;
use uringcast_proto::zps::http::sequence_of;
use uringcast_proto::zps::server::{self, snapshot_json};

use super::super::core::{Core, now_unix_us};
use super::action::{ask, name, readiness, spend};
use crate::id::AppIndex;
use crate::log::{DeadLetter, Draft, Snapshot};
use crate::middleware::Operation;
use crate::rest::zps::{DeadLetterView, Health, ZpsAction, ZpsError, ZpsEvents, ZpsMetrics};
use crate::rest::{Answer, RestError};
use crate::shard::{
    self, AllCounters, AppendError, Appended, Budget, ChannelName, Cost, Durations,
    ForgetDeadLetters, ListDeadLetters, NamedDraft, Replay, ReplayRange, SnapshotError, SnapshotOf,
};

/// Do what `action` says.
pub(super) async fn carry_out(core: &Rc<Core>, action: ZpsAction) -> Result<Answer, RestError> {
    core.ask(|shard| shard.set_unix_us(now_unix_us())); // No socket of a client was read for this.
    if let Some((operation, app, room)) = action.operation() {
        judge(core, operation, app, room, b"")?;
    }
    match action {
        ZpsAction::Publish(events) => publish(core, events).await,
        ZpsAction::Ephemeral(event) => ephemeral(core, event).await,
        ZpsAction::Replay { app, room, after, to, limit, event_types } => {
            let event_types = event_types.map(|types| types.into_iter().map(Into::into).collect());
            let range = ReplayRange { after, to, limit: 0, event_types };
            let frames = replay(core, &name(core, app, &room), range, limit).await?;
            Ok(Answer::zps_replayed(&frames))
        }
        ZpsAction::Ack { app, room, cursor, sequence } => {
            let room = name(core, app, &room);
            let asked = core.with_shard(|shard| shard.ack_for(&room, &cursor, sequence));
            match core.answer(&asked).await {
                Ok(()) => Ok(Answer::zps_done()),
                Err(error) => Err(ZpsError::Ack(error).into()),
            }
        }
        ZpsAction::SetSnapshot { app, room, last_sequence, state_json, created_unix_ms } => {
            let created_unix_ms = created_unix_ms.unwrap_or_else(now_unix_ms);
            let state_json = state_json.into();
            let snapshot = Snapshot { last_sequence, state_json, created_unix_ms };
            set_snapshot(core, &name(core, app, &room), snapshot).await
        }
        ZpsAction::Snapshot { app, room } => {
            let snapshot = ask(core, SnapshotOf(name(core, app, &room))).await;
            Ok(Answer::zps_snapshot(snapshot.map(|snapshot| json(&room, &snapshot))))
        }
        ZpsAction::DeadLetters { app, room, limit, from_unix_ms } => {
            let channel = name(core, app, &room);
            let letters = ask(core, ListDeadLetters { channel, limit, from_unix_ms }).await;
            Ok(list(&room, &letters))
        }
        ZpsAction::ReplayDeadLetters { app, room } => {
            replay_dead_letters(core, &name(core, app, &room)).await
        }
        ZpsAction::ClearDeadLetters { app, room } => {
            let channel = name(core, app, &room);
            Ok(Answer::zps_count(ask(core, ForgetDeadLetters { channel, ids: None }).await))
        }
        ZpsAction::Health => Ok(Answer::zps_health(&health(core).await)),
    }
}

/// Count an operation and ask the operator's own code whether it may be carried out.
fn judge(
    core: &Core,
    operation: Operation,
    app: AppIndex,
    room: &str,
    message: &[u8],
) -> Result<(), RestError> {
    let judged = core.ask(|shard| shard.judge(operation, app, room, None, message));
    judged.map_err(|blocked| ZpsError::Middleware(blocked.to_string()).into())
}

/// Append all events; the answer is theirs once each is kept and queued.
async fn publish(core: &Rc<Core>, events: ZpsEvents) -> Result<Answer, RestError> {
    let app = events.app;
    if core.is_backlogged() {
        return Err(RestError::Overloaded);
    }
    let (drafts, is_array) = events.drafts(&core.setup.rest.zps, now_unix_ms(), random())?;
    for (room, draft) in &drafts {
        judge(core, Operation::Publish, app, room, &draft.text)?;
    }
    let cost = Cost { app, budget: Budget::Publish, amount: drafts.len() as u32 };
    let spent = spend(core, cost).await?;
    let drafts = drafts.into_iter().map(|(room, draft)| {
        let channel = name(core, app, &room);
        NamedDraft { channel, draft: kept(draft), skip: None }
    });
    let frames = append(core, drafts.collect()).await?;
    Ok(Answer::zps_events(&frames, is_array).with_budget(spent.as_ref()))
}

async fn ephemeral(core: &Rc<Core>, event: ZpsEvents) -> Result<Answer, RestError> {
    let app = event.app;
    if core.is_backlogged() {
        return Err(RestError::Overloaded);
    }
    let (room, frame) = event.ephemeral(&core.setup.rest.zps, now_unix_ms(), random())?;
    let message = encode::payload(&frame).unwrap_or_default();
    judge(core, Operation::EphemeralPublish, app, &room, message)?;
    let spent = spend(core, Cost { app, budget: Budget::Publish, amount: 1 }).await?;
    let answer = Answer::zps_ephemeral(&frame);
    core.with_shard(|shard| shard.publish_ephemeral(app, &room, frame));
    Ok(answer.with_budget(spent.as_ref()))
}

/// Append all of `drafts`, of which there is one at least; their frames, in their order.
async fn append(core: &Rc<Core>, drafts: Vec<NamedDraft>) -> Result<Vec<Bytes>, RestError> {
    append_each(core, drafts).await.into_iter().collect()
}

/// Append all of `drafts`, of which there is one at least; the frame of each, or why there is none,
/// in their order.
async fn append_each(core: &Rc<Core>, drafts: Vec<NamedDraft>) -> Vec<Result<Bytes, RestError>> {
    let asked = core.with_shard(|shard| shard.append_all(drafts));
    let outcomes = core.answer(&asked).await;
    let frame = |outcome: Result<Appended, AppendError>| match outcome {
        Ok(appended) => Ok(appended.frame),
        Err(AppendError::TooLarge { bytes, .. }) => Err(ZpsError::Unkept(bytes as usize).into()),
        Err(AppendError::NoLog(error)) => Err(ZpsError::NoLog(error).into()),
        Err(error @ (AppendError::Backlogged | AppendError::NotWritten)) => {
            Err(ZpsError::Append(error.to_string()).into())
        }
    };
    outcomes.into_iter().map(frame).collect()
}

/// At most `limit` events of a room. Fewer only if there are no more: clients take that as the end.
async fn replay(
    core: &Rc<Core>,
    room: &ChannelName,
    mut range: ReplayRange,
    limit: usize,
) -> Result<Vec<Bytes>, RestError> {
    let bytes_max = core.setup.rest.zps.replay_bytes_max;
    let (mut frames, mut bytes) = (Vec::new(), 0);
    while frames.len() < limit {
        range.limit = (limit - frames.len()) as u32;
        let replay = Replay { channel: room.clone(), range: range.clone() };
        let page = ask(core, replay).await;
        let Some(last) = page.last().and_then(|frame| server::envelope_of(frame)) else { break };
        range.after = sequence_of(last).expect("every event of a log has a sequence");
        bytes += page.iter().map(Bytes::len).sum::<usize>();
        if bytes > bytes_max {
            return Err(ZpsError::Replay { bytes_max }.into());
        }
        frames.extend(page);
    }
    Ok(frames)
}

async fn set_snapshot(
    core: &Rc<Core>,
    room: &ChannelName,
    snapshot: Snapshot,
) -> Result<Answer, RestError> {
    let answer = Answer::zps_snapshot(Some(json(room.as_str(), &snapshot)));
    let asked = core.with_shard(|shard| shard.set_snapshot(room, snapshot));
    match core.answer(&asked).await {
        Ok(()) => Ok(answer),
        Err(SnapshotError::TooLarge(error)) => Err(ZpsError::Snapshot(error.to_string()).into()),
        Err(SnapshotError::NoLog(error)) => Err(ZpsError::NoLog(error).into()),
        Err(SnapshotError::Full | SnapshotError::NotLogged) => Err(ZpsError::SnapshotsFull.into()),
        Err(error @ SnapshotError::NotKept(_)) => Err(ZpsError::Append(error.to_string()).into()),
    }
}

/// Publish the events of the oldest dead letters; those that fail again stay dead.
///
/// A letter is forgotten once its event is kept, so a crash in between leaves both. The answer has
/// the events that were kept; it is an error only if none was.
async fn replay_dead_letters(core: &Rc<Core>, room: &ChannelName) -> Result<Answer, RestError> {
    let (channel, limit) = (room.clone(), DEAD_LETTERS_AT_ONCE);
    let dead = ask(core, ListDeadLetters { channel, limit, from_unix_ms: 0 }).await;
    if dead.is_empty() {
        return Ok(Answer::zps_events(&[], true));
    }
    let drafts = dead.iter().map(|letter| {
        // Nobody has had the event: that its id was seen must not hold it back.
        let draft = Draft { id: "".into(), ..letter.draft.clone() };
        NamedDraft { channel: room.clone(), draft, skip: None }
    });
    let outcomes = append_each(core, drafts.collect()).await;
    let (mut frames, mut published, mut failure) = (Vec::new(), Vec::new(), None);
    for (letter, outcome) in dead.into_iter().zip(outcomes) {
        match outcome {
            Ok(frame) => {
                frames.push(frame);
                published.push(letter.id);
            }
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    if let Some(error) = failure.filter(|_| frames.is_empty()) {
        return Err(error);
    }
    ask(core, ForgetDeadLetters { channel: room.clone(), ids: Some(published) }).await;
    Ok(Answer::zps_events(&frames, true))
}

/// As many as the list shows at a time.
const DEAD_LETTERS_AT_ONCE: u32 = 100;

async fn health(core: &Rc<Core>) -> Health {
    let cores = ask(core, AllCounters).await;
    let mut metrics = ZpsMetrics::default();
    let (mut connections, mut failed_writes) = (0, 0);
    let (mut lag, mut replay) = (Durations::default(), Durations::default());
    for (_, counters) in &cores {
        metrics.published += counters.publishes;
        metrics.received += counters.deliveries;
        metrics.acked += counters.acks_received;
        metrics.gaps_detected += counters.log_truncations;
        metrics.errors += counters.refusals.sum();
        metrics.replayed += counters.log_replayed;
        metrics.duplicates_dropped += counters.log_duplicates;
        metrics.active_rooms += counters.channels;
        metrics.active_listeners += counters.subscriptions;
        metrics.dlq_size += counters.log.dead_letters;
        metrics.retry_count += counters.sinks.retries;
        metrics.snapshot_usage += counters.snapshots_given;
        lag = lag.and(counters.delivery_lag);
        replay = replay.and(counters.replay_time);
        connections += counters.connections;
        failed_writes += counters.refusals.of(shard::Refusal::LogWrite);
    }
    metrics.average_delivery_lag_ms = lag.average_ms();
    metrics.replay_latency_ms = replay.average_ms();
    metrics.retry_count += core.notices.counters().retried();
    Health {
        readiness: readiness(core),
        is_log_failing: failed_writes > 0,
        provider: core.setup.rest.zps.provider,
        connections,
        cores: cores.len(),
        metrics,
    }
}

fn list(room: &str, letters: &[DeadLetter]) -> Answer {
    let frames: Vec<Bytes> = letters.iter().map(|letter| letter.draft.frame(0)).collect();
    let views = letters.iter().zip(&frames).map(|(letter, frame)| DeadLetterView {
        id: &letter.id,
        frame,
        error: &letter.error,
        attempts: letter.attempts,
        failed_unix_ms: letter.failed_unix_ms,
    });
    Answer::zps_dead_letters(room, views)
}

/// A draft in the log's terms.
fn kept(draft: uringcast_proto::zps::Draft) -> Draft {
    Draft {
        id: draft.id,
        event_type: draft.event_type,
        text: draft.text.into(),
        sequence_at: draft.sequence_at,
        emitted_unix_ms: draft.emitted_unix_ms,
        expires_unix_ms: draft.expires_unix_ms,
    }
}

fn json(room: &str, snapshot: &Snapshot) -> String {
    let Snapshot { last_sequence, state_json, created_unix_ms } = snapshot;
    snapshot_json(room, *last_sequence, state_json, *created_unix_ms)
}

fn random() -> u64 {
    getrandom::u64().unwrap_or_default() // Never fails once the system is up.
}

fn now_unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}
