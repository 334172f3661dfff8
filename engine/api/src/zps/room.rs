//! Names of rooms, in paths and bodies.

use uringcast_proto::zps::room::{Room, RoomError};

use super::error::ZpsError;
use crate::error::ApiError;
use crate::head::decode;

/// The room that a path segment names, in at most `bytes_max` bytes.
pub(super) fn room(segment: &str, bytes_max: u32) -> Result<String, ApiError> {
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
    fn a_room_is_decoded_and_is_one_room() {
        assert_eq!(room("chat%3Aa%2Fb", 8).unwrap(), "chat:a/b");
        let error = ZpsError::Length { field: "room", bytes_max: 7 };
        assert_eq!(room("chat%3Aa%2Fb", 7).unwrap_err().to_string(), error.to_string());
        for segment in ["chat", "chat%3A*", "%ff", ""] {
            assert!(room(segment, 200).is_err(), "{segment}");
        }
    }
}
