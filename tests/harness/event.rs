//! One message from the server, taken apart.

use serde_json::Value;

/// A Pusher message: a JSON object with at least an `event`.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The event's name, with its `pusher:` or `pusher_internal:` prefix if it has one.
    pub event: String,
    /// The channel it came on; protocol messages may have none.
    pub channel: Option<String>,
    /// The `data` as it was on the wire: mostly a string that holds JSON. Null if there was none.
    pub data: Value,
    /// Who sent a client event on a presence channel.
    pub user_id: Option<String>,
    /// The whole message as it was on the wire.
    pub raw: String,
}

impl Event {
    /// Takes a text message apart.
    pub fn parse(raw: &str) -> Self {
        let value: Value =
            serde_json::from_str(raw).unwrap_or_else(|error| panic!("not JSON: {error}: {raw}"));
        let text = |key: &str| value[key].as_str().map(str::to_owned);
        Self {
            event: text("event").unwrap_or_else(|| panic!("no event name: {raw}")),
            channel: text("channel"),
            data: value["data"].clone(),
            user_id: text("user_id"),
            raw: raw.to_owned(),
        }
    }

    /// The `data`, which must be a string.
    pub fn text(&self) -> &str {
        self.data.as_str().unwrap_or_else(|| panic!("data is no string: {}", self.raw))
    }

    /// The JSON inside the `data`, which must be a string.
    pub fn json(&self) -> Value {
        serde_json::from_str(self.text())
            .unwrap_or_else(|error| panic!("data holds no JSON: {error}: {}", self.raw))
    }

    /// The number that the `data` string is.
    pub fn number(&self) -> u64 {
        self.text().parse().unwrap_or_else(|_| panic!("data holds no number: {}", self.raw))
    }
}
