//! What the server said in Pusher's words, as one line of a transcript.

use serde_json::Value;

/// A message of the server to a client.
pub(crate) fn message(message: &Value) -> String {
    let word = |field: &str| message[field].as_str().unwrap_or_default();
    let event = word("event");
    let channel = word("channel");
    // What is ours has its data encoded twice.
    let data: Value = serde_json::from_str(word("data")).unwrap_or_default();
    match event {
        "pusher:connection_established" => "established".to_owned(),
        "pusher:ping" => "ping".to_owned(),
        "pusher:pong" => "pong".to_owned(),
        "pusher:cache_miss" => format!("cache_miss {channel}"),
        "pusher_internal:subscription_count" => {
            format!("subscription_count {channel} {}", data["subscription_count"])
        }
        "pusher:error" => format!("error {}", message["data"]["code"]),
        "pusher:subscription_error" => {
            let (kind, status) = (&message["data"]["type"], &message["data"]["status"]);
            format!("subscription_error {channel} {} {status}", text(kind))
        }
        "pusher_internal:subscription_succeeded" => match &data["presence"]["ids"] {
            Value::Null => format!("subscription_succeeded {channel}"),
            ids => format!("subscription_succeeded {channel} {}", sorted(texts(ids))),
        },
        "pusher:signin_success" => {
            let user = json_in(&message["data"]["user_data"]);
            format!("signin_success {}", text(&user["id"]))
        }
        "pusher_internal:watchlist_events" => {
            let events = list(&message["data"]["events"]).iter();
            let line =
                |it: &Value| format!("{} {}", text(&it["name"]), sorted(texts(&it["user_ids"])));
            format!("watchlist {}", events.map(line).collect::<Vec<_>>().join(" "))
        }
        "pusher_internal:member_added" | "pusher_internal:member_removed" => {
            let event = event.trim_start_matches("pusher_internal:");
            format!("{event} {channel} {}", text(&data["user_id"]))
        }
        "uringcast:truncated" => {
            let [after, first] =
                ["after", "first"].map(|key| data[key].as_u64().expect("a number"));
            format!("truncated {channel} {} {}", after + 1, first - 1)
        }
        "uringcast:replayed" => format!("replayed {channel}"),
        "uringcast:resumed" => format!("resumed {channel} {}", message["data"]["after"]),
        "uringcast:snapshot" => format!("snapshot {channel} {}", message["data"]),
        _ if message["sequence"].is_u64() => {
            format!("event {channel} {event} {}", message["sequence"])
        }
        _ => match message["user_id"].as_str() {
            None => format!("event {channel} {event}"),
            Some(user) => format!("event {channel} {event} by {user}"),
        },
    }
}

/// Words in brackets, in an order that is always the same.
pub(crate) fn sorted(mut words: Vec<String>) -> String {
    words.sort_unstable();
    format!("[{}]", words.join(" "))
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn texts(value: &Value) -> Vec<String> {
    list(value).iter().map(|it| text(it).to_owned()).collect()
}

fn json_in(value: &Value) -> Value {
    serde_json::from_str(text(value)).expect("JSON in text")
}
