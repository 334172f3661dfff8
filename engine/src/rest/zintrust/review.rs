//! Asking an app's own server before an event is published: may it be, and as it is?
//!
//! The policy is shown what the publisher wants and answers
//! `{allowed, channels?, event?, data?, socketId?, statusCode?, message?}`. What it rewrites is
//! checked like the original. Whatever is not clearly allowed is not published.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::action::Publish;
use super::super::error::RestError;
use super::draft::Draft;
use super::error::ZinTrustError;
use crate::app::App;

/// A publish that waits for its app's policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    app: Arc<App>,
    url: String,
    draft: Draft,
    /// What is published if the policy changes nothing.
    publish: Publish,
}

impl Review {
    /// Of `publish`, which was made of `draft`, at the app's `url`.
    pub(in super::super) fn new(
        app: Arc<App>,
        url: String,
        draft: Draft,
        publish: Publish,
    ) -> Self {
        Self { app, url, draft, publish }
    }

    /// Where the policy is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it is sent, as JSON.
    pub fn question(&self) -> Bytes {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Question<'a> {
            app_id: &'a str,
            channels: &'a [String],
            event: &'a str,
            data: &'a RawValue,
            socket_id: Option<&'a str>,
            /// ZinTrust's policies expect the field; a server that publishes is no user.
            user: (),
        }
        let Draft { name, data_json, channels, socket_id, .. } = &self.draft;
        let question = Question {
            app_id: &self.app.id,
            channels,
            event: name,
            data: serde_json::from_str(data_json).expect("it was one JSON token when it came"),
            socket_id: socket_id.as_deref(),
            user: (),
        };
        serde_json::to_vec(&question).expect("text always has a JSON form").into()
    }

    /// What is to be published after the policy's `answer`, a status and a body; `None` if there
    /// was none.
    pub fn decide(self, answer: Option<(u16, &[u8])>) -> Result<Publish, RestError> {
        let Some((200..=299, body)) = answer else {
            return Err(ZinTrustError::PolicyUnavailable.into());
        };
        let verdict: Verdict =
            serde_json::from_slice(body).map_err(|_| ZinTrustError::PolicyUnavailable)?;
        if !verdict.allowed {
            return Err(verdict.refusal().into());
        }
        let Self { app, draft, mut publish, .. } = self;
        if let Some(draft) = verdict.rewrite(draft)? {
            (publish.publications, publish.reply) = draft.publish(&app)?;
        }
        Ok(publish)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Verdict {
    allowed: bool,
    channels: Option<Vec<String>>,
    event: Option<String>,
    data: Option<Box<RawValue>>,
    socket_id: Option<String>,
    status_code: Option<u16>,
    message: Option<String>,
}

impl Verdict {
    fn refusal(self) -> ZinTrustError {
        let status = self.status_code.filter(|status| (400..=599).contains(status));
        let message = self.message.filter(|message| !message.is_empty());
        ZinTrustError::PolicyRefused {
            status: status.unwrap_or(403),
            message: message.unwrap_or_else(|| "Forbidden".to_owned()),
        }
    }

    /// The draft as the policy wants it, `None` if it has nothing to change.
    fn rewrite(self, mut draft: Draft) -> Result<Option<Draft>, ZinTrustError> {
        let before = draft.clone();
        draft.name = self.event.unwrap_or(draft.name);
        draft.channels = self.channels.unwrap_or(draft.channels);
        draft.data_json = self.data.map_or(draft.data_json, |data| data.get().to_owned());
        draft.socket_id = self.socket_id.or(draft.socket_id);
        if draft.name.is_empty() || draft.channels.is_empty() {
            return Err(ZinTrustError::PolicyEmptied);
        }
        Ok((draft != before).then_some(draft))
    }
}
