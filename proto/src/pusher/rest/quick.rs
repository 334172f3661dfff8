//! Reads bodies in the form that they nearly always have, and leaves every other one to serde.
//!
//! What is accepted here has known fields only, each once, and strings where strings belong; names
//! have no escapes, while tokens that are relayed may. For anything else there is no answer, so
//! what is refused and with which words is decided in one place.
//!
//! Invariant: an answer is the one that serde would have given.

use std::borrow::Cow;

use super::{BatchFields, EventFields, Text, Token};
use crate::json_reader::Reader;

/// The body of a publish.
pub(super) fn publish(text: &str) -> Option<EventFields<'_>> {
    let mut reader = Reader::new(text);
    let fields = reader.event()?;
    reader.end()?;
    Some(fields)
}

/// The body of a batch.
pub(super) fn batch(text: &str) -> Option<BatchFields<'_>> {
    let mut reader = Reader::new(text);
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
            texts.push(Text(Cow::Borrowed(self.plain()?)));
            if !self.is_continued(b']')? {
                return Some(texts);
            }
        }
    }

    fn token_into(&mut self, field: &mut Option<Token<'a>>) -> Option<()> {
        let token = Token(self.string_token()?);
        field.replace(token).is_none().then_some(())
    }

    fn text_into(&mut self, field: &mut Option<Text<'a>>) -> Option<()> {
        let text = Text(Cow::Borrowed(self.plain()?));
        field.replace(text).is_none().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json_reader::slips;

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

    #[test]
    fn what_is_read_is_what_serde_reads() {
        slips::each(&BODIES, check);
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
