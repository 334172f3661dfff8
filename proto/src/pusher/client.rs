//! What a client says: one text message in, its meaning out.
//!
//! Names and `data` of client events are kept as the raw tokens that came in, because they are
//! relayed byte for byte. Whether the client may do what it asks is not decided here.

mod quick;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::logged::LogMessage;
use crate::json;

/// One message of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientMessage<'a> {
    /// `pusher:ping`: wants a `pusher:pong`.
    Ping,
    /// `pusher:pong`: answers our ping.
    Pong,
    /// `pusher:subscribe`.
    Subscribe {
        /// The channel's name, not checked yet.
        channel: Cow<'a, str>,
        /// `key:signature`; pusher-js sends an empty string for public channels.
        auth: Option<Cow<'a, str>>,
        /// Who the member of a presence channel is: the decoded string, exactly as it was signed.
        channel_data: Option<Cow<'a, str>>,
    },
    /// `pusher:unsubscribe`: wants no answer.
    Unsubscribe {
        /// The channel's name, not checked yet.
        channel: Cow<'a, str>,
    },
    /// `pusher:signin`: says who is behind the connection.
    Signin {
        /// `key:signature`.
        auth: Cow<'a, str>,
        /// Who the user is: the decoded string, exactly as it was signed.
        user_data: Cow<'a, str>,
    },
    /// A `client-` event, to be relayed to the channel's other subscribers.
    Event {
        /// The event's name as the JSON string token that came in.
        event: &'a str,
        /// The event's name, decoded.
        event_name: Cow<'a, str>,
        /// The channel's name, not checked yet.
        channel: Cow<'a, str>,
        /// `data` as the JSON token that came in, whatever value it is.
        data: Option<&'a str>,
    },
    /// Something about the log of a channel that keeps its events.
    Log(LogMessage<'a>),
    /// Any other event. Harmless: newer clients may say more than this server knows.
    Unknown {
        /// The event's name, decoded.
        event: Cow<'a, str>,
    },
}

/// Why a text message is no message of the protocol.
///
/// The client sees a `pusher:error` without a code; the connection survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientMessageError {
    /// The text is not one JSON object, or names one of our fields twice.
    #[error("the message is not a JSON object")]
    Json,
    /// `event` is missing or not a string.
    #[error("the message has no event name")]
    Event,
    /// `channel` is missing or not a string.
    #[error("the message names no channel")]
    Channel,
    /// `data` of a `pusher:` message is missing, or its fields are not what the event needs.
    #[error("the data of the message does not fit its event")]
    Data,
    /// `sequence` is missing or no whole number.
    #[error("the message needs a sequence that is a whole number")]
    Sequence,
    /// `after` is missing where it is needed, or no whole number.
    #[error("the message needs an after that is a whole number")]
    After,
    /// `subscriber` is not a string.
    #[error("the subscriber of the message is not a string")]
    Subscriber,
}

impl<'a> ClientMessage<'a> {
    /// Read one text message. Fields that the event does not use are ignored.
    pub fn parse(text: &'a str) -> Result<Self, ClientMessageError> {
        quick::event(text).map_or_else(|| Self::parse_with_serde(text), Ok)
    }

    fn parse_with_serde(text: &'a str) -> Result<Self, ClientMessageError> {
        let envelope: Envelope<'a> = json::object(text).ok_or(ClientMessageError::Json)?;
        let event = envelope.event.ok_or(ClientMessageError::Event)?.get();
        let event_name = json::string(event).ok_or(ClientMessageError::Event)?;
        match event_name.as_ref() {
            "pusher:ping" => Ok(Self::Ping),
            "pusher:pong" => Ok(Self::Pong),
            "pusher:subscribe" => envelope.subscribe(),
            "pusher:unsubscribe" => envelope.unsubscribe(),
            "pusher:signin" => envelope.signin(),
            name if name.starts_with("client-") => envelope.client_event(event, event_name),
            name => match LogMessage::parse(name, envelope.data.map(RawValue::get)) {
                Some(message) => message.map(Self::Log),
                None => Ok(Self::Unknown { event: event_name }),
            },
        }
    }
}

/// Bytes of an event's `data`, given as a JSON token, if they are more than `bytes_max`: of a
/// string what it holds in UTF-8, of any other value the token itself.
pub fn data_bytes_over(data_json: &str, bytes_max: usize) -> Option<usize> {
    // No escape is shorter than what it stands for, so short tokens need no count.
    if data_json.len() <= bytes_max {
        return None;
    }
    let bytes = json::string_bytes(data_json).unwrap_or(data_json.len());
    (bytes > bytes_max).then_some(bytes)
}

/// The fields that any message may have.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    event: Option<&'a RawValue>,
    #[serde(borrow)]
    channel: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "json::present")]
    data: Option<&'a RawValue>,
}

impl<'a> Envelope<'a> {
    fn subscribe(&self) -> Result<ClientMessage<'a>, ClientMessageError> {
        let data: DataFields<'a> = self.data()?;
        Ok(ClientMessage::Subscribe {
            channel: data.channel.ok_or(ClientMessageError::Channel)?.0,
            auth: data.auth.map(|text| text.0),
            channel_data: data.channel_data.map(|text| text.0),
        })
    }

    fn unsubscribe(&self) -> Result<ClientMessage<'a>, ClientMessageError> {
        let data: DataFields<'a> = self.data()?;
        let channel = data.channel.ok_or(ClientMessageError::Channel)?.0;
        Ok(ClientMessage::Unsubscribe { channel })
    }

    fn signin(&self) -> Result<ClientMessage<'a>, ClientMessageError> {
        let data: DataFields<'a> = self.data()?;
        let (Some(auth), Some(user_data)) = (data.auth, data.user_data) else {
            return Err(ClientMessageError::Data);
        };
        Ok(ClientMessage::Signin { auth: auth.0, user_data: user_data.0 })
    }

    fn client_event(
        &self,
        event: &'a str,
        event_name: Cow<'a, str>,
    ) -> Result<ClientMessage<'a>, ClientMessageError> {
        let channel = self.channel.and_then(|token| json::string(token.get()));
        let channel = channel.ok_or(ClientMessageError::Channel)?;
        Ok(ClientMessage::Event { event, event_name, channel, data: self.data.map(RawValue::get) })
    }

    /// `data` as an object, or as a string that holds one: older libraries encode it twice.
    fn data(&self) -> Result<DataFields<'a>, ClientMessageError> {
        let token = self.data.ok_or(ClientMessageError::Data)?.get();
        if !token.starts_with('"') {
            return json::object(token).ok_or(ClientMessageError::Data);
        }
        let inner = json::string(token).ok_or(ClientMessageError::Data)?;
        let data: DataFields<'_> = json::object(&inner).ok_or(ClientMessageError::Data)?;
        Ok(data.into_owned())
    }
}

/// What `data` of a `pusher:` message may hold; each uses some of it.
#[derive(Deserialize)]
struct DataFields<'a> {
    #[serde(borrow)]
    channel: Option<json::Text<'a>>,
    #[serde(borrow)]
    auth: Option<json::Text<'a>>,
    #[serde(borrow)]
    channel_data: Option<json::Text<'a>>,
    #[serde(borrow)]
    user_data: Option<json::Text<'a>>,
}

impl DataFields<'_> {
    fn into_owned<'b>(self) -> DataFields<'b> {
        DataFields {
            channel: self.channel.map(json::Text::into_owned),
            auth: self.auth.map(json::Text::into_owned),
            channel_data: self.channel_data.map(json::Text::into_owned),
            user_data: self.user_data.map(json::Text::into_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: ClientMessage<'_>) {
        assert_eq!(ClientMessage::parse(text), Ok(expected), "{text}");
    }

    fn check_error(text: &str, expected: ClientMessageError) {
        assert_eq!(ClientMessage::parse(text), Err(expected), "{text}");
    }

    fn subscribe<'a>(
        channel: &'a str,
        auth: Option<&'a str>,
        channel_data: Option<&'a str>,
    ) -> ClientMessage<'a> {
        ClientMessage::Subscribe {
            channel: channel.into(),
            auth: auth.map(Cow::from),
            channel_data: channel_data.map(Cow::from),
        }
    }

    #[test]
    fn ping_and_pong_need_no_data() {
        check(r#"{"event":"pusher:ping","data":{}}"#, ClientMessage::Ping);
        check(r#"{"event":"pusher:ping"}"#, ClientMessage::Ping);
        check(r#"{"event":"pusher:pong","data":null}"#, ClientMessage::Pong);
    }

    #[test]
    fn subscribe_takes_data_as_an_object() {
        check(
            r#"{"event":"pusher:subscribe","data":{"auth":"","channel":"news"}}"#,
            subscribe("news", Some(""), None),
        );
        check(
            r#" {"data":{"channel":"news"}, "event":"pusher:subscribe"} "#,
            subscribe("news", None, None),
        );
    }

    #[test]
    fn subscribe_takes_data_as_a_string_that_holds_an_object() {
        check(
            concat!(
                r#"{"event":"pusher:subscribe","#,
                r#""data":"{\"channel\":\"presence-a\",\"auth\":\"k:s\","#,
                r#"\"channel_data\":\"{\\\"user_id\\\":1}\"}"}"#
            ),
            subscribe("presence-a", Some("k:s"), Some(r#"{"user_id":1}"#)),
        );
    }

    #[test]
    fn channel_data_is_the_exact_decoded_string() {
        check(
            concat!(
                r#"{"event":"pusher:subscribe","#,
                r#""data":{"channel":"presence-a","channel_data":"{ \"user_id\" : \"\\u00e9\" }"}}"#
            ),
            subscribe("presence-a", None, Some(r#"{ "user_id" : "\u00e9" }"#)),
        );
    }

    #[test]
    fn unsubscribe_names_a_channel() {
        check(
            r#"{"event":"pusher:unsubscribe","data":{"channel":"news"}}"#,
            ClientMessage::Unsubscribe { channel: "news".into() },
        );
    }

    #[test]
    fn signin_takes_data_as_an_object_and_as_a_string() {
        let expected = ClientMessage::Signin {
            auth: "key:00".into(),
            user_data: r#"{ "id" : "\u00e9" }"#.into(),
        };
        let user_data = r#"\"{ \\\"id\\\" : \\\"\\\\u00e9\\\" }\""#;
        let string = format!(r#""{{\"auth\":\"key:00\",\"user_data\":{user_data}}}""#);
        let object: String = serde_json::from_str(&string).unwrap();
        for data in [object, string] {
            let text = format!(r#"{{"event":"pusher:signin","data":{data}}}"#);
            check(&text, expected.clone());
        }
    }

    #[test]
    fn signin_needs_both_of_its_fields_as_strings() {
        for data in [
            "1",
            "{}",
            r#"{"auth":"a"}"#,
            r#"{"user_data":"{}"}"#,
            r#"{"auth":null,"user_data":"{}"}"#,
            r#"{"auth":"a","user_data":{"id":"1"}}"#,
        ] {
            let text = format!(r#"{{"event":"pusher:signin","data":{data}}}"#);
            check_error(&text, ClientMessageError::Data);
        }
    }

    #[test]
    fn a_client_event_keeps_its_tokens() {
        check(
            concat!(
                r#"{"event":"client-\u0061","channel":"private-a","#,
                r#""data": {"x": [1, "\ud83d"]} ,"more":1}"#
            ),
            ClientMessage::Event {
                event: r#""client-\u0061""#,
                event_name: "client-a".into(),
                channel: "private-a".into(),
                data: Some(r#"{"x": [1, "\ud83d"]}"#),
            },
        );
    }

    #[test]
    fn client_event_data_may_be_any_value_or_missing() {
        for data in ["null", "\"text\"", "1", "[]", "false"] {
            let text = format!(r#"{{"event":"client-a","channel":"private-a","data":{data}}}"#);
            let ClientMessage::Event { data: Some(token), .. } =
                ClientMessage::parse(&text).unwrap()
            else {
                panic!("no event with data: {text}");
            };
            assert_eq!(token, data);
        }
        let ClientMessage::Event { data: None, .. } =
            ClientMessage::parse(r#"{"event":"client-a","channel":"private-a"}"#).unwrap()
        else {
            panic!("data came from nowhere");
        };
    }

    /// A publisher's `data` is counted in the same way.
    #[test]
    fn a_string_is_as_long_as_what_it_holds_and_other_data_as_its_token() {
        assert_eq!(data_bytes_over(r#""abc""#, 3), None);
        assert_eq!(data_bytes_over(r#""abcd""#, 3), Some(4));
        assert_eq!(data_bytes_over(r#""\u00e9\n""#, 3), None);
        assert_eq!(data_bytes_over("1234", 4), None);
        assert_eq!(data_bytes_over(r#"{"a":1}"#, 6), Some(7));
    }

    #[test]
    fn a_usual_client_event_is_borrowed_whole() {
        let text = r#"{"event":"client-a","channel":"private-a","data":"{\"x\":1}"}"#;
        let ClientMessage::Event { event_name, channel, .. } = ClientMessage::parse(text).unwrap()
        else {
            panic!("no event");
        };
        assert!(matches!(event_name, Cow::Borrowed(_)));
        assert!(matches!(channel, Cow::Borrowed(_)));
    }

    #[test]
    fn other_events_are_unknown_and_not_errors() {
        for name in ["pusher:sign-in", "Client-a", "client", ""] {
            check(
                &format!(r#"{{"event":"{name}"}}"#),
                ClientMessage::Unknown { event: name.into() },
            );
        }
    }

    #[test]
    fn text_that_is_not_one_object_is_refused() {
        for text in ["", "x", "1", "null", "[]", r#"["pusher:ping",null,null]"#, "{", "{}{}"] {
            check_error(text, ClientMessageError::Json);
        }
        check_error(r#"{"event":"pusher:ping","event":"pusher:pong"}"#, ClientMessageError::Json);
    }

    #[test]
    fn an_event_needs_a_name_that_is_a_string() {
        for text in ["{}", r#"{"event":null}"#, r#"{"event":1}"#, r#"{"event":"\ud800"}"#] {
            check_error(text, ClientMessageError::Event);
        }
    }

    #[test]
    fn a_client_event_needs_a_channel() {
        check_error(r#"{"event":"client-a"}"#, ClientMessageError::Channel);
        check_error(r#"{"event":"client-a","channel":1}"#, ClientMessageError::Channel);
    }

    #[test]
    fn subscribe_needs_data_of_the_right_types() {
        for data in
            ["1", "null", "[]", "\"\"", "\"x\"", r#"{"channel":1}"#, r#"{"channel":"a","auth":1}"#]
        {
            let text = format!(r#"{{"event":"pusher:subscribe","data":{data}}}"#);
            check_error(&text, ClientMessageError::Data);
        }
        check_error(r#"{"event":"pusher:subscribe"}"#, ClientMessageError::Data);
        check_error(r#"{"event":"pusher:subscribe","data":{}}"#, ClientMessageError::Channel);
    }
}
