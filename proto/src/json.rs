//! Raw JSON tokens: taking strings out of them and putting strings into them.
//!
//! A token is one complete JSON value, already checked by a parser. Nothing here checks it again.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Read `text` as one JSON object.
///
/// Serde would also take an array for a struct; on the wire that is no message at all.
pub(crate) fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    if !text.trim_ascii_start().starts_with('{') {
        return None;
    }
    parse(text).ok()
}

/// The most objects and arrays that may be open at once in what a stranger sends.
///
/// As deep as serde goes by itself; it does not count in what it leaves raw, and whoever gets
/// that from us may have a reader that does.
const DEPTH_MAX: usize = 128;

/// Read `text`, which is a stranger's, as JSON.
pub(crate) fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> serde_json::Result<T> {
    if is_deep(text) {
        return Err(serde::de::Error::custom("nested deeper than 128"));
    }
    serde_json::from_str(text)
}

/// Whether more than [`DEPTH_MAX`] are open anywhere in `text`.
fn is_deep(text: &str) -> bool {
    let (mut depth, mut is_string) = (0_usize, false);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if is_string => {
                bytes.next();
            }
            b'"' => is_string = !is_string,
            b'{' | b'[' if !is_string => depth += 1,
            b'}' | b']' if !is_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return true;
        }
    }
    false
}

/// Read a field so that `null` is told from a missing one: `Option` alone takes both for `None`.
pub(crate) fn present<'de, D>(input: D) -> Result<Option<&'de RawValue>, D::Error>
where
    D: Deserializer<'de>,
{
    <&RawValue>::deserialize(input).map(Some)
}

/// A string field that borrows from the text when it has no escapes.
///
/// Serde borrows a bare `Cow` field, but not one inside an `Option` or a `Vec`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl Text<'_> {
    pub(crate) fn into_owned<'b>(self) -> Text<'b> {
        Text(Cow::Owned(self.0.into_owned()))
    }
}

/// The string behind a string token, or `None` when the token is another kind of value or has an
/// unpaired surrogate.
pub(crate) fn string(token: &str) -> Option<Cow<'_, str>> {
    let inner = token.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(token).ok().map(Cow::Owned)
}

/// UTF-8 bytes of the string behind a string token, or `None` when it is another kind of value.
///
/// An unpaired surrogate counts as the three bytes that some encoders make of it.
pub(crate) fn string_bytes(token: &str) -> Option<usize> {
    let inner = token.strip_prefix('"')?.strip_suffix('"')?.as_bytes();
    let mut bytes = inner.len();
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', &inner[at..]) {
        at += found;
        let (escape_bytes, value_bytes) = escape_sizes(&inner[at..]);
        bytes -= escape_bytes - value_bytes;
        at += escape_bytes;
    }
    Some(bytes)
}

/// Bytes of the escape that `text` begins with, and of the character it stands for.
fn escape_sizes(text: &[u8]) -> (usize, usize) {
    let Some(unit) = code_unit(text) else {
        return (text.len().min(2), 1);
    };
    match unit {
        0..=0x7f => (6, 1),
        0x80..=0x7ff => (6, 2),
        0xd800..=0xdbff if code_unit(&text[6..]).is_some_and(is_low_surrogate) => (12, 4),
        0x800..=0xffff => (6, 3),
    }
}

const fn is_low_surrogate(unit: u16) -> bool {
    matches!(unit, 0xdc00..=0xdfff)
}

/// The UTF-16 code unit that `text` begins with as `\u` and four hex digits.
fn code_unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// `text` as it stands between the quotes of a JSON string; borrowed when nothing needs escaping.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if first_special(text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len() + text.len() / 4);
    escape_into(&mut out, text);
    Cow::Owned(String::from_utf8(out).expect("escaping ASCII characters keeps UTF-8 valid"))
}

/// Append `text` to `out` as it stands between the quotes of a JSON string.
pub(crate) fn escape_into(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    if first_special(bytes).is_none() {
        return out.extend_from_slice(bytes);
    }
    let mut copied = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if !needs_escape(byte) {
            continue;
        }
        out.extend_from_slice(&bytes[copied..at]);
        push_escape(out, byte);
        copied = at + 1;
    }
    out.extend_from_slice(&bytes[copied..]);
}

/// Where the first character is that cannot stand in a string as it is: a quote, a backslash or a
/// control character.
#[inline]
pub(crate) fn first_special(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(block) = bytes[at..].first_chunk() {
        if let Some(found) = first_special_of(block) {
            return Some(at + found);
        }
        at += BLOCK_BYTES;
    }
    // The last block once more, from where it is whole: what was looked at before is not special.
    if let Some(block) = bytes.last_chunk() {
        return first_special_of(block).map(|found| bytes.len() - BLOCK_BYTES + found);
    }
    let mut block = [b' '; BLOCK_BYTES];
    block[..bytes.len()].copy_from_slice(bytes);
    first_special_of(&block)
}

/// Bytes that are looked at together.
pub(crate) const BLOCK_BYTES: usize = 16;

/// Where the first character of one block is that cannot stand in a string as it is. There is no
/// branch for each byte: the compiler makes vector instructions of it.
#[inline]
pub(crate) fn first_special_of(block: &[u8; BLOCK_BYTES]) -> Option<usize> {
    let mut marks = [0; BLOCK_BYTES];
    for (mark, &byte) in marks.iter_mut().zip(block) {
        *mark = if needs_escape(byte) { u8::MAX } else { 0 };
    }
    let marks = u128::from_le_bytes(marks);
    (marks != 0).then(|| marks.trailing_zeros() as usize / 8)
}

/// The characters that RFC 8259 section 7 wants escaped.
const fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn push_escape(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        0..0x20 => {
            out.extend_from_slice(b"\\u00");
            out.push(HEX_DIGITS[usize::from(byte >> 4)]);
            out.push(HEX_DIGITS[usize::from(byte & 15)]);
        }
        _ => out.extend_from_slice(&[b'\\', byte]),
    }
}

pub(crate) const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte at every place of two blocks and a rest, before and behind every other kind.
    #[test]
    fn the_first_special_byte_is_found_wherever_it_stands() {
        for len in 0..36 {
            assert_eq!(first_special(&vec![b'a'; len]), None);
            for at in 0..len {
                for byte in 0..=u8::MAX {
                    for filler in [b'a', b'!', 0x20, 0x7f, 0x80, 0xff] {
                        let mut bytes = vec![filler; len];
                        bytes[at] = byte;
                        let expected = needs_escape(byte).then_some(at);
                        assert_eq!(first_special(&bytes), expected, "{bytes:?}");
                        bytes[at..].fill(byte);
                        assert_eq!(first_special(&bytes), expected, "{bytes:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_string_without_escapes_is_borrowed() {
        assert!(matches!(string("\"abc\""), Some(Cow::Borrowed("abc"))));
        assert!(matches!(string(r#""a\"c""#), Some(Cow::Owned(text)) if text == "a\"c"));
    }

    #[test]
    fn other_values_are_no_strings() {
        for token in ["1", "null", "{}", "[\"a\"]", "true"] {
            assert_eq!(string(token), None, "{token}");
            assert_eq!(string_bytes(token), None, "{token}");
        }
    }

    #[test]
    fn the_length_of_a_string_is_counted_without_decoding_it() {
        for token in [
            r#""""#,
            r#""abc""#,
            r#""a\"b\\c\/d\n""#,
            r#""\u0041\u00e9\u20ac""#,
            r#""\ud83d\ude00x\uD83D\uDE00""#,
            "\"\u{e9}\u{1f600}\"",
        ] {
            let decoded: String = serde_json::from_str(token).unwrap();
            assert_eq!(string_bytes(token), Some(decoded.len()), "{token}");
        }
    }

    #[test]
    fn an_unpaired_surrogate_is_counted_and_does_not_decode() {
        assert_eq!(string_bytes(r#""\ud83d""#), Some(3));
        assert_eq!(string_bytes(r#""\ud83dx\ude00""#), Some(7));
        assert_eq!(string(r#""\ud83d""#), None);
    }

    #[test]
    fn escaping_matches_what_a_parser_reads_back() {
        let all: String = (0..0x80_u8).map(char::from).chain("\u{e9}\u{1f600}".chars()).collect();
        let token = format!("\"{}\"", escaped(&all));
        assert_eq!(serde_json::from_str::<String>(&token).unwrap(), all);
        assert!(matches!(escaped("plain \u{e9}"), Cow::Borrowed(_)));
    }

    #[test]
    fn an_array_is_no_object() {
        assert!(object::<[u8; 0]>("[]").is_none());
        assert!(object::<serde_json::Value>(" {} ").is_some());
        assert!(object::<serde_json::Value>("{} x").is_none());
    }
}
