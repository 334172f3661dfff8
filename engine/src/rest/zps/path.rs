//! What a path of zero-pub-sub's cloud names, and what it takes.

use uringcast_proto::zps::room::{Room, RoomError};

use super::super::resource::decode;
use super::error::ZpsError;
use crate::rest::RestError;

/// What a path names, its parts as they stand in the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Resource<'a> {
    Events,
    Ephemeral,
    Replay,
    Ack,
    Health,
    Snapshot(&'a str),
    DeadLetters(&'a str),
    DeadLettersReplay(&'a str),
}

impl<'a> Resource<'a> {
    /// `None` if the path is none of these.
    pub(in super::super) fn parse(path: &'a str) -> Option<Self> {
        Some(match path.strip_prefix('/')? {
            "events" => Self::Events,
            "ephemeral" => Self::Ephemeral,
            "replay" => Self::Replay,
            "ack" => Self::Ack,
            "health" => Self::Health,
            other => {
                let (room, rest) = other.strip_prefix("rooms/")?.split_once('/')?;
                match rest {
                    "snapshot" => Self::Snapshot(room),
                    "dlq" => Self::DeadLetters(room),
                    "dlq/replay" => Self::DeadLettersReplay(room),
                    _ => return None,
                }
            }
        })
    }

    /// What it takes, in the words of the `allow` header.
    pub(in super::super) const fn allow(self) -> &'static str {
        match self {
            Self::Events
            | Self::Ephemeral
            | Self::Replay
            | Self::Ack
            | Self::DeadLettersReplay(_) => "POST",
            Self::Health => "GET, HEAD",
            Self::Snapshot(_) => "GET, HEAD, PUT",
            Self::DeadLetters(_) => "GET, HEAD, DELETE",
        }
    }
}

/// The room that a path segment names, in at most `bytes_max` bytes.
pub(super) fn room(segment: &str, bytes_max: u32) -> Result<String, RestError> {
    let name = decode(segment)?;
    check_room(&name, bytes_max)?;
    Ok(name.into_owned())
}

/// Check that `name` is that of one room; the wildcard of a scope has no log.
pub(super) fn check_room(name: &str, bytes_max: u32) -> Result<(), ZpsError> {
    if name.len() > bytes_max as usize {
        return Err(ZpsError::Length { field: "room", bytes_max });
    }
    match Room::parse(name) {
        Ok(room) if room.is_wildcard() => Err(ZpsError::Room(RoomError(name.to_owned()))),
        Ok(_) => Ok(()),
        Err(error) => Err(ZpsError::Room(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_found_and_no_other() {
        for (path, expected) in [
            ("/events", Resource::Events),
            ("/ephemeral", Resource::Ephemeral),
            ("/replay", Resource::Replay),
            ("/ack", Resource::Ack),
            ("/health", Resource::Health),
            ("/rooms/chat%3A1/snapshot", Resource::Snapshot("chat%3A1")),
            ("/rooms/chat:1/dlq", Resource::DeadLetters("chat:1")),
            ("/rooms/chat:1/dlq/replay", Resource::DeadLettersReplay("chat:1")),
        ] {
            assert_eq!(Resource::parse(path), Some(expected), "{path}");
        }
        for path in ["/", "/event", "/events/", "/rooms/a:1", "/rooms/a:1/x", "/apps/a/replay"] {
            assert_eq!(Resource::parse(path), None, "{path}");
        }
    }

    #[test]
    fn a_room_is_decoded_and_is_one_room() {
        assert_eq!(room("chat%3Aa%2Fb", 8).unwrap(), "chat:a/b");
        let error = ZpsError::Length { field: "room", bytes_max: 7 };
        assert_eq!(room("chat%3Aa%2Fb", 7).unwrap_err().to_string(), error.to_string());
        for segment in ["chat", "chat%3A*", "%ff", ""] {
            assert!(room(segment, 200).is_err(), "{segment}");
        }
    }
}
