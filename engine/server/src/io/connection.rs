//! A connection from its acceptance to whoever serves it.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;

use bytes::Bytes;
use monoio::net::TcpStream;
use uringcast_proto::ws::handshake::Upgrade;

use super::core::Core;
use super::guarded::Guarded;
use super::http::{self, Purpose};
use super::peek::{self, Wanted};
use super::socket::Socket;
use super::stream;
use super::websocket::Reader;
use crate::admission::{self, Request, client_address, is_trusted};
use crate::dialect::zps::ZpsPath;
use crate::dialect::{Dialect, Refused, Session, pusher, zps};
use crate::id::{AppIndex, ConnId};
use crate::shard::{ConnectionsFull, Refusal, Shard, Spent};

const NO_ROOM: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// Addresses that a core says it does not believe: an operator has a few proxies, and strangers
/// should not fill the log.
const FORWARDERS_SAID_MAX: usize = 16;

/// A socket that was accepted.
pub(super) struct Arrival {
    pub(super) conn: ConnId,
    socket: Rc<Socket>,
    /// Who is at the other end, which may be a proxy.
    pub(super) peer: IpAddr,
    purpose: Purpose,
    /// Whether it came beyond the limit, and is only to be told so.
    pub(super) is_turned_away: bool,
}

/// Serve `stream`, which is from `peer`, in a task of its own.
pub(super) fn start(core: &Rc<Core>, stream: TcpStream, peer: IpAddr, purpose: Purpose) {
    let Ok(socket) = Socket::new(stream) else {
        return core.count(|counters| counters.refuse(Refusal::Connections)); // Out of memory.
    };
    // Whom a proxy speaks for is in the head.
    if purpose == Purpose::Public
        && !is_trusted(core.rules().trusted_proxies, peer)
        && let Err(too_soon) = core.admit_address(peer)
    {
        return core.part(socket, &too_many_requests(too_soon));
    }
    let nonce = getrandom::u32().unwrap_or_default(); // Never fails once the system is up.
    let Ok((conn, is_turned_away)) = core.with_shard(|shard| open(shard, purpose, nonce)) else {
        return core.part(socket, NO_ROOM);
    };
    core.register(conn, Rc::clone(&socket));
    let arrival = Arrival { conn, socket, peer, purpose, is_turned_away };
    monoio::spawn(serve(Rc::clone(core), arrival));
}

/// Find a place for a socket; whether it is one of those who are turned away.
fn open(
    shard: &mut Shard,
    purpose: Purpose,
    nonce: u32,
) -> Result<(ConnId, bool), ConnectionsFull> {
    match purpose {
        Purpose::Public => match shard.open(nonce) {
            Ok(conn) => Ok((conn, false)),
            Err(ConnectionsFull) => Ok((shard.open_to_turn_away(nonce)?, true)),
        },
        Purpose::Metrics | Purpose::Echo => Ok((shard.open_for_operator(nonce)?, false)),
    }
}

/// Serve one connection; a panic on the way ends it and no other.
async fn serve(core: Rc<Core>, arrival: Arrival) {
    let conn = arrival.conn;
    let first = Guarded::new(serve_first(Rc::clone(&core), arrival));
    let Ok(reader) = first.await else {
        core.count(|counters| counters.panics += 1);
        return core.forget(conn);
    };
    match reader {
        Some(reader) => core.listen(conn, reader),
        None => core.forget(conn),
    }
}

/// Serve requests until one asks for the whole connection, which is then handed back.
async fn serve_first(core: Rc<Core>, arrival: Arrival) -> Option<Reader> {
    let Arrival { conn, purpose, is_turned_away, .. } = arrival;
    let socket = Rc::clone(&arrival.socket);
    let mut wanted = peek::first_request(&core, &socket).await;
    if let Some((Wanted::Http, read)) = &mut wanted {
        // Boxed, because a websocket's handshake should not pay for the room that this needs.
        let (this, whose) = ((conn, Rc::clone(&socket)), (purpose, is_turned_away));
        let served = http::serve(Rc::clone(&core), this, whose, std::mem::take(read));
        wanted = Box::pin(served).await;
    }
    match wanted {
        Some((Wanted::WebSocket { upgrade, request }, rest)) => {
            match websocket(&core, &arrival, &request, upgrade).await {
                Ok(mut reader) => {
                    reader.hear_early(&core, conn, rest);
                    return Some(reader);
                }
                Err(answer) => drop(socket.try_write(&answer)),
            }
        }
        Some((Wanted::Stream(_), _)) if purpose != Purpose::Public => {
            drop(socket.try_write(peek::NOT_FOUND));
        }
        Some((Wanted::Stream(request), _)) => match stream::open(&core, &arrival, &request).await {
            Ok(()) => {
                socket.keep_unsent_few();
                return Some(Reader::new(Session::Sse, false));
            }
            Err(answer) => drop(socket.try_write(&answer)),
        },
        Some((Wanted::Http, _)) | None => {}
    }
    socket.finish();
    peek::linger(&core, &socket, conn).await;
    None
}

/// Turn the connection into a websocket, if only to close it with a code that its client acts on;
/// or else give the answer of plain HTTP.
async fn websocket(
    core: &Rc<Core>,
    arrival: &Arrival,
    request: &Request,
    mut upgrade: Upgrade,
) -> Result<Reader, Vec<u8>> {
    let conn = arrival.conn;
    let zps_path = core.rules().zps_path(request).filter(|_| arrival.purpose == Purpose::Public);
    let (dialect, admitted) = match arrival.purpose {
        Purpose::Public => {
            admit_client(core, arrival.peer, request).map_err(too_many_requests)?;
            let dialect = if zps_path.is_some() { Dialect::Zps } else { Dialect::Pusher };
            (dialect, admit(core, arrival, request, dialect).await)
        }
        Purpose::Echo => (Dialect::Echo, Ok(AppIndex(0))),
        Purpose::Metrics => return Err(peek::NOT_FOUND.to_vec()),
    };
    let may_deflate = match (dialect, admitted) {
        (Dialect::Echo, _) => true,
        (Dialect::Pusher | Dialect::Zps, Ok(app)) => {
            core.ask(|shard| shard.apps().app(app).policy.deflate)
        }
        (Dialect::Pusher | Dialect::Zps, Err(_)) | (Dialect::Sse, _) => false,
    };
    let is_deflated = may_deflate && upgrade.agree_to_deflate();
    if dialect == Dialect::Zps {
        arrival.socket.keep_unsent_few();
    }
    let session = core.with_shard(|shard| {
        shard.upgrade(conn, dialect);
        if is_deflated {
            shard.agree_to_deflate(conn);
        }
        shard.send(conn, Bytes::from(upgrade.response()));
        let rules = &core.speaker.borrow().rules;
        match (dialect, admitted) {
            (Dialect::Echo, _) => Session::Echo,
            (Dialect::Pusher, Ok(app)) => {
                pusher::greet(shard, rules.app(app), conn);
                Session::Pusher
            }
            (Dialect::Pusher, Err(refused)) => {
                pusher::turn_away(shard, conn, refused);
                Session::Pusher
            }
            (Dialect::Zps, Ok(app)) => {
                let is_app_path = matches!(zps_path, Some(ZpsPath::App(_)));
                zps::greet(shard, rules, conn, app, is_app_path)
            }
            (Dialect::Zps, Err(refused)) => zps::turn_away(shard, conn, refused),
            (Dialect::Sse, _) => unreachable!("a stream is no websocket"),
        }
    });
    Ok(Reader::new(session, is_deflated))
}

/// Count the client that a proxy speaks for; others were counted when they were accepted.
pub(super) fn admit_client(core: &Core, peer: IpAddr, request: &Request) -> Result<(), Spent> {
    let proxies = core.rules().trusted_proxies;
    if !is_trusted(proxies, peer) {
        if request.is_forwarded() {
            core.count(|counters| counters.forwarded_disbelieved += 1);
            warn_of_forwarder(peer.to_canonical());
        }
        return Ok(());
    }
    core.admit_address(client_address(proxies, peer, request))
}

/// Say once on each core that `peer` is not believed: if it is the operator's own proxy, all that
/// it speaks for count as one client, and none as having come over TLS.
fn warn_of_forwarder(peer: IpAddr) {
    thread_local! {
        static SAID: RefCell<Vec<IpAddr>> = const { RefCell::new(Vec::new()) };
    }
    SAID.with_borrow_mut(|said| {
        if said.len() < FORWARDERS_SAID_MAX && !said.contains(&peer) {
            said.push(peer);
            tracing::warn!(
                "the X-Forwarded headers of {peer} are not believed: a proxy of yours must be \
                 named in server.trusted_proxies"
            );
        }
    });
}

/// Find the app that the client may connect to.
async fn admit(
    core: &Rc<Core>,
    arrival: &Arrival,
    request: &Request,
    dialect: Dialect,
) -> Result<AppIndex, Refused> {
    if arrival.is_turned_away {
        return Err(Refused::Capacity);
    }
    let apps = core.ask(|shard| shard.apps());
    let app = admission::admit(&apps, &core.rules(), arrival.peer, request)?;
    enter(core, arrival.conn, app, dialect == Dialect::Zps).await
}

/// Count `conn` as a connection of `app`, unless that has as many as it may; whether it is of a
/// room's client.
pub(super) async fn enter(
    core: &Rc<Core>,
    conn: ConnId,
    app: AppIndex,
    is_zps: bool,
) -> Result<AppIndex, Refused> {
    if core.is_draining() {
        return Err(Refused::Draining);
    }
    let Some(asked) = core.with_shard(|shard| shard.enter(conn, app, is_zps)) else {
        return Ok(app);
    };
    if core.answer(&asked).await { Ok(app) } else { Err(Refused::Quota) }
}

pub(super) fn too_many_requests(Spent { retry_after_s, .. }: Spent) -> Vec<u8> {
    format!(
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: {retry_after_s}\r\n\
         Connection: close\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}
