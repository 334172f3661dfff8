//! Why a request in ZinTrust's words is refused, in its words.

use serde::Serialize;

/// Why a request is refused: the peer sees the status and a body that its own server would send.
///
/// Nothing of a refused request is carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZinTrustError {
    /// 404: a publish with a secret names an app that is not served here.
    #[error("Socket app id not found.")]
    AppUnknown,
    /// 403: the secret of a publish is not the app's.
    #[error("Socket publish secret is invalid.")]
    Secret,
    /// 400: a publish does not say what or where to.
    #[error("event/name and channel/channels are required.")]
    Fields,
    /// 400: the scope of a publish is none of the four.
    #[error("channel_scope must be public, private, presence or persistent.")]
    ScopeUnknown,
    /// 400: a channel has the prefix of another scope than the publish names.
    #[error("Broadcast channel scope {scope} conflicts with fully-qualified channel {channel}.")]
    Scope {
        /// What the publish names.
        scope: &'static str,
        /// The channel.
        channel: String,
    },
    /// What the publish policy says: it does not allow this publish.
    #[error("{message}")]
    PolicyRefused {
        /// The status that the policy chose, 400 to 599, or 403.
        status: u16,
        /// Its words, or `Forbidden`.
        message: String,
    },
    /// 400: the publish policy left no event or no channel.
    #[error("publish policy must return a non-empty event and channels.")]
    PolicyEmptied,
    /// 503: the publish policy cannot be asked, or its answer cannot be understood.
    #[error("The publish policy gave no answer that can be used; nothing was published.")]
    PolicyUnavailable,
    /// 400: nobody says what is to be signed.
    #[error("socket_id and channel_name are required.")]
    AuthFields,
    /// 400: nobody says which connection's user is to be signed.
    #[error("socket_id is required.")]
    UserAuthFields,
    /// 404: no app has the key or the id that the request for a signature names.
    #[error("Socket app key not found.")]
    AuthAppUnknown,
    /// 400: several apps are served, and the request for a signature names none.
    #[error("Several apps are served here: name one with app_key or app_id in the query.")]
    AuthAppUnnamed,
    /// 403: the subscription is not allowed.
    #[error("Forbidden")]
    Forbidden,
    /// 503: the app's server, which decides, cannot be asked, or its answer cannot be understood.
    #[error("The authorization server gave no answer that can be used.")]
    AuthUnavailable,
}

impl ZinTrustError {
    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Fields
            | Self::ScopeUnknown
            | Self::Scope { .. }
            | Self::PolicyEmptied
            | Self::AuthFields
            | Self::UserAuthFields
            | Self::AuthAppUnnamed => 400,
            Self::Secret | Self::Forbidden => 403,
            Self::AppUnknown | Self::AuthAppUnknown => 404,
            Self::PolicyUnavailable | Self::AuthUnavailable => 503,
            Self::PolicyRefused { status, .. } => *status,
        }
    }

    /// The body: `message` where somebody decided, `error` where something is wrong.
    pub(crate) fn body(&self) -> String {
        #[derive(Serialize)]
        #[serde(rename_all = "lowercase")]
        enum Body {
            Error(String),
            Message(String),
        }
        let text = self.to_string();
        let body = match self {
            Self::PolicyRefused { .. } | Self::Forbidden => Body::Message(text),
            Self::AppUnknown
            | Self::Secret
            | Self::Fields
            | Self::ScopeUnknown
            | Self::Scope { .. }
            | Self::PolicyEmptied
            | Self::PolicyUnavailable
            | Self::AuthFields
            | Self::UserAuthFields
            | Self::AuthAppUnknown
            | Self::AuthAppUnnamed
            | Self::AuthUnavailable => Body::Error(text),
        };
        serde_json::to_string(&body).expect("a string always has a JSON form")
    }
}
