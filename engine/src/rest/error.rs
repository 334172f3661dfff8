//! Why a request to the HTTP API is refused.

use uringcast_proto::pusher::channel::ChannelNameError;
use uringcast_proto::pusher::rest::BodyError;
use uringcast_proto::pusher::signature::SignatureError;

use crate::id::SocketIdError;

/// Why a request is refused: the peer sees the status and the words, as JSON.
///
/// Nothing of a refused request is carried out. The connection may be kept, except where the body
/// was not read.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
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
    /// 400: the user in the path has no name, or too long a one.
    #[error("the user id has {bytes} bytes, 1 to {bytes_max} are allowed")]
    UserIdLength {
        /// Bytes of the id.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
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
    #[error("open this path with a websocket upgrade request")]
    UpgradeRequired,
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
    /// 400: users were asked for on a channel that has none.
    #[error("only presence channels have users")]
    NotPresence,
}

impl RestError {
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
            | Self::UserIdLength { .. }
            | Self::NotPresence => 400,
            Self::Signature(_) => 401,
            Self::OtherApp => 403,
            Self::PathUnknown | Self::AppUnknown => 404,
            Self::Method { .. } => 405,
            Self::BodyLength { .. } | Self::DataLength { .. } => 413,
            Self::UpgradeRequired => 426,
            Self::Overloaded => 503,
        }
    }

    /// The `allow` header that goes with a 405 (RFC 9110 section 15.5.6).
    pub const fn allow(&self) -> Option<&'static str> {
        if let Self::Method { allow } = self { Some(allow) } else { None }
    }
}
