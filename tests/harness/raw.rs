//! A connection that sends whatever bytes a test likes.
//!
//! It answers nothing by itself: no pong, no close. What the server does with such a peer is what
//! its tests are about.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use crate::{App, DEADLINE, Event, Frame, Opcode, Response, http};

/// The receive buffer of a narrow connection.
const RECEIVE_BYTES: usize = 4096;

/// A plain TCP connection to the server.
#[derive(Debug)]
pub struct Raw {
    reader: BufReader<TcpStream>,
}

impl Raw {
    /// Connects and sends nothing.
    pub fn connect(address: SocketAddr) -> Self {
        Self::from_stream(TcpStream::connect(address).expect("the server accepts"))
    }

    /// Connects and completes the websocket handshake for `path`.
    pub fn upgrade(address: SocketAddr, path: &str) -> Self {
        let mut raw = Self::connect(address);
        raw.do_upgrade(path);
        raw
    }

    /// Connects to the app `app` and reads `pusher:connection_established`.
    pub fn pusher(address: SocketAddr, app: &App) -> Self {
        let mut raw = Self::upgrade(address, &format!("/app/{}?protocol=7", app.key));
        raw.expect_event("pusher:connection_established");
        raw
    }

    /// Connects with a receive buffer so small that next to nothing waits in it.
    pub fn narrow(address: SocketAddr) -> Self {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None);
        let socket = socket.expect("a socket can be had");
        socket.set_recv_buffer_size(RECEIVE_BYTES).expect("the socket is open");
        socket.connect(&address.into()).expect("the server accepts");
        Self::from_stream(socket.into())
    }

    /// Connects to the app `app` with a receive buffer so small that next to nothing waits in it,
    /// and reads up to and with `pusher:connection_established`.
    pub fn narrow_pusher(address: SocketAddr, app: &App) -> Self {
        let mut raw = Self::narrow(address);
        raw.do_upgrade(&format!("/app/{}?protocol=7", app.key));
        raw.expect_event("pusher:connection_established");
        raw
    }

    fn from_stream(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("the socket is open");
        stream.set_read_timeout(Some(DEADLINE)).expect("the socket is open");
        stream.set_write_timeout(Some(DEADLINE)).expect("the socket is open");
        Self { reader: BufReader::new(stream) }
    }

    /// Completes the websocket handshake for `path`.
    pub fn do_upgrade(&mut self, path: &str) {
        self.send(upgrade_request(path).as_bytes());
        let response = self.response();
        assert_eq!(response.status, 101, "{response:?}");
    }

    /// Sends `bytes`; the server must be taking them.
    pub fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).expect("the server takes the bytes");
    }

    /// Sends `bytes`, or as much as the server takes before it hangs up.
    pub fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream().write_all(bytes)
    }

    /// Sends one frame.
    pub fn send_frame(&mut self, frame: &Frame) {
        self.send(&frame.to_bytes());
    }

    /// Asks to join a public channel and reads nothing.
    pub fn ask_subscribe(&mut self, channel: &str) {
        let data = serde_json::json!({"auth": "", "channel": channel});
        let message = serde_json::json!({"event": "pusher:subscribe", "data": data});
        self.send_frame(&Frame::text(&message.to_string()));
    }

    /// Subscribes to a public channel and reads the answer.
    pub fn subscribe(&mut self, channel: &str) {
        self.ask_subscribe(channel);
        self.expect_event("pusher_internal:subscription_succeeded");
    }

    /// Says that nothing more will be sent.
    pub fn finish_sending(&self) {
        self.stream().shutdown(Shutdown::Write).expect("the socket is open");
    }

    /// Drops the connection with a reset, as a machine that crashed does.
    pub fn reset(self) {
        let socket = SockRef::from(self.stream());
        socket.set_linger(Some(Duration::ZERO)).expect("the socket is open");
    }

    /// Reads an HTTP response, whole if it has a length.
    pub fn response(&mut self) -> Response {
        http::read_response(&mut self.reader).expect("the server answers")
    }

    /// Reads one frame.
    pub fn frame(&mut self) -> Frame {
        Frame::read(&mut self.reader).expect("the server sends a frame")
    }

    /// Reads one message and takes it apart.
    pub fn event(&mut self) -> Event {
        let frame = self.frame();
        assert_eq!((frame.fin, frame.opcode), (true, Opcode::TEXT), "{frame:?}");
        Event::parse(&String::from_utf8(frame.payload).expect("a text frame holds UTF-8"))
    }

    /// Reads one message, which must be the event `name`.
    pub fn expect_event(&mut self, name: &str) -> Event {
        let event = self.event();
        assert_eq!(event.event, name, "{}", event.raw);
        event
    }

    /// The next frame must be a close with `code`; answers it and waits for the end.
    pub fn expect_close(&mut self, code: u16) {
        let frame = self.frame();
        assert_eq!(frame.close_code(), code, "{:?}", String::from_utf8_lossy(&frame.payload));
        drop(self.try_send(&Frame::close(code).to_bytes())); // It may be gone already.
        assert_eq!(self.rest(), b"", "nothing may follow a close frame");
    }

    /// Everything up to the end of the connection, be it orderly or not.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self.reader.read_to_end(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                panic!("the server does not close the connection")
            }
            Ok(_) | Err(_) => bytes,
        }
    }

    /// What reads on where this one stopped.
    pub(crate) fn into_reader(self) -> BufReader<TcpStream> {
        self.reader
    }

    /// The socket itself.
    ///
    /// For writing and for its options; what was read ahead is not in it any more.
    pub fn stream(&self) -> &TcpStream {
        self.reader.get_ref()
    }
}

/// A correct websocket handshake for `path`; the key is the one of RFC 6455 section 1.3.
pub fn upgrade_request(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}
