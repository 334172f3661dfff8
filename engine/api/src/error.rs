//! Why a request to the HTTP API is refused.

use uringcast_proto::pusher::channel::ChannelNameError;
use uringcast_proto::pusher::rest::BodyError;
use uringcast_proto::pusher::signature::SignatureError;
use uringcast_shard::id::SocketIdError;
use uringcast_shard::log::NoLog;
use uringcast_shard::{Budget, Spent};

use super::zintrust::ZinTrustError;
use super::zps::ZpsError;

/// Why a request is refused: the peer sees the status and the words, as JSON.
///
/// Nothing of a refused request is carried out. The connection may be kept, except where the body
/// was not read.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// 404: the path leads nowhere.
    #[error("no such path")]
    PathUnknown,
    /// 404: the path names an app that is not served here.
    #[error("no app has this id")]
    AppUnknown,
    /// 405: the path exists, the method does not fit.
    #[error("this path takes {allow} only")]
    Method {
        /// The method it takes.
        allow: &'static str,
    },
    /// 401: the request is not the app's own.
    #[error("{0}")]
    Signature(#[from] SignatureError),
    /// 403: the key is good, but for another app of this server than the path names.
    #[error("auth_key belongs to another app")]
    OtherApp,
    /// 413: the body is too large, announced or counted.
    #[error("the body has more than {bytes_max} bytes")]
    BodyLength {
        /// The limit.
        bytes_max: usize,
    },
    /// 400: the body has no meaning.
    #[error("{0}")]
    Body(#[from] BodyError),
    /// 400: the connection ended, or the body's form broke, before the body was complete.
    #[error("the body is not complete")]
    BodyIncomplete,
    /// 503: so much waits between cores that nothing new is taken in. Nothing was published.
    #[error("the server is overloaded, try again")]
    Overloaded,
    /// 503, or 429 if the app has begun too many: the channel can have no log. Events for channels
    /// without one were not published, those for other logs may have been.
    #[error("{0}")]
    NoLog(#[from] NoLog),
    /// 413: an event is larger than all that its channel may keep.
    #[error("the event takes {bytes} bytes, its channel keeps at most {bytes_max}")]
    LogEventLength {
        /// Bytes that the event takes.
        bytes: u32,
        /// The limit.
        bytes_max: u32,
    },
    /// 503: the disk does not keep up. What else is in the request may have been published.
    #[error("too many events wait to be written, try again")]
    LogBacklogged,
    /// 500: the disk failed. What else is in the request may have been published.
    #[error("the event could not be written")]
    LogWrite,
    /// 400: a channel's name in the path is not UTF-8 once decoded.
    #[error("the path is not UTF-8")]
    PathEncoding,
    /// 400: a channel's name breaks the rules.
    #[error("{0}")]
    ChannelName(#[from] ChannelNameError),
    /// 400: a channel's name is longer than this server is configured for.
    #[error("the channel name has {bytes} bytes, at most {bytes_max} are allowed")]
    ChannelNameLength {
        /// Bytes of the name.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// 426: the websocket's path was asked for without a websocket.
    #[error("open {path} with a websocket upgrade request")]
    UpgradeRequired {
        /// As it stands in the request line.
        path: String,
    },
    /// 404: so it was, and the key in it is no app's.
    #[error("no app has this key")]
    SocketKeyUnknown,
    /// 403: the app's own server asks, and the operator has switched the app off.
    #[error("this app is disabled")]
    AppDisabled,
    /// 400: a body that is taken as a whole is not UTF-8.
    #[error("the body is not UTF-8")]
    BodyEncoding,
    /// 400: `info` names an attribute that no channel has.
    #[error("no such attribute: info may name user_count, subscription_count and cache")]
    InfoUnknown,
    /// 400: users are counted on presence channels alone.
    #[error(
        "user_count is an attribute of presence channels; \
         a list needs a filter_by_prefix that begins with presence-"
    )]
    UserCountUnfit,
    /// 400: what a channel holds is told of one cache channel at a time.
    #[error("cache is an attribute of one cache channel, asked for by its name")]
    CacheUnfit,
    /// 400: the user in the path has no name, or too long a one.
    #[error("the user id has {bytes} bytes, 1 to {bytes_max} are allowed")]
    UserIdLength {
        /// Bytes of the id.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// 400: the key that names a publish is empty or too long.
    #[error("the idempotency key has {bytes} bytes, 1 to {bytes_max} are allowed")]
    IdempotencyKey {
        /// Bytes of the key.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// 400: the header that names a publish has other characters than visible ASCII.
    #[error("the header Idempotency-Key may have visible ASCII characters only")]
    IdempotencyKeyEncoding,
    /// 400: header and body name a publish differently.
    #[error("the header Idempotency-Key and the body's id differ")]
    IdempotencyKeys,
    /// 409: the same publish is under way.
    #[error("a publish with this idempotency key is under way, try again")]
    IdempotencyRunning,
    /// 422: the key has named another publish before. Nothing was published.
    #[error("this idempotency key was used for another body")]
    IdempotencyBody,
    /// 429: the app has used up what it may use. Nothing was published.
    #[error("more than {} a second, try again in {} s", .1.limit, .1.retry_after_s)]
    RateLimited(Budget, Spent),
    /// 400: `socket_id` cannot be a connection's.
    #[error("{0}")]
    SocketId(#[from] SocketIdError),
    /// 400: an event has no name.
    #[error("the event name is empty")]
    EventNameEmpty,
    /// 400: an event's name is too long.
    #[error("the event name has {bytes} bytes, at most {bytes_max} are allowed")]
    EventNameLength {
        /// Bytes of the name.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// 413: an event's `data` is too long.
    #[error("the data of an event has {bytes} bytes, at most {bytes_max} are allowed")]
    DataLength {
        /// Bytes of the decoded string.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// 400: one publish names too many channels.
    #[error("the event names {channels} channels, at most {channels_max} are allowed")]
    ChannelsCount {
        /// Channels named.
        channels: usize,
        /// The limit.
        channels_max: usize,
    },
    /// 400: a batch has too many events.
    #[error("the batch has {events} events, at most {events_max} are allowed")]
    BatchCount {
        /// Events in the batch.
        events: usize,
        /// The limit.
        events_max: usize,
    },
    /// A request in ZinTrust's words, refused in its words.
    #[error("{0}")]
    ZinTrust(#[from] ZinTrustError),
    /// A request of zero-pub-sub's backend client.
    #[error("{0}")]
    Zps(#[from] ZpsError),
    /// 400: users were asked for on a channel that has none.
    #[error("only presence channels have users")]
    NotPresence,
}

impl ApiError {
    /// The HTTP status. New variants must choose: no `_` arm.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Body(_)
            | Self::BodyIncomplete
            | Self::PathEncoding
            | Self::ChannelName(_)
            | Self::ChannelNameLength { .. }
            | Self::SocketId(_)
            | Self::EventNameEmpty
            | Self::EventNameLength { .. }
            | Self::ChannelsCount { .. }
            | Self::BatchCount { .. }
            | Self::NotPresence
            | Self::BodyEncoding
            | Self::InfoUnknown
            | Self::UserCountUnfit
            | Self::CacheUnfit
            | Self::UserIdLength { .. }
            | Self::IdempotencyKey { .. }
            | Self::IdempotencyKeyEncoding
            | Self::IdempotencyKeys => 400,
            Self::Signature(_) => 401,
            Self::OtherApp | Self::AppDisabled => 403,
            Self::PathUnknown | Self::AppUnknown | Self::SocketKeyUnknown => 404,
            Self::Method { .. } => 405,
            Self::IdempotencyRunning => 409,
            Self::BodyLength { .. } | Self::DataLength { .. } | Self::LogEventLength { .. } => 413,
            Self::IdempotencyBody => 422,
            Self::UpgradeRequired { .. } => 426,
            Self::RateLimited(..) | Self::NoLog(NoLog::Connection { .. } | NoLog::App { .. }) => {
                429
            }
            Self::LogWrite => 500,
            Self::Overloaded | Self::NoLog(NoLog::Full { .. }) | Self::LogBacklogged => 503,
            Self::ZinTrust(error) => error.status(),
            Self::Zps(error) => error.status(),
        }
    }
}
