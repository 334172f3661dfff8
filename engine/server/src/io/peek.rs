//! What a request asks for, by its head: an answer, or the whole connection.
//!
//! A connection's first head is read here, in full and within its limits, before anything else is
//! decided; [`http`](super::http) reads later ones and decides by the same [`Wanted`]. What was
//! read goes on to whoever serves the connection.

use std::rc::Rc;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use uringcast_proto::ws::handshake::Upgrade;

use super::core::Core;
use super::head_error::{self, HeadError};
use super::socket::Socket;
use super::stream::StreamRequest;
use crate::admission::{AdmissionRules, Request};
use crate::id::ConnId;
use crate::shard::Refusal;

/// The answer to a head that takes too long.
pub(super) const REQUEST_TIMEOUT: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// The answer to a websocket on a path that has none.
pub(super) const NOT_FOUND: &[u8] =
    b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

const HEAD_TOO_LARGE: &[u8] = b"HTTP/1.1 431 Request Header Fields Too Large\r\n\
    Connection: close\r\nContent-Length: 0\r\n\r\n";

const BAD_REQUEST: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// The most header fields of a request; browsers and proxies send about 30.
const HEADERS_MAX: usize = 100;

/// The most bytes read and thrown away for the sake of a peer that may still be listening.
///
/// Time is the limit that matters; this one only keeps a flood from lasting as long.
const LINGER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What a request asks for.
pub(super) enum Wanted {
    /// An answer over HTTP.
    Http,
    /// The connection, as the websocket that `request` describes.
    WebSocket { upgrade: Upgrade, request: Request },
    /// The connection, as a stream of server-sent events.
    Stream(Box<StreamRequest>),
}

/// What a head that has arrived in part, or in full, says.
enum Head {
    Partial,
    Complete(Wanted, usize),
    TooLarge,
    Malformed,
    Refused(HeadError),
}

impl Wanted {
    /// By the parts of a head; `version` is the minor version of HTTP/1.
    pub(super) fn by_head<'h, F: Iterator<Item = (&'h str, &'h [u8])>>(
        rules: &AdmissionRules<'_>,
        (method, target, version): (&str, &str, u8),
        fields: impl Fn() -> F,
    ) -> Result<Self, HeadError> {
        head_error::check(version, fields())?;
        let target = origin_form(target);
        if let Some(upgrade) = Upgrade::from_headers(method, version, fields())? {
            let request = Request::from_headers(target, fields());
            return Ok(Self::WebSocket { upgrade, request });
        }
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        let path = rules.stream_path(path).filter(|_| method == "GET");
        Ok(path.map_or(Self::Http, |path| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields() {
                let name = HeaderName::from_bytes(name.as_bytes());
                if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
                    headers.append(name, value);
                }
            }
            let request = Request::from_headers(target, fields());
            Self::Stream(Box::new(StreamRequest { path, request, headers }))
        }))
    }
}

/// The path and query of a request's target, which may name scheme and host before them (RFC 9112
/// section 3.2.2).
fn origin_form(target: &str) -> &str {
    let rest = target.strip_prefix("http://").or_else(|| target.strip_prefix("https://"));
    rest.map_or(target, |rest| rest.find('/').map_or("/", |at| &rest[at..]))
}

/// Read the first request's head; `None` if the connection ends or is refused on the way. With it
/// comes what was read behind it, or for plain HTTP all that was read.
pub(super) async fn first_request(core: &Rc<Core>, socket: &Socket) -> Option<(Wanted, Vec<u8>)> {
    let head_bytes_max = core.setup.config.http.head_bytes_max as usize;
    let mut read = Vec::new();
    loop {
        socket.readable().await.ok()?;
        if socket.is_finished() {
            return None; // It took too long and was told so: only to be listened out.
        }
        let is_open = core.with_scratch(|shard, scratch| match socket.try_read(scratch) {
            Ok(0) => false,
            Ok(bytes) => {
                shard.counters_mut().received_bytes += bytes as u64;
                read.extend_from_slice(&scratch[..bytes]);
                true
            }
            Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
        });
        if !is_open {
            return None;
        }
        match parse(&core.rules(), &read, head_bytes_max) {
            Head::Complete(Wanted::Http, _) => return Some((Wanted::Http, read)),
            Head::Complete(wanted, head_bytes) => {
                return Some((wanted, read.split_off(head_bytes)));
            }
            Head::Partial => {}
            Head::TooLarge => {
                refuse(core, socket, Refusal::HeadBytes, HEAD_TOO_LARGE);
                return None;
            }
            Head::Malformed => {
                refuse(core, socket, Refusal::Request, BAD_REQUEST);
                return None;
            }
            Head::Refused(error) => {
                refuse(core, socket, Refusal::Request, &error.response());
                return None;
            }
        }
    }
}

fn parse(rules: &AdmissionRules<'_>, read: &[u8], head_bytes_max: usize) -> Head {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let head_bytes = match request.parse(read) {
        Ok(httparse::Status::Complete(bytes)) if bytes <= head_bytes_max => bytes,
        Ok(httparse::Status::Partial) if read.len() <= head_bytes_max => return Head::Partial,
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Head::TooLarge,
        Err(_) => return Head::Malformed,
    };
    let start = (
        request.method.unwrap_or_default(),
        request.path.unwrap_or("/"),
        request.version.unwrap_or_default(),
    );
    let fields = || request.headers.iter().map(|header| (header.name, header.value));
    match Wanted::by_head(rules, start, fields) {
        Ok(wanted) => Head::Complete(wanted, head_bytes),
        Err(error) => Head::Refused(error),
    }
}

/// Give an answer that is the connection's last; all that were written before have been taken.
pub(super) fn refuse(core: &Core, socket: &Socket, refusal: Refusal, answer: &[u8]) {
    core.count(|counters| counters.refuse(refusal));
    let _ = socket.try_write(answer);
    socket.finish();
}

/// Read and throw away what the peer still sends, so that it gets our last words and not a reset.
///
/// Ends with the peer, or after `connection.close_timeout_s`: many clients read an answer only when
/// they have sent all of their body, and a reset takes the answer with it (RFC 9112 section 9.6).
pub(super) async fn linger(core: &Rc<Core>, socket: &Socket, conn: ConnId) {
    let close_ms = u64::from(core.setup.config.connection.close_timeout_s) * 1_000;
    core.with_shard(|shard| shard.serve_http(conn, close_ms, false));
    let mut left = LINGER_BYTES_MAX;
    while left > 0 && socket.readable().await.is_ok() {
        let read = core.with_scratch(|_, scratch| socket.try_read(scratch));
        match read {
            Ok(0) => return,
            Ok(bytes) => left = left.saturating_sub(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}
