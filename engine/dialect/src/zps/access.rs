//! Who may use which room, and what proves it.
//!
//! Checked in the original server's order: the room's name, whether there are claims, the scope,
//! then the claims.

use std::fmt;
use std::sync::Arc;

use uringcast_proto::zps::room::{Room, RoomError};
use uringcast_shard::app::App;
use uringcast_shard::log::cursor_name;

use super::token::{Claims, Verifier};

/// What is done with a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RoomAction {
    /// Hearing its events.
    Subscribe,
    /// Sending some, kept or not, and being present.
    Publish,
    /// Reading its log.
    Replay,
    /// Saying how far one has read it.
    Ack,
}

impl RoomAction {
    /// As claims have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe",
            Self::Publish => "publish",
            Self::Replay => "replay",
            Self::Ack => "ack",
        }
    }
}

/// Why a room may not be used. The client sees an `error`; the connection survives.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// No room can be called so.
    #[error("{0}")]
    Room(#[from] RoomError),
    /// The operator allows other scopes only.
    #[error("Room scope is not allowed: {0}")]
    Scope(String),
    /// The client's token does not open it.
    #[error("Access denied for room: {0}")]
    Denied(String),
    /// The app's own server does not. The client need not know the difference.
    #[error("Access denied for room: {0}")]
    DeniedByApp(String),
    /// The app's own server has not answered. The client may try again.
    #[error("Room authorization failed for room: {0}")]
    Unavailable(String),
    /// As many questions wait for an app's server as may. The client may try again.
    #[error("Too many room authorizations, try again: {0}")]
    Busy(String),
}

/// Why a client is not who it says it is. The client sees both texts and is closed with 4401.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The client has sent no token.
    #[error("Authentication token is required")]
    Missing,
    /// It is not right; what is wrong with it stays with us.
    #[error("Invalid token")]
    Invalid,
    /// It is somebody else's than the client's, by its own word.
    #[error("subscriberId must be the token's sub")]
    Subscriber,
}

/// What the operator has decided about rooms.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// What tokens are checked with; `None` lets everybody in.
    pub verifier: Option<Verifier>,
    /// The scopes that may be used; empty is all.
    pub scopes: Box<[Box<str>]>,
    /// Whether every token opens every room.
    pub is_open: bool,
    /// Whether the app's key, in the place of a token, opens every room.
    pub is_app_key_good: bool,
    /// Whether a client must call itself what its token has as `sub`.
    pub must_match_sub: bool,
}

/// What a client has shown of itself.
#[derive(Clone, PartialEq)]
pub enum Shown {
    /// Nothing that was checked.
    Nothing,
    /// The app's own key.
    AppKey,
    /// A token that says this.
    Claims(Arc<Claims>),
}

impl Shown {
    /// The user that is proven.
    pub(super) fn sub(&self) -> Option<&str> {
        match self {
            Self::Claims(claims) => claims.sub(),
            Self::Nothing | Self::AppKey => None,
        }
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::AppKey => "AppKey",
            Self::Claims(_) => "Claims",
        })
    }
}

impl Shown {
    /// The second since 1970 from which on it is good for nothing; `None` if it has no end.
    pub fn end_unix_s(&self) -> Option<u64> {
        match self {
            Self::Nothing | Self::AppKey => None,
            Self::Claims(claims) => Some(claims.end_unix_s()),
        }
    }
}

impl Access {
    /// What `token` shows, as of `now_unix_s`; `app` is the one whose key may stand in its place.
    pub fn admit(
        &self,
        token: Option<&str>,
        app: Option<&App>,
        now_unix_s: u64,
    ) -> Result<Shown, TokenError> {
        let Some(verifier) = &self.verifier else { return Ok(Shown::Nothing) };
        let token = token.filter(|token| !token.is_empty()).ok_or(TokenError::Missing)?;
        if app.is_some_and(|app| app.keys.iter().any(|it| it.key == token)) {
            return Ok(Shown::AppKey);
        }
        let claims = verifier.verify(token, now_unix_s).ok_or(TokenError::Invalid)?;
        Ok(Shown::Claims(Arc::new(claims)))
    }

    /// Whose cursor it is, if whoever has `shown` this calls itself `subscriber_id`.
    ///
    /// # Errors
    /// If it may not.
    pub fn cursor_name(&self, shown: &Shown, subscriber_id: &str) -> Result<Arc<str>, TokenError> {
        let sub = shown.sub();
        let is_other = self.must_match_sub && sub != Some(subscriber_id);
        if is_other && self.verifier.is_some() {
            return Err(TokenError::Subscriber);
        }
        Ok(cursor_name(sub, subscriber_id))
    }

    /// Whether whoever has `shown` this may do `action` with the room called `name`.
    pub fn check<'a>(
        &self,
        shown: &Shown,
        name: &'a str,
        action: RoomAction,
    ) -> Result<Room<'a>, AccessError> {
        let room = Room::parse(name)?;
        let denied = || AccessError::Denied(name.to_owned());
        let is_known = match shown {
            Shown::Nothing => self.verifier.is_none(),
            Shown::AppKey => self.is_app_key_good,
            Shown::Claims(_) => true,
        };
        if !is_known {
            return Err(denied());
        }
        if !self.scopes.is_empty() && !self.scopes.iter().any(|scope| **scope == *room.scope()) {
            return Err(AccessError::Scope(room.scope().to_owned()));
        }
        let is_allowed = match shown {
            Shown::Claims(claims) => self.is_open || claims.allow(name, action),
            Shown::Nothing | Shown::AppKey => true,
        };
        if is_allowed { Ok(room) } else { Err(denied()) }
    }
}

#[cfg(test)]
mod tests;
