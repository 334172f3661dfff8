//! Plain HTTP: the API on the public port, the metrics on theirs.
//!
//! hyper reads requests and writes responses; what they mean is decided in [`crate::rest`] without
//! any I/O. A request that is refused by its head is refused before its body is read. What is then
//! done is in [`action`], what the operator may ask in [`operator`].

mod action;
mod append;
mod consult;
mod operator;
mod publish;
mod refusal;
mod zps;

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::request::Parts;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};

use super::core::Core;
use super::http_stream::HttpStream;
use super::pace::Pace;
use super::socket::{More, Socket};
use super::stream;
use crate::id::ConnId;
use crate::rest::{self, Answer, Head, RestError};
use crate::shard::Refusal;

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

/// Serve requests on `socket` until it ends, or one if it came beyond the limit; `early` was read
/// from it before.
pub(super) async fn serve(
    core: Rc<Core>,
    (conn, socket): (ConnId, Rc<Socket>),
    (purpose, is_turned_away): (Purpose, bool),
    early: Vec<u8>,
) {
    let config = &core.setup.config.http;
    let request_ms = u64::from(config.request_timeout_s) * 1_000;
    let idle_ms = u64::from(config.idle_timeout_s) * 1_000;
    core.with_shard(|shard| shard.serve_http(conn, request_ms, true));
    let Some(stream) = HttpStream::new(&core, conn, socket, early.into()) else { return };
    let (more, passage) = (stream.more(), stream.passage());
    let pace = RefCell::new(Pace::new(EAGER_REQUESTS_MAX));
    let service = service_fn(|request| {
        let (core, more) = (Rc::clone(&core), Rc::clone(&more));
        let pause = pace.borrow_mut().step(core.turn());
        async move {
            if let Some(pause) = pause {
                pause.await;
            }
            let _open = core.open_request();
            core.with_shard(|shard| shard.serve_http(conn, request_ms, true));
            let mut response = unless_over(&more, respond(&core, purpose, request)).await?;
            if core.is_draining() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            core.with_shard(|shard| shard.serve_http(conn, idle_ms, false));
            Ok::<_, io::Error>(response)
        }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .max_buf_size(config.head_bytes_max.max(8 * 1024) as usize)
        .keep_alive(!is_turned_away) // There is little room for those; others have theirs.
        .half_close(true) // Who says that no more requests follow still waits for the answer.
        .serve_connection(stream, service)
        .await;
    if served.is_err_and(|error| error.is_parse_too_large()) {
        core.count(|counters| counters.refuse(Refusal::HeadBytes));
    }
    // An error's answer may still be on its way, and the socket is ended next.
    let _ = poll_fn(|context| passage.poll_free(context)).await;
}

/// What `work` comes to, unless its socket is broken or cut before: by its peer, or because the
/// request took too long. Without this a request would wait on for an answer that nobody gets.
async fn unless_over<T>(more: &More, work: impl Future<Output = T>) -> io::Result<T> {
    let mut work = pin!(work);
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Ok(done)),
        Poll::Pending => {
            more.over.poll_wait(context).map(|()| Err(io::ErrorKind::ConnectionAborted.into()))
        }
    })
    .await
}

async fn respond(
    core: &Rc<Core>,
    purpose: Purpose,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    match purpose {
        Purpose::Public => public(core, request).await,
        Purpose::Metrics => operator::respond(core, request.uri().path()).await,
        Purpose::Echo => not_found(),
    }
}

/// One request to the HTTP API.
async fn public(core: &Rc<Core>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let cors = core.setup.rest.cors_origins.check(&head(&parts, &body));
    let answer = match cors.preflight() {
        preflight if stream::is_asked(core, parts.uri.path()) => {
            Answer::stream_elsewhere(preflight, &head(&parts, &body))
        }
        Some(answer) => answer,
        None => answer(core, &parts, body).await.unwrap_or_else(|error| {
            if let Some(refusal) = refusal::counted_as(&error) {
                core.count(|counters| counters.refuse(refusal));
            }
            Answer::refused(&error)
        }),
    };
    respond_with(answer, cors.headers())
}

async fn answer(core: &Rc<Core>, parts: &Parts, body: Incoming) -> Result<Answer, RestError> {
    let setup = &core.setup;
    let route = rest::route(&core.apps(), &setup.rest, &head(parts, &body), now_unix_s())?;
    let body = read_body(body, route.body_bytes_max(&setup.rest)).await?;
    action::carry_out(core, route.finish(&setup.rest, &body)?).await
}

fn head<'a>(parts: &'a Parts, body: &Incoming) -> Head<'a> {
    Head {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or(""),
        content_length: body.size_hint().exact(),
        headers: &parts.headers,
    }
}

async fn read_body(body: Incoming, bytes_max: usize) -> Result<Bytes, RestError> {
    match Limited::new(body, bytes_max).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(RestError::BodyLength { bytes_max }),
        Err(_) => Err(RestError::BodyIncomplete),
    }
}

fn respond_with(answer: Answer, more: Vec<(HeaderName, HeaderValue)>) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(answer.status).expect("our own statuses are valid");
    let mut headers = HeaderMap::with_capacity(1 + answer.headers.len() + more.len());
    headers.extend(answer.headers.into_iter().chain(more));
    if status != StatusCode::NO_CONTENT {
        let content_type = headers.entry(CONTENT_TYPE);
        content_type.or_insert(HeaderValue::from_static("application/json"));
    }
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn text(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn not_found() -> Response<Full<Bytes>> {
    text(StatusCode::NOT_FOUND, "text/plain", Bytes::from_static(b"Not Found\n"))
}

fn now_unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::task::{Context, Waker};

    use super::*;

    #[test]
    fn work_ends_with_its_socket_and_not_before() {
        let more = More::default();
        let mut waiting = pin!(unless_over(&more, pending::<()>()));
        let mut context = Context::from_waker(Waker::noop());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        more.came.raise();
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        more.over.raise();
        let Poll::Ready(Err(error)) = waiting.poll(&mut context) else { panic!("it goes on") };
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    }

    #[test]
    fn what_is_done_already_counts_though_the_socket_is_over() {
        let more = More::default();
        more.over.raise();
        let done = pin!(unless_over(&more, ready(1)));
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(done.poll(&mut context), Poll::Ready(Ok(1))));
    }
}
