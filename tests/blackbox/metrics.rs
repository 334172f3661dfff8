//! What the server tells Prometheus.

use uringcast_tests::{Api, Client, Http, Options, Server};

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
