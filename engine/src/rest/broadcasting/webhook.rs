//! Asking the application's own server whether a user may subscribe.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::answer::Answer;
use super::super::error::RestError;
use super::super::zintrust::ZinTrustError;
use super::Grant;
use super::caller::Subscription;

/// A subscription that the app's server decides about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    url: String,
    subscription: Subscription,
    credentials: Vec<(String, String)>,
}

impl Question {
    /// About `subscription`, of a client with these `credentials`, to the server at `url`.
    pub(super) const fn new(
        url: String,
        subscription: Subscription,
        credentials: Vec<(String, String)>,
    ) -> Self {
        Self { url, subscription, credentials }
    }

    /// Where to ask.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The client's own `Authorization` and `Cookie`, which the app's server knows its users by.
    pub fn headers(&self) -> Vec<(String, String)> {
        self.credentials.clone()
    }

    /// What is asked, as JSON.
    pub fn body(&self) -> Bytes {
        #[derive(Serialize)]
        struct Body<'a> {
            socket_id: &'a str,
            channel_name: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            channel_data: Option<&'a str>,
        }
        let Subscription { socket_id, channel, channel_data, .. } = &self.subscription;
        let channel_data = channel_data.as_deref();
        let body = Body { socket_id, channel_name: channel, channel_data };
        serde_json::to_vec(&body).expect("text always has a JSON form").into()
    }

    /// What the client gets after the `answer`, a status and a body; `None` if there was none.
    ///
    /// The server allows by `authorized` or by an `auth` of its own, and may rewrite the data.
    pub fn decide(mut self, answer: Option<(u16, &[u8])>) -> Result<Answer, RestError> {
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
        if let Some(data) = verdict.channel_data {
            self.subscription.channel_data = Some(text(&data));
        }
        let channel_data = self.subscription.channel_data.as_deref();
        Ok(match verdict.auth {
            Some(auth) => Grant { auth, channel_data }.answer(),
            None => self.subscription.grant().answer(),
        })
    }
}

#[derive(Deserialize)]
struct Verdict {
    authorized: Option<bool>,
    auth: Option<String>,
    /// A string, or what it would be the text of.
    #[serde(alias = "channelData")]
    channel_data: Option<Box<RawValue>>,
}

fn text(data: &RawValue) -> String {
    serde_json::from_str(data.get()).unwrap_or_else(|_| data.get().to_owned())
}
