//! Streams of server-sent events: what a client asks by its URL, and how it begins.
//!
//! A stream is a zero-pub-sub client that never speaks. All it wants is in its request, so all of
//! it is checked before the response begins, and refused with a status of HTTP; after that it is a
//! subscriber like any other.

mod words;

pub use words::say;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use uringcast_proto::sse::{self, QueryError, StreamQuery};
use uringcast_proto::zps::room::Room;
use uringcast_shard::app::App;
use uringcast_shard::id::{AppIndex, ConnId};
use uringcast_shard::{Shard, Start, SubscribeError, SubscribeOptions};

use super::zps::{
    AccessError, Caller, EVENT_TYPES_MAX, RoomAction, RoomQuestion, RoomRules, Shown, TokenError,
};

/// What a client sends with its request.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// What follows the `?` of the URL.
    pub query: &'a str,
    /// The token of `Authorization: Bearer`; else that of the query counts.
    pub token: Option<&'a str>,
    /// `Last-Event-ID`, which an `EventSource` sends when it connects again.
    pub last_event_id: Option<&'a str>,
    /// The app whose key may stand in the place of a token.
    pub app: Option<&'a App>,
    /// Rooms that one stream may be of.
    pub subscriptions_max: u32,
}

/// Nothing is shown: it has a token, which lets its owner in.
impl fmt::Debug for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").finish_non_exhaustive()
    }
}

/// A stream that may begin.
#[derive(Clone, PartialEq)]
pub struct Stream {
    rooms: Vec<(String, Start)>,
    event_types: Option<Box<[Box<str>]>>,
    token: Option<String>,
    shown: Shown,
}

/// Nothing is shown: it has a token, which lets its owner in.
impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").finish_non_exhaustive()
    }
}

impl Stream {
    /// The rooms that it is of.
    pub fn rooms(&self) -> impl Iterator<Item = &str> {
        self.rooms.iter().map(|(room, _)| room.as_str())
    }

    /// What the server of `app` is to be asked before the stream begins, room by room.
    pub fn questions(&self, (index, app): (AppIndex, &App)) -> Vec<RoomQuestion> {
        let Some(url) = &app.room_auth_url else { return Vec::new() };
        let caller = Caller::new("", self.token.as_deref());
        let ask =
            |room| caller.question((index, app), url, &self.shown, RoomAction::Subscribe, room);
        self.rooms().map(ask).collect()
    }
}

/// Why a stream does not begin: the client sees the words in the body of the answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// 400: the query asks for nothing that could be.
    #[error("{0}")]
    Query(#[from] QueryError),
    /// 401: the client shows nothing that proves who it is.
    #[error("{0}")]
    Token(#[from] TokenError),
    /// 400 for a name that no room has, 403 for a room that is not the client's, 503 if the app's
    /// server could not be asked about it.
    #[error("{0}")]
    Access(#[from] AccessError),
    /// 413: more rooms than one connection may subscribe to.
    #[error("Realtime subscription limit exceeded")]
    Subscriptions,
    /// 413: more types than one subscription may ask for.
    #[error("eventTypes may name at most {EVENT_TYPES_MAX} types")]
    EventTypes,
}

impl StreamError {
    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Query(_) | Self::Access(AccessError::Room(_)) => 400,
            Self::Token(_) => 401,
            Self::Access(
                AccessError::Scope(_) | AccessError::Denied(_) | AccessError::DeniedByApp(_),
            ) => 403,
            Self::Access(AccessError::Unavailable(_) | AccessError::Busy(_)) => 503,
            Self::Subscriptions | Self::EventTypes => 413,
        }
    }
}

/// Check all that `asked` wants, as of `now_unix_s`.
pub fn check(rules: &RoomRules, asked: &Asked<'_>, now_unix_s: u64) -> Result<Stream, StreamError> {
    let mut query = StreamQuery::parse(asked.query)?;
    if let Some(id) = asked.last_event_id {
        query.add_last_event_id(id);
    }
    if query.rooms.len() > asked.subscriptions_max as usize {
        return Err(StreamError::Subscriptions);
    }
    let event_types = query.event_types.as_ref();
    if event_types.is_some_and(|types| types.len() > EVENT_TYPES_MAX) {
        return Err(StreamError::EventTypes);
    }
    let token = asked.token.or(query.token.as_deref());
    let shown = rules.access.admit(token, asked.app, now_unix_s)?;
    let rooms = open_rooms(rules, &query, &shown)?;
    let token = token.map(str::to_owned);
    let event_types = query.event_types.map(|types| types.into_iter().map(Into::into).collect());
    Ok(Stream { rooms, event_types, token, shown })
}

/// Each room with where it begins: after the event that the client has, or with the oldest one.
fn open_rooms(
    rules: &RoomRules,
    query: &StreamQuery,
    shown: &Shown,
) -> Result<Vec<(String, Start)>, StreamError> {
    let start = |room: Room<'_>| match query.since(room.name()) {
        _ if room.is_wildcard() => Start::Live,
        since => Start::After(since.unwrap_or(0)),
    };
    let rooms = query.rooms.iter().map(|name| {
        let room = rules.access.check(shown, name, RoomAction::Subscribe)?;
        Ok((name.clone(), start(room)))
    });
    rooms.collect()
}

/// Begin `stream` on `conn` behind `head`, the head of the response.
pub fn begin(shard: &mut Shard, conn: ConnId, stream: Stream, head: &[u8]) {
    let since = stream.rooms.iter().filter_map(|(room, start)| match start {
        Start::After(sequence) => Some((room.as_str(), *sequence)),
        Start::Live
        | Start::Elsewhere(_)
        | Start::Cursor
        | Start::CursorOrLive
        | Start::Snapshot => None,
    });
    let begin = [head, &sse::ready(since)].concat();
    shard.send_text(conn, Bytes::from(begin));
    shard.expire_at(conn, stream.shown.end_unix_s());
    let subscriber_id: Arc<str> = "".into(); // It acknowledges nothing.
    for (room, start) in stream.rooms {
        let options = SubscribeOptions {
            start,
            subscriber_id: Arc::clone(&subscriber_id),
            event_types: stream.event_types.clone(),
            with_snapshot: false,
            fast_forward: false,
            member: None,
        };
        match shard.subscribe_logged(conn, &room, options) {
            Ok(()) => {}
            Err(SubscribeError::TooMany { .. }) => {
                shard.send_text(conn, sse::closing("Realtime subscription limit exceeded").into());
            }
            Err(SubscribeError::AlreadySubscribed) => unreachable!("no room stands twice"),
            Err(SubscribeError::Closing) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_query(query: &str, more: Asked<'_>) -> Result<Stream, StreamError> {
        check(&RoomRules::default(), &Asked { query, ..more }, 0)
    }

    const NOBODY: Asked<'static> =
        Asked { query: "", token: None, last_event_id: None, app: None, subscriptions_max: 128 };

    #[test]
    fn a_stream_begins_where_its_client_stopped() {
        let asked = Asked { last_event_id: Some("b%3A1@9"), ..NOBODY };
        let stream = check_query("rooms=a:1,b:1,c:1,d:*&since=a%253A1%404,b%253A1%402", asked);
        let rooms = stream.unwrap().rooms;
        let starts: Vec<Start> = rooms.into_iter().map(|(_, start)| start).collect();
        assert_eq!(starts, [Start::After(4), Start::After(9), Start::After(0), Start::Live]);
    }

    #[test]
    fn what_a_stream_may_not_have_is_refused_before_it_begins() {
        let rooms = |count: usize| {
            let rooms: Vec<String> = (0..count).map(|index| format!("r:{index}")).collect();
            format!("rooms={}", rooms.join(","))
        };
        assert!(check_query(&rooms(128), NOBODY).is_ok());
        assert_eq!(check_query(&rooms(129), NOBODY), Err(StreamError::Subscriptions));
        let types = |count: usize| {
            let types: Vec<String> = (0..count).map(|index| format!("t{index}")).collect();
            format!("rooms=a:1&eventTypes={}", types.join(","))
        };
        assert!(check_query(&types(EVENT_TYPES_MAX), NOBODY).is_ok());
        let refused = check_query(&types(EVENT_TYPES_MAX + 1), NOBODY);
        assert_eq!(refused, Err(StreamError::EventTypes));
        for (query, status, text) in [
            ("rooms=", 400, "rooms must name at least one room"),
            ("rooms=a", 400, "Invalid realtime room: a"),
        ] {
            let error = check_query(query, NOBODY).unwrap_err();
            assert_eq!((error.status(), error.to_string().as_str()), (status, text));
        }
    }
}
