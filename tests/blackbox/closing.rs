//! Answers after which the server closes say so, and what is little is read to keep the connection.
//!
//! A client with a pool of connections believes what an answer says: where it says nothing the
//! connection is used again.

use std::io;

use uringcast_tests::{Api, Http, Options, Raw, Response, Server, upgrade_request};

const HEAD_BYTES_MAX: usize = 8_192;
const BODY_BYTES_MAX: usize = 65_536;

/// As much of a body as is read though nobody wants it.
const UNREAD_BYTES_MAX: usize = 65_536;

fn server() -> Server {
    let limits = format!(
        "[http]\nhead_bytes_max = {HEAD_BYTES_MAX}\nbody_bytes_max = {BODY_BYTES_MAX}\n\
         cors_origins = \"https://a.example\"\n"
    );
    Server::start(Options::new().echo().config(&limits))
}

/// The head of a request, without its last line.
fn head(method: &str, target: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n")
}

/// The head of a publish that is signed for `body`.
fn signed(server: &Server, body: &[u8]) -> String {
    head("POST", &Api::new(server).signed("POST", "/events", body).target())
}

fn is_closing(response: &Response) -> bool {
    response.header("connection").is_some_and(|it| it.eq_ignore_ascii_case("close"))
}

/// Whether another request is answered on the same connection.
fn is_open(http: &mut Http) -> bool {
    let asked = http.try_send(b"GET /up HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    asked.and_then(|()| http.try_response()).is_ok()
}

/// An answer to a request of which `rest` is yet to be sent comes at once, has `status`, and says
/// truly whether the connection goes on.
fn check(http: &mut Http, request: &[u8], rest: &[u8], status: u16, is_kept: bool) {
    let shown = String::from_utf8_lossy(&request[..request.len().min(120)]).into_owned();
    http.send(request);
    let response = http.response();
    assert_eq!((response.status, is_closing(&response)), (status, !is_kept), "{shown}");
    drop(http.try_send(rest));
    assert_eq!(is_open(http), is_kept, "{shown}");
}

/// Requests that are answered by their heads, with the statuses of these answers.
fn refused_by_head(server: &Server) -> Vec<(String, u16)> {
    let publish = |target: &str| head("POST", target);
    let wrong = publish("/apps/app-id/events?auth_key=app-key&auth_signature=00");
    vec![
        (publish("/apps/app-id/events"), 401),
        (wrong, 401),
        (publish("/apps/nobody/events"), 404),
        (publish("/nowhere"), 404),
        (head("PUT", "/apps/app-id/events"), 405),
        (publish("/sse"), 405),
        (head("GET", "/nowhere"), 404),
        (head("GET", &Api::new(server).signed("GET", "/nowhere", "").target()), 404),
    ]
}

#[test]
fn a_little_that_is_left_of_a_body_is_read_and_the_connection_kept() {
    let server = server();
    for (head, status) in refused_by_head(&server) {
        for bytes in [1, 500, UNREAD_BYTES_MAX] {
            let (body, mut http) = (vec![b'x'; bytes], Http::connect(server.address()));
            let head = format!("{head}Content-Length: {bytes}\r\n\r\n").into_bytes();
            check(&mut http, &head, &body, status, true); // The body comes behind the answer,
            check(&mut http, &[&head[..], &body].concat(), b"", status, true); // or before it,
            let (first, rest) = body.split_at(bytes / 2);
            check(&mut http, &[&head[..], first].concat(), rest, status, true); // or both.
        }
    }
    for address in [server.metrics_address(), server.echo_address()] {
        let mut http = Http::connect(address);
        let request = [head("POST", "/nowhere"), "Content-Length: 3\r\n\r\n".to_owned()].concat();
        check(&mut http, request.as_bytes(), b"abc", 404, true);
    }
}

/// More than a little, or nobody knows how much, or it may never come.
#[test]
fn an_answer_says_that_the_connection_ends_where_much_is_left() {
    let server = server();
    let much = format!("Content-Length: {}\r\n\r\n", UNREAD_BYTES_MAX + 1);
    let chunked = "Transfer-Encoding: chunked\r\n\r\n";
    let expected = "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n";
    for (head, status) in refused_by_head(&server) {
        for rest in [&*much, chunked, expected] {
            for is_used in [false, true] {
                let mut http = Http::connect(server.address());
                assert!(!is_used || is_open(&mut http));
                check(&mut http, format!("{head}{rest}").as_bytes(), b"", status, false);
            }
        }
    }
}

/// The limit of a body: whole it may be as long, one more is refused by the head or on the way.
#[test]
fn a_publish_that_is_too_long_is_told_that_the_connection_ends() {
    let server = server();
    let body = vec![b'x'; BODY_BYTES_MAX + UNREAD_BYTES_MAX + 1];
    let head = signed(&server, &body);
    let known = format!("{head}Content-Length: {}\r\n\r\n", body.len());
    check(&mut Http::connect(server.address()), known.as_bytes(), &body, 413, false);
    let expected = known.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
    check(&mut Http::connect(server.address()), expected.as_bytes(), b"", 413, false);
    let chunk = [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n"].concat();
    let chunked = [format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes(), &chunk].concat();
    check(&mut Http::connect(server.address()), &chunked, b"0\r\n\r\n", 413, false);
    let just = &body[..=BODY_BYTES_MAX];
    let head = signed(&server, just);
    let known = format!("{head}Content-Length: {}\r\n\r\n", just.len());
    check(&mut Http::connect(server.address()), known.as_bytes(), just, 413, false);
}

/// What was read whole leaves nothing behind, in chunks too and whatever it is answered.
#[test]
fn a_body_that_was_read_keeps_the_connection() {
    let server = server();
    let mut http = Http::connect(server.address());
    for body in ["{\"name\":\"e\",\"channel\":\"room\",\"data\":\"x\"}", "{", "[]"] {
        let status = if body.len() > 2 { 200 } else { 400 };
        let head = signed(&server, body.as_bytes());
        let known = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        check(&mut http, known.as_bytes(), b"", status, true);
        let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunk}");
        check(&mut http, chunked.as_bytes(), b"", status, true);
        let expected = known.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
        check(&mut http, expected.as_bytes(), b"", status, true);
    }
}

/// Heads that are no requests, first and later.
#[test]
fn an_answer_to_what_is_no_request_says_that_the_connection_ends() {
    let server = server();
    let up = head("GET", "/up");
    let upgrade = upgrade_request("/app/app-key?protocol=7");
    for (request, status) in [
        ("this is not a request\r\n\r\n".to_owned(), 400),
        (format!("{up}no colon\r\n\r\n"), 400),
        (format!("{up}A: {}\r\n\r\n", "x".repeat(HEAD_BYTES_MAX)), 431),
        (format!("{up}{}\r\n", "A: b\r\n".repeat(200)), 431),
        (format!("{up}Content-Length: -1\r\n\r\n"), 400),
        (format!("{up}Content-Length: 1\r\nContent-Length: 2\r\n\r\n"), 400),
        (format!("{up}Transfer-Encoding: gzip, chunked\r\n\r\n"), 501),
        (upgrade.replace("Sec-WebSocket-Version: 13\r\n", ""), 426),
        (upgrade.replace("GET", "POST"), 405),
        (upgrade.replace("dGhlIHNhbXBsZSBub25jZQ==", "x"), 400),
    ] {
        for is_used in [false, true] {
            let mut http = Http::connect(server.address());
            assert!(!is_used || is_open(&mut http));
            check(&mut http, request.as_bytes(), b"", status, false);
        }
    }
}

/// Bytes that cannot be a body: the answer is the last one.
#[test]
fn a_body_that_is_broken_is_told_that_the_connection_ends() {
    let server = server();
    let head = signed(&server, b"{}");
    let broken = format!("{head}Transfer-Encoding: chunked\r\n\r\nnot a length\r\n");
    check(&mut Http::connect(server.address()), broken.as_bytes(), b"", 400, false);
    let mut raw = Raw::connect(server.address());
    raw.send(format!("{head}Content-Length: 2\r\n\r\n{{").as_bytes());
    raw.finish_sending();
    let response = raw.response();
    assert_eq!((response.status, is_closing(&response)), (400, true), "{response:?}");
    assert_eq!(raw.rest(), b"");
}

/// Who asked for the end is told of it, and HTTP/1.0 asks for it by not saying otherwise.
#[test]
fn a_client_that_wants_the_end_gets_it() {
    let server = server();
    let close = format!("{}Connection: close\r\n\r\n", head("GET", "/up"));
    check(&mut Http::connect(server.address()), close.as_bytes(), b"", 200, false);
    let mut http = Http::connect(server.address());
    http.send(head("GET", "/up").replace("HTTP/1.1", "HTTP/1.0").as_bytes());
    http.send(b"\r\n");
    assert_eq!(http.response().status, 200);
    assert!(!is_open(&mut http));
}

/// A client that sends all of a body before it reads gets the answer, however long the body is.
#[test]
fn an_answer_is_not_lost_to_the_body_behind_it() {
    let server = server();
    for bytes in [UNREAD_BYTES_MAX, UNREAD_BYTES_MAX + 1, 8 << 20] {
        let mut http = Http::connect(server.address());
        let body = vec![b'x'; bytes];
        let head = head("POST", "/apps/app-id/events");
        http.send(format!("{head}Content-Length: {bytes}\r\n\r\n").as_bytes());
        let sent: io::Result<()> = http.try_send(&body);
        sent.expect("the server reads the body to its end");
        let response = http.response();
        assert_eq!((response.status, is_closing(&response)), (401, bytes > UNREAD_BYTES_MAX));
    }
}

/// Whoever said that no more will come is not waited for as if more would.
#[test]
fn a_body_is_not_waited_for_whose_client_wants_the_connection_closed() {
    let server = Server::start(Options::new().config("[http]\nidle_timeout_s = 300\n"));
    let mut raw = Raw::connect(server.address());
    raw.send(
        b"POST /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 60000\r\n\r\n",
    );
    let response = raw.response();
    assert_eq!((response.status, response.header("connection")), (404, Some("close")));
    assert_eq!(raw.rest(), b"");
}
