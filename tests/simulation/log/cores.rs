//! Virtual cores whose clients speak zero-pub-sub: shards, their mail, their disk and sockets.
//!
//! Nothing is random here: [`super::game`] decides what happens next. Messages are heard as the I/O
//! layer hears them: each if the shard says so, and else not before it says that they may go on.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;
use uringcast::app::{App, AppPolicy, Apps, HistoryRule, ZpsPolicy};
use uringcast::dialect::{Dialect, Rules, Session, Speaker, zps};
use uringcast::id::{AppIndex, ConnId, CoreId};
use uringcast::shard::{
    Answer, ChannelLogInfo, ChannelName, CoreMessage, LogInfo, Millis, Output, Segment, Shard,
    ShardConfig, Ticket,
};
use uringcast_proto::ws::Opcode;
use uringcast_proto::ws::assembler::Message;
use uringcast_proto::ws::client::FrameCursor;

use super::disk::Disk;
use crate::client::Pace;

/// When every world begins, in milliseconds since 1970.
const EPOCH_UNIX_MS: u64 = 1_000_000;

/// One connection, seen from its client's end.
pub(crate) struct Socket {
    pub(crate) core: CoreId,
    pub(crate) conn: ConnId,
    session: Session,
    pub(crate) is_gone: bool,
    pub(crate) pace: Pace,
    pub(crate) in_flight: Option<(Segment, usize)>,
    /// Sent by the client and not read.
    pub(crate) unread: VecDeque<String>,
    /// Landed and not looked at.
    pub(crate) heard: VecDeque<Value>,
    /// All that it has received so far, in order.
    received: DefaultHasher,
    /// Whether nothing more is heard until the shard says so.
    is_waiting: bool,
    cursor: FrameCursor,
}

impl Socket {
    /// Whether anything is there to be heard that does not wait.
    fn has_more(&self) -> bool {
        let is_left = self.session.is_unfinished() || !self.unread.is_empty();
        is_left && !self.is_gone && !self.is_waiting
    }
}

/// The server and its clients' sockets.
pub(crate) struct Cores {
    pub(crate) config: ShardConfig,
    pub(crate) shards: Vec<Shard>,
    speakers: Vec<Speaker>,
    pub(crate) sockets: Vec<Socket>,
    /// There if logs are to outlive the process.
    pub(crate) disk: Option<Disk>,
    pub(crate) answers: Vec<(CoreId, Ticket, Answer)>,
    pub(crate) now: Millis,
    apps: Apps,
    /// By the sender times the number of cores.
    mail: Vec<VecDeque<Vec<CoreMessage>>>,
}

impl Cores {
    pub(crate) fn new(config: ShardConfig, history: HistoryRule) -> Self {
        let zps = ZpsPolicy {
            allow_client_publish: true,
            max_messages_per_window: 0,
            heartbeat_interval_ms: u32::MAX,
            init_timeout_ms: u32::MAX,
            ..ZpsPolicy::default()
        };
        let policy = AppPolicy { event_data_bytes_max: 1 << 20, zps, ..AppPolicy::default() };
        let app = App { policy, history: vec![history], ..App::new("id", "key", "secret") };
        let apps = Apps::new(vec![app]).expect("one app is unique");
        let disk = config.log.is_durable.then(Disk::default);
        let now = Millis(0);
        let mut this = Self {
            config,
            shards: Vec::new(),
            speakers: Vec::new(),
            sockets: Vec::new(),
            disk,
            answers: Vec::new(),
            now,
            apps,
            mail: Vec::new(),
        };
        this.start();
        this
    }

    /// Begin with nothing but what is on the disk.
    fn start(&mut self) {
        let cores = self.config.cores;
        let unix_ms = self.unix_ms();
        let shard = |core| {
            let config = ShardConfig { core: CoreId(core as u8), ..self.config.clone() };
            let mut shard =
                Shard::new(config, self.apps.clone(), &uringcast::dialect::DIALECTS, self.now);
            shard.set_unix_ms(unix_ms);
            shard
        };
        self.shards = (0..cores).map(shard).collect();
        let speaker = |shard: &Shard| Speaker::new(Rules::new(shard.apps()));
        self.speakers = self.shards.iter().map(speaker).collect();
        self.mail = (0..cores * cores).map(|_| VecDeque::new()).collect();
        self.answers.clear();
        let floor = self.disk.as_ref().map_or(0, |disk| disk.floor);
        self.shards.iter_mut().for_each(|shard| shard.restore_floor(floor));
        let stored = self.disk.as_ref().map(|disk| disk.logs.clone()).unwrap_or_default();
        for (room, mut log) in stored {
            log.events.retain(|event| event.expires_unix_ms > unix_ms);
            let channel = self.channel(&room);
            let owner = self.owner(&room);
            self.shards[usize::from(owner.0)].restore_log(&channel, log);
        }
    }

    /// The process is killed and started again with `config`.
    pub(crate) fn restart(&mut self, config: ShardConfig, below: impl FnMut(usize) -> usize) {
        if let Some(disk) = &mut self.disk {
            disk.crash(below);
        }
        for socket in &mut self.sockets {
            (socket.is_gone, socket.in_flight) = (true, None);
        }
        self.config = config;
        self.start();
    }

    /// Let a client in on `core`; it has said nothing yet.
    pub(crate) fn open(&mut self, core: CoreId) -> usize {
        let nonce = self.sockets.len() as u32 + 1;
        let app = AppIndex(0);
        let (shard, speaker) = self.speaking(core);
        let conn = shard.open(nonce).expect("there is room");
        assert!(shard.enter(conn, app, true).is_none(), "the app has no limit");
        shard.upgrade(conn, Dialect::Zps);
        let session = zps::greet(shard, &speaker.rules, conn, app, false);
        self.sockets.push(Socket {
            core,
            conn,
            session,
            is_gone: false,
            pace: Pace::Whole,
            in_flight: None,
            unread: VecDeque::new(),
            heard: VecDeque::new(),
            received: DefaultHasher::new(),
            is_waiting: false,
            cursor: FrameCursor::new(),
        });
        self.sockets.len() - 1
    }

    /// The socket is gone, with all that it has not taken and all that was not read of it.
    pub(crate) fn gone(&mut self, socket: usize) {
        let Socket { core, conn, session, is_gone, in_flight, .. } = &mut self.sockets[socket];
        (*is_gone, *in_flight) = (true, None);
        self.shards[usize::from(core.0)].closed(*conn, session.subscriber_id());
    }

    /// Read what the client has sent, as far as it may be; whether anything was.
    pub(crate) fn read(&mut self, socket: usize) -> bool {
        let mut has_read = false;
        while self.sockets[socket].has_more() {
            let Self { shards, speakers, sockets, .. } = self;
            let Socket { core, conn, session, unread, is_waiting, .. } = &mut sockets[socket];
            let core = usize::from(core.0);
            let (shard, speaker, conn) = (&mut shards[core], &mut speakers[core], *conn);
            if !shard.may_hear(conn) {
                *is_waiting = true;
                return has_read;
            }
            if session.is_unfinished() {
                session.go_on(shard, speaker, conn);
            } else if let Some(text) = unread.pop_front() {
                shard.active(conn, text.len());
                session.hear(shard, speaker, conn, Message::Text(&text));
            }
            has_read = true;
        }
        has_read
    }

    /// End a turn of `core`: hand out what it gathered, post its mail, carry out what it wants.
    pub(crate) fn turn(&mut self, core: CoreId) {
        self.shard(core).end_turn();
        for target in 0..self.shards.len() {
            if let Some(messages) = self.shard(core).take_outgoing(CoreId(target as u8)) {
                let mailbox = usize::from(core.0) * self.shards.len() + target;
                self.mail[mailbox].push_back(messages);
            }
        }
        self.poll(core);
    }

    /// Deliver the oldest envelope of the mailbox that `choice` falls on; false if all are empty.
    pub(crate) fn deliver(&mut self, choice: usize) -> bool {
        let full = (0..self.mail.len()).filter(|&it| !self.mail[it].is_empty());
        let full: Vec<usize> = full.collect();
        if full.is_empty() {
            return false;
        }
        let mailbox = full[choice % full.len()];
        let messages = self.mail[mailbox].pop_front().expect("there is mail");
        let target = CoreId((mailbox % self.shards.len()) as u8);
        self.shard(target).receive(messages);
        true
    }

    /// A number for all that each client has received, in the order of the clients.
    pub(crate) fn received(&self) -> impl Iterator<Item = u64> {
        self.sockets.iter().map(|socket| socket.received.finish())
    }

    /// The socket takes `bytes` of its send in flight.
    pub(crate) fn land(&mut self, socket: usize, bytes: usize) {
        let Some((segment, start)) = self.sockets[socket].in_flight.take() else { return };
        let (core, conn) = (self.sockets[socket].core, self.sockets[socket].conn);
        let end = (start + bytes).min(segment.len());
        self.shard(core).landed(conn, end - start);
        let Socket { cursor, heard, received, .. } = &mut self.sockets[socket];
        let mut bytes = &segment.as_ref()[start..end];
        while let Some(frame) = cursor.next(&mut bytes).expect("the frames are valid") {
            assert_eq!(frame.opcode, Opcode::Text, "nobody is closed or pinged");
            let message: Value = serde_json::from_slice(frame.payload).expect("valid JSON");
            message.to_string().hash(received);
            heard.push_back(message);
        }
        if end < segment.len() {
            self.sockets[socket].in_flight = Some((segment, end));
        } else {
            self.flush(socket);
        }
    }

    /// Time moves on for everyone.
    pub(crate) fn wait(&mut self, ms: u64) {
        self.now = self.now.plus(ms);
        let (now, unix_ms) = (self.now, self.unix_ms());
        for shard in &mut self.shards {
            shard.set_unix_ms(unix_ms);
            shard.advance(now);
        }
    }

    /// The disk has synced the oldest `count` records of `core`, or, if `is_failing`, lost all.
    pub(crate) fn answer_log(&mut self, core: CoreId, count: usize, is_failing: bool) {
        let Some(disk) = &mut self.disk else { return };
        let (logged, renewed, forgotten) = if is_failing {
            // What this turn has said so far continues what has failed.
            let records = self.shards[usize::from(core.0)].take_log_records();
            for record in records {
                disk.push(core, record);
            }
            disk.fail(core)
        } else {
            disk.sync(core, count)
        };
        for logged in logged {
            self.shard(core).on_logged(logged);
        }
        for renewed in renewed {
            self.shard(core).on_renewed(renewed);
        }
        self.shard(core).on_forgotten(forgotten);
    }

    /// Run until nothing moves by itself: all is read, delivered, synced and landed.
    pub(crate) fn settle(&mut self) {
        loop {
            let mut has_moved = false;
            (0..self.shards.len()).for_each(|core| self.turn(CoreId(core as u8)));
            for core in (0..self.shards.len()).map(|core| CoreId(core as u8)) {
                let count = self.disk.as_ref().map_or(0, |disk| disk.waiting(core));
                self.answer_log(core, count, false);
                has_moved |= count > 0;
            }
            for socket in 0..self.sockets.len() {
                has_moved |= self.sockets[socket].in_flight.is_some();
                self.land(socket, usize::MAX >> 1);
                has_moved |= self.read(socket);
            }
            has_moved |= self.deliver(0) || self.shards.iter().any(Shard::has_outputs);
            if !has_moved {
                return;
            }
        }
    }

    /// The log of `room` in numbers, as its owner knows it now.
    pub(crate) fn info(&mut self, room: &str) -> Option<ChannelLogInfo> {
        let (channel, owner) = (self.channel(room), self.owner(room));
        let asked = self.shard(owner).ask(LogInfo(channel));
        self.poll(owner);
        let is_it = |(core, answered, _): &(CoreId, Ticket, Answer)| {
            (*core, *answered) == (owner, asked.ticket)
        };
        let index = self.answers.iter().position(is_it).expect("the owner answers itself at once");
        asked.open(self.answers.swap_remove(index).2)
    }

    pub(crate) fn channel(&self, room: &str) -> ChannelName {
        ChannelName::new(AppIndex(0), room, uringcast::dialect::nature(room), self.config.hash_seed)
    }

    pub(crate) fn owner(&self, room: &str) -> CoreId {
        self.channel(room).owner(self.config.cores)
    }

    pub(crate) fn shard(&mut self, core: CoreId) -> &mut Shard {
        &mut self.shards[usize::from(core.0)]
    }

    fn speaking(&mut self, core: CoreId) -> (&mut Shard, &Speaker) {
        (&mut self.shards[usize::from(core.0)], &self.speakers[usize::from(core.0)])
    }

    pub(crate) const fn unix_ms(&self) -> u64 {
        EPOCH_UNIX_MS + self.now.0
    }

    fn poll(&mut self, core: CoreId) {
        while let Some(output) = self.shard(core).poll_output() {
            match output {
                Output::Flush(conn) => self.flush(self.socket(core, conn)),
                Output::GoOn(conn) => {
                    let socket = self.socket(core, conn);
                    let is_waiting = &mut self.sockets[socket].is_waiting;
                    assert!(std::mem::take(is_waiting), "who does not wait is told to go on");
                }
                Output::Log(record) => {
                    self.disk.as_mut().expect("logs stay in memory").push(core, record);
                }
                Output::Answer(ticket, answer) => self.answers.push((core, ticket, answer)),
                Output::Notice(_) | Output::ReadsLog(_) => {}
                Output::PostToSink(_) => unreachable!("the app has no server"),
                Output::Finish(conn) | Output::Abort(conn) | Output::HandshakeExpired(conn) => {
                    panic!("{conn:?} of {core:?} is closed, and nobody should be");
                }
            }
        }
    }

    fn flush(&mut self, socket: usize) {
        let (core, conn) = (self.sockets[socket].core, self.sockets[socket].conn);
        if let Some(segment) = self.shard(core).take_send(conn) {
            assert!(self.sockets[socket].in_flight.is_none(), "one send at a time");
            self.sockets[socket].in_flight = Some((segment, 0));
        }
    }

    fn socket(&self, core: CoreId, conn: ConnId) -> usize {
        let is_it = |it: &Socket| it.core == core && it.conn == conn && !it.is_gone;
        self.sockets.iter().position(is_it).expect("outputs name connections that are there")
    }
}
