//! Asking an app's own server before an event is published: may it be, and as it is?
//!
//! The policy is shown what the publisher wants and answers
//! `{allowed, channels?, event?, data?, socketId?, statusCode?, message?}`. What it rewrites is
//! checked like the original. Whatever is not clearly allowed is not published.

use std::slice;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uringcast_shard::app::App;

use super::draft::ZinTrustDraft;
use super::error::ZinTrustError;
use crate::error::ApiError;
use crate::publish::Tell;
use crate::publishing::Publish;

/// A publish that waits for its app's policy, which judges each of its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Review {
    app: Arc<App>,
    url: String,
    drafts: Drafts,
    /// What is published if the policy changes nothing.
    publish: Publish,
}

/// What a publish was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Drafts {
    /// One event, for any number of channels.
    One(ZinTrustDraft),
    /// Several, each for one channel and one publication.
    Batch(Vec<ZinTrustDraft>),
}

impl Drafts {
    fn as_slice(&self) -> &[ZinTrustDraft] {
        match self {
            Self::One(draft) => slice::from_ref(draft),
            Self::Batch(drafts) => drafts,
        }
    }
}

/// The status and the body of a policy's answer; `None` if there was none.
pub(crate) type PolicyAnswer<'a> = Option<(u16, &'a [u8])>;

impl Review {
    /// Of `publish`, which was made of `drafts`, at the app's `url`.
    pub(crate) fn new(app: Arc<App>, url: String, drafts: Drafts, publish: Publish) -> Self {
        Self { app, url, drafts, publish }
    }

    /// Where the policy is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What it is sent, as JSON: a question for each event, in their order.
    pub(crate) fn questions(&self) -> Vec<Bytes> {
        self.drafts.as_slice().iter().map(|draft| question(&self.app, draft)).collect()
    }

    /// Whether `answer` lets its event through, as it is or rewritten: then it is worth while to
    /// ask about the next one.
    pub(crate) fn is_allowed(answer: PolicyAnswer<'_>) -> bool {
        Verdict::of(answer).is_ok()
    }

    /// What is to be published after the policy's `answers`, in the order of the questions. The
    /// first event that is not let through decides for all: then nothing is published. Where an
    /// answer is missing, none of a later question counts.
    pub(crate) fn decide<'a>(
        self,
        answers: impl IntoIterator<Item = PolicyAnswer<'a>>,
    ) -> Result<Publish, ApiError> {
        let mut answers = answers.into_iter();
        let Self { app, drafts, mut publish, .. } = self;
        let mut next = || Verdict::of(answers.next().flatten());
        match drafts {
            Drafts::One(draft) => {
                if let Some(draft) = next()?.rewrite(draft)? {
                    (publish.publications, publish.tell) = draft.publish(&app)?;
                }
            }
            Drafts::Batch(drafts) => {
                let rewritten = drafts.into_iter().map(|draft| next()?.rewrite(draft));
                let rewritten = rewritten.collect::<Result<Vec<_>, _>>()?;
                rewrite_batch(&app, &mut publish, rewritten)?;
            }
        }
        Ok(publish)
    }
}

/// Put the events that the policy has rewritten into their places in a batch.
fn rewrite_batch(
    app: &App,
    publish: &mut Publish,
    rewritten: Vec<Option<ZinTrustDraft>>,
) -> Result<(), ApiError> {
    let before = std::mem::take(&mut publish.publications);
    assert_eq!(before.len(), rewritten.len(), "each event of a batch is one publication");
    for (index, (publication, draft)) in before.into_iter().zip(rewritten).enumerate() {
        if let Tell::Batch(infos) = &mut publish.tell {
            infos[index].0 = publish.publications.len() as u32;
        }
        match draft {
            None => publish.publications.push(publication),
            Some(draft) => publish.publications.extend(draft.publish(app)?.0),
        }
    }
    Ok(())
}

fn question(app: &App, draft: &ZinTrustDraft) -> Bytes {
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
    let ZinTrustDraft { name, data_json, channels, socket_id, .. } = draft;
    let question = Question {
        app_id: &app.id,
        channels,
        event: name,
        data: serde_json::from_str(data_json).expect("it was one JSON token when it came"),
        socket_id: socket_id.as_deref(),
        user: (),
    };
    serde_json::to_vec(&question).expect("text always has a JSON form").into()
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
    /// What the policy says, if it lets the event through.
    fn of(answer: PolicyAnswer<'_>) -> Result<Self, ZinTrustError> {
        let Some((200..=299, body)) = answer else {
            return Err(ZinTrustError::PolicyUnavailable);
        };
        let verdict: Self =
            serde_json::from_slice(body).map_err(|_| ZinTrustError::PolicyUnavailable)?;
        if verdict.allowed { Ok(verdict) } else { Err(verdict.refusal()) }
    }

    fn refusal(self) -> ZinTrustError {
        let status = self.status_code.filter(|status| (400..=599).contains(status));
        let message = self.message.filter(|message| !message.is_empty());
        ZinTrustError::PolicyRefused {
            status: status.unwrap_or(403),
            message: message.unwrap_or_else(|| "Forbidden".to_owned()),
        }
    }

    /// The draft as the policy wants it, `None` if it has nothing to change.
    fn rewrite(self, mut draft: ZinTrustDraft) -> Result<Option<ZinTrustDraft>, ZinTrustError> {
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
