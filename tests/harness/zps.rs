//! A zero-pub-sub client that hides nothing, and tokens for it.
//!
//! Like the Pusher client here it reads one message at a time and answers nothing by itself but
//! websocket pings and the close handshake.

use std::net::TcpStream;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tungstenite::{Error, Message, WebSocket};

use crate::{DEADLINE, Server};

/// One websocket connection that speaks zero-pub-sub.
#[derive(Debug)]
pub struct Zps {
    socket: WebSocket<TcpStream>,
}

impl Zps {
    /// Connects to `path` of `server` and says nothing.
    pub fn open(server: &Server, path: &str) -> Self {
        let address = server.address();
        let stream = TcpStream::connect(address).expect("the server accepts");
        stream.set_nodelay(true).expect("the socket is open");
        stream.set_read_timeout(Some(DEADLINE)).expect("the socket is open");
        stream.set_write_timeout(Some(DEADLINE)).expect("the socket is open");
        let (socket, _) =
            tungstenite::client(format!("ws://{address}{path}"), stream).expect("it upgrades");
        Self { socket }
    }

    /// Connects to `/` of `server` as `subscriber_id`.
    pub fn connect(server: &Server, subscriber_id: &str) -> Self {
        let mut zps = Self::open(server, "/");
        zps.send(&json!({"type": "init", "subscriberId": subscriber_id}));
        zps.expect(&json!({"type": "ready", "subscriberId": subscriber_id}));
        zps
    }

    /// Sends one text message.
    pub fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).expect("the server takes the message");
    }

    /// Sends one binary message.
    pub fn send_binary(&mut self, bytes: &[u8]) {
        self.socket.send(Message::binary(bytes.to_vec())).expect("the server takes the message");
    }

    /// Sends one message.
    pub fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string());
    }

    /// Subscribes to `room` and reads the confirmation.
    pub fn subscribe(&mut self, room: &str) {
        self.send(&json!({"type": "subscribe", "room": room}));
        self.expect(&json!({"type": "subscribed", "room": room}));
    }

    /// Publishes `payload` to `room`.
    pub fn publish(&mut self, room: &str, event_type: &str, payload: &Value) {
        let event = json!({"room": room, "type": event_type, "payload": payload});
        self.send(&json!({"type": "publish", "event": event}));
    }

    /// Acknowledges, which also waits until all that was sent before is carried out.
    pub fn ack(&mut self, room: &str, sequence: u64) {
        self.send(&json!({"type": "ack", "room": room, "sequence": sequence}));
        self.expect(&json!({"type": "ack", "room": room, "sequence": sequence}));
    }

    /// Reads the next text message.
    pub fn text(&mut self) -> String {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => return text.as_str().to_owned(),
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                other => panic!("no text message: {other:?}"),
            }
        }
    }

    /// Reads the next message.
    pub fn message(&mut self) -> Value {
        serde_json::from_str(&self.text()).expect("every message is JSON")
    }

    /// Reads the next message, which must be `expected`.
    pub fn expect(&mut self, expected: &Value) {
        assert_eq!(self.message(), *expected);
    }

    /// Reads the next message, which must be an error with `text` and without a code.
    pub fn expect_error(&mut self, text: &str) {
        self.expect(&json!({"type": "error", "message": text}));
    }

    /// Reads the next message, which must be event `sequence` of `room`; returns it.
    pub fn expect_event(&mut self, room: &str, sequence: u64) -> Value {
        let message = self.message();
        let found = (&message["type"], &message["data"]["room"], &message["data"]["sequence"]);
        assert_eq!(found, (&json!("event"), &json!(room), &json!(sequence)), "{message}");
        message["data"].clone()
    }

    /// Reads the two last words: an error with `code` and `text`, and a close frame with the same.
    pub fn expect_announced_close(&mut self, code: u16, text: &str) {
        self.expect(&json!({"type": "error", "message": text, "code": code.to_string()}));
        self.expect_close(code, text);
    }

    /// The next message must be a close with `code` and `reason`.
    pub fn expect_close(&mut self, code: u16, reason: &str) {
        match self.socket.read() {
            Ok(Message::Close(Some(frame))) => {
                assert_eq!((u16::from(frame.code), frame.reason.as_str()), (code, reason));
            }
            other => panic!("no close with a code: {other:?}"),
        }
    }

    /// The connection ends without a close frame.
    pub fn expect_cut(&mut self) {
        // Below the client library, which would answer pings.
        let mut stream = self.socket.get_ref();
        let mut byte = [0];
        while std::io::Read::read(&mut stream, &mut byte).is_ok_and(|bytes| bytes > 0) {}
    }

    /// Nothing came before the answer to a question asked now.
    pub fn expect_quiet(&mut self) {
        self.send(&json!({"type": "unsubscribe", "room": "quiet"}));
        self.expect(&json!({"type": "unsubscribed", "room": "quiet"}));
    }

    /// Closes the connection.
    pub fn close(mut self) {
        self.socket.close(None).expect("the connection is open");
        while self.socket.read().is_ok() {}
        assert!(matches!(self.socket.read(), Err(Error::ConnectionClosed | Error::AlreadyClosed)));
    }
}

/// A token with `claims`, signed with HS256 and `secret`.
pub fn token(secret: &str, claims: &Value) -> String {
    let part = |value: &Value| base64url(value.to_string().as_bytes());
    let signed = format!("{}.{}", part(&json!({"alg": "HS256", "typ": "JWT"})), part(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length does");
    mac.update(signed.as_bytes());
    format!("{signed}.{}", base64url(&mac.finalize().into_bytes()))
}

/// RFC 4648 section 5, without padding.
pub fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte));
        let bits = bits << (8 * (3 - chunk.len()));
        for digit in 0..=chunk.len() {
            text.push(char::from(DIGITS[(bits >> (18 - 6 * digit) & 63) as usize]));
        }
    }
    text
}
