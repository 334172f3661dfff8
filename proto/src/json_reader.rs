//! JSON in the form that it nearly always has, read in one pass; for every other one there is no
//! answer, and serde decides.
//!
//! Invariant: what is read is valid JSON, and what serde would have read.

mod value;

use crate::json::{BLOCK_BYTES, first_special, first_special_of};
use value::value_end;

/// Bytes of a string that are looked at in blocks before the search for its end.
const NEAR_BYTES: usize = 64;
/// The most digits that no number of can be above 2 to the power of 53, where JavaScript's end.
const DIGITS_MAX: usize = 15;

/// What is left of a text.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    /// At the start of `text`.
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// What a string without escapes holds.
    pub(crate) fn plain(&mut self) -> Option<&'a str> {
        self.plain_token().map(|(_, string)| string)
    }

    /// A string without escapes, as it stands there and without its quotes.
    pub(crate) fn plain_token(&mut self) -> Option<(&'a str, &'a str)> {
        self.skip_space();
        let start = self.at;
        self.at = plain_end(self.text.as_bytes(), start)?;
        Some((&self.text[start..self.at], &self.text[start + 1..self.at - 1]))
    }

    /// A string as it stands there, with its quotes.
    pub(crate) fn string_token(&mut self) -> Option<&'a str> {
        self.skip_space();
        let start = self.at;
        self.at = string_end(self.text.as_bytes(), start)?;
        Some(&self.text[start..self.at])
    }

    /// A number of digits alone, without a sign, a point or an exponent.
    pub(crate) fn digits(&mut self) -> Option<u64> {
        self.skip_space();
        let digits = self.text.as_bytes().get(self.at..)?;
        let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let digits = &digits[..count];
        let is_usual = (1..=DIGITS_MAX).contains(&count) && (digits[0] != b'0' || count == 1);
        self.at += count;
        let add = |number: u64, digit: &u8| number * 10 + u64::from(digit - b'0');
        // A point or an exponent behind it is no comma and no end: that is found out there.
        is_usual.then(|| digits.iter().fold(0, add))
    }

    /// Any value as it stands there.
    pub(crate) fn value_token(&mut self) -> Option<&'a str> {
        self.skip_space();
        let start = self.at;
        self.at = value_end(self.text.as_bytes(), start)?;
        Some(&self.text[start..self.at])
    }

    /// A field's name without escapes, and the colon behind it.
    pub(crate) fn key(&mut self) -> Option<&'a str> {
        let key = self.plain()?;
        self.take(b':')?;
        Some(key)
    }

    /// As [`key`](Self::key), if it is one of `names`, which are in quotes: its place among them.
    #[inline]
    pub(crate) fn key_among<const N: usize>(&mut self, names: [&str; N]) -> Option<usize> {
        self.skip_space();
        let rest = &self.text.as_bytes()[self.at..];
        let index = names.iter().position(|name| rest.starts_with(name.as_bytes()))?;
        self.at += names[index].len();
        self.take(b':')?;
        Some(index)
    }

    /// Whether a comma follows, and not `close`.
    pub(crate) fn is_continued(&mut self, close: u8) -> Option<bool> {
        self.skip_space();
        let found = *self.text.as_bytes().get(self.at)?;
        self.at += 1;
        match found {
            b',' => Some(true),
            _ => (found == close).then_some(false),
        }
    }

    pub(crate) fn take(&mut self, byte: u8) -> Option<()> {
        self.skip_space();
        let is_there = *self.text.as_bytes().get(self.at)? == byte;
        self.at += 1;
        is_there.then_some(())
    }

    pub(crate) fn end(&mut self) -> Option<()> {
        self.skip_space();
        (self.at == self.text.len()).then_some(())
    }

    pub(crate) fn skip_space(&mut self) {
        self.at = space_end(self.text.as_bytes(), self.at);
    }
}

/// Fill a field that must not be there twice.
pub(crate) fn once<T>(field: &mut Option<T>, value: T) -> Option<()> {
    field.replace(value).is_none().then_some(())
}

/// Where the space ends that may be at `at`.
#[inline]
fn space_end(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// Where the string ends that begins at `at`, behind its quote.
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut end = first_special_in(bytes, at)?;
    while bytes[end] != b'"' {
        end = next_special(bytes, end + escape_bytes(&bytes[end..])?)?;
    }
    Some(end + 1)
}

/// Where the string ends that begins at `at`, behind its quote, if it has no escapes.
#[inline]
fn plain_end(bytes: &[u8], at: usize) -> Option<usize> {
    let end = first_special_in(bytes, at)?;
    (bytes[end] == b'"').then_some(end + 1)
}

/// The first quote or backslash behind the quote that must be at `at`.
#[inline]
fn first_special_in(bytes: &[u8], at: usize) -> Option<usize> {
    if *bytes.get(at)? == b'"' { next_special(bytes, at + 1) } else { None }
}

/// The first quote or backslash from `start` on; none if there is a control character before.
#[inline]
fn next_special(bytes: &[u8], start: usize) -> Option<usize> {
    let Some((near, _)) = bytes.get(start..)?.split_first_chunk() else {
        return far_special(bytes, start);
    };
    // Most names and many strings end here.
    match first_special_of(near) {
        Some(found) => (near[found] >= 0x20).then_some(start + found),
        None => far_special(bytes, start + BLOCK_BYTES),
    }
}

/// The first quote or backslash from `start` on, in a longer string or near the end of the text;
/// none if there is a control character before.
#[inline(never)]
fn far_special(bytes: &[u8], start: usize) -> Option<usize> {
    let mut rest = &bytes[start..];
    for _ in 1..NEAR_BYTES / BLOCK_BYTES {
        let Some((near, far)) = rest.split_first_chunk() else { break };
        if let Some(found) = first_special_of(near) {
            return (near[found] >= 0x20).then_some(bytes.len() - rest.len() + found);
        }
        rest = far;
    }
    let found = if rest.len() < BLOCK_BYTES {
        first_special(rest)?
    } else {
        memchr::memchr2(b'"', b'\\', rest)?
    };
    // The search for two bytes does not see what may not stand before them.
    let least = rest[..=found].iter().fold(u8::MAX, |least, &byte| least.min(byte));
    (least >= 0x20).then_some(bytes.len() - rest.len() + found)
}

/// The length of the escape that `bytes` begins with.
fn escape_bytes(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => bytes.get(2..6)?.iter().all(u8::is_ascii_hexdigit).then_some(6),
        _ => None,
    }
}

/// What both who read with this test: that they read what serde reads, or leave it to serde.
#[cfg(test)]
pub(crate) mod slips {
    /// Give `check` each of `texts` with every byte replaced, left out, or doubled by every other
    /// that has a meaning.
    pub(crate) fn each(texts: &[&str], check: impl Fn(&str)) {
        let others = b"\"\\{}[]:,. \n\x01\x7f019-+eEneutrbxA/";
        let check_bytes = |parts: [&[u8]; 3]| {
            if let Ok(text) = String::from_utf8(parts.concat()) {
                check(&text);
            }
        };
        for text in texts {
            for at in 0..text.len() {
                let (before, after) = (&text.as_bytes()[..at], &text.as_bytes()[at..]);
                check_bytes([before, &[], after]);
                check_bytes([before, &[], &after[1..]]);
                for &other in others {
                    check_bytes([before, &[other], &after[1..]]);
                    check_bytes([before, &[other], after]);
                }
            }
        }
    }
}
