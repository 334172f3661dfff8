//! Why a client is turned away, whatever it speaks.

use uringcast_proto::pusher::codes::Code;
use uringcast_shard::Refusal;

/// Why a connection is closed before it is established. Pusher's clients see code and words twice,
/// in a `pusher:error` and in the close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The app takes TLS only. pusher-js comes back over TLS.
    #[error("{}", Code::TlsRequired.text())]
    TlsRequired,
    /// No app has the key of the path. A client's mistake, or an app that is gone.
    #[error("{}", Code::AppUnknown.text())]
    KeyUnknown,
    /// The app is switched off.
    #[error("{}", Code::AppDisabled.text())]
    AppDisabled,
    /// The app has as many connections on this node as it may. Can happen in health, under load.
    #[error("{}", Code::AppOverQuota.text())]
    Quota,
    /// The path is not `/app/{key}`.
    #[error("{}", Code::PathUnknown.text())]
    PathUnknown,
    /// `protocol` is not a number.
    #[error("{}: protocol must be a whole number", Code::VersionForm.text())]
    ProtocolForm,
    /// `version` is not the version of anything.
    #[error("{}: version must be like 8.6.0", Code::VersionForm.text())]
    VersionForm,
    /// `protocol` is not one of those that this server speaks.
    #[error("{}: 5, 6 and 7 are supported", Code::ProtocolUnsupported.text())]
    ProtocolUnsupported,
    /// There is no `protocol`, and one is required.
    #[error("{}: the URL needs protocol=7", Code::ProtocolMissing.text())]
    ProtocolMissing,
    /// The page that connects is from a host that the app does not name.
    #[error("Origin not allowed")]
    Origin,
    /// This core holds as many connections as it may. The client comes back after a second.
    #[error("{}", Code::OverCapacity.text())]
    Capacity,
    /// The process is about to end. The client comes back at once, to another one.
    #[error("{}", Code::Reconnect.text())]
    Draining,
}

impl Refused {
    /// The code in the error and in the close frame. New variants must choose: no `_` arm.
    pub const fn code(self) -> Code {
        match self {
            Self::TlsRequired => Code::TlsRequired,
            Self::KeyUnknown => Code::AppUnknown,
            Self::AppDisabled => Code::AppDisabled,
            Self::Quota => Code::AppOverQuota,
            Self::PathUnknown => Code::PathUnknown,
            Self::ProtocolForm | Self::VersionForm => Code::VersionForm,
            Self::ProtocolUnsupported => Code::ProtocolUnsupported,
            Self::ProtocolMissing => Code::ProtocolMissing,
            Self::Origin => Code::Unauthorized,
            Self::Capacity => Code::OverCapacity,
            Self::Draining => Code::Reconnect,
        }
    }

    /// What the refusal counts as; `None` where it was counted already, or is no refusal of this
    /// client.
    pub const fn refusal(self) -> Option<Refusal> {
        match self {
            Self::TlsRequired => Some(Refusal::Tls),
            Self::KeyUnknown => Some(Refusal::UnknownKey),
            Self::AppDisabled => Some(Refusal::AppDisabled),
            Self::Quota => Some(Refusal::AppConnections),
            Self::PathUnknown => Some(Refusal::Route),
            Self::ProtocolForm
            | Self::VersionForm
            | Self::ProtocolUnsupported
            | Self::ProtocolMissing => Some(Refusal::ProtocolVersion),
            Self::Origin => Some(Refusal::Origin),
            Self::Capacity | Self::Draining => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use uringcast_proto::pusher::codes::Reaction;

    use super::*;

    #[test]
    fn each_refusal_has_a_code_that_its_clients_act_on_and_words_that_fit() {
        let refused = [
            (Refused::TlsRequired, 4000, Reaction::TlsOnly),
            (Refused::KeyUnknown, 4001, Reaction::Refused),
            (Refused::AppDisabled, 4003, Reaction::Refused),
            (Refused::Quota, 4004, Reaction::Refused),
            (Refused::PathUnknown, 4005, Reaction::Refused),
            (Refused::ProtocolForm, 4006, Reaction::Refused),
            (Refused::VersionForm, 4006, Reaction::Refused),
            (Refused::ProtocolUnsupported, 4007, Reaction::Refused),
            (Refused::ProtocolMissing, 4008, Reaction::Refused),
            (Refused::Origin, 4009, Reaction::Refused),
            (Refused::Capacity, 4100, Reaction::Backoff),
            (Refused::Draining, 4200, Reaction::Retry),
        ];
        for (refused, code, reaction) in refused {
            assert_eq!((refused.code().value(), refused.code().reaction()), (code, reaction));
            assert!(refused.to_string().len() <= 123, "{refused}: RFC 6455 section 5.5");
        }
    }
}
