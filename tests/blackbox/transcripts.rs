//! The transcripts of the shards' tests, played over sockets to the program.
//!
//! They are the same files. What each client receives is checked in its order; between clients, and
//! between them and the HTTP API, order is free. After each line every client asks for a pong, so
//! that nothing more than what is expected can have come before, and all that was asked is done.
//! A transcript with a step that sockets cannot do says `only shards`; else it fails here.

#[path = "../../engine/dialect/src/tests/read.rs"]
mod read;
#[path = "../../engine/dialect/src/tests/said.rs"]
mod said;

use std::collections::VecDeque;
use std::fs;
use std::net::TcpStream;
use std::path::Path;

use read::{Transcript, read};
use serde_json::{Value, json};
use tungstenite::protocol::CloseFrame;
use tungstenite::{Error, Message, WebSocket};
use uringcast_tests::{Api, App, DEADLINE, Options, Server, signature, until};

/// How many transcripts sockets can do, at least: fewer are a mistake in the files.
const TRANSCRIPTS_MIN: usize = 40;

#[test]
fn sockets_of_one_core_say_what_the_shards_tests_say() {
    play_all(1);
}

#[test]
fn sockets_of_two_cores_say_what_the_shards_tests_say() {
    play_all(2);
}

#[test]
fn sockets_of_three_cores_say_what_the_shards_tests_say() {
    play_all(3);
}

fn play_all(cores: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = folder.join("../engine/dialect/src/tests/transcripts");
    let files = fs::read_dir(folder).expect("the transcripts are there");
    let files = files.map(|file| fs::read_to_string(file.expect("a file").path()).expect("text"));
    let files: Vec<String> = files.collect();
    let transcripts = files.iter().flat_map(|file| read(file));
    let transcripts: Vec<_> = transcripts.filter(|it| !it.is_only_for_shards).collect();
    assert!(transcripts.len() >= TRANSCRIPTS_MIN, "only {} transcripts", transcripts.len());
    for transcript in transcripts.iter().filter(|it| it.cores.contains(&cores)) {
        eprintln!("{}", transcript.name); // Seen where it fails.
        World::new(cores, transcript).play(&transcript.lines);
    }
}

/// One server, its clients and its publisher.
struct World {
    clients: Vec<Client>,
    api: Api,
    answers: VecDeque<Answer>,
    server: Server,
}

/// What a request of the HTTP API is answered with.
enum Answer {
    /// It is here, as a line of a transcript.
    Said(String),
    /// Whoever asks may be early, and asks again.
    Asked(Vec<String>),
}

impl World {
    fn new(cores: usize, transcript: &Transcript<'_>) -> Self {
        let limits = transcript.limits.iter().map(|(key, value)| format!("{key} = {value}\n"));
        let toml: String = limits.collect();
        let server = Server::start(Options::new().cores(cores as u8).config(&toml));
        Self { clients: Vec::new(), api: Api::new(&server), answers: VecDeque::new(), server }
    }

    fn play(&mut self, lines: &[&str]) {
        for line in lines {
            if let Some((who, what)) = line.split_once("> ") {
                self.expect(who, what.trim());
                continue;
            }
            self.expect_nothing_more();
            for step in line.split(';') {
                let (who, what) = step.split_once(':').expect("a step is `who: words`");
                let words: Vec<&str> = what.split_whitespace().collect();
                match who.trim() {
                    "http" => self.request(&words),
                    who => self.client_step(who, &words),
                }
            }
        }
        self.expect_nothing_more();
    }

    fn expect(&mut self, who: &str, what: &str) {
        if who != "http" {
            assert_eq!(self.client(who).heard(), what, "{who}");
            return;
        }
        match self.answers.pop_front().expect("something was asked") {
            // How many it closes the HTTP API does not say.
            Answer::Said(said) if said == "terminated" => assert!(what.starts_with("terminated ")),
            Answer::Said(said) => assert_eq!(said, what),
            Answer::Asked(words) => {
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                until(&format!("{words:?} is answered {what}"), || self.ask(&words) == what);
            }
        }
    }

    fn expect_nothing_more(&mut self) {
        assert!(self.answers.is_empty(), "an answer is not expected by anyone");
        for client in self.clients.iter_mut().filter(|it| it.is_open) {
            client.say(r#"{"event":"pusher:ping"}"#);
            assert_eq!(client.heard(), "pong", "{}", client.name);
        }
    }

    /// The client `who`, of several with one name the last.
    fn client(&mut self, who: &str) -> &mut Client {
        let found = self.clients.iter_mut().rfind(|it| it.name == who);
        found.expect("who is to hear something has opened a connection")
    }

    fn client_step(&mut self, who: &str, words: &[&str]) {
        let is_known = self.clients.iter().any(|it| it.name == who);
        if words == ["open"] || !is_known {
            let mut client = Client::open(&self.server, who);
            if words != ["open"] {
                assert_eq!(client.heard(), "established");
            }
            self.clients.push(client);
        }
        if words == ["gone"] {
            let at = self.clients.iter().rposition(|it| it.name == who).expect("it is known");
            drop(self.clients.remove(at));
            let open = self.clients.iter().filter(|it| it.is_open).count();
            return self.server.until_metric("uringcast_connections", open as u32);
        }
        self.client(who).step(words);
    }

    fn request(&mut self, words: &[&str]) {
        let said = match words {
            ["publish", rest @ ..] => {
                let events = rest.split(|&word| word == "+").map(|words| self.event(words));
                let events: Vec<Value> = events.collect();
                let response = match &events[..] {
                    [event] => self.api.post("/events", event),
                    _ => self.api.post("/batch_events", &json!({ "batch": events })),
                };
                assert_eq!(response.status, 200, "{response:?}");
                "published"
            }
            ["terminate", user] => {
                let path = format!("/users/{user}/terminate_connections");
                assert_eq!(self.api.post(&path, &json!({})).status, 200);
                "terminated"
            }
            _ => {
                let words = words.iter().map(|&word| word.to_owned()).collect();
                return self.answers.push_back(Answer::Asked(words));
            }
        };
        self.answers.push_back(Answer::Said(said.to_owned()));
    }

    /// `CHANNEL NAME [BYTES] [except CLIENT]`.
    fn event(&mut self, words: &[&str]) -> Value {
        let (words, skip) = match words {
            [words @ .., "except", who] => (words, Some(self.client(who).id())),
            words => (words, None),
        };
        let [channel, name, bytes @ ..] = words else { panic!("{words:?} is no event") };
        let bytes = bytes.first().map_or(0, |bytes| bytes.parse().expect("a number of bytes"));
        let mut event = json!({"channel": channel, "name": name, "data": "x".repeat(bytes)});
        if let Some(id) = skip {
            event["socket_id"] = id.into();
        }
        event
    }

    /// Ask for something, and the answer as a line of a transcript.
    fn ask(&mut self, words: &[&str]) -> String {
        match words {
            ["channels"] => {
                let all = self.get("/channels");
                let names: Vec<&String> =
                    all["channels"].as_object().expect("a map").keys().collect();
                said::sorted(names.into_iter().filter_map(|name| self.channel(name)).collect())
            }
            ["channel", name] => said::sorted(self.channel(name).into_iter().collect()),
            ["users", name] => {
                let users = self.get(&format!("/channels/{name}/users"));
                let users = users["users"].as_array().expect("a list").iter();
                said::sorted(users.map(|it| it["id"].as_str().expect("an id").to_owned()).collect())
            }
            ["connections"] => {
                format!("connections {}", self.server.metric("uringcast_connections"))
            }
            _ => panic!("the HTTP API cannot {words:?}"),
        }
    }

    /// A channel that is occupied, and by how many.
    fn channel(&mut self, name: &str) -> Option<String> {
        let has_members = name.starts_with("presence-");
        let users = if has_members { ",user_count" } else { "" };
        let info = format!("subscription_count{users}");
        let request = self.api.signed("GET", &format!("/channels/{name}"), "").set("info", &info);
        let info = body(&self.api.send(&request));
        let users = if has_members { format!("/{}", info["user_count"]) } else { String::new() };
        let count = &info["subscription_count"];
        (info["occupied"] == true).then(|| format!("{name}:{count}{users}"))
    }

    fn get(&mut self, path: &str) -> Value {
        body(&self.api.get(path))
    }
}

fn body(response: &uringcast_tests::Response) -> Value {
    assert_eq!(response.status, 200, "{response:?}");
    serde_json::from_slice(&response.body).expect("an answer is JSON")
}

/// One websocket.
struct Client {
    name: String,
    socket: WebSocket<TcpStream>,
    /// What it is called by the server, once that has said so.
    id: String,
    /// What it was told and nobody has looked at.
    unread: VecDeque<String>,
    is_open: bool,
}

impl Client {
    fn open(server: &Server, name: &str) -> Self {
        let stream = TcpStream::connect(server.address()).expect("the server accepts");
        stream.set_nodelay(true).expect("the socket is open");
        stream.set_read_timeout(Some(DEADLINE)).expect("the socket is open");
        let url = format!("ws://{}/app/{}?protocol=7", server.address(), App::default().key);
        let (socket, _) = tungstenite::client(url, stream).expect("the server upgrades");
        let (id, unread) = (String::new(), VecDeque::new());
        Self { name: name.to_owned(), socket, id, unread, is_open: true }
    }

    fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).expect("the server takes the message");
    }

    /// The next thing that it is told.
    fn heard(&mut self) -> String {
        self.unread.pop_front().unwrap_or_else(|| self.read())
    }

    fn id(&mut self) -> String {
        if self.id.is_empty() {
            let said = self.read();
            self.unread.push_back(said);
        }
        self.id.clone()
    }

    fn read(&mut self) -> String {
        match self.socket.read() {
            Ok(Message::Text(text)) => {
                let message: Value = serde_json::from_str(&text).expect("messages are JSON");
                if message["event"] == "pusher:connection_established" {
                    let data = message["data"].as_str().expect("text");
                    let data: Value = serde_json::from_str(data).expect("JSON in text");
                    data["socket_id"].as_str().expect("an id").clone_into(&mut self.id);
                }
                said::message(&message)
            }
            Ok(Message::Close(frame)) => {
                self.is_open = false;
                frame.map_or("close".to_owned(), |it| format!("close {}", u16::from(it.code)))
            }
            Err(Error::ConnectionClosed) => "cut".to_owned(),
            other => panic!("{}: {other:?}", self.name),
        }
    }

    fn step(&mut self, words: &[&str]) {
        let text = match words {
            ["open"] => return,
            ["signin", user, rest @ ..] => {
                let watchlist = rest.strip_prefix(&["watching"]).unwrap_or_default();
                let user_data = json!({"id": user, "watchlist": watchlist}).to_string();
                let auth = self.auth(&format!(":user::{user_data}"));
                json!({"event": "pusher:signin", "data": {"auth": auth, "user_data": user_data}})
            }
            ["subscribe", channel] => {
                let auth = self.auth(channel);
                let data = json!({"channel": channel, "auth": auth});
                json!({"event": "pusher:subscribe", "data": data})
            }
            ["subscribe", channel, "as", user] => {
                let channel_data = json!({"user_id": user}).to_string();
                let auth = self.auth(&format!("{channel}:{channel_data}"));
                let data = json!({"channel": channel, "auth": auth, "channel_data": channel_data});
                json!({"event": "pusher:subscribe", "data": data})
            }
            ["unsubscribe", channel] => {
                json!({"event": "pusher:unsubscribe", "data": {"channel": channel}})
            }
            ["event", channel, name] => json!({"event": name, "channel": channel}),
            ["event", channel, name, bytes] => {
                let data = "x".repeat(bytes.parse().expect("a number of bytes"));
                json!({"event": name, "channel": channel, "data": data})
            }
            ["ping"] => json!({"event": "pusher:ping"}),
            ["pong"] => json!({"event": "pusher:pong"}),
            ["close", code @ ..] => {
                let code = code.first().map(|code| code.parse::<u16>().expect("a code").into());
                let frame = code.map(|code| CloseFrame { code, reason: "".into() });
                return self.socket.close(frame).expect("the connection is open");
            }
            _ => panic!("a client cannot {words:?}"),
        };
        self.say(&text.to_string());
    }

    /// What the app's server would say to it.
    fn auth(&mut self, what: &str) -> String {
        let (app, id) = (App::default(), self.id());
        format!("{}:{}", app.key, signature(&app.secret, &format!("{id}:{what}")))
    }
}
