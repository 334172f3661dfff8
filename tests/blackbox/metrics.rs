//! What the server tells Prometheus.

use serde_json::json;
use uringcast_tests::{Api, Client, Http, Options, Server, Zps};

#[test]
fn every_metric_is_there_for_every_core() {
    let server = Server::start(Options::new().cores(2));
    let metrics = server.metrics();
    for name in [
        "uringcast_connections",
        "uringcast_subscriptions",
        "uringcast_channels",
        "uringcast_publishes_total",
        "uringcast_deliveries_total",
        "uringcast_sent_bytes_total",
        "uringcast_received_bytes_total",
        "uringcast_batches_total",
        "uringcast_deflated_frames_total",
        "uringcast_deflate_bytes_before_total",
        "uringcast_deflate_bytes_after_total",
        "uringcast_sends_total",
        "uringcast_frames_sent_total",
        "uringcast_mailbox_depth",
        "uringcast_slow_consumer_closes_total",
        "uringcast_refusals_total",
        "uringcast_panics_total",
    ] {
        assert!(metrics.has(name), "{name} is missing:\n{metrics}");
        for core in ["0", "1"] {
            assert!(
                metrics.text().lines().any(|line| {
                    line.starts_with(name) && line.contains(&format!("core=\"{core}\""))
                }),
                "{name} is missing for core {core}"
            );
        }
    }
}

/// The core that is asked asks the other, so at least that question was in a mailbox.
#[test]
fn the_mailbox_depth_is_what_waited_when_a_core_last_looked() {
    let server = Server::start(Options::new().cores(2));
    assert!(server.metric("uringcast_mailbox_depth") >= 1.0);
}

#[test]
fn gauges_follow_clients_as_they_come_and_go() {
    let server = Server::start(Options::new().cores(2));
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(&server)).collect();
    for client in &mut clients {
        client.subscribe("shared");
    }
    clients[0].subscribe("own");
    server.until_metric("uringcast_connections", 3);
    server.until_metric("uringcast_subscriptions", 4);
    server.until_metric("uringcast_channels", 2);
    clients[0].unsubscribe("own");
    server.until_metric("uringcast_subscriptions", 3);
    server.until_metric("uringcast_channels", 1);
    clients.into_iter().for_each(Client::close);
    server.until_metric("uringcast_connections", 0);
    server.until_metric("uringcast_subscriptions", 0);
    server.until_metric("uringcast_channels", 0);
}

#[test]
fn counters_count_what_was_published_and_delivered() {
    let server = Server::start(Options::new().cores(2));
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(&server)).collect();
    for client in &mut clients {
        client.subscribe("room");
    }
    let mut api = Api::new(&server);
    for number in 0..10 {
        api.publish("room", "number", &number.to_string());
    }
    for client in &mut clients {
        client.expect_numbers("room", "number", 0..10);
    }
    server.until_metric("uringcast_publishes_total", 10);
    server.until_metric("uringcast_deliveries_total", 30);
    let metrics = server.metrics();
    for name in ["uringcast_sends_total", "uringcast_batches_total", "uringcast_sent_bytes_total"] {
        assert!(metrics.sum(name) > 0.0, "{name}");
    }
    assert!(metrics.sum("uringcast_frames_sent_total") >= 30.0);
    assert!(metrics.sum("uringcast_received_bytes_total") > 0.0);
    assert!(metrics.sum("uringcast_panics_total") < 1.0);
}

#[test]
fn the_metrics_are_not_on_the_public_port() {
    let server = Server::start(Options::new());
    assert_eq!(Http::connect(server.address()).get("/metrics").status, 404);
    let response = Http::connect(server.metrics_address()).get("/metrics");
    let content_type = response.header("content-type").unwrap();
    assert!(
        content_type.contains("openmetrics-text") || content_type.starts_with("text/plain"),
        "{content_type}"
    );
}

/// The channels that are furthest behind are series of their own, and as many as the key says.
#[test]
fn how_far_subscribers_are_behind_is_told_for_the_worst_channels() {
    let config = "[log]\nlag_series_max = 2\n[zps]\nallow_client_publish = true\n";
    let server = Server::start(Options::new().cores(2).config(config));
    let mut zps = Zps::connect(&server, "ann");
    for (room, events) in [("r:1", 4_u64), ("r:2", 3), ("r:3", 2), ("r:4", 1)] {
        zps.subscribe(room);
        for sequence in 1..=events {
            zps.publish(room, "t", &json!(1));
            zps.expect_event(room, sequence);
        }
        zps.ack(room, 1);
    }
    zps.ack("r:2", 2);
    server.until_metric("uringcast_ack_updates_total", 5);
    let metrics = server.metrics();
    let lag = |room| metrics.sum_where("uringcast_log_lag_events", "channel", room) as i64;
    assert_eq!(["r:1", "r:2", "r:3", "r:4"].map(lag), [3, 1, 0, 0], "{metrics}");
    assert_eq!(metrics.sum("uringcast_log_lagging_channels") as i64, 3);
    assert_eq!(metrics.sum("uringcast_acks_received_total") as i64, 5);
    assert_eq!(metrics.sum("uringcast_acks_per_update") as i64, 1);
    for name in [
        "uringcast_log_lag_events",
        "uringcast_log_lagging_channels",
        "uringcast_acks_received",
        "uringcast_ack_updates",
        "uringcast_acks_per_update",
        "uringcast_zps_actions",
        "uringcast_zps_actions_timed",
        "uringcast_zps_action_nanoseconds",
        "uringcast_delivery_lag_microseconds",
        "uringcast_replay_microseconds",
    ] {
        for line in [format!("# HELP {name} "), format!("# TYPE {name} ")] {
            assert!(metrics.text().contains(&line), "{line}");
        }
    }
}

/// One message of 64 is timed, and `init`, which does nothing in a room, is not one of them.
#[test]
fn actions_are_counted_and_some_are_timed() {
    let config = "[zps]\nallow_client_publish = true\nmax_messages_per_window = 0\n";
    let server = Server::start(Options::new().config(config));
    let mut zps = Zps::connect(&server, "ann");
    zps.subscribe("r:1"); // The first that is timed; the next are the 64th and the 128th ack.
    for sequence in 0..128 {
        zps.ack("r:1", sequence);
    }
    let metrics = server.metrics();
    for (action, done, timed) in [("subscribe", 1, 1), ("ack", 128, 2), ("publish", 0, 0)] {
        let sum = |name| metrics.sum_where(name, "action", action) as i64;
        let counted =
            (sum("uringcast_zps_actions_total"), sum("uringcast_zps_actions_timed_total"));
        assert_eq!(counted, (done, timed), "{action}");
        assert_eq!(sum("uringcast_zps_action_nanoseconds_total") > 0, timed > 0, "{action}");
    }
}
