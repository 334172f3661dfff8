//! What a client offers in `Sec-WebSocket-Extensions` (RFC 6455 section 9.1, RFC 7692 section 5).
//!
//! A client lists offers in the order it likes them. The only extension known here is
//! `permessage-deflate`, and the first offer of it that can be served is the one that counts.

/// An offer of `permessage-deflate` that this server can serve.
///
/// It can if the parameters are those of RFC 7692 section 7.1, each once and with a value as it
/// should be, and the client does not want a smaller window than 32 KiB: a compressed frame is
/// shared by all who get it, so its window cannot be one client's choice. The client's own window
/// may be of any size.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct DeflateOffer {
    /// Whether the client named `server_max_window_bits`, which the answer then must do, too.
    is_server_window_named: bool,
}

/// A header value that is no list of extensions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Malformed;

/// The window that frames are compressed with, as a power of two.
const WINDOW_BITS: u8 = 15;

impl DeflateOffer {
    /// The first servable offer in one header's `value`.
    pub(super) fn find(value: &[u8]) -> Result<Option<Self>, Malformed> {
        let value = str::from_utf8(value).map_err(|_| Malformed)?;
        let mut found = None;
        // What is quoted must be a token, too, so no separator is inside quotes.
        let items = value.split(',').map(str::trim_ascii);
        // A list may have empty elements (RFC 9110 section 5.6.1).
        for item in items.filter(|item| !item.is_empty()) {
            let (name, parameters) = read_offer(item)?;
            if name == "permessage-deflate" {
                found = found.or_else(|| parameters.offer());
            }
        }
        Ok(found)
    }

    /// The value of the header that agrees to this offer.
    pub(super) fn answer(self) -> String {
        let both = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        if self.is_server_window_named {
            format!("{both}; server_max_window_bits={WINDOW_BITS}")
        } else {
            both.to_owned()
        }
    }
}

/// One extension's name and parameters.
fn read_offer(item: &str) -> Result<(&str, Parameters), Malformed> {
    let mut parts = item.split(';').map(str::trim_ascii);
    let name = parts.next().unwrap_or_default();
    check_token(name)?;
    let mut parameters = Parameters::default();
    for part in parts {
        parameters.take(part)?;
    }
    Ok((name, parameters))
}

/// The parameters of one offer so far.
#[derive(Default)]
struct Parameters {
    /// Those that were named, a bit for each.
    named: u8,
    server_max_window_bits: Option<u8>,
    /// One was unknown, repeated, or had a value that it must not have.
    is_unservable: bool,
}

impl Parameters {
    /// Read one parameter: `name`, `name=token` or `name="token"`.
    fn take(&mut self, part: &str) -> Result<(), Malformed> {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim_ascii_end(), Some(token(value.trim_ascii_start())?)),
            None => (part, None),
        };
        check_token(name)?;
        let bits = value.and_then(window_bits);
        let (bit, is_valid) = match name {
            "server_no_context_takeover" => (1, value.is_none()),
            "client_no_context_takeover" => (2, value.is_none()),
            "client_max_window_bits" => (4, value.is_none() || bits.is_some()),
            "server_max_window_bits" => {
                self.server_max_window_bits = bits;
                (8, bits.is_some())
            }
            _ => (0, false),
        };
        self.is_unservable |= !is_valid || self.named & bit != 0;
        self.named |= bit;
        Ok(())
    }

    fn offer(self) -> Option<DeflateOffer> {
        let is_large = self.server_max_window_bits.is_none_or(|bits| bits == WINDOW_BITS);
        let is_server_window_named = self.server_max_window_bits.is_some();
        (is_large && !self.is_unservable).then_some(DeflateOffer { is_server_window_named })
    }
}

/// A window as a power of two: 8 to 15, without leading zeros (RFC 7692 section 7.1.2).
fn window_bits(value: &str) -> Option<u8> {
    let bits = value.parse().ok().filter(|bits| (8..=15).contains(bits))?;
    (!value.starts_with(['0', '+'])).then_some(bits)
}

/// The token that `value` is or quotes.
fn token(value: &str) -> Result<&str, Malformed> {
    let inner = value.strip_prefix('"').map(|rest| rest.strip_suffix('"').ok_or(Malformed));
    let inner = inner.unwrap_or(Ok(value))?;
    check_token(inner)?;
    Ok(inner)
}

/// RFC 9110 section 5.6.2.
fn check_token(text: &str) -> Result<(), Malformed> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.is_empty() || !text.bytes().all(is_letter) { Err(Malformed) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

    /// `Some("")` is the answer that names no window, `None` is none.
    fn check(value: &str, expected: Option<&str>) {
        let answer = DeflateOffer::find(value.as_bytes()).unwrap().map(DeflateOffer::answer);
        assert_eq!(answer, expected.map(|more| format!("{BOTH}{more}")), "{value}");
    }

    #[test]
    fn an_offer_that_can_be_served_is_answered() {
        let window = Some("; server_max_window_bits=15");
        for (value, answer) in [
            ("permessage-deflate", Some("")),
            ("permessage-deflate; client_max_window_bits", Some("")),
            ("permessage-deflate;client_max_window_bits=8 ", Some("")),
            ("permessage-deflate; client_max_window_bits=\"10\"", Some("")),
            (
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
                Some(""),
            ),
            ("permessage-deflate; server_max_window_bits=15", window),
            ("permessage-deflate; server_max_window_bits = \"15\"; client_max_window_bits", window),
        ] {
            check(value, answer);
        }
    }

    #[test]
    fn an_offer_that_cannot_be_served_is_declined() {
        for parameters in [
            "server_max_window_bits",
            "server_max_window_bits=7",
            "server_max_window_bits=14",
            "server_max_window_bits=16",
            "server_max_window_bits=015",
            "server_max_window_bits=+15",
            "server_max_window_bits=15; server_max_window_bits=15",
            "client_max_window_bits=7",
            "client_max_window_bits=16",
            "client_max_window_bits=08",
            "client_max_window_bits; client_max_window_bits",
            "server_no_context_takeover=true",
            "client_no_context_takeover; client_no_context_takeover",
            "Server_no_context_takeover",
            "unknown",
        ] {
            check(&format!("permessage-deflate; {parameters}"), None);
        }
        check("x-webkit-deflate-frame", None);
        check("permessage-bzip2; server_no_context_takeover", None);
        check("", None);
    }

    /// A client puts the offer it likes best first (RFC 7692 section 5).
    #[test]
    fn the_first_offer_that_can_be_served_counts() {
        let window = Some("; server_max_window_bits=15");
        let small = "permessage-deflate; server_max_window_bits=10";
        check(&format!("{small}, permessage-deflate"), Some(""));
        check(&format!("foo; bar=\"baz\", ,{small},permessage-deflate"), Some(""));
        check("permessage-deflate; server_max_window_bits=15, permessage-deflate", window);
        check("permessage-deflate, permessage-deflate; server_max_window_bits=15", Some(""));
    }

    #[test]
    fn what_is_no_list_of_extensions_is_malformed() {
        for value in [
            "permessage-deflate;",
            "; client_max_window_bits",
            "permessage deflate",
            "permessage-deflate; =15",
            "permessage-deflate; server_max_window_bits=",
            "permessage-deflate; server_max_window_bits=\"15",
            "permessage-deflate; server_max_window_bits=\"\"",
            "permessage-deflate; server_max_window_bits=\"1,5\"",
            "permessage-deflate, foo/bar",
            "caf\u{e9}",
        ] {
            assert_eq!(DeflateOffer::find(value.as_bytes()), Err(Malformed), "{value}");
        }
        assert_eq!(DeflateOffer::find(&[0xff]), Err(Malformed));
    }
}
