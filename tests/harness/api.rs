//! The HTTP API as a Pusher server library uses it, and as an attacker would.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::{App, Http, Response, Server, hex_md5, http, signature};

/// A request with Pusher's query parameters, signed when it is written.
///
/// [`set`](Self::set) and [`without`](Self::without) change what is signed;
/// [`forge`](Self::forge) changes it after the signature was made.
#[derive(Clone, Debug)]
pub struct Signed {
    method: String,
    path: String,
    body: Vec<u8>,
    secret: String,
    parameters: BTreeMap<String, String>,
    forged: BTreeMap<String, String>,
    missing: Vec<String>,
    headers: Vec<(String, String)>,
}

impl Signed {
    /// A correct request of `app`.
    pub fn new(app: &App, method: &str, path: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let mut parameters = BTreeMap::from([
            ("auth_key".to_owned(), app.key.clone()),
            ("auth_timestamp".to_owned(), unix_time_s().to_string()),
            ("auth_version".to_owned(), "1.0".to_owned()),
        ]);
        if !body.is_empty() {
            parameters.insert("body_md5".to_owned(), hex_md5(&body));
        }
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            body,
            secret: app.secret.clone(),
            parameters,
            forged: BTreeMap::new(),
            missing: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// This request with the parameter `name`, signed.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.parameters.insert(name.to_owned(), value.to_owned());
        self
    }

    /// This request without the parameter `name`; the signature knows nothing of it.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.parameters.remove(name);
        self.missing.push(name.to_owned());
        self
    }

    /// This request with the parameter `name` as it was not signed.
    #[must_use]
    pub fn forge(mut self, name: &str, value: &str) -> Self {
        self.forged.insert(name.to_owned(), value.to_owned());
        self
    }

    /// This request with a timestamp so many seconds from now.
    #[must_use]
    pub fn seconds_from_now(self, seconds: i64) -> Self {
        let time = unix_time_s().checked_add_signed(seconds).expect("a time after 1970");
        self.set("auth_timestamp", &time.to_string())
    }

    /// This request with another body, which the signature knows nothing of.
    #[must_use]
    pub fn forge_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// This request with a header, which is never signed.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The path with its query.
    pub fn target(&self) -> String {
        let pairs: Vec<String> =
            self.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let to_sign = format!("{}\n{}\n{}", self.method, self.path, pairs.join("&"));
        let mut query = self.parameters.clone();
        query.insert("auth_signature".to_owned(), signature(&self.secret, &to_sign));
        query.extend(self.forged.clone());
        query.retain(|name, _| !self.missing.contains(name));
        let pairs: Vec<String> =
            query.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
        format!("{}?{}", self.path, pairs.join("&"))
    }

    /// The request on the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        http::request_bytes_with(&self.method, &self.target(), &headers, &self.body)
    }
}

/// A publisher: one connection that is kept alive, and the credentials of one app.
#[derive(Debug)]
pub struct Api {
    http: Http,
    app: App,
}

impl Api {
    /// Connects to `server` with the credentials of the app that the tests use.
    pub fn new(server: &Server) -> Self {
        Self::with_app(server.address(), server.app())
    }

    /// Connects to `address` with the credentials of `app`.
    pub fn with_app(address: SocketAddr, app: App) -> Self {
        Self { http: Http::connect(address), app }
    }

    /// A correct request to a path below the app's own.
    pub fn signed(&self, method: &str, path: &str, body: impl Into<Vec<u8>>) -> Signed {
        Signed::new(&self.app, method, &format!("/apps/{}{path}", self.app.id), body)
    }

    /// Sends `request` and reads the answer.
    pub fn send(&mut self, request: &Signed) -> Response {
        self.http.send(&request.to_bytes());
        self.http.response()
    }

    /// Asks for a path below the app's own.
    pub fn get(&mut self, path: &str) -> Response {
        self.send(&self.signed("GET", path, ""))
    }

    /// Posts `body` to a path below the app's own.
    pub fn post(&mut self, path: &str, body: &Value) -> Response {
        self.send(&self.signed("POST", path, body.to_string()))
    }

    /// Publishes one event, which must succeed.
    pub fn publish(&mut self, channel: &str, name: &str, data: &str) {
        let response =
            self.post("/events", &json!({"name": name, "channel": channel, "data": data}));
        assert_eq!((response.status, response.body_text().as_str()), (200, "{}"));
    }

    /// Publishes a batch of `(channel, name, data)`, which must succeed.
    pub fn publish_batch<'a>(
        &mut self,
        items: impl IntoIterator<Item = (&'a str, &'a str, String)>,
    ) {
        let response = self.post("/batch_events", &batch_body(items));
        assert_eq!((response.status, response.body_text().as_str()), (200, "{}"));
    }

    /// The connection itself.
    pub fn http(&mut self) -> &mut Http {
        &mut self.http
    }
}

/// The body of a batch of `(channel, name, data)`.
fn batch_body<'a>(items: impl IntoIterator<Item = (&'a str, &'a str, String)>) -> Value {
    let batch: Vec<Value> = items
        .into_iter()
        .map(|(channel, name, data)| json!({"channel": channel, "name": name, "data": data}))
        .collect();
    json!({ "batch": batch })
}

fn unix_time_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs()
}

/// Percent-encodes all but the unreserved characters of RFC 3986 section 2.3.
fn escape(value: &str) -> String {
    let mut text = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("a string takes all");
        }
    }
    text
}
