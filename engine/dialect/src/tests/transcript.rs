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
//! On channels called `log...`, which have a log, clients `follow CHANNEL WHERE [only TYPE,...]`,
//! from `live`, `cursor`, `snapshot` or `after N`, `append CHANNEL TYPE [ID]`, `ack CHANNEL N` and
//! ask to `replay CHANNEL AFTER TO`; `http` does `append CHANNEL TYPE [BYTES] [id ID] [except
//! CLIENT]`, `ephemeral CHANNEL NAME`, `snapshot CHANNEL [N STATE]`, asks for the `info CHANNEL`,
//! and `disk` says that the events of CHANNEL are `kept` up to N or `lost` from N on, or that the
//! cursor of CLIENT there is `renewed`.
//!
//! What is checked without a closer look afterwards stands in `transcripts/*.txt`, see [`read`];
//! all others are strings of tests.
//!
//! [`read`]: super::read
//!
//! A channel or a user called `something-on-2` is owned by core 2.

use std::sync::Arc;

use uringcast_proto::pusher::user::user_channel;
use uringcast_proto::pusher::{auth, server};
use uringcast_proto::ws::close::CloseCode;
use uringcast_shard::id::{AppIndex, CoreId, SocketId};
use uringcast_shard::log::{Draft, Newest, Snapshot};
use uringcast_shard::{
    AllCounters, ChannelName, ChannelOf, Channels, Connections, LogInfo, Logged, NamedDraft,
    Publication, Reach, Renewed, ReplayRange, SnapshotOf, Start, SubscribeOptions, Terminate,
    UsersOf, WorstLags,
};

use super::render;
use super::world::{KEY, Limits, SECRET, World};

/// Check `text` on one core, on two and on three, with the clients spread over them.
pub(super) fn check(text: &str) {
    check_with(|_| {}, text);
}

/// Check `text` with other limits on one core, on two and on three, the clients spread over them.
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

/// A world in which the steps of `text` are done, whatever is received.
pub(super) fn world_of(cores: usize, edit: impl Fn(&mut Limits), text: &str) -> World {
    let mut limits = Limits::default();
    edit(&mut limits);
    let mut world = World::new(cores, limits);
    for line in text.lines().filter(|line| !line.contains("> ")) {
        for step in line.split(';') {
            let (who, what) = step.split_once(':').expect("a step is `who: words`");
            world.step(who.trim(), &what.split_whitespace().collect::<Vec<_>>());
        }
        world.settle();
    }
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
                ChannelName::new(AppIndex(0), name.as_str(), crate::nature(name.as_str()), *seed)
                    .owner(cores)
                    .0 as usize
                    == core % cores
            })
        })
    };
    (0..10_000).find(is_right).expect("some seed fits few channels")
}

impl World {
    pub(super) fn step(&mut self, who: &str, words: &[&str]) {
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
                self.ask(Channels { app: AppIndex(0), prefix: "".into() }, render::channels);
            }
            ("http", ["channel", name]) => {
                self.ask(ChannelOf(self.channel(name)), render::channels);
            }
            ("http", ["users", name]) => self.ask(UsersOf(self.channel(name)), render::names),
            ("http", ["terminate", user]) => {
                let terminate = Terminate { app: AppIndex(0), user_id: (*user).into() };
                self.ask(terminate, |connections| format!("terminated {connections}"));
            }
            ("http", ["lags", max]) => {
                self.ask(WorstLags(max.parse().unwrap()), |lags| render::lags(&lags));
            }
            ("http", ["counters"]) => self.ask(AllCounters, |cores| {
                let cores: Vec<String> = cores.iter().map(|(core, _)| core.0.to_string()).collect();
                format!("[{}]", cores.join(" "))
            }),
            ("http", ["reach", rest @ ..]) => self.reach(rest),
            ("http", ["append", rest @ ..]) => self.append(rest),
            ("http", ["ephemeral", channel, name]) => {
                let frame = server::event(&format!("{name:?}"), channel, "\"\"", None);
                self.shards[0].publish_ephemeral(AppIndex(0), channel, frame);
            }
            ("http", ["snapshot", channel, rest @ ..]) => self.snapshot(channel, rest),
            ("http", ["info", channel]) => {
                self.ask(LogInfo(self.channel(channel)), render::info);
            }
            ("disk", ["renewed", channel, who]) => {
                let (channel, what) = (self.channel(channel), Newest::Cursor((*who).into()));
                let owner = usize::from(channel.owner(self.shards.len()).0);
                self.shards[owner].on_renewed(Renewed { channel, what, is_kept: true });
            }
            ("disk", [what, channel, sequence]) => {
                self.log_answer(channel, sequence.parse().unwrap(), *what == "kept");
            }
            ("http", ["connections"]) => {
                self.ask(Connections(AppIndex(0)), |count| format!("connections {count}"));
            }
            ("time" | "server" | "mail" | "http" | "disk", _) => panic!("{who} cannot {words:?}"),
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
            _ => self.log_step(client, who, words),
        }
    }

    /// What clients do on channels with a log.
    fn log_step(&mut self, client: usize, who: &str, words: &[&str]) {
        let conn = self.clients[client].conn;
        match words {
            ["follow", channel, rest @ ..] => self.follow(client, channel, rest),
            ["append", channel, name, id @ ..] => {
                let id = id.first().copied().unwrap_or_default();
                let draft = draft(channel, name, id, 0);
                self.shard_of(client).append(conn, channel, draft);
            }
            ["ack", channel, sequence] => {
                let (who, sequence) = (Arc::from(who), sequence.parse().unwrap());
                self.shard_of(client).ack(conn, channel, &who, sequence);
            }
            ["replay", channel, after, to] => {
                let (after, to) = (after.parse().unwrap(), to.parse().ok());
                let range = ReplayRange { after, to, ..ReplayRange::default() };
                self.shard_of(client).replay(conn, channel, range);
            }
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

    /// `live|cursor|snapshot|after N [only TYPE,...]`.
    pub(super) fn follow(&mut self, client: usize, channel: &str, words: &[&str]) {
        let (words, event_types) = match words {
            [words @ .., "only", types] => (words, Some(types.split(',').map(Box::from).collect())),
            words => (words, None),
        };
        let start = match words {
            ["live"] => Start::Live,
            ["cursor"] => Start::Cursor,
            ["snapshot"] => Start::Snapshot,
            ["after", sequence] => Start::After(sequence.parse().unwrap()),
            _ => panic!("nobody begins {words:?}"),
        };
        let options = SubscribeOptions {
            start,
            subscriber_id: self.clients[client].name.as_str().into(),
            event_types,
            with_snapshot: start == Start::Snapshot,
            fast_forward: start == Start::Cursor,
            member: None,
        };
        let conn = self.clients[client].conn;
        self.shard_of(client).subscribe_logged(conn, channel, options).unwrap();
    }

    /// `CHANNEL TYPE [BYTES] [id ID] [except CLIENT] + ...`.
    pub(super) fn append(&mut self, words: &[&str]) {
        let drafts: Vec<NamedDraft> = words
            .split(|&word| word == "+")
            .map(|item| {
                let (item, skip) = self.split_skip(item);
                let (item, id) = match item {
                    [item @ .., "id", id] => (item, *id),
                    item => (item, ""),
                };
                let [name, event_type, bytes @ ..] = item else { panic!("{item:?} is no event") };
                let bytes = bytes.first().map_or(0, |bytes| bytes.parse().unwrap());
                let draft = draft(name, event_type, id, bytes);
                NamedDraft { channel: self.channel(name), draft, skip }
            })
            .collect();
        self.shards[0].append_all(drafts);
    }

    fn snapshot(&mut self, channel: &str, words: &[&str]) {
        let channel = self.channel(channel);
        let [sequence, state] = words else {
            return self.ask(SnapshotOf(channel), |snapshot| format!("Snapshot({snapshot:?})"));
        };
        let snapshot = Snapshot {
            last_sequence: sequence.parse().unwrap(),
            state_json: (*state).into(),
            created_unix_ms: 0,
        };
        self.shards[0].set_snapshot(&channel, snapshot);
    }

    /// The log thread has kept all up to an event, or has lost it and all from it on.
    fn log_answer(&mut self, channel: &str, sequence: u64, is_kept: bool) {
        let channel = self.channel(channel);
        let owner = channel.owner(self.shards.len());
        let logged = Logged { channel, sequence, is_kept };
        self.shards[usize::from(owner.0)].on_logged(logged);
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
        self.ask(Reach { channels, skip }, |sockets| format!("reached {sockets}"));
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

    pub(super) fn channel(&self, name: &str) -> ChannelName {
        ChannelName::new(AppIndex(0), name, crate::nature(name), self.shards[0].config().hash_seed)
    }
}

/// An event as the dialect of Pusher would write it; it lives for a minute.
pub(super) fn draft(channel: &str, event_type: &str, id: &str, bytes: usize) -> Draft {
    let data = "x".repeat(bytes);
    let head =
        format!(r#"{{"event":"{event_type}","channel":"{channel}","data":"{data}","sequence":"#);
    Draft {
        id: id.into(),
        event_type: event_type.into(),
        sequence_at: head.len() as u32,
        text: (head + "}").into(),
        emitted_unix_ms: 0,
        expires_unix_ms: u64::MAX,
    }
}

fn core(word: &str) -> CoreId {
    CoreId(word.parse().unwrap())
}
