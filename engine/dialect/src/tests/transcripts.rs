//! The transcripts that stand in files, played to shards: a test a file.

use std::fs;
use std::path::Path;

use uringcast_shard::app::{Webhook, WebhookEvent};

use super::read::read;
use super::transcript::check_on;
use super::world::Limits;

macro_rules! files {
    ($($file:ident),*) => {
        $(
            #[test]
            fn $file() {
                play(include_str!(concat!("transcripts/", stringify!($file), ".txt")));
            }
        )*

        #[test]
        fn every_file_is_played() {
            let engine = Path::new(env!("CARGO_MANIFEST_DIR"));
            let folder = engine.join("src/tests/transcripts");
            assert_eq!(fs::read_dir(folder).unwrap().count(), [$(stringify!($file)),*].len());
        }
    };
}

files![
    answers,
    cache,
    client_events,
    deflate,
    life,
    log,
    log_durable,
    log_slow,
    notices,
    order,
    presence,
    quota,
    reach,
    slow,
    subscribe,
    subscription_count,
    user,
    watch
];

fn play(file: &str) {
    for transcript in read(file) {
        for cores in transcript.cores {
            println!("{}, cores: {cores}", transcript.name); // Seen where it fails.
            let edit = |limits: &mut Limits| {
                transcript.limits.iter().for_each(|(key, value)| set(limits, key, value));
            };
            check_on(cores, edit, &transcript.lines.join("\n"));
        }
    }
}

/// Set one limit, by its key in the configuration.
fn set(limits: &mut Limits, key: &str, value: &str) {
    if key == "webhook" {
        // `all`, or names of events.
        let is_wanted = |name: &str| value.split(' ').any(|it| it == name);
        let events = WebhookEvent::NAMES.into_iter().filter(|(_, name)| is_wanted(name));
        let events = events.map(|(event, _)| event).collect();
        return limits.webhooks.push(Webhook { events, ..Webhook::default() });
    }
    let (shard, app) = (&mut limits.shard, &mut limits.app);
    let number = || value.parse::<u32>().unwrap();
    let (size, ms) = (|| number() as usize, || u64::from(number()) * 1_000);
    match key {
        "connection.activity_timeout_s" => shard.activity_timeout_ms = ms(),
        "connection.outbox_bytes_max" => shard.outbox_bytes_max = size(),
        "connection.outbox_bytes_soft" => shard.outbox_bytes_soft = size(),
        "connection.outbox_stall_s" => shard.outbox_stall_ms = ms(),
        "connection.subscriptions_max" => shard.subscriptions_max = size(),
        "connection_count_threshold" => limits.connection_count_threshold = number(),
        "core.connections_max" => shard.connections_max = size(),
        "core.retained_bytes_max" => shard.retained_bytes_max = size(),
        "log.bytes_max" => shard.log.bytes_max = size(),
        "log.driver" => shard.log.is_durable = value == "disk",
        "log.page_bytes_max" => shard.log.page_bytes_max = size(),
        "log.unsynced_bytes_max" => shard.log.unsynced_bytes_max = size(),
        "pusher.cache_ttl_s" => app.cache_ttl_s = number(),
        "pusher.client_event_rate" => app.client_event_rate = number(),
        "pusher.connections_max" => app.connections_max = number(),
        "pusher.deflate_bytes_min" => app.deflate_bytes_min = number(),
        "pusher.presence_members_max" => app.presence_members_max = number(),
        "pusher.signin_timeout_s" => app.signin_timeout_s = value.parse().unwrap(),
        "pusher.subscription_count" => app.subscription_count = value == "true",
        "pusher.watchlist_max" => app.watchlist_max = number(),
        _ => panic!("nobody knows the limit {key}"),
    }
}
