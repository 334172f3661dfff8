//! What one core has counted since it started.
//!
//! Plain integers: a core counts for itself, and whoever wants to know asks it by a message. The
//! numbers of one answer therefore belong together, and counting costs no atomic.

use crate::middleware::Operation;

/// Why something was turned away; the `limit` label of `uringcast_refusals_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Refusal {
    /// `core.connections_max`.
    Connections,
    /// `connection.handshake_timeout_s`.
    HandshakeTimeout,
    /// `http.head_bytes_max`.
    HeadBytes,
    /// `http.body_bytes_max`.
    BodyBytes,
    /// `http.request_timeout_s`.
    RequestTimeout,
    /// `connection.message_bytes_max`.
    MessageBytes,
    /// A websocket frame that breaks RFC 6455, or compressed data that breaks RFC 7692.
    Protocol,
    /// Text that is not UTF-8.
    Utf8,
    /// Text that is not the JSON it should be, or an event nobody knows.
    Json,
    /// A key that names no app.
    UnknownKey,
    /// A subscription's, a sign-in's or a request's signature.
    Signature,
    /// A user that the app's server has signed and nobody can be, or a second one.
    Signin,
    /// `pusher.signin_timeout_s`.
    SigninTimeout,
    /// A token that came to its end while its connection was open.
    TokenExpired,
    /// `pusher.watchlist_max`.
    Watchlist,
    /// A channel's name, or an event's.
    ChannelName,
    /// `connection.subscriptions_max`.
    Subscriptions,
    /// `pusher.presence_members_max`.
    PresenceMembers,
    /// `pusher.client_event_rate`.
    ClientEventRate,
    /// `pusher.client_event_rate_total`.
    ClientEventRateTotal,
    /// A client event on a channel, by a connection or in an app that may not send it.
    ClientEvent,
    /// `pusher.event_data_bytes_max`.
    EventDataBytes,
    /// A request body that is not what its route wants.
    Request,
    /// A path that is no route, or an app id that names no app.
    Route,
    /// `connection.outbox_bytes_max`.
    OutboxBytes,
    /// `connection.outbox_stall_s`.
    OutboxStall,
    /// `core.retained_bytes_max`.
    RetainedBytes,
    /// `core.mailbox_bytes_max`.
    MailboxBytes,
    /// `webhook.calls_in_flight_max`.
    CallsInFlight,
    /// The `protocol` or `version` of a websocket's URL.
    ProtocolVersion,
    /// A websocket of an app that is switched off, or a request to one.
    AppDisabled,
    /// A websocket without TLS of an app that forces it.
    Tls,
    /// A page's host that the app does not allow.
    Origin,
    /// `pusher.connections_max`.
    AppConnections,
    /// `connection.ip_rate`.
    IpRate,
    /// Apps that were read again and cannot be used.
    Reload,
    /// `pusher.publish_rate`.
    PublishRate,
    /// `pusher.read_rate`.
    ReadRate,
    /// A publish under a key whose publish is under way, or was another.
    Idempotency,
    /// `core.idempotency_keys_max` or `core.idempotency_bytes_max`: a key forgotten early.
    IdempotencyKeys,
    /// A subscription or a user that `POST /broadcasting/auth` or `user-auth` does not sign.
    Authorization,
    /// A publish that its app's publish policy refuses, or cannot be asked about.
    PublishPolicy,
    /// `log.channels_max`.
    LogChannels,
    /// `log.new_rate`.
    LogNewConnection,
    /// `log.new_rate_app`.
    LogNewApp,
    /// `log.cursors_max`.
    LogCursors,
    /// An acknowledgement above the last event.
    LogAck,
    /// An event larger than its channel keeps, `bytes_max` of its app's `history`.
    LogEventBytes,
    /// `log.snapshot_bytes_max`, or no room for a snapshot beside the others.
    LogSnapshotBytes,
    /// `log.dead_letters_max`.
    LogDeadLetters,
    /// `log.entered_max`.
    LogEntered,
    /// `log.entered_bytes_max`.
    LogEnteredBytes,
    /// `log.unsynced_bytes_max`.
    LogUnsynced,
    /// An event that could not be written.
    LogWrite,
    /// `zps.max_messages_per_window`.
    ZpsMessages,
    /// A field of a zps message that is longer than it may be.
    ZpsLength,
    /// A room that its app's server does not open.
    RoomAuthorization,
    /// A room that its app's server could not be asked about.
    RoomUnavailable,
    /// `zps.authorize_in_flight_max`.
    RoomCallsInFlight,
}

impl Refusal {
    /// Every reason with its label.
    pub const ALL: [(Self, &'static str); 59] = [
        (Self::Connections, "connections"),
        (Self::HandshakeTimeout, "handshake_timeout"),
        (Self::HeadBytes, "head_bytes"),
        (Self::BodyBytes, "body_bytes"),
        (Self::RequestTimeout, "request_timeout"),
        (Self::MessageBytes, "message_bytes"),
        (Self::Protocol, "protocol"),
        (Self::Utf8, "utf8"),
        (Self::Json, "json"),
        (Self::UnknownKey, "unknown_key"),
        (Self::Signature, "signature"),
        (Self::Signin, "signin"),
        (Self::SigninTimeout, "signin_timeout"),
        (Self::TokenExpired, "token_expired"),
        (Self::Watchlist, "watchlist"),
        (Self::ChannelName, "channel_name"),
        (Self::Subscriptions, "subscriptions"),
        (Self::PresenceMembers, "presence_members"),
        (Self::ClientEventRate, "client_event_rate"),
        (Self::ClientEventRateTotal, "client_event_rate_total"),
        (Self::ClientEvent, "client_event"),
        (Self::EventDataBytes, "event_data_bytes"),
        (Self::Request, "request"),
        (Self::Route, "route"),
        (Self::OutboxBytes, "outbox_bytes"),
        (Self::OutboxStall, "outbox_stall"),
        (Self::RetainedBytes, "retained_bytes"),
        (Self::MailboxBytes, "mailbox_bytes"),
        (Self::CallsInFlight, "calls_in_flight"),
        (Self::ProtocolVersion, "protocol_version"),
        (Self::AppDisabled, "app_disabled"),
        (Self::Tls, "tls"),
        (Self::Origin, "origin"),
        (Self::AppConnections, "app_connections"),
        (Self::IpRate, "ip_rate"),
        (Self::Reload, "reload"),
        (Self::PublishRate, "publish_rate"),
        (Self::ReadRate, "read_rate"),
        (Self::Idempotency, "idempotency"),
        (Self::IdempotencyKeys, "idempotency_keys"),
        (Self::Authorization, "authorization"),
        (Self::PublishPolicy, "publish_policy"),
        (Self::LogChannels, "log_channels"),
        (Self::LogNewConnection, "log_new_connection"),
        (Self::LogNewApp, "log_new_app"),
        (Self::LogCursors, "log_cursors"),
        (Self::LogAck, "log_ack"),
        (Self::LogEventBytes, "log_event_bytes"),
        (Self::LogSnapshotBytes, "log_snapshot_bytes"),
        (Self::LogDeadLetters, "log_dead_letters"),
        (Self::LogEntered, "log_entered"),
        (Self::LogEnteredBytes, "log_entered_bytes"),
        (Self::LogUnsynced, "log_unsynced"),
        (Self::LogWrite, "log_write"),
        (Self::ZpsMessages, "zps_messages"),
        (Self::ZpsLength, "zps_length"),
        (Self::RoomAuthorization, "room_authorization"),
        (Self::RoomUnavailable, "room_unavailable"),
        (Self::RoomCallsInFlight, "room_calls_in_flight"),
    ];
}

/// Upper bounds of the frames-per-send histogram; the last bucket is open.
pub const FRAMES_PER_SEND_BOUNDS: [u32; 8] = [1, 2, 4, 8, 16, 32, 64, 128];

/// One core's numbers.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Sockets open now, whatever they speak.
    pub sockets: u64,
    /// Websocket connections open now.
    pub connections: u64,
    /// Websocket connections opened since the start.
    pub connections_opened: u64,
    /// Subscriptions now, on this core's connections.
    pub subscriptions: u64,
    /// Occupied channels owned by this core.
    pub channels: u64,
    /// Events taken from clients and from the HTTP API.
    pub publishes: u64,
    /// Events queued to a subscriber, counted once for each.
    pub deliveries: u64,
    /// Shared runs of frames made for subscribers.
    pub batches: u64,
    /// Frames compressed, each once however many get it.
    pub deflated_frames: u64,
    /// Payload bytes of those before.
    pub deflate_bytes_before: u64,
    /// Payload bytes of those after.
    pub deflate_bytes_after: u64,
    /// Times that messages of a client waited because of what compressed ones become.
    pub inflate_waits: u64,
    /// Times that a socket took bytes of a send.
    pub sends: u64,
    /// Frames in the sends that were started.
    pub frames_sent: u64,
    /// Sends by how many frames they carried, not cumulative; bounds as above, then the rest.
    pub frames_per_send: [u64; FRAMES_PER_SEND_BOUNDS.len() + 1],
    /// Bytes accepted by sockets.
    pub sent_bytes: u64,
    /// Bytes read from sockets.
    pub received_bytes: u64,
    /// Messages waiting for other cores.
    pub mailbox_depth: u64,
    /// Connections closed because they did not read.
    pub slow_consumer_closes: u64,
    /// Panics caught; each closed one connection.
    pub panics: u64,
    /// Clients whose `X-Forwarded-For` or `X-Forwarded-Proto` came from nobody trusted.
    pub forwarded_disbelieved: u64,
    /// Bytes of shared frames alive.
    pub retained_bytes: u64,
    /// Last events of cache channels kept now.
    pub cached_events: u64,
    /// Bytes that they take.
    pub cached_bytes: u64,
    /// New subscribers of cache channels that were given the last event.
    pub cache_hits: u64,
    /// New subscribers of cache channels that had none.
    pub cache_misses: u64,
    /// Cached events that went before their time to make room.
    pub cache_evictions: u64,
    /// What logs hold now.
    pub log: LogLevels,
    /// Events appended to logs.
    pub log_appends: u64,
    /// Events that were appended before, known by their ids.
    pub log_duplicates: u64,
    /// Events let go of to make room.
    pub log_evictions: u64,
    /// Events let go of because their time was over.
    pub log_expired: u64,
    /// Logs that held nothing and were dropped to make room for others.
    pub log_drops: u64,
    /// Cursors forgotten because nobody had used them for long.
    pub log_cursors_expired: u64,
    /// Events read from logs for subscribers and replays.
    pub log_replayed: u64,
    /// Subscribers that were told of events that are gone.
    pub log_truncations: u64,
    /// Subscribers that fell behind and went back to reading the log.
    pub log_set_backs: u64,
    /// Subscriptions that began with reading the log.
    pub log_catch_ups: u64,
    /// Snapshots given to subscribers and publishers.
    pub snapshots_given: u64,
    /// From when a room's event was emitted to its being queued to subscribers, of one a turn.
    pub delivery_lag: Durations,
    /// From a question for older events to the end of the turn that read them, of one a turn.
    pub replay_time: Durations,
    /// What was done in rooms, by [`Operation`].
    pub operations: [u64; Operation::ALL.len()],
    /// Messages of rooms' clients whose work was timed, by [`Operation`].
    pub operations_timed: [u64; Operation::ALL.len()],
    /// How long that took on its core, in nanoseconds.
    pub operations_ns: [u64; Operation::ALL.len()],
    /// Times that the subscribers of a room were told who is in it.
    pub rosters: u64,
    /// Users listed in those.
    pub roster_users: u64,
    /// Acknowledgements taken from subscribers.
    pub acks_received: u64,
    /// Cursors moved on by them.
    pub ack_updates: u64,
    /// What has become of events for sinks.
    pub sinks: SinkCounts,
    /// Questions to apps' servers about rooms.
    pub room_calls: u64,
    /// Answers that were known already.
    pub room_cache_hits: u64,
    /// Such questions without an answer, now.
    pub room_calls_in_flight: u64,
    /// Such answers that are kept now.
    pub room_cache_entries: u64,
    /// What was turned away, by [`Refusal`].
    pub refusals: Refusals,
}

/// Times that something took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    /// How many were measured.
    pub count: u64,
    /// Their sum, in microseconds.
    pub sum_us: u64,
}

impl Durations {
    /// Count one more time, of `us` microseconds.
    pub const fn add(&mut self, us: u64) {
        self.count += 1;
        self.sum_us += us;
    }

    /// These times and those of `other` together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self { count: self.count + other.count, sum_us: self.sum_us + other.sum_us }
    }

    /// What they took on average, in milliseconds; 0 if there is none.
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    pub fn average_ms(self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum_us as f64 / self.count as f64 / 1_000.0 }
    }
}

/// What has become of events for sinks, and what waits now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinkCounts {
    /// Events that sinks have taken, once for each sink.
    pub events: u64,
    /// Requests made.
    pub posts: u64,
    /// Those among them for an event that had failed before.
    pub retries: u64,
    /// Requests that failed.
    pub failures: u64,
    /// Events given up and kept as dead letters.
    pub dead_letters: u64,
    /// Events left out because a sink was slow, as its `flow` wants it.
    pub dropped: u64,
    /// Events that are gone: their log let go of them first, or there was no room for the letter.
    pub lost: u64,
    /// Requests in flight now.
    pub in_flight: u64,
    /// Sinks of rooms that wait to be tried again now.
    pub pausing: u64,
}

/// What the logs of one core hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogLevels {
    /// Channels with a log.
    pub channels: u64,
    /// Events in them.
    pub events: u64,
    /// Bytes of events, snapshots and dead letters.
    pub bytes: u64,
    /// Bytes of the snapshots among those.
    pub snapshot_bytes: u64,
    /// Dead letters.
    pub dead_letters: u64,
    /// Bytes of events, cursors, snapshots and answers to acks that wait to be written.
    pub unsynced_bytes: u64,
}

/// How often each [`Refusal`] happened.
#[derive(Clone, Debug)]
pub struct Refusals([u64; Refusal::ALL.len()]);

impl Default for Refusals {
    fn default() -> Self {
        Self([0; Refusal::ALL.len()]) // An array's own default ends at 32.
    }
}

impl Refusals {
    /// How often any happened.
    pub fn sum(&self) -> u64 {
        self.0.iter().sum()
    }

    /// How often `refusal` happened.
    pub const fn of(&self, refusal: Refusal) -> u64 {
        self.0[refusal as usize]
    }
}

impl Counters {
    /// Count one refusal.
    pub fn refuse(&mut self, refusal: Refusal) {
        self.refusals.0[refusal as usize] += 1;
    }

    /// Count one frame compressed from `before` bytes of payload to `after`.
    pub(super) fn deflated(&mut self, before: usize, after: usize) {
        self.deflated_frames += 1;
        self.deflate_bytes_before += before as u64;
        self.deflate_bytes_after += after as u64;
    }

    /// Count the start of a send of `frames` frames.
    pub(super) fn send_started(&mut self, frames: u32) {
        self.frames_sent += u64::from(frames);
        let bucket = FRAMES_PER_SEND_BOUNDS.iter().position(|&bound| frames <= bound);
        self.frames_per_send[bucket.unwrap_or(FRAMES_PER_SEND_BOUNDS.len())] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_its_own_place_and_label() {
        for (index, (refusal, label)) in Refusal::ALL.iter().enumerate() {
            assert_eq!(*refusal as usize, index);
            assert_eq!(Refusal::ALL.iter().filter(|(_, other)| other == label).count(), 1);
        }
    }
}
