//! Which web pages may read answers of the HTTP API (the Fetch standard's CORS protocol).
//!
//! Pages of every origin may by default, as with Soketi: who may publish is decided by signatures,
//! never by cookies, so a page can do nothing that its visitor's own program could not. Cookies are
//! allowed for origins that are listed one by one, and never for all.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderName, HeaderValue, ORIGIN, VARY,
};

use super::answer::HttpAnswer;
use super::head::Head;
use super::origins::Origins;

/// What one request's answer says about who may read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// What the browser may give the answer to; `None` for nobody.
    allowed: Option<HeaderValue>,
    /// Whether another origin would have been told something else.
    is_varied: bool,
    is_preflight: bool,
}

/// How long a browser may remember an answer: two hours, the most that any of them does.
const MAX_AGE_S: &str = "7200";

/// What the API takes, and what an authorisation endpoint's callers send besides.
const ALLOW_HEADERS: &str = "Accept, Authorization, Content-Type, Idempotency-Key, \
    Last-Event-ID, Origin, X-App-Key, X-CSRF-Token, X-Idempotency-Key, X-Requested-With, \
    X-Socket-Id, X-XSRF-Token, X-ZinTrust-Socket-Secret";

/// What a page may read besides the body.
const EXPOSE_HEADERS: &str = "Idempotency-Replayed, Retry-After, X-RateLimit-Limit, \
    X-RateLimit-Remaining, X-RateLimit-Reset";

impl Cors {
    /// Who may read the answer to the request with this `head`, if pages of `origins` may.
    pub fn of(origins: &Origins, head: &Head<'_>) -> Self {
        let origin = head.headers.get(ORIGIN);
        let is_preflight = head.method == "OPTIONS"
            && origin.is_some()
            && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        let allowed = match (origins, origin) {
            (Origins::None, _) | (_, None) => None,
            (Origins::Any, Some(_)) => Some(HeaderValue::from_static("*")),
            (Origins::Listed(listed), Some(origin)) => {
                let is_listed = |it: &String| it.as_bytes().eq_ignore_ascii_case(origin.as_bytes());
                listed.iter().any(is_listed).then(|| origin.clone())
            }
        };
        Self { allowed, is_varied: matches!(origins, Origins::Listed(_)), is_preflight }
    }

    /// The whole answer, if the request only asks whether another one may be sent.
    pub fn preflight(&self) -> Option<HttpAnswer> {
        self.is_preflight.then(HttpAnswer::no_content)
    }

    /// The headers that go with the answer, whatever it is.
    pub fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        let mut headers = Vec::new();
        if self.is_varied {
            headers.push((VARY, HeaderValue::from_static("Origin")));
        }
        let Some(origin) = &self.allowed else { return headers };
        headers.push((ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()));
        if self.is_varied {
            headers.push((ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true")));
        }
        let others: &[(HeaderName, &'static str)] = if self.is_preflight {
            &[
                (ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, OPTIONS"),
                (ACCESS_CONTROL_ALLOW_HEADERS, ALLOW_HEADERS),
                (ACCESS_CONTROL_MAX_AGE, MAX_AGE_S),
            ]
        } else {
            &[(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSE_HEADERS)]
        };
        let others = others.iter();
        headers.extend(others.map(|(name, value)| (name.clone(), HeaderValue::from_static(value))));
        headers
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    const LISTED: &str = "https://app.example.com, http://localhost:3000";

    /// The headers that a request from `origin` gets, one a line.
    fn headers(origins: &str, method: &str, origin: Option<&'static str>) -> Vec<String> {
        let mut headers = HeaderMap::new();
        if let Some(origin) = origin {
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
            let method = HeaderValue::from_static("POST");
            headers.insert(ACCESS_CONTROL_REQUEST_METHOD, method);
        }
        let head = Head { method, path: "/", query: "", content_length: None, headers: &headers };
        let cors = Cors::of(&origins.parse().unwrap(), &head);
        assert_eq!(cors.preflight().is_some(), method == "OPTIONS" && origin.is_some());
        let line = |(name, value): (HeaderName, HeaderValue)| {
            format!("{name}: {}", value.to_str().unwrap())
        };
        cors.headers().into_iter().map(line).collect()
    }

    #[test]
    fn everybody_may_read_and_nobody_with_cookies() {
        let expose = format!("access-control-expose-headers: {EXPOSE_HEADERS}");
        let all = ["access-control-allow-origin: *".to_owned(), expose];
        assert_eq!(headers("*", "GET", Some("https://any.example")), all);
        assert!(headers("*", "GET", None).is_empty());
    }

    #[test]
    fn a_listed_origin_may_read_with_cookies_and_no_other_may() {
        let found = headers(LISTED, "POST", Some("http://localhost:3000"));
        assert_eq!(
            found[..3],
            [
                "vary: Origin",
                "access-control-allow-origin: http://localhost:3000",
                "access-control-allow-credentials: true"
            ]
        );
        for origin in [None, Some("http://localhost"), Some("null"), Some("http://localhost:30001")]
        {
            assert_eq!(headers(LISTED, "GET", origin), ["vary: Origin"], "{origin:?}");
        }
    }

    #[test]
    fn a_preflight_is_told_what_it_may_send() {
        let found = headers("*", "OPTIONS", Some("https://any.example"));
        let names: Vec<&str> = found.iter().filter_map(|line| line.split(':').next()).collect();
        assert_eq!(
            names,
            [
                "access-control-allow-origin",
                "access-control-allow-methods",
                "access-control-allow-headers",
                "access-control-max-age"
            ]
        );
        assert!(headers("", "OPTIONS", Some("https://any.example")).is_empty());
    }
}
