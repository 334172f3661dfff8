//! Requests to the path of a stream that are not for one.

use http::header::{ALLOW, HeaderValue};

use crate::answer::HttpAnswer;

impl HttpAnswer {
    /// To a request for a stream that is no GET.
    pub fn stream_method() -> Self {
        let mut answer = Self::no_content();
        answer.status = 405;
        answer.headers.push((ALLOW, HeaderValue::from_static("GET")));
        answer
    }
}
