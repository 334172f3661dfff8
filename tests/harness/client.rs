//! A Pusher client that hides nothing.
//!
//! It reads one message at a time and answers nothing by itself, except what tungstenite answers:
//! websocket pings and the close handshake. A test reads every message it gets, in order, so a
//! message too many fails it.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
use socket2::SockRef;
use tungstenite::{Error, Message, WebSocket};

use crate::{App, DEADLINE, Event, Server, signature};

/// One websocket connection that speaks Pusher's protocol.
#[derive(Debug)]
pub struct Client {
    socket: WebSocket<TcpStream>,
    app: App,
    socket_id: String,
    activity_timeout_s: u64,
}

impl Client {
    /// Connects to `server`, to the app that the tests use.
    pub fn connect(server: &Server) -> Self {
        Self::with_app(server.address(), server.app())
    }

    /// Connects to the app `app` at `address`.
    pub fn with_app(address: SocketAddr, app: App) -> Self {
        let path = format!("/app/{}?protocol=7&client=js&version=8.6.0&flash=false", app.key);
        let mut client = Self::open(address, &path, app);
        let data = client.expect("pusher:connection_established").json();
        data["socket_id"].as_str().expect("an id").clone_into(&mut client.socket_id);
        client.activity_timeout_s = data["activity_timeout"].as_u64().expect("a number");
        client
    }

    /// Upgrades `path` at `address` and reads nothing.
    pub fn open(address: SocketAddr, path: &str, app: App) -> Self {
        let stream = TcpStream::connect(address).expect("the server accepts");
        stream.set_nodelay(true).expect("the socket is open");
        stream.set_read_timeout(Some(DEADLINE)).expect("the socket is open");
        stream.set_write_timeout(Some(DEADLINE)).expect("the socket is open");
        let url = format!("ws://{address}{path}");
        let (socket, _) = tungstenite::client(url, stream).expect("the server upgrades");
        Self { socket, app, socket_id: String::new(), activity_timeout_s: 0 }
    }

    /// The id that the server gave this connection.
    pub fn socket_id(&self) -> &str {
        &self.socket_id
    }

    /// The silence, in seconds, after which the server told this client to ask.
    pub fn activity_timeout_s(&self) -> u64 {
        self.activity_timeout_s
    }

    /// Sends one text message.
    pub fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).expect("the server takes the message");
    }

    /// Sends one event with `data`.
    pub fn send(&mut self, event: &str, data: &Value) {
        self.send_text(&json!({"event": event, "data": data}).to_string());
    }

    /// Sends one client event.
    pub fn trigger(&mut self, channel: &str, event: &str, data: &Value) {
        let message = json!({"event": event, "channel": channel, "data": data});
        self.send_text(&message.to_string());
    }

    /// Asks to join `channel` with the right signature, where it needs one, and reads nothing.
    pub fn ask_subscribe(&mut self, channel: &str) {
        let auth =
            if channel.starts_with("private-") { self.auth(channel, None) } else { String::new() };
        self.send("pusher:subscribe", &json!({"auth": auth, "channel": channel}));
    }

    /// Asks to join a presence channel as the member `channel_data` and reads nothing.
    pub fn ask_subscribe_as(&mut self, channel: &str, channel_data: &Value) {
        let channel_data = channel_data.to_string();
        let auth = self.auth(channel, Some(&channel_data));
        let data = json!({"auth": auth, "channel_data": channel_data, "channel": channel});
        self.send("pusher:subscribe", &data);
    }

    /// Joins a channel that has no members.
    pub fn subscribe(&mut self, channel: &str) {
        self.ask_subscribe(channel);
        let event = self.expect_on(channel, "pusher_internal:subscription_succeeded");
        assert_eq!(event.text(), "{}");
    }

    /// Joins a presence channel as the member `user_id` and returns the `presence` it was told.
    pub fn subscribe_as(&mut self, channel: &str, user_id: &str) -> Value {
        self.ask_subscribe_as(channel, &json!({"user_id": user_id, "user_info": {}}));
        self.expect_on(channel, "pusher_internal:subscription_succeeded").json()["presence"].clone()
    }

    /// Asks to be signed in as the user `user_data` and reads nothing.
    pub fn ask_signin(&mut self, user_data: &str) {
        let auth = self.user_auth(user_data);
        self.send("pusher:signin", &json!({"auth": auth, "user_data": user_data}));
    }

    /// Signs in as the user `user_data`.
    pub fn signin(&mut self, user_data: &Value) {
        let user_data = user_data.to_string();
        self.ask_signin(&user_data);
        let event = self.expect("pusher:signin_success");
        assert_eq!(event.data, json!({"user_data": user_data}), "{}", event.raw);
    }

    /// Signs in as the user `user_id` and joins the user's own channel.
    pub fn signin_as(&mut self, user_id: &str) {
        self.signin(&json!({"id": user_id}));
        self.subscribe(&format!("#server-to-user-{user_id}"));
    }

    /// Reads the next message, which must be of watched users: each event with its users, sorted.
    pub fn expect_watchlist(&mut self) -> Vec<(String, Vec<String>)> {
        let event = self.expect("pusher_internal:watchlist_events");
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let events = event.data["events"].as_array().expect("data is an object with a list");
        let events = events.iter().map(|event| {
            let ids = event["user_ids"].as_array().expect("a list of users");
            let mut ids: Vec<String> = ids.iter().map(text).collect();
            ids.sort_unstable();
            (text(&event["name"]), ids)
        });
        events.collect()
    }

    /// Leaves a channel; the server does not answer.
    pub fn unsubscribe(&mut self, channel: &str) {
        self.send("pusher:unsubscribe", &json!({"channel": channel}));
    }

    /// What an authorisation endpoint would say to this client.
    pub fn auth(&self, channel: &str, channel_data: Option<&str>) -> String {
        let mut to_sign = format!("{}:{channel}", self.socket_id);
        if let Some(channel_data) = channel_data {
            to_sign.push(':');
            to_sign.push_str(channel_data);
        }
        format!("{}:{}", self.app.key, signature(&self.app.secret, &to_sign))
    }

    /// What an authentication endpoint would say to this client.
    pub fn user_auth(&self, user_data: &str) -> String {
        let to_sign = format!("{}::user::{user_data}", self.socket_id);
        format!("{}:{}", self.app.key, signature(&self.app.secret, &to_sign))
    }

    /// Reads the next message; ping frames, which are answered, are passed over.
    pub fn event(&mut self) -> Event {
        loop {
            match self.message() {
                Message::Text(text) => return Event::parse(&text),
                Message::Ping(_) => {}
                other => panic!("no text message: {other:?}"),
            }
        }
    }

    /// Reads the next message, which must be the event `name`.
    pub fn expect(&mut self, name: &str) -> Event {
        let event = self.event();
        assert_eq!(event.event, name, "{}", event.raw);
        event
    }

    /// Reads the next message, which must be the event `name` on `channel`.
    pub fn expect_on(&mut self, channel: &str, name: &str) -> Event {
        let event = self.expect(name);
        assert_eq!(event.channel.as_deref(), Some(channel), "{}", event.raw);
        event
    }

    /// Reads the next message, which must be a `pusher:error` with `code`; returns its text.
    pub fn expect_error(&mut self, code: Option<u16>) -> String {
        let event = self.expect("pusher:error");
        assert_eq!(event.data["code"], json!(code), "{}", event.raw);
        event.data["message"].as_str().expect("an error has a message").to_owned()
    }

    /// Reads the two messages that refuse a subscription to `channel`: one on the channel, with
    /// its `kind` and `status`, and a `pusher:error` with `code`. Returns the first one's text.
    pub fn expect_refusal(
        &mut self,
        channel: &str,
        kind: &str,
        status: u16,
        code: Option<u16>,
    ) -> String {
        let event = self.expect_on(channel, "pusher:subscription_error");
        let found = (&event.data["type"], &event.data["status"]);
        assert_eq!(found, (&json!(kind), &json!(status)), "{}", event.raw);
        self.expect_error(code);
        event.data["error"].as_str().expect("a refusal says why").to_owned()
    }

    /// Reads the numbers that events `name` on `channel` carry, as many as `numbers` has.
    pub fn expect_numbers(
        &mut self,
        channel: &str,
        name: &str,
        numbers: impl IntoIterator<Item = u64>,
    ) {
        for number in numbers {
            let event = self.expect_on(channel, name);
            assert_eq!(event.number(), number, "a gap, a duplicate or another order");
        }
    }

    /// Nothing came before the answer to a question asked now.
    ///
    /// This also shows that the connection lives.
    pub fn expect_quiet(&mut self) {
        self.send("pusher:ping", &json!({}));
        self.expect("pusher:pong");
    }

    /// The next message must be a close with `code`; completes the close handshake.
    pub fn expect_close(&mut self, code: u16) {
        match self.message() {
            Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), code, "{frame:?}"),
            other => panic!("no close with a code: {other:?}"),
        }
        match self.socket.read() {
            Err(Error::ConnectionClosed) => {}
            other => panic!("the connection ends after the close handshake: {other:?}"),
        }
    }

    /// Closes the connection as a browser does when a page is left.
    pub fn close(mut self) {
        self.socket.close(None).expect("the connection is open");
        loop {
            match self.socket.read() {
                Ok(_) => {}
                Err(Error::ConnectionClosed) => return,
                Err(error) => panic!("the server does not answer the close: {error}"),
            }
        }
    }

    /// Drops the connection with a reset, as a machine that crashed does.
    pub fn reset(self) {
        let socket = SockRef::from(self.socket.get_ref());
        socket.set_linger(Some(Duration::ZERO)).expect("the socket is open");
    }

    /// The next message of any kind, if one comes within `patience`.
    pub fn message_within(&mut self, patience: Duration) -> Option<Message> {
        self.set_patience(patience);
        let result = self.socket.read();
        self.set_patience(DEADLINE);
        match result {
            Ok(message) => Some(message),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) => panic!("no message: {error}"),
        }
    }

    /// Sends a websocket message of any kind.
    pub fn send_message(&mut self, message: Message) {
        self.socket.send(message).expect("the server takes the message");
    }

    /// Reads a websocket message of any kind.
    pub fn message(&mut self) -> Message {
        self.socket.read().unwrap_or_else(|error| panic!("no message: {error}"))
    }

    /// The socket itself; what was read ahead is not in it any more.
    pub fn stream(&self) -> &TcpStream {
        self.socket.get_ref()
    }

    fn set_patience(&self, patience: Duration) {
        self.socket.get_ref().set_read_timeout(Some(patience)).expect("the socket is open");
    }
}
