//! What is wrong with the head of a request, whatever it asks for.
//!
//! A head that two programs on the way could read in two ways is refused before anything else is
//! decided, on every port and every path: hyper reads both, as they come.

use http::header::{HOST, TRANSFER_ENCODING};
use uringcast_proto::ws::handshake::HandshakeError;

/// Why a request is refused by its head. The connection is closed after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum HeadError {
    /// There is not one `Host` (RFC 9112 section 3.2).
    #[error("a request needs one Host header")]
    Host,
    /// The body is coded in another way than in chunks (RFC 9112 section 6.1).
    #[error("the only supported Transfer-Encoding is chunked")]
    TransferCoding,
    /// It asks for a websocket and cannot have one.
    #[error("{0}")]
    Upgrade(#[from] HandshakeError),
}

/// Refuse a head without one `Host`, or with a coding of its body that cannot be undone; `version`
/// is the minor version of HTTP/1.
pub(super) fn check<'h>(
    version: u8,
    fields: impl Iterator<Item = (&'h str, &'h [u8])>,
) -> Result<(), HeadError> {
    let mut hosts = 0;
    for (name, value) in fields {
        if name.eq_ignore_ascii_case(HOST.as_str()) {
            hosts += 1;
        } else if name.eq_ignore_ascii_case(TRANSFER_ENCODING.as_str()) {
            let mut codings = value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
            if !codings.all(|coding| coding.eq_ignore_ascii_case(b"chunked")) {
                return Err(HeadError::TransferCoding);
            }
        }
    }
    let is_missing = hosts == 0 && version >= 1;
    if is_missing || hosts > 1 { Err(HeadError::Host) } else { Ok(()) }
}

impl HeadError {
    /// The whole answer, its text being the error's own.
    pub(super) fn response(self) -> Vec<u8> {
        let status = match self {
            Self::Upgrade(error) => return error.response(),
            Self::Host => "400 Bad Request",
            Self::TransferCoding => "501 Not Implemented",
        };
        let text = self.to_string();
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{text}",
            text.len()
        )
        .into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_has_one_host_and_no_coding_but_chunked() {
        let one = ("host", "a");
        let coded = |coding| [one, ("Transfer-Encoding", coding)];
        let check = |version, fields: &[(&'static str, &'static str)]| {
            check(version, fields.iter().map(|(name, value)| (*name, value.as_bytes())))
        };
        assert_eq!(check(1, &[one]), Ok(()));
        assert_eq!(check(0, &[]), Ok(()), "HTTP/1.0 has none");
        assert_eq!(check(1, &[]), Err(HeadError::Host));
        for version in [0, 1] {
            assert_eq!(check(version, &[one, ("Host", "a")]), Err(HeadError::Host));
        }
        assert_eq!(check(1, &coded("Chunked")), Ok(()));
        for coding in ["gzip, chunked", "gzip", "chunked, identity", "", "xchunked"] {
            assert_eq!(check(1, &coded(coding)), Err(HeadError::TransferCoding), "{coding}");
        }
    }
}
