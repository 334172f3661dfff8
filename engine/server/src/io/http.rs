//! Plain HTTP: the API on the public port, the metrics on theirs.
//!
//! hyper reads requests and writes responses; what they mean is decided in [`crate::api`] without
//! any I/O. A request that is refused by its head is refused before its body is read: a little that
//! is left of it is read behind the answer, else the answer says that the connection ends. What the
//! operator may ask is in [`operator`].
//!
//! A request that wants a websocket or a stream is not hyper's to answer: it ends the loop here.

mod operator;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, EXPECT, HeaderName, HeaderValue, UPGRADE};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Version};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};

use super::core::Core;
use super::head_error::{self, HeadError};
use super::http_stream::HttpStream;
use super::pace::Pace;
use super::peek::{self, Wanted};
use super::sends::answer::Passage;
use super::shards::AllShards;
use super::socket::{More, Socket};
use super::stream;
use crate::api::{self, ApiError, Cors, Head, HttpAnswer};
use crate::id::ConnId;
use crate::shard::Refusal;

/// Requests that one connection may have answered within a turn: it may send many at once.
const EAGER_REQUESTS_MAX: u16 = 64;

/// The most bytes of a body that are read though nobody wants them, to keep the connection: many
/// times an ordinary publish, and nothing beside a new handshake of TCP and TLS.
const UNREAD_BYTES_MAX: u64 = 64 * 1024;

/// What a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Clients and the HTTP API.
    Public,
    /// Metrics for Prometheus.
    Metrics,
    /// Echoed messages for the conformance suite.
    Echo,
}

/// A connection with requests, and what they leave to the loop that has them served.
struct Serving {
    core: Rc<Core>,
    conn: ConnId,
    socket: Rc<Socket>,
    purpose: Purpose,
    /// Whether it came beyond the limit, and gets one answer.
    is_turned_away: bool,
    more: Rc<More>,
    /// What asks for the whole connection, once all that came before it is answered.
    wanted: RefCell<Option<Result<Wanted, HeadError>>>,
    /// The rest of a body that nobody reads: it is thrown away behind the answer.
    unread: RefCell<Option<Incoming>>,
    /// Where it stands with the next head.
    next: Cell<NextHead>,
}

/// How much of a connection's next head is here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NextHead {
    /// Nothing.
    Awaited,
    /// Something, and the rest must come in time.
    Begun,
    /// All: its request has no answer yet.
    Complete,
}

/// Serve requests on `socket` until it ends, or one if it came beyond the limit; `early` was read
/// from it before.
///
/// A request that asks for the whole connection ends this, too: it is given back, with what was
/// read behind it, when everything before it has been answered.
pub(super) async fn serve(
    core: Rc<Core>,
    (conn, socket): (ConnId, Rc<Socket>),
    (purpose, is_turned_away): (Purpose, bool),
    early: Vec<u8>,
) -> Option<(Wanted, Vec<u8>)> {
    let head_bytes_max = core.setup.config.http.head_bytes_max as usize;
    let stream = HttpStream::new(&core, conn, Rc::clone(&socket), early.into())?;
    let (more, passage) = (stream.more(), stream.passage());
    let ((wanted, unread), next) = (Default::default(), Cell::new(NextHead::Complete));
    let serving = Rc::new(Serving {
        core,
        conn,
        socket: Rc::clone(&socket),
        purpose,
        is_turned_away,
        more,
        wanted,
        unread,
        next,
    });
    serving.may_take(serving.core.setup.config.http.request_timeout_s, true);
    let pace = RefCell::new(Pace::new(EAGER_REQUESTS_MAX));
    let service = service_fn(|request| {
        let serving = Rc::clone(&serving);
        let pause = pace.borrow_mut().step(serving.core.turn());
        async move {
            if let Some(pause) = pause {
                pause.await;
            }
            serving.serve(request).await
        }
    });
    let mut connection = hyper::server::conn::http1::Builder::new()
        .max_buf_size(head_bytes_max)
        .max_header_size(head_bytes_max)
        .keep_alive(!is_turned_away) // There is little room for those; others have theirs.
        .half_close(true) // Who says that no more requests follow still waits for the answer.
        .serve_connection(stream, service);
    let served = poll_fn(|context| {
        let served = Pin::new(&mut connection).poll(context);
        serving.poll_unread(context);
        serving.time_head(&passage, context);
        let is_asked = serving.wanted.borrow().is_some() && !passage.is_partial.get();
        if served.is_pending() && is_asked { Poll::Ready(Ok(())) } else { served }
    });
    if let Err(error) = served.await
        && error.is_parse()
    {
        let is_large = error.is_parse_too_large();
        let refusal = if is_large { Refusal::HeadBytes } else { Refusal::Request };
        serving.core.count(|counters| counters.refuse(refusal));
    }
    // The last answer may still be on its way, and the socket is ended or handed over next.
    let _ = poll_fn(|context| passage.poll_free(context)).await;
    let wanted = serving.wanted.take()?;
    let parts = connection.into_parts();
    let rest = [parts.read_buf, parts.io.give_back(conn)].concat();
    match wanted {
        Ok(wanted) => Some((wanted, rest)),
        Err(error) => {
            peek::refuse(&serving.core, &socket, Refusal::Request, &error.response());
            None
        }
    }
}

impl Serving {
    /// Answer `request`, unless it is not hyper's to answer: then this never ends.
    async fn serve(&self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let (core, config) = (&self.core, &self.core.setup.config.http);
        if self.socket.is_finished() {
            return Err(io::ErrorKind::TimedOut.into()); // Its head came too late, and it was told.
        }
        self.next.set(NextHead::Complete);
        self.may_take(config.request_timeout_s, true);
        match wanted(core, &request) {
            Ok(Wanted::Http) => {}
            other => {
                self.wanted.replace(Some(other));
                return pending().await;
            }
        }
        let _open = core.open_request();
        let (parts, body) = request.into_parts();
        let mut unread = Some(body);
        let responded = respond(core, self.purpose, &parts, &mut unread);
        let mut response = unless_over(&self.more, responded).await?;
        let unread = unread.filter(|body| !body.is_end_stream());
        let is_kept = unread.as_ref().is_none_or(|body| {
            !self.is_turned_away && !asks_to_close(&parts) && is_little(&parts, body)
        });
        if core.is_draining() || !is_kept {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        } else if unread.is_some() {
            self.unread.replace(unread);
        }
        self.next.set(NextHead::Awaited);
        self.more.is_read.set(false); // It was the body.
        self.may_take(config.idle_timeout_s, false);
        Ok(response)
    }

    /// End the connection in `seconds` unless this is said again.
    fn may_take(&self, seconds: u16, is_request_open: bool) {
        let ms = u64::from(seconds) * 1_000;
        self.core.with_shard(|shard| shard.serve_http(self.conn, ms, is_request_open));
    }

    /// Give the next head its time, once something of it was read and no answer is on its way: the
    /// word that it came too late must not stand within another.
    fn time_head(&self, passage: &Passage, context: &Context<'_>) {
        if self.more.is_read.get()
            && self.next.get() == NextHead::Awaited
            && !passage.is_partial.get()
            && passage.poll_free(context).is_ready()
        {
            self.next.set(NextHead::Begun);
            self.core.with_shard(|shard| shard.expect_head(self.conn));
        }
    }

    /// Throw away what is here of a body that nobody reads.
    fn poll_unread(&self, context: &mut Context<'_>) {
        let mut unread = self.unread.borrow_mut();
        if unread.is_some() {
            self.more.is_read.set(false); // It was the body.
        }
        while let Some(body) = &mut *unread
            && let Poll::Ready(frame) = Pin::new(body).poll_frame(context)
        {
            if !matches!(frame, Some(Ok(_))) {
                *unread = None;
            }
        }
    }
}

/// What `request` asks for.
fn wanted(core: &Core, request: &Request<Incoming>) -> Result<Wanted, HeadError> {
    let (method, headers) = (request.method(), request.headers());
    let version = u8::from(request.version() >= Version::HTTP_11);
    let fields = || headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    if method != Method::GET && !headers.contains_key(UPGRADE) {
        head_error::check(version, fields())?;
        return Ok(Wanted::Http); // Publishes, nearly always.
    }
    let target = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    Wanted::by_head(&core.rules(), (method.as_str(), target, version), fields)
}

/// Whether the client wants no more of the connection than this answer.
fn asks_to_close(parts: &Parts) -> bool {
    let connection = parts.headers.get_all(CONNECTION).iter();
    let mut options = connection.filter_map(|it| it.to_str().ok()).flat_map(|it| it.split(','));
    parts.version < Version::HTTP_11 || options.any(|it| it.trim().eq_ignore_ascii_case("close"))
}

/// Whether the rest of `body` is so little that the connection is worth reading it. Who expects to
/// be told to go on may never send it.
fn is_little(parts: &Parts, body: &Incoming) -> bool {
    let is_little = body.size_hint().exact().is_some_and(|bytes| bytes <= UNREAD_BYTES_MAX);
    is_little && !parts.headers.contains_key(EXPECT)
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
    parts: &Parts,
    unread: &mut Option<Incoming>,
) -> Response<Full<Bytes>> {
    match purpose {
        Purpose::Public => public(core, parts, unread).await,
        Purpose::Metrics => operator::respond(core, parts.uri.path()).await,
        Purpose::Echo => not_found(),
    }
}

/// One request to the HTTP API; its body is `unread` until all of it was read.
async fn public(
    core: &Rc<Core>,
    parts: &Parts,
    unread: &mut Option<Incoming>,
) -> Response<Full<Bytes>> {
    let cors = Cors::of(&core.setup.rest.cors_origins, &head(parts, unread.as_ref()));
    let answer = match cors.preflight() {
        Some(answer) => answer,
        None if stream::is_asked(core, parts.uri.path()) => HttpAnswer::stream_method(),
        None => answer(core, parts, unread).await.unwrap_or_else(|error| {
            if let Some(refusal) = api::counted_as(&error) {
                core.count(|counters| counters.refuse(refusal));
            }
            HttpAnswer::refused(&error)
        }),
    };
    respond_with(answer, cors.headers())
}

async fn answer(
    core: &Rc<Core>,
    parts: &Parts,
    unread: &mut Option<Incoming>,
) -> Result<HttpAnswer, ApiError> {
    let setup = &core.setup;
    let head = head(parts, unread.as_ref());
    let accepted = api::accept(&core.apps(), &setup.rest, &head, now_unix_s())?;
    let body = read_body(unread, accepted.body_bytes_max(&setup.rest)).await?;
    accepted.answer(&body, &AllShards(Rc::clone(core))).await
}

fn head<'a>(parts: &'a Parts, unread: Option<&Incoming>) -> Head<'a> {
    Head {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or(""),
        content_length: unread.and_then(|body| body.size_hint().exact()),
        headers: &parts.headers,
    }
}

async fn read_body(unread: &mut Option<Incoming>, bytes_max: usize) -> Result<Bytes, ApiError> {
    let Some(body) = unread else { return Ok(Bytes::new()) };
    let read = match Limited::new(body, bytes_max).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Err(ApiError::BodyLength { bytes_max });
        }
        Err(_) => return Err(ApiError::BodyIncomplete),
    };
    *unread = None;
    Ok(read)
}

fn respond_with(answer: HttpAnswer, more: Vec<(HeaderName, HeaderValue)>) -> Response<Full<Bytes>> {
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
    use std::future::ready;
    use std::task::Waker;

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
