//! Streams of server-sent events: a request of plain HTTP that becomes a subscriber.
//!
//! The response has no length and ends with the connection. It is made of what the shard queues, so
//! nothing here is different from a websocket once the head is written; what the client still sends
//! is read and thrown away.

use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::header::{HeaderMap, HeaderName, HeaderValue};
use uringcast_proto::pusher::rest::error_body;

use super::connection::{Arrival, admit_client, enter, too_many_requests};
use super::core::Core;
use crate::admission::{self, Request};
use crate::api::{Cors, Head, bearer};
use crate::dialect::sse::{self, Asked, StreamError};
use crate::dialect::zps::{self, AccessError, StreamPath};
use crate::dialect::{Dialect, Refused};
use crate::id::{AppIndex, ConnId};
use crate::middleware::{Blocked, Operation};
use crate::shard::Refusal;

/// A request for a stream, as its head has it.
pub(super) struct StreamRequest {
    pub(super) path: StreamPath,
    pub(super) request: Request,
    pub(super) headers: HeaderMap,
}

/// The head of the response, without its last line: proxies must neither keep nor gather it.
const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
    Cache-Control: no-store\r\nX-Accel-Buffering: no\r\nConnection: close\r\n";

/// How much longer than a call a connection is given that waits for it: the way back to it.
const END_OF_CALL: Duration = Duration::from_secs(2);

/// Why a stream does not begin.
enum Refusing {
    Client(Refused),
    Stream(StreamError),
    Blocked(Blocked),
}

/// Whether `path` is that of a stream.
pub(super) fn is_asked(core: &Core, path: &str) -> bool {
    core.rules().stream_path(path).is_some()
}

/// Begin the stream that `asked` wants, or give the answer that says why not.
pub(super) async fn open(
    core: &Rc<Core>,
    arrival: &Arrival,
    asked: &StreamRequest,
) -> Result<(), Vec<u8>> {
    admit_client(core, arrival.peer, &asked.request).map_err(too_many_requests)?;
    let cors = cors_lines(core, asked);
    let checked = match admit(core, arrival, asked).await {
        Ok(app) => match check(core, app, asked) {
            Ok(stream) => match authorize(core, arrival.conn, app, &stream).await {
                Ok(()) => Ok((app, stream)),
                Err(error) => Err(Refusing::Stream(error.into())),
            },
            Err(error) => Err(Refusing::Stream(error)),
        },
        Err(refused) => Err(Refusing::Client(refused)),
    };
    let checked = checked.and_then(|(app, stream)| {
        let judged = stream.rooms().try_for_each(|room| {
            core.ask(|shard| shard.judge(Operation::Subscribe, app, room, None, b""))
        });
        judged.map_err(Refusing::Blocked).map(|()| stream)
    });
    let stream = checked.map_err(|refusing| refuse(core, &refusing, &cors))?;
    let head = format!("{HEAD}{cors}\r\n");
    let conn = arrival.conn;
    let pong_ms = core.with_shard(|shard| {
        shard.upgrade(conn, Dialect::Sse);
        sse::begin(shard, conn, stream, head.as_bytes());
        shard.traits(conn).pong_ms
    });
    if let Some(socket) = core.socket(conn) {
        socket.break_after_ms(pong_ms);
    }
    Ok(())
}

/// Find the app that the client may connect to.
async fn admit(
    core: &Rc<Core>,
    arrival: &Arrival,
    asked: &StreamRequest,
) -> Result<AppIndex, Refused> {
    if arrival.is_turned_away {
        return Err(Refused::Capacity);
    }
    let apps = core.apps();
    let StreamRequest { path, request, .. } = asked;
    let app = admission::admit_stream(&apps, &core.rules(), arrival.peer, path, request)?;
    enter(core, arrival.conn, app, true).await
}

fn check(core: &Core, app: AppIndex, asked: &StreamRequest) -> Result<sse::Stream, StreamError> {
    let apps = core.apps();
    let text = |name: HeaderName| asked.headers.get(name).and_then(|value| value.to_str().ok());
    let request = Asked {
        query: asked.request.query(),
        token: bearer(&asked.headers),
        last_event_id: text(HeaderName::from_static("last-event-id")),
        app: asked.path.is_of_app().then(|| &**apps.app(app)),
        subscriptions_max: apps.zps(app).max_subscriptions,
    };
    let now_unix_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs());
    sse::check(&core.speaker.borrow().rules.zps, &request, now_unix_s)
}

/// Ask the app's server about each room, if it is to be asked; all together have the time of one.
async fn authorize(
    core: &Rc<Core>,
    conn: ConnId,
    app: AppIndex,
    stream: &sse::Stream,
) -> Result<(), AccessError> {
    let questions = stream.questions((app, core.apps().app(app)));
    let timeout = Duration::from_millis(core.setup.config.zps.authorize_timeout_ms.into());
    let deadline = Instant::now() + timeout;
    if !questions.is_empty() {
        let time_ms = (timeout + END_OF_CALL).as_millis() as u64;
        core.with_shard(|shard| shard.serve_http(conn, time_ms, true));
    }
    for question in questions {
        let room = question.key.room.clone();
        zps::accept(core.room_verdict(question, deadline).await, &room)?;
    }
    Ok(())
}

/// What the response says about which pages may read it, as lines of the head.
fn cors_lines(core: &Core, asked: &StreamRequest) -> String {
    let head = Head {
        method: "GET",
        path: &asked.request.target,
        query: "",
        content_length: None,
        headers: &asked.headers,
    };
    let headers = Cors::of(&core.setup.rest.cors_origins, &head).headers();
    let line = |(name, value): &(HeaderName, HeaderValue)| {
        format!("{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes()))
    };
    headers.iter().map(line).collect()
}

fn refuse(core: &Core, refusing: &Refusing, cors: &str) -> Vec<u8> {
    let (status, text, refusal) = match refusing {
        Refusing::Client(refused) => (status(*refused), refused.to_string(), refused.refusal()),
        Refusing::Blocked(why) => (403, why.to_string(), Some(Refusal::PublishPolicy)),
        Refusing::Stream(error) => (error.status(), error.to_string(), Some(refusal(error))),
    };
    if let Some(refusal) = refusal {
        core.count(|counters| counters.refuse(refusal));
    }
    let body = error_body(&text, status);
    let reason = http::StatusCode::from_u16(status).ok().and_then(|it| it.canonical_reason());
    let (reason, length) = (reason.unwrap_or_default(), body.len());
    let challenge = if status == 401 { "WWW-Authenticate: Bearer\r\n" } else { "" };
    format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\n{challenge}{cors}\
         Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

const fn status(refused: Refused) -> u16 {
    match refused {
        Refused::Capacity | Refused::Draining | Refused::Quota => 503,
        Refused::KeyUnknown | Refused::PathUnknown => 404,
        Refused::AppDisabled | Refused::TlsRequired | Refused::Origin => 403,
        Refused::ProtocolForm
        | Refused::VersionForm
        | Refused::ProtocolUnsupported
        | Refused::ProtocolMissing => 400,
    }
}

const fn refusal(error: &StreamError) -> Refusal {
    match error {
        StreamError::Query(_) => Refusal::Request,
        StreamError::Access(AccessError::Room(_)) => Refusal::ChannelName,
        StreamError::Token(_)
        | StreamError::Access(AccessError::Scope(_) | AccessError::Denied(_)) => Refusal::Signature,
        StreamError::Access(AccessError::DeniedByApp(_)) => Refusal::RoomAuthorization,
        StreamError::Access(AccessError::Unavailable(_)) => Refusal::RoomUnavailable,
        StreamError::Access(AccessError::Busy(_)) => Refusal::RoomCallsInFlight,
        StreamError::Subscriptions => Refusal::Subscriptions,
        StreamError::EventTypes => Refusal::ZpsLength,
    }
}
