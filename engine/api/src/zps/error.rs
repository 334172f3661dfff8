//! Why a request of zero-pub-sub's backend client is refused.

use uringcast_proto::zps::EventFault;
use uringcast_proto::zps::client::ClientMessageError;
use uringcast_proto::zps::http::SnapshotBodyError;
use uringcast_proto::zps::room::RoomError;
use uringcast_shard::log::{AckError, NoLog};

/// Why a request is refused: the peer sees the status and the words, as JSON.
///
/// Nothing of a refused request is carried out, except where events of one request go to the rooms
/// of several owners: [`Append`](Self::Append).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZpsError {
    /// 401: nobody says whose server asks.
    #[error("send the secret of an app: Authorization: Bearer <secret>")]
    SecretMissing,
    /// 401: no app has the secret.
    #[error("no app has this secret")]
    SecretUnknown,
    /// 401: several apps have it, and nothing else says which one is meant.
    #[error("several apps have this secret: give each its own")]
    SecretShared,
    /// 400: the body is no JSON object with the right fields.
    #[error("{0}")]
    Body(#[from] ClientMessageError),
    /// 400: an event says something that cannot be.
    #[error("{0}")]
    Event(#[from] EventFault),
    /// 400: no room has this name.
    #[error("{0}")]
    Room(#[from] RoomError),
    /// 400: a snapshot is none.
    #[error("{0}")]
    SnapshotBody(#[from] SnapshotBodyError),
    /// 400: a query asks for something that is no number.
    #[error("{0} must be a whole number in the query")]
    Query(&'static str),
    /// 400: a name is too long.
    #[error("{field} must have at most {bytes_max} bytes")]
    Length {
        /// The field that is too long.
        field: &'static str,
        /// The limit.
        bytes_max: u32,
    },
    /// 413: an event is too large.
    #[error("Payload too large: {0} bytes")]
    Payload(usize),
    /// 413: an event is larger than all that its room keeps.
    #[error("Payload too large: {0} bytes")]
    Unkept(usize),
    /// 413: more events than one request may have.
    #[error("the batch has more than {events_max} events")]
    Batch {
        /// The limit.
        events_max: usize,
    },
    /// 413: a snapshot is too large.
    #[error("{0}")]
    Snapshot(String),
    /// 503: there is no room for another snapshot.
    #[error("there is no room for another snapshot")]
    SnapshotsFull,
    /// 413: more types are asked for than one request may name; each is compared with every event.
    #[error("eventTypes may name at most {types_max} types")]
    EventTypes {
        /// The limit.
        types_max: usize,
    },
    /// 413: more events are asked for than one answer may have.
    #[error("limit must be at most {events_max}")]
    ReplayEvents {
        /// The limit.
        events_max: usize,
    },
    /// 400: a batch has no event.
    #[error("the batch has no events")]
    Empty,
    /// 409 for what no event is there yet, 429 if a room has cursors of as many subscribers as it
    /// may, 503 if it could not be kept.
    #[error("{0}")]
    Ack(#[from] AckError),
    /// 503, or 429 if the app has begun too many: the room can have no log.
    #[error("{0}")]
    NoLog(#[from] NoLog),
    /// 400: an ack for one user in the name of another.
    #[error("subscriberId must be sub")]
    Subscriber,
    /// 413: what is to be replayed is too much for one answer.
    #[error("more than {bytes_max} bytes are to be replayed: ask with a smaller limit")]
    Replay {
        /// The limit.
        bytes_max: usize,
    },
    /// 403: an event does not name its tenant.
    #[error("Missing tenantId")]
    Tenant,
    /// 403: code of the operator's own does not let the event through.
    #[error("{0}")]
    Middleware(String),
    /// 503: an event could not be kept; those before it were. It was not delivered. Or a snapshot
    /// could not.
    #[error("{0}")]
    Append(String),
}

impl ZpsError {
    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Body(_)
            | Self::Event(_)
            | Self::Room(_)
            | Self::SnapshotBody(_)
            | Self::Empty
            | Self::Subscriber
            | Self::Length { .. }
            | Self::Query(_) => 400,
            Self::SecretMissing | Self::SecretUnknown | Self::SecretShared => 401,
            Self::Tenant | Self::Middleware(_) => 403,
            Self::Payload(_)
            | Self::Unkept(_)
            | Self::Batch { .. }
            | Self::Snapshot(_)
            | Self::EventTypes { .. }
            | Self::ReplayEvents { .. }
            | Self::Replay { .. } => 413,
            Self::Ack(AckError::AboveHead { .. }) => 409,
            Self::Ack(AckError::Full)
            | Self::NoLog(NoLog::Connection { .. } | NoLog::App { .. }) => 429,
            Self::Ack(AckError::NotKept(_))
            | Self::NoLog(NoLog::Full { .. })
            | Self::SnapshotsFull
            | Self::Append(_) => 503,
        }
    }
}
