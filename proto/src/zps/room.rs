//! Names of rooms: `scope:resource`, and `scope:*` for all rooms of a scope.

/// A room's name, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room<'a> {
    name: &'a str,
    scope_bytes: usize,
}

/// A name that no room can have. The client sees it in an `error`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid realtime room: {0}")]
pub struct RoomError(pub String);

/// The longest scope, in characters (all of them ASCII).
const SCOPE_BYTES_MAX: usize = 64;

impl<'a> Room<'a> {
    /// Take `name` apart at its first colon.
    pub fn parse(name: &'a str) -> Result<Self, RoomError> {
        let colon = memchr::memchr(b':', name.as_bytes());
        let is_room =
            |colon: &usize| is_scope(&name.as_bytes()[..*colon]) && colon + 1 < name.len();
        match colon.filter(is_room) {
            Some(scope_bytes) => Ok(Self { name, scope_bytes }),
            None => Err(RoomError(name.to_owned())),
        }
    }

    /// The whole name.
    pub const fn name(self) -> &'a str {
        self.name
    }

    /// What stands before the first colon.
    pub fn scope(self) -> &'a str {
        &self.name[..self.scope_bytes]
    }

    /// Whether this stands for all rooms of its scope.
    pub fn is_wildcard(self) -> bool {
        &self.name[self.scope_bytes..] == ":*"
    }
}

/// The name that stands for all rooms of the scope of `room`, or `None` for that name itself and
/// for names that are no room's.
pub fn wildcard_of(room: &str) -> Option<String> {
    let room = Room::parse(room).ok()?;
    (!room.is_wildcard()).then(|| format!("{}:*", room.scope()))
}

fn is_scope(text: &[u8]) -> bool {
    let is_inner = |&byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    text.len() <= SCOPE_BYTES_MAX
        && text.first().is_some_and(u8::is_ascii_alphanumeric)
        && text.iter().all(is_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_has_a_scope_and_a_resource() {
        for (name, scope, is_wildcard) in [
            ("chat:a", "chat", false),
            ("chat:a:b", "chat", false),
            ("chat:*", "chat", true),
            ("chat:a*", "chat", false),
            ("chat::", "chat", false),
            ("9.x_y-z: ", "9.x_y-z", false),
        ] {
            let room = Room::parse(name).unwrap();
            assert_eq!((room.scope(), room.is_wildcard()), (scope, is_wildcard), "{name}");
        }
    }

    #[test]
    fn other_names_are_no_rooms() {
        for name in ["nocolon", "chat:", "-x:1", "*", "*:1", ":1", "", "a b:1", "\u{e9}:1"] {
            let error = Room::parse(name).unwrap_err();
            assert_eq!(error.to_string(), format!("Invalid realtime room: {name}"));
        }
    }

    #[test]
    fn a_scope_has_at_most_64_characters() {
        assert!(Room::parse(&format!("{}:1", "a".repeat(64))).is_ok());
        assert!(Room::parse(&format!("{}:1", "a".repeat(65))).is_err());
    }

    #[test]
    fn the_wildcard_of_a_room_is_that_of_its_scope() {
        assert_eq!(wildcard_of("chat:a:b").as_deref(), Some("chat:*"));
        assert_eq!(wildcard_of("chat:*"), None);
        assert_eq!(wildcard_of("presence-a"), None);
    }
}
