//! From a request's head to what it asks for, and on with its body.
//!
//! The order in which a request is refused: path 404, method 405, app 404, sender 401 or 403,
//! announced length 413, what the head asks for 400, then the body 413, 401 and 400.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;
use http::HeaderMap;
use uringcast_proto::pusher::rest::{BatchBody, PublishBody};
use uringcast_proto::pusher::signature::Query;

use super::action::{Action, Publish};
use super::authenticate::Authenticated;
use super::broadcasting::{self, Caller};
use super::config::RestConfig;
use super::error::RestError;
use super::once;
use super::publish::{publish, publish_batch, publish_to_channel};
use super::resource::{READ, Resource, Target, WRITE, decode};
use super::socket_path;
use super::zintrust::{Draft, Drafts, Review, ZinTrustError, sent_secret};
use super::zps;
use crate::app::Apps;
use crate::shard::{IdempotencyKey, Once};

/// What is known of a request before its body is read.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// In upper case, as it stands in the request line.
    pub method: &'a str,
    /// As it stands in the request line, without the query: what is signed.
    pub path: &'a str,
    /// What follows the `?`, or empty.
    pub query: &'a str,
    /// The announced length of the body; `None` when there is none or it comes in chunks.
    pub content_length: Option<u64>,
    /// All headers.
    pub headers: &'a HeaderMap,
}

/// A request whose head is accepted. Its body decides the rest.
#[derive(Clone, Debug)]
#[must_use = "the request is not carried out yet"]
pub struct Route(Stage);

#[derive(Clone, Debug)]
enum Stage {
    /// Anybody may ask, whatever the body is.
    Open(Action),
    /// A client asks for a signature.
    Authorize(Caller),
    /// The app's own server asks.
    Own { sender: Authenticated, target: Target, once: Option<Named> },
    /// The app's own server asks in the words of zero-pub-sub's cloud.
    Zps(zps::Asked),
}

/// What the head says about sending a publish again.
#[derive(Clone, Debug)]
struct Named {
    /// The key in the headers.
    header: Option<String>,
    /// Tells this path and query, where they say what to publish, from others.
    salt: u64,
}

/// Accept or refuse a request by its head: path, method, app, sender, announced length.
pub fn route(
    apps: &Apps,
    config: &RestConfig,
    head: &Head<'_>,
    now_unix_s: u64,
) -> Result<Route, RestError> {
    if let Some(action) = open_action(head.path) {
        check_method(head, READ)?;
        check_length(config.body_bytes_max, head.content_length)?;
        return Ok(Route(Stage::Open(action)));
    }
    if let Some(error) = socket_path::refusal(apps, &config.socket_path, head.path) {
        return Err(error);
    }
    if [broadcasting::PATH, broadcasting::USER_PATH].contains(&head.path) {
        check_method(head, WRITE)?;
        let route = Route(Stage::Authorize(Caller::new(apps, head, now_unix_s)?));
        check_length(route.body_bytes_max(config), head.content_length)?;
        return Ok(route);
    }
    if let Some(resource) = zps::Resource::parse(head.path) {
        check_method(head, resource.allow())?;
        let asked = zps::Asked::new(apps, resource, head)?;
        check_length(config.body_bytes_max, head.content_length)?;
        return Ok(Route(Stage::Zps(asked)));
    }
    let rest = head.path.strip_prefix("/apps/").ok_or(RestError::PathUnknown)?;
    let (id, resource) = rest.split_once('/').ok_or(RestError::PathUnknown)?;
    let resource = Resource::parse(resource)?;
    check_method(head, resource.allow())?;
    let index = apps.by_id(&decode(id)?);
    let query = Query::parse(head.query);
    if let (Resource::Events, Ok(query)) = (resource, &query)
        && let Some(secret) = sent_secret(head.headers, query)
    {
        let index = index.ok_or(ZinTrustError::AppUnknown)?;
        let sender = Authenticated::by_secret(apps, index, secret)?;
        return accept(config, head, query, sender, Target::ZinTrustEvents);
    }
    let (index, query) = (index.ok_or(RestError::AppUnknown)?, query?);
    let sender = Authenticated::by_signature(apps, index, head, &query, now_unix_s)?;
    check_length(config.body_bytes_max, head.content_length)?;
    let target = resource.target(index, &sender.app, &query)?;
    accept(config, head, &query, sender, target)
}

/// The route of a request whose sender may act for the app.
fn accept(
    config: &RestConfig,
    head: &Head<'_>,
    query: &Query<'_>,
    sender: Authenticated,
    target: Target,
) -> Result<Route, RestError> {
    check_length(config.body_bytes_max, head.content_length)?;
    let is_once = target.is_publish() && sender.app.policy.idempotency_window_s > 0;
    let once = if is_once { Some(named(head, query)?) } else { None };
    Ok(Route(Stage::Own { sender, target, once }))
}

impl Route {
    /// Bytes that its body may have.
    pub const fn body_bytes_max(&self, config: &RestConfig) -> usize {
        match &self.0 {
            Stage::Authorize(_) if config.body_bytes_max > broadcasting::BODY_BYTES_MAX => {
                broadcasting::BODY_BYTES_MAX
            }
            Stage::Authorize(_) | Stage::Open(_) | Stage::Own { .. } | Stage::Zps(_) => {
                config.body_bytes_max
            }
        }
    }

    /// Accept or refuse the request by its body, which is empty for a request without one.
    pub fn finish(self, config: &RestConfig, body: &[u8]) -> Result<Action, RestError> {
        check_length(self.body_bytes_max(config), Some(body.len() as u64))?;
        let (sender, target, named) = match self.0 {
            Stage::Open(action) => return Ok(action),
            Stage::Authorize(caller) => return caller.decide(body),
            Stage::Zps(asked) => return asked.finish(&config.zps, body).map(Action::Zps),
            Stage::Own { sender, target, once } => (sender, target, once),
        };
        sender.check_body(body)?;
        let url = sender.app.publish_policy_url.as_ref();
        let ((publications, reply), id, drafts) = match target {
            Target::Action(action) => return Ok(action),
            Target::Events => {
                let body = PublishBody::parse(body)?;
                let draft = url.map(|_| Drafts::One(Draft::of_pusher(&body)));
                (publish(&sender.app, &body)?, body.id, draft)
            }
            Target::ZinTrustEvents => {
                let draft = Draft::of_zintrust(body)?;
                (draft.publish(&sender.app)?, None, Some(Drafts::One(draft)))
            }
            Target::BatchEvents => {
                let body = BatchBody::parse(body)?;
                let drafts = url.map(|_| body.events.iter().map(Draft::of_batch).collect());
                (publish_batch(&sender.app, &body)?, body.id, drafts.map(Drafts::Batch))
            }
            Target::ChannelEvents(event) => {
                let draft = url.map(|_| Draft::of_channel(&event, body)).transpose()?;
                (publish_to_channel(&sender.app, &event, body)?, None, draft.map(Drafts::One))
            }
        };
        let app = sender.index;
        let once = match named {
            Some(Named { header, salt }) => {
                let key = once::key(header.as_deref(), id.as_deref())?;
                let fingerprint = FixedState::with_seed(salt).hash_one(body);
                key.map(|text| Once { key: IdempotencyKey { app, text }, fingerprint })
            }
            None => None,
        };
        let publish = Publish { app, publications, reply, once };
        Ok(match url.cloned().zip(drafts) {
            Some((url, drafts)) => {
                let app = Arc::clone(&sender.app);
                Action::Review(Box::new(Review::new(app, url, drafts, publish)))
            }
            None => Action::Publish(publish),
        })
    }
}

/// What anybody may ask at `path`.
fn open_action(path: &str) -> Option<Action> {
    match path {
        "/up" => Some(Action::Up),
        "/ready" => Some(Action::Ready),
        _ => None,
    }
}

/// The headers that name a publish: the field that is about to be a standard, and the one that
/// Sockudo reads.
const KEY_HEADERS: [&str; 2] = ["idempotency-key", "x-idempotency-key"];

fn named(head: &Head<'_>, query: &Query<'_>) -> Result<Named, RestError> {
    let header = KEY_HEADERS.into_iter().find_map(|name| head.headers.get(name));
    let header = header.map(|value| value.to_str().map(str::to_owned)).transpose();
    let header = header.map_err(|_| RestError::IdempotencyKeyEncoding)?;
    let salt = FixedState::default().hash_one((head.path, query.value("name")));
    Ok(Named { header, salt })
}

fn check_method(head: &Head<'_>, allow: &'static str) -> Result<(), RestError> {
    let is_allowed = allow.split(", ").any(|method| method == head.method);
    if is_allowed { Ok(()) } else { Err(RestError::Method { allow }) }
}

fn check_length(bytes_max: usize, bytes: Option<u64>) -> Result<(), RestError> {
    match bytes {
        Some(bytes) if bytes > bytes_max as u64 => Err(RestError::BodyLength { bytes_max }),
        Some(_) | None => Ok(()),
    }
}
