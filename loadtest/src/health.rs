//! What a zero-pub-sub server says of itself, over HTTP.

use std::io::{self, Read as _, Write as _};

use serde_json::Value;

use crate::endpoint::Endpoint;
use crate::socket::connect;

/// The counters of `GET /health`, or `None` where the server has no such page; `secret` opens it.
pub fn metrics(endpoint: &Endpoint, secret: &str) -> Option<Value> {
    let answer = get(endpoint, "/health", secret).ok()?;
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let Ok(httparse::Status::Complete(head)) = response.parse(&answer) else { return None };
    let mut page: Value = serde_json::from_slice(&answer[head..]).ok()?;
    page.get_mut("metrics").map(Value::take)
}

/// Everything that comes back, head and body, until the server closes.
fn get(endpoint: &Endpoint, path: &str, secret: &str) -> io::Result<Vec<u8>> {
    let mut stream = connect::dial(endpoint.address, 0)?;
    let Endpoint { authority, prefix, .. } = endpoint;
    let request = format!(
        "GET {prefix}{path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\
         Authorization: Bearer {secret}\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}
