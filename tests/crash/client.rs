//! A publisher that notes what comes back, and a reader that asks for all there is.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

/// Events on their way at a time.
const WINDOW: u64 = 64;

/// The longest that a reader waits: longer is a failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// What one publisher has been told.
#[derive(Debug, Default)]
pub(crate) struct Published {
    /// Sequences and ids of the events that have come back.
    pub(crate) acknowledged: Vec<(u64, String)>,
}

/// Publish to `room` until the server is gone.
pub(crate) fn publish_until_cut(address: SocketAddr, room: &str, round: u32) -> Published {
    let mut published = Published::default();
    let subscriber_id = format!("publisher-{room}");
    if let Ok(mut socket) = open(address, &subscriber_id) {
        // It ends with an error: that is how the server ends.
        let _ = publish(&mut socket, room, round, &mut published);
    }
    published
}

fn publish(
    socket: &mut Socket,
    room: &str,
    round: u32,
    published: &mut Published,
) -> tungstenite::Result<()> {
    send(socket, &json!({"type": "subscribe", "room": room}))?;
    let of_this_round = format!("{round}-");
    let mut sent = 0;
    loop {
        while sent < published.acknowledged.len() as u64 + WINDOW {
            let event = json!({
                "id": format!("{round}-{sent}"), "type": "t", "room": room,
                "payload": "x".repeat((sent % 300) as usize),
            });
            send(socket, &json!({"type": "publish", "event": event}))?;
            sent += 1;
        }
        let message = receive(socket)?;
        match message["type"].as_str() {
            Some("event") => {
                let event = event_of(&message["data"]);
                if event.1.starts_with(&of_this_round) {
                    published.acknowledged.push(event);
                }
            }
            Some("subscribed" | "snapshot") => {}
            _ => panic!("the server says {message}"),
        }
    }
}

/// All events of `room`, in the order in which they come.
pub(crate) fn replay(address: SocketAddr, room: &str, subscriber_id: &str) -> Vec<(u64, String)> {
    let mut socket = open(address, subscriber_id).expect("the server accepts");
    let mut replayed: Vec<(u64, String)> = Vec::new();
    loop {
        let after = replayed.last().map_or(0, |(sequence, _)| *sequence);
        let ask = json!({"type": "replay_request", "room": room, "fromSequence": after});
        send(&mut socket, &ask).expect("the server takes the message");
        let answer = receive(&mut socket).expect("the server answers");
        assert_eq!(answer["type"], "replay", "{answer}");
        let events = answer["events"].as_array().expect("a replay has events");
        if events.is_empty() {
            return replayed;
        }
        replayed.extend(events.iter().map(event_of));
    }
}

type Socket = WebSocket<TcpStream>;

fn open(address: SocketAddr, subscriber_id: &str) -> tungstenite::Result<Socket> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let opened = tungstenite::client(format!("ws://{address}/"), stream);
    let (mut socket, _) = opened.map_err(|error| std::io::Error::other(error.to_string()))?;
    send(&mut socket, &json!({"type": "init", "subscriberId": subscriber_id}))?;
    let ready = receive(&mut socket)?;
    assert_eq!(ready["type"], "ready", "{ready}");
    Ok(socket)
}

fn send(socket: &mut Socket, message: &Value) -> tungstenite::Result<()> {
    socket.send(Message::text(message.to_string()))
}

fn receive(socket: &mut Socket) -> tungstenite::Result<Value> {
    loop {
        if let Message::Text(text) = socket.read()? {
            return Ok(serde_json::from_str(&text).expect("the server sends JSON"));
        }
    }
}

fn event_of(event: &Value) -> (u64, String) {
    let sequence = event["sequence"].as_u64().expect("an event has a sequence");
    (sequence, event["id"].as_str().expect("an event has an id").to_owned())
}
