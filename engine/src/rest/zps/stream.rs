//! Streams of server-sent events that are asked for on a connection that has had other requests.
//!
//! A stream takes the whole connection, from its first byte on: whoever asks later is told to come
//! again on a new one, which browsers and `fetch` do by themselves.

use http::header::{ALLOW, CONNECTION, HeaderValue, LOCATION};

use crate::rest::{Answer, Head};

impl Answer {
    /// To a request for a stream that came too late; `preflight` is the answer to a browser that
    /// only asks whether it may.
    pub fn stream_elsewhere(preflight: Option<Self>, head: &Head<'_>) -> Self {
        let close = (CONNECTION, HeaderValue::from_static("close"));
        if let Some(mut answer) = preflight {
            answer.headers.push(close);
            return answer;
        }
        let mut answer = Self::no_content();
        if head.method != "GET" {
            answer.status = 405;
            answer.headers.push((ALLOW, HeaderValue::from_static("GET")));
            return answer;
        }
        let target = match head.query {
            "" => head.path.to_owned(),
            query => format!("{}?{query}", head.path),
        };
        answer.status = 307;
        let location = HeaderValue::try_from(target).expect("it stood in a request line");
        answer.headers.extend([(LOCATION, location), close]);
        answer
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn answer(method: &str, query: &str, preflight: Option<Answer>) -> Vec<String> {
        let headers = HeaderMap::new();
        let head = Head { method, path: "/sse", query, content_length: None, headers: &headers };
        let answer = Answer::stream_elsewhere(preflight, &head);
        let lines = answer.headers.iter();
        let lines = lines.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        std::iter::once(answer.status.to_string()).chain(lines).collect()
    }

    #[test]
    fn who_comes_late_comes_again() {
        let found = answer("GET", "rooms=a%3A1", None);
        assert_eq!(found, ["307", "location: /sse?rooms=a%3A1", "connection: close"]);
        assert_eq!(answer("GET", "", None)[1], "location: /sse");
        assert_eq!(answer("POST", "", None), ["405", "allow: GET"]);
        let preflight = Some(Answer::no_content());
        assert_eq!(answer("OPTIONS", "", preflight), ["204", "connection: close"]);
    }
}
