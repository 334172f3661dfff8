//! `POST /broadcasting/user-auth`: saying who a connection's user is.
//!
//! Whatever proves the user to an app proves it here, too: a token by its `sub`, or the app's own
//! server. In development a client may name itself; who does not is called like its socket.

use std::sync::Arc;

use serde::Serialize;
use serde_json::json;
use uringcast_proto::pusher::auth::sign_user;
use uringcast_shard::app::{App, AppKey};

use super::jwt::Claims;
use crate::answer::HttpAnswer;
use crate::zintrust::ZinTrustError;

/// A connection whose user is to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signin {
    pub(super) app: Arc<App>,
    pub(super) key: AppKey,
    pub(super) socket_id: String,
    /// The user as JSON: what the client says, until somebody knows better.
    pub(super) user_data: Option<String>,
}

/// A user that is signed.
#[derive(Debug, Serialize)]
struct Grant<'a> {
    auth: &'a str,
    user_data: &'a str,
}

impl Signin {
    /// As anybody: who the client says, or one like no other.
    pub(super) fn with_anybody(mut self) -> Self {
        let socket_id = &self.socket_id;
        self.user_data.get_or_insert_with(|| json!({ "id": socket_id }).to_string());
        self
    }

    /// As the user of a token, whom the client may not name otherwise.
    pub(super) fn with_claims(mut self, claims: &Claims) -> Result<Self, ZinTrustError> {
        let mut user = json!({ "id": claims.user_id().ok_or(ZinTrustError::Forbidden)? });
        for (name, value) in [("user_info", &claims.user_info), ("watchlist", &claims.watchlist)] {
            if let Some(value) = value {
                user[name] = value.clone();
            }
        }
        self.user_data = Some(user.to_string());
        Ok(self)
    }

    /// The answer, with `auth` if somebody else has signed; `None` if nobody has said who it is.
    pub(super) fn signed(&self, auth: Option<&str>) -> Option<HttpAnswer> {
        let user_data = self.user_data.as_deref()?;
        let AppKey { key, secret } = &self.key;
        let own = || sign_user(key, secret, &self.socket_id, user_data);
        let auth = auth.map_or_else(own, str::to_owned);
        Some(HttpAnswer::zintrust(200, &Grant { auth: &auth, user_data }))
    }
}
