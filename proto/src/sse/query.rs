//! What a client asks a stream for.

use std::str::Utf8Error;

use super::cursor::{Cursor, CursorError};
use crate::form;

/// The query of a stream's URL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamQuery {
    /// Names of rooms, none of them twice, not checked any further.
    pub rooms: Vec<String>,
    /// The types of events to send; `None` for all.
    pub event_types: Option<Vec<String>>,
    /// Where to go on, for some of the rooms.
    pub since: Vec<Cursor>,
    /// What proves who asks, where no header can be sent.
    pub token: Option<String>,
}

/// The most entries of a list: far above the rooms that one connection may subscribe to by default.
const ENTRIES_MAX: usize = 1_024;

/// Why a query is refused: the client sees the words in the body of a 400.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// There is no room to stream.
    #[error("rooms must name at least one room")]
    NoRooms,
    /// A value is not text once it is decoded.
    #[error("the query is not UTF-8")]
    Encoding(#[from] Utf8Error),
    /// A list is longer than any client's.
    #[error("a list in the query has more than {ENTRIES_MAX} entries")]
    Entries,
    /// `since` does not say where to go on.
    #[error("since: {0}")]
    Since(#[from] CursorError),
}

impl StreamQuery {
    /// Read what follows the `?` of a stream's URL. Parameters that are not known are not looked
    /// at; of those that come twice the last one counts.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let mut query = Self::default();
        for (name, value) in form::pairs(text) {
            let value = || form::decode(value.unwrap_or_default());
            match name {
                "rooms" => query.rooms = list(&value()?)?,
                "eventTypes" => {
                    query.event_types = Some(list(&value()?)?).filter(|it| !it.is_empty());
                }
                "since" => {
                    query.since = Cursor::parse_list(&value()?)?;
                    check_count(query.since.len())?;
                }
                "token" => query.token = Some(value()?.into_owned()),
                _ => {}
            }
        }
        if query.rooms.is_empty() {
            return Err(QueryError::NoRooms);
        }
        Ok(query)
    }

    /// Take in the id of the last block that a client has, which names one room: an `EventSource`
    /// that connects again asks with the query it was made with. What is no cursor is not ours.
    pub fn add_last_event_id(&mut self, id: &str) {
        let Ok(last) = Cursor::parse(id) else { return };
        match self.since.iter_mut().find(|cursor| cursor.room == last.room) {
            Some(cursor) => cursor.sequence = cursor.sequence.max(last.sequence),
            None => self.since.push(last),
        }
    }

    /// The last event of `room` that the client has, if it said so.
    pub fn since(&self, room: &str) -> Option<u64> {
        self.since.iter().find(|cursor| cursor.room == room).map(|cursor| cursor.sequence)
    }
}

/// The entries between commas, each once.
fn list(text: &str) -> Result<Vec<String>, QueryError> {
    let mut entries: Vec<String> = Vec::new();
    for entry in text.split(',').filter(|entry| !entry.is_empty()) {
        if !entries.iter().any(|known| known == entry) {
            entries.push(entry.to_owned());
            check_count(entries.len())?;
        }
    }
    Ok(entries)
}

fn check_count(entries: usize) -> Result<(), QueryError> {
    if entries > ENTRIES_MAX { Err(QueryError::Entries) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As zero-pub-sub's client sends it: the rooms of `since` are encoded twice.
    #[test]
    fn a_clients_query_is_read() {
        let text = "rooms=chat%3A1%2Cchat%3A2&eventTypes=a%2Cb+c&since=chat%253A1%404";
        let query = StreamQuery::parse(text).unwrap();
        assert_eq!(query.rooms, ["chat:1", "chat:2"]);
        assert_eq!(query.event_types, Some(vec!["a".to_owned(), "b c".to_owned()]));
        assert_eq!((query.since("chat:1"), query.since("chat:2")), (Some(4), None));
    }

    #[test]
    fn a_room_encoded_once_in_since_is_the_same_room() {
        let query = StreamQuery::parse("rooms=chat:1&since=chat:1@4,&eventTypes=").unwrap();
        assert_eq!((query.since("chat:1"), query.event_types), (Some(4), None));
    }

    #[test]
    fn each_room_stands_once() {
        assert_eq!(StreamQuery::parse("rooms=a:1,,b:1,a:1").unwrap().rooms, ["a:1", "b:1"]);
    }

    #[test]
    fn what_cannot_be_streamed_is_refused() {
        for text in ["", "rooms=", "rooms=,", "room=chat:1"] {
            assert_eq!(StreamQuery::parse(text), Err(QueryError::NoRooms), "{text}");
        }
        assert!(matches!(StreamQuery::parse("rooms=%ff"), Err(QueryError::Encoding(_))));
        let error = StreamQuery::parse("rooms=a:1&since=a:1").unwrap_err();
        assert_eq!(error.to_string(), "since: \"a:1\" is not a room and a sequence joined by @");
    }

    #[test]
    fn a_list_has_an_end() {
        let list =
            |entry: fn(usize) -> String, count| (0..count).map(entry).collect::<Vec<_>>().join(",");
        for (name, entry) in [
            ("rooms", (|index| format!("r:{index}")) as fn(usize) -> String),
            ("rooms=r:1&eventTypes", |index| format!("t{index}")),
            ("rooms=r:1&since", |index| format!("r:{index}@1")),
        ] {
            let query = |count| StreamQuery::parse(&format!("{name}={}", list(entry, count)));
            assert!(query(ENTRIES_MAX).is_ok(), "{name}");
            assert_eq!(query(ENTRIES_MAX + 1), Err(QueryError::Entries), "{name}");
        }
    }

    #[test]
    fn the_last_block_moves_its_room_forward_and_never_back() {
        let mut query = StreamQuery::parse("rooms=a:1,b:1&since=a%253A1%404").unwrap();
        for id in ["a%3A1@3", "a%3A1@9", "b%3A1@2", "7", ""] {
            query.add_last_event_id(id);
        }
        assert_eq!((query.since("a:1"), query.since("b:1")), (Some(9), Some(2)));
    }
}
