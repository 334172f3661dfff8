//! The HTTP client: TLS, timeouts and the limit on answers.
//!
//! It speaks HTTP/1.1, follows no redirect and uses no proxy: a call goes where its URL says or
//! nowhere. Certificates are checked against the system's roots, or those of `SSL_CERT_FILE`.

use std::cell::OnceCell;
use std::error::Error;
use std::rc::Rc;
use std::sync::Once;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;

use crate::api::{Call, CallAnswer, CallError, CallOutcome};

/// What other servers see us as.
const USER_AGENT: &str = concat!("uringcast/", env!("CARGO_PKG_VERSION"));

/// The largest answer to a webhook, whose body nobody reads.
const POST_ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Connections to one server that are kept for the next call. Without a limit every burst would
/// leave as many as it had calls, which the reserve of descriptors could not know.
pub(crate) const IDLE_PER_HOST: usize = 4;

/// How long they are kept: longer than the pause between two batches, shorter than most servers do.
const IDLE_TIME: Duration = Duration::from_secs(30);

/// The one HTTP client of the process. Clones share its connections.
///
/// It is made when it is first used: the system's certificates are megabytes that a server which
/// calls nobody need not hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Client(Rc<OnceCell<reqwest::Client>>);

impl Client {
    /// Carry out `call` until `deadline` for its status alone: anything but success is an error,
    /// in words.
    pub(crate) async fn post(&self, call: Call, deadline: Instant) -> Result<(), String> {
        match self.call(call, deadline, POST_ANSWER_BYTES_MAX).await {
            Ok(CallAnswer { status: 200..=299, .. }) => Ok(()),
            Ok(CallAnswer { status, .. }) => Err(format!("status {status}")),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Carry out `call` until `deadline`, for an answer of at most `bytes_max` bytes.
    pub(crate) async fn call(
        &self,
        call: Call,
        deadline: Instant,
        bytes_max: usize,
    ) -> CallOutcome {
        let headers = headers(&call.headers)?;
        let request =
            self.0.get_or_init(connector).post(&call.url).headers(headers).body(call.body);
        let answer = async {
            let response = request.send().await.map_err(|error| failure(&error))?;
            let status = response.status().as_u16();
            Ok(CallAnswer { status, body: body(response, bytes_max).await? })
        };
        let answered = tokio::time::timeout_at(deadline.into(), answer).await;
        answered.unwrap_or(Err(CallError::Timeout))
    }
}

/// A client that trusts the system's root certificates.
///
/// Where there are none, a warning is printed and `https` fails, call by call.
fn connector() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Refused only if another is installed, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let builder = || {
        reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(Policy::none())
            .no_proxy()
            .http1_only()
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .pool_idle_timeout(IDLE_TIME)
    };
    builder().build().unwrap_or_else(|error| {
        tracing::warn!("calls to https:// will fail: {}", reason(&error));
        let bare = builder().tls_certs_only([]);
        bare.build().expect("without root certificates nothing is left that can fail")
    })
}

fn headers(given: &[(String, String)]) -> Result<HeaderMap, CallError> {
    let mut headers = HeaderMap::with_capacity(given.len() + 1);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in given {
        let malformed = || CallError::Malformed { reason: format!("the header {name:?}") };
        let value = HeaderValue::from_str(value).map_err(|_| malformed())?;
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| malformed())?;
        headers.insert(name, value);
    }
    Ok(headers)
}

async fn body(mut response: reqwest::Response, bytes_max: usize) -> Result<Bytes, CallError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
        if body.len() + chunk.len() > bytes_max {
            return Err(CallError::AnswerBytes { bytes_max });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn failure(error: &reqwest::Error) -> CallError {
    let reason = reason(error);
    if error.is_builder() {
        CallError::Malformed { reason }
    } else if error.is_timeout() {
        CallError::Timeout
    } else {
        CallError::Unreachable { reason }
    }
}

/// The innermost cause: what is around it only says that a request failed.
fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
