//! Pusher's error and close codes, and what pusher-js does on each.
//!
//! The numbers are sent as a websocket close code, in a `pusher:error` message, or both. A client
//! decides by the range alone whether it comes back, so a code is chosen by its range first (spec
//! pusher.md, close codes).

/// What pusher-js does after a close with a code, or after a `pusher:error` that comes before
/// `connection_established`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Connects again at once, over TLS.
    TlsOnly,
    /// Never connects again.
    Refused,
    /// Connects again after one second.
    Backoff,
    /// Connects again at once.
    Retry,
}

/// Writes the enum and its tables from one list, so that each number is written once.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $value:literal, $text:literal;)*) => {
        /// A code of the Pusher protocol.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Code {
            $($(#[$doc])* $name = $value,)*
        }

        impl Code {
            /// Every code, in ascending order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The words that go with the number.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

codes! {
    /// The app takes TLS connections only.
    TlsRequired = 4000, "Application only accepts SSL connections, reconnect using wss://";
    /// No app has the key of the URL.
    AppUnknown = 4001, "Application does not exist";
    /// The app is switched off.
    AppDisabled = 4003, "Application disabled";
    /// The app has as many connections as it may have.
    AppOverQuota = 4004, "Application is over connection quota";
    /// The URL's path is not `/app/{key}`.
    PathUnknown = 4005, "Path not found";
    /// The client's version, or its protocol's, has no meaning.
    VersionForm = 4006, "Invalid version string format";
    /// The protocol version is not one that this server speaks.
    ProtocolUnsupported = 4007, "Unsupported protocol version";
    /// The URL names no protocol version.
    ProtocolMissing = 4008, "No protocol version supplied";
    /// A signature does not match, or the connection may not do what it asked.
    Unauthorized = 4009, "Connection is unauthorized";
    /// The server has no room now.
    OverCapacity = 4100, "Over capacity";
    /// The server goes away, another one is ready.
    Reconnect = 4200, "Generic reconnect immediately";
    /// The client left a ping unanswered.
    PongMissing = 4201, "Pong reply not received";
    /// The client said nothing for too long.
    Inactive = 4202, "Closed after inactivity";
    /// A client event was dropped. Only ever in an error message: as a close code it would keep
    /// the client away for good.
    ClientEventRejected = 4301, "Client event rejected";
    /// The user watches more users than allowed. Only ever in an error message.
    WatchlistFull = 4302, "The watchlist limit for sign-in exceeded";
}

impl Code {
    /// The number on the wire.
    pub const fn value(self) -> u16 {
        self as u16
    }

    /// What pusher-js does when the connection is closed with this code.
    pub const fn reaction(self) -> Reaction {
        match self.value() {
            ..=4000 => Reaction::TlsOnly,
            4001..=4099 | 4300.. => Reaction::Refused,
            4100..=4199 => Reaction::Backoff,
            4200..=4299 => Reaction::Retry,
        }
    }

    /// Whether the code may end a connection; the others belong into a `pusher:error` only.
    pub const fn closes(self) -> bool {
        self.value() < 4300
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_the_protocols() {
        let values: Vec<u16> = Code::ALL.iter().map(|code| code.value()).collect();
        let expected = [
            4000, 4001, 4003, 4004, 4005, 4006, 4007, 4008, 4009, 4100, 4200, 4201, 4202, 4301,
            4302,
        ];
        assert_eq!(values, expected);
    }

    #[test]
    fn a_client_comes_back_by_range() {
        assert_eq!(Code::TlsRequired.reaction(), Reaction::TlsOnly);
        assert_eq!(Code::AppUnknown.reaction(), Reaction::Refused);
        assert_eq!(Code::Unauthorized.reaction(), Reaction::Refused);
        assert_eq!(Code::OverCapacity.reaction(), Reaction::Backoff);
        assert_eq!(Code::Reconnect.reaction(), Reaction::Retry);
        assert_eq!(Code::Inactive.reaction(), Reaction::Retry);
        assert_eq!(Code::ClientEventRejected.reaction(), Reaction::Refused);
    }

    #[test]
    fn only_codes_below_4300_close() {
        assert!(Code::Inactive.closes());
        assert!(!Code::ClientEventRejected.closes());
        assert!(!Code::WatchlistFull.closes());
    }

    /// A close reason has room for 123 bytes (RFC 6455 section 5.5).
    #[test]
    fn every_text_fits_a_close_frame() {
        for code in Code::ALL {
            assert!(code.text().len() <= 123, "{code:?}");
        }
    }
}
