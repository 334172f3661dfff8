//! Transcripts: what is done, and all that must be received because of it.
//!
//! A line `who: words` does something, and several joined by `;` are done in one turn. The lines
//! `who> words` below it are what everyone receives before the next one, in each one's order.
//!
//! Clients `open [on CORE]`, `connect`, `upgrade`, `agree` to compression, `signin USER [watching
//! USER ...]`, `subscribe CHANNEL [as USER]`, `unsubscribe CHANNEL`, `event CHANNEL NAME [BYTES]`,
//! `ping`, `pong`, `close [CODE]`, are `gone`, `stall`, and `read [BYTES]`; one that is new is
//! opened first without a word. What comes compressed is `packed`. `http` does `publish CHANNEL
//! NAME [BYTES] [counted PLACE] [except CLIENT] [from CORE]`, several joined by `+`, `terminate
//! USER`, and asks for `channels`, `channel CHANNEL`, `users CHANNEL`, `connections` and the
//! `reach CHANNEL ... [except CLIENT]`; `server` does `drain MS`, `time` is a number of
//! milliseconds, and `mail` is on `hold`, `pass CORE CORE` or `release`. `app>` is what the app's
//! server is to be told.
//!
//! A channel or a user called `something-on-2` is owned by core 2.

use uringcast_proto::pusher::user::user_channel;
use uringcast_proto::pusher::{auth, server};
use uringcast_proto::ws::close::CloseCode;

use super::world::{KEY, Limits, SECRET, World};
use crate::id::{AppIndex, CoreId, SocketId};
use crate::shard::{ChannelName, Publication, Query};

/// Check `text` on one core, on two and on three, with the clients spread over them.
pub(super) fn check(text: &str) {
    check_with(|_| {}, text);
}

/// The same with other limits.
pub(super) fn check_with(edit: impl Fn(&mut Limits), text: &str) {
    for cores in 1..=3 {
        check_on(cores, &edit, text);
    }
}

/// Check `text` on `cores` cores with other limits; returns the world for a closer look.
pub(super) fn check_on(cores: usize, edit: impl Fn(&mut Limits), text: &str) -> World {
    let mut limits = Limits::default();
    limits.shard.hash_seed = hash_seed(cores, text);
    edit(&mut limits);
    let mut world = World::new(cores, limits);
    let (mut expected, mut actual) = (Vec::new(), Vec::new());
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut block = Vec::new();
    for line in lines {
        if let Some((who, what)) = line.split_once("> ") {
            block.push((who.to_owned(), what.trim().to_owned()));
            continue;
        }
        push_block(&mut expected, std::mem::take(&mut block));
        expected.push(line.to_owned());
        actual.push(line.to_owned());
        for step in line.split(';') {
            let (who, what) = step.split_once(':').expect("a step is `who: words`");
            world.step(who.trim(), &what.split_whitespace().collect::<Vec<_>>());
        }
        world.settle();
        push_block(&mut actual, world.take_seen());
    }
    push_block(&mut expected, block);
    let (actual, expected) = (actual.join("\n"), expected.join("\n"));
    assert!(actual == expected, "on {cores} cores was\n{actual}\nand not\n{expected}");
    world
}

/// Add what was received: everyone's own in its order, everyone by name.
fn push_block(lines: &mut Vec<String>, mut block: Vec<(String, String)>) {
    block.sort_by(|(one, _), (other, _)| one.cmp(other));
    lines.extend(block.iter().map(|(who, what)| format!("{who}> {what}")));
}

/// A seed under which every `-on-K` channel of `text` is owned by core K.
fn hash_seed(cores: usize, text: &str) -> u64 {
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-'));
    let names: Vec<&str> = words.filter(|word| word.contains("-on-")).collect();
    let is_right = |seed: &u64| {
        names.iter().all(|name| {
            let core: usize = name.rsplit('-').next().unwrap().parse().unwrap();
            [(*name).to_owned(), user_channel(name)].iter().all(|name| {
                ChannelName::new(AppIndex(0), name.as_str(), *seed).owner(cores).0 as usize
                    == core % cores
            })
        })
    };
    (0..10_000).find(is_right).expect("some seed fits few channels")
}

impl World {
    fn step(&mut self, who: &str, words: &[&str]) {
        match (who, words) {
            ("time", [ms]) => self.wait(ms.parse().unwrap()),
            ("server", ["drain", ms]) => {
                let ms = ms.parse().unwrap();
                self.shards.iter_mut().for_each(|shard| shard.start_drain(ms));
            }
            ("mail", ["hold"]) => self.is_mail_held = true,
            ("mail", ["pass", source, target]) => self.pass(core(source), core(target)),
            ("mail", ["release"]) => self.is_mail_held = false,
            ("http", ["publish", rest @ ..]) => self.publish(rest),
            ("http", ["channels"]) => {
                self.ask(&Query::Channels { app: AppIndex(0), prefix: "".into() });
            }
            ("http", ["channel", name]) => self.ask(&Query::Channel(self.channel(name))),
            ("http", ["users", name]) => self.ask(&Query::Users(self.channel(name))),
            ("http", ["terminate", user]) => {
                self.ask(&Query::Terminate { app: AppIndex(0), user_id: (*user).into() });
            }
            ("http", ["counters"]) => self.ask(&Query::Counters),
            ("http", ["reach", rest @ ..]) => self.reach(rest),
            ("http", ["connections"]) => self.ask(&Query::Connections(AppIndex(0))),
            ("time" | "server" | "mail" | "http", _) => panic!("{who} cannot {words:?}"),
            _ => self.client_step(who, words),
        }
    }

    fn client_step(&mut self, who: &str, words: &[&str]) {
        let spread = CoreId((self.clients.len() % self.shards.len()) as u8);
        let known = self.clients.iter().rposition(|client| client.name == who);
        let client = match (known, words) {
            (_, ["connect"]) => return self.connect(who, spread),
            (_, ["open", rest @ ..]) => {
                let core = rest.last().map_or(spread, |word| core(word));
                self.connect(who, core);
                return self.upgrade(self.clients.len() - 1);
            }
            (Some(client), _) => client,
            (None, _) => {
                self.connect(who, spread);
                let client = self.clients.len() - 1;
                self.clients[client].is_introduced = true;
                self.upgrade(client);
                client
            }
        };
        let conn = self.clients[client].conn;
        match words {
            ["upgrade"] => self.upgrade(client),
            ["signin", user] => self.signin(client, user, &[]),
            ["signin", user, "watching", watchlist @ ..] => self.signin(client, user, watchlist),
            ["agree"] => self.agree_to_deflate(client),
            ["subscribe", channel] => self.subscribe(client, channel, None),
            ["subscribe", channel, "as", user] => self.subscribe(client, channel, Some(user)),
            ["unsubscribe", channel] => self.say(
                client,
                &format!(r#"{{"event":"pusher:unsubscribe","data":{{"channel":"{channel}"}}}}"#),
            ),
            ["event", channel, name] => {
                self.say(client, &format!(r#"{{"event":"{name}","channel":"{channel}"}}"#));
            }
            ["event", channel, name, bytes] => {
                let data = "x".repeat(bytes.parse().unwrap());
                let start = format!(r#"{{"event":"{name}","channel":"{channel}""#);
                self.say(client, &format!(r#"{start},"data":"{data}"}}"#));
            }
            ["ping"] => self.say(client, r#"{"event":"pusher:ping"}"#),
            ["pong"] => self.say(client, r#"{"event":"pusher:pong"}"#),
            ["close"] => self.shard_of(client).on_peer_close(conn, None),
            ["close", code] => {
                let code = CloseCode(code.parse().unwrap());
                self.shard_of(client).on_peer_close(conn, Some(code));
            }
            ["gone"] => self.gone(client),
            ["stall"] => self.clients[client].is_stalled = true,
            ["read"] => {
                self.clients[client].is_stalled = false;
                self.take_bytes(client, usize::MAX >> 1);
            }
            ["read", bytes] => self.take_bytes(client, bytes.parse().unwrap()),
            _ => panic!("a client cannot {words:?}"),
        }
    }

    fn subscribe(&mut self, client: usize, channel: &str, user: Option<&str>) {
        let id = self.socket_id(client).to_string();
        let data = user.map(|user| format!(r#"{{"user_id":"{user}"}}"#));
        let auth = auth::sign_channel(KEY, SECRET, &id, channel, data.as_deref());
        let data = data.map(|data| format!(r#","channel_data":{data:?}"#)).unwrap_or_default();
        let data = format!(r#"{{"channel":"{channel}","auth":"{auth}"{data}}}"#);
        self.say(client, &format!(r#"{{"event":"pusher:subscribe","data":{data}}}"#));
    }

    pub(super) fn signin(&mut self, client: usize, user: &str, watchlist: &[&str]) {
        let id = self.socket_id(client).to_string();
        let data = format!(r#"{{"id":"{user}","watchlist":{watchlist:?}}}"#);
        let auth = auth::sign_user(KEY, SECRET, &id, &data);
        let data = format!(r#"{{"auth":"{auth}","user_data":{data:?}}}"#);
        self.say(client, &format!(r#"{{"event":"pusher:signin","data":{data}}}"#));
    }

    /// `CHANNEL NAME [BYTES] [counted PLACE] [except CLIENT] + ... [from CORE]`.
    fn publish(&mut self, words: &[&str]) {
        let (words, source) = match words {
            [words @ .., "from", source] => (words, core(source)),
            words => (words, CoreId(0)),
        };
        let publications = words.split(|&word| word == "+").map(|item| self.publication(item));
        let publications = publications.collect::<Vec<_>>();
        self.shards[usize::from(source.0)].publish(publications);
    }

    /// `CHANNEL ... [except CLIENT]`.
    fn reach(&mut self, words: &[&str]) {
        let (names, skip) = self.split_skip(words);
        let channels = names.iter().map(|name| self.channel(name)).collect();
        self.ask(&Query::Reach { channels, skip });
    }

    /// The words before `except CLIENT`, and that client's socket.
    fn split_skip<'a, 'b>(&mut self, words: &'a [&'b str]) -> (&'a [&'b str], Option<SocketId>) {
        let [words @ .., "except", name] = words else { return (words, None) };
        let client = self.clients.iter().rposition(|client| client.name == *name);
        (words, Some(self.socket_id(client.expect("a client to leave out"))))
    }

    fn publication(&mut self, words: &[&str]) -> Publication {
        let (words, skip) = self.split_skip(words);
        let (words, counted_as) = match words {
            [words @ .., "counted", place] => (words, Some(place.parse().unwrap())),
            words => (words, None),
        };
        let [name, event, bytes @ ..] = words else { panic!("{words:?} is no publication") };
        let bytes = bytes.first().map_or(0, |bytes| bytes.parse().unwrap());
        let (event, data) = (format!("{event:?}"), format!("{:?}", "x".repeat(bytes)));
        let frame = server::event(&event, name, &data, None);
        Publication { channel: self.channel(name), frame, skip, counted_as }
    }

    fn ask(&mut self, query: &Query) {
        self.shards[0].query(query);
    }

    pub(super) fn channel(&self, name: &str) -> ChannelName {
        ChannelName::new(AppIndex(0), name, self.shards[0].config().hash_seed)
    }
}

fn core(word: &str) -> CoreId {
    CoreId(word.parse().unwrap())
}
