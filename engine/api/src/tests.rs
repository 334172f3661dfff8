//! Requests in, actions or refusals out.

mod broadcasting;
mod head;
mod once;
mod publish;
mod read;
mod world;
mod zintrust;

use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue};
use uringcast_proto::pusher::signature::{Credentials, sign_request};
use uringcast_shard::app::{App, AppPolicy, Apps, HistoryRule};
use uringcast_shard::id::{AppIndex, CoreId, SocketId};

use super::broadcasting::Signing;
use super::endpoint::{Action, route};
use super::publish::{Encoded, Publication, Tell};
use super::publishing::{Publish, Publishing};
use super::zintrust::Review;
use super::*;

const CREDENTIALS: Credentials<'_> = Credentials { key: "key-a", secret: "secret-a" };
const APP: AppIndex = AppIndex(1);
const NOW_UNIX_S: u64 = 1_700_000_000;

fn apps() -> Apps {
    let history = vec![HistoryRule::new("kept-*")];
    let one = App { history, ..App::new("a", "key-a", "secret-a") };
    Apps::new(vec![App::new("b", "key-b", "secret-b"), one]).unwrap()
}

/// Sign and run one request as of [`NOW_UNIX_S`].
fn run(
    method: &str,
    path: &str,
    parameters: &[(&str, &str)],
    body: &str,
) -> Result<Action, ApiError> {
    let query = sign_request(method, path, parameters, body.as_bytes(), CREDENTIALS, NOW_UNIX_S);
    run_signed(method, path, &query, body)
}

fn run_signed(method: &str, path: &str, query: &str, body: &str) -> Result<Action, ApiError> {
    run_with(&apps(), &HeaderMap::new(), method, path, query, body)
}

fn run_with(
    apps: &Apps,
    headers: &HeaderMap,
    method: &str,
    path: &str,
    query: &str,
    body: &str,
) -> Result<Action, ApiError> {
    let config = ApiConfig::default();
    let content_length = Some(body.len() as u64);
    let head = Head { method, path, query, content_length, headers };
    route(apps, &config, &head, NOW_UNIX_S)?.finish(&config, &body.to_owned().into())
}

fn publish(body: &str) -> Result<Action, ApiError> {
    run("POST", "/apps/a/events", &[], body)
}

fn publish_batch(events: &[String]) -> Result<Action, ApiError> {
    let body = format!(r#"{{"batch":[{}]}}"#, events.join(","));
    run("POST", "/apps/a/batch_events", &[], &body)
}

fn get(path: &str, parameters: &[(&str, &str)]) -> Result<Action, ApiError> {
    run("GET", path, parameters, "")
}

fn check_refused(result: Result<Action, ApiError>, status: u16, words: &str) {
    let error = result.unwrap_err();
    assert_eq!((error.status(), error.to_string().contains(words)), (status, true), "{error}");
}

fn published(result: Result<Action, ApiError>) -> Publish {
    match publishing(result) {
        Publishing::Now(publish) => publish,
        other @ Publishing::Review(_) => panic!("no publish: {other:?}"),
    }
}

fn publishing(result: Result<Action, ApiError>) -> Publishing {
    match result.unwrap() {
        Action::Events(publishing)
        | Action::BatchEvents(publishing)
        | Action::ChannelEvents(publishing) => publishing,
        other => panic!("no publish: {other:?}"),
    }
}

fn reviewed(result: Result<Action, ApiError>) -> Review {
    match publishing(result) {
        Publishing::Review(review) => *review,
        other @ Publishing::Now(_) => panic!("it is not reviewed: {other:?}"),
    }
}

fn signing(result: Result<Action, ApiError>) -> Signing {
    match result.unwrap() {
        Action::Auth(signing) | Action::UserAuth(signing) => signing,
        other => panic!("nothing is signed: {other:?}"),
    }
}

fn publications(result: Result<Action, ApiError>) -> Vec<Publication> {
    published(result).publications
}

/// The payload of a short frame.
fn payload(publication: &Publication) -> &str {
    let Encoded::Frame(frame) = &publication.event else { panic!("an event of a log") };
    std::str::from_utf8(&frame[2..]).unwrap()
}

fn event_json(name: &str, channel: &str, data: &str) -> String {
    format!(r#"{{"name":"{name}","channel":"{channel}","data":"{data}"}}"#)
}
