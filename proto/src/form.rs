//! Pairs of names and values as queries and forms hold them: `a=1&b=2` (WHATWG URL,
//! `application/x-www-form-urlencoded`).
//!
//! Pairs come as they stand in the text: what is signed needs them so, and few are looked at.

use std::borrow::Cow;
use std::str::Utf8Error;

use percent_encoding::percent_decode_str;

/// The names and values of `text`, as they stand in it; `None` where there is no equals sign.
pub fn pairs(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let mut rest = text;
    let parts = std::iter::from_fn(move || {
        let (part, left) = split_at_byte(rest, b'&').unwrap_or((rest, ""));
        let is_there = !std::mem::replace(&mut rest, left).is_empty();
        is_there.then_some(part)
    });
    let parts = parts.filter(|part| !part.is_empty());
    parts.map(|part| split_at_byte(part, b'=').map_or((part, None), |(name, it)| (name, Some(it))))
}

/// A name or a value without its escapes: a plus is a space.
pub fn decode(text: &str) -> Result<Cow<'_, str>, Utf8Error> {
    if !text.contains('+') {
        return percent_decode_str(text).decode_utf8();
    }
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().map(|text| Cow::Owned(text.into_owned()))
}

/// What is before and behind the first `byte`, an ASCII character.
fn split_at_byte(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = memchr::memchr(byte, text.as_bytes())?;
    Some((&text[..at], &text[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_come_as_they_stand() {
        let read: Vec<_> = pairs("a=1&&b&c=&d=%41=+&").collect();
        let expected = [("a", Some("1")), ("b", None), ("c", Some("")), ("d", Some("%41=+"))];
        assert_eq!(read, expected);
        assert_eq!(pairs("").count(), 0);
    }

    #[test]
    fn a_plus_is_a_space_and_what_is_no_utf8_is_refused() {
        assert_eq!(decode("%41=+%2B").unwrap(), "A= +");
        assert!(decode("%ff").is_err() && decode("+%ff").is_err());
    }
}
