//! Who decides whether a user may subscribe, where this server signs subscriptions itself.

use uringcast_proto::secret::Secret;

/// What `POST /broadcasting/auth` and `/broadcasting/user-auth` do for an app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AuthPolicy {
    /// Every request is refused: the app's own server signs subscriptions.
    #[default]
    Deny,
    /// Every request is granted. For development only.
    AllowAll,
    /// A bearer token names the user and the channels that are theirs.
    Jwt(JwtKey),
    /// The app's server is asked at this URL.
    Webhook(String),
}

/// What a token must be signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwtKey {
    /// HS256 with this secret.
    Hs256(Secret),
    /// RS256 with this public key, in PEM.
    Rs256(String),
}
