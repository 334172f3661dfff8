//! Channel names: which are valid, and what a name says about its channel.
//!
//! The name alone decides who may subscribe and who may speak. Nothing here knows whether a
//! channel exists.

use super::user::user_of_channel;
use crate::limits::PUSHER_CHANNEL_NAME_BYTES_MAX;

/// What a channel's prefix makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChannelKind {
    /// Anybody may subscribe.
    Public,
    /// `private-`: the app's server signs each subscription.
    Private,
    /// `private-encrypted-`: signed, and the payload is a secret to this server.
    PrivateEncrypted,
    /// `presence-`: signed, and subscribers see each other.
    Presence,
}

impl ChannelKind {
    /// The kind of the channel called `name`.
    pub fn of(name: &str) -> Self {
        if name.starts_with("private-encrypted-") {
            Self::PrivateEncrypted
        } else if name.starts_with("private-") {
            Self::Private
        } else if name.starts_with("presence-") {
            Self::Presence
        } else {
            Self::Public
        }
    }

    /// What the names of this kind begin with.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Public => "",
            Self::Private => "private-",
            Self::PrivateEncrypted => "private-encrypted-",
            Self::Presence => "presence-",
        }
    }

    /// Whether a subscription must carry a signature.
    pub const fn needs_auth(self) -> bool {
        match self {
            Self::Public => false,
            Self::Private | Self::PrivateEncrypted | Self::Presence => true,
        }
    }

    /// Whether subscribers may send `client-` events to each other.
    ///
    /// Not on encrypted channels: the sender's library could not encrypt them.
    pub const fn allows_client_events(self) -> bool {
        match self {
            Self::Private | Self::Presence => true,
            Self::Public | Self::PrivateEncrypted => false,
        }
    }
}

/// Whether the channel called `name` keeps its last event for those who subscribe later.
///
/// `cache-` must come right after the prefix of the channel's kind: a name that has it anywhere
/// else is an ordinary one.
pub fn is_cache_channel(name: &str) -> bool {
    name[ChannelKind::of(name).prefix().len()..].starts_with("cache-")
}

/// Why a channel name is refused.
///
/// A subscriber gets a `pusher:error` and keeps its connection; a publisher gets a 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelNameError {
    /// There is no name.
    #[error("the channel name is empty")]
    Empty,
    /// The name has more than [`PUSHER_CHANNEL_NAME_BYTES_MAX`] bytes.
    #[error(
        "the channel name has {bytes} bytes, at most {PUSHER_CHANNEL_NAME_BYTES_MAX} are allowed"
    )]
    Length {
        /// Bytes of the name.
        bytes: usize,
    },
    /// The name has a character that Pusher does not allow.
    #[error("the channel name has {found:?}, allowed are letters, digits and _ - = @ , . ;")]
    Character {
        /// The first such character.
        found: char,
    },
    /// The name begins with `#` and is not a user's own channel.
    #[error("a client may not subscribe to a channel that begins with #")]
    ServerOnly,
}

/// Check a name that a client wants to subscribe to or speak on, unless it is a user's own channel.
pub fn check_channel_name(name: &str) -> Result<ChannelKind, ChannelNameError> {
    if name.starts_with('#') {
        return Err(ChannelNameError::ServerOnly);
    }
    check_publish_channel_name(name)
}

/// Check a name that the HTTP API publishes to: as for a client, but one leading `#` is allowed,
/// and a user's own channel has whatever characters the user's id has.
pub fn check_publish_channel_name(name: &str) -> Result<ChannelKind, ChannelNameError> {
    let bare = name.strip_prefix('#').unwrap_or(name);
    if bare.is_empty() {
        return Err(ChannelNameError::Empty);
    }
    if name.len() > PUSHER_CHANNEL_NAME_BYTES_MAX {
        return Err(ChannelNameError::Length { bytes: name.len() });
    }
    if user_of_channel(name).is_some() {
        return Ok(ChannelKind::Public);
    }
    match bare.bytes().position(|byte| !ALLOWED[usize::from(byte)]) {
        // Every byte before the first bad one is ASCII, so a character begins there.
        Some(at) => Err(ChannelNameError::Character {
            found: bare[at..].chars().next().unwrap_or_default(),
        }),
        None => Ok(ChannelKind::of(name)),
    }
}

/// Which bytes a name may have.
const ALLOWED: [bool; 256] = {
    let mut allowed = [false; 256];
    let mut byte = 0;
    while byte < allowed.len() {
        allowed[byte] = is_allowed(byte as u8);
        byte += 1;
    }
    allowed
};

const fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=' | b'@' | b',' | b'.' | b';')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_decides_the_kind() {
        for (name, kind) in [
            ("news", ChannelKind::Public),
            ("private", ChannelKind::Public),
            ("Private-a", ChannelKind::Public),
            ("private-a", ChannelKind::Private),
            ("private-encrypted", ChannelKind::Private),
            ("private-encrypted-a", ChannelKind::PrivateEncrypted),
            ("presence-a", ChannelKind::Presence),
        ] {
            assert_eq!(check_channel_name(name), Ok(kind), "{name}");
        }
    }

    #[test]
    fn only_a_prefix_makes_a_cache_channel() {
        for name in [
            "cache-a",
            "private-cache-a",
            "private-encrypted-cache-a",
            "presence-cache-a",
            "cache-",
        ] {
            assert!(is_cache_channel(name), "{name}");
        }
        for name in [
            "",
            "cache",
            "Cache-a",
            "my-cache-a",
            "#cache-a",
            "private-encrypted-my-cache-a",
            "private-my-cache-a",
            "presence-foo-cache-a",
            "presence-private-cache-a",
            "private-presence-cache-a",
            "private-cache",
        ] {
            assert!(!is_cache_channel(name), "{name}");
        }
    }

    #[test]
    fn only_private_and_presence_channels_carry_client_events() {
        assert!(ChannelKind::Private.allows_client_events());
        assert!(ChannelKind::Presence.allows_client_events());
        assert!(!ChannelKind::Public.allows_client_events());
        assert!(!ChannelKind::PrivateEncrypted.allows_client_events());
    }

    #[test]
    fn only_public_channels_need_no_signature() {
        assert!(!ChannelKind::Public.needs_auth());
        assert!(ChannelKind::Private.needs_auth());
        assert!(ChannelKind::PrivateEncrypted.needs_auth());
        assert!(ChannelKind::Presence.needs_auth());
    }

    #[test]
    fn a_name_may_have_200_bytes_and_not_one_more() {
        assert!(check_channel_name(&"a".repeat(200)).is_ok());
        let error = check_channel_name(&"a".repeat(201)).unwrap_err();
        assert_eq!(error, ChannelNameError::Length { bytes: 201 });
        assert!(check_publish_channel_name(&format!("#{}", "a".repeat(199))).is_ok());
        assert!(check_publish_channel_name(&format!("#{}", "a".repeat(200))).is_err());
    }

    #[test]
    fn every_allowed_character_passes_and_the_first_other_one_is_named() {
        assert!(check_channel_name("azAZ09-_=@,.;").is_ok());
        for found in [' ', '/', ':', '#', '"', '\\', '\n', '\u{e9}', '\u{1f600}'] {
            let error = check_channel_name(&format!("a{found}b!")).unwrap_err();
            assert_eq!(error, ChannelNameError::Character { found });
        }
    }

    #[test]
    fn an_empty_name_is_refused() {
        assert_eq!(check_channel_name(""), Err(ChannelNameError::Empty));
        assert_eq!(check_publish_channel_name("#"), Err(ChannelNameError::Empty));
    }

    #[test]
    fn a_leading_hash_is_for_publishers_only() {
        assert_eq!(check_channel_name("#server-to-user-1"), Err(ChannelNameError::ServerOnly));
        assert_eq!(check_publish_channel_name("#server-to-user-1"), Ok(ChannelKind::Public));
        assert!(check_publish_channel_name("##a").is_err());
        assert!(check_publish_channel_name("#auth0|1").is_err());
    }

    #[test]
    fn a_users_channel_has_the_characters_of_the_users_id() {
        let name = "#server-to-user-auth0|ann+1 \u{e9}";
        assert_eq!(check_publish_channel_name(name), Ok(ChannelKind::Public));
        assert_eq!(check_channel_name(name), Err(ChannelNameError::ServerOnly));
        assert!(check_publish_channel_name("server-to-user-auth0|1").is_err());
    }
}
