//! A small HTTP/1.1 client that shows what it gets.
//!
//! One connection, no redirects, no retries. Requests may be pipelined: send several, then read as
//! many responses.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use crate::DEADLINE;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names, in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The body, without any chunk heads.
    pub body: Vec<u8>,
}

impl Response {
    /// The first value of the header `name`, which is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn body_text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("the body is UTF-8")
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        let text = self.body_text();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("not JSON: {error}: {text}"))
    }

    /// The `error` of a JSON body: what the server says was wrong.
    pub fn error(&self) -> String {
        let error = self.json()["error"].as_str().map(str::to_owned);
        error.unwrap_or_else(|| panic!("no error in {:?}", self.body_text()))
    }
}

/// A connection to an HTTP server, kept alive as long as the server does.
#[derive(Debug)]
pub struct Http {
    reader: BufReader<TcpStream>,
}

impl Http {
    /// Connects to `address`.
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server accepts");
        stream.set_nodelay(true).expect("the socket is open");
        stream.set_read_timeout(Some(DEADLINE)).expect("the socket is open");
        stream.set_write_timeout(Some(DEADLINE)).expect("the socket is open");
        Self { reader: BufReader::new(stream) }
    }

    /// Asks for `target` and reads the answer.
    pub fn get(&mut self, target: &str) -> Response {
        self.request("GET", target, b"")
    }

    /// Sends a request, with a body unless it is empty, and reads the answer.
    pub fn request(&mut self, method: &str, target: &str, body: &[u8]) -> Response {
        self.send(&request_bytes(method, target, body));
        self.response()
    }

    /// Sends a request without a body and with these headers, and reads the answer.
    pub fn request_with(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Response {
        self.send(&request_bytes_with(method, target, headers, b""));
        self.response()
    }

    /// Sends a HEAD request, in whole, and reads the answer, which has no body.
    pub fn head(&mut self, request: &[u8]) -> Response {
        self.send(request);
        read_head(&mut self.reader).expect("the server answers")
    }

    /// Sends `bytes`, whatever they are.
    pub fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).expect("the server takes the request");
    }

    /// Sends `bytes`, or as much as the server takes before it hangs up.
    pub fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reader.get_ref().write_all(bytes)
    }

    /// Another value for the same connection, to write from one thread and read in another.
    ///
    /// What it reads would be missing from this one, so it should only send.
    #[must_use]
    pub fn writer(&self) -> Self {
        let stream = self.reader.get_ref().try_clone().expect("the socket is open");
        Self { reader: BufReader::new(stream) }
    }

    /// Reads one answer.
    pub fn response(&mut self) -> Response {
        self.try_response().expect("the server answers")
    }

    /// Reads one answer, if there is one.
    pub fn try_response(&mut self) -> io::Result<Response> {
        read_response(&mut self.reader)
    }

    /// Whether the server has answered or hung up already.
    pub fn has_answer(&self) -> bool {
        let stream = self.reader.get_ref();
        stream.set_nonblocking(true).expect("the socket is open");
        let peeked = stream.peek(&mut [0]);
        stream.set_nonblocking(false).expect("the socket is open");
        !matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Waits for the server to hang up; nothing more may come before that.
    pub fn expect_end(&mut self) {
        let mut rest = Vec::new();
        match self.reader.read_to_end(&mut rest) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                panic!("the server does not close the connection")
            }
            Ok(_) | Err(_) => assert_eq!(String::from_utf8_lossy(&rest), ""),
        }
    }
}

/// A request as a client library writes it.
pub(crate) fn request_bytes(method: &str, target: &str, body: &[u8]) -> Vec<u8> {
    request_bytes_with(method, target, &[], body)
}

/// A request as a client library writes it, with these `headers` besides its own.
pub(crate) fn request_bytes_with(
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Vec<u8> {
    let mut bytes = format!("{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend(format!("{name}: {value}\r\n").as_bytes());
    }
    if !body.is_empty() {
        let length = body.len();
        let head = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
        bytes.extend(head.as_bytes());
    }
    bytes.extend(b"\r\n");
    bytes.extend(body);
    bytes
}

/// Reads one response and not a byte more.
pub(crate) fn read_response(source: &mut impl BufRead) -> io::Result<Response> {
    loop {
        let mut response = read_head(source)?;
        if response.status == 100 {
            continue; // An interim answer (RFC 9110 section 15.2): the real one follows.
        }
        response.body = read_body(source, &response)?;
        return Ok(response);
    }
}

fn read_head(source: &mut impl BufRead) -> io::Result<Response> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if source.read_until(b'\n', &mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Response::new(&mut headers);
    let status = parsed.parse(&head).map_err(io::Error::other)?;
    assert!(status.is_complete(), "the head ends with an empty line");
    let headers = parsed.headers.iter().map(|header| {
        let value = String::from_utf8_lossy(header.value).into_owned();
        (header.name.to_ascii_lowercase(), value)
    });
    let status = parsed.code.expect("a complete head has a status");
    Ok(Response { status, headers: headers.collect(), body: Vec::new() })
}

fn read_body(source: &mut impl BufRead, head: &Response) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if matches!(head.status, 101 | 204 | 304) {
        return Ok(body);
    }
    if let Some(length) = head.header("content-length") {
        let length = length.parse().map_err(io::Error::other)?;
        body.resize(length, 0);
        source.read_exact(&mut body)?;
    } else if head.header("transfer-encoding") == Some("chunked") {
        while read_chunk(source, &mut body)? > 0 {}
    } else {
        source.read_to_end(&mut body)?;
    }
    Ok(body)
}

/// Appends one chunk to `body` and returns its length, 0 for the last.
fn read_chunk(source: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<usize> {
    let mut line = String::new();
    source.read_line(&mut line)?;
    let length = usize::from_str_radix(line.trim_end(), 16).map_err(io::Error::other)?;
    let start = body.len();
    body.resize(start + length + 2, 0);
    source.read_exact(&mut body[start..])?;
    assert!(body.ends_with(b"\r\n"), "a chunk ends with a line end");
    body.truncate(start + length);
    Ok(length)
}
