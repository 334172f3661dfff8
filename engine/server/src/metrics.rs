//! The numbers of all cores as Prometheus reads them (`OpenMetrics` text format 1.0).
//!
//! Every series of a core has the label `core`, so that a load that does not spread shows. Counters
//! only grow; levels such as `connections` are what they were when the core answered.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::action_log::LineCounters;
use crate::app::Apps;
use crate::id::CoreId;
use crate::middleware::Operation;
use crate::shard::{ChannelLag, Counters, FRAMES_PER_SEND_BOUNDS, Lags, Refusal};
use crate::storage::counters::LogCounters;
use crate::webhook::WebhookCounters;

/// The media type of [`render`]'s text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What threads besides the cores count.
#[derive(Clone, Copy, Debug)]
pub struct Threads<'a> {
    /// The side thread, of webhooks.
    pub webhooks: &'a WebhookCounters,
    /// The log thread, if there is one.
    pub log: Option<&'a LogCounters>,
    /// The thread that writes lines about what is done in rooms.
    pub lines: &'a LineCounters,
    /// Lines for the operator that were not written.
    pub log_lines_dropped: u64,
}

/// Everything that `cores` and the other threads have counted, as one text.
pub fn render(
    cores: Vec<(CoreId, Box<Counters>)>,
    lags: &Lags,
    apps: &Apps,
    threads: &Threads<'_>,
) -> String {
    let Threads { webhooks, log, lines, log_lines_dropped } = *threads;
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Behind::new(&cores, lags, apps)));
    registry.register_collector(Box::new(Cores(cores)));
    let mut register = |levels: &[Number], counts: &[Number]| {
        let process = Process { levels: levels.to_vec(), counts: counts.to_vec() };
        registry.register_collector(Box::new(process));
    };
    register(&webhooks.levels(), &webhooks.counts());
    if let Some(log) = log {
        register(&log.levels(), &log.counts());
    }
    register(&[], &lines.counts());
    let (name, help) = ("log_lines_dropped", "Lines for standard error that were left out");
    register(&[], &[(name, help, log_lines_dropped)]);
    let mut text = String::new();
    encode(&mut text, &registry).expect("writing to a string does not fail");
    text
}

/// A number with its name and its description.
type Number = (&'static str, &'static str, u64);

/// What one thread counts for the whole process: each number with its name and its description.
#[derive(Debug)]
struct Process {
    levels: Vec<Number>,
    counts: Vec<Number>,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut encode = |name: &str, help: &str, kind: MetricType, metric: &dyn EncodeMetric| {
            let name = format!("uringcast_{name}");
            metric.encode(encoder.encode_descriptor(&name, help, None, kind)?)
        };
        for &(name, help, value) in &self.levels {
            encode(name, help, MetricType::Gauge, &ConstGauge::new(value))?;
        }
        for &(name, help, value) in &self.counts {
            encode(name, help, MetricType::Counter, &ConstCounter::new(value))?;
        }
        Ok(())
    }
}

/// How well subscribers keep up with logs.
#[derive(Debug)]
struct Behind {
    /// App, channel and events of those that are furthest behind.
    worst: Vec<(String, String, u64)>,
    lagging: u64,
    /// Acknowledgements for each cursor that was moved; 0 before the first.
    acks_per_update: f64,
}

impl Behind {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    fn new(cores: &[(CoreId, Box<Counters>)], lags: &Lags, apps: &Apps) -> Self {
        let sum = |of: Value| cores.iter().map(|(_, counters)| of(counters)).sum::<u64>();
        let (acks, updates) = (sum(|it| it.acks_received), sum(|it| it.ack_updates));
        let named =
            |lag: &ChannelLag| (apps.app(lag.app).id.clone(), lag.channel.to_string(), lag.events);
        Self {
            worst: lags.worst.iter().map(named).collect(),
            lagging: lags.lagging,
            acks_per_update: if updates == 0 { 0.0 } else { acks as f64 / updates as f64 },
        }
    }
}

impl Collector for Behind {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let gauge = MetricType::Gauge;
        let (name, help) = ("uringcast_log_lag_events", "Events that the slowest cursor lacks");
        let mut family = encoder.encode_descriptor(name, help, None, gauge)?;
        for (app, channel, events) in &self.worst {
            let labels = [("app", app.as_str()), ("channel", channel.as_str())];
            ConstGauge::new(*events).encode(family.encode_family(&labels)?)?;
        }
        let (name, help) = ("uringcast_log_lagging_channels", "Channels whose slowest cursor lags");
        let value = ConstGauge::new(self.lagging);
        value.encode(encoder.encode_descriptor(name, help, None, gauge)?)?;
        let (name, help) = ("uringcast_acks_per_update", "Acknowledgements for each cursor moved");
        let value = ConstGauge::new(self.acks_per_update);
        value.encode(encoder.encode_descriptor(name, help, None, gauge)?)
    }
}

#[derive(Debug)]
struct Cores(Vec<(CoreId, Box<Counters>)>);

/// A number of one core.
type Value = fn(&Counters) -> u64;

const LEVELS: &[(&str, &str, Value)] = &[
    ("sockets", "Sockets open, whatever they speak", |it| it.sockets),
    ("connections", "Websocket connections open", |it| it.connections),
    ("subscriptions", "Subscriptions of open connections", |it| it.subscriptions),
    ("channels", "Occupied channels, by the core that owns them", |it| it.channels),
    ("mailbox_depth", "Messages between cores that wait", |it| it.mailbox_depth),
    ("retained_bytes", "Bytes of shared frames alive", |it| it.retained_bytes),
    ("cached_events", "Last events of cache channels", |it| it.cached_events),
    ("cached_bytes", "Bytes that they take", |it| it.cached_bytes),
    ("log_channels", "Channels with a log", |it| it.log.channels),
    ("log_events", "Events that logs keep", |it| it.log.events),
    ("log_bytes", "Bytes of events, snapshots and dead letters", |it| it.log.bytes),
    ("log_snapshot_bytes", "Bytes of snapshots", |it| it.log.snapshot_bytes),
    ("log_dead_letters", "Dead letters of channels", |it| it.log.dead_letters),
    ("log_unsynced_bytes", "Bytes that wait to be written", |it| it.log.unsynced_bytes),
    ("sink_posts_in_flight", "Requests to sinks unanswered", |it| it.sinks.in_flight),
    ("sinks_pausing", "Sinks of rooms to be tried again", |it| it.sinks.pausing),
    ("room_calls_in_flight", "Questions about rooms unanswered", |it| it.room_calls_in_flight),
    ("room_cache_entries", "Answers about rooms that are kept", |it| it.room_cache_entries),
];

const COUNTS: &[(&str, &str, Value)] = &[
    ("connections_opened", "Websocket connections opened", |it| it.connections_opened),
    ("publishes", "Events taken from clients and the HTTP API", |it| it.publishes),
    ("deliveries", "Events queued to a subscriber, once for each", |it| it.deliveries),
    ("batches", "Shared runs of frames made for subscribers", |it| it.batches),
    ("deflated_frames", "Frames compressed, once for all who get them", |it| it.deflated_frames),
    ("deflate_bytes_before", "Payload bytes of those before", |it| it.deflate_bytes_before),
    ("deflate_bytes_after", "Payload bytes of those after", |it| it.deflate_bytes_after),
    ("inflate_waits", "Times that compressed messages had to wait", |it| it.inflate_waits),
    ("sends", "Sends that a socket took bytes of", |it| it.sends),
    ("frames_sent", "Frames in the sends started", |it| it.frames_sent),
    ("sent_bytes", "Bytes taken by sockets", |it| it.sent_bytes),
    ("received_bytes", "Bytes read from sockets", |it| it.received_bytes),
    ("slow_consumer_closes", "Connections closed that did not read", |it| it.slow_consumer_closes),
    ("cache_hits", "Subscriptions that were given a cached event", |it| it.cache_hits),
    ("cache_misses", "Subscriptions to cache channels without one", |it| it.cache_misses),
    ("cache_evictions", "Cached events that had to make room", |it| it.cache_evictions),
    ("log_appends", "Events appended to logs", |it| it.log_appends),
    ("log_duplicates", "Events dropped that were appended before", |it| it.log_duplicates),
    ("log_evictions", "Events that logs let go of for want of room", |it| it.log_evictions),
    ("log_expired", "Events that logs let go of at their end", |it| it.log_expired),
    ("log_drops", "Empty logs that made room for others", |it| it.log_drops),
    ("log_cursors_expired", "Cursors forgotten because nobody used them", |it| {
        it.log_cursors_expired
    }),
    ("log_replayed", "Events read from logs for those who had missed them", |it| it.log_replayed),
    ("log_truncations", "Times that a reader was told of events gone", |it| it.log_truncations),
    ("log_catch_ups", "Subscriptions that began with older events", |it| it.log_catch_ups),
    ("log_set_backs", "Slow subscribers sent back to the log", |it| it.log_set_backs),
    ("log_snapshots_given", "Snapshots given to who asked", |it| it.snapshots_given),
    ("rosters", "Times that a room was told who is in it", |it| it.rosters),
    ("roster_users", "Users listed in those", |it| it.roster_users),
    ("acks_received", "Acknowledgements taken from subscribers", |it| it.acks_received),
    ("ack_updates", "Cursors moved on by acknowledgements", |it| it.ack_updates),
    ("delivery_lag_microseconds", "Ages of room events when queued, one a turn", |it| {
        it.delivery_lag.sum_us
    }),
    ("delivery_lag_samples", "Room events whose age was measured", |it| it.delivery_lag.count),
    ("replay_microseconds", "Times that questions for older events took, one a turn", |it| {
        it.replay_time.sum_us
    }),
    ("replay_samples", "Questions for older events that were measured", |it| it.replay_time.count),
    ("sink_events", "Events that sinks have taken", |it| it.sinks.events),
    ("sink_posts", "Requests to sinks", |it| it.sinks.posts),
    ("sink_retries", "Requests to sinks for an event that had failed", |it| it.sinks.retries),
    ("sink_failures", "Requests to sinks that failed", |it| it.sinks.failures),
    ("sink_dead_letters", "Events given up by sinks and kept", |it| it.sinks.dead_letters),
    ("sink_dropped", "Events left out for slow sinks", |it| it.sinks.dropped),
    ("sink_lost", "Events for sinks that were gone first", |it| it.sinks.lost),
    ("room_calls", "Questions to apps' servers about rooms", |it| it.room_calls),
    ("room_cache_hits", "Answers about rooms that were known", |it| it.room_cache_hits),
    ("panics", "Panics caught, each closed one connection", |it| it.panics),
    (
        "forwarded_disbelieved",
        "Clients whose X-Forwarded headers came from no trusted proxy",
        |it| it.forwarded_disbelieved,
    ),
];

impl Collector for Cores {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for &(name, help, value) in LEVELS {
            self.encode_values(&mut encoder, name, help, MetricType::Gauge, value)?;
        }
        for &(name, help, value) in COUNTS {
            self.encode_values(&mut encoder, name, help, MetricType::Counter, value)?;
        }
        self.encode_frames_per_send(&mut encoder)?;
        self.encode_operations(&mut encoder)?;
        self.encode_refusals(&mut encoder)
    }
}

impl Cores {
    fn encode_values(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        kind: MetricType,
        value: Value,
    ) -> fmt::Result {
        let name = format!("uringcast_{name}");
        let mut family = encoder.encode_descriptor(&name, help, None, kind)?;
        for (core, counters) in &self.0 {
            let labels = [("core", core.0.to_string())];
            let encoder = family.encode_family(&labels)?;
            if matches!(kind, MetricType::Gauge) {
                ConstGauge::new(value(counters)).encode(encoder)?;
            } else {
                ConstCounter::new(value(counters)).encode(encoder)?;
            }
        }
        Ok(())
    }

    fn encode_frames_per_send(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (name, help) = ("uringcast_frames_per_send", "Frames that one send carried");
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (core, counters) in &self.0 {
            let labels = [("core", core.0.to_string())];
            let bounds = FRAMES_PER_SEND_BOUNDS.iter().map(|&bound| f64::from(bound));
            let bounds = bounds.chain(std::iter::once(f64::INFINITY));
            let buckets: Vec<(f64, u64)> = bounds.zip(counters.frames_per_send).collect();
            let sends = counters.frames_per_send.iter().sum();
            #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 frames")]
            let frames = counters.frames_sent as f64;
            let mut encoder = family.encode_family(&labels)?;
            encoder.encode_histogram::<NoLabelSet>(frames, sends, &buckets, None)?;
        }
        Ok(())
    }

    fn encode_operations(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        type Values = fn(&Counters) -> &[u64; Operation::ALL.len()];
        let families: [(&str, &str, Values); 3] = [
            ("actions", "What was done in rooms, by the action", |it| &it.operations),
            ("actions_timed", "Messages whose work was timed", |it| &it.operations_timed),
            ("action_nanoseconds", "How long that took on the core", |it| &it.operations_ns),
        ];
        for (name, help, values) in families {
            let name = format!("uringcast_zps_{name}");
            let kind = MetricType::Counter;
            let mut family = encoder.encode_descriptor(&name, help, None, kind)?;
            for (core, counters) in &self.0 {
                for (operation, label) in Operation::ALL {
                    let labels = [("core", core.0.to_string()), ("action", label.to_owned())];
                    let value = ConstCounter::new(values(counters)[operation as usize]);
                    value.encode(family.encode_family(&labels)?)?;
                }
            }
        }
        Ok(())
    }

    fn encode_refusals(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (name, help) = ("uringcast_refusals", "What was turned away, by the limit or rule");
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (core, counters) in &self.0 {
            for (refusal, label) in Refusal::ALL {
                let labels = [("core", core.0.to_string()), ("limit", label.to_owned())];
                let value = ConstCounter::new(counters.refusals.of(refusal));
                value.encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::App;
    use crate::id::AppIndex;

    fn text() -> String {
        let mut counters = Counters {
            connections: 3,
            deliveries: 40,
            acks_received: 10,
            ack_updates: 4,
            ..Counters::default()
        };
        counters.refuse(Refusal::Signature);
        counters.frames_per_send[1] = 2;
        counters.frames_sent = 4;
        let webhooks = WebhookCounters::default();
        webhooks.dropped(3);
        let cores = vec![(CoreId(0), Box::new(counters)), (CoreId(1), Box::default())];
        let lag = |events, channel: &str| ChannelLag {
            events,
            app: AppIndex(0),
            channel: channel.into(),
        };
        let lags = Lags { worst: vec![lag(9, "a:\"1"), lag(3, "b:1")], lagging: 7 };
        let apps = Apps::new(vec![App::new("app", "k", "s")]).unwrap();
        let (log, lines) = (LogCounters::default(), LineCounters::default());
        let (log, lines) = (Some(&log), &lines);
        let threads = Threads { webhooks: &webhooks, log, lines, log_lines_dropped: 7 };
        render(cores, &lags, &apps, &threads)
    }

    #[test]
    fn each_core_has_its_own_series() {
        let text = text();
        assert!(text.contains("uringcast_connections{core=\"0\"} 3\n"), "{text}");
        assert!(text.contains("uringcast_connections{core=\"1\"} 0\n"));
        assert!(text.contains("uringcast_deliveries_total{core=\"0\"} 40\n"));
    }

    #[test]
    fn who_is_behind_is_named() {
        let text = text();
        let name = "uringcast_log_lag_events";
        assert!(text.contains(&format!("# TYPE {name} gauge\n")), "{text}");
        assert!(text.contains(&format!("{name}{{app=\"app\",channel=\"a:\\\"1\"}} 9\n")), "{text}");
        assert!(text.contains(&format!("{name}{{app=\"app\",channel=\"b:1\"}} 3\n")));
        assert!(text.contains("\nuringcast_log_lagging_channels 7\n"));
        assert!(text.contains("\nuringcast_acks_per_update 2.5\n"));
    }

    #[test]
    fn refusals_are_told_apart_by_their_limit() {
        let text = text();
        let series = "uringcast_refusals_total{core=\"0\",limit=\"signature\"} 1\n";
        assert!(text.contains(series), "{text}");
        assert!(text.contains("uringcast_refusals_total{core=\"0\",limit=\"protocol\"} 0\n"));
    }

    #[test]
    fn webhooks_are_counted_for_the_whole_process() {
        let text = text();
        assert!(text.contains("\nuringcast_webhook_dropped_total 3\n"), "{text}");
        assert!(text.contains("\nuringcast_webhook_queue_bytes 0\n"));
        assert!(text.contains("\nuringcast_log_lines_dropped_total 7\n"));
    }

    #[test]
    fn the_histogram_is_cumulative_and_ends_with_the_total() {
        let text = text();
        assert!(
            text.contains("uringcast_frames_per_send_bucket{le=\"1.0\",core=\"0\"} 0\n"),
            "{text}"
        );
        assert!(text.contains("uringcast_frames_per_send_bucket{le=\"4.0\",core=\"0\"} 2\n"));
        assert!(text.contains("uringcast_frames_per_send_bucket{le=\"+Inf\",core=\"0\"} 2\n"));
    }
}
