//! What a client says: one text message in, its meaning out.
//!
//! Fields are checked in the original server's order, and what is wrong is said in its words. What
//! is relayed (payload, metadata, a present user's metadata) is kept as the token that came in.
//! Whether a room exists and whether the client may do what it asks is not decided here.

mod quick;

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::fields::{Object, Raw, fields, number, number_if_any, positive_if_any, text};
use super::fields::{text_if_any, texts_if_any};
use crate::json;

/// One message of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientMessage<'a> {
    /// Says who the client is; the first message of every connection.
    Init {
        /// Names the subscriber whose acks are kept, not empty.
        subscriber_id: Cow<'a, str>,
        /// The token that proves it.
        token: Option<Cow<'a, str>>,
    },
    /// Wants the events of rooms.
    Subscribe(Subscribe<'a>),
    /// Wants them no more.
    Unsubscribe {
        /// The room, not checked.
        room: Cow<'a, str>,
    },
    /// An event for a room's log.
    Publish(Event<'a>),
    /// An event that only those hear who are there.
    PublishEphemeral(Event<'a>),
    /// A user is present in a room.
    PresenceEnter {
        /// The room, not checked.
        room: Cow<'a, str>,
        /// The user.
        user: PresentUser<'a>,
    },
    /// A user has left a room.
    PresenceLeave {
        /// The room, not checked.
        room: Cow<'a, str>,
        /// The user; `None` is the subscriber.
        user_id: Option<Cow<'a, str>>,
    },
    /// Everything in a room up to a sequence has arrived.
    Ack {
        /// The room, not checked.
        room: Cow<'a, str>,
        /// The last sequence that the client has.
        sequence: u64,
    },
    /// Wants part of a room's log again.
    Replay(Replay<'a>),
}

/// The fields of `subscribe`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// One or several rooms, not checked; there may be none.
    pub rooms: Vec<Cow<'a, str>>,
    /// The only types of events that are wanted; `None` is all.
    pub event_types: Option<Vec<Cow<'a, str>>>,
    /// The last sequence that the client has.
    pub from_sequence: Option<u64>,
    /// Whether the room's snapshot is wanted first.
    pub with_snapshot: bool,
}

/// What `replay_request` asks for, and `POST /replay`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay<'a> {
    /// The room, not checked.
    pub room: Cow<'a, str>,
    /// Events after this sequence.
    pub from_sequence: u64,
    /// Events up to this sequence.
    pub to_sequence: Option<u64>,
    /// The only types of events that are wanted; `None` is all.
    pub event_types: Option<Vec<Cow<'a, str>>>,
    /// The most events that are wanted, at least 1.
    pub limit: Option<u64>,
}

/// An event as it is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The room, not checked.
    pub room: Cow<'a, str>,
    /// Its type, not empty.
    pub event_type: Cow<'a, str>,
    /// Any JSON value, as the token that came in.
    pub payload: &'a str,
    /// Everything else, not looked at.
    pub(super) more: EventOptions<'a>,
}

/// What an event may say besides, as the tokens that came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct EventOptions<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) ttl_ms: Option<&'a str>,
    pub(super) expires_at: Option<&'a str>,
    pub(super) emitted_at: Option<&'a str>,
    pub(super) metadata: Option<&'a str>,
    pub(super) encrypted: Option<&'a str>,
}

/// A user who enters a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresentUser<'a> {
    /// Who it is, not empty.
    pub user_id: Cow<'a, str>,
    /// What others are told besides: a JSON object, as the token that came in.
    pub metadata: Option<&'a str>,
    /// When the user was last seen: any JSON value, as the token that came in; `None` is now.
    pub last_seen_at: Option<&'a str>,
}

/// What a field must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A string that is not empty.
    Text,
    /// A string.
    String,
    /// An array of strings that are not empty.
    Texts,
    /// A whole number from 0 on.
    WholeNumber,
    /// A whole number from 1 on.
    PositiveNumber,
}

impl Expected {
    const fn words(self) -> &'static str {
        match self {
            Self::Text => "a non-empty string",
            Self::String => "a string",
            Self::Texts => "a string array",
            Self::WholeNumber => "a non-negative integer",
            Self::PositiveNumber => "a positive integer",
        }
    }
}

/// Why a text message is no message of the protocol.
///
/// The client sees an `error` without a code; the connection survives.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientMessageError {
    /// The text is not JSON.
    #[error("Realtime message must be valid JSON")]
    Json,
    /// It is no object, or its `type` is not a string.
    #[error("Realtime message must include a type")]
    Type,
    /// Its `type` is none of ours.
    #[error("Unknown realtime message type: {0}")]
    TypeUnknown(String),
    /// A field is missing or is something else than it must be.
    #[error("Realtime message field {field} must be {}", expected.words())]
    Field {
        /// The field's name.
        field: &'static str,
        /// What it must be.
        expected: Expected,
    },
    /// `sync` is neither of its two values.
    #[error("Realtime message field sync must be \"events\" or \"snapshot\"")]
    Sync,
    /// `event` is no object.
    #[error("publish.event must be an object")]
    Event,
    /// It has no `payload`.
    #[error("publish.event must include payload")]
    Payload,
    /// `user` is no object.
    #[error("presence_enter.user must be an object")]
    User,
    /// Its `metadata` is no object.
    #[error("presence_enter.user.metadata must be an object")]
    UserMetadata,
}

fields! {
    /// The fields that any message may have.
    Message {
        "type" => kind: &'a RawValue,
        "room" => room: &'a RawValue,
        "sequence" => sequence: &'a RawValue,
        "event" => event: Object<EventFields<'a>>,
        "user" => user: Object<UserFields<'a>>,
        "userId" => user_id: &'a RawValue,
        "subscriberId" => subscriber_id: &'a RawValue,
        "token" => token: &'a RawValue,
        "eventTypes" => event_types: &'a RawValue,
        "fromSequence" => from_sequence: &'a RawValue,
        "toSequence" => to_sequence: &'a RawValue,
        "limit" => limit: &'a RawValue,
        "sync" => sync: &'a RawValue,
    }
}

fields! {
    /// The fields of `event`.
    EventFields {
        "room" => room: &'a RawValue,
        "type" => kind: &'a RawValue,
        "payload" => payload: &'a RawValue,
        "id" => id: &'a RawValue,
        "ttlMs" => ttl_ms: &'a RawValue,
        "expiresAt" => expires_at: &'a RawValue,
        "emittedAt" => emitted_at: &'a RawValue,
        "metadata" => metadata: &'a RawValue,
        "encrypted" => encrypted: &'a RawValue,
    }
}

fields! {
    /// The fields of `user`.
    UserFields {
        "userId" => user_id: &'a RawValue,
        "metadata" => metadata: &'a RawValue,
        "lastSeenAt" => last_seen_at: &'a RawValue,
    }
}

impl<'a> ClientMessage<'a> {
    /// Read one text message. Fields that its type does not use are ignored.
    pub fn parse(text: &'a str) -> Result<Self, ClientMessageError> {
        match quick::read(text) {
            Some(message) => Ok(message),
            None => Self::parse_with_serde(text),
        }
    }

    fn parse_with_serde(text: &'a str) -> Result<Self, ClientMessageError> {
        let message: Object<Message<'a>> =
            json::parse(text).map_err(|_| ClientMessageError::Json)?;
        let Object::Is(message) = message else { return Err(ClientMessageError::Type) };
        let kind = message.kind.and_then(|token| json::string(token.get()));
        match &*kind.ok_or(ClientMessageError::Type)? {
            "ack" => message.ack(),
            "publish" => message.event().map(Self::Publish),
            "publish_ephemeral" => message.event().map(Self::PublishEphemeral),
            "init" => message.init(),
            "subscribe" => message.subscribe(),
            "unsubscribe" => Ok(Self::Unsubscribe { room: message.room()? }),
            "presence_enter" => message.presence_enter(),
            "presence_leave" => message.presence_leave(),
            "replay_request" => message.replay(),
            other => Err(ClientMessageError::TypeUnknown(other.to_owned())),
        }
    }
}

impl<'a> Message<'a> {
    fn room(&self) -> Result<Cow<'a, str>, ClientMessageError> {
        text(self.room, "room")
    }

    fn init(&self) -> Result<ClientMessage<'a>, ClientMessageError> {
        Ok(ClientMessage::Init {
            subscriber_id: text(self.subscriber_id, "subscriberId")?,
            token: text_if_any(self.token, "token")?,
        })
    }

    fn subscribe(&self) -> Result<ClientMessage<'a>, ClientMessageError> {
        Ok(ClientMessage::Subscribe(Subscribe {
            rooms: self.rooms()?,
            event_types: texts_if_any(self.event_types, "eventTypes")?,
            from_sequence: number_if_any(self.from_sequence, "fromSequence")?,
            with_snapshot: self.with_snapshot()?,
        }))
    }

    fn rooms(&self) -> Result<Vec<Cow<'a, str>>, ClientMessageError> {
        match self.room {
            Some(raw) if raw.get().starts_with('[') => {
                Ok(texts_if_any(self.room, "room")?.unwrap_or_default())
            }
            _ => Ok(vec![self.room()?]),
        }
    }

    fn with_snapshot(&self) -> Result<bool, ClientMessageError> {
        let Some(raw) = self.sync else { return Ok(false) };
        match json::string(raw.get()).as_deref() {
            Some("events") => Ok(false),
            Some("snapshot") => Ok(true),
            _ => Err(ClientMessageError::Sync),
        }
    }

    fn event(self) -> Result<Event<'a>, ClientMessageError> {
        match self.event {
            Some(Object::Is(event)) => event.check(),
            Some(Object::IsNot) | None => Err(ClientMessageError::Event),
        }
    }

    fn presence_enter(self) -> Result<ClientMessage<'a>, ClientMessageError> {
        let room = self.room()?;
        match self.user {
            Some(Object::Is(user)) => {
                Ok(ClientMessage::PresenceEnter { room, user: user.check()? })
            }
            Some(Object::IsNot) | None => Err(ClientMessageError::User),
        }
    }

    fn presence_leave(&self) -> Result<ClientMessage<'a>, ClientMessageError> {
        let user_id = || text_if_any(self.user_id, "userId");
        Ok(ClientMessage::PresenceLeave { room: self.room()?, user_id: user_id()? })
    }

    fn ack(&self) -> Result<ClientMessage<'a>, ClientMessageError> {
        let room = self.room()?;
        Ok(ClientMessage::Ack { room, sequence: number(self.sequence, "sequence")? })
    }

    fn replay(&self) -> Result<ClientMessage<'a>, ClientMessageError> {
        Ok(ClientMessage::Replay(Replay {
            room: self.room()?,
            from_sequence: number(self.from_sequence, "fromSequence")?,
            to_sequence: number_if_any(self.to_sequence, "toSequence")?,
            event_types: texts_if_any(self.event_types, "eventTypes")?,
            limit: positive_if_any(self.limit, "limit")?,
        }))
    }
}

impl<'a> Event<'a> {
    /// Read an event that came alone, as over HTTP.
    pub fn parse(text: &'a str) -> Result<Self, ClientMessageError> {
        let event: Object<EventFields<'a>> =
            json::parse(text).map_err(|_| ClientMessageError::Json)?;
        match event {
            Object::Is(event) => event.check(),
            Object::IsNot => Err(ClientMessageError::Event),
        }
    }
}

impl<'a> EventFields<'a> {
    fn check(&self) -> Result<Event<'a>, ClientMessageError> {
        let token = |raw: Raw<'a>| raw.map(RawValue::get);
        Ok(Event {
            room: text(self.room, "event.room")?,
            event_type: text(self.kind, "event.type")?,
            payload: token(self.payload).ok_or(ClientMessageError::Payload)?,
            more: EventOptions {
                id: token(self.id),
                ttl_ms: token(self.ttl_ms),
                expires_at: token(self.expires_at),
                emitted_at: token(self.emitted_at),
                metadata: token(self.metadata),
                encrypted: token(self.encrypted),
            },
        })
    }
}

impl<'a> UserFields<'a> {
    fn check(&self) -> Result<PresentUser<'a>, ClientMessageError> {
        let user_id = text(self.user_id, "user.userId")?;
        let metadata = self.metadata.map(RawValue::get);
        if metadata.is_some_and(|token| !token.starts_with('{')) {
            return Err(ClientMessageError::UserMetadata);
        }
        // What is `null` counts as missing there, as `??` has it.
        let last_seen_at = self.last_seen_at.map(RawValue::get).filter(|&token| token != "null");
        Ok(PresentUser { user_id, metadata, last_seen_at })
    }
}

#[cfg(test)]
mod tests;
