//! What admission looks at in a websocket's request.

/// The parts of a handshake that decide whether it is admitted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Path and query, as they stand in the request line.
    pub target: String,
    /// Every `Origin`; browsers send one, others none.
    pub origins: Vec<String>,
    /// Every `X-Forwarded-For`, in their order.
    pub forwarded_for: Vec<String>,
    /// The first `X-Forwarded-Proto`.
    pub forwarded_proto: Option<String>,
}

impl Request {
    /// Gather the parts from a head. What is not UTF-8 in a header becomes U+FFFD, which matches
    /// nothing.
    pub fn from_headers<'h>(
        target: &str,
        headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
    ) -> Self {
        let mut request = Self { target: target.to_owned(), ..Self::default() };
        for (name, value) in headers {
            let value = || String::from_utf8_lossy(value.trim_ascii()).into_owned();
            if name.eq_ignore_ascii_case("Origin") {
                request.origins.push(value());
            } else if name.eq_ignore_ascii_case("X-Forwarded-For") {
                request.forwarded_for.push(value());
            } else if name.eq_ignore_ascii_case("X-Forwarded-Proto") {
                request.forwarded_proto.get_or_insert_with(value);
            }
        }
        request
    }

    /// Whether who sent it says that it speaks for somebody else.
    pub const fn is_forwarded(&self) -> bool {
        !self.forwarded_for.is_empty() || self.forwarded_proto.is_some()
    }

    /// What follows the `?` of the target, or empty.
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }
}
