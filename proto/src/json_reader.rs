//! JSON in the form that it nearly always has, read in one pass; for every other one there is no
//! answer, and serde decides.
//!
//! Invariant: what is read is valid JSON, and what serde would have read.

use serde_json::value::RawValue;

use crate::json::first_special;

/// Bytes of a string that are looked at by eights before the search for its end.
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
        self.skip_space();
        let (string, has_escapes) = self.string()?;
        (!has_escapes).then_some(string)
    }

    /// A string as it stands there, with its quotes.
    pub(crate) fn string_token(&mut self) -> Option<&'a str> {
        self.skip_space();
        let start = self.at;
        self.string()?;
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

    /// Any value as it stands there; of those that are no strings and no such numbers, a reader of
    /// all JSON says where they end.
    pub(crate) fn value_token(&mut self) -> Option<&'a str> {
        self.skip_space();
        if self.text.as_bytes().get(self.at) == Some(&b'"') {
            return self.string_token();
        }
        let rest = self.text.get(self.at..)?;
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
        let token = values.next()?.ok()?.get();
        self.at += token.len();
        Some(token)
    }

    /// A field's name and the colon behind it.
    pub(crate) fn key(&mut self) -> Option<&'a str> {
        self.skip_space();
        let (key, has_escapes) = self.string()?;
        self.take(b':')?;
        (!has_escapes).then_some(key)
    }

    /// What is between the quotes that are next, and whether there are escapes in it.
    pub(crate) fn string(&mut self) -> Option<(&'a str, bool)> {
        let bytes = self.text.as_bytes();
        if *bytes.get(self.at)? != b'"' {
            return None;
        }
        let start = self.at + 1;
        let mut end = next_special(bytes, start)?;
        let is_plain = bytes[end] == b'"';
        while bytes[end] != b'"' {
            end = next_special(bytes, end + escape_bytes(&bytes[end..])?)?;
        }
        self.at = end + 1;
        Some((&self.text[start..end], !is_plain))
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
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }
}

/// The first quote or backslash from `start` on; none if there is a control character before.
#[inline]
fn next_special(bytes: &[u8], start: usize) -> Option<usize> {
    let rest = bytes.get(start..)?;
    let near = &rest[..rest.len().min(NEAR_BYTES)];
    if let Some(at) = first_special(near) {
        return (near[at] >= 0x20).then_some(start + at);
    }
    let far = rest.get(NEAR_BYTES..)?;
    let at = memchr::memchr2(b'"', b'\\', far)?;
    let least = far[..at].iter().fold(u8::MAX, |least, &byte| least.min(byte));
    (least >= 0x20).then_some(start + NEAR_BYTES + at)
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
