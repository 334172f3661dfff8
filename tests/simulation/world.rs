//! Virtual cores: shards, the mail between them and the sockets of their clients.
//!
//! Nothing here is random by itself: [`crate::scenario`] decides what happens next. Every byte that
//! a client hears has come through its outbox and its socket.

use std::collections::{HashMap, HashSet, VecDeque};

use uringcast::app::{App, AppPolicy, Apps, Webhook};
use uringcast::dialect::{Rules, Speaker};
use uringcast::id::{ConnId, CoreId};
use uringcast::shard::{
    Answer, CoreMessage, Millis, Output, Shard, ShardConfig, Ticket, ToLocal, ToOwner,
};

use crate::client::{Client, Pace, Reply, Stage};
use crate::history::{Event, Heard, History};
use crate::parse;
use crate::scenario::CACHE_BYTES_SMALL;
use crate::told::{self, Told};

pub(crate) const KEY: &str = "key";
pub(crate) const SECRET: &str = "secret";

/// The whole world.
pub(crate) struct World {
    pub(crate) shards: Vec<Shard>,
    /// What each core lends to what its clients say.
    pub(crate) speakers: Vec<Speaker>,
    pub(crate) clients: Vec<Client>,
    pub(crate) history: History,
    /// What the app's own server was told.
    pub(crate) told: Told,
    /// The answers that are waited for: of publishes with the events they are about.
    pub(crate) publishes: HashMap<Ticket, Vec<(String, u64)>>,
    pub(crate) questions: HashSet<Ticket>,
    /// The answers to questions that have come.
    pub(crate) answers: Vec<Answer>,
    /// Publishes that have been answered and not looked at.
    pub(crate) published: Vec<(CoreId, Vec<(String, u64)>)>,
    /// Events on their way to their owners, by their ids.
    pub(crate) untaken: HashMap<u64, Event>,
    /// Joins on their way to another core, by connection and channel: indices of attempts.
    pub(crate) joins: HashMap<(CoreId, ConnId, String), VecDeque<usize>>,
    pub(crate) now: Millis,
    /// Envelopes from one core to another, by the sender times the number of cores.
    pub(crate) mail: Vec<VecDeque<Vec<CoreMessage>>>,
    /// How many messages from one core to another held more than one event.
    pub(crate) joined: u64,
    /// How often a full mailbox gave its envelope back.
    pub(crate) mailbox_full: u64,
    /// Envelopes that one pair's mailbox holds.
    mailbox_max: usize,
}

impl World {
    pub(crate) fn new(config: &ShardConfig, policy: AppPolicy, mailbox_max: usize) -> Self {
        let cores = config.cores;
        let cache_ttl_ms = u64::from(policy.cache_ttl_s) * 1_000;
        let app = App {
            policy,
            webhooks: vec![Webhook::default()],
            connection_count_threshold: told::THRESHOLD,
            ..App::new("id", KEY, SECRET)
        };
        let apps = Apps::new(vec![app]).expect("one app is unique");
        let shard = |core| {
            let config = ShardConfig { core: CoreId(core as u8), ..config.clone() };
            Shard::new(config, apps.clone(), &uringcast::dialect::DIALECTS, Millis(0))
        };
        let shards: Vec<Shard> = (0..cores).map(shard).collect();
        let speaker = |shard: &Shard| Speaker::new(Rules::new(shard.apps()));
        Self {
            speakers: shards.iter().map(speaker).collect(),
            shards,
            clients: Vec::new(),
            history: History {
                cache_ttl_ms,
                is_cache_small: config.cache_bytes_max == CACHE_BYTES_SMALL,
                ..History::default()
            },
            told: Told::default(),
            publishes: HashMap::new(),
            questions: HashSet::new(),
            answers: Vec::new(),
            published: Vec::new(),
            untaken: HashMap::new(),
            joins: HashMap::new(),
            now: Millis(0),
            mail: (0..cores * cores).map(|_| VecDeque::new()).collect(),
            joined: 0,
            mailbox_full: 0,
            mailbox_max,
        }
    }

    /// End a turn of `core`: hand out what it gathered, post its mail, carry out what it wants.
    pub(crate) fn turn(&mut self, core: CoreId) {
        self.shard(core).end_turn();
        for target in 0..self.shards.len() {
            let Some(messages) = self.shard(core).take_outgoing(CoreId(target as u8)) else {
                continue;
            };
            let mailbox = usize::from(core.0) * self.shards.len() + target;
            if self.mail[mailbox].len() < self.mailbox_max {
                self.mail[mailbox].push_back(messages);
            } else {
                self.mailbox_full += 1;
                self.shard(core).return_outgoing(CoreId(target as u8), messages);
            }
        }
        let is_backlogged = self.shard(core).is_backlogged();
        self.shard(core).set_cores_backlogged(is_backlogged);
        self.poll(core);
    }

    /// Carry out what `core` wants now.
    pub(crate) fn poll(&mut self, core: CoreId) {
        while let Some(output) = self.shard(core).poll_output() {
            match output {
                Output::Flush(conn) => self.flush(self.client(core, conn)),
                Output::Finish(conn) => {
                    let client = self.client(core, conn);
                    assert!(self.clients[client].ear.is_between_frames(), "a frame was cut off");
                    let last = self.history.clients[client].heard.last();
                    assert!(matches!(last, Some(Heard::Close { .. })), "no close came: {last:?}");
                }
                Output::Abort(conn) | Output::HandshakeExpired(conn) => {
                    self.gone(self.client(core, conn));
                }
                Output::Answer(ticket, answer) => self.on_answer(core, ticket, answer),
                Output::GoOn(conn) => {
                    let client = self.client(core, conn);
                    let is_waiting = &mut self.clients[client].is_waiting;
                    assert!(std::mem::take(is_waiting), "who does not wait is told to go on");
                }
                Output::ReadsLog(_) | Output::Log(_) => {}
                Output::Notice(notice) => self.told.take(&notice),
                Output::PostToSink(_) => unreachable!("no app gets the events of rooms"),
            }
        }
    }

    /// Deliver the oldest envelope of one mailbox.
    pub(crate) fn deliver(&mut self, mailbox: usize) {
        let messages = self.mail[mailbox].pop_front().expect("there is mail");
        let target = CoreId((mailbox % self.shards.len()) as u8);
        // One by one, because the history has to know what the owner had taken before each.
        for message in messages {
            let join = match &message {
                CoreMessage::ToOwner(ToOwner::Join(join)) => {
                    Some((join.subscriber(), join.channel().as_str().into()))
                }
                CoreMessage::ToOwner(ToOwner::Publish { frames, .. }) => {
                    self.joined += u64::from(frames.clone().each().count() > 1);
                    frames.clone().each().find_map(|frame| self.on_taken(&frame))
                }
                CoreMessage::ToOwner(ToOwner::PublishNamed { publication, .. }) => {
                    self.on_taken(&publication.frame)
                }
                CoreMessage::ToLocal(ToLocal::DeliverMany { .. }) => {
                    self.joined += 1;
                    None
                }
                CoreMessage::ToOwner(_) | CoreMessage::ToLocal(_) | CoreMessage::Ask { .. } => None,
            };
            if let Some(((core, conn), channel)) = join {
                self.on_join(core, conn, &channel);
            }
            self.shard(target).receive(vec![message]);
        }
    }

    /// The socket of `client` takes what its pace says, `bytes` of its send in flight.
    pub(crate) fn land(&mut self, client: usize, bytes: usize) {
        let Some((segment, start)) = self.clients[client].in_flight.take() else { return };
        let (core, conn) = (self.clients[client].core, self.clients[client].conn);
        let end = start + bytes;
        self.shard(core).landed(conn, bytes);
        let from = self.history.clients[client].heard.len();
        let heard = &mut self.history.clients[client].heard;
        self.clients[client].ear.receive(&segment.as_ref()[start..end], heard);
        for index in from..self.history.clients[client].heard.len() {
            self.react(client, index);
        }
        if end < segment.len() {
            self.clients[client].in_flight = Some((segment, end));
        } else {
            assert!(self.clients[client].ear.is_between_frames(), "a send ends within a frame");
            self.flush(client);
        }
    }

    /// The socket of `client` is gone, with all that it has not taken.
    pub(crate) fn gone(&mut self, client: usize) {
        self.clients[client].stage = Stage::Gone;
        self.clients[client].in_flight = None;
        let (core, conn) = (self.clients[client].core, self.clients[client].conn);
        self.shard(core).closed(conn, None);
    }

    /// Time moves on for everyone.
    pub(crate) fn wait(&mut self, ms: u64) {
        self.now = self.now.plus(ms);
        let now = self.now;
        self.shards.iter_mut().for_each(|shard| shard.advance(now));
    }

    /// Run until nothing moves by itself: all mail delivered, all that is taken landed.
    pub(crate) fn settle(&mut self) {
        loop {
            (0..self.shards.len()).for_each(|core| self.turn(CoreId(core as u8)));
            let mailbox = self.mail.iter().position(|queue| !queue.is_empty());
            let lands = |it: &Client| it.in_flight.is_some() && it.pace != Pace::Stuck;
            let client = self.clients.iter().position(lands);
            match (mailbox, client) {
                (Some(mailbox), _) => self.deliver(mailbox),
                (None, Some(client)) => self.land_whole(client),
                (None, None) => return,
            }
        }
    }

    /// The owner of `channel` has taken event `id`: this is its place.
    pub(crate) fn take_event(&mut self, channel: &str, id: u64) {
        let event = Event { taken_ms: self.now.0, ..self.untaken[&id] };
        self.history.channels.entry(channel.to_owned()).or_default().push(event);
    }

    /// How many events the owner of `channel` has taken.
    pub(crate) fn taken(&self, channel: &str) -> usize {
        self.history.channels.get(channel).map_or(0, Vec::len)
    }

    pub(crate) fn shard(&mut self, core: CoreId) -> &mut Shard {
        &mut self.shards[usize::from(core.0)]
    }

    fn land_whole(&mut self, client: usize) {
        let left = self.clients[client].in_flight.as_ref();
        let left = left.map_or(0, |(segment, start)| segment.len() - start);
        self.land(client, left);
    }

    fn flush(&mut self, client: usize) {
        let (core, conn) = (self.clients[client].core, self.clients[client].conn);
        if let Some(segment) = self.shard(core).take_send(conn) {
            assert!(self.clients[client].in_flight.is_none(), "one send at a time");
            self.clients[client].in_flight = Some((segment, 0));
        }
    }

    fn react(&mut self, client: usize, index: usize) {
        let reply = match self.history.clients[client].heard[index] {
            Heard::Ping => Reply::Pong,
            Heard::Close { code } => Reply::Close(code),
            _ => return,
        };
        self.clients[client].replies.push_back(reply);
    }

    fn on_taken(&mut self, frame: &[u8]) -> Option<((CoreId, ConnId), String)> {
        let (channel, id) = parse::event(frame);
        self.take_event(&channel, id);
        None
    }

    fn on_join(&mut self, core: CoreId, conn: ConnId, channel: &str) {
        let taken = self.taken(channel);
        let attempts =
            self.joins.get_mut(&(core, conn, channel.to_owned())).expect("a client asked for it");
        let attempt = attempts.pop_front().expect("each join is one attempt's");
        let is_it = |it: &Client| it.core == core && it.conn == conn;
        let client = self.clients.iter().position(is_it).expect("a client asked");
        let attempts = self.history.clients[client].attempts.get_mut(channel);
        let attempt = &mut attempts.expect("a client asked for it")[attempt];
        (attempt.joined_at, attempt.joined_ms) = (Some(taken), self.now.0);
    }

    fn on_answer(&mut self, core: CoreId, ticket: Ticket, answer: Answer) {
        if let Some(events) = self.publishes.remove(&ticket) {
            self.published.push((core, events));
        } else {
            assert!(self.questions.remove(&ticket), "one answer for each question");
            self.answers.push(answer);
        }
    }

    fn client(&self, core: CoreId, conn: ConnId) -> usize {
        let is_it = |it: &Client| it.core == core && it.conn == conn && it.stage != Stage::Gone;
        self.clients.iter().position(is_it).expect("outputs name connections that are there")
    }
}
