//! Shards with everything around them pretended: sockets that take all bytes at once or none,
//! mailboxes that pass everything on or are held, and a clock that moves when told.

use std::collections::VecDeque;
use std::sync::Arc;

use uringcast_proto::ws::assembler::Message;
use uringcast_proto::ws::client::{Frame, FrameCursor};
use uringcast_proto::ws::deflate::Inflater;
use uringcast_shard::app::{App, AppPolicy, Apps, HistoryRule, Sink, Webhook};
use uringcast_shard::id::{AppIndex, ConnId, CoreId, SocketId};
use uringcast_shard::{
    Answer, Asked, CoreMessage, LogRecord, Millis, Output, Question, Segment, Shard, ShardConfig,
    SinkPost, Ticket,
};

use super::render::render;
use crate::pusher::{self, turn_away};
use crate::{Dialect, Refused, Rules, Session, Speaker};

pub(super) const KEY: &str = "key";
pub(super) const SECRET: &str = "secret";

/// The limits the tests start from; each edits what it is about.
pub(super) struct Limits {
    pub(super) shard: ShardConfig,
    pub(super) app: AppPolicy,
    pub(super) webhooks: Vec<Webhook>,
    pub(super) connection_count_threshold: u32,
    pub(super) history: Vec<HistoryRule>,
    pub(super) sinks: Vec<Arc<Sink>>,
}

impl Default for Limits {
    fn default() -> Self {
        let app = AppPolicy { event_data_bytes_max: 1 << 20, ..AppPolicy::default() };
        Self {
            shard: shard_config(),
            app,
            webhooks: Vec::new(),
            connection_count_threshold: 0,
            history: vec![HistoryRule::new("log*")],
            sinks: Vec::new(),
        }
    }
}

fn shard_config() -> ShardConfig {
    ShardConfig {
        connections_max: 100,
        turned_away_max: 1,
        ping_interval_ms: u64::MAX, // Only tests of it want to see its frames.
        ..ShardConfig::default()
    }
}

type Reading = Box<dyn Fn(Answer) -> String>;

/// The shards, their clients and the mail between them.
pub(super) struct World {
    pub(super) shards: Vec<Shard>,
    /// What each core lends to what its clients say.
    speakers: Vec<Speaker>,
    pub(super) clients: Vec<Client>,
    pub(super) is_mail_held: bool,
    /// What waits for one core from another: from, to, and the envelopes in their order.
    mail: Vec<(CoreId, CoreId, VecDeque<Vec<CoreMessage>>)>,
    /// Clients that wait to be let in.
    entering: Vec<(Asked<bool>, usize)>,
    /// How answers are read that do not say what they are about.
    readings: Vec<(CoreId, Ticket, Reading)>,
    seen: Vec<(String, String)>,
    /// What the log thread is to keep, and for which core.
    pub(super) records: Vec<(CoreId, LogRecord)>,
    /// Requests to sinks that have not been answered.
    pub(super) posts: Vec<(CoreId, SinkPost)>,
}

/// One client, seen from its end of the socket.
pub(super) struct Client {
    pub(super) name: String,
    pub(super) core: CoreId,
    pub(super) conn: ConnId,
    /// Its socket takes nothing.
    pub(super) is_stalled: bool,
    /// Its greeting is not worth a line.
    pub(super) is_introduced: bool,
    is_gone: bool,
    in_flight: Option<(Segment, usize)>,
    cursor: FrameCursor,
}

impl World {
    pub(super) fn new(cores: usize, limits: Limits) -> Self {
        let app = App {
            policy: limits.app,
            webhooks: limits.webhooks,
            connection_count_threshold: limits.connection_count_threshold,
            history: limits.history,
            sinks: limits.sinks,
            ..App::new("id", KEY, SECRET)
        };
        let apps = Apps::new(vec![app]).unwrap();
        let shard = |core| {
            let config = ShardConfig { core: CoreId(core as u8), cores, ..limits.shard.clone() };
            Shard::new(config, apps.clone(), &crate::DIALECTS, Millis(0))
        };
        let shards: Vec<Shard> = (0..cores).map(shard).collect();
        let speaker = |shard: &Shard| Speaker::new(Rules::new(shard.apps()));
        Self {
            speakers: shards.iter().map(speaker).collect(),
            shards,
            clients: Vec::new(),
            is_mail_held: false,
            mail: Vec::new(),
            entering: Vec::new(),
            readings: Vec::new(),
            seen: Vec::new(),
            records: Vec::new(),
            posts: Vec::new(),
        }
    }

    /// Accept a socket on `core`; it has sent nothing yet.
    pub(super) fn connect(&mut self, name: &str, core: CoreId) {
        let nonce = self.clients.len() as u32 + 1;
        let Ok(conn) = self.shards[usize::from(core.0)].open(nonce) else {
            return self.note(name, "refused");
        };
        self.clients.push(Client {
            name: name.to_owned(),
            core,
            conn,
            is_stalled: false,
            is_introduced: false,
            is_gone: false,
            in_flight: None,
            cursor: FrameCursor::deflated(),
        });
    }

    /// The client's handshake is complete.
    pub(super) fn upgrade(&mut self, client: usize) {
        let conn = self.clients[client].conn;
        match self.shard_of(client).enter(conn, AppIndex(0), false) {
            Some(asked) => self.entering.push((asked, client)),
            None => self.establish(client, true),
        }
    }

    fn establish(&mut self, client: usize, is_admitted: bool) {
        let conn = self.clients[client].conn;
        let shard = self.shard_of(client);
        shard.upgrade(conn, Dialect::Pusher);
        if is_admitted {
            let apps = shard.apps();
            pusher::greet(shard, apps.app(AppIndex(0)), conn);
        } else {
            turn_away(shard, conn, Refused::Quota);
        }
    }

    /// The client's handshake agreed to compression.
    pub(super) fn agree_to_deflate(&mut self, client: usize) {
        let conn = self.clients[client].conn;
        self.shard_of(client).agree_to_deflate(conn);
    }

    /// The client sends one text message.
    pub(super) fn say(&mut self, client: usize, text: &str) {
        let Client { core, conn, .. } = self.clients[client];
        let shard = &mut self.shards[usize::from(core.0)];
        shard.active(conn, text.len());
        let speaker = &mut self.speakers[usize::from(core.0)];
        Session::Pusher.hear(shard, speaker, conn, Message::Text(text));
    }

    /// The client's socket is gone.
    pub(super) fn gone(&mut self, client: usize) {
        self.clients[client].is_gone = true;
        self.clients[client].in_flight = None;
        let conn = self.clients[client].conn;
        self.shard_of(client).closed(conn, None);
    }

    /// The client's socket takes `bytes` of its send in flight, and the next one starts.
    pub(super) fn take_bytes(&mut self, client: usize, bytes: usize) {
        let Some((segment, start)) = self.clients[client].in_flight.take() else { return };
        let end = (start + bytes).min(segment.len());
        let conn = self.clients[client].conn;
        self.shard_of(client).landed(conn, end - start);
        self.receive(client, &segment.as_ref()[start..end]);
        if end < segment.len() {
            self.clients[client].in_flight = Some((segment, end));
        } else {
            self.flush(client);
        }
    }

    /// Time moves on in the steps in which the I/O layer tells it.
    pub(super) fn wait(&mut self, ms: u64) {
        for _ in 0..ms / 100 {
            for core in 0..self.shards.len() {
                let now = self.shards[core].now().plus(100);
                self.shards[core].set_unix_ms(now.0);
                self.shards[core].advance(now);
            }
            self.settle();
        }
    }

    /// Run turns and deliver mail until nothing moves.
    pub(super) fn settle(&mut self) {
        loop {
            for core in 0..self.shards.len() {
                self.turn(core);
            }
            let next = self.mail.iter().position(|(.., queue)| !queue.is_empty());
            let next = next.filter(|_| !self.is_mail_held);
            match next {
                Some(next) => self.deliver(next),
                None if self.shards.iter().any(Shard::has_outputs) => {}
                None => return,
            }
        }
    }

    /// Pass on the oldest envelope from one core to another while mail is held.
    pub(super) fn pass(&mut self, source: CoreId, target: CoreId) {
        let found = self.mail.iter().position(|(from, to, _)| *from == source && *to == target);
        self.deliver(found.expect("there is mail to pass"));
    }

    /// What clients have received since the last call.
    pub(super) fn take_seen(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.seen)
    }

    /// Remember something that `who` was told.
    pub(super) fn note(&mut self, who: &str, what: &str) {
        self.seen.push((who.to_owned(), what.to_owned()));
    }

    pub(super) fn socket_id(&mut self, client: usize) -> SocketId {
        let conn = self.clients[client].conn;
        self.shard_of(client).socket_id(conn).expect("the client is connected")
    }

    pub(super) fn shard_of(&mut self, client: usize) -> &mut Shard {
        &mut self.shards[usize::from(self.clients[client].core.0)]
    }

    fn deliver(&mut self, index: usize) {
        let (_, to, queue) = &mut self.mail[index];
        let messages = queue.pop_front().expect("there is mail to deliver");
        let to = usize::from(to.0);
        self.shards[to].receive(messages);
        self.turn(to);
    }

    fn turn(&mut self, core: usize) {
        self.shards[core].end_turn();
        let source = CoreId(core as u8);
        for target in (0..self.shards.len()).map(|core| CoreId(core as u8)) {
            if let Some(messages) = self.shards[core].take_outgoing(target) {
                self.post(source, target, messages);
            }
        }
        while let Some(output) = self.shards[core].poll_output() {
            self.carry_out(source, output);
        }
    }

    fn post(&mut self, source: CoreId, target: CoreId, messages: Vec<CoreMessage>) {
        let known = self.mail.iter_mut().find(|(from, to, _)| *from == source && *to == target);
        match known {
            Some((.., queue)) => queue.push_back(messages),
            None => self.mail.push((source, target, VecDeque::from([messages]))),
        }
    }

    fn carry_out(&mut self, core: CoreId, output: Output) {
        match output {
            Output::Flush(conn) => self.flush(self.client(core, conn)),
            Output::Finish(conn) => self.note_client(core, conn, "finished"),
            Output::HandshakeExpired(conn) => self.note_client(core, conn, "expired"),
            Output::Abort(conn) => {
                self.note_client(core, conn, "cut");
                self.gone(self.client(core, conn));
            }
            Output::Answer(ticket, answer) => self.answered(core, ticket, answer),
            Output::GoOn(conn) => self.note_client(core, conn, "goes on"),
            Output::ReadsLog(_) => {}
            Output::PostToSink(post) => self.posts.push((core, *post)),
            Output::Log(record) => self.records.push((core, record)),
            Output::Notice(notice) => self.note("app", &super::render::notice(&notice)),
        }
    }

    /// Ask on core 0; the answer is a line that `read` makes of it.
    pub(super) fn ask<Q: Question>(
        &mut self,
        question: Q,
        read: impl Fn(Q::Answer) -> String + 'static,
    ) {
        let asked = self.shards[0].ask(question);
        let ticket = asked.ticket;
        self.readings.push((CoreId(0), ticket, Box::new(move |answer| read(asked.open(answer)))));
    }

    fn answered(&mut self, core: CoreId, ticket: Ticket, answer: Answer) {
        if let Some(index) = self.entering.iter().position(|(asked, _)| asked.ticket == ticket) {
            let (asked, client) = self.entering.remove(index);
            return self.establish(client, asked.open(answer));
        }
        let is_it = |(at, asked, _): &(CoreId, Ticket, Reading)| (*at, *asked) == (core, ticket);
        let line = match self.readings.iter().position(is_it) {
            Some(index) => self.readings.remove(index).2(answer),
            None => super::render::answer(answer),
        };
        self.note("http", &line);
    }

    fn flush(&mut self, client: usize) {
        let conn = self.clients[client].conn;
        if let Some(segment) = self.shard_of(client).take_send(conn) {
            let bytes = segment.len();
            self.clients[client].in_flight = Some((segment, 0));
            if !self.clients[client].is_stalled {
                self.take_bytes(client, bytes);
            }
        }
    }

    fn receive(&mut self, client: usize, mut bytes: &[u8]) {
        let client = &mut self.clients[client];
        while let Some(frame) = client.cursor.next(&mut bytes).unwrap() {
            let line = if frame.is_compressed { unpack(&frame) } else { render(&frame) };
            if line != "established" || !client.is_introduced {
                self.seen.push((client.name.clone(), line));
            }
        }
    }

    fn note_client(&mut self, core: CoreId, conn: ConnId, what: &str) {
        let name = self.clients[self.client(core, conn)].name.clone();
        self.note(&name, what);
    }

    fn client(&self, core: CoreId, conn: ConnId) -> usize {
        let is_it = |it: &Client| it.core == core && it.conn == conn && !it.is_gone;
        self.clients.iter().position(is_it).expect("outputs name connections that are there")
    }
}

/// A compressed frame as one line of a transcript.
fn unpack(frame: &Frame<'_>) -> String {
    let mut inflater = Inflater::default();
    let payload = inflater.message(frame.payload, 1 << 20).unwrap();
    format!("packed {}", render(&Frame { is_compressed: false, payload, ..*frame }))
}
