//! A connection from its acceptance to whoever serves it.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use monoio::net::TcpStream;

use super::core::Core;
use super::http::{self, Purpose};
use super::peek::{self, Wanted};
use super::socket::Socket;
use super::websocket::Reader;
use crate::dialect::{Dialect, pusher};
use crate::id::{AppIndex, ConnId};
use crate::rest;

const NO_ROOM: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// Serve `stream` in a task of its own.
pub(super) fn start(core: &Rc<Core>, stream: TcpStream, purpose: Purpose) {
    let socket = Socket::new(stream);
    let nonce = getrandom::u32().unwrap_or_default(); // Never fails once the system is up.
    let opened = core.with_shard(|shard| match purpose {
        Purpose::Public => shard.open(nonce),
        Purpose::Metrics | Purpose::Echo => shard.open_for_operator(nonce),
    });
    let Ok(conn) = opened else {
        let _ = socket.try_write(NO_ROOM);
        return;
    };
    core.register(conn, Rc::clone(&socket));
    monoio::spawn(serve(Rc::clone(core), conn, socket, purpose));
}

/// Serve one connection; a panic on the way ends it and no other.
async fn serve(core: Rc<Core>, conn: ConnId, socket: Rc<Socket>, purpose: Purpose) {
    // Boxed, because an idle websocket should not pay for the room that HTTP needs.
    let first = Box::pin(serve_first(Rc::clone(&core), conn, Rc::clone(&socket), purpose));
    let Ok(reader) = CatchUnwind(first).await else {
        core.count(|counters| counters.panics += 1);
        return core.forget(conn);
    };
    if let Some(reader) = reader {
        monoio::spawn(reader.run(core));
    } else {
        core.forget(conn);
    }
}

/// Serve the first request and, if it is plain HTTP, all others. A websocket is handed back.
async fn serve_first(
    core: Rc<Core>,
    conn: ConnId,
    socket: Rc<Socket>,
    purpose: Purpose,
) -> Option<Box<Reader>> {
    match peek::first_request(&core, &socket).await {
        Some(Wanted::WebSocket { upgrade, path, rest }) => {
            if let Some(dialect) = websocket(&core, conn, purpose, &path, upgrade.response()) {
                let mut reader = Box::new(Reader::new(&core.setup, conn, socket, dialect));
                reader.hear_early(&core, rest);
                return Some(reader);
            }
            let _ = socket.try_write(peek::NOT_FOUND);
        }
        Some(Wanted::Http { read }) => {
            http::serve(Rc::clone(&core), conn, Rc::clone(&socket), purpose, read).await;
        }
        None => {}
    }
    socket.finish();
    peek::linger(&core, &socket, conn).await;
    None
}

/// Turn the connection into a websocket of the dialect that `path` names; `None` if it names none.
fn websocket(
    core: &Core,
    conn: ConnId,
    purpose: Purpose,
    path: &str,
    response: Vec<u8>,
) -> Option<Dialect> {
    let (dialect, app) = match purpose {
        Purpose::Public => {
            let key = rest::socket_key(&core.setup.rest.socket_path, path)?;
            (Dialect::Pusher, core.apps().by_key(&key))
        }
        Purpose::Echo => (Dialect::Echo, None),
        Purpose::Metrics => return None,
    };
    core.with_shard(|shard| {
        shard.upgrade(conn, app.unwrap_or(AppIndex(0)), dialect);
        shard.send(conn, Bytes::from(response));
        match (dialect, app) {
            (Dialect::Echo, _) => {}
            (Dialect::Pusher, Some(_)) => pusher::greet(shard, conn),
            (Dialect::Pusher, None) => pusher::refuse_key(shard, conn),
        }
    });
    Some(dialect)
}

/// A future whose panic is its output.
struct CatchUnwind<F>(Pin<Box<F>>);

impl<F: Future> Future for CatchUnwind<F> {
    type Output = std::thread::Result<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let inner = self.0.as_mut();
        match catch_unwind(AssertUnwindSafe(|| inner.poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}
