//! What clients say, and what the server is known to have made of it.

use uringcast::dialect::{Dialect, Session, pusher};
use uringcast::id::{AppIndex, CoreId};
use uringcast::shard::Refusal;
use uringcast_proto::pusher::auth;
use uringcast_proto::ws::assembler::Message;
use uringcast_proto::ws::close::CloseCode;

use crate::client::{Client, Reply, Stage};
use crate::history::Attempt;
use crate::scenario::{CHANNELS, Scenario, USERS};
use crate::world::{KEY, SECRET, World};

impl Scenario {
    /// The server reads a few of a client's messages.
    pub(crate) fn talk(&mut self) {
        let Some(client) = self.any_client() else { return };
        if self.world.clients[client].is_mute || !self.may_hear(client) {
            return;
        }
        if self.world.clients[client].stage == Stage::Handshake {
            return self.upgrade(client);
        }
        for _ in 0..self.random.below(6) {
            if self.world.clients[client].stage == Stage::Talking && self.may_hear(client) {
                self.talk_once(client);
            }
        }
    }

    /// Whether the I/O layer would read from the client now; if not, its shard says when.
    fn may_hear(&mut self, client: usize) -> bool {
        let Client { core, conn, is_waiting, .. } = self.world.clients[client];
        let shard = self.world.shard(core);
        if shard.is_backlogged() {
            shard.set_cores_backlogged(true);
        }
        let may_hear = !is_waiting && shard.may_hear(conn);
        self.world.clients[client].is_waiting = !may_hear;
        may_hear
    }

    fn upgrade(&mut self, client: usize) {
        let (core, conn) = (self.world.clients[client].core, self.world.clients[client].conn);
        let shard = self.world.shard(core);
        assert!(shard.enter(conn, AppIndex(0), false).is_none(), "the app has no limit");
        shard.upgrade(conn, Dialect::Pusher);
        if client.is_multiple_of(3) {
            shard.agree_to_deflate(conn);
        }
        let apps = shard.apps();
        pusher::greet(shard, apps.app(AppIndex(0)), conn);
        self.world.clients[client].stage = Stage::Talking;
    }

    fn talk_once(&mut self, client: usize) {
        if let Some(reply) = self.world.clients[client].replies.pop_front() {
            return self.reply(client, reply);
        }
        match self.random.below(100) {
            0..35 => {
                let channel = self.channel(client, false);
                self.subscribe(client, channel);
            }
            35..50 => {
                let channel = self.channel(client, true);
                self.unsubscribe(client, channel);
            }
            50..95 => {
                let channel = self.channel(client, true);
                self.client_event(client, channel);
            }
            95..97 => self.ping(client),
            97 => self.signin(client),
            98 => self.say(client, r#"{"event":"pusher:nonsense"}"#),
            _ if self.random.one_in(2) => self.leave(client),
            _ => {}
        }
    }

    pub(crate) fn reply(&mut self, client: usize, reply: Reply) {
        match reply {
            Reply::Pong => self.say(client, r#"{"event":"pusher:pong"}"#),
            Reply::Close(code) => {
                let (core, conn) =
                    (self.world.clients[client].core, self.world.clients[client].conn);
                self.world.clients[client].stage = Stage::Deaf;
                self.world.shard(core).on_peer_close(conn, code.map(CloseCode));
            }
        }
    }

    /// The client says goodbye, or something that no client may say.
    fn leave(&mut self, client: usize) {
        let (core, conn) = (self.world.clients[client].core, self.world.clients[client].conn);
        if self.random.one_in(2) {
            return self.reply(client, Reply::Close(Some(1000)));
        }
        self.world.clients[client].stage = Stage::Deaf;
        self.world.shard(core).fail(conn, CloseCode::PROTOCOL, "broken");
    }

    fn subscribe(&mut self, client: usize, channel: &str) {
        let (core, conn) = (self.world.clients[client].core, self.world.clients[client].conn);
        let Some(id) = self.world.shard(core).socket_id(conn) else { return };
        let user = channel.starts_with("presence-").then(|| USERS[client % USERS.len()].to_owned());
        // Who has signed in need not say so again.
        let signed_in = self.world.shard(core).user_id(conn).map(str::to_owned);
        let signed_in = signed_in.filter(|_| user.is_some() && self.random.one_in(2));
        let data = user.as_ref().filter(|_| signed_in.is_none());
        let data = data.map(|user| format!(r#"{{"user_id":"{user}"}}"#));
        let user = signed_in.or(user);
        let auth = auth::sign_channel(KEY, SECRET, &id.to_string(), channel, data.as_deref());
        let data = data.map(|data| format!(r#","channel_data":{data:?}"#)).unwrap_or_default();
        let before = self.subscribe_counts(core);
        let (joined_at, joined_ms) = (self.world.taken(channel), self.world.now.0);
        let message = format!(r#""data":{{"channel":"{channel}","auth":"{auth}"{data}}}"#);
        self.say(client, &format!(r#"{{"event":"pusher:subscribe",{message}}}"#));
        if self.subscribe_counts(core) == before {
            return; // Refused at once: too many, had already, or being closed.
        }
        let is_owner = self.name(channel).owner(self.config.cores) == core;
        self.world.clients[client].wanted.insert(channel.to_owned());
        let attempts = &mut self.world.history.clients[client].attempts;
        let attempts = attempts.entry(channel.to_owned()).or_default();
        let joined_at = is_owner.then_some(joined_at);
        attempts.push(Attempt { joined_at, joined_ms, over_at_pong: None, user });
        let attempt = attempts.len() - 1;
        if !is_owner {
            let waiting = self.world.joins.entry((core, conn, channel.to_owned())).or_default();
            waiting.push_back(attempt);
        }
    }

    /// Sign in as the client's own user, mostly, and watch some.
    fn signin(&mut self, client: usize) {
        let (core, conn) = (self.world.clients[client].core, self.world.clients[client].conn);
        let shard = self.world.shard(core);
        let Some(id) = shard.socket_id(conn) else { return };
        let watchlist_max = shard.apps().app(AppIndex(0)).policy.watchlist_max as usize;
        let is_new = shard.user_id(conn).is_none();
        let number = client + usize::from(self.random.one_in(8));
        let watchlist: Vec<&str> = USERS.into_iter().filter(|_| !self.random.one_in(3)).collect();
        let data =
            format!(r#"{{"id":"{}","watchlist":{watchlist:?}}}"#, USERS[number % USERS.len()]);
        let auth = auth::sign_user(KEY, SECRET, &id.to_string(), &data);
        let message = format!(r#""data":{{"auth":"{auth}","user_data":{data:?}}}"#);
        self.say(client, &format!(r#"{{"event":"pusher:signin",{message}}}"#));
        let is_signed_in = self.world.shard(core).user_id(conn).is_some();
        if is_new && is_signed_in && watchlist.len() <= watchlist_max {
            let watchlist = watchlist.into_iter().map(str::to_owned).collect();
            self.world.history.clients[client].watchlist = watchlist;
        }
    }

    /// What changes when a core asks an owner for a subscription: it has one, or the owner was this
    /// core and refused it.
    fn subscribe_counts(&mut self, core: CoreId) -> (u64, u64) {
        let counters = self.world.shard(core).counters_mut();
        (counters.subscriptions, counters.refusals.of(Refusal::PresenceMembers))
    }

    /// Unsubscribe, and ping: what comes before the pong may be from before, nothing after it is.
    fn unsubscribe(&mut self, client: usize, channel: &str) {
        let message =
            format!(r#"{{"event":"pusher:unsubscribe","data":{{"channel":"{channel}"}}}}"#);
        self.say(client, &message);
        self.ping(client);
        let pings = self.world.clients[client].pings;
        if self.world.clients[client].wanted.remove(channel) {
            let attempts = self.world.history.clients[client].attempts.get_mut(channel);
            let last = attempts.and_then(|attempts| attempts.last_mut()).expect("it was wanted");
            last.over_at_pong = Some(pings);
        }
    }

    fn client_event(&mut self, client: usize, channel: &str) {
        let core = self.world.clients[client].core;
        let id = self.next_id(Some(client), false);
        let data = self.data();
        let before = self.world.shard(core).counters_mut().publishes;
        self.say(
            client,
            &format!(r#"{{"event":"client-{id}","channel":"{channel}","data":"{data}"}}"#),
        );
        let is_taken = self.world.shard(core).counters_mut().publishes > before;
        if is_taken && self.name(channel).owner(self.config.cores) == core {
            self.world.take_event(channel, id);
        }
    }

    pub(crate) fn ping(&mut self, client: usize) {
        self.say(client, r#"{"event":"pusher:ping"}"#);
        self.world.clients[client].pings += 1;
    }

    fn say(&mut self, client: usize, text: &str) {
        let (core, conn) = (self.world.clients[client].core, self.world.clients[client].conn);
        let World { shards, speakers, .. } = &mut self.world;
        let core = usize::from(core.0);
        shards[core].active(conn, text.len());
        Session::Pusher.hear(&mut shards[core], &mut speakers[core], conn, Message::Text(text));
    }

    /// A channel, mostly one that the client is subscribed to, or one that it is not.
    fn channel(&mut self, client: usize, is_wanted: bool) -> &'static str {
        for _ in 0..4 {
            let channel = self.random.pick(&CHANNELS);
            if self.world.clients[client].wanted.contains(channel) == is_wanted {
                return channel;
            }
        }
        self.random.pick(&CHANNELS)
    }
}
