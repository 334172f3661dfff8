//! Reads HTTP answers off a kept-alive connection, one at a time.

use memchr::memmem;

use crate::failure::Failure;

/// The longest answer, in bytes: a publish is answered in a few.
const BYTES_MAX: usize = 1 << 20;

/// One whole answer.
#[derive(Debug, Eq, PartialEq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The start of the body, for messages.
    pub body: String,
    /// Whether the server closes the connection behind it.
    pub is_last: bool,
}

/// The bytes of an answer that is not whole yet.
#[derive(Debug, Default)]
pub struct Responses {
    partial: Vec<u8>,
}

impl Responses {
    /// Take what one read gave.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.partial.extend_from_slice(bytes);
        if self.partial.len() > BYTES_MAX {
            return Err(Failure::Response("longer than 1 MiB"));
        }
        Ok(())
    }

    /// Take the next answer, if it is whole.
    pub fn take(&mut self) -> Result<Option<Response>, Failure> {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut headers);
        let head = match response.parse(&self.partial) {
            Ok(httparse::Status::Partial) => return Ok(None),
            Ok(httparse::Status::Complete(head)) => head,
            Err(_) => return Err(Failure::Response("the head does not parse")),
        };
        let status = response.code.unwrap_or(0);
        let Some(length) = body_length(&response, &self.partial[head..])? else {
            return Ok(None);
        };
        let is_last = response.headers.iter().any(|it| {
            it.name.eq_ignore_ascii_case("connection") && it.value.eq_ignore_ascii_case(b"close")
        });
        let body = &self.partial[head..head + length];
        let body = String::from_utf8_lossy(&body[..length.min(200)]).into_owned();
        self.partial.drain(..head + length);
        Ok(Some(Response { status, body, is_last }))
    }
}

/// Bytes of the body on the wire, or nothing while it is incomplete.
fn body_length(
    response: &httparse::Response<'_, '_>,
    rest: &[u8],
) -> Result<Option<usize>, Failure> {
    let header =
        |name: &str| response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
    if let Some(length) = header("content-length") {
        let length = str::from_utf8(length.value).ok().and_then(|text| text.parse().ok());
        let length: usize = length.ok_or(Failure::Response("bad content-length"))?;
        return Ok((length <= rest.len()).then_some(length));
    }
    if header("transfer-encoding").is_some() {
        // Small JSON in one chunk: the last chunk's line cannot occur inside it.
        return Ok(memmem::find(rest, b"0\r\n\r\n").map(|start| start + 5));
    }
    match response.code {
        Some(204) => Ok(Some(0)),
        _ => Err(Failure::Response("neither content-length nor chunks")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &str) -> Response {
        Response { status, body: body.to_owned(), is_last: false }
    }

    #[test]
    fn answers_come_out_whole_and_one_by_one() {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 401 No\r\n\
                    Transfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\nHTTP/1.1 204 -\r\n\r\n";
        for read_bytes in [1, 7, text.len()] {
            let mut responses = Responses::default();
            let mut seen = Vec::new();
            for read in text.as_bytes().chunks(read_bytes) {
                responses.feed(read).unwrap();
                while let Some(response) = responses.take().unwrap() {
                    seen.push(response);
                }
            }
            let chunked = response(401, "2\r\nno\r\n0\r\n\r\n");
            assert_eq!(seen, [response(200, "{}"), chunked, response(204, "")]);
        }
    }

    #[test]
    fn a_server_that_closes_says_so() {
        let mut responses = Responses::default();
        let text = b"HTTP/1.1 200 OK\r\nconnection: Close\r\nContent-Length: 2\r\n\r\n{}";
        responses.feed(text).unwrap();
        assert_eq!(
            responses.take().unwrap(),
            Some(Response { is_last: true, ..response(200, "{}") })
        );
    }

    #[test]
    fn what_is_no_http_is_an_error() {
        let mut responses = Responses::default();
        responses.feed(b"nonsense\r\n\r\n").unwrap();
        assert!(responses.take().is_err());
    }
}
