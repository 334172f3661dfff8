//! Plain HTTP: the API on the public port, the metrics on theirs.
//!
//! hyper reads requests and writes responses; what they mean is decided in [`crate::rest`] without
//! any I/O. A request that is refused by its head is refused before its body is read.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};

use super::core::Core;
use super::http_stream::HttpStream;
use super::pace::Pace;
use super::socket::Socket;
use crate::id::ConnId;
use crate::metrics;
use crate::rest::{self, Action, Answer, Head, Info, RestError};
use crate::shard::{self, ChannelName, Publication, Query, Refusal};

/// Requests that one connection may have answered within a turn: it may send many at once.
const EAGER_REQUESTS_MAX: u16 = 64;

/// What a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Clients and the HTTP API.
    Public,
    /// Prometheus.
    Metrics,
    /// The conformance suite.
    Echo,
}

/// Serve requests on `socket` until it ends; `early` was read from it before.
pub(super) async fn serve(
    core: Rc<Core>,
    conn: ConnId,
    socket: Rc<Socket>,
    purpose: Purpose,
    early: Vec<u8>,
) {
    let config = &core.setup.config.http;
    let request_ms = u64::from(config.request_timeout_s) * 1_000;
    let idle_ms = u64::from(config.idle_timeout_s) * 1_000;
    core.with_shard(|shard| shard.serve_http(conn, request_ms, true));
    let pace = RefCell::new(Pace::new(EAGER_REQUESTS_MAX));
    let service = service_fn(|request| {
        let core = Rc::clone(&core);
        let pause = pace.borrow_mut().step(core.turn());
        async move {
            if let Some(pause) = pause {
                pause.await;
            }
            let _open = core.open_request();
            core.with_shard(|shard| shard.serve_http(conn, request_ms, true));
            let mut response = respond(&core, purpose, request).await;
            if core.is_draining() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            core.with_shard(|shard| shard.serve_http(conn, idle_ms, false));
            Ok::<_, Infallible>(response)
        }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .max_buf_size(config.head_bytes_max.max(8 * 1024) as usize)
        .serve_connection(HttpStream::new(socket, early.into()), service)
        .await;
    if served.is_err_and(|error| error.is_parse_too_large()) {
        core.count(|counters| counters.refuse(Refusal::HeadBytes));
    }
}

async fn respond(
    core: &Rc<Core>,
    purpose: Purpose,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    match purpose {
        Purpose::Public => public(core, request).await,
        Purpose::Metrics if request.uri().path() == "/metrics" => {
            let ticket = core.with_shard(|shard| shard.query(&Query::Counters));
            let shard::Answer::Counters(cores) = core.answer(ticket).await else {
                unreachable!("counters were asked for");
            };
            text(
                StatusCode::OK,
                metrics::CONTENT_TYPE,
                metrics::render(cores, core.notices.counters()).into(),
            )
        }
        Purpose::Metrics | Purpose::Echo => {
            text(StatusCode::NOT_FOUND, "text/plain", Bytes::from_static(b"Not Found\n"))
        }
    }
}

/// One request to the HTTP API.
async fn public(core: &Rc<Core>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    match answer(core, request).await {
        Ok(answer) => respond_with(answer),
        Err(error) => {
            core.count(|counters| counters.refuse(refusal(&error)));
            respond_with(Answer::refused(&error))
        }
    }
}

async fn answer(core: &Rc<Core>, request: Request<Incoming>) -> Result<Answer, RestError> {
    let setup = &core.setup;
    let (parts, body) = request.into_parts();
    let head = Head {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or(""),
        content_length: body.size_hint().exact(),
    };
    let route = rest::route(&core.apps(), &setup.rest, &head, now_unix_s())?;
    let body = read_body(body, setup.rest.body_bytes_max).await?;
    carry_out(core, route.finish(&setup.rest, &body)?).await
}

async fn read_body(body: Incoming, bytes_max: usize) -> Result<Bytes, RestError> {
    match Limited::new(body, bytes_max).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(RestError::BodyLength { bytes_max }),
        Err(_) => Err(RestError::BodyIncomplete),
    }
}

async fn carry_out(core: &Rc<Core>, action: Action) -> Result<Answer, RestError> {
    let name = |app, channel: &str| {
        core.ask(|shard| ChannelName::new(app, channel, shard.config().hash_seed))
    };
    match action {
        Action::Up => Ok(Answer::up()),
        Action::Publish(publications) => publish(core, publications).await,
        Action::Channels { app, prefix, info } => {
            let prefix = prefix.unwrap_or_default().into();
            let channels = channels(core, Query::Channels { app, prefix }).await;
            Ok(Answer::channels(channels, info))
        }
        Action::Channel { app, channel, info } => {
            let channels = channels(core, Query::Channel(name(app, &channel))).await;
            Ok(one_channel(channel, &channels, info))
        }
        Action::Users { app, channel } => {
            let query = Query::Users(name(app, &channel));
            let ticket = core.with_shard(|shard| shard.query(&query));
            let shard::Answer::Users(users) = core.answer(ticket).await else {
                unreachable!("users were asked for");
            };
            Ok(Answer::users(&users.iter().map(ToString::to_string).collect::<Vec<_>>()))
        }
        Action::Terminate { app, user_id } => {
            let query = Query::Terminate { app, user_id: user_id.into() };
            let ticket = core.with_shard(|shard| shard.query(&query));
            core.answer(ticket).await;
            Ok(Answer::terminated())
        }
    }
}

async fn publish(
    core: &Rc<Core>,
    publications: Vec<rest::Publication>,
) -> Result<Answer, RestError> {
    if publications.is_empty() {
        return Ok(Answer::published());
    }
    if core.is_backlogged() {
        return Err(RestError::Overloaded);
    }
    let ticket = core.with_shard(|shard| {
        let seed = shard.config().hash_seed;
        let publications = publications.into_iter().map(|it| Publication {
            channel: ChannelName::new(it.app, &it.channel, seed),
            frame: it.frame,
            skip: it.skip,
        });
        shard.publish(publications.collect())
    });
    core.answer(ticket).await;
    Ok(Answer::published())
}

async fn channels(core: &Rc<Core>, query: Query) -> Vec<rest::ChannelInfo> {
    let ticket = core.with_shard(|shard| shard.query(&query));
    let shard::Answer::Channels(channels) = core.answer(ticket).await else {
        unreachable!("channels were asked for");
    };
    let channels = channels.into_iter().map(|it| rest::ChannelInfo {
        name: it.name.to_string(),
        subscription_count: it.subscription_count,
        user_count: it.user_count,
    });
    channels.collect()
}

fn one_channel(name: String, found: &[rest::ChannelInfo], info: Info) -> Answer {
    let vacant = rest::ChannelInfo { name, subscription_count: 0, user_count: None };
    Answer::channel(found.first().unwrap_or(&vacant), info)
}

/// What a refused request counts as.
fn refusal(error: &RestError) -> Refusal {
    match error {
        RestError::PathUnknown
        | RestError::AppUnknown
        | RestError::Method { .. }
        | RestError::UpgradeRequired => Refusal::Route,
        RestError::Signature(_) | RestError::OtherApp => Refusal::Signature,
        RestError::BodyLength { .. } => Refusal::BodyBytes,
        RestError::DataLength { .. } => Refusal::EventDataBytes,
        RestError::ChannelName(_)
        | RestError::ChannelNameLength { .. }
        | RestError::EventNameEmpty
        | RestError::EventNameLength { .. } => Refusal::ChannelName,
        RestError::Overloaded => Refusal::MailboxBytes,
        RestError::Body(_)
        | RestError::BodyIncomplete
        | RestError::PathEncoding
        | RestError::SocketId(_)
        | RestError::ChannelsCount { .. }
        | RestError::BatchCount { .. }
        | RestError::UserIdLength { .. }
        | RestError::NotPresence => Refusal::Request,
    }
}

fn respond_with(answer: Answer) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(answer.status).expect("our own statuses are valid");
    let mut response = text(status, "application/json", answer.body);
    if let Some(allow) = answer.allow {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    }
    response
}

fn text(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn now_unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
