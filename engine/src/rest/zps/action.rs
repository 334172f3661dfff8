//! What a request of zero-pub-sub's backend client asks for.

use std::sync::Arc;

use bytes::Bytes;
use uringcast_proto::zps::client::Event;
use uringcast_proto::zps::http::{
    AckBody, Events, EventsError, ReplayBody, SnapshotBody, has_tenant,
};
use uringcast_proto::zps::{Draft, Provider};

use super::caller::app_of;
use super::error::ZpsError;
use super::path::{Resource, check_room, room};
use crate::app::{AppPolicy, Apps};
use crate::dialect::zps::{EVENT_TYPES_MAX, SUB_BYTES_MAX};
use crate::id::AppIndex;
use crate::log::cursor_name;
use crate::middleware::Operation;
use crate::rest::{Head, RestError, ZpsRestConfig};
use crate::shard::{Budget, Cost};

/// What a request asks for; all of it is checked, except events, which want the time first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZpsAction {
    /// Keep events and send them to who is there.
    Publish(ZpsEvents),
    /// Send an event to who is there, and keep nothing.
    Ephemeral(ZpsEvents),
    /// Give events of a room once more.
    Replay {
        /// The app.
        app: AppIndex,
        /// The room.
        room: String,
        /// Events after this sequence.
        after: u64,
        /// Events up to this one.
        to: Option<u64>,
        /// At most so many events.
        limit: usize,
        /// Events of these types only; `None` is of all.
        event_types: Option<Vec<String>>,
    },
    /// A subscriber has everything up to an event.
    Ack {
        /// The app.
        app: AppIndex,
        /// The room.
        room: String,
        /// The name of the subscriber's cursor.
        cursor: Arc<str>,
        /// The number of the event that is acknowledged.
        sequence: u64,
    },
    /// Keep a snapshot.
    SetSnapshot {
        /// The app.
        app: AppIndex,
        /// The room.
        room: String,
        /// The last event that the state knows of.
        last_sequence: u64,
        /// Any JSON value.
        state_json: String,
        /// When it was made; `None` is now.
        created_unix_ms: Option<u64>,
    },
    /// Give the snapshot.
    Snapshot {
        /// The app.
        app: AppIndex,
        /// The room.
        room: String,
    },
    /// List dead letters.
    DeadLetters {
        /// The app.
        app: AppIndex,
        /// The room.
        room: String,
        /// At most as many.
        limit: u32,
        /// Those that were given up then or later.
        from_unix_ms: u64,
    },
    /// Publish the events of dead letters, which are no more then.
    ReplayDeadLetters {
        /// The app.
        app: AppIndex,
        /// The room.
        room: String,
    },
    /// Forget dead letters.
    ClearDeadLetters {
        /// The app.
        app: AppIndex,
        /// The room.
        room: String,
    },
    /// Say how the server is.
    Health,
}

/// Events as they came, for one app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZpsEvents {
    /// The app.
    pub app: AppIndex,
    limits: Limits,
    body: Bytes,
}

/// What the app's events may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limits {
    /// Bytes of a room's name.
    room: u32,
    /// Bytes of a type.
    event_type: u32,
    /// Bytes of one event.
    payload: u32,
    is_tenant_required: bool,
}

impl Limits {
    const fn of(policy: &AppPolicy) -> Self {
        Self {
            room: policy.channel_name_max,
            event_type: policy.event_name_max,
            payload: policy.zps.max_payload_bytes,
            is_tenant_required: policy.zps.require_tenant,
        }
    }
}

/// The longest name of a subscriber, in bytes, as over a websocket.
const SUBSCRIBER_ID_BYTES_MAX: u32 = 200;

/// Dead letters that one answer lists or one request publishes, as in the original.
const DEAD_LETTERS_MAX: u64 = 100;

/// A request whose head is accepted: the body decides the rest.
#[derive(Clone, Debug)]
pub(in super::super) struct Asked {
    app: AppIndex,
    limits: Limits,
    resource: Owned,
}

/// What is asked for, with the room that the path names.
#[derive(Clone, Debug)]
enum Owned {
    Events,
    Ephemeral,
    Replay,
    Ack,
    Action(ZpsAction),
    SetSnapshot(String),
}

impl Asked {
    /// Accept or refuse a request by its head.
    pub(in super::super) fn new(
        apps: &Apps,
        resource: Resource<'_>,
        head: &Head<'_>,
    ) -> Result<Self, RestError> {
        let app = app_of(apps, head.headers)?;
        let limits = Limits::of(&apps.app(app).policy);
        let room = |segment| room(segment, limits.room);
        let action = |action| Ok(Owned::Action(action));
        let resource = match resource {
            Resource::Events => Ok(Owned::Events),
            Resource::Ephemeral => Ok(Owned::Ephemeral),
            Resource::Replay => Ok(Owned::Replay),
            Resource::Ack => Ok(Owned::Ack),
            Resource::Health => action(ZpsAction::Health),
            Resource::Snapshot(segment) => {
                let room = room(segment)?;
                if head.method == "PUT" {
                    Ok(Owned::SetSnapshot(room))
                } else {
                    action(ZpsAction::Snapshot { app, room })
                }
            }
            Resource::DeadLetters(segment) => {
                let room = room(segment)?;
                action(if head.method == "DELETE" {
                    ZpsAction::ClearDeadLetters { app, room }
                } else {
                    let limit = number(head.query, "limit")?.unwrap_or(DEAD_LETTERS_MAX);
                    let limit = limit.min(DEAD_LETTERS_MAX) as u32;
                    let from_unix_ms = number(head.query, "fromFailedAt")?.unwrap_or(0);
                    ZpsAction::DeadLetters { app, room, limit, from_unix_ms }
                })
            }
            Resource::DeadLettersReplay(segment) => {
                action(ZpsAction::ReplayDeadLetters { app, room: room(segment)? })
            }
        };
        resource.map(|resource| Self { app, limits, resource })
    }

    /// Accept or refuse it by its body.
    pub(in super::super) fn finish(
        self,
        config: &ZpsRestConfig,
        body: &[u8],
    ) -> Result<ZpsAction, RestError> {
        let (app, limits) = (self.app, self.limits);
        let events = || ZpsEvents { app, limits, body: Bytes::copy_from_slice(body) };
        match self.resource {
            Owned::Action(action) => Ok(action),
            Owned::Events => Ok(ZpsAction::Publish(events())),
            Owned::Ephemeral => Ok(ZpsAction::Ephemeral(events())),
            Owned::Replay => replay(config, app, limits, text(body)?),
            Owned::Ack => ack(config, app, limits, text(body)?),
            Owned::SetSnapshot(room) => set_snapshot(app, room, text(body)?),
        }
    }
}

impl ZpsAction {
    /// What is done in which room, except with events, which have rooms of their own.
    pub fn operation(&self) -> Option<(Operation, AppIndex, &str)> {
        match self {
            Self::Replay { app, room, .. } => Some((Operation::Replay, *app, room)),
            Self::Ack { app, room, .. } => Some((Operation::Ack, *app, room)),
            Self::SetSnapshot { app, room, .. } => Some((Operation::Snapshot, *app, room)),
            Self::Snapshot { app, room } => Some((Operation::GetSnapshot, *app, room)),
            Self::Publish(_)
            | Self::Ephemeral(_)
            | Self::DeadLetters { .. }
            | Self::ClearDeadLetters { .. }
            | Self::Health => None,
            Self::ReplayDeadLetters { app, room } => Some((Operation::DlqReplay, *app, room)),
        }
    }

    /// What it takes out of its app's budgets; events are paid for when they are counted.
    pub(in super::super) const fn cost(&self) -> Option<Cost> {
        match self {
            Self::Publish(_)
            | Self::Ephemeral(_)
            | Self::Ack { .. }
            | Self::SetSnapshot { .. }
            | Self::ReplayDeadLetters { .. }
            | Self::Health => None,
            Self::Replay { app, .. }
            | Self::Snapshot { app, .. }
            | Self::DeadLetters { app, .. }
            | Self::ClearDeadLetters { app, .. } => {
                Some(Cost { app: *app, budget: Budget::Read, amount: 1 })
            }
        }
    }
}

impl ZpsEvents {
    /// The events, each with its room; whether they came as an array.
    ///
    /// `random` names those without an id, as of `now_unix_ms`.
    pub fn drafts(
        &self,
        config: &ZpsRestConfig,
        now_unix_ms: u64,
        random: u64,
    ) -> Result<(Vec<(String, Draft)>, bool), RestError> {
        let (events, is_array) = self.read(config)?;
        let randoms = (0_u64..).map(|index| random.wrapping_add(index << 1));
        let drafts = events.iter().zip(randoms).map(|(event, random)| {
            let draft = event.draft(now_unix_ms, random, Provider(config.provider));
            Ok((event.room.to_string(), draft.map_err(ZpsError::Event)?))
        });
        Ok((drafts.collect::<Result<_, RestError>>()?, is_array))
    }

    /// The one event that is not kept: its room and its frame.
    pub fn ephemeral(
        &self,
        config: &ZpsRestConfig,
        now_unix_ms: u64,
        random: u64,
    ) -> Result<(String, Bytes), RestError> {
        let events_max = 1;
        let (events, _) = self.read(&ZpsRestConfig { events_max, ..config.clone() })?;
        let event = events.first().ok_or(ZpsError::Empty)?;
        let frame = event.ephemeral(now_unix_ms, random).map_err(ZpsError::Event)?;
        Ok((event.room.to_string(), frame))
    }

    fn read(&self, config: &ZpsRestConfig) -> Result<(Vec<Event<'_>>, bool), RestError> {
        let body = Events::parse(text(&self.body)?, config.events_max);
        let Events { events, is_array } = body.map_err(|error| match error {
            EventsError::Event(error) => ZpsError::Body(error),
            EventsError::Count { events_max } => ZpsError::Batch { events_max },
        })?;
        if events.is_empty() {
            return Err(ZpsError::Empty.into());
        }
        for (event, bytes) in &events {
            if *bytes > self.limits.payload as usize {
                return Err(ZpsError::Payload(*bytes).into());
            }
            check_room(&event.room, self.limits.room)?;
            check_length("event.type", &event.event_type, self.limits.event_type)?;
            if self.limits.is_tenant_required && !has_tenant(event) {
                return Err(ZpsError::Tenant.into());
            }
        }
        Ok((events.into_iter().map(|(event, _)| event).collect(), is_array))
    }
}

fn replay(
    config: &ZpsRestConfig,
    app: AppIndex,
    limits: Limits,
    body: &str,
) -> Result<ZpsAction, RestError> {
    let body = ReplayBody::parse(body).map_err(ZpsError::Body)?;
    check_room(&body.room, limits.room)?;
    let types = body.event_types.as_deref().unwrap_or_default();
    if types.len() > EVENT_TYPES_MAX {
        return Err(ZpsError::EventTypes { types_max: EVENT_TYPES_MAX }.into());
    }
    let limit = body.limit.map_or(config.replay_events_default, |limit| limit as usize);
    if limit > config.replay_events_max {
        return Err(ZpsError::ReplayEvents { events_max: config.replay_events_max }.into());
    }
    Ok(ZpsAction::Replay {
        app,
        room: body.room.into_owned(),
        after: body.from_sequence,
        to: body.to_sequence,
        limit,
        event_types: body.event_types.map(|it| it.into_iter().map(Into::into).collect()),
    })
}

fn ack(
    config: &ZpsRestConfig,
    app: AppIndex,
    limits: Limits,
    body: &str,
) -> Result<ZpsAction, RestError> {
    let body = AckBody::parse(body).map_err(ZpsError::Body)?;
    check_room(&body.room, limits.room)?;
    check_length("subscriberId", &body.subscriber_id, SUBSCRIBER_ID_BYTES_MAX)?;
    let id = &*body.subscriber_id;
    let sub = body.sub.as_deref().filter(|sub| !sub.is_empty());
    check_length("sub", sub.unwrap_or_default(), SUB_BYTES_MAX as u32)?;
    if config.must_match_sub && sub.is_some_and(|sub| sub != id) {
        return Err(ZpsError::Subscriber.into());
    }
    // Where both must be the same the user need not be named.
    let cursor = cursor_name(sub.or(config.must_match_sub.then_some(id)), id);
    Ok(ZpsAction::Ack { app, room: body.room.into_owned(), cursor, sequence: body.sequence })
}

fn set_snapshot(app: AppIndex, room: String, body: &str) -> Result<ZpsAction, RestError> {
    let body = SnapshotBody::parse(body).map_err(ZpsError::SnapshotBody)?;
    Ok(ZpsAction::SetSnapshot {
        app,
        room,
        last_sequence: body.last_sequence,
        state_json: body.state_json.to_owned(),
        created_unix_ms: body.created_unix_ms,
    })
}

fn check_length(field: &'static str, text: &str, bytes_max: u32) -> Result<(), ZpsError> {
    if text.len() > bytes_max as usize {
        return Err(ZpsError::Length { field, bytes_max });
    }
    Ok(())
}

fn text(body: &[u8]) -> Result<&str, RestError> {
    std::str::from_utf8(body).map_err(|_| RestError::BodyEncoding)
}

/// The whole number that `query` gives for `name`.
fn number(query: &str, name: &'static str) -> Result<Option<u64>, ZpsError> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let Some((_, value)) = pairs.find(|(key, _)| *key == name) else { return Ok(None) };
    value.parse().map(Some).map_err(|_| ZpsError::Query(name))
}
