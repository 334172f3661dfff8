//! What happens in one world of logs, decided by its seed.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Value, json};
use uringcast::app::HistoryRule;
use uringcast::id::CoreId;
use uringcast::log::{Draft, NotKept, Snapshot};
use uringcast::shard::{
    AppendError, Appended, NamedDraft, Replay, ReplayRange, ShardConfig, SnapshotError, Ticket,
};
use uringcast_proto::ws::encode;

use super::client::{Begin, Client, Expected, Types, see};
use super::cores::Cores;
use super::limits::{LOGS_MAX, config};
use super::truth::{Published, Truth};
use crate::client::Pace;
use crate::random::Random;

const ROOMS: [&str; 4] = ["r:0", "r:1", "r:2", "s:0"];
const TYPES: [&str; 3] = ["t", "u", "v"];
const NAMES: [&str; 4] = ["ann", "bob", "cid", "watcher"];
/// The client that subscribes to wildcards, and to nothing else: an event does not say by which
/// subscription it comes.
const WATCHER: usize = 3;
const TTL_S: u32 = 2;
/// Rooms besides, of which so few hold something at a time that the others have room.
const VISITED: usize = 40;
const VISITED_AT_ONCE: usize = LOGS_MAX - ROOMS.len() - 1;

/// What was asked over HTTP.
enum Asked {
    Append(Vec<String>),
    /// The room, and what the state says.
    Snapshot(&'static str, u64),
}

/// One world on its way through its seed.
pub(crate) struct Game {
    pub(crate) cores: Cores,
    pub(crate) clients: Vec<Client>,
    pub(crate) truth: Truth,
    random: Random,
    asked: HashMap<(CoreId, Ticket), Asked>,
    /// What HTTP has published, for publishers that try again.
    drafts: Vec<NamedDraft>,
    /// Rooms that HTTP has published to and nobody else uses: until when they may hold something.
    visits: HashMap<String, u64>,
    last_id: u64,
    pub(crate) restarts: u64,
    pub(crate) failures: u64,
    pub(crate) refusals: u64,
    pub(crate) duplicates: u64,
    pub(crate) durable_snapshots: u64,
}

impl Game {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let config = config(&mut random, seed);
        let events_max = random.pick(&[5, 40, 1_000]);
        let rule = HistoryRule { events_max, ttl_s: TTL_S, ..HistoryRule::new("*:*") };
        let mut this = Self {
            cores: Cores::new(config, rule),
            clients: NAMES.into_iter().map(Client::new).collect(),
            truth: Truth::default(),
            random,
            asked: HashMap::new(),
            drafts: Vec::new(),
            visits: HashMap::new(),
            last_id: 0,
            restarts: 0,
            failures: 0,
            refusals: 0,
            duplicates: 0,
            durable_snapshots: 0,
        };
        (0..NAMES.len()).for_each(|client| this.connect(client));
        this
    }

    /// Let one thing happen.
    pub(crate) fn step(&mut self) {
        match self.random.below(100) {
            0..20 => {
                let core = self.any_core();
                self.cores.turn(core);
            }
            20..36 => {
                let choice = self.random.below(64);
                self.cores.deliver(choice);
            }
            36..50 => self.land(),
            50..60 => {
                let client = self.any_client();
                self.cores.read(self.clients[client].socket);
            }
            60..74 => self.talk(),
            74..83 => self.publish(),
            83..85 => self.set_snapshot(),
            85..93 => self.work_disk(),
            93..95 => self.wait(),
            95..97 => {
                let client = self.any_client();
                let pace = self.random.pick(&Pace::ALL);
                self.cores.sockets[self.clients[client].socket].pace = pace;
            }
            97 => self.reconnect(),
            98 if self.random.one_in(6) => self.restart(),
            _ => {}
        }
        self.look();
    }

    /// All comes to rest; what is left is as it should be.
    pub(crate) fn finish(&mut self) {
        self.cores.settle();
        self.look();
        assert!(self.asked.is_empty(), "a publisher is not answered");
        for room in ROOMS {
            self.check_log(room);
        }
        for client in 0..self.clients.len() {
            self.check_client(client);
        }
        self.truth.check_order();
        let sockets = 0..self.cores.sockets.len();
        for socket in sockets.filter(|&it| !self.cores.sockets[it].is_gone).collect::<Vec<_>>() {
            self.cores.gone(socket);
        }
        self.cores.settle();
        assert!(self.cores.shards.iter().all(uringcast::shard::Shard::is_vacant), "not vacant");
    }

    /// Everything that was acknowledged can be read again, in the place that was told.
    fn check_log(&mut self, room: &str) {
        let mut after = 0;
        loop {
            let channel = self.cores.channel(room);
            let range = ReplayRange { after, ..ReplayRange::default() };
            let asked = self.cores.shard(CoreId(0)).ask(Replay { channel, range });
            self.cores.settle();
            let (core, answered, answer) = self.cores.answers.pop().expect("a replay is answered");
            assert!(self.cores.answers.is_empty(), "nothing else was asked");
            assert_eq!((core, answered), (CoreId(0), asked.ticket));
            let frames = asked.open(answer);
            if frames.is_empty() {
                break;
            }
            for frame in frames {
                let text = encode::payload(&frame).expect("a text frame");
                let event: Value = serde_json::from_slice(text).expect("valid JSON");
                see(&event["data"], &mut self.truth, &mut self.cores);
                after = event["data"]["sequence"].as_u64().expect("a number");
            }
        }
        let Some(info) = self.cores.info(room) else { return };
        let now = self.cores.unix_ms();
        for (id, published) in &self.truth.published {
            let Some(sequence) = published.told.filter(|_| published.room == room) else {
                continue;
            };
            let must_be = sequence >= info.first_sequence && published.shown_until_unix_ms > now;
            let is_there = self.truth.rooms.get(room).and_then(|room| room.get(&sequence));
            assert!(!must_be || is_there == Some(id), "{room} has lost {sequence}, {id}");
            assert!(sequence <= info.last_sequence, "{room} ends before {sequence}, {id}");
        }
    }

    /// The client has all that is for it, and knows who is present.
    fn check_client(&mut self, index: usize) {
        let client = &mut self.clients[index];
        assert!(client.expected.is_empty(), "{}: {:?}", client.name, client.expected);
        assert!(client.unkept.is_empty(), "{}: {:?}", client.name, client.unkept);
        for (room, subscription) in client.subscriptions.clone() {
            if let Some(next) = subscription.next.filter(|_| index != WATCHER) {
                let last = self.cores.info(&room).map_or(0, |info| info.last_sequence);
                assert!(next <= last + 1, "{}: {room} ends with {last}", client.name);
                client.skip(&room, next..last + 1, &subscription.types);
            }
        }
        for skipped in &client.skipped {
            skipped.check(&self.truth);
        }
        for (room, subscription) in &self.clients[index].subscriptions {
            let present = self.clients.iter().filter(|it| it.entered.contains(room));
            let present: BTreeSet<String> = present.map(|it| it.name.to_owned()).collect();
            let is_told = index == WATCHER || subscription.present == present;
            assert!(is_told, "{index} believes that {:?} are in {room}", subscription.present);
        }
    }

    fn talk(&mut self) {
        let client = self.any_client();
        if client == WATCHER {
            return self.talk_of_wildcard();
        }
        let room = self.random.pick(&ROOMS).to_owned();
        let seen = self.clients[client].seen.get(&room).copied().unwrap_or(0);
        match self.random.below(12) {
            0..3 => self.subscribe(client),
            3 => {
                self.say(client, &json!({"type": "unsubscribe", "room": room}));
                self.clients[client].expected.push_back(Expected::Unsubscribed { room });
            }
            4..6 => {
                // One that was never had counts, too, but not one beyond the log's end.
                let sequence = if self.random.one_in(20) { seen + 1_000 } else { seen };
                let acked = self.clients[client].acked.entry(room.clone()).or_default();
                *acked = sequence.max(*acked);
                self.say(client, &json!({"type": "ack", "room": room, "sequence": sequence}));
                if self.cores.disk.is_some() {
                    self.clients[client].unkept.push((room, sequence));
                } else {
                    self.clients[client].expected.push_back(Expected::Ack { room, sequence });
                }
            }
            6 => self.replay(client, room, seen),
            7..9 => self.publish_from(client, &room),
            9 => {
                self.last_id += 1;
                let payload = format!("{}-{}", self.clients[client].socket, self.last_id);
                let event = json!({"room": room, "type": "e", "payload": payload});
                self.say(client, &json!({"type": "publish_ephemeral", "event": event}));
            }
            10 => {
                let user = json!({"userId": self.clients[client].name});
                self.say(client, &json!({"type": "presence_enter", "room": room, "user": user}));
                self.clients[client].entered.insert(room);
            }
            _ => {
                self.say(client, &json!({"type": "presence_leave", "room": room}));
                self.clients[client].entered.remove(&room);
            }
        }
    }

    fn talk_of_wildcard(&mut self) {
        let room = self.random.pick(&["r:*", "s:*"]).to_owned();
        if self.random.one_in(3) {
            self.say(WATCHER, &json!({"type": "unsubscribe", "room": room}));
            return self.clients[WATCHER].expected.push_back(Expected::Unsubscribed { room });
        }
        let types = self.types();
        let wanted = types.clone().unwrap_or_default(); // An empty list is for all.
        self.say(WATCHER, &json!({"type": "subscribe", "room": room, "eventTypes": wanted}));
        let expected = Expected::Subscribed { room, start: Begin::Live, types };
        self.clients[WATCHER].expected.push_back(expected);
    }

    fn subscribe(&mut self, client: usize) {
        let count = 1 + self.random.below(3);
        let mut rooms: Vec<String> = ROOMS.iter().map(ToString::to_string).collect();
        rooms.rotate_left(self.random.below(ROOMS.len()));
        rooms.truncate(count);
        let types = self.types();
        let mut message = json!({"type": "subscribe", "room": rooms});
        if let Some(types) = &types {
            message["eventTypes"] = json!(types);
        }
        let start = match self.random.below(5) {
            0..2 => Begin::Cursor,
            2 => Begin::Snapshot,
            _ => {
                let seen = rooms.iter().filter_map(|room| self.clients[client].seen.get(room));
                // What every log has had.
                let end = seen.min().filter(|_| rooms.len() == 1).copied().unwrap_or(0);
                Begin::After(self.random.below(end as usize + 1) as u64)
            }
        };
        match start {
            Begin::After(after) => message["fromSequence"] = json!(after),
            Begin::Snapshot => message["sync"] = json!("snapshot"),
            Begin::Cursor | Begin::Live => {}
        }
        self.say(client, &message);
        for room in rooms {
            let expected = &mut self.clients[client].expected;
            if start == Begin::Snapshot {
                expected.push_back(Expected::Snapshot { room: room.clone() });
            }
            expected.push_back(Expected::Subscribed { room, start, types: types.clone() });
        }
    }

    fn replay(&mut self, client: usize, room: String, seen: u64) {
        let after = self.random.below(seen as usize + 1) as u64;
        let to = if self.random.one_in(2) { after + 5 } else { u64::MAX };
        let limit = 1 + self.random.below(20);
        let types = self.types();
        let mut message = json!({
            "type": "replay_request", "room": room, "fromSequence": after, "limit": limit,
        });
        if to < u64::MAX {
            message["toSequence"] = json!(to);
        }
        if let Some(types) = &types {
            message["eventTypes"] = json!(types);
        }
        self.say(client, &message);
        let expected = Expected::Replay { room, after, to, limit, types };
        self.clients[client].expected.push_back(expected);
    }

    fn publish_from(&mut self, client: usize, room: &str) {
        let id = self.next_id(&self.clients[client].socket.to_string());
        let event_type = self.random.pick(&TYPES);
        let event = json!({"room": room, "type": event_type, "payload": self.data(), "id": id});
        self.say(client, &json!({"type": "publish", "event": event}));
        self.note_published(&id, room, event_type, (None, u64::MAX));
        // Nobody tells, and when it is read nobody knows.
        let published = self.truth.published.get_mut(&id).expect("it was noted above");
        (published.may_be, published.shown_until_unix_ms) = (true, 0);
    }

    /// The HTTP API publishes one event or a few, some of them again.
    fn publish(&mut self) {
        let core = self.any_core();
        if self.random.one_in(5) {
            return self.visit(core);
        }
        let mut drafts: Vec<NamedDraft> = Vec::new();
        for _ in 0..=self.random.below(3) {
            if self.random.one_in(8) && !self.drafts.is_empty() {
                let recent = self.drafts.len().saturating_sub(10);
                let index = recent + self.random.below(self.drafts.len() - recent);
                drafts.push(self.drafts[index].clone());
            } else {
                let room = self.random.pick(&ROOMS);
                drafts.push(self.draft(core, room));
            }
        }
        let ids: Vec<String> = drafts.iter().map(|it| it.draft.id.to_string()).collect();
        for draft in &mut drafts {
            // The hash of the name is another one after a restart.
            draft.channel = self.cores.channel(draft.channel.as_str());
            let published = self.truth.published.get_mut(&*draft.draft.id).expect("it was noted");
            published.open += 1;
        }
        self.drafts.extend(drafts.iter().cloned());
        let ticket = self.cores.shard(core).append_all(drafts).ticket;
        self.asked.insert((core, ticket), Asked::Append(ids));
    }

    /// HTTP publishes to a room that may have had a log before.
    fn visit(&mut self, core: CoreId) {
        let now = self.cores.unix_ms();
        self.visits.retain(|_, until| *until > now);
        if self.visits.len() >= VISITED_AT_ONCE {
            return;
        }
        let room = format!("v:{}", self.random.below(VISITED));
        let draft = self.draft(core, &room);
        let id = draft.draft.id.to_string();
        self.truth.published.get_mut(&id).expect("it was noted above").open += 1;
        let ticket = self.cores.shard(core).append_all(vec![draft]).ticket;
        self.asked.insert((core, ticket), Asked::Append(vec![id]));
        self.visits.insert(room, u64::MAX); // Until it is answered.
    }

    fn draft(&mut self, core: CoreId, room: &str) -> NamedDraft {
        self.last_id += 1;
        let id = format!("http{}.{}", core.0, self.last_id);
        let event_type = self.random.pick(&TYPES);
        let skip = self.random.one_in(6).then(|| self.random.below(WATCHER));
        let socket = skip.map(|client| self.clients[client].socket);
        let skip = socket.and_then(|socket| {
            let socket = &self.cores.sockets[socket];
            let (core, conn) = (socket.core, socket.conn);
            self.cores.shard(core).socket_id(conn)
        });
        let ttl_ms = self.random.pick(&[500, u64::MAX, u64::MAX, u64::MAX]);
        let expires_unix_ms = self.cores.unix_ms().saturating_add(ttl_ms);
        self.note_published(&id, room, event_type, (socket, expires_unix_ms));
        let names = format!(r#""id":"{id}","type":"{event_type}","room":"{room}""#);
        let head = format!(r#"{{"type":"event","data":{{{names},"sequence":"#);
        let text = format!(r#"{head},"payload":"{}"}}}}"#, self.data());
        let draft = Draft {
            id: id.into(),
            event_type: Arc::from(event_type),
            sequence_at: head.len() as u32,
            text: text.into(),
            emitted_unix_ms: 0,
            expires_unix_ms,
        };
        NamedDraft { channel: self.cores.channel(room), draft, skip }
    }

    fn note_published(
        &mut self,
        id: &str,
        room: &str,
        event_type: &str,
        (skip, expires_unix_ms): (Option<usize>, u64),
    ) {
        let ttl_ms = u64::from(TTL_S) * 1_000;
        let published = Published {
            room: room.to_owned(),
            event_type: event_type.to_owned(),
            skip,
            shown_until_unix_ms: expires_unix_ms.min(self.cores.unix_ms() + ttl_ms),
            open: 0,
            may_be: false,
            told: None,
        };
        self.truth.published.insert(id.to_owned(), published);
    }

    fn set_snapshot(&mut self) {
        let room = self.random.pick(&ROOMS);
        let last_sequence = self.cores.info(room).map_or(0, |info| info.last_sequence);
        self.last_id += 1;
        let number = self.last_id;
        let (state_json, created_unix_ms) = (number.to_string().into(), self.cores.unix_ms());
        let snapshot = Snapshot { last_sequence, state_json, created_unix_ms };
        // From one core, so that they come to the owner in this order.
        let (core, channel) = (CoreId(0), self.cores.channel(room));
        let ticket = self.cores.shard(core).set_snapshot(&channel, snapshot).ticket;
        self.asked.insert((core, ticket), Asked::Snapshot(room, number));
    }

    fn work_disk(&mut self) {
        let core = self.any_core();
        let waiting = self.cores.disk.as_ref().map_or(0, |disk| disk.waiting(core));
        if waiting > 0 {
            let is_failing = self.random.one_in(10);
            self.failures += u64::from(is_failing);
            let count = 1 + self.random.below(waiting);
            self.cores.answer_log(core, count, is_failing);
        }
    }

    fn wait(&mut self) {
        let ms = 10 * (1 + self.random.below(60));
        self.cores.wait(ms as u64);
    }

    fn reconnect(&mut self) {
        let client = self.any_client();
        self.cores.gone(self.clients[client].socket);
        self.connect(client);
    }

    /// The process is killed; what it owed to anybody is not known from here on.
    fn restart(&mut self) {
        let seed = self.random.next();
        let cores = 1 + self.random.below(4);
        let config = ShardConfig { hash_seed: seed, cores, ..self.cores.config.clone() };
        let random = &mut self.random;
        self.cores.restart(config, |bound| random.below(bound));
        if self.cores.disk.is_none() {
            self.forget();
        }
        for (_, asked) in self.asked.drain() {
            let Asked::Append(ids) = asked else { continue };
            for id in ids {
                let published = self.truth.published.get_mut(&id).expect("every publish was noted");
                (published.open, published.may_be) = (published.open - 1, true);
            }
        }
        let until = self.cores.unix_ms() + u64::from(TTL_S) * 1_000;
        self.visits.values_mut().for_each(|it| *it = until.min(*it));
        for client in 0..self.clients.len() {
            self.clients[client].cursors.clear(); // Those that were not synced are behind.
            self.connect(client);
        }
        self.restarts += 1;
    }

    /// Nothing has outlived the process but what clients believe to have seen.
    fn forget(&mut self) {
        self.truth = Truth::default();
        self.asked.clear();
        self.drafts.clear();
        for client in &mut self.clients {
            client.acked.clear();
            client.skipped.clear();
        }
    }

    fn connect(&mut self, client: usize) {
        let core = self.any_core();
        let socket = self.cores.open(core);
        self.clients[client].connected(socket);
        let name = self.clients[client].name;
        self.say(client, &json!({"type": "init", "subscriberId": name}));
    }

    /// Take in what was heard and answered.
    fn look(&mut self) {
        for client in &mut self.clients {
            while let Some(message) = self.cores.sockets[client.socket].heard.pop_front() {
                client.hear(&message, &mut self.truth, &mut self.cores);
            }
        }
        for (core, ticket, mut answer) in std::mem::take(&mut self.cores.answers) {
            match self.asked.remove(&(core, ticket)).expect("somebody has asked") {
                Asked::Append(ids) => {
                    let outcomes: Vec<Result<Appended, _>> = answer.take().expect("outcomes");
                    assert_eq!(ids.len(), outcomes.len());
                    for (id, outcome) in ids.iter().zip(outcomes) {
                        self.appended(id, outcome.map(|it| (it.sequence, it.is_duplicate)));
                    }
                }
                Asked::Snapshot(room, number) => match answer
                    .take::<Result<(), SnapshotError>>()
                    .expect("an outcome")
                {
                    Ok(()) => {
                        // What is acknowledged is on the disk, or something newer is.
                        if let Some(disk) = &self.cores.disk {
                            assert!(disk.snapshot(room) >= Some(number), "{room} lost {number}");
                            self.durable_snapshots += 1;
                        }
                    }
                    Err(error) => {
                        assert_eq!(error, SnapshotError::NotKept(NotKept::NotWritten));
                        assert!(self.cores.disk.is_some(), "memory is no disk");
                    }
                },
            }
        }
    }

    fn appended(&mut self, id: &str, outcome: Result<(u64, bool), AppendError>) {
        let published = self.truth.published.get_mut(id).expect("every publish was noted");
        match outcome {
            Ok((sequence, is_duplicate)) => {
                (published.may_be, published.told) = (true, Some(sequence));
                let event = json!({"id": id, "room": published.room, "sequence": sequence});
                see(&event, &mut self.truth, &mut self.cores);
                self.duplicates += u64::from(is_duplicate);
            }
            Err(error) => {
                assert_eq!(error, AppendError::NotWritten);
                self.refusals += 1;
            }
        }
        let published = self.truth.published.get_mut(id).expect("every publish was noted");
        published.open -= 1;
        if let Some(until) = self.visits.get_mut(&published.room) {
            *until = self.cores.unix_ms() + u64::from(TTL_S) * 1_000;
        }
    }

    fn land(&mut self) {
        for client in 0..self.clients.len() {
            let socket = &self.cores.sockets[self.clients[client].socket];
            let Some((segment, start)) = &socket.in_flight else { continue };
            let bytes = socket.pace.bytes(segment.len() - start, &mut self.random);
            if bytes > 0 {
                self.cores.land(self.clients[client].socket, bytes);
            }
        }
    }

    fn say(&mut self, client: usize, message: &Value) {
        let socket = self.clients[client].socket;
        self.cores.sockets[socket].unread.push_back(message.to_string());
    }

    fn types(&mut self) -> Types {
        let is_choosy = self.random.one_in(4);
        is_choosy.then(|| vec![self.random.pick(&TYPES).to_owned(), "w".to_owned()])
    }

    fn next_id(&mut self, who: &str) -> String {
        self.last_id += 1;
        format!("{who}-{}", self.last_id)
    }

    fn data(&mut self) -> String {
        "x".repeat(self.random.below(150))
    }

    fn any_core(&mut self) -> CoreId {
        CoreId(self.random.below(self.cores.config.cores) as u8)
    }

    fn any_client(&mut self) -> usize {
        self.random.below(self.clients.len())
    }
}
