//! Asking the application's own server whether a user may subscribe, or who the user is.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::caller::Subscription;
use super::signin::Signin;
use crate::answer::HttpAnswer;
use crate::error::ApiError;
use crate::zintrust::ZinTrustError;

/// What the app's server decides about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    url: String,
    wanted: Wanted,
    credentials: Vec<(String, String)>,
}

/// What a client wants to have signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Subscription(Subscription),
    Signin(Signin),
}

impl Question {
    /// About what is `wanted`, of a client with these `credentials`, to the server at `url`.
    pub(super) const fn new(
        url: String,
        wanted: Wanted,
        credentials: Vec<(String, String)>,
    ) -> Self {
        Self { url, wanted, credentials }
    }

    /// The URL of the server that is to be asked.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The client's own `Authorization` and `Cookie`, which the app's server knows its users by.
    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        self.credentials.clone()
    }

    /// What is asked, as JSON.
    pub(crate) fn body(&self) -> Bytes {
        #[derive(Serialize)]
        struct Body<'a> {
            socket_id: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            channel_name: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            channel_data: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            user_data: Option<&'a str>,
        }
        let body = match &self.wanted {
            Wanted::Subscription(Subscription { socket_id, channel, channel_data, .. }) => Body {
                socket_id,
                channel_name: Some(channel),
                channel_data: channel_data.as_deref(),
                user_data: None,
            },
            Wanted::Signin(Signin { socket_id, user_data, .. }) => {
                let user_data = user_data.as_deref();
                Body { socket_id, channel_name: None, channel_data: None, user_data }
            }
        };
        serde_json::to_vec(&body).expect("text always has a JSON form").into()
    }

    /// What the client gets after the `answer`, a status and a body; `None` if there was none.
    ///
    /// The server allows by `authorized` or by an `auth` of its own, and may rewrite the data.
    pub(crate) fn decide(self, answer: Option<(u16, &[u8])>) -> Result<HttpAnswer, ApiError> {
        let body = match answer {
            Some((200..=299, body)) => body,
            Some(_) => return Err(ZinTrustError::Forbidden.into()),
            None => return Err(ZinTrustError::AuthUnavailable.into()),
        };
        let verdict: Verdict =
            serde_json::from_slice(body).map_err(|_| ZinTrustError::AuthUnavailable)?;
        if !verdict.authorized.unwrap_or(verdict.auth.is_some()) {
            return Err(ZinTrustError::Forbidden.into());
        }
        let Verdict { auth, channel_data, user_data, .. } = verdict;
        match self.wanted {
            Wanted::Subscription(mut subscription) => {
                if let Some(data) = channel_data {
                    subscription.channel_data = Some(text(&data));
                }
                Ok(subscription.signed_with(auth))
            }
            Wanted::Signin(mut signin) => {
                if let Some(data) = user_data {
                    signin.user_data = Some(text(&data));
                }
                let signed = signin.signed(auth.as_deref());
                signed.ok_or_else(|| ZinTrustError::AuthUnavailable.into())
            }
        }
    }
}

#[derive(Deserialize)]
struct Verdict {
    authorized: Option<bool>,
    auth: Option<String>,
    /// A string, or what it would be the text of.
    #[serde(alias = "channelData")]
    channel_data: Option<Box<RawValue>>,
    /// The user's data: a string, or what it would be the text of.
    #[serde(alias = "userData")]
    user_data: Option<Box<RawValue>>,
}

fn text(data: &RawValue) -> String {
    serde_json::from_str(data.get()).unwrap_or_else(|_| data.get().to_owned())
}
