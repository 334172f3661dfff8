//! What happens in one world, decided by its seed.

use uringcast::app::AppPolicy;
use uringcast::id::{AppIndex, CoreId};
use uringcast::shard::{
    AllCounters, ChannelName, ChannelOf, Channels, Connections, Publication, Question, ShardConfig,
    Terminate, UsersOf,
};
use uringcast_proto::pusher::server;

use crate::client::{Client, Pace, Reply, Stage};
use crate::history::{Event, Promise, Story};
use crate::random::Random;
use crate::world::World;

pub(crate) const CHANNELS: [&str; 10] = [
    "news",
    "sport",
    "private-room",
    "private-lobby",
    "presence-hall",
    "presence-yard",
    "#server-to-user-user-0",
    "cache-news",
    "private-cache-room",
    "presence-cache-hall",
];

/// Who there is; a client is one of them by its number.
pub(crate) const USERS: [&str; 3] = ["user-0", "user-1", "user-2"];

/// A cache that holds a few small events and no large one.
pub(crate) const CACHE_BYTES_SMALL: usize = 1_000;

/// One world on its way through its seed.
pub(crate) struct Scenario {
    pub(crate) world: World,
    pub(crate) random: Random,
    pub(crate) config: ShardConfig,
    /// Whether subscribers are told how many they are.
    pub(crate) is_counting: bool,
    presence_members_max: u32,
    clients_max: usize,
    /// How many bytes an event's data has at most.
    data_bytes_max: usize,
    last_id: u64,
}

impl Scenario {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let config = config(&mut random);
        let policy = policy(&mut random);
        let presence_members_max = policy.presence_members_max;
        let is_counting = policy.subscription_count;
        let world = World::new(&config, policy, random.pick(&[1, 2, 1_000]));
        let data_bytes_max = random.pick(&[20, 20, 200, 2_000, 2_000, 100_000]);
        let clients_max = random.pick(&[2, 6, 12]);
        Self {
            world,
            random,
            config,
            is_counting,
            presence_members_max,
            clients_max,
            data_bytes_max,
            last_id: 0,
        }
    }

    /// Let one thing happen.
    pub(crate) fn step(&mut self) {
        match self.random.below(100) {
            0..25 => {
                let core = self.any_core();
                self.world.turn(core);
            }
            25..40 => self.deliver(),
            40..60 => self.land(),
            60..82 => self.talk(),
            82..92 => self.publish(),
            92..95 => self.open(),
            95 => self.ask(),
            96 => self.disturb(),
            _ => self.wait(),
        }
        self.look_at_answers();
        if self.random.one_in(8) {
            let core = self.any_core(); // Outputs may be asked for at any time.
            self.world.poll(core);
        }
    }

    /// Begin to close everyone.
    pub(crate) fn drain(&mut self) {
        let window_ms = self.random.pick(&[0, 500, 2_000]);
        self.world.shards.iter_mut().for_each(|shard| shard.start_drain(window_ms));
    }

    /// Take everyone's obstacles away, or all but those of some.
    pub(crate) fn calm_down(&mut self) {
        for client in &mut self.world.clients {
            if client.pace != Pace::Stuck || self.random.one_in(2) {
                client.pace = Pace::Whole;
            }
        }
    }

    /// Everyone who is left goes, one way or another.
    pub(crate) fn close_all(&mut self) {
        for client in 0..self.world.clients.len() {
            match self.world.clients[client].stage {
                Stage::Gone => {}
                Stage::Handshake | Stage::Deaf => self.world.gone(client),
                Stage::Talking if self.random.one_in(2) => self.world.gone(client),
                Stage::Talking => self.reply(client, Reply::Close(Some(1000))),
            }
        }
        for _ in 0..200 {
            self.world.wait(100);
            self.world.settle();
        }
        for client in 0..self.world.clients.len() {
            if self.world.clients[client].stage != Stage::Gone {
                assert_eq!(self.world.clients[client].stage, Stage::Deaf, "never closed");
                self.world.gone(client);
            }
        }
        self.world.settle();
    }

    /// Ask what every core has counted.
    pub(crate) fn ask(&mut self) {
        let name = self.random.pick(&CHANNELS);
        let app = AppIndex(0);
        match self.random.below(6) {
            0 => self.put(Channels { app, prefix: "pr".into() }),
            1 => self.put(ChannelOf(self.name(name))),
            2 => self.put(UsersOf(self.name(name))),
            3 if self.random.one_in(3) => {
                let user_id = self.random.pick(&USERS).into();
                self.put(Terminate { app, user_id });
            }
            4 => self.put(Connections(app)),
            _ => self.put(AllCounters),
        }
    }

    fn put<Q: Question>(&mut self, question: Q) {
        let core = self.any_core();
        let asked = self.world.shard(core).ask(question);
        assert!(self.world.questions.insert(asked.ticket), "tickets differ");
    }

    pub(crate) fn name(&self, name: &str) -> ChannelName {
        ChannelName::new(AppIndex(0), name, uringcast::dialect::nature(name), self.config.hash_seed)
    }

    fn deliver(&mut self) {
        let full = (0..self.world.mail.len()).filter(|&it| !self.world.mail[it].is_empty());
        let full: Vec<usize> = full.collect();
        if !full.is_empty() {
            let mailbox = self.random.pick(&full);
            self.world.deliver(mailbox);
        }
    }

    fn land(&mut self) {
        for client in 0..self.world.clients.len() {
            let it = &self.world.clients[client];
            let Some((segment, start)) = &it.in_flight else { continue };
            if self.random.one_in(2) {
                let bytes = it.pace.bytes(segment.len() - start, &mut self.random);
                if bytes > 0 {
                    self.world.land(client, bytes);
                }
            }
        }
    }

    fn wait(&mut self) {
        let ms = match self.random.below(40) {
            0..32 => self.random.below(60) as u64,
            32..39 => self.random.below(1_500) as u64,
            _ => self.random.below(15_000) as u64,
        };
        self.world.wait(ms);
    }

    fn open(&mut self) {
        let is_here = |client: &&Client| client.stage != Stage::Gone;
        if self.world.clients.iter().filter(is_here).count() >= self.clients_max {
            return;
        }
        let core = self.any_core();
        let nonce = self.world.clients.len() as u32 + 1;
        if let Ok(conn) = self.world.shard(core).open(nonce) {
            self.world.clients.push(Client::new(core, conn));
            self.world.history.clients.push(Story::default());
        }
    }

    /// Something goes wrong for a client, or better.
    fn disturb(&mut self) {
        let Some(client) = self.any_client() else { return };
        match self.random.below(5) {
            0 => self.world.gone(client),
            1 => self.world.clients[client].pace = self.random.pick(&Pace::ALL),
            2 => self.world.clients[client].is_mute = self.random.one_in(2),
            _ => self.world.clients[client].pace = self.random.pick(&[Pace::Whole, Pace::Partial]),
        }
    }

    /// The HTTP API publishes one event or a few.
    fn publish(&mut self) {
        let core = self.any_core();
        if self.world.shard(core).is_backlogged() {
            return;
        }
        let (mut publications, mut events) = (Vec::new(), Vec::new());
        for _ in 0..=self.random.below(3) {
            let channel = self.random.pick(&CHANNELS);
            let skip = self.any_client().filter(|_| self.random.one_in(3));
            let id = self.next_id(skip, true);
            let (event, data) = (format!("\"{id}\""), format!("\"{}\"", self.data()));
            let skip = skip.and_then(|client| {
                let Client { core, conn, .. } = self.world.clients[client];
                self.world.shard(core).socket_id(conn)
            });
            let frame = server::event(&event, channel, &data, None);
            let counted_as = self.random.one_in(4).then_some(publications.len() as u32);
            let publication = Publication { channel: self.name(channel), frame, skip, counted_as };
            publications.push(publication);
            events.push((channel.to_owned(), id));
        }
        let owned = events.iter().filter(|(channel, _)| {
            self.name(channel).owner(self.config.cores) == core // Taken right now, in this order.
        });
        for (channel, id) in owned.cloned().collect::<Vec<_>>() {
            self.world.take_event(&channel, id);
        }
        let ticket = self.world.shard(core).publish(publications).ticket;
        let before = self.world.publishes.insert(ticket, events);
        assert!(before.is_none(), "tickets differ");
    }

    /// A publish has been answered: whoever was subscribed then must have it before what is queued
    /// from now on.
    fn look_at_answers(&mut self) {
        for (_, events) in std::mem::take(&mut self.world.published) {
            for (channel, id) in events {
                let order = &self.world.history.channels[&channel];
                let place = order.iter().position(|event| event.id == id).expect("it was taken");
                let skip = order[place].skip;
                let clients = (0..self.world.clients.len()).filter(|&it| Some(it) != skip);
                for client in clients.collect::<Vec<_>>() {
                    if self.was_subscribed(client, &channel, place) && self.random.one_in(2) {
                        self.ping(client);
                        let pong = self.world.clients[client].pings;
                        self.world.history.clients[client].promises.push(Promise { pong, id });
                    }
                }
            }
        }
    }

    fn was_subscribed(&mut self, client: usize, channel: &str, place: usize) -> bool {
        let Client { core, conn, stage, .. } = self.world.clients[client];
        let attempts = self.world.history.clients[client].attempts.get(channel);
        let joined = attempts.and_then(|attempts| attempts.last()).is_some_and(|last| {
            last.over_at_pong.is_none() && last.joined_at.is_some_and(|at| at <= place)
        });
        // A presence channel may have been full: only then is it no attempt any more.
        let is_refused = || channel.starts_with("presence-") && self.presence_members_max < 3;
        let is_open = |world: &mut World| {
            let shard = world.shard(core);
            shard.speaks(conn).is_some()
                && (shard.subscribed(conn, channel).is_some() || !is_refused())
        };
        joined && stage == Stage::Talking && is_open(&mut self.world)
    }

    pub(crate) fn next_id(&mut self, skip: Option<usize>, is_kept: bool) -> u64 {
        self.last_id += 1;
        let event = Event { id: self.last_id, skip, is_kept, taken_ms: 0 };
        self.world.untaken.insert(self.last_id, event);
        self.last_id
    }

    pub(crate) fn data(&mut self) -> String {
        let bytes = self.random.below(self.data_bytes_max);
        "x".repeat(bytes)
    }

    fn any_core(&mut self) -> CoreId {
        CoreId(self.random.below(self.config.cores) as u8)
    }

    pub(crate) fn any_client(&mut self) -> Option<usize> {
        let here = |&client: &usize| self.world.clients[client].stage != Stage::Gone;
        let here: Vec<usize> = (0..self.world.clients.len()).filter(here).collect();
        (!here.is_empty()).then(|| self.random.pick(&here))
    }
}

fn config(random: &mut Random) -> ShardConfig {
    let outbox_bytes_max = random.pick(&[2_000, 20_000, usize::MAX]);
    ShardConfig {
        cores: 1 + random.below(4),
        hash_seed: random.next(),
        connections_max: random.pick(&[3, 1_000]),
        turned_away_max: 1,
        activity_timeout_ms: random.pick(&[5_000, 120_000]),
        pong_timeout_ms: 3_000,
        outbox_bytes_soft: outbox_bytes_max / 4,
        outbox_bytes_max,
        outbox_stall_ms: random.pick(&[2_000, 10_000]),
        is_coalescing: random.pick(&[true, true, true, false]),
        subscriptions_max: random.pick(&[2, 1_000]),
        retained_bytes_max: random.pick(&[8_000, 1 << 28]),
        mailbox_bytes_max: random.pick(&[2_000, 1 << 26]),
        cache_bytes_max: random.pick(&[CACHE_BYTES_SMALL, 1 << 26, 1 << 26]),
        ..ShardConfig::default()
    }
}

fn policy(random: &mut Random) -> AppPolicy {
    AppPolicy {
        event_data_bytes_max: 1 << 20,
        client_event_rate: random.pick(&[0, 2]),
        presence_members_max: random.pick(&[1, 2, 100]),
        signin_timeout_s: random.pick(&[0, 0, 0, 1]),
        watchlist_max: random.pick(&[2, 100, 100]),
        cache_ttl_s: random.pick(&[1, 1_800]),
        subscription_count: random.one_in(2),
        deflate_bytes_min: 0,
        ..AppPolicy::default()
    }
}
