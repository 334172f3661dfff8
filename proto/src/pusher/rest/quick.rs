//! Reads bodies in the form that they nearly always have, and leaves every other one to serde.
//!
//! What is accepted here has known fields only, each once, and strings where strings belong; names
//! have no escapes, while tokens that are relayed may. For anything else there is no answer, so
//! what is refused and with which words is decided in one place.
//!
//! Invariant: an answer is the one that serde would have given.

use std::borrow::Cow;

use super::{BatchFields, EventFields, Text, Token};

/// Bytes of a string that are looked at one by one before the search for its end.
const NEAR_BYTES: usize = 16;

/// The body of a publish.
pub(super) fn publish(text: &str) -> Option<EventFields<'_>> {
    let mut reader = Reader { text, at: 0 };
    let fields = reader.event()?;
    reader.end()?;
    Some(fields)
}

/// The body of a batch.
pub(super) fn batch(text: &str) -> Option<BatchFields<'_>> {
    let mut reader = Reader { text, at: 0 };
    let mut fields = BatchFields { batch: None, id: None };
    reader.take(b'{')?;
    loop {
        match reader.key()? {
            "batch" if fields.batch.is_none() => fields.batch = Some(reader.events()?),
            "id" => reader.text_into(&mut fields.id)?,
            _ => return None,
        }
        if !reader.is_continued(b'}')? {
            break;
        }
    }
    reader.end()?;
    Some(fields)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn event(&mut self) -> Option<EventFields<'a>> {
        let mut fields = EventFields::default();
        self.take(b'{')?;
        loop {
            match self.key()? {
                "name" => self.token_into(&mut fields.name)?,
                "data" => self.token_into(&mut fields.data)?,
                "channel" => self.text_into(&mut fields.channel)?,
                "channels" if fields.channels.is_none() => fields.channels = Some(self.texts()?),
                "socket_id" => self.text_into(&mut fields.socket_id)?,
                "info" => self.text_into(&mut fields.info)?,
                "id" => self.text_into(&mut fields.id)?,
                _ => return None,
            }
            if !self.is_continued(b'}')? {
                return Some(fields);
            }
        }
    }

    fn events(&mut self) -> Option<Vec<EventFields<'a>>> {
        self.take(b'[')?;
        let mut events = Vec::with_capacity(10);
        loop {
            events.push(self.event()?);
            if !self.is_continued(b']')? {
                return Some(events);
            }
        }
    }

    fn texts(&mut self) -> Option<Vec<Text<'a>>> {
        self.take(b'[')?;
        let mut texts = Vec::with_capacity(1);
        loop {
            texts.push(self.plain()?);
            if !self.is_continued(b']')? {
                return Some(texts);
            }
        }
    }

    fn token_into(&mut self, field: &mut Option<Token<'a>>) -> Option<()> {
        self.skip_space();
        let start = self.at;
        self.string()?;
        let token = Token(&self.text[start..self.at]);
        field.replace(token).is_none().then_some(())
    }

    fn text_into(&mut self, field: &mut Option<Text<'a>>) -> Option<()> {
        let text = self.plain()?;
        field.replace(text).is_none().then_some(())
    }

    /// A string without escapes.
    fn plain(&mut self) -> Option<Text<'a>> {
        self.skip_space();
        let (string, has_escapes) = self.string()?;
        (!has_escapes).then_some(Text(Cow::Borrowed(string)))
    }

    /// A field's name and the colon behind it.
    fn key(&mut self) -> Option<&'a str> {
        self.skip_space();
        let (key, has_escapes) = self.string()?;
        self.take(b':')?;
        (!has_escapes).then_some(key)
    }

    /// What is between the quotes that are next, and whether there are escapes in it.
    fn string(&mut self) -> Option<(&'a str, bool)> {
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
    fn is_continued(&mut self, close: u8) -> Option<bool> {
        self.skip_space();
        let found = *self.text.as_bytes().get(self.at)?;
        self.at += 1;
        match found {
            b',' => Some(true),
            _ => (found == close).then_some(false),
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.skip_space();
        let is_there = *self.text.as_bytes().get(self.at)? == byte;
        self.at += 1;
        is_there.then_some(())
    }

    fn end(&mut self) -> Option<()> {
        self.skip_space();
        (self.at == self.text.len()).then_some(())
    }

    fn skip_space(&mut self) {
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }
}

/// The first quote or backslash from `start` on; none if there is a control character before.
fn next_special(bytes: &[u8], start: usize) -> Option<usize> {
    let rest = bytes.get(start..)?;
    for (at, &byte) in rest.iter().take(NEAR_BYTES).enumerate() {
        if byte < 0x20 {
            return None;
        }
        if byte == b'"' || byte == b'\\' {
            return Some(start + at);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    const BODIES: [&str; 6] = [
        r#"{"name":"e","channel":"a","data":"1"}"#,
        r#"{"name":"e","channels":["a","b"],"data":"{\"x\":\"\u00e9\\\n\"}","id":"7"}"#,
        r#" { "data" : "" , "info":"user_count", "socket_id":"1.2", "name":"f\u006fo"} "#,
        r#"{"batch":[{"name":"e","channel":"a","data":"1"},{"data":"2"}],"id":"once"}"#,
        r#"{"name":"a name beyond the near bytes","data":"and \"data\" that is longer too"}"#,
        "{\"batch\":[{\"name\":\"\u{e9}\u{1f600}\",\"data\":\"\\ud83d\u{e9}\"}]}",
    ];

    fn check(text: &str) {
        let same = |quick: Option<String>, slow: Option<String>| {
            assert!(quick.is_none() || quick == slow, "{text}: {quick:?}, {slow:?}");
            quick.is_some()
        };
        let debug = |fields: &dyn std::fmt::Debug| format!("{fields:?}");
        let slow = serde_json::from_str::<EventFields<'_>>(text).ok();
        same(publish(text).map(|it| debug(&it)), slow.map(|it| debug(&it)));
        let slow = serde_json::from_str::<BatchFields<'_>>(text).ok();
        same(batch(text).map(|it| debug(&it)), slow.map(|it| debug(&it)));
    }

    #[test]
    fn usual_bodies_are_read() {
        for text in BODIES {
            check(text);
            assert!(publish(text).is_some() != batch(text).is_some(), "{text}");
        }
    }

    /// Every body with every byte replaced, left out, or doubled by every other that has a meaning.
    #[test]
    fn what_is_read_is_what_serde_reads() {
        let others = b"\"\\{}[]:,. \n\x01\x7f01neutrbxA/";
        for text in BODIES {
            for at in 0..text.len() {
                let (before, after) = (&text.as_bytes()[..at], &text.as_bytes()[at..]);
                let check_bytes = |middle: &[u8], after: &[u8]| {
                    if let Ok(text) = String::from_utf8([before, middle, after].concat()) {
                        check(&text);
                    }
                };
                check_bytes(&[], &[]);
                check_bytes(&[], &after[1..]);
                for &other in others {
                    check_bytes(&[other], &after[1..]);
                    check_bytes(&[other], after);
                }
            }
        }
    }

    #[test]
    fn what_is_unusual_is_left_to_serde() {
        for text in [
            "",
            "{}",
            r#"{"name":"e","name":"e"}"#,
            r#"{"name":"e","more":"e"}"#,
            r#"{"name":"e","channel":"\u0061"}"#,
            r#"{"name":"e","channel":null}"#,
            r#"{"batch":[]}"#,
            r#"{"name":"e"} x"#,
            r#"{"name":"e","data":"\x"}"#,
            r#"{"name":"e","data":"\u00g0"}"#,
            "{\"name\":\"e\",\"data\":\"a\nb\"}",
            "{\"name\":\"e\",\"data\":\"beyond the near bytes a\nb\"}",
        ] {
            assert!(publish(text).is_none() && batch(text).is_none(), "{text}");
            check(text);
        }
    }
}
