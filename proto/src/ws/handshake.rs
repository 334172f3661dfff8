//! The opening handshake (RFC 6455 section 4.2), from a parsed request head to an answer.
//!
//! It looks only at what makes a request a websocket upgrade. Paths, keys and origins belong to the
//! dialects, no subprotocol is ever agreed to, and of the extensions only `permessage-deflate`.

mod offer;

use tungstenite::handshake::derive_accept_key;

use self::offer::DeflateOffer;

/// A valid upgrade request, ready to be answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Upgrade {
    accept: String,
    offer: Option<DeflateOffer>,
    is_deflate_agreed: bool,
}

/// Why a request that asks for a websocket does not get one.
///
/// The connection is closed after the answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HandshakeError {
    /// The method is not GET.
    #[error("a websocket upgrade must be a GET request")]
    Method,
    /// The request is not HTTP/1.1 or later.
    #[error("a websocket upgrade needs HTTP/1.1")]
    HttpVersion,
    /// `Connection` does not name `upgrade`.
    #[error("the Connection header lacks `Upgrade`")]
    Connection,
    /// `Sec-WebSocket-Version` is absent or not 13.
    #[error("the only supported Sec-WebSocket-Version is 13")]
    WebSocketVersion,
    /// `Sec-WebSocket-Key` is absent, repeated, or not the base64 of 16 bytes.
    #[error("Sec-WebSocket-Key must be one base64 value of 16 bytes")]
    Key,
    /// `Sec-WebSocket-Extensions` is no list of extensions (RFC 6455 section 9.1).
    #[error("the Sec-WebSocket-Extensions header is malformed")]
    Extensions,
}

impl Upgrade {
    /// Read a request head. `Ok(None)` is a request that asks for no websocket.
    ///
    /// `version` is the minor version of HTTP/1, as httparse gives it. Header names are compared
    /// without case, and several headers of one name count as one list.
    pub fn from_headers<'h>(
        method: &str,
        version: u8,
        headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
    ) -> Result<Option<Self>, HandshakeError> {
        let found = Found::gather(headers);
        if !found.upgrade {
            return Ok(None);
        }
        if method != "GET" {
            return Err(HandshakeError::Method);
        }
        if version < 1 {
            return Err(HandshakeError::HttpVersion);
        }
        if !found.connection {
            return Err(HandshakeError::Connection);
        }
        if found.version != Some(b"13") {
            return Err(HandshakeError::WebSocketVersion);
        }
        if found.extensions_malformed {
            return Err(HandshakeError::Extensions);
        }
        match found.key {
            Some(key) if !found.key_repeated && is_key(key) => {
                let (accept, offer) = (derive_accept_key(key), found.offer);
                Ok(Some(Self { accept, offer, is_deflate_agreed: false }))
            }
            Some(_) | None => Err(HandshakeError::Key),
        }
    }

    /// As [`from_headers`](Self::from_headers), from a head that httparse found complete.
    pub fn from_request(
        request: &httparse::Request<'_, '_>,
    ) -> Result<Option<Self>, HandshakeError> {
        let headers = request.headers.iter().map(|header| (header.name, header.value));
        Self::from_headers(request.method.unwrap_or(""), request.version.unwrap_or(0), headers)
    }

    /// Agree to `permessage-deflate` if the client offers it in a way that can be served; gives
    /// whether it does.
    ///
    /// Neither side then takes over context from one message to the next.
    pub const fn agree_to_deflate(&mut self) -> bool {
        self.is_deflate_agreed = self.offer.is_some();
        self.is_deflate_agreed
    }

    /// The whole 101 answer; websocket frames follow it.
    pub fn response(&self) -> Vec<u8> {
        let agreed = self.offer.filter(|_| self.is_deflate_agreed).map(DeflateOffer::answer);
        let extensions = agreed.map(|answer| format!("\r\nSec-WebSocket-Extensions: {answer}"));
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}{}\r\n\r\n",
            self.accept,
            extensions.unwrap_or_default()
        )
        .into_bytes()
    }
}

impl HandshakeError {
    /// The HTTP status to answer with.
    pub const fn status(self) -> u16 {
        match self {
            Self::HttpVersion | Self::Connection | Self::Key | Self::Extensions => 400,
            Self::Method => 405,
            Self::WebSocketVersion => 426,
        }
    }

    /// The whole answer, its text being the error's own; the connection closes after it.
    pub fn response(self) -> Vec<u8> {
        let (reason, extra) = match self {
            Self::HttpVersion | Self::Connection | Self::Key | Self::Extensions => {
                ("Bad Request", "")
            }
            Self::Method => ("Method Not Allowed", "Allow: GET\r\n"),
            Self::WebSocketVersion => ("Upgrade Required", "Sec-WebSocket-Version: 13\r\n"),
        };
        let (status, text) = (self.status(), self.to_string());
        let length = text.len();
        format!(
            "HTTP/1.1 {status} {reason}\r\n{extra}Content-Type: text/plain\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{text}"
        )
        .into_bytes()
    }
}

/// What the headers of one request say about a websocket.
#[expect(clippy::struct_excessive_bools, reason = "each is a finding of its own")]
#[derive(Default)]
struct Found<'h> {
    upgrade: bool,
    connection: bool,
    version: Option<&'h [u8]>,
    key: Option<&'h [u8]>,
    key_repeated: bool,
    offer: Option<DeflateOffer>,
    extensions_malformed: bool,
}

impl<'h> Found<'h> {
    fn gather(headers: impl IntoIterator<Item = (&'h str, &'h [u8])>) -> Self {
        let mut found = Self::default();
        for (name, value) in headers {
            if name.eq_ignore_ascii_case("Upgrade") {
                found.upgrade |= lists(value, b"websocket");
            } else if name.eq_ignore_ascii_case("Connection") {
                found.connection |= lists(value, b"upgrade");
            } else if name.eq_ignore_ascii_case("Sec-WebSocket-Version") {
                found.version = Some(value.trim_ascii());
            } else if name.eq_ignore_ascii_case("Sec-WebSocket-Key") {
                found.key_repeated |= found.key.is_some();
                found.key = Some(value.trim_ascii());
            } else if name.eq_ignore_ascii_case("Sec-WebSocket-Extensions") {
                match DeflateOffer::find(value) {
                    Ok(offer) => found.offer = found.offer.or(offer),
                    Err(_) => found.extensions_malformed = true,
                }
            }
        }
        found
    }
}

/// Whether a comma-separated header value has `token`, without case.
fn lists(value: &[u8], token: &[u8]) -> bool {
    value.split(|&byte| byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(token))
}

/// Whether `key` looks like the base64 of 16 bytes: 22 characters and two of padding.
fn is_key(key: &[u8]) -> bool {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.strip_suffix(b"==").is_some_and(|body| body.len() == 22 && body.iter().all(is_base64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::random::Random;

    const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    const GOOD: [&str; 4] =
        ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", KEY];

    fn read(start: &str, headers: &[&str]) -> Result<Option<Upgrade>, HandshakeError> {
        let head = format!("{start}\r\nHost: a\r\n{}\r\n\r\n", headers.join("\r\n"));
        let mut parsed = [httparse::EMPTY_HEADER; 16];
        let mut request = httparse::Request::new(&mut parsed);
        assert!(request.parse(head.as_bytes()).unwrap().is_complete());
        Upgrade::from_request(&request)
    }

    fn check(start: &str, headers: &[&str], expected: HandshakeError, status: u16) {
        assert_eq!(read(start, headers), Err(expected));
        assert_eq!(expected.status(), status);
        let answer = String::from_utf8(expected.response()).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.ends_with(&format!("\r\n\r\n{expected}")), "{answer}");
    }

    #[test]
    fn the_example_of_the_rfc_is_answered() {
        let upgrade = read("GET /chat HTTP/1.1", &GOOD).unwrap().unwrap();
        assert_eq!(
            String::from_utf8(upgrade.response()).unwrap(),
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
            "RFC 6455 section 1.3"
        );
    }

    #[test]
    fn names_and_tokens_have_no_case_and_come_in_lists() {
        let headers = [
            "UPGRADE: h2c, WebSocket",
            "connection: keep-alive, upgrade",
            "sec-websocket-version:13 ",
            "sEC-wEBSOCKET-kEY: dGhlIHNhbXBsZSBub25jZQ== ",
        ];
        assert!(read("GET / HTTP/1.1", &headers).unwrap().is_some());
        let repeated = [&["Connection: keep-alive"], &GOOD[..]].concat();
        assert!(read("GET / HTTP/1.1", &repeated).unwrap().is_some());
    }

    #[test]
    fn a_request_without_upgrade_is_not_ours() {
        assert_eq!(read("GET / HTTP/1.1", &GOOD[1..]), Ok(None));
        assert_eq!(read("POST / HTTP/1.1", &["Upgrade: h2c", "Connection: Upgrade"]), Ok(None));
        assert_eq!(read("GET / HTTP/1.1", &["Upgrade: websockets"]), Ok(None));
    }

    #[test]
    fn each_fault_has_its_answer() {
        use HandshakeError as E;
        check("POST / HTTP/1.1", &GOOD, E::Method, 405);
        check("GET / HTTP/1.0", &GOOD, E::HttpVersion, 400);
        check("GET / HTTP/1.1", &[GOOD[0], GOOD[2], KEY], E::Connection, 400);
        check("GET / HTTP/1.1", &[GOOD[0], "Connection: close", GOOD[2], KEY], E::Connection, 400);
        check("GET / HTTP/1.1", &[GOOD[0], GOOD[1], KEY], E::WebSocketVersion, 426);
        let old = "Sec-WebSocket-Version: 8";
        check("GET / HTTP/1.1", &[GOOD[0], GOOD[1], old, KEY], E::WebSocketVersion, 426);
        check("GET / HTTP/1.1", &GOOD[..3], E::Key, 400);
        check("GET / HTTP/1.1", &[&GOOD[..], &[KEY]].concat(), E::Key, 400);
        for key in ["", "dGhl", "dGhlIHNhbXBsZSBub25jZQ=A", "dGhlIHNhbXBsZSBub25*ZQ=="] {
            let key = format!("Sec-WebSocket-Key: {key}");
            check("GET / HTTP/1.1", &[GOOD[0], GOOD[1], GOOD[2], &key], E::Key, 400);
        }
        let malformed = "Sec-WebSocket-Extensions: permessage-deflate;";
        check("GET / HTTP/1.1", &[&GOOD[..], &[malformed]].concat(), E::Extensions, 400);
    }

    #[test]
    fn compression_is_answered_if_it_is_offered_and_agreed_to() {
        let extensions = |offers: &[&str], agree: bool| {
            let mut upgrade =
                read("GET / HTTP/1.1", &[&GOOD[..], offers].concat()).unwrap().unwrap();
            assert_eq!(agree && upgrade.agree_to_deflate(), agree && offers.len() > 1);
            let answer = String::from_utf8(upgrade.response()).unwrap();
            let line = answer.lines().find(|line| line.starts_with("Sec-WebSocket-Extensions: "));
            line.map(str::to_owned)
        };
        let offers =
            ["Sec-WebSocket-Extensions: foo", "sec-websocket-extensions: permessage-deflate"];
        assert_eq!(extensions(&[], true), None);
        assert_eq!(extensions(&offers[..1], true), None);
        assert_eq!(extensions(&offers, false), None);
        let agreed = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
            client_no_context_takeover";
        assert_eq!(extensions(&offers, true).as_deref(), Some(agreed));
    }

    #[test]
    fn an_unsupported_version_is_told_the_supported_one() {
        let answer = String::from_utf8(HandshakeError::WebSocketVersion.response()).unwrap();
        assert!(answer.contains("\r\nSec-WebSocket-Version: 13\r\n"), "RFC 6455 section 4.4");
    }

    /// Damaged heads get an answer or an error, never a panic, and never a wrong accept.
    #[test]
    fn damaged_heads_are_refused_or_answered() {
        let mut random = Random::from_environment();
        let good = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n\r\n", GOOD.join("\r\n"));
        for _ in 0..20_000 {
            let mut head = good.clone().into_bytes();
            for _ in 0..=random.up_to(2) {
                let place = random.up_to(head.len() - 1);
                head[place] ^= 1 << random.up_to(7);
            }
            let mut parsed = [httparse::EMPTY_HEADER; 16];
            let mut request = httparse::Request::new(&mut parsed);
            let Ok(httparse::Status::Complete(_)) = request.parse(&head) else { continue };
            match Upgrade::from_request(&request) {
                Ok(Some(upgrade)) => {
                    assert!(upgrade.response().ends_with(b"=\r\n\r\n"));
                    assert_eq!(request.version, Some(1));
                }
                Ok(None) => {}
                Err(error) => assert!(error.response().starts_with(b"HTTP/1.1 4")),
            }
        }
    }
}
