//! Opening connections: TCP, websocket upgrade, greeting, subscriptions. Blocking, unmeasured.
//!
//! Connections are opened some at a time and each step is written to all of them before the first
//! answer is read, so ten thousand connections cost a few hundred round trips and not thirty
//! thousand.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use uringcast_proto::ws::client::{Frame, FrameCursor};
use uringcast_proto::ws::{Opcode, encode};

use crate::dialect::Dialect;
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::message::Message;

/// Connections opened together: well below any listen backlog.
const TOGETHER: usize = 128;
/// How long one answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections from one source address, below the default ephemeral port range of 28,232.
const PER_SOURCE: usize = 25_000;
/// The longest answer to an upgrade, in bytes.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Subscriptions are too rare to care about the mask.
const MASK: [u8; 4] = [0x1a, 0x2b, 0x3c, 0x4d];

/// The example key of RFC 6455 section 1.3, and the only right answer to it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A websocket connection that has been greeted.
#[derive(Debug)]
pub struct Session {
    /// The socket.
    pub stream: TcpStream,
    /// Received bytes of an incomplete frame.
    pub inbox: FrameCursor,
}

/// Open one connection per list of channels, subscribe it to them, and wait until all are
/// acknowledged. `opened` is told the number of connections that are ready.
pub fn open(
    endpoint: &Endpoint,
    dialect: &Dialect,
    wanted: &[Vec<String>],
    mut opened: impl FnMut(u64),
) -> Result<Vec<Session>, Failure> {
    let mut sessions = Vec::with_capacity(wanted.len());
    for together in wanted.chunks(TOGETHER) {
        let first = sessions.len();
        for (index, channels) in (first..).zip(together) {
            let mut stream = dial(endpoint.address, index)?;
            let path = dialect.upgrade_path(channels);
            stream.write_all(upgrade_request(endpoint, &path).as_bytes())?;
            sessions.push(Session { stream, inbox: FrameCursor::new() });
        }
        let mut missing = Vec::with_capacity(together.len());
        let fresh = sessions[first..].iter_mut().zip(first..);
        for ((session, index), channels) in fresh.zip(together) {
            let socket_id = session.greeting(dialect, dialect.hello(index, channels))?;
            let requests = channels.iter().filter_map(|it| dialect.subscribe(&socket_id, it));
            missing.push(session.ask(requests)?);
        }
        for (session, missing) in sessions[first..].iter_mut().zip(missing) {
            session.subscribed(dialect, missing)?;
            session.stream.set_read_timeout(None)?;
        }
        opened(sessions.len() as u64);
    }
    Ok(sessions)
}

/// Connect, as the `index`th connection: loopback servers are dialled from several addresses when
/// one has no more ports.
pub fn dial(address: SocketAddr, index: usize) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.ip().is_loopback() && address.is_ipv4() && index >= PER_SOURCE {
        let last = (1 + index / PER_SOURCE).min(254) as u8;
        socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0)).into())?;
    }
    socket.set_tcp_nodelay(true)?;
    socket.connect_timeout(&address.into(), ANSWER_TIMEOUT)?;
    socket.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    Ok(socket.into())
}

fn upgrade_request(endpoint: &Endpoint, path: &str) -> String {
    format!(
        "GET {}{path} HTTP/1.1\r\nHost: {}\r\n\
         Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: {KEY}\r\n\r\n",
        endpoint.prefix, endpoint.authority
    )
}

impl Session {
    /// Read the upgrade's answer, say hello and read the greeting; the socket id is returned.
    fn greeting(&mut self, dialect: &Dialect, hello: Option<String>) -> Result<String, Failure> {
        let early = self.upgraded()?;
        self.ask(hello.into_iter())?;
        let mut socket_id = None;
        self.read_until(&early, |message| {
            socket_id = dialect.greeting(message);
            socket_id.is_some()
        })?;
        Ok(socket_id.unwrap_or_default())
    }

    /// Read the answer to the upgrade, and return what came behind it.
    fn upgraded(&mut self) -> Result<Vec<u8>, Failure> {
        let mut head = Vec::new();
        let mut scratch = [0; 4096];
        while head.len() < HEAD_BYTES_MAX {
            let length = self.stream.read(&mut scratch)?;
            if length == 0 {
                break;
            }
            head.extend_from_slice(&scratch[..length]);
            let mut headers = [httparse::EMPTY_HEADER; 32];
            let mut response = httparse::Response::new(&mut headers);
            match response.parse(&head) {
                Ok(httparse::Status::Partial) => {}
                Ok(httparse::Status::Complete(end)) if accepted(&response) => {
                    return Ok(head.split_off(end));
                }
                Ok(httparse::Status::Complete(_)) | Err(_) => break,
            }
        }
        Err(Failure::Upgrade(String::from_utf8_lossy(&head).into_owned()))
    }

    /// Send the requests, and return how many there are.
    fn ask(&mut self, requests: impl Iterator<Item = String>) -> io::Result<usize> {
        let mut out = Vec::new();
        let mut count = 0;
        for text in requests {
            encode::masked_into(Opcode::Text, text.as_bytes(), MASK, &mut out);
            count += 1;
        }
        self.stream.write_all(&out)?;
        Ok(count)
    }

    fn subscribed(&mut self, dialect: &Dialect, wanted: usize) -> Result<(), Failure> {
        let mut missing = wanted;
        if missing == 0 {
            return Ok(());
        }
        self.read_until(&[], |message| {
            missing -= usize::from(dialect.is_subscribed(message));
            missing == 0
        })
    }

    /// Read messages, `early` first, until `last` has found the one that was waited for.
    fn read_until(
        &mut self,
        early: &[u8],
        mut last: impl FnMut(&Message<'_>) -> bool,
    ) -> Result<(), Failure> {
        let mut scratch = vec![0; 16 << 10];
        let mut input = early;
        let mut found = false;
        loop {
            while let Some(frame) = self.inbox.next(&mut input)? {
                found = found || is_last(frame, &mut last)?;
            }
            if found {
                return Ok(());
            }
            let length = self.stream.read(&mut scratch)?;
            if length == 0 {
                return Err(Failure::Closed("while connecting".to_owned()));
            }
            input = &scratch[..length];
        }
    }
}

/// Whether this frame holds the message that `last` waits for. A refusal is an error.
fn is_last(frame: Frame<'_>, last: &mut impl FnMut(&Message<'_>) -> bool) -> Result<bool, Failure> {
    match frame.opcode {
        Opcode::Text => {
            let message = Message::parse(frame.payload)?;
            match message.complaint() {
                Some(complaint) => Err(Failure::Complaint(complaint)),
                None => Ok(last(&message)),
            }
        }
        Opcode::Close => Err(Failure::Closed("while connecting".to_owned())),
        Opcode::Continuation | Opcode::Binary | Opcode::Ping | Opcode::Pong => Ok(false),
    }
}

fn accepted(response: &httparse::Response<'_, '_>) -> bool {
    let accept =
        |header: &&httparse::Header<'_>| header.name.eq_ignore_ascii_case("sec-websocket-accept");
    response.code == Some(101)
        && response.headers.iter().find(accept).is_some_and(|header| header.value == ACCEPT)
}
