//! What clients say of a channel's log, and what they are told: an extension of the protocol.
//!
//! On channels that keep their events each event has its place in the channel's order as
//! `"sequence"`, its last member. A client says how far it has come (`uringcast:ack`), wants events
//! again (`uringcast:replay`), or says where its next subscription starts (`uringcast:resume`).
//! Clients that know nothing of this skip the member and send none of these messages.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::client::ClientMessageError;
use super::server;
use crate::json;
use crate::ws::encode::{self, TextFrame};

/// What every such message's event begins with.
const PREFIX: &str = "uringcast:";

/// One message about a channel's log. The channel's name is not checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogMessage<'a> {
    /// `uringcast:ack`: everything up to `sequence` has been dealt with.
    Ack {
        /// The channel's name.
        channel: Cow<'a, str>,
        /// The last event dealt with.
        sequence: u64,
        /// Who has, unless the connection says so already.
        subscriber: Option<Cow<'a, str>>,
    },
    /// `uringcast:replay`: the events after `after` are wanted again, at once.
    Replay {
        /// The channel's name.
        channel: Cow<'a, str>,
        /// The last event that is not wanted.
        after: u64,
    },
    /// `uringcast:resume`: the next subscription starts after an event that was seen.
    Resume {
        /// The channel's name.
        channel: Cow<'a, str>,
        /// The last event seen; `None` for the last one acknowledged.
        after: Option<u64>,
        /// The log's life in which it was seen, if the client was told that there are several.
        epoch: Option<u64>,
        /// Who has acknowledged, unless the connection says so already.
        subscriber: Option<Cow<'a, str>>,
    },
}

impl<'a> LogMessage<'a> {
    /// Read the message `event` with `data`, a JSON token; `None` if it is none of these.
    pub(super) fn parse(
        event: &str,
        data: Option<&'a str>,
    ) -> Option<Result<Self, ClientMessageError>> {
        let read = match event.strip_prefix(PREFIX)? {
            "ack" => Self::ack,
            "replay" => Self::replay,
            "resume" => Self::resume,
            _ => return None,
        };
        let fields = data.ok_or(ClientMessageError::Data).and_then(Fields::parse);
        Some(fields.and_then(read))
    }

    fn ack(fields: Fields<'a>) -> Result<Self, ClientMessageError> {
        let Fields { channel, sequence, subscriber, .. } = fields;
        let sequence = sequence?.ok_or(ClientMessageError::Sequence)?;
        Ok(Self::Ack { channel, sequence, subscriber })
    }

    fn replay(fields: Fields<'a>) -> Result<Self, ClientMessageError> {
        let after = fields.after?.ok_or(ClientMessageError::After)?;
        Ok(Self::Replay { channel: fields.channel, after })
    }

    fn resume(fields: Fields<'a>) -> Result<Self, ClientMessageError> {
        let Fields { channel, after, epoch, subscriber, .. } = fields;
        Ok(Self::Resume { channel, after: after?, epoch: epoch?, subscriber })
    }
}

/// `data` of such a message; each uses some of it, and what it does not use may be anything.
struct Fields<'a> {
    channel: Cow<'a, str>,
    sequence: Result<Option<u64>, ClientMessageError>,
    after: Result<Option<u64>, ClientMessageError>,
    epoch: Result<Option<u64>, ClientMessageError>,
    subscriber: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Tokens<'a> {
    #[serde(borrow)]
    channel: Option<&'a RawValue>,
    #[serde(borrow)]
    sequence: Option<&'a RawValue>,
    #[serde(borrow)]
    after: Option<&'a RawValue>,
    #[serde(borrow)]
    epoch: Option<&'a RawValue>,
    #[serde(borrow)]
    subscriber: Option<&'a RawValue>,
}

impl<'a> Fields<'a> {
    /// From an object, or from a string that holds one: some libraries encode it twice.
    fn parse(data: &'a str) -> Result<Self, ClientMessageError> {
        if !data.starts_with('"') {
            return Self::of(&json::object(data).ok_or(ClientMessageError::Data)?);
        }
        let inner = json::string(data).ok_or(ClientMessageError::Data)?;
        let fields = Fields::of(&json::object(&inner).ok_or(ClientMessageError::Data)?)?;
        Ok(Self {
            channel: Cow::Owned(fields.channel.into_owned()),
            sequence: fields.sequence,
            after: fields.after,
            epoch: fields.epoch,
            subscriber: fields.subscriber.map(|text| Cow::Owned(text.into_owned())),
        })
    }

    fn of(tokens: &Tokens<'a>) -> Result<Self, ClientMessageError> {
        let channel = tokens.channel.and_then(|token| json::string(token.get()));
        let subscriber = tokens.subscriber.map(|token| json::string(token.get()));
        if subscriber == Some(None) {
            return Err(ClientMessageError::Subscriber);
        }
        Ok(Self {
            channel: channel.ok_or(ClientMessageError::Channel)?,
            sequence: number(tokens.sequence, ClientMessageError::Sequence),
            after: number(tokens.after, ClientMessageError::After),
            epoch: number(tokens.epoch, ClientMessageError::Data),
            subscriber: subscriber.flatten(),
        })
    }
}

fn number(
    token: Option<&RawValue>,
    error: ClientMessageError,
) -> Result<Option<u64>, ClientMessageError> {
    token.map(|token| token.get().parse().map_err(|_| error)).transpose()
}

/// The text of an event on a channel that keeps its events, without the digits of its sequence,
/// and where in it they belong. The parts are those of [`server::event`].
pub fn event_text(
    event_json: &str,
    channel: &str,
    data_json: &str,
    user_id: Option<&str>,
) -> (Bytes, u32) {
    let user_id_bytes = user_id.map_or(0, |id| id.len() + r#","user_id":"""#.len());
    let fixed_bytes = r#"{"event":,"channel":"","data":,"sequence":}"#.len();
    let values_bytes = event_json.len() + channel.len() + data_json.len();
    let mut text = Vec::with_capacity(fixed_bytes + values_bytes + user_id_bytes);
    server::event_into(&mut text, event_json, channel, data_json, user_id);
    text.extend_from_slice(br#","sequence":"#);
    let at = text.len() as u32;
    text.push(b'}');
    (text.into(), at)
}

/// `frame`, which says that a subscription is in place, with the sequence of the event after which
/// it starts as its last member, behind the log's life if there may be several: 0 is none.
///
/// # Panics
/// If `frame` is not one of a JSON object.
pub fn starting_after(frame: &[u8], epoch: u64, sequence: u64) -> Bytes {
    let text = encode::payload(frame).and_then(|text| text.strip_suffix(b"}"));
    let text = text.expect("a message of ours is an object");
    let epoch = if epoch > 0 { format!(r#","epoch":{epoch}"#) } else { String::new() };
    let member = format!(r#"{epoch},"sequence":{sequence}}}"#);
    let mut frame = TextFrame::with_capacity(text.len() + member.len());
    frame.buffer().extend_from_slice(text);
    frame.buffer().extend_from_slice(member.as_bytes());
    frame.finish()
}

/// The sequence at the end of `frame`, if it is that of an event with one.
pub fn sequence(frame: &[u8]) -> Option<u64> {
    let text = frame.strip_suffix(b"}")?;
    let start = text.iter().rposition(|byte| !byte.is_ascii_digit())? + 1;
    let (head, digits) = text.split_at(start);
    if !head.ends_with(br#","sequence":"#) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Events after `after` are kept no more: what comes next of the channel is `first` at the
/// earliest. `first` is not after `after` if the log began anew.
pub fn truncated(channel: &str, after: u64, first: u64) -> Bytes {
    let data = format!(r#"{{"after":{after},"first":{first}}}"#);
    server::internal("uringcast:truncated", Some(channel), &data)
}

/// A replay after `after` is over; `last` is the last event of it, or `after` if there was none.
pub fn replayed(channel: &str, after: u64, last: u64) -> Bytes {
    let data = format!(r#"{{"after":{after},"last":{last}}}"#);
    server::internal("uringcast:replayed", Some(channel), &data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pusher::client::ClientMessage;

    fn check(text: &str, expected: Result<LogMessage<'_>, ClientMessageError>) {
        assert_eq!(ClientMessage::parse(text), expected.map(ClientMessage::Log), "{text}");
    }

    fn message(name: &str, data: &str) -> String {
        format!(r#"{{"event":"uringcast:{name}","data":{data}}}"#)
    }

    #[test]
    fn each_message_takes_its_fields_from_an_object_or_from_a_string() {
        let ack = LogMessage::Ack { channel: "a".into(), sequence: 7, subscriber: None };
        check(&message("ack", r#"{"channel":"a","sequence":7}"#), Ok(ack.clone()));
        check(&message("ack", r#""{\"channel\":\"a\",\"sequence\":7}""#), Ok(ack));
        let replay = LogMessage::Replay { channel: "a".into(), after: 0 };
        check(&message("replay", r#"{"after":0,"channel":"a","more":[]}"#), Ok(replay));
        let resume = LogMessage::Resume {
            channel: "a".into(),
            after: Some(u64::MAX),
            epoch: None,
            subscriber: Some("\u{e9}".into()),
        };
        let data = r#"{"channel":"a","after":18446744073709551615,"subscriber":"\u00e9"}"#;
        check(&message("resume", data), Ok(resume));
    }

    #[test]
    fn a_resume_without_an_event_is_one_from_the_last_acknowledged() {
        for data in [r#"{"channel":"a"}"#, r#"{"channel":"a","after":null}"#] {
            let (after, epoch, subscriber) = (None, None, None);
            let resume = LogMessage::Resume { channel: "a".into(), after, epoch, subscriber };
            check(&message("resume", data), Ok(resume));
        }
    }

    #[test]
    fn what_is_missing_or_of_another_kind_is_named() {
        use ClientMessageError::{After, Channel, Data, Sequence, Subscriber};
        for (name, data, expected) in [
            ("ack", "1", Data),
            ("ack", "{}", Channel),
            ("ack", r#"{"channel":1,"sequence":1}"#, Channel),
            ("ack", r#"{"channel":"a"}"#, Sequence),
            ("ack", r#"{"channel":"a","sequence":-1}"#, Sequence),
            ("ack", r#"{"channel":"a","sequence":1.5}"#, Sequence),
            ("ack", r#"{"channel":"a","sequence":"1"}"#, Sequence),
            ("ack", r#"{"channel":"a","sequence":18446744073709551616}"#, Sequence),
            ("ack", r#"{"channel":"a","sequence":1,"subscriber":2}"#, Subscriber),
            ("replay", r#"{"channel":"a"}"#, After),
            ("replay", r#"{"channel":"a","after":true}"#, After),
            ("resume", r#"{"channel":"a","after":"3"}"#, After),
            ("resume", r#"{"channel":"a","after":3,"epoch":"4"}"#, Data),
        ] {
            check(&message(name, data), Err(expected));
        }
        check(r#"{"event":"uringcast:ack"}"#, Err(Data));
    }

    #[test]
    fn other_events_of_ours_are_unknown() {
        let unknown = ClientMessage::Unknown { event: "uringcast:more".into() };
        assert_eq!(ClientMessage::parse(r#"{"event":"uringcast:more"}"#), Ok(unknown));
    }

    /// The sequence is the last member, whatever the event carries.
    #[test]
    fn an_events_text_has_its_sequence_at_the_end() {
        let (text, at) = event_text(r#""e""#, "room", r#""{}""#, None);
        assert_eq!(text, &br#"{"event":"e","channel":"room","data":"{}","sequence":}"#[..]);
        assert_eq!(&text[at as usize..], b"}");
        let (text, at) = event_text(r#""e""#, "room", "{}", Some("\""));
        assert!(text.ends_with(br#""data":{},"user_id":"\"","sequence":}"#));
        assert_eq!(at as usize, text.len() - 1);
    }

    /// Nothing that a publisher sends can stand where the sequence does.
    #[test]
    fn only_a_sequence_at_the_end_is_one() {
        let event = |data: &str| server::event(r#""e""#, "a", data, None);
        assert_eq!(sequence(&starting_after(&event("1"), 5, 70)), Some(70));
        for data in ["1", r#"{"a":1,"sequence":7}"#, r#"","sequence":7""#, "[]"] {
            assert_eq!(sequence(&event(data)), None, "{data}");
        }
        assert_eq!((sequence(b""), sequence(b"}"), sequence(b"7}")), (None, None, None));
    }

    #[test]
    fn a_subscription_says_after_which_event_it_starts() {
        let frame = starting_after(&server::subscription_succeeded("a"), 0, 12);
        let text = concat!(
            r#"{"event":"pusher_internal:subscription_succeeded","channel":"a","#,
            r#""data":"{}","sequence":12}"#
        );
        assert_eq!(frame, encode::text(text.as_bytes()));
        let frame = starting_after(&server::subscription_succeeded("a"), 9, 12);
        let text = text.replace(r#","sequence""#, r#","epoch":9,"sequence""#);
        assert_eq!(frame, encode::text(text.as_bytes()));
    }

    #[test]
    fn what_a_client_is_told_is_an_event_of_the_channel() {
        let payload = |frame: Bytes| String::from_utf8(frame[2..].to_vec()).unwrap();
        assert_eq!(
            payload(truncated("a", 3, 9)),
            r#"{"event":"uringcast:truncated","channel":"a","data":"{\"after\":3,\"first\":9}"}"#
        );
        assert_eq!(
            payload(replayed("a", 3, 9)),
            r#"{"event":"uringcast:replayed","channel":"a","data":"{\"after\":3,\"last\":9}"}"#
        );
    }
}
