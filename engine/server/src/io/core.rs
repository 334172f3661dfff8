//! One core: its shard, its sockets, and the turn that carries outputs to where they go.
//!
//! Everything here runs on one thread. Tasks tell the shard what happened and raise the turn; the
//! turn runs after every task that was ready, so all that arrived together leaves together.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::call::Calls;
use super::inflating::Inflating;
use super::log::{LogPort, LogThread};
use super::mailbox::{Address, Envelope, Inbox};
use super::notices::Notices;
use super::pace::Pace;
use super::readiness::Readiness;
use super::rejected_sockets::RejectedSockets;
use super::sends::ring::{Ring, Sends};
use super::signal::Signal;
use super::socket::{More, Reporting, Socket};
use super::websocket::Reader;
use crate::action_log::LineCounters;
use crate::admission::{AdmissionRules, IpRate};
use crate::api::{ApiConfig, Reply, Waiter};
use crate::app::Apps;
use crate::config::Config;
use crate::dialect::{self, Speaker, zps};
use crate::id::{ConnId, CoreId};
use crate::middleware::Chain;
use crate::shard::{Asked, Counters, Millis, Output, Refusal, Shard, Spent, Ticket};
use crate::side::Side;

/// How often the shard is told the time.
const CLOCK_INTERVAL: Duration = Duration::from_millis(100);

/// How often while connections are being drained, so that the stagger is smooth.
const DRAIN_CLOCK_INTERVAL: Duration = Duration::from_millis(10);

/// The most that the clock moves at a time: well below the shortest time limit there can be, 1 s.
const CLOCK_STEP_MAX: Duration = Duration::from_millis(250);

/// How soon a mailbox that was full is tried again.
const REPOST_INTERVAL: Duration = Duration::from_millis(1);

/// Rounds of the inbox that may follow each other without a wait, which is possible on epoll only.
const EAGER_ROUNDS_MAX: u16 = 4;

/// What all cores share, read-only.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) config: Config,
    pub(super) rest: ApiConfig,
    pub(super) zps: Arc<zps::RoomRules>,
    /// The embedder's own code.
    pub(super) middleware: Chain,
    /// What has become of the lines about what is done in rooms.
    pub(super) lines: Arc<LineCounters>,
}

/// One core.
pub(super) struct Core {
    pub(super) setup: Arc<Setup>,
    /// What was asked of other servers.
    pub(super) calls: Calls,
    /// What apps' servers are to be told.
    pub(super) notices: Notices,
    /// What is to outlive the process.
    pub(super) log: LogPort,
    pub(super) shard: RefCell<Shard>,
    /// What clients' sessions share.
    pub(super) speaker: RefCell<Speaker>,
    scratch: RefCell<Box<[u8]>>,
    /// What decompresses one message after the other for all connections.
    pub(super) inflating: Inflating,
    /// When this core was made.
    pub(super) began: Instant,
    /// The socket of each connection, by its slot.
    sockets: RefCell<Vec<Option<Rc<Socket>>>>,
    /// Who waits for which answer.
    waiters: RefCell<HashMap<Ticket, Rc<dyn Waiter>, foldhash::fast::RandomState>>,
    /// Which websockets have something to read.
    pub(super) readiness: Readiness,
    pub(super) sends: Sends,
    /// That sends wait to be handed over, or have ended.
    pub(super) sending: Signal,
    /// Websockets whose messages have waited and may go on.
    pub(super) going_on: RefCell<Vec<ConnId>>,
    pub(super) goes_on: Signal,
    addresses: Vec<Address>,
    inbox: Inbox,
    pub(super) turn: Signal,
    turns: Cell<u32>,
    draining: Signal,
    is_draining: Cell<bool>,
    is_reposting: Cell<bool>,
    /// HTTP requests that have been read and not answered.
    pub(super) requests_open: Cell<usize>,
    ip_rate: RefCell<IpRate>,
    rejected_sockets: RefCell<RejectedSockets>,
}

impl Core {
    pub(super) fn new(
        setup: Arc<Setup>,
        shard: Shard,
        addresses: Vec<Address>,
        inbox: Inbox,
        side: Side,
        log: Option<LogThread>,
        ring: Option<Ring>,
    ) -> io::Result<Rc<Self>> {
        let limits = &setup.config.connection;
        let ip_rate = IpRate::new(limits.ip_rate, limits.ip_burst, limits.ip_table_max);
        let patience_ms = u64::from(limits.close_timeout_s) * 1_000;
        let rejected_sockets =
            RejectedSockets::new(setup.config.core.turned_away_max as usize, patience_ms);
        let backlog_bytes_max = setup.config.webhook.backlog_bytes_max as usize;
        let notices = Notices::new(side.clone(), backlog_bytes_max);
        let readiness = Readiness::new()?;
        let sends = Sends::new(ring, &readiness)?;
        let inflating = Inflating::new(setup.config.core.inflated_bytes_max);
        let message_bytes_max = limits.message_bytes_max as usize;
        let (apps, zps) = (shard.apps(), Arc::clone(&setup.zps));
        let rules = dialect::Rules { apps, message_bytes_max, zps };
        let scratch = vec![0; setup.config.core.read_scratch_bytes as usize].into_boxed_slice();
        Ok(Rc::new(Self {
            setup,
            notices,
            log: LogPort::new(shard.config().core, log),
            calls: Calls::new(shard.config().core, side),
            sockets: RefCell::new(Vec::with_capacity(shard.config().sockets_reserved())),
            shard: RefCell::new(shard),
            speaker: RefCell::new(Speaker::new(rules)),
            scratch: RefCell::new(scratch),
            inflating,
            began: Instant::now(),
            waiters: RefCell::default(),
            readiness,
            sends,
            sending: Signal::default(),
            going_on: RefCell::default(),
            goes_on: Signal::default(),
            addresses,
            inbox,
            turn: Signal::default(),
            turns: Cell::new(1),
            draining: Signal::default(),
            is_draining: Cell::new(false),
            is_reposting: Cell::new(false),
            requests_open: Cell::new(0),
            ip_rate: RefCell::new(ip_rate),
            rejected_sockets: RefCell::new(rejected_sockets),
        }))
    }

    /// Tell the shard something; the outputs follow at the end of the turn.
    pub(super) fn with_shard<R>(&self, tell: impl FnOnce(&mut Shard) -> R) -> R {
        self.turn.raise();
        let mut shard = self.shard.borrow_mut();
        tell(&mut shard)
    }

    /// Ask the shard something that changes nothing.
    pub(super) fn ask<R>(&self, ask: impl FnOnce(&mut Shard) -> R) -> R {
        ask(&mut self.shard.borrow_mut())
    }

    /// Tell the shard something about bytes read into the scratch buffer that the core lends.
    pub(super) fn with_scratch<R>(&self, tell: impl FnOnce(&mut Shard, &mut [u8]) -> R) -> R {
        self.turn.raise();
        let mut shard = self.shard.borrow_mut();
        shard.set_unix_us(now_unix_us());
        tell(&mut shard, &mut self.scratch.borrow_mut())
    }

    /// The apps that are served now.
    pub(super) fn apps(&self) -> Rc<Apps> {
        self.shard.borrow().apps()
    }

    /// Change what the shard counts.
    pub(super) fn count(&self, count: impl FnOnce(&mut Counters)) {
        count(self.shard.borrow_mut().counters_mut());
    }

    /// What the operator decides about every connection.
    pub(super) fn rules(&self) -> AdmissionRules<'_> {
        AdmissionRules {
            socket_path: &self.setup.config.server.socket_path,
            trusted_proxies: &self.setup.config.server.trusted_proxies,
            is_protocol_required: self.setup.config.connection.protocol_required,
            sse_path: &self.setup.config.zps.sse_path,
            zps_app: self.setup.config.zps.enabled.then_some(&*self.setup.config.zps.app),
        }
    }

    /// Count a new connection of the client at `address`, unless it comes too soon.
    pub(super) fn admit_address(&self, address: IpAddr) -> Result<(), Spent> {
        let mut shard = self.shard.borrow_mut();
        let admitted = self.ip_rate.borrow_mut().admit(address, shard.now());
        admitted.inspect_err(|_| shard.refuse(Refusal::IpRate))
    }

    /// Answer a socket that is not served, and close it a little later.
    pub(super) fn part(&self, socket: Rc<Socket>, answer: &[u8]) {
        let now = self.shard.borrow().now();
        self.rejected_sockets.borrow_mut().part(now, socket, answer);
    }

    /// Remember the socket of `conn` until [`forget`](Self::forget).
    pub(super) fn register(&self, conn: ConnId, socket: Rc<Socket>) {
        let mut sockets = self.sockets.borrow_mut();
        let slot = conn.slot as usize;
        if sockets.len() <= slot {
            sockets.resize(slot + 1, None);
        }
        socket.belongs_to(conn);
        sockets[slot] = Some(socket);
    }

    /// From now on `reader` hears what `conn` says.
    pub(super) fn listen(&self, conn: ConnId, reader: Reader) {
        let Some(socket) = self.socket(conn) else { return };
        let must_wait = reader.is_left();
        socket.keep_reader(reader);
        if self.readiness.add(socket.fd(), conn).is_err() {
            self.count(|counters| counters.refuse(Refusal::Connections)); // Out of memory.
            return self.forget(conn);
        }
        socket.reporting.set(Reporting::Reads);
        if must_wait {
            self.pause(conn, &socket);
        }
    }

    /// From now on a task hears of `more` to read of `conn`; false if there is no memory for that,
    /// and none for the connection then.
    pub(super) fn tell(&self, conn: ConnId, socket: &Socket, more: Rc<More>) -> bool {
        if self.readiness.add_changes(socket.fd(), conn).is_err() {
            self.count(|counters| counters.refuse(Refusal::Connections));
            return false;
        }
        socket.keep_task(more);
        socket.reporting.set(Reporting::Reads);
        true
    }

    /// The connection is over: end its socket and tell the shard.
    pub(super) fn forget(&self, conn: ConnId) {
        let mut reader = None;
        if let Some(socket) = self.sockets.borrow_mut()[conn.slot as usize].take() {
            reader = socket.take_reader();
            if socket.reporting.replace(Reporting::Nothing) != Reporting::Nothing {
                self.readiness.remove(socket.fd(), conn);
            }
            socket.cut();
        }
        let subscriber_id = reader.as_ref().and_then(Reader::subscriber_id);
        self.with_shard(|shard| shard.closed(conn, subscriber_id));
    }

    /// Read nothing more from the socket of `conn` until it is resumed, unless it is over.
    pub(super) fn pause(&self, conn: ConnId, socket: &Socket) {
        if socket.reporting.get() == Reporting::Reads {
            socket.reporting.set(Reporting::End);
            self.readiness.set_listening(socket.fd(), conn, false);
        }
    }

    /// Read on, if the connection was paused.
    pub(super) fn resume(&self, conn: ConnId, socket: &Socket) {
        if socket.reporting.get() == Reporting::End {
            socket.reporting.set(Reporting::Reads);
            self.readiness.set_listening(socket.fd(), conn, true);
        }
    }

    /// Whether so much waits between cores that nothing new should be taken in.
    pub(super) fn is_backlogged(&self) -> bool {
        self.shard.borrow().is_backlogged() || self.are_others_backlogged()
    }

    fn are_others_backlogged(&self) -> bool {
        self.addresses.iter().any(Address::is_backlogged)
    }

    /// Whether the next message of `conn` may be heard.
    pub(super) fn may_hear(&self, conn: ConnId) -> bool {
        let is_backlogged = self.is_backlogged();
        self.ask(|shard| {
            if is_backlogged {
                shard.set_cores_backlogged(true); // The turn's end looks whether it is over.
            }
            shard.may_hear(conn)
        })
    }

    /// The answer to what was just asked; it may be waited for later.
    pub(super) fn answer<A: 'static>(&self, asked: &Asked<A>) -> Reply<A> {
        let reply = Reply::new();
        self.waiters.borrow_mut().insert(asked.ticket, reply.waiter());
        reply
    }

    /// Count an HTTP request as open until the guard is dropped.
    pub(super) fn open_request(self: &Rc<Self>) -> OpenRequest {
        self.requests_open.set(self.requests_open.get() + 1);
        OpenRequest(Rc::clone(self))
    }

    /// Whether the engine is shutting down.
    pub(super) fn is_draining(&self) -> bool {
        self.is_draining.get()
    }

    /// Wait for the engine's shutdown to begin.
    pub(super) async fn drain_begins(&self) {
        self.draining.wait().await;
    }

    /// Close every websocket and wait until they and the requests that are open are done.
    pub(super) async fn drain(&self) {
        let window_ms = u64::from(self.setup.config.server.drain_window_ms);
        self.with_shard(|shard| shard.start_drain(window_ms));
        while !self.is_drained() {
            monoio::time::sleep(DRAIN_CLOCK_INTERVAL).await;
        }
    }

    fn is_drained(&self) -> bool {
        let is_told = self.notices.is_empty() && self.log.is_empty() && !self.sends.is_pushed();
        let shard = self.shard.borrow();
        // What has just become durable may have something newer behind it.
        let is_told = is_told && shard.are_sinks_quiet() && !shard.has_outputs();
        shard.is_drained() && self.requests_open.get() == 0 && is_told
    }

    /// The number of the turn that is running.
    pub(super) fn turn(&self) -> u32 {
        self.turns.get()
    }

    /// Run turns for ever.
    pub(super) async fn run_turns(self: Rc<Self>) {
        loop {
            self.turn.wait().await;
            self.turns.set(self.turns.get().wrapping_add(1));
            self.end_turn();
        }
    }

    /// Tell the shard the time for ever.
    ///
    /// Time that the process was stopped for does not count: clients had no part in it, and what
    /// they sent meanwhile is still to be read.
    pub(super) async fn run_clock(self: Rc<Self>) {
        let mut time = Duration::ZERO;
        let mut last = Instant::now();
        loop {
            let interval = if self.is_draining() { DRAIN_CLOCK_INTERVAL } else { CLOCK_INTERVAL };
            monoio::time::sleep(interval).await;
            let now = Instant::now();
            time += now.duration_since(last).min(CLOCK_STEP_MAX);
            last = now;
            let now = Millis(time.as_millis() as u64);
            self.with_shard(|shard| {
                shard.set_unix_us(now_unix_us());
                shard.advance(now);
            });
            self.rejected_sockets.borrow_mut().advance(now);
        }
    }

    /// Take in what other cores send for ever.
    pub(super) async fn run_inbox(self: Rc<Self>) {
        let mut pace = Pace::new(EAGER_ROUNDS_MAX);
        loop {
            let depth = self.inbox.depth() as u64;
            self.count(|counters| counters.mailbox_depth = depth);
            self.ask(|shard| shard.set_unix_us(now_unix_us()));
            // What comes while these are taken waits for the next turn.
            for _ in 0..self.inbox.len() {
                self.take_in();
            }
            if self.inbox.wait().await.is_err() {
                return; // The bell's descriptor is ours and open: cannot happen while we run.
            }
            if let Some(pause) = pace.step(self.turn()) {
                pause.await;
            }
        }
    }

    fn take_in(&self) {
        match self.inbox.take() {
            Some(Envelope::Messages(messages)) => self.with_shard(|shard| shard.receive(messages)),
            Some(Envelope::LearnApps(apps, learned)) => {
                self.with_shard(|shard| shard.learn_apps(&apps));
                drop(learned);
            }
            Some(Envelope::SetApps(apps)) => {
                self.with_shard(|shard| {
                    shard.set_apps(Apps::clone(&apps));
                    self.speaker.borrow_mut().set_apps(shard);
                });
            }
            Some(Envelope::Refused(refusal)) => self.count(|counters| counters.refuse(refusal)),
            Some(Envelope::Drain) => {
                self.is_draining.set(true);
                self.draining.raise();
            }
            Some(Envelope::Called(call, outcome)) => self.calls.answered(call, outcome),
            Some(Envelope::Committed(committed)) => {
                self.with_shard(|shard| self.log.committed(shard, &committed));
            }
            None => {}
        }
    }

    fn end_turn(self: &Rc<Self>) {
        let mut shard = self.shard.borrow_mut();
        shard.end_turn();
        self.post_outgoing(&mut shard);
        let is_backlogged = shard.is_backlogged();
        self.inbox.set_backlogged(is_backlogged);
        shard.set_cores_backlogged(is_backlogged || self.are_others_backlogged());
        self.inflating.begin_turn();
        while let Some(output) = shard.poll_output() {
            self.carry_out(&mut shard, output);
        }
        self.ask_rooms();
        if self.sends.is_pushed() {
            self.sending.raise();
        }
        self.notices.post();
        if !self.log.post() {
            self.repost_soon();
        }
        if shard.has_samples() {
            shard.take_samples(now_unix_us());
        }
        if shard.has_outputs() {
            self.turn.raise(); // There are more pages of logs than one turn gives.
        }
    }

    fn post_outgoing(self: &Rc<Self>, shard: &mut Shard) {
        let mut is_left = false;
        for (index, address) in self.addresses.iter().enumerate() {
            let core = CoreId(index as u8);
            let Some(messages) = shard.take_outgoing(core) else { continue };
            if let Err(Envelope::Messages(messages)) = address.post(Envelope::Messages(messages)) {
                shard.return_outgoing(core, messages);
                is_left = true;
            }
        }
        if is_left {
            self.repost_soon();
        }
    }

    fn repost_soon(self: &Rc<Self>) {
        if !self.is_reposting.replace(true) {
            monoio::spawn(Rc::clone(self).repost());
        }
    }

    async fn repost(self: Rc<Self>) {
        monoio::time::sleep(REPOST_INTERVAL).await;
        self.is_reposting.set(false);
        self.turn.raise();
    }

    fn carry_out(self: &Rc<Self>, shard: &mut Shard, output: Output) {
        match output {
            Output::Flush(conn) => self.flush(shard, conn),
            Output::Finish(conn) => self.socket(conn).iter().for_each(|socket| socket.finish()),
            Output::Abort(conn) => self.socket(conn).iter().for_each(|socket| socket.cut()),
            Output::HandshakeExpired(conn) => {
                if let Some(socket) = self.socket(conn) {
                    let _ = socket.try_write(super::peek::REQUEST_TIMEOUT); // As far as it reads.
                    socket.finish();
                }
            }
            Output::Answer(ticket, answer) => {
                let waiter = self.waiters.borrow_mut().remove(&ticket);
                if let Some(waiter) = waiter {
                    waiter.hear(answer);
                }
            }
            Output::GoOn(conn) => match self.socket(conn) {
                Some(socket) if socket.is_left() => {
                    self.going_on.borrow_mut().push(conn);
                    self.goes_on.raise();
                }
                // Most have nothing left: a task and a turn more would keep others from theirs.
                Some(socket) => self.resume(conn, &socket),
                None => {}
            },
            Output::ReadsLog(conn) => self.socket(conn).iter().for_each(|it| it.keep_unsent_few()),
            Output::PostToSink(post) => self.post_to_sink(&shard.apps(), &post),
            Output::Log(record) => self.log.push(&shard.apps(), record),
            Output::Notice(notice) => self.notices.push(&shard.apps(), notice),
        }
    }

    /// The socket of `conn`. An output may be carried out after its connection has gone and another
    /// has taken the slot: it must not reach that one's socket.
    pub(super) fn socket(&self, conn: ConnId) -> Option<Rc<Socket>> {
        let sockets = self.sockets.borrow();
        let socket = sockets.get(conn.slot as usize)?.as_ref()?;
        socket.is_of(conn).then(|| Rc::clone(socket))
    }
}

/// What the time is for those outside of this process, in microseconds since 1970.
pub(super) fn now_unix_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

/// One HTTP request being answered.
pub(super) struct OpenRequest(Rc<Core>);

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.0.requests_open.set(self.0.requests_open.get() - 1);
    }
}
