//! What is known of a request before its body is read.

use std::borrow::Cow;

use http::HeaderMap;
use percent_encoding::percent_decode_str;
use uringcast_shard::app::Apps;

use super::config::ApiConfig;
use super::endpoint::check_length;
use super::error::ApiError;

/// The head of a request.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// In upper case, as it stands in the request line.
    pub method: &'a str,
    /// As it stands in the request line, without the query: what is signed.
    pub path: &'a str,
    /// What follows the `?`, or empty.
    pub query: &'a str,
    /// The announced length of the body; `None` when there is none or it comes in chunks.
    pub content_length: Option<u64>,
    /// All headers.
    pub headers: &'a HeaderMap,
}

/// A head that has found its endpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(super) apps: &'a Apps,
    pub(super) config: &'a ApiConfig,
    pub(super) head: &'a Head<'a>,
    /// What stands in the path for each `{}`.
    pub(super) names: [&'a str; 2],
    pub(super) now_unix_s: u64,
}

impl Asked<'_> {
    /// Refuse an announced giant.
    pub(super) fn check_length(&self) -> Result<(), ApiError> {
        check_length(self.config.body_bytes_max, self.head.content_length)
    }
}

/// A path segment without its percent escapes. A plus stays a plus: it is a space in queries only.
pub(super) fn decode(segment: &str) -> Result<Cow<'_, str>, ApiError> {
    if !segment.contains('%') {
        return Ok(Cow::Borrowed(segment));
    }
    percent_decode_str(segment).decode_utf8().map_err(|_| ApiError::PathEncoding)
}
