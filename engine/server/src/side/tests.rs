//! The side thread against real sockets: it answers each call once, whatever the server does.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};

use bytes::Bytes;
use crossbeam_channel::{Receiver, RecvTimeoutError, unbounded};

use super::*;
use crate::api::CallAnswer;

const PATIENCE: Duration = Duration::from_secs(10);

type Delivered = (CoreId, CallId, CallOutcome);

/// A side thread with room for `calls` calls, and what it delivers.
fn side(calls: u32) -> (Side, Receiver<Delivered>) {
    let config = WebhookConfig {
        calls_in_flight_max: calls,
        call_answer_bytes_max: 8,
        ..WebhookConfig::default()
    };
    let (sender, receiver) = unbounded();
    let deliver = move |core, id, outcome| {
        sender.send((core, id, outcome)).map_err(|error| error.into_inner().2)
    };
    (start(config, Box::new(deliver), |error| panic!("{error}"), None).unwrap(), receiver)
}

/// A server that answers each connection's first request with `answer`; what it was sent.
fn server(answer: &'static str) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (sender, requests) = unbounded();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = vec![0; 4096];
            let bytes = stream.read(&mut request).unwrap();
            let _ = sender.send(String::from_utf8_lossy(&request[..bytes]).into_owned());
            stream.write_all(answer.as_bytes()).unwrap();
            let _ = stream.shutdown(Shutdown::Write);
        }
    });
    (url, requests)
}

fn call(url: &str, timeout: Duration) -> Call {
    let headers = vec![("x-from".to_owned(), "core".to_owned())];
    Call { url: url.to_owned(), body: Bytes::from_static(b"{}"), headers, timeout }
}

fn outcome(answer: &'static str) -> CallOutcome {
    let (url, _requests) = server(answer);
    ask(&url)
}

fn ask(url: &str) -> CallOutcome {
    let (side, delivered) = side(4);
    side.call(CoreId(1), CallId(7), call(url, PATIENCE)).unwrap();
    let (core, id, outcome) = delivered.recv_timeout(PATIENCE).unwrap();
    assert_eq!((core, id), (CoreId(1), CallId(7)));
    outcome
}

#[test]
fn a_call_posts_and_its_answer_comes_back_to_the_core_that_called() {
    let (url, requests) = server("HTTP/1.1 202 Accepted\r\nContent-Length: 8\r\n\r\n12345678");
    let body = Bytes::from_static(b"12345678");
    assert_eq!(ask(&url), Ok(CallAnswer { status: 202, body }));
    let request = requests.recv_timeout(PATIENCE).unwrap();
    for part in ["POST /hook HTTP/1.1\r\n", "content-type: application/json\r\n", "x-from: core"] {
        assert!(request.contains(part), "{request}");
    }
    assert!(request.contains("user-agent: uringcast/") && request.ends_with("\r\n\r\n{}"));
}

#[test]
fn an_answer_one_byte_past_the_limit_is_refused() {
    let answer = outcome("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789");
    assert_eq!(answer, Err(CallError::AnswerBytes { bytes_max: 8 }));
}

#[test]
fn a_redirect_is_an_answer_and_is_not_followed() {
    let answer = outcome("HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(answer.unwrap().status, 302);
}

#[test]
fn a_server_that_breaks_off_or_is_not_there_is_unreachable() {
    let broken = outcome("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12");
    assert!(matches!(broken, Err(CallError::Unreachable { .. })), "{broken:?}");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let absent = ask(&url);
    assert!(matches!(absent, Err(CallError::Unreachable { .. })), "{absent:?}");
}

#[test]
fn what_cannot_be_sent_is_the_operators_mistake() {
    for url in ["no url", "ftp://127.0.0.1/"] {
        let answer = ask(url);
        assert!(matches!(answer, Err(CallError::Malformed { .. })), "{url}: {answer:?}");
    }
}

#[test]
fn calls_wait_their_time_and_those_beyond_the_room_are_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap(); // Nobody ever accepts.
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (side, delivered) = side(1);
    let mut taken = 0;
    let short = Duration::from_millis(300);
    // One is in flight and one waits, whether or not the first has been taken out already.
    while side.call(CoreId(0), CallId(taken), call(&url, short)).is_ok() {
        taken += 1;
        assert!(taken <= 2, "there is room for two");
    }
    for _ in 0..taken {
        assert_eq!(delivered.recv_timeout(PATIENCE).unwrap().2, Err(CallError::Timeout));
    }
    let more = delivered.recv_timeout(Duration::from_millis(10));
    assert_eq!(more, Err(RecvTimeoutError::Timeout), "each call is answered once");
}
